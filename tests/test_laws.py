"""The laws: hand-worked and published numbers, inverses, one text on three kinds of array."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytensor.tensor as pt
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes import laws

CHINCHILLA = dict(log_a=np.log(406.4), alpha=0.34, log_b=np.log(410.7), beta=0.28,
                  irreducible=1.69)
CURVE = dict(gamma=-7.72, midpoint=0.765, scale=0.70, chance=0.25)


# -- by hand, and published -------------------------------------------------------------------


def test_loss_by_hand():
    """N = 1e8, D = 1e10: 1e8^-0.5 = 1e-4 and 1e10^-0.3 = 1e-3, times 1e4 and 500."""
    got = laws.loss(params=1e8, tokens=1e10, log_a=np.log(1e4), alpha=0.5, log_b=np.log(500),
                    beta=0.3, irreducible=1.5)
    assert got == pytest.approx(1.5 + 1.0 + 0.5)


@pytest.mark.parametrize(("params", "tokens", "loss"), [
    # Hoffmann et al. 2022, parametric fit: Chinchilla 1.94, Gopher 1.99
    (70e9, 1.4e12, 1.937), (280e9, 300e9, 1.993)])
def test_published_losses(params, tokens, loss):
    assert laws.loss(params=params, tokens=tokens, **CHINCHILLA) == pytest.approx(loss, abs=1e-3)


def test_no_irreducible_term_unless_given():
    law = {name: value for name, value in CHINCHILLA.items() if name != "irreducible"}
    assert laws.loss(params=1e9, tokens=1e11, **law) == pytest.approx(
        laws.loss(params=1e9, tokens=1e11, **CHINCHILLA) - 1.69)


def test_score_between_chance_and_ceiling():
    """Half of the range at the midpoint; logistic(1) = 0.7311 of it one unit of slope below."""
    curve = dict(gamma=-10.0, midpoint=0.8, scale=0.6, chance=0.25)
    assert laws.score(loss=0.8, **curve) == pytest.approx(0.55)
    assert laws.score(loss=0.7, **curve) == pytest.approx(0.25 + 0.6 * 0.731059, abs=1e-6)
    assert laws.score(loss=50.0, **curve) == pytest.approx(0.25)
    assert laws.score(loss=-50.0, **curve) == pytest.approx(0.85)


def test_saturation_explodes():
    """Near a ceiling of 0.95 a point of score is worth ever more size (science of the inverse)."""
    law = dict(log_a=1.64, alpha=0.0885, log_b=5.1, beta=0.2575)

    def size(score):
        loss = laws.loss_of_score(score=score, **CURVE)
        return laws.log_effective_size(loss=loss, tokens=5e12, **law)

    steps = [size(s + 0.01) - size(s) for s in (0.6, 0.8, 0.9, 0.93)]
    assert steps == sorted(steps)
    assert steps[-1] > 5 * steps[0]


def test_outside_the_support_no_number():
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = laws.loss_of_score(score=np.array([0.2, 0.25, 0.6, 0.95, 0.97]), **CURVE)
        size = laws.log_effective_size(loss=np.array([1.0, 1.5]), tokens=1e12, **CHINCHILLA)
    assert np.isfinite(loss).tolist() == [False, False, True, False, False]
    assert np.isnan(size).all()  # at or below E + b D0^-beta no size reaches the loss
    assert laws.invertible(score=np.array([0.2, 0.25, 0.6, 0.95, 0.97]), scale=0.7,
                           chance=0.25).tolist() == [False, False, True, False, False]


def test_linked_score_by_hand():
    assert laws.linked_score(log_size=25.0, slope=0.5, midpoint=23.0, scale=0.8, chance=0.1
                             ) == pytest.approx(0.1 + 0.8 * 0.731059, abs=1e-6)


# -- inverses ---------------------------------------------------------------------------------

LAW = st.fixed_dictionaries({
    "log_a": st.floats(0.5, 8), "alpha": st.floats(0.05, 0.5), "log_b": st.floats(0.5, 8),
    "beta": st.floats(0.05, 0.5), "irreducible": st.floats(0, 3)})
SIGMOID = st.fixed_dictionaries({
    "gamma": st.floats(-30, -0.5), "midpoint": st.floats(0.1, 4), "scale": st.floats(0.3, 0.99),
    "chance": st.floats(0, 0.5)})


@given(LAW, st.floats(12, 28), st.floats(20, 33))
def test_size_to_loss_and_back(law, log_size, log_tokens):
    tokens = math.exp(log_tokens)
    loss = laws.loss_of_log_size(log_size=log_size, tokens=tokens, **law)
    assert loss == pytest.approx(laws.loss(params=math.exp(log_size), tokens=tokens, **law))
    own = loss - law["irreducible"] - math.exp(law["log_b"] - law["beta"] * log_tokens)
    if own > 1e-6 * loss:  # else the size term is lost in the rounding of the loss
        back = laws.log_effective_size(loss=loss, tokens=tokens, **law)
        assert back == pytest.approx(log_size, abs=1e-3)


@given(SIGMOID, st.floats(0.001, 0.999))
def test_score_to_loss_and_back(curve, share):
    score = curve["chance"] + curve["scale"] * share
    loss = laws.loss_of_score(score=score, **curve)
    assert laws.score(loss=loss, **curve) == pytest.approx(score, abs=1e-9)


@given(LAW, SIGMOID, st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_better_score_is_a_larger_size(law, curve, one, two):
    one, two = sorted((one, two))
    with np.errstate(invalid="ignore"):
        sizes = [laws.log_effective_size(
            loss=laws.loss_of_score(score=curve["chance"] + curve["scale"] * share, **curve),
            tokens=5e12, **law) for share in (one, two)]
    assert not sizes[1] < sizes[0] - 1e-9  # NaN (no size reaches it) is allowed


@given(LAW, st.floats(12, 26), st.floats(20, 30))
def test_loss_falls_with_size_and_tokens(law, log_size, log_tokens):
    def at(n, d):
        return laws.loss(params=math.exp(n), tokens=math.exp(d), **law)

    here = at(log_size, log_tokens)
    assert at(log_size + 1, log_tokens) < here
    assert at(log_size, log_tokens + 1) < here


@given(LAW, st.floats(12, 26))
def test_more_reference_tokens_make_a_smaller_effective_size(law, log_size):
    """The same loss needs a smaller model where the reference family has seen more tokens."""
    loss = laws.loss_of_log_size(log_size=log_size, tokens=1e12, **law)
    own = loss - law["irreducible"] - math.exp(law["log_b"]) * 1e12 ** -law["beta"]
    if own > 1e-6 * loss:
        assert laws.log_effective_size(loss=loss, tokens=5e12, **law) < log_size


# -- one text, three kinds of array -----------------------------------------------------------

VALUES = {
    "params": np.array([1e9, 7e9, 7e10]), "tokens": np.array([1e11, 2e12, 1.5e13]),
    "log_size": np.array([20.0, 23.0, 27.0]), "log_a": np.array([1.6, 1.7, 6.0]),
    "alpha": np.array([0.09, 0.1, 0.34]), "log_b": np.array([5.1, 5.0, 6.0]),
    "beta": np.array([0.25, 0.26, 0.28]), "irreducible": np.array([0.0, 0.1, 0.5]),
    "gamma": np.array([-7.7, -5.0, -12.0]), "midpoint": np.array([0.76, 0.9, 1.2]),
    "scale": np.array([0.7, 0.65, 0.9]), "chance": np.array([0.25, 0.2, 0.0]),
    "slope": np.array([0.3, 0.5, 1.1]), "score": np.array([0.3, 0.8, 0.5]),
    "loss": np.array([1.9, 2.4, 3.1]),
}
FUNCTIONS = {name: value for name, value in vars(laws).items()
             if inspect.isfunction(value) and value.__module__ == laws.__name__}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_xarray_and_pytensor_agree(name):
    call = FUNCTIONS[name]
    parameters = inspect.signature(call).parameters.values()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters)
    given_ = {p.name: VALUES[p.name] for p in parameters}
    plain = call(**given_)
    assert np.isfinite(plain).all()
    labelled = call(**{key: xr.DataArray(value, dims="draw") for key, value in given_.items()})
    assert labelled.dims == ("draw",)
    np.testing.assert_allclose(labelled.values, plain, rtol=1e-13)
    graph = call(**{key: pt.constant(value) for key, value in given_.items()})
    np.testing.assert_allclose(graph.eval(), plain, rtol=1e-12)
    scalar = call(**{key: float(value[1]) for key, value in given_.items()})
    assert scalar == pytest.approx(plain[1], rel=1e-13)


def test_draws_broadcast_against_models():
    """Draws of the law (chain, draw) and sizes of models (model) give (chain, draw, model)."""
    alpha = xr.DataArray(np.full((2, 5), 0.1), dims=("chain", "draw"))
    size = xr.DataArray(np.array([20.0, 22.0, 24.0]), dims="model")
    loss = laws.loss_of_log_size(log_size=size, tokens=5e12, log_a=1.6, alpha=alpha, log_b=5.0,
                                 beta=0.25)
    assert loss.dims == ("chain", "draw", "model")
