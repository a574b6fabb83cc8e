"""Progress: which step runs and how long the steps took, on stderr.

On a terminal the running step has a spinner and a clock; elsewhere every finished step is one
plain line. Nothing goes to stdout, which belongs to results.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

SURE = 5.0  # usual seconds of finished stages from which the machine's pace is believed


def time_words(seconds: float) -> str:
    """A time left in words, no finer than it can be known.

    Examples
    --------
    >>> time_words(7), time_words(52), time_words(200)
    ('about 10 s', 'about 1 min', 'about 3 min')
    """
    if seconds < 45:
        return f"about {max(10, round(seconds / 10) * 10)} s"
    return f"about {max(1, round(seconds / 60))} min"


class Steps:
    """Steps with their elapsed time; called with the name of each step as it begins.

    Parameters
    ----------
    console
        Where to print; stderr by default.

    Examples
    --------
    >>> import io
    >>> from rich.console import Console
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
        self._given = console
        self.seconds: dict[str, float] = {}
        self._live: Progress | None = None
        self._entered = False
        self._task: Any = None
        self._name: str | None = None
        self._since = 0.0
        self._timer: threading.Timer | None = None
        self._expected: dict[str, float] = {}
        self._stages: list[tuple[str, float]] = []  # those begun, and when

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Tell the time left from here on.

        Parameters
        ----------
        seconds
            What each stage to come usually takes, in order: a stage begins with the step of its
            name and goes on until the next. How long those before took says how fast the machine
            is.
        """
        self._expected, self._stages = dict(seconds), []

    def left(self) -> float | None:
        """Seconds that are left by the stages that were expected; None without any."""
        if not self._expected or not self._stages:
            return None
        begun = dict(self._stages)
        now = time.perf_counter()
        ends = [*list(begun.values())[1:], now]
        done = list(begun)[:-1]
        took = sum(end - begun[name] for name, end in zip(done, ends, strict=False))
        usual = sum(self._expected[name] for name in done)
        pace = took / usual if usual >= SURE else 1.0
        name, since = self._stages[-1]
        to_come = sum(seconds for name, seconds in self._expected.items() if name not in begun)
        return pace * to_come + max(pace * self._expected[name] - (now - since), 0.0)

    @cached_property
    def console(self) -> Console:
        """Where to print; an answer that is at hand takes no step, and loads no rich."""
        from rich.console import Console

        return self._given or Console(stderr=True)

    def __enter__(self) -> Steps:
        self._entered = True
        return self

    def _start(self) -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._live = Progress(
            SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False),
            console=self.console, transient=True)
        self._live.start()

    def __exit__(self, *error: object) -> None:
        self._finish(failed=error[0] is not None)
        self._entered = False
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, name: str, *, note: str = "", after: float = 5.0) -> None:
        """Begin a step; ``note`` is printed if it runs for more than ``after`` seconds.

        The note is for a step that is slow once: "compiling: about half a minute the first
        time, seconds from then on".
        """
        self._finish()
        if self._entered and self._live is None and self.console.is_terminal:
            self._start()
        self._name, self._since = name, time.perf_counter()
        if name in self._expected and name not in dict(self._stages):
            self._stages.append((name, self._since))
        if self._live is not None:
            self._task = self._live.add_task(f"{name}{self._told_left()}")
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
        after = " (failed)" if failed else self._told_left(done=True)
        self._say(f"{took:5.1f} s  {self._name}{after}")
        self._name = None

    def _told_left(self, done: bool = False) -> str:
        left = self.left()
        if left is None or (done and len(self._stages) == len(self._expected)):
            return ""  # of the last stage nobody knows the steps
        return f"  ({time_words(left)} left)"

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

