"""Big from small: what a ladder foretells beyond itself, with an interval that is scored.

A prediction mixes the laws by their weights, adds a run's own noise, and the drift that all laws
miss together, which grows with the distance from the runs and is learnt from rehearsals on the
ladder itself (`densing_bayes.scaling_laws.weights`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval
from densing_bayes.scaling_laws.fit import LawFit, location_scale
from densing_bayes.scaling_laws.geometry import reach
from densing_bayes.scaling_laws.ladders import LadderFit, fit_ladder, groups
from densing_bayes.scaling_laws.rehearse import Rehearsal, same_size
from densing_bayes.scaling_laws.tables import FEWEST_RUNS, Ladder
from densing_bayes.scaling_laws.weights import Drift, Errors, drift_draws, mixture
from densing_bayes.specs import ModelSpec

DRAWS = 4000  # of a prediction


@dataclass(frozen=True)
class Forecaster:
    """A fitted ladder and the drift learnt from its rehearsals.

    Parameters
    ----------
    drift
        Draws of what all laws miss, per e-fold of distance; its prior where the ladder is too
        small to hide a part of it.
    """

    fit: LadderFit
    drift: Drift
    spec: ModelSpec

    def log_loss(self, params: Any, tokens: Any) -> np.ndarray:
        """Draws (rows) of ln loss of new runs (columns), noise and drift included."""
        ladder = self.fit.ladder
        size, token = ladder.of(np.atleast_1d(params), np.atleast_1d(tokens))
        draws = mixed_runs(self.fit.laws, self.fit.weights, size, token, self.spec)
        return draws + self.drifted(size, token)

    def drifted(self, size: np.ndarray, token: np.ndarray) -> np.ndarray:
        """Draws (rows) of the drift of ln loss at ln-sizes from the ladder's centre (columns)."""
        far = reach(size, token, self.fit.ladder.size, self.fit.ladder.token)
        return self.drift.of(far, same_size(size), seed=self.spec.sampling.seed + 1)

    @cached_property
    def rehearsed(self) -> pd.DataFrame:
        """The hidden runs of all rehearsals, predicted as new runs are.

        One row per run: rehearsal, run, params, tokens, observed, median, low, high, covered,
        error, distance. The drift of each rehearsal is learnt from the other ones only.
        """
        errors = [misses(one, self.fit.weights, self.spec) for one in self.fit.rehearsals]
        tables = []
        for place, one in enumerate(self.fit.rehearsals):
            others = errors[:place] + errors[place + 1:]
            drift = drift_draws(self.spec.priors["structure"], others,
                                seed=self.spec.sampling.seed, size=DRAWS)
            draws = mixed_runs(one.fits, self.fit.weights, one.size, one.token, self.spec)
            draws = draws + drift.of(one.distance, one.group, seed=self.spec.sampling.seed + 1)
            table = scored(np.exp(one.log_loss), np.exp(draws), self.spec.interval)
            tables.append(pd.concat([one.hidden[["run", "params", "tokens"]], table], axis=1)
                          .assign(rehearsal=one.name, distance=one.distance))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    @property
    def rehearsal(self) -> dict[str, float]:
        """Runs hidden in rehearsals, the share covered, their typical error and distance."""
        table = self.rehearsed
        if table.empty:
            return {"runs": 0}
        return {"runs": len(table), "coverage": float(table["covered"].mean()),
                "error": float(np.sqrt((table["error"] ** 2).mean())),
                "distance": float(table["distance"].mean())}


def forecaster(fit: LadderFit, spec: ModelSpec) -> Forecaster:
    """A ladder's forecaster: the errors of its rehearsals turned into a drift."""
    drift = drift_draws(spec.priors["structure"],
                        [misses(one, fit.weights, spec) for one in fit.rehearsals],
                        seed=spec.sampling.seed, size=DRAWS)
    return Forecaster(fit, drift, spec)


def misses(rehearsal: Rehearsal, weights: dict[str, float], spec: ModelSpec) -> Errors:
    """How far the laws, as weighted, missed the mean of each group of hidden runs."""
    draws = mixed_runs(rehearsal.fits, weights, rehearsal.size, rehearsal.token, spec)
    rows = []
    for of in groups(rehearsal.group):
        low, middle, high = np.quantile(draws[:, of].mean(axis=1), [0.16, 0.5, 0.84])
        rows.append((rehearsal.log_loss[of].mean() - middle, (high - low) / 2,
                     rehearsal.distance[of].mean()))  # quantiles: robust to noise's tails
    return Errors(*np.array(rows).T)


def mixed_runs(fits: dict[str, LawFit], weights: dict[str, float], size: np.ndarray,
               token: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """Draws of ln loss of new runs under the mixture of laws, noise included."""
    seed = spec.sampling.seed
    rng = np.random.default_rng(seed + 2)
    drawn = []
    for law in fits.values():
        fitted, scale, tail = location_scale(law.draws, size, token,
                                             float(spec.options["resolution"]))
        drawn.append(fitted + scale * rng.standard_t(np.broadcast_to(tail, fitted.shape)))
    return mixture(drawn, np.array([weights[name] for name in fits]), seed=seed, size=DRAWS)


def mixed(fit: LadderFit, quantity: Callable[[dict[str, np.ndarray]], np.ndarray],
          spec: ModelSpec) -> np.ndarray:
    """Draws of a quantity of the law, such as its optimal size, under the mixture of laws."""
    return mixture([quantity(law.law()) for law in fit.laws.values()],
                   np.array(list(fit.weights.values())), seed=spec.sampling.seed, size=DRAWS)


# -- scored ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """Runs predicted from smaller ones.

    Parameters
    ----------
    table
        One row per hidden run: run, params, tokens, observed, median, low, high, covered,
        error (observed over median, less 1).
    draws
        Draws of the losses, one column per hidden run.
    """

    name: str
    table: pd.DataFrame
    draws: np.ndarray
    forecaster: Forecaster

    @property
    def coverage(self) -> float:
        """Share of hidden runs inside their interval."""
        return float(self.table["covered"].mean())


def trial(seer: Forecaster, hidden: pd.DataFrame) -> Trial:
    """Predict runs that the ladder does not hold, and score the intervals of the spec."""
    draws = np.exp(seer.log_loss(hidden["params"], hidden["tokens"]))
    table = scored(hidden["loss"].to_numpy(), draws, seer.spec.interval)
    kept = hidden[["run", "params", "tokens"]].reset_index(drop=True)
    return Trial(seer.fit.ladder.name, pd.concat([kept, table], axis=1), draws, seer)


def big_from_small(small: Ladder, hidden: pd.DataFrame, laws: Iterable[str], spec: ModelSpec, *,
                   progress: Callable[[str], None] | None = None) -> Trial:
    """Fit a ladder, predict larger runs, and score the intervals of the spec."""
    fit = fit_ladder(small, laws, spec, progress=progress, case=f"to {len(small.frame)}")
    return trial(forecaster(fit, spec), hidden)


def scored(observed: np.ndarray, draws: np.ndarray, interval: Interval) -> pd.DataFrame:
    """Observed values against draws of their prediction."""
    low, high = interval.of(draws, axis=0)
    middle = np.median(draws, axis=0)
    return pd.DataFrame({
        "observed": observed, "median": middle, "low": low, "high": high,
        "covered": (observed >= low) & (observed <= high), "error": observed / middle - 1,
    })


def largest_hidden(ladder: Ladder, share: float = 0.25) -> tuple[Ladder, pd.DataFrame]:
    """A ladder without its largest sizes, and those: a quarter of the sizes, at least one.

    Where the table says which runs ended their learning-rate schedule, only those count: a
    checkpoint in mid-schedule is no run of fewer tokens.
    """
    if "lr_decayed" in ladder.frame and {"yes", "no"} <= set(ladder.frame["lr_decayed"]):
        ladder = ladder.part(ladder.frame["lr_decayed"].eq("yes"))
    groups = same_size(ladder.size)
    hidden = groups > groups.max() - max(1, int(share * (groups.max() + 1)))
    if (~hidden).sum() < FEWEST_RUNS:
        raise InputError(Problem(f"{ladder.name}: too few runs to hide the largest",
                                 given=len(hidden), allowed=f"at least {FEWEST_RUNS + 1}"))
    return ladder.part(~hidden), ladder.frame[hidden].reset_index(drop=True)
