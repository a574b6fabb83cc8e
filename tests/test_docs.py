"""What the documents say is so: links, commands, numbers, and the picture."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import densing_bayes
from densing_bayes.cli.main import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").glob(
    "*.md")])
GENERATED = {ROOT / "docs" / "reference" / f"{name}.md"  # by scripts/docs_pages.py
             for name in ("cli", "tables", "priors", "options")}
README = (ROOT / "README.md").read_text(encoding="utf-8")
# these fit models or write folders; other tests run them
SLOW = {"new", "import", "report", "fit", "growth", "density", "regimes", "compression", "scaling",
        "prices", "forecast", "study", "calibrate", "whatif", "update"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            found = path.parent / target
            assert found.exists() or found.resolve() in GENERATED, f"{path.name} links to {target}"


def commands() -> list[str]:
    """Every ``densing`` command shown in the README's code blocks."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [line.removeprefix("$ ").strip() for language, block in blocks
            if language in ("sh", "console") for line in block.splitlines()
            if re.match(r"(\$ )?densing ", line)]


def test_the_readme_shows_the_tour():
    assert len(commands()) >= 4


@pytest.mark.parametrize("line", dict.fromkeys(commands()))
def test_commands_of_the_readme_run(line, tmp_path, monkeypatch):
    """Quick ones run; of those that fit a model, the options must exist."""
    monkeypatch.chdir(ROOT)
    words = shlex.split(line, comments=True)[1:]
    words = words[:words.index("|")] if "|" in words else words
    runner = CliRunner()
    if words[0] in SLOW:
        shown = runner.invoke(app, [words[0], "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
        assert shown.exit_code == 0, shown.output
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.output
    else:
        done = runner.invoke(app, words)
        assert done.exit_code == 0, done.output


def test_python_of_the_readme_names_public_functions_and_their_arguments():
    """Calls that would fit a model are not run: names and arguments have to be there."""
    blocks = re.findall(r"^```python\n(import .*?)^```", README, re.DOTALL | re.MULTILINE)
    calls = [node for block in blocks for node in ast.walk(ast.parse(block))
             if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("db.")]
    assert len(calls) >= 3
    for call in calls:
        verb = getattr(densing_bayes, ast.unparse(call.func).removeprefix("db."))
        inspect.signature(verb).bind(*call.args, **{word.arg: word for word in call.keywords})


def test_make_targets_named_in_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"report", "test"} <= named <= targets


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"version: {project['version']}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert project["license"] == "Apache-2.0"
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    pinned = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert pinned == "3.13"


def test_the_specs_named_in_the_readme_exist():
    for name in re.findall(r"SPEC=([a-z-]+)", README):
        assert (ROOT / "reports" / f"{name}.toml").is_file()


def test_hosts_of_package_registries_are_not_pinned():
    assert "http" not in (ROOT / "constraints.txt").read_text(encoding="utf-8")


def test_the_readmes_python_gives_what_it_says():
    found = doctest.testfile(str(ROOT / "README.md"), module_relative=False,
                             optionflags=doctest.ELLIPSIS)
    assert found.attempted >= 3
    assert found.failed == 0
