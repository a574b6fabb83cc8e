"""Score curves: the score of a task from a model's loss on it, or from its size and tokens.

    S = floor + (top - floor) / (1 + exp(-eta)),   floor = chance exp(shift)

Two routes to eta: through the loss on the task, steepness (midpoint - L / mean L), and directly,
centre + a ln N + b ln D. Below switch-on a task sits at its floor, which is chance, or, where a
model always gives one answer (yes or no), the share of that answer. Routes are weighed as laws
are (`densing_bayes.scaling_laws.weights`), and what both miss beyond the pairs is a drift of the
score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special
from scipy.stats import norm

from densing_bayes.importance import Coordinates, importance, stream
from densing_bayes.scaling_laws.walkers import WALKERS, walk
from densing_bayes.scaling_laws.weights import (
    Errors,
    bootstrap_weights,
    combined,
    distant_density,
    drift_draws,
    mixture,
)
from densing_bayes.specs import ModelSpec

DRAWS = 4000
ROUTES = {"loss": ("score_steepness", "score_midpoint"),
          "size": ("score_centre", "score_params", "score_tokens")}
SHARED = ("score_headroom", "score_floor", "score_noise")
START = {"score_headroom": 2.7, "score_noise": np.log(0.02), "score_steepness": 2.2,
         "score_midpoint": -0.3, "score_centre": -1.0, "score_params": -1.4,
         "score_tokens": -1.4, "score_floor": 0.0}
FEWEST_PAIRS = 8
KEPT_SHARES = (0.65, 0.8)  # of the pairs in rehearsals, largest loss (least compute) first
FLAT_RISE, LOOSE = 0.04, 0.5  # rise of the curve, and share of variance, below which it is said


@dataclass(frozen=True)
class Curve:
    """A score curve fitted to small models by one route.

    Parameters
    ----------
    at
        Draws of the parameters by name, each (draws, 1).
    origin
        What loss, params and tokens are divided by (geometric means of the pairs).
    """

    route: str
    chance: float
    at: dict[str, np.ndarray]
    origin: dict[str, float]
    log_density: np.ndarray
    diagnostics: dict[str, Any]

    def score(self, loss: np.ndarray, params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Expected score: draws (rows) of models (columns)."""
        return _score(self.route, self.at, self.chance, loss / self.origin["loss"],
                      np.log(params / self.origin["params"]),
                      np.log(tokens / self.origin["tokens"]))


def _score(route: str, at: dict[str, np.ndarray], chance: float, loss: np.ndarray,
           size: np.ndarray, token: np.ndarray) -> np.ndarray:
    if route == "loss":
        eta = np.exp(at["score_steepness"]) * (np.exp(at["score_midpoint"]) - loss)
    else:
        eta = at["score_centre"] + at["score_params"] * size + at["score_tokens"] * token
    floor = np.minimum(chance * np.exp(at["score_floor"]), 0.95)
    top = chance + at["score_headroom"] * (1 - chance)
    return np.asarray(floor + np.maximum(top - floor, 0.01) * special.expit(eta))


def fit_curve(pairs: pd.DataFrame, chance: float, route: str, spec: ModelSpec,
              case: str) -> Curve:
    """The curve of small models' scores by one route.

    Parameters
    ----------
    pairs
        loss, score, params and tokens of the small models, one unit and one answer format.
    chance
        Score by guessing.
    """
    names = (*SHARED, *ROUTES[route])
    coordinates = Coordinates(spec.priors, dict.fromkeys(names, 1))
    origin = {name: float(np.exp(np.log(pairs[name]).mean()))
              for name in ("loss", "params", "tokens")}
    loss = pairs["loss"].to_numpy() / origin["loss"]
    size, token = (np.log(pairs[name].to_numpy() / origin[name]) for name in ("params", "tokens"))
    observed = pairs["score"].to_numpy()

    def log_posterior(x: np.ndarray, _: Any = None) -> np.ndarray:
        with np.errstate(all="ignore"):
            at, logp = coordinates.unpack(x)
            error = (observed - _score(route, at, chance, loss, size, token)) / at["score_noise"]
            return logp - (0.5 * error**2 + np.log(at["score_noise"])).sum(axis=1)

    rng = stream(spec.sampling.seed, f"scaling score {case} {route}")
    weighted = importance(log_posterior, np.array([START[name] for name in names]), 1, rng)
    found: dict[str, Any] = {"method": "importance", "pareto_k": weighted.pareto_k,
                             "ess": weighted.ess, "passed": weighted.passed}
    x = weighted.x[weighted.resample(DRAWS, rng)]
    if not weighted.passed:
        places = rng.choice(len(weighted.x), WALKERS, replace=False)
        walked, diagnostics = walk(log_posterior, weighted.x[places], rng)
        flat = walked.reshape(-1, walked.shape[-1])
        x, found = flat[rng.choice(len(flat), DRAWS)], {"method": "walkers", **diagnostics}
    at, _ = coordinates.unpack(x)
    fitted = _score(route, at, chance, loss, size, token)
    density = norm.logpdf(observed, fitted, at["score_noise"])
    # leave one out by the harmonic mean of the likelihood, truncated: a rough weight is enough
    ratio = np.minimum(np.exp(density.min(axis=0) - density), 1.0)
    loo = np.log(1 / np.mean(ratio, axis=0)) + density.min(axis=0)
    return Curve(route, chance, at, origin, loo, found)


@dataclass(frozen=True)
class ScorePrediction:
    """Draws of scores, what the pairs say about the curve, and how the rehearsals went."""

    draws: np.ndarray
    weights: dict[str, float]
    warnings: list[str]
    rehearsal: dict[str, float]
    diagnostics: dict[str, Any]


def predict_score(pairs: pd.DataFrame, chance: float, models: pd.DataFrame,
                  log_loss: np.ndarray, spec: ModelSpec, case: str = "") -> ScorePrediction:
    """Scores of larger models from pairs of small ones and the larger ones' predicted loss.

    Parameters
    ----------
    models
        params and tokens of the models to predict.
    log_loss
        Draws (rows) of ln loss of these models (columns). Given the ladder its uncertainty and
        the curve's are independent, so draws of one are paired with draws of the other.

    Returns
    -------
    ScorePrediction
        ``draws`` hold noise and drift and are cut to 0..1; ``warnings`` say where the curve is
        flat, loose, or still at its floor.
    """
    curves = {route: fit_curve(pairs, chance, route, spec, case) for route in ROUTES}
    passed = {route: curve for route, curve in curves.items() if curve.diagnostics["passed"]}
    curves = passed or curves
    cuts = _rehearse(pairs, chance, list(curves), spec, case)
    weights = _weigh(curves, cuts, spec)
    errors = [_mixed_errors(cut, weights) for cut in cuts]
    drift = drift_draws(spec.priors["score_drift"], errors, seed=spec.sampling.seed, size=DRAWS)
    loss = np.exp(log_loss[np.random.default_rng(spec.sampling.seed).permutation(len(log_loss))])
    params, tokens = (models[name].to_numpy(dtype=float) for name in ("params", "tokens"))
    rng = stream(spec.sampling.seed, f"scaling score {case} noise")
    drawn = [curve.score(loss, params, tokens) + curve.at["score_noise"]
             * rng.standard_normal(loss.shape) for curve in curves.values()]
    draws = mixture(drawn, np.array(list(weights.values())), seed=spec.sampling.seed, size=DRAWS)
    far = _steps(pairs, np.median(loss, axis=0), params * tokens)
    draws = draws + drift.of(far, np.arange(len(far)), seed=spec.sampling.seed + 1)
    missed = np.concatenate([one.error for one in errors]) if errors else np.array([])
    rehearsal = {"models": len(missed)} | (
        {"error": float(np.sqrt((missed**2).mean()))} if len(missed) else {})
    return ScorePrediction(np.clip(draws, 0, 1), weights, _warnings(pairs, curves, chance),
                           rehearsal, {name: one.diagnostics for name, one in curves.items()})


def _steps(pairs: pd.DataFrame, loss: np.ndarray, work: np.ndarray) -> np.ndarray:
    """How far models lie beyond the pairs: the larger of sds of ln loss and of ln compute."""
    known, compute = np.log(pairs["loss"].to_numpy()), np.log(_work(pairs))
    return np.maximum(np.maximum(known.min() - np.log(loss), 0) / max(known.std(), 1e-6),
                      np.maximum(np.log(work) - compute.max(), 0) / max(compute.std(), 1e-6))


def _work(pairs: pd.DataFrame) -> np.ndarray:
    """Parameters times tokens."""
    return pairs["params"].to_numpy(dtype=float) * pairs["tokens"].to_numpy(dtype=float)


Cut = tuple[pd.DataFrame, pd.DataFrame, dict[str, tuple[np.ndarray, np.ndarray]]]


def _rehearse(pairs: pd.DataFrame, chance: float, routes: list[str], spec: ModelSpec,
              case: str) -> list[Cut]:
    """Pairs of most compute hidden, and their scores by each route: mean and sd."""
    compute = np.log(_work(pairs))
    cuts = []
    for share in KEPT_SHARES:
        keep = compute <= np.quantile(compute, share) + 1e-9
        if keep.sum() < FEWEST_PAIRS or keep.all():
            continue
        kept, hidden = pairs[keep], pairs[~keep]
        found = {}
        for route in routes:
            curve = fit_curve(kept, chance, route, spec, f"{case} {share}")
            score = curve.score(hidden["loss"].to_numpy(), hidden["params"].to_numpy(),
                                hidden["tokens"].to_numpy())
            found[route] = (score.mean(axis=0),
                            np.hypot(score.std(axis=0), np.median(curve.at["score_noise"])))
        cuts.append((kept, hidden, found))
    return cuts


def _weigh(curves: dict[str, Curve], cuts: list[Cut], spec: ModelSpec) -> dict[str, float]:
    """Weights of the routes: leave-one-out densities times rehearsals."""
    names, seed = list(curves), spec.sampling.seed
    if len(names) == 1:
        return {names[0]: 1.0}
    evidence = [bootstrap_weights(
        np.column_stack([curves[name].log_density for name in names]), seed=seed)]
    if cuts:
        evidence.append(bootstrap_weights(np.array([[distant_density(
            error=hidden["score"].to_numpy() - found[name][0], spread=found[name][1],
            distance=_steps(
                kept, hidden["loss"].to_numpy(), _work(hidden))) for name in names]
            for kept, hidden, found in cuts]), seed=seed))
    return dict(zip(names, combined(*evidence).tolist(), strict=True))


def _mixed_errors(cut: Cut, weights: dict[str, float]) -> Errors:
    """Errors of one rehearsal under the weighted routes."""
    kept, hidden, found = cut
    mean = sum(weights[name] * found[name][0] for name in weights)
    second = sum(weights[name] * (found[name][1] ** 2 + found[name][0] ** 2) for name in weights)
    return Errors(hidden["score"].to_numpy() - mean, np.sqrt(np.maximum(second - mean**2, 1e-12)),
                  _steps(kept, hidden["loss"].to_numpy(), _work(hidden)))


def _warnings(pairs: pd.DataFrame, curves: dict[str, Curve], chance: float) -> list[str]:
    """What an analyst should know about the curve before trusting it."""
    told = []
    score = pairs["score"].to_numpy()
    if "loss" in curves:
        curve = curves["loss"]
        fitted = np.median(curve.score(*(pairs[name].to_numpy() for name in (
            "loss", "params", "tokens"))), axis=0)
        rise = float(fitted.max() - fitted.min())
        share = 1 - float(((score - fitted) ** 2).sum() / max(((score - score.mean()) ** 2).sum(),
                                                             1e-12))
        if rise < FLAT_RISE:
            told.append(f"the curve is flat: over the small models it rises by {rise:.3f}, so "
                        f"where it switches on is the prior's guess")
        elif share < LOOSE:
            told.append(f"the loss tells little about the score: it explains {share:.0%} of the "
                        f"small models' differences")
    if np.quantile(score, 0.75) < chance + 0.1 * (1 - chance):
        told.append("three quarters of the small models score near chance: the rise beyond them "
                    "is hardly measured")
    return told
