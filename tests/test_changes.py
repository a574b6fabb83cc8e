"""ARCHITECTURE.md and CONTRIBUTING.md are so: functions exist, changes touch what they say."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PLACES = ("densing_bayes", "models", "reports")  # what a change may touch, besides tests


def part(title: str, text: str = TEXT) -> str:
    """The part of a document (ARCHITECTURE.md) under a heading."""
    return re.search(rf"(?ms)^## {title}\n(.*?)(?=^## |\Z)", text)[1]


def resolve(path: str) -> object:
    """The object of a dotted name below the package."""
    words = path.split(".")
    for end in range(len(words), 0, -1):
        try:
            found = import_module(".".join(["densing_bayes", *words[:end]]))
        except ModuleNotFoundError:
            continue
        for word in words[end:]:
            found = getattr(found, word)
        return found
    raise AttributeError(path)


@pytest.mark.parametrize("name", re.findall(r"`([a-z_]+\.[A-Za-z_.]+)`", part(
    "From a score to the doubling time")))
def test_the_journey_goes_through_functions_that_exist(name):
    assert callable(resolve(name))


def changes() -> list[tuple[str, str, list[str]]]:
    rows = re.findall(r"(?m)^\| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$", part(
        "Three changes, and the files they touch") + part(
            "Worked examples", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    return [(what, example, re.findall(r"`([^`]+)`", files)) for what, example, files in rows]


def test_there_are_worked_changes():
    assert {what.split()[1] for what, *_ in changes()} == {
        "parameter", "section", "regime", "likelihood", "reader"}


@pytest.mark.parametrize(("what", "example", "files"), changes())
def test_a_change_touches_the_files_that_are_listed(what, example, files):
    words = {example, example.upper()} if "_" in example else {example}  # the kernel's constants
    found = [path.relative_to(ROOT).as_posix() for place in PLACES
             for path in sorted((ROOT / place).rglob("*")) if path.suffix in (".py", ".toml")
             and any(word in path.read_text(encoding="utf-8") for word in words)]
    assert sorted(files) == sorted(found)


def test_every_word_of_the_glossary_is_explained_once():
    words = re.findall(r"(?m)^\| ([^|]+) \| [^|]+ \|$", part("Glossary"))
    assert len(words) == len(set(words)) > 20
