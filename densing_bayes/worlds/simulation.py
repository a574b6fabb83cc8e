"""Outcomes of a world: a design and a truth in, losses and scores out."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes import laws
from densing_bayes.joint import curves
from densing_bayes.joint.growth import effects, softplus
from densing_bayes.joint.ruler import law_and_curve
from densing_bayes.observations import helmert
from densing_bayes.parameters import PARAMETERS
from densing_bayes.priors import Prior
from densing_bayes.worlds import twists
from densing_bayes.worlds.twists import PLAIN, Twist

Columns = dict[str, dict[str, Any]]  # tables of the joint model, as from densing_bayes.joint.data
Truth = dict[str, Any]  # parameters by the names of their priors, in natural units

# dimension of each parameter of a truth; a share of the loss that is irreducible is a twist
DIMS = {row.prior: row.dim for row in PARAMETERS
        if row.prior and row.prior != "irreducible_share"}

# a truth that makes data like the shipped ones, with narrower gaps, so that small worlds tell
# something (``level`` is ln density of the frontier at the models' mean date), carried to the
# ladder of `invent`; every half year grows alike
TYPICAL: Truth = {
    "log_loss_at_centre": 0.44, "size_share": 0.61, "log_alpha": -2.42, "log_beta": -1.48,
    "headroom": 0.92, "log_steepness": 2.9, "log_midpoint": -0.67, "sigma_loss": 0.013,
    "sigma_pair": 0.04, "off_share": 0.15, "family_gap": 1.0, "model_gap": 0.6,
    "spread_growth": 0.0, "noise": 0.1, "log_cost_ratio": 0.9, "level": 1.5, "rate": 1.6,
    "drift": 0.0, "trend_spread": 0.2, "tilt_spread": 0.15, "sd_source": 0.02,
    "sd_benchmark": 0.6, "nu": 15.0, "log_kappa": -0.5, "linked_midpoint": 23.4,
    "linked_headroom": 0.92,
}
STILL = -3.0  # a ``rate`` so far below zero that no half year grows: softplus of it is 1e-6


def sizes(columns: Columns) -> dict[str, int]:
    """Length of each dimension of a truth."""
    anchors = len(columns["anchors"]["chance"])
    linked = len(columns["linked_benchmarks"]["chance"])
    return {"anchor": anchors, "linked": linked, "benchmark": anchors + linked}


def fill(truth: Truth, columns: Columns) -> Truth:
    """A truth whose single values are repeated along their dimension."""
    length = sizes(columns)
    return {name: np.broadcast_to(np.asarray(truth[name], float), length[dim]) if dim
            else float(truth[name]) for name, dim in DIMS.items()}


def ruler(truth: Truth, columns: Columns, irreducible: Any = 0.0,
          ) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of `laws.loss` and of `laws.score` per anchor."""
    share = truth["size_share"]
    return law_and_curve({
        "log_loss_at_centre": truth["log_loss_at_centre"], "size_share": share,
        "log_size_slope": truth["log_alpha"] + np.log(share),
        "log_token_slope": truth["log_beta"] + np.log(1 - share),
        "headroom": truth["headroom"], "log_steepness": truth["log_steepness"],
        "log_midpoint": truth["log_midpoint"], "irreducible_share": irreducible,
    }, {name: np.asarray(value, float) for name, value in columns["anchors"].items()})


def expected_scores(truth: Truth, columns: Columns, cells: dict[str, Any], log_size: Any,
                    twist: Twist = PLAIN) -> tuple[np.ndarray, np.ndarray]:
    """Score of each cell on its benchmark's curve, and the score per e-fold there.

    ``log_size`` has the ln effective size of every cell, the benchmarks' own trends included.
    """
    benchmark = np.asarray(cells["benchmark"], int)
    anchors = sizes(columns)["anchor"]
    at = np.asarray(log_size, float) + twist.easier
    if benchmark.size == 0 or benchmark.max() < anchors:
        law, curve = ({name: np.broadcast_to(value, anchors)[benchmark]
                       for name, value in part.items()}
                      for part in ruler(truth, columns, twist.irreducible))
        return curves.anchored(log_size=at, law=law, curve=curve,
                               tokens=columns["setting"]["reference_tokens"][0])
    linked = benchmark - anchors
    chance = np.asarray(columns["linked_benchmarks"]["chance"])[linked]
    return curves.linked(
        log_size=at, slope=np.exp(truth["log_kappa"])[linked],
        midpoint=truth["linked_midpoint"][linked], chance=chance,
        scale=truth["linked_headroom"][linked] * (1 - chance))


def frontier(columns: Columns, latent: Truth, years: Any) -> np.ndarray:
    """True ln density of the frontier at years since LLaMA-1; ``latent`` is from `simulate`."""
    time = np.atleast_1d(np.asarray(years, float)) - columns["setting"]["centre_time"][0]
    return latent["level"] + effects(columns["segments"], time) @ latent["growth"]


@np.errstate(over="ignore")  # far below a curve exp overflows, and the score is chance
def simulate(columns: Columns, truth: Truth, rng: np.random.Generator, twist: Twist = PLAIN,
             *, aside: Prior | None = None) -> tuple[Columns, dict[str, Any]]:
    """Outcomes of a world on a given design.

    Parameters
    ----------
    columns
        Tables of the joint model; their outcomes are not looked at.
    truth
        Parameters; see `TYPICAL` for names and units.
    aside
        Ln density of models that do not count for the frontier, as the joint model has it: the
        prior of ``level``. None: they lie below it like the others.

    Returns
    -------
    tables
        ``ladder``, ``pairs``, ``contrasts``, ``anchored`` and ``linked_cells`` with new
        outcomes (and weight 0 where a cell is missing): arguments of ``Joint.sample``.
    latent
        The truth, with ``log_density``, ``log_effective`` and ``published`` of every model,
        ``family_gaps`` (ln density), ``growth`` of every segment (1/year), the contrasts of the
        benchmarks' own trends, and these, ``trend`` and ``tilt``.
    """
    truth = fill(truth, columns)
    models = {name: np.asarray(value, float) for name, value in columns["models"].items()}
    latent = truth | _growth(columns, truth, rng, twist) | _trends(columns, truth, rng)
    latent |= _densities(columns, models, latent, rng, twist, aside)
    latent["log_effective"] = latent["log_density"] + curves.axis_size(
        models, truth["log_cost_ratio"])
    tables = _ruler_outcomes(columns, truth, rng, twist)

    contrasts = dict(columns["contrasts"])
    at = np.asarray(contrasts["benchmark"], int)
    contrasts["value"] = (truth["sd_source"][at] * contrasts["spread"]
                          * rng.standard_t(3.0, at.size))
    tables["contrasts"] = contrasts

    gains = twists.gains(models["time"], rng, twist)
    moved = (latent["trend"] * models["time"][:, None]
             + latent["tilt"] * models["tilt_size"][:, None]
             + twists.own_ability(models["time"], sizes(columns)["benchmark"], rng, twist))
    for group in ("anchored", "linked_cells"):
        cells = dict(columns[group])
        model, benchmark = (np.asarray(cells[name], int) for name in ("model", "benchmark"))
        size = latent["log_effective"][model] + moved[model, benchmark]
        expected, slope = expected_scores(truth, columns, cells, size, twist)
        variance = (slope * truth["sd_benchmark"][benchmark]) ** 2 + curves.noise_variance(
            expected=expected, items=np.asarray(cells["items"], float),
            replicates=np.asarray(cells["replicates"], float),
            sd_source=truth["sd_source"][benchmark])
        nu = min(2 + truth["nu"], twist.tails)
        cells["score"] = expected + np.sqrt(variance) * rng.standard_t(nu, model.size)
        if group == "anchored":
            cells["score"] = np.minimum(cells["score"] + gains[model], 1.0)
        keep = latent["published"][model] & twists.reported(cells["score"], benchmark, rng, twist)
        cells["weight"] = np.asarray(cells["weight"], float) * keep
        tables[group] = cells
    return tables, latent


def _growth(columns: Columns, truth: Truth, rng: np.random.Generator, twist: Twist) -> Truth:
    """Growth of every half year, 1/year."""
    segments = {name: np.asarray(value) for name, value in columns["segments"].items()}
    middle = segments["start"] + segments["width"] / 2
    free = (truth["rate"] + truth["drift"] * rng.standard_normal(middle.size)
            + 2 * twist.bend * (middle - middle.mean()))
    return {"growth": softplus(free) if columns["setting"]["monotone"][0] else free}


def _trends(columns: Columns, truth: Truth, rng: np.random.Generator) -> Truth:
    """Benchmarks' own trends in date and in size, and the contrasts that they follow from."""
    count = sizes(columns)["benchmark"]
    out: Truth = {}
    for name in ("trend", "tilt"):
        contrast = truth[f"{name}_spread"] * rng.standard_normal(count)
        out |= {f"{name}_contrast": contrast, name: contrast[1:] @ helmert(count)}
    return out


def _densities(columns: Columns, models: dict[str, np.ndarray], truth: Truth,
               rng: np.random.Generator, twist: Twist, aside: Prior | None) -> Truth:
    """Ln density of every model: frontier, less the gaps of its family and its own."""
    family, time = models["family"].astype(int), models["time"]
    when = np.asarray(columns["families"]["time"], float)
    spread = truth["spread_growth"] * columns["setting"]["spreads"][0]

    def exponential(scale: float, size: int) -> np.ndarray:
        return scale * rng.exponential(size=size)

    def half_normal(scale: float, size: int) -> np.ndarray:
        return scale * np.abs(rng.standard_normal(size))

    sd = np.sqrt(1 - 2 / np.pi)  # of a half-normal of scale 1; of an exponential it is the scale
    if twist.swapped:
        of_family = half_normal(truth["family_gap"] / sd, when.size)
        of_model = exponential(truth["model_gap"] * sd, time.size)
    else:
        of_family = exponential(truth["family_gap"], when.size)
        of_model = half_normal(truth["model_gap"], time.size)
    of_family = of_family * np.exp(spread * when)
    noise = rng.standard_normal(time.size)
    if np.isfinite(twist.tails):
        noise = rng.standard_t(twist.tails, time.size) * np.sqrt((twist.tails - 2) / twist.tails)
    laboratory = np.asarray(columns["families"].get("organization", np.arange(when.size) // 4), int)
    shared = twist.developer_sd * rng.standard_normal(laboratory.max() + 1)[laboratory]
    of_all = of_family + twists.lower(when, rng, twist) - shared
    below = of_all[family] + of_model * np.exp(spread * time) - truth["noise"] * noise
    line = truth["level"] + effects(columns["segments"], time) @ truth["growth"]
    density = line - below
    if aside is not None:
        density = np.where(models["eligible"] > 0, density, aside.rvs(rng, time.size))
    return {"log_density": density, "family_gaps": of_family,
            "published": twists.published(time, family, of_all, below, rng, twist)}


def _ruler_outcomes(columns: Columns, truth: Truth, rng: np.random.Generator, twist: Twist,
                    ) -> Columns:
    """Losses of the ladder and scores of the pairs; of some the format is not switched on."""
    law, curve = ruler(truth, columns, twist.irreducible)
    ladder = dict(columns["ladder"])
    at = np.asarray(ladder["anchor"], int)
    loss = laws.loss(params=np.exp(ladder["log_params"]), tokens=np.exp(ladder["log_tokens"]),
                     **{name: value[at] for name, value in law.items()})
    ladder["log_loss"] = np.log(loss) + truth["sigma_loss"][at] * rng.standard_normal(at.size)
    pairs = dict(columns["pairs"])
    at = np.asarray(pairs["anchor"], int)
    score = laws.score(loss=np.asarray(pairs["loss"]),
                       **{name: np.asarray(value)[at] for name, value in curve.items()})
    off = rng.random(at.size) < truth["off_share"][at]
    score = np.where(off, np.asarray(curve["chance"])[at], score)
    pairs["score"] = score + truth["sigma_pair"][at] * rng.standard_normal(at.size)
    return {"ladder": ladder, "pairs": pairs}
