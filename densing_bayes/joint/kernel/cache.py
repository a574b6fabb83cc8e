"""Machine code kept on disk: checked when loaded, made again where damaged, never required.

numba keeps compiled functions as pickles without a checksum: a file that was cut is an error in
every later process, one whose bytes were changed would be run. Here each file ends in its SHA-256
(pickles end where they say, so that numba reads past it), and a file that does not match is as
good as none. Where neither the package's folder nor the user's cache can be written the code is
kept in a folder of the user's own among the temporary files; where that fails too, nowhere.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.ccallback import CFunc

SEAL = hashlib.sha256().digest_size


def c_function(signature: Any, function: Callable[..., Any]) -> CFunc:
    """``numba.cfunc(signature, cache=True)`` with the cache of this module."""
    made = CFunc(function, (signature.args, signature.return_type), locals={},
                 options={"error_model": "numpy"})
    made._cache = kept(function)
    made.compile()
    return made


def without_lock(function: Callable[..., Any]) -> Any:
    """``numba.njit(nogil=True, cache=True)`` with the cache of this module."""
    made = numba.njit(nogil=True, error_model="numpy")(function)
    made._cache = kept(function)
    return made


def kept(function: Callable[..., Any]) -> FunctionCache | NullCache:
    """The cache of a function: where numba would keep it, else among temporary files, else none."""
    try:
        return _Kept(function)
    except (RuntimeError, OSError):  # numba found no folder that can be written
        pass
    before = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = str(own_temporary())
        return _Kept(function)
    except (RuntimeError, OSError):
        return NullCache()
    finally:
        numba.config.CACHE_DIR = before


def own_temporary() -> Path:
    """A folder among temporary files that nobody else may write to; OSError where none can be.

    Machine code is run when it is loaded, so that a folder that another user has made under
    this name is refused.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    path = Path(tempfile.gettempdir()) / f"densing-bayes-{user}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if hasattr(os, "getuid") and (not stat.S_ISDIR(found.st_mode) or found.st_uid != user
                                  or found.st_mode & 0o077):
        raise OSError(f"{path} is not a folder of this user's own")
    return path


def sealed(path: str | Path) -> bool:
    """Whether a file ends in the SHA-256 of all that stands before."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data[:-SEAL]).digest() == data[-SEAL:]


class _Sealed(IndexDataCacheFile):
    """Files that end in their checksum; one that does not match counts as missing."""

    def _load_index(self) -> dict[Any, str]:
        return super()._load_index() if sealed(self._index_path) else {}

    def _load_data(self, name: str) -> Any:
        if not sealed(self._data_path(name)):
            raise OSError("damaged")  # numba takes this for a file that is gone
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        with super()._open_for_write(filepath) as file:
            content = io.BytesIO()
            yield content
            data = content.getvalue()
            file.write(data + hashlib.sha256(data).digest())


class _Kept(FunctionCache):
    """numba's cache of a function, with sealed files; no fault of it is an error."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Sealed(self._cache_path, self._impl.filename_base,
                                   self._impl.locator.get_source_stamp())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever is wrong with what was kept, it can be made again
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError:  # a full disk: the code is there, for this process
            self.disable()
