"""What-if: limits worked by hand, agreement with fitting again, what the command takes."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from densing_bayes.cli.main import app
from densing_bayes.context import Context
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval
from densing_bayes.joint.quantities import best_available, derive, frontier_path, typical_release
from densing_bayes.questions import newcomer
from densing_bayes.questions.newcomer import Draws, Newcomer, Question
from densing_bayes.questions.whatif import NAME, counts, whatif, with_model
from densing_bayes.questions.windows import years_since

DAY = dt.date(2025, 3, 1)


@pytest.fixture(scope="module")
def truth(small_world, true_draws):
    """The small world's truth as a fit of one draw."""
    return one_draw(small_world, true_draws)


def one_draw(world, posterior):
    """A run whose draws are these."""
    context = Context(world.tables, world.spec)
    vars(context).update(
        posterior=posterior.assign_coords(
            {name: world.coords[name] for name in ("family", "model", "benchmark")}),
        derived=derive(posterior.assign_coords(model=world.coords["model"]), world.observations,
                       world.columns), observations=world.observations, columns=world.columns)
    return context


def asked(context, **changes) -> Newcomer:
    last = context.derived["date"].values[context.derived["eligible"].values].max()
    return replace(Newcomer(last.astype("datetime64[D]").item() - dt.timedelta(days=90), 4e9, {}),
                   **changes)


def names(context) -> list[str]:
    return [str(name) for name in context.observations.data["benchmark"].values]


# -- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("member", [False, True])
def test_without_scores_it_is_its_prior(truth, member):
    """Frontier less an exponential gap, or its family's, less a half-normal one, plus noise."""
    families = truth.posterior["family"].values
    model = asked(truth, family=str(families[3]) if member else None)
    placed = Question(truth, Draws.of(truth), model, eligible=True).placed()
    derived = truth.derived
    value = {name: float(derived[name].values.ravel()[0])
             for name in ("gap_family", "gap_model", "spread_growth", "noise")}
    years = float(years_since(model.date))
    grown = np.exp(value["spread_growth"] * (years - truth.columns["setting"]["centre_time"][0]))
    rng = np.random.default_rng(5)
    of_family = (float(truth.posterior["family_gap"].values[0, 0, 3]) if member
                 else value["gap_family"] * grown * rng.exponential(size=400_000))
    drawn = (float(frontier_path(derived, [years]).values.ravel()[0]) - of_family
             - value["gap_model"] * grown * abs(rng.standard_normal(400_000))
             + value["noise"] * rng.standard_normal(400_000))
    middle = (np.arange(newcomer.WITHIN) + 0.5) / newcomer.WITHIN
    np.testing.assert_allclose(np.sort(placed.density[0]), np.quantile(drawn, middle), atol=0.03)
    if not member:
        assert abs(drawn.mean() - typical_release(derived, [years]).values.item()) < 0.01
    assert placed.pareto_k == 0


def test_precise_scores_are_inverted(small_world, true_draws):
    """Benchmarks that see alike, sources that agree and items without end: the curve's inverse."""
    exact = true_draws.assign(sd_benchmark_z=true_draws["sd_benchmark_z"] * 0 + 1e-4,
                              sd_source=true_draws["sd_source"] * 0 + 1e-5)
    data = small_world.observations.data
    many = SimpleNamespace(data=data.assign(n_items=data["n_items"] * 0 + 1e9))
    context = one_draw(replace(small_world, observations=many), exact)
    blank = Question(context, Draws.of(context), asked(context), eligible=True)
    place = blank.frontier - 0.7
    scores = {name: float(blank.expected(name, place).expected[0, 0]) for name in names(context)}
    for given in (scores, dict(list(scores.items())[:1])):
        found = Question(context, Draws.of(context), asked(context, scores=given), eligible=True)
        np.testing.assert_allclose(found.placed().density[0], place[0, 0], atol=0.03)


def test_one_score_fewer_is_what_the_pull_leaves(truth):
    """A score left out of the question, and out of what is asked, are the same."""
    given = dict.fromkeys(names(truth)[:3], 0.6)
    first = names(truth)[0]
    both = Question(truth, Draws.of(truth), asked(truth, scores=given), eligible=True)
    fewer = Question(truth, Draws.of(truth), asked(truth, scores={
        name: score for name, score in given.items() if name != first}), eligible=True)
    np.testing.assert_allclose(both.placed(without=first).density, fewer.placed().density,
                               atol=0.02)


def test_the_order_of_scores_changes_nothing(truth):
    given = dict(zip(names(truth), (0.5, 0.6, 0.4), strict=False))
    turned = dict(reversed(given.items()))
    one, other = (Question(truth, Draws.of(truth), asked(truth, scores=scores), eligible=True)
                  .placed().density for scores in (given, turned))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_score_above_a_ceiling_rules_its_draw_out(small_world, true_draws):
    low = true_draws.copy()
    low["headroom"] = low["headroom"] * 0 + 0.8
    both = true_draws.assign(headroom=true_draws["headroom"] * 0 + 0.95)
    context = one_draw(small_world, xr.concat([low, both], "draw"))
    chance = float(small_world.observations.data["chance"].values[0])
    given = {names(context)[0]: chance + 0.85 * (1 - chance)}
    question = Question(context, Draws.of(context), asked(context, scores=given), eligible=True)
    assert question.log_ceilings().tolist() == [-np.inf, 0]


# -- against fitting again ---------------------------------------------------------------------


@pytest.mark.slow
def test_weights_agree_with_fitting_again(small_world, small_fit):
    """Within the Monte Carlo error of both, for a strong newcomer and an average one."""
    context = Context(small_world.tables, small_world.spec,
                      saved=small_world.report.with_name("fit.nc"), must_exist=True)
    model = strong(context)
    found = whatif(context, model)
    assert found.holds
    again = Context(with_model(context, model), context.spec)
    day = [float(years_since(model.date))]
    density = again.derived["log_density"].sel(model=NAME).values.ravel()
    sd, mean = density.std(), density.mean()
    ours = found.to_dict()["density"]
    error = sd * np.sqrt(1 / found.ess + 1 / 400)
    assert abs(found.after.weight @ found.density.mean(axis=1) - mean) < 3.5 * error
    assert np.log(ours["high"] / ours["low"]) == pytest.approx(3.29 * sd, rel=0.2)
    others = again.derived.isel(
        model=np.flatnonzero(again.derived["model"].values != NAME))
    record = float((density > best_available(others, day).values.ravel()).mean())
    assert abs(found.p_record - record) < 0.07
    line = frontier_path(again.derived, day).values.ravel()
    moved = found.after.weight @ found.after.frontier[:, 0]
    assert abs(moved - line.mean()) < 3.5 * line.std() * np.sqrt(1 / found.ess + 1 / 400)


@pytest.mark.slow
def test_ten_releases_left_out_are_placed_where_the_fit_with_them_has_them(small_world, small_fit):
    """All ten are left out of one fit, and each is asked of it by its own scores alone.

    The fit with them also has the other nine, so the two differ by more than Monte Carlo error:
    by a part of a posterior sd, in no direction common to the ten. (That one model's answer is
    that of fitting again, the test above says.)
    """
    whole = Context(small_world.tables, small_world.spec,
                    saved=small_world.report.with_name("fit.nc"), must_exist=True)
    data, derived = whole.observations.data, whole.derived
    able = np.flatnonzero(derived["eligible"].values)[1:-1]  # the ends bound what a fit can tell
    chosen = able[np.linspace(0, len(able) - 1, 10).astype(int)]
    without = Context(small_world.tables, small_world.spec.with_options(
        without_models=[str(data["model"].values[k]) for k in chosen]))
    known = set(map(str, without.curves["family"].values))
    cells = data[["cell_model", "cell_benchmark", "cell_score"]].to_dataframe()
    distances, held = [], []
    for k in chosen:
        family = str(derived["family"].values[k])
        found = whatif(without, Newcomer(
            derived["date"].values[k].astype("datetime64[D]").item(),
            float(np.exp(data["log_params"].values[k])),
            {str(data["benchmark"].values[int(row.cell_benchmark)]): float(row.cell_score)
             for row in cells[cells["cell_model"] == k].itertuples()},
            family if family in known else None))
        held.append(found.holds)
        density = derived["log_density"].values[..., k].ravel()
        ours = float(found.after.weight @ found.density.mean(axis=1))
        distances.append((ours - density.mean()) / density.std())
    assert sum(held) >= 8
    assert np.abs(distances).max() < 1
    assert np.mean(np.abs(distances)) < 0.4
    assert abs(np.mean(distances)) < 0.3


def strong(context) -> Newcomer:
    """Scores of a model a quarter nat above the best available, as the mean curves expect them."""
    model = asked(context)
    blank = Question(context, Draws.of(context), model, eligible=True)
    best = blank.draws.at(best_available, [blank.years]) + 0.25
    return replace(model, scores={
        name: float(blank.expected(name, best).expected.mean().round(3))
        for name in blank.benchmarks})


# -- what is asked -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def context(small_world, small_fit):
    return Context(small_world.tables, small_world.spec,
                   saved=small_world.report.with_name("fit.nc"), must_exist=True)


def test_a_strong_newcomer_is_a_record_and_a_weak_one_moves_nothing(context):
    found = whatif(context, strong(context))
    said = found.to_dict()
    assert found.holds
    assert found.p_record > 0.3
    moves = said["moves"]
    assert moves["best_available"]["difference"] > 0
    weak = whatif(context, replace(found.model, scores={
        name: max(score - 0.15, 0.05) for name, score in found.model.scores.items()}))
    assert weak.p_record < 0.02 < found.p_record
    assert abs(weak.moves()["frontier"]["difference"]) < 0.1 * moves["frontier"]["before"]["median"]
    assert weak.to_dict()["density"]["median"] < said["density"]["median"]


def test_what_a_record_needs_gives_a_record_half_the_time(context):
    model = asked(context)
    needed = whatif(context, model).needed
    found = whatif(context, replace(model, scores={
        name: one["median"] for name, one in needed.items()}))
    assert 0.2 < found.p_record < 0.7  # the prior pulls it down a little


def test_few_scores_do_not_count(context):
    """One benchmark decides no record, and tells its density all the same."""
    few = asked(context, scores={names(context)[0]: 0.6})
    assert not counts(context, few)
    assert counts(context, replace(few, scores=dict.fromkeys(names(context), 0.6)))
    found = whatif(context, few)
    assert found.to_dict()["p_record"] is None
    # what it says of the curves moves the others a little; itself it is none of them
    others = newcomer.weighted(np.exp(found.after.best), found.after.weight, Interval())
    assert found.moves()["best_available"]["after"] == others


def test_what_cannot_be_placed_is_refused_at_once(context):
    model = Newcomer(dt.date(1999, 1, 1), 4e9, {"MMLUU": 0.5, names(context)[0]: 79.0},
                     family="Nobody", active=5e9)
    with pytest.raises(InputError) as caught:
        whatif(context, model)
    said = " ".join(str(problem) for problem in caught.value.problems)
    for part in ("no such benchmark", "percent", "no such family", "more parameters", "date"):
        assert part in said


def test_the_command_says_what_python_says(small_world, context):
    from densing_bayes.verbs.whatif import whatif as verb

    model = strong(context)
    answer = verb(model.params, model.date, model.scores, context)
    words = [f"--score={name}={score}" for name, score in model.scores.items()]
    spec, fit = (str(small_world.report.with_name(file)) for file in ("small.toml", "fit.nc"))
    done = CliRunner().invoke(app, [
        "whatif", "--size", "4B", "--date", str(model.date), *words, "--json",
        "--data", str(small_world.folder), "--spec", spec, "--fit", fit])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == answer.to_dict()
    assert "probability of a new record" in answer.text


@pytest.mark.parametrize("words", [["--size", "4Q"], ["--score", "MMLU"], ["--score", "MMLU=x"],
                                   ["--date", "soon"], ["--score=A=.5", "--score=A=.6"]])
def test_wrong_words_end_with_two(words):
    rest = [word for pair in (("--size", "4B"), ("--date", "2026-01-01")) if pair[0] != words[0]
            for word in pair]
    assert CliRunner().invoke(app, ["whatif", *words, *rest]).exit_code == 2
