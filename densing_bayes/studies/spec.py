"""What a study varies: axes and their values, read from TOML and checked before any work.

An axis is one choice of the main fit; a case of the study sets some axes to other values than
the model spec has. Nothing here imports PyMC or pandas, so that a typo is told at once.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from densing_bayes.errors import InputError, Problem, SpecError, did_you_mean
from densing_bayes.shelf import find
from densing_bayes.specs import (
    FAMILIES,
    ModelSpec,
    Sampling,
    check_keys,
    fill,
    load_model,
    read_toml,
)

DESIGNS = ("one at a time", "grid", "latin hypercube")
RULES = ("frontier", "best available", "records", "upper quantile", "typical release")
SUBSETS = ("leave one out", "each alone", "all subsets", "each set", "each ruler alone")
LADDERS = ("without the smallest size", "without the largest size")
GROUPS = ("family", "organization", "model")
DATE_KINDS = ("weights", "paper", "api")
EACH = "each"


@dataclass(frozen=True)
class Axis:
    """One choice that a study can vary.

    ``topic`` is what the choice is about, by which shares of variance are told. ``words`` are
    the values it knows (empty: names of the tables, checked when these are read); ``every`` is
    True where the word 'each' stands for every value that the tables have; ``accepts`` tells
    whether another value is meant, and ``allowed`` says so in words.
    """

    topic: str
    allowed: str
    words: tuple[str, ...] = ()
    every: bool = False
    accepts: Callable[[Any], bool] = lambda value: False


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: (isinstance(value, int | float) and not isinstance(value, bool)
                          and low < value <= high)


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.date.fromisoformat(value))
    except ValueError:
        return False


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_names(value: Any) -> bool:
    return (isinstance(value, list) and bool(value) and all(map(_is_name, value))
            and len(set(value)) == len(value))


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


OPTIONS = FAMILIES["densing"].words

AXES: dict[str, Axis] = {
    "benchmarks": Axis("benchmarks", f"{', '.join(SUBSETS)}, or lists of benchmarks or of sets",
                       SUBSETS, accepts=_are_names),
    "protocol": Axis("benchmarks", "'each' or names of variants of a benchmark", every=True,
                     accepts=_is_name),
    "contamination": Axis("benchmarks", "clean", ("clean",)),
    "frontier": Axis("frontier", ", ".join(RULES), RULES),
    "group": Axis("frontier", ", ".join(OPTIONS["group"]), OPTIONS["group"]),
    "constant_spread": Axis("frontier", "true or false", accepts=_is_switch),
    "may_regress": Axis("frontier", "true or false", accepts=_is_switch),
    "eligible_benchmarks": Axis(
        "frontier", "a whole number of benchmarks", accepts=lambda value: (
            isinstance(value, int) and not isinstance(value, bool) and value > 0)),
    "size": Axis("size", ", ".join(OPTIONS["size"]), OPTIONS["size"]),
    "architecture": Axis("models", "dense, moe", ("dense", "moe")),
    "irreducible": Axis("ruler", "true or false", accepts=_is_switch),
    "ceiling": Axis("ruler", "a share of the room above chance, between 0 and 1",
                    accepts=lambda value: isinstance(value, float) and 0 < value < 1),
    "reference_tokens": Axis("ruler", "a number of tokens, or own", ("own",),
                             accepts=_number(0, 1e18)),
    "ladder": Axis("ruler", ", ".join(LADDERS), LADDERS),
    "since": Axis("models", "a day YYYY-MM-DD", accepts=_is_day),
    "until": Axis("models", "a day YYYY-MM-DD", accepts=_is_day),
    "without_flag": Axis("models", "'each' or words of the column flag", every=True,
                         accepts=_is_name),
    "date_kind": Axis("models", ", ".join(DATE_KINDS), DATE_KINDS),
    "priors": Axis("priors", "'all', 'each', or names of priors",
                   ("all", *FAMILIES["densing"].parameters), every=True),
}


@dataclass(frozen=True)
class Influence:
    """Which groups are left out one at a time, and above which Pareto k they are fitted again.

    Of those above it the ``most_refits`` largest are.
    """

    groups: tuple[str, ...] = ()
    refit_above: float = 0.7
    fewest_models: int = 1
    most_refits: int = 40


@dataclass(frozen=True)
class StudySpec:
    """A study: the main fit's spec, the axes with their values, and how cases are made.

    Examples
    --------
    >>> study = load_study("default")
    >>> study.model.family, study.design
    ('densing', 'one at a time')
    """

    name: str
    title: str
    model: ModelSpec
    design: str
    size: int
    axes: dict[str, list[Any]]
    prior_factors: tuple[float, ...]
    influence: Influence
    sampling: Sampling
    text: str = field(repr=False, default="")

    @property
    def hash(self) -> str:
        """First 12 hex digits of the SHA-256 of what the spec says (not of its layout)."""
        said = repr((self.model.hash, self.design, self.size, sorted(self.axes.items()),
                     self.prior_factors, self.influence, self.sampling))
        return hashlib.sha256(said.encode()).hexdigest()[:12]


KEYS = ("title", "model", "design", "size", "axes", "prior_factors", "influence", "sampling")
# a variant's run: an effective size of the rate of several hundred in some seconds of one core
SHORT = Sampling(draws=400, tune=250, chains=2, target_accept=0.85)


def load_study(name: str | Path) -> StudySpec:
    """The study spec of that name or path, checked.

    Raises
    ------
    SpecError
        With every problem: unknown keys, axes, values, designs; and those of the model spec.
        (Names of benchmarks and flags are checked against the tables when the study starts.)
    """
    path = find(name, "models/studies")
    table, text = read_toml(path)
    file = path.name
    problems = check_keys(table, KEYS, file)
    design = table.get("design", DESIGNS[0])
    if design not in DESIGNS:
        problems.append(_unknown("design", design, DESIGNS, file, "design"))
    size = table.get("size", 0)
    wanted = design == "latin hypercube"
    if not isinstance(size, int) or isinstance(size, bool) or (size > 0) != wanted:
        problems.append(Problem("size is the number of cases of a latin hypercube", file=file,
                                column="size", given=table.get("size"),
                                allowed="a positive integer" if wanted else "no size"))
    axes, found = _axes(table.get("axes", {}), file)
    problems += found
    factors = table.get("prior_factors", [0.5, 2.0])
    if not isinstance(factors, list) or not factors or not all(map(_number(0, 100), factors)):
        problems.append(Problem("prior_factors", file=file, column="prior_factors", given=factors,
                                allowed="a list of positive numbers"))
        factors = []
    influence, found = _influence(table.get("influence", {}), file)
    problems += found
    model = None
    try:
        model = load_model(table.get("model", "densing"))
        if model.family != "densing":
            problems.append(Problem("a study varies the main fit", file=file, column="model",
                                    given=model.family, allowed="a spec of family densing"))
    except InputError as error:
        problems += error.problems
    sampling, found = fill(Sampling, table.get("sampling", {}), file, "sampling")
    problems += found
    if problems or model is None:
        raise SpecError(problems)
    said = table.get("sampling", {})
    sampling = replace(SHORT, seed=model.sampling.seed, **said)
    return StudySpec(path.stem, str(table.get("title", path.stem)), model, design, size, axes,
                     tuple(float(factor) for factor in factors), influence, sampling, text)


def _axes(table: Any, file: str) -> tuple[dict[str, list[Any]], list[Problem]]:
    """Values of every axis, one list each; 'each' and the names of subsets stay words."""
    if not isinstance(table, dict):
        return {}, [Problem("[axes] is not a table", file=file, given=table)]
    problems = check_keys(table, AXES, file, " in [axes]")
    axes = {}
    for name, values in table.items():
        if name not in AXES:
            continue
        axis, where = AXES[name], f"axes.{name}"
        words = (*axis.words, EACH) if axis.every else axis.words
        if isinstance(values, str | int | float):
            values = [values]
        if not isinstance(values, list) or not values:
            problems.append(Problem("an axis needs values", file=file, column=where, given=values,
                                    allowed=axis.allowed))
            continue
        for value in values:
            if not ((isinstance(value, str) and value in words) or axis.accepts(value)):
                problems.append(_unknown("value of an axis", value, words, file, where,
                                         axis.allowed))
            elif values.count(value) > 1:
                problems.append(Problem("value named twice", file=file, column=where, given=value))
        axes[name] = list(values)
    return axes, problems


def _influence(table: Any, file: str) -> tuple[Influence, list[Problem]]:
    """The [influence] table."""
    if not isinstance(table, dict):
        return Influence(), [Problem("[influence] is not a table", file=file, given=table)]
    given = dict(table)
    groups = given.pop("groups", [])
    numbers, problems = fill(Influence, given, file, "influence")
    if not isinstance(groups, list) or (not groups and table):
        problems.append(Problem("[influence] groups", file=file, given=groups,
                                allowed=f"a list of {', '.join(GROUPS)}"))
        groups = []
    problems += [_unknown("group", group, GROUPS, file, "influence.groups")
                 for group in groups if group not in GROUPS]
    return replace(numbers, groups=tuple(groups)), problems


def _unknown(what: str, given: Any, words: Any, file: str, column: str,
             allowed: str | None = None) -> Problem:
    return Problem(f"unknown {what}", file=file, column=column, given=given,
                   allowed=allowed or ", ".join(words), hint=did_you_mean(str(given), words))
