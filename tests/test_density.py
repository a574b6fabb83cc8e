"""Density and extrapolation, by hand."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes.densities import extrapolation, log_density


def test_density_of_the_papers_example():
    """A model of 4e9 parameters that scores like a reference model of 12e9 has density 3."""
    assert np.exp(log_density(log_effective=np.log(12e9), params=4e9)) == pytest.approx(3)


@given(st.floats(10, 35), st.floats(1e6, 1e13), st.floats(0.1, 10))
def test_halving_the_size_doubles_the_density(log_effective, params, factor):
    one = log_density(log_effective=log_effective, params=params)
    other = log_density(log_effective=log_effective, params=params / factor)
    assert other - one == pytest.approx(np.log(factor), abs=1e-9)


def test_extrapolation_counts_e_folds_beyond_the_ladder():
    beyond = extrapolation(log_effective=np.log(np.array([1e9, 7e9, 7e9 * np.e**2])),
                           largest_params=7e9)
    np.testing.assert_allclose(beyond, [0, 0, 2], atol=1e-12)


@pytest.mark.parametrize(("call", "other"), [(log_density, "params"),
                                             (extrapolation, "largest_params")])
def test_numpy_xarray_and_pytensor_agree(call, other):
    size, params = np.log(np.array([1e9, 5e11])), np.array([2e9, 7e9])
    plain = call(log_effective=size, **{other: params})
    labelled = call(log_effective=xr.DataArray(size, dims="model"),
                    **{other: xr.DataArray(params, dims="model")})
    np.testing.assert_allclose(labelled.values, plain, rtol=1e-14)
    graph = call(log_effective=pt.constant(size), **{other: pt.constant(params)})
    np.testing.assert_allclose(graph.eval(), plain, rtol=1e-12)
