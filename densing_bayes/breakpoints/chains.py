"""Chains for a regime: NUTS on the compiled graph, where importance sampling refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from densing_bayes.breakpoints.designs import rows_of
from densing_bayes.breakpoints.fits import Fit
from densing_bayes.breakpoints.weighted import CHUNK, log_priors, scaled_columns, scales
from densing_bayes.checks import diagnostics
from densing_bayes.families.blocks import prior_vector
from densing_bayes.families.points import OWN, SIZES, rows_matrix
from densing_bayes.families.series import build
from densing_bayes.fitting import compile_model, sample
from densing_bayes.importance import stream
from densing_bayes.priors import DISTRIBUTIONS, Prior
from densing_bayes.specs import ModelSpec, Sampling


@cache
def _compiled(likelihood: str, distributions: tuple[tuple[str, str], ...]) -> Any:
    """The graph of a likelihood, compiled once per process; prior arguments stay data."""
    priors = {name: Prior(dist, dict.fromkeys(DISTRIBUTIONS[dist], 1.0))
              for name, dist in distributions}
    return compile_model(build(likelihood, priors), jitter=True)


def compiled(likelihood: str, spec: ModelSpec) -> Any:
    """The compiled graph that every regime of a series shares."""
    return _compiled(likelihood, tuple((name, prior.dist) for name, prior in spec.priors.items()))


def by_nuts(empty: Fit, sampling: Sampling, case: str = "", *, again: bool = True) -> Fit:
    """Draws of a regime by NUTS; three times as many in smaller steps where the gate refuses.

    Parameters
    ----------
    empty
        A fit without draws: series, regime, spec, units and design.
    """
    series, regime = empty.series, empty.regime
    rows = rows_of(series, empty.units)
    columns = scaled_columns(empty, rows["time"])
    shapes = np.zeros((len(columns), SIZES, columns.shape[2]))
    shapes[:, :columns.shape[1]] = columns
    data = {"rows": rows_matrix(series.kind, rows), "shapes": shapes,
            "log_prior": log_priors(empty), "priors": prior_vector(empty.spec.priors)}
    tree = sample(compiled(series.kind, empty.spec), sampling, data=data,
                  case=f"{regime.name} {case}".strip())
    drawn = tree["posterior"].to_dataset()
    draws = {str(name): drawn[name].to_numpy().reshape(-1, *drawn[name].shape[2:])
             for name in drawn.data_vars}
    z = draws["sizes"][:, :regime.shape.sizes]
    chances, pick = _candidates(replace(empty, draws=draws), rows, columns, z, case)
    draws["sizes"] = z * scales(empty)[pick, None]
    names = ["level", "rate", "noise", *OWN[series.kind]]
    tree["posterior"] = xr.DataTree(drawn.assign({
        f"size_{i}": (("chain", "draw"), size.reshape(sampling.chains, -1))
        for i, size in enumerate(draws["sizes"].T)}))
    checks = diagnostics(tree, [*names, *(f"size_{i}" for i in range(z.shape[1]))])
    if again and not checks["passed"]:
        longer = replace(sampling, draws=3 * sampling.draws, tune=2 * sampling.tune,
                         target_accept=0.97)
        return by_nuts(empty, longer, f"{case} again".strip(), again=False)
    kept = {name: draws[name] for name in (*names, "sizes")}
    return replace(empty, draws=kept, chances=chances, pick=pick, diagnostics={
        "method": "nuts", "rhat": checks["rhat_max"], "divergences": checks["divergences"],
        "ess": min(checks["ess_bulk_min"], checks["ess_tail_min"]), "passed": checks["passed"]})


def _candidates(fit: Fit, rows: dict[str, np.ndarray], columns: np.ndarray, z: np.ndarray,
                case: str) -> tuple[np.ndarray, np.ndarray]:
    """Posterior probability of each candidate shape; one drawn per sample."""
    base = fit.draws["level"][:, None] + fit.draws["rate"][:, None] * rows["time"]
    size = max(1, CHUNK // (columns.shape[0] * columns.shape[2]))
    logs = np.concatenate([
        fit.row_likelihood(rows, base[part][:, None] + np.einsum("nd,gdt->ngt", z[part], columns),
                           part).sum(axis=-1)
        for part in (slice(i, i + size) for i in range(0, len(z), size))]) + log_priors(fit)
    rng = stream(fit.spec.sampling.seed, f"{fit.regime.name} {case} date")
    pick = (logs + rng.gumbel(size=logs.shape)).argmax(axis=1)
    return special.softmax(logs, axis=1).mean(axis=0), pick
