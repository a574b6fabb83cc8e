"""``study`` and ``calibrate``: many fits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from densing_bayes.calibration.certificate import calibrate as run_calibration
from densing_bayes.executors import check_executor, open_executor
from densing_bayes.outputs import default_out
from densing_bayes.sections import calibration as calibration_words
from densing_bayes.sections import studies as words
from densing_bayes.specs import load_model
from densing_bayes.studies.bar import CaseProgress
from densing_bayes.studies.spec import StudySpec, load_study
from densing_bayes.studies.study import run_study
from densing_bayes.verbs.answer import Answer
from densing_bayes.verbs.opening import Data, tables_of
from densing_bayes.verbs.steps import Progress, steps


def study(spec: str | Path | StudySpec = "default", data: Data = None, *,
          out: str | Path | None = None, executor: str = "serial", resume: bool = False,
          skip_bad: bool = False, progress: Progress = False) -> Answer:
    """How much the answer depends on benchmarks, ruler, rules and priors.

    Parameters
    ----------
    spec
        A study spec: a name on the shelf, or a path.
    out
        Folder of the study: a file per case, and the report. None: ``densing-out/study-...``.
    executor
        ``"serial"``, ``"processes:N"`` or ``"dask:tcp://host:port"``.
    resume
        Go on with what the folder has.
    data, skip_bad, progress
        As in `densing_bayes.growth`.

    Returns
    -------
    Answer
        ``values`` is a `densing_bayes.studies.study.Study`.
    """
    check_executor(executor)
    asked = spec if isinstance(spec, StudySpec) else load_study(spec)
    shown: AbstractContextManager[Callable[..., None]] = (
        CaseProgress() if progress is True else
        nullcontext(progress if callable(progress) else lambda name, **_: None))
    with shown as step:
        tables = tables_of(data, skip_bad=skip_bad, progress=step)
        folder = Path(out) if out is not None else default_out(
            f"study-{asked.name}", asked.hash, tables.sha256)
        found = run_study(asked, tables, folder, executor, step, resume=resume)
        page = words.report(found, folder / "report", step) / "index.html"
    section = words.section(found)
    answer = Answer.of_section(section, found)
    printed = "\n\n".join([*section.text, f"report: {page}"])
    return Answer(answer.text, answer.table, answer.said, found, answer.draw, printed,
                  words.refusal(found) or "")


def calibrate(data: Data = None, *, quick: bool = False, out: str | Path | None = None,
              executor: str = "serial", skip_bad: bool = False,
              progress: Progress = False) -> Answer:
    """Whether the intervals are true: SBC, coverage on made-up worlds, a back-test.

    Parameters
    ----------
    quick
        A few minutes: a look, not a certificate.
    out
        Folder, resumed when there; None: ``densing-out/calibration-...``.
    data, executor, skip_bad, progress
        As in `study`.
    """
    check_executor(executor)
    with steps(progress) as step:
        tables = tables_of(data, skip_bad=skip_bad, progress=step)
        folder = Path(out) if out is not None else default_out(
            "calibration-quick" if quick else "calibration", load_model("densing").hash,
            tables.sha256)
        if executor == "serial":
            result = run_calibration(quick=quick, out=folder, tables=tables, progress=step)
        else:
            with open_executor(executor) as workers:
                result = run_calibration(quick=quick, out=folder, tables=tables, progress=step,
                                         executor=workers.executor)
    return Answer.of_section(calibration_words.section(result), result, said=result)
