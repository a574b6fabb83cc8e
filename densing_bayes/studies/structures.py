"""Tables and starting points of variants: what a worker makes of a spec and observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.joint.data import inputs
from densing_bayes.joint.engine import CompiledJoint, compiled_joint, own_coordinates
from densing_bayes.observations import Observations
from densing_bayes.specs import ModelSpec

LITTLE = 0.02  # irreducible share of the loss at which a case with E starts


@dataclass(frozen=True)
class Base:
    """What the fits of a study take from the main fit.

    Parameters
    ----------
    mean
        Posterior mean of every variable that it tells, labelled: where chains start.
    setting
        The one row of its table ``setting``.
    middle
        Years since LLaMA-1 at the middle of each of its segments.
    anchor
        The first anchored benchmark, to which the reference scores belong.
    window
        First and last year of the growth that is compared (years since LLaMA-1). The frontier's
        level is read off at the last.
    """

    mean: xr.Dataset
    setting: dict[str, float]
    middle: np.ndarray
    anchor: str
    window: tuple[float, float]

    @classmethod
    def of(cls, posterior: xr.Dataset, observations: Observations, columns: dict[str, Any],
           coords: dict[str, Any]) -> Base:
        """From the main fit's draws, observations, columns and labels."""
        setting = {name: float(value[0]) for name, value in columns["setting"].items()}
        return cls(posterior.mean(("chain", "draw")), setting, middles(columns),
                   str(coords["anchor"][0]), window(observations, columns))


def window(observations: Observations, columns: dict[str, Any]) -> tuple[float, float]:
    """Years since LLaMA-1 of the eligible models' first (not before LLaMA-1) and last date."""
    time = observations.data["time"].values[np.asarray(columns["models"]["eligible"]) > 0]
    return max(0.0, float(time.min())), float(time.max())


def middles(columns: dict[str, Any]) -> np.ndarray:
    """Years since LLaMA-1 at the middle of each segment."""
    table = columns["segments"]
    return (np.asarray(table["start"], float) + np.asarray(table["width"], float) / 2
            + float(columns["setting"]["centre_time"][0]))


def tables_of(observations: Observations, spec: ModelSpec, base: Base | None = None,
              ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Columns and labels of the joint model for a variant.

    With the main fit's reference scores, so that its posterior is a place to start from: they
    are coordinates only, and change no statement.
    """
    tables, coords = inputs(observations, spec)
    if base is not None and base.anchor == str(coords["anchor"][0]):
        for name in ("low_score", "high_score"):
            tables["setting"][name] = [base.setting[name]]
    return tables, coords


def joint_model(columns: dict[str, Any], coords: dict[str, Any], spec: ModelSpec,
                base: Base | None = None) -> CompiledJoint:
    """The joint model of a variant, whose chains start near the main fit's posterior mean.

    With another first ruler they start where those of any fit do.
    """
    compiled = compiled_joint(columns, coords, spec.priors,
                              irreducible=spec.options["irreducible"])
    if base is None or base.anchor != str(coords["anchor"][0]):
        return compiled
    return compiled.starting_at(starting_point(compiled, base, columns, coords, spec), spread=0.1)


def starting_point(compiled: CompiledJoint, base: Base, columns: dict[str, Any],
                   coords: dict[str, Any], spec: ModelSpec) -> np.ndarray:
    """The main fit's posterior mean in the sampled coordinates of a variant.

    Labels that the main fit lacks start at the mean over those that it has; variables that it
    lacks start at zero on the unconstrained scale.
    """
    at: dict[str, Any] = {}
    for name, value in base.mean.items():
        if "segment" in value.dims:
            continue
        for dim in value.dims:
            value = value.reindex({dim: coords[str(dim)]}).fillna(value.mean())
        at[str(name)] = value.values
    if "irreducible_share" in compiled.shapes and "irreducible_share" not in at:
        at["irreducible_share"] = np.full(len(coords["anchor"]), LITTLE)
    at["growth"] = np.interp(middles(columns), base.middle, base.mean["growth"].values)
    floors = {"headroom": "anchors", "linked_headroom": "linked_benchmarks"}
    for name in floors.keys() & at.keys():  # another benchmark's mean may lie below the floor
        floor = np.asarray(columns[floors[name]]["floor"], float)
        at[name] = np.maximum(at[name], floor + 0.2 * (1 - floor))
    # the mean date and the mean size of the variant's own models
    moved = {name: float(columns["setting"][name][0]) - base.setting[name]
             for name in ("centre_time", "mean_size")}
    at["mean_z"] = at["mean_z"] + at["rate_z"] * moved["centre_time"] + (
        moved["mean_size"] / at["c1"])
    return compiled.point(at | own_coordinates(at, columns, spec.priors["level"]))
