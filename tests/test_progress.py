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


def test_the_time_left_follows_the_machine_s_pace(monkeypatch):
    """Usual 10, 20 and 30 s; the machine takes twice as long."""
    now = [100.0]
    monkeypatch.setattr("densing_bayes.progress.time.perf_counter", lambda: now[0])
    with Steps(Console(file=io.StringIO())) as progress:
        assert progress.left() is None
        progress.expect({"fit": 10.0, "section a": 20.0, "section b": 30.0})
        progress("reading")
        assert progress.left() is None
        progress("fit")
        assert progress.left() == pytest.approx(60)
        now[0] += 20
        progress("section a")
        assert progress.left() == pytest.approx(2 * 50)
        now[0] += 10
        progress("a step within a")
        assert progress.left() == pytest.approx(2 * 50 - 10)
        now[0] += 100  # far beyond what it usually takes: the rest stays
        assert progress.left() == pytest.approx(2 * 30)
        progress("section b")
        # 130 s for usual 30
        assert progress.left() == pytest.approx(130 / 30 * 30)


def test_the_time_left_is_told_until_the_last_stage():
    out = io.StringIO()
    with Steps(Console(file=out)) as progress:
        progress.expect({"fit": 20.0, "draw": 30.0})
        progress("fit")
        progress("draw")
    lines = out.getvalue().splitlines()
    assert lines[0].endswith("fit  (about 1 min left)")
    assert lines[1].endswith("draw")


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
