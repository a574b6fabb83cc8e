"""What can go wrong, as one small tree.

::

    DensingError
    ├── InputError            what the user gave cannot be used (exit status 2)
    │   ├── TableError        a CSV table
    │   ├── SpecError         a TOML spec
    │   └── DomainError       a number outside the support of a law
    ├── GateError             the diagnostics gate refused a headline (exit status 1)
    └── MachineError          disk, memory or time did not suffice (exit status 3)

An ``InputError`` carries *all* the problems found, not the first one. What the operating system
refuses comes as an ``OSError`` or ``MemoryError``; `machine_error` says it as one of these.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass

TRACEBACK = "DENSING_TRACEBACK"
_SIGNS = re.compile(r"(?!(?<=\d)\.(?=\d))[\W_]+?")


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
    """Root of every error that this package raises on purpose; ``status`` is a command's exit."""

    status = 3


class InputError(DensingError):
    """What the user gave cannot be used; ``problems`` lists every reason.

    Examples
    --------
    >>> print(InputError("no such device"))
    no such device
    """

    status = 2

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

    status = 1


class MachineError(DensingError):
    """Disk, memory, time or permission did not suffice; what was given may well be right.

    ``answer`` holds lines that were found before it failed and can be told all the same.
    """

    status = 3

    def __init__(self, said: str, answer: Iterable[str] = ()):
        self.answer = list(answer)
        super().__init__(said)


_HINTS = {
    errno.ENOSPC: "free some space, or name a folder on another disk",
    errno.EDQUOT: "your quota is used up: free some space, or name a folder on another disk",
    errno.EROFS: "name a folder that may be written to",
    errno.EACCES: "name a folder that may be written to",
    errno.EPERM: "name a folder that may be written to",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
}


def machine_error(error: OSError | MemoryError) -> MachineError:
    """What the operating system refused, in one line with the file and what may help.

    Examples
    --------
    >>> print(machine_error(OSError(errno.ENOSPC, "No space left on device", "a/b.csv")))
    No space left on device: 'a/b.csv' (free some space, or name a folder on another disk)
    """
    if isinstance(error, MemoryError):
        return MachineError("out of memory (fewer models, fewer draws or fewer workers need less)")
    said = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
    where = "".join(f": {str(name)[:200]!r}" for name in (error.filename,) if name is not None)
    hint = _HINTS.get(error.errno or 0)
    return MachineError(f"{said}{where}" + (f" ({hint})" if hint else ""))


def faults_are_shown() -> bool:
    """Whether a fault of the program ends it with a traceback (for developers and their tests).

    Otherwise what fails late costs its own section, table or picture, and the rest is told.
    """
    return bool(os.environ.get(TRACEBACK))


def explain(error: BaseException) -> str:
    """What went wrong, in a line, with the place for what was not foreseen."""
    if isinstance(error, DensingError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "densing_bayes" in frame.filename] or frames
    where = f" [{own[-1].filename.rsplit('/', 1)[-1]}:{own[-1].lineno}]" if own else ""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {said[:300]}{where}"


def plain(word: str) -> str:
    """Letters, digits and decimal points only, in lower case: what misspelt names agree in.

    Examples
    --------
    >>> plain("LLaMA-2 13B") == plain("llama2-13b"), plain("OPT-1.3B") == plain("OPT-13B")
    (True, False)
    """
    return "".join(_SIGNS.split(word.casefold()))


def did_you_mean(given: str, allowed: Iterable[str]) -> str | None:
    """A hint naming the nearest allowed word, whatever its case and hyphens; or None.

    Examples
    --------
    >>> did_you_mean("alpa", ["alpha", "beta"]), did_you_mean("gpt4", ["GPT-4", "GPT-3"])
    ("did you mean 'alpha'?", "did you mean 'GPT-4'?")
    """
    words: dict[str, str] = {}
    for word in map(str, allowed):
        words.setdefault(plain(word), word)
    said = plain(str(given))
    close = [said] if said and said in words else difflib.get_close_matches(said, words, n=1)
    return f"did you mean {words[close[0]]!r}?" if close else None
