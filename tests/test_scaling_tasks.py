"""Scores from small runs: known curves, floors, flat curves, and what is refused in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from densing_bayes import laws
from densing_bayes.errors import InputError, TableError
from densing_bayes.scaling_laws.score import predict_score
from densing_bayes.scaling_laws.tasks import task_scores
from densing_bayes.specs import load_model

SPEC = load_model("scaling")
LAW = {"log_a": np.log(60.0), "alpha": 0.25, "log_b": np.log(80.0), "beta": 0.24,
       "irreducible": 0.3}


def pairs(curve=None, noise=0.006, seed=1, **more):
    """24 small models and two larger ones on a task, from a known law and a known curve."""
    rng = np.random.default_rng(seed)
    params = np.append(np.repeat(np.geomspace(2e8, 3e9, 6), 4), [7e9, 1.3e10])
    tokens = params * np.append(np.tile([10, 40, 100, 200], 6), [400, 400])
    loss = laws.loss(params=params, tokens=tokens, **LAW) * np.exp(rng.normal(0, 0.004, 26))
    curve = curve or {"gamma": -5.0, "midpoint": 0.9, "scale": 0.7, "chance": 0.25}
    return pd.DataFrame({
        "model": [f"m{i}" for i in range(26)], "benchmark": "Quiz", "params": params,
        "tokens": tokens, "loss": loss, "held_out": ["no"] * 24 + ["yes"] * 2,
        "score": laws.score(loss=loss, **curve) + rng.normal(0, noise, 26), "chance": 0.25,
    }).assign(**more)


def test_scores_of_larger_models_are_foretold_and_scored():
    found = task_scores(pairs(), ["quiz"], ["params=2e10,tokens=4e12"], laws=["chinchilla"])
    table = found.table.set_index("model")
    assert len(table) == 3
    assert table.loc[["m24", "m25"], "covered"].all()
    truth = laws.score(loss=laws.loss(params=2e10, tokens=4e12, **LAW), gamma=-5.0, midpoint=0.9,
                       scale=0.7, chance=0.25)
    assert table.loc["asked", "low"] < truth < table.loc["asked", "high"]
    assert table.loc["asked", "high"] - table.loc["asked", "low"] < 0.35
    text = "\n".join(found.lines())
    assert "Quiz: " in text
    assert "observed" in text
    assert "inside" in text


def test_a_yes_no_task_sits_at_the_share_of_one_answer_before_it_switches_on():
    """Floor 0.6 where guessing gives 0.5: the larger model is not foretold below it."""
    curve = {"gamma": -16.0, "midpoint": 0.62, "scale": 0.35, "chance": 0.6}
    table = pairs(curve, noise=0.015).assign(chance=0.5)
    small, large = table[:24], table[24:]
    found = predict_score(small, 0.5, large, np.log(np.tile(large["loss"], (4000, 1))), SPEC)
    low, high = SPEC.interval.of(found.draws, axis=0)
    assert ((low < large["score"]) & (large["score"] < high)).all()
    assert (low > 0.5).all()


def test_a_flat_curve_says_so():
    found = task_scores(pairs(score=0.25 + np.random.default_rng(3).normal(0, 0.01, 26)), ["all"],
                        laws=["chinchilla"])
    (one,) = found.curves.values()
    assert any("flat" in warning for warning in one.warnings)
    assert any("near chance" in warning for warning in one.warnings)
    assert "warning: " in "\n".join(found.lines())


def test_what_is_left_out_is_said():
    table = pd.concat([pairs(), pairs().assign(benchmark="Few").head(5),
                       pairs().assign(benchmark="Bare", params=np.nan)], ignore_index=True)
    found = task_scores(table, ["all"], laws=["chinchilla"])
    notes = "\n".join(found.notes)
    assert "Few is not predicted: 5 pairs of small models" in notes
    assert "Bare: 26 pairs without params or tokens are left out" in notes


REFUSED = {
    "no size": (pairs().drop(columns="params"), "column params: the column is missing or empty"),
    "percent": (pairs(score=50.0), "score is not from 0 to 1 .*percent"),
    "chance": (pairs().drop(columns="chance"), "the score by guessing is not known"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_words(name):
    table, words = REFUSED[name]
    with pytest.raises((InputError, TableError), match=words):
        task_scores(table, ["Quiz"], laws=["chinchilla"])
    with pytest.raises(InputError, match="did you mean 'Quiz'"):
        task_scores(pairs(), ["Qiz"])
