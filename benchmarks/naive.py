"""The joint model in natural parameters: what one writes before looking at how it mixes.

ln N^ of every model, gaps of families, level, growth of every half year, scales and curves are
sampled as they are named. The posterior is that of `densing_bayes.joint.graph`; names are those of
the package's coordinates, so that all peers share one starting point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from benchmarks.peers.data import of_growth
from densing_bayes.families.blocks import Table, pack_priors, rv
from densing_bayes.families.frontier import normal_lcdf
from densing_bayes.joint import curves
from densing_bayes.joint.data import counted
from densing_bayes.joint.kernel.layout import SOFTNESS
from densing_bayes.joint.measurement import score_likelihood, source_error
from densing_bayes.joint.ruler import (
    Ruler,
    above_floor,
    law_and_curve,
    ruler_likelihood,
    sampled_coordinates,
)
from densing_bayes.observations import helmert
from densing_bayes.specs import ModelSpec


def below(value: Any, frontier: Any, gap: Any, noise: Any) -> Any:
    """Log density of frontier - u + v: u half-normal of scale ``gap``, v normal."""
    omega = pt.sqrt(gap**2 + noise**2)
    e = (value - frontier) / omega
    return (np.log(2 / np.sqrt(2 * np.pi)) - pt.log(omega) - 0.5 * e**2
            + normal_lcdf(-gap / noise * e))


def build(tables: dict[str, dict[str, Any]], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The model in its shipped form; arguments as of `densing_bayes.joint.graph.build`."""
    tables = {name: counted(name, columns) for name, columns in tables.items()}
    setting = {name: float(value[0]) for name, value in tables["setting"].items()}
    told = of_growth(tables["segments"], tables["models"], setting["centre_time"], natural=True)
    with pm.Model(coords=coords, check_bounds=False) as model:
        priors = pack_priors(spec.priors)
        table = {name: Table(name, columns) for name, columns in tables.items()}
        free = sampled_coordinates(priors, table["anchors"]["floor"], irreducible=False)
        law, curve = law_and_curve(free, table["anchors"])
        ruler_likelihood(law, curve, table["ladder"], table["pairs"], priors)
        ruler = Ruler(law, curve, setting["reference_tokens"])

        models = table["models"]
        time, counts = models["time"], models["eligible"]
        gap_family = rv("gap_family_z", priors["family_gap"])
        gap_model = rv("gap_model_z", priors["model_gap"])
        spread = rv("spread_growth", priors["spread_growth"], initval=0.1)
        noise, level = rv("noise", priors["noise"]), rv("mean_z", priors["level"])
        size = curves.axis_size(models, rv("log_cost_ratio", priors["log_cost_ratio"]))
        rate, drift = rv("rate_z", priors["rate"], initval=1.0), rv(
            "drift", priors["drift"], initval=0.5)
        each = pm.Normal("step_coordinate", rate, drift, dims="segment")
        growth = pm.Deterministic("growth", SOFTNESS * pt.log1pexp(each / SOFTNESS),
                                  dims="segment")
        gap = pm.Exponential("family_coordinate", dims="family", lam=1 / (
            gap_family * pt.exp(spread * table["families"]["time"])))
        path = level + pt.dot(told["effect"], growth)
        alone = priors["level"].args
        frontier = size - setting["mean_size"] + counts * (
            path - gap[models.index("family")]) + (1 - counts) * alone["mu"]
        z = pm.CustomDist(
            "model_coordinate", frontier, counts * gap_model * pt.exp(spread * time),
            counts * noise + (1 - counts) * alone["sigma"], logp=below, dims="model",
            support_point=lambda rv, size, frontier, gap, noise: frontier - 0.5 * gap)
        log_size = setting["mean_size"] + z

        trend, tilt = (pt.dot(pm.Normal(f"{name}_contrast", 0, rv(
            f"{name}_spread", priors[f"{name}_spread"]), dims="benchmark")[1:],
            helmert(len(coords["benchmark"]))) for name in ("trend", "tilt"))

        def place(cells: Table) -> Any:
            model, benchmark = cells.index("model"), cells.index("benchmark")
            return (log_size[model] + trend[benchmark] * time[model]
                    + tilt[benchmark] * models["tilt_size"][model])

        sd_source = source_error(table["contrasts"], priors)
        sd_benchmark = rv("sd_benchmark_z", priors["sd_benchmark"], dims="benchmark")
        nu = 2 + rv("nu", priors["nu"])
        cells = table["anchored"]
        own = ruler.at(cells.index("benchmark"))
        score_likelihood("anchored", cells, *curves.anchored(
            log_size=place(cells), law=own.law, curve=own.curve, tokens=own.tokens),
            sd_benchmark, sd_source, nu)
        cells, marks = table["linked_cells"], table["linked_benchmarks"]
        at = cells.index("benchmark") - len(coords["anchor"])
        slope = pt.exp(rv("linked_steepness", priors["log_kappa"], dims="linked"))[at]
        middle = setting["mean_size"] + rv(
            "linked_place", priors["linked_midpoint"], shift=-setting["mean_size"],
            scale=pt.constant(1.0), dims="linked")
        chance = marks["chance"][at]
        headroom = above_floor("linked_headroom", priors["linked_headroom"], marks["floor"],
                               dims="linked")[at]
        score_likelihood("linked", cells, *curves.linked(
            log_size=place(cells), slope=slope, midpoint=middle[at],
            scale=headroom * (1 - chance), chance=chance), sd_benchmark, sd_source, nu)
        pm.Deterministic("level", level - pt.dot(growth, told["level_weight"]))
        pm.Deterministic("rate", pt.dot(growth, told["rate_weight"]))
        pm.Deterministic("gap_family", gap_family)
        pm.Deterministic("gap_model", gap_model)
    return model
