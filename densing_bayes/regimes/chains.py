"""Chains for a regime: NUTS on the compiled graph, where importance sampling refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from densing_bayes.checks import diagnostics
from densing_bayes.families.blocks import prior_vector
from densing_bayes.families.points import OWN, rows_matrix
from densing_bayes.families.series import build
from densing_bayes.fitting import compile_model, sample
from densing_bayes.importance import stream
from densing_bayes.priors import DISTRIBUTIONS, Prior
from densing_bayes.regimes.designs import rows_of
from densing_bayes.regimes.fits import CHUNK, Fit, candidate_likelihood
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
    columns = empty.design.values(rows["time"])
    walks = regime.turn == "walk"
    none = walks or regime.turn == "none"
    shape = np.zeros((1, len(rows["time"]))) if none else columns
    data = {
        "rows": rows_matrix(series.kind, rows, columns.T if walks else None),
        "shapes": np.concatenate([shape, -shape]),
        "priors": prior_vector(empty.spec.priors),
    }
    tree = sample(compiled(series.kind, empty.spec), sampling, data=data,
                  case=f"{regime.name} {case}".strip())
    drawn = tree["posterior"].to_dataset()
    draws = {str(name): drawn[name].to_numpy().reshape(-1, *drawn[name].shape[2:])
             for name in drawn.data_vars}
    found = replace(empty, draws=draws)
    chances, pick, sign = _candidates(found, rows, shape, case)
    draws["change"] = sign * draws["change"]
    names = ["level", "rate", "noise", *OWN[series.kind]]
    names += ["wander"] if walks else [] if none else ["change"]
    tree["posterior"] = xr.DataTree(drawn.assign(change=(
        ("chain", "draw"), draws["change"].reshape(sampling.chains, -1))))
    checks = diagnostics(tree, names)
    if again and not checks["passed"]:
        longer = replace(sampling, draws=3 * sampling.draws, tune=2 * sampling.tune,
                         target_accept=0.97)
        return by_nuts(empty, longer, f"{case} again".strip(), again=False)
    return replace(found, chances=chances, pick=pick, diagnostics={
        "method": "nuts", "rhat": checks["rhat_max"], "divergences": checks["divergences"],
        "ess": min(checks["ess_bulk_min"], checks["ess_tail_min"]), "passed": checks["passed"]})


def _candidates(fit: Fit, rows: dict[str, np.ndarray], shape: np.ndarray,
                case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posterior probability of each candidate shape; one drawn per sample, with its sign."""
    size = max(1, CHUNK // shape.size)
    change = fit.draws["change"]
    parts = [slice(i, i + size) for i in range(0, len(change), size)]
    logs = np.concatenate([
        np.concatenate([candidate_likelihood(fit, rows, shape, sign * change[part], part)
                        for sign in (1, -1)], axis=1)
        for part in parts
    ])
    rng = stream(fit.spec.sampling.seed, f"{fit.regime.name} {case} date")
    pick = (logs + rng.gumbel(size=logs.shape)).argmax(axis=1)
    chances = special.softmax(logs, axis=1).mean(axis=0).reshape(2, -1).sum(axis=0)
    return chances, pick % len(shape), np.where(pick < len(shape), 1, -1)
