"""What can go wrong, as one small tree.

::

    DensingError
    ├── InputError            what the user gave cannot be used (exit status 2)
    │   ├── TableError        a CSV table
    │   ├── SpecError         a TOML spec
    │   └── DomainError       a number outside the support of a law
    └── GateError             the diagnostics gate refused a headline (exit status 1)

An ``InputError`` carries *all* the problems found, not the first one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where.

    Examples
    --------
    >>> print(Problem("score is above 1", file="scores.csv", row=7, given="63.2"))
    scores.csv, row 7: score is above 1 (given '63.2')
    """

    what: str
    file: str | None = None
    row: int | None = None
    column: str | None = None
    given: object = None
    allowed: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = ", ".join(
            part
            for part in (
                self.file,
                None if self.row is None else f"row {self.row}",
                None if self.column is None else f"column {self.column}",
            )
            if part
        )
        detail = "; ".join(
            part
            for part in (
                None if self.given is None else f"given {str(self.given)!r}",
                None if self.allowed is None else f"allowed: {self.allowed}",
                self.hint,
            )
            if part
        )
        return (f"{where}: " if where else "") + self.what + (f" ({detail})" if detail else "")


class DensingError(Exception):
    """Root of every error that this package raises on purpose."""


class InputError(DensingError):
    """What the user gave cannot be used; ``problems`` lists every reason.

    Examples
    --------
    >>> print(InputError("no such device"))
    no such device
    """

    def __init__(self, problems: Problem | str | Iterable[Problem]):
        if isinstance(problems, str):
            problems = Problem(problems)
        if isinstance(problems, Problem):
            problems = [problems]
        self.problems: list[Problem] = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TableError(InputError):
    """A table breaks its schema."""


class SpecError(InputError):
    """A spec names something unknown, misses something, or holds a wrong value."""


class DomainError(InputError, ValueError):
    """A number lies outside the support of a law."""


class GateError(DensingError):
    """The posterior did not pass its diagnostics: no headline may be printed."""


def did_you_mean(given: str, allowed: Iterable[str]) -> str | None:
    """A hint naming the nearest allowed word, or None.

    Examples
    --------
    >>> did_you_mean("alpa", ["alpha", "beta"])
    "did you mean 'alpha'?"
    """
    close = difflib.get_close_matches(str(given), [str(word) for word in allowed], n=1)
    return f"did you mean {close[0]!r}?" if close else None
