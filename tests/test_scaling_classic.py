"""Worked numbers of compute, allocation, devices, lifetime and bits; inverses and optima."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes import laws
from densing_bayes.devices import Device
from densing_bayes.errors import InputError
from densing_bayes.scaling_laws import calculator, classic, form, precision
from densing_bayes.scaling_laws.approaches import parabola_bias
from densing_bayes.scaling_laws.lifetime import lifetime_optimum, money_costs
from densing_bayes.specs import load_model

exponents = st.floats(0.05, 0.9)
budgets = st.floats(1e18, 1e26)


def test_training_compute_of_gpt3_and_palm():
    assert classic.training_flop(params=175e9, tokens=300e9) == pytest.approx(3.1e23, rel=0.02)
    assert classic.training_flop(params=540e9, tokens=780e9) == pytest.approx(2.5e24, rel=0.02)


def test_llama_like_run_takes_about_38_days():
    flop = classic.training_flop(params=70e9, tokens=1.4e12)
    days = calculator.training_days(flop=flop, devices=1024, rate=312e12, utilisation=0.55)
    assert days == pytest.approx(5.88e23 / (1024 * 312e12 * 0.55 * 86400))
    assert 38 <= days < 39


def test_ten_times_the_compute():
    params, tokens = classic.growth_factors(compute_factor=10, exponent=0.73)
    assert (round(params, 1), round(tokens, 1)) == (5.4, 1.9)
    assert classic.growth_factors(compute_factor=10, exponent=0.5) == pytest.approx((3.16, 3.16),
                                                                                    abs=0.005)


def test_twenty_tokens_per_parameter():
    params, tokens = classic.rule_of_thumb(flop=5.76e23)
    assert tokens / params == pytest.approx(20)
    assert classic.training_flop(params=params, tokens=tokens) == pytest.approx(5.76e23)


@given(params=st.floats(1e6, 1e13), tokens=st.floats(1e8, 1e14), rate=st.floats(1e12, 1e16),
       devices=st.floats(1, 1e6), utilisation=st.floats(0.05, 1.0))
def test_calculator_both_ways(params, tokens, rate, devices, utilisation):
    machine = {"rate": rate, "utilisation": utilisation}
    need = calculator.plan(params=params, tokens=tokens, devices=devices, **machine)
    can = calculator.plan(days=need["days"], devices=devices, params=params, **machine)
    assert can["tokens"] == pytest.approx(tokens)
    crowd = calculator.plan(flop=need["flop"], days=need["days"], **machine)
    assert crowd["devices"] == pytest.approx(devices)


@pytest.mark.parametrize("given_", [
    {}, {"flop": 1e20}, {"flop": 1e20, "devices": 4, "days": 3}, {"devices": -1, "days": 3},
    {"devices": 4, "days": 3, "utilisation": 1.4}])
def test_calculator_refuses_what_it_cannot_solve(given_):
    with pytest.raises(InputError):
        calculator.plan(rate=312e12, **given_)


# -- allocation --------------------------------------------------------------------------------


@given(alpha=exponents, beta=exponents, log_a=st.floats(0, 8), log_b=st.floats(0, 10),
       flop=budgets)
def test_closed_form_is_the_minimum(alpha, beta, log_a, log_b, flop):
    law = {"log_a": log_a, "alpha": alpha, "log_b": log_b, "beta": beta, "irreducible": 1.0}
    best = classic.optimal_params(flop=flop, **law)
    near = best * np.exp([-0.01, 0.0, 0.01])
    loss = laws.loss(params=near, tokens=flop / (6 * near), **law)
    assert loss[1] <= min(loss[0], loss[2])


@given(alpha=exponents, beta=exponents, share=st.floats(0.05, 0.95),
       product=st.floats(-10, 20), joint=st.booleans(), change=st.floats(-0.5, 1.0))
def test_general_closed_form_is_the_minimum_of_every_law(alpha, beta, share, product, joint,
                                                         change):
    law = {"level": 1.0, "floor_share": 0.3, "size_share": share, "alpha": alpha, "beta": beta,
           "joint": beta if joint else 1.0, "change": change, "place": 0.2, "width": 0.1}
    best = form.optimal_size(product=product, **law)
    size = best + np.array([-0.05, 0.0, 0.05])
    loss = form.log_loss(size=size, token=product - size, **law)
    assert loss[1] <= min(loss[0], loss[2]) + 1e-12


def test_gopher_budget_with_refitted_constants():
    params = classic.optimal_params(flop=classic.GOPHER_FLOP, **classic.CHINCHILLA_REFIT)
    assert 40e9 < params < 75e9


# -- approach 2 --------------------------------------------------------------------------------


@given(exponent=exponents, factor=st.floats(1.5, 30))
def test_parabolas_are_unbiased_on_a_symmetric_surface(exponent, factor):
    even = {"log_a": 6.0, "alpha": exponent, "log_b": 7.0, "beta": exponent, "irreducible": 1.7}
    out = parabola_bias(even, budgets=np.geomspace(1e18, 1e21, 5), flop=1e24, factor=factor)
    assert out["exponent"] == pytest.approx(0.5, abs=1e-6)
    assert out["params_ratio"] == pytest.approx(1, abs=1e-5)


def test_parabolas_are_biased_on_an_asymmetric_one_and_more_so_on_wide_grids():
    odd = {"log_a": 5.0, "alpha": 0.45, "log_b": 7.0, "beta": 0.2, "irreducible": 1.7}
    kw = {"budgets": np.geomspace(6e18, 3e21, 9), "flop": 5.76e23}
    narrow, wide = (parabola_bias(odd, factor=f, **kw)["params_ratio"] for f in (2, 16))
    assert 1 < narrow < 1.05 < 1.2 < wide
    drifting = parabola_bias(odd, factor=16, off_centre=0.5, drift=0.1, **kw)
    assert abs(drifting["exponent"] - drifting["true_exponent"]) > 0.01
    still = parabola_bias(odd, factor=16, off_centre=0.5, **kw)
    assert still["exponent"] == pytest.approx(still["true_exponent"], abs=1e-9)


# -- lifetime ----------------------------------------------------------------------------------

REFIT = form.from_constants(centre=(20.0, 24.0), **classic.CHINCHILLA_REFIT)


def lifetime(served, **costs):
    wanted = np.log(2.1)
    return lifetime_optimum(log_loss=wanted, served=served, centre=(20.0, 24.0), law=REFIT,
                            **costs), wanted


def test_without_serving_lifetime_optimal_is_training_optimal():
    best, wanted = lifetime(0.0)
    flop = classic.training_flop(params=best["params"], tokens=best["tokens"])
    assert best["params"] == pytest.approx(
        classic.optimal_params(flop=flop, **classic.CHINCHILLA_REFIT), rel=1e-6)
    assert np.log(laws.loss(params=best["params"], tokens=best["tokens"],
                            **classic.CHINCHILLA_REFIT)) == pytest.approx(wanted)


@given(served=st.floats(1e10, 1e15), train=st.floats(0.1, 10), serve=st.floats(0.1, 1000))
def test_lifetime_optimum_is_a_minimum_at_the_loss_wanted(served, train, serve):
    best, wanted = lifetime(served, train_cost=train, serve_cost=serve)
    size = np.log(best["params"]) - 20.0 + np.array([-1e-3, 0, 1e-3])
    token = form.token_of_loss(log_loss=wanted, size=size, **REFIT)
    params, tokens = np.exp(size + 20.0), np.exp(token + 24.0)
    cost = 6 * train * params * tokens + serve * params * served
    assert cost[1] <= min(cost[0], cost[2])
    assert best["params"] <= best["training_params"] * (1 + 1e-9)


def test_more_serving_means_smaller_models_trained_longer():
    sizes = [lifetime(served)[0]["params"] for served in (0, 1e12, 1e13, 1e14)]
    assert all(large > small for large, small in itertools.pairwise(sizes))


def test_a_loss_below_the_floor_is_not_reached():
    out = lifetime_optimum(log_loss=np.log(1.8), served=0.0, centre=(20.0, 24.0), law=REFIT)
    assert np.isnan(out["params"])


def test_money_by_hand_and_missing_price():
    device = Device("one", "datacenter", bandwidth=1e12, memory=8e10, rate=1e14, power=400.0,
                    price=10_000.0)
    out = money_costs(device, life_years=1, busy=1.0, usd_per_kwh=0.1, train_utilisation=0.5,
                      tokens_per_read=1.0, bits=16, bandwidth_utilisation=1.0,
                      serve_utilisation=1.0)
    second = 10_000 / (365.25 * 86_400) + 400 * 0.1 / 3.6e6
    assert out["train_cost"] == pytest.approx(second / 5e13)
    assert out["serve_cost"] == pytest.approx(second * (2 / 1e12 + 2 / 1e14))
    with pytest.raises(InputError, match="no price"):
        money_costs(Device("two", "datacenter", bandwidth=1e12, memory=8e10, rate=1e14,
                           power=400.0))


# -- precision ---------------------------------------------------------------------------------


def test_precision_constants_are_the_published_ones():
    spec = load_model("precision")
    mean = {name: prior.args["mu"] for name, prior in spec.priors.items()}
    assert np.exp(mean["log_gamma_weights"]) == pytest.approx(2.6745, rel=1e-3)
    published = precision.quantisation_penalty(
        params=1e9, tokens=1e11, bits=4, log_coefficient=np.log(0.0598), token_exponent=0.5068,
        size_exponent=0.3439, gamma=0.5907, offset=1.1277)
    centred = {name: np.array([value]) for name, value in mean.items()}
    ours = precision.penalty(centred, params=1e9, tokens=1e11, bits=4)
    assert ours[0] == pytest.approx(published, rel=0.01)


def test_fewer_bits_cost_more_and_over_trained_models_most():
    draws = precision.prior_draws(load_model("precision"))
    shares = [np.median(precision.trained_share(draws, weights=bits)) for bits in (4, 8, 16)]
    assert shares[0] < shares[1] < shares[2] == 1
    few, many = (precision.penalty(draws, params=1e9, tokens=1e9 * ratio, bits=4)
                 for ratio in (20, 2000))
    assert (many > few).mean() > 0.99
