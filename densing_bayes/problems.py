"""Many problems, told by kind: how often, where first, what was given, one hint."""

from __future__ import annotations

import re
from collections.abc import Iterable

from densing_bayes.errors import Problem

PLACES = 5  # rows and values named of each kind
_NUMBER = re.compile(r"\d+(\.\d+)?")


def by_kind(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Problems of one kind together, kinds in the order of their first problem.

    Of one kind are those of one file and column that say the same, numbers aside.
    """
    kinds: dict[tuple[str | None, ...], list[Problem]] = {}
    for problem in problems:
        key = (problem.file, problem.column, _NUMBER.sub("", problem.what))
        kinds.setdefault(key, []).append(problem)
    return list(kinds.values())


def told(problems: Iterable[Problem]) -> list[str]:
    """A line for each kind of problem.

    Examples
    --------
    >>> rows = [Problem("unknown word", "models.csv", row, "type", "chat", "base, instruct",
    ...                 "did you mean 'instruct'?") for row in range(2, 90)]
    >>> print(*told(rows), sep="")
    models.csv, column type: unknown word, 88 times: rows 2, 3, 4, 5, 6, ... (given 'chat'; \
allowed: base, instruct; did you mean 'instruct'?)
    """
    lines = []
    for kind in by_kind(problems):
        first = kind[0]
        if len(kind) == 1:
            lines.append(str(first))
            continue
        where = f"{first.file}" + (f", column {first.column}" if first.column else "")
        rows = [str(problem.row) for problem in kind if problem.row is not None]
        given = list(dict.fromkeys(str(problem.given) for problem in kind
                                   if problem.given is not None))
        hints = list(dict.fromkeys(problem.hint for problem in kind if problem.hint))
        detail = "; ".join(filter(None, (
            "given " + _some([repr(word) for word in given], 3) if given else None,
            f"allowed: {first.allowed}" if first.allowed else None,
            hints[0] if len(hints) == 1 else f"the first: {hints[0]}" if hints else None)))
        lines.append((f"{where}: " if first.file else "") + f"{first.what}, {len(kind):,} times"
                     + (f": rows {_some(rows)}" if rows else "")
                     + (f" ({detail})" if detail else ""))
    return lines


def _some(words: list[str], most: int = PLACES) -> str:
    return ", ".join(words[:most]) + (", ..." if len(words) > most else "")
