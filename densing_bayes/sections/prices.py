"""Section: the price of a fixed capability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.corollaries.draws import date_of
from densing_bayes.corollaries.evidence import halving_published
from densing_bayes.corollaries.prices import (
    BASES,
    WINDOW,
    Case,
    PriceStudy,
    break_verdict,
    halving,
    record_halving,
)
from densing_bayes.corollaries.run import COST_CHIP, Corollaries
from densing_bayes.figures import BLUE, MUTED, ORANGE, log_axis, time_axis
from densing_bayes.figures.growth import forest
from densing_bayes.intervals import Interval, summary, words_of_set
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.trends import doubling_set


def rate_words(s: dict[str, float], unit: str = " per year") -> str:
    """A rate with its interval's ends."""
    return f"{s['median']:.2f} [{s['low']:.2f}, {s['high']:.2f}]{unit}"


def halving_words(fall: Any, interval: Interval) -> str:
    """The halving time of a price in words: a set, since the fall may be zero."""
    rate = summary(np.asarray(fall) / 365.25, interval)
    return words_of_set(doubling_set(-rate["high"], -rate["low"]), "months")


def section(result: Corollaries) -> Section:
    """The section, or a note on why it could not be made."""
    title = "The price of a fixed capability"
    if result.prices is None:
        return Section("prices", title, [f"Not computed: {result.missing.get('prices', '')}."])
    study, interval = result.prices, result.interval
    names = dict(zip(study.spec.options["thresholds"], study.spec.options["names"],
                     strict=False))
    main = study.main
    fall = summary(main.draws["fall"], interval)
    text = [
        "The cheapest price at which a capability is sold is a frontier, like density: every "
        "offer that reaches it lies above it by its own dearness, and all offers speak, "
        "rises included. A price that stands unbeaten says only that the cheapest is not above "
        "it, for the list may lack the offer that beat it.",
        f"At {main.label} ({names.get(main.threshold, 'the lowest threshold')}), 3:1 blend, "
        f"ln price falls by {rate_words(fall)} ({interval}): "
        f"{halving_words(main.draws['fall'], interval)}. {_source_words(study)}",
        *_as_published(study, interval), *_break_words(study, interval),
    ]
    if study.refused:
        text.append("Not told, for their draws do not represent the posterior: "
                    + ", ".join(study.refused) + ".")
    text += _split_words(result)
    last = (main.offers["date"] > study.until - pd.Timedelta(days=365)).sum()
    text.append("Price is not cost: margins, subsidy and batching are inside it. Models without "
                f"a value on this scale are not seen: of the {len(main.offers)} offers at the "
                f"lowest threshold, {last or 'none'} {'is' if last == 1 else 'are'} of the last "
                "year of the table.")
    return Section(
        "prices", title, text,
        tables=[_falls(study, names, interval), _published(result, main)],
        pictures=[picture(main, interval), *_split_picture(result)],
        summary={"prices": _summary(study, interval, result)})


def _source_words(study: PriceStudy) -> str:
    scale = study.scale
    return {"the fit": "Effective sizes are medians of the joint posterior.",
            "scores.csv": f"Scores on {scale.what} are means over the sources of scores.csv.",
            "any": "Scores are of any source: the families differ by up to 15 points.",
            }.get(scale.source, f"Scores are those of one family of sources ({scale.source}).")


def _break_words(study: PriceStudy, interval: Interval) -> list[str]:
    """What a fit with a break says, where it passed."""
    if study.bent is None:
        return []
    falls, verdict = study.bent.falls, break_verdict(study.bent)
    return [
        f"With one break at an unknown date the fall is "
        f"{rate_words(summary(falls['before'], interval))} before and "
        f"{rate_words(summary(falls['after'], interval))} after ({interval}); it is slower "
        f"after the break with probability {verdict['p_slower']:.2f}. The odds of no break "
        f"against this one moved by a factor {verdict['odds_of_none']:.1f} "
        "(Savage-Dickey density ratio): "
        + ("the data do not tell whether there is one." if 1 / 3 < verdict["odds_of_none"] < 3
           else "evidence against a break." if verdict["odds_of_none"] >= 3
           else "evidence for a break.")]


def _as_published(study: PriceStudy, interval: Interval) -> list[str]:
    """What the usual line gives on the same rows, in the usual window."""
    if len(study.as_published) < 2:
        return []
    mixed, window = study.as_published
    return [
        "Published fits mix sources and draw a line through the record lows. On the same rows "
        f"(any source) that line gives {record_halving(mixed.offers)[0]:.1f} months to the end "
        f"and {record_halving(window.offers)[0]:.1f} months to {WINDOW}, the window of the "
        "published 2.6; the frontier of all offers gives "
        f"{halving_words(mixed.draws['fall'], interval)} and "
        f"{halving_words(window.draws['fall'], interval)} ({interval}). A line through records "
        "also falls where nothing does, because records are selected."]


def _split_words(result: Corollaries) -> list[str]:
    if result.split is None:
        return []
    s = {name: summary(draws, result.interval) for name, draws in result.split.items()}
    p = float((result.split["rest"] < 0).mean())
    return [
        f"How much of the fall is density: density grows by {rate_words(s['density'])}, chips "
        f"(memory bandwidth per dollar, {COST_CHIP[1]}) by {rate_words(s['chips'])}, and the "
        f"price falls by {rate_words(s['fall'])}; the rest is {rate_words(s['rest'])} "
        f"({result.interval}). The rest is negative with probability {p:.2f}: prices then fell "
        "less than density and chips alone would have them, as when the price per token of a "
        "model of given size rises, or when the cheapest hosts do not serve the densest models."]


def _falls(study: PriceStudy, names: dict[float, str], interval: Interval) -> Table:
    rows = []
    for case in study.cases:
        for period, draws in case.falls.items():
            s = summary(draws, interval)
            rows.append({
                "capability from": case.label,
                "level": names.get(case.threshold, ""),
                "scores": case.source, "price": BASES[case.basis].split(" of")[0],
                "period": f"to {WINDOW}" if case.name.endswith(WINDOW) else
                period if not case.broken else f"{period} break",
                "offers": len(case.offers), "fall of ln price (1/year)": s["median"],
                "low": s["low"], "high": s["high"],
                "halving time": halving_words(draws, interval),
                "line through records (months)":
                    np.nan if case.broken else record_halving(case.offers)[0],
            })
    return Table(
        "price-falls", f"Fall of the cheapest price by capability; {interval}.",
        pd.DataFrame(rows),
        {"offers": "{:.0f}", "fall of ln price (1/year)": "{:.2f}",
         "low": "{:.2f}", "high": "{:.2f}", "line through records (months)": "{:.1f}"},
        note="The line through records is how published figures are made; it has no honest "
             "interval. Halving time is the image of the interval of the fall: where that "
             "holds zero, it is unbounded.")


def _published(result: Corollaries, main: Case) -> Table:
    found = halving(main.draws["fall"], result.interval)
    own = {"figure": "this fit", "months": found["halving_months"]["median"],
           "low": np.nan, "high": np.nan, "probability": result.interval.prob, "source": ""}
    parts = found["halving_months"]["set"]
    if len(parts) == 1:
        own |= {"low": parts[0][0], "high": parts[0][1]}
    rows = halving_published(result.tables.published).rename(
        columns={"label": "figure", "prob": "probability"})
    return Table(
        "price-published", "Published halving times of the price at fixed capability.",
        pd.concat([pd.DataFrame([own]), rows], ignore_index=True),
        {"months": "{:.1f}", "low": "{:.1f}", "high": "{:.1f}", "probability": "{:.2f}"},
        note="Empty: no interval was published. The paper's figure compares a flat price with "
             "an input price; on a 3:1 blend its two points give 152-fold, not 266.7.")


def picture(case: Case, interval: Interval) -> Picture:
    """Offers over time with the fitted frontier price."""
    def draw(fig: Any) -> None:
        ax = fig.subplots()
        days = case.offers["date"].to_numpy("datetime64[D]")
        ax.plot(days, case.offers["price"], "o", color=MUTED, markersize=4, alpha=0.6,
                label="offer", zorder=2)
        years = np.linspace(case.tables["offers"]["time"][0], case.tables["offers"]["time"][-1],
                            60)
        dates = np.array([np.datetime64(date_of(year)) for year in years])
        low, high = interval.of(case.log_price(years), axis=0)
        ax.fill_between(dates, np.exp(low), np.exp(high), color=BLUE, alpha=0.2, lw=0, zorder=1)
        ax.plot(dates, np.exp(np.median(case.log_price(years), axis=0)), color=BLUE,
                label=f"frontier, {interval}")
        at = case.tables["checks"]
        ax.plot([np.datetime64(date_of(year)) for year in at["time"]],
                np.exp(-at["cheapness"]), "v", color=ORANGE, markersize=8, zorder=3,
                label="stands unbeaten: price at most this")
        log_axis(ax, "y")
        time_axis(ax)
        ax.set(xlabel="date of the offer", ylabel="USD per million tokens")
        fig.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2)

    return Picture(
        "price-frontier",
        f"Offers of at least {case.label} (3:1 blend) and the frontier of the cheapest, "
        f"{interval}.",
        "Prices of offers over their dates on a log scale, with the falling frontier below most "
        "of them and triangles where a cheapest price stood unbeaten for half a year.", draw)


def _split_picture(result: Corollaries) -> list[Picture]:
    if result.split is None:
        return []
    labels = {"fall": "fall of ln price", "density": "growth of density",
              "chips": "bandwidth per dollar", "rest": "the rest"}
    s = [summary(result.split[name], result.interval) for name in labels]

    def draw(fig: Any) -> None:
        forest(fig.subplots(), name=list(labels.values()), median=[x["median"] for x in s],
               low=[x["low"] for x in s], high=[x["high"] for x in s],
               xlabel="rate (1/year)", interval=result.interval, reference=0.0)

    return [Picture(
        "price-split", "The fall of the price at fixed capability, split: density, chips, and "
        f"what is neither; {result.interval}.",
        "Four rates with intervals: the fall of the price, the growth of density, of bandwidth "
        f"per dollar, and the rest at {s[3]['median']:.2f} per year.", draw, height=2.8)]


def _summary(study: PriceStudy, interval: Interval, result: Corollaries) -> dict[str, Any]:
    out: dict[str, Any] = {"cases": [
        {"name": case.name, "threshold": case.threshold, "scores": case.source,
         "basis": case.basis, "broken": case.broken, "offers": len(case.offers),
         "diagnostics": case.diagnostics,
         **{period: halving(draws, interval) for period, draws in case.falls.items()},
         **({"break": break_verdict(case)} if case.broken else {})}
        for case in study.cases]}
    if result.split is not None:
        out["split"] = {name: summary(draws, interval) for name, draws in result.split.items()}
    out |= {"passed": study.passed, "refused": study.refused,
            "capability": {"scale": study.scale.what, "source": study.scale.source}}
    return out
