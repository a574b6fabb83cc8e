"""A cell's expectation, slope and spread, and its log density: once.

A cell is one model on one benchmark. Functions take arrays or draws that broadcast; those of
operators and unary numpy functions only take PyTensor too, and the graph is made of them. The
kernel (`kernel.scores`) says the same by hand.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from densing_bayes import laws

# scipy.special has it too, and imports for a fifth of a second
_lgamma = np.frompyfunc(math.lgamma, 1, 1)
ROUNDING = 0.0003  # sd of a score printed in tenths of a percent


class Cells(NamedTuple):
    """Expected score of cells, its slope (score per nat of effective size) and spreads (score)."""

    expected: Any
    slope: Any
    own: Any  # of the benchmark's own view of the model
    noise: Any  # of items and sources

    @property
    def sd(self) -> Any:
        """The whole spread."""
        return np.sqrt(self.own**2 + self.noise**2)


def axis_size(models: Any, log_cost_ratio: Any) -> Any:
    """Ln of the size that counts: parameters held and used, weighted by what each costs.

    Operators and unary numpy functions only: on arrays, draws and PyTensor.

    Parameters
    ----------
    models
        ``log_held`` and ``log_used``, ln parameters, (model,): equal for dense models and on the
        axes of total and of active size.
    log_cost_ratio
        Ln of the cost of holding a parameter over that of using it.

    Examples
    --------
    30e9 parameters of which 3e9 are used, where holding costs 2.45 times using:

    >>> moe = {"log_held": np.log(30e9), "log_used": np.log(3e9)}
    >>> round(float(np.exp(axis_size(moe, np.log(2.45))) / 1e9), 2)
    22.17
    """
    held_over_used = np.exp(log_cost_ratio + models["log_held"] - models["log_used"])
    return models["log_used"] + np.log((1 + held_over_used) / (1 + np.exp(log_cost_ratio)))


def least_variance(items: Any) -> Any:
    """Variance that a score keeps where its expectation comes to 0 or 1.

    Half an item and the rounding of print: a count of none is no proof that nothing is known.

    Examples
    --------
    >>> round(float(least_variance(164)) ** 0.5, 5)
    0.00306
    """
    return (0.5 / items) ** 2 + ROUNDING**2


def noise_variance(*, expected: Any, items: Any, replicates: Any, sd_source: Any) -> Any:
    """Variance of the mean score of a cell about its expectation: items, sources, print.

    Examples
    --------
    Half of 100 items right, two sources that disagree by 2 points:

    >>> round(float(noise_variance(expected=0.5, items=100, replicates=2, sd_source=0.02)), 6)
    0.002725
    """
    spread = expected * (1 - expected)
    return spread / items + 4 * spread * sd_source**2 / replicates + least_variance(items)


def anchored(*, log_size: Any, law: dict[str, Any], curve: dict[str, Any], tokens: Any,
             ) -> tuple[Any, Any]:
    """Expected score on an anchored benchmark at a ln effective size, and its slope per nat."""
    expected = laws.score(loss=laws.loss_of_log_size(log_size=log_size, tokens=tokens, **law),
                          **curve)
    share = (expected - curve["chance"]) / curve["scale"]
    return expected, (-curve["gamma"] * curve["scale"] * share * (1 - share) * law["alpha"]
                      * np.exp(law["log_a"] - law["alpha"] * log_size))


def linked(*, log_size: Any, slope: Any, midpoint: Any, scale: Any, chance: Any,
           ) -> tuple[Any, Any]:
    """Expected score on a linked benchmark, and its slope per nat."""
    expected = laws.linked_score(log_size=log_size, slope=slope, midpoint=midpoint, scale=scale,
                                 chance=chance)
    share = (expected - chance) / scale
    return expected, scale * share * (1 - share) * slope


def ln_gamma(x: Any) -> Any:
    """Ln of the gamma function."""
    return np.asarray(_lgamma(np.asarray(x, float)), float)


def log_density(score: Any, cells: Cells, nu: Any) -> Any:
    """Log density of scores: a Student t of ``nu`` degrees of freedom about the expectation."""
    sd = cells.sd
    half = (np.asarray(nu) + 1) / 2  # scipy.stats has it too, and imports for a second
    return (ln_gamma(half) - ln_gamma(half - 0.5) - 0.5 * np.log(np.pi * nu) - np.log(sd)
            - half * np.log1p(((score - cells.expected) / sd) ** 2 / nu))
