"""The series family: its likelihoods against scipy, its graph against numpy, tables read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytensor.compile.mode import Mode
from scipy import integrate, special, stats

from densing_bayes.breakpoints.columns import Columns, read_series, series_from
from densing_bayes.breakpoints.designs import (
    Design,
    Regime,
    Units,
    check_breaks,
    regimes_for,
    rows_of,
)
from densing_bayes.breakpoints.noise import (
    Covariance,
    Dates,
    carry_on,
    leave_one_out,
    one_ahead,
    products,
    unit_size,
)
from densing_bayes.breakpoints.outliers import outlying
from densing_bayes.breakpoints.quadrature import sums, survey
from densing_bayes.breakpoints.series import Series, as_date, as_days, density_series
from densing_bayes.breakpoints.shapes import Bend, Jump, Kink, Kinks, Shape, Turn, Walk
from densing_bayes.errors import InputError, TableError
from densing_bayes.families.points import LIKELIHOODS, SIZES, log_likelihood, rows_matrix
from densing_bayes.families.series import GRAPH, build
from densing_bayes.specs import load_model

PYTHON = Mode("py", "fast_compile")  # nothing is compiled


def make(values, *, kind="all", every=100, start="2020-01-01", errors=0.0, log=True):
    """A series with a point every so many days."""
    values = np.asarray(values, dtype=float)
    dates = np.datetime64(start) + np.arange(len(values)) * np.timedelta64(every, "D")
    return Series("y", dates, values, np.full(len(values), errors), np.zeros((len(values), 0)),
                  log, kind)


class TestLikelihoods:
    def test_frontier_is_a_skew_normal(self):
        row = {"value": np.array([-2.0, 0.5, 1.5]), "error": np.zeros(3)}
        got = log_likelihood("frontier", mean=0.2, rows=row, noise=0.8, share=0.7)
        skew = -np.sqrt(0.7 / 0.3)
        want = stats.skewnorm.logpdf(row["value"], skew, loc=0.2, scale=0.8)
        np.testing.assert_allclose(got, want, rtol=1e-9)

    def test_frontier_with_error_is_the_sum_of_its_parts(self):
        """Density of -u + v + error by convolution: half-normal u, normal v and error."""
        noise, share, error, at = 0.8, 0.6, 0.5, -0.4
        gap, rest = noise * np.sqrt(share), np.hypot(noise * np.sqrt(1 - share), error)
        want, _ = integrate.quad(
            lambda u: 2 * stats.norm.pdf(u, 0, gap) * stats.norm.pdf(at + u, 0, rest), 0, 20)
        row = {"value": at, "error": error}
        got = log_likelihood("frontier", mean=0.0, rows=row, noise=noise, share=share)
        assert np.exp(got) == pytest.approx(want, rel=1e-8)

    def test_frontier_is_finite_far_above(self):
        """log(1 + erf) would be -inf from six sd; the normal's own log cdf goes on."""
        row = {"value": 40.0, "error": 0.0}
        got = log_likelihood("frontier", mean=0.0, rows=row, noise=1.0, share=0.5)
        assert got == pytest.approx(np.log(2) + stats.norm.logpdf(40) + stats.norm.logcdf(-40))
        assert np.isfinite(got)

    def test_the_graphs_normal_cdf_is_stable(self):
        at = np.array([-300.0, -40.0, -1.0, 0.0, 3.0, 29.0, 100.0, 1e4])
        np.testing.assert_allclose(GRAPH.log_ndtr(pt.as_tensor(at)).eval(mode=PYTHON),
                                   special.log_ndtr(at), rtol=1e-10, atol=1e-12)

    @given(st.floats(-2, 2), st.floats(0.1, 3), st.floats(0.5, 40), st.floats(0.1, 2))
    def test_a_record_comes_or_it_does_not(self, standing, noise, crowd, time):
        """Chances of the first record in the window, over its date and size, and of none: 1."""
        def loglik(value, seen, silence):
            row = {"value": value, "error": 0.0, "time": 0.0, "seen": seen, "silence": silence}
            return log_likelihood("records", mean=0.0, rows=row, noise=noise, crowd=crowd)

        height = np.linspace(standing, max(standing, 0) + 9 * noise, 4001)
        sizes = np.trapezoid(np.exp(loglik(height, 1.0, 0.0)), height)  # per unit of time
        when = np.linspace(0, time, 4001)
        record = np.trapezoid(sizes * np.exp(loglik(standing, 0.0, when)), when)
        none = np.exp(loglik(standing, 0.0, time))
        assert record + none == pytest.approx(1, abs=2e-4)

    def test_a_crowd_that_grows(self):
        """Candidates above a standing record until time t: crowd (e^(g t) - 1) / g of them."""
        nodes, weights = np.polynomial.legendre.leggauss(5)
        row = {"value": 0.0, "error": 0.0, "time": (nodes + 1) / 2, "seen": 0.0,
               "silence": weights / 2}
        got = log_likelihood("records", mean=0.0, rows=row, noise=1.0, crowd=6.0, growth=2.0).sum()
        assert got == pytest.approx(-0.5 * 6 * np.expm1(2.0) / 2.0, rel=1e-6)
        seen = row | {"time": 0.5, "seen": 1.0, "silence": 0.0}
        rose = (log_likelihood("records", mean=0.0, rows=seen, noise=1.0, crowd=6.0, growth=2.0)
                - log_likelihood("records", mean=0.0, rows=seen, noise=1.0, crowd=6.0))
        assert rose == pytest.approx(1.0)

    @pytest.mark.parametrize("likelihood", LIKELIHOODS)
    def test_graph_says_what_numpy_says(self, likelihood):
        """The graph's potential at a random point, on other lengths than it was built with."""
        rng = np.random.default_rng(4)
        series = make(np.sort(rng.normal(size=7)), kind=likelihood, errors=0.1)
        rows = rows_of(series, Units.of(series))
        count = len(rows["time"])
        shapes, log_prior = rng.normal(size=(5, SIZES, count)), rng.normal(size=5)
        model = build(likelihood, load_model("series").priors)
        model.set_data("rows", rows_matrix(likelihood, rows))
        model.set_data("shapes", shapes)
        model.set_data("log_prior", log_prior)
        point = {variable.name: rng.normal(size=variable.type.shape)
                 for variable in model.value_vars}
        potential = model.compile_fn(
            [*model.replace_rvs_by_values(model.potentials),
             model.replace_rvs_by_values([model["level"]])[0]],
            inputs=model.value_vars, mode=PYTHON, on_unused_input="ignore",
            point_fn=False)
        got, level = potential(*[point[variable.name] for variable in model.value_vars])

        noise = {"noise": np.exp(point["noise_log__"])}
        if likelihood == "frontier":
            noise["share"] = special.expit(point["share_logodds__"])
        else:
            noise["crowd"] = np.exp(point["crowd_log__"]) * rows["seen"].sum()
            noise["growth"] = point["growth"]
        mean = level + point["rate"] * rows["time"] + point["sizes"] @ shapes
        each = log_likelihood(likelihood, mean=mean, rows=rows, **noise)
        want = special.logsumexp(each.sum(axis=1) + log_prior)
        assert got == pytest.approx(want, rel=1e-8)


class TestNoise:
    """The filter against matrices that are written out."""

    time = np.array([-0.5, -0.4, -0.1, -0.1, -0.1, 0.2, 0.45, 0.5])  # three of one date

    def pair(self, memory):
        """A covariance as the filter takes it, and as a matrix."""
        noise = 0.05 + 0.02 * np.arange(8)
        apart = np.abs(np.subtract.outer(self.time, self.time))
        lasting = (np.minimum.outer(self.time, self.time) + 0.5 if np.isinf(memory) else
                   np.exp(-apart / memory))
        return (Covariance(noise[None], np.array([0.7]), np.array([memory])),
                np.diag(noise) + 0.7 * lasting)

    @pytest.mark.parametrize("memory", [0.05, 0.4, np.inf])
    def test_products_and_left_out_points(self, memory):
        covariance, matrix = self.pair(memory)
        columns = np.random.default_rng(1).normal(size=(8, 3))
        dates = Dates.group(self.time)
        gram, own, logdet = products(columns, dates, covariance, 2)
        want = columns.T @ np.linalg.solve(matrix, columns)
        np.testing.assert_allclose(gram[0], want[:2])
        np.testing.assert_allclose(own[0], np.diag(want))
        assert logdet[0] == pytest.approx(np.linalg.slogdet(matrix)[1])
        residual, inverse = columns[:, 0], np.linalg.inv(matrix)
        own = np.diag(inverse)
        want = stats.norm.logpdf(residual, residual - inverse @ residual / own, own**-0.5)
        np.testing.assert_allclose(leave_one_out(residual[None], dates, covariance)[0], want)
        assert one_ahead(residual[None], dates, covariance).sum() == pytest.approx(
            stats.multivariate_normal.logpdf(residual, np.zeros(8), matrix))

    @pytest.mark.parametrize("memory", [0.4, np.inf])
    def test_what_lasts_goes_on(self, memory):
        """Draws of w after the last point have the mean and variance of the joint normal."""
        covariance, matrix = self.pair(memory)
        later = np.array([0.6, 0.9])
        both = np.append(self.time, later)
        lasting = 0.7 * (np.minimum.outer(both, both) + 0.5 if np.isinf(memory) else
                         np.exp(-np.abs(np.subtract.outer(both, both)) / memory))
        residual = np.linspace(-1, 2, 8)
        gain = lasting[8:, :8] @ np.linalg.inv(matrix)
        mean, spread = gain @ residual, lasting[8:, 8:] - gain @ lasting[:8, 8:]
        many = 40_000
        wide = Covariance(*(np.repeat(part, many, axis=0) for part in (
            covariance.noise, covariance.state, covariance.memory)))
        got = carry_on(np.tile(residual, (many, 1)), Dates.group(self.time), wide, later,
                       np.random.default_rng(2))
        np.testing.assert_allclose(got.mean(axis=0), mean, atol=0.02)
        np.testing.assert_allclose(np.cov(got, rowvar=False), spread, atol=0.02)

    def test_order_within_a_date_says_nothing(self):
        covariance, _ = self.pair(0.4)
        residual = np.arange(8.0)
        order = np.array([0, 1, 4, 2, 3, 5, 6, 7])
        turned = Covariance(covariance.noise[:, order], covariance.state, covariance.memory)
        dates = Dates.group(self.time)
        np.testing.assert_allclose(
            leave_one_out(residual[None, order], dates, turned),
            leave_one_out(residual[None], dates, covariance)[:, order])

    def test_unit_size(self):
        """White noise of n points has n - 2 of n degrees left; a walk some 1/15 of its gain."""
        time = np.linspace(-0.5, 0.5, 200)
        assert unit_size(time, 1e-6) == pytest.approx(198 / 200)
        assert unit_size(time, np.inf) == pytest.approx(1 / 15, rel=0.02)


class TestQuadrature:
    def test_evidence_is_the_marginal_likelihood(self):
        """By cell and candidate against scipy's normal with everything integrated out."""
        priors = load_model("series").priors
        rng = np.random.default_rng(3)
        time = np.sort(rng.uniform(-0.5, 0.5, 9))
        value, error = rng.normal(size=9), np.full(9, 0.2)
        columns = rng.normal(size=(2, 1, 9))
        scale, level, rate = np.array([2.5, 0.7]), 10.0, 20.0
        for own in (error, np.zeros(9)):  # the second takes the short way
            passed = survey(time, value, own, np.zeros(9), {"x": columns}, priors)
            found = sums(passed, "x", scale, np.log([0.3, 0.7]), priors)
            grid = passed.grid
            for cell in rng.choice(len(grid.size), 12, replace=False):
                lasting = (np.minimum.outer(time, time) - time[0] if np.isinf(grid.memory[cell])
                           else np.exp(-np.abs(np.subtract.outer(time, time))
                                       / grid.memory[cell]))
                matrix = (np.diag(grid.size[cell] ** 2 * (1 - grid.share[cell]) + own**2)
                          + grid.state[cell] * lasting + level**2
                          + rate**2 * np.outer(time, time))
                for g in (0, 1):
                    full = matrix + scale[g] ** 2 * np.outer(columns[g, 0], columns[g, 0])
                    want = (stats.multivariate_normal.logpdf(value, np.zeros(9), full)
                            + 4.5 * np.log(2 * np.pi) + np.log([0.3, 0.7][g])
                            + grid.log_prior[cell])
                    assert found.log_joint[cell, g] == pytest.approx(want, rel=1e-6, abs=1e-6)

    def test_the_grid_of_sizes_is_fine_and_wide_enough(self):
        """White noise: the size's posterior mean and sd are those of quadrature by scipy."""
        priors = load_model("series").priors
        priors = priors | {"lasting": replace(priors["lasting"], args={"alpha": 1e-9, "beta": 1.0})}
        rng = np.random.default_rng(4)
        time, value = np.linspace(-0.5, 0.5, 12), rng.normal(size=12)
        passed = survey(time, value, np.zeros(12), np.zeros(12),
                        {"constant": np.zeros((1, 0, 12))}, priors)
        found = sums(passed, "constant", np.ones(1), np.zeros(1), priors)
        weight, size = found.weight[:, 0], passed.grid.size
        base = 100.0 + 400 * np.outer(time, time)

        def density(s, power):
            return s**power * stats.halfnorm.pdf(s) * np.exp(
                stats.multivariate_normal.logpdf(value, np.zeros(12), base + s**2 * np.eye(12)))

        whole, first = (integrate.quad(density, 0.01, 6, args=(power,))[0] for power in (0, 1))
        assert weight @ size == pytest.approx(first / whole, rel=1e-3)

    @pytest.mark.parametrize("error", [0.0, 0.5])
    def test_points_without_scatter_are_no_fault_of_the_grid(self, error):
        """On a line, or with errors that explain more than there is: the size goes to zero."""
        time = np.linspace(-0.5, 0.5, 12)
        value = 3 * time + (0.1 * np.cos(40 * time) if error else 0.0)
        passed = survey(time, value, np.full(12, error), np.zeros(12),
                        {"constant": np.zeros((1, 0, 12))}, load_model("series").priors)
        found = sums(passed, "constant", np.ones(1), np.zeros(1), load_model("series").priors)
        assert found.weight[passed.grid.edge].sum() < 0.005
        assert found.weight[:, 0] @ passed.grid.size < max(0.02, error)

    def test_an_outlier_is_found_and_a_jump_is_none(self):
        rng = np.random.default_rng(5)
        priors = load_model("series").priors
        time = np.linspace(-0.5, 0.5, 30)
        value = 3 * time + 0.1 * rng.normal(size=30)
        jump = value + 2.0 * (time > 0.1)
        value[[7, 20]] += [2.0, -1.5]
        got = outlying(time, value, np.zeros(30), priors)
        np.testing.assert_array_equal(np.flatnonzero(got), [7, 20])
        assert not outlying(time, jump, np.zeros(30), priors).any()


class TestDesigns:
    series = make(np.arange(12.0))
    units = Units.of(series)
    time = units.time(series.days)

    def test_columns_are_departures_from_the_line(self):
        for regime in regimes_for(self.series, [as_days("2021-06-01")]):
            columns = Design.of(regime, self.units, self.time).values(self.time)
            assert columns.shape[1:] == (regime.shape.sizes, 12)
            if regime.shape.straight:
                np.testing.assert_allclose(columns.sum(axis=2), 0, atol=1e-10)
                np.testing.assert_allclose(columns @ self.time, 0, atol=1e-10)

    def test_slopes_are_derivatives(self):
        step = 1e-6
        at = np.linspace(-0.431, 0.917, 57)  # off the kinks, and beyond the data
        for regime in regimes_for(self.series):
            if isinstance(regime.shape, Jump):
                continue
            design = Design.of(regime, self.units, self.time)
            slope = (design.values(at + step) - design.values(at - step)) / (2 * step)
            np.testing.assert_allclose(design.slopes(at), slope, atol=1e-6)

    @pytest.mark.parametrize("shape", [Shape(), Kink(), Kinks(), Jump(), Bend(), Turn(), Walk()],
                             ids=lambda shape: type(shape).__name__)
    def test_every_shape_keeps_the_contract(self, shape):
        """A new shape is one class: these are the promises that the fits build on."""
        priors = load_model("series").priors
        candidates = shape.candidates((-0.3, -0.1, 0.2))
        assert candidates
        for at in candidates:
            columns, slopes = shape.columns(self.time, at, -0.5, 0.5)
            assert columns.shape == slopes.shape == (shape.sizes, 12)
            assert shape.ends(at, -0.5, 0.5).shape == (shape.sizes, 2)
            assert shape.scale(at, priors) > 0
            assert np.isfinite(shape.log_prior(at))
            turning = np.ptp(shape.ends(at, -0.5, 0.5), axis=1).any() if shape.sizes else False
            assert turning == shape.turns

    @pytest.mark.parametrize("day", ["2019-01-01", "2020-01-01", "2023-01-05", "2030-01-01"])
    def test_a_kink_outside_the_data_is_no_column(self, day):
        regime = Regime("kink", "", Kink(), (float(as_days(day)),))
        design = Design.of(regime, self.units, self.time)
        assert not design.values(self.time).any()
        assert np.ptp(design.ends) == 1  # yet the rate would change by what the prior says

    def test_unknown_dates_lie_inside(self):
        unknown = next(one for one in regimes_for(self.series) if one.name == "kink_unknown")
        assert self.series.days[2] == unknown.dates[0]
        assert self.series.days[-3] == unknown.dates[-1]

    def test_unknown_dates_have_dates_on_either_side(self):
        """Ten points a day: the third point is no second date."""
        tied = Series("y", np.repeat(self.series.dates[:5], 10), np.arange(50.0), np.zeros(50),
                      np.zeros((50, 0)))
        dates = regimes_for(tied)[1].dates
        assert dates[0] >= as_days(self.series.dates[1])
        assert dates[-1] <= as_days(self.series.dates[3])

    def test_several_breaks_are_several_candidates(self):
        days = check_breaks(["2021-06-01", "2020-Q4"])
        assert days == sorted(days)
        regimes = {one.name: one for one in regimes_for(self.series, days)}
        assert regimes["kink_1"].dates == (days[0],)
        assert regimes["kink_2"].dates == (days[1],)
        assert regimes["kinks_given"].shape.sizes == 2
        assert regimes["kinks_given"].candidates(self.units) == [
            tuple(float(self.units.time(day)) for day in days)]

    @pytest.mark.parametrize(("dates", "message"), [
        (["ChatGPT"], "not an ISO date"), (["2023-02-15 or later"], "not an ISO date"),
        (["2023-02-30"], "no such day"), (["2023-01-01", "2023-01-01"], "twice")])
    def test_bad_breaks(self, dates, message):
        with pytest.raises(InputError, match=message):
            check_breaks(dates)

    def test_a_given_break_is_none_before_its_time(self):
        given = regimes_for(self.series, [as_days("2022-06-01")])[1]
        assert given.within(self.series.until(6)).shape == Shape()
        assert given.within(self.series) == given

    def test_silences_fill_the_time_between_records(self):
        series = make([0.0, 1.0, 3.0, 3.5], kind="records")
        rows = rows_of(series, Units.of(series))
        # in spans: the list's own, and a mean gap until the next record is due
        assert rows["silence"].sum() == pytest.approx(1 + 1 / 3)
        known = replace(series, end=series.dates[-1] + np.timedelta64(600, "D"))
        assert rows_of(known, Units.of(known))["silence"].sum() == pytest.approx(3)
        assert rows_of(series.until(3), Units.of(series.until(3)))["silence"].sum() == (
            pytest.approx(1))  # windows end when their last record is published
        assert rows["seen"].sum() == 3  # the first record only sets the standard
        np.testing.assert_array_equal(np.unique(rows["event"]), [0, 1, 2])
        silent = rows["seen"] == 0
        assert set(rows["value"][silent & (rows["event"] == 2)]) == {
            Units.of(series).value(3.0), Units.of(series).value(3.5)}

    @pytest.mark.parametrize("kind", ["records", "frontier"])
    def test_a_falling_good_side_is_turned_over(self, kind):
        up = make([0.0, 1.0, 3.0, 3.5, 5.0, 5.5], kind=kind)
        down = make([-0.0, -1.0, -3.0, -3.5, -5.0, -5.5], kind=kind)
        for name, values in rows_of(up, Units.of(up)).items():
            np.testing.assert_allclose(rows_of(down, Units.of(down))[name], values)
        assert Units.of(down).per_year == -Units.of(up).per_year
        told = replace(up, lower_is_better=True)
        assert Units.of(told).sign == -1

    def test_a_coarse_date_blurs_by_slope_and_width(self):
        """A rate of 1 per 100 days and dates within 365 days: 3.65 / sqrt(12)."""
        series = replace(make(np.arange(8.0), errors=0.3), widths=np.full(8, 365.0))
        np.testing.assert_allclose(series.blur, np.hypot(0.3, 3.65 / np.sqrt(12)))


class TestReading:
    good = pd.DataFrame({"when": [f"2020-0{i}-01" for i in range(1, 9)],
                         "score": [str(2.0**i) for i in range(8)], "sd": ["0.1"] * 8})

    def read(self, frame=None, **changes):
        columns = Columns(**{"date": "when", "value": "score"} | changes)
        return series_from(self.good if frame is None else frame, columns)

    def change(self, row, column, value):
        frame = self.good.copy()
        frame.loc[row, column] = value
        return frame

    def test_logs_and_sorts(self):
        series = self.read(self.good.iloc[::-1], log=True)
        np.testing.assert_allclose(series.values, np.log(2) * np.arange(8))
        assert as_date(series.days[0]).isoformat() == "2020-01-01"

    def test_sd_of_a_logarithm(self):
        """Of a log-normal with mean 2 and sd 0.1, the log's sd is sqrt(log(1 + 0.05^2))."""
        series = self.read(sd="sd", log=True)
        assert series.errors[1] == pytest.approx(np.sqrt(np.log(1 + 0.05**2)))
        assert "'sd' is read as an sd on the scale of the values" in series.notes[0]
        logs = self.read(sd="sd", sd_scale="log", log=True)
        np.testing.assert_allclose(logs.errors, 0.1)
        assert "scale of the logs" in logs.notes[0]

    def test_intervals_of_points(self):
        """A 95% interval of a factor 2 either way is 2 ln 2 wide on the log scale: 3.92 sd."""
        frame = self.good.assign(lo=self.good["score"].astype(float) / 2,
                                 hi=self.good["score"].astype(float) * 2)
        got = self.read(frame, low="lo", high="hi", prob=0.95, log=True)
        np.testing.assert_allclose(got.errors, 2 * np.log(2) / (2 * 1.959964), rtol=1e-6)
        assert "95% interval" in got.notes[0]
        linear = self.read(frame, low="lo", high="hi", prob=0.9)
        assert linear.errors[0] == pytest.approx(1.5 / (2 * 1.644854))

    def test_an_error_that_is_not_known_is_the_median_of_the_others(self):
        frame = self.change(3, "sd", "")
        got = self.read(frame, sd="sd")
        np.testing.assert_allclose(got.errors, 0.1)
        assert "1 point without an error" in got.notes[1]

    def test_coarse_dates_are_read_with_their_width(self):
        frame = self.good.assign(when=["2020-01-05", "2020-02", "2020-Q2", "2020-Q3", "2020-Q4",
                                       "2021", "2022", "2023-05-06"])
        got = self.read(frame)
        np.testing.assert_array_equal(got.widths, [0, 29, 91, 92, 92, 365, 365, 0])
        assert str(got.dates[2]) == "2020-05-16"
        assert self.read().widths is None

    def test_years_as_numbers_and_timestamps(self):
        years = self.good.assign(when=range(2015, 2023))
        np.testing.assert_array_equal(self.read(years).widths[:2], [365, 366])
        stamps = self.good.assign(when=pd.to_datetime(self.good["when"]))
        np.testing.assert_array_equal(self.read(stamps).dates, self.read().dates)

    def test_rows_without_a_value_are_left_out_and_said(self):
        frame = self.change(3, "score", "")
        frame.loc[5, "when"] = " "
        got = self.read(frame)
        assert len(got) == 6
        assert got.notes == ("rows 3, 5 without a date or a value: left out",)

    def test_a_table_pasted_twice_is_counted_once(self):
        twice = pd.concat([self.good, self.good], ignore_index=True)
        got = self.read(twice)
        assert len(got) == 8
        assert "rows 8, 9, 10, 11, 12 and 3 more repeat an earlier row" in got.notes[0]
        labelled = twice.assign(model=range(16))  # two models of one day and score are two
        got = self.read(labelled)
        assert len(got) == 16
        assert got.notes == ("8 points of the date and value of an earlier one, in rows that "
                             "differ elsewhere: kept",)

    def test_the_best_record_of_a_date_counts(self):
        frame = self.change(4, "when", "2020-04-01")
        got = self.read(frame, kind="records")
        assert len(got) == 7
        assert got.values[3] == 16.0
        assert "row 3 share a date with a better record" in got.notes[0]

    @pytest.mark.parametrize(("changes", "message"), [
        ({"date": "whn"}, "no such column (given 'whn'; allowed: when, score, sd; did you mean"),
        ({"value": "x"}, "no such column (given 'x'"),
        ({"cell": (2, "when", "1.3.2020")}, "row 2, column when: not an ISO date"),
        ({"cell": (2, "when", "2020-03-15 or later")}, "row 2, column when: not an ISO date"),
        ({"cell": (2, "when", "2020-13-01")}, "there is no such day"),
        ({"cell": (3, "score", "many")}, "row 3, column score: not a number (given 'many'"),
        ({"cell": (3, "score", "5,400")}, "write the number without separators (given '5,400'"),
        ({"cell": (3, "score", "45%")}, "this is percent: write a fraction"),
        ({"cell": (3, "score", "inf")}, "not a finite number"),
        ({"cell": (3, "score", "0"), "log": True}, "has no logarithm"),
        ({"cell": (3, "sd", "-1"), "sd": "sd"}, "not a standard deviation"),
        ({"kind": "record"}, "kind of series (given 'record'"),
        ({"sd": "sd", "sd_scale": "ln"}, "scale of the sd (given 'ln'"),
        ({"sd": "sd", "sd_scale": "log"}, "an sd on the log scale of values that are not"),
        ({"low": "sd"}, "half an interval"),
        ({"low": "sd", "high": "sd", "sd": "sd"}, "two errors of one value"),
        ({"low": "score", "high": "sd"}, "the interval lies below its value"),
        ({"prob": 90.0}, "probability of the intervals (given '90.0'"),
        ({"lower_is_better": True}, "have no good side"),
        ({"end": "2021-01-01"}, "only a list of records has an end of its silence"),
        ({"end": "2020-07-31", "kind": "records"}, "allowed: YYYY-MM-DD, 2020-08-01 or later"),
        ({"cell": (5, "score", "1"), "kind": "records"},
         "row 5, column score: not a record (given '1'; allowed: above the earlier 16"),
    ])
    def test_problems(self, changes, message):
        changes = dict(changes)
        frame = self.change(*changes.pop("cell")) if "cell" in changes else None
        with pytest.raises(TableError) as error:
            self.read(frame, **changes)
        assert message in str(error.value)

    def test_all_problems_at_once(self):
        frame = self.change(1, "when", "soon")
        frame.loc[4, "score"] = "high"
        with pytest.raises(TableError) as error:
            self.read(frame)
        assert [problem.row for problem in error.value.problems] == [1, 4]

    @pytest.mark.parametrize(("frame", "message"), [
        (good.iloc[:5], "too few points (given '5'; allowed: 6 or more)"),
        (good.assign(when="2020-01-01"), "too few different dates (given '1'"),
        (good.assign(score="3"), "all values are equal"),
    ])
    def test_no_trend_can_be_drawn(self, frame, message):
        with pytest.raises(TableError, match=message.replace("(", r"\(").replace(")", r"\)")):
            self.read(frame)

    def test_file_rows_are_lines(self, tmp_path):
        path = tmp_path / "series.csv"
        path.write_text("when,score\n" + "\n".join(
            f"2020-0{i}-01,{'x' if i == 3 else i}" for i in range(1, 9)))
        with pytest.raises(TableError) as error:
            read_series(path, Columns("when", "score"))
        assert error.value.problems[0].row == 4
        assert "series.csv" in str(error.value)

    def test_missing_file(self, tmp_path):
        with pytest.raises(TableError, match="cannot be read"):
            read_series(tmp_path / "none.csv", Columns("a", "b"))

    @given(st.dates(min_value=pd.Timestamp("1900-01-01").date()))
    def test_days_come_back(self, day):
        assert as_date(check_breaks([day.isoformat()])[0]) == day


def test_density_series_keeps_the_covariance():
    """Errors and shared directions add up to the draws' covariance where it has few of them."""
    xr = pytest.importorskip("xarray")
    rng = np.random.default_rng(0)
    names = [f"model {i}" for i in range(9)]
    ruler = rng.normal(size=(2, 5000, 1)) * np.linspace(0.1, 1, 9)
    draws = xr.DataArray(np.arange(9.0) + ruler + 0.2 * rng.normal(size=(2, 5000, 9)),
                         dims=("chain", "draw", "model"), coords={"model": names})
    dates = {name: f"202{i // 2}-0{i + 1}-01" for i, name in enumerate(names[:-1])}
    series = density_series(draws, dates)
    assert series.labels == tuple(names[:-1])  # the last has no date
    covariance = np.cov(draws.values.reshape(-1, 9)[:, :8], rowvar=False)
    rebuilt = np.diag(series.errors**2) + series.shared @ series.shared.T
    np.testing.assert_allclose(np.diag(rebuilt), np.diag(covariance), rtol=1e-9)
    np.testing.assert_allclose(rebuilt, covariance, atol=0.02)
