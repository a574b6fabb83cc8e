"""The rig: one joint model, refitted to many simulated or reduced data sets."""

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
from densing_bayes.joint.data import inputs
from densing_bayes.joint.engine import CompiledJoint, compiled_joint
from densing_bayes.joint.fit import choose
from densing_bayes.joint.growth import KNOTS, knots
from densing_bayes.joint.quantities import derive
from densing_bayes.observations import Observations
from densing_bayes.priors import Prior
from densing_bayes.specs import ModelSpec, Sampling
from densing_bayes.tables import load_tables
from densing_bayes.worlds import Columns

AHEAD = 2  # knots after the last model, half a year each: horizons end at twelve months
KINK = 2.5  # prior sd of a change of rate at the kink, 1/year: that of the rate itself


@dataclass(frozen=True)
class Rig:
    """A joint model with one extra column ``kink``, zero unless a fit asks for it."""

    spec: ModelSpec
    observations: Observations
    columns: Columns
    compiled: CompiledJoint

    def fit(self, case: str, changes: Columns, sampling: Sampling, *,
            priors: dict[str, Prior] | None = None, cores: int = 1) -> Refit:
        """The posterior given changed tables (and narrower priors)."""
        columns = self.columns | changes
        data: dict[str, Any] = dict(changes)
        if priors is not None:
            data["priors"] = priors
        tree = sample(self.compiled, sampling, case=case, data=data, cores=cores)
        posterior = tree["posterior"].to_dataset()
        derived = derive(posterior, self.observations, columns, case_seed(sampling.seed, case))
        return Refit(tree, posterior, derived, columns)

    def kinked(self) -> Columns:
        """The models with a kink at the middle of their dates."""
        models = dict(self.columns["models"])
        time = np.asarray(models["time"])
        at = (time.min() + time.max()) / 2
        models["kink"] = KINK * (time > at) * (time - at)
        return {"models": models}


@dataclass(frozen=True)
class Refit:
    """One refit: draws, what follows from them, and the tables it was made with."""

    tree: xr.DataTree
    posterior: xr.Dataset
    derived: xr.Dataset
    columns: Columns

    def health(self) -> dict[str, Any]:
        """Whether the short chains can be believed: R-hat and ESS of the rate, divergences."""
        found = diagnostics(self.tree, ["rate_z"])
        return {"rhat": found["rhat_max"], "ess": found["ess_bulk_min"],
                "divergences": found["divergences"]}


def rig(observations: Observations, spec: ModelSpec) -> Rig:
    """The joint model of a spec on a design."""
    columns, coords = inputs(observations, spec)
    columns["models"]["kink"] = np.zeros(len(columns["models"]["time"]))
    coords["column"] = [*coords["column"], "kink"]
    # two knots after the last model, for models that are forecast
    time = np.asarray(columns["models"]["time"])
    columns["knots"] = knots(time, constant=spec.options["constant_rate"], ahead=AHEAD)
    coords["knot"] = np.arange(KNOTS + AHEAD)
    compiled = compiled_joint(columns, coords, spec.priors,
                              irreducible=spec.options["irreducible"])
    return Rig(spec, observations, columns, compiled)


def invented(spec: ModelSpec, models: int = 60) -> Rig:
    """A rig on an invented design, taken through files and tables like any other data.

    Filters of the spec that name the shipped models or benchmarks do not apply.
    """
    rng = np.random.default_rng(case_seed(spec.sampling.seed, "invented design"))
    columns = worlds.invent(rng, models=models)
    tables, _ = worlds.simulate(columns, worlds.TYPICAL, rng)
    plain = replace(spec, options={**spec.options, "benchmarks": [], "until": "", "without_models":
                                   [], "without_families": [], "without_organizations": []})
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_tables(worlds.write(Path(folder), columns, tables))
    return rig(choose(loaded, plain), plain)


def observed(rig: Rig, changes: Columns) -> Observations:
    """The observations that changed tables stand for (cells of weight 0 left out).

    Holds what the plug-in chain reads: cells, ladder and pairs.
    """
    data = rig.observations.data
    anchored = data["cell_benchmark"].values < len(rig.columns["anchors"]["chance"])
    score, keep = data["cell_score"].values.copy(), np.ones(anchored.size, bool)
    for rows, group in ((anchored, "anchored"), (~anchored, "linked_cells")):
        cells = changes.get(group, rig.columns[group])
        score[rows], keep[rows] = cells["score"], np.asarray(cells["weight"]) > 0
    new = {"cell_score": ("cell", score)}
    if "ladder" in changes:
        new["run_log_loss"] = ("run", np.asarray(changes["ladder"]["log_loss"]))
    if "pairs" in changes:
        new["pair_score"] = ("pair", np.asarray(changes["pairs"]["score"]))
    return Observations(data.assign(new).isel(cell=keep))
