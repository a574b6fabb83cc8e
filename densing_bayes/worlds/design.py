"""Worlds of their own: a design invented, and a world put on disk as tables."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes import laws
from densing_bayes.joint.data import family_times
from densing_bayes.joint.growth import segments
from densing_bayes.observations import ORIGIN, helmert
from densing_bayes.trends import DAYS_PER_YEAR
from densing_bayes.worlds.simulation import TYPICAL, Columns, Truth, fill, ruler, sizes


def invent(rng: np.random.Generator, *, models: int = 60, benchmarks: int = 3,
           years: float = 2.8, truth: Truth = TYPICAL) -> Columns:
    """A design of its own: the first benchmark anchored, the others linked.

    Sizes are log-normal about 7B (sd 1.5 in ln), dates uniform, three models to a family (one
    developer and half a year), four families to a laboratory; each model has a score on three
    quarters of the benchmarks, on the first for certain. Models with a score on that alone are
    not eligible for the frontier. The ladder has six sizes up to 1B times five token counts.

    Returns
    -------
    Columns
        What `simulate` and `write` ask for, outcomes included where a design has them (the
        pairs' losses).
    """
    family = np.arange(models) // 3
    start = rng.uniform(0, years - 0.5, family.max() + 1)
    days = np.floor((start[family] + rng.uniform(0, 0.5, models)) * DAYS_PER_YEAR)
    order = np.argsort(days, kind="stable")
    time, family = days[order] / DAYS_PER_YEAR, family[order]
    size = np.log([5e6, 3e7, 1e8, 2.5e8, 5e8, 8e8])
    run_size = np.repeat(size, 5)
    run_tokens = run_size + np.tile(np.log([10.0, 20, 30, 60, 120]), 6)
    extra = np.log([2e9, 4e9, 7e9, 13e9])  # larger models that have a loss and a score
    seen = (rng.random((models, benchmarks)) < 3 / 4) | (np.arange(benchmarks) == 0)
    cell_model, cell_benchmark = np.nonzero(seen)
    items = np.array([2000, 500, 200, 1000, 5000])[cell_benchmark % 5]
    replicates = rng.choice([1, 2, 3], cell_model.size, p=[0.7, 0.2, 0.1])
    spread_of = np.repeat(cell_benchmark, replicates - 1)
    chance = np.where(np.arange(benchmarks) % 2 == 0, 0.25, 0.0)
    counts = (seen.sum(axis=1) > 1) | (benchmarks == 1)
    centre = time[counts].mean()
    log_params = rng.normal(22.7, 1.5, models)

    def cells(rows: np.ndarray) -> dict[str, Any]:
        return {"model": cell_model[rows], "benchmark": cell_benchmark[rows],
                "items": items[rows], "replicates": replicates[rows],
                "weight": np.ones(rows.sum())}

    columns: Columns = {
        "setting": {"reference_tokens": [5e12], "centre_time": [centre],
                    "mean_size": [log_params[counts].mean()], "monotone": [1.0],
                    "spreads": [1.0]},
        "anchors": {"centre_log_params": [run_size.mean()],
                    "centre_log_tokens": [run_tokens.mean()], "chance": chance[:1],
                    "floor": np.zeros(1)},
        "ladder": {"anchor": np.zeros(30), "log_params": run_size, "log_tokens": run_tokens,
                   "weight": np.ones(30)},
        "models": {"time": time - centre, "log_used": log_params, "log_held": log_params,
                   "tilt_size": log_params - log_params.mean(), "family": family,
                   "eligible": counts.astype(float)},
        "families": {"time": family_times(time - centre, family, counts, family.max() + 1),
                     "organization": np.arange(family.max() + 1) // 4},
        "segments": segments(time - centre, counts),
        "contrasts": {"benchmark": spread_of, "spread": np.full(spread_of.size, 0.95),
                      "weight": np.ones(spread_of.size)},
        "anchored": cells(cell_benchmark == 0), "linked_cells": cells(cell_benchmark > 0),
        "linked_benchmarks": {"chance": chance[1:], "floor": np.zeros(benchmarks - 1)},
    }
    law, _ = ruler(fill(truth, columns), columns)
    at = {name: np.asarray(value)[0] for name, value in law.items()}
    columns["pairs"] = {
        "anchor": np.zeros(34), "weight": np.ones(34), "share": np.ones(34),
        "loss": laws.loss(params=np.exp(np.append(run_size, extra)),
                          tokens=np.exp(np.append(run_tokens, extra + np.log(100))), **at)}
    return columns


def write(folder: Path, columns: Columns, tables: Columns) -> Path:
    """A world as a folder of tables whose models and benchmarks have names of their own.

    Scores are kept inside [0, 1]; each replicate of a cell is a row with a source of its own.

    Parameters
    ----------
    columns
        The design.
    tables
        Outcomes, from `simulate`.
    """
    models = columns["models"]
    length = sizes(columns)
    benchmark = np.array([f"Quiz-{chr(65 + i)}" for i in range(length["benchmark"])])
    name = np.array([f"Model-{i:03d}" for i in range(len(models["time"]))])
    suite = np.array([f"ladder-{i}" for i in range(length["anchor"])])
    days = np.round((np.asarray(models["time"]) + columns["setting"]["centre_time"][0])
                    * DAYS_PER_YEAR).astype(int)
    start = dt.date.fromisoformat(ORIGIN)
    family = np.asarray(models["family"], int)
    params = np.exp(np.asarray(models["log_used"], float))
    laboratory = np.asarray(columns["families"]["organization"], int)
    unknown, source = "", "synthetic world"
    frames = {
        "models": pd.DataFrame({
            "model": name, "organization": [f"Lab-{laboratory[i]}" for i in family],
            "family": [f"Family-{i}" for i in family],
            "release_date": [(start + dt.timedelta(days=int(day))).isoformat() for day in days],
            "date_kind": "weights", "params_total": params, "params_active": params,
            "architecture": "dense", "training_tokens": unknown, "precision_bits": 16,
            "compression": unknown, "parent": unknown, "type": "base", "source": source}),
        "benchmarks": pd.DataFrame({
            "benchmark": benchmark, "n_items": 1000,
            "chance": [*columns["anchors"]["chance"], *columns["linked_benchmarks"]["chance"]],
            "domain": np.char.lower(benchmark), "released": unknown, "contamination_pair": unknown,
            "anchor": [*suite, *[unknown] * length["linked"]], "source": source}),
        "scores": _score_rows(tables, name, benchmark).assign(shots=5, source=source),
    }
    ladder, pairs = tables["ladder"], tables["pairs"]
    at = np.asarray(ladder["anchor"], int)
    frames["runs"] = pd.DataFrame({
        "run": [f"run-{i:03d}" for i in range(at.size)], "suite": suite[at],
        "params": np.exp(ladder["log_params"]), "params_kind": "total",
        "tokens": np.exp(ladder["log_tokens"]), "loss": np.exp(ladder["log_loss"]),
        "loss_unit": "bits/byte", "eval_set": benchmark[at], "source": source})
    at = np.asarray(pairs["anchor"], int)
    frames["pairs"] = pd.DataFrame({
        "model": [f"checkpoint-{i:03d}" for i in range(at.size)], "suite": suite[at],
        "benchmark": benchmark[at], "eval_set": benchmark[at], "loss": pairs["loss"],
        "loss_unit": "bits/byte", "score": np.clip(pairs["score"], 0, 1),
        "score_format": unknown, "source": source})
    folder.mkdir(parents=True, exist_ok=True)
    for key, frame in frames.items():
        frame.to_csv(folder / f"{key}.csv", index=False)
    return folder


def _score_rows(tables: Columns, name: np.ndarray, benchmark: np.ndarray) -> pd.DataFrame:
    """One row per replicate: the cell's mean plus its contrasts, carried back."""
    cells = pd.concat([pd.DataFrame(tables[group]) for group in ("anchored", "linked_cells")])
    contrast = {one: list(np.asarray(tables["contrasts"]["value"])[
        np.asarray(tables["contrasts"]["benchmark"], int) == one]) for one in range(len(benchmark))}
    rows = []
    for cell in cells.itertuples():
        at, count = int(cell.benchmark), int(cell.replicates)
        score = np.full(count, cell.score)
        if count > 1:
            drawn = [contrast[at].pop(0) for _ in range(count - 1)]
            score = score + helmert(count).T @ drawn
        if cell.weight:
            rows += [{"model": name[int(cell.model)], "benchmark": benchmark[at], "score": one,
                      "n_items": cell.items, "harness": f"harness-{i}"}
                     for i, one in enumerate(np.clip(score, 0, 1))]
    return pd.DataFrame(rows)
