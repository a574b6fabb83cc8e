"""What a case does to the main fit's inputs: another spec and, from it, other observations.

Models, families and benchmarks are chosen by the options of the spec, as for any fit; only
what no option says (ladder, contamination) changes the observations themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import InputError, Problem
from densing_bayes.joint.fit import choose
from densing_bayes.observations import FEWEST_MODELS, Observations
from densing_bayes.priors import Prior
from densing_bayes.specs import ModelSpec
from densing_bayes.studies.cases import Case
from densing_bayes.studies.contamination import without_shift
from densing_bayes.tables import Tables

# axes that are options of the joint model under the same name
SAME = ("irreducible", "reference_tokens", "group", "size", "constant_spread", "may_regress",
        "since", "until")
SELECTING = {"since", "until", "benchmarks", "architectures", "without_models"}
FIRM = 200.0  # counts of the prior of a ceiling that a case states: sd about 0.02


@dataclass(frozen=True)
class Variant:
    """Inputs of one fit, and what is to be said of them."""

    spec: ModelSpec
    observations: Observations
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
    options = _options(case, base, tables, observations.data)
    spec = base.with_options(**options).with_priors(**_priors(case, base))
    notes = []
    if set(options) & SELECTING:
        observations = choose(tables, spec)
    data = observations.data
    if case["contamination"]:
        data, note = without_shift(tables, data)
        notes.append(note)
    if case["ladder"]:
        size = data["run_log_params"].values.round(3)
        edge = {"smallest": size.min(), "largest": size.max()}[case["ladder"].split()[2]]
        data = data.isel(run=np.flatnonzero(size != edge))
    if pd.Series(data["date"].values).nunique() < 2 or data.sizes["model"] < FEWEST_MODELS:
        raise InputError(Problem("the case leaves too few models to see growth",
                                 given=case.name, allowed=f"{FEWEST_MODELS} models on two days"))
    return Variant(spec, Observations(data), "; ".join(notes))


def _options(case: Case, base: ModelSpec, tables: Tables, data: Any) -> dict[str, Any]:
    """Options of the joint model that the case changes."""
    options = {axis: case[axis] for axis in SAME if case[axis] is not None}
    if options.get("reference_tokens") == "own":  # read off, not fitted
        del options["reference_tokens"]
    elif "reference_tokens" in options:
        options["reference_tokens"] = float(options["reference_tokens"])
    if case["benchmarks"]:
        options["benchmarks"] = list(case["benchmarks"])
    if case["protocol"]:
        parent = tables.benchmarks.set_index("benchmark").loc[case["protocol"], "variant_of"]
        now = options.get("benchmarks") or [str(name) for name in data["benchmark"].values]
        options["benchmarks"] = [case["protocol"] if name == parent else name for name in now]
    if case["architecture"]:
        options["architectures"] = [case["architecture"]]
    if case["eligible_benchmarks"]:  # so many benchmarks, whatever their domains
        options |= {"eligible_benchmarks": case["eligible_benchmarks"],
                    "eligible_domains": case["eligible_benchmarks"]}
    out = _left_out(case, tables, data)
    if out:
        options["without_models"] = [*base.options["without_models"], *out]
    return options


def _left_out(case: Case, tables: Tables, data: Any) -> list[str]:
    """Models that a case leaves out: of a group, or for what the tables say of them."""
    about = tables.models.set_index("model").reindex(data["model"].values)
    out = np.zeros(len(about), bool)
    if case["without_flag"]:
        flags = about["flag"].str.split(";").map(lambda words: {word.strip() for word in words})
        out |= flags.map(lambda words: case["without_flag"] in words).to_numpy(bool)
    if case["date_kind"]:
        out |= (about["date_kind"] != case["date_kind"]).to_numpy(bool)
    if case["without"]:
        group, name = case["without"]
        out |= group_of(data, group) == name
    return [str(name) for name in about.index[out]]


def _priors(case: Case, base: ModelSpec) -> dict[str, Prior]:
    """Priors that the case changes."""
    changed = {}
    if case["priors"]:
        name, factor = case["priors"]
        changed = {key: prior.scaled(factor) for key, prior in base.priors.items()
                   if name in ("all", key)}
    if case["ceiling"]:
        for name in ("headroom", "linked_headroom"):
            old = base.priors[name]
            changed[name] = Prior("Beta", {"alpha": FIRM * case["ceiling"],
                                           "beta": FIRM * (1 - case["ceiling"])},
                                  old.unit, old.why)
    return changed


def group_of(data: Any, group: str) -> np.ndarray:
    """The family, organization or own name of every model."""
    if group == "model":
        return data["model"].values
    return data[group].values[data[f"{group}_index"].values]
