"""A rate that wanders: columns orthogonal to level and slope, knots by hand, the path beyond."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes.joint.growth import KNOTS, LATER, STEP, effects, knots, later
from densing_bayes.joint.quantities import frontier_path
from densing_bayes.trends import hinge

# dates of models: days of four years, so that many share one
TIMES = st.lists(st.integers(-700, 760), min_size=3, max_size=60).filter(
    lambda days: max(days) - min(days) > 30).map(lambda days: np.array(days) / 365.25)
STEPS = st.lists(st.floats(-5, 5), min_size=KNOTS, max_size=KNOTS).map(np.array)


# -- columns ----------------------------------------------------------------------------------


@given(TIMES)
def test_columns_are_orthogonal_to_level_and_slope(time):
    effect = effects(knots(time), time)
    assert effect.shape == (time.size, KNOTS)
    size = time.size * max(np.ptp(time), 1) ** 2
    assert np.abs(effect.sum(axis=0)).max() < 1e-11 * size
    assert np.abs(time @ effect).max() < 1e-11 * size


@given(TIMES, STEPS, st.floats(-3, 3), st.floats(-5, 5))
def test_the_average_slope_is_the_rate_for_any_steps(time, step, level, rate):
    path = level + rate * time + effects(knots(time), time) @ step
    slope, at_zero = np.polyfit(time, path, 1)
    assert slope == pytest.approx(rate, abs=1e-7)
    assert at_zero == pytest.approx(level, abs=1e-7)


@given(TIMES, STEPS)
def test_the_rate_changes_at_the_knots_only_and_by_the_steps(time, step):
    """Between knots a straight line; at each knot the slope jumps by scale times step."""
    table = knots(time)
    edges = np.concatenate([[time.min()], table["at"], [time.max()]])
    path = effects(table, edges) @ step
    slopes = np.diff(path) / np.diff(edges)
    np.testing.assert_allclose(np.diff(slopes), table["scale"] * step, atol=1e-7)
    middle = effects(table, (edges[1:] + edges[:-1]) / 2) @ step
    np.testing.assert_allclose(middle, (path[1:] + path[:-1]) / 2, atol=1e-9)


@given(TIMES, st.floats(-30, 30))
def test_the_origin_of_time_does_not_matter(time, origin):
    years = np.linspace(time.min() - 1, time.max() + 1, 7)
    np.testing.assert_allclose(effects(knots(time + origin), years + origin),
                               effects(knots(time), years), atol=1e-8)


def test_knots_by_hand():
    """Seven years of models: a knot a year, steps of sd one per year."""
    time = np.arange(8.0)
    table = knots(time)
    assert table["at"] == pytest.approx([1, 2, 3, 4, 5, 6])
    assert table["scale"] == pytest.approx(np.ones(6))
    # the last hinge is 0, ..., 0, 1: mean 1/8, slope (7 - 3.5) / 42 = 1/12
    assert table["slope"][-1] == pytest.approx(1 / 12)
    assert table["level"][-1] == pytest.approx(1 / 8 - 3.5 / 12)
    assert effects(table, [7.0, 9.0])[:, -1] == pytest.approx(
        [1 - 7 / 12 - 1 / 8 + 3.5 / 12, 3 - 9 / 12 - 1 / 8 + 3.5 / 12])


def test_the_sd_of_the_rate_grows_with_the_root_of_time():
    """Steps of sd ``drift`` make a random walk: variance drift^2 per year, whatever the knots."""
    for years in (1.0, 2.2, 5.0):
        table = knots(np.linspace(0, years, 40))
        assert (table["scale"] ** 2).sum() == pytest.approx(years * KNOTS / (KNOTS + 1))
    assert (later(2.0)["scale"] ** 2).sum() == pytest.approx(LATER * STEP)


def test_a_straight_line_takes_no_steps():
    time = np.array([0.0, 0.4, 0.5, 1.3])
    table = knots(time, constant=True, ahead=3)
    assert (table["scale"] == 0).all()
    assert (effects(table, np.linspace(-1, 5, 9)) == 0).all()
    assert (later(1.3, constant=True)["scale"] == 0).all()
    # where the rate may change is the same: the tables of one compiled model fit each other
    assert table["at"] == pytest.approx(knots(time, ahead=3)["at"])


def test_knots_ahead_leave_the_fitted_dates_alone():
    time = np.array([0.0, 0.4, 0.5, 1.3])
    table = knots(time, ahead=2)
    assert table["at"][KNOTS:] == pytest.approx([1.3, 1.8])
    assert table["at"][:KNOTS] == pytest.approx(knots(time)["at"])
    assert (effects(table, time)[:, KNOTS:] == 0).all()
    assert effects(table, [2.3])[0, KNOTS:] == pytest.approx(
        np.sqrt(STEP) * hinge(2.3, np.array([1.3, 1.8])))


def test_later_knots_by_hand():
    table = later(2.0, 3)
    assert table["at"] == pytest.approx([2.0, 2.5, 3.0])
    assert table["scale"] == pytest.approx(np.sqrt([0.5, 0.5, 0.5]))
    assert (table["level"] == 0).all()
    assert (table["slope"] == 0).all()
    assert later(2.0)["at"][-1] == pytest.approx(2.0 + (LATER - 1) * STEP)


# -- the path that draws take -----------------------------------------------------------------


def derived_of(level, rate, table, step) -> xr.Dataset:
    """Derived draws (one chain) of some frontier."""
    dims = ("chain", "draw")
    return xr.Dataset({
        "level": (dims, [level]), "rate": (dims, [rate]), "rate_step": ((*dims, "knot"), [step]),
        **{f"knot_{name}": ("knot", np.asarray(value, float)) for name, value in table.items()}})


def test_the_path_of_hand_made_draws():
    """Level 1 and rate 2; the rate steps by 1.5 at year 1 and by -0.5 at year 2."""
    table = {"at": [1.0, 2.0], "level": [0.0, 0.0], "slope": [0.0, 0.0], "scale": [1.0, 0.5]}
    derived = derived_of([1.0, 1.0], [2.0, 2.0], table, [[1.5, -1.0], [0.0, 0.0]])
    path = frontier_path(derived, [0.0, 1.0, 2.0, 3.0])
    assert path.dims == ("chain", "draw", "time")
    np.testing.assert_allclose(path.values[0], [[1, 3, 3 + 3.5, 3 + 3.5 + 3], [1, 3, 5, 7]])


def test_what_was_taken_off_the_line_is_in_level_and_rate():
    """With the hinge's own line taken off, level and rate are those of the average line."""
    table = {"at": [1.0], "level": [-0.25], "slope": [0.5], "scale": [1.0]}
    derived = derived_of([0.0], [2.0], table, [[1.0]])
    np.testing.assert_allclose(frontier_path(derived, [0.0, 1.0, 2.0]).values[0, 0],
                               [0.25, 2 - 0.25, 4 + 1 + 0.25 - 1])


def test_draws_keep_their_own_steps():
    time = np.linspace(0, 2, 30)
    table = knots(time)
    rng = np.random.default_rng(1)
    step, rate = rng.standard_normal((5, KNOTS)), rng.standard_normal(5)
    path = frontier_path(derived_of(np.zeros(5), rate, table, step), time, "model")
    assert path.dims == ("chain", "draw", "model")
    np.testing.assert_allclose(np.polyfit(time, path.values[0].T, 1)[0], rate, atol=1e-9)
    bend = path.values[0] - rate[:, None] * time
    np.testing.assert_allclose(bend, step @ effects(table, time).T, atol=1e-9)
