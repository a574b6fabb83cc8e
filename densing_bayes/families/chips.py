"""Chips: what a dollar buys, or a device holds, grows at one rate per kind of device.

ln value = level_kind + growth_kind time + shock late, with Student-t scatter. Growth rates of
kinds are drawn from a common distribution, so that a kind with few devices leans on the others.
``late`` marks prices after the DRAM shortage of late 2025: a constant rate would force later,
higher prices of the same card into the trend.
"""

from __future__ import annotations

from typing import Any

import pymc as pm

from densing_bayes.families.blocks import Table, rv
from densing_bayes.specs import ModelSpec

DEGREES = 4.0  # of the Student t: flagship and budget cards are not one population


def build(tables: dict[str, Any], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The growth of one resource, by kind of device, as a PyMC graph.

    Parameters
    ----------
    tables
        ``devices``: time (years from the middle of the table), value (ln, less the kind's
        mean), kind (index), late (0 or 1). Of free length: one compiled model serves every
        resource.
    coords
        Labels of ``kind``.
    spec
        Priors of family ``chips``.
    """
    priors = spec.priors
    with pm.Model(coords=coords) as model:
        devices = Table("devices", tables["devices"])
        mean = rv("growth_mean", priors["growth_mean"])
        spread = rv("growth_spread", priors["growth_spread"])
        offset = pm.Normal("growth_offset", 0, 1, dims="kind")
        growth = pm.Deterministic("growth", mean + spread * offset, dims="kind")
        level = rv("level", priors["level"], dims="kind")
        sigma = rv("sigma", priors["sigma"], dims="kind")
        shock = rv("shock", priors["shock"])
        kind = devices.index("kind")
        path = level[kind] + growth[kind] * devices["time"] + shock * devices["late"]
        term = pm.logp(pm.StudentT.dist(nu=DEGREES, mu=path, sigma=sigma[kind]), devices["value"])
        pm.Potential("about_trend", term.sum())
    return model
