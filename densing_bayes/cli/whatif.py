"""Did this model move the frontier?"""

from __future__ import annotations

from typing import Annotated

import typer

from densing_bayes.cli.answers import answer, context
from densing_bayes.cli.options import Benchmarks, Data, FitPath, Json, Seed, SkipBad, Spec, number
from densing_bayes.errors import InputError, Problem


def scores_of(words: list[str]) -> dict[str, float]:
    """Scores given as BENCHMARK=SCORE.

    Examples
    --------
    >>> scores_of(["MMLU=.79"])
    {'MMLU': 0.79}
    """
    found: dict[str, float] = {}
    problems = []
    for word in words:
        name, _, value = word.rpartition("=")
        try:
            score = float(value)
        except ValueError:
            name = ""
        if not name:
            problems.append(Problem("--score", given=word, allowed="such as MMLU=.79"))
        elif name in found:
            problems.append(Problem("--score: the benchmark is given twice", given=word))
        else:
            found[name] = score
    if problems:
        raise InputError(problems)
    return found


def whatif(
    size: Annotated[float, typer.Option(
        "--size", parser=number(1e3, 1e18), help="Parameters, such as 4B.")],
    date: Annotated[str, typer.Option("--date", help="Day of release, YYYY-MM-DD.")],
    score: Annotated[list[str] | None, typer.Option(
        "--score", help="BENCHMARK=SCORE, 0 to 1 (repeat for several; none: a planned model)."
    )] = None,
    family: Annotated[str | None, typer.Option(
        "--family", help="Family of the fit that it belongs to; else a new one.")] = None,
    active: Annotated[float | None, typer.Option(
        "--active", parser=number(1e3, 1e18), help="Parameters used per token; else all.")] = None,
    bits: Annotated[float, typer.Option(
        "--bits", parser=number(0.1, 64), help="Bits per weight, for specs that count cost."
    )] = 16.0,
    refit: Annotated[bool, typer.Option(
        "--refit", help="Fit again where the saved draws cannot stand for the answer.")] = False,
    spec: Spec = "densing", data: Data = None, skip_bad: SkipBad = False,
    benchmark: Benchmarks = None, seed: Seed = None, fit: FitPath = None, as_json: Json = False,
) -> None:
    """Did this model move the frontier; or what would a planned one score?

    Example: densing whatif --size 4B --date 2026-06-20 --score MMLU=.79 --score MATH=.61
    """
    from densing_bayes.progress import Steps
    from densing_bayes.verbs.spec import day_of

    scores = scores_of(score or [])
    day = day_of(date) or date
    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad, benchmarks=benchmark)
        from densing_bayes.verbs.whatif import whatif as ask

        found = ask(size, day, scores, ctx, family=family, active=active, bits=bits, refit=refit)
    answer(found, as_json)
