"""Break-even of a trained model while prices fall."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_bayes.corollaries import validity as V
from densing_bayes.errors import DomainError
from densing_bayes.intervals import Interval
from densing_bayes.specs import load_model

MONTH = np.log(2) / 2.6  # the published halving of prices
BASE = {"training_cost": 2e6, "tokens_per_visit": 1000.0, "launch_price": 2.0,
        "serving_share": 0.19}


def test_mean_price_of_the_worked_notes():
    assert float(V.mean_price_share(fall=MONTH, window=2.0)) == pytest.approx(0.775, abs=5e-4)


@given(st.floats(-1, 2), st.floats(0.1, 24))
@settings(deadline=None)
def test_mean_price_is_the_mean_of_the_price(fall, window):
    middle = (np.arange(2000) + 0.5) / 2000 * window
    assert float(V.mean_price_share(fall=fall, window=window)) == pytest.approx(
        np.exp(-fall * middle).mean(), rel=1e-3)


def test_a_constant_price_is_its_own_mean():
    assert float(V.mean_price_share(fall=0.0, window=2.0)) == 1.0
    assert float(V.mean_price_share(fall=1e-8, window=2.0)) == pytest.approx(1.0, abs=1e-7)


def test_the_published_visits_follow_from_stated_assumptions():
    visits = float(V.break_even_visits(**BASE, fall=MONTH, window=2.0))
    assert visits == pytest.approx(1.7e9, rel=0.02)
    # by hand: 2e6 USD over 1000 tokens of 2e-6 USD at 0.775 - 0.19 of it
    assert visits == pytest.approx(2e6 / (1000 * 2e-6 * (0.7753 - 0.19)), rel=1e-3)
    # only cost over earnings per visit enters
    doubled = {**BASE, "training_cost": 4e6, "tokens_per_visit": 2000.0}
    assert float(V.break_even_visits(**doubled, fall=MONTH, window=2.0)) == pytest.approx(visits)


def test_no_visits_pay_where_serving_costs_more_than_the_mean_price():
    assert float(V.break_even_visits(**{**BASE, "serving_share": 0.8}, fall=MONTH,
                                     window=2.0)) == np.inf


@given(st.floats(1e5, 1e7), st.floats(0.02, 0.5), st.floats(1e-6, 0.5) | st.just(0.0),
       st.floats(0.5, 4.0))
@settings(deadline=None)
def test_time_inverts_visits(cost, share, fall, window):
    inputs = {**BASE, "training_cost": cost, "serving_share": share}
    visits = V.break_even_visits(**inputs, fall=fall, window=window)
    stop = np.inf if fall == 0 else -np.log(share) / fall
    if not np.isfinite(visits) or window >= stop:
        return  # earning stops before the window ends
    found = V.break_even_time(**inputs, fall=fall, visits_per_month=visits / window)
    assert float(found) == pytest.approx(window, rel=1e-5)


def test_few_visits_never_pay():
    # at 2.6 months the most that can be earned is finite
    assert float(V.break_even_time(**BASE, fall=MONTH, visits_per_month=1e7)) == np.inf
    with pytest.raises(DomainError, match="visits per month"):
        V.break_even_time(**BASE, fall=MONTH, visits_per_month=0.0)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    return V.assumptions(load_model("corollaries"), rng.normal(2.5, 0.5, 2000), 4000, rng)


def test_published_visits_lie_inside_what_is_assumed(inputs):
    low, high = np.quantile(V.visits(inputs), [0.05, 0.95], method="lower")
    assert low < 1.7e9 < high
    assert high / low > 20  # the figure is hardly identified


def test_tornado_moves_one_input_at_a_time_and_sorts(inputs):
    frame = V.tornado(inputs, Interval())
    assert len(frame) == 5
    swing = np.abs(np.log(frame["high"] / frame["low"]))
    assert (np.diff(swing) <= 0).all()
    row = frame.set_index("input").loc["training cost (USD)"]
    assert row["high"] / row["low"] == pytest.approx(row["at_high"] / row["at_low"])  # linear
    assert frame["input"].iloc[-1] == "fall of ln price (1/year)"
