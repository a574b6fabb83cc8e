"""What cannot be meant in a series, and what is suspicious in it, before anything is computed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import numpy as np

from densing_bayes.cells import today

EARLIEST = "1800-01-01"
ALONE = 10  # spans of the other dates, and years, by which a date that is alone lies apart
FAR = 1e4  # median distances from the middle: a value of another kind
IDLE, SQUARES = 100.0, 1e6  # errors, in ranges of the values: say nothing; leave doubles' reach
QUARTER = 90  # days

Odd = tuple[np.ndarray, str, str, str, str | None]  # where, what, column, allowed, hint


def impossible(days: np.ndarray, widths: np.ndarray, values: np.ndarray, errors: np.ndarray,
               error_column: str) -> Iterator[Odd]:
    """Points that are refused.

    Parameters
    ----------
    days, widths
        Days since 1970 and their widths, (point,).
    values, errors
        On the scale of the trend, (point,); an error may be NaN, unknown.
    error_column
        Where the errors were read: ``sd``, or ``high`` of an interval.

    Yields
    ------
    tuple
        A mask of points, what is wrong with them, in which of the series' columns, what is
        allowed, and a hint.
    """
    first = float(np.datetime64(EARLIEST, "D").astype(float))
    last = float(np.datetime64(today() + datetime.timedelta(days=1), "D").astype(float))
    allowed = f"a date from {EARLIEST} to tomorrow"
    outside = (days + widths / 2 < first) | (days - widths / 2 > last)
    yield (far_off(values), f"a value {FAR:,.0f} times as far from the middle as the others are",
           "value", "values of one kind", "a slip of units, or --log? else leave the row out")
    yield days - widths / 2 > last, "a date that has not come yet", "date", allowed, None
    yield days + widths / 2 < first, "a date before there was anything to count", "date", allowed, (
        "a slip in the year?")
    alone, years = apart(days)
    yield (alone & ~outside, f"{years:.0f} years from all other dates: the trend would be a line "
           "through this one date", "date", f"within {ALONE} times the others' span",
           "a slip in the year? else leave the row out")
    reach = np.ptp(values) if len(values) else 0.0
    yield (errors > max(SQUARES * reach, np.finfo(float).tiny),
           "an error a million times the range of all values", error_column,
           "an error in the unit of the values", "leave it empty where it is unknown")


def far_off(values: np.ndarray) -> np.ndarray:
    """Values out of all proportion to the others, as they stand and, where they can be, in logs.

    Examples
    --------
    >>> far_off(np.array([0.1, 0.3, 0.2, 0.5, 1e9])), far_off(2.0 ** np.arange(60)).any()
    (array([False, False, False, False,  True]), np.False_)
    """
    def distances(of: np.ndarray) -> np.ndarray:
        off = np.abs(of - np.median(of))
        return off / max(float(np.median(off)), np.finfo(float).tiny ** 0.5)

    with np.errstate(over="ignore"):
        far = distances(values) > FAR if np.median(np.abs(values - np.median(values))) else (
            np.zeros(len(values), bool))
    if far.any() and (values > 0).all():
        far &= distances(np.log(values)) > 20  # growth over many doublings is no slip
    return far


def apart(days: np.ndarray) -> tuple[np.ndarray, float]:
    """A lone date on either end that lies far beyond the others, and by how many years.

    Examples
    --------
    >>> where, years = apart(np.array([-42000.0, 19000, 19100, 19200, 19300]))
    >>> where, round(years)
    (array([ True, False, False, False, False]), 167)
    """
    dates = np.unique(days)
    for end, gap, rest in ((dates[:1], np.diff(dates[:2]), dates[1:]),
                           (dates[-1:], np.diff(dates[-2:]), dates[:-1])):
        if len(dates) > 3 and gap[0] > ALONE * max(np.ptp(rest), 365.25):
            return days == end[0], float(gap[0]) / 365.25
    return np.zeros(len(days), bool), 0.0


def suspicious(days: np.ndarray, values: np.ndarray, errors: np.ndarray) -> list[str]:
    """What a reader should know of points that are taken all the same, in words."""
    found = []
    idle = int((errors > IDLE * np.ptp(values)).sum())
    if idle:
        found.append(f"{idle} of {len(errors)} errors of measurement are more than a hundred times "
                     "the range of all values, so these points say nothing: in another unit?")
    span = float(np.ptp(days))
    if span < QUARTER:
        found.append(f"all dates lie within {span:.0f} days: growth can hardly be seen in less "
                     "than a quarter, and its rates per year are extrapolated")
    return found
