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
from densing_bayes.families.blocks import Mirrored, Packed, Table, pack_priors, rv
from densing_bayes.families.frontier import frontier
from densing_bayes.joint.centring import own_places
from densing_bayes.joint.growth import turns
from densing_bayes.joint.measurement import score_likelihood, source_error
from densing_bayes.joint.ruler import (
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
        From `densing_bayes.joint.data.inputs`: columns of each table, labels of each dimension.
    spec
        Priors and options of family ``densing``.
    """
    with pm.Model(coords=coords, check_bounds=False) as model:
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
        sd_family, omega_family, family_gap = _spread("family", priors["omega"], q_family, c1)
        sd, _, gap = _spread("model", priors["omega"], q, c1)
        # growth of the frontier: level at the mean date, rate, and columns of other regimes
        size = models["log_params"] - setting["mean_log_params"][0]
        middle = (setting["mean_log_params"][0] - c0) / c1
        mean_z = rv("mean_z", priors["level"], shift=middle - family_gap - gap, scale=c1)
        rate_z = rv("rate_z", priors["rate"], scale=c1)
        path = mean_z + rate_z * models["time"]
        path = path + _wander(models["time"], tables, table["knots"], priors) / c1
        if len(coords["column"]):
            weight = pm.Normal("weight", 0, 1, dims="column",
                               initval=np.full(len(coords["column"]), 0.1))
            path = path + pm.math.dot(pt.stack([models[name] for name in coords["column"]], axis=1),
                                      weight) / c1
        base = size / c1 + path

        # families, whose effects have mean zero (their mean gap is in the level), and models
        place, precision = (pm.Data(name, value, dims="model") for name, value in zip(
            ("own_place", "own_precision"), own_places(tables), strict=True))
        of_family = models.index("family")
        one = precision / (1 + precision * sd**2)  # of a model's place about its base
        none = pt.zeros(len(coords["family"]))
        family = _below("family", none, sd_family, q_family,
                        pull=pt.inc_subtensor(none[of_family], one * (place - base)),
                        precision=pt.inc_subtensor(none[of_family], one))
        pm.Deterministic("family_effect", family / omega_family, dims="family")
        mean = base + family[of_family]
        z = pm.Deterministic("z", _below("model", mean, sd, q, pull=precision * (place - mean),
                                         precision=precision), dims="model")

        # what they score: anchored benchmarks by the ruler, linked ones by a logistic in z
        sd_source = source_error(table["contrasts"], priors)
        sd_benchmark = c1 * rv("sd_benchmark_z", priors["sd_benchmark"], scale=c1,
                               dims="benchmark", default_transform=Mirrored())
        nu = 2 + rv("nu", priors["nu"])
        cells = table["anchored"]
        own = ruler.at(cells.index("benchmark"))
        at = c0 + c1 * z[cells.index("model")]
        score_likelihood("anchored", cells, own.score(at), own.slope(at), sd_benchmark, sd_source,
                         nu)
        if len(coords["linked"]):
            cells = table["linked_cells"]
            linked = cells.index("benchmark") - len(coords["anchor"])
            slope, midpoint, headroom = (
                part[linked] for part in _linked_curve(table["linked_benchmarks"], priors, c0, c1))
            chance = table["linked_benchmarks"]["chance"][linked]
            scale = headroom * (1 - chance)
            expected = laws.linked_score(log_size=z[cells.index("model")], slope=slope,
                                         midpoint=midpoint, scale=scale, chance=chance)
            share = (expected - chance) / scale
            score_likelihood("linked", cells, expected, scale * share * (1 - share) * slope / c1,
                             sd_benchmark, sd_source, nu)
    return model


def _wander(time: Any, tables: Columns, knots: Table, priors: dict[str, Packed]) -> Any:
    """Departure of the frontier from its average line (`joint.growth`), ln density."""
    # starting values off the priors' modes: the sampler refuses a gradient of exactly zero
    drift = rv("drift", priors["drift"], initval=0.3)
    # Turned to the directions of which the models say most first, each centred as far as they
    # do: by value the steps form a funnel where the data are silent, by ratio where they speak.
    weight, turn = (pm.Data(name, value) for name, value in zip(
        ("turn_weight", "turn"), turns(tables["knots"], tables["models"]["time"]), strict=True))
    coordinate = pm.Normal("step_coordinate", 0, drift**weight, dims="knot",
                           initval=np.full(len(tables["knots"]["at"]), 0.1))
    step = pm.Deterministic("rate_step", pt.dot(turn, drift ** (1 - weight) * coordinate),
                            dims="knot")
    hinge = pt.maximum(time[:, None] - knots["at"], 0.0)
    line = knots["level"] + knots["slope"] * time[:, None]
    return ((hinge - line) * (knots["scale"] * step)).sum(axis=1)


def _linked_curve(benchmarks: Table, priors: dict[str, Packed], c0: Any, c1: Any,
                  ) -> tuple[Any, Any, Any]:
    """Slope and midpoint (in z) and headroom of every linked benchmark's curve.

    Scores fix where a benchmark reaches its mean score and how steep it is there; slope and
    midpoint themselves follow the ceiling, of which scores say little. So the sampled
    coordinates are that place and that steepness, at the mean's share p of the range.
    """
    headroom = rv("linked_headroom", priors["linked_headroom"], dims="linked")
    p = pt.minimum(benchmarks["mean_share"] / headroom, 0.95)
    steepness = rv("linked_steepness", priors["log_kappa"], shift=pt.log(c1) + pt.log1p(-p),
                   dims="linked")
    log_slope = pm.Deterministic("log_kappa_z", steepness - pt.log1p(-p), dims="linked")
    slope = pt.exp(log_slope)
    lead = (pt.log(p) - pt.log1p(-p)) / slope
    place = rv("linked_place", priors["linked_midpoint"], shift=lead - c0 / c1, scale=c1,
               dims="linked")
    return slope, pm.Deterministic("middle_z", place - lead, dims="linked"), headroom


def _below(name: str, mean: Any, sd: Any, q: Any, *, pull: Any, precision: Any) -> Any:
    """Values below a frontier, about their ``mean``, in coordinates near standard normal.

    Were all normal, a member whose own evidence has ``precision`` and lies at mean +
    ``pull`` / ``precision`` would have the variance v sd^2, v = 1 / (1 + precision sd^2), about
    mean + v sd^2 pull. The coordinate is the distance from there in such sds. So it follows
    scores where they speak and the group where they are silent, and as sd, rate and level move,
    the value moves along. Sampled by value alone, the spread of sparse members forms a funnel; by
    distance from the group alone, that of well-seen ones. A fixed weight between the two
    (Papaspiliopoulos, Roberts & Skold 2007) moves the place only half as far with sd as it has to.
    """
    v, ratio = 1 / (1 + precision * sd**2), pt.sqrt(1 - 2 * q / np.pi)
    root, at = pt.sqrt(v), sd * v * pull  # of r, the deviation from the mean in sds
    y = frontier(f"{name}_coordinate", (pt.sqrt(2 * q / np.pi) / ratio - at) / root,
                 1 / (ratio * root), q, dims=name)
    return mean + sd * (at + root * y)


def _spread(name: str, prior: Packed, q: Any, c1: Any) -> tuple[Any, Any, Any]:
    """Sd, scale omega and mean gap (all in z) of a skew normal, sampled through its sd.

    The sd omega sqrt(1 - 2 q / pi) is what the models' scatter shows; omega itself trades off
    against q.
    """
    ratio = pt.sqrt(1 - 2 * q / np.pi)
    sd = rv(f"sd_{name}_z", prior, scale=c1 / ratio)
    return sd, sd / ratio, sd / ratio * pt.sqrt(2 * q / np.pi)
