"""Forecasts scored: first releases, back-tests, the authors' own forecasts."""

import datetime as dt

import numpy as np
import pytest
from fake_posterior import (
    GAP_FAMILY,
    GAP_MODEL,
    LEVEL,
    NOISE,
    RATE,
    fake_models,
    fake_posterior,
)

from densing_bayes.corollaries import backtest as B
from densing_bayes.corollaries.capacity import FixedSize
from densing_bayes.corollaries.draws import Posterior, pool, years_of
from densing_bayes.corollaries.releases import CLASS, exceedance, first_release, frequency
from densing_bayes.corollaries.targets import Target
from densing_bayes.intervals import Interval
from densing_bayes.tables import load_tables

TODAY = dt.date(2025, 1, 1)


def known_truth(count=4000):
    """Draws that are the truth itself: what is left is chance."""
    models = fake_models(count=4)
    exact = fake_posterior(models, draws=count, error=0.0)
    exact.draws["level"] = exact.draws["level"] * 0 + LEVEL
    return exact


def test_exceedance_is_the_tail_of_gaps_and_noise():
    rng = np.random.default_rng(0)
    exact = pool(known_truth())
    above = np.array([[-1.0, 0.0, 0.5, 1.5]]).repeat(exact.size, axis=0)
    found = exceedance(exact, above, np.zeros(4), rng).mean(axis=0)
    many = (NOISE * rng.normal(size=400_000) - np.abs(GAP_MODEL * rng.normal(size=400_000))
            - rng.exponential(GAP_FAMILY, 400_000))
    expected = [(many >= x).mean() for x in above[0]]
    np.testing.assert_allclose(found, expected, atol=6e-3)
    assert (exceedance(exact, np.full((exact.size, 1), np.inf), np.zeros(1), rng) == 0).all()


def test_wider_gaps_later_make_matches_rarer():
    rng = np.random.default_rng(0)
    draws = known_truth(200)
    grown = pool(Posterior(draws.draws.assign(spread_growth=draws.draws["noise"] * 0 + 0.5)))
    years = np.array([0.0, 4.0]) + grown.centre
    found = exceedance(grown, np.full((grown.size, 2), -0.5), years, rng).mean(axis=0)
    assert found[1] < found[0]


def first_events(rng, need, per_year, count):
    """Simulate releases one by one: the time of the first that matches."""
    out = []
    start = years_of(TODAY)
    for _ in range(count):
        time = start
        while True:
            time += rng.exponential(1 / per_year)
            density = (LEVEL + RATE * time - np.abs(rng.normal()) * GAP_MODEL
                       - rng.exponential(GAP_FAMILY) + rng.normal() * NOISE)
            if density >= need:
                break
        out.append(time)
    return np.array(out)


@pytest.mark.parametrize("per_year", [0.7, 12.0])
def test_first_release_agrees_with_releases_one_by_one(per_year):
    rng = np.random.default_rng(1)
    exact = pool(known_truth())
    need = LEVEL + RATE * 3.0  # the frontier reaches it three years after LLaMA-1
    log_size = np.log(8e9)
    match = Target("x", np.full(exact.size, need + log_size - CLASS / 2))
    found = first_release(exact, FixedSize(8e9), match, as_of=TODAY, horizon=dt.date(2060, 1, 1),
                          per_year=np.full(exact.size, per_year), rng=rng, look_back=False).years
    simulated = first_events(rng, need, per_year, 3000)
    # two-sample Kolmogorov-Smirnov: 1.95 sqrt(1/n + 1/m) has a false alarm in 1000
    both = np.sort(np.concatenate([found, simulated]))
    gap = np.abs((found[:, None] <= both).mean(0) - (simulated[:, None] <= both).mean(0)).max()
    assert gap < 1.95 * np.sqrt(1 / len(found) + 1 / len(simulated))


def test_many_releases_beat_the_frontier_and_few_lag_it():
    exact = pool(known_truth(1000))
    log_size, crossing = np.log(8e9), 3.5
    match = Target("x", np.full(exact.size, LEVEL + RATE * crossing + log_size - CLASS / 2))
    median = [float(np.median(first_release(
        exact, FixedSize(8e9), match, as_of=TODAY, horizon=dt.date(2060, 1, 1),
        per_year=np.full(exact.size, rate), rng=np.random.default_rng(2),
        look_back=False).years)) for rate in (0.3, 400.0)]
    assert median[0] > crossing > median[1]


def test_known_models_count_and_the_data_end_before_the_day_of_asking():
    models = fake_models(count=60, seed=4)
    known = pool(fake_posterior(models, error=0.0))
    rng = np.random.default_rng(3)
    best = max(known.models, key=lambda name: np.median(known.effective(name)))
    size = np.exp(known.places[best][1])
    horizon = dt.date(2040, 1, 1)
    matched = first_release(known, FixedSize(size), Target(best, known.effective(best)),
                            as_of=dt.date(2027, 1, 1), horizon=horizon, rng=rng)
    assert matched.p_already == 1.0  # by the model itself
    # nothing known matches twice that; what appeared since the end of the data may have
    harder = Target("x", known.effective(best) + np.log(2))
    day = dt.date(2029, 1, 1)
    late = first_release(known, FixedSize(size), harder, as_of=day, horizon=horizon, rng=rng)
    early = first_release(known, FixedSize(size), harder, as_of=max(
        date for date, _ in known.places.values()), horizon=horizon, rng=rng)
    assert early.p_already == 0.0
    assert 0 < late.p_already < 1


def test_frequency_counts_the_class_of_the_last_two_years():
    models = fake_models(count=200, seed=5)
    known = pool(fake_posterior(models), 200)
    rng = np.random.default_rng(0)
    recent = (models["release_date"] > "2023-01-01") & (models["release_date"] <= "2025-01-01")
    in_class = models["params_total"].between(4e9, 8e9)
    found = frequency(known, np.log(8e9), TODAY, rng)
    count = int((recent & in_class).sum())
    assert count > 3
    # mean (count + 1/2) / 2 per year, within four standard errors of 200 draws
    assert found.mean() == pytest.approx((count + 0.5) / 2, abs=4 * np.sqrt(count + 0.5) / 2 / 14)


@pytest.mark.slow
def test_back_test_is_calibrated_on_known_growth():
    """On 30 histories, 90% intervals of a known trend cover; a trend 40% too fast does not.

    Milestones of one history are dependent, so the mean cover of 30 histories is what is
    tested: its spread is a few per cent, and the bounds are more than four of them wide.
    """
    cover, wrong, expected, observed = [], [], 0.0, 0
    for seed in range(30):
        models = fake_models(count=250, seed=100 + seed)
        seen = models[models["release_date"] <= "2025-01-01"]
        rng = np.random.default_rng(seed)
        full = pool(fake_posterior(models, error=0.0), 60)
        now = pool(fake_posterior(seen, error=0.0), 60)
        # the ruler's error is absent, so level and rate are the truth up to noise
        found = B.backtest(now, full, as_of=TODAY, interval=Interval(), rng=rng)
        cover.append(found["covered"].mean())
        expected += found["p_by_end"].sum()
        observed += int(found["outcome"].notna().sum())
        fast = pool(fake_posterior(seen, error=0.0, rate=1.4 * RATE), 60)
        wrong.append(B.backtest(fast, full, as_of=TODAY, interval=Interval(),
                                rng=rng)["covered"].mean())
    assert 0.82 < np.mean(cover) < 0.98
    assert np.mean(wrong) < np.mean(cover) - 0.05
    assert observed == pytest.approx(expected, rel=0.25)


def test_back_test_rows_are_milestones_still_open():
    models = fake_models(count=120, seed=3)
    seen = models[models["release_date"] <= "2025-01-01"]
    full, now = pool(fake_posterior(models), 50), pool(fake_posterior(seen), 50)
    found = B.backtest(now, full, as_of=TODAY, interval=Interval(),
                       rng=np.random.default_rng(0)).set_index("target")
    params = models.set_index("model")["params_total"]
    np.testing.assert_allclose(found["size"], params[found.index] / 2)
    assert (found["outcome"].dropna() > years_of(TODAY)).all()
    assert ((found["low"] <= found["median"]) & (found["median"] <= found["high"])).all()
    # a milestone that a smaller model had reached by then is no forecast
    medians = dict(zip(full.models, np.median(full.effective_of(full.models), axis=0),
                       strict=True))
    by_then = set(seen["model"])
    for name in found.index:
        half = params[name] / 2
        assert not any(medians[other] >= medians[name] for other in by_then
                       if half / 2 < params[other] <= half)


def test_authors_forecasts_are_scored_where_due():
    models = load_tables().models
    models = models[models["precision_bits"] == 16].reset_index(drop=True)
    days = (models["release_date"].to_numpy("datetime64[D]")
            - np.datetime64("2023-02-24")).astype(float)
    models["log_density"] = LEVEL + RATE * days / 365.25 - 0.5
    tables = load_tables()
    rows = B.authors(pool(fake_posterior(models, error=0.0)), tables=tables,
                     as_of=dt.date(2026, 11, 21))
    by = {row["claim"].split(" ")[0]: row for row in rows}
    eight = next(row for row in rows if row["claim"].startswith("an 8B model"))
    assert eight["status"] == "past"
    assert eight["p_data"] in (0.0, 1.0)
    small = by["MiniCPM-1-2.4B"]
    assert small["due"] == "2024-02-01"
    # 1.6 a year for 127 days covers a factor of 1.74, not 2.72/7.24
    assert small["p_law"] == 0.0
    rl = next(row for row in rows if "reinforcement" in row["claim"])
    assert rl["p_data"] is None
    assert rl["status"] == "open"
    without = B.authors(pool(fake_posterior(fake_models())), tables=tables,
                        as_of=dt.date(2026, 11, 21))
    # by scores alone: MMLU 53 against 62, but ahead in mathematics and code
    pair = next(row for row in without if row["claim"].startswith("MiniCPM"))
    assert "on " in pair["note"]
    assert pair["p_law"] is None
