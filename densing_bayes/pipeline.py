"""The main job: one command from tables to a report."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from densing_bayes import stamps
from densing_bayes.context import Context, refusal
from densing_bayes.errors import (
    GateError,
    InputError,
    MachineError,
    Problem,
    did_you_mean,
    explain,
    faults_are_shown,
    machine_error,
)
from densing_bayes.fitting import provenance
from densing_bayes.outputs import check_out, default_out
from densing_bayes.progress import Steps
from densing_bayes.questions.growth import growth
from densing_bayes.questions.windows import window_of
from densing_bayes.reports import Section, write_report
from densing_bayes.sections.front import front
from densing_bayes.sections.headline import by_ruler, headline
from densing_bayes.sections.registry import SECTIONS
from densing_bayes.specs import ReportSpec
from densing_bayes.tables import Tables

# what these usually take on the shipped tables and two processors, to tell the time left
FIT_SECONDS, DRAW_SECONDS, PDF_SECONDS = 12.0, 8.0, 3.0


@np.errstate(over="ignore")  # far below a curve exp overflows, and the score is chance
def run_report(spec: ReportSpec, tables: Tables, out: Path,
               progress: Callable[..., None] = lambda name, **_: None) -> dict[str, Any]:
    """Fit, check, derive, draw and write the report; returns its summary.

    Raises
    ------
    GateError
        The diagnostics gate refused; the report is written and marked all the same.
    MachineError
        It could not be written, or a section failed and the others are written; it carries the
        headline as ``answer``.
    """
    check_out(out)
    check_asked(spec, tables)
    started = time.perf_counter()
    if isinstance(progress, Steps):
        progress.expect({"sampling the joint posterior": FIT_SECONDS, **{
            f"writing section {name}": SECTIONS[name].seconds for name in spec.sections},
            "drawing figures": DRAW_SECONDS, "setting the PDF": PDF_SECONDS})
    context = Context(tables, spec.model, progress)
    context.earlier = earlier_fits(spec, tables, out)
    context.windows, context.highlight = spec.windows, spec.highlight
    context.break_date, context.device = spec.break_date, spec.device
    refused = refusal(context)
    sections, failed = [], {}
    for name in spec.sections:
        progress(f"writing section {name}")
        try:
            sections += SECTIONS[name].written(context)
        except Exception as error:  # costs its own section: the others stand
            if faults_are_shown():
                raise
            failed[name] = explain(error)
            sections.append(Section(f"failed-{name}", f"Section '{name}'", [
                f"Not told: this section failed ({failed[name]}). The others do not rest on it."]))
    try:
        screen = front(context)
    except Exception as error:  # the page stands without it
        if faults_are_shown():
            raise
        screen, failed["first screen"] = None, explain(error)
    summary = {
        "spec": spec.model.name, "report": spec.name, "spec_hash": spec.model.hash,
        "seed": spec.model.sampling.seed, "data": tables.sha256,
        "interval": {"prob": context.interval.prob, "kind": context.interval.kind},
        "diagnostics": context.diagnostics, "sections_failed": failed,
        "timing_s": {**getattr(progress, "seconds", {}),
                     "before writing": time.perf_counter() - started},
    }
    lines = headline(context) + (by_ruler(context) if "benchmarks" in spec.sections else [])
    try:
        write_report(out, title=spec.title, headline=lines, sections=sections,
                     summary=summary, provenance=provenance(spec.model, tables.sha256),
                     refused=refused, front=screen, fit_saver=context.fit.save,
                     progress=progress)
    except (OSError, MemoryError) as error:
        raise MachineError(f"the report could not be written: {machine_error(error)}",
                           answer=[] if refused else lines) from None
    if refused:
        raise GateError(refused)
    if tables.sha256:
        stamps.keep_fit(fit_key(spec, tables), out / "fit.nc")
    if failed:
        raise MachineError("the report is written, but sections of it failed: " + "; ".join(
            f"{name} ({why})" for name, why in failed.items()), answer=lines)
    return summary | growth(context).to_dict() | {"headline": lines}


def earlier_fits(spec: ReportSpec, tables: Tables, out: Path) -> tuple[Path, ...]:
    """Fits that an earlier report or answer kept, by their places alone."""
    kept = [out / "fit.nc"]
    if tables.sha256:
        kept.append(stamps.fit_of(fit_key(spec, tables)))
        kept.append(default_out(spec.model.name, spec.model.hash, tables.sha256) / "fit.nc")
    return tuple(path for path in kept if path.is_file())


def fit_key(spec: ReportSpec, tables: Tables) -> str:
    """Name of a report's fit in the user's cache."""
    return stamps.key_of("fit", spec.model.hash, repr(sorted(tables.sha256.items())))


def check_asked(spec: ReportSpec, tables: Tables) -> None:
    """InputError where the spec asks for a window that is none or a model that is not there."""
    problems = []
    for name in spec.windows:
        try:
            window_of(name, dt.date.max)
        except InputError as error:
            problems += [replace(one, file=spec.name, column="windows") for one in error.problems]
    known = [str(name) for name in (*tables.models["model"], *tables.benchmarks["benchmark"])]
    problems += [Problem("no such model or benchmark", file=spec.name, column="highlight",
                         given=name, hint=did_you_mean(name, known))
                 for name in spec.highlight if name not in known]
    devices = [] if tables.hardware is None else [str(name) for name in tables.hardware["device"]]
    if spec.device and spec.device not in devices:
        problems.append(Problem("no such device", file=spec.name, column="device",
                                given=spec.device, hint=did_you_mean(spec.device, devices)))
    if problems:
        raise InputError(problems)
