"""Section: densities that count what inference costs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.cost_density import CostStudy
from densing_bayes.devices import Device
from densing_bayes.figures.cost import dodged_rows
from densing_bayes.intervals import Interval, words_of_set
from densing_bayes.outputs import counted
from densing_bayes.questions import costs as questions
from densing_bayes.reports import Picture, Section, Table

READING_WORDS = {
    "dense": "dense models, by all parameters", "total": "all models, by all parameters",
    "active": "all models, by active parameters", "cost": "all models, cost in memory,",
    "device": "all models, cost on one",
}
SHOWN = 12  # models in a figure


def section(study: CostStudy, outside: Collection[str] = ()) -> Section:
    """Densities by total, by active and by cost; growth beside the dense one; devices.

    ``outside`` names the models whose effective size was read off the fitted curves
    (`densing_bayes.joint.outside`).
    """
    interval, head = study.spec.interval, study.devices[0]
    special = questions.special(study)
    rows = questions.densities(study, special)
    growth = questions.growth_rows(study)
    ranks = questions.rank_frame(study)
    ratio = questions.k_ratio(study, head)
    answer, *growth_text = _growth_text(study, growth, interval) or [""]
    text = [
        *([answer] if answer else []),
        *_widening(study, special, rows),
        "By cost, density is the time per token of a dense 16-bit model of the effective size "
        "that fits in memory, over the time of the model itself on the same device: "
        "N̂ (k₁ + k₂) / (N k₁ + N_active k₂), where N̂ is the effective size, k₁ the time to read a "
        "parameter (by its bits) and k₂ the time to compute with it. For a dense 16-bit model in "
        "memory this is N̂ / N whatever the device: hardware uncertainty leaves it as it is.",
        f"Headline device: {head}. With the priors on utilisation and on tokens per read, k₁ / k₂ "
        f"is {ratio['median']:.2g} ({interval}: {ratio['low']:.2g} to {ratio['high']:.2g}); the "
        "published 2.45 on an RTX 4090 is one point of such a range. No data here inform these "
        "constants: they are carried through as stated in the spec.",
        *_outside_text(outside),
        *growth_text,
        "A batch reads the always-used weights and the experts that its tokens touch, taken as "
        "1 - (1 - k/E)^n under even, independent routing, with k/E worked out from active and "
        "total parameters. The published formula reads all experts, the limit of many tokens per "
        "read. What does not fit in memory is split by bytes and arrives at the pace of the link; "
        "keeping often-used experts in memory would do better. Reading and computing are added, "
        "not overlapped; the key-value cache counts only as memory that weights cannot have. "
        "FP16 rates of consumer cards are vector rates, as in the paper.",
    ]
    unstated = [device.name for device in study.devices if device.rate is None]
    if unstated:
        text.append(f"No FP16 rate is stated for {', '.join(unstated)}: it follows the prior on "
                    "operations per byte of bandwidth.")
    tables = [_growth_table(growth, interval), _rank_table(ranks, study)]
    pictures = [_device_picture(study, ranks, interval), _growth_picture(study, growth, interval)]
    if rows:
        tables = [_density_table(rows, head, interval), *tables, _token_table(study, special, head,
                                                                             interval)]
        pictures = [_density_picture(study, special, head, interval), *pictures]
    return Section(
        "costs", "Densities that count what inference costs", text, tables, pictures,
        summary={"cost_density": {
            "device": head.name, "device_said": str(head),
            "devices": [device.name for device in study.devices],
            "k1_over_k2": ratio, "models": rows,
            "growth": growth,
        }})


def _reading(row: dict[str, Any]) -> str:
    """What a row of growth counts."""
    words = READING_WORDS[row["reading"]]
    return f"{words} {row['device']}" if row["device"] else words


def _outside_text(outside: Collection[str]) -> list[str]:
    if not outside:
        return []
    return [f"{counted(len(outside), 'model')} {'is' if len(outside) == 1 else 'are'} outside the "
            "fit (mixtures of experts, quantised, compressed, post-trained or closed). Effective "
            "sizes of such are read off the fitted curves, draw by draw, from their scores alone, "
            "with a wide prior; the fit learns nothing from them."]


def _widening(study: CostStudy, special: np.ndarray, rows: list[dict[str, Any]]) -> list[str]:
    sparse = [row for row in rows if row["architecture"] == "moe"]
    if not rows:
        return ["No mixture-of-experts or quantised model is among the models measured, so cost "
                "and size say the same of all of them that fit in memory."]
    if not sparse:
        return []
    total, cost = (np.median([row[f"by_{reading}"]["sd_log"] for row in sparse])
                   for reading in ("total", "cost"))
    gain = np.median([row["by_cost"]["median"] / row["by_total"]["median"] for row in sparse])
    return [f"For the {len(sparse)} mixture-of-experts models, the uncertain constants widen the "
            f"sd of log density from {total:.2f} by all parameters to {cost:.2f} by cost (medians "
            f"over models), and density by cost is {gain:.2f} times density by all parameters: "
            "between the two bounds by all and by active parameters, since reading costs all "
            "touched experts and computing only the active ones."]


def _growth_text(study: CostStudy, growth: list[dict[str, Any]], interval: Interval) -> list[str]:
    by = {(row["reading"], row["device"]): row for row in growth}
    dense, cost = by.get(("dense", "")), by.get(("cost", study.devices[0].name))
    if dense is None or cost is None:
        return []
    quantile = study.spec.options["frontier_quantile"]
    dense_count = int((study.plain & (study.models["architecture"] != "moe").to_numpy()).sum())

    def words(row: dict[str, Any]) -> str:
        rate, double = row["rate_per_year"], row["doubling_time_days"]
        return (f"{rate['median']:.2f} per year ({rate['low']:.2f} to {rate['high']:.2f}; doubling "
                f"set {words_of_set(double['set'])})")

    minus = cost["minus_dense_per_year"]
    head = study.devices[0].name
    sign = "as fast as" if minus["low"] < 0 < minus["high"] else (
        "faster than" if minus["median"] > 0 else "slower than")
    lines = [
        f"Counted by what inference costs on {head}, density grew {sign} by size: "
        f"{cost['rate_per_year']['median']:.2f} per year ({interval}: "
        f"{cost['rate_per_year']['low']:.2f} to {cost['rate_per_year']['high']:.2f}) for all "
        f"models, {dense['rate_per_year']['median']:.2f} "
        f"({dense['rate_per_year']['low']:.2f} to {dense['rate_per_year']['high']:.2f}) for dense "
        f"ones by their parameters.",
        f"Growth here is the slope over time of the {quantile:.0%} quantile of the models' log "
        "density, one line per posterior draw with a Bayesian bootstrap of families: a second "
        "stage on the effective sizes, comparable between readings, not the joint model's own "
        "growth rate.",
        f"By all parameters the {dense_count} dense models give {words(dense)}. By cost on "
        f"{study.devices[0].name} with weights in memory, all {int(study.plain.sum())} models give "
        f"{words(cost)}, {interval}; the difference, within draws, is {minus['median']:+.2f} per "
        f"year ({minus['low']:+.2f} to {minus['high']:+.2f}), above zero with probability "
        f"{cost['p_faster_than_dense']:.2f}.",
    ]
    own = [by[("device", device.name)] for device in study.devices
           if ("device", device.name) in by]
    lines.append("On one device, where what does not fit is paged, it is " + "; ".join(
        f"{row['rate_per_year']['median']:.2f} per year ({row['rate_per_year']['low']:.2f} to "
        f"{row['rate_per_year']['high']:.2f}) on {row['device']}" for row in own) + ".")
    return lines


# -- tables -----------------------------------------------------------------------------------


def _density_table(rows: list[dict[str, Any]], head: Device, interval: Interval) -> Table:
    names = {"total": "by all parameters", "active": "by active", "cost": "by cost in memory",
             "device": "by cost on the device"}
    frame = pd.DataFrame([
        {"model": row["model"], "released": row["date"], "bits": row["bits"],
         **{f"{name}{'' if bound == 'median' else ', ' + bound}": row[f"by_{reading}"][bound]
            for reading, name in names.items() for bound in ("median", "low", "high")}}
        for row in rows])
    formats = dict.fromkeys(frame.columns[3:], "{:.2f}") | {"bits": "{:.0f}"}
    return Table("cost-density", "Density of every mixture-of-experts and quantised model, by size "
                 f"and by cost on {head.name}: median and {interval}", frame, formats,
                 "The device reading pages what does not fit in memory through the slower link.")


def _growth_table(growth: list[dict[str, Any]], interval: Interval) -> Table:
    frame = pd.DataFrame([{
        "reading": _reading(row), "rate (1/year)": row["rate_per_year"]["median"],
        "low": row["rate_per_year"]["low"], "high": row["rate_per_year"]["high"],
        "rate (1/day)": row["rate_per_day"]["median"],
        "doubling (days)": row["doubling_time_days"]["median"],
        "doubling set": words_of_set(row["doubling_time_days"]["set"]),
        "minus dense (1/year)": row["minus_dense_per_year"]["median"],
        "minus dense, low": row["minus_dense_per_year"]["low"],
        "minus dense, high": row["minus_dense_per_year"]["high"],
    } for row in growth])
    two = "{:.2f}"
    return Table("cost-growth", "Growth of the upper quantile of log density by reading and device "
                 f"({interval})", frame,
                 {"rate (1/year)": two, "low": two, "high": two, "rate (1/day)": "{:.4f}",
                  "doubling (days)": "{:.0f}", "minus dense (1/year)": "{:+.2f}",
                  "minus dense, low": "{:+.2f}", "minus dense, high": "{:+.2f}"})


def _rank_table(ranks: pd.DataFrame, study: CostStudy) -> Table:
    return Table("cost-ranks", f"Rank of the densest models by reading and device, 1 the densest "
                 f"(posterior median of the rank among {int(study.plain.sum())} models)", ranks,
                 dict.fromkeys(ranks.columns[2:], "{:.0f}"),
                 f"Models among the top {questions.TOP} of any column.")


def _token_table(study: CostStudy, which: np.ndarray, head: Device, interval: Interval) -> Table:
    draws = study.densities.isel(device=0)
    columns: dict[str, Any] = {"model": study.models["model"].to_numpy()[which]}
    for name, unit, factor in (("seconds", "ms per token", 1e3), ("joules", "joules per token", 1),
                               ("usd", "USD per million tokens", 1e6)):
        values = factor * draws[name].isel(model=which).stack(s=("chain", "draw")).values
        if np.isnan(values).all():
            continue
        columns[unit] = np.median(values, axis=1)
        columns[f"{unit}, low"], columns[f"{unit}, high"] = study.spec.interval.of(values, axis=1)
    frame = pd.DataFrame(columns)
    blank = "" if head.price is not None else " hardware.csv has no price for it."
    return Table("cost-per-token", f"What a token takes on one {head.name}: median and {interval}",
                 frame, {name: "{:,.0f}" if frame[name].median() >= 100 else "{:,.1f}" for name in
                         frame.columns[1:]},
                 "Time is shared among the tokens of a read. Money is the device's price over its "
                 "busy life, and power; no margin, host, staff or cooling." + blank)


# -- figures ----------------------------------------------------------------------------------


def _bars(values: xr.DataArray, interval: Interval) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flat = values.stack(s=("chain", "draw")).transpose("model", "s").values
    low, high = interval.of(flat, axis=1)
    return np.exp(np.median(flat, axis=1)), np.exp(low), np.exp(high)


def _density_picture(study: CostStudy, special: np.ndarray, head: Device,
                     interval: Interval) -> Picture:
    sparse = special[study.models["architecture"].to_numpy()[special] == "moe"][:SHOWN]
    chosen = sparse if len(sparse) else special[:SHOWN]
    draws = study.densities.isel(device=0, model=chosen)
    series = {name: _bars(draws[f"log_density_{key}"], interval) for name, key in (
        ("all parameters", "total"), ("active parameters", "active"), ("cost", "cost"))}
    names = list(study.models["model"].to_numpy()[chosen])
    return Picture(
        "cost-density", f"The newest mixture-of-experts models by size and by cost on {head.name} "
        f"with weights in memory ({interval})",
        _alt(names, series),
        lambda fig: dodged_rows(fig.subplots(), names, series, "density", interval, reference=1.0),
        6.0, 1.6 + 0.5 * len(names))


def _device_picture(study: CostStudy, ranks: pd.DataFrame, interval: Interval) -> Picture:
    names = list(ranks["model"][:SHOWN])
    index = pd.Index(study.models["model"]).get_indexer(names)
    series = {device.name: _bars(
        study.densities["log_density_device"].isel(device=i, model=index), interval)
        for i, device in enumerate(study.devices[:5])}
    return Picture(
        "cost-by-device", f"Density by cost on one device, densest models first ({interval})",
        _alt(names, series),
        lambda fig: dodged_rows(fig.subplots(), names, series, "density by cost", interval,
                                reference=1.0), 6.0, 1.8 + 0.55 * len(names))


def _alt(names: list[str], series: dict[str, Any]) -> str:
    """What a forest of several medians a row shows, in numbers: its first rows."""
    return "Density. " + "; ".join(
        f"{name}: " + ", ".join(
            f"{label} {_brief(values[0][i])}" for label, values in series.items())
        for i, name in enumerate(names[:5])) + ("; and others." if len(names) > 5 else ".")


def _brief(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _growth_picture(study: CostStudy, growth: list[dict[str, Any]],
                    interval: Interval) -> Picture:
    rows = list(growth)
    names = [_reading(row) for row in rows]
    rate = [np.array([row["rate_per_year"][key] for row in rows])
            for key in ("median", "low", "high")]
    return Picture(
        "cost-growth", f"Growth by what counts as size, and by device ({interval})",
        "Growth per year: " + "; ".join(
            f"{name} {middle:.2f} ({low:.2f} to {high:.2f})"
            for name, middle, low, high in zip(names, *rate, strict=True)) + ".",
        lambda fig: dodged_rows(fig.subplots(), names, {"": tuple(rate)}, "growth rate (1/year)",
                                interval, log=False, limit=44), 6.5, 1.2 + 0.36 * len(names))
