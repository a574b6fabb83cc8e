"""The first screen of the report: the timeline that can be touched, and four small figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.calibration import published
from densing_bayes.context import Context
from densing_bayes.questions import frontier
from densing_bayes.questions import growth as questions
from densing_bayes.questions.timeline import timeline
from densing_bayes.reports import Front, Tile
from densing_bayes.sections.density import timeline_picture

MONTHS = 12 * np.log(2)  # over a rate per year: the doubling time in months


def front(context: Context) -> Front:
    """What stands on the first screen."""
    tiles = [doubling(context), best(context), change(context), trust(context)]
    return Front(timeline_picture(context), timeline(context), [one for one in tiles if one])


def doubling(context: Context) -> Tile:
    """Doubling time since LLaMA-1, as a rate where it may be none."""
    rate = questions.growth(context).summary()["rate_per_year"]
    low, middle, high = (rate[name] for name in ("low", "median", "high"))
    scale = max(3.5, 1.15 * high)
    mark = [tuple(float(np.clip(end / scale, 0, 1)) for end in (low, middle, high))]
    if low > 0.1:
        ends = f"{MONTHS / high:.1f} to {MONTHS / low:.1f} months"
        return Tile("Doubling time", f"{MONTHS / middle:.1f} months", ends, "growth", mark)
    return Tile("Growth per year", f"{middle:.2f}", f"{low:.2f} to {high:.2f}", "growth", mark)


def best(context: Context) -> Tile:
    """The best available model on the last day of the data."""
    last = frontier.on_last_day(context)
    density, top = last["best_available"], 3 * last["best_available"]["high"]
    place = [float(np.clip(np.log(max(density[name], 0.1) / 0.1) / np.log(top / 0.1), 0, 1))
             for name in ("low", "median", "high")]
    return Tile("Best available", f"density {density['median']:.0f}",
                f"{density['low']:.0f} to {density['high']:.0f}; {last['model']}, as of "
                f"{last['date']}", "density",
                [(place[0], place[1], place[2])])


def change(context: Context) -> Tile | None:
    """Growth before and after the day at which it may have changed."""
    turned = frontier.change(context)
    if turned is None:
        return None
    said, p = turned.to_dict(), turned.p_faster
    rates = [said[name] for name in ("rate_before", "rate_after")]
    scale = 1.15 * max(rate["high"] for rate in rates)
    word = "Faster" if p > 0.95 else "Slower" if p < 0.05 else "Undecided"
    return Tile(f"Change at {frontier.break_of(context)[1]}", word,
                f"{rates[0]['median']:.2f} per year before, {rates[1]['median']:.2f} after; "
                f"P(faster) {share(p)}", "change",
                [tuple(max(rate[name], 0) / scale for name in ("low", "median", "high"))
                 for rate in rates])


def trust(context: Context) -> Tile:
    """Checks held of checks made: of the certificate, and of this fit."""
    certificate: dict[str, Any] | None = published()
    if certificate is None:
        gate = "passed" if context.diagnostics["passed"] else "failed"
        return Tile("How far to trust it", "Not certified",
                    f"No certificate of this version of the model; sampling checks {gate}",
                    "calibration")
    kept = [one["kept"] for one in certificate["verdict"]]
    open_ones = f", {kept.count('open')} open" if "open" in kept else ""
    return Tile("How far to trust it", f"{kept.count('yes')} of {len(kept)} checks held",
                f"{kept.count('no')} failed{open_ones}; certificate {certificate['edition']}",
                "calibration")


def share(p: float) -> str:
    """A probability as a short figure.

    Examples
    --------
    >>> share(0.974), share(0.9999), share(0.0002)
    ('.97', 'over .99', 'below .01')
    """
    if p > 0.99:
        return "over .99"
    return "below .01" if p < 0.01 else f"{p:.2f}".removeprefix("0")
