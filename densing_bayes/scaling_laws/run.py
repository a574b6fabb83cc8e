"""The question-level function: a table of runs in; laws, allocation and predictions out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.intervals import Interval, summary
from densing_bayes.scaling_laws.classic import training_flop
from densing_bayes.scaling_laws.envelope import envelope_loss
from densing_bayes.scaling_laws.fit import NOISE, variants_of
from densing_bayes.scaling_laws.geometry import OFF_LINE, compute_distance, hull_distance
from densing_bayes.scaling_laws.ladders import LadderFit, fit_runs
from densing_bayes.scaling_laws.pooling import Pooled
from densing_bayes.scaling_laws.predict import Forecaster, forecaster
from densing_bayes.scaling_laws.questions import allocation_table, parameter_table
from densing_bayes.scaling_laws.tables import Runs, checked_budgets, checked_point, point, read_runs
from densing_bayes.specs import ModelSpec, load_model

REPORTED = ("alpha", "beta", "irreducible", "optimal_exponent", "joint")
ALONG = ("irreducible",)  # what runs on a line tell
NAMES = {"joint": "g"}  # the power of the bracket, as the coupled law is written
LINES = {
    "one size": "have one size", "one token count": "have one number of tokens",
    "one ratio": "have one ratio of tokens to parameters",
    "one path": "have sizes and tokens that grow together",
}


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
        Compute-optimal size and tokens per ladder, budget and law ("mixture" is all of them);
        none for ladders whose runs lie on a line.
    predictions
        Loss per ladder and model, with interval; ``distance_compute``, e-folds of compute beyond
        the largest run; ``distance_hull``, e-folds off the hull of the runs; ``off_line`` where
        runs lie on a line and the model does not.
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
        """What was left out or cannot be told, and why."""
        notes = [*self.runs.notes, *self.refused]
        for name, fit in self.fits.items():
            if fit.failed:
                notes.append(
                    f"{name}: left out, since sampled twice without passing the diagnostics: "
                    f"{', '.join(fit.failed)}; the answers are those of the other laws")
            if fit.skipped:
                notes.append(f"{name}: {len(fit.ladder.frame)} runs are too few for "
                             f"{', '.join(fit.skipped)}")
            if fit.ladder.design.line:
                notes.append(
                    f"{name}: its runs {LINES[fit.ladder.design.kind]}, so they measure the loss "
                    f"along that line only; exponents and the compute-optimal allocation rest on "
                    f"the prior and are not told")
        return notes

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
        told = ALONG if fit.ladder.design.line else REPORTED
        said: dict[str, Any] = {
            "runs": len(fit.ladder.frame), "design": fit.ladder.design.kind,
            "identified": not fit.ladder.design.line,
            "laws": {
                law: {
                    "weight": fit.weights[law], "elpd": one.loo["elpd"],
                    "elpd_se": one.loo["se"],
                    "parameters": {
                        NAMES.get(parameter, parameter): summary(one.parameter(parameter),
                                                                 self.interval)
                        for parameter in (*told, *NOISE)},
                    "diagnostics": one.diagnostics,
                } for law, one in fit.laws.items()},
            "left_out": fit.failed, "skipped": fit.skipped,
        }
        if name in self.forecasters:
            said["rehearsal"] = self.forecasters[name].rehearsal
        for key, table in (("allocation", self.allocation), ("predictions", self.predictions)):
            if len(table) and (table["ladder"] == name).any():
                said[key] = table[table["ladder"] == name].drop(columns="ladder").to_dict(
                    "records")
        return said

    def lines(self) -> list[str]:
        """The answers in words, one line each."""
        from densing_bayes.scaling_laws.words import lines

        return lines(self)


def scaling(runs: str | Path | pd.DataFrame | None = None, laws: Iterable[str] | None = None,
            predict: Iterable[str | dict[str, float]] = (), compute: Iterable[float] = (), *,
            suites: Iterable[str] | None = None, columns: Mapping[str, str] | None = None,
            spec: str | Path | ModelSpec = "scaling",
            seed: int | None = None, interval: Interval | None = None,
            progress: Callable[[str], None] | None = None) -> Scaling:
    """Scaling laws of a table of runs, and what they say about models not yet trained.

    Parameters
    ----------
    runs
        CSV file or DataFrame with params, tokens (or compute) and loss, and optionally run,
        suite, eval_set, loss_unit; None for the ladders shipped here.
    laws
        Of ``chinchilla``, ``coupled``, ``densing``, ``kaplan``, ``broken``; None for the spec's.
    predict
        Models whose loss to predict: ``"params=25e9,tokens=6e11"`` or dicts of the same.
    compute
        Budgets (FLOP) for which to give the compute-optimal size and tokens.
    suites
        Suites or ladders of the table to use; None for all.
    columns
        What the table calls params, tokens, loss and compute, where it has other names.

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
    variants_of(names)  # questions are checked before a table is read, let alone fitted
    points = [point(one) if isinstance(one, str) else checked_point(one) for one in predict]
    budgets = checked_budgets(compute)
    table = read_runs(runs, suites=None if suites is None else list(suites), columns=columns)
    fits, pooled, refused = fit_runs(table, names, spec, progress=progress)
    seers = {name: forecaster(fit, spec) for name, fit in fits.items()}
    return Scaling(
        spec, spec.interval, table, fits, pooled,
        parameters=_stacked(fits, lambda name: parameter_table(fits[name], spec.interval)),
        allocation=_stacked(seers, lambda name: allocation_table(
            seers[name], budgets, spec.interval)) if budgets else pd.DataFrame(),
        predictions=_predictions(seers, points, spec.interval), forecasters=seers,
        refused=refused)


def _stacked(names: Iterable[str], table: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([table(name).assign(ladder=name) for name in names], ignore_index=True)


def _predictions(seers: dict[str, Forecaster], points: list[dict[str, float]],
                 interval: Interval) -> pd.DataFrame:
    rows = []
    for name, seer in seers.items():
        ladder = seer.fit.ladder
        for one in points:
            draws = np.exp(seer.log_loss(one["params"], one["tokens"])[:, 0])
            size, token = ladder.of(one["params"], one["tokens"])
            flop = training_flop(params=one["params"], tokens=one["tokens"])
            best = envelope_loss(ladder, np.array([flop]))
            off = ladder.design.off_line(np.log(one["params"]), np.log(one["tokens"]))
            low, high = interval.of(draws)
            rows.append({
                "ladder": name, **one, "loss": float(np.median(draws)), "low": float(low),
                "high": float(high),
                "distance_compute": float(compute_distance(
                    size + token, ladder.size + ladder.token)),
                "distance_hull": float(hull_distance(size, token, ladder.size, ladder.token)[0]),
                "off_line": bool(off > OFF_LINE),
                "envelope_loss": None if best is None else float(best[0])})
    return pd.DataFrame(rows)
