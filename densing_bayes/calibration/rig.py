"""Refits: the joint model on many simulated or reduced data sets."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes import worlds
from densing_bayes.checks import diagnostics
from densing_bayes.fitting import case_seed, sample
from densing_bayes.joint.engine import CompiledJoint
from densing_bayes.joint.fit import Joint, choose, prepare
from densing_bayes.joint.quantities import derive
from densing_bayes.priors import Prior
from densing_bayes.specs import ModelSpec, Sampling
from densing_bayes.tables import load_tables
from densing_bayes.worlds import Columns, Truth, Twist


@dataclass(frozen=True)
class Refit:
    """One refit: draws, what follows from them, and the tables it was made with."""

    tree: xr.DataTree
    posterior: xr.Dataset
    derived: xr.Dataset
    columns: Columns

    def health(self) -> dict[str, Any]:
        """Whether the short chains can be believed: R-hat and ESS of the growth, divergences."""
        found = diagnostics(self.tree, ["rate_z", "growth"])
        return {"rhat": found["rhat_max"], "ess": found["ess_bulk_min"],
                "divergences": found["divergences"]}


def refit(joint: Joint, case: str, sampling: Sampling, *, changes: Columns | None = None,
          priors: dict[str, Prior] | None = None, compiled: CompiledJoint | None = None,
          cores: int = 1) -> Refit:
    """The posterior of a joint model given changed tables, narrower priors or a held ruler.

    Parameters
    ----------
    case
        Name from which the run's random stream is derived.
    compiled
        In place of the joint model's own (`CompiledJoint.holding`).
    """
    data: dict[str, Any] = dict(changes or {})
    columns = joint.columns | data
    if priors is not None:
        data["priors"] = priors
    tree = sample(compiled or joint.compiled, sampling, case=case, data=data, cores=cores)
    posterior = tree["posterior"].to_dataset()
    derived = derive(posterior, joint.observations, columns, case_seed(sampling.seed, case))
    return Refit(tree, posterior, derived, columns)


def plain(spec: ModelSpec) -> ModelSpec:
    """The spec without filters that name the shipped models, benchmarks or dates."""
    return replace(spec, options={
        **spec.options, "benchmarks": [], "since": "", "until": "", "without_models": [],
        "without_families": [], "without_organizations": []})


def through_files(spec: ModelSpec, design: Columns, outcomes: Columns) -> Joint:
    """The joint model of a world that went through files and tables like any other data."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_tables(worlds.write(Path(folder) / "world", design, outcomes))
    asked = plain(spec)
    return prepare(choose(loaded, asked), asked)


def invented(spec: ModelSpec, models: int = 60) -> Joint:
    """The joint model on an invented design, whose outcomes SBC draws anew."""
    rng = np.random.default_rng(case_seed(spec.sampling.seed, "invented design"))
    design = worlds.invent(rng, models=models)
    outcomes, _ = worlds.simulate(design, worlds.TYPICAL, rng)
    return through_files(spec, design, outcomes)


@dataclass(frozen=True)
class Made:
    """A world: its joint model, its design and its truth (``latent`` of `worlds.simulate`)."""

    joint: Joint
    design: Columns
    latent: dict[str, Any]


def made(spec: ModelSpec, rng: np.random.Generator, truth: Truth, twist: Twist,
         models: int) -> Made:
    """A world with a design of its own, four benchmarks, through files and tables."""
    design = worlds.invent(rng, models=models, benchmarks=4, truth=truth)
    outcomes, latent = worlds.simulate(design, truth, rng, twist)
    return Made(through_files(spec, design, outcomes), design, latent)
