"""``doctor``: versions, threads, caches, and where this machine can be written to."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import densing_bayes
from densing_bayes import stamps
from densing_bayes.shelf import shelf

PACKAGE = Path(densing_bayes.__file__).parent
THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ANSWERS = ".nc.answers"  # densing_bayes.kept, which is not imported for a look at the machine
KEPT = ("*.nbi", "*.nbc")  # numba's index and machine code


def examine() -> dict[str, Any]:
    """What there is, as plain values; ``wrong`` names what keeps the package from working."""
    versions = {"python": platform.python_version(), **{
        name: _version(name) for name in ("densing-bayes", *_needed())}}
    caches = _caches()
    places = {"working folder": Path.cwd(), "temporary files": Path(tempfile.gettempdir()),
              "home": Path.home()}
    writable = {name: os.access(path, os.W_OK) for name, path in places.items()}
    wrong = [f"{name} is not installed" for name, found in versions.items() if found is None]
    if not (shelf("models") / "densing.toml").is_file():
        wrong.append(f"the shelf has no models: {shelf('models')}")
    if not writable["working folder"]:
        wrong.append("the working folder cannot be written to: name another one with --out")
    return {
        "versions": versions, "platform": platform.platform(),
        "processors": os.cpu_count(), "usable": _usable(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "shelf": {name: str(shelf(name)) for name in ("models", "data", "reports")},
        "places": {name: {"path": str(path), "writable": writable[name]}
                   for name, path in places.items()},
        "machine_code": [{"path": str(path), "files": len(files),
                          "megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 1)}
                         for path, files in caches.items()],
        "answers": {"files": len(_answers()), "megabytes": round(
            sum(file.stat().st_size for file in _answers()) / 1e6, 1)},
        "environment": {name: value for name, value in os.environ.items()
                        if name.startswith(("DENSING_", "NUMBA_", "PYTENSOR_"))},
        "wrong": wrong,
    }


def told(found: dict[str, Any]) -> list[str]:
    """The same in lines."""
    threads = ", ".join(f"{name}={value}" for name, value in found["threads"].items())
    lines = [f"{name:22s} {value or 'not installed'}" for name, value in
             found["versions"].items()]
    lines += [
        f"{'platform':22s} {found['platform']}",
        f"{'processors':22s} {found['processors']} ({found['usable']} for this process)",
        f"{'threads':22s} {threads or 'as the libraries choose'}",
        *(f"{f'shelf of {name}':22s} {path}" for name, path in found["shelf"].items()),
        *(f"{name:22s} {place['path']} ({'can' if place['writable'] else 'cannot'} be written to)"
          for name, place in found["places"].items()),
        *(f"{'machine code':22s} {cache['path']}: {cache['files']} files, "
          f"{cache['megabytes']} MB" for cache in found["machine_code"]),
        f"{'answers kept here':22s} {found['answers']['files']} files, "
        f"{found['answers']['megabytes']} MB",
        *(f"{'environment':22s} {name}={value}" for name, value in found["environment"].items())]
    if not found["machine_code"]:
        lines.append(f"{'machine code':22s} none kept: the next fit compiles, some twenty seconds")
    if "removed" in found:
        lines.append(f"{'removed':22s} {found['removed']} files")
    return lines


def clear_caches() -> int:
    """Remove what this package keeps and can make again; the number of files removed.

    Machine code, stamps, and the answers kept beside fits in ``densing-out/`` here.
    """
    count = stamps.clear()
    for file in _answers():
        file.unlink(missing_ok=True)
        count += 1
    for files in _caches().values():
        for file in files:
            file.unlink(missing_ok=True)
            count += 1
    return count


def _answers() -> list[Path]:
    """Answers kept beside the fits of this folder."""
    return sorted(Path("densing-out").glob(f"*/*{ANSWERS}"))


def _caches() -> dict[Path, list[Path]]:
    """Folders with machine code of this package, with its files there."""
    from numba.core.caching import _CacheLocator

    from densing_bayes.joint.kernel.cache import own_temporary

    roots = [Path.home() / ".cache" / "numba"]
    if "NUMBA_CACHE_DIR" in os.environ:
        roots.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    with suppress(OSError):  # somebody else's: not ours to look into
        roots.append(own_temporary())
    sources = [path for path in PACKAGE.rglob("*.py") if any(
        path.parent.glob("__pycache__")) or path.parent.name == "kernel"]
    folders = {path.parent / "__pycache__" for path in sources} | {
        root / _CacheLocator.get_suitable_cache_subpath(str(path))
        for path in sources for root in roots}
    found = {folder: sorted(file for pattern in KEPT for file in folder.glob(pattern))
             for folder in sorted(folders) if folder.is_dir()}
    return {folder: files for folder, files in found.items() if files}


def _needed() -> list[str]:
    """Names of the packages that this one asks for."""
    asked = [line.partition(";")[0] for line in requires("densing-bayes") or []
             if "extra ==" not in line]
    return [_name(line) for line in asked]


def _name(line: str) -> str:
    """A package's name at the beginning of a requirement.

    Examples
    --------
    >>> _name("arviz[matplotlib,netcdf4]<2,>=1.3")
    'arviz'
    """
    end = next((i for i, letter in enumerate(line) if not (letter.isalnum() or letter in "-_.")),
               len(line))
    return line[:end]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _usable() -> int:
    """Processors that this process may use."""
    count = getattr(os, "process_cpu_count", os.cpu_count)
    if sys.version_info < (3, 13) and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return count() or 1
