"""The verdict on a series: its rate, whether the rate changed, and how sure one can be."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import Problem, SpecError, TableError
from densing_bayes.importance import stream
from densing_bayes.intervals import Interval, growth_summary, summary
from densing_bayes.outputs import json_text
from densing_bayes.regimes import words
from densing_bayes.regimes.designs import Regime, check_break, need_inside, regimes_for
from densing_bayes.regimes.evidence import (
    RULE,
    Power,
    leave_future_out,
    leave_one_out,
    middle_kink,
    power,
    savage_dickey,
)
from densing_bayes.regimes.fits import Fit, fit
from densing_bayes.regimes.series import Series, as_date, check, series_from
from densing_bayes.specs import ModelSpec, load_model


@dataclass(frozen=True, eq=False)
class Verdict:
    """All that is known about the regimes of one series.

    Parameters
    ----------
    fits
        Regime name -> fit, the constant rate first.
    break_day
        The given date of the change (days since 1970), or None.
    loo, loo_notes
        PSIS-LOO comparison, and what makes it unreliable.
    lfo
        Leave-future-out comparison; None where the series is too short.
    curve
        Savage-Dickey ratio over the prior width of the change.
    power
        Smallest change that would have been shown.
    timing
        Seconds by step.
    """

    series: Series
    spec: ModelSpec
    fits: dict[str, Fit]
    break_day: float | None
    loo: pd.DataFrame
    loo_notes: list[str]
    lfo: pd.DataFrame | None
    curve: pd.DataFrame
    power: Power
    timing: dict[str, float]

    @property
    def kink(self) -> Fit:
        """The fit that the verdict judges by: the rate changes once, at the given date if any."""
        return self.fits["kink_unknown" if self.break_day is None else "kink"]

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
        return -1 if (self.constant.mean_rate > 0).mean() < 1 - RULE.probability else 1

    @cached_property
    def ratio(self) -> float:
        """Savage-Dickey ratio for a change at the spec's own prior width (1: no evidence)."""
        row = (self.curve["width"] - 1).abs().argmin()
        return float(self.curve["ratio"].iloc[row])

    @cached_property
    def outside(self) -> str | None:
        """Why the data cannot judge the given date, or None."""
        return need_inside(self.kink.regime, self.series)

    @property
    def p_acceleration(self) -> float:
        """Probability that the rate is larger after the change than before."""
        before, after = self.kink.before_after
        return float((self.direction * (after - before) > 0).mean())

    @property
    def claim(self) -> str:
        """``faster``, ``slower`` or ``undecided``, by `RULE` and nothing else."""
        return "undecided" if self.outside else RULE.claim(self.ratio, self.p_acceleration)

    @property
    def passed(self) -> bool:
        """Whether the fits behind the headline passed the diagnostics gate."""
        return all(found.diagnostics["passed"] for found in (self.constant, self.kink))

    @property
    def diagnostics(self) -> dict[str, Any]:
        """The worst of the fits behind the headline; ``refused`` names any regime that failed."""
        each = [found.diagnostics for found in (self.constant, self.kink)]
        found: dict[str, Any] = {
            "methods": sorted({one["method"] for one in each}),
            "ess_min": min(one["ess"] for one in each)}
        for name in ("pareto_k", "rhat", "divergences"):
            values = [one[name] for one in each if name in one]
            if values:
                found[f"{name}_max"] = max(values)
        return found | {"passed": self.passed, "refused": [
            name for name, one in self.fits.items() if not one.diagnostics["passed"]]}

    @property
    def weights(self) -> pd.Series:
        """Stacking weights for the future: of leave-future-out, else of LOO."""
        return (self.loo if self.lfo is None else self.lfo)["weight"]

    @cached_property
    def mixture(self) -> dict[str, np.ndarray]:
        """Which draws of each regime make up the stacked posterior, by `weights`."""
        rng = stream(self.spec.sampling.seed, "stacking")
        size = len(self.constant.pick)
        counts = rng.multinomial(size, np.maximum(self.weights, 0) / self.weights.clip(0).sum())
        return {name: rng.choice(len(self.fits[name].pick), count, replace=False)
                for name, count in zip(self.weights.index, counts, strict=True) if count}

    def stacked(self, what: Callable[[Fit], np.ndarray]) -> np.ndarray:
        """A quantity's draws, mixed over the regimes by their weights."""
        return np.concatenate([what(self.fits[name])[pick] for name, pick in self.mixture.items()])

    def regime_table(self) -> list[dict[str, Any]]:
        """One row per regime: elpd by LOO, difference to the constant rate, weights, rates."""
        rows = []
        for name, found in self.fits.items():
            before, after = found.before_after
            row = {"name": name, "title": found.regime.title, **self.loo.loc[name].to_dict()}
            if self.lfo is not None:
                row |= {f"lfo_{key}": value for key, value in self.lfo.loc[name].items()}
            row |= {
                "rate_before": summary(before, self.interval),
                "rate_after": summary(after, self.interval),
                "p_acceleration": float((self.direction * (after - before) > 0).mean())
                if found.regime.turns else None,
                "seconds": found.seconds,
            }
            rows.append(row)
        return rows

    def summary(self) -> dict[str, Any]:
        """Everything as plain values, times in days unless named."""
        growth = growth_summary(self.constant.mean_rate, self.interval)
        now = growth_summary(self.stacked(lambda f: f.rate(self.series.days[-1:])[:, 0]),
                             self.interval)
        before, after = self.kink.before_after
        days = self.kink.change_days
        low, high = self.interval.of(days)
        return {
            "series": {
                "name": self.series.name, "kind": self.series.kind, "log": self.series.log,
                "points": len(self.series), "first": self.series.dates[0].astype(object),
                "last": self.series.dates[-1].astype(object)},
            "interval": {"prob": self.interval.prob, "kind": self.interval.kind},
            "rate": {"per_day": growth["rate_per_day"], "per_year": growth["rate_per_year"]},
            "doubling_time_days": growth["doubling_time_days"],
            "rate_now": {"per_day": now["rate_per_day"], "per_year": now["rate_per_year"],
                         "doubling_time_days": now["doubling_time_days"]},
            "breakpoint": {
                "date": as_date(float(np.median(days))),
                "date_given": self.break_day is not None,
                "date_interval": [as_date(low), as_date(high)],
                "rate_before": summary(before, self.interval),
                "rate_after": summary(after, self.interval),
                "ratio": ratio_summary(before, after, self.interval),
                "p_acceleration": self.p_acceleration,
                "direction": "up" if self.direction > 0 else "down",
                "claim": self.claim, "outside_data": self.outside,
                "savage_dickey": self.ratio,
                "savage_dickey_curve": self.curve.to_dict("list"),
                "smallest_shown_per_year": self.power.smallest,
                "false_alarm_rate": self.power.false_alarms,
            },
            "regimes": self.regime_table(),
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


def ratio_summary(before: Any, after: Any, interval: Interval) -> dict[str, Any]:
    """Summary of after / before, which is no ordinary number when ``before`` may be zero.

    The pair (before, after) is read as an angle. The angle turns smoothly through before = 0,
    where the ratio jumps from inf to -inf, so quantiles are taken of the angle and turned back
    into ratios: beyond an infinite ratio the trend has reversed. ``mean`` and ``sd`` are None
    unless all draws of ``before`` have one sign.

    Examples
    --------
    >>> out = ratio_summary([1.0, 1.0, 1.0], [1.0, 1.5, 2.0], Interval(0.5))
    >>> [round(out[key], 2) for key in ("low", "median", "high")]
    [1.22, 1.5, 1.72]
    >>> ratio_summary([0.5, 0.1, -0.1], [1.0, 1.0, 1.0], Interval(0.9))["high"]
    inf
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    side = -1.0 if np.median(before) < 0 else 1.0
    angle = np.arctan2(side * after, side * before)
    middle = math.atan2(np.sin(angle).mean(), np.cos(angle).mean())
    angle = middle + (angle - middle + np.pi) % (2 * np.pi) - np.pi

    def back(turn: float) -> float:
        if abs(turn) < np.pi / 2:
            return float(np.tan(turn))
        return math.copysign(math.inf, turn)

    low, high = interval.of(angle)
    sure = bool((side * before > 0).all())
    ratio = after / before if sure else np.full(2, np.nan)
    return {
        "mean": float(ratio.mean()) if sure else None, "median": back(float(np.median(angle))),
        "sd": float(ratio.std(ddof=1)) if sure else None, "low": back(low), "high": back(high),
        "p_before_reversed": float((side * before <= 0).mean()),
    }


def judge(series: Series, *, break_date: str | None = None, spec: ModelSpec | None = None,
          seed: int | None = None, progress: Callable[[str], None] | None = None) -> Verdict:
    """The verdict on a series.

    Parameters
    ----------
    break_date
        Date at which the rate is suspected to have changed; without it the date is unknown.
    spec
        Of family ``series``; by default the shelf's.

    Raises
    ------
    TableError
        Where no trend can be drawn through the series.
    SpecError
        Where the spec is of another family.
    """
    problems = check(series)
    if problems:
        raise TableError(problems)
    break_day = check_break(break_date)
    spec = spec or load_model("series")
    if spec.family != "series":
        raise SpecError(Problem("the spec is of another family", file=f"{spec.name}.toml",
                                given=spec.family, allowed="series"))
    spec = spec.with_options(likelihood=series.kind).with_seed(seed)
    say = progress or (lambda text: None)
    timing: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        say(step)
        began = clock.perf_counter()
        done = work()
        timing[step] = clock.perf_counter() - began
        return done

    regimes = regimes_for(series, break_day)
    fits = timed("regimes", lambda: {one.name: fit(series, one, spec) for one in regimes})
    kink: Fit = fits["kink_unknown" if break_day is None else "kink"]
    curve = timed("Savage-Dickey", lambda: savage_dickey(kink, fits["constant"]))
    loo, notes = timed("leave one out", lambda: leave_one_out(fits))
    lfo = timed("leave future out",
                lambda: leave_future_out(series, regimes, spec, progress))
    known = kink if break_day is not None else fit(series, middle_kink(series), spec)
    able = timed("power", lambda: power(known, kink.regime))
    return Verdict(series, spec, fits, break_day, loo, notes, lfo, curve, able, timing)


def regimes(frame: pd.DataFrame, date: str, value: str, sd: str | None = None, *,
            log: bool = False, break_date: str | None = None, kind: str = "all",
            end: str | None = None, seed: int | None = None,
            progress: Callable[[str], None] | None = None) -> Verdict:
    """The verdict on a table's series: whether its rate changed, and how sure one can be.

    Parameters
    ----------
    frame
        The table.
    date, value, sd
        Names of its columns; ``sd`` is the measurement sd in the unit of ``value``.
    log
        Whether to take natural logs of the values.
    break_date
        Date of the suspected change; None to look for one.
    kind
        ``all`` points about a trend, all points below a ``frontier``, or ``records`` only.
    end
        Of records: date until which no further one was seen.

    Examples
    --------
    ``regimes(frame, "release_date", "p50", log=True, break_date="2024-01-01").advice``
    """
    return judge(series_from(frame, date=date, value=value, sd=sd, log=log, kind=kind,
                             end=end),
                 break_date=break_date, seed=seed, progress=progress)


def compare_sources(alternatives: Mapping[str, Series], *, break_date: str | None = None,
                    spec: ModelSpec | None = None) -> pd.DataFrame:
    """How the verdict depends on which source is believed: one row per version of a series.

    Only the regimes that the rule needs are fitted, so a version costs a second or two.

    Returns
    -------
    DataFrame
        Indexed by the names given: rates before and after (per year) with intervals, ratio,
        P(acceleration), Savage-Dickey ratio, claim.
    """
    base = spec or load_model("series")
    break_day = check_break(break_date)
    rows = {}
    for name, series in alternatives.items():
        problems = check(series)
        if problems:
            raise TableError(problems)
        found, ratio = judge_kink(series, break_day, base)
        before, after = found.before_after
        interval = base.interval
        both = {"before": summary(before, interval), "after": summary(after, interval),
                "ratio": ratio_summary(before, after, interval)}
        p_up = float((after > before).mean())
        rows[name] = {
            "points": len(series),
            **{f"{part}_{key}": value[key] for part, value in both.items()
               for key in ("median", "low", "high")},
            "p_acceleration": p_up, "savage_dickey": ratio, "claim": RULE.claim(ratio, p_up),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def judge_kink(series: Series, break_day: float | None, spec: ModelSpec) -> tuple[Fit, float]:
    """The fit that the rule reads, and its Savage-Dickey ratio at the spec's prior width."""
    spec = spec.with_options(likelihood=series.kind)
    wanted = "kink_unknown" if break_day is None else "kink"
    regime: Regime = next(one for one in regimes_for(series, break_day) if one.name == wanted)
    found, constant = fit(series, regime, spec), fit(series, Regime("constant", ""), spec)
    return found, float(savage_dickey(found, constant, [1.0])["ratio"].iloc[0])
