"""Executors by name: ``serial``, ``processes:N``, ``dask:tcp://host:port``.

Everything that runs many fits takes any `concurrent.futures.Executor`; these are the ones that
a command line can name. Workers are spawned, never forked: compiled models and threads do not
survive a fork.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from densing_bayes.errors import InputError, Problem, did_you_mean

ALLOWED = "serial, processes:N, dask:tcp://host:port"
PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that comes when the parent ends
SECONDS_TO_CONNECT, SECONDS_FOR_WORKERS = 10, 30


@dataclass(frozen=True)
class Workers:
    """An open executor, how many tasks it runs at once, and how often a task may be tried.

    A task whose worker died is tried again on an executor that is opened anew: three times on
    a pool of processes, twice on Dask, which itself tries a task on four workers, and never on
    an executor that is not ours to open.
    """

    executor: Executor
    width: int
    tries: int


class SerialExecutor(Executor):
    """Runs each task in this process, at once, when it is submitted.

    Examples
    --------
    >>> SerialExecutor().submit(pow, 2, 3).result()
    8
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the task and return its finished future."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class DaskExecutor(Executor):
    """Tasks on a Dask cluster: every future ends, by a result or by an error.

    (Dask's own executor leaves a future open for ever where its result is lost with a worker
    and then cannot be had again: `distributed.cfexecutor` takes that error for impossible.)
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Send the task; what goes wrong while its result is fetched is the future's error."""
        future: Future[Any] = Future()

        def settle(done: Any) -> None:  # called in a thread of the client's
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(done.result())
            except BaseException as error:
                future.set_exception(error)

        # not pure: a task that failed may be tried again, and is not answered from memory
        self._client.submit(fn, *args, **kwargs, pure=False, retries=2).add_done_callback(settle)
        return future


def check_executor(name: str) -> tuple[str, str]:
    """Kind and argument of an executor's name.

    Examples
    --------
    >>> check_executor("processes:2"), check_executor("dask:tcp://10.0.0.7:8786")
    (('processes', '2'), ('dask', 'tcp://10.0.0.7:8786'))

    Raises
    ------
    InputError
        Naming what is allowed.
    """
    if name == "serial":
        return "serial", ""
    kind, _, argument = str(name).partition(":")
    if kind == "processes" and re.fullmatch(r"[1-9][0-9]{0,3}", argument):
        return kind, argument
    if kind == "dask" and re.fullmatch(r"(tcp|tls|ucx|ws|wss)://[^\s/]+:[0-9]+/?", argument):
        return kind, argument
    hint = {"processes": "how many? e.g. processes:2",
            "dask": "where is the scheduler? e.g. dask:tcp://10.0.0.7:8786",
            }.get(kind, did_you_mean(kind, ["serial", "processes", "dask"]))
    raise InputError(Problem("unknown executor", given=name, allowed=ALLOWED, hint=hint))


@contextmanager
def open_executor(name: str | Executor) -> Iterator[Workers]:
    """The executor of that name, shut down at the end; an `Executor` is used as it is.

    Raises
    ------
    InputError
        For an unknown name; for a cluster that cannot be reached, has no workers, or whose
        workers have no or another densing_bayes.
    """
    if isinstance(name, Executor):
        yield Workers(name, getattr(name, "_max_workers", None) or 1000, 1)
        return
    kind, argument = check_executor(name)
    if kind == "serial":
        yield Workers(SerialExecutor(), 1, 1)
    elif kind == "processes":
        pool = ProcessPoolExecutor(int(argument), initializer=_begin_worker,
                                   mp_context=multiprocessing.get_context("spawn"))
        try:
            yield Workers(pool, int(argument), 3)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    else:
        with _dask_client(argument) as client:
            threads = sum(client.nthreads().values())
            yield Workers(DaskExecutor(client), threads, 2)


def worker_died(error: BaseException) -> bool:
    """Whether a task ended so because its worker did, by its own fault or by a neighbour's.

    Dask blames every task that a dying worker had taken up, run or not.

    Examples
    --------
    >>> worker_died(BrokenExecutor()), worker_died(ValueError())
    (True, False)
    """
    distributed = sys.modules.get("distributed")  # without it no error can be its
    return isinstance(error, BrokenExecutor) or (
        distributed is not None and isinstance(error, distributed.KilledWorker))


def _begin_worker() -> None:
    """A worker's linear algebra stays on one core, and the worker goes when its parent goes.

    (A parent that is killed does not tell its pool: workers would wait for ever.) Linux kills the
    worker itself; elsewhere a thread watches, which may have to wait while others compile.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # before numpy is imported here
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    if parent is not None:
        if sys.platform == "linux":
            with suppress(OSError, AttributeError):
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent.pid:  # it went before this was asked for
                os._exit(1)
        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _dask_client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise InputError(Problem("Dask is not installed", given=f"dask:{address}",
                                 hint="pip install dask[distributed]")) from None
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(Problem("cannot reach the Dask scheduler", given=address,
                                 hint=str(error)[:200])) from None
    try:
        try:
            client.wait_for_workers(1, timeout=SECONDS_FOR_WORKERS)
        except TimeoutError:
            raise InputError(Problem("the Dask cluster has no workers", given=address,
                                     hint="start some with: dask worker " + address)) from None
        mine = installed()
        others = {worker: said for worker, said in client.run(installed).items() if said != mine}
        if others:
            worker, said = next(iter(others.items()))
            raise InputError(Problem(
                f"{len(others)} Dask workers have other versions", given=f"{worker}: {said}",
                allowed=mine, hint="install the same constraints.txt everywhere"))
        yield client
    finally:
        client.close()


def installed() -> str:
    """Versions that decide what draws come out; equal on every worker of a cluster."""
    from importlib.metadata import version

    names = ("densing-bayes", "pymc", "pytensor", "nutpie", "numba", "numpy")
    return ", ".join(f"{name} {version(name)}" for name in names)
