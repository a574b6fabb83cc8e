"""The joint fit, and what it says: growth and densities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from densing_bayes.cli.answers import clean_table, context, refuse, say
from densing_bayes.cli.options import Data, FitPath, Json, Seed, SkipBad, Spec
from densing_bayes.errors import InputError


def fit(spec: Annotated[str, typer.Argument(help="Model spec.")] = "densing", data: Data = None,
        skip_bad: SkipBad = False,
        out: Annotated[Path | None, typer.Option("--out", help="File to write (.nc).")] = None,
        seed: Seed = None, as_json: Json = False) -> None:
    """Fit a model spec and save the draws."""
    from densing_bayes.checks import told
    from densing_bayes.outputs import check_file, default_out
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, None, progress, skip_bad)
        ctx.saved = None
        path = check_file(
            out or default_out(ctx.spec.name, ctx.spec.hash, ctx.tables.sha256) / "fit.nc")
        gate = ctx.diagnostics
        ctx.fit.save(path)
    say({"fit": str(path), "spec_hash": ctx.spec.hash, "diagnostics": gate}, as_json,
        f"{path}\n{told(gate)}: " + ("passed" if gate["passed"] else "refused"))
    refuse(ctx)


def growth(spec: Spec = "densing", data: Data = None, skip_bad: SkipBad = False,
           seed: Seed = None, fit: FitPath = None, as_json: Json = False) -> None:
    """Growth rate and doubling time of the frontier."""
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad)
        refuse(ctx)
        from densing_bayes.pipeline import growth_block, headline

        result = growth_block(ctx)
    say(result, as_json, "\n".join(headline(ctx)))


def density(model: Annotated[list[str] | None, typer.Argument(help="Models (default: all).")]
            = None, spec: Spec = "densing", data: Data = None, skip_bad: SkipBad = False,
            seed: Seed = None,
            fit: FitPath = None, as_json: Json = False,
            device: Annotated[str | None, typer.Option(
                "--device", help="Count what inference costs on this device.")] = None) -> None:
    """Density of models, with gap and probability of being on the frontier."""
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad)
        refuse(ctx)
        if device is not None:
            cost_density(ctx, device, model or [], as_json)
            return
        from densing_bayes.sections.density import chosen_rows

        rows = chosen_rows(ctx, model or [])
    lines = [f"{'model':32s} density  [{ctx.interval}]  gap  P(frontier)"]
    lines += [f"{row['model'][:32]:32s} {row['median']:7.2f}  [{row['low']:.2f}, "
              f"{row['high']:.2f}]  x{row['gap_median']:.1f}  {row['p_on_frontier']:.2f}"
              for row in rows]
    say({"interval": {"prob": ctx.interval.prob, "kind": ctx.interval.kind}, "density": rows},
        as_json, "\n".join(lines))


def cost_density(context: Any, device: str, names: list[str], as_json: bool) -> None:
    """Print densities that count what inference costs on a device."""
    from densing_bayes.errors import Problem, did_you_mean
    from densing_bayes.outputs import json_text
    from densing_bayes.sections.costs import density_rows
    from densing_bayes.writers import cost_study

    study, _ = cost_study(context, device)
    import numpy as np

    known = [str(name) for name in study.models["model"]]
    unknown = [Problem("no such model with scores", given=name, hint=did_you_mean(name, known))
               for name in names if name not in known]
    if unknown:
        raise InputError(unknown)
    rows = density_rows(study, np.flatnonzero(np.isin(known, names or known)))
    if as_json:
        typer.echo(json_text({"device": study.devices[0].name, "cost_density": rows}))
        return
    import pandas as pd

    typer.echo(f"device {study.devices[0].name}; {context.interval}")
    printed = [{key: "{median:.2f} [{low:.2f}, {high:.2f}]".format(**value)
                if isinstance(value, dict) else value for key, value in row.items()}
               for row in rows]
    typer.echo(clean_table(pd.DataFrame(printed).to_string(index=False)))
