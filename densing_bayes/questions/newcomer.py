"""A model that the fit has not seen: its place in each draw, and what it says of the draws.

For each draw of the fit's globals the new model lies below the frontier of its day by its
family's gap and its own, as any model does (`densing_bayes.joint.graph`); its scores speak
through the fitted curves. On a grid of gaps that posterior is a sum. What its scores are worth in
a draw, summed over the grid, is that draw's importance: by it the draws are weighed anew, and so
the frontier moves. Pareto's k says whether the old draws can stand for the new posterior
(Vehtari et al. 2024, arXiv 1507.02646); where they cannot, only fitting again will do.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.importance import pareto_smoothed
from densing_bayes.intervals import Interval
from densing_bayes.joint.curves import axis_size, log_density
from densing_bayes.joint.data import sizes
from densing_bayes.joint.predict import cells_at, moved
from densing_bayes.joint.quantities import frontier_path
from densing_bayes.questions.windows import years_since

GRID = 300  # gaps of each draw
WITHIN = 20  # draws of the new model in each draw of the fit
NEGLIGIBLE = -16.0  # log density below the highest at which a gap is left out
COARSE = np.linspace(-12.0, 40.0, 521)[None]  # where gaps are looked for, nats
FEW = 48  # draws in which they are
CURVES = ("c0", "c1", "log_kappa_z", "middle_z", "linked_headroom", "sd_source", "sd_benchmark_z",
          "nu", "trend_contrast", "tilt_contrast", "log_cost_ratio", "irreducible_share",
          "log_loss_at_centre", "size_share", "log_size_slope", "log_token_slope", "headroom",
          "log_steepness", "log_midpoint", "family_gap")


@dataclass(frozen=True)
class Newcomer:
    """A base model with open weights that is asked about.

    Parameters
    ----------
    date
        Release.
    params, active
        Parameters held, and used per token (None: all).
    scores
        Benchmark -> score, 0 to 1.
    family
        A group of the fit that it shares a gap with; None: a new one.
    bits
        Per weight; counts on the axis of cost.
    """

    date: dt.date
    params: float
    scores: Mapping[str, float]
    family: str | None = None
    active: float | None = None
    bits: float = 16.0


@dataclass(frozen=True, eq=False)
class Draws:
    """Thinned draws of a fit: the curves (dim ``sample``), what is derived, in the same order."""

    curves: xr.Dataset
    derived: xr.Dataset  # dims chain and draw

    @classmethod
    def of(cls, context: Context) -> Draws:
        """Evenly spaced draws of each chain."""
        curves = context.curves[[name for name in CURVES if name in context.curves]]
        return cls(curves.stack(sample=("chain", "draw")).transpose("sample", ...).drop_vars(
            ["sample", "chain", "draw"]), context.some_derived)

    def thinned(self, count: int) -> Draws:
        """Some of the draws, evenly over the chains."""
        chains, length = self.derived.sizes["chain"], self.derived.sizes["draw"]
        each = np.unique(np.linspace(0, length - 1, min(length, max(1, count // chains)),
                                     dtype=int))
        every = (np.arange(chains)[:, None] * length + each).ravel()
        return Draws(self.curves.isel(sample=every), self.derived.isel(draw=each))

    def __getitem__(self, name: str) -> np.ndarray:
        """A derived scalar, (sample, 1)."""
        return self.derived[name].transpose("chain", "draw").values.reshape(-1, 1)

    def of_models(self, name: str) -> np.ndarray:
        """A derived quantity of models, (sample, model)."""
        value = self.derived[name].transpose("chain", "draw", "model").values
        return value.reshape(-1, value.shape[-1])

    def at(self, quantity: Any, *args: Any) -> np.ndarray:
        """A quantity of `densing_bayes.joint.quantities` at some years, (sample, time)."""
        found = quantity(self.derived, *args)
        return found.transpose("chain", "draw", ...).values.reshape(self.curves.sizes["sample"], -1)


@dataclass(frozen=True, eq=False)
class Placed:
    """A new model in the draws of a fit.

    Parameters
    ----------
    density
        Ln density: equally likely values within each draw, (sample, `WITHIN`).
    weight
        Of each draw, summing to 1.
    pareto_k
        Shape of the weights' tail; above 0.7 the draws cannot stand for the new posterior.
    """

    density: np.ndarray
    weight: np.ndarray
    pareto_k: float

    @property
    def ess(self) -> float:
        """Effective sample size of the weights."""
        return float(1 / (self.weight**2).sum())


class Question:
    """A new model against the draws of a fit: gaps on a grid, prior and likelihoods there.

    Parameters
    ----------
    eligible
        Whether it may lie on the frontier (`densing_bayes.joint.data.eligible`).
    """

    def __init__(self, context: Context, draws: Draws, model: Newcomer, *, eligible: bool,
                 gaps: np.ndarray | None = None) -> None:
        self.context, self.draws, self.model, self.eligible = context, draws, model, eligible
        self.years = float(years_since(model.date))
        columns, data = context.columns, context.observations.data
        self.time = self.years - float(columns["setting"]["centre_time"][0])
        one = xr.Dataset({"log_params": ("model", [np.log(model.params)]),
                          "log_active": ("model", [np.log(model.active or model.params)]),
                          "precision_bits": ("model", [model.bits])})
        held, used = sizes(one, context.spec.options["size"])
        self.log_size = axis_size({"log_held": held[0], "log_used": used[0]},
                                  draws.curves["log_cost_ratio"].values)[:, None]
        self.tilt_size = float(np.log(model.params) - data["log_params"].values.mean())
        self.benchmarks = [str(name) for name in data["benchmark"].values]
        self.frontier = draws.at(frontier_path, [self.years])
        self.gaps = self._gaps() if gaps is None else gaps
        self.log_prior = self._log_prior(self.gaps)
        self.log_scores = {name: self._log_score(name, score, self.gaps)
                           for name, score in model.scores.items()}

    def expected(self, benchmark: str, log_density: np.ndarray) -> Any:
        """Expected score and spreads at ln densities of the new model, (sample, any)."""
        data, at = self.context.observations.data, self.benchmarks.index(benchmark)
        which = np.full(log_density.shape[1], at)
        return cells_at(self.draws.curves, self.context.columns, benchmark=which,
                        items=float(data["n_items"].values[at]), replicates=1.0,
                        log_size=log_density + self.log_size + moved(
                            self.draws.curves, benchmark=which, time=self.time,
                            tilt_size=self.tilt_size))

    def placed(self, without: str | None = None) -> Placed:
        """The model's posterior, of all its scores or all but one."""
        log = self.log_prior + sum(value for name, value in self.log_scores.items()
                                   if name != without)
        top = log.max(axis=1)
        share = np.exp(log - top[:, None])
        mass = share.sum(axis=1)
        share, worth = share / mass[:, None], top + np.log(mass)
        total = np.cumsum(share, axis=1) - share / 2  # up to the middle of each step of the grid
        wanted = (np.arange(WITHIN) + 0.5) / WITHIN
        gap = np.array([np.interp(wanted, one, self.gaps[0]) for one in total])
        weight, k = pareto_smoothed(worth + self._log_family() + self.log_ceilings(without))
        return Placed(self.frontier - gap, weight, k)

    def _gaps(self) -> np.ndarray:
        """Gaps below the frontier that are not negligible in any of some draws, (1, grid)."""
        few = Question(self.context, self.draws.thinned(FEW), self.model,
                       eligible=self.eligible, gaps=COARSE)
        log = few.log_prior + sum(few.log_scores.values())
        seen = np.flatnonzero((log > log.max(axis=1, keepdims=True) + NEGLIGIBLE).any(axis=0))
        low, high = COARSE[0, max(seen[0] - 2, 0)], COARSE[0, min(seen[-1] + 2, 520)]
        if self.eligible:  # the convolution begins where nothing lies
            low = min(low, -6 * float(self.draws["noise"].max()))
        return np.linspace(low, high, GRID)[None]

    def _log_prior(self, gaps: np.ndarray) -> np.ndarray:
        """Ln density of the gap below the frontier, up to a constant, (sample, grid)."""
        if not self.eligible:
            level = self.context.spec.priors["level"].args
            return -0.5 * ((self.frontier - gaps - level["mu"]) / level["sigma"]) ** 2
        grown = np.exp(self.draws["spread_growth"] * self.time)
        own, noise = self.draws["gap_model"] * grown, self.draws["noise"]
        if self.model.family is not None:
            at = list(map(str, self.context.curves["family"].values)).index(self.model.family)
            return log_skew(gaps - self.draws.curves["family_gap"].values[:, [at]], own, noise)
        return log_skew_exponential(gaps, own, noise, self.draws["gap_family"] * grown)

    def _log_score(self, benchmark: str, score: float, gaps: np.ndarray) -> np.ndarray:
        """Ln likelihood of one score at each gap, (sample, grid)."""
        cells = self.expected(benchmark, self.frontier - gaps)
        return log_density(score, cells, 2 + self.draws.curves["nu"].values[:, None])

    def _log_family(self) -> np.ndarray:
        """What the new member's date says of its family's gap: its mean date moves, (sample,)."""
        if self.model.family is None or not self.eligible:
            return np.zeros(len(self.frontier))
        columns = self.context.columns
        at = list(map(str, self.context.curves["family"].values)).index(self.model.family)
        members = (np.asarray(columns["models"]["family"]) == at) & (
            np.asarray(columns["models"]["eligible"]) > 0)
        old = float(columns["families"]["time"][at])
        new = (old * members.sum() + self.time) / (members.sum() + 1)
        growth, scale = self.draws["spread_growth"][:, 0], self.draws["gap_family"][:, 0]
        gap = self.draws.curves["family_gap"].values[:, at]
        return growth * (old - new) + gap / scale * (np.exp(-growth * old) - np.exp(-growth * new))

    def log_ceilings(self, without: str | None = None) -> np.ndarray:
        """No ceiling lies below a score that was reached: ln 0 for draws in which one does."""
        data, found = self.context.observations.data, np.zeros(len(self.frontier))
        anchors = len(self.context.columns["anchors"]["chance"])
        for name, score in self.model.scores.items():
            if name == without:
                continue
            at = self.benchmarks.index(name)
            chance = float(data["chance"].values[at])
            reached = min((score - chance) / (1 - chance), 0.99)
            room = (self.draws.curves["headroom"].values[:, at] if at < anchors else
                    self.draws.curves["linked_headroom"].values[:, at - anchors])
            found[room < reached] = -np.inf
        return found


def weighted(draws: np.ndarray, weight: np.ndarray, interval: Interval) -> dict[str, float]:
    """Mean, median and interval of weighted draws, (sample, any), those of a sample alike.

    Examples
    --------
    >>> found = weighted(np.array([[1.0], [2.0], [9.0]]), np.array([0.2, 0.7, 0.1]), Interval())
    >>> {name: round(value, 2) for name, value in found.items()}
    {'mean': 2.5, 'median': 2.0, 'low': 1.0, 'high': 9.0}
    """
    each = np.repeat(weight / draws.shape[1], draws.shape[1])
    low, median, high = np.quantile(draws.ravel(), [interval.tails[0], 0.5, interval.tails[1]],
                                    weights=each, method="inverted_cdf")
    return {"mean": float(each @ draws.ravel()), "median": float(median), "low": float(low),
            "high": float(high)}


def log_skew(gap: np.ndarray, own: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Ln density of a half-normal gap of scale ``own`` less normal ``noise``.

    Examples
    --------
    With hardly any noise it is twice a normal at gaps above zero:

    >>> found = np.exp(log_skew(np.array([-0.5, 0.5]), np.array(1.0), np.array(1e-3)))
    >>> found.round(4), float((2 * np.exp(-0.125) / np.sqrt(2 * np.pi)).round(4))
    (array([0.    , 0.7041]), 0.7041)
    """
    scale = np.sqrt(own**2 + noise**2)
    e = gap / scale
    return (np.log(2 / np.sqrt(2 * np.pi)) - np.log(scale) - 0.5 * e**2
            + log_normal_tail(own / noise * e))


def log_normal_tail(x: np.ndarray) -> np.ndarray:
    """Ln of the standard normal distribution function.

    scipy has it too, and imports for a fifth of a second.

    Examples
    --------
    >>> log_normal_tail(np.array([-40.0, -1.0, 0.0, 9.0])).round(6).tolist()
    [-804.608442, -1.841022, -0.693147, 0.0]
    """
    found = np.zeros(np.shape(x))
    low, far = x < 9, x < -30
    found[low & ~far] = np.log(0.5 * _erfc(-np.sqrt(0.5) * x[low & ~far]).astype(float))
    t = x[far]  # the first terms of its series there: to nine digits
    found[far] = -0.5 * t**2 - np.log(-np.sqrt(2 * np.pi) * t) + np.log1p(-1 / t**2 + 3 / t**4)
    return found


_erfc = np.frompyfunc(math.erfc, 1, 1)


def log_skew_exponential(gaps: np.ndarray, own: np.ndarray, noise: np.ndarray,
                         family: np.ndarray) -> np.ndarray:
    """Ln density of an exponential gap of mean ``family`` more than `log_skew`.

    By recursion along the grid, (1, grid) from where nothing lies: what lay a step before decays,
    and what is new within the step is a line between its ends.

    Examples
    --------
    Its mean is that of the exponential and of the half-normal:

    >>> gaps = np.linspace(-1, 30, 3101)[None]
    >>> scales = (np.array([[value]]) for value in (0.5, 0.1, 1.5))
    >>> p = np.exp(log_skew_exponential(gaps, *scales)) * 0.01
    >>> round(float(p.sum()), 3), round(float((gaps * p).sum()), 2)
    (1.0, 1.9)
    """
    new = np.exp(log_skew(gaps, own, noise))
    r = (gaps[0, 1] - gaps[0, 0]) / family[:, 0]
    decay = np.exp(-r)
    before = (1 - decay * (1 + r)) / r
    now = 1 - decay - before
    steps = np.ascontiguousarray(new.T)  # a step of the grid at a time, over all draws
    found = np.zeros_like(steps)
    for k in range(1, len(steps)):
        found[k] = decay * found[k - 1] + now * steps[k] + before * steps[k - 1]
    return np.log(np.maximum(found.T, 1e-300))
