"""The command: statuses, messages on stderr, JSON that is JSON, answers from a saved fit."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import typer
from small_specs import write_report_spec, write_spec
from typer.testing import CliRunner

from densing_bayes.cli.answers import context
from densing_bayes.cli.main import app as densing
from densing_bayes.errors import GateError, Problem
from densing_bayes.reports import Section, Table
from densing_bayes.shelf import names, shelf
from densing_bayes.verbs.answer import printed_section

ROOT = Path(__file__).parents[1]
GOOD = Path(__file__).parent / "data" / "tables"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command in a folder of its own: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DENSING_SHELF", raising=False)

    def call(*words: object) -> tuple[int, str, str]:
        done = CliRunner().invoke(densing, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    yield call
    os.environ.pop("DENSING_SHELF", None)  # --shelf sets it for the process


def every_command() -> list[tuple[str, ...]]:
    groups = {info.name: info.typer_instance for info in densing.registered_groups}
    own = [((), densing), *(((name,), group) for name, group in groups.items())]
    return [(*path, info.name or info.callback.__name__) for path, app in own
            for info in app.registered_commands]


def test_the_contract_is_there():
    assert {("report",), ("validate",), ("fit",), ("growth",), ("density",), ("data", "list"),
            ("data", "show"), ("models", "list"), ("models", "show")} <= set(every_command())


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help(run, words):
    status, out, _ = run(*words, "--help")
    assert status == 0
    assert "Usage" in out


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_shows_an_example_that_it_understands(words):
    """Parsed as typed, by the command that it names; nothing is run."""
    command: typer.core.TyperGroup = typer.main.get_command(densing)
    for word in words:
        command = command.commands[word]
    example = re.search(r"Example: densing (.+)", command.help)
    assert example, "no example"
    typed = shlex.split(example[1])
    assert tuple(typed[:len(words)]) == words
    with command.make_context(words[-1], typed[len(words):]):
        pass


def test_the_version(run):
    status, out, _ = run("--version")
    assert (status, out) == (0, f"densing-bayes {version('densing-bayes')}\n")


def test_the_doctor_tells_versions_threads_caches_and_places(run):
    status, out, _ = run("doctor")
    assert status == 0
    assert f"nutpie                 {version('nutpie')}" in out
    assert "processors" in out
    assert "machine code" in out
    told = json.loads(run("doctor", "--json")[1])
    assert told["wrong"] == []
    assert told["places"]["working folder"]["writable"] is True


def test_the_doctor_clears_machine_code_and_nothing_else(run, tmp_path, monkeypatch):
    package = tmp_path / "package"
    cache = package / "kernel" / "__pycache__"
    cache.mkdir(parents=True)
    (package / "kernel" / "machine.py").write_text("x = 1", encoding="utf-8")
    for name in ("machine.f-1.py313.nbi", "machine.f-1.py313.1.nbc", "machine.cpython-313.pyc"):
        (cache / name).write_bytes(b"1")
    fit = tmp_path / "densing-out" / "densing-1"
    fit.mkdir(parents=True)
    for name in ("fit.nc", "fit.nc.answers", "mine.txt"):
        (fit / name).write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("densing_bayes.verbs.doctor.PACKAGE", package)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "none"))
    told = json.loads(run("doctor", "--clear", "--json")[1])
    assert told["removed"] == 3
    assert sorted(path.name for path in fit.iterdir()) == ["fit.nc", "mine.txt"]
    assert told["machine_code"] == []
    assert [path.name for path in cache.iterdir()] == ["machine.cpython-313.pyc"]


def test_rows_that_are_wrong_end_an_update_with_status_two(run, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("model,benchmark,score,source\nNobody,MMLU,79,me\n", encoding="utf-8")
    status, _, err = run("update", str(tmp_path / "new"), "--add", str(rows))
    assert status == 2
    assert "rows.csv, row 2" in err
    assert "percent" in err
    assert not (tmp_path / "new").exists()


def test_a_machine_that_lacks_a_package_is_told_with_status_three(run, monkeypatch):
    monkeypatch.setattr("densing_bayes.verbs.doctor._version",
                        lambda name: None if name == "nutpie" else "1")
    status, out, err = run("doctor")
    assert status == 3
    assert "not installed" in out
    assert "nutpie is not installed" in err


# -- the shelf --------------------------------------------------------------------------------


def test_lists_as_text_and_as_json(run):
    status, out, _ = run("models", "list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == names("models")
    rows = json.loads(run("models", "list", "--json")[1])
    assert [row["name"] for row in rows] == names("models")
    rows = json.loads(run("data", "list", "--data", GOOD, "--json")[1])
    assert {"name": "models", "rows": 8}.items() <= {
        key: rows[0][key] for key in ("name", "rows")}.items()
    assert run("data", "list")[1].count("rows") == len(list(shelf("data").glob("*.csv")))


def test_a_table_and_a_spec_are_shown(run):
    status, out, _ = run("data", "show", "benchmarks", "--data", GOOD, "--json")
    assert status == 0
    assert [row["benchmark"] for row in json.loads(out)] == ["Puzzles", "Trivia", "Trivia-0shot"]
    assert "Puzzles" in run("data", "show", "benchmarks", "--data", GOOD)[1]
    shown = json.loads(run("models", "show", "densing", "--json")[1])
    assert shown["priors"]["rate"]["sigma"] == 2.0
    assert shown["priors"]["rate"]["why"]
    assert "[priors.rate]" in run("models", "show", "densing")[1]


def test_an_own_shelf(run, tmp_path):
    (tmp_path / "own" / "models").mkdir(parents=True)
    write_spec(tmp_path / "own" / "models" / "mine.toml")
    assert run("--shelf", tmp_path / "own", "models", "list")[1].split()[0] == "mine"
    status, _, err = run("--shelf", tmp_path / "none", "models", "list")
    assert status == 2
    assert "no such folder" in err


# -- what cannot be used: status 2, all of it on stderr ---------------------------------------


def test_validate_says_nothing_wrong(run):
    assert run("validate", GOOD) == (0, "nothing wrong\n", "")
    assert run("validate", GOOD, "--json") == (0, "[]\n", "")


def test_validate_names_the_place(run, tmp_path):
    folder = shutil.copytree(GOOD, tmp_path / "tables")
    scores = (folder / "scores.csv").read_text(encoding="utf-8").replace("0.5,5", "50,5", 1)
    (folder / "scores.csv").write_text(scores, encoding="utf-8")
    status, out, err = run("validate", folder)
    assert (status, out) == (2, "")
    assert "scores.csv, row 5, column score: score is above 1 (given '50'" in err
    assert "percent" in err
    status, out, _ = run("validate", folder, "--json")
    assert status == 2
    assert json.loads(out)[0]["row"] == 5


@pytest.mark.parametrize(("words", "message"), [
    (("report", "doubling-tim"), "did you mean 'doubling-time'?"),
    (("report", "--data", "nowhere"), "nowhere"),
    (("growth", "--spec", "densign"), "did you mean 'densing'?"),
    (("growth", "--spec", "costs"), "needs one of family 'densing'"),
    (("growth", "--data", "nowhere"), "nowhere"),
    (("growth", "--fit", "none.nc"), "cannot read the fit"),
    (("growth", "--seed", 2**70), "[sampling] seed"),
    (("fit", "densign"), "did you mean 'densing'?"),
    (("models", "show", "densign"), "did you mean 'densing'?"),
    (("data", "show", "scroes"), "did you mean 'scores'?"),
    (("data", "list", "--data", "nowhere"), "nowhere"),
    (("validate", "nowhere.csv"), "no such file or folder"),
])
def test_bad_input_ends_in_two(run, tmp_path, words, message):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []  # nothing half-written


@pytest.mark.parametrize("words", [("growth", "--seed", "-1"), ("growth", "--seed", "x"),
                                   ("grwoth",), ("report", "a", "b"), ("validate",)])
def test_bad_usage_ends_in_two(run, words):
    assert run(*words)[0] == 2


def test_many_problems_are_told_by_kind_and_cut_short(run, monkeypatch):
    problems = [Problem("wrong word", "a.csv", row, "type", "chat") for row in range(2, 452)]
    kinds = [Problem("wrong", "a.csv", 1, f"column{i}") for i in range(60)]
    monkeypatch.setattr("densing_bayes.verbs.shelf.inspect", lambda paths: (problems + kinds, []))
    _, _, err = run("validate", GOOD)
    lines = err.splitlines()
    assert lines[0] == ("a.csv, column type: wrong word, 450 times: rows 2, 3, 4, 5, 6, ... "
                        "(given 'chat')")
    assert lines[-2:] == ["and 21 more kinds", "in all 510 of 61 kinds"]
    assert len(lines) == 42


def test_warnings_do_not_refuse(run, monkeypatch):
    odd = [Problem("strange", "a.csv", 2, "score", 0)]
    monkeypatch.setattr("densing_bayes.verbs.shelf.inspect", lambda paths: ([], odd))
    status, out, err = run("validate", GOOD)
    assert (status, out) == (0, "nothing wrong, but see the warnings\n")
    assert "a.csv, row 2, column score: strange" in err


def test_a_report_is_not_written_over_what_is_not_one(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years", encoding="utf-8")
    status, _, err = run("report", "--out", tmp_path / "out", "--data", GOOD)
    assert status == 2
    assert "out" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


# -- answers ----------------------------------------------------------------------------------


def asking(small_world) -> tuple[object, ...]:
    spec = small_world.report.with_name("small.toml")
    return ("--spec", spec, "--data", small_world.folder, "--fit",
            small_world.report.with_name("fit.nc"))


def test_growth_from_a_saved_fit(run, small_world, small_fit):
    status, out, err = run("growth", *asking(small_world))
    assert status == 0
    assert re.match(r"Between \w+ 2023 and \w+ 2025 the capability density of", out)
    assert "reading tables" in err  # progress is on stderr
    told = json.loads(run("growth", *asking(small_world), "--json")[1])
    assert told["growth"]["rate_per_day"]["low"] < told["growth"]["rate_per_day"]["high"]
    assert told["interval"]["prob"] == 0.9
    assert told["diagnostics"]["passed"] is True


def test_density_from_a_saved_fit(run, small_world, small_fit):
    told = json.loads(run("density", *asking(small_world), "--json")[1])
    assert len(told["density"]) == 60
    medians = [row["median"] for row in told["density"]]
    assert medians == sorted(medians, reverse=True)
    status, out, _ = run("density", "Model-003", "Model-001", *asking(small_world))
    assert status == 0
    assert {line.split()[0] for line in out.splitlines()[1:]} == {"Model-001", "Model-003"}
    status, _, err = run("density", "Model-03", *asking(small_world))
    assert status == 2
    assert "did you mean 'Model-0" in err


def test_a_saved_fit_answers_for_its_own_tables_only(run, small_world, small_fit):
    spec, fit = (small_world.report.with_name(name) for name in ("small.toml", "fit.nc"))
    status, _, err = run("growth", "--spec", spec, "--fit", fit)
    assert status == 2
    assert "belongs to other data" in err
    status, _, err = run("growth", "--data", small_world.folder, "--fit", fit)
    assert status == 2
    assert "belongs to another spec" in err


@pytest.fixture
def few(tmp_path) -> Path:
    return write_spec(tmp_path / "few.toml", draws=10, tune=20, chains=2)


def test_a_refused_fit_ends_in_one_and_prints_no_number(run, small_world, compiled_once, few,
                                                        tmp_path):
    status, out, err = run("growth", "--spec", few, "--data", small_world.folder)
    assert (status, out) == (1, "")
    assert "refused by the diagnostics gate" in err
    assert list((tmp_path / "densing-out").rglob("fit.nc"))  # kept, to be looked into
    status, out, _ = run("fit", few, "--data", small_world.folder, "--out", tmp_path / "f.nc",
                         "--json")
    assert status == 1
    assert json.loads(out)["diagnostics"]["passed"] is False
    assert (tmp_path / "f.nc").is_file()


def test_a_refused_report_ends_in_one(run, small_world, compiled_once, few, tmp_path):
    report = write_report_spec(tmp_path / "few-report.toml", few)
    text = report.read_text(encoding="utf-8")
    start, end = text.index("sections"), text.index("]") + 1
    report.write_text(text[:start] + 'sections = ["limits", "priors"]' + text[end:],
                      encoding="utf-8")
    status, out, err = run("report", report, "--data", small_world.folder, "--out",
                           tmp_path / "out")
    assert (status, out) == (1, "")
    assert "refused by the diagnostics gate" in err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["refused"]


def test_a_report_ends_by_naming_its_page(run, small_world, monkeypatch, tmp_path):
    asked = {}

    def fake(spec, tables, out, progress):
        asked.update(seed=spec.model.sampling.seed, folder=tables.folder)
        return {"headline": ["It grows."]}

    monkeypatch.setattr("densing_bayes.verbs.report.run_report", fake)
    status, out, _ = run("report", "--data", small_world.folder, "--seed", 5, "--out", "r")
    assert status == 0
    assert out.splitlines()[0] == "It grows."
    assert out.splitlines()[-1] == f"report: {Path('r') / 'index.html'}"
    assert asked == {"seed": 5, "folder": small_world.folder}

    def refuse(*_):
        raise GateError("R-hat 1.5")

    monkeypatch.setattr("densing_bayes.verbs.report.run_report", refuse)
    status, out, err = run("report", "--data", small_world.folder, "--out", "r")
    assert (status, out) == (1, "")
    assert "R-hat 1.5" in err


@pytest.fixture
def other_folder(small_world, tmp_path) -> Path:
    """The small world's tables with one byte more."""
    folder = shutil.copytree(small_world.folder, tmp_path / "other")
    with (folder / "models.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    return folder


def test_results_of_two_folders_do_not_replace_each_other(run, small_world, other_folder,
                                                          monkeypatch):
    seen = []
    monkeypatch.setattr("densing_bayes.verbs.report.run_report",
                        lambda spec, tables, out, progress: seen.append(out) or {"headline": []})
    monkeypatch.setattr("densing_bayes.verbs.studies.run_study",
                        lambda study, tables, out, *_, **__: seen.append(out) or 1 / 0)
    for folder in (small_world.folder, other_folder, small_world.folder):
        run("report", "--data", folder)
        run("report", "limits", "--data", folder)  # no such report: no folder either
        with pytest.raises(ZeroDivisionError):
            run("study", "--data", folder)
    assert seen[:2] == seen[4:]
    assert len(set(seen)) == 4
    assert all(out.parent.name == "densing-out" for out in seen)


def test_two_folders_asked_in_turn_are_fitted_once_each(small_world, other_folder, monkeypatch):
    monkeypatch.setattr("densing_bayes.verbs.opening.refusal", lambda context: None)
    fits = [context(str(small_world.report.with_name("small.toml")), folder, seed, None,
                    lambda *_, **__: None).saved
            for folder, seed in ((small_world.folder, None), (other_folder, None),
                                 (small_world.folder, None), (small_world.folder, 5))]
    assert fits[0] == fits[2]
    assert len({*fits}) == 3


def test_as_a_module_and_as_a_script():
    done = subprocess.run([sys.executable, "-m", "densing_bayes", "models", "show", "densign"],
                          capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "did you mean 'densing'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_with_gaps_is_printed():
    frame = pd.DataFrame({"number": pd.Series([1.5, None], dtype=object), "word": ["a", "b"]})
    section = Section("gaps", "Gaps", [], [Table("gaps", "Gaps", frame, {"number": "{:.2f}"})])
    assert printed_section(section).split() == ["Gaps", "number", "word", "1.50", "a", "b"]
