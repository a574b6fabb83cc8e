"""Windows of time over which growth is averaged, by name or by two dates."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import InputError, Problem
from densing_bayes.observations import ORIGIN
from densing_bayes.trends import DAYS_PER_YEAR

ALLOWED = "since-llama-1, paper-window, last-N-months, or FROM:TO in dates YYYY-MM-DD"
PAPER = ("2023-02-24", "2025-04-30")  # of the paper in Nature Machine Intelligence
NAMES = ("since-llama-1", "paper-window", "last-24-months", "last-12-months")


@dataclass(frozen=True)
class Window:
    """A window of time: name, first and last day."""

    name: str
    start: dt.date
    end: dt.date

    @property
    def years(self) -> tuple[float, float]:
        """Its ends in years since `ORIGIN`."""
        first, last = years_since([self.start, self.end])
        return float(first), float(last)

    def to_dict(self) -> dict[str, str]:
        """Name and days, for JSON."""
        return {"name": self.name, "from": str(self.start), "to": str(self.end)}


def years_since(dates: Any) -> Any:
    """Years since LLaMA-1's release (`ORIGIN`) of a date or an array of dates.

    Examples
    --------
    >>> round(float(years_since("2025-02-23")), 3)
    1.999
    """
    days = np.asarray(dates, "datetime64[D]") - np.datetime64(ORIGIN)
    return days.astype(float) / DAYS_PER_YEAR


def window_of(asked: str | tuple[Any, Any], newest: Any) -> Window:
    """The window that is asked for.

    Parameters
    ----------
    asked
        ``"since-llama-1"``, ``"paper-window"``, ``"last-12-months"`` (any number),
        ``"2024-01-01:2025-04-30"``, or two dates.
    newest
        Release date of the newest model: where "last" ends.

    Examples
    --------
    >>> window_of("last-12-months", "2025-12-05").to_dict()
    {'name': 'last-12-months', 'from': '2024-12-05', 'to': '2025-12-05'}
    >>> window_of(("2024-01-01", "2025-04-30"), "2025-12-05").name
    '2024-01-01:2025-04-30'
    """
    last = pd.Timestamp(newest).date()
    if isinstance(asked, str):
        if asked in ("since-llama-1", "paper-window"):
            first = dt.date.fromisoformat(ORIGIN)
            end = min(last, dt.date.fromisoformat(PAPER[1])) if asked == "paper-window" else last
            return Window(asked, first, end)
        months = re.fullmatch(r"last-(\d{1,3})-months?", asked)
        if months and int(months[1]):
            start = pd.Timestamp(last) - pd.DateOffset(months=int(months[1]))
            return Window(asked, start.date(), last)
        parts: list[Any] = asked.split(":")
    else:
        parts = list(asked)
    try:
        first, last = (one if isinstance(one, dt.date) else dt.date.fromisoformat(str(one))
                       for one in parts)
    except ValueError:
        raise InputError(Problem("not a window of time", given=str(asked)[:80], allowed=ALLOWED)
                         ) from None
    if first >= last:
        raise InputError(Problem("a window ends after it begins", given=f"{first}:{last}",
                                 allowed=ALLOWED))
    return Window(f"{first}:{last}", first, last)
