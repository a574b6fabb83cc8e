"""Fitting: compile a model once, sample it as often as needed, keep what belongs together.

Compilation (10 to 30 s) dwarfs sampling (seconds), so a compiled model is a value that is
passed around and refitted with other data, masks and prior arguments, all ``pm.Data``.
"""

from __future__ import annotations

import gc
import hashlib
import json
import math
import os
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Fast-math makes the draws of a cold and of a cached compilation differ for one seed.
os.environ.setdefault("PYTENSOR_FLAGS", "numba__fastmath=False")

import numpy as np
import xarray as xr

from densing_bayes.errors import InputError, MachineError, Problem
from densing_bayes.outputs import replacing, write_netcdf
from densing_bayes.priors import Prior
from densing_bayes.specs import ModelSpec, Sampling

if TYPE_CHECKING:
    import pymc as pm

MINUTES = "DENSING_MINUTES"
THREADS_END = 0.5  # seconds


def compile_model(model: pm.Model, keep: tuple[str, ...] | None = None, *,
                  jitter: bool = True) -> Any:
    """The model compiled for nutpie; refit it with ``sample(..., data=...)``.

    ``keep`` names the deterministics to trace besides the sampled variables (None: all).
    Without ``jitter`` every chain starts at the centre of the priors: for models whose spreads
    and coordinates have to fit each other, where a jittered start can be lost for good.
    """
    names = None if keep is None else [*(rv.name for rv in model.free_RVs), *keep]
    import nutpie  # a saved fit is read without it
    import pytensor

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
           data: dict[str, Any] | None = None, cores: int | None = None,
           priors: Mapping[str, Prior] | None = None) -> xr.DataTree:
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
    priors
        The model's priors by name, for the message where it cannot be sampled; the joint model
        brings its own.

    Raises
    ------
    InputError
        The log density is not finite, or cannot be computed, where the chains start.
    MachineError
        It took longer than `most_seconds`.
    """
    import nutpie

    if data:
        compiled = compiled.with_data(**data)
    priors = getattr(compiled, "priors", {}) if priors is None else priors
    limit = most_seconds(int(compiled.n_dim), sampling)
    if hasattr(compiled, "for_nutpie"):  # the joint model
        compiled = compiled.for_nutpie()
    sampler = None
    try:
        sampler = nutpie.sample(
            compiled, draws=sampling.draws, tune=sampling.tune, chains=sampling.chains,
            cores=cores or min(sampling.chains, os.cpu_count() or 1),
            target_accept=sampling.target_accept, seed=case_seed(sampling.seed, case),
            progress_bar=False, save_warmup=False, blocking=False)
        tree = sampler.wait(timeout=limit)
    except TimeoutError:
        raise MachineError(
            f"the sampler was stopped after {limit / 60:.0f} minutes ('{case}'): numbers that lie "
            f"exactly on a law, or priors far from the data, leave it without end. Look at the "
            f"tables' last digits and at the priors; {MINUTES}=60 in the environment gives it "
            f"an hour") from None
    except (RuntimeError, ValueError, FloatingPointError) as error:
        said = " ".join(str(error).split("Stack backtrace")[0].split())[:200]
        worst = most_extreme(priors)
        raise InputError(Problem(
            f"the model cannot be sampled ('{case}'): {said}",
            given=worst and f"[priors.{worst}] {priors[worst]}",
            hint="the prior farthest from unit scale is named; is it meant?" if worst
            else "are the numbers of the tables meant?")) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of the sampler's Rust, no Exception
            raise InputError(f"the model cannot be sampled ('{case}'): the sampler failed"
                             ) from None
        raise
    finally:
        # Its threads would crash the interpreter, were it to end before they do. Nothing tells when
        # they have: of 8 processes that end at once 8 crash, after a tenth of a second none.
        if sampler is not None and sys.exc_info()[0] is not None:
            sampler.cancel()
            time.sleep(THREADS_END)
    return tree


def most_seconds(unknowns: int, sampling: Sampling) -> float:
    """How long one run of the sampler may take before it is stopped.

    Ten minutes for 4,000 iterations over all chains and no less, and longer for more of them or
    for a model of more than 1,000 unknowns, in proportion; or as many minutes as the environment
    variable ``DENSING_MINUTES`` says. A fit of the shipped tables takes some seconds.

    Examples
    --------
    >>> most_seconds(400, Sampling(draws=500, tune=500, chains=4)) / 60
    10.0
    """
    try:
        told = float(os.environ.get(MINUTES, ""))
    except ValueError:
        told = 0.0
    if 0 < told < 1e6:
        return 60 * told
    iterations = sampling.chains * (sampling.draws + sampling.tune)
    return 600.0 * max(1.0, iterations / 4000) * max(1.0, unknowns / 1000)


def most_extreme(priors: Mapping[str, Prior]) -> str | None:
    """The prior with the argument farthest from one, in orders of magnitude, None without priors.

    Examples
    --------
    >>> from densing_bayes.priors import Prior
    >>> most_extreme({"rate": Prior("Normal", {"mu": 0.0, "sigma": 2.0}),
    ...               "omega": Prior("HalfNormal", {"sigma": 1e-320})})
    'omega'
    """
    def size(name: str) -> float:
        return max((abs(math.log10(abs(value))) for value in priors[name].args.values() if value),
                   default=0.0)

    return max(priors, key=size, default=None)


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
        """Write one netCDF file with its checksum at the end, whole or not at all."""
        with replacing(path) as temporary:
            write_netcdf(self.tree, temporary, path, encoding={
                f"/{group}": {str(name): {"zlib": True, "complevel": 1, "shuffle": True}
                              for name in self.tree[group].data_vars}
                for group in self.tree.children})
            with open(temporary, "ab") as file:  # netCDF ends where its header says
                file.write(SEAL + digest(temporary))

    @classmethod
    def load(cls, path: Path, spec: ModelSpec, checksums: dict[str, str] | None = None) -> Fit:
        """Read a saved fit of this spec (and of these tables, when checksums are given).

        Raises
        ------
        InputError
            The file is no fit, was changed since it was written, or is of another spec, other
            data or another version of the program: draws of one model never answer for another.
        """
        path = Path(path)

        def refuse(what: str, **more: Any) -> InputError:
            return InputError(Problem(what, file=path.name, **more))

        try:
            if not path.is_file():
                raise refuse("cannot read the fit", given=path, hint="it is no regular file"
                             if path.exists() else "no such file")
            # before a library is given it: damaged files can crash the one that reads netCDF
            if not whole(path):
                raise refuse("cannot read the fit", hint="it was damaged or changed since it was "
                             "written, or is no fit: fit again")
            tree = xr.load_datatree(path)
        except InputError:
            raise
        except Exception as error:  # the libraries under it have errors of many kinds
            said = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise refuse("cannot read the fit", hint=said) from None
        attrs = tree.attrs
        if attrs.get("spec_hash") != spec.hash:
            raise refuse("the fit belongs to another spec", given=attrs.get("spec_hash"),
                         allowed=spec.hash,
                         hint=f"fit '{spec.name}' again, or name the spec of that fit")
        if attrs.get("program") != program():
            raise refuse("the fit was made by another version of the program",
                         given=attrs.get("program"), allowed=program(), hint="fit again")
        saved = _told_of_data(attrs.get("data"))
        if checksums is not None and saved != checksums:
            changed = sorted(name for name in {*saved, *checksums}
                             if saved.get(name) != checksums.get(name))
            raise refuse("the fit belongs to other data", given=", ".join(changed),
                         hint="fit again")
        wrong = _no_draws(tree)
        if wrong:
            raise refuse(f"the fit holds no draws that can be used: {wrong}", hint="fit again")
        return cls(spec, tree)


SEAL = b"densing_bayes sha256 "


def digest(path: Path, length: int | None = None) -> bytes:
    """SHA-256 of the first ``length`` bytes of a file (None: all)."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        left = os.path.getsize(path) if length is None else length
        while left > 0 and (part := file.read(min(left, 1 << 20))):
            found.update(part)
            left -= len(part)
    return found.digest()


def whole(path: Path) -> bool:
    """Whether a file ends in the checksum that `Fit.save` gave it."""
    length = os.path.getsize(path) - len(SEAL) - hashlib.sha256().digest_size
    if length <= 0:
        return False
    with open(path, "rb") as file:
        file.seek(length)
        return file.read() == SEAL + digest(path, length)


def _told_of_data(said: Any) -> dict[str, Any]:
    """Checksums of the tables as a fit's attributes have them; empty where they make no sense."""
    try:
        found = json.loads(said)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _no_draws(tree: xr.DataTree) -> str | None:
    """What is wrong with the groups of a fit; None where nothing is."""
    if "posterior" not in tree.children or "sample_stats" not in tree.children:
        return "posterior or sample_stats is missing"
    posterior = tree["posterior"].to_dataset()
    if not len(posterior.data_vars) or 0 in posterior.sizes.values():
        return "posterior is empty"
    for name, value in posterior.data_vars.items():
        if value.dims[:2] != ("chain", "draw"):
            return f"{name} has no chains and draws"
        if value.dtype.kind != "f":
            return f"{name} is no number"
    stats = tree["sample_stats"].to_dataset()
    if "diverging" not in stats or stats["diverging"].shape != (
            posterior.sizes["chain"], posterior.sizes["draw"]):
        return "sample_stats does not tell the divergences"
    return None


@cache
def program() -> str:
    """Version of the program and a checksum of the sources that decide what draws mean.

    What is kept from an earlier run answers a question only where this is the same.
    """
    package = Path(__file__).parent
    files = sorted([*package.glob("joint/**/*.py"), *package.glob("families/*.py"),
                    *(package / f"{name}.py" for name in (
                        "checks", "fitting", "laws", "observations"))])
    code = hashlib.sha256(b"".join(path.read_bytes() for path in files))
    return f"{version('densing-bayes')}+{code.hexdigest()[:8]}"


def provenance(spec: ModelSpec, checksums: dict[str, str]) -> dict[str, str]:
    """Attributes that every saved fit carries."""
    packages = ("densing-bayes", "pymc", "pytensor", "nutpie", "numba", "arviz-stats", "numpy",
                "pandas", "xarray")
    return {
        "program": program(), "spec": spec.toml, "spec_name": spec.name,
        "spec_hash": spec.hash,
        "data": json.dumps(checksums), "seed": str(spec.sampling.seed),
        "versions": json.dumps({name: version(name) for name in packages}),
        "flags": "numba__fastmath=False",
    }
