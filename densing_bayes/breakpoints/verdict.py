"""The verdict on a series: its rate, whether the rate changed, and how sure one can be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from densing_bayes.breakpoints import words
from densing_bayes.breakpoints.designs import need_inside
from densing_bayes.breakpoints.evidence import RULE, Power, over_rivals
from densing_bayes.breakpoints.fits import Fit
from densing_bayes.breakpoints.ratios import ratio_summary
from densing_bayes.breakpoints.series import Series, as_date
from densing_bayes.breakpoints.shapes import Kink
from densing_bayes.importance import stream
from densing_bayes.intervals import Interval, growth_summary, summary
from densing_bayes.outputs import json_text, replacing, write_netcdf
from densing_bayes.specs import ModelSpec

REJECTED = 100.0  # a regime is named as rejected where the best is this many times as likely


@dataclass(frozen=True, eq=False)
class Verdict:
    """All that is known about the regimes of one series.

    Parameters
    ----------
    fits
        Regime name -> fit, the constant rate first.
    breaks
        The given dates of a change (days since 1970), ascending; none: it is looked for.
    loo, loo_notes
        PSIS-LOO comparison, and what makes it unreliable.
    lfo
        Leave-future-out comparison; None where the series is too short.
    curve
        Evidence for the one change over none, over the prior width of the change.
    power
        Smallest change that would have been shown.
    timing
        Seconds by step.
    """

    series: Series
    spec: ModelSpec
    fits: dict[str, Fit]
    breaks: tuple[float, ...]
    loo: pd.DataFrame
    loo_notes: list[str]
    lfo: pd.DataFrame | None
    curve: pd.DataFrame
    power: Power
    timing: dict[str, float]

    @property
    def kink(self) -> Fit:
        """The one change that rates before and after are told of: the likeliest that was given."""
        return judged(self.fits)

    @property
    def constant(self) -> Fit:
        """The fit without a change."""
        return self.fits["constant"]

    @property
    def interval(self) -> Interval:
        """Probability and kind of every interval."""
        return self.spec.interval

    @property
    def direction(self) -> int:
        """1; -1 for a series that clearly falls, in which a faster fall is an acceleration."""
        return -1 if (self.mean_rate > 0).mean() < 1 - RULE.probability else 1

    @property
    def changing(self) -> list[str]:
        """The regimes whose evidence counts for a change: those at given dates, else all."""
        if self.breaks:
            return [name for name, found in self.fits.items()
                    if isinstance(found.regime.shape, Kink) and not found.regime.unknown]
        return [name for name, found in self.fits.items() if found.regime.shape.turns]

    @cached_property
    def probabilities(self) -> pd.Series | None:
        """Posterior probability of each regime, even beforehand; None where it is not known."""
        logs = {name: found.log_evidence for name, found in self.fits.items()}
        if None in logs.values() or self.series.shared.shape[1]:
            return None
        return pd.Series(special.softmax(list(logs.values())), index=list(logs))

    @cached_property
    def rejected(self) -> list[str]:
        """Regimes that the best is `REJECTED` times as likely as."""
        chance = self.probabilities
        if chance is None:
            return []
        return [name for name in chance.index if chance[name] * REJECTED < chance.max()]

    @cached_property
    def ratio(self) -> float:
        """Evidence for a change over the strongest regime without one (1: no evidence)."""
        if self.outside:
            return 1.0
        found = over_rivals(self.fits, self.changing)
        return self.savage_dickey if found is None else found[0]

    @cached_property
    def rival(self) -> Fit:
        """The strongest regime without a change of rate."""
        found = over_rivals(self.fits, self.changing)
        return self.fits["constant" if found is None else found[1]]

    @cached_property
    def savage_dickey(self) -> float:
        """Evidence for one change over a constant rate at the spec's own prior width."""
        row = (self.curve["width"] - 1).abs().argmin()
        return float(self.curve["ratio"].iloc[row])

    @cached_property
    def outside(self) -> str | None:
        """Why the data cannot judge the given date, or None."""
        return need_inside(self.kink.regime.dates[0], self.series) if self.breaks else None

    @property
    def p_acceleration(self) -> float:
        """Probability that the rate is larger after the one change than before."""
        return self._p_faster(self.kink)

    @property
    def p_faster(self) -> float:
        """The same over all changing regimes, by their probabilities."""
        if self.probabilities is None:
            return self.p_acceleration
        weight = self.probabilities[self.changing]
        return float(sum(weight[name] * self._p_faster(self.fits[name])
                         for name in weight.index) / weight.sum())

    def _p_faster(self, found: Fit) -> float:
        before, after = found.before_after
        return float((self.direction * (after - before) > 0).mean())

    @property
    def gain_ahead(self) -> float | None:
        """What one change gains in elpd of later points over the strongest regime without."""
        if self.lfo is None:
            return None
        elpd = self.lfo["elpd"]
        return float(elpd[self.kink.regime.name] - elpd[self.rival.regime.name])

    @property
    def claim(self) -> str:
        """``faster``, ``slower``, ``both`` (a rise and a fall) or ``undecided``, by `RULE`."""
        if self.outside:
            return "undecided"
        for chance in (self.p_faster, self.p_acceleration):
            found = RULE.claim(self.ratio, chance, self.gain_ahead)
            if found == "undecided":
                return "both" if self._both() else "undecided"
        return found

    def _both(self) -> bool:
        """Whether the evidence is for two changes, one of either sign."""
        chance, twice = self.probabilities, self.twice
        if chance is None or twice is None or self.ratio < RULE.ratio:
            return False
        likelier = chance[twice.regime.name] >= RULE.ratio * chance[self.kink.regime.name]
        up = (twice.draws["sizes"] > 0).mean(axis=0)
        sure = (np.maximum(up, 1 - up) >= RULE.probability).all()
        ahead = 0.0 if self.lfo is None else float(
            self.lfo["elpd"][twice.regime.name] - self.lfo["elpd"][self.rival.regime.name])
        return bool(likelier and sure and ahead > RULE.worst and len(np.unique(up > 0.5)) == 2)

    @property
    def twice(self) -> Fit | None:
        """The fit of two changes of rate: at the dates given, else at unknown ones."""
        given = self.fits.get("kinks_given")
        if given is not None:
            return given if given.regime.shape.sizes == 2 else None
        return None if self.breaks else self.fits["kinks_unknown"]

    @property
    def passed(self) -> bool:
        """Whether the fits behind the headline passed the diagnostics gate."""
        return all(self.fits[name].diagnostics["passed"]
                   for name in {*self.mixture, "constant", self.kink.regime.name})

    @property
    def diagnostics(self) -> dict[str, Any]:
        """The worst of the fits; ``refused`` names any regime that failed."""
        each = [found.diagnostics for found in self.fits.values()]
        found: dict[str, Any] = {
            "methods": sorted({one["method"] for one in each}),
            "ess_min": min(one["ess"] for one in each)}
        for name in ("edge", "pareto_k", "rhat", "divergences"):
            values = [one[name] for one in each if name in one]
            if values:
                found[f"{name}_max"] = max(values)
        return found | {"passed": self.passed, "refused": [
            name for name, one in self.fits.items() if not one.diagnostics["passed"]]}

    def _stack(self, frame: pd.DataFrame) -> pd.Series:
        """Stacking weights without the regimes that are rejected."""
        weight = frame["weight"].clip(0).drop(self.rejected)
        return weight / weight.sum()

    @property
    def weights(self) -> pd.Series:
        """Weights of the headline: posterior probabilities, rejected regimes apart.

        Where they are not known, stacking by LOO. Leaving one out hardly tells regimes apart
        where deviations last: a point's neighbours predict it under any.
        """
        if self.probabilities is None:
            return self._stack(self.loo)
        weight = self.probabilities.drop(self.rejected)
        return weight / weight.sum()

    @property
    def weights_ahead(self) -> pd.Series:
        """Weights of forecasts: stacking by leave-future-out (else LOO), rejected ones apart."""
        return self._stack(self.loo if self.lfo is None else self.lfo)

    def _mix(self, weights: pd.Series, case: str) -> dict[str, np.ndarray]:
        rng = stream(self.spec.sampling.seed, case)
        size = len(self.constant.pick)
        counts = rng.multinomial(size, weights)
        return {name: rng.choice(len(self.fits[name].pick), count, replace=False)
                for name, count in zip(weights.index, counts, strict=True) if count}

    @cached_property
    def mixture(self) -> dict[str, np.ndarray]:
        """Which draws of each regime make up the stacked posterior, by `weights`."""
        return self._mix(self.weights, "stacking")

    @cached_property
    def mixture_ahead(self) -> dict[str, np.ndarray]:
        """The same for forecasts, by `weights_ahead`."""
        return self._mix(self.weights_ahead, "stacking ahead")

    def stacked(self, what: Callable[[Fit], np.ndarray]) -> np.ndarray:
        """A quantity's draws, mixed over the regimes by their weights."""
        return np.concatenate([what(self.fits[name])[pick] for name, pick in self.mixture.items()])

    @cached_property
    def mean_rate(self) -> np.ndarray:
        """The headline: mean rate per year over the series, jumps apart, stacked."""
        return self.stacked(lambda found: found.mean_rate)

    @cached_property
    def rate_now(self) -> np.ndarray:
        """Rate per year at the last point, stacked."""
        return self.stacked(lambda found: found.rate(self.series.days[-1:])[:, 0])

    def growth(self, rate: np.ndarray) -> dict[str, Any]:
        """The growth block of summary.json; no doubling time where values are no logarithms."""
        found = growth_summary(rate, self.interval)
        found["p_growth"] = found["doubling_time_days"]["p_growth"]
        if not self.series.log:
            found["doubling_time_days"] = None
        return found

    @property
    def table(self) -> pd.DataFrame:
        """One row per regime: probability, elpd, weights and rates."""
        rows = []
        for one in self.regime_table():
            flat = {key: value for key, value in one.items() if not isinstance(value, dict)}
            for part in ("rate_before", "rate_after"):
                flat |= {f"{part}_{key}": one[part][key] for key in ("median", "low", "high")}
            rows.append(flat)
        return pd.DataFrame(rows).set_index("name")

    @property
    def text(self) -> str:
        """The advice in paragraphs, made of the numbers above."""
        return "\n\n".join(words.advice(self))

    def save(self, path: Path) -> None:
        """Every regime's posterior in one netCDF file: a group per regime."""
        with replacing(path) as part:
            write_netcdf(xr.DataTree.from_dict(
                {name: found.tree for name, found in self.fits.items()}), part, path)

    def plot(self) -> Any:
        """A matplotlib figure of the series with the paths of four regimes."""
        from densing_bayes.breakpoints.drawing import series_picture
        from densing_bayes.figures import draw

        return draw(series_picture(self))

    def regime_table(self) -> list[dict[str, Any]]:
        """One row per regime: elpd by LOO, difference to the constant rate, weights, rates."""
        rows = []
        for name, found in self.fits.items():
            before, after = found.before_after
            row: dict[str, Any] = {
                "name": name, "title": found.regime.title,
                "probability": None if self.probabilities is None else
                float(self.probabilities[name]), "rejected": name in self.rejected,
                **{str(key): value for key, value in self.loo.loc[name].to_dict().items()}}
            if self.lfo is not None:
                row |= {f"lfo_{key}": value for key, value in self.lfo.loc[name].items()}
            row |= {
                "rate_before": summary(before, self.interval),
                "rate_after": summary(after, self.interval),
                "p_acceleration": self._p_faster(found) if found.regime.shape.turns else None,
                "seconds": found.seconds,
            }
            rows.append(row)
        return rows

    def breakpoint(self, found: Fit) -> dict[str, Any]:
        """Rates before and after the one change of a fit."""
        before, after = found.before_after
        days = found.change_days
        low, high = self.interval.of(days)
        return {
            "date": as_date(float(np.median(days))),
            "date_given": not found.regime.unknown,
            "date_interval": [as_date(low), as_date(high)],
            "rate_before": summary(before, self.interval),
            "rate_after": summary(after, self.interval),
            "ratio": ratio_summary(before, after, self.interval),
            "p_acceleration": self._p_faster(found),
        }

    def summary(self) -> dict[str, Any]:
        """Everything as plain values, times in days unless named."""
        series = self.series
        given = [self.breakpoint(found) for name, found in self.fits.items()
                 if type(found.regime.shape) is Kink and not found.regime.unknown]
        return {
            "series": {
                "name": series.name, "kind": series.kind, "log": series.log,
                "points": len(series), "dates": len(np.unique(series.dates)),
                "first": series.dates[0].astype(object), "last": series.dates[-1].astype(object),
                "good_side": None if series.kind == "all" else "low" if series.falls else "high",
                "notes": words.notes(self)},
            "interval": {"prob": self.interval.prob, "kind": self.interval.kind},
            "growth": self.growth(self.mean_rate),
            "growth_now": self.growth(self.rate_now),
            "growth_if_constant": self.growth(self.constant.mean_rate),
            "breakpoint": self.breakpoint(self.kink) | {
                "direction": "up" if self.direction > 0 else "down",
                "claim": self.claim, "outside_data": self.outside,
                "evidence": self.ratio, "evidence_over": self.rival.regime.name,
                "p_faster": self.p_faster, "gain_ahead": self.gain_ahead,
                "savage_dickey": self.savage_dickey,
                "savage_dickey_curve": self.curve.to_dict("list"),
                "smallest_shown_per_year": self.power.smallest,
                "false_alarm_rate": self.power.false_alarms,
            },
            **({"breakpoints": given} if len(given) > 1 else {}),
            "regimes": self.regime_table(),
            "rejected": self.rejected,
            "warnings": self.loo_notes,
            "diagnostics": self.diagnostics,
            "advice": self.advice,
            "timing_s": self.timing,
        }

    def to_json(self) -> str:
        """`summary` as JSON; open ends of sets are infinite (1e999)."""
        return json_text(self.summary())

    @property
    def advice(self) -> str:
        """One paragraph of plain advice, made of the numbers above."""
        return " ".join(words.advice(self))


def judged(fits: Mapping[str, Fit]) -> Fit:
    """The fit of one change: the likeliest of those at given dates, else at an unknown date."""
    given = [found for found in fits.values()
             if type(found.regime.shape) is Kink and not found.regime.unknown]
    if not given:
        return fits["kink_unknown"]
    return max(given, key=lambda found: found.log_evidence or -math.inf)
