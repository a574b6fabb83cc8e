"""The public names: pinned, loaded on first use, and the same whatever was imported before."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import densing_bayes

ROOT = Path(__file__).parents[1]
PUBLIC = [
    "Answer", "Context", "DensingError", "Fit", "GateError", "InputError", "Interval",
    "MachineError", "ModelSpec", "Prior", "SuspiciousData", "calibrate", "compare", "compression",
    "density", "doubling_set", "doubling_time", "forecast", "growth", "growth_summary",
    "load_model", "load_report", "load_tables", "model", "opened", "prices", "regimes", "report",
    "run_report", "scaling", "select", "study", "update", "validate", "whatif",
]


def test_the_list_is_pinned():
    assert densing_bayes.__all__ == dir(densing_bayes) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_each_name_is_an_object_of_its_module_and_has_a_docstring(name):
    value = getattr(densing_bayes, name)
    assert not isinstance(value, type(sys))
    assert value.__module__.startswith("densing_bayes.")
    assert getattr(import_module(value.__module__), name) is value
    assert value.__doc__


def test_no_name_is_also_a_module():
    """Importing ``densing_bayes.x`` would put the module in the place of the function ``x``."""
    modules = {path.stem for path in (ROOT / "densing_bayes").iterdir()}
    assert modules.isdisjoint(PUBLIC)
    import_module("densing_bayes.pipeline")
    assert all(callable(getattr(densing_bayes, name)) for name in PUBLIC)


def test_type_checkers_see_the_same_names():
    """Checked as a user's code would be: every name is there and none is a module."""
    tree = ast.parse((ROOT / "densing_bayes" / "__init__.py").read_text(encoding="utf-8"))
    seen = {alias.asname: node.module for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) for alias in node.names if alias.asname}
    assert seen == {name: f"densing_bayes.{home}" for name, home in densing_bayes._HOME.items()}
    assert (ROOT / "densing_bayes" / "py.typed").is_file()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'growht'"):
        _ = densing_bayes.growht


def test_importing_the_package_loads_nothing():
    code = ("import sys, densing_bayes; dir(densing_bayes); "
            "print([m for m in sys.modules if m.startswith('densing_bayes.') or m == 'numpy'])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=ROOT)
    assert done.stdout.strip() == "[]"
