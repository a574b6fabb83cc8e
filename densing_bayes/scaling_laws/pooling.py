"""Partial pooling of ladders: exponents drawn from a common distribution, from separate fits.

Ladders are sampled one by one, each under the same prior of (ln alpha, ln beta). The joint
posterior with ln alpha_j ~ Normal(mu, tau) follows from those draws by a two-stage sampler (Lunn
et al. 2013): a ladder's next value is one of its own draws, accepted with the ratio of the common
distribution to the prior it was drawn under. Exact, and one compiled model serves any table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from densing_bayes.priors import Prior

NAMES = ("alpha", "beta")


@dataclass(frozen=True)
class Pooled:
    """Draws of the common distribution and of each ladder in it.

    Parameters
    ----------
    common
        mean_log_alpha, spread_log_alpha and the same of beta, dims (chain, draw).
    ladders
        Draws of each ladder's law under pooling, dims (chain, draw).
    """

    common: xr.Dataset
    ladders: dict[str, xr.Dataset]


def pool(fits: dict[str, xr.Dataset], priors: dict[str, Prior], *, seed: int, chains: int = 4,
         draws: int = 1000, tune: int = 500, sweeps: int = 5) -> Pooled:
    """Posterior of several ladders with partially pooled exponents.

    Parameters
    ----------
    fits
        Draws of each ladder's law from a fit of its own, with alpha and beta.
    priors
        log_alpha and log_beta (Normal: of each fit, and of the common mean), spread
        (LogNormal: sd between ladders).
    sweeps
        Rounds of proposals between two kept draws.
    """
    names = list(fits)
    count = min(fit["alpha"].size for fit in fits.values())
    own = np.stack([_matrix(fits[name])[:count] for name in names])  # ladder, sample, exponent
    prior = np.array([[priors[f"log_{name}"].args[key] for key in ("mu", "sigma")]
                      for name in NAMES])
    log_spread = priors["spread"].args
    rng = np.random.default_rng(seed)
    kept = {f"{what}_log_{name}": np.empty((chains, draws)) for name in NAMES
            for what in ("mean", "spread")}
    picked = np.empty((chains, draws, len(names)), dtype=int)
    rows = np.arange(len(names))

    # all chains advance together: arrays are (chain, ladder, exponent)
    index = rng.integers(count, size=(chains, len(names)))
    spread = np.exp(rng.normal(log_spread["mu"], log_spread["sigma"], (chains, 1, 2)))
    for step in range(-tune * sweeps, draws * sweeps):
        values = own[rows, index]
        # the common mean is normal given the ladders; its spread by a random walk
        precision = 1 / prior[:, 1] ** 2 + len(names) / spread**2
        total = prior[:, 0] / prior[:, 1] ** 2 + values.sum(1, keepdims=True) / spread**2
        mean = rng.normal(total / precision, precision**-0.5)
        walk = spread * np.exp(rng.normal(0, 0.5, spread.shape))
        gain = (_spread_density(walk, values, mean, log_spread)
                - _spread_density(spread, values, mean, log_spread))
        spread = np.where(np.log(rng.random(spread.shape)) < gain, walk, spread)
        proposal = rng.integers(count, size=index.shape)
        gain = (_ratio(own[rows, proposal], mean, spread, prior)
                - _ratio(values, mean, spread, prior))
        index = np.where(np.log(rng.random(index.shape)) < gain, proposal, index)
        if step >= 0 and step % sweeps == 0:
            place = step // sweeps
            picked[:, place] = index
            for i, name in enumerate(NAMES):
                kept[f"mean_log_{name}"][:, place] = mean[:, 0, i]
                kept[f"spread_log_{name}"][:, place] = spread[:, 0, i]
    common = xr.Dataset({name: (("chain", "draw"), value) for name, value in kept.items()})
    return Pooled(common, {name: _take(fits[name], picked[..., j])
                           for j, name in enumerate(names)})


def _matrix(draws: xr.Dataset) -> np.ndarray:
    """Log exponents of all draws, one row each."""
    return np.column_stack([np.log(draws[name].to_numpy().ravel()) for name in NAMES])


def _spread_density(spread: np.ndarray, values: np.ndarray, mean: np.ndarray,
                    prior: dict[str, float]) -> np.ndarray:
    """Log density of ln spread given ladders and mean (LogNormal prior), up to a constant."""
    squares = ((values - mean) ** 2).sum(1, keepdims=True)
    return (-values.shape[1] * np.log(spread) - squares / (2 * spread**2)
            - (np.log(spread) - prior["mu"]) ** 2 / (2 * prior["sigma"] ** 2))


def _ratio(values: np.ndarray, mean: np.ndarray, spread: np.ndarray,
           prior: np.ndarray) -> np.ndarray:
    """Log ratio of the common density to the prior of the separate fits, (chain, ladder)."""
    common = -((values - mean) ** 2) / (2 * spread**2)
    alone = -((values - prior[:, 0]) ** 2) / (2 * prior[:, 1] ** 2)
    return (common - alone).sum(-1)


def _take(draws: xr.Dataset, index: np.ndarray) -> xr.Dataset:
    """The draws of a fit at flat positions ``index`` (chain, draw)."""
    return xr.Dataset({name: (("chain", "draw"), value.to_numpy().ravel()[index])
                       for name, value in draws.data_vars.items()})
