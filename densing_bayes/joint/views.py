"""What single benchmarks say of a model: its effective size as each of them sees it.

A benchmark sees ln N^ + its own trend in date and in size (`joint.predict.moved`). A score turns
into that by the benchmark's curve alone, for any model with a score: of one of unknown size or
date, such as GPT-4, the own trends need not be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes import laws
from densing_bayes.arrays import score_arrays
from densing_bayes.joint import curves
from densing_bayes.joint.quantities import own_trends, ruler_parameters
from densing_bayes.observations import Observations
from densing_bayes.tables import Tables


@dataclass(frozen=True, eq=False)
class View:
    """A model as one benchmark sees it.

    Parameters
    ----------
    benchmark, domain, score
        Which benchmark, of which domain, and the mean score.
    log_size
        Draws of the ln effective size that the score stands for on this benchmark, dims chain
        and draw: infinite at the ceiling, minus infinity at chance.
    trend, tilt
        Draws of the benchmark's own trends: nats per year of release date, and per nat of size.
    """

    benchmark: str
    domain: str
    score: float
    log_size: xr.DataArray
    trend: xr.DataArray
    tilt: xr.DataArray


def views(posterior: xr.Dataset, columns: dict[str, Any], observations: Observations,
          tables: Tables, model: str, seed: int) -> list[View]:
    """The benchmarks of the fit that have seen a model, in the fit's order.

    Parameters
    ----------
    posterior, columns, observations
        Of the fit.
    tables
        Whose scores of ``model`` are read, and which know the domains.
    seed
        Of the measurement's error: each draw reads the score as it might be measured again.
    """
    data = observations.data
    names = [str(name) for name in data["benchmark"].values]
    scores = tables.scores
    rows = scores[(scores["model"] == model) & scores["benchmark"].isin(names)]
    if rows.empty:
        return []
    cells = score_arrays(rows, data[["n_items"]].assign_coords(model=[model]))
    domain = dict(zip(tables.benchmarks["benchmark"], tables.benchmarks["domain"], strict=True))
    own = {name: own_trends(posterior[f"{name}_contrast"]) for name in ("trend", "tilt")}
    rng = np.random.default_rng(seed)
    found = []
    for at, score, items, replicates in zip(*(cells[f"cell_{name}"][1] for name in (
            "benchmark", "score", "items", "replicates")), strict=True):
        noise = np.sqrt(curves.noise_variance(
            expected=score, items=items, replicates=replicates,
            sd_source=posterior["sd_source"].isel(benchmark=int(at))))
        read = score + noise * rng.standard_t(2 + posterior["nu"].transpose("chain", "draw"))
        found.append(View(
            names[int(at)], str(domain[names[int(at)]]), float(score),
            log_size_of_score(posterior, columns, int(at), read),
            *(value.isel(benchmark=int(at)) for value in own.values())))
    return found


def log_size_of_score(posterior: xr.Dataset, columns: dict[str, Any], benchmark: int,
                      score: Any) -> xr.DataArray:
    """Ln effective size at which a benchmark's curve has a score, dims chain and draw.

    Infinite at the ceiling and above, minus infinity at chance and below.
    """
    anchors = len(columns["anchors"]["chance"])
    with np.errstate(invalid="ignore", divide="ignore"):
        if benchmark < anchors:
            law, curve = ({name: value.isel(anchor=benchmark) if "anchor" in getattr(
                value, "dims", ()) else value for name, value in part.items()}
                for part in ruler_parameters(posterior, columns))
            chance, scale = curve["chance"], curve["scale"]
            found = laws.log_effective_size(
                loss=laws.loss_of_score(score=score, **curve),
                tokens=float(columns["setting"]["reference_tokens"][0]), **law)
        else:
            at = benchmark - anchors
            chance = float(np.asarray(columns["linked_benchmarks"]["chance"])[at])
            scale = posterior["linked_headroom"].isel(linked=at) * (1 - chance)
            share = (score - chance) / scale
            c0, c1 = posterior["c0"], posterior["c1"]
            found = c0 + c1 * (posterior["middle_z"].isel(linked=at) + np.log(
                share / (1 - share)) / np.exp(posterior["log_kappa_z"].isel(linked=at)))
    found = found.where(score > chance, -np.inf)
    return found.where((score <= chance) | np.isfinite(found), np.inf).transpose("chain", "draw")
