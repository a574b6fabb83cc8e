"""Density of every model, and where the frontier is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.context import Context, median
from densing_bayes.errors import InputError, Problem
from densing_bayes.figures import density_timeline
from densing_bayes.joint.quantities import NEAR_CEILING, NEAR_FRONTIER, frontier_path
from densing_bayes.observations import absent
from densing_bayes.reports import Picture, Section, Table

ORIGIN = np.datetime64("2023-02-24")
DRAWN = 2000  # models in the picture: more cannot be told apart
RECORD = 0.3  # probability from which a model is marked as a record


def section(context: Context) -> Section:
    """Timeline, and the table of models with intervals, gaps and warnings."""
    interval, derived = context.interval, context.derived
    rows = density_rows(context)
    frame = pd.DataFrame(rows)
    newest = derived["date"].values.max()
    today = np.exp(frontier_path(derived, [years(newest)]).values.ravel())
    low, high = interval.of(today)
    top = frame.sort_values("median", ascending=False).iloc[0]
    frontier = {"date": str(newest)[:10], "median": float(np.median(today)), "low": float(low),
                "high": float(high)}
    far = int((frame["beyond"] > 2).sum())
    text = [
        f"Capability density is the size of the reference model that scores the same, over the "
        f"model's own size. At the last release date of the data ({str(newest)[:10]}) the "
        f"frontier stands at {frontier['median']:.1f} ({interval}: {low:.1f} to {high:.1f}). The "
        f"densest model by posterior median is {top['model']} ({top['median']:.1f}, {interval}: "
        f"{top['low']:.1f} to {top['high']:.1f}).",
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
        pictures=[Picture("density-timeline", f"Density over release date ({interval})"
                          + (f"; {DRAWN:,} models by chance, and the records"
                             if len(rows) > DRAWN else ""),
                          "Scatter of model densities over time under a rising frontier band.",
                          lambda fig: timeline(fig, context), 7.5, 5.5)],
        summary={"density": [
            {"model": row["model"], "median": row["median"], "low": row["low"],
             "high": row["high"], "gap_median": row["gap_median"],
             "p_on_frontier": row["p_on_frontier"], "p_record": row["p_record"],
             "p_near_ceiling": row["p_near_ceiling"], "efolds_beyond_ladder": row["beyond"]}
            for row in rows], "frontier": frontier},
    )


def years(date: Any) -> Any:
    """Years since LLaMA-1's release."""
    return (np.asarray(date, "datetime64[D]") - ORIGIN).astype(float) / 365.25


def density_rows(context: Context) -> list[dict[str, Any]]:
    """One row per model, in the order of release."""
    derived = context.derived
    density = np.exp(derived["log_density"])
    low, high = (density.quantile(q, ("chain", "draw")).values for q in context.interval.tails)
    mean = {name: derived[name].mean(("chain", "draw")).values
            for name in ("on_frontier", "record", "near_ceiling", "beyond")}
    columns = {
        "model": derived["model"].values, "date": derived["date"].values.astype("datetime64[D]"),
        "params": np.exp(derived["log_params"].values) / 1e9, "median": median(density),
        "low": low, "high": high, "gap_median": np.exp(median(derived["gap"])),
        "p_on_frontier": mean["on_frontier"], "p_record": mean["record"],
        "effective": np.exp(median(derived["log_effective"])) / 1e9, "beyond": mean["beyond"],
        "p_near_ceiling": mean["near_ceiling"],
    }
    return pd.DataFrame(columns).assign(date=lambda f: f["date"].astype(str)).to_dict("records")


def timeline(fig: Figure, context: Context) -> None:
    """Every model's density with the frontier band."""
    rows = pd.DataFrame(density_rows(context))
    if len(rows) > DRAWN:
        chosen = np.zeros(len(rows), bool)
        rng = np.random.default_rng(context.seed("timeline"))
        chosen[rng.choice(len(rows), DRAWN, replace=False)] = True
        rows = rows[chosen | (rows["p_record"] > RECORD)]
    dates = rows["date"].to_numpy("datetime64[D]")
    grid = np.linspace(dates.min().astype(float), dates.max().astype(float), 60
                       ).astype("datetime64[D]")
    path = np.exp(frontier_path(context.derived, years(grid)).stack(s=("chain", "draw")))
    band = np.quantile(path.transpose("time", "s").values,
                       [context.interval.tails[0], 0.5, context.interval.tails[1]], axis=1)
    density_timeline(
        fig.subplots(), date=dates, median=rows["median"], low=rows["low"], high=rows["high"],
        p_frontier=rows["p_on_frontier"], name=list(rows["model"]),
        record=rows["p_record"] > RECORD, band_date=grid, band=band, interval=context.interval)


def chosen_rows(context: Context, names: list[str]) -> list[dict[str, Any]]:
    """Rows of the named models (all when none is named), densest first.

    Raises
    ------
    InputError
        For models that the fit does not have.
    """
    rows = {row["model"]: row for row in density_rows(context)}
    unknown = [Problem("no such model in the fit", given=name,
                       hint=absent(name, context.observations.data))
               for name in names if name not in rows]
    if unknown:
        raise InputError(unknown)
    return sorted((rows[name] for name in names or rows), key=lambda row: -row["median"])
