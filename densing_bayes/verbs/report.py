"""``report``: the main job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from densing_bayes.errors import InputError
from densing_bayes.outputs import check_out, default_out
from densing_bayes.pipeline import run_report
from densing_bayes.specs import ReportSpec, load_report
from densing_bayes.verbs.answer import Answer
from densing_bayes.verbs.opening import Data, tables_of
from densing_bayes.verbs.steps import Progress, steps


@dataclass(frozen=True)
class Written:
    """A report on disk.

    Parameters
    ----------
    folder
        Has index.html, report.pdf, summary.json, fit.nc, tables/ and figures/.
    """

    folder: Path

    @property
    def page(self) -> Path:
        """The page, one file."""
        return self.folder / "index.html"


def report(spec: str | Path | ReportSpec = "doubling-time", data: Data = None, *,
           out: str | Path | None = None, seed: int | None = None, skip_bad: bool = False,
           progress: Progress = False, **options: Any) -> Answer:
    """Fit, check, derive, draw: a page, a PDF, tables and summary.json.

    Parameters
    ----------
    spec
        A report spec: a name on the shelf (doubling-time, full), or a path.
    out
        Folder to write; None: ``densing-out/NAME-HASH``.
    data, seed, skip_bad, progress, options
        As in `densing_bayes.growth`.

    Returns
    -------
    Answer
        ``values`` is a `Written`; ``text`` the headline.

    Raises
    ------
    GateError
        The diagnostics gate refused; the report is written and marked all the same.
    """
    asked = spec if isinstance(spec, ReportSpec) else load_report(spec)
    given = {name: value for name, value in options.items() if value is not None}
    model = asked.model.with_seed(seed)
    asked = replace(asked, model=model.with_options(**given) if given else model)
    if out is not None:
        check_out(Path(out))
    with steps(progress) as step:
        tables = tables_of(data, skip_bad=skip_bad, progress=step)
        if not tables.sha256 and out is None:
            raise InputError("name a folder to write: these tables have no checksum to name one by")
        folder = Path(out) if out is not None else default_out(asked.name, asked.hash,
                                                               tables.sha256)
        result = run_report(asked, tables, folder, step)
    written = Written(folder)
    lines = result["headline"]
    return Answer(" ".join(lines), pd.json_normalize(result.get("growth", {})), result, written,
                  printed="\n".join([*lines, f"report: {written.page}"]))
