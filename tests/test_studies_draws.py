"""What a study reads off draws: likelihoods, weights, shares, sensitivities; one small run."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytensor.compile.mode import get_mode
from scipy import stats

from densing_bayes.families.blocks import matrix
from densing_bayes.fitting import Fit
from densing_bayes.joint import graph as joint_graph
from densing_bayes.joint.quantities import derive
from densing_bayes.sections.studies import report, section
from densing_bayes.studies import attribution, load_study, run_study, structures
from densing_bayes.studies.cases import Case
from densing_bayes.studies.influence import influence, thinned
from densing_bayes.studies.likelihood import CellLikelihood, skew_normal
from densing_bayes.studies.readings import axis_effects
from densing_bayes.studies.sensitivity import log_likelihoods, natural, power_scaling
from densing_bayes.studies.structures import tables_of
from densing_bayes.studies.study import _base
from densing_bayes.studies.variants import variant

# plain Python, quick to compile; fused loops of it take no more than 32 operands
PLAIN = get_mode("FAST_COMPILE").excluding("fusion")


@pytest.fixture(scope="module")
def world(small_world):
    """The small world in a study's own coordinates."""
    columns, coords = tables_of(small_world.observations, small_world.spec)
    return small_world, columns, coords


@pytest.fixture(scope="module")
def model(world):
    small, columns, coords = world
    return joint_graph.build(columns, coords, small.spec)


@pytest.fixture(scope="module")
def draws(small_fit):
    return thinned(small_fit.posterior, 300)


def point(model, draw):
    """One draw as the values that the model's log density takes."""
    out = {}
    for variable in model.free_RVs:
        value = model.rvs_to_values[variable]
        x = np.asarray(draw[variable.name].values, float)
        transform = model.rvs_to_transforms[variable]
        out[value.name] = x if transform is None else transform.forward(
            x, *variable.owner.inputs).eval()
    return out


def log_density(model):
    """The model's log density; terms are added here, Python's sums take no more than 32."""
    terms = model.compile_fn(model.logp(sum=False), inputs=model.value_vars, mode=PLAIN,
                             on_unused_input="ignore")
    return lambda at: float(sum(np.sum(term) for term in terms(at)))


# -- the same likelihood as the joint model's ----------------------------------------------------


def test_likelihoods_are_those_of_the_joint_model(model, world, draws):
    """Cells, contrasts, ladder and pairs, at three draws of the posterior."""
    _, columns, _ = world
    mine = log_likelihoods(draws, columns)
    parts = {"ladder": ("ladder_losses",), "pairs of loss and score": ("pair_scores",),
             "scores of the models": ("anchored_scores", "linked_scores"),
             "differences between sources": ("sources",)}
    names = [name for group in parts.values() for name in group]
    value = model.compile_fn([model[name] for name in names], inputs=model.free_RVs,
                             on_unused_input="ignore", point_fn=False, mode=PLAIN)
    for k in (0, 120, 299):
        one = draws.isel(sample=k)
        theirs = dict(zip(names, value(*(one[rv.name].values for rv in model.free_RVs)),
                          strict=True))
        for part, group in parts.items():
            assert mine[part][k] == pytest.approx(sum(float(theirs[name]) for name in group),
                                                  rel=1e-8), part


def test_a_models_own_size_is_summed_out(world, draws):
    """Against a plain Monte Carlo mean over ln N^ from the frontier; error below 3%."""
    small, columns, _ = world
    one = draws.isel(sample=slice(0, 5))
    cells = CellLikelihood(one, columns)
    family = small.observations.data["family_index"].values
    rng = np.random.default_rng(0)
    model = 20
    omega, q, _ = cells._spread("model", "q")
    omega_family, *_ = cells._spread("family", "q_family")
    centre = cells._line(model) + omega_family * one["family_effect"].values[:, family[model]]
    gap = np.abs(rng.normal(size=(5, 200_000)))
    z = centre[:, None] + omega[:, None] * (
        -gap * np.sqrt(q)[:, None] + rng.normal(size=gap.shape) * np.sqrt(1 - q)[:, None])
    plain = np.log(np.exp(cells.of_cells(model, z)).mean(axis=1))
    # the grid of ln N^ spans the draws given: all of them, not the five compared
    summed = CellLikelihood(draws, columns).summed([model], family, whole=False)[:5]
    np.testing.assert_allclose(summed, plain, atol=0.03)


def test_a_familys_effect_is_summed_out(world, draws):
    small, columns, _ = world
    family = small.observations.data["family_index"].values
    sizes = np.bincount(family)
    chosen = int(np.argmin(np.where(sizes > 1, sizes, 99)))
    members = np.flatnonzero(family == chosen)
    share = float(draws["q_family"].values[7])
    rng = np.random.default_rng(1)
    # effects from their prior, models given effects as tested above
    count = 4000
    effects = (np.sqrt(2 / np.pi * share) - np.abs(rng.normal(size=count)) * np.sqrt(share)
               + rng.normal(size=count) * np.sqrt(1 - share))
    many = draws.isel(sample=np.full(count, 7))
    effect = many["family_effect"].values.copy()
    effect[:, chosen] = effects
    many = many.assign(family_effect=many["family_effect"].copy(data=effect))
    # grids of ln N^ as in the draws themselves, not about one draw
    many["z"] = many["z"].copy(data=np.resize(draws["z"].values, many["z"].shape))
    given = CellLikelihood(many, columns).summed(members, family, whole=False)
    plain = np.log(np.exp(given).mean())
    whole = CellLikelihood(draws, columns).summed(members, family, whole=True)[7]
    assert whole == pytest.approx(plain, abs=0.1)


def test_leaving_out_the_rows_of_cells_is_leaving_out_the_cells(model, world):
    """Rows gone, or all there with weight zero: one log density."""
    small, columns, _ = world
    gone = variant(Case.of({"without": ("model", str(small.coords["model"][3]))}), small.spec,
                   small.tables, small.observations)
    short, _ = tables_of(gone.observations, small.spec)
    full, _ = tables_of(small.observations, small.spec)
    for name in ("anchored", "linked_cells"):
        full[name] = full[name] | {"weight": np.where(
            np.asarray(full[name]["model"]) == 3, 0.0, full[name]["weight"])}
    data = small.observations.data
    of_three = data["cell_model"].values[data["contrast_cell"].values] == 3
    full["contrasts"] = full["contrasts"] | {"weight": np.where(
        of_three, 0.0, full["contrasts"]["weight"])}
    for name in ("models", "setting", "knots", "linked_benchmarks"):  # one set of coordinates
        full[name] = short[name]
    logp = log_density(model)
    start = model.initial_point()
    values = []
    for tables in (short, full):
        for name, table in tables.items():
            if name in model.named_vars:
                model.set_data(name, matrix(table))
        values.append(float(logp(start)))
    for name, table in columns.items():
        if name in model.named_vars:
            model.set_data(name, matrix(table))
    assert values[0] == pytest.approx(values[1], rel=1e-10)
    assert values[0] != pytest.approx(float(logp(start)), rel=1e-4)


def test_a_model_without_cells_is_no_model(world, draws, monkeypatch):
    """Its size integrates to one whatever the other parameters: it says nothing."""
    monkeypatch.setattr("densing_bayes.studies.likelihood.NODES", 2001)
    monkeypatch.setattr("densing_bayes.studies.likelihood.REACH", 20.0)
    _, columns, _ = world
    empty = {**columns, **{name: {**columns[name], "weight": (
        np.asarray(columns[name]["model"]) != 7) * 1.0} for name in ("anchored", "linked_cells")}}
    family = np.asarray(columns["models"]["family"]).astype(int)
    cells = CellLikelihood(draws, empty)
    np.testing.assert_allclose(cells.summed([7], family, whole=False), 0, atol=1e-6)
    assert np.abs(CellLikelihood(draws, columns).summed([7], family, whole=False)).min() > 0.1


# -- where chains start -------------------------------------------------------------------------


def test_chains_start_at_the_main_fits_mean(world, small_joint, small_fit):
    small, columns, coords = world
    study = replace(load_study("default"), model=small.spec)
    base = _base(study, small.observations, small_fit.posterior, columns, coords)
    start = structures.starting_point(small_joint.compiled, base, columns, coords)
    points = np.array([small_joint.compiled.point({
        name: value.values for name, value in small_fit.posterior.isel(
            chain=0, draw=draw).items()}) for draw in range(0, 800, 8)])
    assert np.abs((start - points.mean(0)) / points.std(0)).max() < 0.6


# -- priors and power scaling --------------------------------------------------------------------


def test_natural_parameters_are_those_of_the_report(world, draws, small_fit):
    small, columns, _ = world
    one = natural(draws, columns, small.spec)
    told = thinned(derive(small_fit.posterior, small.observations, small.columns)[
        ["rate", "omega", "omega_family", "q"]], 300)
    np.testing.assert_allclose(one["rate"], told["rate"], rtol=1e-10)
    np.testing.assert_allclose(one["omega"][:, 0], told["omega"], rtol=1e-10)
    np.testing.assert_allclose(one["omega"][:, 1], told["omega_family"], rtol=1e-10)
    assert set(one) == set(small.spec.priors) - {"irreducible_share"}


def test_prior_densities_are_those_of_the_joint_model(model, draws, world):
    """Of parameters that are sampled as they are."""
    small, columns, _ = world
    one = natural(draws, columns, small.spec)
    for name in ("log_loss_at_centre", "headroom", "size_share", "sigma_loss", "nu", "sd_source",
                 "linked_headroom"):
        variable = model[name]
        import pymc as pm

        value = float(pm.logp(variable, draws[name].values[4]).sum().eval())
        assert small.spec.priors[name].logpdf(one[name][4]).sum() == pytest.approx(value), name


def test_power_scaling_sees_a_prior_that_decides_and_none_that_does_not(world, small_fit):
    """The rate is made to follow one parameter that only its prior holds."""
    small, columns, _ = world
    rng = np.random.default_rng(0)
    posterior = small_fit.posterior.copy()
    shape = posterior["rate_z"].shape
    midpoint = rng.normal(-0.3, 0.5, (*shape, 1))
    posterior["log_midpoint"] = posterior["log_midpoint"].copy(data=midpoint)
    posterior["rate_z"] = posterior["rate_z"].copy(
        data=1.0 + (midpoint[..., 0] + 0.3) ** 2 + 0.01 * rng.normal(size=shape))
    posterior["c1"] = posterior["c1"].copy(data=np.ones(shape))
    table = power_scaling(posterior, columns, small.spec).set_index("component")["sensitivity"]
    assert table["prior of log_midpoint"] > 0.1
    assert table["prior of headroom"] < 0.05


# -- influence -----------------------------------------------------------------------------------


def test_influence_lists_every_group_and_knows_the_models_in_it(world, small_fit):
    small, columns, _ = world
    data = small.observations.data
    table = influence(small_fit.posterior, columns, data, ("family", "model"))
    assert (table["group"] == "model").sum() == data.sizes["model"]
    families = table[table["group"] == "family"]
    assert families["models"].sum() == data.sizes["model"]
    assert np.isfinite(table[["mean", "sd", "pareto_k"]]).all(axis=None)
    # one model out of sixty moves the rate by a fraction of its sd
    assert table.loc[table["group"] == "model", "shift"].abs().median() < 0.2


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


def test_within_finds_the_shares_that_were_built_in(world, small_fit):
    """Rate = ruler scale x (slope of the densities + its own error), with known variances."""
    small, columns, _ = world
    rng = np.random.default_rng(4)
    posterior = small_fit.posterior.copy()
    shape = posterior["rate_z"].shape
    kept = np.asarray(columns["models"]["time"])
    slope = 0.10 * rng.normal(size=shape)  # what items and sources do to the densities' slope
    own = 0.20 * rng.normal(size=shape)  # what a finite number of models adds
    base = np.asarray(columns["models"]["log_params"]) - 20.0
    z = base + (1.5 + slope)[..., None] * kept
    posterior["c0"] = posterior["c0"].copy(data=np.full(shape, 20.0))
    posterior["c1"] = posterior["c1"].copy(data=np.ones(shape))
    posterior["z"] = posterior["z"].copy(data=z)
    ruler = 0.15 * stats.zscore(posterior["log_steepness"].values[..., 0], axis=None)
    posterior["rate_z"] = posterior["rate_z"].copy(data=1.5 + slope + own + ruler)
    parts = attribution.within(posterior, columns, small.observations.data, False, seed=1)
    found = parts.set_index("source")["variance"]
    assert found["ruler"] + found["extrapolation"] == pytest.approx(0.0225, rel=0.15)
    assert found["items and sources"] == pytest.approx(0.01, rel=0.2)
    assert found["which models exist"] == pytest.approx(0.04, rel=0.1)
    assert found.sum() == pytest.approx(float(posterior["rate_z"].var()), rel=0.1)


def test_effects_average_over_the_other_axes():
    cases = [Case.of(settings) for settings in (
        {}, {"frontier": "top 3"}, {"irreducible": True},
        {"frontier": "top 3", "irreducible": True})]
    table = pd.DataFrame({"case": [case.name for case in cases], "mean": [1.0, 2.0, 3.0, 6.0],
                          "median": [1.0, 2.0, 3.0, 6.0], "mcse": 0.1})
    effects = axis_effects(table, cases).set_index(["axis", "value"])["mean"]
    assert effects["frontier", ""] == 2.0
    assert effects["frontier", "frontier: top 3"] == 4.0
    assert effects["irreducible", "with E"] == 4.5
    # one at a time each axis has the main fit as its own value
    effects = axis_effects(table.iloc[:3], cases[:3]).set_index(["axis", "value"])["mean"]
    assert effects["frontier", ""] == effects["irreducible", ""] == 1.0


def test_the_skew_normal_is_the_frontiers(world):
    from densing_bayes.families.frontier import skew_normal_logp

    value = np.linspace(-6, 3, 7)
    np.testing.assert_allclose(skew_normal(value, 0.3, 1.4, 0.8),
                               skew_normal_logp(value, 0.3, 1.4, 0.8).eval(), rtol=1e-7)


# -- a whole small study -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_study(small_world, small_joint, small_fit, tmp_path_factory):
    """A study of the small world from its main fit and its compiled model."""
    folder = tmp_path_factory.mktemp("study")
    path = folder / "small.toml"
    last = str(np.sort(small_world.observations.data["date"].values)[45])[:10]
    path.write_text(f"""
title = "A small study"
model = '{small_world.report.with_name("small.toml")}'
[axes]
benchmarks = "each alone"
frontier = ["running maximum", "upper quantile", "censored records", "top 3"]
reference_tokens = [1e12, "own"]  # the small world says nothing of its models' tokens
until = ["{last}"]
priors = ["rate"]
[influence]
groups = ["family"]
refit_above = 50.0
[sampling]
draws = 100
tune = 100
""", encoding="utf-8")
    study = load_study(path)
    # subsets without an anchor need a model of their own: left to the slow tests
    anchored = str(small_world.coords["anchor"][0])
    study = replace(study, axes={**study.axes, "benchmarks": [[anchored]]})
    out = folder / "out"
    Fit(small_world.spec, small_fit.tree).save(out / "main.nc")
    return study, out, run_study(study, small_world.tables, out, resume=True)


def test_every_case_is_there_with_its_checks(small_study):
    _, out, found = small_study
    table = found.readings.table
    assert found.failures == {}
    assert table["case"].tolist()[0] == "main fit"
    assert len(table) == 1 + 1 + 4 + 1 + 1 + 2
    assert np.isfinite(table[["median", "level", "rhat", "ess", "mcse"]]).all(axis=None)
    assert len(list((out / "cases").iterdir())) == len(table)
    assert (out / "study.nc").exists()
    rules = table[table["axis"] == "frontier"]
    assert (rules["method"] == "read off").all(), "rules need no fit of their own"
    counts = table.set_index("case")["models"]
    assert counts["main fit"] > counts[table["case"][table["axis"] == "until"].iloc[0]]


def test_what_must_move_the_answer_moves_it_and_the_rest_does_not(small_study, small_world):
    """Records are too steep; fewer reference tokens lift densities; a prior pulls as it must."""
    table = small_study[2].readings.table.set_index("case")
    main = table.loc["main fit"]
    assert table.loc["frontier: running maximum", "median"] > main["median"]
    assert table.loc["D0 = 1T", "level"] > main["level"] + 0.2
    # all but normal: precision and mean of the likelihood follow from the main fit's
    scale = small_world.spec.priors["rate"].args["sigma"]
    known = 1 / main["sd"] ** 2 - 1 / scale**2
    for factor in (0.5, 2.0):
        case = table.loc[f"prior of rate x{factor:g}"]
        expected = main["mean"] / main["sd"] ** 2 / (known + 1 / (factor * scale) ** 2)
        assert abs(case["mean"] - expected) < 4 * case["mcse"]


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


@pytest.mark.slow
def test_threads_with_a_fit_that_is_there_say_the_same(small_study, small_world, small_fit,
                                                       tmp_path):
    """As a report does it: the fit is handed over, threads share the compiled model."""
    asked, _, found = small_study
    with ThreadPoolExecutor(2) as threads:
        again = run_study(asked, small_world.tables, tmp_path / "out", threads,
                          main=Fit(small_world.spec, small_fit.tree))
    assert again.failures == {}
    pd.testing.assert_frame_equal(again.readings.table, found.readings.table)
    assert not (tmp_path / "out" / "main.nc").exists()


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
        "study-curve", "study-tornado", "study-influence", "study-shares", "study-priors"}
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
