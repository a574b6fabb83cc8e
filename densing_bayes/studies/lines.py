"""What a case says once its fit is there: growth and the level of its frontier, by draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes import laws
from densing_bayes.fitting import case_seed
from densing_bayes.frontiers import frontier_line
from densing_bayes.joint.quantities import (
    best_available,
    derive,
    frontier_path,
    ruler_parameters,
    typical_release,
)
from densing_bayes.observations import Observations
from densing_bayes.specs import ModelSpec
from densing_bayes.studies.cases import Case
from densing_bayes.studies.structures import window

LEAST = 0.5  # years over which growth is read
# quantities of `densing_bayes.joint.quantities` that are a path over time
PATHS = {"frontier": frontier_path, "best available": best_available,
         "typical release": typical_release}


def read(case: Case, posterior: xr.Dataset, columns: dict[str, Any], observations: Observations,
         spec: ModelSpec, within: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, str]:
    """Draws of the growth rate (1/year) and of ln density at the end of ``within``; a note.

    The rate is an average over calendar time: over that part of the years ``within`` (since
    LLaMA-1) which the variant's own eligible models span, the end as far as it goes. Records and
    the upper quantile are lines through the eligible models' densities there.

    A view of benchmarks adds the mean of their own trends. With D0 = own tokens each model's
    effective size is read at the number of tokens that it was itself trained on: its loss stays,
    the size that explains it changes. No frontier can be fitted to that, so that a path is moved
    by as much as own tokens move the upper quantile of the same models, with the same bootstrap
    weights.
    """
    rule = case["frontier"] or "frontier"
    derived = derive(posterior, observations, columns, case_seed(spec.sampling.seed, "derive"))
    first, last = window(observations, columns)
    start, end = max(within[0], first), min(within[1], last)
    if end - start < LEAST:
        raise ValueError(f"its eligible models share less than {LEAST * 12:.0f} months with the "
                         f"main fit's")
    notes = []
    if start > within[0] + 0.25 or end < within[1] - 0.25:
        notes.append(f"growth over {end - start:.1f} years")

    def line(rule: str, own: bool, known: bool) -> tuple[np.ndarray, np.ndarray]:
        value, time, family = densities(derived, posterior, columns, observations, own, known,
                                        (start, end))
        prior = spec.priors["rate"].args
        rate, level = frontier_line(rule, value=value, time=time, family=family,
                                    rate=(prior.get("mu", 0.0), prior["sigma"]),
                                    seed=case_seed(spec.sampling.seed, case.name))
        return rate, level + rate * within[1]

    if rule in PATHS:
        path = PATHS[rule](derived, [start, end, within[1]]).stack(
            sample=("chain", "draw")).transpose("sample", ...).values
        rate, level = (path[:, 1] - path[:, 0]) / (end - start), path[:, 2]
        if case["reference_tokens"] == "own":
            (rate_own, level_own), (rate_at, level_at) = (
                line("upper quantile", own, True) for own in (True, False))
            rate, level = rate + rate_own - rate_at, level + level_own - level_at
            notes.append(f"own tokens: the {rule} moved by as much as the upper quantile")
    else:
        own = case["reference_tokens"] == "own"
        rate, level = line(rule, own, own)
    if case["view"]:
        trend = derived["trend"].stack(sample=("chain", "draw")).transpose("sample", ...).values
        names = [str(name) for name in observations.data["benchmark"].values]
        chosen = [names.index(name) for name in case["view"] if name in names]
        if not chosen:
            raise ValueError(f"the variant has none of the benchmarks {', '.join(case['view'])}")
        own_trend = trend[:, chosen].mean(axis=1)
        centre = float(columns["setting"]["centre_time"][0])
        rate, level = rate + own_trend, level + own_trend * (within[1] - centre)
        notes.append("no ruler among them: the fit of all benchmarks with these ones' own trends")
    return rate, level, "; ".join(notes)


def densities(derived: xr.Dataset, posterior: xr.Dataset, columns: dict[str, Any],
              observations: Observations, own: bool, known: bool, years: tuple[float, float],
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws of ln density (draw, model), times (years since LLaMA-1) and families.

    Of the eligible models released within ``years``. ``own`` reads effective sizes at each
    model's own tokens, plus infinity where no size reaches the loss with so few tokens;
    ``known`` keeps models of known tokens only.
    """
    data = observations.data
    time, tokens = data["time"].values, data["log_tokens"].values
    kept = ((np.asarray(columns["models"]["eligible"]) > 0)
            & (time >= years[0]) & (time <= years[1]))
    if known:
        kept &= np.isfinite(tokens)
    flat = derived[["log_effective", "log_size"]].isel(model=np.flatnonzero(kept)).stack(
        sample=("chain", "draw")).transpose("sample", ...)
    size = flat["log_effective"].values
    if own:
        law, _ = ruler_parameters(posterior.stack(sample=("chain", "draw")).transpose(
            "sample", ...), columns)
        first = {name: value.isel(anchor=0).values[:, None] if hasattr(value, "dims") else value
                 for name, value in law.items()}
        loss = laws.loss_of_log_size(
            log_size=size, tokens=float(columns["setting"]["reference_tokens"][0]), **first)
        with np.errstate(invalid="ignore", divide="ignore"):
            size = laws.log_effective_size(loss=loss, tokens=np.exp(tokens[kept]), **first)
        size = np.where(np.isnan(size), np.inf, size)
    family = np.asarray(columns["models"]["family"])[kept]
    return size - flat["log_size"].values, time[kept], family
