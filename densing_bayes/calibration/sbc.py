"""Simulation-based calibration: ranks of the truth among posterior draws.

Draw parameters from the prior, data from the parameters, a posterior from the data. Over many
such rounds the rank of the truth among the posterior's draws is uniform for every quantity, or
something is wrong: sampler, likelihood or simulator (Talts et al. 2018, arXiv 1804.06788;
Modrak et al. 2023, arXiv 2211.02383). Ranks are judged by the largest departure of their
distribution function, scaled at each point (Sailynoja et al. 2022, arXiv 2103.10522), with a
declared rate of false alarms over all quantities together.

The joint model's own priors are wide on purpose and make worlds without any sense (scores all
at chance). The check is exact for any prior as long as simulator and fit share it, so it uses
`narrowed` ones; prior arguments are data of the compiled model.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import stats

from densing_bayes import laws
from densing_bayes.priors import Prior
from densing_bayes.worlds import DIMS, TYPICAL, Columns, Truth, ruler, sizes

RANKS = 49  # posterior draws that the truth is ranked among: fewer than are effective
FALSE_ALARMS = 0.01  # of one run of the check, over all its quantities

# sd of each narrowed prior; half-normals are scaled to the centre, the others are kept
WIDTHS = {
    "log_loss_at_centre": 0.1, "size_share": 0.08, "log_alpha": 0.12, "log_beta": 0.15,
    "headroom": 0.04, "log_steepness": 0.15, "log_midpoint": 0.06, "off_share": 0.08,
    "level": 0.5, "rate": 1.0, "spread_growth": 0.2, "log_kappa": 0.2, "linked_midpoint": 0.7,
    "linked_headroom": 0.04,
}
# about which truths are drawn: half years differ
CENTRE = TYPICAL | {"drift": 0.6}


def narrowed(priors: Mapping[str, Prior], centre: Truth) -> dict[str, Prior]:
    """The priors drawn together about a truth, each of the same distribution as before.

    Parameters
    ----------
    centre
        A single value per parameter, e.g. `CENTRE`.
    """
    out = {}
    for name, prior in priors.items():
        at, sd = float(np.mean(centre.get(name, 0.0))), WIDTHS.get(name)
        if prior.dist == "Normal" and sd:
            args = {"mu": at, "sigma": sd}
        elif prior.dist == "Beta" and sd:
            count = at * (1 - at) / sd**2 - 1
            args = {"alpha": at * count, "beta": (1 - at) * count}
        elif prior.dist == "HalfNormal" and at > 0:  # median 0.674 sigma
            args = {"sigma": at / 0.674}
        else:
            args = dict(prior.args)
        out[name] = Prior(prior.dist, args, prior.unit, "narrowed for calibration")
    return out


def draw_truth(priors: Mapping[str, Prior], columns: Columns, rng: np.random.Generator) -> Truth:
    """A truth from the joint model's prior.

    Ceilings lie above the tables' floors. Rulers on which one of the two reference scores has no
    finite size have no density in the model either: they are drawn again.
    """
    length = sizes(columns)
    floors = {"headroom": columns["anchors"]["floor"],
              "linked_headroom": columns["linked_benchmarks"]["floor"]}

    def drawn(name: str, dim: str) -> Any:
        if name not in floors:
            return priors[name].rvs(rng, length[dim] if dim else None)
        below = priors[name].cdf(np.asarray(floors[name], float))
        return priors[name].ppf(below + (1 - below) * rng.random(length[dim]))

    while True:
        truth = {name: drawn(name, dim) for name, dim in DIMS.items()}
        if valid(truth, columns):
            return truth


def valid(truth: Truth, columns: Columns) -> bool:
    """Whether both reference scores have a finite size on the first ruler."""
    law, curve = ruler(truth, columns)
    at = {name: np.asarray(value).ravel()[0] for name, value in law.items()}
    sigmoid = {name: np.asarray(value).ravel()[0] for name, value in curve.items()}
    setting = columns["setting"]
    with np.errstate(invalid="ignore", divide="ignore"):
        sized = [laws.log_effective_size(
            loss=laws.loss_of_score(score=setting[score][0], **sigmoid),
            tokens=setting["reference_tokens"][0], **at) for score in ("low_score", "high_score")]
    return bool(np.isfinite(sized).all())


# -- ranks ------------------------------------------------------------------------------------


def rank(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How many draws lie below the truth; ``draws`` has them along the first axis.

    Examples
    --------
    >>> int(rank(np.array([0.1, 0.2, 0.3]), np.array(0.25)))
    2
    """
    return (np.asarray(draws) < truth).sum(axis=0)


def departure(ranks: Any, count: int) -> float:
    """Smallest two-sided binomial tail of the ranks' distribution function, over all points.

    Small when too many or too few ranks lie below some point.

    Parameters
    ----------
    ranks
        One per simulation, 0 to ``count``.
    count
        Draws that each truth was ranked among.
    """
    ranks = np.asarray(ranks)
    below = np.cumsum(np.bincount(ranks, minlength=count + 1))[:-1]
    at = np.arange(1, count + 1) / (count + 1)
    low, high = stats.binom.cdf(below, ranks.size, at), stats.binom.sf(below - 1, ranks.size, at)
    return float(2 * np.minimum(low, high).min())


@lru_cache(maxsize=32)
def null_departures(simulations: int, count: int, seed: int = 8, repeats: int = 4000,
                    ) -> np.ndarray:
    """Departures of uniform ranks, sorted: what `departure` does when nothing is wrong."""
    rng = np.random.default_rng(seed)
    return np.sort([departure(rng.integers(0, count + 1, simulations), count)
                    for _ in range(repeats)])


def p_value(ranks: Any, count: int = RANKS) -> float:
    """Probability that uniform ranks depart as far as these.

    By simulation, or, where that is lower, by the bound that no one of the ``count`` points
    departs so far: simulated sets alone could not tell a p-value below one in 4,000, and none of
    many quantities could fail.

    Examples
    --------
    >>> p_value(np.zeros(20, int)) < 1e-20, p_value(np.arange(0, 50, 2)) > 0.5
    (True, True)
    """
    null = null_departures(len(np.asarray(ranks)), count)
    found = departure(ranks, count)
    below = np.searchsorted(null, found * (1 + 1e-9), side="right")
    return float(min((below + 1) / (null.size + 1), count * found))


def band(simulations: int, prob: float, count: int = RANKS) -> tuple[np.ndarray, np.ndarray]:
    """Simultaneous band of the ranks' distribution function, less the diagonal.

    Returns
    -------
    low, high
        At the points 1/(count+1), ..., count/(count+1); uniform ranks stay inside at every
        point with probability ``prob``.
    """
    level = np.quantile(null_departures(simulations, count), 1 - prob) / 2
    at = np.arange(1, count + 1) / (count + 1)
    low = (stats.binom.ppf(level, simulations, at)) / simulations
    high = (stats.binom.isf(level, simulations, at)) / simulations
    return low - at, high - at


def judge(ranks: Mapping[str, Any], count: int = RANKS, false_alarms: float = FALSE_ALARMS,
          ) -> dict[str, Any]:
    """The verdict on all quantities: Holm-Bonferroni keeps the declared rate of false alarms.

    Returns
    -------
    dict
        ``p`` by quantity, ``failed`` (names), ``passed``, ``false_alarms``, ``simulations``.
    """
    p = {name: p_value(values, count) for name, values in ranks.items()}
    failed: list[str] = []
    for step, name in enumerate(sorted(p, key=p.__getitem__)):
        if p[name] > false_alarms / (len(p) - step):
            break
        failed.append(name)
    return {"p": p, "failed": failed, "passed": not failed, "false_alarms": false_alarms,
            "simulations": len(next(iter(ranks.values())))}


def spoilt(draws: np.ndarray, narrow: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """Posterior draws made wrong on purpose: narrowed about their mean, shifted by sds."""
    mean, sd = draws.mean(axis=0), draws.std(axis=0)
    return mean + narrow * (draws - mean) + shift * sd
