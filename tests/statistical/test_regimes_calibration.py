"""False alarms, coverage and recovery of the regime verdict over hundreds of synthetic worlds.

Each test states how often it would fail by chance if the package were right. Worlds: 12 to 50
points over 1.5 to 6 years, rates of 0 to 2.5 per year, scatter of 0.2 to 1; deviations that are
independent, heavy-tailed, fade, or stay for good.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from densing_bayes.breakpoints.asking import judge_kink
from densing_bayes.breakpoints.designs import Regime
from densing_bayes.breakpoints.evidence import RULE, power
from densing_bayes.breakpoints.fits import fit
from densing_bayes.breakpoints.ratios import ratio_summary
from densing_bayes.breakpoints.series import Series, as_days, check
from densing_bayes.breakpoints.shapes import Kink
from densing_bayes.intervals import Interval
from densing_bayes.specs import load_model
from densing_bayes.trends import DAYS_PER_YEAR

pytestmark = pytest.mark.slow
START = np.datetime64("2020-01-01")


def series_of(years, values, kind="all"):
    dates = START + np.round(years * DAYS_PER_YEAR).astype("timedelta64[D]")
    return Series("y", dates, values, np.zeros(len(values)), np.zeros((len(values), 0)), True, kind)


def day_of(years):
    return float(as_days(START)) + years * DAYS_PER_YEAR


def scatter(rng, count, kind):
    """Scatter: normal, heavy-tailed, carried over from point to point, or a random walk."""
    if kind == "heavy":
        return rng.standard_t(3, size=count) / np.sqrt(3)
    e = rng.normal(size=count)
    if kind == "carried":
        for i in range(1, count):
            e[i] = 0.8 * e[i - 1] + 0.6 * e[i]
    return 0.4 * e.cumsum() if kind == "walk" else e


def world(rng, kind="normal"):
    """A series without a change: its points, length in years and rate."""
    count, span = int(rng.choice([12, 20, 30, 50])), rng.uniform(1.5, 6)
    years = np.sort(rng.uniform(0, span, count))
    rate, size = rng.choice([0, 0.5, 1.5, 2.5]), rng.uniform(0.2, 1.0)
    return series_of(years, rate * years + size * scatter(rng, count, kind)), span, rate


def records_of(rng, rate, growth=0.0, candidates=80, years=3.0):
    """The records among candidates whose mean grows at ``rate``, watched to the end; six or more.

    Candidates become more at the rate ``growth`` per year.
    """
    while True:
        u = rng.uniform(size=candidates)
        when = np.sort(np.log1p(u * np.expm1(growth * years)) / growth if growth else years * u)
        values = rate * when + rng.normal(size=candidates)
        best = np.maximum.accumulate(values)
        record = np.concatenate([[True], values[1:] > best[:-1]])
        found = series_of(when[record], values[record], "records")
        if not check(found) and len(np.unique(found.dates)) == len(found):
            return replace(found, end=START + np.timedelta64(round(years * DAYS_PER_YEAR), "D"))


@pytest.fixture(scope="module")
def spec():
    full = load_model("series")
    return replace(full, sampling=replace(full.sampling, draws=400, tune=300, chains=2))


def claims(found, ratio):
    before, after = found.before_after
    return RULE.claim(ratio, float((after > before).mean())) != "undecided"


KINDS = ["normal", "heavy", "carried", "walk"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("known", [True, False])
def test_no_break_is_claimed_where_there_is_none(spec, kind, known):
    """At most 5% false alarms at the rule, over 60 worlds of each kind.

    Leave-future-out, which only forbids claims, is not asked. At a true rate of 1% (measured: 0
    to 2%) more than 3 of 60 come up once in 300 runs.
    """
    rng = np.random.default_rng(1)
    alarms = 0
    for i in range(60):
        series, span, _ = world(rng, kind)
        found, ratio = judge_kink(series, [day_of(span / 2)] if known else [],
                                  replace(spec, sampling=replace(spec.sampling, seed=i)))
        alarms += claims(found, ratio)
    assert alarms <= 3


@pytest.mark.parametrize(("kind", "least"), [
    ("normal", 0.85), ("heavy", 0.85), ("carried", 0.85), ("walk", 0.78)])
def test_the_rate_is_covered(spec, kind, least):
    """90% intervals of 150 worlds hold the truth.

    At a true 90% fewer than 85% come up once in 40 runs. Random walks of 12 to 50 points are
    held less often (measured: 84%): so few steps look as if they faded.
    """
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(150):
        series, _, rate = world(rng, kind)
        low, high = Interval().of(fit(series, Regime("constant", ""), spec,
                                      checked=False).mean_rate)
        inside += low < rate < high
    assert inside >= least * 150


def test_a_model_without_a_unit_root_fails(spec):
    """The check above can fail: deviations that must be independent cover few random walks."""
    only = replace(spec, priors=spec.priors | {
        "lasting": replace(spec.priors["lasting"], args={"alpha": 1e-9, "beta": 1.0})})
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(60):
        series, _, rate = world(rng, "walk")
        low, high = Interval().of(fit(series, Regime("constant", ""), only,
                                      checked=False).mean_rate)
        inside += low < rate < high
    assert inside < 36


def test_a_doubling_is_found_at_the_stated_coverage(spec):
    """The rate doubles inside the data; date unknown. 80 worlds.

    Of 80 intervals at 90%, fewer than 63 holding the truth would come up once in 600 runs.
    """
    rng = np.random.default_rng(3)
    dates = ratios = claimed = 0
    for i in range(80):
        years = np.sort(rng.uniform(0, 4, 50))
        at = rng.uniform(1, 3)
        values = years + np.maximum(years - at, 0) + 0.15 * rng.normal(size=50)
        found, ratio = judge_kink(series_of(years, values), [],
                                  replace(spec, sampling=replace(spec.sampling, seed=i)))
        low, high = Interval().of(found.change_days)
        dates += low <= day_of(at) <= high
        summary = ratio_summary(*found.before_after, Interval())
        ratios += summary["low"] < 2 < summary["high"]
        claimed += claims(found, ratio)
    assert dates >= 63
    assert ratios >= 63
    assert claimed >= 40  # a random walk is a strong rival: measured 65 to 80%


def test_power_is_what_it_says(spec):
    """A change of the size said to be shown with probability 0.8 is claimed in 80% of worlds.

    Of 80, fewer than 52 or more than 76 would come up once in 300 runs if it were exactly 0.8.
    """
    rng = np.random.default_rng(4)
    years = np.linspace(0, 4, 40)
    regime = Regime("kink", "", Kink(), (day_of(2.0),))
    sizes = []
    for _ in range(5):
        found = fit(series_of(years, years + 0.3 * rng.normal(size=40)), regime, spec)
        sizes.append(power(found, regime).smallest)
    size = np.mean(sizes)
    claimed = 0
    for _ in range(80):
        values = years + size * np.maximum(years - 2, 0) + 0.3 * rng.normal(size=40)
        claimed += claims(*judge_kink(series_of(years, values), [day_of(2.0)], spec))
    assert 52 <= claimed <= 76


class TestRecords:
    """Records of 80 candidates in 3 years, most of which are never seen."""

    def rates(self, spec, rate, growth=0.0, kind="records", count=60):
        rng = np.random.default_rng(5)
        for _ in range(count):
            series = replace(records_of(rng, rate, growth), kind=kind)
            series = series if kind == "records" else replace(series, end=None)
            yield fit(series, Regime("constant", ""), spec, checked=False).mean_rate

    def test_no_growth_is_not_taken_for_growth(self, spec):
        """P(growth) above 0.95 in at most 20% of worlds; least squares always finds growth.

        Only worlds lucky enough to set six records without growth are in it.
        """
        p_growth = np.array([(draws > 0).mean() for draws in self.rates(spec, 0.0)])
        assert (p_growth > 0.95).mean() <= 0.2
        rng = np.random.default_rng(5)
        slopes = [stats.linregress(one.days, one.values).slope
                  for one in (records_of(rng, 0.0) for _ in range(60))]
        assert min(slopes) > 0

    def test_read_as_all_points_they_mislead(self, spec):
        """The same worlds as independent points: the check above can fail."""
        only = replace(spec, priors=spec.priors | {
            "lasting": replace(spec.priors["lasting"], args={"alpha": 1e-9, "beta": 1.0})})
        p_growth = np.array([(draws > 0).mean() for draws in self.rates(only, 0.0, kind="all")])
        assert (p_growth > 0.95).mean() > 0.5

    @pytest.mark.parametrize("rate", [0.5, 1.5, 2.66])
    @pytest.mark.parametrize("growth", [0.0, 1.0])
    def test_the_rate_is_covered(self, spec, rate, growth):
        """90% intervals hold the truth in 47 or more of 60 worlds (fails once in 300 runs),
        for a crowd that is constant and for one that grows by a factor of 20.
        """
        inside = 0
        for draws in self.rates(spec, rate, growth):
            low, high = Interval().of(draws)
            inside += low < rate < high
        assert inside >= 47
