"""A joint fit as ArviZ reads it: one `xarray.DataTree` in the names of the field.

`az.summary`, `az.loo`, `az.psense_summary` and the plots take it as their documentation says. What
the sampler itself moved in is a group of its own, ``sampler``, so that nobody meets it by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.joint.predict import (
    NUMBERS,
    all_cells,
    cell_predictions,
    draws_of,
    spreads,
)
from densing_bayes.joint.quantities import best_available, frontier_path, ruler_parameters, years_of
from densing_bayes.parameters import PARAMETERS
from densing_bayes.studies.cases import idle_priors
from densing_bayes.studies.likelihood import by_row
from densing_bayes.studies.sensitivity import natural

PRIOR_DRAWS = 2_000
# the headline's own quantities have the names `rate` and `level`; two priors are of other ones
RENAMED = {"rate": "usual_growth", "level": "mean_level"}
# rows of the likelihood: name in the tree, its dimension, the table that it is of
ROWS = {"scores of the models": ("score", "cell"), "ladder": ("log_loss", "run"),
        "pairs of loss and score": ("pair_score", "pair"),
        "differences between sources": ("source_difference", "difference")}


def tree_of(context: Context) -> xr.DataTree:
    """The tree of a context's joint fit.

    Where the tables are so large that the log likelihood would not fit into memory, every group
    but ``sampler`` and ``sample_stats`` holds every k-th draw; ``attrs["every"]`` is that k.

    Returns
    -------
    xr.DataTree
        ``posterior`` in natural units: ``rate`` (growth of the frontier since LLaMA-1, 1/year),
        ``level``, ``growth`` by half year, ``frontier`` and ``best_available`` by month, all
        densities; ``density``, ``effective_size`` and ``gap`` by model; ``trend``, ``tilt`` and
        ``ceiling`` by benchmark; the ruler's exponents ``alpha`` and ``beta``; and every parameter
        that has a prior, under that prior's name (`RENAMED` lists the two that differ).
        ``log_prior`` of each such parameter and ``prior`` draws of it; ``log_likelihood`` and
        ``observed_data`` by row: ``score`` (dim ``cell``: one model on one benchmark),
        ``log_loss``, ``pair_score``, ``source_difference``; ``posterior_predictive`` scores of
        thinned draws; ``constant_data``; ``sample_stats``; ``sampler``, the sampled coordinates.
    """
    stored, derived, columns = context.posterior, context.derived, context.columns
    cells = labelled_cells(context)
    number = stored.sizes["chain"] * stored.sizes["draw"]
    every = max(1, -(-number * cells.sizes["cell"] // NUMBERS))
    posterior = stored.isel(draw=slice(None, None, every))
    derived = derived.isel(draw=slice(None, None, every))
    values = named(posterior, columns, context)
    priors = context.spec.priors
    groups = {
        "posterior": told(posterior, derived, columns, values),
        "prior": prior_draws(context, values),
        "log_prior": xr.Dataset({
            RENAMED.get(name, name): (("chain", "draw"), np.asarray(
                priors[name].logpdf(value)).sum(axis=tuple(range(2, value.ndim))))
            for name, value in values.items()}),
        "log_likelihood": log_likelihood(posterior, derived, columns),
        "posterior_predictive": replicated(posterior, derived, columns, cells,
                                           context.seed("posterior predictive")),
        "observed_data": observed(columns, cells),
        "constant_data": constants(context, cells),
        "sample_stats": context.fit.tree["sample_stats"].to_dataset(),
        "sampler": stored,
    }
    same = posterior.coords["draw"], posterior.coords["chain"]
    for name in ("log_prior", "log_likelihood"):
        groups[name] = groups[name].assign_coords(draw=same[0], chain=same[1])
    tree = xr.DataTree.from_dict(groups)
    tree.attrs.update(context.fit.tree.attrs)
    tree.attrs["every"] = every
    return tree


def named(posterior: xr.Dataset, columns: dict[str, Any], context: Context,
          ) -> dict[str, np.ndarray]:
    """Draws of every parameter that has a prior which counts, (chain, draw, ...), in its unit."""
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    flat = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    idle = idle_priors(context.spec.options, context.observations.data)
    return {name: np.asarray(value).reshape(chains, draws, *np.shape(value)[1:])
            for name, value in natural(flat, columns).items() if name not in idle}


def told(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
         values: dict[str, np.ndarray]) -> xr.Dataset:
    """The posterior in natural units and names."""
    dims = {row.prior: row.dim for row in PARAMETERS if row.prior}
    out = xr.Dataset({RENAMED.get(name, name): (
        ("chain", "draw", *([dims[name]] if dims[name] else [])), value)
        for name, value in values.items()}, coords=posterior.coords)
    last = years_of(derived["date"].values).max()
    known = derived["segment_start"].values <= last  # growth of later half years is a forecast
    half = derived.isel(segment=known)
    out = out.drop_dims("segment", errors="ignore").assign(
        rate=derived["rate"], level=derived["level"],
        growth=half["growth"].assign_coords(segment=dates_of(half["segment_start"].values)))
    for name in ("trend", "tilt"):
        out[name] = derived[name]
    for name, log in (("density", "log_density"), ("effective_size", "log_effective")):
        out[name] = np.exp(derived[log])
    for name in ("gap", "on_frontier", "record"):
        out[name] = derived[name]
    time = months(derived)
    for name, path in (("frontier", frontier_path), ("best_available", best_available)):
        found = path(derived, years_of(time), "time").transpose("chain", "draw", "time")
        out[name] = np.exp(found.assign_coords(time=time))
    law, _ = ruler_parameters(posterior, columns)
    out["alpha"], out["beta"] = law["alpha"], law["beta"]
    chance = np.concatenate([np.asarray(columns[name]["chance"], float)
                             for name in ("anchors", "linked_benchmarks")])
    heads = [posterior["headroom"].values] + ([posterior["linked_headroom"].values]
                                              if "linked_headroom" in posterior else [])
    out["ceiling"] = (("chain", "draw", "benchmark"), chance + (1 - chance) * np.concatenate(
        [head[..., :len(chance)] for head in heads], axis=-1))
    return out.assign_coords({name: derived[name] for name in ("date", "family", "organization")})


def dates_of(years: np.ndarray) -> np.ndarray:
    """Days at years since LLaMA-1.

    Examples
    --------
    >>> dates_of(np.array([0.0, 1.0])).astype("datetime64[D]").astype(str).tolist()
    ['2023-02-24', '2024-02-24']
    """
    return (np.datetime64("2023-02-24") + np.round(np.asarray(years, float) * 365.25).astype(
        "timedelta64[D]")).astype("datetime64[ns]")


def months(derived: xr.Dataset) -> np.ndarray:
    """The first of every month after the first eligible release, to the last release."""
    date = derived["date"].values
    first = date[derived["eligible"].values].min().astype("datetime64[M]") + np.timedelta64(1, "M")
    month = np.timedelta64(1, "M")
    last = date.max().astype("datetime64[M]") + month
    return np.arange(first, last + month).astype("datetime64[ns]")


def prior_draws(context: Context, values: dict[str, np.ndarray]) -> xr.Dataset:
    """Independent draws of the priors, by the names of ``posterior``.

    Ceilings are known to lie above the best score in the tables, so their priors are cut there.
    """
    rng = np.random.default_rng(context.seed("prior draws"))
    floors = {"headroom": "anchors", "linked_headroom": "linked_benchmarks"}
    dims = {row.prior: row.dim for row in PARAMETERS if row.prior}
    out = {}
    for name, value in values.items():
        prior = context.spec.priors[name]
        least = (prior.cdf(np.asarray(context.columns[floors[name]]["floor"], float))
                 if name in floors else 0.0)
        share = rng.random((1, PRIOR_DRAWS, *value.shape[2:]))
        out[RENAMED.get(name, name)] = (
            ("chain", "draw", *([dims[name]] if dims[name] else [])),
            prior.ppf(least + share * (1 - least)))
    return xr.Dataset(out)


def labelled_cells(context: Context) -> xr.Dataset:
    """The cells of the scores, with the names of their model and benchmark as coordinates."""
    data, cells = context.observations.data, all_cells(context.columns)
    model, benchmark = cells["model"].astype(int), cells["benchmark"].astype(int)
    return xr.Dataset(
        {name: ("cell", cells[name]) for name in ("score", "items", "replicates", "weight")},
        coords={"cell_model": ("cell", data["model"].values[model]),
                "cell_benchmark": ("cell", data["benchmark"].values[benchmark])})


def log_likelihood(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
                   ) -> xr.Dataset:
    """Log likelihood by row of every table that has rows, at every draw."""
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    out = {}
    for table, rows in by_row(posterior, derived, columns).items():
        name, dim = ROWS[table]
        if rows.shape[1]:
            out[name] = (("chain", "draw", dim), rows.reshape(*shape, -1))
    return xr.Dataset(out)  # without labels of cells: ArviZ stacks the tables into one


def replicated(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
               cells: xr.Dataset, seed: int) -> xr.Dataset:
    """Scores drawn anew for every cell, given its model's effective size, of thinned draws."""
    number = posterior.sizes["chain"] * posterior.sizes["draw"]
    every = slice(None, None, max(1, -(-number // draws_of(cells.sizes["cell"]))))
    some, theirs = posterior.isel(draw=every), derived.isel(draw=every)
    chains, draws = some.sizes["chain"], some.sizes["draw"]
    found = cell_predictions(some, theirs, columns, chains * draws)
    sd = spreads(found).sd
    score = found["expected"].values + sd * np.random.default_rng(seed).standard_t(
        found["nu"].values[:, None], size=sd.shape)
    return xr.Dataset({"score": (("chain", "draw", "cell"), score.reshape(chains, draws, -1))},
                      coords=cells.coords)


def observed(columns: dict[str, Any], cells: xr.Dataset) -> xr.Dataset:
    """What the likelihood's rows say."""
    return cells[["score"]].assign(
        log_loss=("run", np.asarray(columns["ladder"]["log_loss"], float)),
        pair_score=("pair", np.asarray(columns["pairs"]["score"], float)),
        source_difference=("difference", np.asarray(columns["contrasts"]["value"], float)))


def constants(context: Context, cells: xr.Dataset) -> xr.Dataset:
    """What is known beforehand: sizes, tokens, dates, items."""
    derived, columns = context.derived, context.columns
    out = cells[["items", "replicates", "weight"]].assign(
        params=("model", np.exp(derived["log_params"].values)),
        training_tokens=("model", np.exp(derived["log_tokens"].values)),
        run_params=("run", np.exp(np.asarray(columns["ladder"]["log_params"], float))),
        run_tokens=("run", np.exp(np.asarray(columns["ladder"]["log_tokens"], float))),
        pair_loss=("pair", np.asarray(columns["pairs"]["loss"], float)))
    return out.assign_coords({name: derived[name].variable for name in (
        "model", "date", "eligible", "family", "organization", "architecture")})
