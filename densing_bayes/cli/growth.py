"""The joint fit, and what it says: growth and densities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import answer, context, read_tables, say
from densing_bayes.cli.options import Benchmarks, Data, FitPath, Json, Seed, SkipBad, Spec
from densing_bayes.errors import GateError


def fit(spec: Annotated[str, typer.Argument(help="Model spec.")] = "densing", data: Data = None,
        skip_bad: SkipBad = False,
        out: Annotated[Path | None, typer.Option("--out", help="File to write (.nc).")] = None,
        seed: Seed = None, as_json: Json = False) -> None:
    """Fit a model spec and save the draws.

    Example: densing fit densing --out fit.nc
    """
    from densing_bayes.checks import told
    from densing_bayes.outputs import check_file, default_out
    from densing_bayes.progress import Steps
    from densing_bayes.verbs.spec import spec_of

    with Steps() as progress:
        model = spec_of(spec, seed, {})
        progress("reading tables")
        tables = read_tables(data, skip_bad)
        from densing_bayes.context import Context, refusal

        ctx = Context(tables, model, progress)
        path = check_file(out or default_out(model.name, model.hash, tables.sha256) / "fit.nc")
        gate = ctx.diagnostics
        ctx.fit.save(path)
    say({"fit": str(path), "spec_hash": model.hash, "diagnostics": gate}, as_json,
        f"{path}\n{told(gate)}: " + ("passed" if gate["passed"] else "refused"))
    why = refusal(ctx)
    if why:
        raise GateError(why)


def growth(spec: Spec = "densing", data: Data = None, skip_bad: SkipBad = False,
           window: Annotated[str | None, typer.Option(
               "--window", help="Average over last-12-months or 2024-01-01:2025-04-30.")] = None,
           benchmark: Benchmarks = None, seed: Seed = None, fit: FitPath = None,
           as_json: Json = False) -> None:
    """Growth rate and doubling time of the frontier.

    Example: densing growth --window last-12-months
    """
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad, benchmarks=benchmark)
        from densing_bayes.verbs.growth import growth as ask

        found = ask(ctx, window=window)
    answer(found, as_json)


def density(model: Annotated[list[str] | None, typer.Argument(help="Models (default: all).")]
            = None, spec: Spec = "densing", data: Data = None, skip_bad: SkipBad = False,
            benchmark: Benchmarks = None, seed: Seed = None,
            fit: FitPath = None, as_json: Json = False,
            device: Annotated[str | None, typer.Option(
                "--device", help="Count what inference costs on this device.")] = None) -> None:
    """Density of models, with gap and probability of being on the frontier.

    Example: densing density Qwen2.5-7B Llama-3.1-8B
    """
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad, benchmarks=benchmark)
        from densing_bayes.verbs.growth import density as ask

        found = ask(model or (), ctx, device=device)
    answer(found, as_json)
