"""A series of one capability in time, and the series that posterior draws make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date as Date
from typing import Any

import numpy as np

from densing_bayes.errors import Problem, TableError

FEWEST = 6  # a level, a rate, a change of rate, its date and a scale want more points than names
KINDS = ("all", "frontier", "records")
SHARED = 4  # directions of measurement error that points share


@dataclass(frozen=True, eq=False)
class Series:
    """Points of a series in the scale of analysis, in the order of their dates.

    Parameters
    ----------
    name
        What the values are, e.g. ``p50 horizon``.
    dates
        datetime64[D], ascending.
    values
        On the scale of the trend; natural logs when ``log``.
    errors
        Measurement sd of each value, same scale; zeros when none is known.
    shared
        Directions of measurement error that points have in common, (point, direction): the
        covariance of the errors is ``diag(errors^2) + shared shared'``. The series does not
        correct these (see `densing_bayes.breakpoints.fits.carry`).
    log
        Whether ``values`` are natural logs, so that a rate has a doubling time.
    kind
        ``all`` points of a trend, ``all`` points below a ``frontier``, or ``records`` only.
    labels
        Name of each point, or ''.
    end
        Of records: the date until which no further one was seen, if known.
    widths
        Days within which each date may lie: 0 of a day, 365 of a year. None: all are days.
    lower_is_better
        Of a frontier or of records: which side is good. None: the side to which the trend goes.
    notes
        What a reader should know of how the points were read.
    """

    name: str
    dates: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    shared: np.ndarray
    log: bool = True
    kind: str = "all"
    labels: tuple[str, ...] = field(default=())
    end: np.datetime64 | None = None
    widths: np.ndarray | None = None
    lower_is_better: bool | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.values)

    @property
    def days(self) -> np.ndarray:
        """Dates as days since 1970-01-01."""
        return as_days(self.dates)

    @property
    def falls(self) -> bool:
        """Whether low values are the good ones, as told or by the sign of the trend."""
        if self.lower_is_better is not None:
            return self.lower_is_better
        if self.kind == "records":
            return bool(self.values[-1] < self.values[0])
        return bool(self._slope < 0)

    @property
    def _slope(self) -> float:
        """Least-squares slope per day."""
        days = self.days - self.days.mean()
        return float(days @ self.values / (days @ days))

    @property
    def blur(self) -> np.ndarray:
        """Sd of each point about its trend before any scatter: of its value and of its date.

        A date that is uniform on a width moves the value by the slope times width / sqrt(12).
        """
        if self.widths is None:
            return self.errors
        return np.hypot(self.errors, self._slope * self.widths / np.sqrt(12))

    @property
    def watched(self) -> float:
        """Of records: the day to which the silence after the last one is known, or supposed.

        A list that ends with a record says nothing of the silence after it, and without growth
        that silence is long. Where no ``end`` is known the next record is taken to be just due:
        the mean gap after the last.
        """
        if self.end is not None:
            return float(as_days(self.end))
        return float(self.days[-1] + np.ptp(self.days) / max(len(self) - 1, 1))

    def until(self, count: int) -> Series:
        """The first ``count`` points: what was known when the last of them was published."""
        if count >= len(self):
            return self
        return replace(self.at(np.arange(count)), end=self.dates[count - 1])

    def at(self, points: Any) -> Series:
        """Some of the points."""
        labels = tuple(np.asarray(self.labels)[points]) if self.labels else ()
        widths = None if self.widths is None else self.widths[points]
        return replace(self, dates=self.dates[points], values=self.values[points],
                       errors=self.errors[points], shared=self.shared[points], labels=labels,
                       widths=widths)


def as_days(dates: Any) -> np.ndarray:
    """Dates as days since 1970-01-01.

    Examples
    --------
    >>> float(as_days("1970-01-11"))
    10.0
    """
    return np.asarray(dates, dtype="datetime64[D]").astype(float)


def as_date(days: float) -> Date:
    """The calendar date of a number of days since 1970-01-01."""
    return np.datetime64(round(float(days)), "D").astype(object)


def check(series: Series, file: str | None = None) -> list[Problem]:
    """Why a trend cannot be drawn through the series at all."""
    problems = []
    if len(series) < FEWEST:
        problems.append(Problem("too few points", file=file, given=len(series),
                                allowed=f"{FEWEST} or more"))
    elif len(np.unique(series.dates)) < 4:
        problems.append(Problem("too few different dates", file=file,
                                given=len(np.unique(series.dates)), allowed="4 or more",
                                hint="a change of rate needs two dates on either side"))
    elif np.ptp(series.values) == 0:
        problems.append(Problem("all values are equal", file=file, given=series.values[0],
                                hint="there is no scatter to judge a rate by"))
    elif not 1e-100 < np.abs(series.values - series.values[0]).max() < 1e100:
        problems.append(Problem("values too far apart, or too close, for their squares",
                                file=file, given=f"{np.ptp(series.values):g}",
                                allowed="a range between 1e-100 and 1e100",
                                hint="use another unit, or take logarithms (--log)"))
    return problems


def density_series(log_density: Any, dates: Mapping[str, Any], *, kind: str = "frontier",
                   name: str = "density") -> Series:
    """A series from posterior draws of log densities, with the errors that models share.

    The models' errors are correlated: all are read off one ruler, and an error of the ruler
    stretches them together. The draws' correlation is split into its ``SHARED`` largest
    directions and a diagonal rest (of the correlation, not the covariance: else the directions
    would go to the few models that are measured worst).

    Parameters
    ----------
    log_density
        DataArray of draws with dims chain, draw, model (ln density).
    dates
        Date of each model in the series; models without a date here are left out.
    kind
        By default all models below a frontier.

    Notes
    -----
    The draws come from a fit with its own prior on growth. Scores pin a model's density far
    better than that prior does, so little of it is counted twice; a density that only the prior
    places (a score at chance or at the ceiling) should be left out.
    """
    known = [str(model) for model in log_density["model"].values if str(model) in dates]
    draws = log_density.stack(sample=("chain", "draw")).sel(model=known)
    draws = draws.transpose("sample", "model").to_numpy()
    day = np.array([dates[model] for model in known], dtype="datetime64[D]")
    order = np.lexsort((draws.mean(axis=0), day))
    draws = draws[:, order]
    spread = draws.std(axis=0, ddof=1)
    size, direction = np.linalg.eigh(np.corrcoef(draws, rowvar=False))
    keep = np.argsort(size)[::-1][:SHARED]
    shared = spread[:, None] * direction[:, keep] * np.sqrt(np.maximum(size[keep], 0))
    rest = spread**2 - (shared**2).sum(axis=1)
    series = Series(name, day[order], draws.mean(axis=0), np.sqrt(np.maximum(rest, 0)), shared,
                    True, kind, tuple(known[i] for i in order))
    problems = check(series)
    if problems:
        raise TableError(problems)
    return series
