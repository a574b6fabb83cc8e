"""Costs: published numbers, hand-worked numbers, limiting cases."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes import costs

RTX = {"bandwidth": 1.01e12, "rate": 82.58e12}
sizes = st.floats(1e6, 1e13)
times = st.floats(1e-16, 1e-6)
shares = st.floats(0.0, 1.0)


# -- published numbers ------------------------------------------------------------------------


def test_one_token_ratio_on_an_rtx_4090():
    k1, k2 = costs.read_time(bandwidth=1.01e12), costs.compute_time(rate=82.58e12)
    assert k1 == pytest.approx(1.980e-12, rel=1e-3)
    assert k2 == pytest.approx(2.422e-14, rel=1e-3)
    assert k1 / k2 == pytest.approx(81.8, abs=0.05)


def test_published_ratio_means_33_tokens_per_read():
    n = costs.tokens_per_read(ratio=2.45, **RTX)
    assert n == pytest.approx(33.4, abs=0.05)
    k1 = costs.read_time(bandwidth=RTX["bandwidth"], tokens_per_read=n)
    assert k1 / costs.compute_time(rate=RTX["rate"]) == pytest.approx(2.45)


def test_four_bits_take_a_quarter_of_the_reading_and_give_2_14():
    k1 = costs.read_time(bandwidth=1e12)
    assert costs.read_time(bandwidth=1e12, bits=4) / k1 == 0.25
    gain = costs.log_cost_density(log_effective=0.0, params=1.0, active=1.0, k1=2.45, k2=1.0,
                                  k1_model=2.45 / 4)
    assert np.exp(gain) == pytest.approx(3.45 / 1.6125)
    assert np.exp(gain) == pytest.approx(2.14, abs=0.005)
    # so a 4-bit model is denser if it keeps more than 46.7% of its effective size
    assert np.exp(-gain) == pytest.approx(0.467, abs=5e-4)


def test_deepseek_v3_breaks_even_at_487_billion():
    equal = costs.equivalent_size(params=671e9, active=37e9, k1=2.45, k2=1.0, k1_model=2.45)
    assert equal / 1e9 == pytest.approx(487.2, abs=0.1)
    density = costs.log_cost_density(log_effective=np.log(equal), params=671e9, active=37e9,
                                     k1=2.45, k2=1.0, k1_model=2.45)
    assert density == pytest.approx(0.0, abs=1e-12)


def test_offloaded_mixture_by_hand():
    # 46.7B of 16 bits on 24 GB: 24/93.4 in memory; the rest 32 times slower than memory
    resident = costs.resident_share(params=46.7e9, bits=16, memory=24e9)
    assert resident == pytest.approx(24 / 93.4)
    k1_s = costs.offloaded_read_time(k1=2.45, k1_link=32 * 2.45, resident=resident)
    assert k1_s == pytest.approx(2.45 * (24 + 32 * 69.4) / 93.4)
    rho = np.exp(costs.log_cost_density(log_effective=np.log(30e9), params=46.7e9, active=12.9e9,
                                        k1=2.45, k2=1.0, k1_model=k1_s))
    assert rho == pytest.approx(30 * 3.45 / (46.7 * k1_s + 12.9))


def test_experts_touched_by_a_batch():
    # DeepSeek-V3: 8 of 256 experts, 33 tokens
    assert costs.touched_experts(routed=8 / 256, tokens_per_read=33) == pytest.approx(0.649,
                                                                                      abs=5e-4)
    assert costs.touched_experts(routed=0.25, tokens_per_read=1) == 0.25
    # 2 of 4 tokens' coin flips: 1 - (1/2)^2
    assert costs.touched_experts(routed=0.5, tokens_per_read=2) == 0.75


def test_routing_from_two_sizes():
    # 4 experts of 10 and 20 always read, 1 expert a token: N = 60, N_active = 30, s = 2/3
    assert costs.routed_share(params=60, active=30, always_read=2 / 3) == pytest.approx(0.25)
    # two experts touched: 20 + 2 * 10 of 60
    assert costs.read_share(params=60, active=30, always_read=2 / 3, touched=0.5) == (
        pytest.approx(40 / 60))


def test_energy_and_money_by_hand():
    assert costs.token_energy(time=0.01, power=450.0) == pytest.approx(4.5)
    # a 1,000 USD card, 1 year all busy, 1 second a token: 1000 / 31,557,600 USD; 3.6 kW at
    # 1 USD/kWh for a second: 0.001 USD
    usd = costs.token_money(time=1.0, price=1000.0, life=31_557_600.0, busy=1.0, power=3600.0,
                            usd_per_kwh=1.0)
    assert usd == pytest.approx(1000 / 31_557_600 + 0.001)


# -- limiting cases ---------------------------------------------------------------------------


@given(log_effective=st.floats(10, 35), params=sizes, k1=times, k2=times)
def test_dense_in_memory_is_effective_over_actual_size(log_effective, params, k1, k2):
    found = costs.log_cost_density(log_effective=log_effective, params=params, active=params,
                                   k1=k1, k2=k2, k1_model=k1)
    assert found == pytest.approx(log_effective - np.log(params), abs=1e-9)


@given(params=sizes, always=shares, n=st.floats(1, 1e4))
def test_all_experts_active_is_dense(params, always, n):
    always = min(always, 0.99)
    routed = costs.routed_share(params=params, active=params, always_read=always)
    touched = costs.touched_experts(routed=routed, tokens_per_read=n)
    share = costs.read_share(params=params, active=params, always_read=always, touched=touched)
    assert share == pytest.approx(1.0, abs=1e-9)


@given(active=st.floats(0.01, 1.0), always=st.floats(0, 0.99), n=st.floats(1, 1e3))
def test_a_read_takes_between_the_active_and_all_parameters(active, always, n):
    routed = costs.routed_share(params=1.0, active=active, always_read=always)

    def share(tokens):
        touched = costs.touched_experts(routed=routed, tokens_per_read=tokens)
        return costs.read_share(params=1.0, active=active, always_read=always, touched=touched)

    assert share(1) == pytest.approx(active)  # one token reads what it uses
    assert active - 1e-9 <= share(n) <= 1 + 1e-9
    assert share(n) <= share(n + 1) + 1e-9


@given(bandwidth=st.floats(1e9, 1e14), n=st.floats(1, 1e3), used=st.floats(0.1, 1))
def test_sixteen_bits_is_unquantised(bandwidth, n, used):
    same = {"bandwidth": bandwidth, "tokens_per_read": n, "utilisation": used}
    assert costs.read_time(bits=16, **same) == costs.read_time(**same)


@given(k1=times, resident=shares)
def test_infinite_link_carries_no_penalty(k1, resident):
    link = costs.read_time(bandwidth=np.inf)
    assert costs.offloaded_read_time(k1=k1, k1_link=link, resident=resident) == pytest.approx(k1)


@given(k1=times, k1_link=times)
def test_what_fits_is_not_offloaded(k1, k1_link):
    assert costs.offloaded_read_time(k1=k1, k1_link=k1_link, resident=1.0) == k1


@given(params=sizes, bits=st.sampled_from([3, 4, 8, 16]), memory=st.floats(1e8, 1e13))
def test_resident_share_splits_by_bytes(params, bits, memory):
    share = costs.resident_share(params=params, bits=bits, memory=memory)
    assert share == pytest.approx(min(1.0, memory / (params * bits / 8)))
    assert costs.resident_share(params=params, bits=bits, memory=np.inf) == 1.0


@given(k1=times, k1_link=times, low=shares, high=shares)
def test_more_memory_never_costs_time(k1, k1_link, low, high):
    low, high = sorted((low, high))
    some = costs.offloaded_read_time(k1=k1, k1_link=k1_link, resident=low)
    more = costs.offloaded_read_time(k1=k1, k1_link=k1_link, resident=high)
    assert more <= some * (1 + 1e-12)


def test_a_hair_above_one_is_no_nan():
    assert costs.touched_experts(routed=1 + 2e-16, tokens_per_read=33.4) == 1.0


# -- one line for numpy, xarray and PyTensor --------------------------------------------------


def _whole_path(params, active, n, memory):
    k1 = costs.read_time(bandwidth=1e12, tokens_per_read=n)
    k2 = costs.compute_time(rate=8e13)
    routed = costs.routed_share(params=params, active=active, always_read=0.4)
    touched = costs.touched_experts(routed=routed, tokens_per_read=n)
    share = costs.read_share(params=params, active=active, always_read=0.4, touched=touched)
    k1_s = costs.offloaded_read_time(
        k1=k1, k1_link=costs.read_time(bandwidth=3e10, tokens_per_read=n),
        resident=costs.resident_share(params=params, bits=16, memory=memory))
    return costs.log_cost_density(log_effective=24.0, params=params * share, active=active, k1=k1,
                                  k2=k2, k1_model=k1_s)


def test_same_line_on_numpy_xarray_and_pytensor():
    params, active = np.array([7e9, 47e9, 671e9]), np.array([7e9, 13e9, 37e9])
    n, memory = np.array([1.0, 30.0, 200.0])[:, None], 24e9
    expected = _whole_path(params, active, n, memory)
    assert expected.shape == (3, 3)
    assert np.isfinite(expected).all()
    labelled = _whole_path(xr.DataArray(params, dims="model"), xr.DataArray(active, dims="model"),
                           xr.DataArray(n[:, 0], dims="draw"), memory)
    np.testing.assert_allclose(labelled.transpose("draw", "model"), expected)
    p, a, t = pt.vector("p"), pt.vector("a"), pt.col("t")
    graph = pytensor.function([p, a, t], _whole_path(p, a, t, memory), mode="FAST_COMPILE")
    np.testing.assert_allclose(graph(params, active, n), expected)
