"""Shapes that a path may take beyond a straight line: one small class each.

A shape says which columns it adds to the path, their slopes, the candidates among which it
chooses (dates, widths, scales), and how large its sizes are beforehand. A regime of another
shape is another class here and one line in `densing_bayes.breakpoints.designs.regimes_for`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import override

import numpy as np
from scipy.special import expit

from densing_bayes.priors import Prior
from densing_bayes.trends import hinge

Candidate = tuple[float, ...]  # in standard time, -1/2 at the first point and 1/2 at the last
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Shape:
    """A straight line; parent of all others.

    Attributes
    ----------
    sizes
        How many numbers say how far the path departs from its line.
    turns
        Whether the rate can differ before and after.
    straight
        Whether a column's own line is taken off it, so that ``rate`` is the mean rate. Not of a
        jump: there the rate is the slope on either side.
    shared
        Whether candidates differ in the scale of their sizes only, not in their columns.
    """

    sizes = 0
    turns = False
    straight = True
    shared = False

    def candidates(self, dates: tuple[float, ...]) -> list[Candidate]:
        """What there is to choose from, given the regime's dates in standard time."""
        return [()]

    def log_prior(self, at: Candidate) -> float:
        """Log probability of a candidate beforehand, up to a constant: even."""
        return 0.0

    def scale(self, at: Candidate, priors: Mapping[str, Prior]) -> float:
        """Prior sd of each size."""
        return priors["change"].args["sigma"]

    def columns(self, time: np.ndarray, at: Candidate, start: float, end: float) -> Pair:
        """Columns and their slopes at some times, (size, time) each."""
        return np.zeros((0, len(time))), np.zeros((0, len(time)))

    def ends(self, at: Candidate, start: float, end: float) -> np.ndarray:
        """Slopes of the columns before and after the change, (size, 2)."""
        return self.columns(np.array([start, end]), at, start, end)[1]


@dataclass(frozen=True)
class Kink(Shape):
    """The rate changes at one date."""

    sizes = 1
    turns = True

    @override
    def candidates(self, dates: tuple[float, ...]) -> list[Candidate]:
        return [(date,) for date in dates]

    @override
    def columns(self, time: np.ndarray, at: Candidate, start: float, end: float) -> Pair:
        dates = np.array(at)[:, None]
        return hinge(time, dates), (time >= dates).astype(float)

    @override
    def ends(self, at: Candidate, start: float, end: float) -> np.ndarray:
        return np.tile([0.0, 1.0], (self.sizes, 1))  # also where a date lies outside the data


@dataclass(frozen=True)
class Kinks(Kink):
    """The rate changes at several dates: at all that are given, or at unknown ones.

    Parameters
    ----------
    sizes
        At how many.
    given
        Whether the dates are known.
    """

    sizes: int = 2
    given: bool = False

    @override
    def candidates(self, dates: tuple[float, ...]) -> list[Candidate]:
        if self.given:
            return [tuple(sorted(dates))]
        some = np.array(dates)[::max(1, len(dates) // PAIRED)]
        return list(combinations(some.tolist(), self.sizes))


@dataclass(frozen=True)
class Jump(Shape):
    """The level jumps at one date, the rate stays."""

    sizes = 1
    straight = False

    @override
    def candidates(self, dates: tuple[float, ...]) -> list[Candidate]:
        return [(date,) for date in dates]

    @override
    def columns(self, time: np.ndarray, at: Candidate, start: float, end: float) -> Pair:
        after = (time >= at[0]) - 0.5  # the level stays that of the middle
        return (JUMP * after)[None], np.zeros((1, len(time)))


@dataclass(frozen=True)
class Bend(Shape):
    """The rate changes evenly throughout."""

    sizes = 1
    turns = True

    @override
    def columns(self, time: np.ndarray, at: Candidate, start: float, end: float) -> Pair:
        span = end - start
        return ((time - start) ** 2 / (2 * span))[None], ((time - start) / span)[None]


@dataclass(frozen=True)
class Turn(Shape):
    """The rate turns from one value to another as a logistic curve."""

    sizes = 1
    turns = True

    @override
    def candidates(self, dates: tuple[float, ...]) -> list[Candidate]:
        return [(date, width) for date in dates for width in WIDTHS]

    @override
    def columns(self, time: np.ndarray, at: Candidate, start: float, end: float) -> Pair:
        date, width = at
        far = (time - date) / width
        return (width * np.logaddexp(0, far))[None], expit(far)[None]


@dataclass(frozen=True)
class Walk(Shape):
    """The rate wanders as a random walk, in steps at evenly spaced knots.

    Candidates are the walk's scale, in its prior's sd: given the scale its steps are normal.
    """

    sizes = 10
    turns = True
    shared = True

    @override
    def candidates(self, dates: tuple[float, ...]) -> list[Candidate]:
        return [(scale,) for scale in WANDER.tolist()]

    @override
    def log_prior(self, at: Candidate) -> float:
        return -0.5 * at[0] ** 2 + np.log(at[0])  # half-normal, on a logarithmic grid

    @override
    def scale(self, at: Candidate, priors: Mapping[str, Prior]) -> float:
        return at[0] * priors["wander"].args["sigma"]

    @override
    def columns(self, time: np.ndarray, at: Candidate, start: float, end: float) -> Pair:
        knots = start + (end - start) * (np.arange(self.sizes) + 0.5)[:, None] / self.sizes
        root = np.sqrt(self.sizes)
        return hinge(time, knots) / root, (time >= knots) / root


def between(time: np.ndarray) -> np.ndarray:
    """Where a level may jump: between neighbouring dates, two of them left on either side.

    Every `JUMPS`-th of many: where a jump is dated wrongly, points beside it look like outliers.
    """
    dates = np.unique(time)
    middle = (dates[1:] + dates[:-1])[1:-1] / 2
    return middle[:: 1 + len(middle) // JUMPS]


JUMPS = 120
JUMP = 0.4  # a jump's column: with the prior sd of 2.5 of a change, jumps of one sd
PAIRED = 11  # dates of which two unknown ones are chosen, at least
WIDTHS = (0.05, 0.15)  # of a logistic turn, in spans: 10 to 90% of it takes 0.22 or 0.66 spans
WANDER = np.geomspace(0.02, 3.0, 9)
