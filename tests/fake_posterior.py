"""Draws of a joint fit made from known truth, so that corollaries are tested without sampling."""

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.corollaries.draws import Posterior

RATE, LEVEL, GAP_FAMILY, GAP_MODEL, NOISE = 1.6, -3.0, 0.4, 0.7, 0.3
MIDDLE = np.log(3e10)  # of the fake ruler's curve
ANCHOR = np.log(3e9)  # the size at which the ruler's error vanishes


def log_size_of_score(score, slope=0.55, middle=MIDDLE, scale=0.68, chance=0.25):
    """The fake ruler: a logistic curve in ln size, and NaN above its ceiling."""
    share = (score - chance) / scale
    return np.nan if share >= 1 else middle + np.log(share / (1 - share)) / slope


def fake_models(count=120, seed=1):
    """A table of models whose densities follow the frontier; truth in ``log_density``."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(-700, 1200, count))
    date = pd.Timestamp("2023-02-24") + pd.to_timedelta(days, unit="D")
    log_params = rng.uniform(np.log(5e8), np.log(4e11), count)
    frontier = LEVEL + RATE * days / 365.25
    gap = np.abs(rng.normal(size=count)) * GAP_MODEL + rng.exponential(GAP_FAMILY, count)
    log_density = frontier - gap + rng.normal(size=count) * NOISE
    moe = rng.random(count) < 0.2
    return pd.DataFrame({
        "model": [f"model-{i}" for i in range(count)],
        "organization": [f"lab-{i}" for i in rng.integers(0, 12, count)],
        "family": [f"family-{i}" for i in rng.integers(0, 30, count)],
        "release_date": date, "params_total": np.exp(log_params),
        "params_active": np.exp(log_params) * np.where(moe, 0.1, 1.0),
        "architecture": np.where(moe, "moe", "dense"),
        "training_tokens": np.exp(log_params) * np.exp(rng.normal(3 + 0.8 * days / 365.25, 0.7)),
        "precision_bits": 16.0, "compression": "", "log_density": log_density,
    })


def fake_posterior(models, *, draws=400, seed=2, rate=RATE, error=0.05, name="fit", weight=1.0):
    """A Posterior of the contract's shape: shared ruler error and a little noise per model."""
    rng = np.random.default_rng(seed)
    shape = (2, draws // 2)
    ruler = 1 + error * rng.normal(size=shape)
    log_params = np.log(models["params_total"].to_numpy())
    truth = log_params + models["log_density"].to_numpy()
    effective = (ANCHOR + ruler[..., None] * (truth - ANCHOR)
                 + 0.1 * rng.normal(size=(*shape, len(models))))
    dims = ("chain", "draw")
    data = xr.Dataset(
        {"rate": (dims, rate * ruler), "level": (dims, LEVEL + 0.1 * rng.normal(size=shape)),
         "gap_family": (dims, np.full(shape, GAP_FAMILY)),
         "gap_model": (dims, np.full(shape, GAP_MODEL)),
         "spread_growth": (dims, np.zeros(shape)), "noise": (dims, np.full(shape, NOISE)),
         "log_effective": ((*dims, "model"), effective),
         "log_density": ((*dims, "model"), effective - log_params)},
        coords={"model": models["model"].to_numpy(str),
                "date": ("model", models["release_date"].to_numpy()),
                "eligible": ("model", np.ones(len(models), bool)),
                "log_params": ("model", log_params)})

    def of_score(score):
        size = log_size_of_score(score)
        return xr.DataArray(ANCHOR + ruler * (size - ANCHOR), dims=dims)

    return Posterior(data, of_score, name=name, weight=weight)
