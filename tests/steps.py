"""Killed at every step of writing: a script that tests run, so that it may fork.

``python steps.py folder``, ``file`` and ``commands``: for k = 1, 2, ... a child process writes over
an old report (a file; what `new` and `import` make) and is killed at its k-th change of the disk;
then the rules are looked at, until a child comes through. Prints the number of steps.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from densing_bayes import swaps
from densing_bayes.outputs import WRITER, replacing, whole_folder

CHANGES = {"os.rename", "os.mkdir", "os.link", "os.remove", "os.rmdir", "os.symlink", "open",
           "shutil.rmtree", "shutil.copyfile", "ctypes.call_function"}


def write_report(out, text):
    """A report of two files."""
    with whole_folder(out) as new:
        (new / "a").write_text(text)
        (new / "tables").mkdir()
        (new / "tables" / "t").write_text(text)
        (new / "summary.json").write_text(json.dumps(
            {"written_by": WRITER, "files": ["a", "tables/t", "summary.json"]}))


def killed_at(step, work):
    """Whether ``work``, in a child process, was killed at a step."""
    child = os.fork()
    if child == 0:
        count = [0]

        def hook(event, arguments):
            written = event != "open" or (isinstance(arguments[2], int)
                                          and arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if event in CHANGES and written:
                count[0] += 1
                if count[0] == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def folders(place, can_exchange):
    """The report: old or new, whole; the reader's files always there and where they were."""
    if not can_exchange:
        swaps.exchange = lambda one, other: False
    theirs = {"notes": "mine", "tables/notes": "mine too", "deep/er/notes": "and mine"}
    step = 0
    while True:
        step += 1
        out = place / f"out{step}"
        write_report(out, "old")
        for name, text in theirs.items():
            (out / name).parent.mkdir(exist_ok=True, parents=True)
            (out / name).write_text(text)
        through = not killed_at(step, lambda out=out: write_report(out, "new"))

        def check(known, out=out, step=step):
            found = {name: (out / name).read_text() for name in ("a", "tables/t", *theirs)}
            assert {name: found[name] for name in theirs} == theirs, (step, found)
            assert found["a"] == found["tables/t"], (step, found)
            assert found["a"] in known, (step, found)

        if can_exchange or out.exists():
            check(("old", "new"))
        write_report(out, "again")  # and the next run adopts and sweeps what was left
        check(("again",))
        left = [path.name for path in place.iterdir() if path.name not in (out.name,)]
        assert not left, (step, left)
        extra = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} - {
            "a", "tables/t", "summary.json", *theirs}
        assert not extra, (step, extra)
        shutil.rmtree(out)
        if through:
            return step - 1


def files(place):
    """The file: old or new, whole."""
    path, step = place / "fit.nc", 0
    while True:
        step += 1
        path.write_text("old" * 9)

        def work():
            with replacing(path) as temporary:
                temporary.write_text("new" * 9)

        through = not killed_at(step, work)
        assert path.read_text() in ("old" * 9, "new" * 9)
        with replacing(path) as temporary:
            temporary.write_text("again")
        assert [entry.name for entry in place.iterdir()] == ["fit.nc"]
        if through:
            return step - 1


def commands(place):
    """What `new` and `import` make: nothing or all of it, and a rerun makes it."""
    from densing_bayes.importing.writing import import_files
    from densing_bayes.starting import new_series, new_spec, new_tables

    prices = place / "prices.json"
    prices.write_text(json.dumps({"gpt-x": {
        "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06}}))

    def contents(folder):
        return {str(file.relative_to(folder)): file.read_bytes()
                for file in folder.rglob("*") if file.is_file()}

    total = 0
    for name, work in {
            "new": lambda out: new_tables(out / "x"),
            "new --series": lambda out: new_series(out / "x.csv"),
            "new --spec": lambda out: new_spec(out / "x.toml", "spec"),
            "import": lambda out: import_files([prices], out / "x", date="2026-01-01")}.items():
        whole, step = place / "whole", 0
        work(whole)
        wanted = contents(whole)
        while True:
            step += 1
            out = place / "killed"
            through = not killed_at(step, lambda work=work, out=out: work(out))
            made = [path for path in out.iterdir() if not path.name.startswith(".")] if (
                out.exists()) else []
            if made:
                assert {key: value for key, value in contents(out).items()
                        if not key.startswith(".")} == wanted, (name, step)
            else:
                work(out)
                assert contents(out) == wanted, (name, step, sorted(contents(out)))
            shutil.rmtree(out)
            if through:
                break
        total += step - 1
        shutil.rmtree(whole)
    return total


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        kind = sys.argv[1]
        print({"file": files, "commands": commands}[kind](Path(folder))
              if kind in ("file", "commands") else
              folders(Path(folder), can_exchange=kind == "folder"))
