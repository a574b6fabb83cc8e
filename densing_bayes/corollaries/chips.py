"""Chips, and density on them: what a dollar buys, what a device holds, and how both combine.

The largest effective model on a chip of fixed price is N_eff(t) = density(t) x size(t): both
grow exponentially, so their rates add, 1/T = 1/T_density + 1/T_chip. Which chip rate is right
depends on what binds: FLOP per dollar for training and prompts, bandwidth per dollar for
decoding one stream, memory per dollar (or per device) for what fits at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.corollaries.draws import pair
from densing_bayes.errors import InputError, Problem
from densing_bayes.specs import ModelSpec
from densing_bayes.trends import DAYS_PER_YEAR

FILE = "hardware.csv"
# resource -> (what it is called, column, per dollar)
RESOURCES = {
    "flop_per_usd": ("FP16 rate per dollar", "fp16_tflops", True),
    "bandwidth_per_usd": ("memory bandwidth per dollar", "memory_bandwidth_gb_s", True),
    "memory_per_usd": ("memory per dollar", "memory_gb", True),
    "bandwidth_per_device": ("memory bandwidth per device", "memory_bandwidth_gb_s", False),
    "memory_per_device": ("memory per device", "memory_gb", False),
}
# Earlier consumer cards ran FP16 at 1/64 of FP32 (GTX 1080: 0.14 TFLOP/s): no rate to compare.
FP16_SINCE = pd.Timestamp("2017-06-01")
FEWEST_DEVICES = 4  # of a kind, to report its own growth


def devices_of(hardware: pd.DataFrame, resource: str, shortage: str) -> pd.DataFrame:
    """Devices with a value of a resource: device, kind, date, value, late, again.

    Per dollar only launch prices of a device by itself count (not street or average prices,
    nor shares of a system), and a later price of the same device as a second row (``again``).
    An FP16 rate must be of the kind's usual basis (matrix engine in datacentres, vector
    elsewhere).
    """
    _, column, per_usd = RESOURCES[resource]
    rows = hardware[hardware[column] > 0]
    if column == "fp16_tflops":
        rows = rows[rows["release_date"] >= FP16_SINCE]
        basis = rows["fp16_basis"].replace("", np.nan)
        usual = basis.groupby(rows["kind"]).transform(lambda s: s.mode().get(0, ""))
        rows = rows[basis.isna() | (basis == usual)]
    value = rows[column]
    late = pd.Series(0.0, index=rows.index)
    if per_usd:
        rows = rows[rows["price_usd"] > 0]
        rows = rows[rows["price_kind"].isin(["launch", ""])
                    & rows["price_scope"].isin(["device", ""])]
        value = value / rows["price_usd"]
        late = (rows["release_date"] >= pd.Timestamp(shortage)).astype(float)
    out = pd.DataFrame({"device": rows["device"], "kind": rows["kind"],
                        "date": rows["release_date"], "value": value[rows.index],
                        "late": late[rows.index], "again": False})
    if per_usd:
        again = rows[(rows["later_price_usd"] > 0) & rows["later_price_date"].notna()]
        date = again["later_price_date"]
        out = pd.concat([out, pd.DataFrame({
            "device": again["device"], "kind": again["kind"], "date": date,
            "value": again[column] / again["later_price_usd"],
            "late": (date >= pd.Timestamp(shortage)).astype(float), "again": True})])
    return out.sort_values(["date", "device"]).reset_index(drop=True)


@dataclass(frozen=True)
class ChipStudy:
    """Draws of the growth of every resource, by kind of device.

    ``draws[resource]`` has ``growth`` (1/year) and ``level`` (ln value at ``centre``), dim
    ``kind``, and ``shock``; ``counts`` the devices behind each.
    """

    spec: ModelSpec
    centre: pd.Timestamp
    draws: dict[str, xr.Dataset]
    devices: dict[str, pd.DataFrame]
    diagnostics: dict[str, dict[str, Any]]

    @property
    def passed(self) -> bool:
        """Whether every fit passed its diagnostics."""
        return all(gate["passed"] for gate in self.diagnostics.values())

    def count(self, resource: str, kind: str) -> int:
        """Devices of a kind with a value of the resource."""
        rows = self.devices[resource]
        return int(((rows["kind"] == kind) & ~rows["again"]).sum())

    def kinds(self, resource: str) -> list[str]:
        """Kinds with enough devices to report."""
        return [kind for kind in sorted(self.devices[resource]["kind"].unique())
                if self.count(resource, kind) >= FEWEST_DEVICES]

    def growth(self, resource: str, kind: str) -> np.ndarray:
        """Draws of the yearly growth of ln value; an error where a kind has too few devices."""
        if kind not in self.kinds(resource):
            raise InputError(Problem(
                f"{self.count(resource, kind)} devices of this kind have a value of "
                f"{RESOURCES[resource][0]}", file=FILE, given=kind,
                allowed=", ".join(self.kinds(resource))))
        return self.draws[resource]["growth"].sel(kind=kind).to_numpy().ravel()

    def log_value(self, resource: str, kind: str, dates: list[Any]) -> np.ndarray:
        """Ln value of a typical device of a kind, shape (sample, date)."""
        growth = self.growth(resource, kind)[:, None]
        level = self.draws[resource]["level"].sel(kind=kind).to_numpy().ravel()[:, None]
        at = np.array([(pd.Timestamp(day) - self.centre).days / DAYS_PER_YEAR for day in dates])
        return level + growth * at


def fit_chips(hardware: pd.DataFrame, spec: ModelSpec, *,
              progress: Callable[[str], None] = lambda step: None) -> ChipStudy:
    """Growth of every resource, from one compiled model."""
    from densing_bayes import checks, fitting
    from densing_bayes.families import chips as family
    from densing_bayes.families.blocks import matrix

    kinds = sorted(hardware["kind"].unique())
    ends = hardware["release_date"].agg(["min", "max"])
    centre = (ends["min"] + (ends["max"] - ends["min"]) / 2).normalize()
    draws, devices, gates, compiled = {}, {}, {}, None
    for resource in RESOURCES:
        rows = devices_of(hardware, resource, spec.options["shortage"])
        log_value = np.log(rows["value"])
        mean = log_value.groupby(rows["kind"]).mean()
        table = {"time": (rows["date"] - centre).dt.days / DAYS_PER_YEAR,
                 "value": log_value - rows["kind"].map(mean),
                 "kind": rows["kind"].map(kinds.index), "late": rows["late"]}
        compiled = compiled or fitting.compile_model(
            family.build({"devices": table}, {"kind": kinds}, spec))
        progress(f"growth of {RESOURCES[resource][0]}")
        tree, gates[resource] = checks.sampled(
            compiled, spec.sampling, ["growth", "level", "shock"], case=f"chips {resource}",
            data={"devices": matrix(table)}, priors=spec.priors)
        posterior = tree["posterior"].to_dataset()[["growth", "level", "shock"]]
        offset = mean.reindex(kinds).fillna(0.0).to_numpy()
        posterior["level"] = posterior["level"] + xr.DataArray(offset, dims="kind")
        draws[resource], devices[resource] = posterior, rows
    return ChipStudy(spec, centre, draws, devices, gates)


# -- with density -----------------------------------------------------------------------------


def on_fixed_price(density: Any, chips: Any, rng: np.random.Generator) -> np.ndarray:
    """Yearly growth of ln effective size on a chip of fixed price: the sum of two rates.

    Parameters
    ----------
    density, chips
        Draws of two independent posteriors, 1/year. Their doubling times combine as
        1/T = 1/T_density + 1/T_chip; the rate is the primary quantity.

    Examples
    --------
    A = 0.007 per day and chips doubling in 2.1 years give the published 88 days; the 3.5 months
    published with them give 93.5.

    >>> rng = np.random.default_rng(0)
    >>> chip = np.array([np.log(2) / 2.1])
    >>> for days in (np.log(2) / 0.007, 3.5 * 30.4375):
    ...     rate = on_fixed_price([np.log(2) / days * 365.25], chip, rng)
    ...     print(f"{np.log(2) / rate[0] * 365.25:.1f}")
    87.7
    93.5
    """
    density = np.asarray(density, dtype=float).ravel()
    return density + pair(chips, len(density), rng)


def growth_of_doubling(years: float, low: float | None, high: float | None, prob: float,
                       size: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of a growth rate (1/year) that stand for a published doubling time in years.

    The published interval is taken as that of a normal distribution of the rate; without one
    the rate is taken as known.
    """
    rate = np.log(2) / years
    if low is None or high is None:
        return np.full(size, rate)
    spread = (np.log(2) / low - np.log(2) / high) / (2 * NormalDist().inv_cdf((1 + prob) / 2))
    return rng.normal(rate, spread, size)
