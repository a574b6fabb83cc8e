"""Section: density times chips, and the three engines side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.corollaries.chips import (
    RESOURCES,
    ChipStudy,
    growth_of_doubling,
    on_fixed_price,
)
from densing_bayes.corollaries.evidence import CHIP_KEYS, engines, published
from densing_bayes.corollaries.run import Corollaries
from densing_bayes.figures.growth import forest
from densing_bayes.intervals import Interval, summary, words_of_set
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.sections.prices import rate_words
from densing_bayes.trends import DAYS_PER_YEAR, combined_time, doubling_set

# the arithmetic behind the published 88 days: what density's doubling was taken to be
PUBLISHED_DENSITY = {"A = 0.007 per day": np.log(2) / 0.007, "3.5 months": 3.5 * 30.4375}

DENSITY_KEYS = ("densing-rate-v2-headline", "densing-rate-v2-section-3.3", "densing-rate-nmi",
                "densing-rate-mmlu-cf")


def section(result: Corollaries) -> Section:
    """The section, or a note on why it could not be made."""
    title = "Density on chips of a fixed price"
    if result.chips is None:
        return Section("chips", title, [f"Not computed: {result.missing.get('chips', '')}."])
    study, interval = result.chips, result.interval
    rng = np.random.default_rng([study.spec.sampling.seed, 11])
    combined = _combined(result, rng)
    best = _headline(study)
    text = [
        "The largest effective model on a chip of fixed price grows with density and with the "
        "chip: the two rates add, draw by draw. Which chip rate counts depends on what binds: "
        "FLOP per dollar for prompts and training, memory bandwidth per dollar for decoding one "
        "stream, memory for what fits at all.",
        "The published 88 days follow from a density that doubles in 99 days (A = 0.007 per "
        "day) and chips in 2.1 years: "
        + "; ".join(f"with {label}, {_days(days):.1f} days"
                    for label, days in PUBLISHED_DENSITY.items())
        + "." + _leverage(result),
    ]
    if best is not None:
        resource, kind = best
        s = summary(study.growth(resource, kind), interval)
        whole = combined[(resource, kind)]
        text.append(
            f"Here {RESOURCES[resource][0]} of {kind} devices grows by {rate_words(s)} "
            f"({study.count(resource, kind)} devices, launch prices, {interval}), and density by "
            f"{rate_words(summary(result.rate, interval))}; together "
            f"{rate_words(summary(whole, interval))}; doubling time: {_set(whole, interval)}.")
    shock = summary(study.draws["bandwidth_per_usd"]["shock"], interval)
    text.append(
        "Later prices of a few cards carry the DRAM shortage of 2025 and 2026: what a dollar buys "
        f"changed by a factor of {np.exp(shock['median']):.2f} [{np.exp(shock['low']):.2f}, "
        f"{np.exp(shock['high']):.2f}] ({interval}), which the growth rates leave out. A constant "
        "doubling time of chips is therefore a statement about launch prices before it. "
        "Prices are nominal and the devices were chosen, not sampled.")
    table, rows = _growth(result, combined)
    return Section(
        "chips", title, text, tables=[table, _with_published(result, rng), _engines(result)],
        pictures=[_picture(rows, interval)],
        summary={"chips": {
            "growth": [{key: row[key] for key in ("resource", "kind", "devices", "rate",
                                                  "with_density")} for row in rows],
            "shortage_factor": {key: float(np.exp(shock[key]))
                                for key in ("median", "low", "high")},
            "passed": study.passed}})


def _days(density_days: float) -> float:
    return float(combined_time(density_days, 2.1 * DAYS_PER_YEAR))


def _leverage(result: Corollaries) -> str:
    """Which published input moves the published figure most; '' without published rates."""
    chips = published(result.tables.published, CHIP_KEYS)["doubling_months"].dropna()
    rates = published(result.tables.published, DENSITY_KEYS)["value"]
    rates = rates[rates > 0]
    if chips.empty or rates.empty:
        return ""
    by_chip = [float(combined_time(PUBLISHED_DENSITY["A = 0.007 per day"],
                                   months / 12 * DAYS_PER_YEAR)) for months in chips]
    by_rate = [_days(np.log(2) / rate) for rate in rates]
    return (f" Over the published rates of density it runs from {min(by_rate):.1f} to "
            f"{max(by_rate):.1f} days, over the published chip trends (at A = 0.007) from "
            f"{min(by_chip):.1f} to {max(by_chip):.1f}.")


def _set(rate: np.ndarray, interval: Interval) -> str:
    low, high = interval.of(rate / DAYS_PER_YEAR)
    return words_of_set(doubling_set(float(low), float(high)))


def _headline(study: ChipStudy) -> tuple[str, str] | None:
    kinds = study.kinds("bandwidth_per_usd")
    if not kinds:
        return None
    return "bandwidth_per_usd", max(kinds, key=lambda k: study.count("bandwidth_per_usd", k))


def _combined(result: Corollaries, rng: np.random.Generator) -> dict[tuple[str, str], Any]:
    study = result.chips
    assert study is not None
    return {(resource, kind): on_fixed_price(result.rate, study.growth(resource, kind), rng)
            for resource in RESOURCES for kind in study.kinds(resource)}


def _growth(result: Corollaries, combined: dict[tuple[str, str], Any],
            ) -> tuple[Table, list[dict[str, Any]]]:
    study, interval = result.chips, result.interval
    assert study is not None
    rows = []
    for (resource, kind), whole in combined.items():
        growth = study.growth(resource, kind)
        rows.append({"resource": RESOURCES[resource][0], "kind": kind,
                     "devices": study.count(resource, kind), "rate": summary(growth, interval),
                     "with_density": summary(whole, interval),
                     "doubling": _years(growth, interval), "combined": _set(whole, interval)})
    frame = pd.DataFrame([{
        "resource": row["resource"], "kind": row["kind"], "devices": row["devices"],
        "growth (1/year)": row["rate"]["median"], "low": row["rate"]["low"],
        "high": row["rate"]["high"], "doubling": row["doubling"],
        "with density (1/year)": row["with_density"]["median"],
        "effective size doubles in": row["combined"]} for row in rows])
    table = Table(
        "chip-growth", f"Growth of what a dollar buys and a device holds; {interval}.", frame,
        {"devices": "{:.0f}", "growth (1/year)": "{:.3f}", "low": "{:.3f}", "high": "{:.3f}",
         "with density (1/year)": "{:.2f}"},
        note="Per dollar: launch prices of devices sold by themselves, which leaves out most "
             "datacentre parts; phones have no price. Kinds with fewer than four devices are "
             "not shown.")
    return table, rows


def _years(growth: np.ndarray, interval: Interval) -> str:
    """A doubling set of chips in years."""
    low, high = interval.of(growth)
    parts = doubling_set(float(low), float(high))
    if len(parts) == 1 and low > 0:
        return f"{parts[0][0]:.1f} to {parts[0][1]:.1f} years"
    least = f"doubling in {np.log(2) / high:.1f} years or more" if high > 0 else ""
    return ", ".join(part for part in (least, "no change, or a fall") if part)


def _with_published(result: Corollaries, rng: np.random.Generator) -> Table:
    rows = []
    for row in published(result.tables.published, CHIP_KEYS).to_dict("records"):
        if not row["doubling_months"] > 0:
            continue
        years = row["doubling_months"] / 12
        ends = [row[f"doubling_{end}"] / 12 for end in ("low", "high")]
        stated = row["prob"] > 0 and all(np.isfinite(ends))
        draws = growth_of_doubling(years, *(ends if stated else (None, None)),
                                   row["prob"] if stated else 0.9, 4000, rng)
        whole = on_fixed_price(result.rate, draws, rng)
        rows.append({"published chip trend": row["label"], "doubling (years)": years,
                     **{f"with {label} (days)": float(combined_time(days, years * DAYS_PER_YEAR))
                        for label, days in PUBLISHED_DENSITY.items()},
                     "with this posterior": _set(whole, result.interval)})
    return Table(
        "chip-published", "Doubling of the largest effective model on a chip of fixed price, by "
        f"published chip trends; the last column with this posterior ({result.interval}).",
        pd.DataFrame(rows, columns=["published chip trend", "doubling (years)", *(
            f"with {label} (days)" for label in PUBLISHED_DENSITY), "with this posterior"]),
        {"doubling (years)": "{:.2f}",
         **{f"with {label} (days)": "{:.1f}" for label in PUBLISHED_DENSITY}},
        note="Memory trends are of performance, not per dollar: those per dollar are slower.")


def _engines(result: Corollaries) -> Table:
    study = result.chips
    assert study is not None
    chip = {f"{RESOURCES[resource][0]}, {kind}": study.growth(resource, kind)
            for resource in ("flop_per_usd", "bandwidth_per_usd")
            for kind in study.kinds(resource)[:1]}
    rows = [{
        "engine": row["engine"], "growth (1/year)": row["rate"]["median"],
        "low": row["rate"].get("low", np.nan), "high": row["rate"].get("high", np.nan),
        "factor per year": np.exp(row["rate"]["median"]),
        "doubling (months)": 12 * np.log(2) / row["rate"]["median"], "source": row["source"]}
        for row in engines(result.tables.published, result.rate, chip, result.interval)]
    return Table(
        "engines", f"Three engines of models on devices side by side; {result.interval} where "
        "computed here.", pd.DataFrame(rows),
        {"growth (1/year)": "{:.2f}", "low": "{:.2f}", "high": "{:.2f}",
         "factor per year": "{:.2f}", "doubling (months)": "{:.1f}"},
        note="The doubling is ln 2 over the median rate. No series stands behind the press "
             "figures.")


def _picture(rows: list[dict[str, Any]], interval: Interval) -> Picture:
    short = (("memory bandwidth", "bandwidth"), (" per dollar", "/USD"), (" per device", ""))
    names = []
    for row in rows:
        name = row["resource"]
        for long, word in short:
            name = name.replace(long, word)
        names.append(f"{name}, {row['kind']}")

    def draw(fig: Any) -> None:
        s = [row["rate"] for row in rows]
        forest(fig.subplots(), name=names, median=[x["median"] for x in s],
               low=[x["low"] for x in s], high=[x["high"] for x in s],
               xlabel="growth of ln value (1/year)", interval=interval, reference=0.0)

    medians = [row["rate"]["median"] for row in rows]
    low, high = min(medians), max(medians)
    return Picture(
        "chip-growth", "Growth of FP16 rate, bandwidth and memory per dollar (/USD) and per "
        f"device, by kind of device; {interval}.",
        "Intervals of growth rates of FP16 rate, bandwidth and memory, per dollar and per "
        f"device, by kind of device; medians from {low:.2f} to {high:.2f} per year.", draw,
        height=1.2 + 0.33 * len(rows))
