"""The plug-in chain: on data without noise it returns the truth; on records it shows its flaw."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes import laws
from densing_bayes.intervals import Interval
from densing_bayes.observations import Observations
from densing_bayes.plugin import fit_curve, fit_ladder, plugin, records

LAW = {"log_a": np.log(5.2), "alpha": 0.09, "log_b": np.log(160.0), "beta": 0.25}
CURVE = {"gamma": -8.0, "midpoint": 0.75, "scale": 0.75, "chance": 0.25}
TOKENS = 5e12
RATE, LEVEL = 1.6, 0.2


def ladder() -> tuple[np.ndarray, np.ndarray]:
    """The paper's ladder: six sizes, six token counts each."""
    sizes = np.array([5_247_232, 31_470_080, 106_196_736, 245_416_960, 476_852_480, 828_225_024])
    params = np.repeat(sizes, 6).astype(float)
    return params, params * np.tile([10.0, 15, 20, 30, 40, 60], 6)


def world(gaps: np.ndarray) -> Observations:
    """Observations without any noise: models at given ln distances below a line in time."""
    params, tokens = ladder()
    loss = laws.loss(params=params, tokens=tokens, **LAW)
    pair_loss = np.linspace(0.6, 1.6, 25)
    time = np.linspace(0, 2.2, len(gaps))
    log_params = np.log(np.geomspace(1e9, 7e10, len(gaps)))[::-1]
    size = log_params + LEVEL + RATE * time - gaps
    score = laws.score(loss=laws.loss_of_log_size(log_size=size, tokens=TOKENS, **LAW), **CURVE)
    count = len(gaps)
    return Observations(xr.Dataset({
        "run_benchmark": ("run", np.zeros(36, int)), "run_log_params": ("run", np.log(params)),
        "run_log_tokens": ("run", np.log(tokens)), "run_log_loss": ("run", np.log(loss)),
        "pair_benchmark": ("pair", np.zeros(25, int)), "pair_loss": ("pair", pair_loss),
        "pair_score": ("pair", laws.score(loss=pair_loss, **CURVE)),
        "chance": ("benchmark", [0.25]), "time": ("model", time),
        "log_params": ("model", log_params),
        "cell_benchmark": ("cell", np.zeros(count, int)),
        "cell_model": ("cell", np.arange(count)), "cell_score": ("cell", score),
    }, coords={"model": [f"m{i}" for i in range(count)]}))


def test_the_ladder_gives_its_exponents_back():
    params, tokens = ladder()
    loss = laws.loss(params=params, tokens=tokens, **LAW)
    law = fit_ladder(np.log(params), np.log(tokens), np.log(loss))
    assert law == pytest.approx(LAW, abs=1e-3)


def test_one_wild_run_hardly_moves_the_exponents():
    params, tokens = ladder()
    log_loss = np.log(laws.loss(params=params, tokens=tokens, **LAW))
    log_loss[7] += 0.5  # Huber counts it like a run 2% away
    law = fit_ladder(np.log(params), np.log(tokens), log_loss)
    assert law["alpha"] == pytest.approx(LAW["alpha"], abs=0.005)
    assert law["beta"] == pytest.approx(LAW["beta"], abs=0.02)


def test_the_curve_gives_its_slope_and_midpoint_back():
    loss = np.linspace(0.5, 1.8, 40)
    curve = fit_curve(loss, laws.score(loss=loss, **CURVE), 0.25)
    assert curve == pytest.approx(CURVE, abs=1e-3)


def test_the_whole_chain_without_noise():
    gaps = np.tile([0.0, 1.5, 0.8], 10)
    found = plugin(world(gaps), tokens=TOKENS, interval=Interval())
    assert found.law == pytest.approx(LAW, abs=1e-3)
    assert found.curve == pytest.approx(CURVE, abs=1e-3)
    assert [found.low, found.rate, found.high] == pytest.approx([RATE] * 3, abs=1e-3)
    time = np.linspace(0, 2.2, 30)
    np.testing.assert_allclose(found.log_density, LEVEL + RATE * time - gaps, atol=1e-3)
    assert found.record.tolist() == (gaps == 0).tolist()
    assert found.r_squared == pytest.approx(1, abs=1e-6)
    assert found.dropped == 0


def test_the_nominal_interval_is_least_squares_on_the_records():
    gaps = np.array([0, 0.1, 2, 0, 0.2, 3, 0.15, 0.0, 1.0, 0.1])
    found = plugin(world(gaps), tokens=TOKENS, interval=Interval(0.9))
    time, value = found.time[found.record], found.log_density[found.record]
    count = len(time)
    assert count == 7
    centred = time - time.mean()
    slope = centred @ value / (centred @ centred)
    rest = value - value.mean() - slope * centred
    error = np.sqrt(rest @ rest / (count - 2) / (centred @ centred))
    t_95 = 2.0150  # Student's t with 5 degrees of freedom, 95%
    assert found.rate == pytest.approx(slope)
    assert found.high - slope == pytest.approx(t_95 * error, rel=1e-4)
    assert slope - found.low == pytest.approx(t_95 * error, rel=1e-4)
    assert found.r_squared == pytest.approx(1 - rest @ rest / ((value - value.mean()) ** 2).sum())


def test_scores_without_an_inverse_are_dropped_and_counted():
    observations = world(np.tile([0.0, 1.0], 10))
    data = observations.data.copy(deep=True)
    data["cell_score"][:3] = [0.25, 0.2, 1.0]  # chance, below it, and the ceiling of this chain
    found = plugin(Observations(data), tokens=TOKENS, interval=Interval())
    assert found.dropped == 3
    assert list(found.model) == [f"m{i}" for i in range(3, 20)]
    assert np.isfinite(found.log_density).all()


def test_two_records_are_no_line():
    found = plugin(world(np.array([0.0, 3.0, 0.0, 8.0, 9.0])), tokens=TOKENS, interval=Interval())
    assert found.record.sum() == 2
    assert np.isnan([found.rate, found.low, found.high]).all()


def test_the_flaw_records_grow_without_growth():
    """Trap P2: with no growth at all, the slope on records is positive nearly always.

    50 worlds of 51 models whose density does not change. By the science note 71% have four or
    more records; fewer than 20 of 50 has probability 1e-5. A world with three records or more
    has a positive slope whatever the seed, since records increase in time and in value.
    """
    rng = np.random.default_rng(1)
    slopes, many = [], 0
    for _ in range(50):
        time, value = np.sort(rng.uniform(0, 2.2, 51)), rng.normal(size=51)
        record = records(time, value)
        many += record.sum() >= 4
        if record.sum() >= 3:
            slopes.append(np.polyfit(time[record], value[record], 1)[0])
    assert many >= 20
    assert min(slopes) > 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=1, max_size=12))
def test_records_by_their_definition(points):
    time = np.array([float(t) for t, _ in points])
    value = np.array([float(v) for _, v in points])
    found = records(time, value)
    for i in range(len(points)):
        beaten = any(time[j] < time[i] and value[j] >= value[i] for j in range(len(points)))
        equal = any(time[j] == time[i] and value[j] >= value[i] for j in range(len(points))
                    if j != i)
        if beaten:
            assert not found[i]
        elif not equal:
            assert found[i]
    first = time == time.min()
    assert found[first].sum() == 1  # one record a day at most, and the first day has one
    assert value[first][found[first]] == value[first].max()
