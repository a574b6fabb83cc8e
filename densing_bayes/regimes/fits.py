"""Fitting one regime to one series, and what its draws say at any date.

Draws come from importance sampling (`densing_bayes.importance`), a tenth of a second a
regime; where its diagnostics refuse, from NUTS on the same model (`regimes.chains`).
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from densing_bayes.families.points import KNOTS, OWN, above, log_likelihood
from densing_bayes.importance import Coordinates, importance, stream
from densing_bayes.priors import Prior
from densing_bayes.regimes.designs import Design, Regime, Units, rows_of
from densing_bayes.regimes.series import Series
from densing_bayes.specs import ModelSpec, Sampling
from densing_bayes.trends import DAYS_PER_YEAR

# Grid of a random walk's scale, in its prior's sd. Given the scale its steps are nearly normal;
# as one more unknown it would make a funnel of them.
WANDER = np.geomspace(0.02, 3.0, 13)
CHUNK = 400_000  # cells of (draw, candidate, row) in memory at once: what a cache holds


@dataclass(frozen=True, eq=False)
class Fit:
    """Draws of one regime on one series, in standard units, and what follows from them.

    Parameters
    ----------
    draws
        Parameter -> draws, equally weighted, sample first; ``change`` has its sign.
    chances
        Posterior probability of each candidate date or shape.
    pick
        A candidate drawn for each sample.
    seen
        ``level``, ``rate`` and ``change`` of the path through the values as they were measured;
        those in ``draws`` bear the error that the measurements share (see `carry`).
    chains
        Parts of equal length that the draws fall into.
    log_evidence
        Log marginal likelihood, up to a constant that regimes of one series share; None of
        chains.
    diagnostics
        ``method`` ("importance" or "nuts"), ``ess``, ``passed``, and the ``pareto_k`` of the
        weights or ``rhat`` and ``divergences`` of the chains.
    """

    series: Series
    regime: Regime
    spec: ModelSpec
    units: Units
    design: Design
    draws: dict[str, np.ndarray]
    chances: np.ndarray
    pick: np.ndarray
    chains: int
    diagnostics: dict[str, Any]
    seconds: float
    seen: dict[str, np.ndarray] = field(default_factory=dict)
    log_evidence: float | None = None

    def columns(self, time: np.ndarray, values: np.ndarray,
                change: np.ndarray | None = None) -> np.ndarray:
        """Sum of the regime's columns (or of their slopes) at the given times, by draw."""
        if self.regime.turn == "none":
            return np.zeros((len(self.pick), len(time)))
        if self.regime.turn == "walk":
            return (self.draws["wander"][:, None] * self.draws["steps"]) @ values
        change = self.draws["change"] if change is None else change
        return change[:, None] * values[self.pick]

    def path(self, days: Any, rng: np.random.Generator | None = None, *,
             seen: bool = False) -> np.ndarray:
        """Mean path in the unit of the series, (draw, day); or that of values as measured.

        With ``rng`` a random walk goes on wandering beyond the last point; without, it keeps
        its last rate.
        """
        time = self.units.time(days)
        at = self.seen if seen else self.draws
        path = (at["level"][:, None] + at["rate"][:, None] * time
                + self.columns(time, self.design.values(time), at["change"]))
        if rng is not None and self.regime.turn == "walk":
            ahead = np.maximum(time - self.design.end, 0)
            path = path + (self.draws["wander"][:, None] * np.sqrt(ahead**3 / 3)
                           * rng.normal(size=path.shape))
        return self.units.back(path)

    def rate(self, days: Any) -> np.ndarray:
        """Rate per year in the unit of the series, (draw, day)."""
        time = self.units.time(days)
        slope = self.draws["rate"][:, None] + self.columns(time, self.design.slopes(time))
        return self.units.per_year * slope

    @property
    def mean_rate(self) -> np.ndarray:
        """Rate per year of the straight line closest to the path, by draw."""
        return self.units.per_year * self.draws["rate"]

    @property
    def before_after(self) -> tuple[np.ndarray, np.ndarray]:
        """Rates per year before and after the change (at both ends, where it is gradual)."""
        if self.regime.turn == "walk":
            ends = self.rate(self.series.days[[0, -1]])
            return ends[:, 0], ends[:, 1]
        slope = self.draws["change"][:, None] * self.design.ends[self.pick]
        if self.regime.turn == "none":
            slope = np.zeros_like(slope)
        both = self.units.per_year * (self.draws["rate"][:, None] + slope)
        return both[:, 0], both[:, 1]

    @property
    def change_days(self) -> np.ndarray:
        """Date of the change by draw, in days since 1970."""
        at = np.array([time for time, _ in self.regime.candidates(self.units)])
        return self.units.first + (at[self.pick] + 0.5) * self.units.span

    def row_likelihood(self, rows: dict[str, np.ndarray], mean: np.ndarray,
                       pick: Any = slice(None)) -> np.ndarray:
        """Log likelihood of rows whose path is ``mean`` (draw, ..., row), for picked draws."""
        wide = (slice(None),) + (None,) * (mean.ndim - 1)
        likelihood = self.series.kind
        noise = {name: self.draws[name][pick][wide] for name in ("noise", *OWN[likelihood])}
        if likelihood == "records":
            noise["crowd"] = noise["crowd"] * (len(self.series) - 1)
        return log_likelihood(likelihood, mean=mean, rows=rows, **noise)

    def pointwise(self, series: Series, given: int = 0, case: str = "ahead") -> np.ndarray:
        """Log likelihood of each point of ``series`` after the first ``given``, (draw, point).

        ``series`` continues the fitted one (or is it). Measurement error is in the likelihood,
        and so is what a point carries over from the one before, which is therefore known.
        """
        rows = rows_of(series, self.units)
        rng = stream(self.spec.sampling.seed, case) if given else None
        days = self.units.first + (rows["time"] + 0.5) * self.units.span
        mean = self.units.value(self.path(days, rng, seen=True))
        each = self.row_likelihood(rows, mean)
        events = rows["event"].max() + 1
        each = np.stack([each[:, rows["event"] == i].sum(axis=1) for i in range(events)], axis=1)
        # densities per unit of the series (and, of records, per year), whatever the window
        unit = self.units.scale
        if self.series.kind == "records":  # the first point is no event
            unit, given = unit * self.units.span / DAYS_PER_YEAR, max(given - 1, 0)
        return each[:, given:] - np.log(unit)


def fit(series: Series, regime: Regime, spec: ModelSpec, *, sampling: Sampling | None = None,
        case: str = "", checked: bool = True) -> Fit:
    """Draws of a regime.

    Parameters
    ----------
    sampling
        Other counts than the spec's.
    case
        Names the random stream, together with the regime.
    checked
        Whether to sample with NUTS where importance sampling refuses; without, the fit only
        says so in its diagnostics.
    """
    began = clock.perf_counter()
    sampling = replace(sampling or spec.sampling, seed=spec.sampling.seed)
    units = Units.of(series)
    design = Design.of(regime, units, units.time(series.days))
    empty = Fit(series, regime, spec, units, design, {}, np.ones(1), np.zeros(0, dtype=int),
                sampling.chains, {}, 0.0)
    rng = stream(sampling.seed, f"{regime.name} {case}".strip())
    log_posterior, unpack, start = posterior(empty)
    walks = regime.turn == "walk"
    candidates = len(WANDER) if walks else len(design.line)
    weighted = importance(log_posterior, start, candidates, rng)
    if checked and not weighted.passed:
        from densing_bayes.regimes.chains import by_nuts  # PyMC: paid for only here

        found = by_nuts(empty, sampling, case)
    else:
        keep = weighted.resample(sampling.draws * sampling.chains, rng)
        draws, _ = unpack(weighted.x[keep])
        draws = {name: value if name == "steps" else value[:, 0]
                 for name, value in draws.items()}
        draws.setdefault("change", np.zeros(len(keep)))
        pick = weighted.candidate[keep]
        chances = np.bincount(weighted.candidate, weighted.weight, minlength=candidates)
        if walks:
            draws["wander"] = WANDER[pick] * spec.priors["wander"].args["sigma"]
            pick, chances = np.zeros_like(pick), np.ones(1)
        found = replace(
            empty, draws=draws, pick=pick, chances=chances, log_evidence=weighted.log_evidence,
            diagnostics={
                "method": "importance", "pareto_k": weighted.pareto_k, "ess": weighted.ess,
                "passed": weighted.passed})
    return replace(carry(found, rng), seconds=clock.perf_counter() - began)


def carry(fit: Fit, rng: np.random.Generator) -> Fit:
    """The fit with the error that its points share carried into level, rate and change.

    An error of the ruler moves all densities of a series together. Fitted as one more unknown,
    the series would bend the ruler until its points lie straight (by four standard deviations
    in a first trial), although the fit that measured them has already weighed that. So it is
    not learnt but passed on: each draw gets an error of its own, and what of it looks like a
    level, a rate or a change (weighted least squares) is taken off.
    """
    seen = {name: fit.draws[name] for name in ("level", "rate", "change")}
    fit = replace(fit, seen=seen)
    if fit.series.shared.shape[1] == 0:
        return fit
    error = rng.normal(size=(len(fit.pick), fit.series.shared.shape[1]))
    moved = np.einsum("nkj,nj->nk", carried(fit)[fit.pick], error)
    return replace(fit, draws=fit.draws | {
        name: seen[name] - moved[:, i] for i, name in enumerate(seen)})


def carried(fit: Fit) -> np.ndarray:
    """What a unit error in each shared direction adds to level, rate and change.

    Returns
    -------
    array (candidate, 3, direction)
        In standard units; no change where the regime has none of one size.
    """
    series, units = fit.series, fit.units
    time = units.time(series.days)
    shared = units.sign * series.shared / units.scale
    weight = 1 / np.sqrt(fit.draws["noise"].mean() ** 2 + (series.errors / units.scale) ** 2)
    each = []
    one = fit.regime.turn not in ("none", "walk")
    for column in fit.design.values(time) if one else [np.zeros_like(time)]:
        line = np.column_stack([np.ones_like(time), time, column]) * weight[:, None]
        each.append(np.linalg.lstsq(line, shared * weight[:, None], rcond=None)[0])
    return np.array(each)


def posterior(empty: Fit) -> tuple[Callable[..., np.ndarray], Callable[..., Any], np.ndarray]:
    """The log posterior of a regime by vector and candidate, what turns a vector into named
    parameters, and a vector to start from.

    The size of a change is half-normal and its sign even, so the change itself is normal. The
    level is sampled where the points are, as in `densing_bayes.families.series`. A random walk's
    candidates are the scales of ``WANDER``.
    """
    series, turn, priors = empty.series, empty.regime.turn, dict(empty.spec.priors)
    rows = rows_of(series, empty.units)
    columns = empty.design.values(rows["time"])
    sizes = {"centre": 1, "rate": 1, "noise": 1, **dict.fromkeys(OWN[series.kind], 1)}
    if turn == "walk":
        sizes |= {"steps": KNOTS}
    elif turn != "none":
        sizes |= {"change": 1}
        priors["change"] = Prior("Normal", {"mu": 0.0, **priors["change"].args})
    coordinates = Coordinates(priors, sizes, flat=("centre",))
    level = priors["level"].args
    wander = WANDER * priors["wander"].args["sigma"]
    log_wander = -0.5 * WANDER**2 + np.log(WANDER)  # half-normal, on a logarithmic grid

    def unpack(x: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        found, logp = coordinates.unpack(x)
        found["level"] = found.pop("centre") - above(
            series.kind, **{name: found[name] for name in ("noise", *OWN[series.kind])})
        return found, logp - 0.5 * ((found["level"][:, 0] - level["mu"]) / level["sigma"]) ** 2

    def part(x: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        at, logp = unpack(x)
        mean = at["level"] + at["rate"] * rows["time"]
        if turn == "walk":
            mean = mean + wander[candidate, None] * (at["steps"] @ columns)
            logp = logp + log_wander[candidate]
        elif turn != "none":
            mean = mean + at["change"] * columns[candidate]
            logp = logp - np.log(np.sqrt(2 * np.pi) * priors["change"].args["sigma"])
        noise = {name: at[name] for name in ("noise", *OWN[series.kind])}
        if series.kind == "records":
            noise["crowd"] = noise["crowd"] * (len(series) - 1)
        return logp + log_likelihood(series.kind, mean=mean, rows=rows, **noise).sum(axis=1)

    def log_posterior(x: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        size = max(1, CHUNK // len(rows["time"]))
        with np.errstate(all="ignore"):  # beyond what floats hold the density is zero
            return np.concatenate([part(x[i:i + size], candidate[i:i + size])
                                   for i in range(0, len(x), size)])

    start = np.zeros(coordinates.count)
    start[list(sizes).index("noise")] = np.log(0.5)
    return log_posterior, unpack, start


def candidate_likelihood(fit: Fit, rows: dict[str, np.ndarray], shape: np.ndarray,
                         change: np.ndarray, pick: Any = slice(None)) -> np.ndarray:
    """Log likelihood of the whole series by draw and candidate, given each draw's change."""
    at = fit.seen or fit.draws
    base = at["level"][pick, None] + at["rate"][pick, None] * rows["time"]
    mean = base[:, None, :] + change[:, None, None] * shape
    return fit.row_likelihood(rows, mean, pick).sum(axis=-1)
