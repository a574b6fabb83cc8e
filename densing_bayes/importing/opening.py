"""The one opening: a file on disk as a JSON or YAML value, or as a table of text cells."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from densing_bayes.errors import InputError, Problem
from densing_bayes.reading import cut, shown

LARGEST = 1 << 30  # bytes of one file, unpacked
TABLES = {".csv", ".tsv", ".xlsx", ".xls", ".ods", ".parquet"}
KNOWN = TABLES | {".json", ".jsonl", ".yaml", ".yml", ".zip", ".gz"}
_EXTRA = "install the import extra: pip install 'densing-bayes[import]'"


@dataclass(frozen=True)
class Opened:
    """One file: what it is called, and its value: of JSON or YAML, or a DataFrame of text."""

    name: str
    value: Any

    @property
    def stem(self) -> str:
        """The name without folders and ending."""
        return PurePosixPath(self.name).name.split(".")[0]

    @property
    def is_table(self) -> bool:
        """Whether it is rows and columns."""
        return isinstance(self.value, pd.DataFrame)


def open_all(paths: list[Path]) -> Iterator[Opened | Problem]:
    """Every file of the sources, folders and archives searched; what cannot be read is a Problem.

    Raises
    ------
    InputError
        A source that is not there.
    """
    missing = [Problem("no such file or folder", file=shown(path)) for path in paths
               if not path.exists()]
    if missing:
        raise InputError(missing)
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file()
                            and file.suffix.lower() in KNOWN
                            and not file.name.startswith("."))
            if not inside:
                yield Problem("the folder holds no file that can be read", file=shown(path),
                              allowed=", ".join(sorted(KNOWN)))
            for file in inside:
                yield from _open(file, str(file.relative_to(path.parent)))
        else:
            yield from _open(path, path.name)


def _open(path: Path, name: str) -> Iterator[Opened | Problem]:
    try:
        if path.stat().st_size > LARGEST:
            yield Problem("the file is larger than a gigabyte", file=shown(name))
            return
        yield from read_bytes(name, path.read_bytes())
    except OSError as error:
        yield Problem("the file cannot be read", file=shown(name), hint=error.strerror)


def read_bytes(name: str, data: bytes) -> Iterator[Opened | Problem]:
    """One file's content, by its name's ending."""
    ending = PurePosixPath(name.lower()).suffix
    try:
        if ending == ".gz":
            with gzip.open(io.BytesIO(data)) as packed:
                yield from read_bytes(name[:-3], packed.read(LARGEST))
        elif ending == ".zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist():
                    hidden = any(part.startswith((".", "__")) for part in
                                 PurePosixPath(member.filename).parts)
                    if (not hidden and not member.is_dir() and member.file_size < LARGEST
                            and PurePosixPath(member.filename.lower()).suffix in KNOWN):
                        yield from read_bytes(member.filename, archive.read(member))
        elif ending in (".xlsx", ".xls", ".ods"):
            sheets = pd.read_excel(io.BytesIO(data), dtype=object, engine="calamine",
                                   sheet_name=None)
            for sheet, frame in sheets.items():
                if len(frame):
                    yield Opened(f"{name} {sheet}" if len(sheets) > 1 else name, _as_text(frame))
        elif ending in TABLES:
            yield Opened(name, _table(ending, data))
        elif ending in (".json", ".jsonl"):
            yield Opened(name, _json(data.decode("utf-8-sig"), ending == ".jsonl"))
        elif ending in (".yaml", ".yml"):
            yield Opened(name, _yaml(data))
        else:
            yield Problem("no reader for this ending", file=shown(name), given=cut(ending),
                          allowed=", ".join(sorted(KNOWN)))
    except ModuleNotFoundError as error:
        yield Problem(f"reading this needs {error.name}", file=shown(name), hint=_EXTRA)
    except Exception as error:  # whatever a library says of a damaged file
        said = " ".join(str(error).split())
        yield Problem("the file cannot be read", file=shown(name), hint=cut(said, 150))


def as_table(opened: Opened) -> Opened:
    """A list of flat records (of JSON) as a table; anything else as it is."""
    rows = opened.value
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        return opened
    flat = [{key: cell for key, cell in row.items() if not isinstance(cell, dict | list)}
            for row in rows]
    return Opened(opened.name, _as_text(pd.DataFrame(flat).astype(object)))


def _json(said: str, lines: bool) -> Any:
    if lines:
        return [json.loads(line) for line in said.splitlines() if line.strip()]
    try:
        return json.loads(said)
    except json.JSONDecodeError:
        rows = [line for line in said.splitlines() if line.strip()]
        if len(rows) > 1:
            return [json.loads(line) for line in rows]
        raise


def _yaml(data: bytes) -> Any:
    import yaml

    return yaml.safe_load(data)


def _table(ending: str, data: bytes) -> pd.DataFrame:
    """A sheet as text cells with its header's names; '' where a cell is empty."""
    if ending == ".parquet":
        import pyarrow.parquet as pq

        return _as_text(pq.read_table(io.BytesIO(data)).to_pandas())
    try:
        said = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        said = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252",
                           errors="replace")
    said = "\n".join(line for line in said.splitlines() if not line.startswith("#")) \
        if said.startswith("#") else said
    head = said.split("\n", 1)[0]
    comma = max((",", "\t", ";", "|"), key=head.count)
    return pd.read_csv(io.StringIO(said), sep=comma, dtype=str, keep_default_na=False,
                       skipinitialspace=True).rename(columns=lambda name: str(name).strip())


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells as text; dates as days."""
    def word(cell: Any) -> str:
        if cell is None or cell is pd.NaT or (isinstance(cell, float) and cell != cell):
            return ""
        if hasattr(cell, "date") and callable(cell.date):
            return cell.date().isoformat()
        if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        return str(cell)

    return pd.DataFrame({str(column).strip(): [word(cell) for cell in frame[column]]
                         for column in frame}, dtype=str)
