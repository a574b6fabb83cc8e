"""Shared parts of figures: log and time axes, doubling-time axis, names and labels."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, NullLocator

from densing_bayes.trends import DAYS_PER_MONTH, DAYS_PER_YEAR, doubling_time

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MONTHS_PER_YEAR = DAYS_PER_YEAR / DAYS_PER_MONTH


def number(value: float, position: int = 0) -> str:
    """A tick label: 0.3, 1,000, 7B, 10²¹; a power of two below one is a fraction.

    Examples
    --------
    >>> [number(x) for x in (0.125, 0.3, 1000, 7e9, 1.5e13, 1e21, 3e-7)]
    ['1/8', '0.3', '1,000', '7B', '15T', '10²¹', '3×10⁻⁷']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = abs(value)
    if 2**-10 <= size < 1 and math.log2(size).is_integer():
        return f"{'−' if value < 0 else ''}1/{round(1 / size)}"
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if unit <= size < 1e15:
            return f"{value / unit:.4g}{letter}"
    if 1e-4 <= size < 1e6:
        return f"{value:,.6g}"
    power = math.floor(math.log10(size) + 1e-9)
    front = f"{value / 10**power:.3g}"
    return ("" if front == "1" else f"{front}×") + f"10{str(power).translate(_SUPERSCRIPT)}"


class LogTicks(Locator):
    """Ticks of a log axis: powers of two on a short one, then 1-3-10, then decades."""

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
        twos = 2.0 ** np.arange(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        if 2 <= len(twos) <= self.most and low < 100:
            return twos
        decades = np.arange(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
        threes = np.sort(np.concatenate([10.0**decades, 3 * 10.0**decades]))
        for ticks in (threes, *(10.0 ** decades[::step] for step in range(1, len(decades) + 1))):
            inside = ticks[(ticks >= low) & (ticks <= high)]
            if len(inside) <= self.most:
                return inside
        return inside


def log_axis(ax: Any, which: str, most: int = 9) -> None:
    """Log scale on axis ``which`` ("x" or "y") with at most ``most`` plain labels."""
    getattr(ax, f"set_{which}scale")("log")
    axis = getattr(ax, f"{which}axis")
    axis.set_major_locator(LogTicks(most))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(number))


def time_axis(ax: Any, most: int = 7) -> None:
    """Calendar ticks on the x axis (datetime64 values), few and short."""
    locator = AutoDateLocator(minticks=3, maxticks=most)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def doubling_axis(ax: Any, gap: float = 0.075) -> Any:
    """Second axis on top that reads an x axis of rates (1/year) as doubling times in months.

    Ticks stand at round months, nowhere closer than ``gap`` of the width; zero growth is ∞ and
    negative times are halving times. Call it when the limits of the x axis are final.
    """
    low, high = ax.get_xlim()
    months = [12, 6, 24, 4, 3, 8, 48, 2, 1, 5, 10, 18, 36, 2.5, 3.5, 1.5, 7, 9, 15, 120]
    wanted = [(0.0, "∞")] + [
        (float(doubling_time(sign * time)) * MONTHS_PER_YEAR, f"{sign * time:g}".replace("-", "−"))
        for time in months for sign in (1, -1)
    ]
    chosen: list[tuple[float, str]] = []
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


def place_labels(ax: Any, x: Any, y: Any, names: Sequence[str], *, size: float = 9,
                 color: str = "#1b2733", avoid: Any = None) -> list[Any]:
    """Labels beside points, never over one another; one that finds no free place is left out.

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
    fig.draw_without_rendering()  # settles the layout, so that places in pixels hold
    x, y = (np.asarray(side, dtype=float) for side in (ax.convert_xunits(x), ax.convert_yunits(y)))
    points = ax.transData.transform(np.column_stack([x, y]))
    others = points if avoid is None else np.vstack([points, ax.transData.transform(avoid)])
    frame = ax.get_window_extent()
    pixel = fig.dpi / 72
    reach = (4, 10, 18, 28, 40)
    taken: list[tuple[float, float, float, float]] = []
    placed = []
    for (px, py), at_x, at_y, name in zip(points, x, y, names, strict=True):
        label = ax.text(0, 0, name, fontsize=size)
        extent = label.get_window_extent()
        wide, high = extent.width + 2 * pixel, extent.height
        label.remove()
        best = None
        for step, distance in enumerate(np.array(reach) * pixel):
            for turn, (ux, uy) in enumerate(_AROUND):
                left = px + ux * distance - wide * (0.5 - 0.5 * np.sign(ux))
                down = py + uy * distance - high * (0.5 - 0.5 * np.sign(uy))
                box = (left, down, left + wide, down + high)
                if not (frame.x0 <= box[0] and box[2] <= frame.x1
                        and frame.y0 <= box[1] and box[3] <= frame.y1):
                    continue
                if any(_meet(box, other) for other in taken):
                    continue
                covered = ((others[:, 0] > box[0]) & (others[:, 0] < box[2])
                           & (others[:, 1] > box[1]) & (others[:, 1] < box[3])).sum()
                cost = 6 * covered + 2 * step + 0.1 * turn
                if best is None or cost < best[0]:
                    best = (cost, box, step)
        if best is None:
            continue
        cost, box, step = best
        taken.append(box)
        leader = {"arrowstyle": "-", "color": color, "lw": 0.5, "shrinkA": 0, "shrinkB": 3}
        placed.append(ax.annotate(
            name, (at_x, at_y), fontsize=size, color=color, va="bottom", ha="left",
            xytext=((box[0] - px) / pixel, (box[1] - py) / pixel), textcoords="offset points",
            annotation_clip=False, arrowprops=leader if step > 1 else None, in_layout=False,
        ))
    return placed


_AROUND = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
