"""A posterior sampled again, longer: walkers that step along each other's differences.

Differential evolution MCMC (ter Braak 2006; snooker steps of ter Braak and Vrugt 2008): a
population of walkers needs no gradient and no tuning, follows narrow and bent posteriors, and
evaluates the log density of all walkers at once. It serves where importance sampling refuses:
seconds where NUTS compiles for half a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from arviz_stats.base import array_stats

WALKERS, GROUPS = 160, 4  # R-hat compares groups of walkers
STEPS = (1_200, 9_600)  # of each walker; the longer run where the shorter one is refused
BURN = 0.4  # share of the steps that is dropped
KEPT = 100  # places kept of each walker
SNOOKER = 0.1  # share of the steps that go along the line through another walker
WHOLE = 0.1  # share of the steps that are whole differences: from one mode to another
JITTER = 1e-5
STUCK = 2.0  # interquartile ranges of mean log density below the lower quartile
RHAT_MAX, ESS_MIN = 1.01, 400
TAILS = (0.05, 0.95)


def walk(log_posterior: Callable[[np.ndarray], np.ndarray], start: np.ndarray,
         rng: np.random.Generator, longest: int = len(STEPS)) -> tuple[np.ndarray, dict[str, Any]]:
    """Draws of a posterior and their diagnostics.

    Parameters
    ----------
    log_posterior
        Vectors (n, dim) -> log density (n,), up to a constant.
    start
        Where the walkers begin, (at least `WALKERS`, dim), spread at least as wide as the
        posterior.
    longest
        How many of `STEPS` may be tried.

    Returns
    -------
    draws
        (walker, kept step, dim).
    diagnostics
        rhat (largest), ess (least, bulk and tail), accepted, steps, passed.

    Examples
    --------
    A bent density: the second coordinate is normal about the square of the first.

    >>> def bent(x):
    ...     return -0.5 * x[:, 0] ** 2 - 0.5 * ((x[:, 1] - x[:, 0] ** 2) / 0.5) ** 2
    >>> rng = np.random.default_rng(1)
    >>> draws, found = walk(bent, rng.normal(size=(WALKERS, 2)), rng)
    >>> found["passed"], bool(abs(draws[..., 1].mean() - 1) < 0.15)
    (True, True)
    """
    x = np.array(start[:WALKERS], dtype=float)
    for steps in STEPS[:longest]:
        x, draws, accepted = _run(log_posterior, x, steps, rng)
        found = _diagnostics(draws) | {"accepted": accepted, "steps": steps}
        if found["passed"]:
            break
    return draws, found


def _run(log_posterior: Callable[[np.ndarray], np.ndarray], x: np.ndarray, steps: int,
         rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Where the walkers end, the places kept on the way, and the share of steps accepted."""
    count, dim = x.shape
    value = log_posterior(x)
    burn = int(BURN * steps)
    keep = set(np.linspace(burn, steps - 1, min(KEPT, steps - burn)).astype(int).tolist())
    places, accepted, seen = [], 0, np.zeros(count)
    for step in range(steps):
        rng.shuffle(order := np.arange(count))
        halves = np.array_split(order, 2)
        for moved, others in (halves, halves[::-1]):  # half moves by the other half's places
            proposal, log_ratio = _propose(x[moved], x[others], dim, rng)
            new = log_posterior(proposal)
            take = np.log(rng.random(len(moved))) < new - value[moved] + log_ratio
            x[moved[take]], value[moved[take]] = proposal[take], new[take]
            accepted += int(take.sum())
        if step < burn:
            seen += value
            if step + 1 in (burn // 2, burn):
                _bring_back(x, value, seen, rng)
                seen[:] = 0
        elif step in keep:
            places.append(x.copy())
    return x, np.stack(places, axis=1), accepted / (steps * count)


def _bring_back(x: np.ndarray, value: np.ndarray, seen: np.ndarray,
                rng: np.random.Generator) -> None:
    """Walkers that were stuck far below the others are put where another one is (Vrugt 2009)."""
    low, high = np.quantile(seen, [0.25, 0.75])
    lost = np.flatnonzero(seen < low - STUCK * (high - low))
    others = np.setdiff1d(np.arange(len(x)), lost)
    chosen = rng.choice(others, len(lost))
    x[lost], value[lost] = x[chosen], value[chosen]


def _propose(x: np.ndarray, others: np.ndarray, dim: int,
             rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Proposed places, and the log of the ratio of their proposal densities."""
    count = len(x)
    picked = rng.permuted(np.tile(np.arange(len(others)), (count, 1)), axis=1)[:, :3]
    first, second, third = (others[picked[:, one]] for one in range(3))
    scale = np.where(rng.random((count, 1)) < WHOLE, 1.0,
                     2.38 / np.sqrt(2 * dim) * rng.uniform(0.3, 1.1, (count, 1)))
    along = x + scale * (first - second) + JITTER * rng.standard_normal(x.shape)
    line = x - third  # a snooker step moves along it by the others' difference projected on it
    length = np.maximum((line**2).sum(axis=1, keepdims=True), 1e-300)
    shift = ((first - second) * line).sum(axis=1, keepdims=True) / length * line
    snooker = x + rng.uniform(1.2, 2.2, (count, 1)) * shift
    ratio = (dim - 1) / 2 * (np.log(np.maximum(((snooker - third) ** 2).sum(axis=1), 1e-300))
                             - np.log(length[:, 0]))
    chosen = rng.random(count) < SNOOKER
    return np.where(chosen[:, None], snooker, along), np.where(chosen, ratio, 0.0)


def _diagnostics(draws: np.ndarray) -> dict[str, Any]:
    """R-hat between groups of walkers, effective sample sizes over all; the worst coordinate."""
    walkers, kept, dim = draws.shape
    grouped = (draws.reshape(GROUPS, walkers // GROUPS, kept, dim)
               .swapaxes(1, 2).reshape(GROUPS, -1, dim))
    rhat = max(float(array_stats.rhat(part)) for part in np.moveaxis(grouped, -1, 0))
    ess = min(float(array_stats.ess(part, **how)) for part in np.moveaxis(draws, -1, 0)
              for how in ({"method": "bulk"}, {"method": "tail", "prob": TAILS}))
    return {"rhat": rhat, "ess": ess,
            "passed": bool(rhat <= RHAT_MAX and ess >= ESS_MIN)}
