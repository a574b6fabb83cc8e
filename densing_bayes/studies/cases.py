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
FEWEST_FLAGGED = 3  # models of a flag, for 'each' to take it
# axes that are read off a finished fit: cases that differ in nothing else share the fit
READ_OFF = ("frontier", "view")


@dataclass(frozen=True)
class Case:
    """One variant: the axes set to another value than the main fit has.

    Besides the axes of a study: ``view``, the benchmarks of a subset without a ruler, by whose
    own trends growth is read off; ``without``, a group left out.

    Examples
    --------
    >>> case = Case.of({"frontier": "records", "irreducible": True})
    >>> case.name, case.fit.name
    ('growth of records; with E', 'with E')
    >>> Case.of({}).name
    'main fit'
    """

    settings: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Case:
        """A case of these settings, in the order of the axes."""
        order = [*AXES, "view", "without"]
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


def axis_of(name: str) -> str:
    """The axis of a study that a setting belongs to: a view is one of benchmarks."""
    return "benchmarks" if name == "view" else name


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
    >>> words("view", ("MATH",)), words("eligible_benchmarks", 1)
    ('as MATH sees it', 'eligible from 1 benchmark')
    """
    match axis:
        case "benchmarks":
            return f"only {' + '.join(value)}"
        case "view":
            return f"as {' + '.join(value)} sees it"
        case "protocol":
            return f"protocol {value}"
        case "contamination":
            return "contamination shift taken out"
        case "frontier":
            return f"growth of {value}"
        case "group":
            return f"gaps by {value}"
        case "constant_spread":
            return "constant spread of gaps" if value else "spread of gaps may grow"
        case "may_regress":
            return "frontier may regress" if value else "frontier does not regress"
        case "eligible_benchmarks":
            return f"eligible from {value} benchmark{'s' * (value > 1)}"
        case "size":
            return f"by {value} size" if value != "cost" else "by cost"
        case "architecture":
            return f"only {value}"
        case "irreducible":
            return "with E" if value else "without E"
        case "ceiling":
            return f"ceiling {value:g} of the room"
        case "reference_tokens":
            return "D0 = own tokens" if value == "own" else f"D0 = {value / 1e12:g}T"
        case "ladder":
            return f"ladder {value}"
        case "without_flag":
            return f"without models flagged {value}"
        case "date_kind":
            return f"only models dated by {value}"
        case "priors":
            name, factor = value
            return f"{'all priors' if name == 'all' else f'prior of {name}'} x{factor:g}"
        case "without":
            return f"without {value[0]} {value[1]}"
        case _:
            return f"{axis} {value}"


def expand(study: StudySpec, tables: Tables, observations: Observations,
           ) -> tuple[dict[str, list[Any]], list[str]]:
    """Values of every axis that differ from the main fit, and what was left out because it
    would change nothing.

    Subsets of benchmarks none of which has a ruler come on the axis ``view``.

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
        if axis == "benchmarks":
            found = _benchmarks(asked, study, tables, observations, problems)
            values |= {name: chosen for name, chosen in found.items() if chosen}
            if not any(found.values()) and not problems:
                skipped.append(_nothing(axis, asked))
            continue
        chosen: list[Any] = []
        for value in asked:
            if value == EACH:
                chosen += known
            elif AXES[axis].every and axis != "priors" and value not in known:
                problems.append(Problem(
                    f"unknown name on axis {axis}", file=f"{study.name}.toml",
                    column=f"axes.{axis}", given=value, allowed=", ".join(known) or "none here",
                    hint=did_you_mean(value, known)))
            else:
                chosen.append(value)
        if axis == "priors":
            chosen = [(name, factor) for name in chosen for factor in study.prior_factors
                      if factor != 1]
        base = {"frontier": "frontier", **study.model.options}.get(axis)
        kept = [value for value in dict.fromkeys(chosen) if value != base]
        if axis in ("since", "until"):  # a day on which something is cut off
            days = np.datetime_as_string(observations.data["date"].values, unit="D")
            wider = axis == "since" and base  # an earlier first day lets more in
            kept = [value for value in kept if value < max(days) and (
                value > min(days) or (wider and value < base))]
        if axis == "priors":  # idle ones may have been named
            kept = [value for value in kept if value[0] in ("all", *known)]
        if axis in ("ladder", "date_kind", "architecture", "contamination"):
            kept = [value for value in kept if value in known]
        if axis == "size" and not known:
            kept = []
        if axis == "reference_tokens" and not np.isfinite(
                observations.data["log_tokens"].values).any():
            kept = [value for value in kept if value != "own"]
        if not kept:
            skipped.append(_nothing(axis, asked))
        else:
            values[axis] = kept
    if problems:
        raise SpecError(problems)
    return values, skipped


def _nothing(axis: str, asked: list[Any]) -> str:
    return (f"axis '{axis}' ({', '.join(map(str, asked))}): the tables or the main fit leave "
            f"nothing to vary")


def _benchmarks(asked: list[Any], study: StudySpec, tables: Tables, observations: Observations,
                problems: list[Problem]) -> dict[str, list[tuple[str, ...]]]:
    """Choices of benchmarks, by whether one of them has a ruler: 'benchmarks', else 'view'."""
    data = observations.data
    names = [str(name) for name in data["benchmark"].values]
    marks = tables.benchmarks.set_index("benchmark")
    sets = named_sets(tables.benchmarks)
    rulers = marks.index[marks["anchor"] != ""]
    scored = tables.scores[tables.scores["model"].isin(data["model"].values)]
    counts = scored.groupby("benchmark")["model"].nunique()
    ruled = [str(name) for name in rulers if counts.get(name, 0) >= FEWEST_MODELS]
    choices: list[tuple[str, ...]] = []
    for value in asked:
        if isinstance(value, list):
            allowed = [*marks.index, *sets]
            problems += [
                Problem("unknown name on axis benchmarks", file=f"{study.name}.toml",
                        column="axes.benchmarks", given=name, allowed=", ".join(allowed),
                        hint=did_you_mean(name, allowed))
                for name in value if name not in allowed]
            choices.append(tuple(value))
            continue
        sizes = {"leave one out": [len(names) - 1], "each alone": [1],
                 "all subsets": range(1, len(names))}.get(value, [])
        choices += [subset for size in sizes if size
                    for subset in itertools.combinations(names, size)]
        choices += {"each set": [(name,) for name in sets],
                    "each ruler alone": [(name,) for name in ruled]}.get(value, [])
    found: dict[str, list[tuple[str, ...]]] = {"benchmarks": [], "view": []}
    seen = {frozenset(names)}
    for choice in choices:
        members = frozenset(name for word in choice for name in (
            [word] if word in marks.index else sets.get(word, [])))
        if not members or members in seen:
            continue
        seen.add(members)
        if members & set(rulers):
            found["benchmarks"].append(choice)
        elif members <= set(names):
            found["view"].append(choice)
        else:
            found["view"] += [tuple(name for name in names if name in members)] * bool(
                members & set(names))
    found["view"] = list(dict.fromkeys(found["view"]))
    return found


def _known(axis: str, study: StudySpec, tables: Tables, observations: Observations) -> list[Any]:
    """What the tables have on an axis, where its values are names."""
    data = observations.data
    anchored = set(data["benchmark"].values[data["anchored"].values])
    benchmarks = [str(name) for name in data["benchmark"].values]
    mine = tables.models[tables.models["model"].isin(data["model"].values)]
    match axis:
        case "protocol":
            scores = tables.scores[tables.scores["model"].isin(mine["model"])]
            counts = scores.groupby("benchmark")["model"].nunique()
            marks = tables.benchmarks
            fits = marks["variant_of"].isin(set(benchmarks) - anchored)
            return [name for name in marks["benchmark"][fits]
                    if counts.get(name, 0) >= FEWEST_MODELS]
        case "contamination":
            marks = tables.benchmarks
            return ["clean"] * bool((marks["benchmark"].isin(benchmarks)
                                     & (marks["contamination_pair"] != "")).any())
        case "size" | "architecture":
            kinds = [str(kind) for kind in np.unique(data["architecture"].values) if kind]
            return kinds if len(kinds) > 1 else []
        case "without_flag":
            if "flag" not in mine:
                return []
            flags = mine["flag"].str.split(";").explode().str.strip()
            counts = flags[flags != ""].value_counts(sort=False)
            return [str(flag) for flag in counts.index[counts >= FEWEST_FLAGGED]]
        case "date_kind":
            kinds = mine["date_kind"].unique().tolist()
            return kinds if len(kinds) > 1 else []
        case "ladder":
            sizes = len(np.unique(data["run_log_params"].values.round(3)))
            return list(LADDERS) if sizes > 3 else []
        case "priors":
            return [name for name in study.model.priors if name not in idle_priors(
                study.model.options, data)]
        case _:
            return []


def idle_priors(options: dict[str, Any], data: Any) -> set[str]:
    """Priors that say nothing of the answer under these options and of these benchmarks."""
    linked = not data["anchored"].values.all()
    idle = {"irreducible_share": not options["irreducible"],
            "log_cost_ratio": options["size"] != "cost",
            "spread_growth": options["constant_spread"],
            "trend_spread": data.sizes["benchmark"] < 2,
            "tilt_spread": data.sizes["benchmark"] < 2,
            **dict.fromkeys(("log_kappa", "linked_midpoint", "linked_headroom"), not linked)}
    return {name for name, silent in idle.items() if silent}


def cases_of(study: StudySpec, values: dict[str, list[Any]]) -> list[Case]:
    """The cases of a study, the main fit first.

    One at a time: each value of each axis alone. Grid: every combination. Latin hypercube:
    ``size`` combinations in which the values of every axis come up equally often, give or take
    one (McKay, Beckman & Conover 1979); doubles are run once.
    """
    if study.design == "one at a time":
        settings = [{axis: value} for axis, choices in values.items() for value in choices]
    else:
        # a choice of benchmarks and a view of them are values of one axis
        axes: dict[str, list[Any]] = {}
        for axis, choices in values.items():
            axes.setdefault(axis_of(axis), []).extend((axis, value) for value in choices)
        levels = [[None, *choices] for choices in axes.values()]
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
        settings = [dict(filter(None, row)) for row in rows]
    return list(dict.fromkeys([Case.of({}), *map(Case.of, settings)]))


def by_fit(cases: list[Case]) -> dict[Case, list[Case]]:
    """Cases grouped by the fit that they are read off."""
    groups: dict[Case, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.fit, []).append(case)
    return groups


def settings_text(case: Case) -> str:
    """Settings as JSON text, for files and hashes."""
    return json.dumps([[axis, value] for axis, value in case.settings])
