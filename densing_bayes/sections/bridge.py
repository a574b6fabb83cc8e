"""Why not 3.5 months? From the published rate to ours, one change a step."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.context import Context
from densing_bayes.figures import rate_forest
from densing_bayes.intervals import summary
from densing_bayes.questions.bridge import Step, bridge
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.trends import DAYS_PER_YEAR


def section(context: Context) -> Section:
    """Steps from the published number to the headline, in draws."""
    interval = context.interval
    steps, missing = bridge(context)
    rows = [step.to_dict(interval) for step in steps]
    frame = pd.DataFrame([
        {"step": row["name"], "what it is": row["says"], "models": row["models"],
         "rate per day": row["median"],
         **{end: row[end] if len(step.rate) > 1 else None for end in ("low", "high")},
         "doubling time (days)": np.log(2) / row["median"]}
        for row, step in zip(rows, steps, strict=True)])
    frame["models"] = frame["models"].astype("Int64")
    text = ["Each step changes one thing, on the draws of one fit."]
    by_name = {row["name"]: row for row in rows}
    if {"published", "the paper's terms"} <= set(by_name):
        ours, theirs = by_name["the paper's terms"], by_name["published"]["median"]
        agree = ours["low"] <= theirs <= ours["high"]
        text.insert(0, (
            f"On the paper's own terms (its window, its rule, models seen by every benchmark) "
            f"density grew by {ours['median']:.4f} per day ({interval}: {ours['low']:.4f} to "
            f"{ours['high']:.4f}); the paper has {theirs:.4f}, "
            + ("inside that interval." if agree else "outside that interval.")))
    if len(rows) > 1:
        text.append(f"The headline is {rows[-1]['median']:.4f} per day: what lies between is the "
                    f"rule, the models that count and the window, in the table's order.")
    text += [f"Left out: {one}." for one in missing]
    return Section(
        key="bridge", title="Why not 3.5 months?", text=text,
        tables=[Table("bridge", f"From the published rate to the headline ({interval})", frame,
                      {"rate per day": "{:.4f}", "low": "{:.4f}", "high": "{:.4f}",
                       "doubling time (days)": "{:.0f}"})],
        pictures=[Picture("bridge-steps", f"From {rows[0]['median']:.4f} per day "
                          f"({rows[0]['name']}) to {rows[-1]['median']:.4f} "
                          f"({rows[-1]['name']}), one change a step",
                          "Growth per day at each step, with intervals: " + "; ".join(
                              f"{row['name']} {row['median']:.4f}" + (
                                  f" ({row['low']:.4f} to {row['high']:.4f})"
                                  if len(step.rate) > 1 else "")
                              for row, step in zip(rows, steps, strict=True)) + ".",
                          lambda fig: steps_picture(fig, steps, context), 7, 3.8)],
        summary={"bridge": rows},
    )


def steps_picture(fig: Figure, steps: list[Step], context: Context) -> None:
    """The steps as intervals of the yearly rate, the published one as a point."""
    found = [summary(step.rate, context.interval) for step in steps]
    rate_forest(fig.subplots(), name=[step.name for step in steps],
                median=[one["median"] for one in found],
                low=[one["low"] if len(step.rate) > 1 else np.nan
                     for one, step in zip(found, steps, strict=True)],
                high=[one["high"] if len(step.rate) > 1 else np.nan
                      for one, step in zip(found, steps, strict=True)],
                interval=context.interval)


__all__ = ["DAYS_PER_YEAR", "section"]
