"""The laws: loss from size and tokens, score from loss, and their inverses.

Pure functions of array-likes, written with operators and unary numpy functions only, so that
the same line runs on floats, numpy arrays, xarray (draws keep their dims) and PyTensor graphs.
All parameters are keyword-only. Outside a law's support the inverses return NaN on arrays
(``np.log`` of a negative number); ``invertible`` tells beforehand.

Sources: Xiao et al., "Densing Law of LLMs" (arXiv 2412.04315; Nature Machine Intelligence 7,
2025); Kaplan et al. 2020 (2001.08361); Hoffmann et al. 2022 (2203.15556); Besiroglu et al. 2024
(2404.10102); Kumar et al. 2024 (2411.04330).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # float | np.ndarray | xr.DataArray | pytensor tensor


# -- the densing law: loss law, performance law, and the way back ----------------------------


def loss(*, params: Array, tokens: Array, log_a: Array, alpha: Array, log_b: Array, beta: Array,
         irreducible: Array = 0.0) -> Array:
    """Loss of a model with ``params`` parameters trained on ``tokens`` tokens.

    L = E + a N^-alpha + b D^-beta (paper, eq. 2, where E = 0; Chinchilla's form with E).

    Parameters
    ----------
    params, tokens
        Counts (not billions).
    log_a, log_b
        Natural logs of the coefficients.
    alpha, beta
        Exponents, positive.
    irreducible
        E, in the unit of the loss.

    Examples
    --------
    >>> L = loss(params=70e9, tokens=1.4e12, log_a=np.log(406.4), alpha=0.34,
    ...          log_b=np.log(410.7), beta=0.28, irreducible=1.69)
    >>> round(float(L), 3)
    1.937
    """
    return (
        irreducible
        + np.exp(log_a - alpha * np.log(params))
        + np.exp(log_b - beta * np.log(tokens))
    )


def score(*, loss: Array, gamma: Array, midpoint: Array, scale: Array, chance: Array) -> Array:
    """Score of a model with the given loss on a benchmark (paper, eq. 3).

    S = c / (1 + exp(-gamma (L - l))) + d, gamma < 0: the score falls as the loss grows, from
    c + d (the ceiling) to d (chance level).

    Parameters
    ----------
    gamma
        Slope, negative, per unit of loss.
    midpoint
        l, the loss at which half of the range is reached.
    scale, chance
        c and d; ceiling is c + d.

    Examples
    --------
    >>> float(score(loss=0.765, gamma=-7.72, midpoint=0.765, scale=0.75, chance=0.25))
    0.625
    """
    return scale / (1 + np.exp(-gamma * (loss - midpoint))) + chance


def loss_of_score(*, score: Array, gamma: Array, midpoint: Array, scale: Array,
                  chance: Array) -> Array:
    """Loss at which a benchmark's score is reached: the inverse of `score`.

    L = l - ln(c / (S - d) - 1) / gamma. NaN or infinite for S <= d or S >= c + d, where no
    loss gives the score.

    Examples
    --------
    >>> float(loss_of_score(score=0.625, gamma=-7.72, midpoint=0.765, scale=0.75, chance=0.25))
    0.765
    """
    return midpoint - np.log(scale / (score - chance) - 1) / gamma


def log_effective_size(*, loss: Array, tokens: Array, log_a: Array, alpha: Array, log_b: Array,
                       beta: Array, irreducible: Array = 0.0) -> Array:
    """Natural log of the size at which the reference family has the given loss.

    ln N^ = (ln a - ln(L - E - b D0^-beta)) / alpha, with D0 = ``tokens`` the reference number
    of training tokens. NaN where the loss is at or below E + b D0^-beta: no size reaches it.

    Examples
    --------
    >>> law = dict(log_a=1.6377, alpha=0.0885, log_b=5.0967, beta=0.2575)
    >>> round(float(np.exp(log_effective_size(loss=loss(params=7e9, tokens=5e12, **law),
    ...                                       tokens=5e12, **law))) / 1e9, 6)
    7.0
    """
    rest = loss - irreducible - np.exp(log_b - beta * np.log(tokens))
    return (log_a - np.log(rest)) / alpha


def loss_of_log_size(*, log_size: Array, tokens: Array, log_a: Array, alpha: Array,
                     log_b: Array, beta: Array, irreducible: Array = 0.0) -> Array:
    """Loss of the reference family at log size ``log_size``: inverse of `log_effective_size`.

    Examples
    --------
    >>> law = dict(log_a=1.6377, alpha=0.0885, log_b=5.0967, beta=0.2575)
    >>> round(float(loss_of_log_size(log_size=np.log(7e9), tokens=5e12, **law)), 4)
    0.7796
    """
    return irreducible + np.exp(log_a - alpha * log_size) + np.exp(log_b - beta * np.log(tokens))


def linked_score(*, log_size: Array, slope: Array, midpoint: Array, scale: Array,
                 chance: Array) -> Array:
    """Score on a benchmark that has no loss ladder, from the log effective size.

    S = d + c / (1 + exp(-kappa (ln N^ - m))): a logistic curve in the latent ability that the
    anchored benchmark measures, one kappa and m per benchmark.

    Examples
    --------
    >>> float(linked_score(log_size=23.0, slope=0.5, midpoint=23.0, scale=0.9, chance=0.0))
    0.45
    """
    return chance + scale / (1 + np.exp(-slope * (log_size - midpoint)))


def invertible(*, score: Array, scale: Array, chance: Array) -> Array:
    """Whether a score has an inverse: strictly between chance and the ceiling.

    Examples
    --------
    >>> invertible(score=0.97, scale=0.70, chance=0.25)
    False
    """
    return (score > chance) & (score < chance + scale)
