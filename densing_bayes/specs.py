"""What is asked, as frozen values read from TOML: models, reports.

A spec is data: it names a family, its options and a prior for every parameter. Unknown keys,
unknown parameters and missing priors are errors, all reported at once. ``FAMILIES`` declares
what each family takes, so that a spec can be checked without importing PyMC.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from densing_bayes import parameters
from densing_bayes.errors import InputError, Problem, SpecError, did_you_mean
from densing_bayes.intervals import Interval
from densing_bayes.parameters import POSITIVE, REAL, SCALE, SHARE
from densing_bayes.priors import Prior, brief, check_names, check_support, parse_prior
from densing_bayes.settings import (
    alike,
    check_keys,
    fill,
    kind_of,
    read_toml,
    take_day,
    take_table,
    take_text,
    take_texts,
)
from densing_bayes.shelf import find


@dataclass(frozen=True)
class Sampling:
    """How to sample: counts per chain, target acceptance, the one seed."""

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.9
    seed: int = 20230224

    def __post_init__(self) -> None:
        # four draws are the fewest of which an effective sample size can be computed
        for name, low, high in (("draws", 4, 1_000_000), ("tune", 1, 1_000_000),
                                ("chains", 1, 100), ("target_accept", 0.1, 0.9999),
                                ("seed", 0, 2**63 - 1)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpecError(Problem(f"[sampling] {name}", given=value,
                                        allowed=f"{low:g} to {high:g}"))

    def longer(self) -> Sampling:
        """Three times as many draws, in steps a quarter as likely to be refused.

        Examples
        --------
        >>> Sampling(draws=500, tune=500, target_accept=0.9).longer()
        Sampling(draws=1500, tune=1500, chains=4, target_accept=0.975, seed=20230224)
        """
        return replace(self, draws=min(3 * self.draws, 1_000_000),
                       tune=min(3 * self.tune, 1_000_000),
                       target_accept=min(1 - (1 - self.target_accept) / 4, 0.9999))




ANY, ABOVE_ZERO, ZERO_TO_ONE = (-math.inf, math.inf), (0.0, math.inf), (0.0, 1.0)


@dataclass(frozen=True)
class Family:
    """What a family takes: parameters that need a prior, options with their defaults.

    ``kinds`` names the distributions that a parameter's prior may have: where the way it is
    sampled needs one of them. All others may have any distribution whose support lies in
    ``values``: the names of the parameters that may be any number, are positive, or a share.
    """

    parameters: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    values: dict[tuple[float, float], tuple[str, ...]] = field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)  # an option's choices

    def allowed(self, parameter: str) -> tuple[float, float]:
        """The least and the largest value of a parameter."""
        found = [ends for ends, names in self.values.items() if parameter in names]
        return found[0] if found else ANY

    def check_prior(self, name: str, prior: Prior, file: str | None = None) -> list[Problem]:
        """What is wrong with a prior of one of the parameters."""
        return check_support(name, prior, self.kinds.get(name), self.allowed(name), file)


PRECISION = ("log_gamma_weights", "offset_weights", "log_gamma_activations",
             "offset_activations", "log_gamma_cache", "offset_cache", "log_level",
             "token_exponent", "size_exponent", "log_gamma_after", "offset_after")

FAMILIES: dict[str, Family] = {
    "densing": Family(
        parameters.PRIORS,
        {"irreducible": False, "reference_tokens": 5e12, "since": "", "until": "",
         "open_only": True, "closed_until": "", "types": ["base"],
         "architectures": ["dense", "moe"], "precisions": [16], "exclude_compressed": True,
         "benchmarks": [], "without_models": [], "without_families": [],
         "without_organizations": [], "size": "total", "group": "family",
         "eligible_benchmarks": 3, "eligible_domains": 2, "may_regress": False,
         "constant_spread": False, "cut_draws": 20, "engine": "kernel"},
        parameters.KINDS,
        words={"size": ("total", "active", "cost"), "group": ("family", "organization", "model"),
               "engine": ("kernel", "graph")},
    ),
    "costs": Family(
        ("tokens_per_read", "memory_utilisation", "compute_utilisation", "link_utilisation",
         "storage_gb_s", "memory_for_weights", "flop_per_byte", "always_read", "power_share",
         "lifetime_years", "busy_share", "usd_per_kwh"),
        {"devices": [], "frontier_quantile": 0.9},
        # matrix units can exceed the vector rate that compute_utilisation is a share of
        values={ABOVE_ZERO: ("tokens_per_read", "compute_utilisation", "storage_gb_s",
                             "flop_per_byte", "lifetime_years", "usd_per_kwh"),
                ZERO_TO_ONE: ("memory_utilisation", "link_utilisation", "memory_for_weights",
                              "always_read", "power_share", "busy_share")},
    ),
    "compression": Family(
        ("log_slope_mean", "log_slope_sd", "bend", "family_slope_sd", "sd_source",
         "sd_paired", "item_agreement", "quantised_mean", "retrained_mean", "sd_method",
         "sd_pair", "sd_benchmark"),
        {"headroom": 0.95, "claim": [], "claim_denser": []},
        values={ANY: ("log_slope_mean", "quantised_mean", "retrained_mean"),
                ABOVE_ZERO: ("log_slope_sd", "bend", "family_slope_sd", "sd_source", "sd_paired",
                             "sd_method", "sd_pair", "sd_benchmark"),
                ZERO_TO_ONE: ("item_agreement",)},
    ),
    "prices": Family(
        ("level", "fall", "change", "place", "omega", "q"),
        {"thresholds": [], "names": [], "source": "helm", "check_months": 6},
        values={ANY: ("level", "fall", "change"), ABOVE_ZERO: ("omega",),
                ZERO_TO_ONE: ("place", "q")},
    ),
    "chips": Family(
        ("growth_mean", "growth_spread", "level", "sigma", "shock"),
        {"shortage": "2025-10-01"},
        values={ANY: ("growth_mean", "level", "shock"), ABOVE_ZERO: ("growth_spread", "sigma")},
    ),
    "series": Family(
        ("level", "rate", "change", "wander", "noise", "lasting", "unit_root", "memory",
         "timescale", "outlier", "share", "crowd", "growth"),
        {"likelihood": "all"},
        # numbers of these priors are read one by one, so each has its own distribution
        {"level": ("Normal",), "rate": ("Normal",), "change": ("HalfNormal",),
         "wander": ("HalfNormal",), "noise": ("HalfNormal",), "lasting": ("Beta",),
         "unit_root": ("Beta",), "memory": ("Beta",), "timescale": ("LogNormal",),
         "outlier": ("Beta",), "share": SHARE, "crowd": POSITIVE, "growth": REAL},
    ),
    "drivers": Family(("sd_coefficient", "sd_organization", "trend", "intercept", "sigma"),
                      {"imputations": 40},
                      values={ANY: ("trend", "intercept"),
                              ABOVE_ZERO: ("sd_coefficient", "sd_organization", "sigma")}),
    "scaling_law": Family(
        ("level", "floor_share", "optimal_ratio", "log_alpha", "log_beta", "coupling", "spread",
         "log_noise", "noise_growth", "noise_valley", "tail", "break_place", "break_change",
         "structure", "score_headroom", "score_steepness", "score_midpoint", "score_noise",
         "score_floor", "score_centre", "score_params", "score_tokens", "score_drift"),
        {"laws": [], "resolution": 1e-5},
        {"level": REAL, "floor_share": SHARE, "optimal_ratio": REAL, "log_alpha": REAL,
         "log_beta": REAL, "coupling": REAL, "spread": ("LogNormal",), "log_noise": REAL,
         "noise_growth": REAL, "noise_valley": SCALE, "tail": POSITIVE, "break_place": SHARE,
         "break_change": REAL, "structure": SCALE,
         "score_headroom": SHARE, "score_steepness": REAL, "score_midpoint": REAL,
         "score_noise": POSITIVE, "score_floor": REAL, "score_centre": REAL,
         "score_params": ("LogNormal",), "score_tokens": ("LogNormal",), "score_drift": SCALE},
    ),
    # priors only: published constants of the precision laws
    "precision": Family(PRECISION, {}, dict.fromkeys(PRECISION, REAL)),
    # priors only: what forecasts and break-even sums assume
    "corollaries": Family(("phone_memory", "training_cost", "tokens_per_visit", "launch_price",
                           "serving_share"),
                          values={ABOVE_ZERO: ("training_cost", "tokens_per_visit",
                                               "launch_price"),
                                  ZERO_TO_ONE: ("phone_memory", "serving_share")}),
}


@dataclass(frozen=True)
class ModelSpec:
    """A member of a family: options, priors, sampling, interval; and the text it came from."""

    name: str
    title: str
    family: str
    options: dict[str, Any]
    priors: dict[str, Prior]
    sampling: Sampling
    interval: Interval
    text: str = field(repr=False, default="")

    @property
    def hash(self) -> str:
        """First 12 hex digits of the SHA-256 of what the spec says (not of its layout)."""
        said = repr((self.family, sorted(self.options.items()), sorted(
            (name, prior.dist, sorted(prior.args.items())) for name, prior in self.priors.items()
        ), self.sampling, self.interval))
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def with_options(self, **changes: Any) -> ModelSpec:
        """The same spec with some options changed, checked as those of a file are."""
        problems = check_options(changes, FAMILIES[self.family], self.name)
        if problems:
            raise SpecError(problems)
        return replace(self, options={**self.options, **changes})

    def with_priors(self, **priors: Prior) -> ModelSpec:
        """The same spec with some priors replaced, checked as those of a file are.

        Examples
        --------
        >>> spec = load_model("densing")
        >>> wide = spec.with_priors(rate=Prior("Normal", {"mu": 0.0, "sigma": 5.0}))
        >>> print(wide.priors["rate"])
        Normal(mu=0, sigma=5) [1]
        """
        family = FAMILIES[self.family]
        problems = check_names({**self.priors, **priors}, family.parameters, self.family, self.name)
        for name, prior in priors.items():
            if name in family.parameters:
                problems += family.check_prior(name, prior)
        if problems:
            raise SpecError(problems)
        return replace(self, priors={**self.priors, **priors})

    @property
    def toml(self) -> str:
        """The spec as TOML, written from what it says now: what a fit of it records."""
        def value(thing: Any) -> str:
            return f"{thing!r}" if type(thing) is float else json.dumps(thing, ensure_ascii=False)

        def table(name: str, entries: dict[str, Any]) -> str:
            return "\n".join([f"[{name}]", *(f"{key} = {value(one)}" for key, one in
                                             entries.items())])

        parts = [f"title = {value(self.title)}\nfamily = {value(self.family)}",
                 table("options", self.options) if self.options else "",
                 *(table(f"priors.{name}", {"dist": prior.dist, **prior.args, "unit": prior.unit,
                                            "why": prior.why})
                   for name, prior in self.priors.items()),
                 table("sampling", asdict(self.sampling)), table("interval", asdict(self.interval))]
        return "\n\n".join(part for part in parts if part) + "\n"

    def with_seed(self, seed: int | None) -> ModelSpec:
        """The same spec with another seed (None: as it is)."""
        return self if seed is None else replace(self, sampling=replace(self.sampling, seed=seed))


def check_options(options: dict[str, Any], family: Family, file: str) -> list[Problem]:
    """Unknown options of a family, and values of another kind than the default's."""
    return check_keys(options, family.options, file, " in [options]") + [
        Problem(f"option '{key}'", file=file, given=brief(value),
                allowed=kind_of(family.options[key]))
        for key, value in options.items()
        if key in family.options and not alike(value, family.options[key])
    ] + [
        Problem(f"option '{key}'", file=file, given=brief(options[key]),
                allowed=", ".join(words), hint=did_you_mean(brief(options[key]), words))
        for key, words in family.words.items() if key in options and options[key] not in words
    ]


def load_model(name: str | Path) -> ModelSpec:
    """The model spec of that name or path, checked.

    Raises
    ------
    SpecError
        With every problem: unknown keys, options, priors; missing priors; wrong values.
    """
    path = find(name, "models")
    table, text = read_toml(path)
    file = path.name
    problems = check_keys(
        table, ("title", "family", "options", "priors", "sampling", "interval"), file)
    title, found = take_text(table, "title", path.stem, file)
    problems += found
    family_name = table.get("family")
    if not isinstance(family_name, str) or family_name not in FAMILIES:
        raise SpecError([*problems, Problem(
            "unknown family", file=file, column="family", given=brief(family_name),
            allowed=", ".join(FAMILIES), hint=did_you_mean(brief(family_name), FAMILIES))])
    family = FAMILIES[family_name]
    options, found = take_table(table, "options", file)
    problems += found + check_options(options, family, file)
    tables, found = take_table(table, "priors", file)
    problems += found + check_names(tables, family.parameters, family_name, file)
    priors = {}
    for prior_name in (name for name in tables if name in family.parameters):
        prior, found = parse_prior(prior_name, tables[prior_name], file,
                                   family.kinds.get(prior_name), family.allowed(prior_name))
        problems += found
        if prior is not None:
            priors[prior_name] = prior
    sampling, found = fill(Sampling, table.get("sampling", {}), file, "sampling")
    problems += found
    interval, found = fill(Interval, table.get("interval", {}), file, "interval")
    problems += found
    if problems:
        raise SpecError(problems)
    return ModelSpec(path.stem, title, family_name, {**family.options, **options}, priors,
                     sampling, interval, text)


SECTIONS = ("growth", "bridge", "density", "benchmarks", "change", "costs", "outlook",
            "compression", "corollaries", "study", "scaling", "ruler", "checks",
            "calibration", "limits", "priors")


@dataclass(frozen=True)
class ReportSpec:
    """A report: title, the model spec it rests on, and its sections in order.

    Parameters
    ----------
    windows
        Of time, told beside the named ones: ``last-6-months``, ``2024-01-01:2025-04-30``.
    highlight
        Models that the first picture names, and benchmarks set in bold.
    break_date
        Day at which growth may have changed; empty: the release of ChatGPT.
    device
        Of hardware.csv, on which inference is counted; empty: those of models/costs.toml.
    """

    name: str
    title: str
    model: ModelSpec
    sections: tuple[str, ...]
    windows: tuple[str, ...] = ()
    highlight: tuple[str, ...] = ()
    break_date: str = ""
    device: str = ""

    @property
    def hash(self) -> str:
        """First 12 hex digits of the SHA-256 of what the report and its model spec say."""
        said = repr((self.title, self.sections, self.model.hash, self.windows, self.highlight,
                     self.model.interval, self.break_date, self.device))
        return hashlib.sha256(said.encode()).hexdigest()[:12]


def load_report(name: str | Path) -> ReportSpec:
    """The report spec of that name or path, checked together with its model spec.

    Raises
    ------
    SpecError
        With every problem of both.
    """
    path = find(name, "reports")
    (table, _), file = read_toml(path), path.name
    problems = check_keys(table, ("title", "model", "sections", "windows", "highlight",
                                  "break_date", "device", "interval"), file)
    title, found = take_text(table, "title", path.stem, file)
    problems += found
    sections = table.get("sections", [])
    if not isinstance(sections, list) or not sections:
        problems.append(Problem("a report needs sections", file=file, column="sections",
                                given=brief(sections), allowed=", ".join(SECTIONS)))
        sections = []
    problems += [
        Problem("unknown section", file=file, column="sections", given=brief(section),
                allowed=", ".join(SECTIONS), hint=did_you_mean(brief(section), SECTIONS))
        for section in sections if section not in SECTIONS
    ]
    problems += [Problem("section named twice", file=file, column="sections", given=section)
                 for section in SECTIONS if sections.count(section) > 1]
    windows, found = take_texts(table, "windows", file)
    problems += found
    highlight, found = take_texts(table, "highlight", file)
    problems += found
    break_date, found = take_day(table, "break_date", file)
    problems += found
    device, found = take_text(table, "device", "", file)
    problems += found
    interval, found = fill(Interval, table.get("interval", {}), file, "interval")
    problems += found
    model_name, found = take_text(table, "model", "", file)
    problems += found
    model = None
    try:
        model = None if found else load_model(model_name)
    except InputError as error:
        problems += error.problems
    if problems or model is None:
        raise SpecError(problems)
    if "interval" in table:
        model = replace(model, interval=interval)
    return ReportSpec(path.stem, title, model, tuple(sections), windows, highlight,
                      break_date, device)
