"""From checked tables to the arrays of the joint model.

`select` is the question's data: which models, which benchmarks, up to which day. Everything
that the model sees of the tables is in the `Observations` it gives.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.reading import cut
from densing_bayes.schemas import TABLES
from densing_bayes.tables import Tables, ladder_of, load_tables, pairs_of
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
    time_sd                 model       sd in years of a date known to its month, quarter or year
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
    cell_items              cell        items (harmonic mean over replicates); where a row has a
                                        standard error or interval, the items that would have it
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

    Its attrs say where it came from: ``origin``, and as JSON ``sha256`` of the tables,
    ``filters``, ``dropped`` (models left out, by reason), ``unknown`` (models kept of which
    the table does not say what they are) and ``benchmarks_dropped`` (with too few models).
    """

    data: xr.Dataset


def select(tables: Tables, *, since: str | None = None, until: str | None = None,
           open_only: bool = False, types: Iterable[str] = (), architectures: Iterable[str] = (),
           precisions: Iterable[float] = (), benchmarks: Iterable[str] = (),
           exclude_compressed: bool = False, without_models: Iterable[str] = (),
           without_families: Iterable[str] = (), without_organizations: Iterable[str] = (),
           ) -> Observations:
    """The observations that a question is asked of.

    Parameters
    ----------
    since, until
        First and last day of release, ISO. Nothing of a model released after ``until`` enters,
        neither scores nor family: a back-test to that day does not leak. (Scores carry no date
        of their own: what was measured later on earlier models stays.)
    open_only
        Leave out models whose weights are 'closed'.
    types, architectures, precisions
        Keep these kinds ('base'; 'dense'; bits per weight); empty keeps all. A model of which
        the table does not say is kept and counted in ``attrs["unknown"]``; an unknown
        architecture is read off active and total parameters where both are known.
    benchmarks
        Keep these, named singly or by a set of benchmarks.csv (`named_sets`). Empty keeps the set
        'default', or where the table has none every benchmark that is no variant of another;
        of either those that have scores of at least `FEWEST_MODELS` models.
    exclude_compressed
        Leave out quantised, pruned and distilled models.
    without_models, without_families, without_organizations
        Leave these out.

    Raises
    ------
    InputError
        For words that the tables do not have, and where nothing to learn from is left.
    """
    filters = {
        "since": since and str(since), "until": until and str(until), "open_only": open_only,
        "types": list(types), "architectures": list(architectures),
        "precisions": list(precisions), "benchmarks": list(benchmarks),
        "exclude_compressed": exclude_compressed,
        "without_models": list(without_models), "without_families": list(without_families),
        "without_organizations": list(without_organizations),
    }
    _refuse_unknown_words(tables, filters)
    models, dropped, unknown = _choose_models(tables.models, filters)
    scores = tables.scores[tables.scores["model"].isin(models["model"])]
    marks, few = _choose_benchmarks(tables.benchmarks, scores, filters["benchmarks"])
    scores = scores[scores["benchmark"].isin(marks["benchmark"])]
    scored = models["model"].isin(scores["model"])
    dropped["no score"] = int((~scored).sum())
    models = models[scored].sort_values(["release_date", "model"])
    if models["release_date"].nunique() < 2:
        raise InputError(Problem("all selected models were released on one day: growth cannot "
                                 "be seen", file="models.csv", column="release_date"))
    data = xr.Dataset({**_model_arrays(models), **_benchmark_arrays(marks)})
    data = data.assign({**_score_arrays(scores, data), **_ladder_arrays(tables, marks)})
    data.attrs = {"origin": ORIGIN, **{name: json.dumps(value) for name, value in (
        ("sha256", tables.sha256), ("filters", filters), ("dropped", dropped),
        ("unknown", unknown), ("benchmarks_dropped", few))}}
    return Observations(data)


# -- which models, which benchmarks -----------------------------------------------------------


def _refuse_unknown_words(tables: Tables, filters: dict[str, Any]) -> None:
    """InputError for filters that name nothing, or are no dates."""
    problems = []
    columns = TABLES["models"].columns
    for name, known in (
            ("types", columns["type"].choices), ("architectures", columns["architecture"].choices),
            ("benchmarks", [*tables.benchmarks["benchmark"], *named_sets(tables.benchmarks)]),
            ("without_models", tables.models["model"]),
            ("without_families", tables.models["family"]),
            ("without_organizations", tables.models["organization"])):
        words = dict.fromkeys(known) if filters[name] else {}
        problems += [
            Problem(f"unknown word in {name}", given=cut(str(word)),
                    allowed=cut(", ".join(filter(None, words)), 300),
                    hint=did_you_mean(word, list(words)[:2000]))
            for word in filters[name] if word not in words]
    for name in ("since", "until"):
        try:
            datetime.date.fromisoformat(filters[name] or ORIGIN)
        except (ValueError, TypeError):
            problems.append(Problem(f"{name} is not a day", given=cut(str(filters[name])),
                                    allowed="a date YYYY-MM-DD"))
    if problems:
        raise InputError(problems)


def _choose_models(models: pd.DataFrame, filters: dict[str, Any],
                   ) -> tuple[pd.DataFrame, dict[str, int], dict[str, int]]:
    """Models that pass the filters; how many each took out; how many could not be judged."""
    architecture = models["architecture"].mask(
        (models["architecture"] == "") & models["params_active"].notna(),
        pd.Series(np.where(models["params_active"] < models["params_total"], "moe", "dense"),
                  index=models.index, dtype=str))
    models = models.assign(architecture=architecture)
    steps = {
        "size unknown": models["params_total"].isna(),
        "release date unknown": models["release_date"].isna(),
        "released before since": models["release_date"] < pd.Timestamp(filters["since"] or 0),
        "released after until": models["release_date"] > pd.Timestamp(filters["until"] or "2999"),
        "closed weights": (models["weights"] == "closed") & filters["open_only"],
        "compressed": (models["compression"] != "") & filters["exclude_compressed"],
        "left out by name": models["model"].isin(filters["without_models"])
        | models["family"].isin(filters["without_families"])
        | models["organization"].isin(filters["without_organizations"]),
    }
    for column, name in (("type", "types"), ("architecture", "architectures"),
                         ("precision_bits", "precisions")):
        if filters[name]:
            steps[f"other {column}"] = (~models[column].isin(filters[name])
                                        & models[column].notna() & (models[column] != ""))
    keep = pd.Series(True, index=models.index)
    dropped = {}
    for reason, out in steps.items():
        dropped[reason] = int((keep & out).sum())
        keep &= ~out
    if not keep.any():
        said = ", ".join(f"{reason}: {count}" for reason, count in dropped.items() if count)
        raise InputError(Problem("the filters leave no model", file="models.csv", hint=said))
    models = models[keep]
    unknown = {column: int((models[column].isna() | (models[column] == "")).sum())
               for column in ("type", "architecture", "precision_bits", "weights")}
    return models, dropped, unknown


def _choose_benchmarks(marks: pd.DataFrame, scores: pd.DataFrame, wanted: list[str],
                       ) -> tuple[pd.DataFrame, dict[str, int]]:
    """Benchmarks, anchored ones first; and those left out, with their number of models."""
    sets = named_sets(marks)
    usual = sets.get("default") or marks["benchmark"][marks["variant_of"] == ""].tolist()
    singly = set(wanted) & set(marks["benchmark"])
    names = singly.union(*(sets[word] for word in wanted if word not in singly))
    marks = marks[marks["benchmark"].isin(names or usual)]
    counts = scores.groupby("benchmark")["model"].nunique()
    counts = marks["benchmark"].map(counts).fillna(0).astype(int)
    enough = counts >= FEWEST_MODELS
    few = dict(zip(marks["benchmark"][~enough], counts[~enough].tolist(), strict=True))
    if singly & set(few):
        raise InputError([
            Problem(f"the benchmark has scores of {count} selected models", file="scores.csv",
                    given=cut(name), allowed=f"at least {FEWEST_MODELS}")
            for name, count in few.items() if name in singly])
    marks = marks[enough]
    anchored = marks["anchor"] != ""
    if not anchored.any():
        said = ", ".join(f"{cut(name)} has {count}" for name, count in few.items())
        raise InputError(Problem(
            "no anchored benchmark is selected", file="benchmarks.csv", column="anchor",
            allowed=f"at least one anchored benchmark with scores of {FEWEST_MODELS} models",
            hint=f"selected models by benchmark: {cut(said, 300)}" if few else None))
    return pd.concat([marks[anchored], marks[~anchored]], ignore_index=True), few


def named_sets(marks: pd.DataFrame) -> dict[str, list[str]]:
    """Benchmarks of each named set of benchmarks.csv, in the table's order.

    Examples
    --------
    >>> named_sets(pd.DataFrame({"benchmark": ["A", "B"], "sets": ["default;facts", "facts"]}))
    {'default': ['A'], 'facts': ['A', 'B']}
    """
    sets: dict[str, list[str]] = {}
    if "sets" not in marks:
        return sets
    for benchmark, words in zip(marks["benchmark"], marks["sets"], strict=True):
        for word in filter(None, (part.strip() for part in words.split(";"))):
            sets.setdefault(word, []).append(benchmark)
    return sets


# -- arrays -----------------------------------------------------------------------------------


def _model_arrays(models: pd.DataFrame) -> dict[str, Any]:
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


def _benchmark_arrays(marks: pd.DataFrame) -> dict[str, Any]:
    return {
        "benchmark": ("benchmark", marks["benchmark"].to_numpy(str)),
        "n_items": ("benchmark", marks["n_items"].to_numpy()),
        "chance": ("benchmark", marks["chance"].to_numpy()),
        "anchored": ("benchmark", (marks["anchor"] != "").to_numpy(bool)),
        "suite": ("benchmark", marks["anchor"].to_numpy(str)),
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


def _score_arrays(scores: pd.DataFrame, data: xr.Dataset) -> dict[str, Any]:
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


def _ladder_arrays(tables: Tables, marks: pd.DataFrame) -> dict[str, Any]:
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
    for column in ("params", "tokens", "loss"):
        arrays[f"run_log_{column}"] = ("run", np.log(run[column].to_numpy()))
    for column in ("loss", "score", "items"):
        arrays[f"pair_{column}"] = ("pair", pair[column].to_numpy())
    return arrays


__all__ = ["ORIGIN", "Observations", "Tables", "helmert", "load_tables", "select"]
