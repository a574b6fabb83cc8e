"""Progress: which step runs and how long the steps took, on stderr.

On a terminal the running step has a spinner and a clock; elsewhere every finished step is one
plain line. Nothing goes to stdout, which belongs to results.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """Steps with their elapsed time; called with the name of each step as it begins.

    Parameters
    ----------
    console
        Where to print; stderr by default.

    Examples
    --------
    >>> import io
    >>> out = io.StringIO()
    >>> with Steps(Console(file=out)) as progress:
    ...     progress("reading tables")
    ...     progress("sampling")
    >>> list(progress.seconds)
    ['reading tables', 'sampling']
    >>> print(out.getvalue(), end="")
      0.0 s  reading tables
      0.0 s  sampling
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.seconds: dict[str, float] = {}
        self._live: Progress | None = None
        self._task: Any = None
        self._name: str | None = None
        self._since = 0.0
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Steps:
        if self.console.is_terminal:
            self._live = Progress(
                SpinnerColumn(), TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
                console=self.console, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._finish(failed=error[0] is not None)
        if self._live is not None:
            self._live.stop()

    def __call__(self, name: str, *, note: str = "", after: float = 5.0) -> None:
        """Begin a step; ``note`` is printed if it runs for more than ``after`` seconds.

        The note is for a step that is slow once: "compiling: about half a minute the first
        time, seconds from then on".
        """
        self._finish()
        self._name, self._since = name, time.perf_counter()
        if self._live is not None:
            self._task = self._live.add_task(name)
        if note:
            self._timer = threading.Timer(after, self._say, args=(f"         ({note})",))
            self._timer.daemon = True
            self._timer.start()

    def _finish(self, failed: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._name is None:
            return
        took = time.perf_counter() - self._since
        self.seconds[self._name] = self.seconds.get(self._name, 0.0) + took
        if self._live is not None:
            self._live.remove_task(self._task)
        self._say(f"{took:5.1f} s  {self._name}{' (failed)' if failed else ''}")
        self._name = None

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

