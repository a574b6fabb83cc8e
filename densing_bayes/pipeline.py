"""The main job: one command from tables to a report."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from densing_bayes.calibration import published
from densing_bayes.checks import told
from densing_bayes.context import Context
from densing_bayes.errors import GateError, MachineError, explain, faults_are_shown, machine_error
from densing_bayes.fitting import provenance
from densing_bayes.intervals import growth_summary, probability, words_of_set
from densing_bayes.joint.quantities import end_rates
from densing_bayes.outputs import check_out
from densing_bayes.reports import Section, write_report
from densing_bayes.sections import calibration
from densing_bayes.specs import ReportSpec
from densing_bayes.tables import Tables
from densing_bayes.writers import WRITERS

SURE = 0.95  # probability above which the headline says that growth changed


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
    started = time.perf_counter()
    context = Context(tables, spec.model, progress)
    refused = refusal(context)
    sections, failed = [], {}
    for name in spec.sections:
        progress(f"writing section {name}")
        try:
            sections += WRITERS[name](context)
        except Exception as error:  # costs its own section: the others stand
            if faults_are_shown():
                raise
            failed[name] = explain(error)
            sections.append(Section(f"failed-{name}", f"Section '{name}'", [
                f"Not told: this section failed ({failed[name]}). The others do not rest on it."]))
    summary = {
        "spec": spec.model.name, "report": spec.name, "spec_hash": spec.model.hash,
        "seed": spec.model.sampling.seed, "data": tables.sha256,
        "interval": {"prob": context.interval.prob, "kind": context.interval.kind},
        "diagnostics": context.diagnostics, "sections_failed": failed,
        "timing_s": {**getattr(progress, "seconds", {}),
                     "before writing": time.perf_counter() - started},
    }
    lines = headline(context)
    try:
        write_report(out, title=spec.title, headline=lines, sections=sections,
                     summary=summary, provenance=provenance(spec.model, tables.sha256),
                     refused=refused, fit_saver=context.fit.save, progress=progress)
    except (OSError, MemoryError) as error:
        raise MachineError(f"the report could not be written: {machine_error(error)}",
                           answer=[] if refused else lines) from None
    if refused:
        raise GateError(refused)
    if failed:
        raise MachineError("the report is written, but sections of it failed: " + "; ".join(
            f"{name} ({why})" for name, why in failed.items()), answer=lines)
    return summary | growth_block(context) | {"headline": lines}


def growth_block(context: Context) -> dict[str, Any]:
    """The growth block, with the spec, seed and interval that it belongs to."""
    return {
        "spec": context.spec.name, "seed": context.spec.sampling.seed,
        "interval": {"prob": context.interval.prob, "kind": context.interval.kind},
        "growth": growth_summary(context.derived["rate"].values, context.interval),
        "diagnostics": context.diagnostics,
    }


def refusal(context: Context) -> str | None:
    """Why the gate refused, or None."""
    gate = context.diagnostics
    if gate["passed"]:
        return None
    return (f"{told(gate)}: the draws do not represent the posterior, and no number here is a "
            f"result.")


def headline(context: Context) -> list[str]:
    """The few statements that a reader takes away."""
    interval = context.interval
    growth = growth_summary(context.derived["rate"].values, interval)
    day, time_set = growth["rate_per_day"], growth["doubling_time_days"]
    faster = float((context.derived["rate"] / 365.25 > np.log(2) / 106.5).mean())
    lines = [
        f"Capability density grows by {day['median']:.4f} per day ({interval}: {day['low']:.4f} "
        f"to {day['high']:.4f}).",
        f"It doubles in {time_set['median']:.0f} days ({interval} of the rate: "
        f"{words_of_set(time_set['set'])}); probability of growth "
        f"{probability(time_set['p_growth'])}.",
        f"Probability that it grows at least as fast as published (doubling in 3.5 months): "
        f"{probability(faster)}.",
    ]
    if not context.spec.options["constant_rate"]:
        start, end = end_rates(context.derived, context.observations.data["time"].values)
        slower = float((end < start).mean())
        if max(slower, 1 - slower) > SURE:
            lines.append(
                f"Growth was {'slower' if slower > SURE else 'faster'} at the end of the data "
                f"than at the start (probability {probability(max(slower, 1 - slower))}): "
                f"{np.median(end) / 365.25:.4f} per day over the last half year ({interval}: "
                f"{interval.of(end)[0] / 365.25:.4f} to {interval.of(end)[1] / 365.25:.4f}).")
    certificate = published()
    if certificate and any(one["kept"] == "no" for one in certificate["verdict"]):
        lines += calibration.headline(certificate)
    return lines
