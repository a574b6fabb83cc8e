"""Sections of a report by name: each takes the run's context and writes one or more sections.

Imports are inside the functions: a report pays for the sections that it has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from densing_bayes.context import Context
from densing_bayes.errors import GateError, InputError, Problem, TableError
from densing_bayes.joint.fit import MOST_BY_NUTS
from densing_bayes.reports import Section
from densing_bayes.specs import load_model


def growth(context: Context) -> list[Section]:
    """Rate and doubling time by three ways."""
    from densing_bayes.sections import growth

    return [growth.section(context)]


def density(context: Context) -> list[Section]:
    """Every model's density and the frontier."""
    from densing_bayes.sections import density

    return [density.section(context)]


def benchmarks(context: Context) -> list[Section]:
    """Benchmarks against each other."""
    from densing_bayes.sections import benchmarks

    return [benchmarks.section(context)]


def change(context: Context) -> list[Section]:
    """The change at ChatGPT."""
    from densing_bayes.sections import regimes

    if context.many:
        return [Section("regimes", "Growth regimes", [
            "Not computed: with this many families' releases the weighted draws of all regimes "
            "fill the memory. The options of the spec can choose fewer models."])]
    context.progress("growth regimes")
    try:
        return [regimes.of_densities(context)]
    except TableError as error:  # too few releases of families for a trend
        return [Section("regimes", "Growth regimes", [f"Not computed: {error}"])]


def cost_study(context: Context, device: str | None = None) -> tuple[Any, list[str]]:
    """Cost-weighted densities of every scored model, and the models outside the fit."""
    from densing_bayes.cost_density import run_costs
    from densing_bayes.joint.outside import admitted, all_sizes

    if context.many:
        raise InputError(Problem(
            "too many models for densities by cost", given=len(context.observations.data["model"]),
            allowed=f"at most {MOST_BY_NUTS}",
            hint="draws of all readings and devices fill the memory; the options of the spec can "
                 "choose fewer models"))
    context.progress("effective sizes of models outside the fit")
    sizes = all_sizes(context.posterior, context.derived, context.columns, context.observations,
                      context.tables, context.seed("outside"))
    context.progress("cost-weighted densities")
    study = run_costs(sizes, context.tables, load_model("costs"), device=device,
                      counted=admitted(context.tables, context.spec.options),
                      seed=context.seed("costs"))
    inside = set(context.derived["model"].values)
    return study, [name for name in sizes["model"].values if name not in inside]


def costs(context: Context) -> list[Section]:
    """Densities that count what inference costs; every scored model."""
    from densing_bayes.sections import costs

    if context.tables.hardware is None:
        return [Section("costs", "Densities by cost", ["Not computed: no hardware table."])]
    if context.many:
        return [Section("costs", "Densities by cost", [
            "Not computed: with this many models the draws of all readings and devices fill the "
            "memory. The options of the spec can choose fewer models."])]
    study, outside = cost_study(context)
    return [costs.section(study, outside=outside)]


def compression(context: Context) -> list[Section]:
    """Parents and their compressed children."""
    from densing_bayes.compression import run_compression
    from densing_bayes.joint.outside import curve_slopes
    from densing_bayes.sections import compression

    if context.tables.compression is None:
        return [Section("compression", "Compression", ["Not computed: no compression table."])]
    context.progress("compression study")
    curves = curve_slopes(context.posterior, context.derived, context.columns,
                          context.observations)
    try:
        result = run_compression(context.tables, load_model("compression"),
                                 context.seed("compression"), curves=curves)
    except InputError as error:  # no row on a benchmark of this folder
        return [Section("compression", "Compression", [f"Not computed: {error}"])]
    return [compression.section(result)]


def corollaries(context: Context) -> list[Section]:
    """Prices, chips, forecasts, drivers."""
    from densing_bayes.corollaries.run import corollaries_of
    from densing_bayes.sections import corollaries

    context.progress("corollaries: prices, chips, milestones, drivers")
    return corollaries.sections(corollaries_of(context))


def study(context: Context) -> list[Section]:
    """Sensitivity to the choices that matter most; `densing study` runs them all."""
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from densing_bayes.sections import studies
    from densing_bayes.studies import load_study, run_study
    from densing_bayes.studies.bar import Within

    if context.many:
        return [Section("study", "How much does the answer depend on choices?", [
            "Not computed: its refits are by NUTS, which takes hours with this many models."])]
    asked = load_study("brief")
    asked = replace(asked, model=context.spec, sampling=replace(
        asked.sampling, seed=context.spec.sampling.seed))
    # threads share the interpreter: sampling is outside Python's lock
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as threads:
        found = run_study(asked, context.tables, Path(folder), threads,
                          Within(context.progress), main=context.fit)
    return [studies.section(found, brief=True)]


def scaling(context: Context) -> list[Section]:
    """The classic laws on every ladder of runs."""
    from densing_bayes.scaling.study import study
    from densing_bayes.sections import scaling

    tables = context.tables
    spec = replace(load_model("scaling"), interval=context.interval).with_seed(
        context.spec.sampling.seed)
    context.progress("scaling laws of every ladder")
    try:
        found = study(tables.runs, pairs=tables.pairs, benchmarks=tables.benchmarks,
                      hardware=tables.hardware, spec=spec)
    except (GateError, InputError) as error:  # ladders of this folder that no law can use
        return [Section("scaling", "The classic scaling laws", [f"Not computed: {error}"])]
    return [scaling.section(found)]


def ruler(context: Context) -> list[Section]:
    """Loss law and performance law."""
    from densing_bayes.sections import ruler

    return [ruler.section(context)]


def checks(context: Context) -> list[Section]:
    """Diagnostics and predictive checks."""
    from densing_bayes.sections import checks

    return [checks.section(context)]


def calibration(context: Context) -> list[Section]:
    """The newest published certificate."""
    from densing_bayes.calibration import published
    from densing_bayes.sections import calibration

    return [calibration.section(published(), context.spec.hash)]


def limits(context: Context) -> list[Section]:
    """What the data cannot say."""
    from densing_bayes.sections import about

    return [about.limits(context)]


def priors(context: Context) -> list[Section]:
    """Every prior with its reason."""
    from densing_bayes.sections import about

    return [about.priors(context)]


WRITERS: dict[str, Callable[[Context], list[Section]]] = {
    writer.__name__: writer
    for writer in (growth, density, benchmarks, change, costs, compression, corollaries, study,
                   scaling, ruler, checks, calibration, limits, priors)
}
