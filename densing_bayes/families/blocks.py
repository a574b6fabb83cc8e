"""Small blocks that every family shares: priors and tables as a model sees them.

nutpie's compilation time grows steeply with the number of ``pm.Data`` (each is unrolled in the
compiled function), so the arguments of all priors travel in one vector and each table in one
matrix. Both can be replaced without compiling again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

from densing_bayes.priors import DISTRIBUTIONS, Prior


class Packed:
    """A prior whose arguments are entries of a shared vector."""

    def __init__(self, dist: str, args: dict[str, Any]):
        self.dist, self.args = dist, args


def prior_vector(priors: Mapping[str, Prior]) -> np.ndarray:
    """All arguments of all priors, in the order of the names: the value of ``priors``."""
    return np.array([value for prior in priors.values()
                     for value in (prior.args[key] for key in DISTRIBUTIONS[prior.dist])])


def pack_priors(priors: Mapping[str, Prior]) -> dict[str, Packed]:
    """The priors with their arguments in one ``pm.Data`` named ``priors``.

    A compiled model is refitted under other arguments with
    ``data={"priors": prior_vector(other)}``; distributions stay.
    """
    vector = pm.Data("priors", prior_vector(priors))
    packed, start = {}, 0
    for name, prior in priors.items():
        keys = DISTRIBUTIONS[prior.dist]
        packed[name] = Packed(prior.dist, {key: vector[start + i] for i, key in enumerate(keys)})
        start += len(keys)
    return packed


class Table:
    """A table as one matrix ``pm.Data``: columns by name, whole numbers by ``index``."""

    def __init__(self, name: str, columns: Mapping[str, Sequence[float]]):
        self.names, self.columns = list(columns), columns
        self.data = pm.Data(name, matrix(columns))

    def __getitem__(self, column: str) -> Any:
        return self.data[:, self.names.index(column)]

    def values(self, column: str) -> np.ndarray:
        """A column as it was given: for observed values, which PyMC takes as numbers only."""
        return np.asarray(self.columns[column], dtype=float)

    def index(self, column: str) -> Any:
        """A column of whole numbers, to index with."""
        return pt.cast(self[column], "int64")


class Mirrored(Transform):
    """A positive variable on the whole line, by its absolute value.

    For spreads of which only the square counts and that the data may not keep from zero: there
    the logarithm has a long tail, the mirror image none.
    """

    name = "mirrored"

    def forward(self, value: Any, *inputs: Any) -> Any:
        """A point of the line: the value itself."""
        return value

    def backward(self, value: Any, *inputs: Any) -> Any:
        """The value at a point of the line."""
        return pt.abs(value)

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Two points of the line give one value."""
        return pt.full_like(value, -np.log(2.0))


def matrix(columns: Mapping[str, Sequence[float]]) -> np.ndarray:
    """Columns of equal length as one matrix, rows first."""
    return np.column_stack([np.asarray(column, dtype=float) for column in columns.values()])


def rv(name: str, prior: Prior | Packed, *, shift: Any = 0.0, scale: Any = 1.0,
       **kwargs: Any) -> Any:
    """A random variable with the given prior, possibly declared in other units.

    If x has the prior, the variable returned is x / scale + shift. This is how the sampled
    coordinates are chosen (where the data pin things down) without changing the prior: exact
    for location-scale distributions, hence refused for others.
    """
    args = dict(prior.args)
    plain = isinstance(shift, float) and isinstance(scale, float) and (shift, scale) == (0.0, 1.0)
    if not plain:
        if prior.dist == "Normal":
            args = {"mu": args["mu"] / scale + shift, "sigma": args["sigma"] / scale}
        elif prior.dist == "HalfNormal" and isinstance(shift, float) and shift == 0.0:
            args = {"sigma": args["sigma"] / scale}
        else:
            raise ValueError(f"{prior.dist} has no location and scale to change units by")
    return getattr(pm, prior.dist)(name, **args, **kwargs)
