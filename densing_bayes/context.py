"""What the sections of a report share: one fit, its draws and everything derived from them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.checks import diagnostics, told
from densing_bayes.errors import InputError, Problem, machine_error
from densing_bayes.fitting import Fit, case_seed
from densing_bayes.intervals import Interval
from densing_bayes.joint.data import inputs
from densing_bayes.joint.fit import Joint, choose, cut, prepare
from densing_bayes.joint.predict import cell_predictions, draws_of
from densing_bayes.joint.quantities import derive
from densing_bayes.observations import Observations
from densing_bayes.parameters import DIMS, PARAMETERS, TOLD
from densing_bayes.plugin import Plugin, plugin
from densing_bayes.specs import ModelSpec
from densing_bayes.tables import Tables


@dataclass
class Context:
    """One run of the main job; each property is computed when first asked for."""

    tables: Tables
    spec: ModelSpec
    progress: Callable[..., None] = lambda name, **_: None
    saved: Path | None = None  # a fit to answer from; written when it is not there yet
    must_exist: bool = False
    windows: tuple[str, ...] = ()  # asked by the report's spec, beside the named ones
    highlight: tuple[str, ...] = ()  # models that the first picture names

    @property
    def interval(self) -> Interval:
        """The interval of every summary."""
        return self.spec.interval

    def seed(self, case: str) -> int:
        """Seed of a named part of the run."""
        return case_seed(self.spec.sampling.seed, case)

    @cached_property
    def observations(self) -> Observations:
        """What the spec asks of the tables."""
        return choose(self.tables, self.spec)

    @cached_property
    def columns(self) -> dict[str, dict[str, Any]]:
        """The tables of the joint model."""
        return inputs(self.observations, self.spec)[0]

    @cached_property
    def joint(self) -> Joint:
        """The joint model."""
        observations = self.observations
        self.progress("preparing the joint model",
                      note="the first time on a machine it is compiled: some twenty seconds")
        return prepare(observations, self.spec)

    @cached_property
    def _gated(self) -> tuple[Fit, dict[str, Any]]:
        """The joint fit and its gate, which takes longer than the fit."""
        if self.saved is not None and (self.must_exist or os.path.isfile(self.saved)):
            try:
                fit = Fit.load(self.saved, self.spec, self.tables.sha256)
                check_draws(fit.posterior, inputs(self.observations, self.spec)[1], self.spec)
            except InputError:
                if self.must_exist:
                    raise
            else:
                return fit, kept_gate(fit) or gate(fit)
        joint = self.joint
        self.progress("sampling the joint posterior")
        fit = joint.fit(self.tables.sha256)
        found = gate(fit)
        if not found["passed"]:  # other data than the spec was tuned on: once more
            self.progress("sampling again, for longer: the first draws failed their checks")
            fit = joint.fit(self.tables.sha256, longer=True)
            found = gate(fit)
        fit.tree.attrs["gate"] = json.dumps(found)  # it takes longer than to read the fit
        if self.saved is not None:
            try:
                fit.save(self.saved)
            except OSError as error:  # the answer is there all the same
                self.progress(f"the fit could not be kept: {machine_error(error)}")
        return fit, found

    @property
    def fit(self) -> Fit:
        """The joint fit: the saved one where there is one of this spec and these tables."""
        return self._gated[0]

    @property
    def diagnostics(self) -> dict[str, Any]:
        """Gate over every variable of the fit."""
        return self._gated[1]

    @cached_property
    def posterior(self) -> xr.Dataset:
        """Draws of the sampled coordinates."""
        return self.fit.posterior

    @cached_property
    def derived(self) -> xr.Dataset:
        """Draws of everything told."""
        posterior = self.posterior
        self.progress("deriving densities, gaps and records")
        return derive(posterior, self.observations, self.columns,
                      self.seed("derive"))

    @cached_property
    def cut(self) -> xr.Dataset:
        """Derived draws of the cut posterior."""
        joint, posterior = self.joint, self.posterior
        draws = cut(joint, posterior, self.progress)
        found = derive(draws, self.observations, self.columns, self.seed("derive cut"))
        return found.assign_attrs(draws.attrs)

    @cached_property
    def plugin(self) -> Plugin:
        """The paper's own way on the same tables."""
        return plugin(self.observations, interval=self.interval,
                      tokens=float(self.spec.options["reference_tokens"]))

    @cached_property
    def cells(self) -> xr.Dataset:
        """Predictions of every cell, at as many draws as memory allows."""
        return cell_predictions(self.posterior, self.derived, self.columns,
                                draws_of(self.observations.data.sizes["cell"]))

    def published(self, prefix: str) -> list[dict[str, Any]]:
        """Published figures whose key begins with ``prefix``, where the tables have them."""
        table = self.tables.published
        if table is None:
            return []
        rows = table[table["quantity"].str.startswith(prefix)]
        return [{str(key): value for key, value in row.items()}
                for row in rows.to_dict("records")]


def check_draws(posterior: xr.Dataset, coords: dict[str, Any], spec: ModelSpec) -> None:
    """InputError where kept draws lack a variable of the joint model, or are of other labels."""
    sizes = {name: len(labels) for name, labels in coords.items()}
    wanted = {name: DIMS.get(name) for name in (*(row.name for row in PARAMETERS), *TOLD)
              if not name.endswith("_coordinate")
              and (name != "irreducible_share" or spec.options["irreducible"])}
    wrong = [name for name, dim in wanted.items() if (dim is None or sizes.get(dim, 1)) and (
        name not in posterior or posterior[name].dims[2:] != (() if dim is None else (dim,)))]
    wrong += [str(dim) for dim in sizes if dim in posterior.dims and (
        posterior[dim].values.tolist() != np.asarray(coords[dim]).tolist())]
    if wrong:
        raise InputError(Problem("the fit's draws are not those of this model and these tables",
                                 given=", ".join(wrong[:5]), hint="fit again"))


def gate(fit: Fit) -> dict[str, Any]:
    """The gate over every variable of a fit."""
    return diagnostics(fit.tree, [str(name) for name in fit.posterior.data_vars])


def kept_gate(fit: Fit) -> dict[str, Any] | None:
    """The gate as it was kept with the draws; None where it was not, or says nothing."""
    try:
        found = json.loads(fit.tree.attrs["gate"])
        told(found)
        return found if isinstance(found["passed"], bool) else None
    except (KeyError, TypeError, ValueError):
        return None


def refusal(context: Context) -> str | None:
    """Why the gate refused, or None."""
    gate = context.diagnostics
    if gate["passed"]:
        return None
    return (f"{told(gate)}: the draws do not represent the posterior, and no number here is a "
            f"result. More draws and tune in a spec of your own (densing new --spec) may help, and "
            f"a look at what densing validate finds suspicious.")


def median(draws: xr.DataArray) -> np.ndarray:
    """Median over chains and draws."""
    return draws.median(("chain", "draw")).values
