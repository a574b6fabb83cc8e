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

from densing_bayes.errors import TableError
from densing_bayes.families.points import KNOTS, LIKELIHOODS, log_likelihood, rows_matrix
from densing_bayes.families.series import GRAPH, build
from densing_bayes.regimes.designs import Design, Regime, Units, regimes_for, rows_of
from densing_bayes.regimes.series import (
    Series,
    as_date,
    as_days,
    density_series,
    parse_day,
    read_series,
    series_from,
)
from densing_bayes.specs import load_model

PYTHON = Mode("py", "fast_compile")  # nothing is compiled


def make(values, *, kind="all", every=100, start="2020-01-01", errors=0.0, log=True):
    """A series with a point every so many days."""
    values = np.asarray(values, dtype=float)
    dates = np.datetime64(start) + np.arange(len(values)) * np.timedelta64(every, "D")
    return Series("y", dates, values, np.full(len(values), errors), np.zeros((len(values), 0)),
                  log, kind)


class TestLikelihoods:
    def test_all_is_a_t_with_measurement_error(self):
        row = {"value": np.array([0.3, -4.0]), "error": np.array([0.0, 0.4]),
               "follows": np.array([0.0, 1.0])}
        got = log_likelihood("all", mean=np.full(2, 0.1), rows=row, noise=0.3, tail=5.0)
        want = stats.t.logpdf(row["value"], 5, loc=0.1, scale=[0.3, 0.5])
        np.testing.assert_allclose(got, want, rtol=1e-12)

    def test_memory_is_an_autoregression(self):
        """Nearly normal points with memory: the joint density of a stationary AR(1)."""
        rng = np.random.default_rng(1)
        value = rng.normal(size=6)
        row = {"value": value, "error": np.zeros(6), "follows": np.minimum(np.arange(6), 1.0)}
        got = log_likelihood("all", mean=np.zeros(6), rows=row, noise=0.7, tail=1e9, memory=0.6)
        covariance = 0.49 * 0.6 ** np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
        want = stats.multivariate_normal.logpdf(value, np.zeros(6), covariance)
        assert got.sum() == pytest.approx(want, rel=1e-6)

    def test_memory_of_a_blurred_point(self):
        """Two points: what is carried over from a measured one is shrunk by its error."""
        value, error = np.array([1.0, 0.8]), np.array([0.5, 0.3])
        row = {"value": value, "error": error, "follows": np.array([0.0, 1.0])}
        got = log_likelihood("all", mean=np.zeros(2), rows=row, noise=0.7, tail=1e9, memory=0.6)
        covariance = 0.49 * np.array([[1, 0.6], [0.6, 1]]) + np.diag(error**2)
        want = stats.multivariate_normal.logpdf(value, np.zeros(2), covariance)
        assert got.sum() == pytest.approx(want, rel=1e-6)

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
            row = {"value": value, "error": 0.0, "seen": seen, "silence": silence}
            return log_likelihood("records", mean=0.0, rows=row, noise=noise, crowd=crowd)

        height = np.linspace(standing, max(standing, 0) + 9 * noise, 4001)
        sizes = np.trapezoid(np.exp(loglik(height, 1.0, 0.0)), height)  # per unit of time
        when = np.linspace(0, time, 4001)
        record = np.trapezoid(sizes * np.exp(loglik(standing, 0.0, when)), when)
        none = np.exp(loglik(standing, 0.0, time))
        assert record + none == pytest.approx(1, abs=2e-4)

    @pytest.mark.parametrize("likelihood", LIKELIHOODS)
    def test_graph_says_what_numpy_says(self, likelihood):
        """The graph's potential at a random point, on other lengths than it was built with."""
        rng = np.random.default_rng(4)
        series = make(np.sort(rng.normal(size=7)), kind=likelihood, errors=0.1)
        units = Units.of(series)
        rows = rows_of(series, units)
        count = len(rows["time"])
        walk, shapes = rng.normal(size=(count, KNOTS)), rng.normal(size=(5, count))
        model = build(likelihood, load_model("series").priors)
        model.set_data("rows", rows_matrix(likelihood, rows, walk))
        model.set_data("shapes", shapes)
        point = {variable.name: rng.normal(size=variable.type.shape)
                 for variable in model.value_vars}
        potential = model.compile_fn(
            [*model.replace_rvs_by_values(model.potentials),
             model.replace_rvs_by_values([model["level"]])[0]],
            inputs=model.value_vars, mode=PYTHON, on_unused_input="ignore",
            point_fn=False)
        got, level = potential(*[point[variable.name] for variable in model.value_vars])

        noise = {"noise": np.exp(point["noise_log__"])}
        if likelihood == "all":
            noise["tail"] = np.exp(point["tail_log__"])
            noise["memory"] = special.expit(point["memory_logodds__"])
        elif likelihood == "frontier":
            noise["share"] = special.expit(point["share_logodds__"])
        else:
            noise["crowd"] = np.exp(point["crowd_log__"]) * rows["seen"].sum()
        mean = (level + point["rate"] * rows["time"] + np.exp(point["change_log__"]) * shapes
                + np.exp(point["wander_log__"]) * walk @ point["steps"])
        each = log_likelihood(likelihood, mean=mean, rows=rows, **noise)
        want = special.logsumexp(each.sum(axis=1)) - np.log(5)
        assert got == pytest.approx(want, rel=1e-8)


class TestDesigns:
    series = make(np.arange(12.0))
    units = Units.of(series)
    time = units.time(series.days)

    def test_columns_are_departures_from_the_line(self):
        for regime in regimes_for(self.series, as_days("2021-06-01")):
            columns = Design.of(regime, self.units, self.time).values(self.time)
            np.testing.assert_allclose(columns.sum(axis=1), 0, atol=1e-10)
            np.testing.assert_allclose(columns @ self.time, 0, atol=1e-10)

    def test_slopes_are_derivatives(self):
        step = 1e-6
        at = np.linspace(-0.431, 0.917, 57)  # off the kinks, and beyond the data
        for regime in regimes_for(self.series):
            if regime.turn == "step":
                continue
            design = Design.of(regime, self.units, self.time)
            slope = (design.values(at + step) - design.values(at - step)) / (2 * step)
            np.testing.assert_allclose(design.slopes(at), slope, atol=1e-6)

    @pytest.mark.parametrize("day", ["2019-01-01", "2020-01-01", "2023-01-05", "2030-01-01"])
    def test_a_kink_outside_the_data_is_no_column(self, day):
        regime = Regime("kink", "", "kink", (float(as_days(day)),))
        design = Design.of(regime, self.units, self.time)
        assert not design.values(self.time).any()
        assert np.ptp(design.ends) == 1  # yet the rate would change by what the prior says

    def test_unknown_dates_lie_inside(self):
        unknown = next(one for one in regimes_for(self.series) if one.name == "kink_unknown")
        assert self.series.days[2] == unknown.dates[0]
        assert self.series.days[-3] == unknown.dates[-1]

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

    def test_falling_records_are_turned_over(self):
        up = make([0.0, 1.0, 3.0, 3.5, 5.0, 5.5], kind="records")
        down = make([-0.0, -1.0, -3.0, -3.5, -5.0, -5.5], kind="records")
        for name, values in rows_of(up, Units.of(up)).items():
            np.testing.assert_allclose(rows_of(down, Units.of(down))[name], values)
        assert Units.of(down).per_year == -Units.of(up).per_year


class TestReading:
    good = pd.DataFrame({"when": [f"2020-0{i}-01" for i in range(1, 9)],
                         "score": [str(2.0**i) for i in range(8)], "sd": ["0.1"] * 8})

    def read(self, **changes):
        options = {"date": "when", "value": "score"} | changes
        frame = options.pop("frame", self.good)
        return series_from(frame, **options)

    def change(self, row, column, value):
        frame = self.good.copy()
        frame.loc[row, column] = value
        return frame

    def test_logs_and_sorts(self):
        series = self.read(frame=self.good.iloc[::-1], log=True)
        np.testing.assert_allclose(series.values, np.log(2) * np.arange(8))
        assert as_date(series.days[0]).isoformat() == "2020-01-01"

    def test_sd_of_a_logarithm(self):
        """Of a log-normal with mean 2 and sd 0.1, the log's sd is sqrt(log(1 + 0.05^2))."""
        series = self.read(sd="sd", log=True)
        assert series.errors[1] == pytest.approx(np.sqrt(np.log(1 + 0.05**2)))
        np.testing.assert_allclose(self.read(sd="sd").errors, 0.1)

    @pytest.mark.parametrize(("changes", "message"), [
        ({"value": "scor"}, "no such column (given 'scor'; allowed: when, score, sd; did you "
                            "mean 'score'?)"),
        ({"kind": "record"}, "did you mean 'records'?"),
        ({"cell": (3, "when", "3/4/2020")}, "row 3, column when: not a date (given '3/4/2020'"),
        ({"cell": (3, "when", "2020-02-30")}, "row 3, column when: not a date"),
        ({"cell": (2, "score", "")}, "row 2, column score: not a number"),
        ({"cell": (2, "score", "inf")}, "row 2, column score: not a number"),
        ({"cell": (2, "score", "0"), "log": True}, "row 2, column score: a value that has no "
                                                   "logarithm (given '0'"),
        ({"cell": (5, "sd", "-1"), "sd": "sd"}, "row 5, column sd: not a standard deviation"),
        ({"end": "2020-09-01"}, "only a list of records has an end of its silence"),
        ({"end": "2020-07-31", "kind": "records"}, "allowed: YYYY-MM-DD, 2020-08-01 or later"),
        ({"cell": (5, "score", "1"), "kind": "records"},
         "row 5, column score: not a record (given '1'; allowed: above the earlier 16"),
    ])
    def test_problems(self, changes, message):
        changes = dict(changes)
        if "cell" in changes:
            changes["frame"] = self.change(*changes.pop("cell"))
        with pytest.raises(TableError) as error:
            self.read(**changes)
        assert message in str(error.value)

    def test_all_problems_at_once(self):
        frame = self.change(1, "when", "soon")
        frame.loc[4, "score"] = "high"
        with pytest.raises(TableError) as error:
            self.read(frame=frame)
        assert [problem.row for problem in error.value.problems] == [1, 4]

    @pytest.mark.parametrize(("frame", "message"), [
        (good.iloc[:5], "too few points (given '5'; allowed: 6 or more)"),
        (good.assign(when="2020-01-01"), "too few different dates (given '1'"),
        (good.assign(score="3"), "all values are equal"),
    ])
    def test_no_trend_can_be_drawn(self, frame, message):
        with pytest.raises(TableError, match=message.replace("(", r"\(").replace(")", r"\)")):
            self.read(frame=frame)

    def test_file_rows_are_lines(self, tmp_path):
        path = tmp_path / "series.csv"
        path.write_text("when,score\n" + "\n".join(
            f"2020-0{i}-01,{'x' if i == 3 else i}" for i in range(1, 9)))
        with pytest.raises(TableError) as error:
            read_series(path, date="when", value="score")
        assert error.value.problems[0].row == 4
        assert "series.csv" in str(error.value)

    def test_missing_file(self, tmp_path):
        with pytest.raises(TableError, match="cannot be read"):
            read_series(tmp_path / "none.csv", date="a", value="b")

    @given(st.dates(min_value=pd.Timestamp("1900-01-01").date()))
    def test_days_come_back(self, day):
        assert as_date(as_days(parse_day(day.isoformat()))) == day


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
