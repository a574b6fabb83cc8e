"""The joint model in natural parameters: what one writes before looking at how it mixes.

ln N^ of every model, level, rate, scales and curves are sampled as they are named; families and
models lie centred on the frontier. Likelihood and priors are the package's own
(`densing_bayes.families`), the posterior is the same; names are those of the package's
coordinates, so that all peers share one starting point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from densing_bayes import laws
from densing_bayes.families.blocks import Table, pack_priors, rv
from densing_bayes.families.frontier import frontier
from densing_bayes.joint.growth import effects
from densing_bayes.joint.measurement import score_likelihood, source_error
from densing_bayes.joint.ruler import (
    Ruler,
    law_and_curve,
    ruler_likelihood,
    sampled_coordinates,
)
from densing_bayes.specs import ModelSpec


def build(tables: dict[str, dict[str, Any]], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The model; arguments as of `densing_bayes.joint.graph.build`."""
    with pm.Model(coords=coords, check_bounds=False) as model:
        priors = pack_priors(spec.priors)
        used = [name for name in tables if name not in ("setting", "pins", "knots", "families")]
        table = {name: Table(name, tables[name]) for name in used}
        setting = {name: float(value[0]) for name, value in tables["setting"].items()}
        free = sampled_coordinates(priors, irreducible=False)
        law, curve = law_and_curve(free, table["anchors"])
        ruler_likelihood(law, curve, table["ladder"], table["pairs"], priors)
        ruler = Ruler(law, curve, setting["reference_tokens"])

        q_family, q = rv("q_family", priors["q"]), rv("q", priors["q"])
        omega_family = rv("sd_family_z", priors["omega"])
        omega = rv("sd_model_z", priors["omega"])
        # off the point at which a gradient is exactly zero, which nutpie refuses
        family = frontier("family_coordinate", 0.0, omega_family, q_family, dims="family",
                          initval=np.full(len(coords["family"]), -0.3))
        level, rate = rv("mean_z", priors["level"]), rv("rate_z", priors["rate"])
        drift = rv("drift", priors["drift"], initval=0.3)
        step = pm.Normal("step_coordinate", 0, drift, dims="knot",
                         initval=np.full(len(coords["knot"]), 0.1))
        time = np.asarray(tables["models"]["time"], float)
        path = level + rate * time + pm.math.dot(effects(tables["knots"], time), step)
        models = table["models"]
        place = (models["log_params"] - setting["mean_log_params"] + path
                 + family[models.index("family")])
        log_size = setting["mean_log_params"] + frontier("model_coordinate", place, omega, q,
                                                         dims="model")

        sd_source = source_error(table["contrasts"], priors)
        sd_benchmark = rv("sd_benchmark_z", priors["sd_benchmark"], dims="benchmark")
        nu = 2 + rv("nu", priors["nu"])
        cells = table["anchored"]
        own, at = ruler.at(cells.index("benchmark")), log_size[cells.index("model")]
        score_likelihood("anchored", cells, own.score(at), own.slope(at), sd_benchmark, sd_source,
                         nu)
        if len(coords["linked"]):
            cells = table["linked_cells"]
            linked = cells.index("benchmark") - len(coords["anchor"])
            slope = pt.exp(rv("linked_steepness", priors["log_kappa"], dims="linked"))[linked]
            midpoint = setting["mean_log_params"] + rv(
                "linked_place", priors["linked_midpoint"], shift=-setting["mean_log_params"],
                scale=pt.constant(1.0), dims="linked")
            headroom = rv("linked_headroom", priors["linked_headroom"], dims="linked")
            chance = table["linked_benchmarks"]["chance"][linked]
            scale = headroom[linked] * (1 - chance)
            expected = laws.linked_score(log_size=log_size[cells.index("model")], slope=slope,
                                         midpoint=midpoint[linked], scale=scale, chance=chance)
            share = (expected - chance) / scale
            score_likelihood("linked", cells, expected, scale * share * (1 - share) * slope,
                             sd_benchmark, sd_source, nu)
        pm.Deterministic("level", level - rate * setting["centre_time"])
    return model
