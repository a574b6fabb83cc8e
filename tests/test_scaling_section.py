"""The study and its section, end to end from tables, on stand-in fits (nothing is sampled)."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from densing_bayes import laws
from densing_bayes.figures import house
from densing_bayes.outputs import json_text
from densing_bayes.reports import printed
from densing_bayes.scaling_laws import classic, fit, form, ladders, rehearse, study
from densing_bayes.scaling_laws.score import ScorePrediction
from densing_bayes.sections import scaling as words
from densing_bayes.specs import load_model

SPEC = load_model("scaling")
TRUTH = classic.CHINCHILLA_REFIT


def stand_in(ladder, name, spec, **_):
    """Draws about the true law (or a flat-term imitation of it without E), as if fitted."""
    rng = np.random.default_rng(len(ladder.frame) + len(name))
    shape = (4, 250)
    constants = TRUTH if name == "chinchilla" else (
        TRUTH | {"irreducible": 0.0, "log_b": np.log(2.2), "beta": 0.006})
    law = form.from_constants(centre=ladder.centre, **constants)
    jitter = {"level": 0.001, "alpha": 0.004, "beta": 0.004 * constants["beta"]}
    values = {key: value + jitter.get(key, 0.0) * rng.standard_normal(shape)
              for key, value in law.items()}
    values |= {"noise": np.full(shape, 0.004), "noise_growth": np.zeros(shape),
               "noise_valley": np.zeros(shape), "tail": np.full(shape, 20.0)}
    draws = xr.Dataset({key: (("chain", "draw"), value) for key, value in values.items()})
    loo = fit._loo(draws, ladder.size, ladder.token, ladder.log_loss, 1e-5)
    return fit.LawFit(name, ladder, draws, loo, {"passed": True})


def runs(suite, eval_set, sizes, **more):
    params = np.repeat(np.geomspace(1e8, sizes[0], 8), 4)
    tokens = params * np.tile([10, 20, 40, 80], 8)
    large = pd.DataFrame({"params": sizes[1:], "tokens": 40 * np.array(sizes[1:])})
    frame = pd.concat([pd.DataFrame({"params": params, "tokens": tokens}), large],
                      ignore_index=True)
    error = np.random.default_rng(3).normal(0, 0.004, len(frame))
    return frame.assign(
        run=[f"{suite}-{i}" for i in range(len(frame))], suite=suite, eval_set=eval_set,
        loss_unit="nats/token", held_out=["no"] * len(params) + ["yes"] * len(large),
        loss=laws.loss(params=frame["params"], tokens=frame["tokens"], **TRUTH)
        * np.exp(error), **more)


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladders, "fit_law", stand_in)
        patch.setattr(rehearse, "fit_law", stand_in)
        patch.setattr(study, "predict_score", lambda pairs, chance, models, log_loss, spec, case:
                      ScorePrediction(laws.score(loss=np.exp(log_loss), gamma=-6.0, midpoint=2.0,
                                                 scale=0.7, chance=chance), {"loss": 1.0}, [], {},
                                      {}))
        table = pd.concat([runs("one", "Quiz", [3e9, 7e9, 2e10]),
                           runs("two", "Text", [6e9]).head(28)], ignore_index=True)
        quiz = table[table["eval_set"] == "Quiz"].rename(columns={"run": "model"})
        pairs = quiz.assign(benchmark="Quiz", score_format="mc", score=laws.score(
            loss=quiz["loss"], gamma=-6.0, midpoint=2.0, scale=0.7, chance=0.25))
        hardware = pd.DataFrame([{
            "device": "Datacenter one", "kind": "datacenter", "memory_bandwidth_gb_s": 2000,
            "memory_gb": 80, "fp16_tflops": 300, "price_usd": 10_000, "tdp_w": 400}])
        yield study.study(table, pairs=pairs, hardware=hardware, spec=SPEC,
                          benchmarks=pd.DataFrame({"benchmark": ["Quiz"], "chance": [0.25]}))


def test_reference_is_the_ladder_with_most_runs(result):
    assert result.reference == "one"
    assert result.scaling.fits["one"].best.name == "chinchilla"


def test_trials_are_scored_against_what_was_observed(result):
    trials = {trial.name: trial for trial in result.trials}
    assert trials["one"].table["params"].tolist() == [7e9, 2e10]
    assert trials["two"].table["params"].min() > trials[
        "two"].forecaster.fit.ladder.frame["params"].max()
    for trial in result.trials:
        inside = trial.table["observed"].between(trial.table["low"], trial.table["high"])
        assert trial.coverage == inside.mean() > 0.5


def test_scores_go_through_the_predicted_loss(result):
    assert len(result.score) == 2
    assert result.score["covered"].all()


def test_lifetime_saves_nothing_without_serving_and_more_with_more(result):
    flop = result.lifetime[result.lifetime["cost"] == "FLOP"]
    assert flop["saved"].iloc[0] == pytest.approx(0, abs=1e-6)
    assert flop["saved"].is_monotonic_increasing
    assert flop["params"].is_monotonic_decreasing
    assert set(result.lifetime["cost"]) == {"FLOP", "USD"}


def test_answers_are_those_of_the_law_behind_the_runs(result):
    answers = result.answers.set_index("question")
    best = classic.optimal_params(flop=classic.GOPHER_FLOP, **TRUTH) / 1e9
    row = answers.loc["Gopher's compute: size (B)"]
    assert row["low"] < best < row["high"]
    gain = (laws.loss(params=1e10, tokens=1e12, **TRUTH)
            - laws.loss(params=1e11, tokens=1e12, **TRUTH))
    assert answers.loc["loss saved by 100B over 10B, both on 1T tokens", "median"] == (
        pytest.approx(gain, rel=0.1))


def test_section_is_complete_and_json(result):
    section = words.section(result)
    text = "\n".join(section.text)
    assert "90% equal-tailed interval" in text
    assert "nan" not in text.lower().replace("finance", "")
    keys = [table.key for table in section.tables]
    assert len(keys) == len(set(keys)) == 8
    for table in section.tables:
        shown = printed(table)
        assert shown["rows"]
    said = json.loads(json_text(section.summary))["scaling"]
    assert said["reference"] == "one"
    assert said["foretold"]["one"]["runs"] == 2


def test_pictures_are_drawn_with_units_and_all_rows(result):
    section = words.section(result)
    for picture in section.pictures:
        fig = house.draw(picture)
        (ax, *_) = fig.axes
        assert ax.get_xlabel()
        if picture.key == "scaling-predicted":
            rows = sum(min(len(trial.table), 3) for trial in result.trials)
            assert len(ax.get_yticklabels()) == rows
        else:
            assert ax.get_ylabel()


def test_section_without_pairs_hardware_and_trials(result):
    from dataclasses import replace

    bare = replace(result, trials=[], score=None, device=None,
                   lifetime=result.lifetime[result.lifetime["cost"] == "FLOP"])
    section = words.section(bare)
    assert any("No ladder has enough sizes" in part for part in section.text)
    assert len(section.pictures) == 2
