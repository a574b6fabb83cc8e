"""The report: what a section is, and how sections become a page, a PDF and tables.

A section producer (``densing_bayes/sections/*.py``) returns a `Section` of plain values; only
this module knows HTML, Typst, CSV and JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table of a report: printed with ``formats``, written to CSV in full precision.

    Parameters
    ----------
    key
        Slug: name of the CSV file and anchor in the page; unique in a report.
    caption
        One sentence; names the interval's probability and kind where there is one.
    frame
        pandas DataFrame with human column names that carry units.
    formats
        Format string per column, e.g. ``{"density (1)": "{:.2f}"}``.
    note
        Small print below the table.
    """

    key: str
    caption: str
    frame: Any
    formats: dict[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure of a report: drawn once as SVG, used by page, PDF and figures folder.

    Parameters
    ----------
    key
        Slug: name of the SVG file and anchor in the page; unique in a report.
    caption, alt
        What is shown; and what a reader who cannot see it must know.
    draw
        Draws on the given empty matplotlib Figure.
    width, height
        Inches.
    """

    key: str
    caption: str
    alt: str
    draw: Callable[[Any], None]
    width: float = 7.0
    height: float = 4.0


@dataclass(frozen=True)
class Section:
    """A section of a report: paragraphs of plain text, tables, pictures, and its summary.

    ``summary`` is merged into summary.json.
    """

    key: str
    title: str
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
