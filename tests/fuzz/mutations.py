"""What bad input looks like: mutations of a folder of tables, and worlds that are degenerate.

Each mutation takes files (name -> bytes) and a random stream and changes one thing as people,
spreadsheets and broken disks do; `mutated` applies a few, chosen by a seed, so that a seed says
all. `WORLDS` are tables that keep every rule and yet leave a sampler nothing to hold on to.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

Files = dict[str, bytes]

CELLS = (
    "", " ", "nan", "NaN", "inf", "-inf", "-1", "0", "1", "1e308", "1e-320", "-0.0", "63.2", "0,45",
    "1.234.567", "7B", "7e9 ", "½", "１２", "٣", "true", "None", "=1+1", "@SUM(A1)", "+1", "-", "'",
    '"', "a,b", "a\nb", "a\r\nb", "\u202edrowkcab", "\u200b", "é", "e\u0301", "\U0001f600",
    "\ud83d", "<script>alert(1)</script>", "../../etc/passwd", "C:\\con", "{{7*7}}", "${x}", "%s%n",
    "x" * 201, "x" * 70_000, "2023-13-45", "2023-02-30", "24.02.2023", "02/24/23", "0001-01-01",
    "9999-12-31", "2023", "2023-02", "1e9", "99999999999999999999999999", "0x10", "1_000",
    "--", "N/A", "null",
)


def rows_of(data: bytes) -> list[list[str]]:
    """Cells of a CSV file."""
    return list(csv.reader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")))


def text_of(rows: list[list[str]]) -> bytes:
    """A CSV file of cells."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _on_rows(change: Callable[[list[list[str]], np.random.Generator], None],
             ) -> Callable[[bytes, np.random.Generator], bytes]:
    def mutate(data: bytes, rng: np.random.Generator) -> bytes:
        rows = rows_of(data)
        if len(rows) > 1 and rows[0]:
            change(rows, rng)
        return text_of(rows)

    mutate.__name__ = change.__name__
    return mutate


def _column(rows: list[list[str]], rng: np.random.Generator) -> int:
    return int(rng.integers(len(rows[0])))


@_on_rows
def cell(rows, rng):
    row = rows[int(rng.integers(1, len(rows)))]
    if row:
        row[int(rng.integers(len(row)))] = str(rng.choice(np.array(CELLS, object)))


@_on_rows
def cells_of_a_column(rows, rng):
    place, value = _column(rows, rng), str(rng.choice(np.array(CELLS, object)))
    for row in rows[1:]:
        if place < len(row) and rng.random() < 0.5:
            row[place] = value


@_on_rows
def one_value_everywhere(rows, rng):
    place = _column(rows, rng)
    value = rows[int(rng.integers(1, len(rows)))]
    for row in rows[1:]:
        if place < min(len(row), len(value)):
            row[place] = value[place]


@_on_rows
def another_unit(rows, rng):
    place, factor = _column(rows, rng), float(rng.choice([1e-9, 1e-3, 1e-2, 100.0, 1e3, 1e9, -1.0]))
    share = rng.choice([0.1, 1.0])
    for row in rows[1:]:
        if place < len(row) and rng.random() < share:
            try:
                row[place] = repr(float(row[place]) * factor)
            except ValueError:
                continue


@_on_rows
def column_gone(rows, rng):
    place = _column(rows, rng)
    for row in rows:
        del row[place:place + 1]


@_on_rows
def column_renamed(rows, rng):
    place = _column(rows, rng)
    rows[0][place] = str(rng.choice([rows[0][place].upper(), rows[0][place] + " ", "x", "",
                                     rows[0][0]]))


@_on_rows
def columns_swapped(rows, rng):
    one, other = _column(rows, rng), _column(rows, rng)
    for row in rows[1:]:
        if max(one, other) < len(row):
            row[one], row[other] = row[other], row[one]


@_on_rows
def rows_gone(rows, rng):
    keep = rng.random(len(rows)) < rng.choice([0.02, 0.3, 0.9])
    rows[1:] = [row for row, kept in zip(rows[1:], keep[1:], strict=True) if kept]


@_on_rows
def rows_doubled(rows, rng):
    rows += [list(row) for row in rows[1:1 + int(rng.integers(1, 4))]]


@_on_rows
def rows_shuffled(rows, rng):
    order = rng.permutation(len(rows) - 1) + 1
    rows[1:] = [rows[i] for i in order]


@_on_rows
def ragged(rows, rng):
    row = rows[int(rng.integers(1, len(rows)))]
    if rng.random() < 0.5:
        row.append("more")
    elif row:
        row.pop()


def cut_off(data: bytes, rng: np.random.Generator) -> bytes:
    return data[:int(rng.integers(len(data) + 1))]


def bytes_flipped(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for place in rng.integers(len(out), size=int(rng.integers(1, 6))) if out else ():
        out[place] ^= 1 << int(rng.integers(8))
    return bytes(out)


def another_encoding(data: bytes, rng: np.random.Generator) -> bytes:
    text = data.decode("utf-8", "replace")
    kind = str(rng.choice(["utf-16", "utf-8-sig", "latin-1", "utf-32", "cp1252"]))
    return text.encode(kind, "replace")


def another_separator(data: bytes, rng: np.random.Generator) -> bytes:
    return data.replace(b",", str(rng.choice([";", "\t", "|", ",,", ", "])).encode())


def other_lines(data: bytes, rng: np.random.Generator) -> bytes:
    return data.replace(b"\n", [b"\r\n", b"\r", b"\n\n", b"\n\0"][int(rng.integers(4))])


def emptied(data: bytes, rng: np.random.Generator) -> bytes:
    return [b"", b"\n", data.split(b"\n")[0] + b"\n", b"PK\x03\x04" + data][int(rng.integers(4))]


MUTATIONS = (cell, cell, cell, cells_of_a_column, one_value_everywhere, another_unit, another_unit,
             column_gone, column_renamed, columns_swapped, rows_gone, rows_gone, rows_doubled,
             rows_shuffled, ragged, cut_off, bytes_flipped, another_encoding, another_separator,
             other_lines, emptied)
# those that often leave tables that keep every rule, so that a fit has to cope
MILD = (cell, one_value_everywhere, one_value_everywhere, another_unit, rows_gone, rows_gone,
        rows_shuffled, columns_swapped)


def read(folder: Path) -> Files:
    """The tables of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def write(files: Files, folder: Path) -> Path:
    """Files as a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def mutated(files: Files, seed: int, kinds: tuple = MUTATIONS) -> tuple[Files, list[str]]:
    """The files after one to three mutations chosen by a seed, and what was done."""
    rng = np.random.default_rng(seed)
    out, done = dict(files), []
    for _ in range(int(rng.integers(1, 4))):
        name = str(rng.choice(sorted(out)))
        if rng.random() < 0.03:
            del out[name]
            done.append(f"{name}: gone")
            if not out:
                break
            continue
        mutate = kinds[int(rng.integers(len(kinds)))]
        out[name] = mutate(out[name], rng)
        done.append(f"{name}: {mutate.__name__}")
    return out, done


# -- worlds without scatter ------------------------------------------------------------------


def _set(files: Files, name: str, column: str, value: Callable[[int, list[str]], str]) -> Files:
    rows = rows_of(files[name])
    place = rows[0].index(column)
    for i, row in enumerate(rows[1:]):
        row[place] = value(i, row)
    return files | {name: text_of(rows)}


def _exact_ladder(files: Files, digits: int = 17) -> Files:
    rows = rows_of(files["runs.csv"])
    at = {name: rows[0].index(name) for name in ("params", "tokens", "loss")}
    for row in rows[1:]:
        size, tokens = (float(row[at[name]]) for name in ("params", "tokens"))
        row[at["loss"]] = f"{8.0 * size**-0.1 + 60.0 * tokens**-0.2:.{digits}g}"
    return files | {"runs.csv": text_of(rows)}


def _exact_pairs(files: Files) -> Files:
    rows = rows_of(files["pairs.csv"])
    loss, score = rows[0].index("loss"), rows[0].index("score")
    for row in rows[1:]:
        row[score] = f"{0.25 + 0.7 / (1 + np.exp(8 * (float(row[loss]) - 0.7))):.17g}"
    return files | {"pairs.csv": text_of(rows)}


WORLDS: dict[str, Callable[[Files], Files]] = {
    "losses exactly on the law": _exact_ladder,
    "losses on the law to five digits": lambda files: _exact_ladder(files, 5),
    "all losses the same": lambda files: _set(files, "runs.csv", "loss", lambda *_: "0.8"),
    "pairs exactly on a curve": _exact_pairs,
    "all pair scores the same": lambda files: _set(files, "pairs.csv", "score", lambda *_: "0.5"),
    "all pair scores zero": lambda files: _set(files, "pairs.csv", "score", lambda *_: "0"),
    "all pair losses the same": lambda files: _set(files, "pairs.csv", "loss", lambda *_: "0.7"),
    **{f"all scores {value}": lambda files, value=value: _set(
        files, "scores.csv", "score", lambda *_: value) for value in ("0", "1", "0.5")},
    "all scores at chance": lambda files: _set(files, "scores.csv", "score", lambda *_: "0.25"),
    "all dates within ten days": lambda files: _set(
        files, "models.csv", "release_date", lambda i, _: f"2024-03-{1 + i % 10:02d}"),
    "all dates within two days": lambda files: _set(
        files, "models.csv", "release_date", lambda i, _: f"2024-03-{1 + i % 2:02d}"),
    "all models of one size": lambda files: _set(
        _set(files, "models.csv", "params_total", lambda *_: "7e9"),
        "models.csv", "params_active", lambda *_: "7e9"),
    "one benchmark all right": lambda files: _set(
        files, "scores.csv", "score", lambda i, row: "1" if row[1] == "Quiz-C" else row[2]),
    "one benchmark all wrong": lambda files: _set(
        files, "scores.csv", "score", lambda i, row: "0" if row[1] == "Quiz-C" else row[2]),
    "all right on the anchored one": lambda files: _set(
        files, "scores.csv", "score", lambda i, row: "1" if row[1] == "Quiz-A" else row[2]),
    "one family": lambda files: _set(files, "models.csv", "family", lambda *_: "all"),
    "no family": lambda files: _set(files, "models.csv", "family", lambda *_: ""),
    "one item": lambda files: _set(files, "benchmarks.csv", "n_items", lambda *_: "1"),
    "a billion items": lambda files: _set(files, "benchmarks.csv", "n_items", lambda *_: "1e9"),
    "chance nearly one": lambda files: _set(files, "benchmarks.csv", "chance", lambda *_: "0.999"),
}
