"""House style, and how a picture becomes an SVG.

Text stays text in the SVG (small, searchable, scaled by the reader's browser); it is measured
with DejaVu Sans, which matplotlib ships, so that layout does not depend on the machine.
"""

from __future__ import annotations

import io
import re
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from densing_bayes.figures.parts import log_axis
from densing_bayes.outputs import clean
from densing_bayes.shelf import shelf

INK, MUTED, PALE = "#1b2733", "#5b6770", "#c9d1d6"
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"


def style(salt: str = "densing") -> AbstractContextManager[None]:
    """Context in which matplotlib draws in house style; ``salt`` fixes the ids of an SVG."""
    params = matplotlib.rc_params_from_file(
        shelf("reports/templates") / "house.mplstyle", use_default_template=False)
    return matplotlib.rc_context({**matplotlib.rcParamsDefault, **params, "svg.hashsalt": salt,
                                  "backend": "agg"})


def draw(picture: Any, on: Figure | None = None) -> Figure:
    """The picture drawn in house style (see `densing_bayes.reports.Picture`).

    On a figure that is given, or on a new one.
    """
    with style(picture.key), _missing_glyphs_are_fine():
        fig = Figure(figsize=(picture.width, picture.height)) if on is None else on
        if on is None:
            FigureCanvasAgg(fig)
        picture.draw(fig)
        for ax in fig.axes:  # mathtext is off: default log labels would show their markup
            for axis in (ax.xaxis, ax.yaxis):
                if isinstance(axis.get_major_formatter(), LogFormatter):
                    log_axis(ax, axis.axis_name)
    return fig


def svg(picture: Any) -> str:
    """The picture as SVG text: the same text for the same picture, no scripts, no links."""
    fig = draw(picture)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with style(picture.key), _missing_glyphs_are_fine():
        fig.savefig(buffer, format="svg", metadata=nothing)
    text = re.sub(r"<!DOCTYPE[^>]*>\s*", "", buffer.getvalue(), count=1)
    return clean(text)


def save_png(picture: Any, path: Path, dpi: int = 100) -> None:
    """The picture as PNG, to look at it while writing a section."""
    fig = draw(picture)
    with style(picture.key), _missing_glyphs_are_fine():
        fig.savefig(path, dpi=dpi)


class _missing_glyphs_are_fine(warnings.catch_warnings):
    """A name in a script that DejaVu lacks is drawn by the reader's own fonts."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.filterwarnings("ignore", message=r"(Glyph|Matplotlib currently does not).*")
        return entered
