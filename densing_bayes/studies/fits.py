"""One fit of a study, from plain values to plain values: what a worker does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import arviz_stats as azs
import numpy as np
import xarray as xr

from densing_bayes.errors import explain
from densing_bayes.fitting import sample
from densing_bayes.joint.kernel import VARIABLES
from densing_bayes.specs import ModelSpec, Sampling
from densing_bayes.studies.cases import Case
from densing_bayes.studies.lines import read
from densing_bayes.studies.structures import Base, joint_model, starting_point, tables_of
from densing_bayes.studies.variants import Variant

# variables of models and frontier: free where ruler and curves are held
FRONTIER = ("sd_family_z", "sd_model_z", "q_family", "q", "mean_z", "rate_z", "drift",
            "step_coordinate", "model_coordinate", "family_coordinate")
RULERS = 16  # draws of ruler and curves at which a subset without an anchor is fitted


@dataclass(frozen=True)
class Work:
    """One fit, and the cases that are read off it."""

    fit: Case
    cases: tuple[Case, ...]
    variant: Variant
    base: Base
    sampling: Sampling


def run(work: Work) -> list[dict[str, Any]]:
    """Sample the fit and read every case off it; plain values, one dict per case.

    A case that cannot be read has an ``error`` in the place of its draws.
    """
    started = time.perf_counter()
    spec = replace(work.variant.spec, sampling=work.sampling)
    columns, coords = tables_of(work.variant.observations, spec, work.base)
    if work.variant.held:
        posterior, columns = _held(work, spec, columns, coords)
        checks = _mixture_checks(posterior)
    else:
        posterior, checks = _joint(work, spec, columns, coords)
    took = time.perf_counter() - started
    models = np.concatenate([
        np.asarray(columns[name]["model"])[np.asarray(columns[name]["weight"]) > 0]
        for name in ("anchored", "linked_cells")])
    out: list[dict[str, Any]] = []
    for case in work.cases:
        try:
            rate, level, note = read(case, posterior, columns, work.variant.observations, spec,
                                     work.base.at)
        except Exception as error:  # the fit's other cases can still be read
            out.append({"case": case.name, "error": explain(error)})
            continue
        out.append({
            "case": case.name, "rate": rate, "level": level,
            "note": "; ".join(filter(None, (work.variant.note, note))),
            "method": "cut" if work.variant.held else "refit", **checks(rate),
            "models": len(np.unique(models)), "cells": len(models),
            "seconds": took / len(work.cases),
        })
    return out


# -- draws -----------------------------------------------------------------------------------


def _joint(work: Work, spec: ModelSpec, columns: dict[str, Any], coords: dict[str, Any],
           ) -> tuple[xr.Dataset, Callable[[np.ndarray], dict[str, Any]]]:
    """Draws of the joint posterior of a variant, and its checks."""
    tree = sample(joint_model(columns, coords, spec, work.base), spec.sampling,
                  case=work.fit.name, cores=1)
    posterior = tree["posterior"].to_dataset()
    divergences = int(tree["sample_stats"]["diverging"].sum())

    def checks(rate: np.ndarray) -> dict[str, Any]:
        main = posterior["rate_z"] * posterior["c1"]
        ess = float(azs.ess(main))
        return {"rhat": float(azs.rhat(main)), "ess": ess, "divergences": divergences,
                "mcse": float(rate.std() / np.sqrt(ess))}
    return posterior, checks


def _held(work: Work, spec: ModelSpec, columns: dict[str, Any], coords: dict[str, Any],
          ) -> tuple[xr.Dataset, dict[str, Any]]:
    """Draws of rate and models with ruler and curves held at draws learnt on all benchmarks.

    `RULERS` of the learnt draws are used, evenly spaced in the ruler's scale c1, the
    direction in which they matter most; every one gets a short chain of its own.
    """
    others = Case(tuple((axis, value) for axis, value in work.fit.settings
                        if axis != "benchmarks"))
    if others.settings:  # other settings: their own curves, not the main fit's
        learnt, _ = _joint(replace(work, fit=others), spec, columns, coords)
        learnt = learnt_draws(learnt)
    else:
        learnt = work.base.learnt
    benchmarks = np.flatnonzero(np.isin(coords["benchmark"], work.variant.held))
    columns = {**columns, **{
        name: {**columns[name], "weight": np.isin(columns[name]["benchmark"], benchmarks)
               * np.asarray(columns[name]["weight"])} for name in ("anchored", "linked_cells")}}
    compiled = joint_model(columns, coords, spec)
    names = [name for name in compiled.shapes if name in VARIABLES and name not in FRONTIER]
    short = replace(spec.sampling, chains=1, tune=100, draws=40)
    runs, divergences = [], 0
    for k in range(learnt.sizes["sample"]):
        one = compiled.holding({name: learnt[name].isel(sample=k).values for name in names})
        start = starting_point(one, work.base, columns, coords)
        tree = sample(one.starting_at(start, spread=0.1), short, case=f"{work.fit.name} {k}",
                      cores=1)
        divergences += int(tree["sample_stats"]["diverging"].sum())
        posterior = tree["posterior"].to_dataset().assign_coords(chain=[k])
        runs.append(posterior)
    return xr.concat(runs, "chain").assign_attrs(divergences=divergences), columns


def learnt_draws(posterior: xr.Dataset) -> xr.Dataset:
    """`RULERS` draws of everything but models and frontier, even in the ruler's scale."""
    own = [name for name, value in posterior.items() if {"model", "family"} & set(value.dims)]
    flat = posterior.drop_vars(own).stack(sample=("chain", "draw"))
    flat = flat.transpose("sample", ...).drop_vars(["sample", "chain", "draw"])
    order = np.argsort(flat["c1"].values, kind="stable")
    count = min(RULERS, len(order))
    chosen = order[((np.arange(count) + 0.5) / count * len(order)).astype(int)]
    return flat.isel(sample=chosen)


def _mixture_checks(posterior: xr.Dataset) -> Callable[[np.ndarray], dict[str, Any]]:
    """Checks of a mixture over held draws: chains differ by design, so R-hat says nothing."""
    main = (posterior["rate_z"] * posterior["c1"]).transpose("chain", "draw").values
    ess = np.array([float(azs.ess(chain[None, :])) for chain in main])
    between = main.mean(axis=1).var(ddof=1) / len(main)

    def checks(rate: np.ndarray) -> dict[str, Any]:
        return {"rhat": np.nan, "ess": float(ess.sum()),
                "divergences": posterior.attrs["divergences"],
                "mcse": float(np.sqrt(between))}
    return checks
