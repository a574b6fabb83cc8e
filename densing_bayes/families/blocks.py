"""The small block that every family shares: a prior value becomes a random variable."""

from __future__ import annotations

from typing import Any

import pymc as pm

from densing_bayes.priors import DISTRIBUTIONS, Prior


def rv(name: str, prior: Prior, *, shift: Any = 0.0, scale: Any = 1.0, **kwargs: Any) -> Any:
    """A random variable with the given prior.

    The prior's arguments are stored as ``pm.Data`` named ``<name>__prior``, so that a compiled
    model can be refitted under another prior of the same distribution.

    ``shift`` and ``scale`` declare the variable in other units: if x has the prior, the
    variable returned is x / scale + shift. This is how the sampled coordinates are chosen
    (where the data pin things down) without changing the prior: exact for location-scale
    distributions, hence refused for others.
    """
    names = DISTRIBUTIONS[prior.dist]
    data = pm.Data(f"{name}__prior", [prior.args[key] for key in names])
    args = {key: data[i] for i, key in enumerate(names)}
    plain = isinstance(shift, float) and isinstance(scale, float) and (shift, scale) == (0.0, 1.0)
    if not plain:
        if prior.dist == "Normal":
            args = {"mu": args["mu"] / scale + shift, "sigma": args["sigma"] / scale}
        elif prior.dist == "HalfNormal" and isinstance(shift, float) and shift == 0.0:
            args = {"sigma": args["sigma"] / scale}
        else:
            raise ValueError(f"{prior.dist} has no location and scale to change units by")
    return getattr(pm, prior.dist)(name, **args, **kwargs)
