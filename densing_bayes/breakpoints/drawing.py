"""The picture of a series with the paths of its regimes."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from densing_bayes.reports import Picture

if TYPE_CHECKING:
    from densing_bayes.breakpoints.verdict import Verdict

POINTS = 121  # dates at which curves are drawn
PATHS = {"all": "trend", "frontier": "frontier", "records": "crowd's mean"}


def series_picture(verdict: Verdict) -> Picture:
    """The series, and what four regimes say of its path."""
    series, interval = verdict.series, verdict.interval
    days = np.linspace(series.days[0], series.days[-1], POINTS)
    back = np.exp if series.log else np.asarray

    def draw(fig: Any) -> None:
        from densing_bayes.figures.regimes import series_paths  # matplotlib, where it is drawn

        shown = {"constant": "constant rate", verdict.kink.regime.name: "one change of rate",
                 "step": "a jump of the level", "walk": "random walk of the rate"}
        paths = {}
        for name, title in shown.items():
            path = verdict.fits[name].path(days)
            low, high = interval.of(path, axis=0)
            paths[title] = back(np.stack([low, np.median(path, axis=0), high]))
        reach = NormalDist().inv_cdf(interval.tails[1]) * np.hypot(
            series.blur, np.linalg.norm(series.shared, axis=1))
        series_paths(
            fig.subplots(), dates=series.dates, values=back(series.values),
            low=back(series.values - reach), high=back(series.values + reach),
            path_dates=days.round().astype("datetime64[D]"), paths=paths, ylabel=series.name,
            log=series.log, interval=interval)

    return Picture(
        "regimes-series", f"The series, and four regimes of its {PATHS[series.kind]}.",
        f"{len(series)} points of {series.name} over time with the fitted paths of a constant "
        "rate, one change of rate, a jump, and a wandering rate.", draw)
