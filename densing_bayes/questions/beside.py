"""What a report asks beside the fit itself: compression, scaling laws, sensitivity to choices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from densing_bayes.compressed import CompressionResult, run_compression
from densing_bayes.context import Context
from densing_bayes.errors import InputError, Problem
from densing_bayes.joint.outside import curve_slopes
from densing_bayes.scaling_laws.study import ScalingStudy
from densing_bayes.scaling_laws.study import study as of_ladders
from densing_bayes.specs import load_model
from densing_bayes.studies.bar import Within
from densing_bayes.studies.spec import load_study
from densing_bayes.studies.study import Study, run_study


def compression(context: Context) -> CompressionResult:
    """Parents and their compressed children, on the curves of the fit."""
    if context.tables.compression is None:
        raise InputError(Problem("no such table, and compression needs one",
                                 file="compression.csv"))
    context.progress("compression study")
    curves = curve_slopes(context.posterior, context.derived, context.columns,
                          context.observations)
    return run_compression(context.tables, load_model("compression"),
                           context.seed("compression"), curves=curves)


def scaling(context: Context) -> ScalingStudy:
    """The classic laws on every ladder of the tables."""
    tables = context.tables
    spec = replace(load_model("scaling"), interval=context.interval).with_seed(
        context.spec.sampling.seed)
    context.progress("scaling laws of every ladder")
    return of_ladders(tables.runs, pairs=tables.pairs, benchmarks=tables.benchmarks,
                 hardware=tables.hardware, spec=spec)


def brief_study(context: Context) -> Study:
    """Sensitivity to the choices that were found to matter most, around the fit."""
    asked = load_study("brief")
    asked = replace(asked, model=context.spec, sampling=replace(
        asked.sampling, seed=context.spec.sampling.seed))
    # threads share the interpreter: sampling is outside Python's lock
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as threads:
        return run_study(asked, context.tables, Path(folder), threads,
                         Within(context.progress), main=context.fit)
