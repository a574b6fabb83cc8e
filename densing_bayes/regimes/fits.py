"""Fitting one regime to one series, and what its draws say at any date."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from densing_bayes.checks import diagnostics
from densing_bayes.families.blocks import prior_vector
from densing_bayes.families.series import build, log_likelihood, rows_matrix
from densing_bayes.fitting import case_seed, compile_model, sample
from densing_bayes.priors import DISTRIBUTIONS, Prior
from densing_bayes.regimes.designs import Design, Regime, Units, rows_of
from densing_bayes.regimes.series import Series
from densing_bayes.specs import ModelSpec, Sampling
from densing_bayes.trends import DAYS_PER_YEAR

CHUNK = 2_000_000  # cells of (draw, candidate, row) in memory at once


@cache
def _compiled(likelihood: str, distributions: tuple[tuple[str, str], ...]) -> Any:
    """The graph of a likelihood, compiled once per process; prior arguments stay data."""
    priors = {name: Prior(dist, dict.fromkeys(DISTRIBUTIONS[dist], 1.0))
              for name, dist in distributions}
    return compile_model(build(likelihood, priors), jitter=True)


def compiled(likelihood: str, spec: ModelSpec) -> Any:
    """The compiled graph that every regime of a series shares."""
    return _compiled(likelihood, tuple((name, prior.dist) for name, prior in spec.priors.items()))


USED = {"all": ("tail", "memory"), "frontier": ("share",), "records": ("crowd",)}


@dataclass(frozen=True, eq=False)
class Fit:
    """Draws of one regime on one series, in standard units, and what follows from them.

    Parameters
    ----------
    draws
        Parameter -> draws, sample first (chains one after the other); ``change`` has its sign.
    chances
        Posterior probability of each candidate date or shape.
    pick
        A candidate drawn for each sample.
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

    def columns(self, time: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Sum of the regime's columns (or of their slopes) at the given times, by draw."""
        if self.regime.turn == "none":
            return np.zeros((len(self.pick), len(time)))
        if self.regime.turn == "walk":
            return (self.draws["wander"][:, None] * self.draws["steps"]) @ values
        return self.draws["change"][:, None] * values[self.pick]

    def path(self, days: Any, rng: np.random.Generator | None = None) -> np.ndarray:
        """Mean path in the unit of the series, (draw, day).

        With ``rng`` a random walk goes on wandering beyond the last point; without, it keeps
        its last rate.
        """
        time = self.units.time(days)
        path = (self.draws["level"][:, None] + self.draws["rate"][:, None] * time
                + self.columns(time, self.design.values(time)))
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
        noise = {name: self.draws[name][pick][wide] for name in ("noise", *USED[likelihood])}
        if likelihood == "records":
            noise["crowd"] = noise["crowd"] * (len(self.series) - 1)
        return log_likelihood(likelihood, mean=mean, rows=rows, **noise)

    def pointwise(self, series: Series, given: int = 0, case: str = "ahead") -> np.ndarray:
        """Log likelihood of each point of ``series`` after the first ``given``, (draw, point).

        ``series`` continues the fitted one (or is it). Measurement error is in the likelihood,
        and so is what a point carries over from the one before, which is therefore known.
        """
        rows = rows_of(series, self.units)
        rng = np.random.default_rng(case_seed(self.spec.sampling.seed, case)) if given else None
        days = self.units.first + (rows["time"] + 0.5) * self.units.span
        mean = self.units.sign * (self.path(days, rng) - self.units.centre) / self.units.scale
        mean = mean + self.draws["errors"] @ rows["shared"].T
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
    """Draws of a regime: a second or less, once the likelihood's graph is compiled.

    Parameters
    ----------
    sampling
        Other counts than the spec's.
    case
        Names the random stream, together with the regime.
    checked
        Whether to compute convergence diagnostics, and to sample three times as long where they
        refuse.
    """
    machine = compiled(series.kind, spec)
    began = clock.perf_counter()
    units = Units.of(series)
    rows = rows_of(series, units)
    design = Design.of(regime, units, units.time(series.days))
    columns = design.values(rows["time"])
    count = len(rows["time"])
    walks = regime.turn == "walk"
    shape = np.zeros((1, count)) if walks or regime.turn == "none" else columns
    data = {
        "rows": rows_matrix(series.kind, rows, columns.T if walks else None),
        "shapes": np.concatenate([shape, -shape]),
        "priors": prior_vector(spec.priors),
    }
    sampling = replace(sampling or spec.sampling, seed=spec.sampling.seed)
    tree = sample(machine, sampling, case=f"{regime.name} {case}".strip(), data=data)
    posterior = tree["posterior"].to_dataset()
    draws = {str(name): posterior[name].to_numpy().reshape(-1, *posterior[name].shape[2:])
             for name in posterior.data_vars}
    found = Fit(
        series=series, regime=regime, spec=spec, units=units, design=design, draws=draws,
        chances=np.ones(1), pick=np.zeros(len(draws["rate"]), dtype=int),
        chains=sampling.chains, diagnostics={}, seconds=0.0)
    chances, pick, sign = _candidates(found, rows, shape, case)
    draws["change"] = sign * draws["change"]
    names = ["level", "rate", "noise", *USED[series.kind]]
    names += ["wander"] if walks else ["change"] if regime.turn != "none" else []
    checks = {}
    if checked:
        signed = posterior.assign(change=(("chain", "draw"), draws["change"].reshape(
            sampling.chains, -1)))
        tree["posterior"] = xr.DataTree(signed)
        checks = diagnostics(tree, names)
        if not checks["passed"] and "again" not in case:
            longer = replace(sampling, draws=3 * sampling.draws, tune=2 * sampling.tune,
                             target_accept=0.97)
            return fit(series, regime, spec, sampling=longer, case=f"{case} again".strip())
    return replace(found, diagnostics=checks, chances=chances, pick=pick,
                   seconds=clock.perf_counter() - began)


def candidate_likelihood(fit: Fit, rows: dict[str, np.ndarray], shape: np.ndarray,
                         change: np.ndarray, pick: Any = slice(None)) -> np.ndarray:
    """Log likelihood of the whole series by draw and candidate, given each draw's change."""
    base = fit.draws["level"][pick, None] + fit.draws["rate"][pick, None] * rows["time"]
    base = base + fit.draws["errors"][pick] @ rows["shared"].T
    mean = base[:, None, :] + change[:, None, None] * shape
    return fit.row_likelihood(rows, mean, pick).sum(axis=-1)


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
    rng = np.random.default_rng(case_seed(fit.spec.sampling.seed, f"{fit.regime.name} {case} date"))
    pick = (logs + rng.gumbel(size=logs.shape)).argmax(axis=1)
    chances = special.softmax(logs, axis=1).mean(axis=0).reshape(2, -1).sum(axis=0)
    return chances, pick % len(shape), np.where(pick < len(shape), 1, -1)
