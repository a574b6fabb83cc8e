"""How fast the frontier grows: rate, doubling time, three ways of getting it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.context import Context
from densing_bayes.figures import rate_band, rate_forest, rate_posterior
from densing_bayes.intervals import probability, rate_in_words, time_in_words, words_of_set
from densing_bayes.joint.quantities import rate_path
from densing_bayes.observations import ORIGIN
from densing_bayes.questions import growth as questions
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.trends import DAYS_PER_YEAR, doubling_set


def section(context: Context) -> Section:
    """Rate and doubling time, joint beside cut and plug-in, and beside the published rates."""
    interval, asked = context.interval, questions.growth(context)
    rate, growth = asked.rate, asked.summary()
    per_day = growth["rate_per_day"]
    rows = questions.methods(context)
    frame = pd.DataFrame([
        {"method": row["method"], "rate per day": row["median"] / DAYS_PER_YEAR,
         "low": row["low"] / DAYS_PER_YEAR, "high": row["high"] / DAYS_PER_YEAR,
         "doubling time (days)": words_of_set(doubling_set(
             row["low"] / DAYS_PER_YEAR, row["high"] / DAYS_PER_YEAR))
         if np.isfinite(row["low"]) else "",
         "what its interval holds": row["holds"]} for row in rows])
    published = published_rates(context)
    text = [
        f"In natural log the frontier of capability density {rate_in_words(per_day, interval)}, "
        f"that is {growth['rate_per_year']['median']:.2f} per year. Density "
        f"{time_in_words(growth, interval)}. The probability that density grows at all is "
        f"{probability(growth['doubling_time_days']['p_growth'])}.",
        "Every model counts, not only records: models lie below the frontier line by an "
        "inefficiency of their family and one of their own, so picking the best of many does "
        "not by itself manufacture growth.",
        cut_against(context, rate),
    ]
    over_time = questions.over_time(context)
    if over_time is None:
        text.append("This spec takes the rate to be constant over all dates.")
    else:
        text.append(
            f"The rate need not be constant: it may change a little every few months, and the "
            f"rate told above is its average over the models. In the first half year of the data "
            f"it is {over_time['first']['median']:.2f} per year ({interval}: "
            f"{over_time['first']['low']:.2f} to {over_time['first']['high']:.2f}), in the last "
            f"{over_time['last']['median']:.2f} ({over_time['last']['low']:.2f} to "
            f"{over_time['last']['high']:.2f}); the probability that growth was slower at the "
            f"end is {probability(over_time['p_slowing'])}. Extrapolating the average rate beyond "
            f"the data takes no account of this; forecasts here do. Every model counts alike "
            f"here, siblings and weak ones too; where the section on growth regimes, which "
            f"counts releases of families, sees less change, the change rests on who released "
            f"what.")
    if published:
        inside = [name for name, value, *_ in published
                  if interval.of(rate)[0] <= value <= interval.of(rate)[1]]
        text.append(
            f"Of {len(published)} published rates, none with an interval of its own, "
            f"{len(inside)} {'lies' if len(inside) == 1 else 'lie'} inside the {interval} here"
            + (f": {', '.join(inside)}." if inside else "."))
    return Section(
        key="growth", title="How fast does density grow?", text=text,
        tables=[Table("growth-methods", f"Growth rate by method ({interval}; plug-in: nominal "
                      f"{interval.prob:.0%} confidence interval of least squares)", frame,
                      {"rate per day": "{:.5f}", "low": "{:.5f}", "high": "{:.5f}"},
                      note="Plug-in is the paper's own chain on the first anchored benchmark.")],
        pictures=[
            posterior_picture(context, asked),
            Picture("growth-methods", f"Joint, cut and plug-in ({interval})",
                    "Intervals of the growth rate by three methods.",
                    lambda fig: methods_picture(fig, rows, context), 7, 3.2),
            *([Picture("growth-over-time", f"Growth rate of the frontier over time ({interval})",
                       "Band of the growth rate by date, with doubling times on the right.",
                       lambda fig: over_time_picture(fig, context), 7, 3.8)] if over_time else [])],
        summary={"growth": growth, "growth_over_time": over_time, "methods": [
            {key: value for key, value in row.items() if key != "holds"} for row in rows]},
    )


def published_rates(context: Context) -> list[tuple[str, float, float, float]]:
    """Published rates of density, 1/year: name, value and the ends of an interval (NaN: none)."""
    return [
        (row["label"].removeprefix("Densing Law slope A").strip(" ()"),
         row["value"] * DAYS_PER_YEAR,
         *(row[end] * DAYS_PER_YEAR for end in ("low", "high")))
        for row in context.published("densing-rate") if np.isfinite(row["value"])]


def posterior_picture(context: Context, asked: questions.Growth) -> Picture:
    """Posterior of the growth rate with the published ones."""
    published = published_rates(context)
    return Picture("growth-rate", "Posterior of the growth rate, and published rates",
                   "Density curve of the yearly growth rate with published values below.",
                   lambda fig: rate_posterior(fig, draws=asked.rate, published=published,
                                              interval=asked.interval), 7, 5)


def cut_against(context: Context, rate: np.ndarray) -> str:
    """How far the cut posterior's rate lies from the joint one's, and how well that is known."""
    if context.cut is None:
        return ("The cut posterior, in which the scores say nothing to the ruler, was not "
                "computed: with this many models it would take hours.")
    shift = (float(context.cut["rate"].median()) - np.median(rate)) / rate.std()
    rulers, error = questions.error_of_cut(context.cut["rate"], context.seed("rulers of the cut"))
    return (f"The cut posterior, in which the scores say nothing to the ruler, has its median "
            f"{abs(shift):.1f} posterior standard deviations {'below' if shift < 0 else 'above'} "
            f"the joint one (standard error at most {error / rate.std():.1f}, as it stands on "
            f"{rulers} rulers). " + (
                "The two agree: the ladder and the scores tell one story about the ruler."
                if abs(shift) < 1 else
                "The two disagree: the scores pull the ruler away from what its ladder says, so "
                "the ruler is misspecified to that extent, and the distance belongs to the "
                "uncertainty."))


def over_time_picture(fig: Figure, context: Context) -> None:
    """The rate by date, and its average."""
    time = context.observations.data["time"].values
    years = np.linspace(time.min(), time.max(), 160)
    rates = rate_path(context.derived, years).stack(sample=("chain", "draw"))
    low, high = context.interval.tails
    band = np.quantile(rates.transpose("sample", "time").values, [low, 0.5, high], axis=0)
    days = np.datetime64(ORIGIN) + np.round(years * DAYS_PER_YEAR).astype("timedelta64[D]")
    rate_band(fig.subplots(), date=days, band=band, interval=context.interval,
              average=float(context.derived["rate"].median()))


def methods_picture(fig: Figure, rows: list[dict[str, Any]], context: Context) -> None:
    """Intervals of the yearly rate by method."""
    rate_forest(fig.subplots(), name=[row["method"] for row in rows],
                median=[row["median"] for row in rows], low=[row["low"] for row in rows],
                high=[row["high"] for row in rows], interval=context.interval)
