"""Settings: values of a TOML file, checked one by one; what is wrong comes back as a list.

Nothing here knows what a spec is about. Each function returns the value, or its default, and
the problems found, so that a reader of specs can report all of them at once.
"""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from densing_bayes.errors import InputError, Problem, SpecError, did_you_mean
from densing_bayes.priors import brief


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """A TOML file as a dict and as text; SpecError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except RecursionError:
        raise SpecError(Problem("cannot read the spec", file=path.name,
                                hint="it is nested too deeply")) from None
    except (OSError, ValueError) as error:  # not there, not UTF-8, not TOML, a number too long
        reason = error.strerror if isinstance(error, OSError) else brief(str(error), 200)
        raise SpecError(Problem("cannot read the spec", file=path.name, hint=reason)) from None


def check_keys(table: dict[str, Any], allowed: Any, file: str, where: str = "") -> list[Problem]:
    """One problem per unknown key."""
    return [
        Problem(f"unknown key{where}", file=file, given=brief(key), allowed=", ".join(allowed),
                hint=did_you_mean(key, allowed))
        for key in table if key not in allowed
    ]


def take_table(parent: dict[str, Any], name: str, file: str,
               ) -> tuple[dict[str, Any], list[Problem]]:
    """The table ``[name]`` of a spec, empty where there is none or something else."""
    table = parent.get(name, {})
    if isinstance(table, dict):
        return table, []
    return {}, [Problem(f"[{name}] is not a table", file=file, given=brief(table))]


def take_text(parent: dict[str, Any], name: str, default: str, file: str,
              ) -> tuple[str, list[Problem]]:
    """The text ``name`` of a spec, or its default."""
    value = parent.get(name, default)
    if isinstance(value, str):
        return value, []
    return default, [Problem(f"{name} is not a text", file=file, given=brief(value))]


def take_texts(parent: dict[str, Any], name: str, file: str,
               ) -> tuple[tuple[str, ...], list[Problem]]:
    """The list of texts ``name`` of a spec; empty where there is none."""
    value = parent.get(name, [])
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value), []
    return (), [Problem("not a list of texts", file=file, column=name, given=brief(value),
                        allowed='such as ["one", "two"]')]


def take_day(parent: dict[str, Any], name: str, file: str) -> tuple[str, list[Problem]]:
    """The day ``name`` of a spec, as text YYYY-MM-DD; "" where there is none.

    Examples
    --------
    >>> import datetime as dt
    >>> take_day({"from": dt.date(2024, 9, 12)}, "from", "mine.toml")
    ('2024-09-12', [])
    >>> len(take_day({"from": "September"}, "from", "mine.toml")[1])
    1
    """
    value = parent.get(name, "")
    text = str(value) if isinstance(value, dt.date) else value  # TOML has dates of its own
    try:
        fine = text == "" or str(dt.date.fromisoformat(text)) == text
    except (TypeError, ValueError):
        fine = False
    return (text, []) if fine else ("", [Problem(
        "not a day", file=file, column=name, given=brief(value),
        allowed="YYYY-MM-DD, such as 2022-11-30")])


def alike(value: Any, default: Any) -> bool:
    """Whether a value is of the kind of its default: what an option or setting may be.

    Numbers are finite and positive, whole where the default is whole; the items of a list are
    texts or numbers, of the kind of the default's where it has any.

    Examples
    --------
    >>> alike(3, 1.5), alike(1.5, 3), alike(True, 3), alike(["a", 1], []), alike([[]], [])
    (True, False, False, True, False)
    """
    if isinstance(default, bool | str):
        return type(value) is type(default)
    if isinstance(default, list):
        kinds = tuple({type(item) for item in default}) or (str, int, float)
        return isinstance(value, list) and all(
            not isinstance(item, bool) and isinstance(item, kinds) for item in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    whole = isinstance(default, int)
    return 0 < value < 1e300 and math.isfinite(value) and (isinstance(value, int) or not whole)


def kind_of(default: Any) -> str:
    """What `alike` asks for, in words."""
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, str):
        return "a text"
    if isinstance(default, list):
        return "a list of " + ("numbers" if default and not isinstance(default[0], str)
                               else "texts" if default else "texts or numbers")
    return f"a positive {'whole number' if isinstance(default, int) else 'number'}"


def fill(cls: Any, table: Any, file: str, where: str) -> tuple[Any, list[Problem]]:
    """A small frozen dataclass from a TOML table, types checked against its defaults."""
    defaults = cls()
    if not isinstance(table, dict):
        return defaults, [Problem(f"[{where}] is not a table", file=file, given=brief(table))]
    problems = check_keys(table, cls.__dataclass_fields__, file, f" in [{where}]")
    for key, value in table.items():
        default = getattr(defaults, key, None)
        if default is not None and not alike(value, default) and (key, value) != ("seed", 0):
            problems.append(Problem(f"[{where}] {key}", file=file, given=brief(value),
                                    allowed=kind_of(default)))
    if problems:
        return defaults, problems
    try:
        return replace(defaults, **table), []
    except InputError as error:
        return defaults, [replace(problem, file=file) for problem in error.problems]
