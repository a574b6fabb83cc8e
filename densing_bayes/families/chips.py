"""Chips: what a dollar buys, or a device holds, grows at one rate per kind of device.

ln value = level_kind + growth_kind time + shock late, with Student-t scatter. Growth rates of
kinds are drawn from a common distribution, so that a kind with few devices leans on the others.
``late`` marks prices after the DRAM shortage of late 2025: a constant rate would force later,
higher prices of the same card into the trend.
"""

from __future__ import annotations

from typing import Any

import pymc as pm

from densing_bayes.families.blocks import rv
from densing_bayes.specs import ModelSpec

DEGREES = 4.0  # of the Student t: flagship and budget cards are not one population


def build(arrays: dict[str, Any], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The growth of one resource, by kind of device, as a PyMC graph.

    Parameters
    ----------
    arrays
        ``time`` (years from the middle of the table), ``value`` (ln, less the kind's mean),
        ``kind_index``, ``late`` (0 or 1). All ``pm.Data`` of free length: one compiled model
        serves every resource.
    coords
        Labels of ``kind``.
    spec
        Priors of family ``chips``.
    """
    priors = spec.priors
    with pm.Model(coords=coords) as model:
        data = {name: pm.Data(name, value) for name, value in arrays.items()}
        mean = rv("growth_mean", priors["growth_mean"])
        spread = rv("growth_spread", priors["growth_spread"])
        offset = pm.Normal("growth_offset", 0, 1, dims="kind")
        growth = pm.Deterministic("growth", mean + spread * offset, dims="kind")
        level = rv("level", priors["level"], dims="kind")
        sigma = rv("sigma", priors["sigma"], dims="kind")
        shock = rv("shock", priors["shock"])
        kind = data["kind_index"]
        path = level[kind] + growth[kind] * data["time"] + shock * data["late"]
        term = pm.logp(pm.StudentT.dist(nu=DEGREES, mu=path, sigma=sigma[kind]), data["value"])
        pm.Potential("devices", term.sum())
    return model
