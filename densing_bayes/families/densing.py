"""The joint model: from ladder losses and scores to the growth of the density frontier.

Four links, each in a file of its own: the ruler (`ruler`), the measurement of models
(`measurement`), the frontier (`frontier`) and growth along it (here). All share one latent per
model, its effective size ln N^.

Sampled coordinates. Scores pin a model's place between two reference scores far better than
its ln N^, which carries the whole uncertainty of the ruler. So ln N^ = c0 + c1 z, where c0 and
c0 + c1 are the ruler's log sizes at two reference scores of the first anchored benchmark, and
everything on the size axis (frontier, growth, curves of linked benchmarks) is sampled in z.
Priors are stated in natural units; location and scale carry them over exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from densing_bayes import laws
from densing_bayes.families.blocks import Packed, Table, pack_priors, rv
from densing_bayes.families.frontier import frontier
from densing_bayes.families.measurement import score_likelihood, source_error
from densing_bayes.families.ruler import (
    Ruler,
    held,
    law_and_curve,
    ruler_likelihood,
    sampled_coordinates,
)
from densing_bayes.specs import ModelSpec

Columns = dict[str, dict[str, Any]]


def build(tables: Columns, coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The joint model as a PyMC graph.

    Parameters
    ----------
    tables, coords
        From `densing_bayes.inputs.inputs`: columns of each table, labels of each dimension.
    spec
        Priors and options of family ``densing``.
    """
    with pm.Model(coords=coords) as model:
        priors = pack_priors(spec.priors)
        table = {name: Table(name, columns) for name, columns in tables.items()}
        setting = table["setting"]

        # the ruler
        free = sampled_coordinates(priors, irreducible=spec.options["irreducible"])
        ruler_likelihood(*law_and_curve(free, table["anchors"]), table["ladder"], table["pairs"],
                         priors)
        law, curve = law_and_curve(held(free, table["pins"]), table["anchors"])
        ruler = Ruler(law, curve, setting["reference_tokens"][0])
        low = ruler.at(0).log_size(setting["low_score"][0])
        c0 = pm.Deterministic("c0", low)
        c1 = pm.Deterministic("c1", ruler.at(0).log_size(setting["high_score"][0]) - low)

        # the models: spread below the frontier, of whole families and of single models
        models = table["models"]
        q_family, q = rv("q_family", priors["q"]), rv("q", priors["q"])
        omega_family, family_gap = _spread("family", priors["omega"], q_family, c1)
        omega, gap = _spread("model", priors["omega"], q, c1)
        # effects of families have mean zero; their mean gap is in the level
        family = _partly_centred("family", family_gap, omega_family, q_family,
                                 table["families"]["own_weight"])
        pm.Deterministic("family_effect", family / omega_family, dims="family")

        # growth of the frontier: level at the mean date, rate, and columns of other regimes
        size = models["log_params"] - setting["mean_log_params"][0]
        middle = (setting["mean_log_params"][0] - c0) / c1
        mean_z = rv("mean_z", priors["level"], shift=middle - family_gap - gap, scale=c1)
        rate_z = rv("rate_z", priors["rate"], scale=c1)
        path = mean_z + rate_z * models["time"]
        if len(coords["column"]):
            weight = pm.Normal("weight", 0, 1, dims="column")
            path = path + pm.math.dot(pt.stack([models[name] for name in coords["column"]], axis=1),
                                      weight) / c1
        place = size / c1 + path + family[models.index("family")] + gap
        z = pm.Deterministic("z", _partly_centred("model", place, omega, q, models["own_weight"]),
                             dims="model")

        # what they score: anchored benchmarks by the ruler, linked ones by a logistic in z
        sd_source = source_error(table["contrasts"], priors)
        sd_benchmark = c1 * rv("sd_benchmark_z", priors["sd_benchmark"], scale=c1,
                               dims="benchmark")
        nu = 2 + rv("nu", priors["nu"])
        cells = table["anchored"]
        own = ruler.at(cells.index("benchmark"))
        at = c0 + c1 * z[cells.index("model")]
        score_likelihood("anchored", cells, own.score(at), own.slope(at), sd_benchmark, sd_source,
                         nu)
        if len(coords["linked"]):
            cells = table["linked_cells"]
            linked = cells.index("benchmark") - len(coords["anchor"])
            slope = pt.exp(rv("log_kappa_z", priors["log_kappa"], shift=pt.log(c1),
                              dims="linked"))[linked]
            midpoint = rv("middle_z", priors["linked_midpoint"], shift=-c0 / c1, scale=c1,
                          dims="linked")[linked]
            headroom = rv("linked_headroom", priors["linked_headroom"], dims="linked")[linked]
            chance = table["linked_benchmarks"]["chance"][linked]
            scale = headroom * (1 - chance)
            expected = laws.linked_score(log_size=z[cells.index("model")], slope=slope,
                                         midpoint=midpoint, scale=scale, chance=chance)
            share = (expected - chance) / scale
            score_likelihood("linked", cells, expected, scale * share * (1 - share) * slope / c1,
                             sd_benchmark, sd_source, nu)
    return model


def _partly_centred(name: str, place: Any, omega: Any, q: Any, weight: Any) -> Any:
    """A value below the frontier ``place``, sampled partly centred (Papaspiliopoulos 2007).

    With ``weight`` 1 the value itself is sampled, with 0 its standardised distance from the
    frontier; between, as far as a member's own scores outweigh what the frontier says of it.
    Sampled by value alone, the spread of sparse members forms a funnel.
    """
    y = frontier(f"{name}_coordinate", weight * place, omega**weight, q, dims=name)
    return place + omega ** (1 - weight) * (y - weight * place)


def _spread(name: str, prior: Packed, q: Any, c1: Any) -> tuple[Any, Any]:
    """Scale omega and mean gap (both in z) of a skew normal, sampled through its sd.

    The sd omega sqrt(1 - 2 q / pi) is what the models' scatter shows; omega itself trades off
    against q.
    """
    ratio = pt.sqrt(1 - 2 * q / np.pi)
    omega = rv(f"sd_{name}_z", prior, scale=c1 / ratio) / ratio
    return omega, omega * pt.sqrt(2 * q / np.pi)
