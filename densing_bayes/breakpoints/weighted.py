"""Draws of regimes of a frontier or of records: importance sampling, else NUTS.

A regime takes a tenth of a second (`densing_bayes.importance`); where the diagnostics of the
weights refuse, the same model is sampled with NUTS (`densing_bayes.breakpoints.chains`).
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import logsumexp

from densing_bayes.breakpoints.designs import rows_of
from densing_bayes.breakpoints.fits import Fit
from densing_bayes.families.points import OWN, above, log_likelihood
from densing_bayes.importance import Coordinates, importance
from densing_bayes.specs import Sampling

CHUNK = 400_000  # cells of (draw, row) in memory at once: what a cache holds


def weighted(empty: Fit, sampling: Sampling, rng: np.random.Generator, case: str,
             checked: bool) -> Fit:
    """The fit with draws, from NUTS where ``checked`` and importance sampling refuses."""
    began = clock.perf_counter()
    log_posterior, unpack, start = posterior(empty)
    found = importance(log_posterior, start, len(empty.design.candidates), rng)
    if checked and not found.passed:
        from densing_bayes.breakpoints.chains import by_nuts  # PyMC: paid for only here

        chained = by_nuts(empty, sampling, case)
        return replace(chained, seconds=clock.perf_counter() - began)
    keep = found.resample(sampling.draws * sampling.chains, rng)
    draws, _ = unpack(found.x[keep])
    pick = found.candidate[keep]
    sizes = draws.pop("sizes", np.zeros((len(keep), 0))) * scales(empty)[pick, None]
    return replace(
        empty, draws={name: value[:, 0] for name, value in draws.items()} | {"sizes": sizes},
        pick=pick, chances=np.bincount(found.candidate, found.weight,
                                       minlength=len(empty.design.candidates)),
        log_evidence=found.log_evidence,
        diagnostics={"method": "importance", "pareto_k": found.pareto_k, "ess": found.ess,
                     "passed": found.passed}, seconds=clock.perf_counter() - began)


def scales(fit: Fit) -> np.ndarray:
    """Prior sd of the sizes of each candidate."""
    return np.array([fit.regime.shape.scale(at, fit.spec.priors) for at in fit.design.candidates])


def scaled_columns(fit: Fit, time: np.ndarray) -> np.ndarray:
    """Columns whose sizes are standard normal beforehand, (candidate, size, time)."""
    return fit.design.values(time) * scales(fit)[:, None, None]


def log_priors(fit: Fit) -> np.ndarray:
    """Log probability of each candidate beforehand."""
    log = np.array([fit.regime.shape.log_prior(at) for at in fit.design.candidates])
    return log - logsumexp(log)


def posterior(empty: Fit) -> tuple[Callable[..., np.ndarray], Callable[..., Any], np.ndarray]:
    """The log posterior of a regime by vector and candidate, what turns a vector into named
    parameters, and a vector to start from.

    The level is sampled where the points are, as in `densing_bayes.families.series`; sizes are
    standard normal times the prior sd that is in their columns.
    """
    series, priors = empty.series, dict(empty.spec.priors)
    rows = rows_of(series, empty.units)
    columns = scaled_columns(empty, rows["time"])
    own, count = OWN[series.kind], empty.regime.shape.sizes
    sizes = {"centre": 1, "rate": 1, "noise": 1, **dict.fromkeys(own, 1)}
    if count:
        sizes |= {"sizes": count}
    coordinates = Coordinates(priors, sizes, flat=("centre",))
    level = priors["level"].args
    # the sum over candidates takes them to be equally likely beforehand
    log_prior = log_priors(empty) + np.log(len(columns)) - 0.5 * count * np.log(2 * np.pi)

    def unpack(x: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        found, logp = coordinates.unpack(x)
        found["level"] = found.pop("centre") - above(
            series.kind, **{name: found[name] for name in ("noise", *own)})
        return found, logp - 0.5 * ((found["level"][:, 0] - level["mu"]) / level["sigma"]) ** 2

    def part(x: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        at, logp = unpack(x)
        mean = at["level"] + at["rate"] * rows["time"]
        if count == 1:
            mean = mean + at["sizes"] * columns[candidate, 0]
        elif count:
            mean = mean + np.einsum("nd,ndt->nt", at["sizes"], columns[candidate])
        noise = {name: at[name] for name in ("noise", *own)}
        if series.kind == "records":
            noise["crowd"] = noise["crowd"] * (len(series) - 1)
        each = log_likelihood(series.kind, mean=mean, rows=rows, **noise)
        return logp + log_prior[candidate] + each.sum(axis=1)

    def log_posterior(x: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        size = max(1, CHUNK // (len(rows["time"]) * max(count, 1)))
        with np.errstate(all="ignore"):  # beyond what floats hold the density is zero
            return np.concatenate([part(x[i:i + size], candidate[i:i + size])
                                   for i in range(0, len(x), size)])

    start = np.zeros(coordinates.count)
    start[list(sizes).index("noise")] = np.log(0.5)
    return log_posterior, unpack, start
