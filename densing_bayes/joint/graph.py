"""The joint model as PyMC says it: from ladder losses and scores to the frontier's growth.

Four links: the ruler (`ruler`), the measurement of models (`measurement`), the gaps below the
frontier, and its growth (here). All share one latent per model, its effective size ln N^.

    ln density_i = f(t_i) - u_family - u_i + v_i

with u_family exponential and u_i half-normal, of scales that grow together in time, and v_i a
little symmetric scatter (Aigner, Lovell & Schmidt 1977; Meeusen & van den Broeck 1977; Caudill,
Ford & Gropper 1995). f is a boundary that does not regress (`growth`).

Sampled coordinates. Scores pin a model's place between two reference scores far better than
its ln N^, which carries the whole uncertainty of the ruler. So ln N^ = c0 + c1 z, where c0 and
c0 + c1 are the ruler's log sizes at two reference scores of the first anchored benchmark, and
everything on the size axis is sampled in z. Priors are stated in natural units; location and
scale carry them over exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from densing_bayes.families.blocks import Mirrored, Packed, Table, pack_priors, rv
from densing_bayes.families.frontier import normal_lcdf
from densing_bayes.joint import curves
from densing_bayes.joint.centring import own_places
from densing_bayes.joint.data import counted
from densing_bayes.joint.growth import effects, turns
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

Columns = dict[str, dict[str, Any]]
MEAN_HALF = np.sqrt(2 / np.pi)  # mean of a half-normal of scale 1


def build(tables: Columns, coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The joint model as a PyMC graph.

    Parameters
    ----------
    tables, coords
        From `densing_bayes.joint.data.inputs`: columns of each table, labels of each dimension.
    spec
        Priors and options of family ``densing``.
    """
    tables = {name: counted(name, columns) for name, columns in tables.items()}
    with pm.Model(coords=coords, check_bounds=False) as model:
        priors = pack_priors(spec.priors)
        table = {name: Table(name, columns) for name, columns in tables.items()}
        setting, models = table["setting"], table["models"]
        time, counts = models["time"], models["eligible"]

        # the ruler
        free = sampled_coordinates(priors, table["anchors"]["floor"],
                                   irreducible=spec.options["irreducible"])
        law, curve = law_and_curve(free, table["anchors"])
        ruler_likelihood(law, curve, table["ladder"], table["pairs"], priors)
        ruler = Ruler(law, curve, setting["reference_tokens"][0])
        low = ruler.at(0).log_size(setting["low_score"][0])
        c0 = pm.Deterministic("c0", low)
        c1 = pm.Deterministic("c1", ruler.at(0).log_size(setting["high_score"][0]) - low)

        # scales of the gaps of families and of models, growing together
        gap_family = rv("gap_family_z", priors["family_gap"], scale=c1)
        gap_model = rv("gap_model_z", priors["model_gap"], scale=c1)
        spread = setting["spreads"][0] * rv("spread_growth", priors["spread_growth"], initval=0.1)
        noise = rv("noise", priors["noise"])

        # sizes that count, and the frontier at each model's date
        cost = rv("log_cost_ratio", priors["log_cost_ratio"])
        size = curves.axis_size(models, cost)
        middle = (setting["mean_size"][0] - c0) / c1
        mean_z = rv("mean_z", priors["level"],
                    shift=middle - gap_family - MEAN_HALF * gap_model, scale=c1)
        growth = _growth(tables, priors, setting, c1)
        path = (size - setting["mean_size"][0] + pt.dot(pt.constant(
            effects(tables["segments"], tables["models"]["time"])), growth)) / c1

        # where models would stand without a gap of their family; those that do not count for
        # the frontier stand about the reference family's density, as far as the prior of its level
        own_gap = counts * gap_model * pt.exp(spread * time)
        own_noise = counts * noise / c1 + (1 - counts) * priors["level"].args["sigma"] / c1
        alone = (priors["level"].args["mu"] + size - c0) / c1
        base = counts * (mean_z + gap_family + MEAN_HALF * (gap_model - own_gap) + path) + (
            1 - counts) * alone
        sd = pt.sqrt(own_gap**2 * (1 - 2 / np.pi) + own_noise**2)

        # benchmarks' own trends, and curves of those without a ladder
        trend, tilt = _own_trends(priors, c1, len(coords["benchmark"]))
        linked = (_linked_curve(table["linked_benchmarks"], priors, c0, c1)
                  if len(coords["linked"]) else None)

        def moved(cells: Table) -> Any:
            """What a benchmark's own trends add to the place of each cell's model."""
            model, benchmark = cells.index("model"), cells.index("benchmark")
            return trend[benchmark] * time[model] + tilt[benchmark] * models["tilt_size"][model]

        # families and models, each about where its own scores put it on these curves
        seen = own_places(tables)
        precision = pm.Data("own_precision", seen.precision, dims="model")
        place = pt.zeros(len(coords["model"]))
        for name, (share, value) in (("anchored", seen.anchored), ("linked_cells", seen.linked)):
            cells = table[name]
            if name == "linked_cells" and linked:
                at = cells.index("benchmark") - len(coords["anchor"])
                value = linked[1][at] + value / linked[0][at]
            place = pt.inc_subtensor(place[cells.index("model")], share * (value - moved(cells)))
        of_family = models.index("family")
        one = counts * precision / (1 + precision * sd**2)  # of a model's place about its base
        none = pt.zeros(len(coords["family"]))
        gap = _family_gaps(
            gap_family * pt.exp(spread * table["families"]["time"]),
            pull=pt.inc_subtensor(none[of_family], one * (base - place)),
            precision=pt.inc_subtensor(none[of_family], one))
        pm.Deterministic("family_gap", gap * c1, dims="family")
        mean = base - counts * gap[of_family]
        z = pm.Deterministic("z", _places(mean, sd, own_gap, own_noise, place, precision),
                             dims="model")

        # what they score: anchored benchmarks by the ruler, linked ones by a logistic in z
        sd_source = source_error(table["contrasts"], priors)
        sd_benchmark = c1 * rv("sd_benchmark_z", priors["sd_benchmark"], scale=c1,
                               dims="benchmark", default_transform=Mirrored())
        nu = 2 + rv("nu", priors["nu"])
        cells = table["anchored"]
        own = ruler.at(cells.index("benchmark"))
        expected, slope = curves.anchored(
            log_size=c0 + c1 * (z[cells.index("model")] + moved(cells)), law=own.law,
            curve=own.curve, tokens=own.tokens)
        score_likelihood("anchored", cells, expected, slope, sd_benchmark, sd_source, nu)
        if linked:
            cells, marks = table["linked_cells"], table["linked_benchmarks"]
            at = cells.index("benchmark") - len(coords["anchor"])
            slope, midpoint, headroom = (part[at] for part in linked)
            chance = marks["chance"][at]
            expected, slope = curves.linked(
                log_size=z[cells.index("model")] + moved(cells), slope=slope, midpoint=midpoint,
                scale=headroom * (1 - chance), chance=chance)
            score_likelihood("linked", cells, expected, slope / c1, sd_benchmark, sd_source, nu)
    return model


def _growth(tables: Columns, priors: dict[str, Packed], setting: Table, c1: Any) -> Any:
    """Growth of each segment, 1/year (`joint.growth`)."""
    rate = c1 * rv("rate_z", priors["rate"], scale=c1, initval=1.0)
    drift = rv("drift", priors["drift"], initval=0.5)
    counts = np.asarray(tables["models"]["eligible"]) > 0
    # Turned to the directions of which the models say most first. Each is sampled by its own
    # value as far as they do, by its distance from the centre in units of drift as far as they do
    # not: by value it forms a funnel where the data are silent, by distance where they speak.
    weight, turn = (pm.Data(name, value) for name, value in zip(
        ("turn_weight", "turn"), turns(effects(
            tables["segments"], np.asarray(tables["models"]["time"])[counts])), strict=True))
    centre = rate * turn.sum(axis=0)  # in each direction
    coordinate = pm.Normal("step_coordinate", weight * centre / drift ** (1 - weight),
                           drift**weight, dims="segment",
                           initval=np.full(len(tables["segments"]["start"]), 0.1))
    free = pt.dot(turn, drift ** (1 - weight) * coordinate + (1 - weight) * centre)
    bent = SOFTNESS * pt.log1pexp(free / SOFTNESS)
    return pm.Deterministic("growth", pt.switch(setting["monotone"][0] > 0, bent, free),
                            dims="segment")


def _family_gaps(scale: Any, *, pull: Any, precision: Any) -> Any:
    """Gaps of families, exponential, in coordinates near standard normal.

    gap = tau softplus(tau pull + y) with tau^-2 = precision + scale^-2: as far as a family's
    models say where it is, near there; else as its prior says; never below zero. The gap moves
    along as the frontier, its growth and the spreads do.
    """
    tau = 1 / pt.sqrt(precision + 1 / scale**2)

    def logp(y: Any, tau: Any, pull: Any, scale: Any) -> Any:
        x = tau * pull + y
        return pt.log(tau / scale) - pt.log1pexp(-x) - tau * pt.log1pexp(x) / scale

    def random(tau: Any, pull: Any, scale: Any, *, rng: np.random.Generator, size: Any) -> Any:
        gap = scale * rng.standard_exponential(size) / tau
        return gap + np.log(-np.expm1(-gap)) - tau * pull  # the inverse of softplus

    y = pm.CustomDist("family_coordinate", tau, pull, scale, logp=logp, dims="family",
                      random=random, support_point=lambda rv, size, tau, pull, scale:
                      pt.zeros_like(tau))
    return tau * pt.log1pexp(tau * pull + y)


def _places(mean: Any, sd: Any, gap: Any, noise: Any, place: Any, precision: Any) -> Any:
    """Places of models below the frontier, skew normal, in coordinates near standard normal.

    Were all normal, a member whose own evidence has ``precision`` and lies at ``place`` would
    have the variance v sd^2, v = 1 / (1 + precision sd^2), about mean + v sd^2 precision (place
    - mean). The coordinate is the distance from there in such sds. So it follows scores where
    they speak and the group where they are silent, and as spreads, growth and level move, the
    value moves along. Sampled by value alone, the spread of sparse members forms a funnel; by
    distance from the group alone, that of well-seen ones.
    """
    root = pt.sqrt(1 / (1 + precision * sd**2))
    start = mean + (sd * root) ** 2 * precision * (place - mean)

    def logp(y: Any, start: Any, step: Any, frontier: Any, gap: Any, noise: Any) -> Any:
        omega = pt.sqrt(gap**2 + noise**2)
        e = (start + step * y - frontier) / omega
        return (np.log(2 / np.sqrt(2 * np.pi)) + pt.log(step / omega) - 0.5 * e**2
                + normal_lcdf(-gap / noise * e))

    def random(start: Any, step: Any, frontier: Any, gap: Any, noise: Any, *,
               rng: np.random.Generator, size: Any) -> Any:
        below, about = np.abs(rng.standard_normal(size)), rng.standard_normal(size)
        return (frontier - gap * below + noise * about - start) / step

    y = pm.CustomDist("model_coordinate", start, sd * root, mean + MEAN_HALF * gap, gap, noise,
                      logp=logp, dims="model", random=random,
                      support_point=lambda rv, size, start, *_: pt.zeros_like(start))
    return start + sd * root * y


def _own_trends(priors: dict[str, Packed], c1: Any, count: int) -> tuple[Any, Any]:
    """Benchmarks' own trends in time and in ln size, in z: about their mean, with equal weights."""
    spreads = [rv(name, priors[name]) for name in ("trend_spread", "tilt_spread")]
    free = [pm.Normal(f"{name}_contrast", 0, spread, dims="benchmark")
            for name, spread in zip(("trend", "tilt"), spreads, strict=True)]
    trend, tilt = (pt.dot(value[1:], helmert(count)) / c1 for value in free)
    return trend, tilt


def _linked_curve(benchmarks: Table, priors: dict[str, Packed], c0: Any, c1: Any,
                  ) -> tuple[Any, Any, Any]:
    """Slope and midpoint (in z) and headroom of every linked benchmark's curve.

    Scores fix where a benchmark reaches its mean score and how steep it is there; slope and
    midpoint themselves follow the ceiling, of which scores say little. So the sampled
    coordinates are that place and that steepness, at the mean's share p of the range.
    """
    headroom = above_floor("linked_headroom", priors["linked_headroom"], benchmarks["floor"],
                           dims="linked")
    p = pt.minimum(benchmarks["mean_share"] / headroom, 0.95)
    steepness = rv("linked_steepness", priors["log_kappa"], shift=pt.log(c1) + pt.log1p(-p),
                   dims="linked")
    log_slope = pm.Deterministic("log_kappa_z", steepness - pt.log1p(-p), dims="linked")
    slope = pt.exp(log_slope)
    lead = (pt.log(p) - pt.log1p(-p)) / slope
    place = rv("linked_place", priors["linked_midpoint"], shift=lead - c0 / c1, scale=c1,
               dims="linked")
    return slope, pm.Deterministic("middle_z", place - lead, dims="linked"), headroom
