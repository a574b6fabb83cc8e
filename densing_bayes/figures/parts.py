"""Shared parts of figures: log and time axes, doubling-time axis, names and labels."""

from __future__ import annotations

import itertools
import math
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import (
    FixedLocator,
    Formatter,
    FuncFormatter,
    Locator,
    MaxNLocator,
    NullLocator,
)

from densing_bayes.trends import DAYS_PER_MONTH, DAYS_PER_YEAR, doubling_time

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MONTHS_PER_YEAR = DAYS_PER_YEAR / DAYS_PER_MONTH


def number(value: float) -> str:
    """A short label of a number: 0.3, 1,000, 7B, 10²¹.

    Examples
    --------
    >>> [number(x) for x in (0.125, 0.3, 1000, 7e9, 1.5e13, 1e21, 3e-7)]
    ['0.125', '0.3', '1,000', '7B', '15T', '10²¹', '3×10⁻⁷']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = abs(value)
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if unit <= size < 1e15:
            return f"{value / unit:.4g}{letter}"
    if 1e-4 <= size < 1e6:
        return f"{value:,.6g}"
    power = math.floor(math.log10(size) + 1e-9)
    front = f"{value / 10**power:.3g}"
    return ("" if front == "1" else f"{front}×") + f"10{str(power).translate(_SUPERSCRIPT)}"


class LogTicks(Locator):
    """Ticks of a log axis: round steps on a short one, powers of two, 1-3-10, then decades.

    Examples
    --------
    >>> [LogTicks().tick_values(*ends).tolist() for ends in ((0.1, 10), (0.01, 30))]
    [[0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0], [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]]
    """

    def __init__(self, most: int = 9) -> None:
        self.most = most

    def __call__(self) -> np.ndarray:
        """Ticks of the axis as it is."""
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> np.ndarray:
        """Ticks between two positive values."""
        low, high = sorted((vmin, vmax))
        if low <= 0:
            return np.array([])
        steps = MaxNLocator(self.most - 2, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        twos = 2.0 ** np.arange(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        decades = np.arange(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
        threes = np.array([float(f"{front}e{power:.0f}") for power in decades for front in (1, 3)])
        choices = [threes, *(10.0 ** decades[::step] for step in range(1, len(decades) + 1))]
        if high < 100:  # 1,024 is no rounder than 1,000
            choices.insert(0, twos)
        if high < 5 * low:
            choices.insert(0, steps)
        for ticks in choices:
            inside = ticks[(ticks >= low * 0.999) & (ticks <= high * 1.001)]
            if len(inside) <= self.most:
                return inside
        return inside


class LogLabels(Formatter):
    """Labels of `LogTicks`: where all ticks are powers of two, those below one are fractions.

    Examples
    --------
    >>> LogLabels().format_ticks([0.25, 0.5, 1]), LogLabels().format_ticks([0.3, 0.5])
    (['1/4', '1/2', '1'], ['0.3', '0.5'])
    """

    def __call__(self, value: float, position: int | None = None) -> str:
        """Label of a value on its own, such as under the cursor."""
        return number(value)

    def format_ticks(self, values: Any) -> list[str]:
        """Labels of all ticks together."""
        halves = all(math.log2(tick).is_integer() for tick in values)
        return [f"1/{round(1 / value)}" if halves and 2**-10 <= value < 1 else number(value)
                for value in values]


def log_axis(ax: Any, which: str, most: int = 9) -> None:
    """Log scale on axis ``which`` ("x" or "y") with at most ``most`` plain labels."""
    getattr(ax, f"set_{which}scale")("log")
    axis = getattr(ax, f"{which}axis")
    axis.set_major_locator(LogTicks(most))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(LogLabels())


def time_axis(ax: Any, most: int = 7) -> None:
    """Calendar ticks on the x axis (datetime64 values), few and short."""
    locator = AutoDateLocator(minticks=3, maxticks=most)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def doubling_axis(ax: Any, gap: float = 0.075) -> Any:
    """Second axis on top that reads an x axis of rates (1/year) as doubling times in months.

    Ticks stand at round months (tenths where these are fewer than two), nowhere closer than
    ``gap`` of the width; zero growth is ∞ and negative times are halving times. Call it when the
    limits of the x axis are final.
    """
    low, high = ax.get_xlim()
    round_ones = [12, 6, 24, 4, 3, 8, 48, 2, 1, 5, 10, 18, 36, 2.5, 3.5, 1.5, 7, 9, 15, 120]
    chosen: list[tuple[float, str]] = []
    for months in (round_ones, np.arange(1, 600) / 10):  # tenths where the range is narrow
        if len(chosen) >= 2:
            break
        wanted = [(0.0, "∞")] + [
            (float(doubling_time(sign * time)) * MONTHS_PER_YEAR,
             f"{sign * time:g}".replace("-", "−")) for time in months for sign in (1, -1)]
        for place, label in wanted:
            near = any(abs(place - other) < gap * (high - low) for other, _ in chosen)
            if low <= place <= high and not near:
                chosen.append((place, label))
    top = ax.secondary_xaxis("top")
    top.xaxis.set_major_locator(FixedLocator([place for place, _ in chosen]))
    labels = dict(chosen)
    top.xaxis.set_major_formatter(FuncFormatter(
        lambda value, _: labels[min(labels, key=lambda place: abs(place - value))]))
    top.set_xlabel("doubling time (months" + ("; negative: halving)" if low < 0 else ")"))
    return top


def shorten(name: Any, limit: int = 26) -> str:
    """A name for a figure: one line, printable, at most ``limit`` characters.

    Examples
    --------
    >>> shorten("a-very-long-model-name-with-a-date-20250101", 16)
    'a-very-lo…250101'
    """
    text = "".join(char for char in " ".join(str(name).split())
                   if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))
    if len(text) <= limit:
        return text
    tail = limit * 2 // 5
    return f"{text[:limit - tail - 1]}…{text[-tail:]}"


def lines(name: Any, width: int = 28) -> str:
    r"""A name for a row of a figure: whole where two lines hold it, else shortened.

    Examples
    --------
    >>> lines("Nature Machine Intelligence, public benchmarks")
    'Nature Machine Intelligence,\npublic benchmarks'
    """
    wrapped = textwrap.wrap(shorten(name, 200), width, break_long_words=False)
    if len(wrapped) <= 2 and all(len(line) <= width for line in wrapped):
        return "\n".join(wrapped)
    return shorten(name, width + 2)


def place_labels(ax: Any, x: Any, y: Any, names: Sequence[str], *, size: float = 9,
                 color: str = "#1b2733", avoid: Any = None) -> list[Any]:
    """Labels beside points, never over one another, the legend or a point.

    A label that finds no free place near its point is left out. Call it last: it settles the
    layout of the figure.

    Parameters
    ----------
    x, y
        Places in data units, most important first.
    avoid
        More points (n, 2) in data units that labels should not cover.

    Returns
    -------
    list of Annotation
        Those that were placed.
    """
    fig = ax.get_figure()
    fig.draw_without_rendering()
    x, y = (np.asarray(side, dtype=float) for side in (ax.convert_xunits(x), ax.convert_yunits(y)))
    points = ax.transData.transform(np.column_stack([x, y]))
    others = points if avoid is None else np.vstack([points, ax.transData.transform(avoid)])
    frame = ax.get_window_extent()
    taken = [] if ax.get_legend() is None else [ax.get_legend().get_window_extent().extents]
    pixel = fig.dpi / 72
    placed = []
    for (px, py), at_x, at_y, name in zip(points, x, y, names, strict=True):
        label = ax.text(0, 0, name, fontsize=size)
        extent = label.get_window_extent()
        label.remove()
        found = None
        for distance, (ux, uy) in itertools.product((5, 11, 18), _AROUND):
            left = px + ux * distance * pixel - extent.width * (1 - np.sign(ux)) / 2
            down = py + uy * distance * pixel - extent.height * (1 - np.sign(uy)) / 2
            box = (left, down, left + extent.width, down + extent.height)
            covered = ((others > box[:2]) & (others < box[2:])).all(axis=1)
            if (frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1]
                    and box[3] <= frame.y1 and not covered.any()
                    and not any(_meet(box, other) for other in taken)):
                found = box, distance
                break
        if found is None:
            continue
        box, distance = found
        taken.append((box[0] - 2 * pixel, box[1], box[2] + 2 * pixel, box[3]))
        leader = {"arrowstyle": "-", "color": color, "lw": 0.5, "shrinkA": 0, "shrinkB": 3}
        placed.append(ax.annotate(
            name, (at_x, at_y), fontsize=size, color=color, va="bottom", ha="left",
            xytext=((box[0] - px) / pixel, (box[1] - py) / pixel), textcoords="offset points",
            annotation_clip=False, arrowprops=leader if distance > 11 else None, in_layout=False,
            bbox={"facecolor": "white", "alpha": 0.65, "linewidth": 0, "pad": 0.5},
        ))
    return placed


# directions in order of preference, as offsets: up and left first, where a rising frontier is free
_AROUND = [(-0.7, 0.7), (0, 1), (-1, 0), (1, 0), (0.7, -0.7), (0, -1), (0.7, 0.7), (-0.7, -0.7)]


def _meet(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def doubling_side(ax: Any, gap: float = 0.09) -> Any:
    """Second axis on the right that reads a y axis of rates (1/year) as doubling times in months.

    Ticks stand at round months, nowhere closer than ``gap`` of the height; zero growth is ∞ and
    negative times are halving times.
    """
    low, high = ax.get_ylim()
    months = [12, 6, 24, 4, 3, 8, 48, 2, 1, 5, 10, 18, 36, 2.5, 1.5, 0.5, 0.25, 120]
    wanted = [(0.0, "∞")] + [
        (float(doubling_time(sign * time)) * MONTHS_PER_YEAR, f"{sign * time:g}".replace("-", "−"))
        for time in months for sign in (1, -1)
    ]
    chosen: dict[float, str] = {}
    for place, label in wanted:
        if low <= place <= high and all(abs(place - other) >= gap * (high - low)
                                        for other in chosen):
            chosen[place] = label
    side = ax.secondary_yaxis("right")
    side.yaxis.set_major_locator(FixedLocator(list(chosen)))
    side.yaxis.set_minor_locator(NullLocator())
    side.yaxis.set_major_formatter(FuncFormatter(
        lambda value, _: chosen[min(chosen, key=lambda place: abs(place - value))]))
    side.set_ylabel("doubling time (months" + ("; −: halving)" if low < 0 else ")"))
    return side
