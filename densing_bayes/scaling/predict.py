"""Big from small: what a ladder foretells beyond itself, with an interval that is scored.

A prediction mixes the laws by their weights, adds a run's own noise, and a discrepancy that
grows with the distance from the ladder, whose size is learnt from a rehearsal on the ladder
itself (`densing_bayes.scaling.weights`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes import laws as formulas
from densing_bayes.errors import InputError, Problem
from densing_bayes.importance import Coordinates, importance, stream
from densing_bayes.intervals import Interval
from densing_bayes.scaling.fit import LawFit, location_scale
from densing_bayes.scaling.ladders import LadderFit, fit_ladder
from densing_bayes.scaling.rehearse import Rehearsal, rehearse, same_size
from densing_bayes.scaling.tables import FEWEST_RUNS, Ladder
from densing_bayes.scaling.weights import discrepancy_draws, distance, mixture
from densing_bayes.specs import ModelSpec

DRAWS = 4000  # of a prediction


@dataclass(frozen=True)
class Forecaster:
    """A fitted ladder and the discrepancy learnt from its rehearsal.

    Parameters
    ----------
    tau
        Draws of the discrepancy's sd of ln loss per e-fold (plus one).
    rehearsed
        One row per hidden size: params, runs, error and spread of ln loss, distance. Empty
        where the ladder is too small to hide a part of it; tau then has its prior.
    """

    fit: LadderFit
    tau: np.ndarray
    rehearsed: pd.DataFrame
    spec: ModelSpec

    def log_loss(self, params: Any, tokens: Any) -> np.ndarray:
        """Draws (rows) of ln loss of new runs (columns), noise and discrepancy included."""
        ladder, seed = self.fit.ladder, self.spec.sampling.seed
        size, token = ladder.of(np.atleast_1d(params), np.atleast_1d(tokens))
        draws = mixed_runs(self.fit.laws, self.fit.weights, size, token, self.spec)
        far = distance(size, token, largest=(ladder.size.max(), ladder.token.max()))
        groups = same_size(size)
        shift = np.random.default_rng(seed + 1).standard_normal((DRAWS, groups.max() + 1))
        return draws + self.tau[:, None] * shift[:, groups] * (1 + far)


def forecaster(fit: LadderFit, spec: ModelSpec, *,
               progress: Callable[[str], None] | None = None) -> Forecaster:
    """A ladder's forecaster: the errors of its rehearsal turned into a discrepancy."""
    rehearsal = fit.rehearsal or rehearse(fit.ladder, list(fit.laws), spec, progress=progress)
    table = _errors(fit, rehearsal, spec)
    tau = discrepancy_draws(spec.priors["structure"], errors=table["error"].to_numpy(),
                            spreads=table["spread"].to_numpy(),
                            distances=table["distance"].to_numpy(), seed=spec.sampling.seed,
                            size=DRAWS)
    return Forecaster(fit, tau, table, spec)


def _errors(fit: LadderFit, rehearsal: Rehearsal | None, spec: ModelSpec) -> pd.DataFrame:
    """One row per hidden size: how far the laws, as weighted, missed the mean of its runs."""
    rows = []
    if rehearsal is not None:
        size, token = rehearsal.size, rehearsal.token
        draws = mixed_runs(rehearsal.fits, fit.weights, size, token, spec)
        kept = rehearsal.kept
        far = distance(size, token, largest=(kept.size.max(), kept.token.max()))
        groups = same_size(size)
        for group in range(groups.max() + 1):
            of = groups == group
            mean = draws[:, of].mean(axis=1)
            low, middle, high = np.quantile(mean, [0.16, 0.5, 0.84])  # robust to noise's tails
            rows.append((float(rehearsal.hidden["params"].to_numpy()[of].mean()), int(of.sum()),
                         float(rehearsal.log_loss[of].mean() - middle),
                         float(high - low) / 2, float(far[of].mean())))
    return pd.DataFrame(rows, columns=["params", "runs", "error", "spread", "distance"])


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
    return trial(forecaster(fit, spec, progress=progress), hidden)


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


# -- score -------------------------------------------------------------------------------------


def predict_score(pairs: pd.DataFrame, chance: float, log_loss: np.ndarray,
                  spec: ModelSpec) -> tuple[np.ndarray, dict[str, Any]]:
    """Draws of the score of models whose loss on a benchmark was predicted; and diagnostics.

    Parameters
    ----------
    pairs
        loss and score of the small models on the benchmark, in the same unit and format.
    chance
        Score by guessing.
    log_loss
        Draws (rows) of ln loss of the large models (columns).

    The loss's uncertainty and the curve's are independent given the ladder, so draws of one
    are paired with draws of the other.
    """
    centre = float(np.log(pairs["loss"]).mean())
    loss, observed = pairs["loss"].to_numpy() / np.exp(centre), pairs["score"].to_numpy()
    names = ("score_headroom", "score_steepness", "score_midpoint", "score_noise")
    coordinates = Coordinates(spec.priors, dict.fromkeys(names, 1))

    def curve(at: dict[str, np.ndarray], loss: np.ndarray) -> np.ndarray:
        return np.asarray(formulas.score(
            loss=loss, gamma=-np.exp(at["score_steepness"]),
            midpoint=np.exp(at["score_midpoint"]),
            scale=at["score_headroom"] * (1 - chance), chance=chance))

    def log_posterior(x: np.ndarray, _: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            at, logp = coordinates.unpack(x)
            error = (observed - curve(at, loss)) / at["score_noise"]
            return logp - (0.5 * error**2 + np.log(at["score_noise"])).sum(axis=1)

    rng = stream(spec.sampling.seed, "scaling score")
    start = np.array([2.7, spec.priors["score_steepness"].args["mu"],
                      spec.priors["score_midpoint"].args["mu"], np.log(0.02)])
    weighted = importance(log_posterior, start, 1, rng)
    at, _ = coordinates.unpack(weighted.x[weighted.resample(len(log_loss), rng)])
    score = curve(at, np.exp(log_loss - centre))
    return score + at["score_noise"] * rng.standard_normal(score.shape), {
        "method": "importance", "pareto_k": weighted.pareto_k, "ess": weighted.ess,
        "passed": weighted.passed}
