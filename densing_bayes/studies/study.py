"""A study from its spec to its result: main fit, cases on an executor, readings, one folder.

The folder holds ``main.nc`` (the main fit), ``cases/*.json`` (one per case, written whole or not
at all as it lands) and, when all is done, ``study.nc``, ``cases.csv``, ``influence.csv`` and
``failures.json``.
Started again with ``resume``, a study runs only what is missing there.
"""

from __future__ import annotations

import json
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.checks import diagnostics
from densing_bayes.errors import InputError, Problem, explain, faults_are_shown
from densing_bayes.executors import open_executor
from densing_bayes.fitting import Fit, case_seed, provenance, sample
from densing_bayes.joint.fit import choose
from densing_bayes.joint.quantities import derive
from densing_bayes.observations import Observations
from densing_bayes.studies.bar import CaseProgress, Quiet, Within
from densing_bayes.studies.cases import (
    Case,
    by_fit,
    cases_of,
    expand,
    settings_text,
)
from densing_bayes.studies.fits import Work, checks, counts, run
from densing_bayes.studies.folder import Folder
from densing_bayes.studies.influence import influence
from densing_bayes.studies.lines import read
from densing_bayes.studies.readings import Readings, readings
from densing_bayes.studies.runner import run_tasks
from densing_bayes.studies.spec import StudySpec
from densing_bayes.studies.structures import Base, joint_model, tables_of
from densing_bayes.studies.variants import variant
from densing_bayes.tables import Tables

MAIN = "main fit"
READ = 2000  # draws of the main fit that are read, about


@dataclass(frozen=True)
class Study:
    """A finished study.

    Parameters
    ----------
    spec
        What was asked.
    cases
        Draws by case: ``rate`` (1/year) and ``level`` (ln density of the frontier at the
        latest model's date), dims (case, draw), NaN where a case has fewer draws; and per
        case its checks, counts, method and note. Attrs: gate of the main fit, provenance.
    readings
        The tables of what the cases say.
    failures
        Case and reason of every case that failed.
    skipped
        Axes that had nothing to vary, in words.
    """

    spec: StudySpec
    cases: xr.Dataset
    readings: Readings
    failures: dict[str, str]
    skipped: list[str]


def run_study(study: StudySpec, tables: Tables, out: Path, executor: str | Executor = "serial",
              progress: Any = None, *, resume: bool = False, main: Fit | None = None) -> Study:
    """Run what is missing of a study and read it.

    Parameters
    ----------
    out
        The study's folder.
    executor
        A name ('serial', 'processes:N', 'dask:tcp://host:port') or an open executor.
    progress
        A `densing_bayes.studies.bar.CaseProgress`; None prints nothing.
    resume
        Take what the folder has already; else it must hold no cases.
    main
        The main fit, where it has been made (of the study's model spec, on these tables).

    Raises
    ------
    InputError
        For names that the tables do not have, an executor that cannot be had, a folder that
        holds something else; before any work. Where the main fit or all cases fail.
    """
    if not isinstance(progress, CaseProgress | Quiet):
        progress = Within(progress) if progress else Quiet()
    progress("choosing observations and cases")
    observations = choose(tables, study.model)
    values, skipped = expand(study, tables, observations)
    cases = cases_of(study, values)
    with open_executor(executor):  # a cluster that is not there is told now
        pass
    folder = Folder(Path(out), study, tables, observations, resume)
    fit = main or _main_fit(study, observations, folder, progress)
    posterior = fit.posterior
    gate = diagnostics(fit.tree, [str(name) for name in posterior.data_vars])
    columns, coords = tables_of(observations, study.model)
    base = Base.of(posterior, observations, columns, coords)
    step = -(-posterior.sizes["chain"] * posterior.sizes["draw"] // READ)
    few = posterior.isel(draw=slice(None, None, step))
    derived = derive(few, observations, columns, case_seed(study.model.sampling.seed, "derive"))
    without, unread = None, {}
    if study.influence.groups:
        progress("influence of models and families by importance weights")
        try:
            without = influence(few, derived, columns, observations, study.model,
                                study.influence.groups, study.influence.fewest_models)
        except Exception as error:  # costs its own table, not the cases
            if faults_are_shown():
                raise
            unread["influence"] = explain(error)
        else:
            again = without[without["pareto_k"] > study.influence.refit_above].nlargest(
                study.influence.most_refits, "models")
            cases += [Case.of({"without": (row.group, row.name)})
                      for row in again.itertuples(index=False)]
    results = {case: found for case in cases if (found := folder.load(case)) is not None}
    failures: dict[str, str] = {}
    progress("reading what needs no other fit")
    for case in [case for case in cases if case.fit == Case.of({}) and case not in results]:
        try:
            found = _read_off(case, few, columns, observations, study, base, gate)
        except Exception as error:  # the other cases can still be read
            failures[case.name] = explain(error)
        else:
            results[case] = folder.save(case, found)
    failures |= _run_missing(study, tables, observations, base, folder, [
        case for case in cases if case not in results and case.name not in failures],
        results, executor, progress)
    progress("reading the study")
    _refuse_without_main(cases, results, failures)
    dataset = _gather(cases, results, study, gate, tables,
                      [str(name) for name in coords["benchmark"]])
    said = readings(study, dataset, cases, (few, derived, columns, observations), without,
                    unread)
    tables_told = {"cases": said.table} | (
        {} if said.influence is None else {"influence": said.influence})
    folder.finish(dataset, tables_told, failures | said.failed)
    return Study(study, dataset, said, failures, skipped)


def _run_missing(study: StudySpec, tables: Tables, observations: Observations, base: Base,
                 folder: Folder, missing: list[Case], results: dict[Case, dict[str, Any]],
                 executor: str | Executor, progress: Any) -> dict[str, str]:
    """Run every case without a result; results are added as they land. The failures."""
    named = {case.name: case for case in missing}
    failures: dict[str, str] = {}
    works: dict[str, Work] = {}
    members: dict[str, list[Case]] = {}

    def failed(name: str, why: str) -> None:
        for case in members[name]:
            failures[case.name] = why
            progress.landed(case.name, error=why)

    def landed(name: str, found: list[dict[str, Any]]) -> None:
        for result in found:
            case = named[result["case"]]
            if "error" in result:
                failures[case.name] = result["error"]
            else:
                results[case] = folder.save(case, result)
            progress.landed(case.name, error=result.get("error"))

    if missing:
        progress.begin(len(missing))
    for fit, group in by_fit(missing).items():
        members[fit.name] = group
        try:
            changed = variant(fit, study.model, tables, observations)
        except InputError as error:
            failed(fit.name, explain(error))
            continue
        works[fit.name] = Work(fit, tuple(group), changed, base, study.sampling)
    run_tasks(run, works, executor, landed=landed, failed=failed)
    progress.end()
    return failures


# -- the main fit ------------------------------------------------------------------------------


def _main_fit(study: StudySpec, observations: Observations, folder: Folder, progress: Any) -> Fit:
    """The main fit: from the folder, or made now."""
    path = folder.path / "main.nc"
    if folder.resume and path.exists():
        progress("loading the main fit")
        try:
            return Fit.load(path, study.model, folder.checksums)
        except InputError:  # damaged, or of another version or spec: the cases have their own keys
            progress("the main fit kept here cannot be used")
    columns, coords = tables_of(observations, study.model)
    model, usual = joint_model(columns, coords, study.model), study.model.sampling
    longer = usual.longer()
    careful = replace(longer, target_accept=longer.longer().target_accept)
    for asked, how in ((usual, ""), (longer, " again, for longer"),
                       (careful, " again, in smaller steps")):
        progress(f"sampling the main fit{how}")
        tree = sample(model, asked, case=f"{MAIN}{how}")
        if diagnostics(tree, [str(name) for name in tree["posterior"].data_vars])["passed"]:
            break
    tree.attrs.update(provenance(study.model, folder.checksums))
    fit = Fit(study.model, tree)
    fit.save(path)
    return fit


def _read_off(case: Case, posterior: xr.Dataset, columns: dict[str, Any],
              observations: Observations, study: StudySpec, base: Base, gate: dict[str, Any],
              ) -> dict[str, Any]:
    """A case that is read off the main fit."""
    rate, level, note = read(case, posterior, columns, observations, study.model, base.window)
    return {"case": case.name, "rate": rate, "level": level, "note": note,
            "method": "read off" if case.settings else "fit",
            **checks(rate, posterior.sizes["chain"]), "divergences": gate["divergences"],
            **counts(columns), "seconds": 0.0}


# -- the result --------------------------------------------------------------------------------


def _refuse_without_main(cases: list[Case], results: dict[Case, Any],
                         failures: dict[str, str]) -> None:
    """InputError where the main fit could not be read: nothing to compare the others with."""
    main = cases[0]
    if main not in results:
        why = failures.get(main.name, "no result")
        raise InputError(Problem("the study's main fit cannot be read", given=why,
                                 hint="the cases that were computed are kept: --resume goes on"))


def _gather(cases: list[Case], results: dict[Case, dict[str, Any]], study: StudySpec,
            gate: dict[str, Any], tables: Tables, benchmarks: list[str]) -> xr.Dataset:
    """All results as one Dataset, in the order of the cases."""
    found = [(case, results[case]) for case in cases if case in results]
    longest = max(len(result["rate"]) for _, result in found)
    data: dict[str, Any] = {}
    for name in ("rate", "level"):
        rows = np.full((len(found), longest), np.nan)
        for row, (_, result) in zip(rows, found, strict=True):
            row[:len(result[name])] = result[name]
        data[name] = (("case", "draw"), rows)
    for name in ("rhat", "ess", "mcse", "seconds"):
        data[name] = ("case", np.array([result[name] for _, result in found], dtype=float))
    for name in ("divergences", "models", "cells"):
        data[name] = ("case", np.array([result[name] for _, result in found], dtype=int))
    for name in ("method", "note"):
        data[name] = ("case", np.array([result[name] for _, result in found], dtype=str))
    data["settings"] = ("case", np.array([settings_text(case) for case, _ in found], dtype=str))
    return xr.Dataset(data, coords={"case": [case.name for case, _ in found]}, attrs={
        "study": study.name, "study_hash": study.hash, "spec": study.text,
        "gate": json.dumps(gate), "data": json.dumps(tables.sha256),
        "benchmarks": json.dumps(benchmarks),
        "rate_unit": "1/year", "level_unit": "ln density of the frontier at the latest date"})
