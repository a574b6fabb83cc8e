"""The module tree of ARCHITECTURE.md is the package's, and no arrow turns back."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "densing_bayes"
# files that may import the sampler's libraries
PYMC = ("families/", "nuts.py", "fitting.py", "checks.py", "joint/graph.py", "joint/ruler.py",
        "joint/measurement.py", "joint/kernel/", "joint/engine.py")
HEAVY = {"pymc", "pytensor", "nutpie", "numba", "arviz", "arviz_stats", "arviz_base", "pandas",
         "xarray", "scipy", "matplotlib", "pandera", "typst", "jinja2"}


def tree() -> list[str]:
    """Modules and packages in the order of ARCHITECTURE.md."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = re.search(r"```\n(errors .*?)```", text, re.DOTALL)[1]
    names = []
    for line in block.splitlines():
        listed = re.split(r"\s{3,}", line)[0]
        names += [name.rstrip("/") for name in listed.split()]
    return names


def modules() -> dict[str, list[Path]]:
    """Source files of each module or package directly under the package."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        first = path.relative_to(PACKAGE).parts[0]
        found.setdefault(first.removesuffix(".py"), []).append(path)
    del found["__init__"]
    return found


def imports(path: Path, *, everywhere: bool) -> set[str]:
    """Modules imported by a file: at its top, or ``everywhere`` (inside functions too)."""
    parsed = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(parsed) if everywhere else parsed.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "densing_bayes":
            names |= {f"densing_bayes.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return names


def test_the_tree_lists_every_module_once():
    listed = tree()
    assert len(listed) == len(set(listed)), "a module is listed twice in ARCHITECTURE.md"
    there = set(modules())
    assert there - set(listed) == set(), "not in ARCHITECTURE.md"
    assert set(listed) - there == set(), "in ARCHITECTURE.md only"


def test_arrows_never_turn_back():
    """A module imports only what stands before it in ARCHITECTURE.md, in functions too."""
    place = {name: i for i, name in enumerate(tree())}
    back = []
    for name, paths in modules().items():
        for path in paths:
            for target in imports(path, everywhere=True):
                if target.startswith("densing_bayes."):
                    other = target.split(".")[1]
                    if place[other] > place[name]:
                        back.append(f"{path.relative_to(ROOT)} imports {other}")
    assert back == []


def test_pymc_is_imported_where_models_are_built_and_fitted():
    strays = [
        f"{path.relative_to(ROOT)} imports {name}"
        for paths in modules().values() for path in paths
        if not path.relative_to(PACKAGE).as_posix().startswith(PYMC)
        for name in imports(path, everywhere=True)
        if name.split(".")[0] in ("pymc", "pytensor", "nutpie")]
    assert strays == []


def test_modules_are_short():
    """A file that needs more than 400 lines is two files."""
    long = {str(path.relative_to(ROOT)): count for paths in modules().values() for path in paths
            if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def loaded_by(*names: str) -> set[str]:
    """Top-level packages in memory after importing modules in a fresh interpreter."""
    code = (f"import sys, json, importlib\nfor name in {names!r}: importlib.import_module(name)\n"
            "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=ROOT)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(("layer", "names", "allowed"), [
    ("the command line", ("cli.main", "errors"), set()),
    ("the science", ("laws", "trends", "densities", "costs", "intervals"), {"numpy"}),
    ("what is asked", ("shelf", "priors", "settings", "specs"), {"numpy"}),
    ("tables", ("schemas", "reading", "cells", "tables", "observations", "devices"),
     {"numpy", "pandas", "xarray"}),
    ("telling", ("outputs", "figures", "reports"),
     {"numpy", "pandas", "matplotlib", "jinja2", "scipy", "typst"}),
])
def test_a_layer_imports_nothing_heavier(layer, names, allowed):
    found = loaded_by("densing_bayes", *(f"densing_bayes.{name}" for name in names))
    assert (found & (HEAVY | {"numpy"})) <= allowed, layer


def processor_seconds(*arguments: str) -> float:
    """Of a Python process, the less of two: wall time would depend on who else is at work."""
    code = ("import resource, subprocess, sys\n"
            "subprocess.run([sys.executable, *sys.argv[1:]], check=True, capture_output=True)\n"
            "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
            "print(used.ru_utime + used.ru_stime)")
    return min(float(subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True,
                                    text=True, check=True, cwd=ROOT).stdout) for _ in range(2))


def test_help_costs_less_than_the_import_of_the_sampler():
    assert processor_seconds("-m", "densing_bayes", "--help") < 0.5 * processor_seconds(
        "-c", "import pymc")


def test_functions_of_the_kernel_say_what_each_argument_is():
    for path in (PACKAGE / "joint" / "kernel").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and len(node.args.args) >= 4:
                said = (ast.get_docstring(node) or "").partition("Parameters")[2]
                named = re.findall(r"(?m)^    (\w+(?:, \w+)*)$|^(\w+(?:, \w+)*)$", said)
                told = {word for pair in named for part in pair for word in part.split(", ")}
                assert {arg.arg for arg in node.args.args} <= told, f"{path.name}: {node.name}"
