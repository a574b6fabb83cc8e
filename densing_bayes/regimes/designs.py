"""Regimes as columns: what each says about the path, in the standard units of a series.

A regime's change has a shape h with slope h'. Each shape is written as a departure from the
straight line (its least-squares line over the fitted points is taken off), so that ``rate`` is
the mean rate in every regime: its prior then plays no part in comparing them, before and after
are treated alike, and the sampled coordinates are nearly orthogonal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from densing_bayes.errors import InputError, Problem
from densing_bayes.families.points import KNOTS
from densing_bayes.regimes.series import Series, as_days, parse_day
from densing_bayes.trends import DAYS_PER_YEAR, hinge

CANDIDATES = 28, 14  # dates at which an unknown break may lie: of few points, of many
WIDTHS = (0.05, 0.15)  # of a logistic turn, in spans: 10 to 90% of it takes 0.22 or 0.66 spans
JUMP = 0.4  # a step's column: with the prior sd of 2.5 of a change, jumps of one sd
EXACT = 1e-3  # sd of values that are measured best: points on a line have no scatter of their own
NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)  # for the silence between two records


@dataclass(frozen=True)
class Units:
    """Standard units: time from the middle in spans, values from the mean in sd.

    ``sign`` is -1 for records that fall (prices), so that a record is always a maximum.
    """

    first: float
    last: float
    centre: float
    scale: float
    sign: float = 1.0

    @classmethod
    def of(cls, series: Series) -> Units:
        """The units that a series sets for itself."""
        days = series.days
        falls = series.kind == "records" and series.values[-1] < series.values[0]
        return cls(days[0], days[-1], series.values.mean(), series.values.std(ddof=1),
                   -1.0 if falls else 1.0)

    @property
    def span(self) -> float:
        """Days from the first to the last point."""
        return self.last - self.first

    @property
    def per_year(self) -> float:
        """A rate of one standard unit, in values per year."""
        return self.sign * self.scale / self.span * DAYS_PER_YEAR

    def time(self, days: Any) -> np.ndarray:
        """Days as standard time: -1/2 at the first point, 1/2 at the last."""
        return (np.asarray(days, dtype=float) - self.first) / self.span - 0.5

    def value(self, values: Any) -> np.ndarray:
        """Values in sd from the mean."""
        return self.sign * (np.asarray(values, dtype=float) - self.centre) / self.scale

    def back(self, standard: Any) -> np.ndarray:
        """Standard values in the unit of the series."""
        return self.centre + self.sign * self.scale * np.asarray(standard)


@dataclass(frozen=True)
class Regime:
    """What may have happened to the rate.

    Parameters
    ----------
    name, title
        Slug, and words for a table.
    turn
        ``none``, ``kink``, ``step``, ``quadratic``, ``logistic`` or ``walk``.
    dates
        Candidate dates (days since 1970): one if known, many if not, none if the regime has none.
    """

    name: str
    title: str
    turn: str = "none"
    dates: tuple[float, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the change has one given date."""
        return len(self.dates) == 1

    @property
    def turns(self) -> bool:
        """Whether the rate can change at all."""
        return self.turn not in ("none", "step")

    def candidates(self, units: Units) -> list[tuple[float, float]]:
        """Date (standard time) and width of each candidate shape."""
        at = [float(units.time(day)) for day in self.dates] or [0.0]
        return [(t, w) for t in at for w in (WIDTHS if self.turn == "logistic" else (0.0,))]

    def within(self, series: Series) -> Regime:
        """The same regime as it could have been stated on a shorter series."""
        if len(self.dates) <= 1:
            return self
        return replace(self, dates=tuple(unknown_dates(series)))


def unknown_dates(series: Series) -> np.ndarray:
    """Dates at which an unknown break may lie: at least three points (of few, two) on each side.

    28 dates are some 3% of the span apart. Time to fit grows with dates times points, so of more
    than 70 points there are fewer dates, 7% of the span apart at most.
    """
    days = series.days
    beside = 3 if len(days) >= 8 else 2
    most, fewest = CANDIDATES
    return np.linspace(days[beside - 1], days[-beside], max(fewest, min(most, 2000 // len(days))))


def regimes_for(series: Series, break_day: float | None = None) -> list[Regime]:
    """All regimes of a series; with a given break those at its date come first."""
    dates = tuple(unknown_dates(series))
    given = () if break_day is None else (break_day,)
    found = [Regime("constant", "constant rate")]
    if break_day is not None:
        found.append(kink_at(break_day))
    found.append(Regime("kink_unknown", "rate changes at an unknown date", "kink", dates))
    found.append(Regime("step", "level jumps" + (" at the given date" if given else
                                                 " at an unknown date"), "step", given or dates))
    found += [
        Regime("quadratic", "rate changes evenly throughout", "quadratic"),
        Regime("logistic", "rate turns from one value to another", "logistic", dates[::3]),
        Regime("walk", "rate wanders (random walk)", "walk"),
    ]
    return found


@dataclass(frozen=True, eq=False)
class Design:
    """A regime's columns at any time, as departures from the line over the fitted times."""

    regime: Regime
    units: Units
    line: np.ndarray  # (column, 2): level and slope of each column's own least-squares line
    start: float
    end: float

    @classmethod
    def of(cls, regime: Regime, units: Units, fitted: np.ndarray) -> Design:
        """Columns for points at the given standard times."""
        start, end = float(fitted.min()), float(fitted.max())
        raw, _ = _columns(regime, units, fitted, start, end)
        straight = np.column_stack([np.ones_like(fitted), fitted])
        line = np.linalg.lstsq(straight, raw.T, rcond=None)[0].T
        return cls(regime, units, line, start, end)

    def values(self, time: np.ndarray) -> np.ndarray:
        """Departure of each column from its line, (column, time)."""
        raw, _ = _columns(self.regime, self.units, time, self.start, self.end)
        departure = raw - self.line[:, :1] - self.line[:, 1:] * time
        # A hinge beyond the data is no column at all, and rounding must not make it one.
        return np.where(np.abs(departure) < 1e-12, 0.0, departure)

    def slopes(self, time: np.ndarray) -> np.ndarray:
        """Slope of each column's departure, (column, time)."""
        _, slope = _columns(self.regime, self.units, time, self.start, self.end)
        return slope - self.line[:, 1:]

    @property
    def ends(self) -> np.ndarray:
        """Slopes before and after the change, (column, 2): for smooth turns at both ends."""
        if self.regime.turn in ("kink", "step", "none"):
            far = 1.0 if self.regime.turn == "kink" else 0.0
            return np.array([0.0, far]) - self.line[:, 1:]
        return self.slopes(np.array([self.start, self.end]))


def _columns(regime: Regime, units: Units, time: np.ndarray, start: float,
             end: float) -> tuple[np.ndarray, np.ndarray]:
    """Columns and their slopes, (column, time) each; a random walk has KNOTS of them."""
    span = end - start
    if regime.turn == "walk":
        knots = start + span * (np.arange(KNOTS) + 0.5)[:, None] / KNOTS
        return hinge(time, knots) / np.sqrt(KNOTS), (time >= knots) / np.sqrt(KNOTS)
    columns, slopes = [], []
    for at, width in regime.candidates(units):
        if regime.turn == "kink":
            column, slope = hinge(time, at), time >= at
        elif regime.turn == "step":
            column, slope = JUMP * (time >= at), np.zeros_like(time)
        elif regime.turn == "quadratic":
            column, slope = (time - start) ** 2 / (2 * span), (time - start) / span
        elif regime.turn == "logistic":
            column, slope = (width * np.logaddexp(0, (time - at) / width),
                             expit((time - at) / width))
        else:
            column = slope = np.zeros_like(time)
        columns.append(np.asarray(column, dtype=float))
        slopes.append(np.asarray(slope, dtype=float))
    return np.array(columns), np.array(slopes)


def rows_of(series: Series, units: Units) -> dict[str, np.ndarray]:
    """Rows of the likelihood.

    For records the first point only sets the standing record, every later one brings the nodes
    of the silence before it, and the last those of the silence after it. ``event`` numbers the
    point that a row belongs to.
    """
    days, value = units.time(series.days), units.value(series.values)
    error = np.maximum(series.errors / units.scale, EXACT)
    if series.kind != "records":
        index = np.arange(len(series))
        return {"time": days, "value": value, "error": error,
                "follows": np.minimum(index, 1.0), "event": index}
    parts: dict[str, list[Any]] = {name: [] for name in (
        "time", "value", "error", "seen", "silence", "event")}

    def add(event: int, at: Any, standing: float, point: int, seen: float, silence: Any) -> None:
        for name, what in (("time", at), ("value", standing), ("error", error[point]),
                           ("seen", seen), ("silence", silence), ("event", event)):
            parts[name].extend(np.broadcast_to(what, len(at)))

    def silence(event: int, start: float, stop: float, standing: int) -> None:
        gap = stop - start
        if gap > 0:
            add(event, start + gap * (NODES + 1) / 2, value[standing], standing, 0.0,
                gap * WEIGHTS / 2)

    for j in range(1, len(series)):
        add(j - 1, [days[j]], value[j], j, 1.0, 0.0)
        silence(j - 1, days[j - 1], days[j], j - 1)
    silence(len(series) - 2, days[-1], float(units.time(series.watched)), len(series) - 1)
    return {name: np.array(list_of) for name, list_of in parts.items()}


def need_inside(regime: Regime, series: Series) -> str | None:
    """Why the data cannot tell before from after at a known date; None where they can."""
    if not (regime.turn == "kink" and regime.known):
        return None
    before = int((series.days < regime.dates[0]).sum())
    after = len(series) - before
    if before >= 2 and after >= 2:
        return None
    side = "before" if before < after else "after"
    count = min(before, after)
    return f"only {count} point lies {side} it" if count == 1 else f"no point lies {side} it"


def kink_at(day: float | str) -> Regime:
    """A change of rate at a known date (days since 1970, or ISO text)."""
    at = float(as_days(day)) if isinstance(day, str) else day
    return Regime("kink", "rate changes at the given date", "kink", (at,))


def check_break(break_date: str | None) -> float | None:
    """A break date as days since 1970; InputError where it is none."""
    if break_date is None:
        return None
    day = parse_day(str(break_date))
    if day is None:
        raise InputError(Problem("break date", given=break_date,
                                 allowed="YYYY-MM-DD or YYYY-MM"))
    return float(as_days(day))
