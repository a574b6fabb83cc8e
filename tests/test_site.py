"""The site: what is generated is complete, tutorials run, and it builds without a warning."""

from __future__ import annotations

import doctest
import importlib.util
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from densing_bayes.context import Context
from densing_bayes.parameters import PRIORS
from densing_bayes.schemas import TABLES
from densing_bayes.specs import FAMILIES, load_model
from densing_bayes.tables import load_tables
from densing_bayes.verbs import opening

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


@pytest.fixture(scope="module")
def pages():
    """The module that generates pages; MkDocs is in the group ``docs``."""
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("docs_pages", ROOT / "scripts" / "docs_pages.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_every_column_prior_option_and_command_has_its_place(pages):
    text = pages.tables()
    for name, schema in TABLES.items():
        part = text.split(f"## {name}.csv")[1].split("\n## ")[0]
        for column in schema.columns:
            assert f"| `{column}` |" in part
    priors = pages.priors()
    for name in PRIORS:
        assert f"\n## {name}\n" in priors
        assert load_model("densing").priors[name].why.split(";")[0][:40] in priors
    for option in FAMILIES["densing"].options:
        assert f"| `{option}` |" in pages.options()
    commands = pages.commands()
    for words in ("growth", "data columns", "models show", "import", "report"):
        assert f"\n## densing {words}\n" in commands
    assert "`--window`" in commands.split("## densing growth")[1].split("\n## ")[0]


def test_tables_of_generated_pages_have_as_many_cells_in_every_row(pages):
    """A bar in a text would shift its row."""
    for page in (pages.commands(), pages.tables(), pages.options()):
        width = 0
        for line in page.splitlines():
            cells = len(re.findall(r"(?<!\\)\|", line))
            if line.startswith("|"):
                assert width in (0, cells), line
                width = cells
            else:
                width = 0


def test_equations_become_mathml_and_code_stays(pages):
    said = pages.on_page_markdown("a $x^2$ b `$HOME$` c\n```sh\necho $A$\n```\n")
    assert said.count("<math") == 1
    assert "`$HOME$`" in said
    assert "echo $A$" in said


def test_every_page_is_in_the_navigation_once():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:")[1]
    named = re.findall(r"([\w/-]+\.md)$", nav, re.MULTILINE)
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert len(named) == len(set(named))
    assert there <= set(named)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::densing_bayes.verbs.opening.SuspiciousData")
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_run(path, small_world, small_fit, tmp_path, monkeypatch):
    """Every line, on the small world in a folder ``my-tables``; its fit stands for the spec's."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small_world.folder, "my-tables")
    tables = load_tables("my-tables")
    key = opening.memory_key(load_model("densing"), tables.sha256)
    monkeypatch.setitem(opening._kept, key, Context(
        tables, small_world.spec, saved=small_world.report.with_name("fit.nc"), must_exist=True))
    found = doctest.testfile(str(path), module_relative=False,
                             optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    assert found.attempted >= 5
    assert found.failed == 0


@pytest.mark.slow
def test_it_builds_without_warnings_and_asks_nobody_else(tmp_path):
    """Opened from disk: no page takes a script, style, font or picture from elsewhere."""
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    assert "<math" in (site / "model.html").read_text(encoding="utf-8")
    assert (site / "search").is_dir()

    class Needs(HTMLParser):
        found: set[str] = set()  # noqa: RUF012

        def handle_starttag(self, tag, attrs):
            given = dict(attrs)
            if tag in ("script", "img", "iframe") or (
                    tag == "link" and given.get("rel") in ("stylesheet", "preconnect", "icon")):
                self.found.add(given.get("src") or given.get("href") or "")

    needs = Needs()
    for page in site.rglob("*.html"):
        needs.feed(page.read_text(encoding="utf-8"))
    assert needs.found
    assert not [one for one in needs.found if one.startswith(("http", "//"))]
