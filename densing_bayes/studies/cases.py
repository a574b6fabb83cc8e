"""From axes to cases: values that the tables have, and which combinations of them are run."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from densing_bayes.errors import Problem, SpecError, did_you_mean
from densing_bayes.observations import FEWEST_MODELS, Observations, named_sets
from densing_bayes.studies.spec import AXES, EACH, LADDERS, StudySpec
from densing_bayes.tables import Tables

MOST_CASES = 5000
# axes that are read off a finished fit: cases that differ in nothing else share the fit
READ_OFF = ("frontier",)


@dataclass(frozen=True)
class Case:
    """One variant: the axes set to another value than the main fit has.

    Examples
    --------
    >>> case = Case.of({"frontier": "top 3", "irreducible": True})
    >>> case.name, case.fit.name
    ('frontier: top 3; with E', 'with E')
    >>> Case.of({}).name
    'main fit'
    """

    settings: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Case:
        """A case of these settings, in the order of the axes."""
        order = [*AXES, "without"]
        return cls(tuple((axis, _frozen(settings[axis]))
                         for axis in sorted(settings, key=order.index)))

    @property
    def name(self) -> str:
        """What is different, in words; also the name of the case's random stream."""
        return "; ".join(words(axis, value) for axis, value in self.settings) or "main fit"

    def __getitem__(self, axis: str) -> Any:
        return dict(self.settings).get(axis)

    @property
    def fit(self) -> Case:
        """The fit that the case is read off: the case without what needs no fit of its own."""
        return Case(tuple((axis, value) for axis, value in self.settings
                          if axis not in READ_OFF and (axis, value) != ("reference_tokens", "own")))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def words(axis: str, value: Any) -> str:
    """A setting in words.

    Examples
    --------
    >>> words("benchmarks", ("MMLU", "BBH")), words("reference_tokens", 1e12)
    ('only MMLU + BBH', 'D0 = 1T')
    >>> words("priors", ("rate", 0.5)), words("without", ("family", "Llama"))
    ('prior of rate x0.5', 'without family Llama')
    """
    match axis:
        case "benchmarks":
            return f"only {' + '.join(value)}"
        case "sets":
            return f"benchmarks {value if isinstance(value, str) else ' + '.join(value)}"
        case "anchor":
            return f"anchored by {value}"
        case "protocol":
            return f"protocol {value}"
        case "contamination":
            return "contamination shift taken out"
        case "constant_rate":
            return "constant rate" if value else "rate may wander"
        case "irreducible":
            return "with E" if value else "without E"
        case "reference_tokens":
            return "D0 = own tokens" if value == "own" else f"D0 = {value / 1e12:g}T"
        case "ladder":
            return f"ladder {value}"
        case "pair_step":
            return f"one pair of loss and score in {value}"
        case "without_flag":
            return f"without models flagged {value}"
        case "date_kind":
            return f"only models dated by {value}"
        case "priors":
            name, factor = value
            return f"{'all priors' if name == 'all' else f'prior of {name}'} x{factor:g}"
        case "without":
            return f"without {value[0]} {value[1]}"
        case "frontier":
            return f"frontier: {value}"
        case _:
            return f"{axis} {value}"


def expand(study: StudySpec, tables: Tables, observations: Observations,
           ) -> tuple[dict[str, list[Any]], list[str]]:
    """Values of every axis that differ from the main fit, and what was left out because it
    would change nothing.

    Raises
    ------
    SpecError
        For names that the tables or the main fit do not have.
    """
    values: dict[str, list[Any]] = {}
    problems: list[Problem] = []
    skipped: list[str] = []
    for axis, asked in study.axes.items():
        known = _known(axis, study, tables, observations)
        found: list[Any] = []
        for value in asked:
            if axis == "benchmarks":
                found += _subsets(value, known, study, problems)
            elif value == EACH:
                found += known
            elif axis == "sets":
                found += _named(value, study, tables, problems)
            elif AXES[axis].every and axis != "priors" and value not in known:
                problems.append(Problem(
                    f"unknown name on axis {axis}", file=f"{study.name}.toml",
                    column=f"axes.{axis}", given=value, allowed=", ".join(known) or "none here",
                    hint=did_you_mean(value, known)))
            else:
                found.append(value)
        if axis == "priors":
            found = [(name, factor) for name in found for factor in study.prior_factors
                     if factor != 1]
        if axis == "ladder":
            found = [value for value in found if value in known]
        if axis == "contamination" and not known:
            found = []
        base = _base(axis, study)
        kept = [value for value in dict.fromkeys(map(_frozen, found)) if value != base]
        if axis == "date_kind":
            kept = [value for value in kept if value in known]
        if axis == "reference_tokens" and not np.isfinite(
                observations.data["log_tokens"].values).any():
            kept = [value for value in kept if value != "own"]
        if not kept:
            skipped.append(f"axis '{axis}' ({', '.join(map(str, asked))}): the tables or the "
                           f"main fit leave nothing to vary")
        else:
            values[axis] = kept
    if problems:
        raise SpecError(problems)
    return values, skipped


def _base(axis: str, study: StudySpec) -> Any:
    """The main fit's value of an axis, as far as it has one."""
    return {"frontier": "stochastic", **study.model.options}.get(axis)


def _named(value: Any, study: StudySpec, tables: Tables, problems: list[Problem],
           ) -> list[tuple[str, ...] | str]:
    """A set, a benchmark or several of either; nothing, and a problem, for an unknown name."""
    marks = tables.benchmarks
    known = [*named_sets(marks), *marks["benchmark"]]
    wrong = [name for name in ([value] if isinstance(value, str) else value)
             if name not in known]
    problems += [
        Problem("unknown name on axis sets", file=f"{study.name}.toml", column="axes.sets",
                given=name, allowed=", ".join(known), hint=did_you_mean(name, known))
        for name in wrong]
    return [] if wrong else [_frozen(value)]


def _subsets(value: Any, names: list[str], study: StudySpec, problems: list[Problem],
             ) -> list[tuple[str, ...]]:
    """Subsets of the benchmarks, all of them left out (= the main fit)."""
    if isinstance(value, list):
        problems += [
            Problem("unknown benchmark", file=f"{study.name}.toml", column="axes.benchmarks",
                    given=name, allowed=", ".join(names), hint=did_you_mean(name, names))
            for name in value if name not in names]
        found = [tuple(name for name in names if name in value)]
    else:
        sizes = {"leave one out": [len(names) - 1], "each alone": [1],
                 "all subsets": range(1, len(names))}[value]
        found = [subset for size in sizes if size
                 for subset in itertools.combinations(names, size)]
    return [subset for subset in found if len(subset) < len(names)]


def _known(axis: str, study: StudySpec, tables: Tables, observations: Observations) -> list[Any]:
    """What the tables have on an axis, where its values are names."""
    data = observations.data
    benchmarks = [str(name) for name in data["benchmark"].values]
    anchored = [name for name, has in zip(benchmarks, data["anchored"].values, strict=True) if has]
    mine = tables.models[tables.models["model"].isin(data["model"].values)]
    match axis:
        case "benchmarks":
            return benchmarks
        case "sets":
            marks, sets = tables.benchmarks, named_sets(tables.benchmarks)
            rulers = set(marks["benchmark"][marks["anchor"] != ""])
            main = set(benchmarks)
            return [name for name, members in sets.items()
                    if rulers & set(members) and set(members) != main]
        case "anchor":
            return anchored if len(anchored) > 1 else []
        case "protocol":
            scores = tables.scores[tables.scores["model"].isin(mine["model"])]
            counts = scores.groupby("benchmark")["model"].nunique()
            marks = tables.benchmarks
            fits = marks["variant_of"].isin(set(benchmarks) - set(anchored))
            return [name for name in marks["benchmark"][fits]
                    if counts.get(name, 0) >= FEWEST_MODELS]
        case "contamination":
            marks = tables.benchmarks
            return marks["benchmark"][marks["benchmark"].isin(benchmarks)
                                      & (marks["contamination_pair"] != "")].tolist()
        case "without_flag":
            if "flag" not in mine:
                return []
            flags = mine["flag"].str.split(";").explode().str.strip()
            return list(dict.fromkeys(flag for flag in flags if flag))
        case "date_kind":
            kinds = mine["date_kind"].unique().tolist()
            return kinds if len(kinds) > 1 else []
        case "ladder":
            sizes = len(np.unique(data["run_log_params"].values.round(3)))
            return list(LADDERS) if sizes > 3 else []
        case "priors":
            idle = {"irreducible_share": not study.model.options["irreducible"],
                    "drift": study.model.options["constant_rate"]}
            return [name for name in study.model.priors if not idle.get(name)]
        case _:
            return []


def cases_of(study: StudySpec, values: dict[str, list[Any]]) -> list[Case]:
    """The cases of a study, the main fit first.

    One at a time: each value of each axis alone. Grid: every combination. Latin hypercube:
    ``size`` combinations in which the values of every axis come up equally often, give or take
    one (McKay, Beckman & Conover 1979); doubles are run once.
    """
    if study.design == "one at a time":
        settings = [{axis: value} for axis, choices in values.items() for value in choices]
    else:
        axes = list(values)
        levels = [[_Base, *values[axis]] for axis in axes]
        if study.design == "grid":
            count = int(np.prod([len(choices) for choices in levels]))
            if count > MOST_CASES:
                raise SpecError(Problem("the grid has too many cases", file=f"{study.name}.toml",
                                        given=count, allowed=f"at most {MOST_CASES}",
                                        hint="use design = 'latin hypercube' with a size"))
            rows = list(itertools.product(*levels))
        else:
            from scipy.stats import qmc

            sampler = qmc.LatinHypercube(len(axes), rng=np.random.default_rng(study.sampling.seed))
            places = sampler.random(study.size)
            rows = [tuple(choices[int(place * len(choices))]
                          for choices, place in zip(levels, row, strict=True)) for row in places]
        settings = [{axis: value for axis, value in zip(axes, row, strict=True)
                     if value is not _Base} for row in rows]
    return list(dict.fromkeys([Case.of({}), *map(Case.of, settings)]))


class _Base:
    """Marks the main fit's own value of an axis."""


def by_fit(cases: list[Case]) -> dict[Case, list[Case]]:
    """Cases grouped by the fit that they are read off."""
    groups: dict[Case, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.fit, []).append(case)
    return groups


def settings_text(case: Case) -> str:
    """Settings as JSON text, for files and hashes."""
    return json.dumps([[axis, value] for axis, value in case.settings])
