"""What is private to nutpie is filled in one place, whole."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from nutpie.compile_pymc import CompiledPyMCModel

from densing_bayes import nuts

ROOT = Path(__file__).parents[1]


def test_every_field_of_nutpie_s_model_is_filled():
    """Fields changed three times in its history: a new one without a default fails here."""
    call = next(node for node in ast.walk(ast.parse(inspect.getsource(nuts)))
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") ==
                "CompiledPyMCModel")
    given = {word.arg for word in call.keywords}
    fields = {field.name: field.default is dataclasses.MISSING
              for field in dataclasses.fields(CompiledPyMCModel)}
    assert given <= set(fields)
    assert {name for name, needed in fields.items() if needed} <= given


def test_nobody_else_makes_or_extends_it():
    users = [path.name for path in (ROOT / "densing_bayes").rglob("*.py")
             if "CompiledPyMCModel" in path.read_text(encoding="utf-8")]
    assert users == ["nuts.py"]


def test_the_version_is_bounded_on_both_sides():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = next(line for line in project["dependencies"] if line.startswith("nutpie"))
    low, high = re.fullmatch(r"nutpie>=([\d.]+),<([\d.]+)", asked).groups()

    def parts(text: str) -> list[int]:
        return [int(part) for part in text.split(".")]

    assert parts(low) <= parts(version("nutpie")) < parts(high)
