"""Figures: what is drawn equals the data, labels have units, nothing overlaps."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from densing_bayes import figures
from densing_bayes.figures.parts import LogTicks
from densing_bayes.intervals import Interval
from densing_bayes.reports import Picture

INTERVAL = Interval(0.8)
NAN = math.nan


@pytest.fixture
def fig():
    with figures.style():
        fig = Figure(figsize=(7, 5))
        FigureCanvasAgg(fig)
        yield fig
        fig.draw_without_rendering()


# -- parts -----------------------------------------------------------------------------------


@given(low=st.floats(-8, 15), decades=st.floats(0.05, 14))
@settings(deadline=None)
def test_log_ticks_are_few_enough_and_inside(low, decades):
    low, high = 10**low, 10 ** (low + decades)
    ticks = LogTicks(7).tick_values(low, high)
    assert 1 <= len(ticks) <= 7 or decades < 0.1
    assert np.all((ticks >= low * 0.998) & (ticks <= high * 1.002))


def test_doubling_axis_reads_the_rate(fig):
    ax = fig.add_subplot()
    ax.set_xlim(0.5, 3.0)
    top = figures.doubling_axis(ax)
    fig.draw_without_rendering()
    shown = {tick.get_text(): place for tick, place in
             zip(top.get_xticklabels(), top.get_xticks(), strict=True)}
    # six months: density doubles twice a year, 2 ln 2 = 1.386 nats a year
    assert shown["6"] == pytest.approx(1.3863, abs=1e-4)
    assert shown["12"] == pytest.approx(0.6931, abs=1e-4)
    gaps = np.diff(sorted(shown.values()))
    assert gaps.min() >= 0.075 * 2.5
    assert top.get_xlabel() == "doubling time (months)"


def test_doubling_axis_of_a_narrow_range(fig):
    """No round number of months lies between 5.1 and 5.35: tenths do."""
    ax = fig.add_subplot()
    ax.set_xlim(12 * np.log(2) / 5.35, 12 * np.log(2) / 5.05)
    top = figures.doubling_axis(ax)
    fig.draw_without_rendering()
    assert [label.get_text() for label in top.get_xticklabels()] == ["5.1", "5.2", "5.3"]


def test_doubling_axis_through_zero(fig):
    ax = fig.add_subplot()
    ax.set_xlim(-1, 1.5)
    top = figures.doubling_axis(ax)
    fig.draw_without_rendering()
    shown = {tick.get_text(): place for tick, place in
             zip(top.get_xticklabels(), top.get_xticks(), strict=True)}
    assert shown["∞"] == 0
    assert shown["−12"] == pytest.approx(-math.log(2))
    assert "halving" in top.get_xlabel()


@pytest.mark.parametrize("name", ["a" * 300, "x\x00\x1b\u202ey\nz", "", "🦙" * 50, "$a_b$"])
def test_shortened_names_are_one_short_line(name):
    short = figures.shorten(name, 20)
    assert len(short) <= 20
    assert short.isprintable()


@pytest.mark.parametrize("seed", range(3))
def test_labels_never_overlap(fig, seed):
    rng = np.random.default_rng(seed)
    ax = fig.add_subplot()
    x, y = rng.random(60), np.exp(rng.normal(size=60))
    ax.plot(x, y, "o", label="points")
    ax.set_yscale("log")
    legend = ax.legend(loc="upper left")
    placed = figures.place_labels(ax, x, y, [f"a-rather-long-model-{i}" for i in range(60)],
                                  avoid=np.column_stack([x, y]))
    fig.draw_without_rendering()
    assert 15 <= len(placed) < 60  # crowded: some are left out
    texts = [Text.get_window_extent(label) for label in placed]  # words without the leader
    for one, other in itertools.combinations([*texts, legend.get_window_extent()], 2):
        assert not one.overlaps(other)
    points = ax.transData.transform(np.column_stack([x, y]))
    assert not any(box.contains(*point) for box in texts for point in points)


# -- SVG -------------------------------------------------------------------------------------


def draw_points(fig):
    ax = fig.add_subplot()
    ax.plot([1, 10], [0.1, 1000], label="通义千问 🦙 $x$ <b>&")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.legend()


def test_svg_is_the_same_each_time_and_keeps_text():
    picture = Picture("points", "caption", "alt", draw_points)
    first, second = figures.svg(picture), figures.svg(picture)
    assert first == second
    assert "DOCTYPE" not in first
    shown = " ".join("".join(ET.fromstring(first).itertext()).split())
    assert "通义千问 🦙 $x$ <b>&" in shown
    assert "1,000" in shown or "300" in shown
    assert "mathdefault" not in shown


# -- figures ---------------------------------------------------------------------------------


def test_density_timeline_draws_every_model(fig):
    ax = fig.add_subplot()
    date = np.array(["2023-02-24", "2023-09-27", "2024-02-01", "2025-03-01"], "datetime64[D]")
    median = np.array([0.1, 0.5, 0.4, 4.0])
    band_date = np.array(["2023-01-01", "2025-06-01"], "datetime64[D]")
    sparse = np.array([False, False, True, False])
    figures.density_timeline(
        ax, date=date, median=median, low=median / 2, high=median * 2, sparse=sparse,
        name=["LLaMA-1", "Mistral-7B", "Other", "New"], record=[True, True, False, True],
        band_date=band_date, band=np.array([[0.1, 2], [0.12, 3], [0.15, 4], [0.18, 5], [0.2, 8]]),
        best_date=date[[0, 1, 3]], best=median[[0, 1, 3]], interval=INTERVAL,
        mark=(np.datetime64("2023-06-01"), "A day"))
    dense, experts = ax.collections[-2:]
    assert np.allclose(dense.get_offsets()[:, 1], median[~sparse])
    assert np.allclose(experts.get_offsets()[:, 1], median[sparse])
    assert np.allclose(experts.get_facecolor()[0, :3], 1), "hollow"
    assert np.allclose(ax.lines[0].get_ydata(), [0.15, 4])
    assert np.allclose(ax.lines[1].get_ydata(), [0.1, 0.5, 4.0])
    assert {label.get_text() for label in ax.texts} == {"LLaMA-1", "Mistral-7B", "New", "A day"}
    assert ax.get_yscale() == "log"
    legend = [label.get_text() for label in ax.get_legend().get_texts()]
    assert legend == ["frontier, 50% and 80% equal-tailed interval",
                      "model, 80% equal-tailed interval", "best available", "dense",
                      "mixture of experts"]


def test_rate_posterior_marks_the_interval_and_published_rates(fig):
    draws = np.random.default_rng(0).normal(2.4, 0.2, 4000)
    figures.rate_posterior(fig, draws=draws, interval=INTERVAL, published=[
        ("paper", 2.56, NAN, NAN), ("with interval", 1.0, 0.5, 1.5)])
    ax, below = fig.axes[:2]
    grid, height = ax.lines[0].get_data()
    assert np.trapezoid(height, grid) == pytest.approx(1, abs=0.02)
    shaded = ax.collections[0].get_paths()[0].vertices[:, 0]
    assert [shaded.min(), shaded.max()] == pytest.approx(INTERVAL.of(draws), abs=0.02)
    assert np.allclose(below.lines[0].get_xdata(), [2.56, 1.0])
    assert [label.get_text() for label in below.get_yticklabels()] == ["paper", "with interval"]
    low, high = ax.get_xlim()
    assert low < 0.5
    assert high > grid.max()
    assert "1/year" in below.get_xlabel()


def test_rate_posterior_with_nothing_published(fig):
    figures.rate_posterior(fig, draws=np.linspace(-1, 2, 500), published=[], interval=INTERVAL)
    assert "1/year" in fig.axes[0].get_xlabel()
    assert len(fig.axes) == 1


def test_forest_has_a_row_per_name_first_on_top(fig):
    ax = fig.add_subplot()
    figures.forest(ax, name=["a", "b", "c"], median=[1, 2, 3], low=[0, NAN, 2], high=[2, NAN, 4],
                   xlabel="effect (nats)", interval=INTERVAL, reference=0.0)
    assert np.allclose(ax.lines[0].get_data(), [[1, 2, 3], [0, 1, 2]])
    bottom, top = ax.get_ylim()
    assert bottom > top
    assert ax.get_xlabel() == "effect (nats)\nmedian and 80% equal-tailed interval"
    bars = [path.vertices[:, 0].tolist() for path in ax.collections[0].get_paths()]
    assert [bar for bar in bars if bar and np.isfinite(bar).all()] == [[0, 2], [2, 4]]


def test_rate_forest_has_doubling_times(fig):
    ax = fig.add_subplot()
    figures.rate_forest(ax, name=["joint", "cut"], median=[2.4, -0.1], low=[2.0, -0.6],
                        high=[2.8, 0.4], interval=INTERVAL)
    assert [child.get_xlabel() for child in ax.child_axes] == [
        "doubling time (months; negative: halving)"]


@pytest.mark.parametrize("whole", [True, False])
def test_predictive_check_is_a_distribution(fig, whole):
    draws = np.random.default_rng(0).poisson(9, 500) + (0.0 if whole else 0.25 * np.arange(500))
    ax = fig.add_subplot()
    figures.predictive_check(ax, replicated=draws, observed=4.0, xlabel="records (count)")
    heights = [bar.get_height() for bar in ax.patches]
    assert sum(heights) == pytest.approx(1)
    assert ax.lines[0].get_xdata()[0] == 4.0
    if whole:
        centres = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
        assert heights[centres.index(9)] == pytest.approx((draws == 9).mean())


def test_ladder_shades_what_lies_beyond(fig):
    ax = fig.add_subplot()
    grid = np.geomspace(1e8, 1e12, 20)
    band = np.array([0.9, 1.0, 1.1])[:, None] * grid**-0.1
    figures.ladder(ax, params=[2e8, 3e9], loss=[0.15, 0.11], group=["20", "40"], grid=grid,
                   bands={"20": band, "40": band * 0.9}, loss_unit="nats/token",
                   interval=INTERVAL)
    assert "beyond the ladder" in [text.get_text() for text in ax.texts]
    assert ax.patches[0].get_x() == 3e9
    assert [line.get_xdata().tolist() for line in ax.lines[1::2]] == [[2e8], [3e9]]
    assert np.allclose(ax.lines[2].get_ydata(), band[1] * 0.9)
    assert "nats/token" in ax.get_ylabel()


def test_score_curve_tells_fitted_from_held_out(fig):
    ax = fig.add_subplot()
    grid = np.linspace(0.5, 1.2, 30)
    band = np.array([[0.5], [0.55], [0.6]]) * np.ones(30)
    figures.score_curve(ax, loss=[0.6, 0.8, 1.0], score=[0.7, 0.5, 0.3],
                        held_out=[True, False, False], grid=grid, band=band, chance=0.25,
                        ceiling=0.93, loss_unit="bits/byte", interval=INTERVAL)
    fitted, held_out = ax.lines[1:3]
    assert np.allclose(fitted.get_ydata(), [0.5, 0.3])
    assert np.allclose(held_out.get_ydata(), [0.7])
    assert sorted(line.get_ydata()[0] for line in ax.lines[3:]) == [0.25, 0.93]
    assert {text.get_text() for text in ax.texts} == {"chance", "ceiling (median)"}


def test_colours_stay_apart_for_colour_blind_readers():
    """Simulated deuteranopia (Machado et al. 2009) keeps the first three colours apart."""
    deuteranopia = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                             [-0.011820, 0.042940, 0.968881]])

    def seen(colour):
        rgb = np.array([int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)])
        return deuteranopia @ rgb ** 2.2
    pairs = itertools.combinations((figures.BLUE, figures.ORANGE, figures.GREEN), 2)
    for one, other in pairs:
        assert np.linalg.norm(seen(one) - seen(other)) > 0.15
    assert np.linalg.norm(seen("#d0021b") - seen("#5f7f1b")) < 0.15  # a red and green that fail
