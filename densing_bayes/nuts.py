"""What nutpie samples from, made of C functions of our own: all that is private to it is here.

nutpie takes a PyMC model that it compiled itself, or a Python function that it calls under
Python's lock. Two C functions that were compiled elsewhere fit the first, of which the fields
below are private and have changed between versions: pyproject.toml bounds the version, and
tests/test_nuts.py compares the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from nutpie.compile_pymc import CompiledPyMCModel


def model_for_nutpie(*, log_density: Any, expansion: Any, start: Callable[[int], np.ndarray],
                     arrays: dict[str, np.ndarray], user_data: np.ndarray, dimension: int,
                     shapes: Mapping[str, tuple[int, ...]], dims: dict[str, tuple[str, ...]],
                     coords: dict[str, Any]) -> CompiledPyMCModel:
    """A model that `nutpie.sample` takes.

    Parameters
    ----------
    log_density, expansion
        numba C functions: log density with gradient, and the variables that are told of a point.
    start
        From a seed to a point, (dimension,).
    arrays, user_data
        What the C functions read, and the vector of its addresses and sizes that they are given;
        the arrays must live as long as the model, which holds them.
    dimension
        Numbers that are sampled.
    shapes, dims, coords
        Of the variables that ``expansion`` tells, in its order; labels by dimension.
    """
    names = list(shapes)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    places = [slice(end - int(np.prod(shapes[name])), end)
              for name, end in zip(names, ends, strict=True)]
    return CompiledPyMCModel(
        dims=dims, _coords=coords, _shapes=dict(shapes), _n_dim=dimension,
        compiled_logp_func=log_density, compiled_expand_func=expansion,
        initial_point_func=start, shared_data=arrays, shared_var_keys={}, user_data=user_data,
        n_expanded=int(ends[-1]), shape_info=(names, places, list(shapes.values())),
        logp_func=None, expand_func=None, reparameterized_names=[])
