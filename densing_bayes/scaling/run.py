"""The question-level function: a table of runs in; laws, allocation and predictions out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.intervals import Interval, summary
from densing_bayes.scaling.fit import NOISE
from densing_bayes.scaling.ladders import LadderFit, fit_runs
from densing_bayes.scaling.pooling import Pooled
from densing_bayes.scaling.predict import Forecaster, forecaster
from densing_bayes.scaling.questions import allocation_table, parameter_table
from densing_bayes.scaling.tables import Runs, checked_budgets, checked_point, point, read_runs
from densing_bayes.specs import ModelSpec, load_model

REPORTED = ("alpha", "beta", "irreducible", "optimal_exponent")


@dataclass(frozen=True)
class Scaling:
    """Answers of `scaling`.

    Parameters
    ----------
    fits
        Per ladder, its laws and their weights.
    pooled
        Per law, exponents common to the ladders (empty for one ladder).
    parameters
        Exponents and E per ladder and law.
    allocation
        Compute-optimal size and tokens per ladder, budget and law ("mixture" is all of them).
    predictions
        Loss per ladder and model, with interval; ``distance`` in e-folds beyond the ladder.
    """

    spec: ModelSpec
    interval: Interval
    runs: Runs
    fits: dict[str, LadderFit]
    pooled: dict[str, Pooled]
    parameters: pd.DataFrame
    allocation: pd.DataFrame
    predictions: pd.DataFrame
    forecasters: dict[str, Forecaster] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Ladders and laws left out, and why."""
        return [*self.runs.notes, *self.refused, *(
            f"{ladder}: the law '{law}' did not pass its diagnostics and is left out"
            for ladder, fit in self.fits.items() for law in fit.failed)]

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "spec": self.spec.name, "seed": self.spec.sampling.seed,
            "interval": {"prob": self.interval.prob, "kind": self.interval.kind},
            "ladders": {name: self._ladder(name) for name in self.fits},
            "pooled": {law: {key: summary(value.to_numpy(), self.interval)
                             for key, value in pooled.common.data_vars.items()}
                       for law, pooled in self.pooled.items()},
            "notes": self.notes,
        }

    def _ladder(self, name: str) -> dict[str, Any]:
        fit = self.fits[name]
        said: dict[str, Any] = {
            "runs": len(fit.ladder.frame),
            "laws": {
                law: {
                    "weight": fit.weights[law], "elpd": one.loo["elpd"],
                    "elpd_se": one.loo["se"],
                    "parameters": {parameter: summary(one.parameter(parameter), self.interval)
                                   for parameter in (*REPORTED, *NOISE)},
                    "diagnostics": one.diagnostics,
                } for law, one in fit.laws.items()},
        }
        for key, table in (("allocation", self.allocation), ("predictions", self.predictions)):
            if len(table):
                said[key] = table[table["ladder"] == name].drop(columns="ladder").to_dict(
                    "records")
        return said

    def lines(self) -> list[str]:
        """The answers in words, one line each."""
        return [*_parameter_lines(self), *_allocation_lines(self), *_prediction_lines(self),
                *(f"note: {note}" for note in self.notes)]


def scaling(runs: str | Path | pd.DataFrame | None = None, laws: Iterable[str] | None = None,
            predict: Iterable[str | dict[str, float]] = (), compute: Iterable[float] = (), *,
            suites: Iterable[str] | None = None, spec: str | Path | ModelSpec = "scaling",
            seed: int | None = None, interval: Interval | None = None,
            progress: Callable[[str], None] | None = None) -> Scaling:
    """Scaling laws of a table of runs, and what they say about models not yet trained.

    Parameters
    ----------
    runs
        CSV file or DataFrame with params, tokens (or compute) and loss, and optionally run,
        suite, eval_set, loss_unit; None for the ladders shipped here.
    laws
        Of ``chinchilla``, ``densing``, ``kaplan``, ``broken``; None for the spec's.
    predict
        Models whose loss to predict: ``"params=25e9,tokens=6e11"`` or dicts of the same.
    compute
        Budgets (FLOP) for which to give the compute-optimal size and tokens.
    suites
        Suites or ladders of the table to use; None for all.

    Raises
    ------
    TableError, InputError
        For a table or a question that cannot be used, with every problem.
    GateError
        Where no law of a ladder passes its diagnostics.
    """
    spec = spec if isinstance(spec, ModelSpec) else load_model(spec)
    spec = spec.with_seed(seed)
    if interval is not None:
        spec = replace(spec, interval=interval)
    names = list(laws) if laws is not None else list(spec.options["laws"])
    points = [point(one) if isinstance(one, str) else checked_point(one) for one in predict]
    budgets = checked_budgets(compute)
    table = read_runs(runs, suites=None if suites is None else list(suites))
    fits, pooled, refused = fit_runs(table, names, spec, progress=progress)
    seers = ({name: forecaster(fit, spec, progress=progress)
              for name, fit in fits.items()} if points else {})
    return Scaling(
        spec, spec.interval, table, fits, pooled,
        parameters=_stacked(fits, lambda fit: parameter_table(fit, spec.interval)),
        allocation=_stacked(fits, lambda fit: allocation_table(
            fit, budgets, spec, spec.interval)) if budgets else pd.DataFrame(),
        predictions=_predictions(seers, points, spec.interval), forecasters=seers,
        refused=refused)


def _stacked(fits: dict[str, LadderFit], table: Callable[[LadderFit], pd.DataFrame]
             ) -> pd.DataFrame:
    return pd.concat([table(fit).assign(ladder=name) for name, fit in fits.items()],
                     ignore_index=True)


def _predictions(seers: dict[str, Forecaster], points: list[dict[str, float]],
                 interval: Interval) -> pd.DataFrame:
    rows = []
    for name, seer in seers.items():
        ladder = seer.fit.ladder
        for one in points:
            draws = np.exp(seer.log_loss(one["params"], one["tokens"])[:, 0])
            size, token = ladder.of(one["params"], one["tokens"])
            far = max(float(size - ladder.size.max()), 0) + max(
                float(token - ladder.token.max()), 0)
            low, high = interval.of(draws)
            rows.append({"ladder": name, **one, "loss": float(np.median(draws)),
                         "low": float(low), "high": float(high), "distance": far})
    return pd.DataFrame(rows)


# -- in words ----------------------------------------------------------------------------------


def _parameter_lines(result: Scaling) -> list[str]:
    lines = []
    for name, fit in result.fits.items():
        lines.append(f"{name}: {len(fit.ladder.frame)} runs; {result.interval}s")
        rows = result.parameters[result.parameters["ladder"] == name]
        for row in rows.to_dict("records"):
            values = ", ".join(
                f"{word} {row[key]:.3f} [{row[f'{key}_low']:.3f}, {row[f'{key}_high']:.3f}]"
                for word, key in (("alpha", "alpha"), ("beta", "beta"), ("E", "irreducible"))
                if not (key == "irreducible" and row[key] == 0))
            lines.append(f"  {row['law']}: weight {row['weight']:.2f}, {values}")
    return lines


def _allocation_lines(result: Scaling) -> list[str]:
    rows = result.allocation
    return [] if rows.empty else [
        f"{row['ladder']}, {row['flop']:.3g} FLOP: {row['params']:.3g} parameters "
        f"[{row['params_low']:.3g}, {row['params_high']:.3g}], {row['tokens']:.3g} tokens "
        f"[{row['tokens_low']:.3g}, {row['tokens_high']:.3g}], {row['ratio']:.3g} tokens per "
        f"parameter, loss {row['loss']:.3f}; doubling compute saves {row['per_doubling']:.3f}"
        for row in rows[rows["law"] == "mixture"].to_dict("records")]


def _prediction_lines(result: Scaling) -> list[str]:
    return [
        f"{row['ladder']}, {row['params']:.3g} parameters on {row['tokens']:.3g} tokens: loss "
        f"{row['loss']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        + (f", {row['distance']:.1f} e-folds beyond the ladder" if row["distance"] else "")
        for row in result.predictions.to_dict("records")]

