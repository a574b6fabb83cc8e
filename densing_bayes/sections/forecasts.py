"""Section: the milestone calculator, the authors' forecasts, and the validity of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.corollaries import validity
from densing_bayes.corollaries.evidence import published
from densing_bayes.corollaries.forecast import When, size_words
from densing_bayes.corollaries.run import Corollaries
from densing_bayes.corollaries.targets import target
from densing_bayes.errors import InputError
from densing_bayes.figures import BLUE, INK, log_axis
from densing_bayes.intervals import Interval
from densing_bayes.reports import Picture, Section, Table


def section(result: Corollaries) -> Section:
    """Milestones, the authors' forecasts, break-even."""
    interval = result.interval
    text = [
        "A model of N parameters on the frontier has N times the frontier's density, and "
        "matches a target when that reaches the target's effective size. Draw by draw this is "
        f"a date. The day of asking is {result.as_of}; 'already' and 'after' count the draws "
        "that lie before it and beyond ten years. The frontier is the best that the trend "
        "allows; a typical model lies below it. Beside its date stands that of the first "
        "published model, which must also appear: models of a size class are published as "
        "often as in the last two years, each some way below or above the frontier.",
        "After the data each half year grows by a draw of its own about the average of all half "
        "years: an assumption, on which no data speak"
        + (". Regimes: " + ", ".join(f"{part.name} ({len(index) / result.pool.size:.0%})"
                            for part, index in result.pool.parts)
           + " are stacked by weight." if len(result.pool.parts) > 1 else ".")
        + " On devices, quantising to 4 bits is taken to cost nothing, which is kind.",
        _reach(result),
    ]
    text += [_claim_words(row) for row in result.authors]
    tables = [_milestones(result.milestones, interval)] if result.milestones else []
    tables.append(_authors(result))
    pictures: list[Picture] = []
    summary: dict[str, Any] = {"forecasts": {
        "milestones": [{**could.to_dict(interval), "first_published": first.to_dict(interval)}
                       for could, first in result.milestones],
        "authors": result.authors}}
    if result.break_even is not None:
        more, table, picture, said = _break_even(result)
        text += more
        tables.append(table)
        pictures.append(picture)
        summary["validity"] = said
    return Section("forecasts", "Milestones, forecasts and the life of a model", text, tables,
                   pictures, summary)


def _claim_words(row: dict[str, Any]) -> str:
    data = "" if row["p_data"] is None else (
        f" Published models have met it with probability {row['p_data']:.2f}.")
    law = "" if row["p_law"] is None else (
        f" The fitted trend gives it probability {row['p_law']:.2f}.")
    return f"Forecast of the authors: {row['claim']}, due {row['due']}.{data}{law}" + (
        f" {row['note'][0].upper()}{row['note'][1:]}." if not data and not law else "")


def _reach(result: Corollaries) -> str:
    """How far targets lie from what was measured."""
    draws = result.pool
    if not draws.models:
        return "No model of this fit has an effective size."
    largest = float(np.median(draws.effective_of(draws.models).max(axis=1)))
    words = (f"The largest effective size measured is {size_words(largest)}; beyond it no "
             "benchmark has checked the ruler.")
    try:
        aim = target(draws, match="GPT-4", prices=result.tables.prices,
                     outside=result.tables.models["model"].tolist())
    except InputError:
        return words
    none = float(np.isinf(aim.log_size).mean())
    middle = float(np.quantile(aim.log_size, 0.5, method="lower"))
    return (f"{words} {aim.label} stands for an effective size of {size_words(middle)} (median)"
            + (f", and lies above the ceiling of {draws.benchmark} in {none:.0%} of the draws, "
               "where no size reaches it" if none else "")
            + (f"; it rests on {aim.rests_on}" if aim.rests_on else "")
            + ". Near its ceiling a benchmark hardly tells sizes apart.")


def _milestones(found: list[tuple[When, When]], interval: Interval) -> Table:
    rows = []
    for could, first in found:
        said, seen = could.to_dict(interval), first.to_dict(interval)
        rows.append({"question": said["question"], "frontier, median": said["date"]["median"],
                     "low": said["date"]["low"], "high": said["date"]["high"],
                     "P(already)": said["p_already"],
                     "P(not by the horizon)": said["p_never_within_horizon"],
                     "first published, median": seen["date"]["median"],
                     "first, low": seen["date"]["low"], "first, high": seen["date"]["high"],
                     "P(already published)": seen["p_already"]})
    return Table(
        "milestones", f"When the frontier reaches milestones, and when the first published "
        f"model does; {interval} of the dates.",
        pd.DataFrame(rows), {"P(already)": "{:.2f}", "P(not by the horizon)": "{:.2f}",
                             "P(already published)": "{:.2f}"},
        note=f"As of {found[0][0].as_of}; the horizon is {found[0][0].horizon}. On devices: 4 "
             "bits, 10 tokens per second, shares of memory and bandwidth uncertain.")


def _authors(result: Corollaries) -> Table:
    frame = pd.DataFrame(result.authors)[["claim", "due", "status", "p_data", "p_law", "note"]]
    frame = frame.rename(columns={"p_data": "P(met), from the data",
                                  "p_law": "P(met), from the trend"})
    frame = frame.astype({"P(met), from the data": float, "P(met), from the trend": float})
    return Table(
        "authors-forecasts", "The authors' own forecasts against the posterior.", frame,
        {"P(met), from the data": "{:.2f}", "P(met), from the trend": "{:.2f}"},
        note="From the data: what models published by the due date reached. From the trend: "
             "what the fitted frontier has at that date, fitted to data that may be later.")


def _break_even(result: Corollaries) -> tuple[list[str], Table, Picture, dict[str, Any]]:
    inputs, interval = result.break_even, result.interval
    assert inputs is not None
    frame = validity.tornado(inputs, interval)
    visits = validity.visits(inputs)
    low, median, high = np.quantile(visits, [interval.tails[0], 0.5, interval.tails[1]],
                                    method="lower")
    rows = published(result.tables.published, ("validity-visits",))
    claimed = float(rows["value"].iloc[0]) if len(rows) else np.nan
    below = float((visits <= claimed).mean()) if np.isfinite(claimed) else None
    text = [
        f"A trained model must earn its cost before an equal one is cheaper. Within "
        f"{validity.WINDOW:g} months it breaks even at {_billions(median)} visits "
        f"[{_billions(low)}, {_billions(high)}] ({interval}), under the assumptions in the table"
        + ("" if below is None else
           f"; the published {_billions(claimed)} lies at the {100 * below:.0f}th percentile")
        + ". No derivation of that figure was published. Only training cost over earnings per "
        "visit enters, so that many assumptions reproduce it: 2 million USD, 1,000 tokens a "
        "visit, 2 USD per million tokens and a serving cost of 19% of that do. What moves the "
        f"number most is the {frame['input'].iloc[0].split(' (')[0]}, and least the "
        f"{frame['input'].iloc[-1].split(' (')[0]}.",
    ]
    table = Table(
        "break-even", "Break-even visits with one assumption at the ends of its interval and "
        f"the others at their medians; {interval}.",
        frame.rename(columns={"input": "assumption", "at_low": "its low", "at_high": "its high",
                              "low": "visits at its low", "high": "visits at its high"}),
        {"its low": "{:,.3g}", "its high": "{:,.3g}", "visits at its low": "{:.3g}",
         "visits at its high": "{:.3g}"})
    said = {"window_months": validity.WINDOW,
            "visits": {"median": float(median), "low": float(low), "high": float(high)},
            "published": claimed, "p_below_published": below}
    return text, table, _tornado(frame, float(median), claimed), said


def _billions(visits: float) -> str:
    return f"{visits / 1e9:.2g} billion" if np.isfinite(visits) else "no number of"


def _tornado(frame: pd.DataFrame, median: float, claimed: float) -> Picture:
    def draw(fig: Any) -> None:
        ax = fig.subplots()
        finite = frame[["low", "high"]].replace(np.inf, np.nan)
        largest = np.nanmax(finite.to_numpy())
        ends = finite.fillna(10 * largest).to_numpy()
        rows = np.arange(len(frame))
        ax.barh(rows, np.abs(ends[:, 1] - ends[:, 0]), left=ends.min(axis=1), color=BLUE,
                alpha=0.55, height=0.6)
        ax.axvline(median, color=INK, lw=1, label="median of all")
        if np.isfinite(claimed):
            ax.axvline(claimed, color=INK, lw=1, ls=":", label="published")
        ax.set_yticks(rows, frame["input"])
        ax.set_ylim(len(frame) - 0.4, -0.6)
        ax.set_xlim(ends.min() / 1.3, ends.max() * 1.3)
        log_axis(ax, "x", 6)
        ax.set_xlabel("break-even visits in the window")
        fig.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2)

    return Picture(
        "break-even", "What the break-even number of visits depends on.",
        "Bars of break-even visits as each assumption moves over its interval: longest for "
        f"{frame['input'].iloc[0]}, shortest for {frame['input'].iloc[-1]}.", draw,
        height=3.2)
