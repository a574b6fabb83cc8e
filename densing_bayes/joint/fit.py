"""The main fit: observations and a spec to draws, joint or cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from densing_bayes import laws
from densing_bayes.degenerate import refuse_degenerate
from densing_bayes.errors import InputError, Problem
from densing_bayes.fitting import Fit, compile_model, provenance, sample
from densing_bayes.joint.data import inputs
from densing_bayes.joint.quantities import ruler_parameters
from densing_bayes.observations import Observations, select
from densing_bayes.parameters import PARAMETERS, TOLD
from densing_bayes.specs import ModelSpec
from densing_bayes.tables import Tables

if TYPE_CHECKING:
    from densing_bayes.joint.engine import CompiledJoint

# per chain, of the ruler alone: rulers for the cut are picked evenly from them, so that their Monte
# Carlo error is that of all; without families and models they cost little
RULER_DRAWS = 2_000
MOST_MODELS = 10_000  # a draw of more takes seconds


@dataclass(frozen=True)
class Joint:
    """The joint model with its observations, ready to be fitted again and again.

    ``compiled`` is by the kernel, which knows points and held variables; `by_engine` is what the
    spec's ``engine`` samples.
    """

    spec: ModelSpec
    observations: Observations
    columns: dict[str, dict[str, Any]]
    coords: dict[str, Any]
    compiled: CompiledJoint

    def sample(self, *, case: str = "joint", **changes: Any) -> xr.DataTree:
        """Draws of the joint posterior, with some tables changed (name -> columns)."""
        return sample(self.by_engine(**changes), self.spec.sampling, case=case,
                      priors=self.compiled.priors)

    def by_engine(self, **changes: Any) -> Any:
        """The model with some tables changed, as the spec's engine has it.

        ``graph`` is the PyMC model of `joint.graph` compiled by nutpie: what is changed there
        changes the fit. Both engines tell the same variables and start at the same point.
        """
        if self.spec.options["engine"] == "kernel":
            return self.compiled.with_data(**changes) if changes else self.compiled
        from densing_bayes.joint import graph

        model = graph.build(self.columns | changes, self.coords, self.spec)
        return replace(compile_model(model, keep=tuple(TOLD), jitter=False),
                       initial_point_func=self.compiled.initial_point_func)

    def fit(self, checksums: dict[str, str], *, longer: int = 0) -> Fit:
        """The joint fit with its provenance; where 1, longer chains in smaller steps; where 2,
        as long as these in steps that are smaller still (what is left then is a divergence).
        """
        asked = self.spec.sampling
        if longer:
            asked = asked.longer()
        if longer > 1:
            asked = replace(asked, target_accept=asked.longer().target_accept)
        case = ("joint", "joint longer", "joint careful")[longer]
        tree = sample(self.by_engine(), asked, case=case,
                      priors=self.compiled.priors)
        tree.attrs.update(provenance(self.spec, checksums) | {"longer": str(longer)})
        return Fit(self.spec, tree)


def choose(tables: Tables, spec: ModelSpec) -> Observations:
    """The observations that a spec of family ``densing`` asks for."""
    asked = spec.options
    names = ("open_only", "closed_until", "types", "architectures", "precisions", "benchmarks",
             "exclude_compressed", "without_models", "without_families", "without_organizations")
    found = select(tables, since=asked["since"] or None, until=asked["until"] or None,
                   **{name: asked[name] for name in names})
    refuse_degenerate(found.data)
    return found


def prepare(observations: Observations, spec: ModelSpec) -> Joint:
    """The joint model of the observations.

    Raises
    ------
    InputError
        For more models than can be sampled.
    """
    from densing_bayes.joint.engine import compiled_joint  # a saved fit answers without it

    number = observations.data.sizes["model"]
    if number > MOST_MODELS:
        raise InputError(Problem(
            "too many models for the joint model", file="models.csv", given=number,
            allowed=f"at most {MOST_MODELS}", hint="the options of the spec can choose fewer: "
            "since, until, benchmarks, without_families"))
    columns, coords = inputs(observations, spec)
    compiled = compiled_joint(columns, coords, spec.priors,
                              irreducible=spec.options["irreducible"])
    return Joint(spec, observations, columns, coords, compiled)


def cut(joint: Joint, start: xr.Dataset, progress: Callable[[str], None] = lambda _: None,
        ) -> xr.Dataset:
    """Draws of the cut posterior: the ruler from ladder and pairs alone, then the models.

    The ruler's posterior is sampled first; for each of ``cut_draws`` of its draws the models
    are fitted with the ruler held there (multiple imputation, no feedback from the scores).

    Parameters
    ----------
    start
        Joint posterior, whose mean is where the chains start.
    """
    from densing_bayes.joint.engine import compiled_joint

    spec = joint.spec
    names = [row.name for row in PARAMETERS if row.dim == "anchor"
             and row.name in joint.compiled.shapes]
    mean = {str(name): value.mean(("chain", "draw")).values for name, value in start.items()}

    progress("cut: the ruler from ladder and pairs alone")
    alone = compiled_joint(joint.columns, joint.compiled.coords, spec.priors,
                           irreducible=spec.options["irreducible"], latents=False)
    # in small steps: the pairs alone hardly hold the headroom, which has a narrow edge
    long = replace(spec.sampling, draws=RULER_DRAWS, tune=500, chains=4, target_accept=0.97)
    ruler = sample(alone.starting_at(alone.point(mean)), long, case="ruler")[
        "posterior"].to_dataset().stack(sample=("chain", "draw"))
    # a ruler on which the upper reference score has no finite size cannot measure the models
    low, high = (log_size_at(ruler, joint.columns, end) for end in ("low_score", "high_score"))
    useful = np.flatnonzero(np.isfinite(high))
    # evenly in the ruler's scale, the direction in which rulers differ most for the models
    useful = useful[np.argsort((high - low)[useful], kind="stable")]
    count = int(spec.options["cut_draws"])
    chosen = useful[((np.arange(count) + 0.5) / count * len(useful)).astype(int)]
    short = replace(spec.sampling, draws=80, tune=150, chains=2)
    runs = []
    for k, at in enumerate(chosen):
        progress(f"cut: the models at ruler draw {k + 1} of {count}")
        held = joint.compiled.holding(
            {name: ruler[name].isel(sample=at).values for name in names})
        runs.append(sample(held.starting_at(held.point(mean)), short, case=f"cut {k}")[
            "posterior"].to_dataset())
    out = xr.concat(runs, "chain").assign_coords(chain=np.arange(2 * count))
    out.attrs["unusable_rulers"] = 1 - len(useful) / ruler.sizes["sample"]
    return out


def log_size_at(posterior: xr.Dataset, columns: dict[str, Any], score: str) -> np.ndarray:
    """Ln of the size at a reference score of the first anchor, per draw; NaN where none."""
    law, curve = ruler_parameters(posterior, columns)
    first = {name: np.asarray(value.isel(anchor=0)) for name, value in {**law, **curve}.items()
             if isinstance(value, xr.DataArray)}
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = laws.loss_of_score(score=columns["setting"][score][0],
                                  **{name: first[name] for name in curve})
        return laws.log_effective_size(
            loss=loss, tokens=columns["setting"]["reference_tokens"][0],
            **{name: first[name] for name in law if name in first})


def starting_point(compiled: CompiledJoint, posterior: xr.Dataset) -> np.ndarray:
    """Posterior mean in the sampled coordinates."""
    return compiled.point({str(name): value.mean(("chain", "draw")).values
                           for name, value in posterior.items()})
