"""Progress of a study: steps as elsewhere, and for the cases a bar with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from densing_bayes.progress import Steps


def time_left(done: int, total: int, elapsed: float) -> str:
    """How long the rest will take at the pace so far; the first cases tell nothing.

    Examples
    --------
    >>> time_left(10, 100, 60.0), time_left(0, 100, 3.0), time_left(99, 100, 60.0)
    ('9 min left', 'time left unknown', '1 s left')
    """
    if done < min(4, total):
        return "time left unknown"
    left = elapsed / done * (total - done)
    return f"{left / 60:.0f} min left" if left >= 90 else f"{left:.0f} s left"


class CaseProgress(Steps):
    """Steps of a study, and a bar while its cases run.

    On a terminal one bar moves; elsewhere every case that lands is one plain line.

    Examples
    --------
    >>> import io
    >>> from rich.console import Console
    >>> out = io.StringIO()
    >>> with CaseProgress(Console(file=out)) as progress:
    ...     progress.begin(2)
    ...     progress.landed("with E")
    ...     progress.landed("D0 = 1T", error="no size reaches the score")
    >>> print(out.getvalue(), end="")
      1 of 2  with E (time left unknown)
      2 of 2  D0 = 1T: FAILED, no size reaches the score (0 s left)
    """

    def begin(self, total: int) -> None:
        """The cases begin."""
        self._finish()
        self._total, self._done, self._began = total, 0, time.perf_counter()
        self._bar: Any = None
        if self.console.is_terminal:
            if self._live is not None:
                self._live.stop()
            self._bar = Progress(
                BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False), console=self.console,
                transient=True)
            self._bar.start()
            self._task = self._bar.add_task("time left unknown", total=total)

    def landed(self, name: str, error: str | None = None) -> None:
        """A case is done, or has failed."""
        self._done += 1
        left = time_left(self._done, self._total, time.perf_counter() - self._began)
        said = name if error is None else f"{name}: FAILED, {error}"
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, description=f"{left}  {name[:60]}")
            if error is not None:
                self._bar.console.print(f"  {said}", markup=False, highlight=False)
            if self._done == self._total:
                self.end()
        else:
            self._say(f"{self._done:3d} of {self._total}  {said} ({left})")

    def end(self) -> None:
        """The cases are over."""
        if getattr(self, "_bar", None) is not None:
            self._bar.stop()
            self._bar = None
            if self._live is not None:
                self._live.start()

    def __exit__(self, *error: object) -> None:
        self.end()
        super().__exit__(*error)


class Quiet:
    """No progress."""

    def __call__(self, name: str, **_: Any) -> None:
        """A step begins."""

    def begin(self, total: int) -> None:
        """The cases begin."""

    def landed(self, name: str, error: str | None = None) -> None:
        """A case is done."""

    def end(self) -> None:
        """The cases are over."""


class Within(Quiet):
    """Progress of a study inside a longer run: its steps, without the bar of its cases.

    Examples
    --------
    >>> progress = Within(lambda name, **_: print(name))
    >>> progress("reading the study")
    study: reading the study
    """

    def __init__(self, step: Callable[..., None]) -> None:
        self.step = step

    def __call__(self, name: str, **more: Any) -> None:
        """A step begins."""
        self.step(f"study: {name}", **more)

    def begin(self, total: int) -> None:
        """The cases begin."""
        self.step(f"study: {total} variants")
