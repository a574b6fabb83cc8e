"""A series of one capability in time: read from a table, or made from posterior draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date as Date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import Problem, TableError, did_you_mean
from densing_bayes.reading import cut, read_cells

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
        correct these (see `densing_bayes.regimes.fits.carry`).
    log
        Whether ``values`` are natural logs, so that a rate has a doubling time.
    kind
        ``all`` points of a trend, ``all`` points below a ``frontier``, or ``records`` only.
    labels
        Name of each point, or ''.
    end
        Of records: the date until which no further one was seen, if known.
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

    def __len__(self) -> int:
        return len(self.values)

    @property
    def days(self) -> np.ndarray:
        """Dates as days since 1970-01-01."""
        return as_days(self.dates)

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
        return replace(self, dates=self.dates[points], values=self.values[points],
                       errors=self.errors[points], shared=self.shared[points], labels=labels)


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


def parse_day(text: str) -> np.datetime64 | None:
    """A day from ISO text, or None: 2023-02-24, and 2023-02 as the middle of the month.

    Examples
    --------
    >>> parse_day("2023-02"), parse_day("24.2.2023")
    (np.datetime64('2023-02-15'), None)
    """
    text = text.strip()
    if len(text) not in (7, 10) and "T" not in text and " " not in text:
        return None
    try:
        if len(text) == 7:
            return np.datetime64(Date.fromisoformat(f"{text}-15"), "D")
        return np.datetime64(Date.fromisoformat(text[:10]), "D")
    except ValueError:
        return None


def read_series(path: str | Path, *, date: str, value: str, sd: str | None = None,
                log: bool = False, kind: str = "all", end: str | None = None) -> Series:
    """A series from a CSV file.

    Raises
    ------
    TableError
        With every problem: file, row and column of each.
    """
    raw = read_cells(Path(path))
    if raw.frame is None:
        raise TableError(raw.problems)
    return series_from(raw.frame, date=date, value=value, sd=sd, log=log, kind=kind,
                       end=end, file=raw.file, problems=raw.problems)


def series_from(frame: pd.DataFrame, *, date: str, value: str, sd: str | None = None,
                log: bool = False, kind: str = "all", end: str | None = None,
                file: str | None = None, problems: list[Problem] | None = None) -> Series:
    """A series from a table whose index numbers its rows.

    Parameters
    ----------
    frame
        Cells as text, or dates and numbers.
    date, value, sd
        Names of columns; ``sd`` is the measurement sd in the unit of ``value``.
    log
        Take natural logs. An sd s of a value v becomes that of the log-normal with this mean
        and sd, sqrt(ln(1 + (s/v)^2)).
    kind
        One of ``KINDS``. For ``records`` every value must beat all earlier ones, upwards or
        (prices) downwards.
    end
        For ``records``: the date until which no further one was seen (see `Series.watched`).
    file, problems
        Where the table came from, and what was wrong there already.

    Raises
    ------
    TableError
        With every problem.
    """
    found = list(problems or [])
    if kind not in KINDS:
        raise TableError(Problem("kind of series", given=kind, allowed=", ".join(KINDS),
                                 hint=did_you_mean(kind, KINDS)))
    wanted = [name for name in (date, value, sd) if name is not None]
    for name in wanted:
        if name not in frame.columns:
            found.append(Problem("no such column", file=file, given=name,
                                 allowed=", ".join(map(str, frame.columns)),
                                 hint=did_you_mean(name, frame.columns)))
    if any(name not in frame.columns for name in wanted):
        raise TableError(found)

    days = [_day(cell) for cell in frame[date]]
    numbers = _numbers(frame[value])
    errors = _numbers(frame[sd]) if sd else np.zeros(len(frame))
    for row, day, number, error, cells in zip(
            frame.index, days, numbers, errors, frame[wanted].itertuples(index=False), strict=True):
        def bad(what: str, column: str, allowed: str, hint: str | None = None,
                row: Any = row, cells: Any = cells) -> None:
            given = cells[wanted.index(column)]
            found.append(Problem(what, file=file, row=int(row), column=column,
                                 given=cut(str(given)), allowed=allowed, hint=hint))

        if day is None:
            bad("not a date", date, "YYYY-MM-DD or YYYY-MM")
        if not np.isfinite(number):
            bad("not a number", value, "a finite number")
        elif log and number <= 0:
            bad("a value that has no logarithm", value, "above 0", "or leave out --log")
        if not (np.isfinite(error) and error >= 0):
            bad("not a standard deviation", str(sd), "a finite number, 0 or more",
                "0 where the value is exact")
    if found:
        raise TableError(found)

    if log:
        errors = np.sqrt(np.log1p((errors / numbers) ** 2))
        numbers = np.log(numbers)
    dates = np.array(days, dtype="datetime64[D]")
    order = np.lexsort((numbers, dates))
    series = Series(value, dates[order], numbers[order], errors[order],
                    np.zeros((len(order), 0)), log, kind)
    wrong = check(series, file)
    if kind == "records" and not wrong:
        wrong = _check_records(series, frame.index[order], file, value)
    if end is not None and not wrong:
        day = parse_day(str(end))
        if kind != "records":
            wrong.append(Problem("only a list of records has an end of its silence", given=end,
                                 allowed="--until together with --records"))
        elif day is None or day < dates[order][-1]:
            wrong.append(Problem("date until which no further record was seen", given=end,
                                 allowed=f"YYYY-MM-DD, {dates[order][-1]} or later"))
        series = replace(series, end=day)
    if wrong:
        raise TableError(wrong)
    return series


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


def _check_records(series: Series, rows: Any, file: str | None, column: str) -> list[Problem]:
    """One problem per point that does not beat the one before it."""
    step = np.diff(series.values)
    down = series.values[-1] < series.values[0]
    cells = np.exp(series.values) if series.log else series.values
    return [
        Problem("not a record", file=file, row=int(rows[i + 1]), column=column,
                given=f"{cells[i + 1]:g}",
                allowed=f"{'below' if down else 'above'} the earlier {cells[i]:g}",
                hint="give every point with --all, or leave this row out")
        for i in np.flatnonzero(step >= 0 if down else step <= 0)
    ]


def _day(cell: Any) -> np.datetime64 | None:
    if isinstance(cell, str):
        return parse_day(cell)
    stamp = pd.to_datetime(cell, errors="coerce") if not isinstance(cell, int | float) else pd.NaT
    return None if stamp is pd.NaT else np.datetime64(stamp, "D")


def _numbers(cells: pd.Series) -> np.ndarray:
    return pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


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
