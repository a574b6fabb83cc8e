"""Stamps: empty files that say a content was checked, named by its checksum.

To check the cells of an unchanged table again would take longer than to answer a question. A
stamp says nothing but that its content passed, so that one that is lost costs a second, and where
none can be written every reading checks anew. ``densing doctor --clear`` removes them.
"""

from __future__ import annotations

import hashlib
import os
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


def clear() -> int:
    """Remove all stamps; their number."""
    found = 0
    with suppress(OSError):
        for path in folder().iterdir():
            if len(path.name) == 64 and path.is_file():
                path.unlink(missing_ok=True)
                found += 1
    return found
