"""Precision laws: fewer bits in training act as fewer parameters, fewer bits afterwards cost loss.

Kumar et al. 2024, "Scaling Laws for Precision" (2411.04330), on 465 runs of 30M to 1.7B
parameters with integer formats. No such runs are shipped here: all that follows is the published
constants as priors (models/precision.toml), wide enough for other recipes, and nothing of it is
learnt from data. The authors themselves take the trends, not the constants, to carry over.

    N_eff = N prod_k (1 - exp(-P_k / gamma_k + n_k))         weights, activations, KV cache
    dL    = C_T D^gamma_D / N_eff^gamma_N exp(-P / gamma + b) quantised to P bits after training
"""

from __future__ import annotations

import numpy as np

from densing_bayes.laws import Array
from densing_bayes.specs import ModelSpec

PARTS = ("weights", "activations", "cache")
FULL_BITS = 16.0
REFERENCE = {"params": 3e8, "tokens": 1e10}  # amid the published runs: the level is told there


def effective_share(*, bits: Array, gamma: Array, offset: Array) -> Array:
    """Share of the parameters that training at ``bits`` bits keeps effective, for one part.

    Zero where the law would be negative (the authors' runs below 4 bits diverged).

    Examples
    --------
    Weights trained at 4 and at 8 bits, with the published constants:

    >>> [round(float(effective_share(bits=b, gamma=2.6745, offset=0.3037)), 2) for b in (4, 8)]
    [0.7, 0.93]
    """
    share = 1 - np.exp(-bits / gamma + offset)
    return (share > 0) * share


def quantisation_penalty(*, params: Array, tokens: Array, bits: Array, log_coefficient: Array,
                         token_exponent: Array, size_exponent: Array, gamma: Array,
                         offset: Array) -> Array:
    """Loss (nats per token) that rounding the weights to ``bits`` bits after training adds.

    It grows with tokens per parameter: over-trained models have more to lose.

    Examples
    --------
    >>> law = dict(log_coefficient=np.log(0.0598), token_exponent=0.5068, size_exponent=0.3439,
    ...            gamma=0.5907, offset=1.1277)
    >>> few = quantisation_penalty(params=1e9, tokens=20e9, bits=4, **law)
    >>> many = quantisation_penalty(params=1e9, tokens=2e12, bits=4, **law)
    >>> print(f"{few:.3f} {many:.3f}, ratio {many / few:.1f}")
    0.028 0.291, ratio 10.3
    """
    return np.exp(log_coefficient + token_exponent * np.log(tokens)
                  - size_exponent * np.log(params) - bits / gamma + offset)


def prior_draws(spec: ModelSpec, count: int = 2000) -> dict[str, np.ndarray]:
    """Draws of the constants from the priors of a spec of family ``precision``.

    Independent normals of the logarithms of the scales and of the offsets and exponents; the
    seed is the spec's.
    """
    rng = np.random.default_rng(spec.sampling.seed)
    return {name: rng.normal(prior.args["mu"], prior.args["sigma"], count)
            for name, prior in spec.priors.items()}


def trained_share(draws: dict[str, np.ndarray], *, weights: Array = FULL_BITS,
                  activations: Array = FULL_BITS, cache: Array = FULL_BITS) -> np.ndarray:
    """Draws of N_eff / N for training at the given bits, relative to 16 bits throughout."""
    share = np.ones(1)
    for part, bits in zip(PARTS, (weights, activations, cache), strict=True):
        law = {"gamma": np.exp(draws[f"log_gamma_{part}"]), "offset": draws[f"offset_{part}"]}
        share = share * (effective_share(bits=bits, **law)
                         / effective_share(bits=FULL_BITS, **law))
    return np.asarray(share)


def penalty(draws: dict[str, np.ndarray], *, params: Array, tokens: Array,
            bits: Array) -> np.ndarray:
    """Draws of the loss added by quantising to ``bits`` bits after training."""
    return np.asarray(quantisation_penalty(
        params=params / REFERENCE["params"], tokens=tokens / REFERENCE["tokens"], bits=bits,
        log_coefficient=draws["log_level"], token_exponent=draws["token_exponent"],
        size_exponent=draws["size_exponent"], gamma=np.exp(draws["log_gamma_after"]),
        offset=draws["offset_after"]))
