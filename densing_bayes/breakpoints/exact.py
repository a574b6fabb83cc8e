"""Draws of regimes whose points scatter on either side of their path: from exact sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import logsumexp

from densing_bayes.breakpoints.designs import rows_of
from densing_bayes.breakpoints.fits import Fit
from densing_bayes.breakpoints.noise import Dates, given_others, inverse
from densing_bayes.breakpoints.outliers import outlying
from densing_bayes.breakpoints.quadrature import EDGE, Sums, Survey, sums, survey
from densing_bayes.specs import Sampling

RAREST, MANY = 1e-7, 2000  # cells and candidates that leaving one out looks at


def exact(empty: Sequence[Fit], sampling: Sampling, rngs: Sequence[np.random.Generator],
          scored: bool = True) -> list[Fit]:
    """Fits of one series' regimes: one pass over the points serves all.

    Parameters
    ----------
    scored
        Whether to leave each point out as well.
    """
    rows = rows_of(empty[0].series, empty[0].units)
    spread = outlying(rows["time"], rows["value"], rows["error"], empty[0].spec.priors)
    return [_drawn(one, total, spread, sampling, rng, scored)
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
    assert fit.spread is not None  # it is of every exact fit
    passed = survey(rows["time"], rows["value"], rows["error"], fit.spread, columns,
                    fit.spec.priors)
    return np.array([total(fit, passed, width).log_evidence for width in widths])


def _left_out(one: Fit, found: Sums, spread: np.ndarray) -> np.ndarray:
    """Log density of each point given all others, exactly: (point,), standard units.

    Given a cell and a candidate all is normal. Over these, p(y_i | others) is the harmonic mean
    of their densities under the posterior, as the marginal likelihood of all points over that
    of one given the others is that of the others.
    """
    weight = found.weight
    cell, pick = np.nonzero(weight > RAREST * weight.max())
    likely = np.argsort(weight[cell, pick])[::-1][:MANY]
    cell, pick = cell[likely], pick[likely]
    rows = rows_of(one.series, one.units)
    time, value = rows["time"], rows["value"]
    line = np.stack([np.ones_like(time), time])
    columns = one.design.values(time)
    full = np.concatenate([np.broadcast_to(line, (len(pick), *line.shape)), columns[pick]], axis=1)
    precision = np.concatenate([np.tile(found.line, (len(pick), 1)), np.tile(
        found.scale[pick, None] ** -2, (1, columns.shape[1]))], axis=1)
    covariance = found.survey.grid.covariance(rows["error"], spread, cell)
    both = np.concatenate([np.broadcast_to(value, (len(pick), 1, len(value))), full], axis=1)
    pulled, own = inverse(both, Dates.group(time), covariance)
    matrix = pulled[:, 1:] @ full.transpose(0, 2, 1) + precision[:, :, None] * np.eye(len(full[0]))
    right = pulled[:, 1:] @ value
    solved = np.linalg.solve(matrix, np.concatenate([pulled[:, 1:], right[..., None]], axis=2))
    own = own - (pulled[:, 1:] * solved[..., :-1]).sum(axis=1)
    off = pulled[:, 0] - (pulled[:, 1:] * solved[..., -1:]).sum(axis=1)
    log_weight = np.log(weight[cell, pick])
    return -logsumexp(log_weight[:, None] - logsumexp(log_weight) - given_others(off, own), axis=0)


def _drawn(one: Fit, found: Sums, spread: np.ndarray, sampling: Sampling,
           rng: np.random.Generator, scored: bool) -> Fit:
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
                   left_out=_left_out(one, found, spread) - np.log(one.units.scale)
                   if scored else None,
                   diagnostics={"method": "exact", "ess": float(count), "edge": edge,
                                "passed": edge <= EDGE})
