"""The report: what a section is, and how sections become a page, a PDF and tables.

A section producer (``densing_bayes/sections/*.py``) returns a `Section` of plain values; only
this module knows HTML, Typst, CSV and JSON.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import explain, faults_are_shown
from densing_bayes.outputs import WRITER, clean, csv_text, json_text, plain, whole_folder

LONGEST = 500  # rows of a table on the page and in the PDF; its CSV has all


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

    ``summary`` is merged into summary.json: dicts are merged, lists are joined. ``page`` is a
    whole HTML page of its own (an explorer), written beside the report as <key>.html.
    The first paragraph is the answer; with a picture, the others are folded below it.
    ``faults`` (what could not be drawn) never are.
    """

    key: str
    title: str
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    page: str | None = None
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Tile:
    """A small figure of the first screen: a value that is read at a glance.

    ``marks`` are (low, median, high) as shares of its width; ``target`` is the key of the
    section that has more.
    """

    label: str
    value: str
    note: str
    target: str
    marks: list[tuple[float, float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Front:
    """The first screen below the first sentences: one picture that can be touched, and tiles.

    ``data`` (plain values, see `densing_bayes.questions.timeline`) is what the page's script
    draws; ``picture`` stands where there are no scripts, and in the PDF.
    """

    picture: Picture
    data: dict[str, Any]
    tiles: list[Tile] = field(default_factory=list)


def write_report(out: Path, *, title: str, headline: list[str], sections: list[Section],
                 summary: dict[str, Any], provenance: dict[str, Any],
                 refused: str | None = None, front: Front | None = None,
                 fit_saver: Callable[[Path], None] | None = None,
                 progress: Callable[[str], None] = lambda step: None) -> Path:
    """Write the report folder, whole or not at all, and return its path.

    The folder holds index.html (one file that needs no network, nor scripts to be read),
    report.pdf, summary.json, tables/<key>.csv in full precision, figures/<key>.svg and, with a
    ``fit_saver``, fit.nc. See `densing_bayes.outputs` for what happens to a folder that is
    there already, and for infinities in summary.json.

    Parameters
    ----------
    out
        Folder; replaced when the new one is complete.
    title, headline
        Title, and the few statements that a reader takes away, each with its probability.
    sections
        In reading order.
    summary
        Of the run as a whole; the sections' summaries are merged into it.
    provenance
        Label -> value, or -> a dict of labels and values; text of several lines is set as is.
    refused
        Why the diagnostics gate refused the fit: the report is marked and its statements are
        not called results. None when it passed.
    front
        The first screen; None: the title and headline alone.
    fit_saver
        Writes the fit to the path given.
    progress
        Told the name of each step.

    Raises
    ------
    ValueError
        Where a key is no slug or is used twice, or two summaries disagree.
    InputError
        Where ``out`` cannot be replaced safely.
    """
    tables = [table for section in sections for table in section.tables]
    pictures = [picture for section in sections for picture in section.pictures]
    pictures += [front.picture] if front else []
    for kind, items in (("section", sections), ("table", tables), ("figure", pictures)):
        _check_keys(kind, [item.key for item in items])
    merged = merge(summary, *(section.summary for section in sections))
    with whole_folder(out) as folder:
        for name in ("figures", "tables"):
            (folder / name).mkdir()
        progress("drawing figures")
        sections = [_drawn(section, folder / "figures") for section in sections]
        if front and not _drawn(Section("front", "", pictures=[front.picture]),
                                folder / "figures").pictures:
            front = None
        if front:
            (folder / "figures" / f"{front.picture.key}.json").write_text(
                json_text(front.data), encoding="utf-8", errors="backslashreplace")
            from densing_bayes import figures  # an answer in words draws nothing
            figures.save_png(_card(front, headline or [title]), folder / "figures" / "card.png")
        progress("writing tables and page")
        for table in tables:
            path = folder / "tables" / f"{table.key}.csv"
            path.write_text(csv_text(table.frame), encoding="utf-8")
        from densing_bayes.pages import html_text, pdf_bytes
        said = document(title, headline, refused, sections, provenance, front)
        (folder / "index.html").write_text(html_text(said, folder), encoding="utf-8")
        for section in sections:
            if section.page is not None:
                (folder / f"{section.key}.html").write_text(section.page, encoding="utf-8")
        progress("setting the PDF")
        (folder / "report.pdf").write_bytes(pdf_bytes(said, folder))
        if fit_saver is not None:
            progress("saving the fit")
            fit_saver(folder / "fit.nc")
        files = sorted(path.relative_to(folder).as_posix()
                       for path in folder.rglob("*") if path.is_file())
        merged = merge(merged, {
            "written_by": WRITER, "title": title, "headline": headline, "refused": refused,
            "provenance": provenance, "files": [*files, "summary.json"],
        })
        (folder / "summary.json").write_text(
            json_text(merged), encoding="utf-8", errors="backslashreplace")
    return Path(out)


def _card(front: Front, headline: list[str]) -> Picture:
    """A picture to share: the first sentence above the front's picture, 1200 by 630 points."""
    def drawn(fig: Any) -> None:
        fig.suptitle(textwrap.fill(headline[0], 74), x=0.02, ha="left", fontsize=17,
                     fontweight="bold")
        front.picture.draw(fig)

    return replace(front.picture, draw=drawn, width=12.0, height=6.3)


def _drawn(section: Section, folder: Path) -> Section:
    """The section with its pictures drawn, without those that cannot be: its text names them."""
    drawn, lost = [], []
    for picture in section.pictures:
        try:
            from densing_bayes import figures
            text = figures.svg(picture)
        except Exception as error:  # what the picture shows is in the tables too
            if faults_are_shown():
                raise
            lost.append(f"The figure '{picture.caption}' could not be drawn ({explain(error)}).")
            continue
        (folder / f"{picture.key}.svg").write_text(text, encoding="utf-8")
        drawn.append(picture)
    return replace(section, pictures=drawn, faults=[*section.faults, *lost])


# -- what is said, as plain values that both templates read ----------------------------------


def document(title: str, headline: list[str], refused: str | None, sections: list[Section],
             provenance: dict[str, Any], front: Front | None = None) -> dict[str, Any]:
    """The report as JSON-able values: numbered, formatted, every string cleaned."""
    table_number, figure_number = 0, 0 if front is None else 1
    chapters = []
    for section in sections:
        chapter: dict[str, Any] = {
            "key": section.key, "title": clean(section.title),
            "text": [clean(paragraph) for paragraph in section.text],
            "faults": [clean(fault) for fault in section.faults], "pictures": [], "tables": [],
            "page": None if section.page is None else f"{section.key}.html",
        }
        for picture in section.pictures:
            figure_number += 1
            chapter["pictures"].append(_shown(picture, figure_number))
        for table in section.tables:
            table_number += 1
            chapter["tables"].append({
                "key": table.key, "number": table_number, "caption": clean(table.caption),
                "note": clean(_small_print(table)), "file": f"tables/{table.key}.csv",
                **printed(replace(table, frame=table.frame.head(LONGEST))),
            })
        chapters.append(chapter)
    return {
        "title": clean(title), "headline": [clean(line) for line in headline],
        "refused": None if refused is None else clean(refused), "sections": chapters,
        "front": front and {
            "picture": _shown(front.picture, 1), "data": _cleaned(plain(front.data)),
            "tiles": [_cleaned(vars(tile)) for tile in front.tiles]},
        "facts": [_fact(label, value) for label, value in provenance.items()],
    }


def _shown(picture: Picture, number: int) -> dict[str, Any]:
    return {"key": picture.key, "number": number, "caption": clean(picture.caption),
            "alt": clean(picture.alt), "file": f"figures/{picture.key}.svg",
            "width": picture.width, "height": picture.height}


def _cleaned(value: Any) -> Any:
    """Plain values with every string in them cleaned."""
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return clean(value) if isinstance(value, str) else value


def _small_print(table: Table) -> str:
    """A table's note, and where its further rows are when it is too long to be read."""
    if len(table.frame) <= LONGEST:
        return table.note
    return (f"{table.note} The first {LONGEST} of {len(table.frame):,} rows; "
            f"tables/{table.key}.csv has all.").strip()


def printed(table: Table) -> dict[str, Any]:
    """Columns (name, whether numeric, width in characters) and rows of printed cells."""
    columns, cells = [], []
    for position, name in enumerate(table.frame.columns):
        values = table.frame.iloc[:, position].tolist()
        column = [cell_text(value, table.formats.get(name)) for value in values]
        numeric = any(_is_number(value) for value in values) and all(
            _is_number(value) or _is_missing(value) for value in values)
        words = [len(word) for word in clean(name).split()]
        widest = max((len(cell) for cell in column), default=0)
        columns.append({"name": clean(name), "numeric": numeric,
                        "width": max([3, widest if numeric else min(widest, 30), *words])})
        cells.append(column)
    return {"columns": columns, "rows": [list(row) for row in zip(*cells, strict=True)]}


def cell_text(value: Any, spec: str | None = None) -> str:
    """A cell as printed: its format, else three significant digits; missing is a dash.

    Examples
    --------
    >>> [cell_text(x) for x in (0.012345, 1234.5, 31, 14042, float("nan"), True, "-")]
    ['0.0123', '1,234', '31', '14,042', '–', 'yes', '-']
    >>> cell_text(0.5, "{:.0%}")
    '50%'
    """
    if _is_missing(value):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, dt.date):
        return value.strftime("%Y-%m-%d")
    if not _is_number(value):
        return clean(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if spec is not None:
        return spec.format(value)
    if isinstance(value, int | np.integer):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        digits = 2 - math.floor(math.log10(abs(value))) if value else 0
        return f"{value:,.{max(digits, 0)}f}"
    return f"{value:.2e}"


def merge(*summaries: dict[str, Any]) -> dict[str, Any]:
    """One dict of several: dicts are merged, lists joined; two values for one key are refused.

    Examples
    --------
    >>> merge({"checks": [1], "growth": {"a": 1}}, {"checks": [2], "growth": {"b": 2}})
    {'checks': [1, 2], 'growth': {'a': 1, 'b': 2}}
    """
    out: dict[str, Any] = {}
    for one in summaries:
        for key, value in one.items():
            if key not in out:
                out[key] = value
            elif isinstance(value, dict) and isinstance(out[key], dict):
                out[key] = merge(out[key], value)
            elif isinstance(value, list) and isinstance(out[key], list):
                out[key] = out[key] + value
            elif out[key] != value and value == value:  # two NaN say the same: there is none
                raise ValueError(f"two values of '{key}' in the summary: {out[key]!r}, {value!r}")
    return out


# -- small checks ----------------------------------------------------------------------------


def _check_keys(kind: str, keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", key):
            raise ValueError(f"{kind} key {key!r} is no slug (a-z, 0-9, - and _)")
        if key in seen:
            raise ValueError(f"two {kind}s have the key {key!r}")
        seen.add(key)


def _is_number(value: Any) -> bool:
    return (isinstance(value, int | float | np.integer | np.floating)
            and not isinstance(value, bool) and not _is_missing(value))


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (
        isinstance(value, float | np.floating) and math.isnan(value))


def _fact(label: str, value: Any) -> dict[str, Any]:
    """One line of the provenance: text, text of several lines, or a list of its own."""
    if isinstance(value, dict):
        inner = [[clean(key), _fact_text(item)] for key, item in value.items()]
        return {"label": clean(label), "kind": "list", "items": inner, "text": ""}
    text = _fact_text(value)
    return {"label": clean(label), "kind": "block" if "\n" in text else "line", "items": [],
            "text": text}


def _fact_text(value: Any) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole else cell_text(value)  # a seed takes no thousands separators
