"""What a reader gives: rows of the contract's columns, and what it left, by reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class Rows:
    """Rows by table, as a reader finds them; values are numbers or text, unknown is missing.

    ``benchmark`` of a score is what the source calls it; `densing_bayes.importing.known` knows
    the usual names. Columns of ``models`` found in several files are joined by name.

    Parameters
    ----------
    models, scores, prices, series
        Rows of these tables.
    left
        What was not taken: reason -> how often.
    hand
        What a person should look at.
    read
        Reader -> files that it read.
    """

    models: list[Row] = field(default_factory=list)
    scores: list[Row] = field(default_factory=list)
    prices: list[Row] = field(default_factory=list)
    series: list[Row] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    hand: list[str] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)

    def add(self, other: Rows) -> None:
        """Append the rows of another."""
        for name in ("models", "scores", "prices", "series", "hand"):
            getattr(self, name).extend(getattr(other, name))
        self.left.update(other.left)
        self.read.update(other.read)


def number(value: Any) -> float | None:
    """A finite number from a cell of an export, or None; a percent sign is a hundredth.

    Examples
    --------
    >>> number("0.5"), number("N/A"), number(True), number("1,319"), number(float("nan"))
    (0.5, None, None, 1319.0, None)
    >>> number("97.5%")
    0.975
    """
    if value is None or isinstance(value, bool):
        return None
    said = value.strip() if isinstance(value, str) else value
    percent = isinstance(said, str) and said.endswith("%")
    try:
        found = float(said.rstrip("% ").replace(",", "") if isinstance(said, str) else said)
    except (TypeError, ValueError):
        return None
    found /= 100 if percent else 1
    return found if abs(found) < float("inf") else None


def text(value: Any, longest: int = 200) -> str:
    r"""A cell as printable text on one line; '' for what is missing.

    Examples
    --------
    >>> text("  a\nb "), text(None), text(float("nan")), text(3.0)
    ('a b', '', '', '3')
    """
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, dict | list):
        return ""
    said = "".join(c if c.isprintable() else " " for c in str(value))
    return " ".join(said.split())[:longest]


def day(value: Any) -> str:
    """A date of an export as the contract writes it, or ''.

    Seconds since 1970, ISO dates and times, and months in words are understood; a date with
    slashes only where day and month cannot be confused.

    Examples
    --------
    >>> day("2024-05-11T10:00:00Z"), day(1715421600), day("Jul/2023"), day("2023-Q4")
    ('2024-05-11', '2024-05-11', '2023-07', '2023-Q4')
    >>> day("25/12/2023"), day("05/06/2023")
    ('2023-12-25', '')
    """
    import datetime
    import re

    seconds = number(value)
    if seconds is not None and 1e9 < seconds < 4e9:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()
    said = text(value, 60)
    if isinstance(value, datetime.date):
        return value.isoformat()[:10]
    found = re.match(r"(\d{4}-\d\d-\d\d)", said)
    if found:
        return found[1]
    if re.fullmatch(r"\d{4}(-\d\d|-Q[1-4])?", said):
        return said
    if re.fullmatch(r"\d{4}\.0", said):  # a year that a spreadsheet made a number
        return said[:4]
    for form, short in (("%b/%Y", 7), ("%B/%Y", 7), ("%b %Y", 7), ("%B %Y", 7), ("%d %b %Y", 10),
                        ("%d %B %Y", 10), ("%b %d, %Y", 10), ("%B %d, %Y", 10), ("%Y/%m/%d", 10),
                        ("%Y%m%d", 10)):
        try:
            return datetime.datetime.strptime(said, form).date().isoformat()[:short]
        except ValueError:
            continue
    found = re.fullmatch(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})", said)
    if found:
        a, b, year = map(int, found.groups())
        first = (a, b) if a > 12 >= b else (b, a) if b > 12 >= a else None
        if first:
            try:
                return datetime.date(year, first[1], first[0]).isoformat()
            except ValueError:
                return ""
    return ""
