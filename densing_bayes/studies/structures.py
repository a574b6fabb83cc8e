"""Inputs, starting points and compiled models of the variants that share a structure.

Specs and observations travel to workers, compiled models never do: each worker compiles a
structure when it first meets it (half a minute) and keeps it for every later fit of it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.derive import mean_gap
from densing_bayes.drift import KNOTS, effects, knots
from densing_bayes.families import densing
from densing_bayes.families.blocks import matrix, prior_vector
from densing_bayes.families.held import hold, measurement_names
from densing_bayes.fitting import compile_model
from densing_bayes.inputs import inputs
from densing_bayes.joint import sampled_coordinates
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


def starting_point(compiled: Any, base: Base, columns: dict[str, Any],
                   coords: dict[str, Any]) -> np.ndarray:
    """The main fit's posterior mean in the sampled coordinates of a variant.

    Labels that the main fit lacks start at the mean over those that it has; variables that it
    lacks start at zero on the unconstrained scale.
    """
    at: dict[str, Any] = {}
    for name, value in base.mean.items():
        for dim in value.dims:
            value = value.reindex({dim: coords[dim]}).fillna(value.mean())
        at[str(name)] = value.values
    centre = float(columns["setting"]["centre_time"][0])
    at["mean_z"] = at["mean_z"] + at["rate_z"] * (centre - base.setting["centre_time"])
    if not np.allclose(columns["knots"]["at"] + centre, base.knots):
        at["rate_step"] = np.zeros_like(at["rate_step"])  # steps at other dates
    at["step_coordinate"] = at["rate_step"] / np.sqrt(at["drift"])
    at |= _partly_centred(at, columns) | _linked_coordinates(at, columns)
    return sampled_coordinates(compiled, at)


def _partly_centred(at: dict[str, Any], columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """Coordinates of families and models (`families.densing`) that give their z and effects.

    They depend on how many cells a member has, hence differ between variants.
    """
    spread = {}
    for part, q in (("model", "q"), ("family", "q_family")):
        omega = at[f"sd_{part}_z"] / np.sqrt(1 - 2 * at[q] / np.pi)
        spread[part] = omega, mean_gap(omega, at[q])
    models, setting = columns["models"], columns["setting"]
    omega, gap = spread["family"]
    family = at["family_effect"] * omega

    def coordinate(value: Any, place: Any, omega: Any, weight: Any) -> Any:
        return weight * place + (value - place) / omega ** (1 - weight)

    weight = np.asarray(columns["families"]["own_weight"])
    out = {"family_coordinate": coordinate(family, gap, omega, weight)}
    omega, gap = spread["model"]
    size = np.asarray(models["log_params"]) - setting["mean_log_params"][0]
    wander = effects(columns["knots"], models["time"]) @ at["rate_step"]
    place = ((size + wander) / at["c1"] + at["mean_z"] + at["rate_z"] * np.asarray(models["time"])
             + family[np.asarray(models["family"]).astype(int)] + gap)
    weight = np.asarray(models["own_weight"])
    return out | {"model_coordinate": coordinate(at["z"], place, omega, weight)}


def _linked_coordinates(at: dict[str, Any], columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """Coordinates of the linked curves (`families.densing`) that give their slopes and middles.

    They depend on the benchmarks' mean scores, hence differ between variants.
    """
    if "log_kappa_z" not in at:
        return {}
    share = np.asarray(columns["linked_benchmarks"]["mean_share"])
    p = np.minimum(share / at["linked_headroom"], 0.95)
    return {"linked_steepness": at["log_kappa_z"] + np.log1p(-p),
            "linked_place": at["middle_z"] + np.log(p / (1 - p)) / np.exp(at["log_kappa_z"])}


def starting_near(compiled: Any, point: np.ndarray) -> Any:
    """The compiled model with chains that start near a point of the sampled coordinates.

    (nutpie's ``init_mean`` does not reach models compiled from PyMC, whose own initial point
    is moreover computed from the data that the model was compiled with.)
    """
    def initial_point(seed: int) -> np.ndarray:
        return point + np.random.default_rng(seed).uniform(-0.1, 0.1, len(point))

    return replace(compiled, initial_point_func=initial_point)


# -- compiled models of this process -----------------------------------------------------------

_COMPILED: dict[str, Any] = {}
_LOCK = threading.Lock()


def _compiled(kind: str, spec: ModelSpec, coords: dict[str, Any],
              make: Callable[[], Any]) -> Any:
    """The compiled model of a structure: made once per process, one at a time."""
    said = repr((kind, spec.options["irreducible"],
                 [(name, prior.dist) for name, prior in spec.priors.items()],
                 {name: list(map(str, labels)) for name, labels in coords.items()}))
    key = hashlib.sha256(said.encode()).hexdigest()
    if key not in _COMPILED:  # what is there is had at once, while another thread compiles
        with _LOCK:
            if key not in _COMPILED:
                _COMPILED[key] = make()
    return _COMPILED[key]


def joint_model(columns: dict[str, Any], coords: dict[str, Any], spec: ModelSpec) -> Any:
    """The joint model of a structure, compiled."""
    return _compiled("joint", spec, coords, lambda: _traced(densing.build(columns, coords, spec)))


def adopt(compiled: Any, coords: dict[str, Any], spec: ModelSpec) -> None:
    """Take the joint model of a structure as it was compiled elsewhere in this process."""
    _compiled("joint", spec, coords, lambda: compiled)


def held_model(columns: dict[str, Any], coords: dict[str, Any], spec: ModelSpec) -> Any:
    """The same with ruler and curves held, compiled; and the names of what is held."""
    def make() -> Any:
        model = densing.build(columns, coords, spec)
        names = measurement_names(model)
        return _traced(hold(model, names)), names
    return _compiled("held", spec, coords, make)


def _traced(model: Any) -> Any:
    """The model compiled, with every deterministic traced that is no longer data."""
    return compile_model(model, keep=tuple(node.name for node in model.deterministics),
                             jitter=False)


def data_of(compiled: Any, columns: dict[str, Any], spec: ModelSpec) -> dict[str, np.ndarray]:
    """All data of a compiled model (it has no table that its graph does not use)."""
    has = {shared.name for shared in compiled.shared_var_keys}
    every = {name: matrix(table) for name, table in columns.items()} | {
        "priors": prior_vector(spec.priors)}
    return {name: value for name, value in every.items() if name in has}
