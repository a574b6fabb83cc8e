"""How much to trust each law, and what no law here expresses.

Laws that fit a ladder equally well disagree beyond it: they are mixed, not chosen from. A law's
weight is the product of two pieces of evidence, how it predicts the ladder's runs left out one by
one, and how it predicts runs hidden at a distance; each by the Bayesian bootstrap (pseudo-BMA+,
Yao et al. 2018), so that a few rows cannot decide. What all laws miss together is a drift: an
error of ln loss that grows in proportion to the distance from the runs, partly of one sign for the
whole ladder. Its sign and size are learnt from the rehearsals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from densing_bayes.priors import Prior

BOOTSTRAPS = 2000
WORSE_BY = 4.0  # standard errors of the difference in elpd,
WORSE_NATS = 10.0  # and at least this difference
FEWEST_TO_EXCLUDE = 20  # runs: below, that standard error is not to be trusted
ROWS_PER_CUT = 3  # groups that one rehearsal may count for, when laws are weighed
ALLOWED = 0.01  # drift per e-fold that laws are forgiven when they are weighed
TAIL = 4  # degrees of freedom of a group's error about the drift: some hidden runs failed
SCALES, SIGNS = 80, 61  # of the grid on which the drift's posterior is computed


def bootstrap_weights(log_densities: np.ndarray, *, seed: int) -> np.ndarray:
    """Weights of laws by the Bayesian bootstrap of their total log density (pseudo-BMA+).

    Parameters
    ----------
    log_densities
        Log predictive density of every observation (rows) under every law (columns).

    Examples
    --------
    Equal laws share the weight; one that predicts 40 runs better by 1 nat each takes all:

    >>> bootstrap_weights(np.zeros((40, 2)), seed=1).round(2).tolist()
    [0.5, 0.5]
    >>> better = np.column_stack([np.zeros(40), np.full(40, -1.0)])
    >>> bootstrap_weights(better, seed=1).round(2).tolist()
    [1.0, 0.0]

    One run that speaks for a law by 8 nats against 39 that are silent does not decide:

    >>> single = np.zeros((40, 2))
    >>> single[0, 1] = -8.0
    >>> bool(0.75 < bootstrap_weights(single, seed=1)[0] < 0.99)
    True
    """
    rows = len(log_densities)
    share = np.random.default_rng(seed).dirichlet(np.ones(rows), BOOTSTRAPS)
    total = rows * share @ log_densities
    weight = np.exp(total - total.max(axis=1, keepdims=True))
    return np.asarray((weight / weight.sum(axis=1, keepdims=True)).mean(axis=0))


def combined(*weights: np.ndarray) -> np.ndarray:
    """Weights that multiply several pieces of evidence.

    Examples
    --------
    >>> combined(np.array([0.5, 0.5]), np.array([0.8, 0.2])).tolist()
    [0.8, 0.2]
    """
    product = np.prod(np.maximum(weights, 1e-9), axis=0)
    return np.asarray(product / product.sum())


def decisively_worse(log_densities: np.ndarray) -> np.ndarray:
    """Which laws (columns) predict the runs (rows) worse than the best beyond doubt.

    By 4 standard errors and 10 nats of elpd; none with fewer than 20 runs.

    Examples
    --------
    >>> two = np.zeros((30, 2))
    >>> two[:, 1] = np.linspace(-2, 0, 30)  # 30 nats worse, standard error 3.3
    >>> decisively_worse(two).tolist(), decisively_worse(two[:10]).tolist()
    ([False, True], [False, False])
    """
    total = log_densities.sum(axis=0)
    gap = log_densities - log_densities[:, [int(np.argmax(total))]]
    error = gap.std(axis=0, ddof=1) * np.sqrt(len(gap))
    worse = gap.sum(axis=0) < -np.maximum(WORSE_BY * error, WORSE_NATS)
    return worse & (len(gap) >= FEWEST_TO_EXCLUDE)


def distant_density(*, error: np.ndarray, spread: np.ndarray, distance: np.ndarray) -> float:
    """Log density of one rehearsal's hidden groups under a law, as worth at most three rows.

    Parameters
    ----------
    error, spread
        ln of observed over predicted loss of each group, and its sd under the law.
    distance
        E-folds of each group from the kept runs: 1% of drift per e-fold is forgiven.
    """
    scale = np.sqrt(spread**2 + (ALLOWED * distance) ** 2)
    density = student.logpdf(error / scale, TAIL) - np.log(scale)
    return float(density.mean() * min(len(error), ROWS_PER_CUT))


def mixture(draws: list[np.ndarray], weights: np.ndarray, *, seed: int,
            size: int = 4000) -> np.ndarray:
    """Draws (rows) of the mixture of several laws' draws, in proportion to the weights."""
    rng = np.random.default_rng(seed)
    counts = np.floor(weights * size).astype(int)
    counts[int(np.argmax(weights))] += size - counts.sum()
    return np.concatenate([one[rng.integers(len(one), size=count)]
                           for one, count in zip(draws, counts, strict=True)])


@dataclass(frozen=True)
class Errors:
    """How far one rehearsal's predictions missed, one value per group of hidden runs."""

    error: np.ndarray
    spread: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Drift:
    """Draws of what all laws miss, of ln loss per e-fold of distance.

    Parameters
    ----------
    common
        The part that all models beyond the ladder share, with its sign.
    scale
        sd of the part of each model's own, and of the common part beforehand.
    """

    common: np.ndarray
    scale: np.ndarray

    def of(self, distance: np.ndarray, group: np.ndarray, *, seed: int) -> np.ndarray:
        """Draws (rows) of the error of models (columns) at a distance; groups share theirs."""
        own = np.random.default_rng(seed).standard_normal((len(self.scale), group.max() + 1))
        return (self.common[:, None] + self.scale[:, None] * own[:, group]) * distance


def drift_draws(prior: Prior, rehearsals: list[Errors], *, seed: int, size: int = 4000) -> Drift:
    """Draws of the drift given the errors of rehearsals.

    error_g ~ t_4(common distance_g, spread_g^2 + scale^2 distance_g^2), common ~ Normal(0,
    scale), scale ~ HalfNormal. Runs hidden together share their fate: the groups of a rehearsal
    count as one observation together. Without rehearsals, draws of the prior.

    Examples
    --------
    Three rehearsals that all fall 2% short per e-fold, promised to a tenth of a percent:

    >>> short = Errors(np.full(4, 0.02), np.full(4, 0.001), np.ones(4))
    >>> found = drift_draws(Prior("HalfNormal", {"sigma": 0.01}), [short] * 3, seed=1)
    >>> bool(0.01 < np.median(found.common) < 0.02)
    True
    """
    sigma = prior.args["sigma"]
    scale = (sigma * np.geomspace(0.03, 30, SCALES))[:, None]
    sign = np.linspace(-3, 3, SIGNS)[None, :]
    density = -0.5 * (scale / sigma) ** 2 + np.log(scale) - 0.5 * sign**2
    for one in rehearsals:
        terms = []
        for error, spread, far in zip(one.error, one.spread, one.distance, strict=True):
            width = np.sqrt(spread**2 + (scale * far) ** 2)
            terms.append(student.logpdf((error - scale * sign * far) / width, TAIL)
                         - np.log(width))
        density = density + np.mean(terms, axis=0)
    weight = np.exp(density - density.max())
    rng = np.random.default_rng(seed)
    picked = rng.choice(weight.size, size, p=(weight / weight.sum()).ravel())
    row, column = np.unravel_index(picked, weight.shape)
    return Drift(scale[row, 0] * sign[0, column], scale[row, 0])
