"""Density of every model, and where the frontier is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.context import Context
from densing_bayes.figures import density_timeline
from densing_bayes.joint.quantities import NEAR_CEILING, NEAR_FRONTIER, frontier_path
from densing_bayes.observations import ORIGIN
from densing_bayes.questions import density as questions
from densing_bayes.questions.frontier import break_of
from densing_bayes.questions.growth import ends
from densing_bayes.questions.timeline import levels, steps
from densing_bayes.questions.windows import years_since
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.trends import DAYS_PER_YEAR

DRAWN = 2000  # models in the picture: more cannot be told apart
RECORD = 0.3  # probability from which a model is marked as a record


def section(context: Context) -> Section:
    """Timeline, and the table of models with intervals, gaps and warnings."""
    interval = context.interval
    rows, frontier = questions.densities(context), questions.frontier(context)
    frame = pd.DataFrame(rows)
    top = frame.sort_values("median", ascending=False).iloc[0]
    far = int((frame["beyond"] > 2).sum())
    text = [
        f"The densest model by posterior median is {top['model']} ({top['median']:.1f}, "
        f"{interval}: {top['low']:.1f} to {top['high']:.1f}); on the last release date of the "
        f"data ({frontier['date']}) the frontier stands at {frontier['median']:.1f} "
        f"({frontier['low']:.1f} to {frontier['high']:.1f}).",
        f"The frontier is the line below which models lie by their inefficiency; a model counts "
        f"as on it when its gap is less than a factor of {NEAR_FRONTIER}. A record is a model "
        f"denser than all released up to its day.",
        f"{far} of {len(frame)} models have an effective size more than two e-folds (a factor of "
        f"7) beyond the largest run of the ladder: their level rests on extrapolation, and its "
        f"uncertainty is in the intervals. A score above {NEAR_CEILING:.0%} of the range from "
        f"chance to ceiling hardly limits the effective size from above.",
    ]
    table = frame.rename(columns={
        "model": "model", "date": "released", "params": "parameters (billions)",
        "median": "density", "gap_median": "gap (factor)", "p_on_frontier": "P(on frontier)",
        "p_record": "P(record)", "beyond": "e-folds beyond the ladder",
        "p_near_ceiling": "P(near ceiling)", "effective": "effective size (billions)"})
    return Section(
        key="density", title="Capability density of every model", text=text,
        tables=[Table("density", f"Density of every model, newest first ({interval})",
                      table.sort_values(["released", "density"], ascending=False),
                      {"parameters (billions)": "{:.2f}", "density": "{:.2f}", "low": "{:.2f}",
                       "high": "{:.2f}", "gap (factor)": "{:.1f}", "P(on frontier)": "{:.2f}",
                       "P(record)": "{:.2f}", "e-folds beyond the ladder": "{:.1f}",
                       "P(near ceiling)": "{:.2f}", "effective size (billions)": "{:.1f}"})],
        summary={"density": [
            {"model": row["model"], "median": row["median"], "low": row["low"],
             "high": row["high"], "gap_median": row["gap_median"],
             "p_on_frontier": row["p_on_frontier"], "p_record": row["p_record"],
             "p_near_ceiling": row["p_near_ceiling"], "efolds_beyond_ladder": row["beyond"]}
            for row in rows], "frontier": frontier, "beyond_ladder": far},
    )


def timeline_picture(context: Context) -> Picture:
    """Every model's density over time with the frontier and the best available."""
    many = context.derived.sizes["model"] > DRAWN
    steps = best_steps(context)
    first, last = steps["density"][0], steps["density"][-1]
    said = (f"The best available rose from {first:.2g} ({steps['date'][0]}) to "
            f"{last:.2g} ({steps['date'][-1]})")
    return Picture(
        "density-timeline", f"{said}. A dot is a model; steps are the best available, the band "
        f"the frontier below which models lie (50% and {context.interval}). Growth of other "
        "windows is read from thinned draws of this fit, without a new one"
        + (f"; {DRAWN:,} models by chance, and the records." if many else "."),
        f"Densities of {context.derived.sizes['model']} models by release date. {said}.",
        lambda fig: timeline(fig, context), 7.5, 5.0)


def best_steps(context: Context) -> dict[str, list[Any]]:
    """Dates at which the best available rises, and its median density from there on."""
    said = steps(context)[context.spec.options["size"]]
    days = np.round(np.array(said["years"]) * DAYS_PER_YEAR).astype("timedelta64[D]")
    return {"date": [str(day) for day in np.datetime64(ORIGIN) + days],
            "density": said["density"][levels(context).index(0.5)]}


def timeline(fig: Figure, context: Context) -> None:
    """Every model's density with the frontier's bands."""
    rows = pd.DataFrame(questions.densities(context))
    rows["sparse"] = context.derived["architecture"].values != "dense"
    if len(rows) > DRAWN:
        chosen = np.zeros(len(rows), bool)
        rng = np.random.default_rng(context.seed("timeline"))
        chosen[rng.choice(len(rows), DRAWN, replace=False)] = True
        rows = rows[chosen | (rows["p_record"] > RECORD) | rows["model"].isin(context.highlight)]
    named = (rows["p_record"] > RECORD) | rows["model"].isin(context.highlight)
    dates = rows["date"].to_numpy("datetime64[D]")
    first, last = (np.datetime64(day) for day in ends(context.derived))
    grid = np.linspace(first.astype(float), last.astype(float), 60).astype("datetime64[D]")
    path = np.exp(frontier_path(context.derived, years_since(grid)).stack(s=("chain", "draw")))
    low, high = context.interval.tails
    band = np.quantile(path.transpose("time", "s").values, [low, 0.25, 0.5, 0.75, high], axis=1)
    best, (when, name) = best_steps(context), break_of(context)
    density_timeline(
        fig.subplots(), date=dates, median=rows["median"], low=rows["low"], high=rows["high"],
        sparse=rows["sparse"], name=list(rows["model"]), record=named,
        band_date=grid, band=band, interval=context.interval,
        best_date=np.array([*best["date"], str(last)], "datetime64[D]"),
        best=[*best["density"], best["density"][-1]],
        mark=(day, name) if first < (day := np.datetime64(when)) < last else None)
