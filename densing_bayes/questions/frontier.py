"""What stands beside the growth of the frontier: best available, typical releases, ChatGPT.

Each in draws of one fit. Records of the paper's rule are in `questions.bridge`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.intervals import Interval, summary
from densing_bayes.joint.quantities import (
    best_available,
    frontier_path,
    growth_between,
    typical_release,
)
from densing_bayes.questions.growth import ends, growth
from densing_bayes.questions.windows import years_since

CHATGPT = dt.date(2022, 11, 30)
GROWS = 0.1  # 1/year: growth above it in 97.5% of the draws is claimed to be growth
SLOW = 0.35  # 1/year: a doubling in two years


def on_last_day(context: Context) -> dict[str, Any]:
    """Density on the last release date of the frontier, the best available, a typical release.

    Returns
    -------
    dict
        ``date``; ``model``, the one that is the best available in most draws, with that
        share; and per quantity median, low and high of the density (not its logarithm).
    """
    found: dict[str, Any] = context.remembered("last day", lambda: _on_last_day(context))
    return found


def _on_last_day(context: Context) -> dict[str, Any]:
    derived, last = context.derived, ends(context.derived)[1]
    years = np.array([years_since(last)])
    share = holders(derived)
    out: dict[str, Any] = {"date": str(last), "model": str(share.idxmax("model").item()),
                           "p_best": float(share.max())}
    for name, quantity in (("frontier", frontier_path), ("best_available", best_available),
                           ("typical_release", typical_release)):
        draws = np.exp(quantity(derived, years).values.ravel())
        low, high = context.interval.of(draws)
        out[name] = {"median": float(np.median(draws)), "low": float(low), "high": float(high)}
    return out


def holders(derived: xr.Dataset) -> xr.DataArray:
    """Share of the draws in which each model is the densest eligible one, dim ``model``."""
    density = derived["log_density"].where(derived["eligible"], -np.inf)
    best = density.argmax("model").values.ravel()
    count = np.bincount(best, minlength=derived.sizes["model"]) / best.size
    return xr.DataArray(count, dims="model", coords={"model": derived["model"].values})


@dataclass(frozen=True, eq=False)
class Change:
    """Growth of the frontier before and after a day, 1/year, in draws."""

    date: dt.date
    start: dt.date
    end: dt.date
    before: np.ndarray
    after: np.ndarray
    models_before: int
    interval: Interval

    @property
    def p_faster(self) -> float:
        """Probability that growth was faster after the day than before."""
        return float((self.after > self.before).mean())

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the contract's ``breakpoint``."""
        with np.errstate(divide="ignore"):
            ratio = self.after / self.before
        low, median, high = np.quantile(
            ratio, [self.interval.tails[0], 0.5, self.interval.tails[1]])
        return {
            "date": str(self.date), "from": str(self.start), "to": str(self.end),
            "rate_before": summary(self.before, self.interval),
            "rate_after": summary(self.after, self.interval),
            # of a ratio whose denominator comes near zero quantiles hold, means do not
            "ratio": {"mean": None, "median": float(median), "sd": None, "low": float(low),
                      "high": float(high)},
            "p_acceleration": self.p_faster, "models_before": self.models_before}


def break_of(context: Context) -> tuple[dt.date, str]:
    """The day at which growth may have changed, and what it is called."""
    day = dt.date.fromisoformat(context.break_date) if context.break_date else CHATGPT
    return day, "ChatGPT" if day == CHATGPT else str(day)


def change(context: Context) -> Change | None:
    """The change of growth at the report's day, read from the frontier; None where it is outside.

    Half a year of eligible models on either side is the least.
    """
    derived, date = context.derived, break_of(context)[0]
    first, last = ends(derived)
    half = dt.timedelta(days=182)
    if not first + half <= date <= last - half:
        return None
    at = [float(years_since(day)) for day in (first, date, last)]
    days = derived["date"].values.astype("datetime64[D]")
    early = (days < np.datetime64(date)) & derived["eligible"].values
    return Change(date, first, last, growth_between(derived, at[0], at[1]).values.ravel(),
                  growth_between(derived, at[1], at[2]).values.ravel(), int(early.sum()),
                  context.interval)


def claims(context: Context) -> list[dict[str, Any]]:
    """What is said about growth, by which rule, and how probable it is.

    Growth is not negative by construction, so that it is positive would say nothing: the rule
    asks for more than `GROWS`, and its rate of false alarms is in the certificate.
    """
    found = growth(context)
    grows = float((found.rate > GROWS).mean())
    out = [{"claim": "the frontier grew", "rule": f"P(average above {GROWS} per year) > 0.975",
            "probability": grows, "holds": grows > 0.975}]
    first, last = ends(context.derived)
    if last - first > dt.timedelta(days=550):
        year = growth(context, "last-12-months")
        slow = float((year.rate < SLOW).mean())
        out.append({"claim": "the last twelve months grew slower than a doubling in two years",
                    "rule": f"P(average below {SLOW} per year) > 0.95", "probability": slow,
                    "holds": slow > 0.95})
    turned = change(context)
    if turned is not None:
        out.append({"claim": f"growth was faster after {break_of(context)[1]} than before",
                    "rule": "P(faster) > 0.95", "probability": turned.p_faster,
                    "holds": turned.p_faster > 0.95})
    return out
