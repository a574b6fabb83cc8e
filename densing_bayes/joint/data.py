"""Observations to the columns that the joint model takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.joint.growth import KNOTS, knots
from densing_bayes.joint.ruler import coordinates
from densing_bayes.observations import Observations
from densing_bayes.specs import ModelSpec


def inputs(observations: Observations, spec: ModelSpec) -> tuple[dict[str, dict[str, Any]],
                                                                 dict[str, Any]]:
    """Columns of each table of the joint model, and the labels of its dimensions.

    Times are centred at the models' mean date, sizes at their mean log size; both centres are
    in the one-row table ``setting``. Every row of a likelihood has a ``weight``: 1, or 0 to
    leave it out without compiling again.
    """
    data = observations.data
    anchored = data["anchored"].values
    anchors = np.flatnonzero(anchored)
    k = len(anchors)
    time, size = data["time"].values, data["log_params"].values
    run, pair = data["run_benchmark"].values, data["pair_benchmark"].values
    centre = {
        name: [data[f"run_{name}"].values[run == anchor].mean() for anchor in anchors]
        for name in ("log_params", "log_tokens")
    }
    low, high = reference_scores(data)
    cell = data["cell_benchmark"].values

    def cells(rows: np.ndarray) -> dict[str, Any]:
        return {
            **{name: data[f"cell_{name}"].values[rows]
               for name in ("model", "benchmark", "score", "items", "replicates")},
            "weight": np.ones(rows.sum()),
        }

    tables = {
        "setting": {
            "reference_tokens": [float(spec.options["reference_tokens"])],
            "low_score": [low], "high_score": [high],
            "centre_time": [time.mean()], "mean_log_params": [size.mean()],
            "rate_memory": [float(spec.options["rate_memory"])],
        },
        "anchors": {
            "centre_log_params": centre["log_params"], "centre_log_tokens": centre["log_tokens"],
            "chance": data["chance"].values[anchors],
        },
        "pins": {name: np.full(k, 0.5) for name in coordinates(spec.options["irreducible"])}
        | {"hold": np.zeros(k)},
        "ladder": {
            "anchor": run, "log_params": data["run_log_params"].values,
            "log_tokens": data["run_log_tokens"].values,
            "log_loss": data["run_log_loss"].values, "weight": np.ones(len(run)),
        },
        "pairs": {
            "anchor": pair, "loss": data["pair_loss"].values, "score": data["pair_score"].values,
            "weight": np.ones(len(pair)),
        },
        "models": {
            "time": time - time.mean(), "log_params": size,
            "family": data["family_index"].values,
        },
        "knots": knots(time - time.mean(), constant=spec.options["constant_rate"]),
        "contrasts": {
            "benchmark": data["contrast_benchmark"].values, "value": data["contrast_value"].values,
            **spread_of(data["contrast_score"].values),
        },
        "anchored": cells(cell < k),
        "linked_cells": cells(cell >= k),
        "linked_benchmarks": {
            "chance": data["chance"].values[k:],
            "mean_share": [mean_share(data, b) for b in range(k, data.sizes["benchmark"])],
        },
    }
    names = data["benchmark"].values
    coords = {
        "anchor": names[:k], "benchmark": names, "linked": names[k:],
        "family": data["family"].values, "model": data["model"].values, "column": [],
        "knot": np.arange(KNOTS),
    }
    return tables, coords


def mean_share(data: Any, benchmark: int) -> float:
    """Mean score of a benchmark as a share of the room above chance, kept inside 0.1 and 0.75.

    It only chooses sampled coordinates.
    """
    chance = float(data["chance"].values[benchmark])
    scores = data["cell_score"].values[data["cell_benchmark"].values == benchmark]
    if not len(scores):  # a study may leave all of them out
        return 0.5
    return float(np.clip((scores.mean() - chance) / (1 - chance), 0.1, 0.75))


def spread_of(mean: np.ndarray) -> dict[str, np.ndarray]:
    """Scale of the sources' disagreement at a cell's mean score, 1 at one half.

    Where all sources say 0, or all say 1, there is none and the row gets the weight 0.

    Examples
    --------
    >>> spread_of(np.array([0.5, 0.0]))
    {'spread': array([1., 1.]), 'weight': array([1., 0.])}
    """
    inside = (mean > 0) & (mean < 1)
    return {"spread": np.where(inside, np.sqrt(4 * mean * (1 - mean)), 1.0),
            "weight": inside.astype(float)}


def reference_scores(data: Any) -> tuple[float, float]:
    """Two scores of the first anchored benchmark between which its models lie.

    The 15% and 85% quantiles of the observed scores, kept off chance level and below 72% of
    the room above it, so that every plausible ceiling lies above the second.
    """
    chance = float(data["chance"].values[0])
    scores = data["cell_score"].values[data["cell_benchmark"].values == 0]
    room = 1 - chance
    low, high = np.clip(np.quantile(scores, [0.15, 0.85]), chance + 0.1 * room,
                        chance + 0.72 * room)
    if high - low < 0.05 * room:
        low, high = chance + 0.25 * room, chance + 0.7 * room
    return float(low), float(high)
