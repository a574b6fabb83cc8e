"""Calibration without sampling: ranks and their test, scores, tables, resuming, no leaks."""

import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_bayes.calibration import Plan, backtest, certificate, coverage, sbc
from densing_bayes.calibration.rig import AHEAD, Rig, observed
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval
from densing_bayes.joint.centring import own_places
from densing_bayes.joint.data import inputs
from densing_bayes.joint.fit import choose
from densing_bayes.joint.growth import KNOTS, STEP, effects
from densing_bayes.plugin import plugin
from densing_bayes.sections.calibration import headline, section
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import TYPICAL, Twist, invent, simulate, write

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
    sets = [{str(i): rng.integers(0, 100, 60) for i in range(8)} for _ in range(300)]
    alarms = [not sbc.judge(ranks, false_alarms=0.02)["passed"] for ranks in sets]
    assert np.mean(alarms) < 0.05


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
    near = sbc.narrowed(priors, TYPICAL)
    assert list(near) == list(priors)  # the order in which arguments are packed
    assert all(near[name].dist == priors[name].dist for name in priors)
    rng = np.random.default_rng(6)
    for name in ("rate", "size_share", "headroom", "log_alpha"):
        draws = near[name].rvs(rng, 4000)
        assert draws.mean() == pytest.approx(TYPICAL[name], abs=4 * draws.std() / 60)
        assert draws.std() == pytest.approx(sbc.WIDTHS[name], rel=0.1)
    assert np.median(near["omega"].rvs(rng, 4000)) == pytest.approx(
        TYPICAL["omega"], rel=0.1)


# -- a small rig without a compiled model -----------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng = np.random.default_rng(7)
    columns = invent(rng, models=90)
    tables, _ = simulate(columns, TYPICAL, rng)
    return write(tmp_path_factory.mktemp("world"), columns, tables)


@pytest.fixture(scope="module")
def rig(folder):
    spec = load_model("densing")
    observations = choose(load_tables(folder), spec)
    columns, _ = inputs(observations, spec)
    return Rig(spec, observations, columns, None)


def test_truths_drawn_have_a_size_at_both_reference_scores(rig):
    priors = sbc.narrowed(rig.spec.priors, TYPICAL)
    rng = np.random.default_rng(8)
    truths = [sbc.draw_truth(priors, rig.columns, rng) for _ in range(20)]
    assert all(sbc.valid(truth, rig.columns) for truth in truths)
    assert not sbc.valid(truths[0] | {"headroom": np.array([0.3])}, rig.columns)


def test_observed_holds_the_changed_outcomes_where_they_belong(rig):
    same = observed(rig, {})
    assert same.data["cell_score"].values == pytest.approx(
        rig.observations.data["cell_score"].values)
    cells = dict(rig.columns["anchored"])
    cells["weight"] = np.asarray(cells["weight"]) * (np.arange(len(cells["weight"])) > 4)
    fewer = observed(rig, {"anchored": cells}).data
    assert fewer.sizes["cell"] == rig.observations.data.sizes["cell"] - 5
    gone = {(int(m), 0) for m in cells["model"][:5]}
    left = set(zip(fewer["cell_model"].values, fewer["cell_benchmark"].values, strict=True))
    assert not gone & left


# -- coverage ---------------------------------------------------------------------------------


def test_every_world_can_be_simulated(rig):
    for world in coverage.WORLDS.values():
        tables, latent = simulate(rig.columns, TYPICAL | world.truth, np.random.default_rng(9),
                                  world.twist)
        assert latent["rate"] == world.truth.get("rate", TYPICAL["rate"])
        assert np.isfinite(tables["anchored"]["score"]).all()
        assert (world.twist == Twist()) == world.shared


def test_bootstrap_of_points_on_a_line_gives_the_line(rig):
    chain = plugin(observed(rig, {}), tokens=5e12, interval=Interval())
    exact = type(chain)(**{**vars(chain), "log_density": 2.0 * chain.time})
    rates, changes = coverage.bootstrap(exact, np.random.default_rng(10), 50)
    assert rates == pytest.approx(2.0)
    assert changes == pytest.approx(0.0, abs=1e-6)


def test_acceleration_is_seen_where_it_is_and_not_where_it_is_not():
    time = np.linspace(0, 2, 12)
    rng = np.random.default_rng(11)
    noise = 0.05 * rng.standard_normal(12)
    assert coverage.accelerates(time, time + 2 * np.maximum(time - 1, 0) + noise, time)
    assert not coverage.accelerates(time, time - 2 * np.maximum(time - 1, 0) + noise, time)
    assert not coverage.accelerates(time[:3], time[:3] ** 2, time)


def world_rows(count=20):
    return [{"world": "as assumed", "k": k, "truth": 1.0, "rhat": 1.0, "ess": 500.0,
             "divergences": 0,
             **{method: {"median": 1.1, "low": 0.9 if k < 15 else 1.05, "high": 1.3}
                for method in coverage.METHODS},
             **({"joint accelerates": k == 0} if k < 10 else {})} for k in range(count)]


def test_coverage_table_by_hand():
    row = coverage.coverage_table(world_rows()).iloc[0]
    assert (row["method"], row["worlds"], row["asked"]) == ("joint", 20, 10)
    assert row["coverage"] == pytest.approx(15 / 20)
    assert row["bias"] == pytest.approx(0.1)
    assert row["width"] == pytest.approx((15 * 0.4 + 5 * 0.25) / 20)
    assert row["false_acceleration"] == pytest.approx(0.1)
    assert row["coverage_se"] == pytest.approx(np.sqrt(16 / 22 * 6 / 22 / 22))


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
                "outcome": 1.0, "median": median, "crps": crps, "log_score": -1.0, "pit": pit}

    rows = [row("a", "joint", 0.1, 0.5, 1.2), row("b", "joint", 0.3, 0.02, 1.4),
            row("a", "paper", 0.4, 0.5, 2.0), row("b", "paper", 0.6, 0.99, 2.0)]
    table = backtest.backtest_table(rows).set_index(["horizon", "method"])
    joint = table.loc[(0, "joint")]
    assert (joint["forecasts"], joint["origins"]) == (2, 2)
    assert joint["crps"] == pytest.approx(0.2)
    assert joint["gain"] == pytest.approx(1 - 0.2 / 0.5)
    assert joint["bias"] == pytest.approx(0.3)
    assert joint["coverage_90%"] == pytest.approx(0.5)  # 0.02 lies outside [0.05, 0.95]
    assert 0.2 < joint["coverage_90%_se"] < 0.5  # two origins, one hit
    assert table.loc[(3, "paper"), "gain"] == pytest.approx(0.0)


def test_log_score_prefers_the_truth_and_has_a_floor():
    draws = np.random.default_rng(12).standard_normal(400)
    assert backtest.log_score(draws, 0.0) == pytest.approx(-0.92, abs=0.15)
    assert backtest.log_score(draws, 100.0) == pytest.approx(np.log(1e-6))


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


def test_density_and_score_by_the_plugin_ruler_undo_each_other(rig):
    chain = plugin(observed(rig, {}), tokens=5e12, interval=Interval())
    score = np.array([0.35, 0.5, 0.7])
    density = backtest.density_of(score, 23.0, chain, 5e12)
    assert backtest.score_of(23.0 + density, chain, 5e12) == pytest.approx(score)
    # without an inverse: the ends, in the right order
    ends = backtest.density_of(np.array([0.1, 1.0]), 0.0, chain, 5e12)
    assert ends.tolist() == [backtest.SMALLEST, backtest.LARGEST]


def same(one, two):
    return all(np.array_equal(np.asarray(one[table][column]), np.asarray(two[table][column]))
               for table in one for column in one[table])


def test_nothing_after_the_origin_enters(rig):
    """Later scores and contrasts may be anything: the tables at the origin stay the same."""
    origin = str(np.sort(rig.observations.data["date"].values)[50])[:10]
    before = backtest.tables_at(rig, origin)
    later = ~backtest.known_by(rig, origin)
    assert 0 < later.sum() < later.size
    data = rig.observations.data.copy(deep=True)
    columns = {name: dict(table) for name, table in rig.columns.items()}
    for name in ("anchored", "linked_cells"):
        hit = later[np.asarray(columns[name]["model"], int)]
        columns[name]["score"] = np.where(hit, 0.999, columns[name]["score"])
    hit = later[data["cell_model"].values]
    data["cell_score"] = ("cell", np.where(hit, 0.999, data["cell_score"].values))
    late = later[data["cell_model"].values[data["contrast_cell"].values]]
    columns["contrasts"]["value"] = np.where(late, 0.9, columns["contrasts"]["value"])
    columns["contrasts"]["spread"] = np.where(late, 0.1, columns["contrasts"]["spread"])
    planted = Rig(rig.spec, type(rig.observations)(data), columns, None)
    assert same(before, backtest.tables_at(planted, origin))
    # and the test can fail: a change before the origin is seen
    columns["anchored"]["score"] = np.where(
        later[np.asarray(columns["anchored"]["model"], int)], columns["anchored"]["score"], 0.4)
    assert not same(before, backtest.tables_at(planted, origin))


def test_a_planted_future_model_moves_no_table_of_the_past(rig, folder, tmp_path):
    """A whole future row (an absurd record) leaves every known model's entries as they were."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    with (tmp_path / "models.csv").open("a") as file:
        file.write("Planted,Lab-0,Family-0,2026-01-01,weights,1e8,1e8,dense,,16,,,base,planted\n")
    with (tmp_path / "scores.csv").open("a") as file:
        file.write("Planted,Quiz-A,0.93,2000,harness-0,5,planted\n")
    observations = choose(load_tables(tmp_path), rig.spec)
    columns, _ = inputs(observations, rig.spec)
    planted = Rig(rig.spec, observations, columns, None)
    origin = str(np.sort(rig.observations.data["date"].values)[50])[:10]
    one, two = backtest.tables_at(rig, origin), backtest.tables_at(planted, origin)
    assert one["setting"] == two["setting"]
    count = len(one["models"]["time"])
    assert np.array_equal(one["models"]["time"], two["models"]["time"][:count])
    assert all(np.array_equal(one["knots"][name], two["knots"][name]) for name in one["knots"])
    assert np.array_equal(one["linked_cells"]["weight"], two["linked_cells"]["weight"])
    assert np.asarray(two["anchored"]["weight"])[-1] == 0
    chains = [plugin(observed(each, tables), tokens=5e12, interval=Interval())
              for each, tables in ((rig, one), (planted, two))]
    assert chains[0].rate == chains[1].rate


def test_the_rate_may_change_before_and_after_an_origin(rig):
    """Knots within the known models' dates, then two half a year apart for the forecasts."""
    dates = np.sort(rig.observations.data["date"].values)
    origin = str(dates[50])[:10]
    tables, known = backtest.tables_at(rig, origin), backtest.known_by(rig, origin)
    time = tables["models"]["time"]
    assert time[known].mean() == pytest.approx(0, abs=1e-12)
    at = tables["knots"]["at"]
    assert at.size == KNOTS + AHEAD
    assert (at[:KNOTS] > time[known].min()).all()
    assert (at[:KNOTS] < time[known].max()).all()
    assert at[KNOTS:] == pytest.approx(time[known].max() + np.array([0, 0.5]))
    assert max(backtest.HORIZONS) / 12 <= AHEAD * STEP  # a knot every half year of the horizons
    # the steps leave level and rate of the known models alone, not those of the forecast ones
    effect = effects(tables["knots"], time[known])
    np.testing.assert_allclose(np.polyfit(time[known], effect, 1), 0, atol=1e-9)
    assert (effects(tables["knots"], time[~known])[:, KNOTS] > 0).all()
    still = Rig(rig.spec.with_options(constant_rate=True), rig.observations, rig.columns, None)
    assert (backtest.tables_at(still, origin)["knots"]["scale"] == 0).all()


# -- certificate ------------------------------------------------------------------------------


def fake_case(kind, name, spec, tables, plan, cores):
    rng = np.random.default_rng(zlib.crc32(f"{kind} {name}".encode()))
    health = {"rhat": 1.01, "ess": 400.0, "divergences": 0}
    if kind == "world":
        world, k = name.rsplit("/", 1)
        at = rng.normal(1.6, 0.3)
        return {"world": world, "k": int(k), "truth": 1.6, **health,
                **{method: {"median": at, "low": at - 0.5, "high": at + 0.5}
                   for method in coverage.METHODS}}
    if kind == "origin":
        rows = [backtest._row(name, what, horizon, method, rng.normal(size=100), rng.normal())
                for what in ("anchored score", "frontier") for horizon in backtest.HORIZONS
                for method in backtest.METHODS]
        return {"origin": name, "known": 20, "rows": rows, **health}
    return {"truth": {"rate": rng.normal()}, "draws": {"rate": rng.normal(size=99).tolist()},
            **health}


PLAN = Plan(rounds=30, real_rounds=0, wrong_rounds=0, shared=6, twisted=2, kinks=0, origins=3)


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
    told = section(saved, spec_hash=spec.hash)
    assert told.summary["calibration"]["cases"]["done"] == result["cases"]["done"]
    broken = [dict(one, kept="no") for one in result["verdict"][:1]]
    assert broken[0]["promise"] in headline(result | {"verdict": broken})[0]
    assert "another version" in " ".join(section(saved, spec_hash="0" * 12).text)
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
    plan = Plan(rounds=10, real_rounds=0, wrong_rounds=5, shared=20, twisted=5, kinks=0, origins=1)
    listed = certificate.cases(plan)
    twisted = [name for name, world in coverage.WORLDS.items() if not world.shared]
    assert len(coverage.WORLDS) - len(twisted) == 2
    assert len(set(listed)) == len(listed) == 10 + 5 + 2 * 20 + len(twisted) * 5
    half = listed[: len(listed) // 2]
    kinds = [name.split("/")[0] for kind, name in half if kind == "world"]
    assert 2 <= kinds.count("contamination") <= 3
    assert 9 <= kinds.count("as assumed") <= 11


def test_an_edition_is_never_rewritten(monkeypatch, tmp_path):
    monkeypatch.setattr(certificate, "shelf", lambda name: tmp_path)
    assert certificate.published() is None
    certificate.publish({"seed": 1}, "2026-01-01")
    certificate.publish({"seed": 2}, "2026-02-01")
    assert certificate.published() == {"seed": 2, "edition": "2026-02-01"}
    with pytest.raises(InputError, match="already"):
        certificate.publish({"seed": 3}, "2026-01-01")
    assert json.loads((tmp_path / "published/2026-01-01/certificate.json").read_text())["seed"] == 1


def test_a_ruler_with_irreducible_loss_is_refused(tmp_path):
    spec = load_model("densing").with_options(irreducible=True)
    with pytest.raises(InputError, match="irreducible"):
        certificate.calibrate(out=tmp_path, spec=spec)


def test_what_nobody_scored_has_no_place_of_its_own(rig):
    origin = str(np.sort(rig.observations.data["date"].values)[50])[:10]
    known = backtest.known_by(rig, origin)
    _, precision = own_places(rig.columns | backtest.tables_at(rig, origin))
    assert (precision[~known] == 0).all()
    assert (precision[known] > 0).all()
