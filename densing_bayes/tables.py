"""Tables of a folder: read, checked, typed (first simple form)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from densing_bayes.errors import Problem, TableError
from densing_bayes.shelf import shelf

REQUIRED = ("models", "scores", "benchmarks", "runs", "pairs")
OPTIONAL = ("prices", "hardware", "published", "compression")
DATES = {"release_date", "date", "released"}


@dataclass(frozen=True)
class Tables:
    """The checked tables of one folder; an optional table that is not there is None."""

    folder: Path
    models: pd.DataFrame
    scores: pd.DataFrame
    benchmarks: pd.DataFrame
    runs: pd.DataFrame
    pairs: pd.DataFrame
    prices: pd.DataFrame | None = None
    hardware: pd.DataFrame | None = None
    published: pd.DataFrame | None = None
    compression: pd.DataFrame | None = None
    sha256: dict[str, str] = field(default_factory=dict)


def load_tables(folder: Path | None = None) -> Tables:
    """The tables of a folder (default: the shelf's)."""
    folder = shelf("data") if folder is None else Path(folder)
    frames, sums = {}, {}
    for name in (*REQUIRED, *OPTIONAL):
        path = folder / f"{name}.csv"
        if not path.is_file():
            if name in REQUIRED:
                raise TableError(Problem("no such table", file=path.name))
            continue
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in frame:
            if column in DATES:
                frame[column] = pd.to_datetime(frame[column])
            else:
                filled = frame[column][frame[column] != ""]
                numbers = pd.to_numeric(filled, errors="coerce")
                if len(filled) and numbers.notna().all():
                    frame[column] = numbers.astype(float).reindex(frame.index)
        frames[name], sums[name] = frame, hashlib.sha256(path.read_bytes()).hexdigest()
    return Tables(folder=folder, sha256=sums, **frames)
