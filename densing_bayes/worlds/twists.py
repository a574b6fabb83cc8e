"""What a world does that the joint model does not know of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LATE = 0.25  # share of the calendar, at its end, in which newcomers are weak
LEFT = 0.3  # share of the calendar, at its end, in which strong laboratories publish nothing
WEAK = 1.5  # ln density below the frontier beyond which a model may stay unpublished


@dataclass(frozen=True)
class Twist:
    """Departures from the joint model; the default is none.

    Parameters
    ----------
    swapped
        Gaps of families are half-normal and those of models exponential, each of the sd that the
        model's own distribution has.
    tails
        Degrees of freedom of the noise in densities (same sd) and of the scores' noise.
    developer_sd
        Sd of an effect shared by the families of one laboratory, ln density.
    bend
        Second derivative of the frontier over 2, 1/year^2: growth slows (below 0) or speeds up.
    late_weak
        By how much five of six families that enter in the last quarter of the dates lie lower
        (ln density).
    strong_leave
        Share of the stronger half of the families that publishes nothing in the last 30% of the
        dates.
    weak_hidden
        Probability with which, at the end, a model more than 1.5 below the frontier (ln density)
        goes unpublished; at the beginning none does, between it grows in proportion.
    apart
        Growth of every other benchmark over the rest, 1/year, beside a second ability (sd 0.5,
        ln effective size) that each model has on them.
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
    """

    swapped: bool = False
    tails: float = np.inf
    developer_sd: float = 0.0
    bend: float = 0.0
    late_weak: float = 0.0
    strong_leave: float = 0.0
    weak_hidden: float = 0.0
    apart: float = 0.0
    contaminated: float = 0.0
    points: float = 0.07
    easier: float = 0.0
    unreported: bool = False
    irreducible: float = 0.0


PLAIN = Twist()  # the model holds


def at_the_end(time: np.ndarray, share: float) -> np.ndarray:
    """Which times lie in the last share of the calendar that all of them span.

    Examples
    --------
    >>> at_the_end(np.array([0.0, 1.0, 2.0, 4.0]), 0.5).tolist()
    [False, False, True, True]
    """
    return time >= time.max() - share * np.ptp(time)


def lower(time: np.ndarray, rng: np.random.Generator, twist: Twist) -> np.ndarray:
    """What newcomers of each family lie lower (ln density), by the times at which they enter."""
    weak = at_the_end(time, LATE) & (rng.random(time.size) < 5 / 6)
    return twist.late_weak * weak


def published(time: np.ndarray, family: np.ndarray, family_gap: np.ndarray, below: np.ndarray,
              rng: np.random.Generator, twist: Twist) -> np.ndarray:
    """Which models are heard of; ``below`` has the whole distance from the frontier."""
    chance, leaver = rng.random(time.size), rng.random(family_gap.size)
    leaves = (family_gap < np.median(family_gap)) & (leaver < twist.strong_leave)
    late = (time - time.min()) / max(np.ptp(time), 1e-9)
    hidden = (below > WEAK) & (chance < twist.weak_hidden * late)
    return ~hidden & ~(leaves[family] & at_the_end(time, LEFT))


def reported(score: np.ndarray, benchmark: np.ndarray, rng: np.random.Generator,
             twist: Twist) -> np.ndarray:
    """Which cells are heard of."""
    chance = rng.random(score.size)
    if not twist.unreported:
        return np.ones(score.size, bool)
    weak = np.zeros(score.size, bool)
    for one in np.unique(benchmark):
        rows = benchmark == one
        weak[rows] = score[rows] < np.quantile(score[rows], 0.3)
    return chance > np.where(weak, 0.8, 0.1)


def gains(time: np.ndarray, rng: np.random.Generator, twist: Twist) -> np.ndarray:
    """What each model gains on the anchored benchmarks by having trained on them, in score."""
    late = time > np.median(time)
    return twist.points * (late & (rng.random(time.size) < twist.contaminated))


def own_ability(time: np.ndarray, benchmarks: int, rng: np.random.Generator, twist: Twist,
                ) -> np.ndarray:
    """What benchmarks add to each model's ln effective size, (model, benchmark), mean zero."""
    side = np.where(np.arange(benchmarks) % 2 == 1, 1.0, 0.0)
    second = twist.apart * time + 0.5 * rng.standard_normal(time.size) * (twist.apart != 0)
    return second[:, None] * (side - side.mean())
