"""What one token costs: time, energy and money of dense, sparse, quantised, offloaded models.

Generating a token reads weights and computes with them. Per parameter and token

    k1 = (bits / 8) / (bandwidth u_m n)     time to read it, shared by the n tokens per read
    k2 = 2 / (rate u_c)                     time to compute with it (one multiply-add)

and a model with N parameters, of which a token uses N_active, takes T = N k1_S + N_active k2,
where k1_S is the read time with part of the weights behind a slower link. Density in terms of
cost is the cost of a dense 16-bit model of the effective size N^ that fits in memory, over the
cost of the model itself: rho = N^ (k1 + k2) / (N k1_S + N_active k2). For a dense 16-bit model
that fits this is N^ / N, whatever the hardware.

Pure functions of array-likes in SI units (bytes, FLOP, seconds, joules), operators only, so
that draws (xarray) keep their dims. Reading and computing are added, as in the paper, not
overlapped.

Source: Xiao et al., "Densing Law of LLMs", Nature Machine Intelligence 7, 2025 (k1/k2 = 2.45 on
an RTX 4090). The batch and memory models behind k1 and k1_S are this package's.
"""

from __future__ import annotations

import numpy as np

from densing_bayes.laws import Array

FLOP_PER_PARAMETER = 2.0  # one multiply and one add
REFERENCE_BITS = 16.0  # the dense reference model is held in 16 bits
SECONDS_PER_YEAR = 365.25 * 86_400
JOULES_PER_KWH = 3.6e6


def _larger(a: Array, b: Array) -> Array:
    """max(a, b) in operators (np.maximum does not run on PyTensor)."""
    return (a >= b) * a + (a < b) * b


# -- time per parameter -----------------------------------------------------------------------


def read_time(*, bandwidth: Array, bits: Array = REFERENCE_BITS, tokens_per_read: Array = 1.0,
              utilisation: Array = 1.0) -> Array:
    """k1 (k1_Q below 16 bits): seconds per token to read one parameter.

    Parameters
    ----------
    bandwidth
        Bytes per second, as the maker states it.
    bits
        Bits per parameter: 4 bits take a quarter of k1.
    tokens_per_read
        n, the tokens (of a batch, a prompt or a draft) that share one read of the weights.
    utilisation
        Share of the stated bandwidth that is reached, 0 to 1.

    Examples
    --------
    >>> k1 = read_time(bandwidth=1.01e12)
    >>> f"{k1:.3e}"
    '1.980e-12'
    >>> float(read_time(bandwidth=1.01e12, bits=4) / k1)
    0.25
    """
    return bits / 8 / (bandwidth * utilisation * tokens_per_read)


def compute_time(*, rate: Array, utilisation: Array = 1.0) -> Array:
    """k2: seconds per token to compute with one parameter.

    Quantised weights are computed with in 16 bits after dequantising, so k2 is the same.

    Parameters
    ----------
    rate
        FP16 operations per second, as the maker states it.

    Examples
    --------
    >>> round(read_time(bandwidth=1.01e12) / compute_time(rate=82.58e12), 1)
    81.8
    """
    return FLOP_PER_PARAMETER / (rate * utilisation)


def tokens_per_read(*, ratio: Array, bandwidth: Array, rate: Array) -> Array:
    """n, the tokens per read of 16-bit weights at which k1 / k2 is ``ratio`` (full utilisation).

    Examples
    --------
    >>> round(tokens_per_read(ratio=2.45, bandwidth=1.01e12, rate=82.58e12), 1)
    33.4
    """
    return read_time(bandwidth=bandwidth) / compute_time(rate=rate) / ratio


def resident_share(*, params: Array, bits: Array, memory: Array) -> Array:
    """Share of the weights that fits in memory, by bytes, at most 1.

    Parameters
    ----------
    memory
        Bytes free for weights.

    Examples
    --------
    >>> resident_share(params=24e9, bits=16, memory=24e9)
    0.5
    >>> resident_share(params=24e9, bits=4, memory=24e9)
    1.0
    """
    return 1 / _larger(params * bits / 8 / memory, 1.0)


def offloaded_read_time(*, k1: Array, k1_link: Array, resident: Array) -> Array:
    """k1_S: seconds per token to read one parameter when part lies behind a slower link.

    k1_S = f k1 + (1 - f) max(k1, k1_link), with f the resident share: the rest arrives at the
    pace of the slower of link and memory. k1 if all fits, or if the link is not the slower.

    Parameters
    ----------
    k1_link
        `read_time` at the link's bandwidth.

    Examples
    --------
    >>> offloaded_read_time(k1=1.0, k1_link=32.0, resident=0.5)
    16.5
    >>> offloaded_read_time(k1=1.0, k1_link=0.0, resident=0.5)
    1.0
    """
    return resident * k1 + (1 - resident) * _larger(k1, k1_link)


# -- which parameters are read ----------------------------------------------------------------


def routed_share(*, params: Array, active: Array, always_read: Array) -> Array:
    """Share of a model's experts that one token uses, k / E, from its two sizes.

    Of the active parameters, a share ``always_read`` (attention, embeddings, shared experts)
    is used by every token; the rest is k / E of the routed experts. So
    k / E = (1 - s) N_active / (N - s N_active), and 1 for a dense model.

    Examples
    --------
    DeepSeek-V3 routes each token to 8 of 256 experts; 17B of its 37B active are always read.

    >>> round(256 * routed_share(params=671e9, active=37e9, always_read=17 / 37), 1)
    7.8
    """
    return (1 - always_read) * active / (params - always_read * active)


def touched_experts(*, routed: Array, tokens_per_read: Array) -> Array:
    """Share of the experts that a batch touches: 1 - (1 - k/E)^n.

    Tokens are taken to choose experts independently and evenly; uneven routing touches fewer.

    Examples
    --------
    >>> round(touched_experts(routed=8 / 256, tokens_per_read=33), 2)
    0.65
    """
    # rounding can put a dense model's k/E a hair above 1, and its power is then NaN
    return 1 - _larger(1 - routed, 0.0) ** tokens_per_read


def read_share(*, params: Array, active: Array, always_read: Array, touched: Array) -> Array:
    """Share of all parameters that one read takes in: the always-read and the touched experts.

    1 for a dense model, and for a sparse one whose experts are all touched.

    Examples
    --------
    >>> round(read_share(params=671e9, active=37e9, always_read=17 / 37, touched=0.65), 2)
    0.66
    """
    always = always_read * active / params
    return always + (1 - always) * touched


# -- cost of a token, and density -------------------------------------------------------------


def token_time(*, params: Array, active: Array, k1: Array, k2: Array) -> Array:
    """Seconds per token: N k1 + N_active k2.

    Parameters
    ----------
    params
        Parameters that a read takes in: all of them, or `read_share` of them.
    k1
        k1, k1_Q or k1_S: whichever holds for this model.

    Examples
    --------
    >>> token_time(params=4.0, active=1.0, k1=2.0, k2=1.0)
    9.0
    """
    return params * k1 + active * k2


def equivalent_size(*, params: Array, active: Array, k1: Array, k2: Array,
                    k1_model: Array) -> Array:
    """Size of the dense 16-bit model, fitting in memory, that costs as much per token.

    (N k1_S + N_active k2) / (k1 + k2). It takes the place of N in the density.

    Parameters
    ----------
    k1, k2
        Times of the reference.
    k1_model
        k1_S or k1_Q, the model's own read time.

    Examples
    --------
    DeepSeek-V3, all weights read from memory, at the published k1 = 2.45 k2:

    >>> round(equivalent_size(params=671, active=37, k1=2.45, k2=1, k1_model=2.45))
    487
    """
    return token_time(params=params, active=active, k1=k1_model, k2=k2) / (k1 + k2)


def log_cost_density(*, log_effective: Array, params: Array, active: Array, k1: Array, k2: Array,
                     k1_model: Array) -> Array:
    """Log density in terms of cost: ln [N^ (k1 + k2) / (N k1_S + N_active k2)] (paper, NMI).

    Examples
    --------
    A 4-bit model that keeps its effective size is 2.14 times as dense at k1 = 2.45 k2:

    >>> gain = log_cost_density(log_effective=np.log(7e9), params=7e9, active=7e9,
    ...                         k1=2.45, k2=1, k1_model=2.45 / 4)
    >>> round(float(np.exp(gain)), 2)
    2.14
    """
    return log_effective - np.log(
        equivalent_size(params=params, active=active, k1=k1, k2=k2, k1_model=k1_model)
    )


def token_energy(*, time: Array, power: Array) -> Array:
    """Joules per token from seconds per token and the watts drawn meanwhile.

    Examples
    --------
    >>> token_energy(time=0.02, power=350.0)
    7.0
    """
    return time * power


def token_money(*, time: Array, price: Array, life: Array, busy: Array, power: Array,
                usd_per_kwh: Array) -> Array:
    """USD per token: the device's price over the seconds it works in its life, and power.

    Parameters
    ----------
    price
        USD for the device.
    life
        Seconds in service.
    busy
        Share of its life in which it generates, 0 to 1.
    power
        Watts while it generates.

    Examples
    --------
    >>> year = SECONDS_PER_YEAR
    >>> usd = token_money(time=0.01, price=1599.0, life=4 * year, busy=0.5, power=450.0,
    ...                   usd_per_kwh=0.12)
    >>> round(usd * 1e6, 3)
    0.403
    """
    return time * (price / (life * busy) + power * usd_per_kwh / JOULES_PER_KWH)
