"""Where the interval of the rate comes from: shares of its variance.

Within the main fit the law of total variance is followed from ruler to models,

    Var(rate) = Var E[rate | ruler] + E Var(E[rate | ruler, densities] | ruler)
                + E Var(rate | ruler, densities),

each conditional mean estimated by regression on the draws (given-data sensitivity indices).
The first term is split by what the ruler says inside the range of scores in which it was
measured: what that explains is the ruler proper, the rest is extrapolation. The second is
items, sources and benchmarks' own views: how well the densities are known. The third is which
models exist: a line through a finite number of scattered models.

Across variants each axis adds the variance of its variants' means, every variant weighed
alike, less what their Monte Carlo error makes by itself. Such shares depend on which variants a
study asks for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes import laws
from densing_bayes.joint.growth import SEGMENT
from densing_bayes.joint.predict import thin
from densing_bayes.joint.quantities import ruler_parameters
from densing_bayes.joint.ruler import coordinates
from densing_bayes.observations import Observations

WITHIN = ("ruler", "extrapolation", "items and sources", "which models exist")
BLOCKS = 40  # of consecutive draws, for Monte Carlo errors


def within(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
           observations: Observations, irreducible: bool, seed: int) -> pd.DataFrame:
    """Variances of the main fit's rate by source, with Monte Carlo errors.

    Returns
    -------
    DataFrame
        ``source``, ``variance`` ((1/year)^2) and ``error``, its bootstrap standard error over
        blocks of consecutive draws.
    """
    count = posterior.sizes["chain"] * posterior.sizes["draw"]
    flat = thin(posterior.drop_vars(["z", "model_coordinate", "family_coordinate"],
                                    errors="ignore"), count)
    told = thin(derived[["rate", "log_density", "gap_family", "gap_model", "noise"]], count)
    rate = told["rate"].values
    inside = _inside(flat, columns, observations.data)
    ruler = np.concatenate([flat[name].values for name in coordinates(irreducible)], axis=1)
    ruler = np.column_stack([inside, ruler, np.log(flat["c1"].values), flat["c0"].values])
    levels = [inside, ruler, np.column_stack([ruler, _growth_of_densities(told, columns)])]

    def variances(rows: np.ndarray) -> np.ndarray:
        total = rate[rows].var(ddof=1)
        explained = [total * _explained(rate[rows], _curved(level[rows])) for level in levels]
        return np.diff([0.0, *np.maximum.accumulate(explained), total])

    rng = np.random.default_rng(seed)
    blocks = np.array_split(np.arange(len(rate)), BLOCKS)
    again = np.array([variances(np.concatenate([blocks[b] for b in rng.integers(
        0, BLOCKS, BLOCKS)])) for _ in range(60)])
    return pd.DataFrame({"source": WITHIN, "variance": variances(np.arange(len(rate))),
                         "error": again.std(axis=0, ddof=1)})


def _inside(flat: xr.Dataset, columns: dict[str, Any], data: Any) -> np.ndarray:
    """Per draw: ln of the size step between two scores inside the measured range, and the size.

    The range is that of the scores of models with a loss (10% to 90% of it, above chance).
    """
    law, curve = ruler_parameters(flat, columns)
    first = {name: value.isel(anchor=0).values if hasattr(value, "dims") and "anchor" in value.dims
             else value for name, value in {**law, **curve}.items()}
    chance = float(data["chance"].values[0])
    scores = data["pair_score"].values[data["pair_benchmark"].values == 0]
    top, bottom = scores.max(), max(scores.min(), chance + 0.05 * (1 - chance))
    tokens = float(columns["setting"]["reference_tokens"][0])
    sizes = []
    for share in (0.1, 0.9):
        with np.errstate(invalid="ignore", divide="ignore"):
            loss = laws.loss_of_score(score=bottom + share * (top - bottom),
                                      **{name: first[name] for name in curve})
            sizes.append(laws.log_effective_size(loss=loss, tokens=tokens,
                                                 **{name: first[name] for name in law}))
    step = np.log(np.maximum(sizes[1] - sizes[0], 1e-3))
    both = np.column_stack([step, sizes[0]])
    return np.where(np.isfinite(both), both, np.nanmedian(both, axis=0))


def _growth_of_densities(told: xr.Dataset, columns: dict[str, Any]) -> np.ndarray:
    """What the eligible models' ln densities say of growth, per draw: (sample, statistic).

    Their slope over time by generalised least squares (families are random effects, with the
    posterior mean variances of exponential and half-normal gaps), and the highest of the first
    and of the last half year, between which the frontier rises.
    """
    models = columns["models"]
    counts = np.asarray(models["eligible"]) > 0
    time, family = np.asarray(models["time"], float)[counts], np.asarray(models["family"])[counts]
    density = told["log_density"].transpose("sample", "model").values[:, counts]
    of_family = float((told["gap_family"] ** 2).mean())
    of_model = float((told["gap_model"] ** 2 * (1 - 2 / np.pi) + told["noise"] ** 2).mean())
    covariance = of_model * np.eye(len(time)) + of_family * (family[:, None] == family)
    design = np.column_stack([np.ones(len(time)), time])
    weighted = np.linalg.solve(covariance, design)
    slope = density @ np.linalg.solve(design.T @ weighted, weighted.T)[1]
    ends = [density[:, chosen].max(axis=1) for chosen in (
        time <= time.min() + SEGMENT, time >= time.max() - SEGMENT)]
    return np.column_stack([slope, *ends])


def _curved(features: np.ndarray) -> np.ndarray:
    """Standardised features, their squares and products."""
    spread = features.std(axis=0)
    x = (features - features.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    first, second = np.triu_indices(x.shape[1])
    return np.column_stack([np.ones(len(x)), x, x[:, first] * x[:, second]])


def _explained(y: np.ndarray, x: np.ndarray) -> float:
    """Share of the variance of y that x explains, adjusted for the number of columns."""
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    rank = np.linalg.matrix_rank(x)
    left = ((y - fitted) ** 2).sum() / (len(y) - rank)
    return float(np.clip(1 - left / y.var(ddof=1), 0, 1))


def between(effects: pd.DataFrame, topics: dict[str, str], seed: int) -> pd.DataFrame:
    """Variance of the means over the values of each axis, summed by topic.

    Parameters
    ----------
    effects
        One row per value of an axis, the main fit's own included: ``axis``, ``mean`` of the
        rate and its Monte Carlo error ``mcse``.
    topics
        Topic of each axis.
    """
    rng = np.random.default_rng(seed)
    parts: dict[str, np.ndarray] = {}
    for axis, rows in effects.groupby("axis", sort=False):
        mean, error = rows["mean"].to_numpy(), np.nan_to_num(rows["mcse"].to_numpy())
        worlds = mean + error * np.vstack([np.zeros(len(mean)),
                                           rng.standard_normal((400, len(mean)))])
        # a simulated world holds the error twice: the estimate's own and the simulation's
        noise = (error**2).mean() * np.r_[1.0, np.full(400, 2.0)]
        variance = worlds.var(axis=1) - noise * (1 - 1 / len(mean))
        topic = topics[str(axis)]
        parts[topic] = parts.get(topic, 0.0) + variance
    return pd.DataFrame([
        {"source": f"choice of {topic}", "variance": float(max(worlds[0], 0.0)),
         "error": float(worlds[1:].std(ddof=1))} for topic, worlds in parts.items()],
        columns=["source", "variance", "error"])


def shares(parts: pd.DataFrame) -> pd.DataFrame:
    """Variances as shares of their sum, with the error of the share.

    Examples
    --------
    >>> parts = pd.DataFrame({"source": ["a", "b"], "variance": [3.0, 1.0], "error": [0.0, 0.4]})
    >>> shares(parts)["share"].tolist()
    [0.75, 0.25]
    >>> shares(parts)["share_error"].round(3).tolist()
    [0.075, 0.075]
    """
    variance, error = parts["variance"].to_numpy(), parts["error"].to_numpy()
    total = variance.sum()
    share = variance / total
    rest = (error**2).sum() - error**2
    # first order: d share_i = ((1 - share_i) d v_i - share_i sum of the other d v) / total
    spread = np.sqrt(((1 - share) * error) ** 2 + share**2 * rest) / total
    return parts.assign(share=share, share_error=spread, sd=np.sqrt(variance))
