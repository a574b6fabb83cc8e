"""The joint model's log density and its gradient, by hand: what the sampler evaluates.

`densing_bayes.joint.graph` says what the model is; these files say the same with the
derivatives written out: six times as fast, and without half a minute of compilation in every
process, since numba keeps the machine code on disk, for tables of any size.
`tests/test_kernel.py` holds the two together, value and gradient, in every option.

In the order of the argument: ``layout`` (what stands where), ``densities`` (special functions,
priors), ``ruler``, ``group`` (families and models below the frontier), ``scores``, ``above`` and
``back`` (the globals, forwards and backwards), ``evaluate`` (all of it), ``machine`` (what is
called from Python). ``bar_x`` is the derivative of the log density with respect to x.
"""

from typing import Any

from densing_bayes.joint.kernel.layout import (
    ABOVE,
    PRIORS,
    ROWS,
    SCALES,
    SHARES,
    SOFTNESS,
    TABLES,
    VARIABLES,
)

__all__ = ["ABOVE", "PRIORS", "ROWS", "SCALES", "SHARES", "SOFTNESS",
           "TABLES", "VARIABLES"]


def __getattr__(name: str) -> Any:
    """``machine_code`` is loaded where it is asked for: with it comes numba."""
    if name == "machine_code":
        from densing_bayes.joint.kernel.machine import machine_code

        return machine_code
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
