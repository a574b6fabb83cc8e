"""Regimes as columns: what each says about the path, in the standard units of a series.

A regime's change has a shape h with slope h'. Each shape is written as a departure from the
straight line (its least-squares line over the fitted points is taken off), so that ``rate`` is
the slope of that line in every regime: its prior then plays no part in comparing them, before
and after are treated alike, and the sampled coordinates are nearly orthogonal. What is told is
the mean rate over calendar time (`Design.moved` is what it has beyond that slope).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from densing_bayes.breakpoints.columns import DATES
from densing_bayes.breakpoints.series import Series, as_date, as_days
from densing_bayes.breakpoints.shapes import (
    Bend,
    Candidate,
    Jump,
    Kink,
    Kinks,
    Shape,
    Turn,
    Walk,
    between,
)
from densing_bayes.errors import InputError, Problem
from densing_bayes.reading import parse_date
from densing_bayes.trends import DAYS_PER_YEAR

CANDIDATES = 28  # dates at which an unknown change may lie, some 3% of the span apart
CHATGPT = "2022-11-30"  # its release, at which the paper puts a break of the density's growth
LINE = Shape()
EXACT = 1e-3  # sd of values that are measured best: else points on a line have no scatter
NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)  # for the silence between two records


@dataclass(frozen=True)
class Units:
    """Standard units: time from the middle in spans, values from the mean in sd.

    ``sign`` is -1 for a frontier or records that fall (prices), so that the good side is up.
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
        falls = series.kind != "all" and series.falls
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
    """What may have happened to the path.

    Parameters
    ----------
    name, title
        Slug, and words for a table.
    shape
        What the path may do beyond a straight line.
    dates
        Candidate dates (days since 1970): given ones, or those at which an unknown change may
        lie; none if the shape has none.
    unknown
        Whether the dates are candidates of an unknown one.
    """

    name: str
    title: str
    shape: Shape = LINE
    dates: tuple[float, ...] = ()
    unknown: bool = False

    def candidates(self, units: Units) -> list[Candidate]:
        """Candidates of the shape, in standard time."""
        return self.shape.candidates(tuple(float(units.time(day)) for day in self.dates))

    def within(self, series: Series) -> Regime:
        """The same regime as it could have been stated on a shorter series.

        A change at a given date that lies beyond the series is none yet.
        """
        if not self.unknown:
            seen = tuple(day for day in self.dates if need_inside(day, series) is None)
            if len(seen) == len(self.dates):
                return self
            if isinstance(self.shape, Kinks) and len(seen) > 1:
                return replace(self, shape=replace(self.shape, sizes=len(seen)), dates=seen)
            shape = (Kink() if isinstance(self.shape, Kinks) else self.shape) if seen else LINE
            return replace(self, shape=shape, dates=seen)
        if isinstance(self.shape, Jump) and series.kind == "all":
            return replace(self, dates=tuple(between(series.days)))
        dates = unknown_dates(series)
        return replace(self, dates=tuple(dates[::3] if isinstance(self.shape, Turn) else dates))


def unknown_dates(series: Series) -> np.ndarray:
    """Dates at which an unknown change may lie: at least three points (of few, two) beside it.

    Of points that share dates, whole dates: a change needs dates on either side. Of many points
    below a frontier half as many dates: each is fitted by itself.
    """
    days = series.days
    beside = 3 if len(days) >= 8 else 2
    dates = np.unique(days)
    low, high = max(days[beside - 1], dates[1]), min(days[-beside], dates[-2])
    count = CANDIDATES if series.kind == "all" or len(days) <= 70 else CANDIDATES // 2
    return np.linspace(low, max(low, high), count)


def regimes_for(series: Series, break_days: Sequence[float] = ()) -> list[Regime]:
    """All regimes of a series; with given breaks those at their dates come first."""
    dates = tuple(unknown_dates(series))
    found = [Regime("constant", "constant rate")]
    found += [kink_at(day, number) for number, day in enumerate(
        break_days, start=0 if len(break_days) == 1 else 1)]
    if len(break_days) > 1:
        found.append(Regime("kinks_given", "rate changes at each given date",
                            Kinks(len(break_days), given=True), tuple(break_days)))
    jumps = tuple(break_days) or (tuple(between(series.days)) if series.kind == "all" else dates)
    return [
        *found,
        Regime("kink_unknown", "rate changes at an unknown date", Kink(), dates, True),
        Regime("kinks_unknown", "rate changes at two unknown dates", Kinks(), dates, True),
        Regime("step", "level jumps at " + ("an unknown date" if not break_days else
               "the given date" if len(break_days) == 1 else "a given date"),
               Jump(), jumps, not break_days),
        Regime("quadratic", "rate changes evenly throughout", Bend()),
        Regime("logistic", "rate turns from one value to another", Turn(), dates[::3], True),
        Regime("walk", "rate wanders (random walk)", Walk()),
    ]


@dataclass(frozen=True, eq=False)
class Design:
    """A regime's columns at any time, as departures from the line over the fitted times.

    Attributes
    ----------
    candidates
        What the regime's shape chooses from.
    line
        Level and slope of each column's own least-squares line, (candidate, size, 2).
    """

    regime: Regime
    candidates: list[Candidate]
    line: np.ndarray
    start: float
    end: float

    @classmethod
    def of(cls, regime: Regime, units: Units, fitted: np.ndarray) -> Design:
        """Columns for points at the given standard times."""
        candidates = regime.candidates(units)
        line = np.zeros((len(candidates), regime.shape.sizes, 2))
        design = cls(regime, candidates, line, float(fitted.min()), float(fitted.max()))
        if not regime.shape.straight:
            return design
        straight = np.column_stack([np.ones_like(fitted), fitted])
        raw = design.values(fitted)
        found = np.linalg.lstsq(straight, raw.reshape(-1, len(fitted)).T, rcond=None)[0]
        return replace(design, line=found.T.reshape(line.shape))

    def values(self, time: np.ndarray) -> np.ndarray:
        """Departure of each column from its line, (candidate, size, time)."""
        raw = self._each(time, 0)
        departure = raw - self.line[..., :1] - self.line[..., 1:] * time
        # A hinge beyond the data is no column at all, and rounding must not make it one.
        return np.where(np.abs(departure) < 1e-12, 0.0, departure)

    def slopes(self, time: np.ndarray) -> np.ndarray:
        """Slope of each column's departure, (candidate, size, time)."""
        return self._each(time, 1) - self.line[..., 1:]

    @property
    def moved(self) -> np.ndarray:
        """Mean slope of each column's departure, first point to last, (candidate, size).

        A path that turns has another mean slope than the straight line closest to it. A jump
        is no slope.
        """
        if not self.regime.shape.straight:
            return np.zeros(self.line.shape[:2])
        ends = self.values(np.array([self.start, self.end]))
        return (ends[..., 1] - ends[..., 0]) / (self.end - self.start)

    @property
    def ends(self) -> np.ndarray:
        """Slopes before and after the change, (candidate, size, 2)."""
        raw = [self.regime.shape.ends(at, self.start, self.end) for at in self.candidates]
        return np.array(raw).reshape(*self.line.shape[:2], 2) - self.line[..., 1:]

    def _each(self, time: np.ndarray, part: int) -> np.ndarray:
        """Columns (part 0) or slopes (1) of every candidate."""
        shape = self.regime.shape
        return np.array([shape.columns(time, at, self.start, self.end)[part]
                         for at in self.candidates], dtype=float)


def rows_of(series: Series, units: Units) -> dict[str, np.ndarray]:
    """Rows of the likelihood.

    For records the first point only sets the standing record, every later one brings the nodes
    of the silence before it, and the last those of the silence after it. ``event`` numbers the
    point that a row belongs to; of all points the date, since those of a date come together.
    """
    days, value = units.time(series.days), units.value(series.values)
    error = series.blur / units.scale
    if series.kind == "all":
        return {"time": days, "value": value, "error": error,
                "event": np.unique(days, return_inverse=True)[1]}
    error = np.maximum(error, EXACT)
    if series.kind == "frontier":
        return {"time": days, "value": value, "error": error, "event": np.arange(len(series))}
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


def need_inside(day: float, series: Series) -> str | None:
    """Why the data cannot tell before from after a date; None where they can."""
    before = len(np.unique(series.days[series.days < day]))
    after = len(np.unique(series.days[series.days >= day]))
    if before >= 2 and after >= 2:
        return None
    side = "before" if before < after else "after"
    count = min(before, after)
    return f"only {count} date lies {side} it" if count == 1 else f"no point lies {side} it"


def kink_at(day: float, number: int = 0) -> Regime:
    """A change of rate at a known date (days since 1970), the ``number``-th of several."""
    if not number:
        return Regime("kink", "rate changes at the given date", Kink(), (day,))
    return Regime(f"kink_{number}", f"rate changes at {as_date(day)}", Kink(), (day,))


def check_breaks(dates: Sequence[str]) -> list[float]:
    """Break dates as days since 1970, ascending; InputError where one is none, or comes twice.

    Examples
    --------
    >>> check_breaks(["2023-Q1", "2022-11-30"])
    [19326.0, 19403.0]
    """
    found, problems = [], []
    for text in dates:
        try:
            found.append(float(as_days(parse_date(str(text).strip())[0])))
        except ValueError as error:
            problems.append(Problem(f"break date: {error}", given=text, allowed=DATES))
    if len(set(found)) < len(found):
        problems.append(Problem("a break date is given twice", given=", ".join(map(str, dates))))
    if problems:
        raise InputError(problems)
    return sorted(found)
