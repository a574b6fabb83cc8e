"""What is asked, as frozen values read from TOML: models, reports.

A spec is data: it names a family, its options and a prior for every parameter. Unknown keys,
unknown parameters and missing priors are errors, all reported at once. ``FAMILIES`` declares
what each family takes, so that a spec can be checked without importing PyMC.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from densing_bayes.errors import InputError, Problem, SpecError, did_you_mean
from densing_bayes.intervals import Interval
from densing_bayes.priors import Prior, check_names, parse_prior
from densing_bayes.shelf import find


@dataclass(frozen=True)
class Sampling:
    """How to sample: counts per chain, target acceptance, and the one seed."""

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.9
    seed: int = 20230224


@dataclass(frozen=True)
class Family:
    """What a family takes: parameters that need a prior, options with their defaults."""

    parameters: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


FAMILIES: dict[str, Family] = {
    "densing": Family(
        ("log_loss_at_centre", "size_share", "log_alpha", "log_beta", "irreducible_share",
         "sigma_loss", "headroom", "log_steepness", "log_midpoint", "sigma_pair", "level", "rate",
         "omega", "q", "sd_source", "sd_benchmark", "nu", "log_kappa", "linked_midpoint",
         "linked_headroom"),
        {"irreducible": False, "reference_tokens": 5e12, "since": "", "until": "",
         "open_only": True, "types": ["base"], "architectures": ["dense"], "precisions": [16],
         "exclude_compressed": True, "benchmarks": [], "without_models": [],
         "without_families": [], "without_organizations": [], "cut_draws": 12},
    ),
    "costs": Family(
        ("tokens_per_read", "memory_utilisation", "compute_utilisation", "link_utilisation",
         "storage_gb_s", "memory_for_weights", "flop_per_byte", "always_read", "power_share",
         "lifetime_years", "busy_share", "usd_per_kwh"),
        {"devices": [], "frontier_quantile": 0.9},
    ),
    "compression": Family(
        ("log_slope_mean", "log_slope_sd", "bend", "family_slope_sd", "sd_source",
         "sd_paired", "item_agreement", "quantised_mean", "retrained_mean", "sd_method",
         "sd_pair", "sd_benchmark"),
        {"headroom": 0.95, "claim": [], "claim_denser": []},
    ),
    "prices": Family(
        ("level", "fall", "change", "place", "omega", "q"),
        {"thresholds": [], "names": [], "source": "helm", "check_months": 6},
    ),
    "chips": Family(
        ("growth_mean", "growth_spread", "level", "sigma", "shock"),
        {"shortage": "2025-10-01"},
    ),
    "series": Family(
        ("level", "rate", "change", "wander", "noise", "tail", "share", "crowd"),
        {"likelihood": "all"},
    ),
    "drivers": Family(("sd_coefficient", "sd_organization", "trend", "intercept", "sigma"),
                      {"imputations": 40}),
    "scaling_law": Family(
        ("level", "floor_share", "size_share", "log_alpha", "log_beta", "spread", "log_noise",
         "noise_growth", "tail", "break_place", "break_change", "structure", "score_headroom",
         "score_steepness", "score_midpoint", "score_noise"),
        {"laws": [], "resolution": 1e-5},
    ),
    # priors only: what forecasts and break-even sums assume
    "corollaries": Family(("phone_memory", "training_cost", "tokens_per_visit", "launch_price",
                           "serving_share")),
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
        """The same spec with some options changed (each must exist)."""
        unknown = set(changes) - set(self.options)
        if unknown:
            raise SpecError(Problem(f"family '{self.family}' has no option", given=unknown.pop(),
                                    allowed=", ".join(self.options)))
        return replace(self, options={**self.options, **changes})

    def with_seed(self, seed: int | None) -> ModelSpec:
        """The same spec with another seed (None: as it is)."""
        return self if seed is None else replace(self, sampling=replace(self.sampling, seed=seed))


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """A TOML file as a dict and as text; SpecError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(Problem("cannot read the spec", file=path.name, hint=str(error))) from None


def check_keys(table: dict[str, Any], allowed: Any, file: str, where: str = "") -> list[Problem]:
    """One problem per unknown key."""
    return [
        Problem(f"unknown key{where}", file=file, given=key, allowed=", ".join(allowed),
                hint=did_you_mean(key, allowed))
        for key in table if key not in allowed
    ]


def fill(cls: Any, table: Any, file: str, where: str) -> tuple[Any, list[Problem]]:
    """A small frozen dataclass from a TOML table, types checked against its defaults."""
    defaults = cls()
    if not isinstance(table, dict):
        return defaults, [Problem(f"[{where}] is not a table", file=file, given=table)]
    problems = check_keys(table, cls.__dataclass_fields__, file, f" in [{where}]")
    for key, value in table.items():
        default = getattr(defaults, key, None)
        number = isinstance(default, int | float) and isinstance(value, int | float)
        if default is not None and (isinstance(value, bool) or not (
                number or type(value) is type(default)) or (
                isinstance(default, int) and not isinstance(value, int)) or (number and value <= 0)):
            problems.append(Problem(f"[{where}] {key}", file=file, given=value,
                                    allowed=f"a positive {type(default).__name__}" if number
                                    else type(default).__name__))
    return (defaults if problems else replace(defaults, **table)), problems


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
    family_name = table.get("family")
    if family_name not in FAMILIES:
        raise SpecError([*problems, Problem(
            "unknown family", file=file, column="family", given=family_name,
            allowed=", ".join(FAMILIES), hint=did_you_mean(str(family_name), FAMILIES))])
    family = FAMILIES[family_name]
    options = table.get("options", {})
    problems += check_keys(options, family.options, file, " in [options]")
    for key, value in options.items():
        default = family.options.get(key)
        if default is None:
            continue
        both_numbers = isinstance(default, int | float) and isinstance(value, int | float)
        same_kind = isinstance(value, bool) == isinstance(default, bool)
        if not same_kind or not (both_numbers or type(value) is type(default)):
            problems.append(Problem(f"option '{key}'", file=file, given=value,
                                    allowed=f"a {type(default).__name__} like {default!r}"))
    tables = table.get("priors", {})
    problems += check_names(tables, family.parameters, family_name, file)
    priors = {}
    for prior_name, prior_table in tables.items():
        prior, found = parse_prior(prior_name, prior_table, file)
        problems += found
        if prior is not None:
            priors[prior_name] = prior
    sampling, found = fill(Sampling, table.get("sampling", {}), file, "sampling")
    problems += found
    interval = Interval()
    try:
        interval = Interval(**table.get("interval", {}))
    except Exception as error:
        problems.append(Problem("[interval]", file=file, given=table.get("interval"),
                                hint=str(error)))
    if problems:
        raise SpecError(problems)
    return ModelSpec(
        name=path.stem, title=table.get("title", path.stem), family=family_name,
        options={**family.options, **options}, priors=priors, sampling=sampling,
        interval=interval, text=text,
    )


SECTIONS = ("growth", "density", "benchmarks", "ruler", "checks", "limits", "priors")


@dataclass(frozen=True)
class ReportSpec:
    """A report: title, the model spec it rests on, and its sections in order."""

    name: str
    title: str
    model: ModelSpec
    sections: tuple[str, ...]


def load_report(name: str | Path) -> ReportSpec:
    """The report spec of that name or path, checked together with its model spec."""
    path = find(name, "reports")
    table, _ = read_toml(path)
    problems = check_keys(table, ("title", "model", "sections"), path.name)
    sections = table.get("sections", [])
    if not isinstance(sections, list) or not sections:
        problems.append(Problem("a report needs sections", file=path.name, column="sections",
                                given=sections, allowed=", ".join(SECTIONS)))
        sections = []
    problems += [
        Problem("unknown section", file=path.name, column="sections", given=section,
                allowed=", ".join(SECTIONS), hint=did_you_mean(str(section), SECTIONS))
        for section in sections if section not in SECTIONS
    ]
    problems += [Problem("section named twice", file=path.name, column="sections", given=section)
                 for section in {str(s) for s in sections} if sections.count(section) > 1]
    model = None
    try:
        model = load_model(table.get("model", ""))
    except InputError as error:
        problems += error.problems
    if problems or model is None:
        raise SpecError(problems)
    return ReportSpec(path.stem, str(table.get("title", path.stem)), model, tuple(sections))
