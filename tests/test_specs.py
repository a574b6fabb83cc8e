"""Specs from TOML: what is wrong is named, all at once, whatever the file holds."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from densing_bayes.errors import InputError, SpecError
from densing_bayes.priors import Prior
from densing_bayes.shelf import names, shelf
from densing_bayes.specs import FAMILIES, SECTIONS, Sampling, load_model, load_report
from densing_bayes.verbs.shelf import validate

SPEC = shelf("models").joinpath("densing.toml").read_text(encoding="utf-8")
FAMILY_NAMES = ", ".join(FAMILIES)
QUICK = settings(max_examples=60, deadline=None,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(folder: Path, old: str = "", new: str = "", name: str = "spec.toml") -> Path:
    """The shipped main spec with one piece of its text replaced."""
    assert old in SPEC, f"the shipped spec has no {old!r}"
    path = folder / name
    path.write_text(SPEC.replace(old, new, 1) if old else SPEC + new, encoding="utf-8")
    return path


def messages(path: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_model(path)
    return [str(problem) for problem in caught.value.problems]


# -- what is shipped --------------------------------------------------------------------------


@pytest.mark.parametrize("name", names("models"))
def test_every_shipped_model_has_a_reason_for_each_prior(name):
    spec = load_model(name)
    assert set(spec.priors) == set(FAMILIES[spec.family].parameters)
    assert all(len(prior.why) > 15 and prior.unit for prior in spec.priors.values())
    assert set(spec.options) == set(FAMILIES[spec.family].options)


@pytest.mark.parametrize("name", names("reports"))
def test_every_shipped_report_names_sections_and_a_model(name):
    report = load_report(name)
    assert report.sections
    assert set(report.sections) <= set(SECTIONS)
    assert report.model.family == "densing"


def test_every_spec_on_the_shelf_is_valid():
    assert validate([shelf("models"), shelf("reports")]) == []


def test_each_kind_of_spec_is_checked_as_such(tmp_path):
    for name, text in (("report", 'model = "densing"\nsections = ["growht"]'),
                       ("study", 'model = "densing"\n[axes]\nreference_tokns = [1e12]'),
                       ("model", 'family = "densign"')):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    said = {problem.file: str(problem) for problem in validate([tmp_path])}
    assert set(said) == {"report.toml", "study.toml", "model.toml"}
    assert "unknown section" in said["report.toml"]
    assert "reference_tokns" in said["study.toml"]
    assert "unknown family" in said["model.toml"]


def test_every_family_has_a_spec():
    assert {load_model(name).family for name in names("models")} == set(FAMILIES)


def test_kinds_name_parameters_of_their_family():
    for family in FAMILIES.values():
        assert set(family.kinds) <= set(family.parameters)


# a prior of every support
REACHING = {(-np.inf, np.inf): {"dist": "Normal", "mu": 0.5, "sigma": 0.1},
            (0, np.inf): {"dist": "LogNormal", "mu": -1.0, "sigma": 0.1},
            (0, 1): {"dist": "Beta", "alpha": 2, "beta": 2}}


@pytest.mark.parametrize(("family", "parameter"), [
    (name, parameter) for name, family in FAMILIES.items() for parameter in family.parameters])
def test_each_parameter_of_each_family_says_what_values_it_has(family, parameter, tmp_path):
    """Every prior that reaches beyond them is refused, by name; none is left undeclared."""
    taken = FAMILIES[family]
    assert (parameter in taken.kinds) != any(parameter in names for names in taken.values.values())
    shipped = next(spec for spec in map(load_model, names("models")) if spec.family == family)
    low, high = (shipped.priors[parameter].support if parameter in taken.kinds
                 else taken.allowed(parameter))
    for (least, most), prior in REACHING.items():
        beyond = least < low or most > high
        given_prior = Prior(prior["dist"], {key: float(value) for key, value in prior.items()
                                            if key != "dist"})
        if beyond:
            with pytest.raises(SpecError, match=f"'{parameter}'"):
                shipped.with_priors(**{parameter: given_prior})
        elif parameter not in taken.kinds:
            assert shipped.with_priors(**{parameter: given_prior}).priors[
                parameter] == given_prior


def test_a_share_in_a_file_has_to_be_one(tmp_path):
    text = shelf("models").joinpath("costs.toml").read_text(encoding="utf-8")
    path = tmp_path / "costs.toml"
    path.write_text(text.replace('[priors.memory_utilisation]\ndist = "Beta"\nalpha = 16\nbeta = 4',
                                 '[priors.memory_utilisation]\ndist = "Normal"\nmu = 0\n'
                                 'sigma = 1'), encoding="utf-8")
    assert messages(path) == [
        "costs.toml: prior 'memory_utilisation' allows values that the parameter cannot have "
        "(given 'Normal, -inf to inf'; allowed: 0 to 1; Beta is from 0 to 1, and LogNormal, "
        "Gamma, HalfNormal and Exponential are positive)"]
    path.write_text(path.read_text("utf-8").replace(
        'dist = "Normal"\nmu = 0\nsigma = 1', 'dist = "Uniform"\nlower = 0.5\nupper = 1'),
        encoding="utf-8")
    assert load_model(path).priors["memory_utilisation"].support == (0.5, 1)


@pytest.mark.parametrize("name", names("models"))
def test_a_spec_writes_down_what_it_says(name, tmp_path):
    spec = load_model(name)
    path = tmp_path / f"{name}.toml"
    path.write_text(spec.toml, encoding="utf-8")
    again = load_model(path)
    assert again.hash == spec.hash
    assert replace(again, text="") == replace(spec, text="")


def test_what_is_written_down_is_what_was_changed(tmp_path):
    wide = Prior("Normal", {"mu": 0.0, "sigma": 9.0}, "1/year", 'said "by hand"\\ a\ttab')
    spec = load_model("densing").with_priors(rate=wide).with_options(since="2024-01-01")
    (tmp_path / "densing.toml").write_text(spec.with_seed(5).toml, encoding="utf-8")
    again = load_model(tmp_path / "densing.toml")
    assert again.priors["rate"] == wide
    assert again.options["since"] == "2024-01-01"
    assert again.sampling.seed == 5


def test_priors_and_options_given_in_code_are_checked():
    spec = load_model("densing")
    with pytest.raises(SpecError, match="did you mean 'rate'") as caught:
        spec.with_priors(rat=spec.priors["rate"], q=Prior("Normal", {"mu": 0.0, "sigma": 1.0}))
    assert len(caught.value.problems) == 2
    with pytest.raises(SpecError, match="a list of texts or numbers"):
        spec.with_options(benchmarks="MMLU")


def line(key: str) -> str:
    """The shipped spec's line ``key = value``, without its comment."""
    return re.search(rf"^{key} = [^ #\n]+", SPEC, re.MULTILINE)[0]


# -- one thing wrong: the whole message -------------------------------------------------------

WRONG = [
    ('family = "densing"', 'family = "densign"',
     "spec.toml, column family: unknown family (given 'densign'; allowed: "
     f"{FAMILY_NAMES}; did you mean 'densing'?)"),
    ('family = "densing"', 'family = ["densing"]',
     f"spec.toml, column family: unknown family (given 'a list'; allowed: {FAMILY_NAMES})"),
    ('family = "densing"\n', "",
     f"spec.toml, column family: unknown family (given 'None'; allowed: {FAMILY_NAMES})"),
    ('title = "The', 'titel = "x"\ntitle = "The',
     "spec.toml: unknown key (given 'titel'; allowed: title, family, options, priors, sampling, "
     "interval; did you mean 'title'?)"),
    ("open_only = true", 'open_only = "yes"',
     "spec.toml: option 'open_only' (given 'yes'; allowed: true or false)"),
    ("open_only = true", "open_only = 1",
     "spec.toml: option 'open_only' (given '1'; allowed: true or false)"),
    (line("reference_tokens"), "reference_tokens = -5e12",
     "spec.toml: option 'reference_tokens' (given '-5000000000000.0'; allowed: a positive number)"),
    (line("reference_tokens"), "reference_tokens = nan",
     "spec.toml: option 'reference_tokens' (given 'nan'; allowed: a positive number)"),
    (line("reference_tokens"), 'reference_tokens = "5T"',
     "spec.toml: option 'reference_tokens' (given '5T'; allowed: a positive number)"),
    (line("cut_draws"), "cut_draws = 1.5",
     "spec.toml: option 'cut_draws' (given '1.5'; allowed: a positive whole number)"),
    (line("cut_draws"), "cut_draws = true",
     "spec.toml: option 'cut_draws' (given 'True'; allowed: a positive whole number)"),
    ('since = "2020-01-01"', "since = 2020-01-01",
     "spec.toml: option 'since' (given '2020-01-01'; allowed: a text)"),
    ('types = ["base"]', 'types = "base"',
     "spec.toml: option 'types' (given 'base'; allowed: a list of texts)"),
    ('types = ["base"]', 'types = [["base"]]',
     "spec.toml: option 'types' (given 'a list'; allowed: a list of texts)"),
    ("precisions = []", 'precisions = ["16"]',
     "spec.toml: option 'precisions' (given 'a list'; allowed: a list of numbers)"),
    ("benchmarks = []", "benchmarks = [{}]",
     "spec.toml: option 'benchmarks' (given 'a list'; allowed: a list of texts or numbers)"),
    (line("chains"), "chains = 0",
     "spec.toml: [sampling] chains (given '0'; allowed: a positive whole number)"),
    (line("chains"), "chains = 4000",
     "spec.toml: [sampling] chains (given '4000'; allowed: 1 to 100)"),
    (line("draws"), "draws = 2",
     "spec.toml: [sampling] draws (given '2'; allowed: 4 to 1e+06)"),
    (line("draws"), f"draws = 1{'0' * 400}",
     "spec.toml: [sampling] draws (given 'a whole number of more than 20 digits'; allowed: a "
     "positive whole number)"),
    (line("target_accept"), "target_accept = 1.5",
     "spec.toml: [sampling] target_accept (given '1.5'; allowed: 0.1 to 0.9999)"),
    (line("seed"), "seed = -1",
     "spec.toml: [sampling] seed (given '-1'; allowed: a positive whole number)"),
    (line("seed"), "sead = 1",
     "spec.toml: unknown key in [sampling] (given 'sead'; allowed: draws, tune, chains, "
     "target_accept, seed; did you mean 'seed'?)"),
    (line("may_regress"), "may_regress = 1",
     "spec.toml: option 'may_regress' (given '1'; allowed: true or false)"),
    ("prob = 0.9", "prob = 90",
     "spec.toml: interval probability (given '90'; allowed: between 0 and 1)"),
    ("prob = 0.9", 'prob = "90%"',
     "spec.toml: [interval] prob (given '90%'; allowed: a positive number)"),
    ("prob = 0.9", 'kind = "hdi"',
     "spec.toml: interval kind (given 'hdi'; allowed: equal-tailed)"),
    ("[interval]\nprob = 0.9", "",
     None),  # an interval need not be stated
    ("[priors.rate]", "[priors.rat]",
     "spec.toml: family 'densing' has no prior for 'rate' (add [priors.rate])"),
    ("[priors.rate]", "[priors.rat]",
     "spec.toml: prior 'rat' names no parameter of family 'densing' (given 'rat'; allowed: "
     f"{', '.join(FAMILIES['densing'].parameters)}; did you mean 'rate'?)"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_what_is_wrong_is_said(tmp_path, old, new, message):
    path = write(tmp_path, old, new)
    if message is None:
        assert load_model(path).interval.prob == 0.9
    else:
        assert message in messages(path)


@pytest.mark.parametrize("name", ["options", "priors", "sampling", "interval"])
def test_a_table_must_be_a_table(tmp_path, name):
    path = tmp_path / "spec.toml"
    path.write_text(f'family = "densing"\n{name} = "none"\n', encoding="utf-8")
    assert f"spec.toml: [{name}] is not a table (given 'none')" in messages(path)


def test_all_that_is_wrong_comes_at_once(tmp_path):
    path = write(tmp_path, new="\n[priors.extra]\ndist = 'Normal'\n")
    text = path.read_text(encoding="utf-8").replace(line("chains"), "chains = 0").replace(
        "open_only = true", "open_only = 3").replace('dist = "Beta"', 'dist = "Bata"', 1)
    path.write_text(text, encoding="utf-8")
    said = "\n".join(messages(path))
    for words in ("'extra'", "chains", "open_only", "'size_share': unknown distribution"):
        assert words in said


@pytest.mark.parametrize(("content", "words"), [
    (b"a = " + b"[" * 100_000, "nested too deeply"),
    (b"a = " + b"{a = " * 50_000, "nested too deeply"),
    (b"a = " + b"1" * 5000, "cannot read the spec"),
    (b"\xff\xfef\x00", "cannot read the spec"),
    (b"family = ", "cannot read the spec"),
    (b"[options\n", "cannot read the spec"),
    (b"", "unknown family"),
    (b"'\\u001b[31m' = 1\n", "unknown family"),
])
def test_a_file_that_is_no_spec(tmp_path, content, words):
    path = tmp_path / "spec.toml"
    path.write_bytes(content)
    assert any(words in message for message in messages(path))
    with pytest.raises(SpecError):
        load_report(path)


def test_a_folder_or_a_name_of_nothing(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    for name in (tmp_path / "folder.toml", "x" * 5000 + ".toml", "a\0b.toml", "", "densign"):
        with pytest.raises(InputError) as caught:
            load_model(name)
        assert "densing" in str(caught.value)  # what there is


def test_reports_are_checked_with_their_model(tmp_path):
    def problems(text: str) -> str:
        path = tmp_path / "report.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SpecError) as caught:
            load_report(path)
        return str(caught.value)

    said = problems('model = "densign"\nsections = ["growht", "growth", "growth"]\nextra = 1\n')
    assert "did you mean 'growth'?" in said
    assert "section named twice (given 'growth')" in said
    assert "no such spec in models" in said
    assert "unknown key (given 'extra'" in said
    assert "a report needs sections" in problems('model = "densing"\n')
    assert "model is not a text" in problems('model = 3\nsections = ["growth"]\n')
    assert "unknown section" in problems('model = "densing"\nsections = [["growth"], {}, 3]\n')


# -- chance -----------------------------------------------------------------------------------

KEYS = st.sampled_from(["title", "family", "options", "priors", "sampling", "interval", "model",
                        "sections", "rate", "dist", "mu", "sigma", "why", "unit", "seed", "x"])
LEAVES = st.one_of(
    st.booleans(), st.integers(-10**30, 10**30), st.floats(), st.text(max_size=8),
    st.sampled_from(["densing", "Normal", "Beta", "growth", "equal-tailed"]))
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12)


def toml_of(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml_of(v)}" for k, v in value.items()) + "}"
    return repr(value)


@QUICK
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_chance_specs_are_read_or_refused(tmp_path, table):
    text = "\n".join(f"{key} = {toml_of(value)}" for key, value in table.items())
    tomllib.loads(text)  # it is TOML: what is wrong is what it says
    path = tmp_path / "spec.toml"
    path.write_text(text, encoding="utf-8")
    for load in (load_model, load_report):
        try:
            load(path)
        except SpecError as error:
            assert error.problems
            assert all(str(p).splitlines() == [str(p)] for p in error.problems)
        else:  # two lines can make a whole report, but never a whole model
            assert load is load_report


@QUICK
@given(st.integers(0, SPEC.count("\n")), VALUES)
def test_the_shipped_spec_with_one_value_changed(tmp_path, place, value):
    lines = SPEC.splitlines()
    at = next((i for i in [*range(place, len(lines)), *range(place)]
               if "=" in lines[i] and not lines[i].startswith("#")), 0)
    lines[at] = lines[at].split("=")[0] + "= " + toml_of(value)
    path = tmp_path / "spec.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        spec = load_model(path)
    except SpecError as error:
        assert error.problems
        assert all(problem.file == "spec.toml" for problem in error.problems)
    else:
        assert set(spec.priors) == set(FAMILIES["densing"].parameters)
        assert len(spec.hash) == 12


# -- the value itself -------------------------------------------------------------------------


def test_the_hash_is_of_what_is_said(tmp_path):
    spec = load_model("densing")
    layout = load_model(write(tmp_path, "[priors.rate]", "# a remark\n\n[priors.rate]"))
    reason = load_model(write(tmp_path, "Losses per token", "Losses by token"))
    assert layout.hash == reason.hash == spec.hash
    other = [load_model(write(tmp_path, *change)) for change in (
        ("mu = 0.0\nsigma = 1.5", "mu = 0.0\nsigma = 5.0"), (line("seed"), "seed = 1"),
        ("prob = 0.9", "prob = 0.5"), ("open_only = true", "open_only = false"))]
    assert len({spec.hash, *(changed.hash for changed in other)}) == 5
    assert all(changed.name == "spec" for changed in other)


def test_options_and_seed_are_changed_in_a_copy():
    spec = load_model("densing")
    changed = spec.with_options(until="2024-06-30").with_seed(7)
    assert (changed.options["until"], changed.sampling.seed) == ("2024-06-30", 7)
    assert (spec.options["until"], spec.sampling.seed) == ("", 20230224)
    assert spec.with_seed(None) is spec
    with pytest.raises(SpecError, match=r"unknown key in \[options\].*did you mean 'until'"):
        spec.with_options(untill="2024-06-30")
    with pytest.raises(SpecError, match=r"\[sampling\] seed"):
        spec.with_seed(-1)
    assert Sampling(seed=0).seed == 0
