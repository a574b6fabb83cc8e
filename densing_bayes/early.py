"""The long series: densities since GPT-3 on the anchored benchmark, for the change at ChatGPT.

The models before LLaMA-1 have one benchmark in common with the later ones, and some of them two
scores that contradict each other (OPT-66B 0.36 and 0.27). So the long series takes the
anchored benchmark only, and is made three times: with every source, and with the higher or the
lower score of every model released before the break.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.context import Context
from densing_bayes.derive import derive
from densing_bayes.regimes import Series, Verdict, compare_sources, density_series, judge

CHATGPT = "2022-11-30"
OFF_CHANCE = 0.04  # a score closer to chance than this does not place a model


def long_context(context: Context) -> Context:
    """The same question on all base models of any date, anchored benchmarks only."""
    anchored = context.tables.benchmarks.query("anchor != '' and variant_of == ''")
    spec = context.spec.with_options(
        since="", open_only=False, benchmarks=[str(name) for name in anchored["benchmark"]])
    return Context(context.tables, spec, context.progress)


def series(context: Context, derived: Any) -> Series:
    """Ln density of every model that its score places, as a series below a frontier."""
    data = context.observations.data
    chance = data["chance"].values[data["cell_benchmark"].values]
    placed = data["cell_score"].values > chance + OFF_CHANCE
    models = np.unique(data["cell_model"].values[placed])
    names = data["model"].values[models]
    return density_series(derived["log_density"],
                          dict(zip(names, data["date"].values[models], strict=True)))


def chatgpt(context: Context) -> tuple[Verdict, pd.DataFrame, Context]:
    """Verdict on the change at ChatGPT, and how it depends on the source believed."""
    long = long_context(context)
    base = series(long, long.derived)
    verdict = judge(base, break_date=CHATGPT, progress=context.progress)
    alternatives = {"all sources": base}
    for name, pick in (("higher of two", "max"), ("lower of two", "min")):
        context.progress(f"the long series again: {name}")
        columns = one_source(long, pick)
        tree = long.joint.sample(case=name, anchored=columns)
        derived = derive(tree["posterior"].to_dataset(), long.observations, long.columns,
                         long.seed(name))
        alternatives[name] = series(long, derived)
    return verdict, compare_sources(alternatives, break_date=CHATGPT), long


def one_source(context: Context, pick: str) -> dict[str, Any]:
    """The anchored cells with one source's score for every model before the break."""
    data = context.observations.data
    columns = {name: np.array(value) for name, value in context.columns["anchored"].items()}
    scores = context.tables.scores.groupby(["model", "benchmark"])["score"].agg(pick)
    early = data["date"].values < np.datetime64(CHATGPT)
    names, marks = data["model"].values, data["benchmark"].values
    for i, (model, benchmark) in enumerate(zip(columns["model"], columns["benchmark"],
                                               strict=True)):
        if early[int(model)]:
            columns["score"][i] = scores[names[int(model)], marks[int(benchmark)]]
            columns["replicates"][i] = 1
    return columns
