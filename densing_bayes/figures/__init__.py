"""Figures: house style, shared parts, and the figures of the main report.

Each figure is ``f(ax or fig, arrays..., interval)`` and knows nothing of models or files; a
section wraps it in a `densing_bayes.reports.Picture`.
"""

from densing_bayes.figures.growth import (
    density_timeline,
    forest,
    predictive_check,
    rate_band,
    rate_forest,
    rate_posterior,
)
from densing_bayes.figures.house import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PALE,
    PURPLE,
    draw,
    save_png,
    style,
    svg,
)
from densing_bayes.figures.parts import (
    doubling_axis,
    log_axis,
    number,
    place_labels,
    shorten,
    time_axis,
)
from densing_bayes.figures.ruler import ladder, score_curve

__all__ = [
    "BLUE", "GREEN", "INK", "MUTED", "ORANGE", "PALE", "PURPLE", "density_timeline",
    "doubling_axis", "draw", "forest", "ladder", "log_axis", "number", "place_labels",
    "predictive_check", "rate_band", "rate_forest", "rate_posterior", "save_png", "score_curve",
    "shorten", "style", "svg", "time_axis",
]
