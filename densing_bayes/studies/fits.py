"""One fit of a study, from plain values to plain values: what a worker does."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import arviz_stats as azs
import numpy as np
import xarray as xr

from densing_bayes.errors import explain
from densing_bayes.fitting import sample
from densing_bayes.specs import Sampling
from densing_bayes.studies.cases import Case
from densing_bayes.studies.lines import read
from densing_bayes.studies.structures import Base, joint_model, tables_of
from densing_bayes.studies.variants import Variant


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
    tree = sample(joint_model(columns, coords, spec, work.base), spec.sampling,
                  case=work.fit.name, cores=1)
    posterior = tree["posterior"].to_dataset()
    took = time.perf_counter() - started
    out: list[dict[str, Any]] = []
    for case in work.cases:
        try:
            rate, level, note = read(case, posterior, columns, work.variant.observations, spec,
                                     work.base.window)
        except Exception as error:  # the fit's other cases can still be read
            out.append({"case": case.name, "error": explain(error)})
            continue
        out.append({
            "case": case.name, "rate": rate, "level": level,
            "note": "; ".join(filter(None, (work.variant.note, note))), "method": "refit",
            **checks(rate, posterior.sizes["chain"]),
            "divergences": int(tree["sample_stats"]["diverging"].sum()),
            **counts(columns), "seconds": took / len(work.cases),
        })
    return out


def checks(rate: np.ndarray, chains: int) -> dict[str, Any]:
    """R-hat, effective sample size and Monte Carlo error of a rate, shape (chain * draw,)."""
    by_chain = xr.DataArray(rate.reshape(chains, -1), dims=("chain", "draw"))
    ess = float(azs.ess(by_chain))
    return {"rhat": float(azs.rhat(by_chain)), "ess": ess,
            "mcse": float(rate.std() / np.sqrt(ess))}


def counts(columns: dict[str, Any]) -> dict[str, int]:
    """Models and cells of a fit."""
    return {"models": len(columns["models"]["time"]),
            "cells": sum(len(columns[name]["model"]) for name in ("anchored", "linked_cells"))}
