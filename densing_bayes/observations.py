"""From checked tables to the arrays of the joint model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.tables import Tables, load_tables
from densing_bayes.trends import DAYS_PER_YEAR

ORIGIN = "2023-02-24"  # LLaMA-1, day zero of the paper
FEWEST_MODELS = 3  # a benchmark's curve has a slope, a midpoint and a ceiling


@dataclass(frozen=True)
class Observations:
    """The arrays of the joint model, as one `xarray.Dataset`: ``data``.

    ======================  ==========  ======================================================
    variable                dim         what
    ======================  ==========  ======================================================
    model (coordinate)      model       name; ordered by date, then name
    date, time              model       release date; years since `ORIGIN` (LLaMA-1)
    log_params, log_active  model       ln of total and of active parameters (NaN: unknown)
    log_tokens              model       ln of training tokens (NaN: unknown)
    family_index            model       into the coordinate ``family``
    organization_index      model       into the coordinate ``organization``
    architecture, type      model       'dense' or 'moe'; 'base' or 'instruct' ('' unknown)
    precision_bits          model       bits per weight (NaN: unknown)
    compression, weights    model       method, '' for none; 'open', 'gated', 'closed' or ''
    benchmark (coordinate)  benchmark   name; anchored ones first, then in the table's order
    n_items, chance         benchmark   counted items; score by guessing
    anchored, suite         benchmark   has a ladder (bool); its suite, '' for none
    cell_model              cell        index of the model
    cell_benchmark          cell        index of the benchmark
    cell_score              cell        mean over replicates
    cell_replicates         cell        number of replicates, at least 1
    cell_items              cell        items (harmonic mean over replicates)
    contrast_cell           contrast    index of the cell
    contrast_benchmark      contrast    index of the benchmark
    contrast_value          contrast    Helmert contrast of the cell's replicates, in score
    contrast_score          contrast    the cell's mean score
    run (coordinate)        run         name
    run_benchmark           run         index of the anchored benchmark
    run_log_params          run         ln parameters
    run_log_tokens          run         ln tokens
    run_log_loss            run         ln loss
    run_held_out            run         not part of the ladder proper (bool)
    pair (coordinate)       pair        name of the model
    pair_benchmark          pair        index of the anchored benchmark
    pair_loss, pair_score   pair        loss and score of one model on the benchmark
    pair_items              pair        counted items
    pair_held_out           pair        bool
    ======================  ==========  ======================================================
    """

    data: xr.Dataset


def select(tables: Tables, *, since: str | None = None, until: str | None = None,
           open_only: bool = False, types: Iterable[str] = (), architectures: Iterable[str] = (),
           precisions: Iterable[float] = (), benchmarks: Iterable[str] = (),
           exclude_compressed: bool = False, without_models: Iterable[str] = (),
           without_families: Iterable[str] = (), without_organizations: Iterable[str] = (),
           ) -> Observations:
    """The observations that a question is asked of (first simple form)."""
    models = _models(tables.models, since, until, open_only, types, architectures, precisions,
                     exclude_compressed, without_models, without_families, without_organizations)
    marks = tables.benchmarks
    wanted = list(benchmarks)
    if wanted:
        marks = marks[marks["benchmark"].isin(wanted)]
    elif "variant_of" in marks:
        marks = marks[marks["variant_of"] == ""]
    scores = tables.scores[tables.scores["model"].isin(models["model"])
                           & tables.scores["benchmark"].isin(marks["benchmark"])]
    counts = scores.groupby("benchmark")["model"].nunique().reindex(marks["benchmark"]).fillna(0)
    marks = marks[(counts >= FEWEST_MODELS).to_numpy()]
    anchored = (marks["anchor"] != "").to_numpy()
    marks = pd.concat([marks[anchored], marks[~anchored]], ignore_index=True)
    scores = scores[scores["benchmark"].isin(marks["benchmark"])]
    models = models[models["model"].isin(scores["model"])]
    models = models.sort_values(["release_date", "model"]).reset_index(drop=True)
    if not (marks["anchor"] != "").any():
        raise InputError(Problem("no anchored benchmark is left", file="benchmarks.csv",
                                 column="anchor"))
    data = xr.Dataset()
    _put_models(data, models)
    _put_benchmarks(data, marks)
    _put_scores(data, scores)
    _put_ladders(data, tables, marks)
    data.attrs = {"origin": ORIGIN, "sha256": json.dumps(tables.sha256)}
    return Observations(data)


def _models(models: pd.DataFrame, since: Any, until: Any, open_only: bool, types: Any,
            architectures: Any, precisions: Any, exclude_compressed: bool, without_models: Any,
            without_families: Any, without_organizations: Any) -> pd.DataFrame:
    keep = pd.Series(True, index=models.index)
    if since is not None:
        keep &= models["release_date"] >= pd.Timestamp(since)
    if until is not None:
        keep &= models["release_date"] <= pd.Timestamp(until)
    if open_only and "weights" in models:
        keep &= models["weights"] != "closed"
    if list(types):
        keep &= models["type"].isin([*types, ""])
    if list(architectures):
        keep &= models["architecture"].isin([*architectures, ""])
    if list(precisions):
        keep &= models["precision_bits"].isin(list(precisions)) | models["precision_bits"].isna()
    if exclude_compressed:
        keep &= models["compression"] == ""
    keep &= ~models["model"].isin(list(without_models))
    keep &= ~models["family"].isin(list(without_families))
    keep &= ~models["organization"].isin(list(without_organizations))
    if not keep.any():
        raise InputError(Problem("no model is left by the filters", file="models.csv"))
    return models[keep]


def _put_models(data: xr.Dataset, models: pd.DataFrame) -> None:
    data.coords["model"] = ("model", models["model"].to_numpy(str))
    data["date"] = ("model", models["release_date"].to_numpy("datetime64[ns]"))
    days = (models["release_date"] - pd.Timestamp(ORIGIN)).dt.days
    data["time"] = ("model", (days / DAYS_PER_YEAR).to_numpy(float))
    active = models["params_active"].astype(float)
    active = active.where(active.notna() | (models["architecture"] == "moe"),
                          models["params_total"])
    data["log_params"] = ("model", np.log(models["params_total"].to_numpy(float)))
    data["log_active"] = ("model", np.log(active.to_numpy(float)))
    tokens = pd.to_numeric(models["training_tokens"], errors="coerce")
    data["log_tokens"] = ("model", np.log(tokens.to_numpy(float)))
    for level, column in (("family", models["family"].where(models["family"] != "",
                                                            models["model"])),
                          ("organization", models["organization"])):
        index, names = pd.factorize(column, sort=True)
        data.coords[level] = (level, np.asarray(names, dtype=str))
        data[f"{level}_index"] = ("model", index)
    for column in ("architecture", "type", "compression", "weights"):
        text = models[column].fillna("").astype(str) if column in models else pd.Series(
            "", index=models.index)
        data[column] = ("model", text.to_numpy(str))
    data["precision_bits"] = ("model", pd.to_numeric(models["precision_bits"],
                                                     errors="coerce").to_numpy(float))


def _put_benchmarks(data: xr.Dataset, marks: pd.DataFrame) -> None:
    data.coords["benchmark"] = ("benchmark", marks["benchmark"].to_numpy(str))
    data["n_items"] = ("benchmark", marks["n_items"].to_numpy(float))
    data["chance"] = ("benchmark", marks["chance"].to_numpy(float))
    data["anchored"] = ("benchmark", (marks["anchor"] != "").to_numpy(bool))
    data["suite"] = ("benchmark", marks["anchor"].to_numpy(str))


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


def _put_scores(data: xr.Dataset, scores: pd.DataFrame) -> None:
    rows = pd.DataFrame({
        "model": data.get_index("model").get_indexer(scores["model"]),
        "benchmark": data.get_index("benchmark").get_indexer(scores["benchmark"]),
        "source": scores["source"].to_numpy(str), "harness": scores["harness"].to_numpy(str),
        "score": scores["score"].to_numpy(float),
        "items": pd.to_numeric(scores["n_items"], errors="coerce").to_numpy(float),
    })
    rows["items"] = rows["items"].fillna(
        pd.Series(data["n_items"].values[rows["benchmark"]], index=rows.index))
    rows = rows.sort_values(["model", "benchmark", "source", "harness", "score"])
    rows["inverse"] = 1 / rows["items"]
    cells = rows.groupby(["model", "benchmark"], sort=True).agg(
        score=("score", "mean"), replicates=("score", "size"), inverse=("inverse", "mean"))
    cells = cells.reset_index()
    data["cell_model"] = ("cell", cells["model"].to_numpy())
    data["cell_benchmark"] = ("cell", cells["benchmark"].to_numpy())
    data["cell_score"] = ("cell", cells["score"].to_numpy())
    data["cell_replicates"] = ("cell", cells["replicates"].to_numpy())
    data["cell_items"] = ("cell", 1 / cells["inverse"].to_numpy())
    starts = cells["replicates"].cumsum().to_numpy() - cells["replicates"].to_numpy()
    values, score, where = [], rows["score"].to_numpy(), []
    for count in np.unique(cells["replicates"]):
        if count > 1:
            at = np.flatnonzero(cells["replicates"] == count)
            block = score[starts[at][:, None] + np.arange(count)]
            values.append((block @ helmert(count).T).ravel())
            where.append(np.repeat(at, count - 1))
    cell = np.concatenate(where) if where else np.zeros(0, int)
    value = np.concatenate(values) if values else np.zeros(0)
    order = np.argsort(cell, kind="stable")
    cell, value = cell[order], value[order]
    data["contrast_cell"] = ("contrast", cell)
    data["contrast_benchmark"] = ("contrast", cells["benchmark"].to_numpy()[cell])
    data["contrast_value"] = ("contrast", value)
    data["contrast_score"] = ("contrast", cells["score"].to_numpy()[cell])


def _put_ladders(data: xr.Dataset, tables: Tables, marks: pd.DataFrame) -> None:
    runs, pairs = [], []
    for i, mark in enumerate(marks[marks["anchor"] != ""].to_dict("records")):
        name, suite = mark["benchmark"], mark["anchor"]
        ladder = tables.runs[(tables.runs["suite"] == suite) & (tables.runs["eval_set"] == name)]
        runs.append(ladder.assign(index=i).sort_values(["params", "tokens", "run"]))
        both = tables.pairs[(tables.pairs["suite"] == suite) & (tables.pairs["eval_set"] == name)
                            & (tables.pairs["benchmark"] == name)]
        if mark.get("score_format"):
            both = both[both["score_format"] == mark["score_format"]]
        pairs.append(both.assign(index=i, items=mark["n_items"]).sort_values(["loss", "model"]))
        if ladder["params"].nunique() < 2 or ladder["tokens"].nunique() < 2 or not len(both):
            raise InputError(Problem(
                "an anchor needs at least two sizes, two token counts and one pair",
                file="runs.csv", given=suite, hint=did_you_mean(suite, tables.runs["suite"])))
    run, pair = pd.concat(runs), pd.concat(pairs)
    data.coords["run"] = ("run", run["run"].to_numpy(str))
    data["run_benchmark"] = ("run", run["index"].to_numpy())
    for column in ("params", "tokens", "loss"):
        data[f"run_log_{column}"] = ("run", np.log(run[column].to_numpy(float)))
    data["run_held_out"] = ("run", _yes(run))
    data.coords["pair"] = ("pair", pair["model"].to_numpy(str))
    data["pair_benchmark"] = ("pair", pair["index"].to_numpy())
    data["pair_loss"] = ("pair", pair["loss"].to_numpy(float))
    data["pair_score"] = ("pair", pair["score"].to_numpy(float))
    data["pair_items"] = ("pair", pair["items"].to_numpy(float))
    data["pair_held_out"] = ("pair", _yes(pair))


def _yes(frame: pd.DataFrame) -> np.ndarray:
    if "held_out" not in frame:
        return np.zeros(len(frame), bool)
    return (frame["held_out"] == "yes").to_numpy(bool)


__all__ = ["ORIGIN", "Observations", "Tables", "helmert", "load_tables", "select"]
