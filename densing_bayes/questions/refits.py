"""What short refits say beside the main fit: one ruler alone, cleaned, without some models.

Each is a case of a study (`densing_bayes.studies`), sampled for a short while from where the main
fit stood, and kept with the main fit's draws, so that the next report need not sample it again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.errors import InputError
from densing_bayes.intervals import growth_summary
from densing_bayes.observations import FEWEST_MODELS
from densing_bayes.questions.frontier import holders
from densing_bayes.studies.cases import Case
from densing_bayes.studies.fits import Work, run
from densing_bayes.studies.structures import Base, tables_of
from densing_bayes.studies.variants import Variant, variant

SHORT = {"draws": 400, "tune": 300, "chains": 2}  # they answer side questions
# other rulers start on their own: four chains tell whether they meet (MMLU alone has two modes)
OWN_START = {"draws": 350, "tune": 400, "chains": 4, "target_accept": 0.95}
WORST_RHAT, LEAST_ESS = 1.05, 100.0  # of the rate: with less it is not told
WEAK_MODELS, WEAK_YEAR = 21, 2023  # left out in the check of invariance


@dataclass(frozen=True, eq=False)
class Refit:
    """One refit: name, kind ('ruler', 'clean', 'weak', 'family'), and growth, 1/year, in draws.

    Parameters
    ----------
    note
        What was assumed, or what differs.
    models
        How many it has.
    trusted
        R-hat of the rate at most 1.05, effective sample size at least 100, no divergence.
    """

    name: str
    kind: str
    rate: np.ndarray
    note: str
    models: int
    trusted: bool

    def to_dict(self, context: Context) -> dict[str, Any]:
        """For JSON: growth since LLaMA-1."""
        return {"name": self.name, "kind": self.kind, "models": self.models, "note": self.note,
                "trusted": self.trusted, **growth_summary(self.rate, context.interval)}


def refits(context: Context) -> tuple[list[Refit], list[str]]:
    """Every refit that the tables allow, and why others are missing.

    Growth of each is over the main fit's years since LLaMA-1, as far as its own models reach.
    """
    wanted, missing = [], []
    for kind, name, case in cases(context):
        try:
            wanted.append((kind, name, asked(context, case)))
        except InputError as error:
            missing.append(f"{name}: {error}")
    new = [one for one in wanted if not context.has_side(key(one[1]))]
    if new:
        base = Base.of(context.posterior, context.observations, *tables_of(
            context.observations, context.spec))
        context.progress(f"{len(new)} short refits: other rulers, without some models")
        works = [Work(case, (case,), found, base, replace(
            context.spec.sampling, **(OWN_START if kind == "ruler" else SHORT)))
            for kind, _, (case, found) in new]
        with ThreadPoolExecutor(2) as threads:  # sampling is outside Python's lock
            answers = list(threads.map(_run, works))
        for (_, name, _), said in zip(new, answers, strict=True):
            context.keep_side(key(name), _kept(said))
    out = []
    for kind, name, _ in wanted:
        kept = context.side(key(name))
        if "error" in kept.attrs:
            missing.append(f"{name}: {kept.attrs['error']}")
            continue
        about = kept.attrs
        trusted = (about["rhat"] <= WORST_RHAT and about["ess"] >= LEAST_ESS
                   and not about["divergences"])
        out.append(Refit(name, kind, kept["rate"].values, str(about["note"]),
                         int(about["models"]), bool(trusted)))
    return out, missing


def key(name: str) -> str:
    """Name under which a refit is kept.

    Examples
    --------
    >>> key("ARC-C alone")
    'refit arc-c alone'
    """
    return f"refit {name.lower()}".replace("/", " ")


def cases(context: Context) -> list[tuple[str, str, Case | list[str]]]:
    """Kind, name and case of every refit; of the one without weak models their names."""
    data, marks = context.observations.data, context.tables.benchmarks.set_index("benchmark")
    anchored = [str(name) for name, ladder in marks["anchor"].items() if ladder]
    now = [str(name) for name in data["benchmark"].values]
    found: list[tuple[str, str, Case | list[str]]] = []
    if len(anchored) > 1:
        found = [("ruler", f"{name} alone", Case.of({"benchmarks": [name]})) for name in anchored]
        found.append(("ruler", " + ".join(anchored), Case.of({"benchmarks": anchored})))
    if any(marks.loc[name, "contamination_pair"] for name in now):
        found.append(("clean", "without contamination", Case.of({"contamination": "clean"})))
    weak = weak_models(context)
    if weak:
        found.append(("weak", f"without {len(weak)} weak models of {WEAK_YEAR}", weak))
    best = str(holders(context.derived).idxmax("model").item())
    at = [str(name) for name in context.derived["model"].values].index(best)
    family = str(context.derived["family"].values[at])
    if data.sizes["family"] > 1 and family:
        found.append(("family", f"without family {family}",
                      Case.of({"without": ("family", family)})))
    return found


def weak_models(context: Context) -> list[str]:
    """The models of 2023 farthest below the frontier, among those that count for it."""
    derived = context.derived
    year = derived["date"].values.astype("datetime64[Y]").astype(int) + 1970
    chosen = np.flatnonzero(derived["eligible"].values & (year == WEAK_YEAR))
    gap = derived["gap"].isel(model=chosen).median(("chain", "draw")).values
    if len(chosen) < 2 * WEAK_MODELS:
        return []
    return [str(name) for name in
            derived["model"].values[chosen[np.argsort(-gap)[:WEAK_MODELS]]]]


def asked(context: Context, case: Case | list[str]) -> tuple[Case, Variant]:
    """A case and its inputs; InputError where it leaves nothing to learn from."""
    spec, tables = context.spec, context.tables
    if isinstance(case, list):
        from densing_bayes.joint.fit import choose

        spec = spec.with_options(without_models=[*spec.options["without_models"], *case])
        return Case.of({"without": ("models", f"the {len(case)} weakest")}), Variant(
            spec, choose(tables, spec))
    found = variant(case, spec, tables, context.observations)
    if found.observations.data.sizes["model"] < FEWEST_MODELS:
        raise InputError("too few models")
    return case, found


def _run(work: Work) -> dict[str, Any]:
    """One refit's answer; what goes wrong in it is told and costs itself alone."""
    try:
        return run(work)[0]
    except InputError as error:
        return {"error": str(error)}


def _kept(said: dict[str, Any]) -> xr.Dataset:
    """An answer as it is kept."""
    if "error" in said:
        return xr.Dataset(attrs={"error": said["error"]})
    names = ("note", "rhat", "ess", "divergences", "models", "cells")
    return xr.Dataset({"rate": ("sample", np.asarray(said["rate"], float))},
                      attrs={name: said[name] for name in names})


def alone(found: list[Refit]) -> list[Refit]:
    """The single rulers that can be trusted, the fastest growth first."""
    return sorted((one for one in found if one.kind == "ruler" and one.trusted
                   and one.name.endswith(" alone")), key=lambda one: -float(np.median(one.rate)))

