"""Chips: which devices count, growth by kind, and density times chips."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from densing_bayes.corollaries import chips as C
from densing_bayes.errors import InputError
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.trends import DAYS_PER_YEAR

SHORTAGE = "2025-10-01"


@pytest.fixture(scope="module")
def hardware():
    return load_tables().hardware


# -- density times chips: the worked table ----------------------------------------------------

CHIP_YEARS = (1.54, 2.07, 2.1, 2.46, 3.13, 4.1)
WORKED = {
    np.log(2) / 0.0070: (84.2, 87.6, 87.7, 89.2, 91.1, 92.9),
    np.log(2) / 0.0073: (81.2, 84.4, 84.5, 85.9, 87.7, 89.3),
    3.3 * 30.4375: (85.2, 88.7, 88.8, 90.3, 92.3, 94.1),
    np.log(2) / 0.0066: (88.5, 92.2, 92.4, 94.0, 96.2, 98.1),
    3.5 * 30.4375: (89.6, 93.4, 93.5, 95.2, 97.5, 99.5),
}


@pytest.mark.parametrize("density", WORKED)
def test_worked_table_of_combined_doubling_times(density):
    rng = np.random.default_rng(0)
    for years, days in zip(CHIP_YEARS, WORKED[density], strict=True):
        rate = C.on_fixed_price([np.log(2) / density * DAYS_PER_YEAR], [np.log(2) / years], rng)
        assert np.log(2) / rate[0] * DAYS_PER_YEAR == pytest.approx(days, abs=0.07)


def test_rates_add_draw_by_draw():
    rng = np.random.default_rng(0)
    density, chip = rng.normal(2.5, 0.3, 4000), rng.normal(0.3, 0.1, 1000)
    whole = C.on_fixed_price(density, chip, rng)
    assert whole.mean() == pytest.approx(2.8, abs=0.02)
    assert whole.std() == pytest.approx(np.hypot(0.3, 0.1), rel=0.05)


def test_published_doubling_becomes_a_rate_with_its_interval():
    rng = np.random.default_rng(0)
    draws = C.growth_of_doubling(2.07, 1.54, 3.13, 0.95, 20_000, rng)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert np.median(draws) == pytest.approx(np.log(2) / 2.07, abs=0.002)
    assert high - low == pytest.approx(np.log(2) / 1.54 - np.log(2) / 3.13, rel=0.03)
    assert (C.growth_of_doubling(2.1, None, None, 0.9, 5, rng) == np.log(2) / 2.1).all()


# -- devices ----------------------------------------------------------------------------------


def test_per_dollar_only_launch_prices_of_devices(hardware):
    rows = C.devices_of(hardware, "bandwidth_per_usd", SHORTAGE)
    first = set(rows.loc[~rows["again"], "device"])
    assert {"RTX 4090", "A100 SXM4 40GB", "H20"} <= first
    assert not first & {"H100 SXM5 80GB", "H100 PCIe 80GB", "B200 SXM", "H200 SXM 141GB",
                        "DGX Spark", "Jetson AGX Thor", "Apple M3 Ultra (Mac Studio)"}
    again = rows[rows["again"]].set_index("device")
    assert set(again.index) <= first
    row = again.loc["RTX 5090"]
    assert row["value"] == pytest.approx(1792 / 3500)
    assert row["late"] == 1
    assert again.loc["A100 SXM4 40GB", "late"] == 0


def test_fp16_rates_are_of_one_basis_within_a_kind(hardware):
    rows = C.devices_of(hardware, "flop_per_usd", SHORTAGE)
    assert "Tesla P100 PCIe 16GB" not in set(rows["device"])  # vector, in a kind of matrix rates
    assert "GTX 1080" not in set(rows["device"])  # FP16 at 1/64
    merged = rows.merge(hardware[["device", "fp16_basis"]], on="device")
    assert (merged.groupby("kind")["fp16_basis"].nunique() == 1).all()


def test_per_device_needs_no_price(hardware):
    rows = C.devices_of(hardware, "memory_per_device", SHORTAGE)
    assert "iPhone 17 Pro" in set(rows["device"])
    assert (rows["late"] == 0).all()


# -- growth -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spec():
    model = load_model("chips")
    return replace(model, sampling=replace(model.sampling, draws=500, tune=500, chains=2))


@pytest.fixture(scope="module")
def synthetic():
    """Two kinds of known growth, one kind of three devices; a later price 40% of the value."""
    rng = np.random.default_rng(5)
    rows = []
    start = pd.Timestamp("2012-01-01")
    kinds = (("consumer", 0.15, 40), ("datacenter", 0.35, 40), ("phone", 0.2, 3))
    for kind, growth, count in kinds:
        for i, year in enumerate(np.sort(rng.uniform(0, 12, count))):
            value = np.exp(4 + growth * year + 0.2 * rng.normal())
            rows.append({"device": f"{kind} {i}", "kind": kind, "price_usd": 500.0,
                         "release_date": start + pd.Timedelta(days=365.25 * year),
                         "memory_gb": value, "memory_bandwidth_gb_s": 10 * value,
                         "fp16_tflops": value, "price_kind": "launch", "price_scope": "device",
                         "fp16_basis": "vector", "later_price_usd": np.nan,
                         "later_price_date": pd.NaT})
    frame = pd.DataFrame(rows)
    late = (frame["kind"] == "consumer") & (frame["release_date"] > "2022-06-01")
    frame.loc[late, "later_price_usd"] = 500.0 / 0.4 * np.exp(
        0.15 * (pd.Timestamp("2026-01-01") - frame["release_date"][late]).dt.days / 365.25)
    frame.loc[late, "later_price_date"] = pd.Timestamp("2026-01-01")
    return frame


@pytest.fixture(scope="module")
def study(synthetic, spec):
    return C.fit_chips(synthetic, spec)


def test_growth_by_kind_is_recovered(study):
    for kind, truth in (("consumer", 0.15), ("datacenter", 0.35)):
        for resource in ("bandwidth_per_usd", "memory_per_device"):
            draws = study.growth(resource, kind)
            low, high = np.quantile(draws, [0.005, 0.995])
            assert low < truth < high
            assert high - low < 0.12


def test_a_later_dearer_price_is_a_shock_and_no_trend(study):
    # a price that followed the trend from each card's date would leave 40% of the trend
    shock = study.draws["memory_per_usd"]["shock"].to_numpy()
    assert np.quantile(shock, 0.95) < 0
    low, high = np.quantile(study.growth("memory_per_usd", "consumer"), [0.005, 0.995])
    assert low < 0.15 < high


def test_levels_are_of_the_typical_device(study):
    at = study.log_value("memory_per_device", "datacenter", ["2018-01-01", "2020-01-01"])
    years = (pd.Timestamp("2018-01-01") - pd.Timestamp("2012-01-01")).days / 365.25
    assert np.median(at[:, 0]) == pytest.approx(4 + 0.35 * years, abs=0.15)
    np.testing.assert_allclose(at[:, 1] - at[:, 0], 2.0 * study.growth(
        "memory_per_device", "datacenter"), rtol=0.01)


def test_a_kind_of_few_devices_has_no_growth_of_its_own(study):
    assert study.kinds("memory_per_device") == ["consumer", "datacenter"]
    assert study.count("memory_per_usd", "phone") == 3
    with pytest.raises(InputError, match="3 devices of this kind"):
        study.growth("memory_per_device", "phone")


def test_bandwidth_per_dollar_of_shipped_cards_grows_slowly(hardware):
    """Ordinary least squares on the same rows: 7.9 years a doubling in the worked notes."""
    rows = C.devices_of(hardware, "bandwidth_per_usd", SHORTAGE)
    rows = rows[(rows["kind"] == "consumer") & ~rows["again"]]
    years = (rows["date"] - rows["date"].min()).dt.days / 365.25
    slope = np.polyfit(years, np.log2(rows["value"]), 1)[0]
    assert 5.6 < 1 / slope < 13.7
    assert 1 / slope > 2 * 2.1  # far slower than the published price-performance


@pytest.mark.slow
def test_shipped_chips_pass_the_gate_and_agree_with_least_squares(hardware):
    study = C.fit_chips(hardware, load_model("chips"))
    assert study.passed
    years = np.log(2) / np.median(study.growth("bandwidth_per_usd", "consumer"))
    assert 6.5 < years < 9.5
    assert 3.3 < np.log(2) / np.median(study.growth("bandwidth_per_device", "phone")) < 6.5
