"""Density in terms of cost: effective sizes and device constants, carried draw by draw.

The constants of a device and of serving come from their priors, since no data here inform them,
and are combined with the posterior draws of ln N^. Four readings of density share those draws:

=====================  =======================================================================
log_density_total      by all parameters, N^ / N
log_density_active     by the parameters a token uses, N^ / N_active
log_density_cost       by cost, with all weights in memory (enough devices of the kind)
log_density_device     by cost on one device: what does not fit comes through the slower link
=====================  =======================================================================
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes import costs
from densing_bayes.densities import log_density
from densing_bayes.devices import Device, find_device, report_devices
from densing_bayes.errors import InputError, Problem
from densing_bayes.specs import ModelSpec
from densing_bayes.tables import Tables
from densing_bayes.trends import DAYS_PER_YEAR

READINGS = ("total", "active", "cost", "device")
MAX_DRAWS = 1000  # draws kept for costs: Monte Carlo error of an interval's end is about 4% of it
FEWEST_MODELS = 8  # below this a quantile of the models says nothing


# -- constants and costs ----------------------------------------------------------------------


def draw_constants(spec: ModelSpec, *, chains: int, draws: int, seed: int) -> xr.Dataset:
    """Draws (chain, draw) of every constant of family ``costs``, straight from the priors."""
    return xr.Dataset({
        name: (("chain", "draw"), prior.rvs(np.random.default_rng(
            [seed, zlib.crc32(name.encode())]), (chains, draws)))
        for name, prior in spec.priors.items()
    })


def parameter_times(device: Device, constants: xr.Dataset) -> xr.Dataset:
    """k1, k2 and the link's k1 of a device: seconds per 16-bit parameter and token, per draw."""
    rate = (device.bandwidth * constants["flop_per_byte"] if device.rate is None else device.rate)
    link = 1e9 * constants["storage_gb_s"] if device.link is None else device.link
    reached = 1.0 if device.link is None else constants["link_utilisation"]
    n = constants["tokens_per_read"]
    return xr.Dataset({
        "k1": costs.read_time(bandwidth=device.bandwidth, tokens_per_read=n,
                              utilisation=constants["memory_utilisation"]),
        "k2": costs.compute_time(rate=rate, utilisation=constants["compute_utilisation"])
        + xr.zeros_like(n),
        "k1_link": costs.read_time(bandwidth=link, tokens_per_read=n, utilisation=reached),
    })


def sizes(models: pd.DataFrame) -> xr.Dataset:
    """Parameters, active parameters and bits of models, by model; blanks are dense and 16 bit.

    Raises
    ------
    InputError
        For each mixture of experts whose active parameters are unknown or exceed the total.
    """
    number = {column: pd.to_numeric(models[column], errors="coerce")
              for column in ("params_total", "params_active", "precision_bits")}
    dense = models["architecture"] != "moe"
    active = number["params_active"].where(~dense, number["params_total"])
    wrong = ~dense & ~(active <= number["params_total"])
    if wrong.any():
        raise InputError([
            Problem(f"mixture of experts '{row.model}' needs its active parameters",
                    file="models.csv", column="params_active", given=row.params_active,
                    allowed="at most params_total") for row in models[wrong].itertuples()])
    return xr.Dataset(
        {"params": ("model", number["params_total"].to_numpy(float)),
         "active": ("model", active.to_numpy(float)),
         "bits": ("model", number["precision_bits"].fillna(costs.REFERENCE_BITS).to_numpy(float))},
        coords={"model": models["model"].to_numpy(str)})


def equivalent_sizes(size: xr.Dataset, device: Device, constants: xr.Dataset) -> xr.Dataset:
    """Cost of models as ln of the dense 16-bit size that costs as much, and seconds per token.

    Parameters
    ----------
    size
        From `sizes`.

    Returns
    -------
    Dataset (chain, draw, model)
        ``log_size_cost`` and ``time_cost`` with all weights in memory, ``log_size_device`` and
        ``time_device`` with this device's memory and link. A dense 16-bit model in memory has
        its own size, in every draw.
    """
    time = parameter_times(device, constants)
    routed = costs.routed_share(params=size["params"], active=size["active"],
                                always_read=constants["always_read"])
    touched = costs.touched_experts(routed=routed, tokens_per_read=constants["tokens_per_read"])
    share = costs.read_share(params=size["params"], active=size["active"], touched=touched,
                             always_read=constants["always_read"])
    resident = costs.resident_share(
        params=size["params"], bits=size["bits"],
        memory=device.memory * constants["memory_for_weights"])
    narrow = size["bits"] / costs.REFERENCE_BITS
    in_memory = narrow * time["k1"]
    offloaded = costs.offloaded_read_time(k1=in_memory, k1_link=narrow * time["k1_link"],
                                          resident=resident)
    read = {"params": size["params"] * share, "active": size["active"]}
    out = {}
    for reading, k1_model in (("cost", in_memory), ("device", offloaded)):
        out[f"log_size_{reading}"] = np.log(costs.equivalent_size(
            **read, k1=time["k1"], k2=time["k2"], k1_model=k1_model))
        out[f"time_{reading}"] = costs.token_time(**read, k1=k1_model, k2=time["k2"])
    return xr.Dataset(out).transpose("chain", "draw", "model")


def cost_density(*, log_effective: xr.DataArray, models: pd.DataFrame, device: Device,
                 constants: xr.Dataset) -> xr.Dataset:
    """Log densities of models in the four readings, and what a token takes, draw by draw.

    Parameters
    ----------
    log_effective
        Posterior draws of ln N^ (chain, draw, model).
    models
        Rows of models.csv; must hold every model of ``log_effective``.
    constants
        From `draw_constants`, with as many chains and draws.

    Returns
    -------
    Dataset (chain, draw, model)
        ``log_density_total``, ``_active``, ``_cost``, ``_device``; ``seconds``, ``joules`` and
        ``usd`` per token on one device (NaN where hardware.csv has no TDP or price).
    """
    size = sizes(_rows_of(models, log_effective["model"].values))
    equal = equivalent_sizes(size, device, constants)
    power = _or_nan(device.power) * constants["power_share"]
    seconds = equal["time_device"]
    return xr.Dataset({
        "log_density_total": log_density(log_effective=log_effective, params=size["params"]),
        "log_density_active": log_density(log_effective=log_effective, params=size["active"]),
        "log_density_cost": log_effective - equal["log_size_cost"],
        "log_density_device": log_effective - equal["log_size_device"],
        "seconds": seconds,
        "joules": costs.token_energy(time=seconds, power=power),
        "usd": costs.token_money(
            time=seconds, price=_or_nan(device.price), busy=constants["busy_share"],
            life=constants["lifetime_years"] * costs.SECONDS_PER_YEAR, power=power,
            usd_per_kwh=constants["usd_per_kwh"]),
    })


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _rows_of(models: pd.DataFrame, names: Any) -> pd.DataFrame:
    table = models.drop_duplicates("model").set_index("model", drop=False)
    missing = [name for name in names if name not in table.index]
    if missing:
        raise InputError([Problem(f"no model '{name}'", file="models.csv", column="model")
                          for name in missing])
    return table.loc[list(names)].reset_index(drop=True)


# -- growth of the frontier -------------------------------------------------------------------


def quantile_trend(y: np.ndarray, time: np.ndarray, weight: np.ndarray,
                   quantile: float) -> np.ndarray:
    """Slope of the weighted quantile regression of each row of ``y`` on time.

    Koenker & Bassett 1978: minimises the weighted check loss. For a given slope the best level
    is the weighted quantile of what is left, so the loss is a convex function of the slope
    alone; golden-section search finds its minimum for all rows at once.

    Parameters
    ----------
    y
        Shape (rows, models).
    time
        Shape (models,), not constant.
    weight
        Shape (rows, models), positive.

    Examples
    --------
    >>> t = np.arange(10.0)
    >>> y = 2.0 * t + np.where(t % 3 == 0, 0.0, -1.0)
    >>> round(float(quantile_trend(y[None], t, np.ones((1, 10)), 0.9)[0]), 6)
    2.0
    """
    time = time - np.average(time)
    spread = np.ptp(y, axis=1) / time.std()
    low, high = -10 * spread, 10 * spread

    def check_loss(slope: np.ndarray) -> np.ndarray:
        left = y - slope[:, None] * time
        order = np.argsort(left, axis=1)
        total = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
        at = (total < quantile * total[:, -1:]).sum(axis=1)
        level = np.take_along_axis(left, np.take_along_axis(order, at[:, None], 1), 1)
        left = left - level
        return (weight * left * (quantile - (left < 0))).sum(axis=1)

    golden = (np.sqrt(5) - 1) / 2
    a, b = high - golden * (high - low), low + golden * (high - low)
    loss_a, loss_b = check_loss(a), check_loss(b)
    for _ in range(45):  # the bracket shrinks by 4e-10
        left = loss_a <= loss_b
        low, high = np.where(left, low, a), np.where(left, b, high)
        new = np.where(left, high - golden * (high - low), low + golden * (high - low))
        loss_new = check_loss(new)
        a, b = np.where(left, new, b), np.where(left, a, new)
        loss_a, loss_b = (np.where(left, loss_new, loss_b), np.where(left, loss_a, loss_new))
    return (low + high) / 2


def frontier_growth(log_densities: xr.DataArray, *, time: np.ndarray, cluster: np.ndarray,
                    quantile: float, seed: int) -> xr.DataArray:
    """Yearly growth of an upper quantile of log density, draw by draw.

    The quantile of the models' log density, linear in time. Each draw takes one draw of every
    model's density and one Bayesian bootstrap weighting of the families (Rubin 1981: Dirichlet
    weights, one per family, since members resemble each other), so the spread carries effective
    sizes, hardware and the choice of models. It is a second stage on the draws of a fit, not
    the fit's own growth parameter.

    Parameters
    ----------
    log_densities
        (chain, draw, model).
    time
        Years, by model.
    cluster
        Family label by model.

    Returns
    -------
    DataArray (chain, draw)
        Nats per year; NaN with fewer than `FEWEST_MODELS` models or dates all equal.
    """
    chains, draws, count = log_densities.transpose("chain", "draw", "model").shape
    if count < FEWEST_MODELS or np.ptp(time) == 0:
        rate = np.full(chains * draws, np.nan)
    else:
        names, index = np.unique(np.asarray(cluster, dtype=str), return_inverse=True)
        # a family keeps its stream, so that readings over other subsets stay paired
        weight = np.stack([
            np.random.default_rng([seed, zlib.crc32(name.encode())]).exponential(
                size=chains * draws) for name in names], axis=1)
        y = log_densities.transpose("chain", "draw", "model").values.reshape(-1, count)
        rate = quantile_trend(y, time, weight[:, index], quantile)
    return xr.DataArray(rate.reshape(chains, draws), dims=("chain", "draw"))


# -- the study --------------------------------------------------------------------------------


@dataclass(frozen=True)
class CostStudy:
    """Cost-weighted densities, on the headline device and on those compared with it."""

    spec: ModelSpec
    models: pd.DataFrame  # rows of models.csv, in the order of ``densities.model``
    devices: list[Device]  # the first is the headline
    densities: xr.Dataset  # (device, chain, draw, model), from `cost_density`
    growth: xr.DataArray  # (device, reading, chain, draw), nats per year
    constants: xr.Dataset  # (chain, draw), from `draw_constants`
    plain: np.ndarray  # whether a model counts for growth and ranks (see `plain_models`)


def run_costs(log_effective: xr.DataArray, tables: Tables, spec: ModelSpec, *,
              device: str | None = None, counted: Collection[str] | None = None,
              seed: int | None = None) -> CostStudy:
    """Cost-weighted densities and their growth, from posterior draws of effective sizes.

    Parameters
    ----------
    log_effective
        ln N^ (chain, draw, model); at most `MAX_DRAWS` evenly spaced draws are used.
    spec
        Of family ``costs``.
    device
        Name of the headline device; default: the first that the spec compares.
    counted
        Models that may count for growth and ranks (`densing_bayes.joint.outside.admitted`);
        default: all. Quantised, pruned, distilled and post-trained ones never do.
    """
    spec = spec.with_seed(seed)
    compared = report_devices(tables.hardware, spec.options["devices"])
    if device is not None:
        first = find_device(device, tables.hardware)
        compared = [first, *(other for other in compared if other.name != first.name)]
    log_effective = thin(log_effective, MAX_DRAWS)
    constants = draw_constants(spec, chains=log_effective.sizes["chain"],
                               draws=log_effective.sizes["draw"], seed=spec.sampling.seed)
    constants = constants.assign_coords({name: log_effective[name] for name in ("chain", "draw")
                                         if name in log_effective.coords})
    models = _rows_of(tables.models, log_effective["model"].values)
    densities = xr.concat(
        [cost_density(log_effective=log_effective, models=models, device=each,
                      constants=constants) for each in compared],
        dim=pd.Index([each.name for each in compared], name="device"))
    plain = plain_models(models)
    if counted is not None:
        plain &= models["model"].isin(list(counted))
    return CostStudy(spec=spec, models=models, devices=compared, densities=densities,
                     growth=_growth(densities, models, plain, spec), constants=constants,
                     plain=plain.to_numpy(bool))


def thin(draws: xr.DataArray, most: int) -> xr.DataArray:
    """At most ``most`` draws over all chains, evenly spaced."""
    step = -(-draws.sizes["chain"] * draws.sizes["draw"] // most)
    return draws.isel(draw=slice(None, None, step)).reset_coords(drop=True)


def plain_models(models: pd.DataFrame) -> pd.Series:
    """Neither quantised, pruned, distilled nor post-trained.

    Those carry their parent's date, or are not comparable with the ladder.
    """
    plain = (models["compression"].fillna("") == "") & (models["type"] != "instruct") & (
        models["params_total"].notna() & models["release_date"].notna())
    return plain & ~(pd.to_numeric(models["precision_bits"], errors="coerce")
                     < costs.REFERENCE_BITS)


def _growth(densities: xr.Dataset, models: pd.DataFrame, plain: pd.Series,
            spec: ModelSpec) -> xr.DataArray:
    """Growth by device and reading; "dense" is by total parameters of the dense models only."""
    dense = plain & (models["architecture"] != "moe")
    dated = pd.to_datetime(models["release_date"])
    time = ((dated - dated.min()).dt.days / DAYS_PER_YEAR).to_numpy(float)
    family = models["family"].where(models["family"].fillna("") != "", models["model"])

    def rate(reading: str, which: pd.Series, device: int) -> xr.DataArray:
        keep = which.to_numpy(bool)
        return frontier_growth(
            densities[f"log_density_{reading}"].isel(device=device, model=keep),
            time=time[keep], cluster=family.to_numpy()[keep],
            quantile=spec.options["frontier_quantile"], seed=spec.sampling.seed)

    shared = {"dense": rate("total", dense, 0), "total": rate("total", plain, 0),
              "active": rate("active", plain, 0)}
    by_device = [
        xr.concat([*shared.values(), rate("cost", plain, i), rate("device", plain, i)],
                  dim=pd.Index(["dense", *READINGS], name="reading"))
        for i in range(densities.sizes["device"])]
    return xr.concat(by_device, dim=densities.get_index("device"))
