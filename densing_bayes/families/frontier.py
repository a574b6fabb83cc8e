"""The stochastic frontier: every model lies below a moving line by its own inefficiency.

ln density_i = f(t_i) - u_i + v_i, with u_i half-normal (the gap) and v_i normal. Summed out,
the pair is a skew normal, so no latent per model is needed (Aigner, Lovell & Schmidt 1977):
scale omega^2 = sigma_u^2 + sigma_v^2 and q = sigma_u^2 / omega^2, the share of the gap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt


def normal_lcdf(x: Any) -> Any:
    """Ln P(Z < x), value and gradient finite however far out.

    PyMC's own has a gradient that is not a number from 38 sds on: of its two formulas each
    overflows where the other is meant.
    """
    low, high = pt.minimum(x, -1.0), pt.clip(x, -1.0, 25.0)
    return pt.switch(x < -1.0, pt.log(pt.erfcx(-low / np.sqrt(2)) / 2) - 0.5 * low**2,
                     pt.log1p(-pt.erfc(high / np.sqrt(2)) / 2))


def skew_normal_logp(value: Any, mu: Any, omega: Any, q: Any) -> Any:
    """Log density of f - u + v at ``value``: a left-skewed normal, stable in both tails.

    log 2/omega phi(e) Phi(-lambda e), e = (value - mu)/omega, lambda = sigma_u/sigma_v =
    sqrt(q / (1 - q)). PyMC's own SkewNormal takes log(1 + erf), which underflows at six sd.
    """
    e = (value - mu) / omega
    skew = pt.sqrt(q / (1 - q))
    return (
        np.log(2 / np.sqrt(2 * np.pi)) - pt.log(omega) - 0.5 * e**2 + normal_lcdf(-skew * e)
    )


def _random(mu: Any, omega: Any, q: Any, rng: Any = None, size: Any = None) -> Any:
    gap = np.abs(rng.normal(size=size)) * omega * np.sqrt(q)
    return mu - gap + rng.normal(size=size) * omega * np.sqrt(1 - q)


def frontier(name: str, mu: Any, omega: Any, q: Any, **kwargs: Any) -> Any:
    """A skew-normal random variable below the frontier ``mu``.

    Parameters
    ----------
    mu
        The frontier f(t), in the variable's unit.
    omega
        sqrt(sigma_u^2 + sigma_v^2), same unit.
    q
        sigma_u^2 / omega^2, between 0 (all noise) and 1 (all gap).
    """
    return pm.CustomDist(name, mu, omega, q, logp=skew_normal_logp, random=_random,
                         support_point=lambda rv, size, mu, omega, q: pt.broadcast_to(
                             mu - 0.5 * omega, rv.shape), **kwargs)
