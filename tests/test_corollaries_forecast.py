"""The milestone calculator: draws, targets, capacities, dates, and what fits at a date."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fake_posterior import LEVEL, RATE, fake_models, fake_posterior, log_size_of_score
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_bayes.corollaries.ask import ask_forecast
from densing_bayes.corollaries.capacity import FixedSize, Use, largest_size, on_device
from densing_bayes.corollaries.chips import ChipStudy
from densing_bayes.corollaries.draws import (
    Posterior,
    date_of,
    from_derived,
    pair,
    pool,
    years_of,
)
from densing_bayes.corollaries.forecast import crossing, forecast, grid
from densing_bayes.corollaries.targets import Target, scored_models, target
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

TODAY = dt.date(2026, 11, 22)
LATER = dt.date(2036, 11, 22)


@pytest.fixture(scope="module")
def models():
    return fake_models()


@pytest.fixture(scope="module")
def draws(models):
    return pool(fake_posterior(models))


@pytest.fixture(scope="module")
def sharp(models):
    """No error at all: every draw is the truth."""
    exact = fake_posterior(models, draws=20, error=0.0)
    exact.draws["level"] = xr.full_like(exact.draws["level"], LEVEL)
    return pool(exact)


@pytest.fixture(scope="module")
def tables():
    return load_tables()


# -- draws ------------------------------------------------------------------------------------


def test_dates_and_years_are_inverse():
    for day in (dt.date(2023, 2, 24), dt.date(2024, 2, 29), dt.date(2099, 12, 31)):
        assert date_of(years_of(day)) == day
    assert date_of(1e9) == dt.date.max


def test_regimes_are_pooled_by_weight(models):
    fast = fake_posterior(models, rate=2.0, error=0.0, name="fast", weight=0.25)
    slow = fake_posterior(models, rate=1.0, error=0.0, name="slow", weight=0.75)
    both = pool([fast, slow])
    assert both.size == 533  # 400 of the slow ones, a third as many of the fast
    assert (both.values("rate") == 2.0).mean() == pytest.approx(0.25, abs=0.002)
    alone = pool([fast, fake_posterior(models, weight=0.0)])
    assert alone.size == 400
    with pytest.raises(InputError, match="positive weight"):
        pool([fake_posterior(models, weight=0.0)])


def test_pairing_keeps_the_distribution_and_not_the_order():
    values = np.arange(1000.0)
    taken = pair(values, 1000, np.random.default_rng(0))
    assert sorted(taken) == values.tolist()
    assert abs(np.corrcoef(taken, values)[0, 1]) < 0.15


def test_scores_of_a_joint_fit_are_read_on_its_ruler():
    one = xr.DataArray([[1.0]], dims=("chain", "draw"))
    law = {"log_a": 1.6377, "alpha": 0.0885, "log_b": 5.0967, "beta": 0.2575,
           "irreducible": 0.0, "gamma": -7.72, "midpoint": 0.9, "scale": 0.70,
           "chance": 0.25}
    derived = xr.Dataset({name: (one * value).expand_dims(anchor=[0]) for name, value in
                          law.items()})
    derived["rate"] = one
    known = from_derived(derived, benchmark="MMLU", reference_tokens=5e12)
    # by hand: loss = 0.9 + ln(0.7 / 0.35 - 1) / 7.72 = 0.9 at S = 0.6
    rest = 0.9 - np.exp(5.0967 - 0.2575 * np.log(5e12))
    assert float(known.log_size_of_score(0.6)[0, 0]) == pytest.approx(
        (1.6377 - np.log(rest)) / 0.0885)
    assert np.isnan(known.log_size_of_score(0.96)[0, 0])  # above the ceiling
    assert known.log_size_of_score(0.2)[0, 0] == -np.inf  # below chance


# -- targets ----------------------------------------------------------------------------------


def test_a_model_is_matched_by_its_effective_size(draws):
    found = target(draws, match="MODEL-7")
    assert found.label == "model-7"
    np.testing.assert_array_equal(found.log_size, draws.effective("model-7"))


def test_a_model_that_is_only_sold_counts_with_its_score(draws, tables):
    found = target(draws, match="GPT-4", prices=tables.prices)
    assert found.label == "GPT-4 (MMLU 86.4%)"
    np.testing.assert_array_equal(found.log_size, draws.size_of_score(0.864))
    assert scored_models(tables.prices)["gpt-3.5"] == 0.70  # its own report, not 0.648


@pytest.mark.parametrize(("asked", "words"), [
    ({}, "one thing to match"),
    ({"match": "model-1", "score": 0.8}, "one thing to match"),
    ({"match": "modle-77"}, "did you mean 'model-77'"),
    ({"match": "GPT4"}, "did you mean 'gpt-4'"),
    ({"score": 86.4}, "divide by 100"),
    ({"score": 0.99}, "ceiling"),
    ({"size": 0.0}, "positive number"),
])
def test_targets_that_cannot_be(draws, tables, asked, words):
    with pytest.raises(InputError, match=words):
        target(draws, **asked, prices=tables.prices)


def test_where_the_ceiling_is_too_low_there_is_no_size(models):
    known = fake_posterior(models)
    ceiling = xr.DataArray(np.linspace(0.85, 0.95, 400).reshape(2, 200), dims=("chain", "draw"))

    def of_score(score):
        return xr.where(score < ceiling, 25.0, np.nan)

    some = pool(Posterior(known.draws, of_score))
    aim = target(some, score=0.87)
    assert np.isinf(aim.log_size).mean() == pytest.approx(0.2, abs=0.01)
    found = forecast(some, what=FixedSize(1e12), match=aim, as_of=TODAY).when
    assert found.p_never == pytest.approx(0.2, abs=0.01)
    assert found.quantile(0.95).startswith("after")


# -- dates ------------------------------------------------------------------------------------


@given(st.floats(-3, 3), st.floats(0.05, 3))
@settings(deadline=None)
def test_crossing_of_a_line_is_exact(start, slope):
    years = grid(TODAY, LATER)
    surplus = start + slope * (years - years[0])
    found = crossing(surplus[None], years)[0]
    exact = years[0] - start / slope
    if start >= 0:
        assert found == years[0]
    elif exact <= years[-1]:
        assert found == pytest.approx(exact, abs=1e-9)
    elif exact > years[-1] + 1e-9:
        assert found == np.inf


def test_the_date_of_known_truth(sharp):
    """8B to the size of a score, by the closed form level + rate t = ln(N*/N)."""
    aim = target(sharp, score=0.864)
    found = forecast(sharp, what=FixedSize(8e9), match=aim, as_of=TODAY).when
    exact = (log_size_of_score(0.864) - np.log(8e9) - LEVEL) / RATE
    assert found.quantile(0.5) == date_of(exact).isoformat()
    assert found.p_already == 0
    assert found.p_never == 0
    assert found.p_by(date_of(exact + 0.01)) == 1
    assert found.p_by(date_of(exact - 0.01)) == 0


def test_already_never_and_falling_densities(models):
    falling = pool(fake_posterior(models, rate=-1.0, error=0.0))
    aim = target(falling, size=1e12)
    found = forecast(falling, what=FixedSize(8e9), match=aim, as_of=TODAY).when
    assert (found.p_already, found.p_never) == (0, 1)
    assert found.quantile(0.5) == f"after {found.horizon}"
    easy = forecast(falling, what=FixedSize(1e12), match=target(falling, size=1e6), as_of=TODAY)
    assert easy.when.p_already == 1
    assert easy.when.quantile(0.9) == "already"


@given(st.floats(1e9, 1e11), st.floats(1.1, 10))
@settings(deadline=None)
def test_larger_models_come_sooner_and_harder_targets_later(draws, size, factor):
    aim = Target("x", np.full(draws.size, np.log(1e13)))
    harder = Target("y", aim.log_size + np.log(factor))
    days = [forecast(draws, what=FixedSize(s), match=a, as_of=TODAY).when.years
            for s, a in ((size, aim), (size * factor, aim), (size, harder))]
    assert (days[1] <= days[0]).all()
    assert (days[2] >= days[0]).all()
    # size and target enter only by their ratio
    both = forecast(draws, what=FixedSize(size * factor), match=harder, as_of=TODAY).when.years
    np.testing.assert_allclose(both, days[0], atol=1e-9)


def test_uncertain_regimes_widen_the_date(models):
    parts = [fake_posterior(models, rate=rate, error=0.0, name=str(rate), weight=0.5)
             for rate in (1.2, 2.0)]
    aim_size = 5e13
    spread = []
    for given_ in (parts[0], parts[1], parts):
        known = pool(given_)
        when = forecast(known, what=FixedSize(8e9), match=target(known, size=aim_size),
                        as_of=TODAY).when
        spread.append(np.ptp(np.quantile(np.clip(when.years, 0, 13.75), [0.05, 0.95])))
    assert spread[2] > 3 * max(spread[:2])


def test_a_bent_path_is_followed(models):
    """An accelerating regime: f = level + t + t^2 / 10, so that the date solves a quadratic."""
    known = fake_posterior(models, draws=20, error=0.0)

    def path(years):
        line = LEVEL + years + years**2 / 10
        return xr.DataArray(np.broadcast_to(line, (2, 10, len(years))),
                            dims=("chain", "draw", "time"))

    bent = pool(Posterior(known.draws, known.log_size_of_score, path=path))
    need = np.log(50) - LEVEL
    exact = 5 * (-1 + np.sqrt(1 + 0.4 * need))
    when = forecast(bent, what=FixedSize(1e9), match=target(bent, size=5e10), as_of=TODAY).when
    assert years_of(dt.date.fromisoformat(when.quantile(0.5))) == pytest.approx(exact, abs=0.01)


# -- at a date --------------------------------------------------------------------------------


def test_what_fits_and_what_is_needed_at_a_date(sharp):
    date = dt.date(2030, 1, 1)
    aim = target(sharp, size=1e13)
    found = forecast(sharp, what=FixedSize(8e9), match=aim, date=date, as_of=TODAY)
    frontier = LEVEL + RATE * years_of(date)
    said = found.to_dict(Interval())
    assert said["effective_size"]["median"] == pytest.approx(8e9 * np.exp(frontier), rel=1e-6)
    assert said["size_needed"]["median"] == pytest.approx(1e13 / np.exp(frontier), rel=1e-6)
    # the two say the same: it is matched if the size needed is at most the size given
    assert found.p_by_date == float(found.size_needed[0] <= np.log(8e9))
    strongest = max(sharp.models, key=lambda name: np.median(sharp.effective(name)))
    assert said["p_match"][strongest] == (
        np.log(8e9) + frontier >= sharp.effective(strongest)).mean()


def test_only_a_date_and_a_target(draws):
    found = forecast(draws, match=target(draws, match="model-3"), date=dt.date(2027, 6, 1),
                     as_of=TODAY)
    assert found.when is None
    assert found.effective is None
    assert np.isfinite(found.size_needed).all()


@pytest.mark.parametrize(("asked", "words"), [
    ({"date": dt.date(2020, 1, 1)}, "date lies in the past"),
    ({"date": dt.date(2050, 1, 1)}, "beyond the horizon"),
    ({"date": None}, "too little to forecast"),
    ({"date": dt.date(2027, 1, 1), "horizon": dt.date(2026, 1, 1)}, "horizon is not in the"),
])
def test_questions_without_an_answer(draws, asked, words):
    with pytest.raises(InputError, match=words):
        forecast(draws, what=FixedSize(8e9), as_of=TODAY, **asked)


def test_all_problems_at_once(draws):
    with pytest.raises(InputError) as caught:
        forecast(draws, date=dt.date(2020, 1, 1), as_of=TODAY, horizon=dt.date(2019, 1, 1))
    assert len(caught.value.problems) == 3


# -- the whole question ------------------------------------------------------------------------


def test_the_answer_is_that_of_the_parts(models, tables):
    known = fake_posterior(models)
    said, lines = ask_forecast(known, tables, as_of=TODAY, interval=Interval(), size=8e9,
                               match="GPT-4", date=dt.date(2028, 1, 1))
    draws = pool(known)
    aim = target(draws, match="GPT-4", prices=tables.prices)
    found = forecast(draws, what=FixedSize(8e9), match=aim, date=dt.date(2028, 1, 1),
                     as_of=TODAY)
    for key, value in found.to_dict(Interval()).items():
        assert said[key] == value, key
    assert said["date"]["median"] in lines[1]
    assert "90% equal-tailed interval" in lines[1]
    again, _ = ask_forecast(known, tables, as_of=TODAY, interval=Interval(), size=8e9,
                            match="GPT-4", date=dt.date(2028, 1, 1))
    assert again == said  # the same draws for the same question


def test_a_question_about_a_device_names_its_regimes(models, tables):
    parts = [fake_posterior(models, rate=rate, name=f"rate {rate}", weight=0.5)
             for rate in (1.2, 1.8)]
    said, lines = ask_forecast(parts, tables, as_of=TODAY, interval=Interval(),
                               device="rtx 4090", score=0.8, use=Use(bits=8.0))
    assert [regime["draws"] for regime in said["regimes"]] == [400, 400]
    assert "RTX 4090 (8 bits" in lines[0]
    assert any("rate 1.8 (400 draws)" in line for line in lines)


@pytest.mark.parametrize(("asked", "words"), [
    ({"size": 8e9, "device": "RTX 4090", "score": 0.8}, "not both"),
    ({"size": 0.0, "score": 0.8}, "number of parameters"),
    ({"device": "RTX 9040", "score": 0.8}, "did you mean"),
    ({"size": 8e9, "match": "model-9999"}, "unknown model"),
    ({"size": 8e9}, "too little"),
    ({"size": 8e9, "date": dt.date(2023, 1, 1)}, "in the past"),
])
def test_questions_outside_support(models, tables, asked, words):
    with pytest.raises(InputError, match=words):
        ask_forecast(fake_posterior(models), tables, as_of=TODAY, interval=Interval(), **asked)


# -- capacities -------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "words"), [(0, "at least 1e6"), (8, "8e9 for 8B"),
                                             (-1e9, "number of parameters"),
                                             (np.nan, "number of parameters")])
def test_sizes_that_cannot_be(size, words):
    with pytest.raises(InputError, match=words):
        FixedSize(size)


def test_worked_numbers_of_phones():
    phone = {"memory": 24e9, "bandwidth": 84.8e9, "bits": 4}
    # 60B at 4 bits are 30 GB; 8B active at 84.8 GB/s come 21 times a second
    assert largest_size(**{**phone, "memory": 30e9}, tokens_per_second=0) == 60e9
    sparse = largest_size(memory=1e12, bandwidth=84.8e9, bits=4, tokens_per_second=21.2,
                          active_share=8 / 60)
    assert sparse == pytest.approx(60e9)
    assert largest_size(**phone, tokens_per_second=50) < largest_size(**phone,
                                                                      tokens_per_second=5)


@pytest.fixture(scope="module")
def specs():
    return {"assumed": load_model("corollaries"), "costs": load_model("costs"), "size": 400}


def test_a_device_bounds_by_its_memory_or_its_bandwidth(tables, specs):
    def device(**use):
        return on_device("iphone 17 pro", tables.hardware, Use(**use), **specs,
                         rng=np.random.default_rng(0)).log_size(np.zeros(1), 400)[:, 0]

    fits = np.exp(device(tokens_per_second=0.0))
    assert np.median(fits) == pytest.approx(12e9 * 0.5 * 2, rel=0.05)  # half of 12 GB, 4 bits
    paced = np.exp(device(tokens_per_second=30.0))
    assert np.median(paced) == pytest.approx(75.8e9 * 0.8 / 0.5 / 30, rel=0.05)
    assert (np.exp(device(tokens_per_second=0.0, bits=8.0)) == pytest.approx(fits / 2))
    # what quantising keeps enters as a factor of the effective size
    np.testing.assert_allclose(device(kept=0.5), device() + np.log(0.5))


def test_devices_that_cannot_be(tables, specs):
    rng = np.random.default_rng(0)
    for name, words in (("iPhone 77 Pro", "did you mean 'iPhone 17 Pro'"),
                        ("phone", "not one device")):
        with pytest.raises(InputError, match=words):
            on_device(name, tables.hardware, Use(), **specs, rng=rng)
    with pytest.raises(InputError) as caught:
        Use(bits=0, tokens_per_second=-1, active_share=2)
    assert len(caught.value.problems) == 3


def test_the_typical_phone_grows_with_its_trend(tables, specs, draws):
    def line(value, growth):
        return xr.Dataset({"growth": (("chain", "draw", "kind"), np.full((1, 400, 1), growth)),
                           "level": (("chain", "draw", "kind"), np.full((1, 400, 1),
                                                                        np.log(value)))},
                          coords={"kind": ["phone"]})

    rows = pd.DataFrame({"device": list("abcd"), "kind": "phone", "again": False})
    study = ChipStudy(load_model("chips"), pd.Timestamp("2025-01-01"),
                      {"memory_per_device": line(16.0, np.log(2) / 4),
                       "bandwidth_per_device": line(80.0, np.log(2) / 4)},
                      {"memory_per_device": rows, "bandwidth_per_device": rows}, {})
    phone = on_device("phone", tables.hardware, Use(tokens_per_second=0.0), chips=study, **specs,
                      rng=np.random.default_rng(1))
    at = np.array([years_of(dt.date(2025, 1, 1)), years_of(dt.date(2029, 1, 1))])
    sizes = phone.log_size(at, 400)
    np.testing.assert_allclose(sizes[:, 1] - sizes[:, 0], np.log(2), atol=2e-3)  # 4.0 years
    aim = target(draws, size=1e13)
    growing = forecast(draws, what=phone, match=aim, as_of=TODAY).when
    median = float(np.exp(np.median(phone.log_size(np.array([years_of(TODAY)]), 400))))
    still = forecast(draws, what=FixedSize(median), match=aim, as_of=TODAY).when
    assert np.median(growing.years) < np.median(still.years)
