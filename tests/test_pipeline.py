"""The main job on tables never seen: from a folder to a report, passed and refused."""

from __future__ import annotations

import calendar
import html
import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_specs import write_report_spec, write_spec

from densing_bayes.context import Context, refusal
from densing_bayes.errors import GateError, InputError
from densing_bayes.fitting import Fit
from densing_bayes.joint.quantities import derive
from densing_bayes.pipeline import run_report
from densing_bayes.questions.growth import growth
from densing_bayes.reports import Section, Table
from densing_bayes.sections.headline import headline
from densing_bayes.sections.registry import SECTIONS as REGISTRY
from densing_bayes.sections.registry import Entry, by_name
from densing_bayes.specs import SECTIONS, load_model, load_report
from densing_bayes.trends import DAYS_PER_YEAR
from densing_bayes.worlds.simulation import frontier

S = {"mean", "median", "sd", "low", "high"}


@pytest.fixture(scope="module")
def report(small_world, small_joint, small_fit, tmp_path_factory):
    """One report on the small world, from its saved fit."""
    out = tmp_path_factory.mktemp("report") / "out"
    asked = load_report(small_world.report)
    import densing_bayes.questions.sidefits  # noqa: F401  # its fits are of their own

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("densing_bayes.joint.fit.prepare", lambda *_: small_joint)
        patch.setattr("densing_bayes.pipeline.Context", lambda tables, spec, progress: Context(
            tables, spec, progress, saved=small_world.report.with_name("fit.nc"),
            must_exist=True))
        result = run_report(asked, small_world.tables, out)
    return out, json.loads((out / "summary.json").read_text(encoding="utf-8")), result


def test_every_file_is_there(report):
    out, summary, _ = report
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == set(summary["files"])
    assert {"index.html", "report.pdf", "summary.json", "fit.nc", "tables/density.csv",
            "figures/density-timeline.svg"} <= files
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_the_summary_keeps_its_names(report, small_world):
    _, summary, _ = report
    assert summary["spec"] == "small"
    assert summary["seed"] == 1
    assert summary["data"] == small_world.tables.sha256
    assert summary["interval"] == {"prob": 0.9, "kind": "equal-tailed"}
    assert set(summary["growth"]) == {"rate_per_day", "rate_per_year", "doubling_time_days"}
    assert set(summary["growth"]["rate_per_day"]) == S
    assert set(summary["growth"]["doubling_time_days"]) == {"median", "set", "p_growth"}
    assert [row["method"] for row in summary["methods"]] == ["joint", "cut", "plugin"]
    assert {"model", "median", "low", "high", "gap_median", "p_on_frontier"} <= set(
        summary["density"][0])
    assert summary["diagnostics"]["passed"] is True
    assert set(summary["diagnostics"]) >= {"rhat_max", "ess_bulk_min", "ess_tail_min",
                                           "divergences"}
    assert summary["checks"]
    assert all(seconds >= 0 for seconds in summary["timing_s"].values())
    assert summary["refused"] is None


def test_numbers_follow_from_the_draws(report, small_fit, small_world):
    """Recomputed here from the saved draws, and equal in page, table and summary."""
    out, summary, result = report
    saved = Fit.load(out / "fit.nc", load_model(small_world.report.with_name("small.toml")),
                     small_world.tables.sha256)
    derived = derive(saved.posterior, small_world.observations, small_world.columns)
    rate = derived["rate"].values.ravel() / DAYS_PER_YEAR
    told = summary["growth"]["rate_per_day"]
    assert told["median"] == pytest.approx(np.median(rate))
    assert (told["low"], told["high"]) == pytest.approx(tuple(np.quantile(rate, [0.05, 0.95])))
    time = summary["growth"]["doubling_time_days"]
    assert time["median"] == pytest.approx(math.log(2) / np.median(rate))
    assert time["p_growth"] == pytest.approx((rate > 0).mean())
    page = (out / "index.html").read_text(encoding="utf-8")
    assert f"{np.median(rate):.4f}" in page
    assert summary["headline"] == result["headline"]
    methods = pd.read_csv(out / "tables" / "growth-methods.csv")
    assert methods["rate per day"][0] == pytest.approx(np.median(rate))
    density = pd.read_csv(out / "tables" / "density.csv").set_index("model")["density"]
    assert {row["model"]: row["median"] for row in summary["density"]} == pytest.approx(
        density.to_dict())


def test_the_names_are_those_of_the_tables(report, small_world):
    out, summary, _ = report
    page = (out / "index.html").read_text(encoding="utf-8")
    assert {row["benchmark"] for row in summary["benchmarks"]} == {"Quiz-A", "Quiz-B", "Quiz-C"}
    assert len(summary["density"]) == 60
    assert "Quiz-A" in page
    assert not re.search(r"MMLU|HumanEval|LLaMA-\d", page.split("Priors and their reasons")[0])
    assert str(small_world.folder) not in page


def test_the_truth_lies_in_what_is_told(report, small_world):
    """True growth lies within three sd in this one world: it fails in one of 370 by chance.

    How often the intervals hold the truth is what the certificate counts.
    """
    _, summary, _ = report
    time = small_world.observations.data["time"].values
    counts = small_world.columns["models"]["eligible"] > 0
    ends = np.array([time[counts].min(), time[counts].max()])
    path = frontier(small_world.columns, small_world.truth, ends)
    truth = (path[1] - path[0]) / (ends[1] - ends[0])
    told = summary["growth"]["rate_per_year"]
    assert abs(truth - told["mean"]) < 3 * told["sd"]
    for row in summary["methods"][:2]:
        assert row["low"] - 1 < truth < row["high"] + 1


def test_the_report_says_what_it_is_based_on(report):
    out, summary, _ = report
    assert summary["checks"][0]["name"].startswith("scores inside")
    page = (out / "index.html").read_text(encoding="utf-8")
    for words in ("90% equal-tailed interval", "What the data cannot say", "Priors",
                  "diagnostics gate passed"):
        assert words in page


def told_on_the_first_screen(out, summary) -> list[str]:
    """Sentences and small figures, without names and days (which have digits of their own)."""
    page = (out / "index.html").read_text(encoding="utf-8")
    tiles = re.search(r'<ul class="tiles">(.*?)</ul>', page, re.DOTALL)[1]
    tiles = re.sub(r"<svg.*?</svg>", "", tiles, flags=re.DOTALL)
    lines = [*summary["headline"], *re.sub(r"<[^>]*>", "\n", tiles).split("\n")]
    for row in summary["density"]:
        lines = [line.replace(row["model"], "") for line in lines]
    return [re.sub(r"\d{4}-\d\d-\d\d|[A-Z][a-z]+ \d{4}", "", line) for line in lines]


def numbers_of(value) -> list[float]:
    """Numbers of a summary's part: as they are, as a doubling time of a rate, as a percentage."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers_of(part)]
    if isinstance(value, bool | str) or not value:
        return []
    return [value, 12 * math.log(2) / value, 100 * value]


def test_each_number_of_the_first_screen_is_in_the_summary(report):
    out, summary, _ = report
    known = numbers_of([summary[name] for name in (
        "growth", "windows", "best_available", "breakpoint", "interval", "claims")
        if name in summary]
        + [len(summary["density"])])
    checks = summary["calibration"]
    if checks:
        known += [checks["kept"], checks["broken"], checks["open"], len(checks["verdict"])]

    def found(text: str, factor: float = 1.0) -> bool:
        digits = len(text.partition(".")[2])
        wanted = f"{float(text) * factor:.{digits}f}"
        return any(f"{value:.{digits}f}" == wanted for value in known)

    said = [number for line in told_on_the_first_screen(out, summary)
            for number in re.findall(r"\d*\.\d+|\d+", line)]
    assert len(said) > 15
    assert [number for number in said if not found(number)] == []
    long = [number for number in said if len(number.strip("0.").replace(".", "")) > 1]
    wrong = [found(number, 1.23) for number in long]
    assert sum(wrong) < len(wrong) / 3, "numbers that are wrong by a quarter are mostly noticed"


# what several sections speak of
SHARED = ("growth", "interval", "best_available", "frontier", "diagnostics")
METHOD = {0.05, 0.1, 0.95, 1.01, 1.5, 2.0, 7.0, 95.0, 400.0}  # rules, not results


def paragraphs(page: str, key: str) -> list[str]:
    """Paragraphs, captions and alternative texts of a section, without its tables."""
    section = page.split(f'<section id="section-{key}"')[1].split("<section ")[0]
    section = re.sub(r"<table.*?</table>", "", section, flags=re.DOTALL)
    found = [*re.findall(r'<p dir="auto">(.*?)</p>', section, re.DOTALL),
             *re.findall(r'alt="(.*?)"', section),
             *re.findall(r"<figcaption><b>[^<]*</b>(.*?)<a", section, re.DOTALL)]
    return [html.unescape(re.sub(r"<[^>]+>", "", text)) for text in found]


def printed_numbers(text: str) -> list[str]:
    """Numbers of a sentence, without days and names, which have digits of their own."""
    text = re.sub(r"\d{4}-\d\d-\d\d|(" + "|".join(calendar.month_name[1:]) + r") \d{4}|"
                  r"[A-Za-z]+-\d+[A-Za-z0-9.]*|\bD0\b", "", text)
    found = re.findall(r"(?<![\w.])\d[\d,]*\.?\d*(?:e[+-]\d+)?(?!\w)|(?<![\w.])\.\d+", text)
    return [number.rstrip(".,").replace(",", "") for number in found]


def values_of(said) -> set[float]:
    """Numbers of a summary's part and what sentences make of them: shares, times, rates."""
    if isinstance(said, dict | list):
        own = {float(len(said))} if isinstance(said, list) else set()
        return own.union(*map(values_of, said.values() if isinstance(said, dict) else said))
    if isinstance(said, str):
        return {float(number) for number in printed_numbers(said)}
    if isinstance(said, bool) or said is None or not math.isfinite(said) or said == 0:
        return {0.0} if said == 0 else set()
    value = abs(said)
    return {value, 100 * value, value * DAYS_PER_YEAR, value / DAYS_PER_YEAR,
            12 * math.log(2) / value, math.log(2) / value}


@pytest.mark.parametrize("name", ["growth", "bridge", "density", "benchmarks", "ruler",
                                  "checks", "limits"])
def test_each_number_of_a_sections_sentences_is_in_the_summary(report, name):
    out, summary, _ = report
    page = (out / "index.html").read_text(encoding="utf-8")
    known = METHOD | values_of([summary[key] for key in (*SHARED, *REGISTRY[name].says)
                                if key in summary])

    def found(text: str, factor: float = 1.0) -> bool:
        half = max(0.5 * 10.0 ** -len(text.partition(".")[2]), 1e-9 * float(text)) * 1.001
        return any(abs(value - float(text) * factor) <= half for value in known)

    said = [number for text in paragraphs(page, REGISTRY[name].keys[0])
            for number in printed_numbers(text)]
    assert [number for number in said if not found(number)] == []
    long = [number for number in said if len(number.strip("0.").replace(".", "")) > 2]
    missed = sum(found(number, 1.0371) for number in long)
    assert len(long) < 5 or missed <= 0.6 * len(long), "wrong numbers would be noticed"


# -- the gate ---------------------------------------------------------------------------------


def test_a_refused_fit_is_marked_and_raises(small_world, compiled_once, tmp_path):
    """Ten draws are no posterior: the report is written, says so, and the job fails."""
    model = write_spec(tmp_path / "few.toml", draws=10, tune=20, chains=2)
    asked = load_report(write_report_spec(tmp_path / "few-report.toml", model))
    with pytest.raises(GateError, match="no number here is a result"):
        run_report(asked, small_world.tables, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["diagnostics"]["passed"] is False
    assert "R-hat" in summary["refused"]
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "no number here is a result" in page
    assert (tmp_path / "out" / "fit.nc").is_file()


def test_a_folder_that_is_not_ours_is_refused_before_any_work(small_world, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    asked = load_report(small_world.report)
    with pytest.raises(InputError):
        run_report(asked, small_world.tables, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


# -- the context ------------------------------------------------------------------------------


def test_a_context_answers_from_a_saved_fit(small_world, small_fit):
    saved = small_world.report.with_name("fit.nc")
    context = Context(small_world.tables, small_world.spec, saved=saved, must_exist=True)
    assert "joint" not in context.__dict__
    block = growth(context).to_dict()
    assert "joint" not in context.__dict__, "a saved fit needs no compilation"
    assert block["growth"]["rate_per_day"]["median"] > 0
    assert refusal(context) is None
    lines = headline(context)
    months = 12 * np.log(2) / block["growth"]["rate_per_year"]["median"]
    assert f"doubled every {months:.1f} months" in lines[0]


def test_a_fit_that_must_exist_is_not_made(small_world, tmp_path):
    context = Context(small_world.tables, small_world.spec, saved=tmp_path / "fit.nc",
                      must_exist=True)
    with pytest.raises(InputError, match="cannot read the fit"):
        _ = context.fit


def test_every_section_that_a_report_may_name_is_in_the_registry():
    assert tuple(REGISTRY) == SECTIONS


@pytest.mark.parametrize(("changes", "clash"), [
    ({"name": "growth"}, "name growth"), ({"keys": ("mine", "density")}, "key density"),
    ({"says": ("methods",)}, "summary methods")])
def test_a_clash_of_sections_is_found_before_any_run(changes, clash):
    mine = {"name": "mine", "title": "Mine", "keys": ("mine",), "says": (),
            "write": lambda context: []}
    assert len(by_name((*REGISTRY.values(), Entry(**mine)))) == len(SECTIONS) + 1
    with pytest.raises(ValueError, match=f"two sections have the {clash}"):
        by_name((*REGISTRY.values(), Entry(**mine | changes)))


def test_a_section_writes_under_its_own_keys_only():
    def entry(*sections, **changes):
        return Entry("mine", "Mine", ("mine",), ("mine",), lambda context: list(sections),
                     **changes)

    good = Section("mine", "Mine", [], [Table("mine-rows", "Rows", pd.DataFrame())],
                   summary={"mine": 1})
    assert entry(good).written(None) == [good]
    for wrong in (replace(good, key="minetoo"), replace(good, summary={"growth": 2}), replace(
            good, tables=[Table("growth", "Rows", pd.DataFrame())])):
        with pytest.raises(ValueError, match="'mine' does not own"):
            entry(wrong).written(None)


@pytest.mark.parametrize("error", [InputError("no table"), GateError("R-hat 2")])
def test_a_section_that_cannot_be_written_says_why(error):
    def write(context):
        raise error

    section, = Entry("mine", "Mine", ("my",), (), write).written(None)
    assert (section.key, section.title, section.text) == (
        "my", "Mine", [f"Not computed: {error}"])
