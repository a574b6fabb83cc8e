"""Which benchmark and which ruler says what: the answer by each, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.context import Context
from densing_bayes.figures import rate_forest
from densing_bayes.intervals import Interval, growth_summary, words_of_set
from densing_bayes.joint.predict import benchmark_rates, rate_of_another_benchmark
from densing_bayes.questions.refits import Refit, alone, refits
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.trends import DAYS_PER_YEAR, doubling_set


def section(context: Context) -> Section:
    """Growth by each benchmark's view of the same models, by each ruler, and cleaned."""
    interval = context.interval
    data = context.observations.data
    names = [str(name) for name in data["benchmark"].values]
    rates = benchmark_rates(context.derived).stack(sample=("chain", "draw")).transpose(
        "sample", "benchmark").values
    another = rate_of_another_benchmark(context.derived, context.posterior["trend_spread"],
                                        context.seed("another benchmark")).values.ravel()
    stray = context.posterior["sd_benchmark_z"] * context.posterior["c1"]
    low, high = interval.of(rates, axis=0)
    rows = [{
        "benchmark": name,
        "models": int((data["cell_benchmark"].values == b).sum()),
        "rate per day": float(np.median(rates[:, b])) / DAYS_PER_YEAR,
        "low": float(low[b]) / DAYS_PER_YEAR, "high": float(high[b]) / DAYS_PER_YEAR,
        "doubling time (days)": words_of_set(doubling_set(
            float(low[b]) / DAYS_PER_YEAR, float(high[b]) / DAYS_PER_YEAR)),
        "own deviation (factor of size)": float(np.exp(stray.isel(benchmark=b).median())),
        "source error (points)": 100 * float(
            context.posterior["sd_source"].isel(benchmark=b).median()),
    } for b, name in enumerate(names)]
    order = np.argsort([row["rate per day"] for row in rows])
    slow, fast = rows[order[0]], rows[order[-1]]
    loud = max(rows, key=lambda row: row["own deviation (factor of size)"])
    beside, missing = refits(context)
    beside = [one for one in beside if one.kind in ("ruler", "clean")]
    main = growth_summary(context.derived["rate"].values, interval)
    compared = [{"name": "this report", "kind": "main", "models": data.sizes["model"],
                 "note": "", "trusted": bool(context.diagnostics["passed"]), **main},
                *(one.to_dict(context) for one in beside)]
    single = alone(beside)
    text = ["One benchmark only: nothing to compare it with."] if len(rows) < 2 else [
        f"{fast['benchmark']} grew fastest ({_rate(fast)} per year; {interval}) and "
        f"{slow['benchmark']} slowest ({_rate(slow)})."]
    if single:
        text[0] += (
            " The choice of ruler moves the answer more: with the ladder of one benchmark alone, "
            "growth since LLaMA-1 is "
            + ", ".join(f"{_said(one, interval)} per year by {_bare(one)}" for one in single)
            + ". That spread is part of the answer, and not in the interval of the headline."
            + _not_trusted(beside))
        text.append("Density is of something. A ruler is a ladder of training runs with losses on "
                    "one benchmark; ladders of other benchmarks value other things. What "
                    "laboratories train on has moved from the everyday text that HellaSwag asks "
                    "for to knowledge and procedure (docs/ruler.md looks for the reasons)."
                    if _bare(single[-1]) == "HellaSwag" else
                    "A ruler is a ladder of training runs with losses on one benchmark; ladders "
                    "of other benchmarks value other things.")
    clean = next((one for one in beside if one.kind == "clean"), None)
    if clean:
        text.append(
            f"With contamination taken out, growth is {_said(clean, interval)} per year. "
            f"{clean.note}. This assumes that the cleaner twin of a benchmark did not become "
            f"easier to prepare for, and that contamination was constant before the first model "
            f"with both.")
    if len(rows) > 1:
        text += [
            f"By one more benchmark of this kind growth would be "
            f"{np.median(another):.2f} per year ({interval.of(another)[0]:.2f} to "
            f"{interval.of(another)[1]:.2f}): the headline is for these, equally. "
            f"{loud['benchmark']} strays most from the common size, typically by a factor of "
            f"{loud['own deviation (factor of size)']:.1f}.",
            "A benchmark's own rate is the joint rate plus its own trend in date; it is not "
            "a fit of that benchmark alone. Those by other rulers are: short fits of their own, "
            "over the same years as far as their models reach."]
    text += [f"Left out: {one}." for one in missing]
    tables = [Table("benchmarks", f"Growth by each benchmark's own view ({interval})",
                    pd.DataFrame(rows),
                    {"rate per day": "{:.5f}", "low": "{:.5f}", "high": "{:.5f}",
                     "own deviation (factor of size)": "{:.2f}",
                     "source error (points)": "{:.1f}"})]
    if beside:
        tables.append(Table(
            "benchmark-rulers", f"Growth since LLaMA-1 by ruler, and without contamination "
            f"({interval})", pd.DataFrame([{
                "scores and ruler": one["name"], "models": one["models"],
                "rate per year": one["rate_per_year"]["median"],
                "low": one["rate_per_year"]["low"], "high": one["rate_per_year"]["high"],
                "doubling time (days)": words_of_set(one["doubling_time_days"]["set"]),
                "trusted": one["trusted"], "note": one["note"]} for one in compared]),
            dict.fromkeys(("rate per year", "low", "high"), "{:.2f}"),
            note="Trusted: R-hat of the rate at most 1.05, effective sample size at least 100, no "
                 "divergence. All but the first are short fits."))
    plain = [[row[key] * DAYS_PER_YEAR for row in rows] for key in ("rate per day", "low", "high")]
    return Section(
        key="benchmarks", title="Which benchmark says what?", text=text,
        tables=tables,
        pictures=[Picture("benchmark-rates",
                          f"{fast['benchmark']} grew fastest, {slow['benchmark']} slowest "
                          f"({interval})" if len(rows) > 1 else f"Growth rate ({interval})",
                          "Growth per year: " + "; ".join(
                              f"{name} {median:.2f} ({low:.2f} to {high:.2f})" for
                              name, median, low, high in zip(names, *plain, strict=True)) + ".",
                          lambda fig: _forest(fig, names, plain, context), 7, 3.6),
                  *([_by_ruler(compared, interval)] if beside else [])],
        summary={"benchmarks": rows, "another_benchmark": growth_summary(another, interval),
                 "rulers": compared},
    )


def _forest(fig: Figure, names: list[str], rate: list[list[float]], context: Context) -> None:
    """Rates by benchmark, those that the report's spec highlights in bold."""
    ax = fig.subplots()
    rate_forest(ax, name=names, median=rate[0], low=rate[1], high=rate[2],
                interval=context.interval)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        if name in context.highlight:
            label.set_fontweight("bold")


def _rate(row: dict[str, Any]) -> str:
    """A benchmark's rate per year with its interval."""
    median, low, high = (row[key] * DAYS_PER_YEAR for key in ("rate per day", "low", "high"))
    return f"{median:.2f}, {low:.2f} to {high:.2f}"


def _said(one: Refit, interval: Interval) -> str:
    """A refit's rate per year with its interval."""
    low, high = interval.of(one.rate)
    return f"{np.median(one.rate):.2f} ({low:.2f} to {high:.2f})"


def _not_trusted(beside: list[Refit]) -> str:
    """Which refits are told in the table alone, since their chains do not agree."""
    names = [one.name for one in beside if not one.trusted]
    return f" Not told, since the chains do not agree: {', '.join(names)}." if names else ""


def _bare(one: Refit) -> str:
    return one.name.removesuffix(" alone")


def _by_ruler(compared: list[dict[str, Any]], interval: Interval) -> Picture:
    """Growth by ruler, side by side."""
    shown = [one for one in compared if one["trusted"]]
    rate = {key: [one["rate_per_year"][key] for one in shown] for key in ("median", "low", "high")}
    names = [one["name"] for one in shown]
    rulers = [i for i, one in enumerate(shown) if one["kind"] in ("main", "ruler")]
    middle = np.array(rate["median"])[rulers]
    slow, fast = (names[rulers[pick(middle)]]
                  for pick in (np.argmin, np.argmax))
    return Picture(
        "benchmark-rulers", f"By ruler: growth is fastest by {fast}, slowest by {slow} "
        f"({interval})", "Growth per year by ruler: " + "; ".join(
            f"{name} {median:.2f} ({low:.2f} to {high:.2f})" for name, median, low, high in zip(
                names, rate["median"], rate["low"], rate["high"], strict=True)) + ".",
        lambda fig: rate_forest(fig.subplots(), name=names, interval=interval, **rate), 7, 3.8)
