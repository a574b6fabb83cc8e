"""Fitting the regimes of a series, and what their draws say at any date.

Points on either side of their path have an exact posterior (`densing_bayes.breakpoints.exact`);
frontiers and records come from importance sampling, or NUTS where its diagnostics refuse
(`densing_bayes.breakpoints.weighted`).
"""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.breakpoints.designs import Design, Regime, Units, rows_of
from densing_bayes.breakpoints.noise import Covariance, Dates, carry_on, leave_one_out, one_ahead
from densing_bayes.breakpoints.series import Series
from densing_bayes.breakpoints.shapes import Walk
from densing_bayes.families.points import OWN, log_likelihood
from densing_bayes.importance import stream
from densing_bayes.specs import ModelSpec, Sampling
from densing_bayes.trends import DAYS_PER_YEAR


@dataclass(frozen=True, eq=False)
class Fit:
    """Draws of one regime on one series, in standard units, and what follows from them.

    Parameters
    ----------
    draws
        Parameter -> draws, equally weighted, sample first; ``sizes`` (sample, size) are those of
        the regime's columns. Of all points also ``noise`` (the size of the deviations),
        ``share`` and ``memory`` of what lasts of them, and ``state`` (see `Covariance`).
    chances
        Posterior probability of each candidate.
    pick
        A candidate drawn for each sample.
    seen
        ``level``, ``rate`` and ``sizes`` of the path through the values as they were measured;
        those in ``draws`` bear the error that the measurements share (see `carry`).
    spread
        Of all points: further variance of each in units of the size's square (outliers).
    chains
        Parts of equal length that the draws fall into.
    log_evidence
        Log marginal likelihood, up to a constant that regimes of one series share; None of
        chains.
    left_out
        Of all points: log density of each given the others, exact, (point,).
    diagnostics
        ``method`` ("exact", "importance" or "nuts"), ``ess``, ``passed``, and the ``edge`` of
        the grid, the ``pareto_k`` of the weights or ``rhat`` and ``divergences`` of the chains.
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
    spread: np.ndarray | None = None
    log_evidence: float | None = None
    left_out: np.ndarray | None = None

    @classmethod
    def empty(cls, series: Series, regime: Regime, spec: ModelSpec, chains: int) -> Fit:
        """A fit without draws."""
        units = Units.of(series)
        design = Design.of(regime, units, units.time(series.days))
        return cls(series, regime, spec, units, design, {}, np.ones(1), np.zeros(0, dtype=int),
                   chains, {}, 0.0)

    def departure(self, columns: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Sum of columns or slopes (candidate, size, time) by the sizes of each draw."""
        if self.regime.shape.shared:
            return sizes @ columns[0]
        return np.einsum("nd,ndt->nt", sizes, columns[self.pick])

    def path(self, days: Any, rng: np.random.Generator | None = None, *,
             seen: bool = False) -> np.ndarray:
        """Mean path in the unit of the series, (draw, day); or that of values as measured.

        With ``rng`` a random walk of the rate goes on wandering beyond the last point; without,
        it keeps its last rate.
        """
        time = self.units.time(days)
        at = self.seen if seen else self.draws
        path = (at["level"][:, None] + at["rate"][:, None] * time
                + self.departure(self.design.values(time), at["sizes"]))
        if rng is not None and isinstance(self.regime.shape, Walk):
            ahead = np.maximum(time - self.design.end, 0)
            scale = np.array([self.regime.shape.scale(at, self.spec.priors)
                              for at in self.design.candidates])[self.pick]
            path = path + scale[:, None] * np.sqrt(ahead**3 / 3) * rng.normal(size=path.shape)
        return self.units.back(path)

    def ahead(self, days: Any, rng: np.random.Generator) -> np.ndarray:
        """The path on ascending days after the last point, with the deviation that lasts."""
        path = self.path(days, rng)
        if self.series.kind != "all":
            return path
        residual, dates, covariance = self._deviations(self.series)
        lasting = carry_on(residual, dates, covariance, self.units.time(days), rng)
        return path + self.units.sign * self.units.scale * lasting

    def rate(self, days: Any) -> np.ndarray:
        """Rate per year in the unit of the series, (draw, day)."""
        slope = self.departure(self.design.slopes(self.units.time(days)), self.draws["sizes"])
        return self.units.per_year * (self.draws["rate"][:, None] + slope)

    @property
    def mean_rate(self) -> np.ndarray:
        """Rate per year averaged over calendar time, first point to last, by draw; jumps apart."""
        moved = self.departure(self.design.moved[..., None], self.draws["sizes"])[:, 0]
        return self.units.per_year * (self.draws["rate"] + moved)

    @property
    def before_after(self) -> tuple[np.ndarray, np.ndarray]:
        """Rates per year before and after the change (at both ends, where it is gradual)."""
        both = self.draws["rate"][:, None] + self.departure(self.design.ends, self.draws["sizes"])
        return self.units.per_year * both[:, 0], self.units.per_year * both[:, 1]

    @property
    def change_days(self) -> np.ndarray:
        """Date of the (first) change by draw, in days since 1970."""
        at = np.array([candidate[0] for candidate in self.design.candidates])
        return self.units.first + (at[self.pick] + 0.5) * self.units.span

    def row_likelihood(self, rows: dict[str, np.ndarray], mean: np.ndarray,
                       pick: Any = slice(None)) -> np.ndarray:
        """Log likelihood of rows of a frontier or of records whose path is ``mean``.

        ``mean`` is (draw, ..., row), for picked draws.
        """
        wide = (slice(None),) + (None,) * (mean.ndim - 1)
        likelihood = self.series.kind
        noise = {name: self.draws[name][pick][wide] for name in ("noise", *OWN[likelihood])}
        if likelihood == "records":
            noise["crowd"] = noise["crowd"] * (len(self.series) - 1)
        return log_likelihood(likelihood, mean=mean, rows=rows, **noise)

    def pointwise(self, series: Series | None = None, given: int = 0) -> np.ndarray:
        """Log likelihood of each point, (draw, point), per unit of the series.

        Of all points it is that given all others, as leaving one out asks. With a ``series``
        that continues the fitted one it is that of each event after the first ``given`` points,
        given what came before: of all points an event is a date, with all its points.
        """
        if self.series.kind == "all":
            residual, dates, covariance = self._deviations(series or self.series)
            if series is None:
                return leave_one_out(residual, dates, covariance) - np.log(self.units.scale)
            found = one_ahead(residual, dates, covariance)[:, dates.start >= given]
            count = np.diff(np.append(dates.start, len(series)))[dates.start >= given]
            return found - count * np.log(self.units.scale)
        series = series or self.series
        rows = rows_of(series, self.units)
        days = self.units.first + (rows["time"] + 0.5) * self.units.span
        rng = stream(self.spec.sampling.seed, f"{self.regime.name} ahead") if given else None
        each = self.row_likelihood(rows, self.units.value(self.path(days, rng, seen=True)))
        events = rows["event"].max() + 1
        each = np.stack([each[:, rows["event"] == i].sum(axis=1) for i in range(events)], axis=1)
        # densities per unit of the series (and, of records, per year), whatever the window
        unit = self.units.scale
        if self.series.kind == "records":  # the first point is no event
            unit, given = unit * self.units.span / DAYS_PER_YEAR, max(given - 1, 0)
        return each[:, given:] - np.log(unit)

    def _deviations(self, series: Series) -> tuple[np.ndarray, Dates, Covariance]:
        """Deviations of points from the path by draw, their dates and covariances."""
        rows = rows_of(series, self.units)
        later = len(series) - len(self.series)
        spread = np.concatenate([self.spread, np.zeros(later)])
        path = self.units.value(self.path(series.days, seen=True))
        size, share = self.draws["noise"][:, None], self.draws["share"][:, None]
        covariance = Covariance(size**2 * (1 - share + spread) + rows["error"] ** 2,
                                self.draws["state"], self.draws["memory"])
        return rows["value"] - path, Dates.group(rows["time"]), covariance

    @property
    def tree(self) -> xr.DataTree:
        """The posterior as ArviZ reads it, with the log likelihood of each point.

        ``posterior`` has the parameters in standard units, ``mean_rate`` and, where the regime
        has a change, ``rate_before`` and ``rate_after`` per year.
        """
        before, after = self.before_after
        told = {"mean_rate": self.mean_rate, "rate_before": before, "rate_after": after}
        likelihood = self.pointwise()

        def dataset(values: dict[str, np.ndarray], last: str) -> xr.Dataset:
            return xr.Dataset({
                name: (("chain", "draw", last)[:each.ndim + 1],
                       each.reshape(self.chains, -1, *each.shape[1:]))
                for name, each in values.items() if each.shape[1:] != (0,)})

        series = self.series
        attrs = {"regime": self.regime.name, "title": self.regime.title, "series": series.name,
                 "spec": self.spec.hash, "seed": self.spec.sampling.seed,
                 **{key: str(value) for key, value in self.diagnostics.items()}}
        return xr.DataTree.from_dict({
            "posterior": dataset(self.draws | told, "size").assign_attrs(attrs),
            "log_likelihood": dataset({"point": likelihood}, "event"),
            "observed_data": xr.Dataset({"value": ("point_in_time", series.values)},
                                        coords={"point_in_time": series.dates}),
        })


def fit_all(series: Series, regimes: Sequence[Regime], spec: ModelSpec, *,
            sampling: Sampling | None = None, case: str = "", checked: bool = True,
            ) -> dict[str, Fit]:
    """Draws of several regimes of a series.

    Parameters
    ----------
    sampling
        Other counts than the spec's.
    case
        Names the random streams, together with the regimes.
    checked
        Whether to sample with NUTS where importance sampling refuses, and to leave each of all
        points out; without, a fit only says in its diagnostics what was refused.
    """
    from densing_bayes.breakpoints.exact import exact
    from densing_bayes.breakpoints.weighted import weighted

    sampling = replace(sampling or spec.sampling, seed=spec.sampling.seed)
    empty = [Fit.empty(series, regime, spec, sampling.chains) for regime in regimes]
    rngs = [stream(sampling.seed, f"{one.regime.name} {case}".strip()) for one in empty]
    began = clock.perf_counter()
    found = (exact(empty, sampling, rngs, checked) if series.kind == "all" else
             [weighted(one, sampling, rng, case, checked)
              for one, rng in zip(empty, rngs, strict=True)])
    each = (clock.perf_counter() - began) / len(empty)
    return {one.regime.name: replace(carry(one, rng), seconds=one.seconds or each)
            for one, rng in zip(found, rngs, strict=True)}


def fit(series: Series, regime: Regime, spec: ModelSpec, **options: Any) -> Fit:
    """Draws of one regime; see `fit_all`."""
    return fit_all(series, [regime], spec, **options)[regime.name]


def carry(fit: Fit, rng: np.random.Generator) -> Fit:
    """The fit with the error that its points share carried into level, rate and sizes.

    An error of the ruler moves all densities of a series together. Fitted as one more unknown,
    the series would bend the ruler until its points lie straight (by four standard deviations
    in a first trial), although the fit that measured them has already weighed that. So it is
    not learnt but passed on: each draw gets an error of its own, and what of it looks like a
    level, a rate or a change (weighted least squares) is taken off.
    """
    seen = {name: fit.draws[name] for name in ("level", "rate", "sizes")}
    fit = replace(fit, seen=seen)
    if fit.series.shared.shape[1] == 0:
        return fit
    error = rng.normal(size=(len(fit.pick), fit.series.shared.shape[1]))
    moved = np.einsum("nkj,nj->nk", carried(fit)[fit.pick], error)
    return replace(fit, draws=fit.draws | {
        "level": seen["level"] - moved[:, 0], "rate": seen["rate"] - moved[:, 1],
        "sizes": seen["sizes"] - moved[:, 2:]})


def carried(fit: Fit) -> np.ndarray:
    """What a unit error in each shared direction adds to level, rate and sizes.

    Returns
    -------
    array (candidate, 2 + size, direction)
        In standard units. Not into the steps of a wandering rate: there it adds to the mean.
    """
    series, units = fit.series, fit.units
    time = units.time(series.days)
    shared = units.sign * series.shared / units.scale
    weight = 1 / np.sqrt(fit.draws["noise"].mean() ** 2 + (series.blur / units.scale) ** 2)
    sizes = fit.regime.shape.sizes
    found = np.zeros((len(fit.design.candidates), 2 + sizes, shared.shape[1]))
    few = sizes if not fit.regime.shape.shared else 0
    for place, columns in zip(found, fit.design.values(time), strict=True):
        line = np.column_stack([np.ones_like(time), time, *columns[:few]]) * weight[:, None]
        place[:2 + few] = np.linalg.lstsq(line, shared * weight[:, None], rcond=None)[0]
    return found
