"""What comes next: forecasts beside their rivals, and which of them has been better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.context import Context
from densing_bayes.figures.house import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, log_axis
from densing_bayes.intervals import Interval
from densing_bayes.questions import outlook
from densing_bayes.reports import Picture, Section, Table

WORDS = {"joint": "this model", "no change": "no change",
         "record jumps": "records at the pace they came (compound Poisson)",
         "paper": "the paper's line through records", "published rate": "the published rate"}
COLOURS = {"joint": BLUE, "no change": MUTED, "record jumps": GREEN, "paper": ORANGE,
           "published rate": PURPLE}
MARKERS = dict(zip(COLOURS, "osDv^", strict=True))
BEST, LAST = "best available", 12


def section(context: Context) -> Section:
    """Forecasts of best available and frontier, their rivals' scores, and GPT-4 at 8B."""
    interval = context.interval
    rows, scores, matched = (outlook.forecasts(context), outlook.scores(),
                             outlook.matches(context))
    best = {row["method"]: row for row in rows if row["what"] == BEST and row["months"] == LAST}
    ours = best["joint"]
    text = [
        f"If families go on appearing as in the last year, the best available on {ours['date']}, "
        f"twelve months after the newest model, has a density of {ours['median']:.0f} "
        f"({interval}: {ours['low']:.0f} to {ours['high']:.0f}); no change would be "
        f"{best['no change']['median']:.0f}.",
        *_who_was_better(scores), *_matches(matched),
        "After the data each half year's growth is drawn anew about the average of all: an "
        "assumption on which no data speak.",
    ]
    frame = pd.DataFrame([{**row, "method": WORDS[row["method"]]} for row in rows])
    tables = [Table("outlook-forecasts", f"Density to come by method ({interval})", frame,
                    dict.fromkeys(("median", "low", "high"), "{:.1f}"),
                    note="Months after the newest model that may lie on the frontier. Each "
                         "method starts from the same fit.")]
    if scores:
        scored = pd.DataFrame([{
            "forecast of": row["what"],
            "months ahead": str(row["horizon"]) if row["horizon"] else "all",
            "method": WORDS[row["method"]], "mean CRPS": row["crps"],
            "share by which this model's is lower": row["against"],
            "its standard error": row["against_se"], "50% intervals held": row["coverage_50%"],
            "forecasts": row["forecasts"]} for row in scores])
        tables.append(Table(
            "outlook-scores", "Error of each method in the published back-test", scored,
            {"mean CRPS": "{:.3f}", "share by which this model's is lower": "{:+.2f}",
             "its standard error": "{:.2f}", "50% intervals held": "{:.2f}"},
            note="CRPS in ln density; lower is better. A negative share: that method was better."))
    if matched:
        tables.append(Table("outlook-gpt-4", f"When 8B parameters on the frontier match GPT-4 "
                            f"({interval})", _matched(matched), {"P(already)": "{:.2f}"},
                            note="By the benchmarks of the fit that have seen it."))
    return Section(
        "outlook", "What comes next", text, tables,
        [Picture("outlook-density", f"Best available in a year: {ours['median']:.0f} by this "
                 f"model, {best['no change']['median']:.0f} if nothing changes",
                 f"Forecasts of the best available density ({interval}) by month and method: "
                 + "; ".join(f"{WORDS[name]} {row['median']:.0f} ({row['low']:.0f} to "
                             f"{row['high']:.0f})" for name, row in best.items()) + ".",
                 lambda fig: _picture(fig, rows, interval), 7, 3.6)],
        {"outlook": {"forecasts": rows, "scores": scores, "matches": matched}})


def _who_was_better(scores: list[dict[str, Any]]) -> list[str]:
    """A sentence for each quantity: whom the model beat, and who beat it."""
    out = []
    for what in dict.fromkeys(row["what"] for row in scores):
        against = {row["method"]: (row["against"], row["against_se"]) for row in scores
                   if row["what"] == what and row["method"] != "joint" and not row["horizon"]
                   and np.isfinite(row["against"])}
        if not against:
            continue
        said = [f"{WORDS[name]} by {gain:.0%} (standard error {error:.0%})"
                for name, (gain, error) in against.items() if gain > 0]
        lost = [f"{WORDS[name]} by {-gain:.0%} (standard error {error:.0%})"
                for name, (gain, error) in against.items() if gain <= 0]
        words = f"In the back-test its forecasts of the {what} "
        words += "; ".join(filter(None, [
            said and "were nearer than " + ", ".join(said),
            lost and "were less near than " + ", ".join(lost)]))
        ahead = {}
        for row in scores:  # where a rival was better, it is told as well
            if row["what"] == what and row["horizon"] and row["against"] < 0:
                ahead.setdefault(row["horizon"], []).append(
                    f"{WORDS[row['method']]} by {-row['against']:.0%} (standard error "
                    f"{row['against_se']:.0%})")
        out.append(words + "." + "".join(
            f" At {months} months {' and '.join(rivals)} " + ("was" if len(rivals) == 1 else "were")
            + " nearer." for months, rivals in ahead.items()))
    return out


def _matches(found: list[dict[str, Any]]) -> list[str]:
    """When a model of 8B parameters could match GPT-4, in sentences."""
    if not found:
        return []

    def when(row: dict[str, Any], what: str) -> str:
        date, already = row["date"]["median"], f"{row['p_already']:.2f}"
        return (f"has matched {what} already with probability {already}" if date == "already" else
                f"matches {what} by {date} with even odds (already with probability {already})")

    first, *rest = found
    out = [f"A model of 8B parameters on the frontier {when(first, first['match'])}"
           + (f", which counts with all its scores on benchmarks of the fit "
              f"({first['rests_on']})" if first["rests_on"] else "") + "."]
    return out + [f"By {row['match'].rsplit(' on ', 1)[-1]} alone ({row['rests_on']}) it "
                  f"{when(row, 'it')}." for row in rest]


def _matched(found: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([{
        "to match": row["match"], "by": row["rests_on"], "median": row["date"]["median"],
        "low": row["date"]["low"], "high": row["date"]["high"],
        "P(already)": row["p_already"]} for row in found])


def _picture(fig: Figure, rows: list[dict[str, Any]], interval: Interval) -> None:
    ax = fig.subplots()
    for k, (method, colour) in enumerate(COLOURS.items()):
        part = [row for row in rows if row["what"] == BEST and row["method"] == method]
        if not part:
            continue
        at = np.array([row["months"] for row in part]) + 0.28 * (k - 2)
        middle, low, high = (np.array([row[name] for row in part])
                             for name in ("median", "low", "high"))
        ax.errorbar(at, middle, [middle - low, high - middle], fmt=MARKERS[method], color=colour,
                    ms=5, lw=1.4, label=WORDS[method])
    ax.set(xlabel="months after the newest model", ylabel="density of the best available")
    ax.set_xticks(sorted({row["months"] for row in rows}))
    log_axis(ax, "y", 5)
    ax.yaxis.label.set_color(INK)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2)
