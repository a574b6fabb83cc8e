"""What a case does to the main fit's inputs: another spec and other observations.

A variant keeps the dimensions of the main fit wherever it can: benchmarks, models, runs and pairs
are left out by leaving out their rows.

A model without cells leaves the likelihood exactly. Its ln N^ is free under the frontier and
integrates to one whatever the other parameters are; so does the effect of a family none of
whose models has a cell. What a variant without a model says of rate, frontier, ruler and the
other models is therefore what a model built without it would say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import InputError, Problem
from densing_bayes.joint.fit import choose
from densing_bayes.observations import FEWEST_MODELS, Observations
from densing_bayes.specs import ModelSpec
from densing_bayes.studies.cases import Case
from densing_bayes.studies.contamination import without_shift
from densing_bayes.tables import Tables


@dataclass(frozen=True)
class Variant:
    """Inputs of one fit.

    ``held`` names the benchmarks of a subset without an anchor: the curves are learnt on all
    ``observations`` and held, and the frontier is fitted to the subset's cells alone.
    """

    spec: ModelSpec
    observations: Observations
    held: tuple[str, ...] = ()
    note: str = ""


def variant(case: Case, base: ModelSpec, tables: Tables, observations: Observations) -> Variant:
    """The inputs of a case's fit.

    Parameters
    ----------
    base, observations
        Of the main fit.

    Raises
    ------
    InputError
        Where the case leaves nothing to learn from.
    """
    spec, notes = base, []
    options: dict[str, Any] = {}
    for axis in ("irreducible", "constant_rate"):
        if case[axis] is not None:
            options[axis] = case[axis]
    if case["reference_tokens"] not in (None, "own"):
        options["reference_tokens"] = float(case["reference_tokens"])
    spec = replace(spec, options={**spec.options, **options})
    if case["priors"]:
        name, factor = case["priors"]
        spec = replace(spec, priors={
            key: prior.scaled(factor) if name in ("all", key) else prior
            for key, prior in spec.priors.items()})
    wider = case["since"] is not None and case["since"] < (base.options["since"] or "0000")
    if case["anchor"] or case["sets"] or wider:
        observations = _chosen_again(case, spec, tables, observations)
    data = observations.data
    if case["protocol"]:
        data, note = _other_protocol(case["protocol"], spec, tables, data)
        notes.append(note)
    if case["contamination"]:
        data, note = without_shift(tables, data)
        notes.append(note)
    if case["ladder"]:
        size = data["run_log_params"].values.round(3)
        edge = {"smallest": size.min(), "largest": size.max()}[case["ladder"].split()[2]]
        data = data.isel(run=np.flatnonzero(size != edge))
    if case["pair_step"]:
        data = data.isel(pair=np.arange(0, data.sizes["pair"], case["pair_step"]))
    data = _of_models(data, _kept_models(case, tables, data))
    held: tuple[str, ...] = ()
    if case["benchmarks"]:
        kept = np.isin(data["benchmark"].values, case["benchmarks"])
        if (kept & data["anchored"].values).any():
            data = _of_benchmarks(data, kept)
        else:
            held = case["benchmarks"]
            notes.append("no anchored benchmark: curves learnt on all benchmarks and held (cut)")
    return Variant(spec, Observations(data), held, "; ".join(notes))


def _kept_models(case: Case, tables: Tables, data: Any) -> np.ndarray:
    """Which models a case keeps, as a mask."""
    date = pd.DatetimeIndex(data["date"].values)
    keep = np.ones(data.sizes["model"], dtype=bool)
    if case["since"]:
        keep &= date >= pd.Timestamp(case["since"])
    if case["until"]:
        keep &= date <= pd.Timestamp(case["until"])
    about = tables.models.set_index("model").reindex(data["model"].values)
    if case["without_flag"]:
        flags = about["flag"].str.split(";").map(lambda words: {word.strip() for word in words})
        keep &= ~flags.map(lambda words: case["without_flag"] in words).to_numpy(bool)
    if case["date_kind"]:
        keep &= (about["date_kind"] == case["date_kind"]).to_numpy(bool)
    if case["without"]:
        group, name = case["without"]
        keep &= group_of(data, group) != name
    if pd.Series(date[keep]).nunique() < 2 or keep.sum() < FEWEST_MODELS:
        raise InputError(Problem("the case leaves too few models to see growth",
                                 given=case.name, allowed=f"{FEWEST_MODELS} models on two days"))
    return keep


def group_of(data: Any, group: str) -> np.ndarray:
    """The family, organization or own name of every model."""
    if group == "model":
        return data["model"].values
    return data[group].values[data[f"{group}_index"].values]


def _of_models(data: Any, keep: np.ndarray) -> Any:
    return _of_cells(data, keep[data["cell_model"].values])


def _of_benchmarks(data: Any, keep: np.ndarray) -> Any:
    return _of_cells(data, keep[data["cell_benchmark"].values])


def _of_cells(data: Any, keep: np.ndarray) -> Any:
    """The observations with some of the cells, and the contrasts of these cells."""
    contrast = keep[data["contrast_cell"].values]
    place = np.cumsum(keep) - 1
    out = data.isel(cell=np.flatnonzero(keep), contrast=np.flatnonzero(contrast))
    return out.assign(contrast_cell=("contrast", place[out["contrast_cell"].values]))


def _chosen_again(case: Case, spec: ModelSpec, tables: Tables, observations: Observations,
                  ) -> Observations:
    """Observations of another selection: with dimensions of its own."""
    data = observations.data
    options = dict(spec.options)
    if case["sets"]:
        names = case["sets"]
        options["benchmarks"] = [names] if isinstance(names, str) else list(names)
    if case["anchor"]:
        names = data["benchmark"].values
        others = data["anchored"].values & (names != case["anchor"])
        options["benchmarks"] = [str(name) for name in names[~others]]
    if case["since"]:
        options["since"] = min(case["since"], options["since"] or "9999")
    return choose(tables, replace(spec, options=options))


def _other_protocol(name: str, spec: ModelSpec, tables: Tables, data: Any) -> tuple[Any, str]:
    """The variant ``name`` in the place of the benchmark that it is a variant of.

    Of models that are in the main fit: scores of others come without a place in the model.
    """
    marks = tables.benchmarks.set_index("benchmark")
    parent = marks.loc[name, "variant_of"]
    names = [name if has == parent else str(has) for has in data["benchmark"].values]
    other = choose(tables, replace(spec, options={**spec.options, "benchmarks": names})).data
    index = data.get_index("model").get_indexer(other["model"].values)
    other_place = int(np.flatnonzero(other["benchmark"].values == name)[0])
    place = int(np.flatnonzero(data["benchmark"].values == parent)[0])
    mine = (other["cell_benchmark"].values == other_place) & (
        index[other["cell_model"].values] >= 0)
    taken = _of_cells(other, mine)
    kept = _of_benchmarks(data, np.arange(data.sizes["benchmark"]) != place)
    cells = {key: np.concatenate([kept[key].values, taken[key].values])
             for key in ("cell_score", "cell_replicates", "cell_items")}
    contrasts = {key: np.concatenate([kept[key].values, taken[key].values])
                 for key in ("contrast_value", "contrast_score")}
    count = taken.sizes["cell"]
    cells["cell_model"] = np.append(kept["cell_model"].values, index[taken["cell_model"].values])
    cells["cell_benchmark"] = np.append(kept["cell_benchmark"].values, np.full(count, place))
    contrasts["contrast_cell"] = np.append(
        kept["contrast_cell"].values, taken["contrast_cell"].values + kept.sizes["cell"])
    contrasts["contrast_benchmark"] = np.append(
        kept["contrast_benchmark"].values, np.full(taken.sizes["contrast"], place))
    chance, items = data["chance"].values.copy(), data["n_items"].values.copy()
    chance[place], items[place] = marks.loc[name, "chance"], marks.loc[name, "n_items"]
    rest = data.drop_dims(["cell", "contrast"])
    out = rest.assign({key: ("cell", value) for key, value in cells.items()}
                      | {key: ("contrast", value) for key, value in contrasts.items()}
                      | {"chance": ("benchmark", chance), "n_items": ("benchmark", items)})
    return out, f"{name} in the place of {parent!s} ({count} models)"
