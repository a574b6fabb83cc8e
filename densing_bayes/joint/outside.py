"""What the fitted curves say of models outside the fit: post-trained, quantised, closed.

The fit sees uncompressed base models; an effective size needs only scores and the fitted
curves. For each posterior draw of the curves the scores of such a model give a posterior of its
ln N^ on a grid, and one value is drawn from it (a cut: the fit learns nothing from them).

The prior for a model outside is normal about the mean of the fitted models' ln N^ with twice
their sd, in each draw: it says in which range sizes lie, and matters only near chance or ceiling.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.compressed import log_slopes
from densing_bayes.joint.curves import log_density
from densing_bayes.joint.predict import cells_at, moved, thin
from densing_bayes.observations import Observations, select
from densing_bayes.tables import Tables

GRID = 241  # points over six prior sd: a tenth of an e-fold apart
WIDER = 2.0  # prior sd of ln N^, in sd of the fitted models


def all_sizes(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
              observations: Observations, tables: Tables, seed: int) -> xr.DataArray:
    """Draws of ln N^ of the fitted models, then of every other one of known size with scores.

    Returns
    -------
    DataArray (chain, draw, model)
        One chain of evenly spaced draws of the fit (see `densing_bayes.joint.predict.thin`).
    """
    fitted = thin(derived[["log_effective"]])["log_effective"].transpose("sample", "model")
    benchmarks = [str(name) for name in observations.data["benchmark"].values]
    every = select(tables, benchmarks=benchmarks).data
    names = [str(name) for name in every["model"].values
             if name not in set(fitted["model"].values)]
    values = outside_sizes(posterior, derived, columns, benchmarks, every, names, seed)
    both = np.concatenate([fitted.values, values], axis=1)[None]
    return xr.DataArray(both, dims=("chain", "draw", "model"), coords={
        "model": [*(str(name) for name in fitted["model"].values), *names]})


def admitted(tables: Tables, options: dict[str, Any]) -> list[str]:
    """Models that the fit's filters admit, whatever their architecture, bits and compression."""
    same = {name: options[name] for name in (
        "open_only", "closed_until", "types", "benchmarks", "without_models", "without_families",
        "without_organizations")}
    chosen = select(tables, since=options["since"] or None, until=options["until"] or None, **same)
    return [str(name) for name in chosen.data["model"].values]


def curve_slopes(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
                 observations: Observations) -> xr.DataArray:
    """Draws of ln slope of each fitted benchmark, for `densing_bayes.compressed`."""
    names = [str(name) for name in observations.data["benchmark"].values]
    anchors = len(columns["anchors"]["chance"])
    law = derived[["gamma", "midpoint", "alpha", "log_b", "beta", "irreducible"]]
    curves: xr.Dataset = law.assign_coords(anchor=names[:anchors])
    if "log_kappa_z" in posterior:
        kappa: Any = np.exp(posterior["log_kappa_z"]) / posterior["c1"]
        curves = curves.assign(kappa=kappa.assign_coords(linked=names[anchors:]))
    return log_slopes(curves, float(columns["setting"]["reference_tokens"][0]))


def outside_sizes(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
                  benchmarks: list[str], every: xr.Dataset, names: list[str],
                  seed: int) -> np.ndarray:
    """Draws (sample, model) of ln N^ of the models ``names``, given the curves alone.

    Parameters
    ----------
    posterior, derived, columns
        Of the fit: draws, what was derived from them, tables.
    benchmarks
        Names in the fit's order.
    every
        Observations that hold scores, dates and sizes of ``names``.
    """
    post = thin(posterior.drop_vars(["z", "model_coordinate", "family_coordinate", "family_gap"],
                                    errors="ignore"))
    fitted = thin(derived[["log_effective"]])["log_effective"].transpose("sample", "model").values
    mean, sd = fitted.mean(axis=1), WIDER * fitted.std(axis=1)
    steps = np.linspace(-3, 3, GRID)
    grid = mean[:, None] + sd[:, None] * steps
    nu = 2 + post["nu"].values[:, None]
    time = every["time"].values - float(columns["setting"]["centre_time"][0])
    tilt_size = every["log_params"].values - float(derived["log_params"].mean())
    rng = np.random.default_rng(seed)
    order = {name: i for i, name in enumerate(benchmarks)}
    known = [order[str(name)] for name in every["benchmark"].values]
    out = np.empty((len(grid), len(names)))
    place = {str(name): i for i, name in enumerate(every["model"].values)}
    for j, name in enumerate(names):
        i = place[name]
        logp = np.broadcast_to(-0.5 * steps**2, grid.shape).copy()
        for cell in np.flatnonzero(every["cell_model"].values == i):
            benchmark = np.full(GRID, known[int(every["cell_benchmark"].values[cell])])
            at = cells_at(
                post, columns, benchmark=benchmark,
                log_size=grid + moved(post, benchmark=benchmark, time=time[i],
                                      tilt_size=tilt_size[i]),
                items=every["cell_items"].values[cell],
                replicates=every["cell_replicates"].values[cell])
            logp += log_density(every["cell_score"].values[cell], at, nu)
        share = np.cumsum(np.exp(logp - logp.max(axis=1, keepdims=True)), axis=1)
        uniform = rng.uniform(size=(len(grid), 1)) * share[:, -1:]
        step = (share < uniform).sum(axis=1)
        width = sd * (steps[1] - steps[0])
        out[:, j] = grid[np.arange(len(grid)), step] + width * rng.uniform(-0.5, 0.5, len(grid))
    return out
