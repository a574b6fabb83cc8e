"""What the sections of a report share: one fit, its draws and everything derived from them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from densing_bayes.errors import InputError, Problem, machine_error
from densing_bayes.fitting import Fit, case_seed
from densing_bayes.intervals import Interval
from densing_bayes.joint.quantities import derive
from densing_bayes.kept import Kept, key_of, place, write
from densing_bayes.observations import Observations
from densing_bayes.outputs import plain
from densing_bayes.parameters import DIMS, PARAMETERS, TOLD
from densing_bayes.specs import ModelSpec
from densing_bayes.tables import Tables

# What makes a fit or looks into one is imported where it is asked for: kept answers need none
if TYPE_CHECKING:
    from densing_bayes.joint.fit import Joint
    from densing_bayes.plugin import Plugin

SOME = 1000  # draws with which models outside the fit are placed: errors of a thirtieth of an sd


RULER_CONSTANTS = ("alpha", "beta", "gamma", "midpoint", "scale")  # kept of the cut


@dataclass
class Context:
    """One run of the main job; each property is computed when first asked for.

    ``given`` are checked tables, or what reads them; ``kept`` what was kept beside ``saved``.
    """

    given: Tables | Callable[[], Tables]
    spec: ModelSpec
    progress: Callable[..., None] = lambda name, **_: None
    saved: Path | None = None  # a fit to answer from; written when it is not there yet
    must_exist: bool = False
    kept: Kept | None = None
    start: Context | None = None  # a run of other tables: chains start from its draws' mean
    earlier: tuple[Path, ...] = ()  # fits to answer from where they are of this spec; never written
    windows: tuple[str, ...] = ()  # asked by the report's spec, beside the named ones
    highlight: tuple[str, ...] = ()  # models and benchmarks that pictures name
    break_date: str = ""  # at which growth may have changed; "": the release of ChatGPT
    device: str = ""  # on which inference is counted; "": those of the spec of costs

    @property
    def interval(self) -> Interval:
        """The interval of every summary."""
        return self.spec.interval

    def seed(self, case: str) -> int:
        """Seed of a named part of the run."""
        return case_seed(self.spec.sampling.seed, case)

    @cached_property
    def tables(self) -> Tables:
        """The checked tables."""
        return self.given() if callable(self.given) else self.given

    @property
    def checksums(self) -> dict[str, str]:
        """Checksum of every table, by name."""
        return dict(self.tables.sha256 if self.kept is None else self.kept.said["checksums"])

    @cached_property
    def observations(self) -> Observations:
        """What the spec asks of the tables."""
        def chosen() -> Observations:
            from densing_bayes.joint.fit import choose

            return choose(self.tables, self.spec)

        return chosen() if self.kept is None else Observations(
            self.kept.dataset("data", lambda: chosen().data))

    @cached_property
    def marks(self) -> xr.Dataset:
        """Every benchmark of the tables: the one that it is a variant of, and its domain."""
        def of_tables() -> xr.Dataset:
            table = self.tables.benchmarks
            return xr.Dataset({name: ("benchmark", table[name].to_numpy(object))
                               for name in ("variant_of", "domain")},
                              coords={"benchmark": table["benchmark"].to_numpy(object)})

        return of_tables() if self.kept is None else self.kept.dataset("marks", of_tables)

    @cached_property
    def columns(self) -> dict[str, dict[str, Any]]:
        """The tables of the joint model."""
        from densing_bayes.joint.data import inputs

        return inputs(self.observations, self.spec)[0]

    @cached_property
    def joint(self) -> Joint:
        """The joint model."""
        from densing_bayes.joint.fit import prepare

        observations = self.observations
        self.progress("preparing the joint model",
                      note="the first time on a machine it is compiled: some twenty seconds")
        joint = prepare(observations, self.spec)
        return joint if self.start is None else starting_from(joint, self.start.curves)

    @cached_property
    def _gated(self) -> tuple[Fit, dict[str, Any]]:
        """The joint fit and its gate, which takes longer than the fit."""
        for path in (self.saved, *self.earlier):
            if path is None or not (self.must_exist or os.path.isfile(path)):
                continue
            try:
                fit = Fit.load(path, self.spec, self.tables.sha256)
                from densing_bayes.joint.data import inputs

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
        for again, how in ((1, "for longer"), (2, "in smaller steps")):
            if found["passed"]:  # else other data than the spec was tuned on
                break
            self.progress(f"sampling again, {how}: the draws before failed their checks")
            fit = joint.fit(self.tables.sha256, longer=again)
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
        return self._gated[1] if self.kept is None else self.kept.said["gate"]

    @cached_property
    def posterior(self) -> xr.Dataset:
        """Draws of the sampled coordinates."""
        return self.fit.posterior

    @cached_property
    def derived(self) -> xr.Dataset:
        """Draws of everything told."""
        def told_of() -> xr.Dataset:
            posterior = self.posterior
            self.progress("deriving densities, gaps and records")
            return derive(posterior, self.observations, self.columns, self.seed("derive"))

        return told_of() if self.kept is None else self.kept.dataset("derived", told_of)

    @cached_property
    def above(self) -> xr.Dataset:
        """All draws of what stands above families and models: ruler, curves, growth, scales."""
        def without_groups() -> xr.Dataset:
            return self.posterior.drop_dims(["model", "family"], errors="ignore")

        return without_groups() if self.kept is None else self.kept.dataset(
            "above", without_groups)

    @cached_property
    def curves(self) -> xr.Dataset:
        """Some draws of what the fit says of any model: without the coordinates of its own ones."""
        def without_models() -> xr.Dataset:
            return some(self.posterior.drop_dims("model", errors="ignore").drop_vars(
                "family_coordinate", errors="ignore"))

        return without_models() if self.kept is None else self.kept.dataset(
            "curves", without_models)

    @cached_property
    def some_derived(self) -> xr.Dataset:
        """The same draws of everything told."""
        def of_all() -> xr.Dataset:
            return some(self.derived)

        return of_all() if self.kept is None else self.kept.dataset("some", of_all)

    def remembered(self, name: str, compute: Callable[[], Any]) -> Any:
        """Plain values that a question computes of all draws: once for a fit that is kept."""
        if name not in self.summaries:
            self.summaries[name] = compute()
        return copy.deepcopy(self.summaries[name])

    @cached_property
    def summaries(self) -> dict[str, Any]:
        """What is remembered, by name."""
        return {} if self.kept is None else dict(self.kept.said["summaries"])

    def keep(self, **said: Any) -> None:
        """Keep beside the saved fit what questions need of it, if that can be written."""
        key = self.saved and key_of(self.saved, self.spec.hash, self.tables.sha256)
        if self.saved is not None and key:
            write(place(self.saved), key, {
                "gate": self.diagnostics, "checksums": self.tables.sha256,
                "summaries": plain(self.summaries), **said}, {
                "derived": self.derived, "above": self.above, "some": self.some_derived,
                "curves": self.curves, "data": self.observations.data, "marks": self.marks})

    def has_side(self, name: str) -> bool:
        """Whether something of that name is kept with the fit's draws."""
        tree = self.fit.tree
        return "beside" in tree.children and name in tree["beside"].children

    def keep_side(self, name: str, found: xr.Dataset) -> None:
        """Keep what was found beside the fit with its draws, to be saved and read with them."""
        self.fit.tree[f"beside/{name}"] = xr.DataTree(found)

    def side(self, name: str) -> xr.Dataset:
        """What was kept under that name."""
        return self.fit.tree[f"beside/{name}"].to_dataset()

    @cached_property
    def cut(self) -> xr.Dataset:
        """Growth since LLaMA-1 (``rate``) and the ruler's constants by the cut posterior."""
        if not self.has_side("cut"):
            from densing_bayes.joint.fit import cut

            joint, posterior = self.joint, self.posterior
            draws = cut(joint, posterior, self.progress)
            found = derive(draws, self.observations, self.columns, self.seed("derive cut"))
            told_names = ["rate", *(name for name in RULER_CONSTANTS if name in found)]
            self.keep_side("cut", found[told_names].reset_coords(drop=True).assign_attrs(
                draws.attrs))
        return self.side("cut")

    @cached_property
    def plugin(self) -> Plugin:
        """The paper's own way on the same tables."""
        from densing_bayes.plugin import plugin

        return plugin(self.observations, interval=self.interval,
                      tokens=float(self.spec.options["reference_tokens"]))

    @cached_property
    def cells(self) -> xr.Dataset:
        """Predictions of every cell, at as many draws as memory allows."""
        from densing_bayes.joint.predict import cell_predictions, draws_of

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


def some(draws: xr.Dataset, count: int = SOME) -> xr.Dataset:
    """Evenly spaced draws of each chain, ``count`` in all."""
    chains, length = draws.sizes["chain"], draws.sizes["draw"]
    return draws.isel(draw=np.unique(np.linspace(0, length - 1, min(length, max(
        1, count // chains)), dtype=int)))


def starting_from(joint: Joint, draws: xr.Dataset) -> Joint:
    """The joint model with chains that start at the mean of draws of other tables.

    Its globals, that is; families and models start where their own scores put them, and what the
    draws lack or the new tables forbid at the priors' centre.
    """
    from densing_bayes.joint.engine import prior_centre

    made = joint.compiled
    mean = {str(name): value.mean(("chain", "draw")).values for name, value in draws.items()
            if name not in TOLD and value.shape[2:] == made.shapes.get(str(name))}
    point = made.point(prior_centre(made.columns, made.priors, made.shapes) | mean)
    if not np.isfinite(point).all():  # a ceiling below a new score
        return joint
    return replace(joint, compiled=made.starting_at(point))


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
    from densing_bayes.checks import diagnostics

    return diagnostics(fit.tree, [str(name) for name in fit.posterior.data_vars])


def kept_gate(fit: Fit) -> dict[str, Any] | None:
    """The gate as it was kept with the draws; None where it was not, or says nothing."""
    from densing_bayes.checks import told

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
    from densing_bayes.checks import told

    return (f"{told(gate)}: the draws do not represent the posterior, and no number here is a "
            f"result. More draws and tune in a spec of your own (densing new --spec) may help, and "
            f"a look at what densing validate finds suspicious.")


def median(draws: xr.DataArray) -> np.ndarray:
    """Median over chains and draws."""
    return draws.median(("chain", "draw")).values
