"""Many tasks on any executor: each result kept as it lands, failures reported, no task lost.

Knows nothing of studies: a task is a name and a picklable argument, ``function`` a top-level
function. Results are handed to ``landed`` in this process, one by one, in whatever order they
come; what a task computes must not depend on that order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Any

from densing_bayes.errors import explain
from densing_bayes.executors import open_executor, worker_died


def run_tasks(function: Callable[[Any], Any], tasks: Mapping[str, Any],
              executor: str | Executor, *, landed: Callable[[str, Any], None],
              failed: Callable[[str, str], None]) -> None:
    """Run every task once and hand over its result or its error.

    Not more tasks are in flight than workers can soon take up, so that a kill loses little.
    When a pool breaks because one of its workers died, a new one is opened; the tasks that
    went down with a worker are tried again, one at a time at the end, so that a task that kills
    its worker takes no other with it.

    Parameters
    ----------
    executor
        A name (see `densing_bayes.executors`) or an open executor, which cannot be opened
        again when it breaks.
    landed, failed
        Called with the task's name and its result, or what went wrong.
    """
    waiting = deque(tasks)
    suspects: deque[str] = deque()
    strikes: dict[str, int] = {}
    while waiting or suspects:
        with open_executor(executor) as workers:
            width = 2 * workers.width if waiting else 1
            lost, broken = _drain(workers.executor, function, tasks, waiting or suspects,
                                  width, landed, failed)
        for name in lost:
            strikes[name] = strikes.get(name, 0) + 1
            if strikes[name] >= workers.tries:
                failed(name, f"its worker died {strikes[name]} time(s)")
            else:
                suspects.append(name)
        if broken and isinstance(executor, Executor):
            for name in (*waiting, *suspects):
                failed(name, "not run: the executor broke")
            return


def _drain(executor: Executor, function: Callable[[Any], Any], tasks: Mapping[str, Any],
           queue: deque[str], width: int, landed: Callable[[str, Any], None],
           failed: Callable[[str, str], None]) -> tuple[list[str], bool]:
    """Run a queue until it is empty or the executor breaks.

    Returns the tasks that went down with a worker, and whether the executor broke.
    """
    flying: dict[Future[Any], str] = {}
    lost: list[str] = []
    broken = False
    try:
        while (queue and not broken) or flying:
            while queue and not broken and len(flying) < width:
                name = queue.popleft()
                try:
                    flying[executor.submit(function, tasks[name])] = name
                except BrokenExecutor:
                    lost.append(name)
                    broken = True
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                name = flying.pop(future)
                try:
                    result = future.result()
                except Exception as error:  # whatever a task does wrong is its own affair
                    if worker_died(error):
                        lost.append(name)
                        broken |= isinstance(error, BrokenExecutor)
                    else:
                        failed(name, explain(error))
                else:
                    landed(name, result)
    finally:
        for future in flying:
            future.cancel()
    return lost, broken
