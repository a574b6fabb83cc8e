"""Names on disk swapped in one step, and what a killed process left beside them.

Whatever is written goes to a name that says which process of which machine is writing; what a
process that is no longer there has left can so be told from what another one is writing now.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import shutil
import socket
import sys
import zlib
from pathlib import Path

HERE = f"{zlib.crc32(socket.gethostname().encode()):08x}"  # this machine
_AT_CWD, _EXCHANGE = -100, 2  # of Linux's renameat2; renamex_np's RENAME_SWAP is 2 too
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EOPNOTSUPP}


def marked(path: Path, kind: str = "") -> Path:
    """A hidden name beside ``path`` that says who is writing.

    Examples
    --------
    >>> leftover_of(marked(Path("report"), "new").name) == ("report", "new", HERE, os.getpid())
    True
    """
    return path.with_name(f".{path.name}.{kind}-{HERE}-{os.getpid()}-{secrets.token_hex(4)}")


def leftover_of(name: str) -> tuple[str, str, str, int] | None:
    """Name, kind, machine and process that a marked name stands for; None for other names."""
    found = re.fullmatch(r"\.(.+)\.([a-z]*)-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}", name)
    return None if found is None else (found[1], found[2], found[3], int(found[4]))


def leftovers(path: Path) -> list[tuple[str, Path]]:
    """Kind and path of what dead processes of this machine left beside ``path``."""
    out = []
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return []
    for name in names:
        told = leftover_of(name)
        if told and told[0] == path.name and told[2] == HERE and not _runs(told[3]):
            out.append((told[1], path.with_name(name)))
    return out


def _runs(process: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # not ours to signal, so it is there
        return True
    return True


def exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False, with nothing done, where the system cannot.

    Linux and macOS can on most of their file systems. Elsewhere there is a moment in which one
    of the names is missing, which `densing_bayes.outputs.whole_folder` repairs when it is
    interrupted then.
    """
    paths = [os.fsencode(path) for path in (one, other)]
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = library.renamex_np(*paths, ctypes.c_uint(_EXCHANGE))
        else:
            failed = library.renameat2(_AT_CWD, paths[0], _AT_CWD, paths[1],
                                       ctypes.c_uint(_EXCHANGE))
    except (AttributeError, TypeError, OSError):  # no such function, no such library
        return False
    if failed:
        code = ctypes.get_errno()
        if code in _CANNOT:
            return False
        raise OSError(code, os.strerror(code), str(one))
    return True


def link(source: Path, target: Path) -> None:
    """A second name for a file (a copy where the file system has no links), or for all of a folder.

    Symbolic links stay what they are.
    """
    if source.is_dir() and not source.is_symlink():
        target.mkdir(exist_ok=True)
        for inner in source.iterdir():
            link(inner, target / inner.name)
        shutil.copystat(source, target)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOSPC, errno.EDQUOT):
            raise
        shutil.copy2(source, target, follow_symlinks=False)


def same(one: Path, other: Path) -> bool:
    """Whether two names are one file, or folders of the same files."""
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and os.readlink(one) == os.readlink(other)
    if one.is_dir() and other.is_dir():
        names = sorted(path.name for path in one.iterdir())
        return names == sorted(path.name for path in other.iterdir()) and all(
            same(one / name, other / name) for name in names)
    if one.is_dir() or other.is_dir():
        return False
    return os.path.samefile(one, other) or (
        one.is_file() and other.is_file() and one.stat().st_size == other.stat().st_size
        and one.read_bytes() == other.read_bytes())
