"""Outcomes of a world: a design and a truth in, losses and scores out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from densing_bayes import laws
from densing_bayes.joint.growth import effects
from densing_bayes.joint.ruler import law_and_curve

Columns = dict[str, dict[str, Any]]  # tables of the joint model, as from densing_bayes.joint.data
Truth = dict[str, Any]  # parameters by name, in natural units

# dimension of each parameter of a truth; the priors of ``sd_model`` and ``sd_family`` are those
# of ``omega``, the priors of the others go by the same name
DIMS = {
    "log_loss_at_centre": "anchor", "size_share": "anchor", "log_alpha": "anchor",
    "log_beta": "anchor", "headroom": "anchor", "log_steepness": "anchor",
    "log_midpoint": "anchor", "sigma_loss": "anchor", "sigma_pair": "anchor",
    "level": "", "rate": "", "drift": "", "omega": "", "q": "", "omega_family": "",
    "q_family": "",
    "sd_source": "benchmark", "sd_benchmark": "benchmark", "nu": "",
    "log_kappa": "linked", "linked_midpoint": "linked", "linked_headroom": "linked",
}

# the shipped tables' posterior, rounded: a truth that makes data like the real ones (``level``
# is ln density of the frontier at the models' mean date), carried to the ladder of `invent`
TYPICAL: Truth = {
    "log_loss_at_centre": 0.44, "size_share": 0.61, "log_alpha": -2.42, "log_beta": -1.48,
    "headroom": 0.9, "log_steepness": 2.9, "log_midpoint": -0.67, "sigma_loss": 0.013,
    "sigma_pair": 0.04, "level": 1.0, "rate": 1.6, "drift": 0.0, "omega": 0.6, "q": 0.6,
    "omega_family": 1.5, "q_family": 0.6, "sd_source": 0.02, "sd_benchmark": 0.6, "nu": 15.0,
    "log_kappa": -0.5, "linked_midpoint": 23.4, "linked_headroom": 0.9,
}


@dataclass(frozen=True)
class Twist:
    """What a world does that the joint model does not know of; the default is nothing.

    Parameters
    ----------
    gap
        Distribution of the inefficiency: 'half-normal' or 'exponential' (of the same sd).
    tails
        Degrees of freedom of the noise in densities (same sd) and of the scores' noise.
    developer_sd
        Sd of an effect shared by the families of one developer, in ln density.
    bend
        Second derivative of the frontier over 2, 1/year^2: growth slows (below 0) or speeds up
        about an average that stays the truth's ``rate``.
    contaminated, points
        Share of the models released in the later half that trained on the anchored benchmarks,
        and what they gain there, in score.
    easier
        By how many e-folds of effective size all benchmarks are easier: scores saturate.
    unreported
        Weak scores go unreported: a cell is missing with probability 0.8 below the benchmark's
        30% quantile, 0.1 above it.
    irreducible
        Share of the loss at the ladder's centre that no size or data takes away.
    records_only
        Models more than this far (ln density) below the best so far are published with
        probability 0.25 only (inf: all are published).
    """

    gap: str = "half-normal"
    tails: float = np.inf
    developer_sd: float = 0.0
    bend: float = 0.0
    contaminated: float = 0.0
    points: float = 0.07
    easier: float = 0.0
    unreported: bool = False
    irreducible: float = 0.0
    records_only: float = np.inf


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
                    twist: Twist) -> tuple[np.ndarray, np.ndarray]:
    """Score of each cell on its benchmark's curve, and the score per e-fold there.

    ``log_size`` has the ln effective size of every cell.
    """
    benchmark = np.asarray(cells["benchmark"], int)
    anchors = sizes(columns)["anchor"]

    def curve(size: np.ndarray) -> np.ndarray:
        if benchmark.size == 0 or benchmark.max() < anchors:
            law, sigmoid = ruler(truth, columns, twist.irreducible)
            at = {name: value[benchmark] for name, value in law.items()}
            loss = laws.loss_of_log_size(
                log_size=size, tokens=columns["setting"]["reference_tokens"][0], **at)
            return laws.score(loss=loss, **{name: np.asarray(value)[benchmark]
                                            for name, value in sigmoid.items()})
        linked = benchmark - anchors
        chance = np.asarray(columns["linked_benchmarks"]["chance"])[linked]
        return laws.linked_score(
            log_size=size, slope=np.exp(truth["log_kappa"])[linked],
            midpoint=truth["linked_midpoint"][linked], chance=chance,
            scale=truth["linked_headroom"][linked] * (1 - chance))

    at = np.asarray(log_size, float) + twist.easier
    step = 1e-4
    return curve(at), (curve(at + step) - curve(at - step)) / (2 * step)


def simulate(columns: Columns, truth: Truth, rng: np.random.Generator, twist: Twist = Twist(),
             ) -> tuple[Columns, dict[str, Any]]:
    """Outcomes of a world on a given design.

    Parameters
    ----------
    columns
        Tables of the joint model; their outcomes are not looked at.
    truth
        Parameters; see `TYPICAL` for names and units.

    Returns
    -------
    tables
        ``ladder``, ``pairs``, ``contrasts``, ``anchored`` and ``linked_cells`` with new
        outcomes (and weight 0 where a cell is missing): arguments of ``Joint.sample``.
    latent
        The truth, with ``log_density`` and ``log_effective`` of every model.
    """
    truth = fill(truth, columns)
    models = {name: np.asarray(value) for name, value in columns["models"].items()}
    log_density = _densities(columns, models, truth, rng, twist)
    log_effective = models["log_params"] + log_density
    law, sigmoid = ruler(truth, columns, twist.irreducible)

    ladder = dict(columns["ladder"])
    at = np.asarray(ladder["anchor"], int)
    loss = laws.loss(params=np.exp(ladder["log_params"]), tokens=np.exp(ladder["log_tokens"]),
                     **{name: value[at] for name, value in law.items()})
    ladder["log_loss"] = np.log(loss) + truth["sigma_loss"][at] * rng.standard_normal(at.size)
    pairs = dict(columns["pairs"])
    at = np.asarray(pairs["anchor"], int)
    score = laws.score(loss=np.asarray(pairs["loss"]),
                       **{name: np.asarray(value)[at] for name, value in sigmoid.items()})
    pairs["score"] = score + truth["sigma_pair"][at] * rng.standard_normal(at.size)
    contrasts = dict(columns["contrasts"])
    at = np.asarray(contrasts["benchmark"], int)
    contrasts["value"] = (truth["sd_source"][at] * contrasts["spread"]
                          * rng.standard_t(3.0, at.size))

    tables = {"ladder": ladder, "pairs": pairs, "contrasts": contrasts}
    gains = _contamination(models["time"], rng, twist)
    published = _published(models["time"], log_density, rng, twist)
    for group in ("anchored", "linked_cells"):
        cells = dict(columns[group])
        model, benchmark = (np.asarray(cells[name], int) for name in ("model", "benchmark"))
        expected, slope = expected_scores(truth, columns, cells, log_effective[model], twist)
        spread = expected * (1 - expected)
        sigma = np.sqrt((slope * truth["sd_benchmark"][benchmark]) ** 2
                        + spread / cells["items"]
                        + 4 * spread * truth["sd_source"][benchmark] ** 2 / cells["replicates"])
        nu = min(2 + truth["nu"], twist.tails)
        cells["score"] = expected + sigma * rng.standard_t(nu, model.size)
        if group == "anchored":
            cells["score"] = np.minimum(cells["score"] + gains[model], 1.0)
        keep = published[model] & _reported(cells["score"], benchmark, rng, twist)
        cells["weight"] = np.asarray(cells["weight"], float) * keep
        tables[group] = cells
    return tables, truth | {"log_density": log_density, "log_effective": log_effective}


def _densities(columns: Columns, models: dict[str, np.ndarray], truth: Truth,
               rng: np.random.Generator, twist: Twist) -> np.ndarray:
    """Ln density of every model: frontier, less the gaps of its family and its own."""
    family = models["family"].astype(int)
    count = family.max() + 1

    def below(omega: float, q: float, size: int) -> np.ndarray:
        sd = omega * np.sqrt(q)  # of the normal whose absolute value is the gap
        gap = np.abs(sd * rng.standard_normal(size))
        if twist.gap == "exponential":
            gap = rng.exponential(sd * np.sqrt(1 - 2 / np.pi), size)
        noise = rng.standard_normal(size)
        if np.isfinite(twist.tails):
            noise = rng.standard_t(twist.tails, size) * np.sqrt((twist.tails - 2) / twist.tails)
        return omega * np.sqrt(1 - q) * noise - gap

    of_family = below(truth["omega_family"], truth["q_family"], count)
    developer = rng.integers(0, max(count // 4, 1), count)  # a developer has about four families
    of_family = of_family + twist.developer_sd * rng.standard_normal(count)[developer]
    return (truth["level"] + truth["rate"] * models["time"] + of_family[family]
            + _wander(columns, models["time"], truth, rng, twist)
            + below(truth["omega"], truth["q"], family.size))


def _wander(columns: Columns, time: np.ndarray, truth: Truth, rng: np.random.Generator,
            twist: Twist) -> np.ndarray:
    """Departure of the frontier from its average line: steps of the rate, or a parabola."""
    basis = np.column_stack([np.ones_like(time), time])
    parabola = time**2 - basis @ np.linalg.lstsq(basis, time**2, rcond=None)[0]
    path = twist.bend * parabola
    if truth["drift"] > 0:
        knots = columns["knots"]
        step = truth["drift"] * rng.standard_normal(len(knots["at"]))
        path = path + effects(knots, time) @ step
    return path


def _contamination(time: np.ndarray, rng: np.random.Generator, twist: Twist) -> np.ndarray:
    """What each model gains on the anchored benchmarks by having trained on them."""
    late = time > np.median(time)
    return twist.points * (late & (rng.random(time.size) < twist.contaminated))


def _published(time: np.ndarray, log_density: np.ndarray, rng: np.random.Generator,
               twist: Twist) -> np.ndarray:
    """Which models are heard of."""
    order = np.argsort(time, kind="stable")
    best = np.empty_like(log_density)
    best[order] = np.maximum.accumulate(log_density[order])
    return (log_density > best - twist.records_only) | (rng.random(time.size) < 0.25)


def _reported(score: np.ndarray, benchmark: np.ndarray, rng: np.random.Generator,
              twist: Twist) -> np.ndarray:
    """Which cells are heard of."""
    if not twist.unreported:
        return np.ones(score.size, bool)
    weak = np.zeros(score.size, bool)
    for one in np.unique(benchmark):
        rows = benchmark == one
        weak[rows] = score[rows] < np.quantile(score[rows], 0.3)
    return rng.random(score.size) > np.where(weak, 0.8, 0.1)
