"""Options that several commands share, each said once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option(
    "--data", help="Folder of tables that replaces the shipped ones.")]
SkipBad = Annotated[bool, typer.Option(
    "--skip-bad", help="Go on without the rows that have problems.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every random stream.")]
Spec = Annotated[str, typer.Option("--spec", help="Model spec: a name on the shelf or a path.")]
FitPath = Annotated[Path | None, typer.Option(
    "--fit", help="Saved fit (fit.nc) to answer from; else one is made and kept.")]
Device = Annotated[str | None, typer.Option(
    "--device", help="Device of hardware.csv, such as 'RTX 4090'.")]
Benchmarks = Annotated[list[str] | None, typer.Option(
    "--benchmark", help="Benchmark, or named set of them, to use (repeat for several).")]
Executor = Annotated[str, typer.Option(
    "--executor", help="serial, processes:N or dask:tcp://host:port.")]


_TIMES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def number(low: float, high: float) -> Callable[[str], float]:
    """A parser of an option that is a number between two bounds, refused before any work.

    A number that may be large may be written as sizes of models are: 8B, 70M.

    Examples
    --------
    >>> number(0, 1)("0.5"), number(1e3, 1e18)("8B")
    (0.5, 8000000000.0)
    """
    def parse(text: str) -> float:
        times = _TIMES.get(text[-1:].upper(), 0.0) if high > 1e9 else 0.0
        try:
            value = times * float(text[:-1]) if times else float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            percent = high == 1 and 1 < value <= 100
            raise typer.BadParameter(
                f"{text!r} is no number from {low:g} to {high:g}"
                + (" (this looks like percent: divide by 100)" if percent else ""))
        return value

    parse.__name__ = "number"
    return parse
