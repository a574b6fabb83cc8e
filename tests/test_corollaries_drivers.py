"""Drivers: what is known of models, the split of growth, own token counts."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fake_posterior import fake_models
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_bayes.corollaries import drivers as D
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

LAW = {"log_a": 1.6377, "alpha": 0.0885, "log_b": 5.0967, "beta": 0.2575, "irreducible": 0.0}


def test_predictors_of_shipped_models():
    frame = D.predictors(load_tables().models)
    row = frame.loc["DeepSeek-V3-Base"]
    assert row["tokens"] == pytest.approx(np.log(14.8e12 / 671e9))
    assert row["sparsity"] == pytest.approx(np.log(671 / 37))
    assert frame.loc["Llama-3.2-1B", "distilled"] == 1
    assert frame.loc["Qwen3-8B-Base", "distilled"] == 0
    assert frame.loc["Llama-2-7B", "sparsity"] == 0
    assert not set(frame.index) & {"Llama-2-7B-RTN-W3", "GLM-130B-int4"}  # same models again
    assert frame.notna().all().all()


@pytest.fixture(scope="module")
def truth():
    """Densities with known drivers: tokens 0.5 per e-fold, the date 0.6 a year, 12 developers."""
    models = fake_models(count=160)
    frame = D.predictors(models)
    rng = np.random.default_rng(8)
    effect = pd.Series(0.3 * rng.normal(size=12), index=[f"lab-{i}" for i in range(12)])
    base = (0.5 * frame["tokens"] + 0.6 * frame["time"] - 0.4 * frame["sparsity"]
            + frame["organization"].map(effect) - 3 + 0.3 * rng.normal(size=len(frame)))
    draws = base.to_numpy() + 0.1 * rng.normal(size=(2, 100, len(frame)))
    return models, frame, xr.DataArray(draws, dims=("chain", "draw", "model"),
                                       coords={"model": models["model"].to_numpy(str)})


@pytest.fixture(scope="module")
def study(truth):
    spec = load_model("drivers").with_options(imputations=8)
    return D.fit_drivers(truth[2], truth[0], spec)


def test_known_drivers_are_recovered(truth, study):
    frame = truth[1]
    time = frame["time"] - frame["time"].mean()

    def slope(name):
        return float((frame[name] * time).sum() / (time**2).sum())

    for part, expected in (("tokens", 0.5 * slope("tokens")),
                           ("sparsity", -0.4 * slope("sparsity")), ("time", 0.6)):
        low, high = np.quantile(study.parts[part], [0.005, 0.995])
        assert low < expected < high, part
    low, high = np.quantile(study.coefficients.sel(predictor="tokens"), [0.005, 0.995])
    assert low < 0.5 < high
    assert high - low < 0.4
    assert study.diagnostics["passed"]


def test_parts_add_up_to_the_growth_draw_by_draw(truth, study):
    whole = sum(study.parts[name] for name in study.parts if name != "total")
    np.testing.assert_allclose(whole, study.parts["total"], rtol=1e-9)
    growth = D.mean_growth(truth[2], truth[1]["time"].to_numpy())
    assert float(study.parts["total"].mean()) == pytest.approx(growth.mean(), abs=0.02)
    shares = study.shares(Interval())
    assert sum(share["mean"] for share in shares.values()) == pytest.approx(1)


def test_a_predictor_in_which_models_do_not_differ_is_left_out(study):
    assert "distilled" not in study.parts
    assert {"tokens", "size", "sparsity", "developer", "time"} <= set(study.parts)


def test_the_claim_that_data_take_nearly_all_is_tested(study):
    share = float((study.parts["tokens"] / study.parts["total"]).median())
    assert 0.2 < share < 0.6
    assert study.p_share_above("tokens", 0.9) < 0.01
    assert study.p_share_above("tokens", 0.1) > 0.99


def test_too_few_models_are_refused(truth):
    few = truth[2].isel(model=slice(0, 5))
    with pytest.raises(InputError, match="5 models have a density and a token count"):
        D.fit_drivers(few, truth[0], load_model("drivers"))


@pytest.mark.slow
def test_imputations_carry_the_uncertainty_of_densities(truth):
    """The same densities in every draw leave only the regression's own uncertainty."""
    models, _, draws = truth
    spec = load_model("drivers").with_options(imputations=4)
    wide = draws + xr.DataArray(np.linspace(-1, 1, 100), dims="draw") * (
        draws["model"].copy(data=D.predictors(models)["time"].to_numpy()))
    total = D.fit_drivers(wide, models, spec).parts["total"]
    # the growth itself differs by draw, from one less to one more than its mean
    assert np.ptp(total.to_numpy()) == pytest.approx(2.0, abs=0.2)


# -- own token counts -------------------------------------------------------------------------


@given(st.floats(np.log(1e8), np.log(1e12)), st.floats(np.log(1e10), np.log(1e14)))
@settings(deadline=None)
def test_own_tokens_reach_the_same_loss(log_size, log_tokens):
    from densing_bayes import laws

    own = D.own_tokens(log_effective=log_size, log_tokens=log_tokens, reference_tokens=5e12,
                       law=LAW)
    standard = laws.loss_of_log_size(log_size=log_size, tokens=5e12, **LAW)
    if np.isnan(own):
        floor = np.exp(LAW["log_b"] - LAW["beta"] * log_tokens)
        assert standard <= floor * (1 + 1e-12)
    else:
        again = laws.loss_of_log_size(log_size=own, tokens=np.exp(log_tokens), **LAW)
        assert again == pytest.approx(standard, rel=1e-9)


def test_growth_leaves_out_models_without_an_own_size():
    time = np.array([0.0, 1.0, 2.0, 3.0])
    values = xr.DataArray([[[0.0, 1.0, np.nan, 3.0], [0.0, 2.0, 1.0, 6.0]]],
                          dims=("chain", "draw", "model"))
    np.testing.assert_allclose(D.mean_growth(values, time), [1.0, 2.0])
