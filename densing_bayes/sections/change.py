"""The change at ChatGPT, read from the frontier, with the two-stage series as the cross-check."""

from __future__ import annotations

from typing import Any

import pandas as pd

from densing_bayes.context import Context
from densing_bayes.intervals import probability
from densing_bayes.questions import frontier
from densing_bayes.reports import Section, Table

SURE = 0.95


def section(context: Context, series: dict[str, Any] | None) -> Section:
    """Growth before and after the day at which it may have changed.

    Parameters
    ----------
    series
        ``breakpoint`` by the two-stage way (families' releases, seven regimes); None: not made.
    """
    found, (day, event) = frontier.change(context), frontier.break_of(context)
    title = f"Did growth change at {event}?"
    if found is None:
        return Section("change", title, [
            f"The models of this fit do not reach half a year to either side of {day}, so the "
            f"question cannot be asked of them."])
    said = found.to_dict()
    before, after, ratio = said["rate_before"], said["rate_after"], said["ratio"]
    sure = max(found.p_faster, 1 - found.p_faster) > SURE
    word = "faster" if found.p_faster > 0.5 else "slower"
    verdict = (f"Growth was {word} after {event} than before (probability "
               f"{probability(max(found.p_faster, 1 - found.p_faster))})." if sure else
               f"Whether growth was faster after {event} than before is open (probability "
               f"{probability(found.p_faster)}).")
    text = [
        f"{verdict} Before ({found.start} to {found.date}) the frontier grew by "
        f"{before['median']:.2f} per year ({context.interval}: {before['low']:.2f} to "
        f"{before['high']:.2f}), after by {after['median']:.2f} ({after['low']:.2f} to "
        f"{after['high']:.2f}); the ratio is {ratio['median']:.1f} ({ratio['low']:.1f} to "
        f"{ratio['high']:.1f}).",
        f"{found.models_before} models released before that day count, closed ones of known size "
        f"among them, and scores at chance count as what they are: low. So few models hold the "
        f"early frontier loosely; the day itself was chosen after the fact.",
    ]
    if series:
        other = float(series["p_acceleration"])
        same = (other > 0.5) == (found.p_faster > 0.5)
        text.append(
            f"The cross-check in two stages (releases of families, regimes of growth compared, "
            f"below) has probability {probability(other)} of an acceleration. "
            + ("Both ways point the same way." if same else "The two ways point apart: the "
               "two-stage way follows the mean of what is released, which weak entrants pull "
               "down, and leaves out scores at chance."))
    rows = pd.DataFrame([
        {"": name, **{key: one[key] for key in ("median", "low", "high")}}
        for name, one in (("before, per year", before), ("after, per year", after),
                          ("ratio", ratio))])
    return Section(
        key="change", title=title, text=text,
        tables=[Table("change", f"Growth of the frontier before and after ({context.interval})",
                      rows, dict.fromkeys(("median", "low", "high"), "{:.2f}"))],
        summary={"breakpoint": said})
