"""What a study's cases say: one table per reading, as plain frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.errors import explain, faults_are_shown
from densing_bayes.intervals import summary
from densing_bayes.observations import Observations
from densing_bayes.studies import attribution
from densing_bayes.studies.cases import Case, axis_of, words
from densing_bayes.studies.sensitivity import power_scaling
from densing_bayes.studies.spec import AXES, StudySpec

# a short run is trusted this far; the main fit has its own, stricter gate
RHAT_MAX, ESS_MIN = 1.05, 100
EFFECTS = ["axis", "value", "cases", "median", "mean", "mcse"]


@dataclass(frozen=True)
class Readings:
    """Tables of a study; rates in 1/year.

    Parameters
    ----------
    table
        One row per case: ``case``, ``axis`` ('' main fit, 'several', 'without'), ``topic``,
        summary of the rate, ``level`` with bounds, checks, ``trusted``, counts, ``note``.
    effects
        One row per value of an axis and one for the main fit's own value (``value`` ''):
        ``median``, ``mean`` and its error ``mcse``. One at a time, a row is a case; in a grid
        or a hypercube, the mean over all cases with the value.
    shares
        Variance attribution: ``source``, ``variance``, ``share``, ``share_error``, ``sd``.
    priors
        Power-scaling sensitivity.
    influence
        Groups left out; by importance weights, or fitted again where these fail. None where
        the study did not ask.
    failed
        Reading -> why it could not be made; it is then None (``effects``: without rows).
    """

    table: pd.DataFrame
    effects: pd.DataFrame
    shares: pd.DataFrame | None
    priors: pd.DataFrame | None
    influence: pd.DataFrame | None
    failed: dict[str, str] = field(default_factory=dict)


def readings(study: StudySpec, dataset: xr.Dataset, cases: list[Case],
             main: tuple[xr.Dataset, xr.Dataset, dict[str, Any], Observations],
             without: pd.DataFrame | None,
             failed: dict[str, str] | None = None) -> Readings:
    """Read a gathered study; a reading that fails costs its own table and no other.

    Parameters
    ----------
    main
        Of the main fit: draws, what is derived from them, tables, observations.
    without
        From `densing_bayes.studies.influence.influence`.
    failed
        Readings that failed before.
    """
    present = set(dataset["case"].values.tolist())
    cases = [case for case in cases if case.name in present]
    failed = dict(failed or {})
    table = case_table(study, dataset, cases)
    seed = study.model.sampling.seed

    def attempt(name: str, reading: Callable[[], pd.DataFrame]) -> pd.DataFrame | None:
        try:
            return reading()
        except Exception as error:  # the other readings stand
            if faults_are_shown():
                raise
            failed[name] = explain(error)
            return None

    def variance_shares() -> pd.DataFrame:
        inside = attribution.within(*main,
                                    study.model.options["irreducible"], seed)
        outside = [] if effects is None else [attribution.between(
            effects, {name: axis.topic for name, axis in AXES.items()}, seed)]
        return attribution.shares(pd.concat([inside, *outside], ignore_index=True))

    effects = attempt("effects of the choices", lambda: axis_effects(table, cases))
    if effects is None:
        effects = pd.DataFrame(columns=EFFECTS)
    shares = attempt("shares of the variance", variance_shares)
    priors = attempt("sensitivity to priors",
                     lambda: power_scaling(*main, study.model))
    refits = None if without is None else attempt(
        "influence", lambda: _with_refits(without, table, study))
    return Readings(table, effects, shares, priors, refits, failed)


def case_table(study: StudySpec, dataset: xr.Dataset, cases: list[Case]) -> pd.DataFrame:
    """One row per case, in the order of the cases."""
    interval = study.model.interval
    rows = []
    for case in cases:
        one = dataset.sel(case=case.name)
        draws, level = (one[name].values[np.isfinite(one[name].values)]
                        for name in ("rate", "level"))
        axes = [axis_of(axis) for axis, _ in case.settings]
        axis = axes[0] if len(axes) == 1 else "several" if axes else ""
        low, high = interval.of(level)
        rhat, ess = float(one["rhat"]), float(one["ess"])
        rows.append({
            "case": case.name, "axis": axis,
            "topic": AXES[axis].topic if axis in AXES else "models" if axis == "without" else axis,
            **summary(draws, interval), "p_growth": float((draws > 0).mean()),
            "level": float(np.median(level)), "level_low": float(low), "level_high": float(high),
            "rhat": rhat, "ess": ess, "mcse": float(one["mcse"]),
            "divergences": int(one["divergences"]),
            "trusted": bool(not rhat > RHAT_MAX and ess >= ESS_MIN
                            and int(one["divergences"]) == 0),
            "models": int(one["models"]), "cells": int(one["cells"]),
            "method": str(one["method"].item()), "note": str(one["note"].item()),
        })
    return pd.DataFrame(rows)


def axis_effects(table: pd.DataFrame, cases: list[Case]) -> pd.DataFrame:
    """Mean and median rate by value of each axis, the main fit's own value included.

    A case counts for an axis with the value that it sets there, or with the main fit's. One
    at a time, the main fit's value is the main fit alone.
    """
    indexed = table.set_index("case")
    axes = [axis for axis in AXES if any(_of(case, axis) for case in cases)]
    plain = all(len(case.settings) <= 1 for case in cases)
    rows = []
    for axis in axes:
        by_value: dict[str, list[str]] = {}
        for case in cases:
            if case["without"] is not None or (plain and case.settings and not _of(case, axis)):
                continue
            value = "".join(words(name, said) for name, said in _of(case, axis))
            by_value.setdefault(value, []).append(case.name)
        for value, names in by_value.items():
            of_value = indexed.loc[names]
            error = (float(of_value["mcse"].iloc[0]) if len(names) == 1
                     else float(of_value["mean"].std(ddof=1) / np.sqrt(len(names))))
            rows.append({"axis": axis, "value": value, "cases": len(names),
                         "median": float(of_value["median"].mean()),
                         "mean": float(of_value["mean"].mean()), "mcse": error})
    return pd.DataFrame(rows, columns=EFFECTS)


def _of(case: Case, axis: str) -> list[tuple[str, Any]]:
    """The settings of a case on an axis; none where it is as in the main fit."""
    return [(name, value) for name, value in case.settings if axis_of(name) == axis]


def _with_refits(without: pd.DataFrame, table: pd.DataFrame, study: StudySpec) -> pd.DataFrame:
    """Influence with the refits in the place of importance weights that failed."""
    main = table.iloc[0]
    refits = table.set_index("case")
    rows = []
    for row in without.to_dict("records"):
        name = Case.of({"without": (row["group"], row["name"])}).name
        method = "importance weights"
        if name in refits.index:
            row |= {key: float(refits[key][name]) for key in ("mean", "sd")}
            row["shift"] = (row["mean"] - float(main["mean"])) / float(main["sd"])
            method = "fitted again"
        elif row["pareto_k"] > study.influence.refit_above:
            method = "importance weights, not to be trusted"
        rows.append(row | {"method": method})
    return pd.DataFrame(rows, columns=[*without.columns, "method"]).sort_values(
        "shift", key=abs, ascending=False, ignore_index=True)
