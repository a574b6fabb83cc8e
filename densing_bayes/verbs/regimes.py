"""``regimes``: did the rate of growth change?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from densing_bayes.breakpoints.columns import Columns, read_series, series_from
from densing_bayes.breakpoints.designs import check_breaks
from densing_bayes.errors import InputError, Problem
from densing_bayes.outputs import check_out
from densing_bayes.questions.regimes import of_densities, of_series
from densing_bayes.sections import regimes as words
from densing_bayes.specs import ModelSpec
from densing_bayes.verbs.answer import Answer
from densing_bayes.verbs.steps import Progress, steps

if TYPE_CHECKING:
    from densing_bayes.verbs.opening import Data


def regimes(series: str | Path | pd.DataFrame | None = None, data: Data = None, *,
            breaks: Sequence[str] = (), columns: Columns | None = None,
            out: str | Path | None = None, spec: str | Path | ModelSpec = "densing",
            seed: int | None = None, fit: str | Path | None = None, skip_bad: bool = False,
            progress: Progress = False, **options: Any) -> Answer:
    """Whether the rate of growth changed, and how sure one can be.

    Parameters
    ----------
    series
        CSV file or DataFrame of a series of one's own; None: density of the fitted models and of
        those before them.
    breaks
        Suspected dates of change; none: looked for.
    columns
        Of the series, and how to read them: `densing_bayes.breakpoints.Columns`, whose fields may
        also be given by name, such as ``log=True, kind="records"``.
    out
        Folder for page, PDF, figures, tables and every regime's draws.
    data, spec, seed, fit, skip_bad, progress, options
        As in `densing_bayes.growth`, without a series.

    Returns
    -------
    Answer
        ``values`` is a `densing_bayes.questions.regimes.Regimes`.
    """
    own = {name: options.pop(name) for name in Columns.__dataclass_fields__ if name in options}
    if series is None and (own or columns is not None):
        raise InputError(Problem("options of a series of your own, but no series is given",
                                 given=", ".join(own) or "columns"))
    if series is not None and options:
        raise InputError(Problem("a series of your own takes no options of the spec",
                                 given=", ".join(options)))
    check_breaks(breaks)
    if out is not None:
        check_out(Path(out))
    context = None
    with steps(progress) as step:
        if series is None:
            from densing_bayes.verbs.opening import opened

            context = opened(data, spec=spec, seed=seed, fit=fit, skip_bad=skip_bad,
                             progress=step, **options)
            found = of_densities(context, breaks)
            section = words.of_densities(context, found)
        else:
            step("reading the series")
            asked = replace(columns or Columns(), **own)
            if isinstance(series, pd.DataFrame):  # numbered as the rows of a file are
                points = series_from(series.set_axis(range(2, len(series) + 2)), asked)
            else:
                points = read_series(series, asked)
            found = of_series(points, breaks, seed, step)
            section = words.section(found)
        page = "" if out is None else (
            f"page: {words.report(found, section, Path(out), step) / 'index.html'}")
    answer = Answer.of_section(section, found, said=found.to_dict())
    answer = replace(answer, printed=f"{answer}\n{page}" if page else str(answer),
                     source=context)
    if found.verdict.passed:
        return answer
    return answer.gated(False, "regimes " + ", ".join(found.verdict.diagnostics["refused"]))
