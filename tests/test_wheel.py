"""The built wheel works on its own: outside the checkout, with its shelf inside."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built as ``make wheel`` builds it (pip fetches hatchling)."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check",
                    "--no-deps", "-w", str(out), str(ROOT)], check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """An interpreter of a fresh environment with the wheel; libraries are lent by this one."""
    home = tmp_path_factory.mktemp("installed") / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    site = Path(subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True).stdout.strip())
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                    "--no-deps", "--target", str(site), str(wheel)], check=True)
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def run(python: Path, *words: str) -> str:
    done = subprocess.run([str(python), *words], capture_output=True, text=True,
                          cwd=python.parents[2])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_is_the_installed_one(python):
    where = run(python, "-c", "import densing_bayes.shelf as s; print(s.__file__, s.shelf('data'))")
    for path in where.split():
        assert Path(path).is_relative_to(python.parents[1])


def test_the_shelf_came_along(python):
    rows = json.loads(run(python, "-m", "densing_bayes", "models", "list", "--json"))
    assert [row["name"] for row in rows] == sorted(p.stem for p in (ROOT / "models").glob("*.toml"))
    tables = json.loads(run(python, "-m", "densing_bayes", "data", "list", "--json"))
    assert {row["file"] for row in tables} == {p.name for p in (ROOT / "data").glob("*.csv")}
    assert all(row["registered"] for row in tables)
    templates = run(python, "-c", "from densing_bayes.shelf import shelf; "
                    "print(*sorted(p.name for p in (shelf('reports') / 'templates').iterdir()))")
    assert templates.split() == sorted(
        p.name for p in (ROOT / "reports" / "templates").iterdir())


def test_tables_are_checked_and_specs_loaded_there(python):
    said = run(python, "-c", "from densing_bayes import load_report, load_tables; "
               "print(len(load_tables().models), load_report('doubling-time').model.name)")
    count, name = said.split()
    assert int(count) > 150
    assert name == "densing"


def test_the_wheel_holds_what_it_needs_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("entry_points.txt") for name in names)
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "densing_bayes").rglob("*.py")}
    assert sources <= set(names)
