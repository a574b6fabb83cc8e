"""Fitting: compile a model once, sample it as often as needed, keep what belongs together.

Compilation (10 to 30 s) dwarfs sampling (seconds), so a compiled model is a value that is
passed around and refitted with other data, masks and prior arguments, all ``pm.Data``.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any

# Fast-math makes the draws of a cold and of a cached compilation differ for one seed.
os.environ.setdefault("PYTENSOR_FLAGS", "numba__fastmath=False")

import numpy as np
import nutpie
import pymc as pm
import pytensor
import xarray as xr

from densing_bayes.specs import Sampling


def compile_model(model: pm.Model) -> Any:
    """The model compiled for nutpie; refit it with ``sample(..., data=...)``."""
    with pytensor.config.change_flags(numba__fastmath=False):
        return nutpie.compile_pymc_model(model)


def case_seed(seed: int, case: str) -> int:
    """A seed for a named case: adding or dropping other cases never changes it.

    Examples
    --------
    >>> case_seed(1, "joint") == case_seed(1, "joint") != case_seed(1, "cut")
    True
    """
    stream = np.random.SeedSequence([seed, zlib.crc32(case.encode())])
    return int(stream.generate_state(1)[0])


def sample(compiled: Any, sampling: Sampling, *, case: str = "fit",
           data: dict[str, Any] | None = None, cores: int | None = None,
           progress: Callable[[str], None] | None = None) -> xr.DataTree:
    """Draws from a compiled model as a DataTree with posterior and sample_stats.

    Parameters
    ----------
    compiled
        From `compile_model`.
    sampling
        Counts, acceptance and seed.
    case
        Name from which this run's own random stream is derived.
    data
        New values of ``pm.Data`` by name.
    """
    if progress is not None:
        progress(f"sampling {case}")
    if data:
        compiled = compiled.with_data(**data)
    return nutpie.sample(
        compiled, draws=sampling.draws, tune=sampling.tune, chains=sampling.chains,
        cores=cores or min(sampling.chains, os.cpu_count() or 1),
        target_accept=sampling.target_accept, seed=case_seed(sampling.seed, case),
        progress_bar=False, save_warmup=False,
    )
