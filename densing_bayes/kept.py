"""What questions need of a fit, kept beside it, so that they need not derive all its draws again.

The file is a zip of plain numpy arrays and an index, named after its fit. It says which fit,
tables, spec and version of the program it was made of; where one of them differs, or a byte of an
array is not what was written, it counts as not there and everything is made of the fit again.
Arrays are read when they are first asked for. It may be removed at any time
(``densing doctor --clear``).
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from densing_bayes.fitting import SEAL, program
from densing_bayes.joint.quantities import frontier_path, years_of
from densing_bayes.outputs import replacing

SUFFIX = ".answers"  # behind the name of the fit
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def place(fit: Path) -> Path:
    """Where the file of a fit is.

    Examples
    --------
    >>> place(Path("out/fit.nc")).name
    'fit.nc.answers'
    """
    return fit.with_name(fit.name + SUFFIX)


def key_of(fit: Path, spec_hash: str, checksums: Mapping[str, str]) -> str | None:
    """What an answer depends on: the fit's own checksum, program, spec and tables.

    None where there is no fit with a checksum at its end.
    """
    size = len(SEAL) + hashlib.sha256().digest_size
    try:
        with open(fit, "rb") as file:
            file.seek(-size, 2)
            seal = file.read()
    except OSError:
        return None
    if not seal.startswith(SEAL):
        return None
    said = json.dumps([seal.hex(), program(), _rules(), spec_hash, sorted(checksums.items())])
    return hashlib.sha256(said.encode()).hexdigest()


@cache
def _rules() -> str:
    """A checksum of the sources, beside those of `fitting.program`, that decide what is kept."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in (
        "context.py", "densities.py", "intervals.py", "kept.py", "questions/density.py",
        "questions/frontier.py", "questions/growth.py"))).hexdigest()


@dataclass(frozen=True)
class Kept:
    """An open file of answers.

    Parameters
    ----------
    said
        Plain values that were kept.
    index
        By group: dims, coordinates and attributes.
    """

    path: Path
    file: zipfile.ZipFile
    said: dict[str, Any]
    index: dict[str, Any]

    def dataset(self, group: str, otherwise: Callable[[], xr.Dataset]) -> xr.Dataset:
        """A group, its arrays to be read when asked for; ``otherwise`` where one is damaged."""
        try:
            return self._dataset(group, cache(otherwise))
        except DAMAGED:
            return otherwise()

    def _dataset(self, group: str, otherwise: Callable[[], xr.Dataset]) -> xr.Dataset:
        said = self.index[group]

        def lazily(name: str, one: dict[str, Any]) -> xr.Variable:
            def read() -> np.ndarray:
                try:
                    if one["rule"]:
                        return RULES[name](found)
                    return self.array(group, name, one)
                except DAMAGED:
                    with suppress(OSError):
                        self.path.unlink()  # so that the next question keeps it anew
                    return otherwise()[name].values

            array = _Lazy(tuple(one["shape"]), np.dtype(one["dtype"]), read)
            return xr.Variable(one["dims"], indexing.MemoryCachedArray(
                indexing.CopyOnWriteArray(indexing.LazilyIndexedArray(array))))

        found = xr.Dataset(
            {name: lazily(name, one) for name, one in said["variables"].items()},
            coords={name: (one["dims"], self.array(group, name, one))
                    for name, one in said["coords"].items()}, attrs=said["attrs"])
        return found

    def array(self, group: str, name: str, one: Mapping[str, Any]) -> np.ndarray:
        """An array as it was kept; `DAMAGED` where it is not."""
        with self.file.open(f"{group}/{name}.npy") as member:
            value = np.lib.format.read_array(member, allow_pickle=False)
            member.read(1)  # at the end the checksum is compared
        if one["dtype"] == "object":
            value = value.astype(object)
        if value.dtype != one["dtype"]:
            raise ValueError(name)
        return np.broadcast_to(value, one["shape"])


class _Lazy(BackendArray):
    """An array that is read when it is asked for."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, read: Callable[[], np.ndarray],
                 ) -> None:
        self.shape, self.dtype, self.read = shape, dtype, read

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, lambda at: self.read()[at])


# what follows from other arrays of its group is computed again, not kept
RULES: dict[str, Callable[[xr.Dataset], np.ndarray]] = {
    "log_density": lambda found: (found["log_effective"] - found["log_size"]).values,
    "gap": lambda found: (frontier_path(
        found, years_of(found["date"].values), "model") - found["log_density"]).clip(min=0).values,
}


def read(path: Path, key: str | None) -> Kept | None:
    """The file, if it is there, whole as far as can be seen, and of this key."""
    if key is None:
        return None
    try:
        file = zipfile.ZipFile(path)
        index = json.loads(file.read("index.json"))
        if index["key"] == key:
            return Kept(path, file, index["said"], index["groups"])
    except DAMAGED:
        pass
    return None


def write(path: Path, key: str, said: Mapping[str, Any], groups: Mapping[str, xr.Dataset]) -> None:
    """Keep plain values and groups under a key; nothing where that cannot be written."""
    index: dict[str, Any] = {"key": key, "said": dict(said), "groups": {}}
    with suppress(OSError), replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for group, dataset in groups.items():
            index["groups"][group] = {
                "attrs": dict(dataset.attrs),
                "coords": {str(name): _kept(file, group, name, value)
                           for name, value in dataset.coords.items()},
                "variables": {str(name): _kept(file, group, name, value,
                                               _follows(str(name), value, dataset))
                              for name, value in dataset.data_vars.items()}}
        file.writestr("index.json", json.dumps(index))


def _follows(name: str, value: xr.DataArray, dataset: xr.Dataset) -> bool:
    """Whether an array is to the last digit what its rule makes of the others."""
    return name in RULES and np.array_equal(RULES[name](dataset), value.values)


def _kept(file: zipfile.ZipFile, group: str, name: Any, value: xr.DataArray, rule: bool = False,
          ) -> dict[str, Any]:
    """Write one array, and what the index says of it; one that no draw changes is kept once."""
    array = value.values
    said = {"dims": list(value.dims), "shape": list(array.shape), "dtype": str(array.dtype),
            "rule": rule}
    if rule:
        return said
    if array.dtype == object:
        array = array.astype(str)
    if value.dims[:2] == ("chain", "draw") and array.ndim > 2 and (array == array[:1, :1]).all():
        array = array[:1, :1]
    with file.open(f"{group}/{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    return said
