"""Worlds: outcomes follow the stated truth, twists do what they say, files say the same."""

import numpy as np
import pytest

from densing_bayes import laws, worlds
from densing_bayes.joint.data import inputs
from densing_bayes.joint.fit import choose
from densing_bayes.joint.growth import effects, knots
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import TYPICAL, Twist, fill, invent, simulate

QUIET = TYPICAL | {"sigma_loss": 1e-9, "sigma_pair": 1e-9, "omega": 1e-9, "omega_family": 1e-9,
                   "sd_source": 1e-9, "sd_benchmark": 1e-9}


@pytest.fixture(scope="module")
def design():
    return invent(np.random.default_rng(3), models=600, benchmarks=3)


def run(design, truth=TYPICAL, seed=1, **twist):
    return simulate(design, truth, np.random.default_rng(seed), Twist(**twist))


def test_without_noise_everything_follows_the_laws(design):
    huge = {name: dict(design[name], items=np.full(len(design[name]["items"]), 1e18))
            for name in ("anchored", "linked_cells")}
    tables, latent = run(design | huge, QUIET)
    time = design["models"]["time"]
    assert latent["log_density"] == pytest.approx(
        TYPICAL["level"] + TYPICAL["rate"] * time, abs=1e-6)
    law, curve = worlds.ruler(fill(QUIET, design), design)
    # the loss at the ladder's centre is the coordinate of that name
    centre = design["anchors"]
    at_centre = laws.loss(params=np.exp(centre["centre_log_params"][0]),
                          tokens=np.exp(centre["centre_log_tokens"][0]),
                          **{name: np.ravel(value)[0] for name, value in law.items()})
    assert np.log(at_centre) == pytest.approx(TYPICAL["log_loss_at_centre"])
    loss = laws.loss_of_log_size(log_size=latent["log_effective"], tokens=5e12, **law)
    expected = laws.score(loss=loss, **curve)
    cells = tables["anchored"]
    assert cells["score"] == pytest.approx(expected[cells["model"]], abs=1e-6)
    cells = tables["linked_cells"]
    linked = laws.linked_score(
        log_size=latent["log_effective"][cells["model"]], slope=np.exp(TYPICAL["log_kappa"]),
        midpoint=TYPICAL["linked_midpoint"],
        chance=design["linked_benchmarks"]["chance"][cells["benchmark"] - 1],
        scale=TYPICAL["linked_headroom"]
        * (1 - design["linked_benchmarks"]["chance"][cells["benchmark"] - 1]))
    assert cells["score"] == pytest.approx(linked, abs=1e-6)


def test_scatter_has_the_stated_size(design):
    """False-alarm rate below 1e-4: four standard errors of each moment."""
    tables, latent = run(design)
    gap = TYPICAL["omega"] * np.sqrt(2 * TYPICAL["q"] / np.pi)
    gap_family = TYPICAL["omega_family"] * np.sqrt(2 * TYPICAL["q_family"] / np.pi)
    below = (latent["log_density"] - TYPICAL["level"]
             - TYPICAL["rate"] * design["models"]["time"])
    family = design["models"]["family"]
    mean = np.array([below[family == one].mean() for one in np.unique(family)])
    sd = TYPICAL["omega_family"] * np.sqrt(1 - 2 * TYPICAL["q_family"] / np.pi)
    assert abs(below.mean() + gap + gap_family) < 4 * mean.std() / np.sqrt(mean.size)
    within = below - mean[np.unique(family, return_inverse=True)[1]]
    own = TYPICAL["omega"] * np.sqrt(1 - 2 * TYPICAL["q"] / np.pi)
    assert within.std() * np.sqrt(3 / 2) == pytest.approx(own, rel=0.2)
    assert mean.std() == pytest.approx(np.hypot(sd, own / np.sqrt(3)), rel=0.25)
    ladder = tables["ladder"]
    quiet = run(design, QUIET)[0]["ladder"]["log_loss"]
    assert (ladder["log_loss"] - quiet).std() == pytest.approx(TYPICAL["sigma_loss"], rel=0.6)


def test_same_seed_same_world_and_the_rate_moves_nothing_else(design):
    one, two = run(design)[1]["log_density"], run(design)[1]["log_density"]
    assert (one == two).all()
    faster = run(design, TYPICAL | {"rate": TYPICAL["rate"] + 1})[1]["log_density"]
    assert faster - one == pytest.approx(design["models"]["time"])


def test_exponential_gap_keeps_the_sd_and_thickens_the_tail(design):
    flat = TYPICAL | {"rate": 0.0, "q": 0.99, "omega": 1.0, "omega_family": 1e-9}
    half, exponential = (run(design, flat, gap=gap)[1]["log_density"]
                         for gap in ("half-normal", "exponential"))
    assert exponential.std() == pytest.approx(half.std(), rel=0.15)
    skew = [((x - x.mean()) ** 3).mean() / x.std() ** 3 for x in (half, exponential)]
    assert skew[1] < skew[0] < 0


def test_twists_change_what_they_name(design):
    plain, latent = run(design)
    late = design["models"]["time"] > np.median(design["models"]["time"])
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
    chosen, latent = run(design, records_only=1.5)
    seen = np.unique(np.asarray(chosen["anchored"]["model"])[chosen["anchored"]["weight"] > 0])
    assert latent["log_density"][seen].mean() > latent["log_density"].mean() + 0.1
    apart, _ = run(design, irreducible=0.2)
    assert not np.allclose(apart["ladder"]["log_loss"], plain["ladder"]["log_loss"])


def test_a_bend_slows_growth_about_the_same_average_rate(design):
    """Ln density moves by half of -1/year^2 times the square of time, less its own line."""
    time = design["models"]["time"]
    straight, bent = (run(design, bend=bend)[1] for bend in (0.0, -0.5))
    change = bent["log_density"] - straight["log_density"]
    second, slope, level = np.polyfit(time, change, 2)
    assert second == pytest.approx(-0.5)
    np.testing.assert_allclose(change, np.polyval([second, slope, level], time), atol=1e-9)
    assert np.polyfit(time, change, 1) == pytest.approx([0, 0], abs=1e-9)
    assert bent["rate"] == straight["rate"]


def test_a_drift_moves_the_frontier_along_its_knots(design):
    """Steps of sd ``drift`` on the columns of the model, which leave level and rate alone."""
    time = design["models"]["time"]
    table = knots(time)
    quiet = QUIET | {"drift": 2.0}
    paths = np.array([run(design | {"knots": table}, quiet, seed=seed)[1]["log_density"]
                      for seed in range(200)])
    bends = paths - QUIET["level"] - QUIET["rate"] * time
    steps = np.linalg.lstsq(effects(table, time), bends.T, rcond=None)[0]
    np.testing.assert_allclose(effects(table, time) @ steps, bends.T, atol=1e-6)
    assert steps.std() == pytest.approx(2.0, rel=0.12)  # 1,200 steps: six standard errors
    np.testing.assert_allclose(np.polyfit(time, bends.T, 1), 0, atol=1e-6)


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
    assert read["models"]["log_params"] == pytest.approx(columns["models"]["log_params"][number])
    assert read["models"]["time"] == pytest.approx(columns["models"]["time"][number], abs=1e-3)
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
