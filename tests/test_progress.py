"""Progress: plain lines elsewhere, a spinner on a terminal, notes for slow steps only."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from densing_bayes.progress import Steps


def run(terminal: bool) -> str:
    out = io.StringIO()
    with Steps(Console(file=out, force_terminal=terminal, width=80)) as progress:
        progress("compiling [model]", note="slow the first time", after=0.02)
        time.sleep(0.25)
        progress("sampling", note="never said", after=30)
    return out.getvalue()


def test_plain_lines_without_a_terminal():
    lines = run(terminal=False).splitlines()
    assert lines[0].strip() == "(slow the first time)"
    assert [line.split("s  ")[1] for line in lines[1:]] == ["compiling [model]", "sampling"]
    assert float(lines[1].split()[0]) >= 0.2
    assert "\x1b" not in "".join(lines)


def test_a_terminal_sees_the_running_step():
    said = run(terminal=True)
    assert "\x1b" in said
    assert "compiling [model]" in said
    assert "never said" not in said


def test_seconds_of_repeated_steps_add_up():
    with Steps(Console(file=io.StringIO())) as progress:
        for _ in range(2):
            progress("sampling")
            time.sleep(0.05)
            progress("other")
    assert list(progress.seconds) == ["sampling", "other"]
    assert progress.seconds["sampling"] >= 0.1


def test_a_failed_step_says_so():
    out = io.StringIO()

    def work():
        with Steps(Console(file=out)) as progress:
            progress("sampling")
            raise ValueError("no")
    with pytest.raises(ValueError, match="no"):
        work()
    assert out.getvalue().rstrip().endswith("sampling (failed)")


def test_stdout_stays_clean(capsys):
    with Steps() as progress:
        progress("reading")
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "reading" in seen.err
