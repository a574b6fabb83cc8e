"""Executors by name, and many tasks on them: same results, none lost, failures told."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import tasks

from densing_bayes.errors import InputError, explain
from densing_bayes.executors import (
    DaskExecutor,
    SerialExecutor,
    Workers,
    check_executor,
    open_executor,
)
from densing_bayes.studies.runner import run_tasks

NAMES = [f"case {i}" for i in range(12)]


def gathered(function, work, executor):
    """Results and failures by name, each handed over exactly once."""
    results, failures = {}, {}

    def landed(name, result):
        assert name not in results
        results[name] = result

    def failed(name, why):
        assert name not in failures
        failures[name] = why

    run_tasks(function, work, executor, landed=landed, failed=failed)
    assert not set(results) & set(failures)
    return results, failures


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and two worker processes on loopback, which blames a task after two deaths.

    (Nannies give up where the workers that they start are killed again and again.)
    """
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 1}))
        local = stack.enter_context(distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=":0", silence_logs=50))
        yield local
        with distributed.Client(local) as client, contextlib.suppress(TimeoutError):
            client.wait_for_workers(2, timeout=30)  # to close while a nanny starts one hangs


def on_every_executor():
    return [pytest.param("serial", id="serial"), pytest.param("processes:2", id="processes"),
            pytest.param("dask", id="dask", marks=pytest.mark.dask)]


@pytest.fixture
def executor(request):
    if request.param != "dask":
        return request.param
    return f"dask:{request.getfixturevalue('cluster').scheduler_address}"


@pytest.mark.parametrize(("name", "hint"), [
    ("seriel", "did you mean 'serial'?"), ("processes", "how many?"), ("processes:0", "how many?"),
    ("processes:-1", "how many?"), ("processes:two", "how many?"), ("dask", "where is"),
    ("dask:10.0.0.7:8786", "where is"), ("dask:tcp://10.0.0.7", "where is"), ("", None),
    ("threads:4", None)])
def test_a_wrong_name_is_told_with_what_is_allowed(name, hint):
    with pytest.raises(InputError) as error:
        check_executor(name)
    (problem,) = error.value.problems
    assert problem.allowed == "serial, processes:N, dask:tcp://host:port"
    assert hint is None or hint in problem.hint


@pytest.mark.parametrize("executor", on_every_executor(), indirect=True)
def test_results_are_the_same_whoever_runs_them(executor):
    work = {name: (name, 7) for name in NAMES}
    results, failures = gathered(tasks.draw, work, executor)
    assert failures == {}
    assert results == {name: tasks.draw(task) for name, task in work.items()}


@pytest.mark.parametrize("executor", on_every_executor(), indirect=True)
def test_a_failure_is_told_and_sinks_nothing(executor):
    results, failures = gathered(tasks.refuse_odd, {str(i): i for i in range(7)}, executor)
    assert results == {"0": 0, "2": 1, "4": 2, "6": 3}
    assert sorted(failures) == ["1", "3", "5"]
    assert failures["3"].startswith("ValueError: 3 is odd")
    assert "\n" not in failures["3"]


@pytest.mark.parametrize("executor", on_every_executor()[1:], indirect=True)
def test_the_case_of_a_killed_worker_is_done_elsewhere(executor, tmp_path):
    work = {name: (name, str(tmp_path / "killed") if name == "case 5" else "") for name in NAMES}
    results, failures = gathered(tasks.die_once, work, executor)
    assert (tmp_path / "killed").exists()
    assert failures == {}
    assert results == {name: tasks.draw((name, 1)) for name in NAMES}


@pytest.mark.parametrize("executor", on_every_executor()[1:], indirect=True)
def test_a_case_that_kills_every_worker_is_given_up(executor):
    work = {name: (name, name == "case 2") for name in NAMES[:6]}
    results, failures = gathered(tasks.die, work, executor)
    assert list(failures) == ["case 2"]
    assert sorted(results) == sorted(set(NAMES[:6]) - {"case 2"})


def test_no_case_goes_down_with_its_neighbours():
    names, deadly = NAMES[:4], NAMES[1:3]
    results, failures = gathered(tasks.die, {name: (name, name in deadly) for name in names},
                                 "processes:2")
    assert sorted(failures) == sorted(deadly)
    assert sorted(results) == sorted(set(names) - set(deadly))


def test_what_dask_blames_for_a_neighbours_deed_is_tried_alone(monkeypatch):
    """Dask's word for it is given here: on a real cluster it comes by chance."""
    distributed = pytest.importorskip("distributed")
    opened = []

    class Blaming(SerialExecutor):
        def submit(self, function, task):
            name, deadly = task
            if deadly or (name == "case 3" and len(opened) == 1):
                future = Future()
                future.set_exception(distributed.KilledWorker(name, None, 3))
                return future
            return super().submit(function, task)

    @contextlib.contextmanager
    def open_blaming(executor):
        opened.append(1)
        yield Workers(Blaming(), 1, 1 if isinstance(executor, Blaming) else 2)

    monkeypatch.setattr("densing_bayes.studies.runner.open_executor", open_blaming)
    work = {name: (name, name == "case 2") for name in NAMES[:6]}
    results, failures = gathered(tasks.die, work, "dask:tcp://10.0.0.7:8786")
    assert sorted(results) == sorted(set(NAMES[:6]) - {"case 2"})
    assert failures == {"case 2": "its worker died 2 time(s)"}

    opened.clear()  # an executor that is not ours to open anew goes on with what was not blamed
    results, failures = gathered(tasks.die, work, Blaming())
    assert sorted(results) == sorted(set(NAMES[:6]) - {"case 2", "case 3"})
    assert sorted(failures) == ["case 2", "case 3"]


def test_a_result_that_is_lost_on_its_way_ends_its_future():
    class Lost:
        def submit(self, *_args, **_options):
            return self

        def add_done_callback(self, settle):
            settle(self)

        def result(self):
            raise ConnectionError("lost")

    with pytest.raises(ConnectionError, match="lost"):
        DaskExecutor(Lost()).submit(int).result(timeout=1)


def test_any_executor_of_the_standard_library_will_do():
    work = {name: (name, 3) for name in NAMES}
    with ThreadPoolExecutor(2) as threads:
        results, _ = gathered(tasks.draw, work, threads)
        assert threads.submit(int).result() == 0, "it was not ours to shut down"
    assert results == {name: tasks.draw(task) for name, task in work.items()}


def test_an_executor_that_breaks_and_is_not_ours_fails_the_rest_and_says_so():
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    work = {name: (name, name == "case 0") for name in NAMES}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        results, failures = gathered(tasks.die, work, pool)
    assert set(results) | set(failures) == set(NAMES)
    assert "case 0" in failures


@pytest.mark.parametrize("busy", ["own_id", pytest.param("hold_the_lock", marks=pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends a worker that holds Python's lock"))])
def test_workers_go_when_their_parent_is_killed(busy):
    code = ("import time\nfrom densing_bayes.executors import open_executor\nimport tasks\n"
            "if __name__ == '__main__':\n"
            "    with open_executor('processes:2') as workers:\n"
            "        found = [workers.executor.submit(tasks.own_id) for _ in range(8)]\n"
            "        print(*{future.result() for future in found}, flush=True)\n"
            f"        workers.executor.submit(tasks.{busy})\n"
            "        time.sleep(60)\n")
    here = Path(__file__).parent
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                          cwd=here.parent, env=os.environ | {"PYTHONPATH": str(here)}) as parent:
        workers = [int(word) for word in parent.stdout.readline().split()]
        parent.kill()
    assert workers
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{worker}/cmdline").exists() and Path(
            f"/proc/{worker}/cmdline").read_text() for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.1)


@pytest.mark.dask
def test_no_scheduler_and_no_workers_are_told(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("densing_bayes.executors.SECONDS_TO_CONNECT", 1)
    monkeypatch.setattr("densing_bayes.executors.SECONDS_FOR_WORKERS", 1)
    with (pytest.raises(InputError, match="cannot reach the Dask scheduler"),
          open_executor("dask:tcp://127.0.0.1:9")):
        pass
    with (distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=":0",
                                   silence_logs=50) as empty,
          pytest.raises(InputError, match="has no workers"),
          open_executor(f"dask:{empty.scheduler_address}")):
        pass


def test_reasons_are_one_line_with_their_place():
    try:
        check_executor("x")
    except InputError as error:
        assert explain(error) == str(error)
    try:
        int("x")
    except ValueError as error:
        assert explain(error).startswith("ValueError: invalid literal")
        assert "test_executors.py" in explain(error)
