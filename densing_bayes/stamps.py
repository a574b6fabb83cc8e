"""The user's cache: stamps that say a content was checked, and the last fits of reports.

Stamps are empty files named by a checksum of the content.

To check the cells of an unchanged table again would take longer than to answer a question. A
stamp says nothing but that its content passed, so that one that is lost costs a second, and where
none can be written every reading checks anew. ``densing doctor --clear`` removes them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def folder() -> Path:
    """Where stamps are, in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "densing-bayes"


def key_of(*parts: str, sources: Iterable[Path] = ()) -> str:
    """A checksum of words and of the sources that decide what a check means."""
    found = hashlib.sha256("\0".join(parts).encode())
    for path in sources:
        found.update(path.read_bytes())
    return found.hexdigest()


def stamped(key: str) -> bool:
    """Whether this content was checked before."""
    return (folder() / key).exists()


def stamp(key: str) -> None:
    """Say that it was, if that can be written."""
    with suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / key).touch()


FITS = 2  # of reports, that are kept: some 60 MB each


def fit_of(key: str) -> Path:
    """Where the fit of that key is kept, or would be."""
    return folder() / "fits" / key


def keep_fit(key: str, fit: Path) -> None:
    """Keep a report's fit, as a link where that can be; the oldest of more than `FITS` go."""
    with suppress(OSError):
        place = fit_of(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f"{key}.{os.getpid()}")
        try:
            try:
                os.link(fit, temporary)
            except OSError:  # another disk
                shutil.copyfile(fit, temporary)
            os.replace(temporary, place)
        finally:
            temporary.unlink(missing_ok=True)
        kept = sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime)
        for old in kept[:-FITS]:
            old.unlink(missing_ok=True)


def clear() -> int:
    """Remove all stamps and fits; their number."""
    found = 0
    with suppress(OSError):
        fits = list((folder() / "fits").glob("*"))
        for path in [*folder().iterdir(), *fits]:
            if len(path.name) == 64 and path.is_file():
                path.unlink(missing_ok=True)
                found += 1
    return found
