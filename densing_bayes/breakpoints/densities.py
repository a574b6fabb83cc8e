"""The series of densities in two stages: early models by the curve alone, later ones as fitted.

The paper's break at ChatGPT rests on MMLU alone and on eight models before it, most of them
closed. The main fit may hold them, but then its frontier, which rises, has a say in what they
are; this series is its cross-check, so early models are read off the curves instead, inside the
fit or not (`joint.outside`), one draw of the ruler at a time: all densities of the series share
the ruler's error. Where sources dispute an early score, each version makes its own series.
A score at chance bounds a size and does not place it: a point cannot say that. The main fit can.

Models of one family stand or fall together: in the main fit families differ by three times as
much as models within one. So a point of the series is a family's release, the mean ln density
of the models that it brought on one day; its siblings are no further evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.breakpoints.designs import CHATGPT
from densing_bayes.breakpoints.series import Series, density_series
from densing_bayes.errors import InputError
from densing_bayes.joint.outside import outside_sizes
from densing_bayes.joint.predict import thin
from densing_bayes.observations import select

OFF_CHANCE = 0.04  # above guessing: nearer to it, habits of answering move scores, not size
APART = 0.02  # sources that differ by more in score are also told apart one by one
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class Densities:
    """Series of all densities, one for each version of the disputed scores.

    Parameters
    ----------
    series
        All sources of a score averaged, as in the main fit.
    versions
        Name of a choice of sources -> series.
    models
        How many models the series has.
    early
        Those released up to ChatGPT or before the fit's first model, read off the curve.
    unplaced
        Early models left out: guessing would explain their scores.
    benchmark
        On which the early models were measured.
    """

    series: Series
    versions: dict[str, Series]
    models: int
    early: list[str]
    unplaced: list[str]
    benchmark: str


def densities(context: Any) -> Densities:
    """The series of a run of the main job: early models on its anchor, then the fitted ones.

    Parameters
    ----------
    context
        A `densing_bayes.context.Context`: posterior, derived draws, columns, observations,
        tables and spec of the joint fit.
    """
    benchmark = str(context.observations.data["benchmark"].values[0])
    fitted = thin(context.derived[["log_effective", "log_density"]])
    fitted = fitted.drop_vars([name for name in fitted.coords if name != "model"])
    early = _early(context, benchmark)
    names, unplaced = [], []
    own: dict[tuple[str, float | None], xr.DataArray] = {}
    choices: dict[str, dict[str, float]] = {}
    if early is not None:
        chance = float(context.columns["anchors"]["chance"][0])
        cell = early["cell_model"].values[early["cell_score"].values > chance + OFF_CHANCE]
        placed = np.isin(np.arange(early.sizes["model"]), cell)
        names = [str(name) for name in early["model"].values[placed]]
        unplaced = [str(name) for name in early["model"].values[~placed]]
        choices = versions(context.tables.scores, benchmark, names)
        own = _densities(context, early, names, choices)
    late = ~np.isin(fitted["model"].values, [*names, *unplaced])
    fitted = fitted.isel(model=late)
    releases = context.tables.models.set_index("model")[["family", "release_date"]]

    def series(choice: dict[str, float]) -> Series:
        chosen = [own[name, choice.get(name)] for name in names]
        return _series(xr.concat([fitted["log_density"], *chosen], "model"), releases)

    return Densities(series({}), {name: series(choice) for name, choice in choices.items()},
                     fitted.sizes["model"] + len(names), names, unplaced, benchmark)


def versions(scores: pd.DataFrame, benchmark: str,
             models: list[str]) -> dict[str, dict[str, float]]:
    """Choices between the sources of disputed scores: name -> model -> the score believed.

    The highest and the lowest of all disputes at once, then each source of a score disputed by
    more than `APART`, the others averaged.

    Examples
    --------
    >>> table = pd.DataFrame({"benchmark": "B", "model": ["a", "a", "b"], "score": [.3, .4, .5]})
    >>> for name, choice in versions(table, "B", ["a", "b"]).items(): print(name, choice)
    highest score of every dispute {'a': 0.4}
    lowest score of every dispute {'a': 0.3}
    a 0.300 {'a': 0.3}
    a 0.400 {'a': 0.4}
    """
    on = scores[(scores["benchmark"] == benchmark) & scores["model"].isin(models)]
    disputed = {str(model): sorted(float(score) for score in part.unique())
                for model, part in on.groupby("model", sort=False)["score"] if part.nunique() > 1}
    if not disputed:
        return {}
    ends = {f"{word} score of every dispute": {model: told[end] for model, told in
                                              disputed.items()}
            for word, end in (("highest", -1), ("lowest", 0))}
    return ends | {f"{model} {score:.3f}": {model: score} for model, told in disputed.items()
                   if told[-1] - told[0] > APART for score in told}


def _early(context: Any, benchmark: str) -> xr.Dataset | None:
    """Models of the fit's kind, open or closed, up to ChatGPT or before its first; None if none."""
    options = context.spec.options
    first = context.observations.data["date"].values.min().astype("datetime64[D]")
    last = max(np.datetime64(CHATGPT), first - DAY)
    if options["until"]:
        last = min(last, np.datetime64(options["until"]))
    kinds = {name: options[name] for name in (
        "types", "architectures", "precisions", "exclude_compressed", "without_models",
        "without_families", "without_organizations")}
    try:
        found = select(context.tables, until=str(last), benchmarks=[benchmark], **kinds)
    except InputError:  # nothing earlier was measured
        return None
    measured = np.unique(found.data["cell_model"].values)
    return found.data.isel(model=measured) if len(measured) else None


def _densities(context: Any, early: xr.Dataset, names: list[str],
               choices: dict[str, dict[str, float]],
               ) -> dict[tuple[str, float | None], xr.DataArray]:
    """Draws of ln density of each early model: all sources averaged (None), and by each score.

    A version poses as a model of its own, so that one pass over the curves serves all.
    """
    asked = sorted({(name, None) for name in names} | {
        pair for choice in choices.values() for pair in choice.items()}, key=str)
    place = {str(name): i for i, name in enumerate(early["model"].values)}
    cell = np.array([np.flatnonzero(early["cell_model"].values == place[name])[0]
                     for name, _ in asked])
    own = early[["cell_benchmark", "cell_score", "cell_items", "cell_replicates"]].isel(cell=cell)
    for i, (_, score) in enumerate(asked):
        if score is not None:
            own["cell_score"].values[i], own["cell_replicates"].values[i] = score, 1
    keys = [str(pair) for pair in asked]
    whose = [place[name] for name, _ in asked]
    own = own.assign({"cell_model": ("cell", np.arange(len(asked)))} | {
        name: ("model", early[name].values[whose]) for name in ("time", "log_params")},
    ).assign_coords(model=keys, benchmark=early["benchmark"])
    benchmarks = [str(name) for name in context.observations.data["benchmark"].values]
    size = outside_sizes(context.posterior, context.derived, context.columns, benchmarks, own,
                         keys, context.seed("early models"))
    params = early["log_params"].values
    return {pair: xr.DataArray((size[:, i] - params[place[pair[0]]])[:, None],
                               dims=("sample", "model"), coords={"model": [pair[0]]})
            for i, pair in enumerate(asked)}


def _series(draws: xr.DataArray, releases: pd.DataFrame) -> Series:
    """The series of families' releases from draws (sample, model)."""
    of = releases.loc[draws["model"].values]
    day = pd.to_datetime(of["release_date"]).dt.strftime("%Y-%m-%d")
    labels, group = np.unique(of["family"] + " " + day, return_inverse=True)
    share = np.eye(len(labels))[group] / np.bincount(group)
    mean = xr.DataArray((draws.transpose("sample", "model").values @ share)[None],
                        dims=("chain", "draw", "model"), coords={"model": labels.astype(str)})
    return density_series(mean, dict(zip(labels, [text[-10:] for text in labels], strict=True)))
