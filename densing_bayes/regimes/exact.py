"""Draws of regimes whose points scatter on either side of their path: from exact sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import logsumexp

from densing_bayes.regimes.designs import rows_of
from densing_bayes.regimes.fits import Fit
from densing_bayes.regimes.outliers import outlying
from densing_bayes.regimes.quadrature import EDGE, Sums, Survey, sums, survey
from densing_bayes.specs import Sampling


def exact(empty: Sequence[Fit], sampling: Sampling,
          rngs: Sequence[np.random.Generator]) -> list[Fit]:
    """Fits of one series' regimes: one pass over the points serves all."""
    rows = rows_of(empty[0].series, empty[0].units)
    spread = outlying(rows["time"], rows["value"], rows["error"], empty[0].spec.priors)
    return [_drawn(one, total, spread, sampling, rng)
            for one, total, rng in zip(empty, posteriors(empty, spread), rngs, strict=True)]


def posteriors(empty: Sequence[Fit], spread: np.ndarray) -> list[Sums]:
    """Exact posteriors of the regimes of one series, outliers being given."""
    series, priors = empty[0].series, empty[0].spec.priors
    rows = rows_of(series, empty[0].units)
    columns = {one.regime.name: one.design.values(rows["time"]) for one in empty}
    passed = survey(rows["time"], rows["value"], rows["error"], spread, columns, priors)
    return [total(one, passed) for one in empty]


def total(one: Fit, passed: Survey, width: float = 1.0) -> Sums:
    """A regime's sums; ``width`` multiplies the prior sd of its sizes."""
    shape, candidates = one.regime.shape, one.design.candidates
    scale = width * np.array([shape.scale(at, one.spec.priors) for at in candidates])
    log_prior = np.array([shape.log_prior(at) for at in candidates])
    return sums(passed, one.regime.name, scale, log_prior - logsumexp(log_prior),
                one.spec.priors, shared=shape.shared)


def evidence_of_widths(fit: Fit, widths: np.ndarray) -> np.ndarray:
    """Log marginal likelihood of a fit's regime under other prior sds of its sizes, in turn.

    Parameters
    ----------
    widths
        Multiples of the spec's.
    """
    rows = rows_of(fit.series, fit.units)
    columns = {fit.regime.name: fit.design.values(rows["time"])}
    passed = survey(rows["time"], rows["value"], rows["error"], fit.spread, columns,
                    fit.spec.priors)
    return np.array([total(fit, passed, width).log_evidence for width in widths])


def _drawn(one: Fit, found: Sums, spread: np.ndarray, sampling: Sampling,
           rng: np.random.Generator) -> Fit:
    """The fit with draws from its sums."""
    count = sampling.draws * sampling.chains
    draws = found.draw(count, rng)
    grid, cell = found.survey.grid, draws.pop("cell")
    edge = float(found.weight[grid.edge].sum())
    pick = draws.pop("pick")
    draws |= {"noise": grid.size[cell], "share": grid.share[cell], "memory": grid.memory[cell],
              "state": grid.state[cell]}
    return replace(one, draws=draws, pick=pick, chances=found.weight.sum(axis=0), spread=spread,
                   log_evidence=found.log_evidence,
                   diagnostics={"method": "exact", "ess": float(count), "edge": edge,
                                "passed": edge <= EDGE})
