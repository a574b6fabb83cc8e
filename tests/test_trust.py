"""Checks with verdicts: each fails where it should; side results are kept with the draws."""

from __future__ import annotations

import os

import numpy as np
import pytest
import xarray as xr

from densing_bayes import stamps
from densing_bayes.context import Context
from densing_bayes.questions import trust
from densing_bayes.questions.refits import Refit, alone
from densing_bayes.sections.headline import in_short


@pytest.fixture
def context(small_world, small_fit):
    """The small world with its saved fit."""
    return Context(small_world.tables, small_world.spec,
                   saved=small_world.report.with_name("fit.nc"), must_exist=True)


def refit(name: str, rate: float, kind: str = "ruler", trusted: bool = True) -> Refit:
    return Refit(name, kind, np.full(100, rate), "", 50, trusted)


@pytest.mark.parametrize(("coverage", "holds"), [(0.5, "no"), (0.84, "no"), (0.9, "yes"),
                                                 (0.96, "yes"), (1.0, "no")])
def test_coverage_is_judged_on_both_sides(context, coverage, holds):
    worlds = {name: np.arange(101.0) for name in ("count", "longest")} | {
        f"observed_{name}": np.full(101, 50.0) for name in ("count", "longest")}
    found = trust.predictive(context, worlds, coverage, 200)
    assert found[0].holds == holds
    assert [check.holds for check in found[1:]] == ["yes", "yes"]


def test_records_that_no_world_shows_fail(context):
    worlds = {name: np.arange(101.0) for name in ("count", "longest")} | {
        "observed_count": np.full(101, 500.0), "observed_longest": np.full(101, 50.0)}
    found = trust.predictive(context, worlds, 0.9, 200)
    assert [check.holds for check in found[1:]] == ["no", "yes"]


def test_a_boundary_below_the_best_model_fails(context):
    assert trust.frontier_above(context).holds == "yes"
    derived = context.derived
    context.__dict__["derived"] = derived.assign(level=derived["level"] - 5)
    assert trust.frontier_above(context).holds == "no"


def test_what_moves_the_answer_fails_and_what_is_not_known_is_open(context):
    now = float(np.median(context.derived["rate"].values))
    for factor, holds in ((0.95, "yes"), (0.85, "no"), (1.2, "no")):
        check, = trust.without(context, [refit("without 21 weak models", factor * now, "weak")])
        assert check.holds == holds
    check, = trust.without(context, [refit("without family X", 3 * now, "family")])
    assert check.holds == "no"
    check, = trust.without(context, [refit("without family X", now, "family", trusted=False)])
    assert check.holds == "open"


def test_rulers_that_can_be_trusted_are_told_the_fastest_first():
    found = [refit("A alone", 1.0), refit("B alone", 2.0), refit("C alone", 9.0, trusted=False),
             refit("A + B", 0.1), refit("without contamination", 0.2, "clean")]
    assert [one.name for one in alone(found)] == ["B alone", "A alone"]


def test_a_ruler_in_short(context):
    assert in_short(np.full(9, np.log(2)), context.interval) == "doubled every 12.0 months"
    assert in_short(np.linspace(-1, 2, 101), context.interval) == "changed by 0.50 per year"


def test_the_last_fits_of_reports_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fit = tmp_path / "fit.nc"
    for k, key in enumerate(("a" * 64, "b" * 64, "c" * 64)):
        fit.write_text(key)
        stamps.keep_fit(key, fit)
        os.utime(stamps.fit_of(key), (k, k))
        fit.unlink()
    assert not stamps.fit_of("a" * 64).exists(), "the oldest went"
    assert stamps.fit_of("c" * 64).read_text() == "c" * 64
    assert stamps.clear() == 2
    assert not stamps.fit_of("c" * 64).exists()
    stamps.keep_fit("d" * 64, tmp_path / "nowhere.nc")  # no report fails for it
    assert not stamps.fit_of("d" * 64).exists()


def test_side_results_are_saved_with_the_draws_and_read_again(context, tmp_path):
    assert not context.has_side("mine")
    context.keep_side("mine", xr.Dataset({"rate": ("sample", [1.0, 2.0])}, attrs={"note": "n"}))
    context.fit.save(tmp_path / "fit.nc")
    again = Context(context.tables, context.spec, earlier=(
        tmp_path / "nothing.nc", tmp_path / "fit.nc"))
    assert again.has_side("mine")
    assert again.side("mine")["rate"].values.tolist() == [1.0, 2.0]
    assert again.side("mine").attrs["note"] == "n"
    assert "joint" not in again.__dict__, "nothing was sampled"
