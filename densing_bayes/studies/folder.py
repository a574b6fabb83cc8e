"""A study's folder: a case is there whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.errors import InputError, Problem
from densing_bayes.fitting import program
from densing_bayes.observations import Observations
from densing_bayes.outputs import csv_text, json_text, replacing, write_netcdf
from densing_bayes.studies.cases import Case, settings_text
from densing_bayes.studies.spec import StudySpec
from densing_bayes.tables import Tables

CORE = ("models", "scores", "benchmarks", "runs", "pairs")


class Folder:
    """Results on disk: a case is there whole, or not at all.

    A case's file is named by its settings and by a key of all that its draws depend on (spec,
    tables, sampling, version), so that results of another study are never taken for its own.
    """

    def __init__(self, path: Path, study: StudySpec, tables: Tables, observations: Observations,
                 resume: bool) -> None:
        self.path, self.study, self.resume = path, study, resume
        self.checksums = {name: tables.sha256[name] for name in CORE if name in tables.sha256} or {
            "observations": _fingerprint(observations)}
        if path.exists() and not path.is_dir():
            raise InputError(Problem("the study's folder is a file", given=path))
        cases = path / "cases"
        if not resume and cases.is_dir() and any(cases.iterdir()):
            raise InputError(Problem("the folder holds a study", given=path,
                                     hint="--resume goes on with it; or name another folder"))
        try:
            cases.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(Problem("cannot write the study there", given=path,
                                     hint=error.strerror)) from None

    def file(self, case: Case) -> Path:
        """Where a case's result lies."""
        said = json.dumps([self.study.model.hash, repr(self.study.sampling), self.checksums,
                           settings_text(case), program()], sort_keys=True)
        key = hashlib.sha256(said.encode()).hexdigest()[:12]
        slug = re.sub(r"[^A-Za-z0-9]+", "-", case.name).strip("-")[:60]
        return self.path / "cases" / f"{slug}-{key}.json"

    def load(self, case: Case) -> dict[str, Any] | None:
        """The result of a case, None where there is none."""
        try:
            found = json.loads(self.file(case).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return found | {name: np.array(found[name]) for name in ("rate", "level")}

    def save(self, case: Case, result: dict[str, Any]) -> dict[str, Any]:
        """Write a case's result, whole or not at all, and give it back."""
        plain = result | {"settings": json.loads(settings_text(case)),
                          **{name: np.asarray(result[name]).tolist() for name in ("rate", "level")}}
        with replacing(self.file(case)) as temporary:
            temporary.write_text(json.dumps(plain), encoding="utf-8")
        return result

    def finish(self, dataset: xr.Dataset, tables: dict[str, pd.DataFrame],
               failures: dict[str, str]) -> None:
        """Write the gathered study; ``tables`` by name of their files."""
        with replacing(self.path / "study.nc") as temporary:
            write_netcdf(dataset, temporary, self.path / "study.nc")
        texts = {f"{name}.csv": csv_text(table) for name, table in tables.items()}
        for name, text in (texts | {"failures.json": json_text(failures)}).items():
            with replacing(self.path / name) as temporary:
                temporary.write_text(text, encoding="utf-8")


def _fingerprint(observations: Observations) -> str:
    """Checksum of observations that come from no files."""
    digest = hashlib.sha256()
    for name in sorted(map(str, observations.data.variables)):
        digest.update(name.encode() + np.asarray(observations.data[name].values).tobytes())
    return digest.hexdigest()
