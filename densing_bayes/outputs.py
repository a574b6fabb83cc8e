"""Outputs on disk: strict JSON, CSV that is safe to open, and folders that are swapped whole.

A report folder is ours when its ``summary.json`` says so and lists its files (``files``).
Anything else in it belongs to the reader: it is carried over, never deleted. A folder that
holds files but is no report is refused before the work begins (`check_out`).
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes import swaps
from densing_bayes.errors import InputError, Problem

WRITER = "densing_bayes"
FOLDERS = ("figures", "tables")


def clean(text: Any) -> str:
    r"""Text without what breaks XML, UTF-8 or a line of text.

    Dropped are control characters, lone surrogates, and the marks that turn the direction of
    the text around them.

    Examples
    --------
    >>> clean("two\x00 words\x1b[31m")
    'two words[31m'
    """
    return _UNPRINTABLE.sub("", str(text))


_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


# -- JSON and CSV ----------------------------------------------------------------------------


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun, in the singular and for none too.

    Examples
    --------
    >>> counted(1, "choice"), counted(3, "choice"), counted(0, "family", "families")
    ('1 choice', '3 choices', 'no families')
    """
    return f"{f'{count:,}' if count else 'no'} {one if count == 1 else many or f'{one}s'}"


def plain(value: Any) -> Any:
    """Numpy scalars and arrays, dates and paths as what JSON knows; NaN and NaT become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else float(value)
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else pd.Timestamp(value).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str | Path):
        return str(value)
    raise TypeError(f"no place in JSON for a {type(value).__name__}: {value!r}")


def json_text(value: Any) -> str:
    """JSON (RFC 8259) of plain and numpy values.

    NaN is written as null. JSON has no infinity: it is written as the number 1e999, which the
    grammar allows and which Python, JavaScript and R read as infinity, so that the open end of
    a doubling set stays a number that can be compared.

    Examples
    --------
    >>> print(json_text([1.5, float("nan"), float("-inf")]))
    [
     1.5,
     null,
     -1e999
    ]
    """
    text = json.dumps(plain(value), indent=1, ensure_ascii=False)
    # One item per line, and a line that ends in a string ends in a quote: this Infinity is bare.
    return re.sub(r"Infinity(,?)$", r"1e999\1", text, flags=re.MULTILINE)


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV in full precision, without its index; missing cells are empty.

    Text that a spreadsheet would run as a formula (it begins with =, +, -, @, tab or carriage
    return and is no number) gets a leading apostrophe, the spreadsheets' own mark for text.

    Examples
    --------
    >>> print(csv_text(pd.DataFrame({"model": ["=1+1", "LLaMA"], "change": ["-0.5", "-"]})), end="")
    model,change
    '=1+1,-0.5
    LLaMA,'-
    """
    safe = frame.copy()
    safe.columns = [_not_a_formula(clean(column)) for column in frame.columns]
    for position, (_, column) in enumerate(frame.items()):
        if not pd.api.types.is_numeric_dtype(column):
            safe.isetitem(position, [
                _not_a_formula(clean(cell)) if isinstance(cell, str) else cell for cell in column
            ])
    return safe.to_csv(index=False, lineterminator="\n")


def _not_a_formula(cell: str) -> str:
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


# -- folders ---------------------------------------------------------------------------------


def _written_by_us(folder: Path) -> set[str] | None:
    """Names of the files that an earlier report wrote here; None where there is no report."""
    try:
        said = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return set(said["files"]) if said["written_by"] == WRITER else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _foreign(folder: Path, ours: set[str]) -> list[Path]:
    """What an earlier report did not write, relative to the folder."""
    found = []
    for entry in folder.iterdir():
        if entry.name in FOLDERS and entry.is_dir() and not entry.is_symlink():
            found += [inner for inner in entry.iterdir()
                      if f"{entry.name}/{inner.name}" not in ours]
        elif entry.name not in ours:
            found.append(entry)
    return [path.relative_to(folder) for path in found]


def default_out(name: str, spec_hash: str, checksums: Mapping[str, str]) -> Path:
    """Where results go unless told: a folder of its own for every spec on every data.

    Examples
    --------
    >>> a, b = (default_out("densing", "0f3a", {"models": of}) for of in ("12ab", "34cd"))
    >>> a == default_out("densing", "0f3a", {"models": "12ab"}), a == b
    (True, False)
    """
    said = json.dumps([spec_hash, sorted(checksums.items())])
    return Path("densing-out") / f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def check_out(out: Path) -> Path:
    """The folder to write to, resolved; call it before the work begins.

    A folder is made there and taken away again, so that what would be refused after the work
    (a name that is too long, a disk that is full, a system that forbids it) is refused before.

    Raises
    ------
    InputError
        Where it is a file, a mount point, cannot be written to, or holds files but no report of
        ours.
    """
    try:
        out = Path(out).expanduser().resolve()
        if out.is_mount():
            raise InputError(Problem("the output folder is a mount point and cannot be replaced",
                                     given=out, hint="name a folder inside it"))
        if out.exists() and not out.is_dir():
            raise InputError(Problem("the output folder is a file", given=out))
        _try_to_write(out)
        present = sorted(entry.name for entry in out.iterdir()) if out.exists() else []
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name, a loop of links
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(Problem("cannot write the report there", given=clean(out)[:200],
                                 hint=said)) from None
    if present and _written_by_us(out) is None:
        more = f" and {len(present) - 3} more" if len(present) > 3 else ""
        raise InputError(Problem(
            f"the output folder holds files that are no report: {', '.join(present[:3])}{more}",
            given=out, hint="nothing was changed; name a new or empty folder"))
    return out


def check_file(path: Path) -> Path:
    """A file's name that can be written to; call it before the work begins.

    Raises
    ------
    InputError
        Where it is a folder, or nothing can be written beside it.
    """
    try:
        path = Path(path).expanduser()
        if path.is_dir():
            raise InputError(Problem("the output file is a folder", given=path))
        _try_to_write(path.absolute())
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(Problem("cannot write the file there", given=clean(path)[:200],
                                 hint=said)) from None
    return path


def _try_to_write(path: Path) -> None:
    """OSError where nothing can be written under a name; leaves nothing behind."""
    made = [parent for parent in (path.parent, *path.parent.parents) if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trial = swaps.marked(path, "try")
        trial.mkdir()
        try:
            (trial / "try").write_bytes(bytes(1 << 16))
        finally:
            shutil.rmtree(trial)
    finally:
        for parent in made:  # the innermost first
            with suppress(OSError):
                parent.rmdir()


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A new sibling folder to write into, put in place of ``out`` when the block succeeds.

    A run that fails or is killed leaves ``out`` as it was. Files in ``out`` that its earlier
    report did not write are carried over (as ``name.kept`` where the new report has that name):
    before the two folders change places, so that they are never missing. What an earlier run
    that was killed left beside ``out`` is put right first.
    """
    out = check_out(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    put_right(out)
    new, old = swaps.marked(out, "new"), swaps.marked(out, "old")
    new.mkdir()
    try:
        yield new
        check_out(out)  # again: it may have changed while we worked
        if not out.exists():
            new.rename(out)
            return
        _carry_over(out, new)
        if swaps.exchange(new, out):
            new.rename(old)
        else:
            out.rename(old)
            new.rename(out)
        _carry_over(old, out)  # what the reader put there in the meantime
        shutil.rmtree(old, ignore_errors=True)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        shutil.rmtree(new, ignore_errors=True)


def put_right(out: Path) -> None:
    """Undo what killed runs left beside ``out``: no file of the reader's stays hidden."""
    for kind, left in swaps.leftovers(out):
        if kind == "old" and not out.exists():
            left.rename(out)
            continue
        if out.exists() and left.is_dir():
            _carry_over(left, out)
        shutil.rmtree(left, ignore_errors=True)


def _carry_over(old: Path, new: Path) -> None:
    """Give the reader's files in ``old`` a name in ``new`` too.

    A folder without a report is a new one that was not finished: all in it is ours.
    """
    ours = _written_by_us(old)
    for path in [] if ours is None else _foreign(old, ours):
        target, count = new / path, 0
        while os.path.lexists(target) and not swaps.same(old / path, target):
            count += 1
            target = (new / path).with_name(f"{path.name}.kept{count if count > 1 else ''}")
        if not os.path.lexists(target):
            target.parent.mkdir(exist_ok=True)
            swaps.link(old / path, target)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that replaces it when the block ends without error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for _, left in swaps.leftovers(path):  # files, and folders of trials
        with suppress(OSError):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    temporary = swaps.marked(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_netcdf(data: Any, temporary: Path, path: Path, **more: Any) -> None:
    """Write a Dataset or DataTree to the temporary name of ``path``.

    Raises
    ------
    OSError
        The disk is full, or whatever else kept the library from writing.
    """
    try:
        data.to_netcdf(temporary, **more)
    except RuntimeError as error:  # of the library, which says no more and holds the file open
        full = shutil.disk_usage(temporary.parent).free < 1 << 16
        with suppress(OSError):
            os.truncate(temporary, 0)  # or its space is lost until the process ends
        raise OSError(errno.ENOSPC if full else errno.EIO, os.strerror(errno.ENOSPC) if full else
                      f"cannot be written ({error})", str(path)) from None
