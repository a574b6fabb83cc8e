"""Priors as plain values: a named distribution with a unit and a reason.

Inert, comparable and printable; ``families/blocks.py`` turns one into a random variable when a
model is built. (pymc_extras.prior.Prior was looked at: it imports PyMC, and has neither unit
nor reason.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from densing_bayes.errors import Problem, did_you_mean

# distribution -> names of its arguments, as PyMC spells them
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "Normal": ("mu", "sigma"),
    "LogNormal": ("mu", "sigma"),
    "HalfNormal": ("sigma",),
    "Beta": ("alpha", "beta"),
    "Gamma": ("alpha", "beta"),
    "Uniform": ("lower", "upper"),
    "Exponential": ("lam",),
}
_POSITIVE = {"sigma", "alpha", "beta", "lam"}


@dataclass(frozen=True)
class Prior:
    """A prior: distribution, arguments, unit and reason.

    Examples
    --------
    >>> print(Prior("Normal", {"mu": 0.0, "sigma": 2.0}, unit="1/year", why="centred on none"))
    Normal(mu=0, sigma=2) [1/year]
    """

    dist: str
    args: dict[str, float] = field(hash=False)
    unit: str = "1"
    why: str = ""

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={value:g}" for name, value in self.args.items())
        return f"{self.dist}({inside}) [{self.unit}]"

    def scaled(self, factor: float) -> Prior:
        """The same prior, ``factor`` times as wide (for prior-sensitivity studies).

        Normal, LogNormal and HalfNormal have a scale; a Beta or Gamma is widened by dividing
        its counts by ``factor`` squared. A Uniform has no scale and is returned as it is.
        """
        args = dict(self.args)
        if "sigma" in args:
            args["sigma"] *= factor
        elif self.dist in {"Beta", "Gamma"}:
            args = {name: value / factor**2 for name, value in args.items()}
        elif self.dist == "Exponential":
            args["lam"] /= factor
        return Prior(self.dist, args, self.unit, self.why)


def brief(value: Any, longest: int = 80) -> str:
    """A value from a file, short enough for a message; tables and lists by kind only.

    Examples
    --------
    >>> brief({"a": {}}), brief([1, 2]), brief("abcdef", longest=4)
    ('a table', 'a list', 'abc…')
    """
    if isinstance(value, dict | list):  # their text may be nested beyond what Python can print
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > 10**20:  # Python refuses to print very long ones
        return "a whole number of more than 20 digits"
    text = str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def parse_prior(name: str, table: Any, file: str, kinds: tuple[str, ...] | None = None,
                ) -> tuple[Prior | None, list[Problem]]:
    """A prior from its TOML table, and all that is wrong with it.

    Parameters
    ----------
    kinds
        Distributions that this parameter may have; None: any of `DISTRIBUTIONS`.
    """
    if not isinstance(table, dict):
        return None, [Problem(f"prior '{name}' is not a table", file=file, given=brief(table),
                              allowed="{dist = ..., arguments, unit = ..., why = ...}")]
    problems = []
    dist = table.get("dist")
    if not isinstance(dist, str) or dist not in DISTRIBUTIONS:
        return None, [Problem(f"prior '{name}': unknown distribution", file=file,
                              given=brief(dist), allowed=", ".join(kinds or DISTRIBUTIONS),
                              hint=did_you_mean(brief(dist), kinds or DISTRIBUTIONS))]
    if dist not in (kinds or DISTRIBUTIONS):
        problems.append(Problem(f"prior '{name}' cannot be a {dist}", file=file, given=dist,
                                allowed=", ".join(kinds or ()),
                                hint="the support has to be the parameter's"))
    wanted = DISTRIBUTIONS[dist]
    for key in table:
        if key not in (*wanted, "dist", "unit", "why"):
            problems.append(Problem(f"prior '{name}': unknown key", file=file, given=brief(key),
                                    allowed=", ".join(("dist", *wanted, "unit", "why")),
                                    hint=did_you_mean(key, wanted)))
    args: dict[str, float] = {}
    for key in wanted:
        value: Any = table.get(key)
        if not _is_number(value):
            problems.append(Problem(f"prior '{name}': {dist} needs the number '{key}'", file=file,
                                    given=None if value is None else brief(value)))
        elif key in _POSITIVE and value <= 0:
            problems.append(Problem(f"prior '{name}': '{key}' must be positive", file=file,
                                    given=value, allowed="> 0"))
        else:
            args[key] = float(value)
    if len(args) == len(wanted) and dist == "Uniform" and args["lower"] >= args["upper"]:
        problems.append(Problem(f"prior '{name}': 'lower' is not below 'upper'", file=file,
                                given=f"{args['lower']:g}, {args['upper']:g}"))
    for key in ("unit", "why"):
        if not isinstance(table.get(key), str) or not table[key].strip():
            problems.append(Problem(
                f"prior '{name}' has no {key}", file=file,
                given=brief(table[key]) if key in table else None,
                hint="every prior states its unit ('1' for none) and its reason"))
    if problems:
        return None, problems
    return Prior(dist, args, table["unit"], table["why"].strip()), []


def _is_number(value: Any) -> bool:
    """A finite number, and not so large that its square is infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e150


def check_names(given: Any, declared: tuple[str, ...], family: str, file: str) -> list[Problem]:
    """Unknown and missing prior names of a family, each with the names it has."""
    problems = [
        Problem(f"prior {brief(name)!r} names no parameter of family '{family}'", file=file,
                given=brief(name), allowed=", ".join(declared), hint=did_you_mean(name, declared))
        for name in given if name not in declared
    ]
    problems += [
        Problem(f"family '{family}' has no prior for '{name}'", file=file,
                hint=f"add [priors.{name}]")
        for name in declared if name not in given
    ]
    return problems


__all__ = ["DISTRIBUTIONS", "Prior", "brief", "check_names", "parse_prior"]
