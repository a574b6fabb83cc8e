"""The joint model: its graph against the priors and laws it declares; recovery; cut; save, load.

Graph tests evaluate without compiling (PyTensor's Python linker). Sampling tests share one
compiled model (``small_joint``) and one fit of it (``small_fit``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor
import pytest
import xarray as xr
from pymc.pytensorf import compile as compile_function
from pytensor.compile.mode import Mode
from scipy import stats

from densing_bayes import laws
from densing_bayes.checks import diagnostics
from densing_bayes.families.blocks import matrix, prior_vector
from densing_bayes.intervals import Interval
from densing_bayes.joint import graph as joint_graph
from densing_bayes.joint.centring import own_places
from densing_bayes.joint.data import inputs, reference_scores
from densing_bayes.joint.fit import choose, cut, log_size_at, starting_point
from densing_bayes.joint.growth import turns
from densing_bayes.joint.quantities import derive, frontier_path
from densing_bayes.joint.ruler import coordinates
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import TYPICAL, Twist, expected_scores, ruler, simulate

PLAIN = Mode(linker="py", optimizer="fast_compile")


# -- the graph --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graph(small_world):
    return joint_graph.build(small_world.columns, small_world.coords, small_world.spec)


class Terms:
    """The terms of a model's log density, and its gradient, at a point of its coordinates."""

    def __init__(self, model: pm.Model, *, slopes: bool = True):
        variables = model.free_RVs
        terms = [*model.replace_rvs_by_values(model.potentials),
                 *model.logp(vars=variables, jacobian=False, sum=False)]
        self.names = [one.name for one in (*model.potentials, *variables)]
        self.values = [value.name for value in model.continuous_value_vars]
        total = model.logp()
        found = pytensor.grad(total, model.continuous_value_vars) if slopes else []
        self.call = compile_function(model.continuous_value_vars, [*terms, *found], mode=PLAIN,
                                     on_unused_input="ignore")

    def at(self, point: dict) -> dict:
        """``terms`` without the transforms' Jacobians, ``logp`` (their sum) and ``gradient``."""
        out = self.call(**{name: point[name] for name in self.values})
        count = len(self.names)
        terms = dict(zip(self.names, out[:count], strict=True))
        return {"terms": terms, "logp": float(sum(np.sum(term) for term in terms.values())),
                "gradient": dict(zip(self.values, out[count:], strict=False))}


@pytest.fixture(scope="module")
def terms(graph):
    return Terms(graph)


@pytest.fixture
def changed(graph, small_world):
    """Sets columns of a table of the shared graph; every table is put back after the test."""
    def change(table: str, **columns) -> None:
        graph.set_data(table, matrix({**small_world.columns[table], **columns}))

    yield change
    for table, columns in small_world.columns.items():
        graph.set_data(table, matrix(columns))
    graph.set_data("priors", prior_vector(small_world.spec.priors))


def point_of(model: pm.Model, draws: xr.Dataset) -> dict[str, np.ndarray]:
    """A draw in natural coordinates as a point of the model's unconstrained ones."""
    point = {}
    for rv in model.free_RVs:
        value = draws[rv.name].isel(chain=0, draw=0).values
        transform = model.rvs_to_transforms[rv]
        name = model.rvs_to_values[rv].name
        if transform is not None:
            value = transform.forward(pytensor.tensor.as_tensor(value)).eval(mode=PLAIN)
        point[name] = np.asarray(value, float)
    return point


def test_names_and_dims(graph, small_world):
    sizes = {name: len(labels) for name, labels in small_world.coords.items()}
    assert sizes["model"] == 60
    assert sizes["benchmark"] == sizes["anchor"] + sizes["linked"] == 3
    dims = {rv.name: graph.named_vars_to_dims.get(rv.name, ()) for rv in graph.free_RVs}
    assert dims["model_coordinate"] == graph.named_vars_to_dims["z"] == ("model",)
    assert dims["family_coordinate"] == graph.named_vars_to_dims["family_effect"] == ("family",)
    assert {name for name, of in dims.items() if of == ("linked",)} == {
        "linked_steepness", "linked_place", "linked_headroom"}
    assert dims["step_coordinate"] == graph.named_vars_to_dims["rate_step"] == ("knot",)
    assert {name for name, of in dims.items() if of == ("benchmark",)} == {
        "sd_source", "sd_benchmark_z"}
    assert set(coordinates(False)) <= {name for name, of in dims.items() if of == ("anchor",)}
    assert {p.name for p in graph.potentials} == {
        "ladder_losses", "pair_scores", "sources", "anchored_scores", "linked_scores"}


@pytest.fixture(scope="module")
def at_truth(graph, terms, true_draws):
    return terms.at(point_of(graph, true_draws)), true_draws


def scalar(draws: xr.Dataset, name: str) -> float:
    return float(draws[name].values.ravel()[0])


def test_priors_hold_in_natural_units(at_truth, small_world):
    """Location and scale are carried to the sampled coordinates exactly, Jacobian included."""
    (found, draws), priors = at_truth, small_world.spec.priors
    c0, c1 = scalar(draws, "c0"), scalar(draws, "c1")
    terms = {name: np.asarray(value) for name, value in found["terms"].items()}

    def normal(name: str, value) -> np.ndarray:
        return stats.norm.logpdf(value, priors[name].args["mu"], priors[name].args["sigma"])

    def half(name: str, value) -> np.ndarray:
        return stats.halfnorm.logpdf(value, scale=priors[name].args["sigma"])

    rate = scalar(draws, "rate_z") * c1
    assert terms["rate_z"] == pytest.approx(normal("rate", rate) + np.log(c1))
    share = draws["size_share"].values.ravel()
    np.testing.assert_allclose(
        terms["log_size_slope"],
        normal("log_alpha", draws["log_size_slope"].values.ravel() - np.log(share)))
    np.testing.assert_allclose(
        terms["log_token_slope"],
        normal("log_beta", draws["log_token_slope"].values.ravel() - np.log(1 - share)))
    np.testing.assert_allclose(
        terms["linked_steepness"],
        normal("log_kappa", draws["log_kappa_z"].values.ravel() - np.log(c1)))
    np.testing.assert_allclose(
        terms["linked_place"],
        normal("linked_midpoint", c0 + c1 * draws["middle_z"].values.ravel()) + np.log(c1))
    drift = scalar(draws, "drift")
    about = priors["drift"].args
    assert terms["drift"] == pytest.approx(
        stats.lognorm.logpdf(drift, about["sigma"], scale=np.exp(about["mu"])))
    # steps of the rate: Normal(0, drift) each, hence in every direction
    weight, turn = turns(small_world.columns["knots"], small_world.columns["models"]["time"])
    direction = turn.T @ draws["rate_step"].values.ravel()
    np.testing.assert_allclose(terms["step_coordinate"], stats.norm.logpdf(
        direction, 0, drift) + (1 - weight) * np.log(drift))
    np.testing.assert_allclose(
        terms["sd_benchmark_z"],
        half("sd_benchmark", c1 * draws["sd_benchmark_z"].values.ravel()) + np.log(c1))
    for name, q in (("model", "q"), ("family", "q_family")):
        ratio = np.sqrt(1 - 2 * scalar(draws, q) / np.pi)
        omega = scalar(draws, f"sd_{name}_z") * c1 / ratio
        assert terms[f"sd_{name}_z"] == pytest.approx(half("omega", omega) + np.log(c1 / ratio))
    # the level is ln density of the frontier at the mean date
    gaps = sum(scalar(draws, f"sd_{name}_z") * c1 / np.sqrt(1 - 2 * scalar(draws, q) / np.pi)
               * np.sqrt(2 * scalar(draws, q) / np.pi)
               for name, q in (("model", "q"), ("family", "q_family")))
    size = small_world.columns["setting"]["mean_log_params"][0]
    level = scalar(draws, "mean_z") * c1 + c0 - size + gaps
    assert level == pytest.approx(small_world.truth["level"])
    assert terms["mean_z"] == pytest.approx(normal("level", level) + np.log(c1))


def test_models_and_families_lie_below_the_frontier_as_skew_normals(at_truth, small_world):
    """Their coordinates change nothing but the place where the sampler stands."""
    found, draws = at_truth
    truth, columns = small_world.truth, small_world.columns
    precision = own_places(columns)[1]
    sd_model = truth["omega"] * np.sqrt(1 - 2 * truth["q"] / np.pi) / scalar(draws, "c1")
    of_family = np.bincount(np.asarray(columns["models"]["family"], int),
                            precision / (1 + precision * sd_model**2))
    c1 = scalar(draws, "c1")
    frontier = truth["level"] + truth["rate"] * np.asarray(columns["models"]["time"])
    mean_gap = truth["omega_family"] * np.sqrt(2 * truth["q_family"] / np.pi)
    # family effects are 0 in these draws: every family lies at the mean of families
    for name, value, place, own, of in (
            ("model", truth["log_density"], frontier - mean_gap, precision, ""),
            ("family", 0.0, mean_gap, of_family, "_family")):
        omega, q = truth[f"omega{of}"], truth[f"q{of}"]
        want = stats.skewnorm.logpdf(value, -np.sqrt(q / (1 - q)), loc=place, scale=omega)
        sd = omega * np.sqrt(1 - 2 * q / np.pi)
        # a coordinate counts in sds of a normal that has the group's variance and own evidence
        jacobian = np.log(c1) - 0.5 * np.log(own + (c1 / sd) ** 2)
        np.testing.assert_allclose(found["terms"][f"{name}_coordinate"], want + jacobian,
                                   rtol=1e-5, atol=1e-6)
    assert (precision > 0).all()


def test_the_frontier_of_models_and_of_report_is_the_same(
        graph, terms, small_world, bent_draws):
    """A bent frontier: each model's distance from it as the graph has it and as `derive` has it.

    With family effects of 0 a model lies below the path by the mean gap of families and more.
    """
    found = terms.at(point_of(graph, bent_draws))["terms"]
    derived = derive(bent_draws, small_world.observations, small_world.columns)
    path = frontier_path(derived, small_world.observations.data["time"].values).values[0, 0]
    line = derived["level"] + derived["rate"] * small_world.observations.data["time"]
    assert np.abs(path - line.values).max() > 0.05
    truth, c1 = small_world.truth, scalar(bent_draws, "c1")
    q, omega = truth["q"], truth["omega"]
    below = truth["omega_family"] * np.sqrt(2 * truth["q_family"] / np.pi)
    precision = own_places(small_world.columns)[1]
    want = stats.skewnorm.logpdf(truth["log_density"], -np.sqrt(q / (1 - q)), loc=path - below,
                                 scale=omega)
    sd = omega * np.sqrt(1 - 2 * q / np.pi)
    jacobian = np.log(c1) - 0.5 * np.log(precision + (c1 / sd) ** 2)
    np.testing.assert_allclose(found["model_coordinate"], want + jacobian, rtol=1e-5, atol=1e-6)


def test_curves_of_linked_benchmarks_come_back_from_their_coordinates(
        graph, small_world, true_draws):
    """Place and steepness where the mean score is reached determine slope and midpoint."""
    names = ["log_kappa_z", "middle_z"]
    call = compile_function(graph.continuous_value_vars, graph.replace_rvs_by_values(
        [graph[name] for name in names]), mode=PLAIN, on_unused_input="ignore")
    found = call(**point_of(graph, true_draws))
    for name, value in zip(names, found, strict=True):
        np.testing.assert_allclose(value, true_draws[name].values[0, 0], rtol=1e-9)
    # the mean score is reached at the sampled place
    kappa, middle = (np.asarray(value) for value in found)
    headroom = true_draws["linked_headroom"].values[0, 0]
    place = true_draws["linked_place"].values[0, 0]
    reached = headroom / (1 + np.exp(-np.exp(kappa) * (place - middle)))
    np.testing.assert_allclose(reached, small_world.columns["linked_benchmarks"]["mean_share"])


def test_likelihoods_by_scipy(at_truth, small_world):
    """Each likelihood at the truth, from the laws and scipy alone."""
    found, columns, truth = at_truth[0], small_world.columns, small_world.truth
    law, curve = ({k: np.ravel(v)[0] for k, v in part.items()} for part in ruler(truth, columns))
    ladder, pairs = columns["ladder"], columns["pairs"]
    loss = laws.loss(params=np.exp(ladder["log_params"]), tokens=np.exp(ladder["log_tokens"]),
                     **law)
    assert found["terms"]["ladder_losses"] == pytest.approx(stats.norm.logpdf(
        ladder["log_loss"], np.log(loss), truth["sigma_loss"]).sum())
    score = laws.score(loss=pairs["loss"], **curve)
    assert found["terms"]["pair_scores"] == pytest.approx(stats.norm.logpdf(
        pairs["score"], score, truth["sigma_pair"]).sum())
    contrasts = columns["contrasts"]
    source = np.asarray(truth["sd_source"])
    assert found["terms"]["sources"] == pytest.approx((contrasts["weight"] * stats.t.logpdf(
        contrasts["value"], 3,
        scale=source[np.asarray(contrasts["benchmark"], int)] * contrasts["spread"])).sum())
    for group, name in (("anchored", "anchored_scores"), ("linked_cells", "linked_scores")):
        cells = columns[group]
        size = truth["log_effective"][np.asarray(cells["model"], int)]
        expected, slope = expected_scores(truth, columns, cells, size, Twist())
        benchmark = np.asarray(cells["benchmark"], int)
        spread = expected * (1 - expected)
        sigma = np.sqrt((slope * np.asarray(truth["sd_benchmark"])[benchmark]) ** 2
                        + spread / cells["items"]
                        + 4 * spread * source[benchmark] ** 2 / cells["replicates"])
        assert found["terms"][name] == pytest.approx(stats.t.logpdf(
            cells["score"], 2 + truth["nu"], expected, sigma).sum(), rel=1e-5)


def test_log_density_and_gradient_are_finite_where_the_prior_goes(graph, terms, true_draws):
    """At the sampler's start and at 20 points about the truth.

    A point at which the upper reference score has no finite size is refused (log density not
    finite); the sampler starts where there is one.
    """
    rng = np.random.default_rng(6)
    centre = point_of(graph, true_draws)
    found = [terms.at(point) for point in (graph.initial_point(), *(
        {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in centre.items()}
        for _ in range(20)))]
    usable = [one for one in found if np.isfinite(one["logp"])]
    assert np.isfinite(found[0]["logp"])
    assert len(usable) >= 15
    for one in usable:
        assert all(np.isfinite(slope).all() for slope in one["gradient"].values())


def test_the_gradient_is_the_slope(graph, terms, true_draws):
    """Central differences of the log density along three directions (Jacobians included)."""
    point = point_of(graph, true_draws)
    logp = compile_function(graph.continuous_value_vars, graph.logp(sum=False), mode=PLAIN,
                            on_unused_input="ignore")
    gradient = terms.at(point)["gradient"]
    rng, step = np.random.default_rng(7), 1e-6
    for _ in range(3):
        way = {name: rng.standard_normal(value.shape) for name, value in point.items()}
        up, down = (sum(np.sum(term) for term in logp(
            **{name: point[name] + sign * step * way[name] for name in point}))
            for sign in (1, -1))
        slope = sum((gradient[name] * way[name]).sum() for name in point)
        assert (up - down) / (2 * step) == pytest.approx(slope, rel=1e-4)


def test_a_held_ruler_hears_nothing_from_the_scores(graph, changed, true_draws):
    """Cut: with hold = 1 the gradient of the models' part of the graph vanishes on the ruler."""
    point = point_of(graph, true_draws)
    names = [graph.rvs_to_values[graph[name]] for name in coordinates(False)]
    scores = [p for p in graph.potentials if p.name in ("anchored_scores", "linked_scores")]
    part = sum(graph.replace_rvs_by_values(scores)) + sum(
        term.sum() for term in graph.logp(
            vars=[graph[name] for name in ("model_coordinate", "rate_z", "mean_z", "linked_place",
                                           "linked_steepness")],
            jacobian=False, sum=False))
    call = compile_function(graph.continuous_value_vars, pytensor.grad(
        part, names, disconnected_inputs="ignore"), mode=PLAIN, on_unused_input="ignore")

    def largest() -> float:
        return max(np.abs(slope).max() for slope in call(**point))

    assert largest() > 1  # joint: the scores pull at the ruler
    held = {name: true_draws[name].values[0, 0] for name in coordinates(False)}
    changed("pins", **held, hold=np.ones(1))
    assert largest() == 0


def test_weight_zero_leaves_a_row_out(graph, terms, changed, small_world, true_draws):
    columns, point = small_world.columns, point_of(graph, true_draws)
    before = terms.at(point)["terms"]
    for table, term, column in (
            ("ladder", "ladder_losses", "log_loss"), ("pairs", "pair_scores", "score"),
            ("contrasts", "sources", "value"), ("anchored", "anchored_scores", "score"),
            ("linked_cells", "linked_scores", "score")):
        weight = np.asarray(columns[table]["weight"])
        first = (np.arange(len(weight)) == 0).astype(float)
        changed(table, weight=first,
                **{column: np.asarray(columns[table][column], float) + 7 * (1 - first)})
        alone = terms.at(point)["terms"][term]  # wild values in rows that do not count
        changed(table, weight=weight * (1 - first))
        rest = terms.at(point)["terms"][term]
        assert np.isfinite(alone)
        assert float(alone + rest) == pytest.approx(float(before[term])), table
        changed(table, weight=np.zeros_like(first))
        assert terms.at(point)["terms"][term] == 0, table


def test_prior_arguments_are_data(graph, terms, changed, small_world, true_draws):
    """Other prior arguments in the same graph, as a study of priors needs."""
    point, c1 = point_of(graph, true_draws), scalar(true_draws, "c1")
    before = terms.at(point)
    graph.set_data("priors", prior_vector({
        name: prior.scaled(2) if name == "rate" else prior
        for name, prior in small_world.spec.priors.items()}))
    after, rate = terms.at(point), small_world.truth["rate"]
    assert float(after["terms"]["rate_z"]) == pytest.approx(
        stats.norm.logpdf(rate, 0, 5) + np.log(c1))
    assert after["logp"] - before["logp"] == pytest.approx(
        stats.norm.logpdf(rate, 0, 5) - stats.norm.logpdf(rate, 0, 2.5))


def test_an_irreducible_term_is_an_option(small_world, true_draws, at_truth):
    spec = small_world.spec.with_options(irreducible=True)
    columns, coords = inputs(small_world.observations, spec)
    model = joint_graph.build(columns, coords, spec)
    assert "irreducible_share" in columns["pins"]
    none = true_draws.assign(irreducible_share=(("chain", "draw", "anchor"), [[[1e-12]]]))
    found = Terms(model, slopes=False).at(point_of(model, none))["terms"]
    for name in ("ladder_losses", "anchored_scores", "linked_scores"):
        assert float(found[name]) == pytest.approx(float(at_truth[0]["terms"][name]), rel=1e-6)
    assert found["irreducible_share"] == pytest.approx(stats.beta.logpdf(1e-12, 1, 3))


def test_the_shipped_tables_build_a_model():
    spec = load_model("densing")
    columns, coords = inputs(choose(load_tables(), spec), spec)
    model = joint_graph.build(columns, coords, spec)
    call = compile_function(model.continuous_value_vars, model.logp(sum=False), mode=PLAIN,
                            on_unused_input="ignore")
    assert all(np.isfinite(term).all() for term in call(**model.initial_point()))
    assert len(coords["benchmark"]) == 5
    assert coords["anchor"].tolist() == ["MMLU"]
    assert len(coords["model"]) >= 150


def test_one_benchmark_and_no_repeated_cell_are_enough(small_world):
    scores = small_world.tables.scores
    few = replace(small_world.tables, scores=scores[scores["benchmark"] == "Quiz-A"]
                  .drop_duplicates("model").assign(score=0.5))
    columns, coords = inputs(choose(few, small_world.spec), small_world.spec)
    assert len(coords["linked"]) == len(columns["contrasts"]["value"]) == 0
    model = joint_graph.build(columns, coords, small_world.spec)
    call = compile_function(model.continuous_value_vars, model.logp(sum=False), mode=PLAIN,
                            on_unused_input="ignore")
    assert all(np.isfinite(term).all() for term in call(**model.initial_point()))


# -- what the model is given ------------------------------------------------------------------


def test_columns_by_hand(small_world):
    columns, data = small_world.columns, small_world.observations.data
    time = data["time"].values
    assert columns["setting"]["centre_time"][0] == pytest.approx(time.mean())
    np.testing.assert_allclose(np.mean(columns["models"]["time"]), 0, atol=1e-12)
    assert columns["anchors"]["centre_log_params"][0] == pytest.approx(
        data["run_log_params"].values.mean())
    both = np.append(columns["anchored"]["benchmark"], columns["linked_cells"]["benchmark"])
    assert sorted(both) == sorted(data["cell_benchmark"].values)
    assert set(columns["anchored"]["benchmark"]) == {0}
    assert all((table.get("weight", np.ones(1)) == 1).all() for name, table in columns.items()
               if name != "contrasts")


def test_sources_that_agree_on_nothing_or_all_are_left_out(small_world):
    """A repeated cell at 0 or 1 has no spread: weight 0, and a spread that divides."""
    observations = small_world.observations
    data = observations.data.copy(deep=True)
    data["contrast_score"][:3] = [0.0, 1.0, 0.25]
    columns, _ = inputs(replace(observations, data=data), small_world.spec)
    assert columns["contrasts"]["weight"][:3].tolist() == [0, 0, 1]
    np.testing.assert_allclose(columns["contrasts"]["spread"][:3], [1, 1, np.sqrt(0.75)])


@pytest.mark.parametrize(("scores", "low", "high"), [
    (np.linspace(0.3, 0.8, 101), 0.375, 0.725),
    (np.linspace(0.26, 0.98, 101), 0.368, 0.79),  # kept below 72% of the room above chance
    (np.full(50, 0.25), 0.4375, 0.775),  # no spread: fixed shares of the room
])
def test_reference_scores_by_hand(scores, low, high):
    data = xr.Dataset({"chance": ("benchmark", [0.25]), "cell_score": ("cell", scores),
                       "cell_benchmark": ("cell", np.zeros(len(scores), int))})
    assert reference_scores(data) == pytest.approx((low, high))


# -- the posterior of the small world ---------------------------------------------------------


def test_the_gate_passes(small_fit):
    found = diagnostics(small_fit.tree, list(small_fit.posterior.data_vars))
    assert found["passed"], found


def test_the_truth_is_recovered(small_world, small_fit):
    """One world, fixed seed: rate, level and constants within 4 posterior sd (two-sided 6e-5
    each for a normal posterior), densities in their 90% intervals about as often as said.
    """
    derived = derive(small_fit.posterior, small_world.observations, small_world.columns)
    truth = small_world.truth
    centre = small_world.columns["setting"]["centre_time"][0]
    expected = {
        "rate": truth["rate"], "omega_family": truth["omega_family"],
        "level": truth["level"] - truth["rate"] * centre, "alpha": np.exp(truth["log_alpha"]),
        "beta": np.exp(truth["log_beta"]), "midpoint": np.exp(truth["log_midpoint"] + 0.44),
        "gamma": -np.exp(truth["log_steepness"] - 0.44)}
    for name, value in expected.items():
        draws = derived[name].values.ravel()
        assert abs(draws.mean() - value) < 4 * draws.std(), name
    assert derived["rate"].std() < 1  # it has learnt: the prior's sd is 2.5
    low, high = Interval(0.9).of(derived["log_density"], axis=(0, 1))
    inside = ((low < truth["log_density"]) & (truth["log_density"] < high)).mean()
    assert inside > 0.75  # intervals of one world share the ruler's error


def test_the_reference_scores_stand_at_z_0_and_1(small_world, small_fit):
    posterior = small_fit.posterior
    low, high = (log_size_at(posterior, small_world.columns, f"{end}_score")
                 for end in ("low", "high"))
    np.testing.assert_allclose(low, posterior["c0"].values, rtol=1e-9)
    np.testing.assert_allclose(high - low, posterior["c1"].values, rtol=1e-9)


def test_chains_of_the_cut_start_at_the_posterior_mean(small_joint, small_fit):
    point = starting_point(small_joint.compiled, small_fit.posterior)
    assert point.shape == (small_joint.compiled.n_dim,)
    assert np.isfinite(point).all()
    means = small_fit.posterior.mean(("chain", "draw"))
    for value in (float(means["rate_z"]), np.log(float(means["nu"])),
                  np.log(float(means["q"]) / (1 - float(means["q"]))),
                  *means["model_coordinate"].values):
        assert np.isclose(point, value).any()


def test_the_cut_posterior(small_world, small_joint, small_fit):
    """Rulers from ladder and pairs, models given each; the truth is not far."""
    joint = replace(small_joint, spec=small_world.spec.with_options(cut_draws=2))
    steps = []
    draws = cut(joint, small_fit.posterior, steps.append)
    assert draws.sizes["chain"] == 4  # two chains at each of two rulers
    assert len(steps) == 3
    for name in coordinates(False):
        value = draws[name].values
        assert (value == value[:, :1]).all()  # the ruler of a chain does not move
        assert (value[0] == value[1]).all()
        assert (value[0] != value[2]).any()
    np.testing.assert_allclose(log_size_at(draws, joint.columns, "low_score"), draws["c0"].values)
    derived = derive(draws, small_world.observations, small_world.columns)
    assert abs(derived["rate"].mean() - small_world.truth["rate"]) < 4 * derived["rate"].std() + 0.5
    assert 0 <= draws.attrs["unusable_rulers"] < 1


def test_other_data_in_the_same_compiled_model(small_world, small_joint, small_fit):
    """A world that grows faster by 1.5 per year, on the same design, without compiling again."""
    truth = {name: small_world.truth[name] for name in TYPICAL} | {
        "rate": small_world.truth["rate"] + 1.5}
    outcomes, _ = simulate(small_world.columns, truth, np.random.default_rng(8))
    joint = replace(small_joint, spec=replace(small_world.spec, sampling=replace(
        small_world.spec.sampling, draws=300, tune=400, chains=2)))
    faster = joint.sample(case="faster", **outcomes)["posterior"].to_dataset()
    rate = (faster["rate_z"] * faster["c1"]).values
    before = (small_fit.posterior["rate_z"] * small_fit.posterior["c1"]).values
    assert abs(rate.mean() - truth["rate"]) < 4 * rate.std()
    assert rate.mean() > before.mean() + 0.5
