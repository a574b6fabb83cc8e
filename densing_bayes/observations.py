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

from densing_bayes.arrays import (
    FEWEST_MODELS,
    ORIGIN,
    benchmark_arrays,
    helmert,
    ladder_arrays,
    model_arrays,
    score_arrays,
    seen,
)
from densing_bayes.errors import InputError, Problem, did_you_mean, plain
from densing_bayes.reading import cut
from densing_bayes.schemas import TABLES
from densing_bayes.tables import Tables, load_tables


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
    ``filters``, ``dropped`` (how many models were left out, by reason), ``left_out`` (the reason
    by model), ``unknown`` (models kept of which the table does not say what they are) and
    ``benchmarks_dropped`` (with too few models).
    """

    data: xr.Dataset


def select(tables: Tables, *, since: str | None = None, until: str | None = None,
           open_only: bool = False, closed_until: str | None = None,
           types: Iterable[str] = (), architectures: Iterable[str] = (),
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
        Leave out models whose weights are 'closed', but for those released until
        ``closed_until``: before ChatGPT hardly any open model had a public table.
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
        "closed_until": closed_until and str(closed_until),
        "types": list(types), "architectures": list(architectures),
        "precisions": list(precisions), "benchmarks": list(benchmarks),
        "exclude_compressed": exclude_compressed,
        "without_models": list(without_models), "without_families": list(without_families),
        "without_organizations": list(without_organizations),
    }
    _refuse_unknown_words(tables, filters)
    models, dropped, left_out, unknown = _choose_models(tables.models, filters)
    scores = tables.scores[tables.scores["model"].isin(models["model"])]
    marks, few = _choose_benchmarks(tables.benchmarks, scores, filters["benchmarks"])
    scores = scores[scores["benchmark"].isin(marks["benchmark"])]
    scored = models["model"].isin(scores["model"])
    dropped["no score"] = int((~scored).sum())
    left_out |= dict.fromkeys(models["model"][~scored], "no score on its benchmarks")
    models = models[scored].sort_values(["release_date", "model"])
    if models["release_date"].nunique() < 2:
        raise InputError(Problem("all selected models were released on one day: growth cannot "
                                 "be seen", file="models.csv", column="release_date"))
    data = xr.Dataset({**model_arrays(models), **benchmark_arrays(marks)})
    data = data.assign(seen(tables, data, filters["until"]))
    data = data.assign({**score_arrays(scores, data), **ladder_arrays(tables, marks)})
    data.attrs = {"origin": ORIGIN, **{name: json.dumps(value) for name, value in (
        ("sha256", tables.sha256), ("filters", filters), ("dropped", dropped),
        ("left_out", dict(sorted(left_out.items()))), ("unknown", unknown),
        ("benchmarks_dropped", few))}}
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
    for name in ("since", "until", "closed_until"):
        try:
            datetime.date.fromisoformat(filters[name] or ORIGIN)
        except (ValueError, TypeError):
            problems.append(Problem(f"{name} is not a day", given=cut(str(filters[name])),
                                    allowed="a date YYYY-MM-DD"))
    if problems:
        raise InputError(problems)


def _choose_models(models: pd.DataFrame, filters: dict[str, Any],
                   ) -> tuple[pd.DataFrame, dict[str, int], dict[str, str], dict[str, int]]:
    """Models that pass the filters; how many each took out and why; how many are not judged."""
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
        "closed weights": (models["weights"] == "closed") & filters["open_only"] & (
            models["release_date"] > pd.Timestamp(filters["closed_until"] or 0)),
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
    dropped, left_out = {}, {}
    for reason, out in steps.items():
        dropped[reason] = int((keep & out).sum())
        what = models[reason.removeprefix("other ")] if reason.startswith("other ") else reason
        left_out |= dict(zip(models["model"][keep & out], pd.Series(
            what, index=models.index)[keep & out].map(_IN_WORDS.get).fillna(reason), strict=True))
        keep &= ~out
    if not keep.any():
        said = ", ".join(f"{reason}: {count}" for reason, count in dropped.items() if count)
        raise InputError(Problem("the filters leave no model", file="models.csv", hint=said))
    models = models[keep]
    unknown = {column: int((models[column].isna() | (models[column] == "")).sum())
               for column in ("type", "architecture", "precision_bits", "weights")}
    return models, dropped, left_out, unknown


_IN_WORDS = {"moe": "mixture of experts", "dense": "dense", "instruct": "post-trained",
             "base": "a base model"}


def absent(name: str, data: xr.Dataset) -> str | None:
    """A hint for a model that the fit does not have: why it is outside, or the nearest name.

    Examples
    --------
    >>> data = xr.Dataset(coords={"model": ["Ash-7B"]}, attrs={"left_out": json.dumps(
    ...     {"Cedar-8x7B": "mixture of experts"})})
    >>> absent("cedar 8x7b", data)
    "'Cedar-8x7B' is in the tables, outside this fit: mixture of experts"
    >>> absent("ash", data)
    "did you mean 'Ash-7B'?"
    """
    left_out = json.loads(data.attrs.get("left_out", "{}"))
    same = next((other for other in left_out if plain(other) == plain(name)), None)
    if same is not None:
        return f"{same!r} is in the tables, outside this fit: {left_out[same]}"
    known = [str(model) for model in data["model"].values]
    inside = [model for model in known if len(plain(name)) > 2 and plain(name) in plain(model)]
    if inside:
        return f"did you mean {min(inside, key=len)!r}?"
    return did_you_mean(cut(name), [*known, *left_out])


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


__all__ = ["ORIGIN", "Observations", "Tables", "helmert", "load_tables", "select"]
