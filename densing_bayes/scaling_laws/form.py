"""One formula that holds every scaling law of the toolkit, and its inverses.

In ln-sizes centred on a ladder, x = ln(N/N0) and y = ln(D/D0), the loss is

    L = L0 [e + (1 - e) exp(-g')]            e: share of the irreducible loss E at the centre
    exp(-g) = (w exp(-alpha x / q) + (1 - w) exp(-beta y / q))^q
    g' = g + c h [softplus((g - k) / h) - softplus(-k / h)]

g is the gain: how many e-folds the reducible loss has fallen since the centre. With q = 1 and
c = 0 this is Chinchilla's law, with e = 0 besides the Densing Law's; q = beta and e = 0 is
Kaplan's joint law, whose inner exponents are alpha/beta and 1; q free with a floor is the coupled
law E + (A N^-a + B D^-b)^g, g = q, which holds them all; c is the relative change of both
exponents beyond a smooth break at gain k (Caballero et al. 2022, 2210.14891). alpha and beta are
the exponents of the loss in N alone and in D alone under every law.

L0, w and the local slopes (1 - e) w alpha and (1 - e)(1 - w) beta are what a ladder pins down.
Operators and unary numpy functions only: the same lines run on numpy, xarray and PyTensor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes import laws
from densing_bayes.laws import Array

Law = dict[str, Any]  # level, floor_share, size_share, alpha, beta, joint, change, place, width

BISECTIONS = 60


def softplus(z: Array) -> Array:
    """ln(1 + e^z), stable on both sides (np.logaddexp does not run on PyTensor)."""
    return (z > 0) * z + np.log1p(np.exp(-abs(z)))


def gain(*, size: Array, token: Array, size_share: Array, alpha: Array, beta: Array,
         joint: Array) -> Array:
    """E-folds by which the reducible loss has fallen since the centre, before any break.

    Parameters
    ----------
    size, token
        ln(N/N0) and ln(D/D0).
    size_share
        w, the share of the size term in the bracket at the centre.
    joint
        q: 1 adds the two terms (Chinchilla), beta joins them as Kaplan did.

    Examples
    --------
    >>> float(gain(size=0.0, token=0.0, size_share=0.4, alpha=0.3, beta=0.4, joint=1.0))
    -0.0
    >>> round(float(gain(size=np.log(2), token=50.0, size_share=0.4, alpha=1.0, beta=9.0,
    ...                  joint=1.0)), 3)  # the token term is gone, the size term halved
    1.609
    """
    inner = laws.loss(params=np.exp(size), tokens=np.exp(token),
                      log_a=np.log(size_share), alpha=alpha / joint,
                      log_b=np.log(1 - size_share), beta=beta / joint)
    return -joint * np.log(inner)


def broken(*, gain: Array, change: Array, place: Array, width: Array) -> Array:
    """The gain with exponents that are (1 + change) times as large beyond ``place``.

    The identity for ``change`` = 0; zero at the centre. Monotone for change > -1.

    Examples
    --------
    >>> g = np.array([-3.0, 0.0, 5.0])
    >>> broken(gain=g, change=-0.5, place=1.0, width=1e-3).tolist()
    [-3.0, 0.0, 3.0]
    """
    return gain + change * width * (
        softplus((gain - place) / width) - softplus(-place / width))


def log_loss(*, size: Array, token: Array, level: Array, floor_share: Array, size_share: Array,
             alpha: Array, beta: Array, joint: Array = 1.0, change: Array = 0.0,
             place: Array = 0.0, width: Array = 1.0) -> Array:
    """Log loss at ln-sizes ``size`` and ``token`` from the ladder's centre.

    Parameters
    ----------
    level
        ln L0, log of the loss at the centre.
    floor_share
        e = E / L0.

    Examples
    --------
    Chinchilla's constants, written about 1B parameters and 20B tokens:

    >>> law = from_constants(centre=(np.log(1e9), np.log(2e10)), log_a=np.log(406.4),
    ...                      alpha=0.34, log_b=np.log(410.7), beta=0.28, irreducible=1.69)
    >>> at = dict(size=np.log(70), token=np.log(70))
    >>> round(float(np.exp(log_loss(**at, **law))), 3)
    1.937
    """
    g = gain(size=size, token=token, size_share=size_share, alpha=alpha, beta=beta, joint=joint)
    g = broken(gain=g, change=change, place=place, width=width)
    return level + np.log(floor_share + (1 - floor_share) * np.exp(-g))


def off_valley(*, size: Array, token: Array, size_share: Array, alpha: Array, beta: Array,
               joint: Array, **_: Array) -> Array:
    """How far a run is from the compute-optimal valley: ln of the ratio of marginal gains.

    ln [(d gain / d ln N) / (d gain / d ln D)]: 0 where a little more compute is as well spent on
    size as on tokens, positive where the model is too small for its tokens.

    Examples
    --------
    >>> law = from_constants(centre=(0.0, 0.0), log_a=np.log(406.4), alpha=0.34,
    ...                      log_b=np.log(410.7), beta=0.28, irreducible=1.69)
    >>> x = optimal_size(product=np.log(1e21), **law)
    >>> at = [off_valley(size=n, token=np.log(1e21) - n, **law) for n in (x - 1, x, x + 1)]
    >>> [round(float(v), 9) + 0.0 for v in at]
    [0.62, 0.0, -0.62]
    """
    return (np.log(alpha * size_share) - alpha / joint * size
            - np.log(beta * (1 - size_share)) + beta / joint * token)


def noise_scale(*, fitted: Array, valley: Array, level: Array, noise: Array, noise_growth: Array,
                noise_valley: Array, resolution: Array) -> Array:
    """Scale of the t-distributed error of ln loss.

    noise (L / L0)^noise_growth (1 + noise_valley v^2)^(1/2), and rounding: runs far from the
    compute-optimal valley (v of `off_valley`), under-trained or over-trained, bend the surface
    in ways that no law here has, and count for less.

    Examples
    --------
    >>> float(noise_scale(fitted=np.log(2.0), valley=0.0, level=0.0, noise=0.01,
    ...                   noise_growth=1.0, noise_valley=1.0, resolution=0.0))
    0.02
    """
    return np.sqrt(noise**2 * np.exp(2 * noise_growth * (fitted - level))
                   * (1 + noise_valley * valley**2) + resolution**2)


def from_constants(*, centre: tuple[float, float], log_a: float, alpha: float, log_b: float,
                   beta: float, irreducible: float = 0.0) -> Law:
    """Coefficients of L = E + a N^-alpha + b D^-beta as a law about ``centre`` = (ln N0, ln D0).

    Examples
    --------
    >>> law = from_constants(centre=(0.0, 0.0), log_a=0.0, alpha=0.3, log_b=np.log(3), beta=0.2,
    ...                      irreducible=1.0)
    >>> float(law["size_share"]), float(law["floor_share"]), round(float(np.exp(law["level"])), 9)
    (0.25, 0.2, 5.0)
    """
    a, b = np.exp(log_a - alpha * centre[0]), np.exp(log_b - beta * centre[1])
    total = irreducible + a + b
    return {"level": np.log(total), "floor_share": irreducible / total,
            "size_share": a / (a + b), "alpha": alpha, "beta": beta, "joint": 1.0,
            "change": 0.0, "place": 0.0, "width": 1.0}


def constants(law: Law, centre: tuple[float, float]) -> dict[str, Array]:
    """log_a, alpha, log_b, beta and E of an additive, unbroken law: arguments of `laws.loss`.

    For a joint or broken law these describe its two terms where the other is absent.
    """
    reducible = law["level"] + np.log(1 - law["floor_share"])
    return {
        "log_a": reducible + law["joint"] * np.log(law["size_share"]) + law["alpha"] * centre[0],
        "alpha": law["alpha"],
        "log_b": reducible + law["joint"] * np.log(1 - law["size_share"])
        + law["beta"] * centre[1],
        "beta": law["beta"],
        "irreducible": np.exp(law["level"]) * law["floor_share"],
    }


# -- inverses ---------------------------------------------------------------------------------


def optimal_size(*, product: Array, size_share: Array, alpha: Array, beta: Array, joint: Array,
                 **_: Array) -> Array:
    """ln(N/N0) that minimises the loss at a fixed ``product`` = ln(N D / (N0 D0)).

    The closed form of the additive law in its inner exponents: a break or a floor changes the
    loss reached, not where the minimum lies.

    Examples
    --------
    >>> law = from_constants(centre=(0.0, 0.0), log_a=np.log(406.4), alpha=0.34,
    ...                      log_b=np.log(410.7), beta=0.28, irreducible=1.69)
    >>> n = np.exp(optimal_size(product=np.log(5.76e23 / 6), **law))
    >>> print(f"{n / 1e9:.1f}B parameters, {5.76e23 / 6 / n / 1e12:.1f}T tokens")
    32.2B parameters, 3.0T tokens
    """
    a, b = alpha / joint, beta / joint
    return (np.log(a * size_share) - np.log(b * (1 - size_share)) + b * product) / (a + b)


def gain_of_loss(*, log_loss: Array, level: Array, floor_share: Array, change: Array,
                 place: Array, width: Array, **_: Array) -> Array:
    """Gain (before the break) at which the loss is reached; NaN at or below the floor.

    Without a break in closed form; with one by bisection of the monotone `broken` gain.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        target = np.log(1 - floor_share) - np.log(np.exp(log_loss - level) - floor_share)
    if not np.any(change):
        return target
    low, high = target - 40.0, target + 40.0
    for _step in range(BISECTIONS):
        middle = (low + high) / 2
        below = broken(gain=middle, change=change, place=place, width=width) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(np.isfinite(target), (low + high) / 2, np.nan)


def token_of_loss(*, log_loss: Array, size: Array, **law: Array) -> Array:
    """ln(D/D0) at which a model of ln-size ``size`` reaches the loss; NaN where no data does.

    Examples
    --------
    >>> law = from_constants(centre=(0.0, 0.0), log_a=1.0, alpha=0.3, log_b=1.0, beta=0.25,
    ...                      irreducible=1.0)
    >>> y = token_of_loss(log_loss=log_loss(size=2.0, token=3.5, **law), size=2.0, **law)
    >>> round(float(y), 9)
    3.5
    """
    share, joint = law["size_share"], law["joint"]
    bracket = np.exp(-gain_of_loss(log_loss=log_loss, **law) / joint)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = bracket - share * np.exp(-law["alpha"] / joint * size)
        return -joint / law["beta"] * (np.log(rest) - np.log(1 - share))
