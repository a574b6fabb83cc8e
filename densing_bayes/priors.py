"""Priors as plain values: a named distribution with a unit and a reason.

Comparable and printable. A prior answers for itself what its distribution means (`Prior.logpdf`,
`Prior.rvs`, `Prior.support` and so on), by scipy, which is imported when first asked.
``families/blocks.py`` turns one into a random variable when a model is built.
(pymc_extras.prior.Prior was looked at: it imports PyMC, and has neither unit nor reason.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

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
EXTREME = 1e9  # arguments beyond it, or scales below its inverse, leave no step that suits


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

    @cached_property
    def frozen(self) -> Any:
        """The distribution with its arguments, as scipy has it."""
        from scipy import stats

        a = self.args
        return {
            "Normal": lambda: stats.norm(a["mu"], a["sigma"]),
            "LogNormal": lambda: stats.lognorm(a["sigma"], scale=np.exp(a["mu"])),
            "HalfNormal": lambda: stats.halfnorm(scale=a["sigma"]),
            "Beta": lambda: stats.beta(a["alpha"], a["beta"]),
            "Gamma": lambda: stats.gamma(a["alpha"], scale=1 / a["beta"]),
            "Uniform": lambda: stats.uniform(a["lower"], a["upper"] - a["lower"]),
            "Exponential": lambda: stats.expon(scale=1 / a["lam"]),
        }[self.dist]()

    @property
    def support(self) -> tuple[float, float]:
        """The smallest interval that holds every value that the prior allows."""
        if self.dist == "Uniform":
            return float(self.args["lower"]), float(self.args["upper"])
        # scipy.stats says the same and imports for a second, which each answer would take
        return {"Normal": (-np.inf, np.inf), "Beta": (0.0, 1.0)}.get(self.dist, (0.0, np.inf))

    @property
    def mean(self) -> float:
        """Its mean."""
        return float(self.frozen.mean())

    @property
    def sd(self) -> float:
        """Its standard deviation."""
        return float(self.frozen.std())

    def logpdf(self, value: Any) -> Any:
        """Log density at values; -inf outside the support.

        Examples
        --------
        >>> round(float(Prior("HalfNormal", {"sigma": 2.0}).logpdf(0.0)), 4)  # ln(1 / sqrt(2 pi))
        -0.9189
        """
        return self.frozen.logpdf(value)

    def cdf(self, value: Any) -> Any:
        """Probability of at most a value."""
        return self.frozen.cdf(value)

    def ppf(self, probability: Any) -> Any:
        """The value below which lies that probability."""
        return self.frozen.ppf(probability)

    def rvs(self, rng: np.random.Generator, size: int | tuple[int, ...] | None = None) -> Any:
        """Independent draws; one number where no ``size`` is given.

        Examples
        --------
        >>> prior = Prior("Uniform", {"lower": 2.0, "upper": 3.0})
        >>> prior.rvs(np.random.default_rng(1), 1000).mean().round(1)
        np.float64(2.5)
        """
        return self.frozen.rvs(size=size, random_state=rng)

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
                allowed: tuple[float, float] = (-np.inf, np.inf),
                ) -> tuple[Prior | None, list[Problem]]:
    """A prior from its TOML table, and all that is wrong with it.

    Parameters
    ----------
    kinds
        Distributions that this parameter may have; None: any of `DISTRIBUTIONS`.
    allowed
        The least and the largest value that the parameter may have.
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
    if len(args) == len(wanted) and not (dist == "Uniform" and args["lower"] >= args["upper"]):
        problems += check_support(name, Prior(dist, args), kinds, allowed, file)
    if problems:
        return None, problems
    return Prior(dist, args, table["unit"], table["why"].strip()), []


def _is_number(value: Any) -> bool:
    """A finite number, and not so large that its square is infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e150


def check_support(name: str, prior: Prior, kinds: tuple[str, ...] | None,
                  allowed: tuple[float, float], file: str | None = None) -> list[Problem]:
    """Whether a prior is of a kind that its parameter may have, within the parameter's values.

    Examples
    --------
    >>> check_support("q", Prior("Normal", {"mu": 0.5, "sigma": 0.1}), None, (0.0, 1.0))[0].what
    "prior 'q' allows values that the parameter cannot have"
    """
    if prior.dist not in (kinds or DISTRIBUTIONS):
        return [Problem(f"prior '{name}' cannot be a {prior.dist}", file=file, given=prior.dist,
                        allowed=", ".join(kinds or ()),
                        hint="the support has to be the parameter's")]
    beyond = [f"{key} = {value:g}" for key, value in prior.args.items() if abs(value) > EXTREME
              or (key in _POSITIVE and value < 1 / EXTREME)]
    if beyond:
        return [Problem(f"prior '{name}' is farther from unit scale than can be sampled", file=file,
                        given=", ".join(beyond), allowed=f"{1 / EXTREME:g} to {EXTREME:g}",
                        hint="choose another unit, or a slip of the keyboard?")]
    low, high = prior.support
    if allowed[0] <= low and high <= allowed[1]:
        return []
    return [Problem(f"prior '{name}' allows values that the parameter cannot have", file=file,
                    given=f"{prior.dist}, {low:g} to {high:g}",
                    allowed=f"{allowed[0]:g} to {allowed[1]:g}",
                    hint="Beta is from 0 to 1, and LogNormal, Gamma, HalfNormal and Exponential "
                         "are positive")]


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


__all__ = ["DISTRIBUTIONS", "Prior", "brief", "check_names", "check_support", "parse_prior"]
