"""The classic laws: compute, Kaplan's and Chinchilla's forms with published constants, allocation.

Pure functions of array-likes, keyword-only. Sources: Kaplan et al. 2020 (2001.08361); Hoffmann
et al. 2022 (2203.15556); Besiroglu et al. 2024 (2404.10102).
"""

from __future__ import annotations

import numpy as np

from densing_bayes.laws import Array

FLOP_PER_PARAM_TOKEN = 6.0  # 2 forward, 4 backward
FLOP_PER_PARAM_SERVED = 2.0  # forward only
TOKENS_PER_PARAM = 20.0  # Hoffmann et al.'s rule of thumb
GOPHER_FLOP = 5.76e23

# Kaplan et al.: single-variable laws (their eqs 1.1, 1.2) and the joint one (eq. 1.5, table 2).
KAPLAN_SIZE = {"scale": 8.8e13, "exponent": 0.076}
KAPLAN_TOKENS = {"scale": 5.4e13, "exponent": 0.095}
KAPLAN_JOINT = {"size_scale": 6.4e13, "alpha": 0.076, "token_scale": 1.8e13, "beta": 0.103}
KAPLAN_OPTIMUM = {"params": 0.73, "tokens": 0.27}  # powers of compute

CHINCHILLA = {"log_a": np.log(406.4), "alpha": 0.34, "log_b": np.log(410.7), "beta": 0.28,
              "irreducible": 1.69}
CHINCHILLA_REFIT = {"log_a": np.log(482.01), "alpha": 0.3478, "log_b": np.log(2085.43),
                    "beta": 0.3659, "irreducible": 1.8169}


def training_flop(*, params: Array, tokens: Array) -> Array:
    """Training compute by the rule C = 6 N D.

    Examples
    --------
    GPT-3 (175B, 300B tokens) and PaLM (540B, 780B tokens):

    >>> f"{training_flop(params=175e9, tokens=300e9):.3g}"
    '3.15e+23'
    >>> f"{training_flop(params=540e9, tokens=780e9):.3g}"
    '2.53e+24'
    """
    return FLOP_PER_PARAM_TOKEN * params * tokens


def serving_flop(*, params: Array, tokens: Array) -> Array:
    """Compute of generating ``tokens`` tokens: 2 N per token.

    Examples
    --------
    >>> serving_flop(params=7e9, tokens=1e12)
    1.4e+22
    """
    return FLOP_PER_PARAM_SERVED * params * tokens


def power_law(*, x: Array, scale: Array, exponent: Array) -> Array:
    """L = (scale / x)^exponent: Kaplan's laws of size alone and of tokens alone.

    Examples
    --------
    >>> round(power_law(x=1.5e9, **KAPLAN_SIZE), 2)
    2.3
    >>> round(power_law(x=22e9, **KAPLAN_TOKENS), 2)
    2.1
    """
    return (scale / x) ** exponent


def kaplan_loss(*, params: Array, tokens: Array, size_scale: Array, alpha: Array,
                token_scale: Array, beta: Array) -> Array:
    """Kaplan's joint law L = [(N_c/N)^(alpha/beta) + D_c/D]^beta.

    With unlimited tokens (size) it is the power law of size (tokens) alone.

    Examples
    --------
    >>> round(kaplan_loss(params=1.5e9, tokens=22e9, **KAPLAN_JOINT), 2)
    2.31
    >>> alone = power_law(x=1.5e9, scale=6.4e13, exponent=0.076)
    >>> bool(np.isclose(kaplan_loss(params=1.5e9, tokens=1e30, **KAPLAN_JOINT), alone))
    True
    """
    return ((size_scale / params) ** (alpha / beta) + token_scale / tokens) ** beta


def growth_factors(*, compute_factor: Array, exponent: Array) -> tuple[Array, Array]:
    """Factors for parameters and tokens when compute grows by ``compute_factor``.

    Parameters
    ----------
    exponent
        a in N* ~ C^a; tokens take the rest, D* ~ C^(1-a).

    Examples
    --------
    Ten times the compute: Kaplan 5.4 times the parameters on 1.9 times the tokens; an equal
    split 3.16 times each.

    >>> [round(x, 1) for x in growth_factors(compute_factor=10, exponent=KAPLAN_OPTIMUM["params"])]
    [5.4, 1.9]
    >>> [round(x, 2) for x in growth_factors(compute_factor=10, exponent=0.5)]
    [3.16, 3.16]
    """
    return compute_factor**exponent, compute_factor ** (1 - exponent)


def rule_of_thumb(*, flop: Array, ratio: Array = TOKENS_PER_PARAM) -> tuple[Array, Array]:
    """Parameters and tokens at a fixed ratio of tokens per parameter: N = sqrt(C / 6r), D = r N.

    Examples
    --------
    Gopher's compute at 20 tokens per parameter:

    >>> n, d = rule_of_thumb(flop=GOPHER_FLOP)
    >>> print(f"{n / 1e9:.0f}B parameters, {d / 1e12:.1f}T tokens")
    69B parameters, 1.4T tokens
    """
    params = np.sqrt(flop / (FLOP_PER_PARAM_TOKEN * ratio))
    return params, ratio * params


def optimal_params(*, flop: Array, log_a: Array, alpha: Array, log_b: Array, beta: Array,
                   irreducible: Array = 0.0) -> Array:
    """Parameters that minimise E + a N^-alpha + b D^-beta at 6 N D = ``flop``.

    N* = [alpha a / (beta b)]^(1/(alpha+beta)) (C/6)^(beta/(alpha+beta)) (Hoffmann et al., eq. 4);
    D* = C / 6N*. E plays no part.

    Examples
    --------
    Gopher's compute under the re-fitted constants:

    >>> n = optimal_params(flop=GOPHER_FLOP, **CHINCHILLA_REFIT)
    >>> print(f"{n / 1e9:.0f}B")
    73B
    """
    log_ratio = np.log(alpha / beta) + log_a - log_b
    return np.exp((log_ratio + beta * np.log(flop / FLOP_PER_PARAM_TOKEN)) / (alpha + beta))


def optimal_exponent(*, alpha: Array, beta: Array) -> Array:
    """Exponent a in N* ~ C^a: beta / (alpha + beta). Tokens grow as C^(1-a).

    Examples
    --------
    >>> round(optimal_exponent(alpha=0.3478, beta=0.3659), 3)
    0.513
    """
    return beta / (alpha + beta)
