"""Worlds: outcomes follow the stated truth, twists do what they say, files say the same."""

import numpy as np
import pytest

from densing_bayes import laws, worlds
from densing_bayes.joint.data import inputs
from densing_bayes.joint.fit import choose
from densing_bayes.joint.growth import effects
from densing_bayes.parameters import PRIORS
from densing_bayes.priors import Prior
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import TYPICAL, Twist, fill, frontier, invent, simulate
from densing_bayes.worlds.simulation import STILL
from densing_bayes.worlds.twists import own_ability

QUIET = TYPICAL | {"sigma_loss": 1e-9, "sigma_pair": 1e-9, "off_share": 0.0, "family_gap": 1e-9,
                   "model_gap": 1e-9, "noise": 1e-9, "trend_spread": 1e-9, "tilt_spread": 1e-9,
                   "sd_source": 1e-9, "sd_benchmark": 1e-9}
MEAN_HALF = np.sqrt(2 / np.pi)


@pytest.fixture(scope="module")
def design():
    return invent(np.random.default_rng(3), models=600, benchmarks=3)


def run(design, truth=TYPICAL, seed=1, **twist):
    return simulate(design, truth, np.random.default_rng(seed), Twist(**twist))


def below(design, latent):
    """How far models lie below the frontier, ln density."""
    years = design["models"]["time"] + design["setting"]["centre_time"][0]
    return frontier(design, latent, years) - latent["log_density"]


def test_a_truth_has_every_parameter_that_has_a_prior():
    assert {*worlds.DIMS, "irreducible_share"} == set(PRIORS)
    assert set(TYPICAL) == set(worlds.DIMS)


def test_without_noise_everything_follows_the_laws(design):
    huge = {name: dict(design[name], items=np.full(len(design[name]["items"]), 1e18))
            for name in ("anchored", "linked_cells")}
    tables, latent = run(design | huge, QUIET)
    time = design["models"]["time"]
    # growth of 1.6 in every half year (a thousandth less than softplus of it): a straight line
    assert latent["growth"] == pytest.approx(TYPICAL["rate"], abs=1e-3)
    # the level is the mean over the eligible models
    counts = design["models"]["eligible"] > 0
    assert latent["log_density"][counts].mean() == pytest.approx(TYPICAL["level"], abs=1e-6)
    slope, _ = np.polyfit(time[counts], latent["log_density"][counts], 1)
    assert slope == pytest.approx(TYPICAL["rate"], abs=2e-3)
    law, curve = worlds.ruler(fill(QUIET, design), design)
    # the loss at the ladder's centre is the coordinate of that name
    centre = design["anchors"]
    at_centre = laws.loss(params=np.exp(centre["centre_log_params"][0]),
                          tokens=np.exp(centre["centre_log_tokens"][0]),
                          **{name: np.ravel(value)[0] for name, value in law.items()})
    assert np.log(at_centre) == pytest.approx(TYPICAL["log_loss_at_centre"])
    loss = laws.loss_of_log_size(log_size=latent["log_effective"], tokens=5e12, **law)
    cells = tables["anchored"]
    # beside the floor of a printed score's error, 0.0003
    assert cells["score"] == pytest.approx(laws.score(loss=loss, **curve)[cells["model"]],
                                           abs=0.002)
    cells = tables["linked_cells"]
    chance = design["linked_benchmarks"]["chance"][cells["benchmark"] - 1]
    linked = laws.linked_score(
        log_size=latent["log_effective"][cells["model"]], slope=np.exp(TYPICAL["log_kappa"]),
        midpoint=TYPICAL["linked_midpoint"], chance=chance,
        scale=TYPICAL["linked_headroom"] * (1 - chance))
    assert cells["score"] == pytest.approx(linked, abs=0.002)


def test_gaps_have_the_stated_sizes_and_grow_as_stated(design):
    """Means within four standard errors: false alarms below 1e-4 each."""
    truth = TYPICAL | {"spread_growth": 0.5}
    latent = run(design, truth)[1]
    when = design["families"]["time"]
    unit = latent["family_gaps"] / np.exp(0.5 * when)  # exponential of mean 1
    assert abs(unit.mean() - 1.0) < 4 / np.sqrt(when.size)
    family, time = design["models"]["family"], design["models"]["time"]
    own = (below(design, latent) - latent["family_gaps"][family]) / np.exp(0.5 * time)
    sd = TYPICAL["model_gap"]  # no more than that, half-normal
    assert abs(own.mean() - TYPICAL["model_gap"] * MEAN_HALF) < 4 * sd / np.sqrt(own.size)
    assert own.std() == pytest.approx(np.sqrt(0.6**2 * (1 - MEAN_HALF**2) + 0.1**2), rel=0.15)
    assert own.min() > -6 * TYPICAL["noise"] * np.exp(0.5 * np.abs(time).max())


def test_the_ladder_scatters_and_pairs_stand_at_chance_as_often_as_stated(design):
    tables, _ = run(design)
    quiet = run(design, QUIET)[0]
    left = tables["ladder"]["log_loss"] - quiet["ladder"]["log_loss"]
    assert left.std() == pytest.approx(TYPICAL["sigma_loss"], rel=0.6)
    # one in two at chance: 34 pairs, more than 4 and fewer than 30 but once in 100,000
    off, _ = run(design, QUIET | {"off_share": 0.5})
    at_chance = np.abs(off["pairs"]["score"] - 0.25) < 1e-6
    stays = np.abs(off["pairs"]["score"] - quiet["pairs"]["score"]) < 1e-6
    assert (at_chance | stays).all()
    assert 4 < at_chance.sum() < 30


def test_same_seed_same_world_and_the_growth_moves_nothing_else(design):
    one, two = run(design)[1]["log_density"], run(design)[1]["log_density"]
    assert (one == two).all()
    faster = run(design, TYPICAL | {"rate": TYPICAL["rate"] + 1})[1]["log_density"]
    moved = effects(design["segments"], design["models"]["time"]).sum(axis=1)
    assert faster - one == pytest.approx(moved, abs=3e-3)


def test_a_frontier_may_stand_still_and_never_regresses(design):
    still = run(design, TYPICAL | {"rate": STILL})[1]
    assert np.ptp(frontier(design, still, np.linspace(0, 2.8, 9))) < 1e-4
    wild = run(design, TYPICAL | {"rate": 0.0, "drift": 3.0})[1]
    assert (np.diff(frontier(design, wild, np.linspace(0, 2.8, 50))) > -1e-12).all()
    assert np.ptp(wild["growth"]) > 1


def test_own_trends_sum_to_zero_and_move_the_scores(design):
    truth = TYPICAL | {"trend_spread": 1.0}
    tables, latent = run(design, truth)
    assert latent["trend"].sum() == pytest.approx(0, abs=1e-12)
    plain, _ = run(design, TYPICAL | {"trend_spread": 1e-9})
    cells = tables["anchored"]
    late = design["models"]["time"][cells["model"]] > 0
    moved = cells["score"] - plain["anchored"]["score"]
    assert np.sign(moved[late].mean()) == np.sign(latent["trend"][0])


def test_models_that_do_not_count_lie_where_the_model_has_them(design):
    aside = Prior("Normal", {"mu": 7.0, "sigma": 0.1})
    latent = simulate(design, TYPICAL, np.random.default_rng(1), aside=aside)[1]
    counts = design["models"]["eligible"] > 0
    assert 10 < (~counts).sum() < 100
    assert latent["log_density"][~counts].mean() == pytest.approx(7.0, abs=0.1)
    assert latent["log_density"][counts].mean() < 3


def test_swapped_gaps_keep_their_sds(design):
    plain, swapped = (run(design, swapped=value)[1] for value in (False, True))
    sds = [latent["family_gaps"].std() for latent in (plain, swapped)]
    assert sds[1] == pytest.approx(sds[0], rel=0.3)
    # an exponential's skewness is 2, a half-normal's 1
    skew = [((x - x.mean()) ** 3).mean() / x.std() ** 3
            for x in (one["family_gaps"] for one in (plain, swapped))]
    assert skew[1] < 1.4 < skew[0]


def test_twists_change_what_they_name(design):
    plain, latent = run(design)
    time = design["models"]["time"]
    late = time > np.median(time)
    stained, _ = run(design, contaminated=1.0, points=0.07)
    gain = np.minimum(plain["anchored"]["score"] + 0.07, 1.0) - plain["anchored"]["score"]
    assert stained["anchored"]["score"] - plain["anchored"]["score"] == pytest.approx(
        np.where(late[design["anchored"]["model"]], gain, np.minimum(
            plain["anchored"]["score"], 1.0) - plain["anchored"]["score"]))
    assert stained["linked_cells"]["score"] == pytest.approx(plain["linked_cells"]["score"])
    easy, _ = run(design, easier=3.0)
    assert np.median(easy["anchored"]["score"]) > np.median(plain["anchored"]["score"]) + 0.1
    hidden, _ = run(design, unreported=True)
    kept = hidden["anchored"]["weight"] > 0
    weak = hidden["anchored"]["score"] < np.quantile(hidden["anchored"]["score"], 0.3)
    assert kept[weak].mean() < 0.35 < 0.8 < kept[~weak].mean()
    apart, _ = run(design, irreducible=0.2)
    assert not np.allclose(apart["ladder"]["log_loss"], plain["ladder"]["log_loss"])
    assert latent["published"].all()


def test_five_of_six_late_families_lie_lower(design):
    plain, weak = (run(design, late_weak=value)[1] for value in (0.0, 2.2))
    lower = plain["log_density"] - weak["log_density"]
    assert set(np.unique(lower.round(6))) == {0.0, 2.2}
    when = design["families"]["time"][design["models"]["family"]]
    late = when >= when.max() - 0.25 * np.ptp(when)
    assert (lower[~late] == 0).all()
    assert 0.6 < (lower[late] > 1).mean() < 1.0  # 5 of 6 of some fifty families


def test_the_strong_leave_and_the_weak_hide(design):
    time = design["models"]["time"]
    for twist, gap in (({"strong_leave": 1.0}, "stronger"), ({"weak_hidden": 1.0}, "weaker")):
        latent = run(design, **twist)[1]
        seen, far = latent["published"], below(design, latent)
        late = time > time.max() - 0.3 * np.ptp(time)
        early = time < time.min() + 0.3 * np.ptp(time)
        assert seen[early].mean() > 0.9
        assert 0.3 < seen[late].mean() < 0.95
        if gap == "stronger":
            assert far[late & seen].mean() > far[late & ~seen].mean() + 0.5
        else:
            assert far[late & ~seen].min() > 1.5
        # what is not published has no scores
    tables, latent = run(design, strong_leave=1.0)
    cells = tables["anchored"]
    assert ((cells["weight"] > 0) == latent["published"][cells["model"]]).all()


def test_abilities_grow_apart_about_the_same_mean(design):
    """Every other benchmark gains, the rest lose, by a second ability that is the model's own."""
    time = design["models"]["time"]
    moved = own_ability(time, 4, np.random.default_rng(1), Twist(apart=0.6))
    assert moved.sum(axis=1) == pytest.approx(0, abs=1e-12)
    apart = moved[:, 1] - moved[:, 0]
    slope = np.polyfit(time, apart, 1)[0]
    assert slope == pytest.approx(0.6, abs=4 * 0.5 / time.std() / np.sqrt(time.size))
    assert (own_ability(time, 4, np.random.default_rng(1), Twist()) == 0).all()


def test_a_bend_slows_growth_from_half_year_to_half_year(design):
    straight, bent = (run(design, bend=bend)[1]["growth"] for bend in (0.0, -0.4))
    segments = design["segments"]
    middle = segments["start"] + segments["width"] / 2
    assert bent - straight == pytest.approx(-0.8 * (middle - middle.mean()), abs=0.03)


def test_a_world_on_disk_loads_as_the_same_world(tmp_path):
    rng = np.random.default_rng(5)
    columns = invent(rng, models=30)
    tables, latent = simulate(columns, TYPICAL, rng)
    spec = load_model("densing")
    observations = choose(load_tables(worlds.write(tmp_path / "w", columns, tables)), spec)
    assert set(observations.data["benchmark"].values) == {"Quiz-A", "Quiz-B", "Quiz-C"}
    read, _ = inputs(observations, spec)
    order = observations.data["model"].values
    number = np.array([int(name.split("-")[1]) for name in order])
    for name in ("log_used", "log_held", "tilt_size", "eligible", "time"):
        assert read["models"][name] == pytest.approx(columns["models"][name][number], abs=2e-3)
    for name in ("start", "width", "mean"):
        assert read["segments"][name] == pytest.approx(columns["segments"][name], abs=2e-3)
    assert read["setting"]["mean_size"] == pytest.approx(columns["setting"]["mean_size"])
    assert np.sort(read["ladder"]["log_loss"]) == pytest.approx(
        np.sort(tables["ladder"]["log_loss"]))

    def cells(group, model):
        return {(int(m), int(b)): (s, r) for m, b, s, r in zip(
            model, group["benchmark"], group["score"], group["replicates"], strict=True)}

    for name in ("anchored", "linked_cells"):
        wrote = cells(tables[name], tables[name]["model"])
        back = cells(read[name], number[np.asarray(read[name]["model"], int)])
        assert wrote.keys() == back.keys()
        for key, (score, replicates) in wrote.items():
            assert back[key][1] == replicates
            if replicates == 1:  # clipping to [0, 1] may move the mean of several
                assert back[key][0] == pytest.approx(np.clip(score, 0, 1))
    assert np.sort(np.abs(read["contrasts"]["value"])).sum() > 0
    assert latent["log_density"].shape == (30,)
