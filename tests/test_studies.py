"""Studies: what is asked, which cases it makes, what a case changes, what is kept and told."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_tables import synthetic_tables

from densing_bayes.errors import InputError, SpecError
from densing_bayes.joint.fit import choose
from densing_bayes.observations import Observations
from densing_bayes.shelf import names, shelf
from densing_bayes.studies import load_study
from densing_bayes.studies.cases import Case, by_fit, cases_of, expand
from densing_bayes.studies.folder import Folder
from densing_bayes.studies.spec import AXES
from densing_bayes.studies.variants import group_of, variant

HERE = Path(__file__).parent


def study_of(folder, text, model="densing"):
    """A study spec from the text of its axes."""
    path = folder / "study.toml"
    path.write_text(f"model = '{model}'\n{text}", encoding="utf-8")
    return load_study(path)


@pytest.fixture(scope="module")
def tables():
    return synthetic_tables(flagged=(30, 33, 34), flag_lift=1.0)


@pytest.fixture(scope="module")
def base(tables):
    spec = load_study("default").model
    return spec, choose(tables, spec)


# -- specs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names("models/studies"))
def test_shipped_studies_load_and_find_what_to_vary(name):
    from densing_bayes.tables import load_tables

    study = load_study(name)
    tables = load_tables(shelf("data"))
    values, _ = expand(study, tables, choose(tables, study.model))
    assert len(cases_of(study, values)) > (8 if name in ("brief", "rulers") else 20)


def test_the_benchmark_study_has_every_subset():
    from densing_bayes.tables import load_tables

    study, tables = load_study("benchmarks"), load_tables(shelf("data"))
    values, _ = expand(study, tables, choose(tables, study.model))
    subsets = values["benchmarks"] + values["view"]
    assert len(subsets) == len(set(subsets)) == 2**5 - 2  # the 31st is the main fit
    assert all("MMLU" in subset for subset in values["benchmarks"])
    assert not any("MMLU" in subset for subset in values["view"])


def test_the_brief_study_is_brief():
    from densing_bayes.tables import load_tables

    study, tables = load_study("brief"), load_tables(shelf("data"))
    values, _ = expand(study, tables, choose(tables, study.model))
    assert len(cases_of(study, values)) <= 1 + 12  # the main fit, and its variants


def test_all_problems_of_a_spec_are_told_at_once_with_the_allowed_names(tmp_path):
    with pytest.raises(SpecError) as error:
        study_of(tmp_path, """
desing = "grid"
design = "one at a tim"
prior_factors = [0.0]
[axes]
benchmarks = ["leave one outt", ["MMLU", "MMLU"]]
frontier = ["record", "frontier", "frontier"]
ireducible = [true]
reference_tokens = [-1]
since = ["2024-13-01"]
priors = ["rat"]
ceiling = [1.5]
eligible_benchmarks = [true]
size = ["actve"]
may_regress = [1]
[influence]
groups = ["families"]
refit_abov = 0.5
[sampling]
draws = 0
""")
    said = str(error.value)
    for words in ("'desing'", "did you mean 'design'?", "did you mean 'one at a time'?",
                  "did you mean 'leave one out'?", "did you mean 'records'?",
                  "value named twice", "did you mean 'irreducible'?", "'-1'", "'2024-13-01'",
                  "'all', 'each', or names of priors", "between 0 and 1",
                  "a whole number of benchmarks", "did you mean 'active'?", "true or false",
                  "family, organization, model", "'refit_abov'", "[sampling] draws",
                  "prior_factors"):
        assert words in said, words
    assert ", ".join(AXES) in said


def test_a_grid_needs_no_size_and_a_hypercube_needs_one(tmp_path):
    for text in ("design = 'latin hypercube'", "design = 'grid'\nsize = 10",
                 "design = 'latin hypercube'\nsize = true"):
        with pytest.raises(SpecError, match="size is the number of cases"):
            study_of(tmp_path, text)


def test_a_typo_is_told_within_a_second_and_without_the_sampler(tmp_path):
    (tmp_path / "bad.toml").write_text("[axes]\nfronteir = 'records'\n", encoding="utf-8")
    code = ("import sys\nfrom densing_bayes.studies import load_study\n"
            "from densing_bayes.errors import SpecError\n"
            "try: load_study(sys.argv[1])\nexcept SpecError as error: print(error)\n"
            "print({'pymc', 'pandas', 'arviz_stats'} & set(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "bad.toml")],
                          capture_output=True, text=True, check=True, cwd=HERE.parent)
    said, heavy = done.stdout.strip().splitlines()
    assert "did you mean 'frontier'?" in said
    assert "upper quantile" not in said
    assert "benchmarks, protocol" in said
    assert heavy == "set()"


def test_the_hash_follows_what_is_said_not_how(tmp_path):
    one = study_of(tmp_path, "[axes]\nfrontier = 'records'")
    other = study_of(tmp_path, "# a note\n[axes]\nfrontier = ['records']\n\n")
    third = study_of(tmp_path, "[axes]\nfrontier = 'upper quantile'")
    assert one.hash == other.hash != third.hash


# -- cases -------------------------------------------------------------------------------------


def cases(tmp_path, tables, base, text):
    study = study_of(tmp_path, text)
    values, skipped = expand(study, tables, base[1])
    return cases_of(study, values), skipped


def test_one_at_a_time_has_the_main_fit_and_each_value(tmp_path, tables, base):
    found, skipped = cases(tmp_path, tables, base, """
[axes]
benchmarks = ["leave one out", "each alone", "each ruler alone"]
protocol = "each"
frontier = ["frontier", "best available"]
group = ["family", "organization"]
eligible_benchmarks = [3, 1]
size = ["active"]
architecture = ["dense"]
irreducible = [false, true]
reference_tokens = [5e12, 1e12, "own"]
without_flag = "each"
date_kind = ["weights", "api"]
contamination = "clean"
priors = ["rate", "all"]
""")
    assert [case.name for case in found] == [
        "main fit", "only Facts + Puzzles", "only Facts + Sums", "only Facts",
        "as Puzzles + Sums sees it", "as Puzzles sees it", "as Sums sees it",
        "protocol Sums-short", "growth of best available", "gaps by organization",
        "eligible from 1 benchmark", "with E", "D0 = 1T", "D0 = own tokens",
        "without models flagged leak", "only models dated by weights", "prior of rate x0.5",
        "prior of rate x2", "all priors x0.5", "all priors x2"]
    # nothing to vary: dense models only, no clean counterparts
    assert [said.split("'")[1] for said in skipped] == ["size", "architecture", "contamination"]
    # four need no fit of their own
    assert len(by_fit(found)) == len(found) - 5


def test_named_sets_and_benchmarks_outside_the_main_fit(tmp_path, tables, base):
    marks = tables.benchmarks.assign(sets=["all;facts", "all", "all", "short"])
    with_sets = replace(tables, benchmarks=marks)
    study = study_of(tmp_path, "[axes]\nbenchmarks = ['each set', ['Facts', 'short']]")
    values, skipped = expand(study, with_sets, base[1])
    # 'all' is the main fit; no ruler among 'short', and the main fit has it not
    assert values == {"benchmarks": [("facts",), ("Facts", "short")]}
    assert skipped == []
    both = variant(Case.of({"benchmarks": ("Facts", "short")}), base[0], with_sets, base[1])
    assert both.observations.data["benchmark"].values.tolist() == ["Facts", "Sums-short"]


@pytest.mark.parametrize("names", [["Facts"], ["Facts", "Sums"]])
def test_tables_of_one_or_two_benchmarks_have_cases(tmp_path, names):
    few = synthetic_tables(models=20)
    few = replace(few, benchmarks=few.benchmarks[few.benchmarks["benchmark"].isin(names)],
                  scores=few.scores[few.scores["benchmark"].isin(names)])
    study = load_study("default")
    values, _ = expand(study, few, choose(few, study.model))
    assert ("benchmarks" in values) == (len(names) > 1)
    assert len(cases_of(study, values)) > 20
    each = replace(study, axes={"priors": ["each"]})
    priors = {name for name, _ in expand(each, few, choose(few, study.model))[0]["priors"]}
    assert ("trend_spread" in priors) == (len(names) > 1)
    assert ("log_kappa" in priors) == (len(names) > 1)


def test_a_grid_has_every_combination_once(tmp_path, tables, base):
    found, _ = cases(tmp_path, tables, base, """
design = "grid"
[axes]
frontier = ["records", "upper quantile"]
reference_tokens = [1e12]
until = ["2025-01-01", "2025-06-01", "2025-07-01"]
""")
    assert len(found) == len(set(found)) == 3 * 2 * 4
    assert found[0] == Case.of({})
    # rules are read off one fit: 2 x 4 fits serve all
    assert len(by_fit(found)) == 8


def test_a_hypercube_uses_every_value_of_an_axis_equally_often(tmp_path, tables, base):
    text = """
design = "latin hypercube"
size = 30
[axes]
frontier = ["records", "upper quantile"]
reference_tokens = [1e12, 2e12, 1e13, 2e13]
priors = ["rate", "drift"]
"""
    found, _ = cases(tmp_path, tables, base, text)
    assert 20 < len(found) <= 31
    again, _ = cases(tmp_path, tables, base, text)
    assert found == again
    study = study_of(tmp_path, text)
    values, _ = expand(study, tables, base[1])
    many = cases_of(replace(study, size=300), values)
    for axis, count in (("frontier", 3), ("reference_tokens", 5), ("priors", 5)):
        uses = pd.Series([str(case[axis]) for case in many]).value_counts()
        assert len(uses) == count


def test_names_the_tables_lack_are_told_with_those_they_have(tmp_path, tables, base):
    with pytest.raises(SpecError) as error:
        cases(tmp_path, tables, base, """
[axes]
benchmarks = [["Fact"]]
protocol = ["Sums-shrt"]
without_flag = ["leek"]
""")
    said = str(error.value)
    for words in ("did you mean 'Facts'?", "did you mean 'Sums-short'?", "did you mean 'leak'?",
                  "Facts, Puzzles, Sums"):
        assert words in said


def test_too_large_a_grid_is_refused_before_any_work(tmp_path, tables, base):
    with pytest.raises(SpecError, match="too many cases"):
        cases(tmp_path, tables, base, "design = 'grid'\n[axes]\n" + "\n".join([
            f"reference_tokens = {[float(10**k) for k in range(9, 29 - 11)]}",
            "benchmarks = 'all subsets'", "priors = 'each'",
            'frontier = ["records", "upper quantile"]']))


def test_own_tokens_and_rules_need_no_fit_of_their_own():
    case = Case.of({"reference_tokens": "own", "frontier": "records", "until": "2025-01-01",
                    "view": ("Sums",)})
    assert case.fit == Case.of({"until": "2025-01-01"})
    assert Case.of({"reference_tokens": 1e12}).fit == Case.of({"reference_tokens": 1e12})


# -- what a case changes -----------------------------------------------------------------------


def changed(base, tables, **settings):
    return variant(Case.of(settings), base[0], tables, base[1])


def cells_of(data):
    """Cells as (model, benchmark, score), in words."""
    return {(str(data["model"].values[m]), str(data["benchmark"].values[b]), float(s))
            for m, b, s in zip(data["cell_model"].values, data["cell_benchmark"].values,
                               data["cell_score"].values, strict=True)}


def test_models_left_out_take_their_cells_and_contrasts_along(tables, base):
    data = base[1].data
    for settings, gone in (
            ({"without_flag": "leak"}, ["model-30", "model-33", "model-34"]),
            ({"without": ("model", "model-08")}, ["model-08"]),
            ({"without": ("organization", "lab-2")},
             data["model"].values[group_of(data, "organization") == "lab-2"].tolist()),
            ({"since": "2023-12-01"},
             data["model"].values[data["date"].values < np.datetime64("2023-12-01")].tolist()),
            ({"until": "2025-01-01"},
             data["model"].values[data["date"].values > np.datetime64("2025-01-01")].tolist()),
            ({"date_kind": "paper"}, tables.models["model"][
                tables.models["date_kind"] == "weights"].tolist())):
        other = changed(base, tables, **settings).observations.data
        assert cells_of(other) == {cell for cell in cells_of(data) if cell[0] not in gone}
        # a contrast stays with its cell
        want = pd.Series(data["contrast_value"].values, name="value").groupby(
            data["model"].values[data["cell_model"].values[data["contrast_cell"].values]]).sum()
        have = pd.Series(other["contrast_value"].values, name="value").groupby(
            other["model"].values[other["cell_model"].values[other["contrast_cell"].values]]).sum()
        pd.testing.assert_series_equal(have, want.drop(gone, errors="ignore"))


def test_a_subset_has_the_cells_of_its_benchmarks(tables, base):
    found = changed(base, tables, benchmarks=("Facts", "Sums")).observations.data
    assert cells_of(found) == {cell for cell in cells_of(base[1].data) if cell[1] != "Puzzles"}


def test_another_protocol_takes_its_parents_place(tables, base):
    other = changed(base, tables, protocol="Sums-short").observations.data
    want = {cell for cell in cells_of(base[1].data) if cell[1] != "Sums"}
    short = tables.scores[tables.scores["benchmark"] == "Sums-short"]
    want |= {(model, "Sums-short", float(score))
             for model, score in short.groupby("model")["score"].mean().items()}
    assert {(m, b, round(s, 12)) for m, b, s in cells_of(other)} == {
        (m, b, round(s, 12)) for m, b, s in want}
    # contrasts of the variant's repeated cells point at the variant's cells
    scores = other["cell_score"].values[other["contrast_cell"].values]
    np.testing.assert_allclose(scores, other["contrast_score"].values)


def test_the_ladder_loses_an_end(tables, base):
    data = base[1].data
    sizes = np.exp(changed(base, tables, ladder="without the smallest size"
                           ).observations.data["run_log_params"].values)
    assert sizes.min() > 2.1e8
    assert np.isclose(sizes.max(), 1.3e10)
    assert changed(base, tables, ladder="without the largest size"
                   ).observations.data.sizes["run"] == data.sizes["run"] * 5 / 6


def test_priors_and_options_change_the_spec_alone(base, tables):
    spec = base[0]
    wide = changed(base, tables, priors=("rate", 2.0))
    assert wide.spec.priors["rate"].args["sigma"] == 2 * spec.priors["rate"].args["sigma"]
    assert wide.spec.priors["drift"] == spec.priors["drift"]
    every = changed(base, tables, priors=("all", 0.5))
    assert every.spec.priors["drift"].args["sigma"] == spec.priors["drift"].args["sigma"] / 2
    firm = changed(base, tables, ceiling=0.9).spec.priors["headroom"].args
    assert firm["alpha"] / (firm["alpha"] + firm["beta"]) == pytest.approx(0.9)
    assert changed(base, tables, reference_tokens="own").spec.options == spec.options
    assert changed(base, tables, eligible_benchmarks=5).spec.options["eligible_domains"] == 5
    for axis, value in (("irreducible", True), ("reference_tokens", 1e12), ("group", "model"),
                        ("size", "cost"), ("may_regress", True), ("constant_spread", True),
                        ("eligible_benchmarks", 1)):
        one = changed(base, tables, **{axis: value})
        assert one.spec.options[axis] == value
        assert one.observations.data.equals(base[1].data)


def test_a_first_day_before_the_main_fits_widens_the_selection(tables):
    spec = load_study("default").model
    late = replace(spec, options={**spec.options, "since": "2024-06-01"})
    narrow = choose(tables, late)
    wide = variant(Case.of({"since": "2023-09-01"}), late, tables, narrow).observations.data
    assert wide.sizes["model"] > narrow.data.sizes["model"]
    assert wide["date"].values.min() < np.datetime64("2024-01-01")


def test_a_case_without_models_is_refused_with_the_reason(tables, base):
    with pytest.raises(InputError, match="released after until: 36"):
        changed(base, tables, until="2023-02-25")


@pytest.mark.parametrize(("growth", "taken"), [(0.5, 0.5), (0.0, 0.0), (-0.4, 0.0)])
def test_only_a_growth_of_contamination_is_taken_out(base, tables, growth, taken):
    """The clean benchmark is harder (logit less by 1, times 0.8): that is no contamination."""
    from scipy.special import expit, logit

    data = base[1].data
    marks = tables.benchmarks.copy()
    marks.loc[marks["benchmark"] == "Sums", "contamination_pair"] = "Sums-short"
    public = data["cell_benchmark"].values == data["benchmark"].values.tolist().index("Sums")
    score = data["cell_score"].values.copy()
    at = data["cell_model"].values
    model, years = data["model"].values[at], data["time"].values[at]
    clean = tables.scores[tables.scores["benchmark"] == "Sums-short"].groupby(
        "model")["score"].mean().clip(0.1, 0.9)
    scores = tables.scores.assign(score=tables.scores["score"].where(
        tables.scores["benchmark"] != "Sums-short", tables.scores["score"].clip(0.1, 0.9)))
    both = public & np.isin(model, clean.index)
    first = years[both].min()
    for i in np.flatnonzero(both):
        score[i] = expit(1 + 0.8 * logit(clean[model[i]]) + growth * (years[i] - first))
    shifted = Observations(data.assign(cell_score=("cell", score)))
    case = Case.of({"contamination": "clean"})
    told = variant(case, base[0], replace(tables, benchmarks=marks, scores=scores), shifted)
    out = told.observations.data["cell_score"].values
    before, after = (logit(np.clip(values, 0.005, 0.995)) for values in (score, out))
    later = public & (np.abs(before) < 4)  # inside the clip of the logits
    np.testing.assert_allclose((before - after)[later],
                               taken * np.clip(years[later] - first, 0, None), atol=1e-6)
    np.testing.assert_array_equal(out[~public], score[~public])
    assert f"{growth:+.2f} logits a year" in told.note


# -- the folder, killed and resumed ------------------------------------------------------------

SCRIPT = """
import os
import signal
import sys
import threading
sys.path.insert(0, {here!r})
import tasks
from pathlib import Path
from types import SimpleNamespace
from densing_bayes.studies.cases import Case
from densing_bayes.studies.folder import Folder
from densing_bayes.studies.runner import run_tasks
from densing_bayes.studies import load_study
from densing_bayes.observations import Observations
import xarray as xr

if __name__ == "__main__":
    study = load_study({study!r})
    tables = SimpleNamespace(sha256={{"models": "abc"}})
    folder = Folder(Path({out!r}), study, tables, Observations(xr.Dataset()), resume=True)
    cases = {{case.name: case for case in (
        Case.of({{"reference_tokens": k * 1e12}}) for k in range(2, 34))}}
    missing = {{name: (name, 5, {log!r}, 0.12) for name, case in cases.items()
               if folder.load(case) is None}}
    end = [threading.Timer(float(seconds), os.kill, (os.getpid(), signal.SIGKILL))
           for seconds in sys.argv[1:]]

    def landed(name, found):
        folder.save(cases[name], found[0])
        while end:
            end.pop().start()

    run_tasks(tasks.slow_draw, missing, {executor!r}, failed=print, landed=landed)
"""


@pytest.mark.parametrize("executor", ["serial", "processes:2"])
def test_kill_at_random_moments_then_resume_leaves_every_case_once(tmp_path, executor):
    (tmp_path / "study.toml").write_text("[axes]\nreference_tokens = 2e12\n", encoding="utf-8")
    log = tmp_path / "log"
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(here=str(HERE), study=str(tmp_path / "study.toml"),
                                    out=str(tmp_path / "out"), log=str(log), executor=executor),
                      encoding="utf-8")
    # A run ends itself at a random moment after its first landed case: by its own clock, so that
    # a busy machine cannot let it finish first (at most 8 of 32 cases fall within that time)
    rng = random.Random(5)
    kills = 4
    for _ in range(kills):
        command = [sys.executable, str(script), str(rng.uniform(0, 0.2))]
        assert subprocess.run(command, cwd=HERE.parent, timeout=120).returncode == -signal.SIGKILL
    command = [sys.executable, str(script)]
    assert subprocess.run(command, cwd=HERE.parent, timeout=120).returncode == 0
    files = sorted((tmp_path / "out" / "cases").iterdir())
    found = [json.loads(file.read_text()) for file in files if not file.name.startswith(".")]
    names = [f"D0 = {k}T" for k in range(2, 34)]
    assert sorted(result["case"] for result in found) == sorted(names)
    for result in found:
        expected = np.random.default_rng([5, *result["case"].encode()]).normal(size=5)
        assert result["rate"] == expected.tolist()
    # a killed run repeats at most what was in flight: two tasks per worker
    done = log.read_text().split("\n")[:-1]
    assert len(done) <= len(names) + kills * 4


def test_a_folder_that_holds_a_study_is_not_overwritten(tmp_path, base, tables):
    study = study_of(tmp_path, "[axes]\nreference_tokens = 2e12")
    folder = Folder(tmp_path / "out", study, tables, base[1], resume=False)
    case = Case.of({"reference_tokens": 2e12})
    folder.save(case, {"case": case.name, "rate": np.ones(3), "level": np.zeros(3)})
    with pytest.raises(InputError, match="--resume goes on with it"):
        Folder(tmp_path / "out", study, tables, base[1], resume=False)
    again = Folder(tmp_path / "out", study, tables, base[1], resume=True)
    np.testing.assert_array_equal(again.load(case)["rate"], np.ones(3))


def test_a_folder_that_cannot_be_written_is_told(tmp_path, base, tables):
    study = study_of(tmp_path, "[axes]\nreference_tokens = 2e12")
    (tmp_path / "file").touch()
    for place, said in (("file", "folder is a file"), ("file/in it", "cannot write the study")):
        with pytest.raises(InputError, match=said):
            Folder(tmp_path / place, study, tables, base[1], resume=False)


def test_a_cluster_that_is_not_there_is_told_before_any_work(tmp_path, tables, monkeypatch):
    pytest.importorskip("distributed")
    from densing_bayes.studies import run_study

    monkeypatch.setattr("densing_bayes.executors.SECONDS_TO_CONNECT", 0.5)
    study = study_of(tmp_path, "[axes]\nreference_tokens = 2e12")
    with pytest.raises(InputError, match="cannot reach the Dask scheduler"):
        run_study(study, tables, tmp_path / "out", "dask:tcp://127.0.0.1:9")
    assert not (tmp_path / "out").exists()


def test_results_of_other_data_or_another_spec_are_never_taken(tmp_path, base, tables):
    study = study_of(tmp_path, "[axes]\nreference_tokens = 2e12")
    folder = Folder(tmp_path / "out", study, tables, base[1], resume=True)
    case = Case.of({"reference_tokens": 2e12})
    folder.save(case, {"case": case.name, "rate": np.ones(3), "level": np.zeros(3)})
    fewer = Observations(base[1].data.assign(cell_score=base[1].data["cell_score"] * 0.9))
    other = replace(study, sampling=replace(study.sampling, draws=11))
    assert folder.load(case) is not None
    assert Folder(tmp_path / "out", study, tables, fewer, resume=True).load(case) is None
    assert Folder(tmp_path / "out", other, tables, base[1], resume=True).load(case) is None
    folder.file(case).write_text('{"case": "half a fi', encoding="utf-8")
    assert folder.load(case) is None


@pytest.mark.parametrize("passes", [0, 1, 2, 3])
def test_a_main_fit_that_fails_its_checks_is_sampled_up_to_twice_more(monkeypatch, tmp_path,
                                                                      passes):
    """In smaller and smaller steps; draws that fail to the end are kept, and told as refused."""
    from types import SimpleNamespace
    from typing import ClassVar

    from densing_bayes.studies import study as module

    asked = []

    def sample(model, sampling, case):
        asked.append(sampling)
        return Tree(posterior=SimpleNamespace(data_vars=[]))

    class Tree(dict):
        attrs: ClassVar = {}

    monkeypatch.setattr(module, "sample", sample)
    monkeypatch.setattr(module, "tables_of", lambda *_: (None, None))
    monkeypatch.setattr(module, "joint_model", lambda *_: "model")
    monkeypatch.setattr(module, "provenance", lambda *_: {})
    monkeypatch.setattr(module, "diagnostics", lambda *_: {"passed": len(asked) > passes})
    monkeypatch.setattr(module.Fit, "save", lambda *_: None)
    spec = load_study("default")
    folder = SimpleNamespace(path=tmp_path, resume=False, checksums={})
    module._main_fit(spec, None, folder, lambda *_: None)
    assert len(asked) == min(passes, 2) + 1
    assert [one.target_accept for one in asked] == sorted({one.target_accept for one in asked})
    assert asked[-1].draws in (asked[0].draws, 3 * asked[0].draws)
