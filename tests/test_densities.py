"""The series of densities: fitted models, early ones, and the sources believed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from densing_bayes.breakpoints.densities import OFF_CHANCE, densities
from densing_bayes.breakpoints.designs import CHATGPT
from densing_bayes.intervals import Interval
from densing_bayes.joint.data import inputs
from densing_bayes.joint.fit import choose
from densing_bayes.questions.regimes import of_densities as ask
from densing_bayes.sections.regimes import of_densities
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

DRAWS = 80
# a ruler and curves like those of the shipped fit
ANCHOR = {"log_size_slope": -2.78, "log_token_slope": -2.67, "log_loss_at_centre": 0.135,
          "log_steepness": 2.63, "log_midpoint": -0.36, "size_share": 0.695, "headroom": 0.9}
LINKED = {"log_kappa_z": 1.0, "middle_z": 0.8, "linked_headroom": 0.9}


@pytest.fixture(scope="module")
def context():
    """A run on the shipped tables with made-up draws: fitted models grow by 1.5 a year."""
    tables, spec = load_tables(), load_model("densing")
    observations = choose(tables, spec)
    columns, _ = inputs(observations, spec)
    data = observations.data
    anchors = len(columns["anchors"]["chance"])
    linked = data.sizes["benchmark"] - anchors
    rng = np.random.default_rng(1)

    def constant(value, dim, size):
        return (("chain", "draw", dim), np.full((1, DRAWS, size), value))

    posterior = xr.Dataset({
        **{name: constant(value, "anchor", anchors) for name, value in ANCHOR.items()},
        **{name: constant(value, "linked", linked) for name, value in LINKED.items()},
        "sd_source": constant(0.005, "benchmark", anchors + linked),
        "sd_benchmark_z": constant(0.03, "benchmark", anchors + linked),
        "trend_contrast": constant(0.0, "benchmark", anchors + linked),
        "tilt_contrast": constant(0.0, "benchmark", anchors + linked),
        "c0": (("chain", "draw"), np.full((1, DRAWS), 19.8)),
        "c1": (("chain", "draw"), np.full((1, DRAWS), 4.5)),
        "nu": (("chain", "draw"), np.full((1, DRAWS), 30.0))})
    truth = -3 + 1.5 * data["time"].values + 0.4 * rng.normal(size=data.sizes["model"])
    density = truth + 0.1 * rng.normal(size=(1, DRAWS, len(truth)))
    size = density + data["log_params"].values
    dims = ("chain", "draw", "model")
    derived = xr.Dataset({"log_effective": (dims, size), "log_density": (dims, density)},
                         coords={"model": data["model"].values,
                                 "log_params": ("model", data["log_params"].values)})
    return SimpleNamespace(
        tables=tables, spec=spec, observations=observations, columns=columns, derived=derived,
        posterior=posterior, interval=Interval(), seed=lambda case: 1,
        progress=lambda name, **_: None,
        published=lambda prefix: [{"quantity": f"{prefix}-before-chatgpt", "value": 0.0048},
                                  {"quantity": f"{prefix}-after-chatgpt", "value": 0.0073}])


@pytest.fixture(scope="module")
def found(context):
    return densities(context)


def test_early_models_are_those_up_to_chatgpt_that_do_not_guess(context, found):
    models = context.tables.models.set_index("model")
    fitted = [str(name) for name in context.observations.data["model"].values]
    late = [name for name in fitted if models.loc[name, "release_date"] > pd.Timestamp(CHATGPT)]
    scores = context.tables.scores.query("benchmark == @found.benchmark")
    mean = scores.groupby("model")["score"].mean()
    assert {"GPT-3-175B", "Chinchilla-70B", "PaLM-540B"} <= set(found.early)  # closed ones too
    assert "GPT-3-2.7B" in found.unplaced
    for name in found.early:
        assert models.loc[name, "release_date"] <= pd.Timestamp(CHATGPT)
        assert mean[name] > 0.25 + OFF_CHANCE
    assert max(mean[found.unplaced]) <= 0.25 + OFF_CHANCE
    assert found.models == len(late) + len(found.early)
    assert set(fitted) - set(late) <= {*found.early, *found.unplaced}


def test_a_family_released_on_one_day_is_one_point(context, found):
    models = context.tables.models.set_index("model")
    every = {str(name) for name in context.derived["model"].values} | set(found.early)
    of = models.loc[sorted(every - set(found.unplaced))]
    releases = (of["family"] + " " + pd.to_datetime(of["release_date"]).dt.strftime("%Y-%m-%d"))
    assert set(found.series.labels) == set(releases)
    llama = [str(name) for name in releases.index[releases == "LLaMA 2023-02-24"]]
    want = float(context.derived["log_density"].sel(model=llama).mean())
    at = found.series.labels.index("LLaMA 2023-02-24")
    assert found.series.values[at] == pytest.approx(want)


def test_a_version_changes_the_disputed_model_only(found):
    low, high = (found.versions[f"OPT-66B {score}"] for score in ("0.270", "0.360"))
    at = low.labels.index("OPT 2022-05-03")
    assert high.values[at] > low.values[at] + 0.5
    others = np.delete(np.arange(len(low)), at)
    np.testing.assert_allclose(low.values[others], found.series.values[others], atol=0.5)
    np.testing.assert_allclose(np.delete(low.values, at), np.delete(high.values, at))


def test_the_section_has_the_contracts_keys(context):
    section = of_densities(context, ask(context))
    assert {"date", "rate_before", "rate_after", "ratio", "p_acceleration"} <= set(
        section.summary["breakpoint"])
    assert str(section.summary["breakpoint"]["date"]) == "2022-11-30"
    for regime in section.summary["regimes"]:
        assert {"name", "elpd", "elpd_diff", "se", "weight"} <= set(regime)
    assert "0.0048 to 0.0073" in section.text[1]
    sources = next(table for table in section.tables if table.key == "regimes-sources").frame
    assert {"all averaged", "OPT-66B 0.270", "GPT-NeoX-20B 0.250"} <= set(
        sources["source believed"])
    # fitted models grow by 1.5 a year (sd of the slope of their releases about 0.07)
    after = section.summary["breakpoint"]["rate_after"]
    assert after["low"] - 0.2 < 1.5 < after["high"] + 0.2


def test_the_command_without_a_series_judges_the_densities(context, monkeypatch):
    import json

    from typer.testing import CliRunner

    from densing_bayes.cli import main, regimes

    monkeypatch.setattr(regimes, "context", lambda *_: context)
    monkeypatch.setattr("densing_bayes.verbs.opening.opened", lambda data, **_: data)
    got = CliRunner().invoke(main.app, ["regimes", "--json"])
    assert got.exit_code == 0, got.output
    said = json.loads(got.stdout)
    assert said["breakpoint"]["date"] == "2022-11-30"
    assert len(said["forecast"]) == 3
    wrong = CliRunner().invoke(main.app, ["regimes", "--break", "soon"])
    assert wrong.exit_code == 2
