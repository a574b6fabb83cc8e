"""Coverage of the rate's intervals, where the model is right and where it is wrong.

Each world has a known growth of its frontier. Beside the joint model stand the paper's plug-in
chain with the nominal interval of its least squares, and a naive bootstrap of that chain
(models resampled, ruler held). A false acceleration is a change of rate at mid-time declared at
95% where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from densing_bayes.calibration.rig import Rig, observed
from densing_bayes.fitting import case_seed
from densing_bayes.intervals import Interval
from densing_bayes.joint.data import reference_scores
from densing_bayes.plugin import Plugin, plugin, records
from densing_bayes.specs import Sampling
from densing_bayes.trends import hinge
from densing_bayes.worlds import TYPICAL, Twist, simulate

METHODS = ("joint", "plug-in", "bootstrap")
FEWEST = 10  # cases below which nothing is said
SURE = 0.95  # probability at which a change of rate is declared


@dataclass(frozen=True)
class World:
    """A kind of world: its twist, what differs from the typical truth, and what it stands for."""

    what: str
    twist: Twist = field(default_factory=Twist)
    truth: dict[str, float] = field(default_factory=dict)
    shared: bool = False  # the model holds here


WORLDS: dict[str, World] = {
    "as assumed": World("the model holds", shared=True),
    "no growth": World("the model holds and the frontier stands still", truth={"rate": 0.0},
                       shared=True),
    "slowing": World("growth falls by 2.2 per year within the dates, along a parabola",
                     Twist(bend=-0.5)),
    "t noise": World("densities and scores scatter with 3 degrees of freedom", Twist(tails=3.0)),
    "exponential gap": World("inefficiency has an exponential tail", Twist(gap="exponential")),
    "developers": World("families of one developer share an effect of sd 0.8",
                        Twist(developer_sd=0.8)),
    "contamination": World("40% of the later models gain 7 points on the anchored benchmark",
                           Twist(contaminated=0.4)),
    "saturation": World("benchmarks are easier by a factor of 20 in size", Twist(easier=3.0)),
    "missing weak scores": World("80% of scores in a benchmark's lowest 30% go unreported",
                                 Twist(unreported=True)),
    "irreducible loss": World("a fifth of the ladder's loss is irreducible, the ruler has none",
                              Twist(irreducible=0.2)),
    "records reported": World("models 1.5 e-folds below the best so far mostly go unpublished",
                              Twist(records_only=1.5)),
}


def run_world(rig: Rig, name: str, k: int, sampling: Sampling, interval: Interval, *,
              kink: bool, cores: int = 1) -> dict[str, Any]:
    """World number ``k`` of a kind: estimates and intervals of the rate by method.

    Parameters
    ----------
    kink
        Whether to ask also for a change of rate at mid-time (a second fit).
    """
    world = WORLDS[name]
    case = f"world {name} {k}"
    rng = np.random.default_rng(case_seed(sampling.seed, case))
    truth = TYPICAL | world.truth
    tables, _ = simulate(rig.columns, truth, rng, world.twist)
    seen = observed(rig, tables)
    low, high = reference_scores(seen.data)
    setting = dict(rig.columns["setting"]) | {"low_score": [low], "high_score": [high]}
    changes = tables | {"setting": setting}
    refit = rig.fit(case, changes, sampling, cores=cores)
    row: dict[str, Any] = {"world": name, "k": k, "truth": truth["rate"], **refit.health()}
    _say(row, "joint", np.median(refit.derived["rate"]), interval.of(refit.derived["rate"]))
    chain = plugin(seen, tokens=float(setting["reference_tokens"][0]), interval=interval)
    _say(row, "plug-in", chain.rate, (chain.low, chain.high))
    rates, changed = bootstrap(chain, rng)
    _say(row, "bootstrap", np.median(rates), interval.of(rates))
    if kink:
        kinked = rig.fit(f"{case} kink", changes | rig.kinked(), sampling, cores=cores)
        row["joint accelerates"] = bool((kinked.posterior["weight"] > 0).mean() > SURE)
        row["plug-in accelerates"] = accelerates(chain.time[chain.record],
                                                 chain.log_density[chain.record], chain.time)
        row["bootstrap accelerates"] = bool(np.mean(changed > 0) > SURE)
    return row


def _say(row: dict[str, Any], method: str, median: Any, ends: Any) -> None:
    row[method] = {"median": float(median), "low": float(ends[0]), "high": float(ends[1])}


def bootstrap(chain: Plugin, rng: np.random.Generator, repeats: int = 300,
              ) -> tuple[np.ndarray, np.ndarray]:
    """Rate, and change of rate at mid-time, of the plug-in chain over resampled models."""
    rates, changes = [], []
    while len(rates) < repeats:
        at = rng.integers(0, chain.time.size, chain.time.size)
        time, value = chain.time[at], chain.log_density[at]
        kept = records(time, value)
        time, value = time[kept], value[kept]
        if time.size < 3 or np.ptp(time) == 0:
            continue
        rates.append(np.polyfit(time, value, 1)[0])
        basis = _broken_line(time, chain.time)
        changes.append(np.linalg.lstsq(basis, value, rcond=None)[0][2])
    return np.array(rates), np.array(changes)


def accelerates(time: np.ndarray, value: np.ndarray, dates: np.ndarray) -> bool:
    """Whether least squares with a kink at mid-time declares an acceleration at 95%."""
    basis = _broken_line(time, dates)
    if time.size < 5 or np.linalg.matrix_rank(basis) < 3:
        return False
    estimate, left, *_ = np.linalg.lstsq(basis, value, rcond=None)
    variance = float(np.sum(left)) / (time.size - 3) * np.linalg.inv(basis.T @ basis)[2, 2]
    if variance <= 0:
        return False
    return bool(stats.t.sf(estimate[2] / np.sqrt(variance), time.size - 3) < 1 - SURE)


def _broken_line(time: np.ndarray, dates: np.ndarray) -> np.ndarray:
    at = (dates.min() + dates.max()) / 2
    return np.column_stack([np.ones_like(time), time, hinge(time, at)])


def coverage_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per world and method: bias, coverage, width and false accelerations, with errors.

    ``*_se`` are Monte Carlo standard errors (binomial with one success and one failure added
    for shares, so that none is zero).
    """
    out = []
    for name in [world for world in WORLDS if any(row["world"] == world for row in rows)]:
        these = [row for row in rows if row["world"] == name]
        for method in METHODS:
            cells = [(row["truth"], row[method]) for row in these
                     if row[method]["low"] is not None and np.isfinite(row[method]["low"])]
            truth = np.array([one for one, _ in cells])
            median, low, high = (np.array([cell[key] for _, cell in cells])
                                 for key in ("median", "low", "high"))
            hit = (low <= truth) & (truth <= high)
            asked = [row[f"{method} accelerates"] for row in these if f"{method} accelerates"
                     in row]
            out.append({
                "world": name, "method": method, "worlds": len(cells),
                "bias": float((median - truth).mean()),
                "bias_se": float((median - truth).std(ddof=1) / np.sqrt(len(cells)))
                if len(cells) > 1 else np.nan,
                "coverage": float(hit.mean()), "coverage_se": share_error(hit),
                "width": float((high - low).mean()), "asked": len(asked),
                "false_acceleration": float(np.mean(asked)) if asked else np.nan,
                "false_acceleration_se": share_error(asked) if asked else np.nan})
    return pd.DataFrame(out)


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


def share_kept(found: float, promised: float, trials: int, origins: int,
               error: float | None) -> str:
    """Whether forecasts' intervals hold as often as promised.

    By the exact (Clopper-Pearson) interval of the share at two normal standard errors, for as
    many independent trials as the clustered ``error`` stands for; where all or none hold, that
    tells nothing, and forecasts of one origin count as one. Fewer than `FEWEST` leave it open.

    Examples
    --------
    Five of five say little: were 50% the truth, so many would come up once in 16 times.

    >>> share_kept(1.0, 0.5, 5, 5, 0.13), share_kept(1.0, 0.5, 40, 20, 0.03)
    ('open', 'no')
    >>> share_kept(0.55, 0.5, 40, 20, 0.09)
    'yes'
    """
    if error is None or not np.isfinite(error):
        return "open"
    count = float(origins if found in (0.0, 1.0) else min(
        trials, found * (1 - found) / max(error, 1e-9) ** 2))
    if count < FEWEST:
        return "open"
    hits, tail = found * count, stats.norm.sf(2)
    low = stats.beta.ppf(tail, hits, count - hits + 1) if hits > 0 else 0.0
    high = stats.beta.isf(tail, hits + 1, count - hits) if hits < count else 1.0
    return "yes" if low <= promised <= high else "no"


__all__ = ["METHODS", "WORLDS", "World", "accelerates", "bootstrap", "coverage_table",
           "run_world", "share_error", "share_kept"]
