"""Pages of the site that are generated: commands, tables, priors, options; and its equations.

MkDocs calls these functions (``hooks`` in mkdocs.yml). Nothing is written to docs/: what typer, the
schemas, the parameters and the specs say is said once.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

from densing_bayes.cli.main import app
from densing_bayes.parameters import PARAMETERS
from densing_bayes.schemas import EXAMPLES, REQUIRED, TABLES
from densing_bayes.specs import FAMILIES, load_model


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for name, text in (("cli", commands()), ("tables", tables()), ("priors", priors()),
                       ("options", options())):
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Equations between dollar signs become MathML, which browsers show without any script."""
    parts = re.split(r"(```.*?```|`[^`\n]*`)", markdown, flags=re.DOTALL)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"\$\$(.+?)\$\$", lambda found: convert(
            found[1].strip(), display="block"), parts[i], flags=re.DOTALL)
        parts[i] = re.sub(r"\$([^$\n]+)\$", lambda found: convert(found[1]), parts[i])
    return "".join(parts)


def cell(text: Any) -> str:
    """Text as one cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def rows(head: tuple[str, ...], body: list[tuple[Any, ...]]) -> str:
    """A table."""
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join("| " + " | ".join(cell(one) for one in line) + " |" for line in lines) + "\n"


def commands() -> str:
    """Every command with its arguments, as ``--help`` says."""
    out = ["# Commands", "", "Exit status: 0 done; 1 the diagnostics gate refused; 2 what was "
           "given cannot be used; 3 the machine failed.", ""]

    def tell(command: Any, words: str) -> None:
        for name, child in sorted(getattr(command, "commands", {}).items()):
            tell(child, f"{words} {name}")
        if getattr(command, "commands", None):
            return
        what = (command.help or "").split("\f")[0].strip()
        first, _, more = what.partition("\n\n")
        out.extend([f"## {words}", "", " ".join(first.split()), ""])
        if more:
            out.extend(["```text", more, "```", ""])
        body = []
        for given in command.params:
            if given.name == "help":
                continue
            option = given.param_type_name == "option"
            name = ", ".join(f"`{one}`" for one in given.opts) if option else (
                f"`{given.name.upper()}`")
            body.append((name, getattr(given, "help", "") or ""))
        if body:
            out.append(rows(("argument", "what it is"), body))

    tell(typer.main.get_command(app), "densing")
    return "\n".join(out)


def tables() -> str:
    """Every table and column."""
    out = ["# Tables and columns", "", "A folder of CSV files. Needed: " + ", ".join(
        f"`{name}.csv`" for name in REQUIRED) + "; the others where a question needs them. "
        "An empty cell means unknown.", ""]
    for name, schema in TABLES.items():
        out += [f"## {name}.csv", "", f"{schema.what.capitalize()}. A row is named by "
                + ", ".join(f"`{key}`" for key in schema.key) + ".", "",
                rows(("column", "meaning", "allowed", "example"), [
                    (f"`{column}`", about.what, about.allowed,
                     EXAMPLES.get(f"{name}.{column}", EXAMPLES.get(column, "")))
                    for column, about in schema.columns.items()])]
    return "\n".join(out)


def priors() -> str:
    """Every prior of the main model: what it is of, the distribution, unit and reason."""
    spec = load_model("densing")
    says: dict[str, str] = {}
    for row in PARAMETERS:
        if row.prior:
            says[row.prior] = row.says
    return "\n".join([
        "# Priors", "", "Every prior of `models/densing.toml`, as that file states it. Replace one "
        "in a copy of the file, or in Python by `db.model(priors=...)`.", "",
        *(line for name, prior in spec.priors.items() for line in (
            f"## {name}", "", f"{says[name][0].upper()}{says[name][1:]}.", "",
            f"`{prior.dist}({', '.join(f'{key}={value:g}' for key, value in prior.args.items())})`"
            f", unit: {prior.unit}", "", cell(prior.why), ""))])


def options() -> str:
    """Options of every family of specs, with their defaults, and of the main spec."""
    shipped = load_model("densing").options
    out = ["# Options", "", "Options of the joint model: keys of `[options]` in a spec, and "
           "keyword arguments of `db.growth` and the other verbs.", "",
           rows(("option", "default", "in models/densing.toml", "choices"), [
               (f"`{name}`", f"`{value!r}`", f"`{shipped[name]!r}`",
                ", ".join(FAMILIES["densing"].words.get(name, ())))
               for name, value in FAMILIES["densing"].options.items()])]
    for family, declared in FAMILIES.items():
        if family != "densing" and declared.options:
            out += [f"## {family}", "", rows(("option", "default"), [
                (f"`{name}`", f"`{value!r}`") for name, value in declared.options.items()])]
    return "\n".join(out)
