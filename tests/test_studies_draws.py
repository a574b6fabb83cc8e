"""What a study reads off draws: likelihoods, weights, shares, sensitivities; one small run."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from densing_bayes.fitting import Fit
from densing_bayes.joint.predict import thin
from densing_bayes.joint.quantities import derive, growth_between
from densing_bayes.sections.studies import report, section
from densing_bayes.studies import attribution, load_study, run_study, structures
from densing_bayes.studies.cases import Case
from densing_bayes.studies.influence import influence
from densing_bayes.studies.leave_out import Marginal, below
from densing_bayes.studies.likelihood import by_row
from densing_bayes.studies.lines import read
from densing_bayes.studies.readings import axis_effects
from densing_bayes.studies.sensitivity import natural, power_scaling
from densing_bayes.studies.structures import Base, tables_of, window
from densing_bayes.studies.variants import variant


@pytest.fixture(scope="module")
def told(small_world, small_fit):
    """About 300 draws of the small world's fit, and what is derived from them."""
    posterior = small_fit.posterior
    step = -(-posterior.sizes["chain"] * posterior.sizes["draw"] // 300)
    few = posterior.isel(draw=slice(None, None, step))
    return few, derive(few, small_world.observations, small_world.columns)


@pytest.fixture(scope="module")
def summed(small_world, told):
    return Marginal(*told, small_world.columns, small_world.spec.priors["level"])


# -- the same likelihood as the joint model's ----------------------------------------------------


def test_likelihoods_are_those_of_the_joint_model(small_world, small_joint, told):
    """Without the rows of a table the joint log density falls by that table's log likelihood.

    At draws of the posterior in the sampled coordinates, which stay; those of models depend on
    their own scores, so that cells are compared through the models' density (next test).
    """
    posterior, derived = told
    mine = by_row(posterior, derived, small_world.columns)
    draws = thin(posterior, 10**6)
    for name, part in (("ladder", "ladder"), ("pairs", "pairs of loss and score"),
                       ("contrasts", "differences between sources")):
        table = small_world.columns[name]
        without = small_joint.compiled.with_data(**{
            name: table | {"weight": np.zeros(len(table["weight"]))}})
        for k in (0, 120, 250):
            at = small_joint.compiled.point({
                str(key): value.values for key, value in draws.isel(sample=k).items()})
            theirs = small_joint.compiled.log_density(at)[0] - without.log_density(at)[0]
            assert mine[part][k].sum() == pytest.approx(theirs, rel=1e-7), part


def test_scores_count_as_in_the_joint_model(small_world, small_joint, told):
    """Half the models' scores moved by a point: both log densities change alike."""
    posterior, derived = told
    cells = small_world.columns["linked_cells"]
    moved = cells | {"score": np.where(np.arange(len(cells["score"])) % 2, cells["score"] + 0.01,
                                       cells["score"])}
    draws = thin(posterior, 10**6)
    other = small_world.columns | {"linked_cells": moved}
    change = (by_row(posterior, derived, other)["scores of the models"].sum(axis=1)
              - by_row(posterior, derived, small_world.columns)["scores of the models"].sum(axis=1))
    changed = small_joint.compiled.with_data(linked_cells=moved)
    for k in (0, 120, 250):
        at = {str(key): value.values for key, value in draws.isel(sample=k).items()}
        level = small_world.spec.priors["level"]

        def density(compiled, at=at, level=level):
            own = structures.own_coordinates(at, compiled.columns, level)
            value = compiled.log_density(compiled.point(at | own))[0]
            # coordinates are in units that the scores choose: take their volume out
            return value - np.log(np.abs(scale(compiled, at, level))).sum()

        theirs = density(changed) - density(small_joint.compiled)
        assert change[k] == pytest.approx(theirs, rel=1e-4), k


def scale(compiled, at, level):
    """How far z and the gaps of families move per unit of their coordinates."""
    step, out = 1e-6, []
    own = structures.own_coordinates(at, compiled.columns, level)
    for name, coordinate in (("z", "model_coordinate"), ("family_gap", "family_coordinate")):
        further = structures.own_coordinates(at | {name: np.asarray(at[name]) + step},
                                             compiled.columns, level)
        out.append(step / (further[coordinate] - own[coordinate]))
    return np.concatenate(out)


def test_a_models_own_place_is_summed_out(small_world, summed):
    """Against a plain Monte Carlo mean over places below the frontier; error below 3%."""
    rng = np.random.default_rng(0)
    model = int(np.flatnonzero(summed.eligible)[10])
    density, likelihood = summed.place(model)
    step = density[:, 1] - density[:, 0]
    drawn = summed.draws["family_gap"].values[:, summed.family[model]]
    found = summed.of_model(model)
    for k in (0, 40, 100):
        value = (summed.frontier[k, model] - drawn[k]
                 - summed.gap_model[k, model] * np.abs(rng.standard_normal(200_000))
                 + summed.noise[k, 0] * rng.standard_normal(200_000))
        # the likelihood on the grid, between its points by a straight line in logs
        at = np.interp(value, density[k], likelihood[k] - np.log(step[k]), left=-np.inf,
                       right=-np.inf)
        assert found[k] == pytest.approx(np.log(np.exp(at).mean()), abs=0.05)


def test_a_familys_gap_is_summed_out(summed):
    """Against a plain mean over gaps from their exponential."""
    sizes = np.bincount(summed.family, summed.eligible)
    chosen = int(np.flatnonzero(sizes == 2)[0])
    members = np.flatnonzero(summed.family == chosen)
    rng = np.random.default_rng(1)
    whole = summed.of_family(chosen)
    gaps = rng.exponential(size=(1500, 1)) * summed.gap_family[:, chosen]
    parts = np.array([sum(summed.given_gap(int(i), gap, summed.place(int(i))) for i in members)
                      for gap in gaps])
    plain = np.log(np.exp(parts - parts.max(axis=0)).mean(axis=0)) + parts.max(axis=0)
    assert np.median(abs(whole - plain)) < 0.1
    assert np.quantile(abs(whole - plain), 0.95) < 0.5  # draws with a narrow scale too


def test_a_model_without_scores_says_nothing(small_world, told, monkeypatch):
    """Its place integrates to one whatever the other parameters."""
    monkeypatch.setattr("densing_bayes.studies.leave_out.NODES", 4001)
    monkeypatch.setattr("densing_bayes.studies.leave_out.REACH", 60.0)
    columns = small_world.columns
    empty = columns | {name: columns[name] | {"weight": (
        np.asarray(columns[name]["model"]) != 7) * 1.0} for name in ("anchored", "linked_cells")}
    level = small_world.spec.priors["level"]
    few = [part.isel(draw=slice(None, None, 20)) for part in told]
    np.testing.assert_allclose(Marginal(*few, empty, level).of_model(7), 0, atol=1e-5)
    assert np.abs(Marginal(*few, columns, level).of_model(7)).min() > 0.1


def test_the_density_below_a_boundary_is_that_of_the_sum():
    """Half-normal gap and normal noise, by simulation: a histogram to 3% at its middle."""
    rng = np.random.default_rng(3)
    value = 1 - 0.8 * np.abs(rng.standard_normal(400_000)) + 0.3 * rng.standard_normal(400_000)
    share, edges = np.histogram(value, bins=40, range=(-1.0, 1.4))
    middle = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(share / 400_000 / (edges[1] - edges[0]),
                               np.exp(below(middle, 1.0, 0.8, 0.3)), rtol=0.06)


# -- where chains start -------------------------------------------------------------------------


def test_chains_start_at_the_main_fits_mean(small_world, small_joint, small_fit):
    columns, coords = small_world.columns, small_world.coords
    base = Base.of(small_fit.posterior, small_world.observations, columns, coords)
    start = structures.starting_point(small_joint.compiled, base, columns, coords,
                                      small_world.spec)
    points = np.array([small_joint.compiled.point({
        str(name): value.values for name, value in small_fit.posterior.isel(
            chain=0, draw=draw).items()}) for draw in range(0, 800, 8)])
    # what depends on products of others lies a little off the mean of its own draws
    off = np.abs((start - points.mean(0)) / points.std(0))
    assert np.median(off) < 0.2
    assert off.max() < 2.5


@pytest.mark.parametrize("settings", [
    {"until": "2024-06-30"}, {"size": "cost"}, {"group": "organization"}, {"may_regress": True},
    {"irreducible": True}, {"ceiling": 0.9}])
def test_variants_start_where_their_density_is_finite(small_world, small_fit, settings):
    base = Base.of(small_fit.posterior, small_world.observations, small_world.columns,
                   small_world.coords)
    one = variant(Case.of(settings), small_world.spec, small_world.tables,
                  small_world.observations)
    columns, coords = tables_of(one.observations, one.spec, base)
    compiled = structures.joint_model(columns, coords, one.spec, base)
    density, gradient = compiled.log_density(compiled.initial_point_func(1))
    assert np.isfinite(density)
    assert np.isfinite(gradient).all()


# -- what a case says ------------------------------------------------------------------------------


def test_readings_are_the_quantities_of_the_draws(small_world, told):
    """Each rule against its definition; views add own trends."""
    few, derived = told
    spec, columns, observations = small_world.spec, small_world.columns, small_world.observations
    years = window(observations, columns)

    def rate(**settings):
        return read(Case.of(settings), few, columns, observations, spec, years)[0]

    plain = rate()
    np.testing.assert_allclose(plain, growth_between(derived, *years).values.ravel())
    np.testing.assert_allclose(plain, derived["rate"].values.ravel())
    # best available: the densest at the end less the densest at the start
    counts = derived["eligible"].values
    density = derived["log_density"].values.reshape(len(plain), -1)[:, counts]
    time = observations.data["time"].values[counts]
    best = (density.max(axis=1) - density[:, time <= years[0]].max(axis=1)) / (
        years[1] - years[0])
    np.testing.assert_allclose(rate(frontier="best available"), best)
    # one benchmark's view; the views of all average to the rate
    names = [str(name) for name in observations.data["benchmark"].values]
    views = [rate(view=(name,)) for name in names]
    np.testing.assert_allclose(np.mean(views, axis=0), plain)
    np.testing.assert_allclose(views[1] - plain, derived["trend"].values.reshape(
        len(plain), -1)[:, 1])
    # half the window: the frontier of that half
    half = (years[0], (years[0] + years[1]) / 2)
    np.testing.assert_allclose(
        read(Case.of({}), few, columns, observations, spec, half)[0],
        growth_between(derived, *half).values.ravel())


def test_a_case_that_shares_no_time_with_the_main_fit_is_told(small_world, told):
    with pytest.raises(ValueError, match="share less than 6 months"):
        read(Case.of({}), told[0], small_world.columns, small_world.observations,
             small_world.spec, (20.0, 21.0))


# -- priors and power scaling --------------------------------------------------------------------


def test_natural_parameters_are_those_of_the_report(small_world, told):
    posterior, derived = told
    draws = thin(posterior, 10**6)
    one = natural(draws, small_world.columns)
    for name, told_as in (("family_gap", "gap_family"), ("model_gap", "gap_model"),
                          ("noise", "noise"), ("spread_growth", "spread_growth")):
        np.testing.assert_allclose(one[name], derived[told_as].values.ravel(), rtol=1e-10)
    assert set(one) == set(small_world.spec.priors) - {"irreducible_share"}


def test_every_prior_moves_the_joint_density_as_its_own_density_says(small_world, small_joint,
                                                                     told):
    """A prior twice as wide changes the joint log density by what the natural draws say."""
    draws = thin(told[0], 10**6)
    one = natural(draws, small_world.columns)
    # headrooms are cut off, up to a constant; the level's also decides coordinates of models that
    # may not lie on the frontier
    for name in sorted(set(one) - {"linked_headroom", "headroom", "level"}):
        prior = small_world.spec.priors[name]
        wider = small_joint.compiled.with_data(
            priors=dict(small_joint.compiled.priors) | {name: prior.scaled(2.0)})
        for k in (0, 200):
            at = small_joint.compiled.point({
                str(key): value.values for key, value in draws.isel(sample=k).items()})
            theirs = wider.log_density(at)[0] - small_joint.compiled.log_density(at)[0]
            mine = (prior.scaled(2.0).logpdf(one[name][k]) - prior.logpdf(one[name][k])).sum()
            assert mine == pytest.approx(theirs, rel=1e-6, abs=1e-7), name


def test_power_scaling_sees_a_prior_that_decides_and_none_that_does_not(small_world, told):
    """The rate is made to follow one parameter that only its prior holds."""
    rng = np.random.default_rng(0)
    posterior, derived = (part.copy() for part in told)
    shape = posterior["rate_z"].shape
    midpoint = rng.normal(-0.3, 0.5, (*shape, 1))
    posterior["log_midpoint"] = posterior["log_midpoint"].copy(data=midpoint)
    derived["rate"] = derived["rate"].copy(
        data=1.0 + (midpoint[..., 0] + 0.3) ** 2 + 0.01 * rng.normal(size=shape))
    table = power_scaling(posterior, derived, small_world.columns, small_world.observations,
                          small_world.spec).set_index("component")["sensitivity"]
    assert table["prior of log_midpoint"] > 0.1
    assert table["prior of size_share"] < 0.1
    assert "prior of log_cost_ratio" not in table.index  # by total size it says nothing


# -- influence -----------------------------------------------------------------------------------


def test_influence_lists_every_group_and_knows_the_models_in_it(small_world, told):
    data = small_world.observations.data
    table = influence(*told, small_world.columns, small_world.observations, small_world.spec,
                      ("family", "model"))
    assert (table["group"] == "model").sum() == data.sizes["model"]
    families = table[table["group"] == "family"]
    assert families["models"].sum() == data.sizes["model"]
    assert np.isfinite(table[["mean", "sd"]]).all(axis=None)
    # summed out, nearly all models can be left out by weights; one moves the rate by little
    models = table[table["group"] == "model"]
    assert (models["pareto_k"] < 0.7).mean() > 0.8
    assert models["shift"].abs().median() < 0.2


# -- shares of variance --------------------------------------------------------------------------


def test_between_is_the_variance_of_the_means_less_their_own_error():
    effects = pd.DataFrame({
        "axis": ["a", "a", "b", "b", "b"], "mean": [1.0, 3.0, 1.0, 1.0, 1.0],
        "mcse": [0.0, 0.0, 0.3, 0.3, 0.3]})
    parts = attribution.between(effects, {"a": "x", "b": "y"}, seed=1).set_index("source")
    assert parts.loc["choice of x", "variance"] == pytest.approx(1.0)
    assert parts.loc["choice of x", "error"] == pytest.approx(0, abs=1e-12)
    assert parts.loc["choice of y", "variance"] == 0
    assert parts.loc["choice of y", "error"] > 0.02


def test_noise_alone_gets_no_share_on_average():
    """300 axes of pure Monte Carlo error: the mean variance is zero within four errors."""
    rng = np.random.default_rng(2)
    values = []
    for _ in range(300):
        effects = pd.DataFrame({"axis": "a", "mean": 0.2 * rng.normal(size=5), "mcse": 0.2})
        raw = effects["mean"].to_numpy().var() - 0.04 * (1 - 1 / 5)
        values.append(raw)
        found = attribution.between(effects, {"a": "x"}, seed=3)["variance"].iloc[0]
        assert found == pytest.approx(max(raw, 0.0))
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(300)


def test_within_finds_the_shares_that_were_built_in(small_world, small_fit):
    """Rate = ruler scale x (slope of the densities + its own error), with known variances."""
    rng = np.random.default_rng(4)
    posterior = small_fit.posterior
    step = -(-posterior.sizes["chain"] * posterior.sizes["draw"] // 3000)
    posterior = posterior.isel(draw=slice(None, None, step)).copy()
    derived = derive(posterior, small_world.observations, small_world.columns)
    shape = posterior["rate_z"].shape
    slope = 0.10 * rng.normal(size=shape)  # what items and sources do to the densities' slope
    own = 0.20 * rng.normal(size=shape)  # what a finite number of models adds
    time = np.asarray(small_world.columns["models"]["time"])
    derived["log_density"] = derived["log_density"].copy(data=(1.5 + slope)[..., None] * time)
    ruler = 0.15 * stats.zscore(posterior["log_steepness"].values[..., 0], axis=None)
    derived["rate"] = derived["rate"].copy(data=1.5 + slope + own + ruler)
    parts = attribution.within(posterior, derived, small_world.columns, small_world.observations,
                               False, seed=1)
    found = parts.set_index("source")["variance"]
    assert found["ruler"] + found["extrapolation"] == pytest.approx(0.0225, rel=0.15)
    assert found["items and sources"] == pytest.approx(0.01, rel=0.25)
    assert found["which models exist"] == pytest.approx(0.04, rel=0.1)
    assert found.sum() == pytest.approx(float(derived["rate"].var()), rel=0.1)


def test_effects_average_over_the_other_axes():
    cases = [Case.of(settings) for settings in (
        {}, {"frontier": "records"}, {"irreducible": True},
        {"frontier": "records", "irreducible": True})]
    table = pd.DataFrame({"case": [case.name for case in cases], "mean": [1.0, 2.0, 3.0, 6.0],
                          "median": [1.0, 2.0, 3.0, 6.0], "mcse": 0.1})
    effects = axis_effects(table, cases).set_index(["axis", "value"])["mean"]
    assert effects["frontier", ""] == 2.0
    assert effects["frontier", "growth of records"] == 4.0
    assert effects["irreducible", "with E"] == 4.5
    # one at a time each axis has the main fit as its own value
    effects = axis_effects(table.iloc[:3], cases[:3]).set_index(["axis", "value"])["mean"]
    assert effects["frontier", ""] == effects["irreducible", ""] == 1.0


# -- a whole small study -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_study(small_world, small_fit, tmp_path_factory):
    """A study of the small world from its main fit."""
    folder = tmp_path_factory.mktemp("study")
    path = folder / "small.toml"
    path.write_text(f"""
title = "A small study"
model = '{small_world.report.with_name("small.toml")}'
[axes]
benchmarks = "each alone"
frontier = ["best available", "records", "upper quantile", "typical release"]
reference_tokens = [1e12, "own"]  # the small world says nothing of its models' tokens
priors = ["rate"]
[influence]
groups = ["family"]
refit_above = 50.0
[sampling]
draws = 100
tune = 100
""", encoding="utf-8")
    study = load_study(path)
    out = folder / "out"
    Fit(small_world.spec, small_fit.tree).save(out / "main.nc")
    return study, out, run_study(study, small_world.tables, out, resume=True)


def test_every_case_is_there_with_its_checks(small_study):
    _, out, found = small_study
    table = found.readings.table
    assert found.failures == {}
    assert found.readings.failed == {}
    assert table["case"].tolist()[0] == "main fit"
    assert len(table) == 1 + 3 + 4 + 1 + 2
    assert np.isfinite(table[["median", "level", "rhat", "ess", "mcse"]]).all(axis=None)
    assert len(list((out / "cases").iterdir())) == len(table)
    assert (out / "study.nc").exists()
    rules = table[(table["axis"] == "frontier") | table["case"].str.startswith("as ")]
    assert len(rules) == 6
    assert (rules["method"] == "read off").all(), "rules and views need no fit of their own"


def test_what_must_move_the_answer_moves_it(small_study):
    """Fewer reference tokens lift densities; a prior of half the width pulls to its mean."""
    table = small_study[2].readings.table.set_index("case")
    main = table.loc["main fit"]
    assert table.loc["D0 = 1T", "level"] > main["level"] + 0.2
    half = table.loc["prior of rate x0.5"]
    assert abs(half["mean"] - main["mean"]) < main["sd"]
    assert table.loc["growth of typical release", "level"] < main["level"]


def test_a_second_run_runs_what_is_missing_and_says_the_same(small_study, small_world,
                                                             monkeypatch):
    from densing_bayes.studies import fits, study

    asked, out, found = small_study
    (lost,) = (out / "cases").glob("prior-of-rate-x0-5*")
    before = json.loads(lost.read_text())
    lost.unlink()
    ran = []

    def recorded(work):
        ran.append(work.fit.name)
        return fits.run(work)

    def never(*_, **__):
        raise AssertionError("the main fit was sampled again")

    monkeypatch.setattr(study, "run", recorded)
    monkeypatch.setattr(study, "sample", never)
    again = run_study(asked, small_world.tables, out, resume=True)
    assert ran == ["prior of rate x0.5"]
    assert json.loads(lost.read_text())["rate"] == before["rate"]
    pd.testing.assert_frame_equal(again.readings.table, found.readings.table)
    pd.testing.assert_frame_equal(again.readings.shares, found.readings.shares)
    assert again.failures == {}


def test_a_study_writes_a_report_of_its_own(small_study, tmp_path):
    found = small_study[2]
    folder = report(found, tmp_path / "report")
    said = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert said["study"]["variants"] == len(found.readings.table)
    assert said["diagnostics"] == json.loads(found.cases.attrs["gate"])
    assert (said["refused"] is None) == said["diagnostics"]["passed"]
    for name in ("index.html", "report.pdf", "figures/study-curve.svg",
                 "tables/study-variants.csv"):
        assert (folder / name).stat().st_size > 500, name


def test_the_section_says_what_the_study_found(small_study, tmp_path):
    from densing_bayes.figures import svg
    from densing_bayes.outputs import json_text

    found = small_study[2]
    told = section(found)
    assert {picture.key for picture in told.pictures} == {
        "study-curve", "study-tornado", "study-subsets", "study-influence", "study-shares",
        "study-priors"}
    for picture in told.pictures:
        assert "<svg" in svg(picture)
    assert json_text(told.summary)
    table = found.readings.table
    slow = table.loc[table["median"].idxmin(), "case"]
    assert slow in told.text[0]
    (variants,) = (table for table in told.tables if table.key == "study-variants")
    assert len(variants.frame) == len(table)
    assert "90% equal-tailed interval" in told.text[0]
    shares = told.summary["study"]["variance_shares"]
    assert sum(row["share"] for row in shares) == pytest.approx(1)


# -- tables with little in them -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("names", [["Facts"], ["Facts", "Sums"]])
def test_one_source_a_cell_and_one_or_two_benchmarks_make_a_study(names, tmp_path):
    from synthetic_tables import synthetic_tables

    tables = synthetic_tables(models=24)
    scores = tables.scores[tables.scores["benchmark"].isin(names)]
    tables = replace(tables, scores=scores.drop_duplicates(["model", "benchmark"]),
                     benchmarks=tables.benchmarks[tables.benchmarks["benchmark"].isin(names)])
    study = load_study("brief")
    model = replace(study.model, sampling=replace(study.model.sampling, draws=150, tune=150,
                                                  chains=2))
    study = replace(study, model=model, influence=replace(study.influence, fewest_models=3))
    found = run_study(study, tables, tmp_path / "out")
    assert found.failures == {}
    assert found.readings.failed == {}
    assert len(section(found).pictures) >= 4
