"""Bad input for a bounded time: ``make fuzz`` (SECONDS=300 SEED=1).

Three streams in turn, each case from a seed of its own that is printed where it fails:
mutated tables are read (`validate`, `load_tables`, the choice of observations); mutated specs are
read; and tables that still keep every rule, the degenerate worlds first, are asked for their
growth by the command, whose answer and exit status are looked at. A case fails by an exception
that is no error of the package, a traceback, a status that is none of 0 to 3, an answer that is
absurd, or by taking longer than the limit that the program states.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from small_specs import write_spec

from densing_bayes.errors import InputError
from densing_bayes.shelf import shelf
from densing_bayes.specs import load_model, load_report
from densing_bayes.tables import load_tables
from densing_bayes.verbs.shelf import validate
from densing_bayes.worlds import TYPICAL, invent, simulate, write
from fuzz import mutations

LIMIT = 240  # seconds: the sampler's own limit, as given below, twice, and what stands around it
ABSURD = re.compile(r"-\d+(\.\d+)? days|\bnan\b|\binf(inity)?\b|Traceback|Error:|\bin 0 days", re.I)


def small_tables(folder: Path, models: int = 30) -> mutations.Files:
    """Tables of a small world with known truth."""
    rng = np.random.default_rng(20230224)
    design = invent(rng, models=models, benchmarks=3)
    outcomes, _ = simulate(design, TYPICAL, rng)
    return mutations.read(write(folder, design, outcomes))


def try_reading(files: mutations.Files, folder: Path) -> str | None:
    """What is wrong with how a folder of tables is read, None where nothing is."""
    from densing_bayes.joint.fit import choose

    mutations.write(files, folder)
    try:
        problems = validate([folder])
        for problem in problems:
            str(problem).encode("utf-8", "surrogatepass")
        tables = load_tables(folder)
        choose(tables, load_model("densing"))
    except InputError:
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def try_spec(text: str, path: Path) -> str | None:
    """What is wrong with how a spec is read, None where nothing is."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for load in (load_model, load_report):
        try:
            load(path)
        except InputError:
            continue
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return None


def mutated_spec(text: str, seed: int) -> str:
    """A spec with some of its values, keys or lines changed."""
    rng = np.random.default_rng(seed)
    lines = text.split("\n")
    values = ("1e-320", "99999999999", "1e300", "-1", "0", "nan", "inf", "''", "[]", "{}", "true",
              "[[1]]", "1e9", "'x'", "1979-05-27", "0.5")
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(len(lines)))
        key, sign, _ = lines[place].partition(" = ")
        kind = int(rng.integers(6))
        if kind < 4 and sign:
            lines[place] = f"{key} = {rng.choice(values)}"
        elif kind == 4:
            del lines[place]
        else:
            lines.insert(place, lines[int(rng.integers(len(lines)))])
    return "\n".join(lines)


def try_growth(files: mutations.Files, folder: Path, spec: Path) -> str | None:
    """What is wrong with the answer of ``densing growth``, None where nothing is."""
    mutations.write(files, folder / "tables")
    words = [sys.executable, "-m", "densing_bayes", "growth", "--data", "tables", "--spec",
             str(spec)]
    environment = {"DENSING_MINUTES": "1", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    try:
        found = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LIMIT,
                               env=os.environ | environment, errors="replace", check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {LIMIT} s"
    last = found.stderr[-300:]
    if found.returncode not in (0, 1, 2, 3):
        return f"exit status {found.returncode}: {last}"
    if "Traceback" in found.stderr or "fault of its own" in found.stderr:
        return f"a fault of the program: {last}"
    if found.returncode == 0 and ABSURD.search(found.stdout):
        return f"an absurd answer: {found.stdout[:300]}"
    if found.returncode and not found.stderr.strip():
        return f"exit status {found.returncode} without a word"
    return None


def cases(seed: int, place: Path) -> Iterator[tuple[str, str | None]]:
    """Names and failures of cases, without end."""
    files = small_tables(place / "base")
    spec = write_spec(place / "small.toml", seed=1)
    specs = sorted(shelf("models").glob("*.toml"))
    worlds = list(mutations.WORLDS)
    number = seed
    while True:
        for _ in range(60):
            number += 1
            with tempfile.TemporaryDirectory(dir=place) as folder:
                bad, done = mutations.mutated(files, number)
                yield f"tables {number} ({'; '.join(done)})", try_reading(bad, Path(folder) / "t")
        for _ in range(40):
            number += 1
            path = specs[number % len(specs)]
            text = mutated_spec(path.read_text(encoding="utf-8"), number)
            yield f"spec {path.stem} {number}", try_spec(text, place / "mutated.toml")
        for _ in range(3):
            number += 1
            with tempfile.TemporaryDirectory(dir=place) as folder:
                if worlds:
                    name = worlds.pop(0)
                    bad, name = mutations.WORLDS[name](files), f"growth of '{name}'"
                else:
                    bad, done = mutations.mutated(files, number, mutations.MILD)
                    name = f"growth {number} ({'; '.join(done)})"
                yield name, try_growth(bad, Path(folder), spec)


def main() -> int:
    """Run for the time given; 1 where a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--world", help="only this degenerate world")
    asked = parser.parse_args()
    seed = int(time.time()) * 1000 if asked.seed is None else asked.seed
    print(f"seed {seed}: --seed {seed} repeats this", flush=True)
    began, count, failures = time.monotonic(), 0, []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if asked.world:
            files = mutations.WORLDS[asked.world](small_tables(place / "base"))
            spec = write_spec(place / "small.toml", seed=1)
            print(try_growth(files, place, spec) or "sound")
            return 0
        for name, failed in cases(seed, place):
            count += 1
            if failed:
                failures.append(name)
                print(f"FAILED {name}\n       {failed}", flush=True)
            if time.monotonic() - began > asked.seconds:
                break
    print(f"{count} cases in {time.monotonic() - began:.0f} s, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
