"""What the sampler calls: two C functions, and the numbers behind their pointer."""

from __future__ import annotations

import functools
import math
import zlib
from pathlib import Path

import numba
import numpy as np
from numba import types
from nutpie.compile_pymc import address_as_void_pointer

from densing_bayes.joint.kernel.above import natural
from densing_bayes.joint.kernel.cache import c_function
from densing_bayes.joint.kernel.densities import compiled
from densing_bayes.joint.kernel.evaluate import evaluate
from densing_bayes.joint.kernel.layout import (
    FAMILY,
    STEP,
    T_HELD,
    T_LINKED,
    T_MODELS,
    T_STARTS,
    TABLES,
)


@compiled
def told_size(tables):
    """How many numbers are told besides the variables."""
    starts = tables[T_STARTS][0]
    segments = int(starts[STEP + 1] - starts[STEP])
    families = int(starts[FAMILY + 1] - starts[FAMILY])
    return (2 + segments + families + tables[T_MODELS].shape[1]
            + 2 * tables[T_LINKED].shape[1])


@compiled
def matrices(user_data):
    """The tables behind a C pointer: per table the address of a matrix, its rows and columns."""
    at = numba.carray(user_data, (3 * len(TABLES),), np.int64)
    return (one(at, 0), one(at, 1), one(at, 2), one(at, 3), one(at, 4), one(at, 5), one(at, 6),
            one(at, 7), one(at, 8), one(at, 9), one(at, 10), one(at, 11), one(at, 12), one(at, 13),
            one(at, 14))


@compiled
def one(at, k):
    """The matrix number ``k``."""
    return numba.carray(address_as_void_pointer(at[3 * k]), (at[3 * k + 1], at[3 * k + 2]),
                        np.float64)


@compiled
def whole(x, held):
    """The point of all variables: the sampled ones, and the held ones where they are held."""
    point = held[0].copy()
    k = 0
    for i in range(point.size):
        if held[1, i] == 1:
            point[i] = x[k]
            k += 1
    return point


@compiled
def density_and_gradient(dim, x_, grad_, density_, user_data):
    """Log density and gradient at a point; returns 0, or what is not finite.

    Parameters
    ----------
    dim
        Number of unknowns that are not held.
    x_
        Pointer to the point, (dim,).
    grad_, density_
        Pointers to what is filled: gradient, (dim,), and log density, a number.
    user_data
        Pointer to addresses and shapes of the tables: see `matrices`.
    """
    tables = matrices(user_data)
    out = numba.carray(grad_, (dim,))
    point = whole(numba.carray(x_, (dim,)), tables[T_HELD])
    grad = np.empty(point.size)
    total = evaluate(point, tables, grad, np.empty(told_size(tables)))
    numba.carray(density_, (1,))[0] = total
    k = 0
    for i in range(point.size):
        if tables[T_HELD][1, i] == 1:
            if not math.isfinite(grad[i]):
                return 3
            out[k] = grad[i]
            k += 1
    return 0 if math.isfinite(total) else 4


@compiled
def expand(dim, expanded, x_, out_, user_data):
    """The variables in natural units, then what is told besides.

    Parameters
    ----------
    dim, x_, user_data
        As of `density_and_gradient`.
    expanded
        Number of values told.
    out_
        Pointer to what is filled, (expanded,).
    """
    tables = matrices(user_data)
    point = whole(numba.carray(x_, (dim,)), tables[T_HELD])
    out = numba.carray(out_, (expanded,))
    evaluate(point, tables, np.empty(point.size), out[point.size:])
    out[:point.size] = natural(point, tables)
    return 0


@functools.cache
def machine_code():
    """`density_and_gradient` and `expand` as C functions.

    Compiled once on a machine (some twenty seconds), then loaded from disk. numba looks for
    changes in the file of a C function alone, but also keys what it keeps by the values that
    the function encloses: here a checksum of all files of the kernel.
    """
    stamp = checksum()

    def log_density(dim, x_, grad_, density_, user_data):
        if stamp == 0:
            return -1
        return density_and_gradient(dim, x_, grad_, density_, user_data)

    def expansion(dim, expanded, x_, out_, user_data):
        if stamp == 0:
            return -1
        return expand(dim, expanded, x_, out_, user_data)

    size, numbers = types.uint64, types.CPointer(types.double)
    return tuple(
        c_function(types.int64(*given, types.voidptr), function)
        for function, given in ((log_density, (size, numbers, numbers, numbers)),
                                (expansion, (size, size, numbers, numbers))))


def checksum():
    """A number that changes with the source of the kernel; never zero."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parents[1] / "parameters.py"]
    return 1 + zlib.crc32(b"".join(path.read_bytes() for path in files))
