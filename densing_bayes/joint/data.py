"""Observations to the columns that the joint model takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.joint.growth import segments
from densing_bayes.observations import Observations
from densing_bayes.specs import ModelSpec

FEWEST = 10  # eligible models; with fewer the rule of eligibility is not applied


def inputs(observations: Observations, spec: ModelSpec) -> tuple[dict[str, dict[str, Any]],
                                                                 dict[str, Any]]:
    """Columns of each table of the joint model, and the labels of its dimensions.

    Times are centred at the mean date of the eligible models, sizes at their mean log size on
    the spec's axis; both centres are in the one-row table ``setting``. Rows of a likelihood have
    a ``weight``: 1, or 0 where they are left out.
    """
    data, options = observations.data, spec.options
    anchored = data["anchored"].values
    anchors = np.flatnonzero(anchored)
    k = len(anchors)
    run, pair = data["run_benchmark"].values, data["pair_benchmark"].values
    within = ~data["run_held_out"].values
    centre = {
        name: [data[f"run_{name}"].values[within & (run == anchor)].mean() for anchor in anchors]
        for name in ("log_params", "log_tokens")
    }
    low, high = reference_scores(data)
    cell = data["cell_benchmark"].values
    counts = eligible(data, options)
    time = data["time"].values - data["time"].values[counts].mean()
    held, used = sizes(data, options["size"])
    size = used + np.log1p(np.exp(held - used)) - np.log(2)  # held and used alike, for the centre
    family, families = groups(data, options["group"])
    table = segments(time, counts)
    floor = floors(data)

    def cells(rows: np.ndarray) -> dict[str, Any]:
        return {
            **{name: data[f"cell_{name}"].values[rows]
               for name in ("model", "benchmark", "score", "items", "replicates")},
            "weight": np.ones(rows.sum()),
        }

    tables: dict[str, dict[str, Any]] = {
        "setting": {
            "reference_tokens": [float(options["reference_tokens"])],
            "low_score": [low], "high_score": [high],
            "centre_time": [data["time"].values[counts].mean()],
            "mean_size": [size[counts].mean()],
            "monotone": [0.0 if options["may_regress"] else 1.0],
            "spreads": [0.0 if options["constant_spread"] else 1.0],
        },
        "anchors": {
            "centre_log_params": centre["log_params"], "centre_log_tokens": centre["log_tokens"],
            "chance": data["chance"].values[anchors], "floor": floor[:k],
        },
        "ladder": {
            "anchor": run, "log_params": data["run_log_params"].values,
            "log_tokens": data["run_log_tokens"].values,
            "log_loss": data["run_log_loss"].values, "weight": within.astype(float),
        },
        "pairs": {
            "anchor": pair, "loss": data["pair_loss"].values, "score": data["pair_score"].values,
            "share": data["pair_share"].values,
            "weight": 1.0 - data["pair_held_out"].values,
        },
        "models": {
            "time": time, "log_used": used, "log_held": held,
            "tilt_size": data["log_params"].values - data["log_params"].values.mean(),
            "family": family, "eligible": counts.astype(float),
        },
        "families": {"time": family_times(time, family, counts, len(families))},
        "segments": table,
        "contrasts": {
            "benchmark": data["contrast_benchmark"].values, "value": data["contrast_value"].values,
            **spread_of(data["contrast_score"].values),
        },
        "anchored": cells(cell < k),
        "linked_cells": cells(cell >= k),
        "linked_benchmarks": {
            "chance": data["chance"].values[k:], "floor": floor[k:],
            "mean_share": [mean_share(data, b) for b in range(k, data.sizes["benchmark"])],
        },
    }
    names = data["benchmark"].values
    coords = {
        "anchor": names[:k], "benchmark": names, "linked": names[k:],
        "family": families, "model": data["model"].values,
        "segment": np.arange(len(table["start"])),
    }
    return tables, coords


def counted(name: str, table: dict[str, Any]) -> dict[str, np.ndarray]:
    """A table's columns as arrays, without the rows of weight 0.

    Examples
    --------
    >>> counted("ladder", {"log_loss": [0.1, 0.2], "weight": [0.0, 1.0]})
    {'log_loss': array([0.2]), 'weight': array([1.])}
    """
    arrays = {key: np.asarray(value, float) for key, value in table.items()}
    if "weight" not in arrays:
        return arrays
    if not np.isin(arrays["weight"], (0, 1)).all():
        raise ValueError(f"{name}: a row counts or not, its weight is 1 or 0")
    return {key: value[arrays["weight"] == 1] for key, value in arrays.items()}


def eligible(data: Any, options: dict[str, Any]) -> np.ndarray:
    """Which models may lie on the frontier and be the best available, shape (model,).

    Base models, uncompressed, with open weights (closed ones until ``closed_until``), and seen
    by so many benchmarks, or domains of benchmarks, that no single score decides. The others
    inform the curves of the benchmarks, and nothing else.
    """
    date = data["date"].values
    weights = data["weights"].values != "closed"
    early = date <= np.datetime64(options["closed_until"] or "1900-01-01")
    seen = ((data["n_benchmarks"].values >= options["eligible_benchmarks"])
            | (data["n_domains"].values >= options["eligible_domains"]))
    base = (data["compression"].values == "") & (data["type"].values != "instruct")
    found = base & (weights | early) & seen
    # tables with so few scores a model that the rule leaves too few: all that could count do
    return found if found.sum() >= FEWEST else base & (weights | early)


def sizes(data: Any, axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Ln parameters held in memory and used per token, as the size axis counts them.

    By ``total`` and by ``active`` size both are the same; by ``cost`` reading counts those held,
    by their bits, and computing those used.
    """
    total = data["log_params"].values
    active = np.where(np.isfinite(data["log_active"].values), data["log_active"].values, total)
    if axis == "cost":
        bits = np.nan_to_num(data["precision_bits"].values, nan=16.0)
        return total + np.log(bits / 16), active
    one = active if axis == "active" else total
    return one, one


def groups(data: Any, by: str) -> tuple[np.ndarray, np.ndarray]:
    """Index of each model's group, and the groups' names: what shares a gap."""
    if by == "model":
        return np.arange(data.sizes["model"]), data["model"].values
    return data[f"{by}_index"].values, data[by].values


def family_times(time: np.ndarray, family: np.ndarray, counts: np.ndarray, number: int,
                 ) -> np.ndarray:
    """Mean time of the eligible models of each family; of all where none is."""
    weight = counts + 1e-9
    return (np.bincount(family, weight * time, minlength=number)
            / np.bincount(family, weight, minlength=number))


def floors(data: Any) -> np.ndarray:
    """The best score of the tables on each benchmark, as a share of the room above chance.

    No ceiling lies below a score that was reached.
    """
    chance = data["chance"].values
    share = (data["best_score"].values - chance) / (1 - chance)
    return np.clip(np.nan_to_num(share, nan=0.0), 0.0, 0.99)


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
