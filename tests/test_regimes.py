"""Regimes: fits against least squares, evidence against closed forms, verdicts in words."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from densing_bayes.breakpoints import (
    Columns,
    Series,
    compare_sources,
    forecast,
    forecasts,
    judge,
    regimes,
    series_from,
)
from densing_bayes.breakpoints.asking import judge_kink
from densing_bayes.breakpoints.designs import Regime, regimes_for
from densing_bayes.breakpoints.evidence import (
    RULE,
    leave_future_out,
    leave_one_out,
    over_widths,
    power,
    stack,
)
from densing_bayes.breakpoints.fits import fit, fit_all
from densing_bayes.breakpoints.ratios import ratio_summary
from densing_bayes.breakpoints.series import as_days
from densing_bayes.breakpoints.shapes import Jump, Kink
from densing_bayes.breakpoints.words import odds
from densing_bayes.errors import InputError, TableError
from densing_bayes.figures import draw
from densing_bayes.intervals import Interval
from densing_bayes.questions.regimes import Regimes
from densing_bayes.sections.regimes import section
from densing_bayes.specs import load_model
from densing_bayes.trends import DAYS_PER_YEAR

START = np.datetime64("2020-01-01")


def world(rate, *, change=0.0, at=2.0, noise=0.2, count=40, years=4.0, seed=0, errors=0.0):
    """A series with normal noise whose rate may change ``at`` years after its start."""
    rng = np.random.default_rng(seed)
    years = np.linspace(0, years, count)
    values = rate * years + change * np.maximum(years - at, 0) + noise * rng.normal(size=count)
    dates = START + np.round(years * DAYS_PER_YEAR).astype("timedelta64[D]")
    return Series("y", dates, values, np.full(count, errors), np.zeros((count, 0)), True)


def day_of(years: float) -> float:
    return float(as_days(START)) + years * DAYS_PER_YEAR


def kink(years: float) -> Regime:
    return Regime("kink", "one change", Kink(), (day_of(years),))


@pytest.fixture(scope="module")
def spec():
    full = load_model("series")
    return replace(full, sampling=replace(full.sampling, draws=500, tune=400, chains=2))


@pytest.fixture(scope="module")
def plain(spec):
    """A prior under which points are independent, as in a regression."""
    return replace(spec, priors=spec.priors | {
        "lasting": replace(spec.priors["lasting"], args={"alpha": 1e-9, "beta": 1.0})})


@pytest.fixture(scope="module")
def verdict(spec):
    """A rate that doubles after two years, judged at the right date."""
    return judge(world(1.0, change=1.0, noise=0.15), breaks=["2022-01-01"], spec=spec)


class TestFits:
    def test_a_constant_rate_is_least_squares(self, spec, plain):
        """The posterior is the regression's; allowing for what lasts it is no narrower."""
        series = world(1.3, noise=0.3, seed=1)
        years = (series.days - series.days[0]) / DAYS_PER_YEAR
        line = stats.linregress(years, series.values)
        alone = fit(series, Regime("constant", ""), plain).mean_rate
        assert alone.mean() == pytest.approx(line.slope, abs=0.15 * line.stderr)
        assert alone.std() == pytest.approx(line.stderr, rel=0.12)
        found = fit(series, Regime("constant", ""), spec).mean_rate
        assert found.mean() == pytest.approx(line.slope, abs=0.4 * line.stderr)
        assert 0.95 * line.stderr < found.std() < 2.5 * line.stderr

    def test_the_mean_rate_is_over_calendar_time(self, spec):
        """Three years at 1 and one at 3 are 1.5 a year; the closest straight line says 1.31."""
        series = world(1.0, change=2.0, at=3.0, noise=0.05, seed=3)
        years = (series.days - series.days[0]) / DAYS_PER_YEAR
        found = fit(series, kink(3.0), spec)
        low, high = Interval().of(found.mean_rate)
        assert low < 1.5 < high
        assert high - low < 0.12
        assert stats.linregress(years, series.values).slope < low - 0.05
        path = found.path(series.days[[0, -1]])
        np.testing.assert_allclose(found.mean_rate, (path[:, 1] - path[:, 0]) / years[-1])

    def test_rates_before_and_after_are_least_squares(self, spec):
        series = world(1.0, change=1.5, noise=0.2, seed=2)
        years = (series.days - series.days[0]) / DAYS_PER_YEAR
        columns = np.column_stack([np.ones(40), years, np.maximum(years - 2, 0)])
        _, before, change = np.linalg.lstsq(columns, series.values, rcond=None)[0]
        found = fit(series, kink(2.0), spec)
        got_before, got_after = found.before_after
        assert got_before.mean() == pytest.approx(before, abs=0.3 * got_before.std())
        assert got_after.mean() == pytest.approx(before + change, abs=0.3 * got_after.std())

    def test_path_and_rate_agree(self, spec):
        """The path rises by the rate, whatever the regime; log density of points is finite."""
        series = world(1.0, change=1.0, seed=3)
        days = np.linspace(day_of(0.3), day_of(4.3), 7)
        few = replace(spec.sampling, draws=50, tune=100)
        for regime in regimes_for(series):
            if isinstance(regime.shape, Jump):
                continue
            found = fit(series, regime, spec, sampling=few, checked=False)
            rise = (found.path(days + 0.01) - found.path(days - 0.01)) / 0.02 * DAYS_PER_YEAR
            np.testing.assert_allclose(found.rate(days), rise, atol=1e-6)
            assert np.isfinite(found.pointwise()).all()

    def test_units_do_not_matter(self, spec):
        """Values in other units and shifted dates give the same draws, rescaled.

        Eight is a power of two: rounding stays the same, so the sampler's path does too.
        """
        series = world(1.0, change=1.0, seed=4)
        other = replace(series, values=8 * series.values,
                        dates=series.dates + np.timedelta64(1000, "D"))
        one, eight = fit(series, kink(2.0), spec), fit(
            other, replace(kink(2.0), dates=(day_of(2.0) + 1000,)), spec)
        np.testing.assert_allclose(eight.before_after[1], 8 * one.before_after[1], rtol=1e-9)
        np.testing.assert_allclose(eight.left_out, one.left_out - np.log(8), rtol=1e-9)

    def test_an_outlier_hardly_moves_the_rate(self, spec):
        series = world(1.0, seed=5)
        values = series.values.copy()
        values[-2] -= 5
        moved = replace(series, values=values)
        years = (series.days - series.days[0]) / DAYS_PER_YEAR
        by_squares = stats.linregress(years, values).slope
        found = fit(moved, Regime("constant", ""), spec)
        assert abs(by_squares - 1) > 0.1
        assert found.mean_rate.mean() == pytest.approx(1, abs=0.06)

    def test_measurement_error_widens(self, spec):
        exact, blurred = world(1.0, noise=0.05, seed=6), world(1.0, noise=0.05, seed=6, errors=0.5)
        sd = [fit(series, Regime("constant", ""), spec).mean_rate.std()
              for series in (exact, blurred)]
        assert sd[1] > 4 * sd[0]

    def test_an_error_that_points_share_is_not_averaged_out(self, spec):
        """A ruler that may be stretched: the rate's variance grows by that of the stretch."""
        series = world(1.0, noise=0.2, seed=7)
        years = (series.days - series.days[0]) / DAYS_PER_YEAR
        stretched = replace(series, shared=0.3 * (years - years.mean())[:, None])
        alone = fit(series, Regime("constant", ""), spec).mean_rate
        shared = fit(stretched, Regime("constant", ""), spec).mean_rate
        assert shared.std() == pytest.approx(np.hypot(alone.std(), 0.3), rel=0.15)
        assert shared.mean() == pytest.approx(alone.mean(), abs=0.06)

    def test_an_unknown_date_is_found(self, spec):
        found, ratio = judge_kink(world(0.5, change=2.0, at=2.7, noise=0.1, seed=8), [], spec)
        low, high = Interval().of(found.change_days)
        assert low < day_of(2.7) < high
        assert high - low < DAYS_PER_YEAR
        assert ratio > RULE.ratio
        assert found.chances.sum() == pytest.approx(1)

    @pytest.mark.parametrize(("years", "side"), [(-1.0, "before"), (6.0, "after")])
    def test_a_break_outside_the_data_returns_the_prior(self, spec, years, side):
        """The change keeps its prior sd, 2.5 sd of the series per span, and no sign."""
        series = world(1.0, seed=9)
        found, ratio = judge_kink(series, [day_of(years)], spec)
        before, after = found.before_after
        unseen = before if side == "before" else after
        size = 2.5 * series.values.std(ddof=1) / 4
        assert ratio == pytest.approx(1)
        assert unseen.std() == pytest.approx(size, rel=0.15)
        assert (after > before).mean() == pytest.approx(0.5, abs=0.1)


class TestEvidence:
    @pytest.mark.parametrize("change", [0.0, 0.2, 0.3])
    def test_evidence_is_the_bayes_factor_of_regression(self, plain, change):
        """With 150 points the noise is as good as known, and the factor has a closed form."""
        series = world(1.0, change=change, noise=0.3, count=150, seed=10)
        fits = fit_all(series, [Regime("constant", ""), kink(2.0)], plain)
        found = fits["kink"]
        time = found.units.time(series.days)
        column, value = found.design.values(time)[0, 0], found.units.value(series.values)
        columns = np.column_stack([np.ones(150), time, column])
        estimate = np.linalg.lstsq(columns, value, rcond=None)[0]
        rss = ((value - columns @ estimate) ** 2).sum()
        size = (column**2).sum()
        se2 = rss / 147 / size
        curve = over_widths(found, fits["constant"], [0.3, 1.0, 2.0])
        for width, ratio in zip([0.75, 2.5, 5.0], curve["ratio"], strict=True):
            # of the noise, with a flat prior on its logarithm, the scale of the residuals is left
            shrunk = size * estimate[2] ** 2 * se2 / (se2 + width**2)
            want = (-0.5 * np.log1p(width**2 / se2)
                    + 148 / 2 * np.log((rss + size * estimate[2] ** 2) / (rss + shrunk)))
            assert np.log(ratio) == pytest.approx(want, abs=0.1)

    def test_the_curve_by_draws_is_that_by_sums(self, plain):
        """Reweighted draws (how frontiers get their curve) against exact sums, on one series."""
        series = world(1.0, change=0.15, noise=0.3, count=60, seed=10)
        fits = fit_all(series, [Regime("constant", ""), kink(2.0)], plain)
        exact = over_widths(fits["kink"], fits["constant"], [0.5, 1.0, 1.5])
        drawn = replace(fits["kink"], diagnostics={"method": "importance"})
        np.testing.assert_allclose(over_widths(drawn, fits["constant"], [0.5, 1.0, 1.5])["ratio"],
                                   exact["ratio"], rtol=0.05)

    def test_exact_leaving_out_is_what_psis_estimates(self, spec):
        """Two roads to the same score: exact sums, and Pareto-smoothed weights of the draws.

        On a measured series, where errors keep the weights tame.
        """
        series = world(1.0, noise=0.2, count=25, seed=30, errors=0.3)
        many = replace(spec, sampling=replace(spec.sampling, draws=4000))
        fits = fit_all(series, [Regime("constant", ""), kink(2.0)], many)
        exact, _ = leave_one_out(fits)
        psis, notes = leave_one_out({name: replace(one, left_out=None)
                                     for name, one in fits.items()})
        np.testing.assert_allclose(psis["elpd"], exact["elpd"], atol=0.1)
        assert "pareto_k_max" in psis
        assert "fewer than 100" in notes[0]

    def test_leave_future_out_knows_no_future(self, spec):
        """A wild last point changes its own score and no other."""
        series = world(1.0, count=16, seed=11)
        values = series.values.copy()
        values[-1] += 4
        some = regimes_for(series)[:2]
        calm = leave_future_out(series, some, spec).attrs["each"]
        wild = leave_future_out(replace(series, values=values), some, spec).attrs["each"]
        for name in calm:
            assert len(calm[name]) == 8
            np.testing.assert_allclose(wild[name][:-1], calm[name][:-1], rtol=1e-6)
            assert wild[name][-1] < calm[name][-1] - 3

    def test_too_short_for_the_future(self, spec):
        assert leave_future_out(world(1.0, count=7), regimes_for(world(1.0, count=7)), spec) is None

    def test_stacking(self):
        """A regime that is never right gets nothing; two that are right by turns share."""
        rng = np.random.default_rng(0)
        turns = rng.random(60) < 0.7
        elpd = np.column_stack([np.where(turns, 0.0, -3.0), np.where(turns, -3.0, 0.0),
                                np.full(60, -6.0)])
        weights = stack(elpd)
        assert weights.sum() == pytest.approx(1)
        assert weights[2] < 0.001
        assert weights[0] == pytest.approx(turns.mean(), abs=0.03)
        few = stack(np.column_stack([np.zeros(8), np.full(8, -0.1)]))
        assert few[0] > 0.9

    def test_power_falls_with_noise_and_rises_with_points(self, spec):
        smallest = {}
        for name, noise, count in (("base", 0.2, 30), ("noisy", 0.4, 30), ("many", 0.2, 120)):
            found = fit(world(1.0, noise=noise, count=count, seed=12), kink(2.0), spec)
            able = power(found, found.regime)
            assert able.false_alarms <= 0.05
            smallest[name] = able.smallest
        assert smallest["noisy"] == pytest.approx(2 * smallest["base"], rel=0.35)
        assert smallest["many"] == pytest.approx(smallest["base"] / 2, rel=0.35)

    @pytest.mark.parametrize(("before", "after", "low", "high"), [
        ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0), 2.0, 2.0),
        ((-1.0, -1.0, -1.0), (-2.0, -2.0, -2.0), 2.0, 2.0),  # a fall that doubles
        ((-0.1, 0.2, 0.1), (1.0, 1.0, 1.0), 5.0, np.inf),
        ((1.0, 1.0, 1.0), (-1.0, 0.0, 1.0), -1.0, 1.0),
    ])
    def test_ratio(self, before, after, low, high):
        got = ratio_summary(before, after, Interval(0.999))
        assert (got["low"], got["high"]) == pytest.approx((low, high), rel=0.01)


    @pytest.mark.parametrize(("ratio", "words"), [
        (1.6, "1.60 : 1 for"), (0.994, "1.01 : 1 against"), (1e7, "beyond 1,000,000 : 1 for"),
        (1e-9, "beyond 1,000,000 : 1 against")])
    def test_odds_have_a_direction(self, ratio, words):
        assert odds(ratio) == words

    def test_the_rule(self):
        """Evidence, sign, and later points: each can forbid a claim."""
        assert RULE.claim(50.0, 0.999, 2.0) == "faster"
        assert RULE.claim(50.0, 0.001, None) == "slower"
        for ratio, chance, ahead in ((9.0, 0.999, 2.0), (50.0, 0.96, 2.0), (134.0, 0.999, -1.13)):
            assert RULE.claim(ratio, chance, ahead) == "undecided"


class TestVerdict:
    def test_a_doubling_of_the_rate_is_found(self, verdict):
        found = verdict.summary()["breakpoint"]
        assert verdict.claim == "faster"
        assert found["ratio"]["low"] < 2 < found["ratio"]["high"]
        assert found["rate_before"]["low"] < 1 < found["rate_before"]["high"]
        assert found["rate_after"]["low"] < 2 < found["rate_after"]["high"]
        assert found["p_acceleration"] > 0.99
        assert found["evidence"] > 10
        assert verdict.passed
        assert verdict.diagnostics["methods"] == ["exact"]

    def test_the_right_regime_predicts_better(self, verdict):
        assert verdict.loo.loc["kink", "elpd_diff"] > 0
        assert verdict.gain_ahead > 0
        assert verdict.loo["weight"].sum() == pytest.approx(1)
        assert verdict.lfo["weight"].sum() == pytest.approx(1)
        assert verdict.probabilities["kink"] > 5 * verdict.probabilities["constant"]

    def test_json_has_the_keys_of_the_contract(self, verdict):
        said = json.loads(verdict.to_json())
        assert {"rate_per_day", "rate_per_year", "doubling_time_days"} <= set(said["growth"])
        assert set(said["growth"]["doubling_time_days"]) == {"median", "set", "p_growth"}
        assert {"date", "rate_before", "rate_after", "ratio", "p_acceleration"} <= set(
            said["breakpoint"])
        assert said["breakpoint"]["date"] == "2022-01-01"
        for regime in said["regimes"]:
            assert {"name", "elpd", "elpd_diff", "se", "weight"} <= set(regime)
        for part in ("rate_before", "rate_after", "ratio"):
            assert {"mean", "median", "sd", "low", "high"} <= set(said["breakpoint"][part])
        growth = said["growth"]
        assert growth["rate_per_year"]["median"] == pytest.approx(
            growth["rate_per_day"]["median"] * DAYS_PER_YEAR)
        assert growth["rate_per_year"]["median"] == pytest.approx(np.median(verdict.mean_rate))
        assert said["advice"] == verdict.advice

    def test_advice_quotes_its_numbers(self, verdict):
        text = verdict.advice
        for words in ("90% equal-tailed interval", "P(acceleration)", "Savage-Dickey",
                      "leaving one out", "fewer than 100", "probability 0.8", "became faster",
                      "per day, as its mean over the series", "doubles in",
                      "At the last point"):
            assert words in text
        assert "detected" not in text

    def test_python_result(self, verdict):
        assert verdict.text.count("\n\n") >= 5
        assert list(verdict.table.index) == list(verdict.fits)
        assert verdict.table.loc["kink", "rate_after_median"] == pytest.approx(
            np.median(verdict.kink.before_after[1]))
        assert verdict.plot().axes
        tree = verdict.fits["kink"].tree
        assert tree["posterior"].sizes["chain"] == verdict.kink.chains
        np.testing.assert_allclose(tree["posterior"]["rate_after"].to_numpy().ravel(),
                                   verdict.kink.before_after[1])
        assert tree["log_likelihood"]["point"].shape[2] == 40

    def test_forecast_goes_on_where_the_regimes_end(self, verdict):
        """Two years on, the path is near truth: 2 after four years is 6, then 2 a year."""
        ahead = forecast(verdict, ["2024-01-02", "2026-01-01"])
        middle = ahead["trend_median"].to_numpy()
        assert middle[0] == pytest.approx(6, abs=0.3)
        assert ahead["trend_low"].iloc[1] < 10 < ahead["trend_high"].iloc[1]
        width = ahead["trend_high"] - ahead["trend_low"]
        assert width.iloc[1] > 2 * width.iloc[0]
        noise = ahead["point_high"] - ahead["point_low"]
        assert noise.iloc[0] > 1.3 * width.iloc[0]
        assert noise.iloc[1] > 0.95 * width.iloc[1]  # Monte Carlo error of a wide interval
        with pytest.raises(InputError, match="on or after the last point"):
            forecast(verdict, ["2021-01-01"])

    def test_section(self, verdict):
        sources = compare_sources({"as read": verdict.series}, breaks=["2022-01-01"],
                                  spec=verdict.spec)
        got = section(Regimes(verdict, forecasts.ahead(verdict), sources=sources))
        assert {"breakpoint", "regimes"} <= set(got.summary)
        assert got.text[0] == verdict.text.split("\n\n")[0]
        assert len({one.key for one in (*got.tables, *got.pictures)}) == 8
        for picture in got.pictures:
            figure = draw(picture)
            assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)
        coming = got.summary["regimes_forecast"]
        assert [one["months"] for one in coming] == [6, 12, 24]
        # the path is 6 after four years and then rises by 2 a year; values are logs
        assert np.log(coming[1]["trend"]["low"]) < 8 < np.log(coming[1]["trend"]["high"])
        card = next(table for table in got.tables if table.key == "regimes-verdict").frame
        mean = card.loc[card["quantity"] == "mean rate, stacked", "median"].iloc[0]
        assert mean == pytest.approx(np.median(verdict.mean_rate))

    def test_the_verdict_depends_on_the_source(self, spec):
        """Lower early points make the rate before the break steeper, and the change smaller."""
        series = world(1.0, change=0.6, noise=0.15, count=16, seed=13)
        values = series.values.copy()
        values[:4] -= 0.8
        table = compare_sources({"as read": series, "other": replace(series, values=values)},
                                breaks=["2022-01-01"], spec=spec)
        assert list(table.index) == ["as read", "other"]
        assert table.loc["other", "before_median"] > table.loc["as read", "before_median"] + 0.2
        assert table.loc["other", "p_acceleration"] < table.loc["as read", "p_acceleration"]


class TestOtherWorlds:
    def test_no_growth(self, spec):
        """The doubling set has infinity in it, and the words say so."""
        found = judge(world(0.0, count=10, seed=21), spec=spec)
        said = json.loads(found.to_json())
        growth = said["growth"]["doubling_time_days"]
        assert 0.05 < growth["p_growth"] < 0.95
        assert growth["set"][0][0] == -np.inf
        assert growth["set"][1][1] == np.inf
        assert "no change, or halving" in found.advice
        assert found.claim == "undecided"
        assert said["breakpoint"]["date_given"] is False

    def test_a_falling_price_halves(self, spec):
        """Prices that halve in a year, read from a table; no break is known to be there."""
        years = np.linspace(0, 4, 8)
        rng = np.random.default_rng(22)
        frame = pd.DataFrame({
            "date": (START + np.round(years * DAYS_PER_YEAR).astype("timedelta64[D]")).astype(str),
            "usd": 60 * 0.5**years * np.exp(0.03 * rng.normal(size=8))})
        found = regimes(frame, "date", "usd", log=True, breaks=["2030-01-01"], seed=3)
        said = found.summary()
        assert said["growth"]["doubling_time_days"]["set"] == [
            [pytest.approx(-365.25, rel=0.1), pytest.approx(-365.25, rel=0.1)]]
        assert "it halves in" in found.advice
        assert said["breakpoint"]["direction"] == "down"
        assert "The data cannot tell" in found.advice
        assert said["breakpoint"]["outside_data"] == "no point lies after it"
        assert found.claim == "undecided"

    def test_a_linear_series_has_no_doubling_time(self, spec):
        found = judge(replace(world(1.0, count=12), log=False), spec=spec)
        assert found.summary()["growth"]["doubling_time_days"] is None
        assert "doubl" not in found.advice
        told = section(Regimes(found, forecasts.ahead(found)))
        assert "doubling time (days)" not in told.tables[0].frame

    @pytest.mark.parametrize("size", [2.0, -1.5])
    def test_a_jump_is_no_change_of_rate(self, spec, size):
        """The headline is the rate on either side; the constant rate is named as rejected."""
        series = world(1.0, noise=0.2, count=40, seed=31)
        years = (series.days - series.days[0]) / DAYS_PER_YEAR
        found = judge(replace(series, values=series.values + size * (years > 2.3)), spec=spec)
        low, high = Interval().of(found.mean_rate)
        assert low < 1 < high
        assert high - low < 0.6
        assert "constant" in found.rejected
        assert found.claim == "undecided"
        assert "Rejected, and in no headline: " in found.text
        assert "constant rate" in found.text.split("Rejected")[1].split(".")[0]
        assert "constant" not in found.mixture

    def test_a_rate_that_rises_and_falls(self, spec):
        """Rates of 1, 3 and 1: no single direction, two changes, the rate at the end is 1."""
        series = world(1.0, change=2.0, at=1.3, noise=0.06, seed=32)
        years = (series.days - series.days[0]) / DAYS_PER_YEAR
        found = judge(replace(series, values=series.values - 2 * np.maximum(years - 2.7, 0)),
                      spec=spec)
        assert found.claim == "both"
        assert {"constant", "step"} <= set(found.rejected)
        low, high = Interval().of(found.rate_now)
        assert low < 1 < high
        assert "not with a constant rate" in found.text

    def test_points_of_one_date(self, spec):
        """Four yearly dates x 10 points: the rate of 1 is found, whatever the rows' order."""
        rng = np.random.default_rng(33)
        frame = pd.DataFrame({"date": np.repeat(np.arange(2020, 2024), 10)})
        frame["value"] = np.exp(frame["date"] - 2020 + 0.3 * rng.normal(size=40))
        one = regimes(frame, log=True, seed=1)
        other = regimes(frame.iloc[rng.permutation(40)].reset_index(drop=True), log=True, seed=1)
        np.testing.assert_allclose(one.mean_rate, other.mean_rate, rtol=1e-6)
        low, high = Interval().of(one.mean_rate)
        assert low < 1 < high
        assert high - low < 1

    def test_coarser_dates_agree(self, spec):
        """Days, months and quarters of one series: medians within each other's intervals."""
        rng = np.random.default_rng(34)
        years = np.sort(rng.uniform(0, 2.5, 40))
        days = pd.Series(pd.to_datetime(START + np.round(years * 365).astype("timedelta64[D]")))
        value = 1.5 * years + 0.5 * rng.normal(size=40)
        texts = {"day": days.dt.strftime("%Y-%m-%d"), "month": days.dt.strftime("%Y-%m"),
                 "quarter": days.dt.year.astype(str) + "-Q" + days.dt.quarter.astype(str)}
        found = {name: fit(series_from(pd.DataFrame({"date": text, "value": value}), Columns()),
                           Regime("constant", ""), spec).mean_rate for name, text in texts.items()}
        for a in found.values():
            low, high = Interval().of(a)
            for b in found.values():
                assert low < np.median(b) < high

    def test_several_breaks(self, spec):
        found = judge(world(1.0, change=1.0, noise=0.15, count=30),
                      breaks=["2022-01-01", "2021-01-01"], spec=spec)
        said = found.summary()
        assert [str(one["date"]) for one in said["breakpoints"]] == ["2021-01-01", "2022-01-01"]
        assert {"kink_1", "kink_2", "kinks_given"} <= set(found.fits)
        assert str(said["breakpoint"]["date"]) == "2022-01-01"

    def test_a_frontier_below(self, spec):
        """A price floor that falls by 0.5 a year, points above it: told by the sign."""
        rng = np.random.default_rng(35)
        series = world(-0.5, noise=0.05, count=40, seed=35)
        series = replace(series, values=series.values + np.abs(0.4 * rng.normal(size=40)),
                         kind="frontier")
        found = judge(series, spec=spec)
        low, high = Interval().of(found.mean_rate)
        assert low < -0.5 < high
        assert found.summary()["series"]["good_side"] == "low"
        assert "the good side is the low one (by the sign of the trend)" in found.text
        ahead = forecast(found, [series.dates[-1]])
        # points lie above the floor, so a new one is expected there too
        assert ahead["point_median"].iloc[0] > ahead["trend_median"].iloc[0]

    def test_a_useless_series(self, spec):
        with pytest.raises(TableError, match="too few points"):
            judge(world(1.0, count=5), spec=spec)

    def test_a_bad_break_date(self, spec):
        with pytest.raises(InputError, match=r"break date.*YYYY-MM-DD"):
            judge(world(1.0), breaks=["ChatGPT"], spec=spec)


class TestCommand:
    def test_out_has_page_tables_figures_and_draws(self, tmp_path):
        import xarray as xr
        from typer.testing import CliRunner

        from densing_bayes.cli.main import app

        series = world(1.0, noise=0.2, count=12)
        rows = "\n".join(f"{date},{value:.4f}" for date, value in
                         zip(series.dates, np.exp(series.values), strict=True))
        (tmp_path / "a.csv").write_text(f"date,value\n{rows}\n")
        out = tmp_path / "out"
        got = CliRunner().invoke(app, ["regimes", str(tmp_path / "a.csv"), "--log", "--json",
                                       "--out", str(out)])
        assert got.exit_code == 0, got.output
        said = json.loads(got.stdout)
        written = json.loads((out / "summary.json").read_text())
        assert written["growth"] == said["growth"]
        assert written["breakpoint"]["date"] == said["breakpoint"]["date"]
        assert {"index.html", "report.pdf", "tables/regimes.csv", "figures/regimes-series.svg",
                "fit.nc"} <= set(written["files"])
        with xr.open_datatree(out / "fit.nc") as tree:
            assert {"constant", "walk"} <= set(tree.children)
            assert "mean_rate" in tree["constant/posterior"]

    @pytest.mark.parametrize("options", [
        ["--sd", "sd"], ["--lower-is-better"], ["--break", "soon"],
        ["x.csv", "--records", "--frontier"], ["x.csv", "--break", "2023-02-15 or later"]])
    def test_bad_questions(self, options):
        from typer.testing import CliRunner

        from densing_bayes.cli.main import app

        assert CliRunner().invoke(app, ["regimes", *options]).exit_code == 2
