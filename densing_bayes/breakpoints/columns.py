"""A series from a table of anyone's: which columns, which scale, and what was wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.breakpoints import plausible
from densing_bayes.breakpoints.series import KINDS, Series, as_days, check
from densing_bayes.cells import until_today
from densing_bayes.errors import Problem, TableError, did_you_mean
from densing_bayes.reading import cut, parse_date, parse_number, read_cells

DATES = "YYYY-MM-DD, YYYY-MM, YYYY-Qn or YYYY"


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are the series, and how they are to be read.

    Parameters
    ----------
    date, value
        Names of columns.
    sd
        Measurement sd, on the scale ``sd_scale``: of the ``value``, or of its natural ``log``.
    low, high, prob
        A published interval of each value, in the unit of the values, and its probability.
    log
        Take natural logs. An sd s of a value v becomes that of the log-normal with this mean
        and sd, sqrt(ln(1 + (s/v)^2)).
    kind
        One of ``KINDS``. For ``records`` every value must beat all earlier ones.
    lower_is_better
        Of a frontier or of records: which side is good; None: as the trend goes.
    end
        For ``records``: the date until which no further one was seen (see `Series.watched`).
    """

    date: str = "date"
    value: str = "value"
    sd: str | None = None
    low: str | None = None
    high: str | None = None
    prob: float = 0.9
    sd_scale: str = "value"
    log: bool = False
    kind: str = "all"
    lower_is_better: bool | None = None
    end: str | None = None

    def problems(self) -> list[Problem]:
        """What is wrong with the question, before any table is read."""
        found = []
        if self.kind not in KINDS:
            found.append(Problem("kind of series", given=self.kind, allowed=", ".join(KINDS),
                                 hint=did_you_mean(self.kind, KINDS)))
        if self.sd_scale not in ("value", "log"):
            found.append(Problem("scale of the sd", given=self.sd_scale, allowed="value, log"))
        if self.sd_scale == "log" and not self.log:
            found.append(Problem("an sd on the log scale of values that are not taken to logs",
                                 allowed="--sd-scale log together with --log"))
        if (self.low is None) != (self.high is None):
            found.append(Problem("half an interval", allowed="--low and --high together"))
        if self.sd is not None and self.low is not None:
            found.append(Problem("two errors of one value", allowed="--sd, or --low and --high"))
        if not 0 < self.prob < 1:
            found.append(Problem("probability of the intervals", given=self.prob,
                                 allowed="between 0 and 1", hint="0.9 for a 90% interval"))
        if self.lower_is_better is not None and self.kind == "all":
            found.append(Problem("all points about a trend have no good side",
                                 allowed="--lower-is-better with --frontier or --records"))
        if self.end is not None and self.kind != "records":
            found.append(Problem("only a list of records has an end of its silence",
                                 given=self.end, allowed="--until together with --records"))
        return found


def read_series(path: str | Path, columns: Columns) -> Series:
    """A series from a CSV file.

    Raises
    ------
    TableError
        With every problem: file, row and column of each.
    """
    raw = read_cells(Path(path))
    if raw.frame is None:
        raise TableError([*columns.problems(), *raw.problems])
    return series_from(raw.frame, columns, file=raw.file, problems=raw.problems)


def series_from(frame: pd.DataFrame, columns: Columns, *, file: str | None = None,
                problems: list[Problem] | None = None) -> Series:
    """A series from a table whose index numbers its rows.

    Rows that repeat another in every cell are counted once, and rows without a date or a value
    are left out; the series' notes say which.

    Parameters
    ----------
    frame
        Cells as text, or dates and numbers.
    file, problems
        Where the table came from, and what was wrong there already.

    Raises
    ------
    TableError
        With every problem.
    """
    found = [*columns.problems(), *(problems or [])]
    wanted = {part: name for part in ("date", "value", "sd", "low", "high")
              if (name := getattr(columns, part)) is not None}
    for part, name in wanted.items():
        if name not in frame.columns:
            found.append(Problem("no such column", file=file, given=name,
                                 allowed=", ".join(map(str, frame.columns)),
                                 hint=did_you_mean(name, frame.columns) or f"--{part} NAME"))
    if any(name not in frame.columns for name in wanted.values()):
        raise TableError(found)
    notes: list[str] = []
    frame = _without_repeats(frame, notes)
    frame = _without_blanks(frame, columns, notes)
    cells: dict[str, np.ndarray] = {}
    for part, name in wanted.items():
        read = _date if part == "date" else _number
        out = np.full((len(frame), 2 if part == "date" else 1), np.nan)
        for place, (row, cell) in enumerate(frame[name].items()):
            if part not in ("date", "value") and _blank(cell):
                continue  # filled in below
            try:
                out[place] = read(cell)
            except ValueError as error:
                found.append(Problem(str(error), file=file, row=int(row), column=name,
                                     given=cut(str(cell)),
                                     allowed=DATES if part == "date" else "a finite number"))
        cells[part] = out
    if found:
        raise TableError(found)
    return _made(frame, columns, cells, notes, file)


def _made(frame: pd.DataFrame, columns: Columns, cells: dict[str, np.ndarray], notes: list[str],
          file: str | None) -> Series:
    """The series of cells that could be read."""
    found: list[Problem] = []

    def bad(where: np.ndarray, what: str, part: str, allowed: str, hint: str | None = None) -> None:
        found.extend(Problem(what, file=file, row=int(frame.index[int(i)]),
                             column=getattr(columns, part),
                             given=cut(str(frame[getattr(columns, part)].iloc[i])),
                             allowed=allowed, hint=hint) for i in np.flatnonzero(where))

    days, widths = cells["date"].T
    values = cells["value"][:, 0]
    logged = [part for part in ("value", "low", "high") if columns.log and part in cells]
    for part in logged:
        bad(cells[part][:, 0] <= 0, "a value that has no logarithm", part, "above 0",
            "or leave out --log")
    if "sd" in cells:
        bad(cells["sd"][:, 0] < 0, "not a standard deviation", "sd", "0 or more",
            "0 where the value is exact")
    if "low" in cells:
        bad(cells["low"][:, 0] > values, "the interval lies above its value", "low",
            "at most the value")
        bad(cells["high"][:, 0] < values, "the interval lies below its value", "high",
            "at least the value")
    if found:
        raise TableError(found)
    with np.errstate(divide="ignore"):
        scale = np.log if columns.log else np.asarray
        errors = np.zeros(len(values))
        if "sd" in cells:
            errors = cells["sd"][:, 0]
            if columns.log and columns.sd_scale == "value":
                errors = np.sqrt(np.log1p((errors / values) ** 2))
        elif "low" in cells:
            ends = scale(cells["high"][:, 0]) - scale(cells["low"][:, 0])
            errors = ends / (2 * NormalDist().inv_cdf((1 + columns.prob) / 2))
        values = scale(values)
    for odd in plausible.impossible(days, widths, values, errors,
                                    "sd" if columns.sd is not None else "high"):
        bad(*odd)
    if found:
        raise TableError(found)
    notes.extend([*plausible.suspicious(days, values, errors), *_of_errors(errors, columns)])
    errors = np.where(np.isnan(errors), np.nanmedian(np.append(errors, np.nan))
                      if np.isfinite(errors).any() else 0.0, errors)
    alike = int(pd.DataFrame({"day": days, "value": values}).duplicated().sum())
    if alike:
        notes.append(f"{alike} point{'s' * (alike > 1)} of the date and value of an earlier one, "
                     "in rows that differ elsewhere: kept")
    order = np.lexsort((values, days))
    rows = frame.index[order]
    dates = days.astype("datetime64[D]")
    series = Series(columns.value, dates[order], values[order], errors[order],
                    np.zeros((len(order), 0)), columns.log, columns.kind,
                    widths=widths[order] if widths.any() else None,
                    lower_is_better=columns.lower_is_better, notes=tuple(notes))
    wrong = check(series, file)
    if columns.kind == "records" and not wrong:
        series, rows = _one_a_day(series, rows)
        wrong = check(series, file) or _check_records(series, rows, file, columns.value)
    if columns.end is not None and not wrong:
        series, wrong = _watched(series, columns.end)
    if wrong:
        raise TableError(wrong)
    return series


def _without_repeats(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The table without rows that repeat another in every cell."""
    again = frame.duplicated()
    if again.any():
        rows = frame.index[again]
        notes.append(f"{_rows(rows)} {'repeats' if len(rows) == 1 else 'repeat'} an earlier row "
                     "in every cell: counted once")
    return frame[~again]


def _without_blanks(frame: pd.DataFrame, columns: Columns, notes: list[str]) -> pd.DataFrame:
    """The table without rows that have no date or no value."""
    blank = np.array([any(_blank(cell) for cell in cells) for cells in
                      frame[[columns.date, columns.value]].itertuples(index=False)], dtype=bool)
    if blank.any():
        notes.append(f"{_rows(frame.index[blank])} without a date or a value: left out")
    return frame[~blank]


def _rows(rows: Any) -> str:
    """Rows in words, the first few of many."""
    some = ", ".join(str(row) for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"row{'s' * (len(rows) > 1)} {some}{more}"


def _of_errors(errors: np.ndarray, columns: Columns) -> list[str]:
    """How large the errors were read to be, and where they are unknown."""
    if (columns.sd is None and columns.low is None) or not np.isfinite(errors).any():
        return []
    typical = float(np.nanmedian(errors))
    if columns.log:
        said = f"a median of {typical:.2g} in natural logs, about {np.expm1(typical):.0%}"
    else:
        said = f"a median sd of {typical:.2g}"
    source = (f"'{columns.sd}' is read as an sd on the scale of the "
              f"{'logs' if columns.sd_scale == 'log' else 'values'}" if columns.sd is not None else
              f"'{columns.low}' to '{columns.high}' is read as a {columns.prob:.0%} interval")
    found = [f"{source}: {said}"]
    missing = int(np.isnan(errors).sum())
    if missing:
        found.append(f"{missing} point{'s' * (missing > 1)} without an error of measurement: "
                     "given the median of the others")
    return found


def _one_a_day(series: Series, rows: Any) -> tuple[Series, Any]:
    """The best record of each date: which of a day's came first is not known."""
    sign = -1.0 if series.falls else 1.0
    best = [max(np.flatnonzero(series.dates == date), key=lambda i: sign * series.values[i])
            for date in np.unique(series.dates)]
    left = sorted(set(range(len(series))) - set(best))
    if not left:
        return series, rows
    note = f"{_rows(sorted(rows[left]))} share a date with a better record: left out"
    return replace(series.at(np.array(best)), notes=(*series.notes, note)), rows[best]


def _check_records(series: Series, rows: Any, file: str | None, column: str) -> list[Problem]:
    """One problem per point that does not beat the one before it."""
    step = np.diff(series.values)
    cells = np.exp(series.values) if series.log else series.values
    return [
        Problem("not a record", file=file, row=int(rows[i + 1]), column=column,
                given=f"{cells[i + 1]:g}",
                allowed=f"{'below' if series.falls else 'above'} the earlier {cells[i]:g}",
                hint="give every point with --all, or leave this row out")
        for i in np.flatnonzero(step >= 0 if series.falls else step <= 0)
    ]


def _watched(series: Series, end: str) -> tuple[Series, list[Problem]]:
    """Records that were watched until a date."""
    try:
        day = np.datetime64(parse_date(str(end).strip())[0], "D")
    except ValueError:
        day = None
    if day is None or day < series.dates[-1]:
        return series, [Problem("date until which no further record was seen", given=end,
                                allowed=f"YYYY-MM-DD, {series.dates[-1]} or later")]
    return replace(series, end=day), []


def _blank(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    return not cell.strip() if isinstance(cell, str) else bool(pd.isna(cell))


def _date(cell: Any) -> tuple[float, float]:
    """Day since 1970 and width of a cell; ValueError with what is wrong."""
    if isinstance(cell, str | int) or (isinstance(cell, float) and cell == round(cell)):
        day, width = until_today(*parse_date(
            str(cell if isinstance(cell, str) else int(cell)).strip()))
        return float(as_days(day)), float(width)
    stamp: Any = pd.to_datetime(cell, errors="coerce") if not isinstance(cell, float) else pd.NaT
    if stamp is pd.NaT:
        raise ValueError("not an ISO date")
    return float(as_days(np.datetime64(stamp, "D"))), 0.0


def _number(cell: Any) -> float:
    """The number of a cell; ValueError with what is wrong."""
    return parse_number(cell.strip() if isinstance(cell, str) else str(float(cell)))
