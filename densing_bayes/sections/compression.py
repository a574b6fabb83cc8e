"""Section: what pruning, distillation and quantisation do to density."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.compressed import CompressionResult
from densing_bayes.figures.cost import bits_against_ratio, dodged_rows
from densing_bayes.intervals import Interval, summary
from densing_bayes.reports import Picture, Section, Table


def section(result: CompressionResult) -> Section:
    """Pairs, methods, the published claim, in plain size and by cost."""
    interval, head = result.spec.interval, result.devices[0].name
    pairs, methods = pair_rows(result), method_rows(result)
    text = [
        "A child is denser than its parent when its effective size per parameter is larger. Both "
        "were scored by the same source on the same items, so what the source adds to both "
        "cancels; the difference of their scores becomes a difference of ln N^ through the slope "
        f"of each benchmark. {len(result.pairs)} pairs, {int(result.pairs['rows'].sum())} rows.",
        *_claim_text(result),
        *_quantised_text(result, methods, head, interval),
        *_retrained_text(methods, interval),
        _slope_text(result, interval), *_steepness_text(result),
        _limits_text(result),
        _check_text(result),
    ]
    return Section(
        "compression", "What compression does to density", text,
        tables=[_method_table(methods, head, interval), _pair_table(pairs, result, interval),
                _slope_table(result, interval)],
        pictures=_pictures(result, pairs, methods, head, interval),
        summary={"compression": {
            "device": head, "pairs": pairs, "methods": methods, "claim": result.claim(),
            "diagnostics": result.diagnostics, "rows_left_out": len(result.left_out)}})


# -- rows -------------------------------------------------------------------------------------


def _ratio(values: xr.DataArray, interval: Interval) -> dict[str, float]:
    """Median and interval of a density ratio, and the probability that it exceeds 1."""
    s = summary(values.values, interval)
    return {**{key: float(np.exp(s[key])) for key in ("median", "low", "high")},
            "p_denser": float((values > 0).mean())}


def pair_rows(result: CompressionResult) -> list[dict[str, Any]]:
    """Per pair: density ratio in plain size, by cost in memory and on each device."""
    interval, ratios = result.spec.interval, result.ratios
    rows = []
    for i, pair in enumerate(result.pairs.to_dict("records")):
        at = ratios.isel(pair=i)
        rows.append({
            "child": pair["child"], "parent": pair["parent"], "method": pair["method"],
            "kind": pair["kind"], "benchmarks": int(pair["benchmarks"]), "rows": int(pair["rows"]),
            "plain": _ratio(at["plain"], interval),
            "cost": _ratio(at["cost"].isel(device=0), interval),
            "on_device": {str(name): _ratio(at["on_device"].sel(device=name), interval)
                          for name in ratios["device"].values}})
    order = {"quantised": 1, "retrained": 0}
    return sorted(rows, key=lambda row: (order[row["kind"]], row["method"],
                                         -row["plain"]["median"]))


def method_rows(result: CompressionResult) -> list[dict[str, Any]]:
    """Per method: the pooled mean, and the mean over its pairs by cost, draw by draw."""
    interval, rows = result.spec.interval, []
    for name in result.posterior["treatment"].values:
        mine = (result.pairs["method"] == name).to_numpy()
        first = result.pairs[mine].iloc[0]
        mean = result.ratios.isel(pair=mine).mean("pair")
        rows.append({
            "method": str(name), "kind": first["kind"], "bits": float(first["child_bits"]),
            "pairs": int(mine.sum()),
            "pooled": _ratio(result.posterior["method_mean"].sel(treatment=name), interval),
            "cost": _ratio(mean["cost"].isel(device=0), interval),
            "on_device": {str(device): _ratio(mean["on_device"].sel(device=device), interval)
                          for device in mean["device"].values}})
    return sorted(rows, key=lambda row: (row["kind"] == "quantised", row["bits"], row["method"]))


# -- text -------------------------------------------------------------------------------------


def _words(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"


def _p(probability: float) -> str:
    return "below 0.01" if probability < 0.01 else ("above 0.99" if probability > 0.99
                                                    else f"{probability:.2f}")


def _claim_text(result: CompressionResult) -> list[str]:
    claim = result.claim()
    if claim is None:
        return []
    denser = result.spec.options["claim_denser"]
    each = "; ".join(f"{child} {_p(p)}" for child, p in claim["p_denser"].items())
    return [f"The published claim is that, of {', '.join(claim['children'])}, only "
            f"{', '.join(denser)} is denser than its parent. Posterior probability of denser: "
            f"{each}. That all hold together has probability {_p(claim['p_claim'])}. The "
            "benchmarks of a pair disagree, which is why single pairs stay uncertain."]


def _quantised_text(result: CompressionResult, methods: list[dict[str, Any]], head: str,
                    interval: Interval) -> list[str]:
    rows = [row for row in methods if row["kind"] == "quantised"]
    if not rows:
        return []
    plain = "; ".join(f"{row['method']} {_words(row['pooled'])}, P(denser) "
                      f"{_p(row['pooled']['p_denser'])}" for row in rows)
    cost = "; ".join(f"{row['method']} {_words(row['cost'])}, P {_p(row['cost']['p_denser'])}"
                     for row in rows)
    return [f"Quantised, density of child over parent in plain size (pooled mean of the method, "
            f"{interval}): {plain}.",
            f"By cost in memory on {head}, where fewer bits are read faster: {cost}. What few bits "
            "save depends on the tokens per read: much for one user, little for a busy server."]


def _retrained_text(methods: list[dict[str, Any]], interval: Interval) -> list[str]:
    rows = [row for row in methods if row["kind"] == "retrained"]
    if not rows:
        return []
    return ["Pruned or distilled (pooled mean of the method): " + "; ".join(
        f"{row['method']} {_words(row['pooled'])}, P(denser) {_p(row['pooled']['p_denser'])}, "
        f"{row['pairs']} pair{'s' * (row['pairs'] != 1)}" for row in rows)
        + f" ({interval}). A dense 16-bit child costs by size, so cost changes these only where "
        "the parent does not fit in memory."]


def _slope_text(result: CompressionResult, interval: Interval) -> str:
    if not result.ladders:
        return ("Slopes of the benchmarks come from the fitted curves of the main model, as normal "
                "priors with their posterior mean and sd; a variant of a benchmark takes its "
                "main benchmark's slope with a wider sd.")
    bend = summary(result.posterior["bend"].values, interval)
    return (f"Slopes come from {result.ladders} ladders of families: members of several sizes "
            "trained on the same tokens, in one source. This takes density not to change with "
            "size within a family on average; if small members are denser than large ones, slopes "
            "are understated and children look less dense than they are. The slope of the logit "
            f"falls along the curve by {bend['median']:.2f} ({bend['low']:.2f} to "
            f"{bend['high']:.2f}, {interval}) per e-fold.")


def _steepness_text(result: CompressionResult) -> list[str]:
    claim = result.claim()
    if claim is None:
        return []
    names = list(result.pairs["child"])

    def probabilities(factor: float) -> str:
        values = result.with_slopes(factor)
        return ", ".join(f"{child} {_p(float((values.isel(pair=names.index(child)) > 0).mean()))}"
                         for child in claim["children"])

    return ["The slopes are the weak link: a smaller child is judged by how much of a score a "
            "given size is worth. Were every slope a quarter steeper, P(denser) would be: "
            f"{probabilities(1.25)}. A fifth less steep: {probabilities(0.8)}. Quantised children "
            "have their parent's size, so slopes change their ratios but not their signs."]


def _limits_text(result: CompressionResult) -> str:
    parts = ["Children of one parent share its errors and are not independent evidence. How far "
             "right and wrong answers of parent and child agree is a prior: marginal scores do "
             "not tell."]
    if len(result.left_out):
        counts = result.left_out.groupby("reason").size()
        parts.append("Rows left out: " + "; ".join(f"{count} ({reason})"
                                                   for reason, count in counts.items()) + ".")
    return " ".join(parts)


def _check_text(result: CompressionResult) -> str:
    found = result.diagnostics
    inside = float((abs(result.posterior["child_error"]) < 1.645).mean())
    return (f"Check: {inside:.0%} of standardised errors of the children's scores lie within the "
            "central 90% of their normal, draw by draw (in sample, so at or above 90% is "
            f"expected). Gate passed: R-hat "
            f"{found['rhat_max']:.3f}, bulk ESS {found['ess_bulk_min']:.0f}, tail ESS "
            f"{found['ess_tail_min']:.0f}, {found['divergences']} divergences.")


# -- tables -----------------------------------------------------------------------------------


def _method_table(methods: list[dict[str, Any]], head: str, interval: Interval) -> Table:
    frame = pd.DataFrame([{
        "method": row["method"], "pairs": row["pairs"], "ratio": row["pooled"]["median"],
        "low": row["pooled"]["low"], "high": row["pooled"]["high"],
        "P(denser)": row["pooled"]["p_denser"], "ratio by cost": row["cost"]["median"],
        "by cost, low": row["cost"]["low"], "by cost, high": row["cost"]["high"],
        "P(denser by cost)": row["cost"]["p_denser"],
        **{f"P(denser on {name})": value["p_denser"]
           for name, value in row["on_device"].items()}} for row in methods])
    return Table("compression-methods", "Density of child over parent by method: pooled mean in "
                 f"plain size, mean over its pairs by cost in memory on {head} and on one device "
                 f"({interval})", frame, dict.fromkeys(frame.columns[2:], "{:.2f}"))


def _pair_table(pairs: list[dict[str, Any]], result: CompressionResult,
                interval: Interval) -> Table:
    frame = pd.DataFrame([{
        "child": row["child"], "parent": row["parent"], "method": row["method"],
        "benchmarks": row["benchmarks"], "ratio": row["plain"]["median"],
        "low": row["plain"]["low"], "high": row["plain"]["high"],
        "P(denser)": row["plain"]["p_denser"], "ratio by cost": row["cost"]["median"],
        "P(denser by cost)": row["cost"]["p_denser"],
        **{f"P(denser on {name})": value["p_denser"]
           for name, value in row["on_device"].items()}} for row in pairs])
    return Table("compression-pairs", f"Density of each child over its parent ({interval})", frame,
                 dict.fromkeys(frame.columns[4:], "{:.2f}"),
                 f"By cost: weights in memory on {result.devices[0].name}. On a device: parent and "
                 "child on one, paged where they do not fit.")


def _slope_table(result: CompressionResult, interval: Interval) -> Table:
    used = result.posterior["log_slope"]
    values = np.exp(used.stack(s=("chain", "draw")).transpose("benchmark", "s").values)
    low, high = interval.of(values, axis=1)
    return Table("compression-slopes", "Slope of each benchmark halfway between chance and ceiling "
                 f"({interval})", pd.DataFrame({
                     "benchmark": used["benchmark"].values, "logits per e-fold of N^":
                     np.median(values, axis=1), "low": low, "high": high}),
                 {"logits per e-fold of N^": "{:.2f}", "low": "{:.2f}", "high": "{:.2f}"})


# -- figures ----------------------------------------------------------------------------------


def _pictures(result: CompressionResult, pairs: list[dict[str, Any]],
              methods: list[dict[str, Any]], head: str, interval: Interval) -> list[Picture]:
    pictures = []
    for kind in ("retrained", "quantised"):
        rows = [row for row in pairs if row["kind"] == kind]
        if rows:
            pictures.append(_forest(kind, rows, head, interval))
    quantised = [row for row in methods if row["kind"] == "quantised"]
    if quantised:
        pictures.append(Picture(
            "bits-against-density", "Bits per weight against density of child over parent, by "
            f"method: plain size, and cost in memory on {head} ({interval})",
            "In plain size fewer bits lower density; by cost they raise it.",
            lambda fig: bits_against_ratio(fig.subplots(), quantised, interval), 6.0, 4.4))
    return pictures


def _forest(kind: str, rows: list[dict[str, Any]], head: str, interval: Interval) -> Picture:
    series = {label: tuple(np.array([row[key][bound] for row in rows])
                           for bound in ("median", "low", "high"))
              for label, key in (("plain size", "plain"), (f"cost, {head}", "cost"))}
    if kind == "retrained":  # cost in memory follows size
        series.pop(f"cost, {head}")
        series = {"": series["plain size"]}
    return Picture(
        f"compression-{kind}", f"Density of {kind} children over their parents ({interval})",
        "A row per pair with the median ratio and interval; 1 is as dense as the parent.",
        lambda fig: dodged_rows(fig.subplots(), [row["child"] for row in rows], series,
                                "density, child over parent", interval, reference=1.0, limit=30),
        6.0, 1.6 + (0.34 if kind == "retrained" else 0.36) * len(rows))
