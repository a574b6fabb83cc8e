"""Checked rows as arrays: models, benchmarks, scores, and the ladders that anchor them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.relations import ladder_of, pairs_of
from densing_bayes.tables import Tables
from densing_bayes.trends import DAYS_PER_YEAR

ORIGIN = "2023-02-24"  # LLaMA-1, day zero of the paper
FEWEST_MODELS = 3  # a benchmark's curve has a slope, a midpoint and a ceiling


def model_arrays(models: pd.DataFrame) -> dict[str, Any]:
    """What is known of the models, in natural logs and years since `ORIGIN`."""
    days = (models["release_date"] - pd.Timestamp(ORIGIN)).dt.days
    active = models["params_active"].where(
        models["params_active"].notna() | (models["architecture"] == "moe"),
        models["params_total"])
    arrays = {
        "model": models["model"].to_numpy(str), "date": models["release_date"].to_numpy(),
        "time": (days / DAYS_PER_YEAR).to_numpy(),
        "time_sd": (models["release_date_width"] / 12**0.5 / DAYS_PER_YEAR).to_numpy(),
        "log_params": np.log(models["params_total"].to_numpy()),
        "log_active": np.log(active.to_numpy()),
        "log_tokens": np.log(models["training_tokens"].to_numpy()),
        "precision_bits": models["precision_bits"].to_numpy(),
    }
    for column in ("architecture", "type", "compression", "weights"):
        arrays[column] = models[column].to_numpy(str)
    # a model of no stated family is a family of its own
    family, families = pd.factorize(models["family"].mask(models["family"] == "",
                                                          models["model"]), sort=True)
    maker, makers = pd.factorize(models["organization"].replace("", "unknown"), sort=True)
    return {
        **{name: ("model", values) for name, values in arrays.items()},
        "family": ("family", families.to_numpy(str)), "family_index": ("model", family),
        "organization": ("organization", makers.to_numpy(str)),
        "organization_index": ("model", maker),
    }


def benchmark_arrays(marks: pd.DataFrame) -> dict[str, Any]:
    """The benchmarks, anchored ones first."""
    return {
        "benchmark": ("benchmark", marks["benchmark"].to_numpy(str)),
        "n_items": ("benchmark", marks["n_items"].to_numpy()),
        "chance": ("benchmark", marks["chance"].to_numpy()),
        "anchored": ("benchmark", (marks["anchor"] != "").to_numpy(bool)),
        "suite": ("benchmark", marks["anchor"].to_numpy(str)),
    }


def seen(tables: Tables, data: xr.Dataset, until: str | None = None) -> dict[str, Any]:
    """By how many benchmarks and domains each model is seen, and the best score on each.

    All benchmarks of the tables count, variants as what they vary, and scores of all models, but
    for those released after ``until``.
    """
    later = tables.models["release_date"] > pd.Timestamp(until or "2999")
    scores = tables.scores[~tables.scores["model"].isin(tables.models["model"][later])]
    marks = tables.benchmarks.set_index("benchmark")
    original = marks["variant_of"].where(marks["variant_of"] != "", marks.index)
    rows = pd.DataFrame({
        "model": scores["model"], "benchmark": scores["benchmark"].map(original)})
    rows["domain"] = rows["benchmark"].map(marks["domain"].where(marks["domain"] != "",
                                                                 marks.index))
    count = rows.groupby("model").nunique().reindex(data["model"].values).fillna(0)
    best = scores.groupby("benchmark")["score"].max()
    return {
        "n_benchmarks": ("model", count["benchmark"].to_numpy(int)),
        "n_domains": ("model", count["domain"].to_numpy(int)),
        "best_score": ("benchmark", best.reindex(data["benchmark"].values).to_numpy(float)),
    }


def helmert(count: int) -> np.ndarray:
    """Orthonormal contrasts of ``count`` replicates, shape (count - 1, count).

    Rows are orthogonal to the mean and to each other, so that contrasts of replicates with
    independent errors of standard deviation s are independent with standard deviation s.

    Examples
    --------
    >>> helmert(3).round(3).tolist()
    [[0.707, -0.707, 0.0], [0.408, 0.408, -0.816]]
    """
    rows = np.tril(np.ones((count - 1, count)))
    k = np.arange(1, count)
    rows[k - 1, k] = -k
    return rows / np.sqrt(k * (k + 1.0))[:, None]


def _one_protocol(scores: pd.DataFrame) -> pd.DataFrame:
    """Of a source's scores by several protocols of one benchmark, the usual one's.

    Protocols (shots and metric) differ by an effect, not by an error: as replicates they would
    pass for disagreement. The usual protocol is the one that most models have.
    """
    what = ["benchmark", "shots", "metric"]
    usual = scores.groupby(what, dropna=False)["model"].transform("nunique")
    ranked = scores.assign(usual=usual).sort_values(
        ["usual", "shots", "metric"], ascending=[False, True, True], kind="stable")
    cell = ["model", "benchmark", "harness", "source"]
    best = ranked.drop_duplicates(cell)[[*cell, "shots", "metric"]]
    return scores.reset_index().merge(best).set_index("index")


def _per_item(scores: pd.DataFrame, usual: np.ndarray) -> np.ndarray:
    """One over the items of each score: variance of the score over that of one item.

    A standard error, or else a 95% interval, of a score neither 0 nor 1 says it itself; then
    come the row's own items, then the benchmark's.
    """
    items = scores["n_items"].fillna(pd.Series(usual, index=scores.index))
    error = scores["stderr"].fillna((scores["high"] - scores["low"]) / (2 * 1.96))
    item = scores["score"] * (1 - scores["score"])
    said = (error > 0) & (item > 0)
    return (1 / items).mask(said, (error**2 / item.where(item > 0)).clip(1e-9, 1)).to_numpy()


def score_arrays(scores: pd.DataFrame, data: xr.Dataset) -> dict[str, Any]:
    """Cell means, and the contrasts of replicates that tell the error between sources."""
    scores = _one_protocol(scores)
    benchmark = data.get_index("benchmark").get_indexer(scores["benchmark"])
    rows = pd.DataFrame({
        "model": data.get_index("model").get_indexer(scores["model"]), "benchmark": benchmark,
        "source": scores["source"].to_numpy(), "harness": scores["harness"].to_numpy(),
        "score": scores["score"].to_numpy(),
        "per_item": _per_item(scores, data["n_items"].values[benchmark]),
    }).sort_values(["model", "benchmark", "source", "harness", "score"])
    cells = rows.groupby(["model", "benchmark"]).agg(
        score=("score", "mean"), replicates=("score", "size"),
        per_item=("per_item", "mean")).reset_index()
    replicates = cells["replicates"].to_numpy()
    start, score = replicates.cumsum() - replicates, rows["score"].to_numpy()
    cell, value = [np.zeros(0, int)], [np.zeros(0)]
    for count in np.unique(replicates[replicates > 1]):
        at = np.flatnonzero(replicates == count)
        block = score[start[at][:, None] + np.arange(count)]
        value.append((block @ helmert(count).T).ravel())
        cell.append(np.repeat(at, count - 1))
    order = np.argsort(np.concatenate(cell), kind="stable")
    cell, value = np.concatenate(cell)[order], np.concatenate(value)[order]
    return {
        "cell_model": ("cell", cells["model"].to_numpy()),
        "cell_benchmark": ("cell", cells["benchmark"].to_numpy()),
        "cell_score": ("cell", cells["score"].to_numpy()),
        "cell_replicates": ("cell", replicates),
        "cell_items": ("cell", 1 / cells["per_item"].to_numpy()),
        "contrast_cell": ("contrast", cell),
        "contrast_benchmark": ("contrast", cells["benchmark"].to_numpy()[cell]),
        "contrast_value": ("contrast", value),
        "contrast_score": ("contrast", cells["score"].to_numpy()[cell]),
    }


RUN_SHARE = 0.25  # of a checkpoint of a run, beside its neighbours: see docs/ruler.md


def _shares_of_runs(pairs: pd.DataFrame) -> np.ndarray:
    """What each pair counts: checkpoints of one run err alike, so that each counts in part.

    Checkpoints are rows of one suite and size whose learning rate had not decayed.
    """
    if not {"params", "lr_decayed"} <= set(pairs):
        return np.ones(len(pairs))
    checkpoint = (pairs["lr_decayed"] == "no") & pairs["params"].notna()
    among = pairs.groupby(["index", "suite", "params"], dropna=False)["lr_decayed"].transform(
        lambda decayed: (decayed == "no").sum())
    return np.where(checkpoint & (among > 1), RUN_SHARE, 1.0)


def ladder_arrays(tables: Tables, marks: pd.DataFrame) -> dict[str, Any]:
    """Ladder and pairs of each anchored benchmark (these stand first)."""
    runs, pairs = [], []
    for index, mark in marks[marks["anchor"] != ""].iterrows():
        ladder = ladder_of(tables.runs, mark["anchor"], mark["benchmark"])
        runs.append(ladder.assign(index=index).sort_values(["params", "tokens", "run"]))
        both = pairs_of(tables.pairs, mark).sort_values(["loss", "model", "score_format"])
        pairs.append(both.assign(index=index, items=mark["n_items"]))
    run, pair = pd.concat(runs), pd.concat(pairs)
    arrays = {
        "run": ("run", run["run"].to_numpy(str)), "run_benchmark": ("run", run["index"].to_numpy()),
        "run_held_out": ("run", (run["held_out"] == "yes").to_numpy(bool)),
        "pair": ("pair", pair["model"].to_numpy(str)),
        "pair_benchmark": ("pair", pair["index"].to_numpy()),
        "pair_held_out": ("pair", (pair["held_out"] == "yes").to_numpy(bool)),
    }
    arrays["pair_share"] = ("pair", _shares_of_runs(pair))
    for column in ("params", "tokens", "loss"):
        arrays[f"run_log_{column}"] = ("run", np.log(run[column].to_numpy()))
    for column in ("loss", "score", "items"):
        arrays[f"pair_{column}"] = ("pair", pair[column].to_numpy())
    return arrays
