"""Fitting: compile a model once, sample it as often as needed, keep what belongs together.

Compilation (10 to 30 s) dwarfs sampling (seconds), so a compiled model is a value that is
passed around and refitted with other data, masks and prior arguments, all ``pm.Data``.
"""

from __future__ import annotations

import gc
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Fast-math makes the draws of a cold and of a cached compilation differ for one seed.
os.environ.setdefault("PYTENSOR_FLAGS", "numba__fastmath=False")

import numpy as np
import nutpie
import pymc as pm
import pytensor
import xarray as xr

from densing_bayes.errors import InputError, Problem
from densing_bayes.outputs import replacing
from densing_bayes.specs import ModelSpec, Sampling


def compile_model(model: pm.Model, keep: tuple[str, ...] | None = None, *,
                  jitter: bool = True) -> Any:
    """The model compiled for nutpie; refit it with ``sample(..., data=...)``.

    ``keep`` names the deterministics to trace besides the sampled variables (None: all).
    Without ``jitter`` every chain starts at the centre of the priors: for models whose spreads
    and coordinates have to fit each other, where a jittered start can be lost for good.
    """
    names = None if keep is None else [*(rv.name for rv in model.free_RVs), *keep]
    # compilation makes millions of objects that stay: collecting garbage costs a tenth of it
    with pytensor.config.change_flags(numba__fastmath=False), no_collection():
        return nutpie.compile_pymc_model(model, var_names=names,
                                         jitter_rvs=None if jitter else set())


@contextmanager
def no_collection() -> Iterator[None]:
    """Garbage collection waits."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


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
           data: dict[str, Any] | None = None, cores: int | None = None) -> xr.DataTree:
    """Draws from a compiled model as a DataTree with posterior and sample_stats.

    Parameters
    ----------
    compiled
        From `compile_model`, or the joint model (`densing_bayes.joint.engine`).
    sampling
        Counts, acceptance and seed.
    case
        Name from which this run's own random stream is derived.
    data
        New values of ``pm.Data`` by name (of the joint model: tables and priors).
    cores
        Threads; default one per chain, as many as the machine has.
    """
    if data:
        compiled = compiled.with_data(**data)
    return nutpie.sample(
        compiled, draws=sampling.draws, tune=sampling.tune, chains=sampling.chains,
        cores=cores or min(sampling.chains, os.cpu_count() or 1),
        target_accept=sampling.target_accept, seed=case_seed(sampling.seed, case),
        progress_bar=False, save_warmup=False,
    )


@dataclass(frozen=True)
class Fit:
    """Draws and the spec they belong to.

    ``tree`` has posterior and sample_stats, and whatever groups were added; its attrs hold spec
    text and hash, checksums of the data, seed, versions and compiler flags.
    """

    spec: ModelSpec
    tree: xr.DataTree

    @property
    def posterior(self) -> xr.Dataset:
        """The draws, dims chain and draw first."""
        return self.tree["posterior"].to_dataset()

    def save(self, path: Path) -> None:
        """Write one netCDF file, whole or not at all."""
        with replacing(path) as temporary:
            self.tree.to_netcdf(temporary)

    @classmethod
    def load(cls, path: Path, spec: ModelSpec, checksums: dict[str, str] | None = None) -> Fit:
        """Read a saved fit of this spec (and of these tables, when checksums are given).

        Raises
        ------
        InputError
            The file is no fit, or of another spec or other data: draws of one model never
            answer for another.
        """
        try:
            tree = xr.load_datatree(path)
        except (OSError, ValueError) as error:
            raise InputError(Problem("cannot read the fit", file=Path(path).name,
                                     hint=str(error).splitlines()[0][:200])) from None
        if tree.attrs.get("spec_hash") != spec.hash:
            raise InputError(Problem(
                "the fit belongs to another spec", file=Path(path).name,
                given=tree.attrs.get("spec_hash"), allowed=spec.hash,
                hint=f"fit '{spec.name}' again, or name the spec of that fit"))
        saved = json.loads(tree.attrs.get("data", "{}"))
        if checksums is not None and saved != checksums:
            changed = sorted(name for name in {*saved, *checksums}
                             if saved.get(name) != checksums.get(name))
            raise InputError(Problem("the fit belongs to other data", file=Path(path).name,
                                     given=", ".join(changed), hint="fit again"))
        return cls(spec, tree)


def provenance(spec: ModelSpec, checksums: dict[str, str]) -> dict[str, str]:
    """Attributes that every saved fit carries."""
    packages = ("densing-bayes", "pymc", "pytensor", "nutpie", "numba", "arviz-stats", "numpy",
                "pandas", "xarray")
    return {
        "spec": spec.toml, "spec_name": spec.name, "spec_hash": spec.hash,
        "data": json.dumps(checksums), "seed": str(spec.sampling.seed),
        "versions": json.dumps({name: version(name) for name in packages}),
        "flags": "numba__fastmath=False",
    }
