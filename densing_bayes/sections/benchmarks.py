"""Benchmarks against each other: each one's own growth and how far it strays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from densing_bayes.context import Context
from densing_bayes.figures import rate_forest
from densing_bayes.intervals import growth_summary, words_of_set
from densing_bayes.joint.predict import benchmark_rates, rate_of_another_benchmark
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.trends import DAYS_PER_YEAR, doubling_set


def section(context: Context) -> Section:
    """Growth by each benchmark's own view of the same models, beside the joint rate."""
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
    text = [
        f"Each benchmark sees the same models through its own curve. Taken alone, "
        f"{fast['benchmark']} shows the fastest growth ({fast['rate per day']:.4f} per day, "
        f"{interval}: {fast['low']:.4f} to {fast['high']:.4f}) and {slow['benchmark']} the "
        f"slowest ({slow['rate per day']:.4f}, {slow['low']:.4f} to {slow['high']:.4f}). "
        f"{loud['benchmark']} strays most from the common size: typically by a factor of "
        f"{loud['own deviation (factor of size)']:.1f}.",
        "A benchmark's own rate is the joint rate plus its own trend in date; it is not "
        "a fit of that benchmark alone (that is what a sensitivity study does). "
        f"By one more benchmark of this kind growth would be "
        f"{np.median(another) / DAYS_PER_YEAR:.4f} per day ({interval}: "
        f"{interval.of(another)[0] / DAYS_PER_YEAR:.4f} to "
        f"{interval.of(another)[1] / DAYS_PER_YEAR:.4f}): the headline is for these, equally.",
    ] if len(rows) > 1 else ["One benchmark only: nothing to compare it with."]
    plain = [[row[key] * DAYS_PER_YEAR for row in rows] for key in ("rate per day", "low", "high")]
    return Section(
        key="benchmarks", title="Benchmarks against each other", text=text,
        tables=[Table("benchmarks", f"Growth by each benchmark's own view ({interval})",
                      pd.DataFrame(rows),
                      {"rate per day": "{:.5f}", "low": "{:.5f}", "high": "{:.5f}",
                       "own deviation (factor of size)": "{:.2f}",
                       "source error (points)": "{:.1f}"})],
        pictures=[Picture("benchmark-rates",
                          f"{fast['benchmark']} grew fastest, {slow['benchmark']} slowest "
                          f"({interval})" if len(rows) > 1 else f"Growth rate ({interval})",
                          "Growth per year: " + "; ".join(
                              f"{name} {median:.2f} ({low:.2f} to {high:.2f})" for
                              name, median, low, high in zip(names, *plain, strict=True)) + ".",
                          lambda fig: rate_forest(fig.subplots(), name=names, median=plain[0],
                                                  low=plain[1], high=plain[2],
                                                  interval=interval), 7, 3.6)],
        summary={"benchmarks": rows, "another_benchmark": growth_summary(another, interval)},
    )
