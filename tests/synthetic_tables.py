"""Tables made from known truth: a ladder, pairs, and models along a moving frontier."""

from pathlib import Path

import numpy as np
import pandas as pd

from densing_bayes import laws
from densing_bayes.schemas import TABLES
from densing_bayes.tables import Tables

LAW = {"log_a": 1.9, "alpha": 0.1, "log_b": 5.5, "beta": 0.28}
CURVE = {"gamma": -8.0, "midpoint": 0.76, "scale": 0.72, "chance": 0.25}
D0 = 5e12
LINKED = {"Puzzles": (0.55, 23.4, 0.92, 0.15), "Sums": (0.8, 23.9, 0.95, 0.0)}


def synthetic_tables(*, models=36, rate=1.6, seed=0, flagged=(), flag_lift=0.0, drift=None,
                     items=5000):
    """Tables of ``models`` dense open base models since LLaMA-1.

    Parameters
    ----------
    flagged, flag_lift
        Indices (in order of release) of models flagged 'leak', whose scores are those of
        models larger by ``flag_lift`` e-folds.
    drift
        Benchmark -> drift of its own view of ln N^, 1/year.
    """
    rng = np.random.default_rng(seed)
    drift = drift or {}
    years = np.sort(rng.uniform(0.05, 2.6, models))
    date = pd.Timestamp("2023-02-24") + pd.to_timedelta((years * 365.25).round(), unit="D")
    log_params = rng.uniform(np.log(1e9), np.log(7e10), models)
    family = rng.integers(0, max(models // 3, 2), models)
    density = (-2.2 + rate * years - np.abs(0.5 * rng.normal(size=models))
               + 0.2 * rng.normal(size=models))
    names = [f"model-{i:02d}" for i in range(models)]
    flag = np.where(np.isin(np.arange(models), flagged), "leak", "")
    size = log_params + density + np.where(flag == "leak", flag_lift, 0.0)
    table = pd.DataFrame({
        "model": names, "organization": [f"lab-{f % 5}" for f in family],
        "family": [f"family-{f}" for f in family], "release_date": date.astype("datetime64[us]"),
        "release_date_width": 0.0,
        "date_kind": np.where(np.arange(models) % 9 == 4, "paper", "weights"),
        "params_total": np.exp(log_params), "params_active": np.exp(log_params),
        "architecture": "dense", "training_tokens": np.exp(log_params) * 300,
        "precision_bits": 16.0, "compression": "", "parent": "", "type": "base",
        "source": "simulated", "weights": "open", "flag": flag, "note": ""})
    marks = pd.DataFrame([
        {"benchmark": "Facts", "n_items": items, "chance": 0.25, "anchor": "steps",
         "variant_of": "", "score_format": ""},
        *({"benchmark": name, "n_items": items, "chance": LINKED[name][3], "anchor": "",
           "variant_of": "", "score_format": ""} for name in LINKED),
        {"benchmark": "Sums-short", "n_items": items // 4, "chance": 0.0, "anchor": "",
         "variant_of": "Sums", "score_format": ""},
    ]).assign(domain="", released=pd.NaT, contamination_pair="", source="simulated", note="")

    def score_of(benchmark, log_size):
        if benchmark == "Facts":
            loss = laws.loss_of_log_size(log_size=log_size, tokens=D0, **LAW)
            return laws.score(loss=loss, **CURVE)
        slope, middle, headroom, chance = LINKED[benchmark]
        return laws.linked_score(log_size=log_size, slope=slope, midpoint=middle,
                                 scale=headroom * (1 - chance), chance=chance)

    rows = []
    for benchmark in marks["benchmark"]:
        of = "Sums" if benchmark == "Sums-short" else benchmark
        for i, name in enumerate(names):
            if benchmark == "Sums-short" and i % 2:
                continue
            own = size[i] + 0.1 * rng.normal() + drift.get(of, 0.0) * (years[i] - years.mean())
            for source in ("report", "board") if i % 4 == 0 else ("report",):
                score = score_of(of, own) + 0.008 * rng.normal()
                rows.append({"model": name, "benchmark": benchmark, "score":
                             float(np.clip(rng.binomial(items, np.clip(score, 0, 1)) / items,
                                           0.001, 0.999)),
                             "shots": 5.0, "n_items": np.nan, "harness": "",
                             "source": source, "stand_in": "no", "metric": "", "stderr": np.nan,
                             "low": np.nan, "high": np.nan})
    sizes = np.geomspace(2e8, 1.3e10, 6)
    runs = pd.DataFrame([
        {"run": f"{n:.2g}-{ratio}", "suite": "steps", "params": n, "params_kind": "total",
         "tokens": n * ratio, "loss": float(laws.loss(params=n, tokens=n * ratio, **LAW)
                                            * np.exp(0.01 * rng.normal())),
         "loss_unit": "bits/byte", "eval_set": "Facts", "source": "simulated", "held_out": "no",
         "flag": "", "note": ""} for n in sizes for ratio in (20, 60, 200, 400)])
    losses = np.linspace(0.62, 1.1, 24)
    pairs = pd.DataFrame({
        "model": [f"pair-{i}" for i in range(24)], "suite": "steps", "benchmark": "Facts",
        "eval_set": "Facts", "loss": losses, "loss_unit": "bits/byte",
        "score": laws.score(loss=losses, **CURVE) + 0.01 * rng.normal(size=24),
        "score_format": "", "source": "simulated", "held_out": "no"})
    frames = {"models": table, "scores": pd.DataFrame(rows), "benchmarks": marks, "runs": runs,
              "pairs": pairs}
    return Tables(folder=Path("synthetic"), **{
        name: whole(name, frame) for name, frame in frames.items()})


def whole(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A table with every column that a reader would have added, empty."""
    for column, spec in TABLES[name].columns.items():
        if column not in frame:
            frame[column] = {"number": np.nan, "date": pd.NaT}.get(spec.kind, "")
        if spec.kind == "date" and f"{column}_width" not in frame:
            frame[f"{column}_width"] = 0.0
    return frame
