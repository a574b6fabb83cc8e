"""The ``densing`` command: thin commands, heavy imports inside them.

Exit status: 0 done, 1 the diagnostics gate refused, 2 what was given cannot be used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from densing_bayes.errors import GateError, InputError

MOST_PROBLEMS = 200


class _Group(typer.core.TyperGroup):
    """Turns the package's errors into messages and exit statuses, for every command."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            say_problems(error.problems)
            raise typer.Exit(2) from None
        except GateError as error:
            typer.echo(f"refused by the diagnostics gate: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Group, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="How fast language models get denser, with honest uncertainty.")
data_app = typer.Typer(no_args_is_help=True, help="The tables on the shelf.")
models_app = typer.Typer(no_args_is_help=True, help="The model specs on the shelf.")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option(
    "--data", help="Folder of tables that replaces the shipped ones.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every random stream.")]
Spec = Annotated[str, typer.Option("--spec", help="Model spec: a name on the shelf or a path.")]
FitPath = Annotated[Path | None, typer.Option(
    "--fit", help="Saved fit (fit.nc) to answer from; else one is made and kept.")]


@app.callback()
def shared(shelf: Annotated[Path | None, typer.Option(
        "--shelf", help="Folder with models/, data/ or reports/ of your own.")] = None) -> None:
    """How fast language models get denser, with honest uncertainty."""
    if shelf is not None:
        if not shelf.is_dir():
            raise InputError(f"--shelf: no such folder ({str(shelf)!r})")
        os.environ["DENSING_SHELF"] = str(shelf)


def say_problems(problems: list[Any]) -> None:
    """Print problems to stderr, the first 200 of them."""
    from densing_bayes.outputs import clean

    for problem in problems[:MOST_PROBLEMS]:
        typer.echo(clean(problem), err=True)
    if len(problems) > MOST_PROBLEMS:
        typer.echo(f"and {len(problems) - MOST_PROBLEMS} more", err=True)


def say(value: Any, as_json: bool, text: str) -> None:
    """Print a result as JSON or as text."""
    from densing_bayes.outputs import json_text

    typer.echo(json_text(value) if as_json else text)


@app.command()
def report(spec: Annotated[str, typer.Argument(help="Report spec: doubling-time, full or a "
                                                    "path.")] = "doubling-time",
           out: Annotated[Path | None, typer.Option("--out", help="Folder to write.")] = None,
           seed: Seed = None, data: Data = None) -> None:
    """Fit, check, derive, draw: the main job, as a page, a PDF, tables and summary.json."""
    from dataclasses import replace

    from densing_bayes.specs import load_report

    asked = load_report(spec)
    asked = replace(asked, model=asked.model.with_seed(seed))
    out = out or default_out(asked.name, asked.model.hash)
    from densing_bayes.outputs import check_out
    from densing_bayes.progress import Steps

    check_out(out)
    with Steps() as progress:
        progress("reading tables")
        from densing_bayes.tables import load_tables

        tables = load_tables(data)
        from densing_bayes.pipeline import run_report

        result = run_report(asked, tables, out, progress)
    for line in result["headline"]:
        typer.echo(line)
    typer.echo(f"report: {out / 'index.html'}")


def default_out(name: str, spec_hash: str) -> Path:
    """Where results of a spec go unless told."""
    return Path("densing-out") / f"{name}-{spec_hash[:8]}"


@app.command()
def validate(paths: Annotated[list[Path], typer.Argument(help="Tables, folders or specs.")],
             as_json: Json = False) -> None:
    """Check tables and specs; every problem with file, row and column."""
    from densing_bayes.tables import validate as check

    problems = check(paths)
    if as_json:
        from dataclasses import asdict

        say([asdict(problem) for problem in problems], True, "")
    else:
        say_problems(problems)
    if problems:
        raise typer.Exit(2)
    if not as_json:
        typer.echo("nothing wrong")


def context(spec: str, data: Path | None, seed: int | None, fit: Path | None,
            progress: Any) -> Any:
    """A context that answers from a saved fit where there is one, and keeps a new one."""
    from densing_bayes.specs import load_model

    model = load_model(spec).with_seed(seed)
    if model.family != "densing":
        raise InputError(f"spec '{model.name}' is of family '{model.family}': this question needs "
                         f"one of family 'densing'")
    progress("reading tables")
    from densing_bayes.tables import load_tables

    tables = load_tables(data)
    from densing_bayes.context import Context

    saved = fit or default_out(model.name, model.hash) / "fit.nc"
    return Context(tables, model, progress, saved=saved, must_exist=fit is not None)


def refuse(context: Any) -> None:
    """Raise where the gate refuses: no number of such a fit is printed."""
    from densing_bayes.pipeline import refusal

    why = refusal(context)
    if why:
        raise GateError(why)


@app.command()
def fit(spec: Annotated[str, typer.Argument(help="Model spec.")] = "densing", data: Data = None,
        out: Annotated[Path | None, typer.Option("--out", help="File to write (.nc).")] = None,
        seed: Seed = None, as_json: Json = False) -> None:
    """Fit a model spec and save the draws."""
    from densing_bayes.checks import told
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, None, progress)
        ctx.saved = None
        path = out or default_out(ctx.spec.name, ctx.spec.hash) / "fit.nc"
        gate = ctx.diagnostics
        ctx.fit.save(path)
    say({"fit": str(path), "spec_hash": ctx.spec.hash, "diagnostics": gate}, as_json,
        f"{path}\n{told(gate)}: " + ("passed" if gate["passed"] else "refused"))
    refuse(ctx)


@app.command()
def growth(spec: Spec = "densing", data: Data = None, seed: Seed = None, fit: FitPath = None,
           as_json: Json = False) -> None:
    """Growth rate and doubling time of the frontier."""
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress)
        refuse(ctx)
        from densing_bayes.pipeline import growth_block, headline

        result = growth_block(ctx)
    say(result, as_json, "\n".join(headline(ctx)))


@app.command()
def density(model: Annotated[list[str] | None, typer.Argument(help="Models (default: all).")]
            = None, spec: Spec = "densing", data: Data = None, seed: Seed = None,
            fit: FitPath = None, as_json: Json = False,
            device: Annotated[str | None, typer.Option(
                "--device", help="Count what inference costs on this device.")] = None) -> None:
    """Density of models, with gap and probability of being on the frontier."""
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress)
        refuse(ctx)
        if device is not None:
            from densing_bayes.commands import cost_density

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


@data_app.command("list")
def data_list(data: Data = None, as_json: Json = False) -> None:
    """List the tables, with rows and checksums."""
    from densing_bayes.tables import list_tables

    rows = list_tables(data)
    say(rows, as_json, "\n".join(
        f"{row['name']:12s} {row['rows']:>6} rows  {row['what']}" for row in rows))


@data_app.command("show")
def data_show(name: str, data: Data = None, as_json: Json = False) -> None:
    """Print one table."""
    from densing_bayes.tables import show_table

    frame = show_table(name, data)
    say(frame.to_dict("records") if as_json else None, as_json, frame.to_string(index=False))


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """List the model specs."""
    from densing_bayes.shelf import names
    from densing_bayes.specs import load_model

    specs = [load_model(name) for name in names("models")]
    say([{"name": spec.name, "family": spec.family, "title": spec.title} for spec in specs],
        as_json, "\n".join(f"{spec.name:16s} {spec.family:12s} {spec.title}" for spec in specs))


@models_app.command("show")
def models_show(name: str, as_json: Json = False) -> None:
    """Print one model spec, every prior with its reason."""
    from densing_bayes.specs import load_model

    spec = load_model(name)
    say({"name": spec.name, "family": spec.family, "title": spec.title, "hash": spec.hash,
         "options": spec.options,
         "priors": {key: {"dist": prior.dist, **prior.args, "unit": prior.unit, "why": prior.why}
                    for key, prior in spec.priors.items()}},
        as_json, spec.text)


from densing_bayes import commands  # noqa: E402  the other questions, registered on ``app``

commands.register(app)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
