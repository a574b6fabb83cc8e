"""How fast the frontier grows: rate, doubling time, three ways of getting it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.context import Context
from densing_bayes.figures import rate_band, rate_forest, rate_posterior
from densing_bayes.intervals import doubled, words_of_set
from densing_bayes.joint.quantities import rate_path
from densing_bayes.observations import ORIGIN
from densing_bayes.questions import frontier
from densing_bayes.questions import growth as questions
from densing_bayes.questions.axes import size_axes
from densing_bayes.questions.windows import window_of, years_since
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.sections.headline import briefly
from densing_bayes.trends import DAYS_PER_YEAR

AGREE = 0.5  # posterior sd between joint and cut up to which they tell one story


def section(context: Context) -> Section:
    """Growth over named windows, what is claimed of it, three ways and three axes of size."""
    interval, asked = context.interval, questions.growth(context)
    windows, rows = questions.windows(context), questions.methods(context)
    last, claims = frontier.on_last_day(context), frontier.claims(context)
    axes = size_axes(context)
    told = {axis: s for axis, s in axes.items() if "median" in s}
    frame = pd.DataFrame([window_row(one) for one in windows])
    methods = pd.DataFrame([
        {"method": row["method"], "rate per day": row["median"] / DAYS_PER_YEAR,
         "low": row["low"] / DAYS_PER_YEAR, "high": row["high"] / DAYS_PER_YEAR,
         "what its interval holds": row["holds"]} for row in rows])
    by_axis = pd.DataFrame([
        {"size": axis, **{f"last 12 months, {key}": s[key] for key in ("median", "low", "high")},
         **{f"since LLaMA-1, {key}": s["since_llama_1"][key] for key in ("median", "low", "high")}}
        for axis, s in told.items()])
    refused = [axis for axis in axes if axis not in told]
    year = next((one for one in windows if one.window.name == "last-12-months"), asked)
    day, rate = (asked.summary()[name] for name in ("rate_per_day", "rate_per_year"))
    beside_cut = of_cut(context)
    fastest, sparse = fastest_half(context), of_last_year(context)
    text = [
        f"From {asked.window.start} to {asked.window.end} the frontier "
        f"{doubled(asked.summary(), interval)}: {day['median']:.4f} per day ({day['low']:.4f} to "
        f"{day['high']:.4f}).",
        "The frontier is the boundary below which models lie by their own gaps. "
        "Rates are averages over calendar time. A weak newcomer does not move it, since models "
        "may lie far below; what was released stays, so it does not fall.",
        f"In the last twelve months it {briefly(year)}. By "
        + ", ".join(f"{axis} size {s['median']:.2f} per year ({s['low']:.2f} to {s['high']:.2f})"
                    for axis, s in told.items()) + f". Of the {sparse['models']} models of that "
        f"year that count, {sparse['dense']} are dense: the last year depends on how sparse ones "
        f"are counted.",
        f"On {last['date']} the best available model had a density of "
        f"{last['best_available']['median']:.1f} ({last['best_available']['low']:.1f} to "
        f"{last['best_available']['high']:.1f}), the frontier stood at "
        f"{last['frontier']['median']:.1f} ({last['frontier']['low']:.1f} to "
        f"{last['frontier']['high']:.1f}), and a typical release at "
        f"{last['typical_release']['median']:.1f} ({last['typical_release']['low']:.1f} to "
        f"{last['typical_release']['high']:.1f}).",
        cut_against(beside_cut),
    ]
    reached = {one.window.name for one in windows}
    text += [f"The window {name} reaches beyond the models of the fit."
             for name in context.windows if name not in reached]
    return Section(
        key="growth", title="How fast did density grow?", text=text,
        tables=[
            Table("growth-windows", f"Growth of the frontier by window ({interval})", frame,
                  {"rate per day": "{:.4f}", "low": "{:.4f}", "high": "{:.4f}"}),
            Table("growth-axes", f"Growth by the size that counts, per year ({interval})", by_axis,
                  dict.fromkeys(by_axis.columns[1:], "{:.2f}"),
                  note="Short refits but for the first." + (
                      f" Not told, since their chains do not agree: {', '.join(refused)}."
                      if refused else "")),
            Table("growth-claims", "What is claimed, by which rule", pd.DataFrame(claims),
                  {"probability": "{:.3f}"},
                  note="Growth cannot be negative in this model, so that it is positive is no "
                       "finding: rules with false-alarm rates in the certificate decide."),
            Table("growth-methods", f"Growth since LLaMA-1 by method ({interval}; plug-in: nominal "
                  f"{interval.prob:.0%} confidence interval of least squares)", methods,
                  {"rate per day": "{:.5f}", "low": "{:.5f}", "high": "{:.5f}"},
                  note="Plug-in is the paper's own chain on the first anchored benchmark: a line "
                       "through records, another quantity than the frontier.")],
        pictures=[
            posterior_picture(context, asked),
            Picture("growth-methods", "The ways compared: "
                    + ", ".join(f"{row['method']} {row['median']:.2f}" for row in rows)
                    + " per year. Joint: all at once; cut: the ruler held to its ladder; "
                    f"plugin: the paper's chain ({interval})",
                    "Growth per year: " + "; ".join(
                        f"{row['method']} {row['median']:.2f} ({row['low']:.2f} to "
                        f"{row['high']:.2f})" for row in rows) + ".",
                    lambda fig: methods_picture(fig, rows, context), 7, 3.2),
            Picture("growth-over-time", f"Growth was fastest about {fastest['date']}, at "
                    f"{fastest['median']:.1f} per year; the average since {asked.window.start} is "
                    f"{rate['median']:.2f} (half years; 50% and {interval})",
                    f"Band of the growth rate by date: fastest about {fastest['date']} "
                    f"({fastest['median']:.1f} per year, {fastest['low']:.1f} to "
                    f"{fastest['high']:.1f}); on average {rate['median']:.2f} per year, in the "
                    f"last twelve months {year.summary()['rate_per_year']['median']:.2f}.",
                    lambda fig: over_time_picture(fig, context), 7, 3.8)],
        summary={"cut": beside_cut, "fastest_half_year": fastest, "last_year": sparse,
            "published_rates": [
            {"name": name, "rate_per_year": value} for name, value, *_ in published_rates(context)],
            "growth": asked.summary(), "windows": [
            {**one.window.to_dict(), **one.summary()} for one in windows],
            "best_available": {"model": last["model"], "date": last["date"],
                               "p_best": last["p_best"], **last["best_available"]},
            "typical_release": {"date": last["date"], **last["typical_release"]},
            "size_axes": axes, "claims": claims, "methods": [
            {key: value for key, value in row.items() if key != "holds"} for row in rows]},
    )


def fastest_half(context: Context) -> dict[str, Any]:
    """The half year in which the frontier grew fastest, by posterior median, 1/year."""
    derived = context.derived
    first, last = (float(years_since(day)) for day in questions.ends(derived))
    start, width = derived["segment_start"].values, derived["segment_width"].values
    inside = np.flatnonzero((start + width > first) & (start < last))
    growth = derived["growth"].isel(segment=inside).stack(sample=("chain", "draw")).transpose(
        "segment", "sample").values
    top = int(np.median(growth, axis=1).argmax())
    middle = start[inside[top]] + width[inside[top]] / 2
    day = np.datetime64(ORIGIN) + np.timedelta64(round(float(middle) * DAYS_PER_YEAR), "D")
    low, high = context.interval.of(growth[top])
    return {"date": f"{day.item():%B %Y}", "median": float(np.median(growth[top])),
            "low": float(low), "high": float(high)}


def of_last_year(context: Context) -> dict[str, int]:
    """Models of the last twelve months that count, and how many of them are dense."""
    derived = context.derived
    start = window_of("last-12-months", questions.ends(derived)[1]).start
    late = derived["eligible"].values & (derived["date"].values >= np.datetime64(start))
    return {"models": int(late.sum()),
            "dense": int((late & (derived["architecture"].values == "dense")).sum())}


def window_row(one: questions.Growth) -> dict[str, Any]:
    """A window's growth as a row of a table."""
    day, time = (one.summary()[name] for name in ("rate_per_day", "doubling_time_days"))
    return {"window": one.window.name, "from": str(one.window.start), "to": str(one.window.end),
            "rate per day": day["median"], "low": day["low"], "high": day["high"],
            "doubling time": words_of_set(time["set"])}


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
    rate = asked.summary()["rate_per_year"]
    said = (f"{rate['median']:.2f} per year ({asked.interval}: {rate['low']:.2f} to "
            f"{rate['high']:.2f})")
    return Picture("growth-rate", f"Growth was {said}"
                   + (", beside what others published" if published else ""),
                   f"Density curve of the growth rate, {said}" + (
                       "; published: " + ", ".join(f"{name} {value:.2f}"
                                                   for name, value, *_ in published)
                       if published else "") + ".",
                   lambda fig: rate_posterior(fig, draws=asked.rate, published=published,
                                              interval=asked.interval), 7, 5)


def of_cut(context: Context) -> dict[str, Any]:
    """How far the cut posterior's rate lies from the joint one's, and how well that is known."""
    rate = context.derived["rate"].values.ravel()
    rulers, error = questions.error_of_cut(context.cut["rate"], context.seed("rulers of the cut"))
    return {"shift": float((context.cut["rate"].median() - np.median(rate)) / rate.std()),
            "error": float(error / rate.std()), "rulers": rulers,
            "unusable_rulers": float(context.cut.attrs["unusable_rulers"]),
            "moved": questions.moved_ruler(context.derived, context.cut)}


def cut_against(cut: dict[str, Any]) -> str:
    """The same in words."""
    shift, moved = cut["shift"], cut["moved"]
    return (f"With the ruler fixed by its ladder and pairs alone (the cut posterior; "
            f"{cut['unusable_rulers']:.1%} of its rulers reach no upper reference "
            f"score and are left out), growth has its median "
            f"{abs(shift):.1f} posterior standard deviations {'below' if shift < 0 else 'above'} "
            f"the joint one (standard error at most {cut['error']:.1f}, as it stands on "
            f"{cut['rulers']} rulers). " + (
                "The two agree: the ladder and the scores tell one story about the ruler."
                if abs(shift) < AGREE else
                f"What the scores move most is the ruler's {moved['what']}: {moved['cut']:.3g} "
                f"from ladder and pairs, {moved['joint']:.3g} with the scores "
                f"({abs(moved['shift']):.1f} standard deviations). "
                + ("The distance belongs to the uncertainty." if abs(shift) < 1 else
                   "The two disagree: the ruler is misspecified to that extent, and the distance "
                   "belongs to the uncertainty.")))


def over_time_picture(fig: Figure, context: Context) -> None:
    """The rate by date, and its average."""
    time = context.observations.data["time"].values
    years = np.linspace(time.min(), time.max(), 160)
    rates = rate_path(context.derived, years).stack(sample=("chain", "draw"))
    low, high = context.interval.tails
    band = np.quantile(rates.transpose("sample", "time").values, [low, 0.25, 0.5, 0.75, high],
                       axis=0)
    days = np.datetime64(ORIGIN) + np.round(years * DAYS_PER_YEAR).astype("timedelta64[D]")
    rate_band(fig.subplots(), date=days, band=band, interval=context.interval,
              average=float(context.derived["rate"].median()))


def methods_picture(fig: Figure, rows: list[dict[str, Any]], context: Context) -> None:
    """Intervals of the yearly rate by method."""
    rate_forest(fig.subplots(), name=[row["method"] for row in rows],
                median=[row["median"] for row in rows], low=[row["low"] for row in rows],
                high=[row["high"] for row in rows], interval=context.interval)
