"""Calibration without sampling: ranks and their test, scores, tables, resuming, no leaks."""

import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_bayes.calibration import Plan, backtest, certificate, coverage, editions, rounds, sbc
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval
from densing_bayes.joint.fit import choose, prepare
from densing_bayes.joint.outlook import best_to_come
from densing_bayes.joint.quantities import derive, frontier_path, years_of
from densing_bayes.parameters import PARAMETERS, PRIORS
from densing_bayes.plugin import plugin
from densing_bayes.questions import frontier as frontier_questions
from densing_bayes.sections.calibration import LABELS, headline, section
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import (
    DIMS,
    TYPICAL,
    Twist,
    fill,
    frontier,
    invent,
    simulate,
    write,
)

ROUNDS = 200


def normal_rounds(seed, noise=1.0, rounds=ROUNDS):
    """SBC of a normal mean (known sd, prior N(0, 1), 4 data), whose posterior is exact."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(rounds)
    data = truth + noise * rng.standard_normal((4, rounds))
    mean, sd = data.sum(axis=0) / 5, np.sqrt(1 / 5)
    return truth, mean + sd * rng.standard_normal((sbc.RANKS, rounds))


# -- SBC --------------------------------------------------------------------------------------


def test_exact_posteriors_pass():
    """False alarms: 1% by declaration."""
    truth, draws = normal_rounds(1)
    assert sbc.judge({"mean": sbc.rank(draws, truth)})["passed"]


@pytest.mark.parametrize("spoil", [{"narrow": 0.5}, {"narrow": 1.8}, {"shift": 0.5},
                                   {"shift": -0.5}])
def test_wrong_posteriors_fail(spoil):
    truth, draws = normal_rounds(2)
    ranks = sbc.rank(sbc.spoilt(draws, **spoil), truth)
    assert sbc.judge({"mean": ranks})["failed"] == ["mean"]


def test_a_wrong_likelihood_fails():
    truth, draws = normal_rounds(3, noise=2.0)
    assert not sbc.judge({"mean": sbc.rank(draws, truth)})["passed"]


def test_the_declared_rate_of_false_alarms_is_kept():
    """At most 5% of uniform sets alarm at a declared 2% (chance of failing: < 1e-4)."""
    rng = np.random.default_rng(4)
    sets = [{str(i): rng.integers(0, sbc.RANKS + 1, 60) for i in range(8)} for _ in range(300)]
    alarms = [not sbc.judge(ranks, false_alarms=0.02)["passed"] for ranks in sets]
    assert np.mean(alarms) < 0.05


def test_one_wrong_quantity_of_many_fails():
    """However many are ranked beside it: the smallest p-value is not that of a simulation."""
    rng = np.random.default_rng(6)
    ranks = {str(i): rng.integers(0, sbc.RANKS + 1, 12) for i in range(200)}
    assert sbc.judge(ranks | {"wrong": np.zeros(12, int)})["failed"] == ["wrong"]


def test_departure_by_hand():
    # four ranks of 0 among one draw: at 1/2 all four are below, P(Bin(4, 1/2) >= 4) = 1/16
    assert sbc.departure([0, 0, 0, 0], 1) == pytest.approx(2 / 16)


def test_the_band_holds_uniform_ranks_as_often_as_it_says():
    """Binomial error of 300 trials at 95%: 1.3 points; asserted within 4 of them, one-sided."""
    low, high = sbc.band(80, 0.95)
    at = np.arange(1, sbc.RANKS + 1) / (sbc.RANKS + 1)
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(300):
        ranks = rng.integers(0, sbc.RANKS + 1, 80)
        below = np.cumsum(np.bincount(ranks, minlength=sbc.RANKS + 1))[:-1] / 80 - at
        inside.append(((below >= low - 1e-9) & (below <= high + 1e-9)).all())
    assert np.mean(inside) > 0.95 - 4 * 0.013


def test_narrowed_priors_keep_their_distribution_and_sit_at_the_centre():
    priors = load_model("densing").priors
    near = sbc.narrowed(priors, sbc.CENTRE)
    assert list(near) == list(priors)  # the order in which arguments are packed
    assert all(near[name].dist == priors[name].dist for name in priors)
    rng = np.random.default_rng(6)
    for name in ("rate", "size_share", "headroom", "log_alpha", "spread_growth"):
        draws = near[name].rvs(rng, 4000)
        assert draws.mean() == pytest.approx(sbc.CENTRE[name], abs=4 * draws.std() / 60)
        assert draws.std() == pytest.approx(sbc.WIDTHS[name], rel=0.1)
    assert np.median(near["family_gap"].rvs(rng, 4000)) == pytest.approx(
        sbc.CENTRE["family_gap"], rel=0.1)
    assert set(sbc.WIDTHS) <= set(PRIORS)


# -- a joint model of made-up data, never sampled ---------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng = np.random.default_rng(7)
    columns = invent(rng, models=90)
    tables, _ = simulate(columns, TYPICAL, rng)
    return write(tmp_path_factory.mktemp("world"), columns, tables)


@pytest.fixture(scope="module")
def joint(folder):
    spec = load_model("densing")
    return prepare(choose(load_tables(folder), spec), spec)


def test_truths_drawn_have_a_size_at_both_reference_scores(joint):
    priors = sbc.narrowed(joint.spec.priors, sbc.CENTRE)
    rng = np.random.default_rng(8)
    truths = [sbc.draw_truth(priors, joint.columns, rng) for _ in range(20)]
    assert all(sbc.valid(truth, joint.columns) for truth in truths)
    assert all((truth["headroom"] >= joint.columns["anchors"]["floor"]).all()
               for truth in truths)
    assert not sbc.valid(truths[0] | {"headroom": np.array([0.3])}, joint.columns)


def test_every_parameter_is_ranked_in_the_units_of_its_prior(small_world, true_draws):
    """The truth of a world, as one draw of the sampled coordinates, comes back as it was."""
    found = rounds.natural(true_draws, small_world.columns)
    truth = fill(small_world.truth, small_world.columns)
    assert set(found) == {*DIMS, "trend_contrast", "tilt_contrast"}
    for name in set(DIMS) - {"drift"}:  # of which the fixture has one of its own
        np.testing.assert_allclose(np.ravel(found[name].values), np.ravel(truth[name]),
                                   rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_ladders_likelihood_is_largest_near_the_truth(small_world):
    truth = {name: np.atleast_1d(fill(small_world.truth, small_world.columns)[name])
             for name in rounds.LADDER}
    columns = small_world.columns
    best = rounds.ladder_likelihood(truth, columns, columns)[0]
    for name in rounds.LADDER:
        for factor in (0.5, 2.0) if name == "sigma_loss" else (0.8, 1.2):
            off = truth | {name: truth[name] * factor}
            assert rounds.ladder_likelihood(off, columns, columns)[0] < best, name


# -- coverage ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", coverage.WORLDS)
def test_every_world_can_be_simulated(name):
    world = coverage.WORLDS[name]
    design = invent(np.random.default_rng(8), models=60, benchmarks=4)
    tables, latent = simulate(design, coverage.TRUTH | world.truth, np.random.default_rng(9),
                              world.twist)
    assert np.isfinite(tables["anchored"]["score"]).all()
    assert (tables["anchored"]["weight"] > 0).sum() > 30
    assert (world.twist == Twist()) == world.shared
    still = frontier(design, latent, [0.3, 2.3])
    assert (np.diff(still)[0] < 0.01) == ("no growth" in name)


def test_bootstrap_of_points_on_a_line_gives_the_line(joint):
    chain = plugin(joint.observations, tokens=5e12, interval=Interval())
    exact = type(chain)(**{**vars(chain), "log_density": 2.0 * chain.time})
    assert coverage.bootstrap(exact, np.random.default_rng(10), 50) == pytest.approx(2.0)


def draws_of_growth(**growth):
    """Derived draws of two models and three half years, growth as given."""
    segments = np.column_stack([np.broadcast_to(value, 4) for value in growth.values()])
    date = np.array(["2023-02-24", "2026-02-23"], "datetime64[D]")
    derived = xr.Dataset({
        "growth": (("chain", "draw", "segment"), segments[None]),
        "level": (("chain", "draw"), np.zeros((1, 4))),
        "segment_start": ("segment", np.arange(3.0)), "segment_width": ("segment", np.ones(3)),
    }, coords={"model": ["first", "last"], "date": ("model", date),
               "eligible": ("model", [True, True])})
    derived["rate"] = derived["growth"].mean("segment")
    return derived


def test_claims_by_hand():
    # three years: growth 2, 1, and 1, 0, 2, 3 in the last; slower than 1.5 in two draws of four
    found = coverage.claims(draws_of_growth(a=2.0, b=1.0, c=[1.0, 0.0, 2.0, 3.0]))
    assert found == {"p_grows": 1.0, "p_slow": 0.25, "p_slower": 0.5}
    still = coverage.claims(draws_of_growth(a=0.0, b=0.0, c=[0.1, 0.2, 0.6, 0.0]))
    assert still["p_grows"] == 0.25  # averages .033, .067, .2, 0


def world_rows(count=20, truth=1.0):
    return [{"world": "as assumed", "k": k, "truth": truth, "rhat": 1.0, "ess": 500.0,
             "divergences": 0, "p_grows": 0.99 if k < 8 else 0.5, "p_slower": 0.96 * (k == 0),
             "p_slow": 0.96 * (k > 16), "last": 0.3 if k >= 10 else 1.0, "before": 1.0,
             **{method: {"median": 1.1, "low": 0.9 if k < 15 else 1.05, "high": 1.3}
                for method in coverage.METHODS}} for k in range(count)]


def test_coverage_table_by_hand():
    row = coverage.coverage_table(world_rows()).iloc[0]
    assert (row["method"], row["worlds"]) == ("joint", 20)
    assert row["coverage"] == pytest.approx(15 / 20)
    assert row["bias"] == pytest.approx(0.1)
    assert row["width"] == pytest.approx((15 * 0.4 + 5 * 0.25) / 20)
    assert (row["says_grows"], row["says_slow"], row["says_slower"]) == (8 / 20, 3 / 20, 1 / 20)
    assert row["coverage_se"] == pytest.approx(np.sqrt(16 / 22 * 6 / 22 / 22))


def test_kinds_are_pooled_by_whether_the_model_holds():
    rows = [dict(world="as assumed", method="joint", worlds=10, coverage=0.9),
            dict(world="no growth", method="joint", worlds=5, coverage=1.0),
            dict(world="developers", method="joint", worlds=4, coverage=0.75),
            dict(world="developers", method="plug-in", worlds=3, coverage=0.0)]
    holds, wrong, plug = coverage.pooled(rows)
    assert (holds["hits"], holds["worlds"], holds["kinds"]) == (14, 15, 2)
    assert (wrong["hits"], wrong["worlds"], wrong["coverage"]) == (3, 4, 0.75)
    assert (plug["method"], plug["hits"]) == ("plug-in", 0)


def test_claims_are_those_of_the_report():
    assert (coverage.NONE, coverage.SLOW) == (frontier_questions.GROWS, frontier_questions.SLOW)


def test_a_claim_is_false_only_where_it_is():
    grows, slow, slower = coverage.false_claims([*world_rows(), *world_rows(truth=0.0)])
    assert (slow["worlds"], slow["share"]) == (20, 0.0)  # made three times, and right
    assert (grows["worlds"], grows["share"]) == (20, 8 / 20)  # the worlds without growth
    assert (slower["worlds"], slower["share"]) == (20, 2 / 20)  # ten of each


# -- back-test --------------------------------------------------------------------------------


@given(st.floats(-3, 3), st.floats(0.2, 3), st.floats(-4, 4))
@settings(max_examples=25, deadline=None)
def test_crps_of_normal_draws(mean, sd, outcome):
    """Against the closed form of a normal forecast, on 2,000 quantiles."""
    from scipy.stats import norm

    draws = norm.ppf((np.arange(2000) + 0.5) / 2000, mean, sd)
    z = (outcome - mean) / sd
    exact = sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert backtest.crps(draws, outcome) == pytest.approx(exact, abs=5e-3 * sd)


def test_backtest_table_by_hand():
    def row(origin, method, crps, pit, median, horizon=3):
        return {"origin": origin, "what": "frontier", "horizon": horizon, "method": method,
                "outcome": 1.0, "median": median, "crps": crps, "pit": pit}

    rows = [row("a", "joint", 0.1, 0.5, 1.2), row("b", "joint", 0.3, 0.02, 1.4),
            row("a", "paper", 0.4, 0.5, 2.0), row("b", "paper", 0.6, 0.99, 2.0),
            row("b", "record jumps", 0.2, 0.5, 1.0)]
    table = backtest.backtest_table(rows).set_index(["horizon", "method"])
    joint = table.loc[(0, "joint")]
    assert (joint["forecasts"], joint["origins"]) == (2, 2)
    assert joint["crps"] == pytest.approx(0.2)
    assert joint["bias"] == pytest.approx(0.3)
    assert joint["coverage_90%"] == pytest.approx(0.5)  # 0.02 lies outside [0.05, 0.95]
    assert 0.2 < joint["coverage_90%_se"] < 0.5  # two origins, one hit
    assert table.loc[(3, "paper"), "against"] == pytest.approx(1 - 0.4 / 1.0)
    # a rival is compared on the forecasts that it made: there it was better
    assert table.loc[(0, "record jumps"), "against"] == pytest.approx(1 - 0.3 / 0.2)


def test_line_draws_are_the_textbook_prediction_interval():
    rng = np.random.default_rng(13)
    time = np.linspace(0, 2, 10)
    value = 1 + 2 * time + 0.3 * rng.standard_normal(10)
    draws = backtest.line_draws(time, value, np.array([3.0]), rng, 20000)[:, 0]
    from scipy.stats import linregress, t

    line = linregress(time, value)
    left = value - line.intercept - line.slope * time
    s = np.sqrt((left @ left) / 8)
    half = t.ppf(0.95, 8) * s * np.sqrt(1 + 1 / 10 + (3 - 1) ** 2 / ((time - 1) ** 2).sum())
    middle = line.intercept + 3 * line.slope
    assert np.quantile(draws, [0.05, 0.5, 0.95]) == pytest.approx(
        [middle - half, middle, middle + half], abs=0.06 * half)


def test_rivals_of_a_straight_path_say_what_they_are_named_for():
    """One model a month, each the densest so far, 1.2 a year: all rivals know their own way."""
    months = np.arange(36)
    date = np.datetime64("2023-02-24") + (months * 30.4375).round().astype("timedelta64[D]")
    time = months / 12
    draws = 200
    derived = xr.Dataset({
        "log_density": (("chain", "draw", "model"), np.broadcast_to(1.2 * time, (1, draws, 36))),
        "growth": (("chain", "draw", "segment"), np.full((1, draws, 2), 1.2)),
        "level": (("chain", "draw"), np.zeros((1, draws))),
        "segment_start": ("segment", [0.0, 1.5]), "segment_width": ("segment", [1.5, 10.0]),
    }, coords={"model": months.astype(str), "date": ("model", date),
               "eligible": ("model", np.ones(36, bool))})
    now, ahead = 35 / 12 + 0.01, np.array([35 / 12 + 0.51])
    for what in backtest.QUANTITIES:
        found = backtest.rivals(derived, what, now, ahead, 2.4 / 365.25, np.random.default_rng(1))
        assert set(found) == set(backtest.METHODS) - {"joint"}
        middle = {name: np.median(one) for name, one in found.items()}
        start = 1.2 * 35 / 12
        assert middle["paper"] == pytest.approx(1.2 * ahead[0], abs=0.02)
        assert middle["no change"] == pytest.approx(start, abs=0.12)
        assert middle["record jumps"] == pytest.approx(start + 0.6, abs=0.15)
        assert middle["published rate"] == pytest.approx(start + 1.2, abs=0.12)
    # and without a published rate in the tables there is no such rival
    assert "published rate" not in backtest.rivals(derived, "frontier", now, ahead, np.nan,
                                                   np.random.default_rng(1))


def test_the_best_to_come_never_falls_and_comes_from_below_the_frontier(small_world, true_draws):
    draws = true_draws.isel(chain=[0] * 4).assign_coords(chain=range(4))
    derived = derive(draws, small_world.observations, small_world.columns)
    now = years_of(derived["date"].values).max()
    years = now + np.array([0.25, 0.5, 1.0])
    few = derived.isel(draw=[0] * 100)
    found = best_to_come(few, now, years, np.random.default_rng(1))
    best = derived["log_density"].values[..., derived["eligible"].values].max()
    assert found.shape == (400, 3)
    assert (found >= best).all()
    assert (np.diff(found, axis=1) >= 0).all()
    line = frontier_path(few, years).values.max(axis=(0, 1))
    # noise of 0.1 is all that lifts a model above it: of 400 draws hardly any by five sds
    assert (found <= np.maximum(line + 0.5, best)).mean() > 0.99
    assert np.median(found[:, 2]) > best + 0.3  # a year of releases below growth of 1.6


def test_what_comes_later_is_no_part_of_an_origin(joint, folder, tmp_path):
    """A future row (an absurd record) leaves every table of the origin as it was."""
    origin = str(np.sort(joint.observations.data["date"].values)[50])[:10]
    for path in folder.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    with (tmp_path / "models.csv").open("a") as file:
        file.write("Planted,Lab-0,Family-0,2026-01-01,weights,1e8,1e8,dense,,16,,,base,planted\n")
    with (tmp_path / "scores.csv").open("a") as file:
        file.write("Planted,Quiz-A,0.89,2000,harness-0,5,planted\n")
    before, planted, today = (
        backtest.known_at(load_tables(place), joint.spec, day)
        for place, day in ((folder, origin), (tmp_path, origin), (folder, "2026-12-31")))

    def same(one, two):
        return all(np.array_equal(np.asarray(one[table][column]), np.asarray(two[table][column]))
                   for table in one for column in one[table])

    assert same(before.columns, planted.columns)
    assert before.coords["model"].tolist() == planted.coords["model"].tolist()
    assert len(before.coords["model"]) == (
        joint.observations.data["date"].values <= np.datetime64(origin)).sum()
    # and the test can fail
    assert len(today.coords["model"]) == 90


def test_the_held_ruler_is_no_unknown(joint):
    values = {row.name: np.array([0.5]) for row in PARAMETERS
              if row.dim == "anchor" and row.name in joint.compiled.shapes}
    values |= {"headroom": np.array([0.95])}
    held = joint.compiled.holding(values)
    assert held.n_dim == joint.compiled.n_dim - len(values)


# -- certificate ------------------------------------------------------------------------------


def fake_case(kind, name, spec, tables, plan, cores):
    rng = np.random.default_rng(zlib.crc32(f"{kind} {name}".encode()))
    health = {"rhat": 1.01, "ess": 400.0, "divergences": 0}
    if kind == "world":
        world, k = name.rsplit("/", 1)
        at = rng.normal(1.6, 0.3)
        return {"world": world, "k": int(k), "truth": 0.0 if "no growth" in world else 1.6,
                "last": 1.0, "before": 1.0, "p_grows": rng.random(), "p_slow": rng.random(),
                "p_slower": rng.random(),
                **health, **{method: {"median": at, "low": at - 0.5, "high": at + 0.5}
                             for method in coverage.METHODS}}
    if kind == "origin":
        rows = [backtest._row(name, what, horizon, method, rng.normal(size=100), rng.normal())
                for what in backtest.QUANTITIES for horizon in backtest.HORIZONS
                for method in backtest.METHODS]
        return {"origin": name, "known": 20, "rows": rows, **health}
    return {"truth": {"rate": rng.normal()},
            "draws": {"rate": rng.normal(size=sbc.RANKS).tolist()}, **health}


PLAN = Plan(rounds=30, real_rounds=0, wrong_rounds=0, shared=6, twisted=2, origins=3)


@pytest.fixture
def faked(monkeypatch):
    calls = []

    def run(kind, name, *rest):
        calls.append((kind, name))
        if len(calls) == 12:
            raise KeyboardInterrupt
        return fake_case(kind, name, *rest)

    monkeypatch.setattr(certificate, "run_case", run)
    return calls


def test_a_stopped_run_goes_on_where_it_was(faked, folder, tmp_path):
    tables, spec = load_tables(folder), load_model("densing")
    with pytest.raises(KeyboardInterrupt):
        certificate.calibrate(out=tmp_path, tables=tables, spec=spec, plan=PLAN)
    assert len(list((tmp_path / "cases").glob("*.json"))) == 11
    result = certificate.calibrate(out=tmp_path, tables=tables, spec=spec, plan=PLAN)
    assert len(set(faked)) == result["cases"]["planned"] == result["cases"]["done"]
    assert len(faked) == len(set(faked)) + 1  # only the one that was cut short ran again
    assert result["timing_s"]["cases run"] == result["cases"]["planned"] - 11
    again = certificate.calibrate(out=tmp_path, tables=tables, spec=spec, plan=PLAN)
    assert again["timing_s"]["cases run"] == 0
    assert again["verdict"] == result["verdict"]
    # another spec does not answer from these cases
    other = spec.with_seed(1)
    assert certificate.certificate(tmp_path, other, tables, PLAN)["cases"]["done"] == 0


def test_the_section_says_what_the_certificate_says(faked, folder, tmp_path):
    faked.extend([None] * 20)  # past the interruption
    tables, spec = load_tables(folder), load_model("densing")
    result = certificate.calibrate(out=tmp_path, tables=tables, spec=spec, plan=PLAN)
    saved = json.loads((tmp_path / "certificate.json").read_text())
    told = section(saved, spec)
    assert told.summary["calibration"]["cases"]["done"] == result["cases"]["done"]
    for method in backtest.METHODS[1:]:  # every rival is named where the comparison is
        assert LABELS.get(method, method) in " ".join(told.text)
    assert "'the frontier grew'" in " ".join(told.text)
    broken = [dict(one, kept="no") for one in result["verdict"][:1]]
    assert broken[0]["promise"] in headline(result | {"verdict": broken})[0]
    longer = replace(spec, sampling=replace(spec.sampling, draws=9000))
    assert "other priors" not in " ".join([*told.text, *section(saved, longer).text])
    other = spec.with_options(constant_spread=True)
    assert "other priors or options" in " ".join(section(saved, other).text)
    ours, theirs = dict(tables.sha256), {**tables.sha256, "scores": "another"}
    assert "calibrate --data" not in " ".join(section(saved, spec, ours).text)
    assert "calibrate --data" in " ".join(section(saved, spec, theirs).text)
    assert "untested" in section(None).text[0]
    from densing_bayes.figures import house

    for picture in told.pictures:
        assert "<svg" in house.svg(picture)


def test_verdict_words():
    assert certificate._kept(0.90, 0.01, 0.87, 0.93) == "yes"
    assert certificate._kept(0.90, 0.05, 0.87, 0.93) == "open"  # too few cases
    assert certificate._kept(0.85, 0.02, 0.87, 0.93) == "open"
    assert certificate._kept(0.82, 0.02, 0.80, None) == "open"
    assert certificate._kept(0.70, 0.02, 0.87, 0.93) == "no"
    assert certificate._kept(0.95, 0.02, 0.80, None) == "yes"
    assert certificate._kept(0.95, None, 0.80, None) == "open"


def test_cases_are_balanced_and_named_once():
    plan = Plan(rounds=10, real_rounds=0, wrong_rounds=5, shared=20, twisted=5, origins=1)
    listed = certificate.cases(plan)
    twisted = [name for name, world in coverage.WORLDS.items() if not world.shared]
    shared = len(coverage.WORLDS) - len(twisted)
    assert len(set(listed)) == len(listed) == 10 + 5 + shared * 20 + len(twisted) * 5
    half = listed[: len(listed) // 2]
    kinds = [name.split("/")[0] for kind, name in half if kind == "world"]
    assert 2 <= kinds.count("contamination") <= 3
    assert 9 <= kinds.count("as assumed") <= 11


def test_an_edition_is_never_rewritten(monkeypatch, tmp_path):
    monkeypatch.setattr(editions, "shelf", lambda name: tmp_path)
    assert editions.published() is None
    kept = {"format": editions.FORMAT}
    editions.publish(kept | {"seed": 1}, "2026-01-01")
    editions.publish(kept | {"seed": 2}, "2026-02-01")
    editions.publish({"seed": 4}, "2026-03-01")  # of an older program: not read
    assert editions.published() == kept | {"seed": 2, "edition": "2026-02-01"}
    with pytest.raises(InputError, match="already"):
        editions.publish(kept | {"seed": 3}, "2026-01-01")
    assert json.loads((tmp_path / "published/2026-01-01/certificate.json").read_text())["seed"] == 1


def test_the_published_certificate_can_be_told():
    """The newest edition has every kind of world, rival and check that the section names."""
    result = editions.published()
    assert set(result["worlds"]) == set(coverage.WORLDS)
    told = section(result)
    assert {row["method"] for row in result["backtest"]} == set(backtest.METHODS)
    assert {row["world"] for row in result["coverage"]} == set(coverage.WORLDS)
    assert len(told.tables) == 3


def test_a_ruler_with_irreducible_loss_is_refused(tmp_path):
    spec = load_model("densing").with_options(irreducible=True)
    with pytest.raises(InputError, match="irreducible"):
        certificate.calibrate(out=tmp_path, spec=spec)
