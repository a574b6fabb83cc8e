"""Coverage of the frontier's growth, and false claims, where the model is right and wrong.

Each world has a known frontier. Beside the joint model stand the paper's plug-in chain with the
nominal interval of its least squares, and a naive bootstrap of that chain (models resampled,
ruler held). Claims of the report are scored with it: that the frontier grew, and that it grew
slowly in the last twelve months; and that it grew slower in these than before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.calibration.rig import made, refit
from densing_bayes.fitting import case_seed
from densing_bayes.joint.quantities import growth_between, years_of
from densing_bayes.plugin import Plugin, plugin, records
from densing_bayes.specs import ModelSpec, Sampling
from densing_bayes.worlds import TYPICAL, Twist, frontier
from densing_bayes.worlds.simulation import STILL

METHODS = ("joint", "plug-in", "bootstrap")
NONE = 0.1  # 1/year; growth below that is none
SLOW = 0.35  # 1/year; growth below that is slow, a doubling in two years
# claims, as `densing_bayes.questions.frontier` makes them: words, probability, from where on
CLAIMS = {
    "the frontier grew": ("p_grows", 0.975),
    "the last twelve months grew slower than a doubling in two years": ("p_slow", 0.95),
    "the last twelve months grew slower than the time before": ("p_slower", 0.95),
}


@dataclass(frozen=True)
class World:
    """A kind of world: its twist, what differs from `TRUTH`, and what it stands for."""

    what: str
    twist: Twist = field(default_factory=Twist)
    truth: dict[str, float] = field(default_factory=dict)
    shared: bool = False  # the model holds here


# gaps, own views and trends as wide as in the shipped tables' posterior, rounded
TRUTH = TYPICAL | {"family_gap": 1.6, "model_gap": 1.0, "sd_benchmark": 0.5, "tilt_spread": 0.3,
                   "off_share": 0.2, "nu": 5.0}
NO_GROWTH = {"rate": STILL}
WORLDS: dict[str, World] = {
    "as assumed": World("the model holds", shared=True),
    "no growth": World("the model holds and the frontier stands still", truth=NO_GROWTH,
                       shared=True),
    "wandering": World("the model holds and half years differ (sd 1.5 per year)",
                       truth={"drift": 1.5}, shared=True),
    "spread grows": World("the model holds and gaps widen by 0.4 per year",
                          truth={"spread_growth": 0.4}, shared=True),
    "spread grows, no growth": World("gaps widen by 0.4 per year below a frontier that stands "
                                     "still", truth={"spread_growth": 0.4, **NO_GROWTH},
                                     shared=True),
    "slowing": World("growth falls by 2.2 per year within the dates", Twist(bend=-0.4)),
    "weak newcomers": World("five of six late families lie 2.2 lower", Twist(late_weak=2.2)),
    "weak newcomers, no growth": World("the same below a frontier that stands still",
                                       Twist(late_weak=2.2), NO_GROWTH),
    "the strong leave": World("80% of the stronger families publish nothing in the last third",
                              Twist(strong_leave=0.8)),
    "the strong leave, no growth": World("the same below a frontier that stands still",
                                         Twist(strong_leave=0.8), NO_GROWTH),
    "the weak hide": World("weak models are less and less published, at the end one in five",
                           Twist(weak_hidden=0.8)),
    "abilities apart": World("half the benchmarks grow 0.6 per year faster, and models have a "
                             "second ability on them", Twist(apart=0.6)),
    "floor of the loss": World("a fifth of the ladder's loss is irreducible, the ruler has none",
                               Twist(irreducible=0.2)),
    "gaps swapped": World("families' gaps are half-normal, models' exponential",
                          Twist(swapped=True)),
    "t noise": World("densities and scores scatter with 3 degrees of freedom", Twist(tails=3.0)),
    "developers": World("families of one laboratory share an effect of sd 0.8",
                        Twist(developer_sd=0.8)),
    "contamination": World("40% of the later models gain 7 points on the anchored benchmark",
                           Twist(contaminated=0.4)),
    "saturation": World("benchmarks are easier by a factor of 20 in size", Twist(easier=3.0)),
    "missing weak scores": World("80% of scores in a benchmark's lowest 30% go unreported",
                                 Twist(unreported=True)),
}


def run_world(spec: ModelSpec, name: str, k: int, sampling: Sampling, *, models: int,
              cores: int = 1) -> dict[str, Any]:
    """World number ``k`` of a kind: estimates and intervals of its growth, and the claims."""
    world = WORLDS[name]
    case = f"world {name} {k}"
    rng = np.random.default_rng(case_seed(sampling.seed, case))
    one = made(spec, rng, TRUTH | world.truth, world.twist, models)
    fit = refit(one.joint, case, sampling, cores=cores)
    since, until = window(fit.derived)
    path = frontier(one.design, one.latent, [since, until - 1, until])
    interval = spec.interval
    row: dict[str, Any] = {"world": name, "k": k, "truth": (path[2] - path[0]) / (until - since),
                           **fit.health(), **claims(fit.derived),
                           "last": path[2] - path[1],
                           "before": (path[1] - path[0]) / (until - 1 - since)}
    rate = fit.derived["rate"].values.ravel()
    _say(row, "joint", np.median(rate), interval.of(rate))
    chain = plugin(one.joint.observations, tokens=float(spec.options["reference_tokens"]),
                   interval=interval)
    _say(row, "plug-in", chain.rate, (chain.low, chain.high))
    rates = bootstrap(chain, rng)
    _say(row, "bootstrap", np.median(rates), interval.of(rates))
    return row


def window(derived: xr.Dataset) -> tuple[float, float]:
    """First and last release of the models that count, in years since LLaMA-1, not before it."""
    time = years_of(derived["date"].values[derived["eligible"].values])
    return max(0.0, float(time.min())), float(time.max())


def claims(derived: xr.Dataset) -> dict[str, float]:
    """Probabilities on which the `CLAIMS` rest."""
    since, until = window(derived)
    last = growth_between(derived, until - 1, until)
    before = growth_between(derived, since, until - 1)
    return {"p_grows": float((derived["rate"] > NONE).mean()),
            "p_slow": float((last < SLOW).mean()), "p_slower": float((last < before).mean())}


def _say(row: dict[str, Any], method: str, median: Any, ends: Any) -> None:
    row[method] = {"median": float(median), "low": float(ends[0]), "high": float(ends[1])}


def bootstrap(chain: Plugin, rng: np.random.Generator, repeats: int = 300) -> np.ndarray:
    """Rates of the plug-in chain over resampled models."""
    rates: list[float] = []
    for _ in range(20 * repeats):
        at = rng.integers(0, chain.time.size, chain.time.size)
        time, value = chain.time[at], chain.log_density[at]
        kept = records(time, value)
        time, value = time[kept], value[kept]
        if time.size >= 3 and np.ptp(time) > 0:
            rates.append(np.polyfit(time, value, 1)[0])
        if len(rates) == repeats:
            break
    return np.array(rates) if rates else np.array([np.nan])


def covers(truth: Any, low: Any, high: Any) -> np.ndarray:
    """Whether intervals hold the truth; where nothing grows, whether they reach below `NONE`.

    A frontier that does not regress has no negative growth, and no interval reaches exactly 0.

    Examples
    --------
    >>> covers(np.array([1.0, 1.0, 0.0]), np.array([0.9, 1.1, 0.02]), np.array([1.5, 1.5, 0.4]))
    array([ True, False,  True])
    """
    truth = np.asarray(truth)
    return (np.where(truth < NONE, low < NONE, low <= truth)) & (truth <= high)


def coverage_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per world and method: bias, coverage, width and false claims, with errors.

    ``*_se`` are Monte Carlo standard errors (binomial with one success and one failure added
    for shares, so that none is zero). Claims are the joint model's: ``says_grows``, ``says_slow``
    and ``says_slower`` are how often they were made, right or not.
    """
    out = []
    for name in [world for world in WORLDS if any(row["world"] == world for row in rows)]:
        these = [row for row in rows if row["world"] == name]
        for method in METHODS:
            cells = [(row["truth"], row[method]) for row in these
                     if row[method]["low"] is not None and np.isfinite(row[method]["low"])]
            if not cells:
                continue
            truth = np.array([one for one, _ in cells])
            median, low, high = (np.array([cell[key] for _, cell in cells])
                                 for key in ("median", "low", "high"))
            hit = covers(truth, low, high)
            says = {key.replace("p_", "says_"): float(np.mean([row[key] > sure for row in these]))
                    for key, sure in CLAIMS.values()}
            out.append({
                "world": name, "method": method, "worlds": len(cells),
                "bias": float((median - truth).mean()),
                "bias_se": float((median - truth).std(ddof=1) / np.sqrt(len(cells)))
                if len(cells) > 1 else np.nan,
                "coverage": float(hit.mean()), "coverage_se": share_error(hit),
                "width": float((high - low).mean()),
                **(says if method == "joint" else {})})
    return pd.DataFrame(out)


def pooled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Coverage by method over all kinds of worlds in which the model holds, and over the others.

    Parameters
    ----------
    rows
        Of `coverage_table`.
    """
    out = []
    for shared, where in ((True, "where the model holds"), (False, "where it is wrong")):
        for method in METHODS:
            these = [row for row in rows if row["method"] == method
                     and WORLDS[row["world"]].shared == shared]
            count = sum(row["worlds"] for row in these)
            hits = round(sum(row["coverage"] * row["worlds"] for row in these))
            if count:
                out.append({"where": where, "shared": shared, "method": method, "worlds": count,
                            "kinds": len(these), "hits": hits, "coverage": hits / count,
                            "coverage_se": share_error(np.arange(count) < hits)})
    return out


def false_claims(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How often each claim was made in worlds where it is false, over all kinds together.

    Growth of the last year that equals that before to 0.001 per year is not slower.
    """
    false = {"p_grows": lambda row: row["truth"] < NONE, "p_slow": lambda row: row["last"] >= SLOW,
             "p_slower": lambda row: row["last"] >= row["before"] - 1e-3}
    out = []
    for claim, (key, sure) in CLAIMS.items():
        asked = [row[key] > sure for row in rows if false[key](row)]
        if asked:
            out.append({"claim": claim, "worlds": len(asked), "share": float(np.mean(asked)),
                        "share_se": share_error(asked)})
    return out


def share_error(hits: Any) -> float:
    """Standard error of a share, never zero (Agresti and Coull's two added trials).

    Examples
    --------
    >>> round(share_error([True] * 90 + [False] * 10), 3)
    0.031
    """
    hits = np.asarray(hits, bool)
    share = (hits.sum() + 1) / (hits.size + 2)
    return float(np.sqrt(share * (1 - share) / (hits.size + 2)))
