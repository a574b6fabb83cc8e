"""Questions to a saved fit as ratios: against a bare import of PyMC, and against the refit."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure

REPEATS = 5
QUESTIONS: dict[str, list[str]] = {
    "growth": ["growth"],
    "growth of a window": ["growth", "--window", "last-12-months"],
    "density of a model": ["density", "Qwen2.5-7B"],
    "forecast of a day": ["forecast", "--size", "8B", "--date", "2030-06-01"],
    "forecast of a match": ["forecast", "--size", "8B", "--match", "GPT-4"],
    "what if": ["whatif", "--size", "4B", "--date", "2026-06-20", "--score", "MMLU=.79",
                "--score", "MATH=.61"],
    "what to expect": ["whatif", "--size", "4B", "--date", "2026-06-20"],
    "prices": ["prices"],
}


def answers(densing: Path) -> dict[str, Any]:
    """Median wall seconds of every question, after one that fits and one that warms the disk.

    The questions and the bare import take turns, so that what else the machine does weighs on all
    alike.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"

        def seconds(command: list[Any]) -> float:
            row = measure.run(command, seconds=900, log=log, folder=Path(folder))
            if row["status"]:
                raise RuntimeError(log.read_text(errors="replace")[-400:])
            return float(row["wall_s"])

        commands = {name: [densing, *words] for name, words in QUESTIONS.items()}
        commands["import pymc"] = [sys.executable, "-c", "import pymc"]
        refit = seconds([densing, "growth"])
        walls: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(REPEATS + 1):
            for name, command in commands.items():
                walls[name].append(seconds(command))
    middle = {name: float(np.median(found[1:])) for name, found in walls.items()}
    bare = middle.pop("import pymc")
    return {"refit_s": refit, "import_pymc_s": bare, "walls_s": walls, "questions": {
        name: {"wall_s": wall, "over_import_pymc": wall / bare, "of_refit": wall / refit}
        for name, wall in middle.items()}}
