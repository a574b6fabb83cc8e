"""Progress as a verb takes it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from densing_bayes.progress import Steps

Progress = bool | Callable[..., None]


def steps(progress: Progress) -> AbstractContextManager[Callable[..., None]]:
    """A step-by-step report: True for lines on stderr, False for none, or a function."""
    if progress is True:
        return Steps()
    return nullcontext(progress if callable(progress) else lambda name, **_: None)
