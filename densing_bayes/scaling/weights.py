"""How much to trust each law, and what no law here expresses.

Laws that fit a ladder equally well disagree beyond it: they are mixed, not chosen from. Weights
are stacking weights of predictive densities (Yao et al. 2018), but averaged over their posterior
under a flat Dirichlet prior instead of maximised, so that a few runs cannot give one law all the
weight; only a law that fails clearly on many runs is excluded. What all laws miss is measured by
a rehearsal: the ladder's own largest runs are hidden and predicted, and the errors that remain
set the scale of a discrepancy that grows with the distance from the ladder.
"""

from __future__ import annotations

import numpy as np

from densing_bayes.priors import Prior

WEIGHT_DRAWS = 4000
WORSE_BY = 4.0  # standard errors of the difference in elpd,
WORSE_NATS = 10.0  # and at least this difference
FEWEST_TO_EXCLUDE = 20  # runs: below, that standard error is not to be trusted
STEPS = 400  # of the grid on which the discrepancy's posterior is computed


def stacking_weights(log_densities: np.ndarray, *, seed: int) -> np.ndarray:
    """Posterior mean of stacking weights under a flat Dirichlet prior.

    Parameters
    ----------
    log_densities
        Log predictive density of every observation (rows) under every law (columns).

    Examples
    --------
    Equal laws share the weight; one that predicts 40 runs better by 1 nat each takes most:

    >>> stacking_weights(np.zeros((40, 2)), seed=1).round(1).tolist()
    [0.5, 0.5]
    >>> better = np.column_stack([np.zeros(40), np.full(40, -1.0)])
    >>> bool(0.9 < stacking_weights(better, seed=1)[0] < 1)
    True
    """
    laws = log_densities.shape[1]
    trial = np.random.default_rng(seed).dirichlet(np.ones(laws), WEIGHT_DRAWS)
    best = log_densities.max(axis=1, keepdims=True)
    score = np.log(np.exp(log_densities - best) @ trial.T).sum(axis=0)
    weight = np.exp(score - score.max())
    return weight @ trial / weight.sum()


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


def mixture(draws: list[np.ndarray], weights: np.ndarray, *, seed: int,
            size: int = 4000) -> np.ndarray:
    """Draws (rows) of the mixture of several laws' draws, in proportion to the weights."""
    rng = np.random.default_rng(seed)
    counts = np.floor(weights * size).astype(int)
    counts[int(np.argmax(weights))] += size - counts.sum()
    return np.concatenate([one[rng.integers(len(one), size=count)]
                           for one, count in zip(draws, counts, strict=True)])


def distance(size: np.ndarray, token: np.ndarray, *, largest: tuple[float, float]) -> np.ndarray:
    """How far a model lies beyond a ladder: e-folds in size plus e-folds in tokens, at least 0.

    Parameters
    ----------
    largest
        Largest ln-size and ln-tokens of the ladder, on the same scale as size and token.

    Examples
    --------
    >>> distance(np.array([1.0, -1.0]), np.array([3.0, 0.0]), largest=(0.0, 1.0)).tolist()
    [3.0, 0.0]
    """
    return np.maximum(size - largest[0], 0) + np.maximum(token - largest[1], 0)


def discrepancy_draws(prior: Prior, *, errors: np.ndarray, spreads: np.ndarray,
                      distances: np.ndarray, seed: int, size: int = 4000) -> np.ndarray:
    """Draws of tau, the sd of ln loss per e-fold (plus one) that the laws leave unexplained.

    errors_g ~ Normal(0, spreads_g^2 + tau^2 (1 + distances_g)^2), tau ~ HalfNormal: one error
    per hidden size, since runs of one size share it. Without errors, draws of the prior.

    Parameters
    ----------
    errors
        ln of observed over predicted loss, mean over the runs of each hidden size.
    spreads
        sd of those means under the laws' own predictive distribution.
    distances
        `distance` of each hidden size from the runs that were kept.

    Examples
    --------
    Errors of 5% per e-fold where the laws promised 0.5%:

    >>> tau = discrepancy_draws(Prior("HalfNormal", {"sigma": 0.002}), errors=np.full(4, 0.1),
    ...                         spreads=np.full(4, 0.005), distances=np.ones(4), seed=1)
    >>> bool(np.median(tau) > 0.01)
    True
    """
    scale = prior.args["sigma"]
    grid = scale * np.geomspace(0.01, 60, STEPS)
    density = -0.5 * (grid / scale) ** 2 + np.log(grid)  # on a grid of ln tau
    for error, spread, far in zip(errors, spreads, distances, strict=True):
        variance = spread**2 + (grid * (1 + far)) ** 2
        density = density - 0.5 * np.log(variance) - 0.5 * error**2 / variance
    weight = np.exp(density - density.max())
    rng = np.random.default_rng(seed)
    return rng.choice(grid, size, p=weight / weight.sum())
