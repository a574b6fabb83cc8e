"""Tables and starting points of variants: what a worker makes of a spec and observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.joint.data import inputs
from densing_bayes.joint.engine import CompiledJoint, compiled_joint, own_coordinates
from densing_bayes.joint.growth import KNOTS, knots
from densing_bayes.observations import Observations
from densing_bayes.specs import ModelSpec


@dataclass(frozen=True)
class Base:
    """What the fits of a study take from the main fit.

    Parameters
    ----------
    mean
        Posterior mean of every sampled variable, labelled: where chains start.
    setting
        Reference scores (low, high), and the centre of time that ``mean`` belongs to.
    anchor
        The first anchored benchmark, to which the reference scores belong.
    learnt
        Draws of ruler and curves for subsets without an anchor.
    at
        Years at which the frontier's level is read off: the latest model's date.
    knots
        Years at which the rate may change.
    """

    mean: xr.Dataset
    setting: dict[str, float]
    anchor: str
    learnt: xr.Dataset
    at: float
    knots: np.ndarray


def tables_of(observations: Observations, spec: ModelSpec, base: Base | None = None,
              ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Columns and labels of the joint model for a variant.

    Time is centred at the models that have cells; the reference scores are the main fit's, so
    that its posterior is a place to start from. Both are coordinates only: they change no
    statement but the date at which the prior of the level holds. The rate is the average over
    the dates of all models of ``observations``, unless those with cells leave one of its ends
    empty: then it is the average over theirs.
    """
    data = observations.data
    tables, coords = inputs(observations, spec)
    kept = np.unique(data["cell_model"].values)
    shift = float(tables["models"]["time"][kept].mean())
    tables["models"]["time"] = tables["models"]["time"] - shift
    tables["setting"]["centre_time"] = [tables["setting"]["centre_time"][0] + shift]
    time = tables["models"]["time"]
    gap = (time.max() - time.min()) / (KNOTS + 1)
    ends = time[kept].min() - time.min() > gap or time.max() - time[kept].max() > gap
    tables["knots"] = knots(time[kept] if ends else time,
                            constant=spec.options["constant_rate"])
    if base is not None and base.anchor == str(coords["anchor"][0]):
        for name in ("low_score", "high_score"):
            tables["setting"][name] = [base.setting[name]]
    blank = {"score": 0.5, "items": 1.0, "replicates": 1.0, "spread": 1.0,
             "benchmark": float(len(coords["anchor"]))}
    for name in ("linked_cells", "contrasts"):  # a table needs a row, if without weight
        if not len(tables[name]["weight"]):
            first = blank | ({"benchmark": 0.0} if name == "contrasts" else {})
            tables[name] = {key: np.array([first.get(key, 0.0)]) for key in tables[name]}
    return tables, coords


def joint_model(columns: dict[str, Any], coords: dict[str, Any], spec: ModelSpec,
                base: Base | None = None) -> CompiledJoint:
    """The joint model of a variant, whose chains start near the main fit's posterior mean."""
    compiled = compiled_joint(columns, coords, spec.priors,
                              irreducible=spec.options["irreducible"])
    if base is None:
        return compiled
    return compiled.starting_at(starting_point(compiled, base, columns, coords), spread=0.1)


def starting_point(compiled: CompiledJoint, base: Base, columns: dict[str, Any],
                   coords: dict[str, Any]) -> np.ndarray:
    """The main fit's posterior mean in the sampled coordinates of a variant.

    Labels that the main fit lacks start at the mean over those that it has; variables that it
    lacks start at zero on the unconstrained scale.
    """
    at: dict[str, Any] = {}
    for name, value in base.mean.items():
        for dim in value.dims:
            value = value.reindex({dim: coords[str(dim)]}).fillna(value.mean())
        at[str(name)] = value.values
    centre = float(columns["setting"]["centre_time"][0])
    at["mean_z"] = at["mean_z"] + at["rate_z"] * (centre - base.setting["centre_time"])
    if not np.allclose(columns["knots"]["at"] + centre, base.knots):
        at["rate_step"] = np.zeros_like(at["rate_step"])  # steps at other dates
    return compiled.point(at | own_coordinates(at, columns))
