"""The one formula of every law: special cases, inverses, the same on numpy, xarray, PyTensor."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes import laws
from densing_bayes.scaling_laws import classic, form

CENTRE = (20.7, 24.1)
LAW = form.from_constants(centre=CENTRE, **classic.CHINCHILLA_REFIT)
BROKEN = LAW | {"floor_share": 0.2, "change": -0.4, "place": 0.3, "width": 0.05}
sizes = st.floats(-4, 8)


@given(size=sizes, token=sizes)
def test_additive_law_is_chinchillas(size, token):
    loss = laws.loss(params=np.exp(size + CENTRE[0]), tokens=np.exp(token + CENTRE[1]),
                     **classic.CHINCHILLA_REFIT)
    assert np.exp(form.log_loss(size=size, token=token, **LAW)) == pytest.approx(loss)


def test_constants_come_back():
    back = form.constants(LAW, CENTRE)
    for name, value in classic.CHINCHILLA_REFIT.items():
        assert back[name] == pytest.approx(value), name


@given(size=sizes, token=sizes)
def test_joint_law_is_kaplans(size, token):
    k = classic.KAPLAN_JOINT
    inner = ((k["size_scale"] / np.exp(CENTRE[0])) ** (k["alpha"] / k["beta"]),
             k["token_scale"] / np.exp(CENTRE[1]))
    law = LAW | {"level": k["beta"] * np.log(sum(inner)), "floor_share": 0.0,
                 "size_share": inner[0] / sum(inner), "alpha": k["alpha"], "beta": k["beta"],
                 "joint": k["beta"]}
    loss = classic.kaplan_loss(params=np.exp(size + CENTRE[0]),
                               tokens=np.exp(token + CENTRE[1]), **k)
    assert np.exp(form.log_loss(size=size, token=token, **law)) == pytest.approx(loss)


def test_a_break_multiplies_the_exponents_beyond_it_only():
    grid = np.linspace(-5, 5, 201)
    slope = np.gradient(form.broken(gain=grid, change=0.5, place=1.0, width=0.02), grid)
    assert slope[grid < 0.7] == pytest.approx(1.0)
    assert slope[grid > 1.3] == pytest.approx(1.5)
    assert form.broken(gain=0.0, change=0.5, place=1.0, width=0.02) == pytest.approx(0)


@given(size=sizes, token=sizes, broken=st.booleans())
def test_token_of_loss_inverts_the_law(size, token, broken):
    law = BROKEN if broken else LAW
    back = form.token_of_loss(log_loss=form.log_loss(size=size, token=token, **law), size=size,
                              **law)
    assert back == pytest.approx(token, abs=1e-5)


def test_no_tokens_reach_the_floor():
    assert np.isnan(form.token_of_loss(log_loss=np.log(1.8), size=0.0, **LAW))


def test_same_on_numpy_xarray_and_pytensor():
    import pytensor.tensor as pt

    size, token = np.linspace(-2, 5, 7), np.linspace(3, -3, 7)
    plain = form.log_loss(size=size, token=token, **BROKEN)
    labelled = form.log_loss(size=xr.DataArray(size, dims="run"),
                             token=xr.DataArray(token, dims="run"),
                             **{k: xr.DataArray(np.full(2, v), dims="draw")
                                for k, v in BROKEN.items()})
    assert dict(labelled.sizes) == {"draw": 2, "run": 7}
    assert labelled.isel(draw=0).values == pytest.approx(plain)
    graph = form.log_loss(size=pt.as_tensor(size), token=pt.as_tensor(token),
                          **{k: pt.as_tensor(float(v)) for k, v in BROKEN.items()})
    assert graph.eval() == pytest.approx(plain)
