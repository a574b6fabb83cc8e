"""What a case says once its fit is there: the rate and the level of its frontier, by draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes import laws
from densing_bayes.fitting import case_seed
from densing_bayes.frontiers import frontier_line
from densing_bayes.joint.growth import effects
from densing_bayes.joint.quantities import mean_gap, ruler_parameters
from densing_bayes.observations import Observations
from densing_bayes.specs import ModelSpec
from densing_bayes.studies.cases import Case


def read(case: Case, posterior: xr.Dataset, columns: dict[str, Any], observations: Observations,
         spec: ModelSpec, at: float) -> tuple[np.ndarray, np.ndarray, str]:
    """Draws of the rate (1/year) and of the frontier's ln density at ``at`` years; a note.

    The stochastic frontier is the fit's own; every other rule is read off the densities within
    draws. So is D0 = own tokens, where each model's effective size is read at the number of
    tokens that it was itself trained on: its loss stays, the size that explains it changes.
    The stochastic frontier cannot be fitted to that, so that it is moved by as much as own
    tokens move the upper quantile of the same models, with the same bootstrap weights.
    """
    rule = case["frontier"] or "stochastic"
    own = case["reference_tokens"] == "own"
    flat = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)

    def line(rule: str, own: bool, known: bool) -> tuple[np.ndarray, np.ndarray]:
        value, kept = densities(flat, columns, observations, own, known)
        prior = spec.priors["rate"].args
        rate, level = frontier_line(
            rule, value=value, time=observations.data["time"].values[kept],
            family=observations.data["family_index"].values[kept],
            rate=(prior.get("mu", 0.0), prior["sigma"]),
            seed=case_seed(spec.sampling.seed, case.name))
        return rate, level + rate * at

    if rule != "stochastic":
        return *line(rule, own, own), ""
    rate, level = _stochastic(flat, columns, at)
    if not own:
        return rate, level, ""
    (rate_own, level_own), (rate_at, level_at) = (
        line("upper quantile", which, True) for which in (True, False))
    return (rate + rate_own - rate_at, level + level_own - level_at,
            "own tokens: the stochastic frontier moved by as much as the upper quantile")


def _stochastic(flat: xr.Dataset, columns: dict[str, Any], at: float,
                ) -> tuple[np.ndarray, np.ndarray]:
    """Rate and level of the fit's own frontier."""
    c0, c1 = flat["c0"].values, flat["c1"].values
    setting = {name: float(value[0]) for name, value in columns["setting"].items()}
    years = at - setting["centre_time"]
    wander = flat["rate_step"].values @ effects(columns["knots"], [years])[0]
    rate = flat["rate_z"].values * c1
    gaps = 0.0
    for part, q in (("model", "q"), ("family", "q_family")):
        omega = flat[f"sd_{part}_z"].values * c1 / np.sqrt(1 - 2 * flat[q].values / np.pi)
        gaps = gaps + mean_gap(omega, flat[q].values)
    level = flat["mean_z"].values * c1 + c0 - setting["mean_log_params"] + gaps
    return rate, level + rate * years + wander


def densities(flat: xr.Dataset, columns: dict[str, Any], observations: Observations, own: bool,
              known: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draws of ln density (draw, model) of the models that have cells, and which these are.

    ``own`` reads effective sizes at each model's own tokens, plus infinity where no size
    reaches the loss with so few tokens; ``known`` keeps models of known tokens only.
    """
    data = observations.data
    kept = np.unique(np.concatenate([
        np.asarray(columns[name]["model"])[np.asarray(columns[name]["weight"]) > 0]
        for name in ("anchored", "linked_cells")])).astype(int)
    if known:
        kept = kept[np.isfinite(data["log_tokens"].values[kept])]
    size = flat["c0"].values[:, None] + flat["c1"].values[:, None] * flat["z"].values[:, kept]
    if own:
        law, _ = ruler_parameters(flat, columns)
        first = {name: value.isel(anchor=0).values[:, None] if hasattr(value, "dims") else value
                 for name, value in law.items()}
        loss = laws.loss_of_log_size(
            log_size=size, tokens=float(columns["setting"]["reference_tokens"][0]), **first)
        with np.errstate(invalid="ignore", divide="ignore"):
            size = laws.log_effective_size(
                loss=loss, tokens=np.exp(data["log_tokens"].values[kept]), **first)
        size = np.where(np.isnan(size), np.inf, size)
    return size - data["log_params"].values[kept], kept
