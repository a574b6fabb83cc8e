"""Two reports side by side: what changed is named, what did not is not."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval, growth_summary
from densing_bayes.verbs.compare import compare

SPEC = "[options]\nsince = 2020\n\n[priors.rate]\nmean = 1.0\n"


def growth(rate: float) -> dict:
    return growth_summary(np.array([0.8, 1.0, 1.2]) * rate, Interval())


def summary() -> dict:
    return {
        "written_by": "densing_bayes", "seed": 1, "data": {"models.csv": "a", "scores.csv": "b"},
        "interval": {"prob": 0.9, "kind": "equal-tailed"}, "growth": growth(2.0),
        "windows": [{"name": "since-llama-1", "to": "2025-12-05", **growth(2.0)}],
        "provenance": {"spec": SPEC, "spec_name": "densing"},
        "pulls": [{"model": "Ash-7B", "pull": 0.01}, {"model": "Elm-1B", "pull": None}],
        "density": [{"model": "Ash-7B", "median": 2.0}, {"model": "Elm-1B", "median": 1.0}],
    }


MODELS = [{"name": "Ash-7B", "scores": [
              {"benchmark": "Quiz", "score": 0.5, "source": "card", "own": True}]},
          {"name": "Elm-1B", "scores": []}]


@pytest.fixture
def folders(tmp_path):
    """Two reports; the second has another score, a new model, another prior, faster growth."""
    old, new = (summary(), copy.deepcopy(MODELS)), (summary(), copy.deepcopy(MODELS))
    new[0].update(growth=growth(3.0), data={"models.csv": "a", "scores.csv": "c"})
    new[0]["windows"][0].update(growth(3.0))
    new[0]["provenance"]["spec"] = SPEC.replace("mean = 1.0", "mean = 2.0")
    new[0]["density"][0]["median"] = 3.0
    new[0]["density"].append({"model": "Oak-2B", "median": 9.0})
    new[0]["pulls"] = [{"model": "Ash-7B", "pull": 0.02}, {"model": "Oak-2B", "pull": -0.3}]
    new[1][0]["scores"][0]["score"] = 0.6
    new[1].append({"name": "Oak-2B", "scores": [
        {"benchmark": "Quiz", "score": 0.7, "source": "card", "own": True}]})
    for name, (said, models) in (("old", old), ("new", new)):
        (tmp_path / name / "figures").mkdir(parents=True)
        (tmp_path / name / "summary.json").write_text(json.dumps(said))
        (tmp_path / name / "figures" / "density-timeline.json").write_text(
            json.dumps({"models": models}))
    return tmp_path / "old", tmp_path / "new"


def test_what_changed_is_named(folders):
    found = compare(*folders)
    values = found.to_dict()
    row, = values["growth"]
    assert (row["before median"], row["after median"]) == (2.0, 3.0)
    assert values["models"] == {"added": ["Oak-2B"], "gone": []}
    assert values["scores"] == {"added": [["Oak-2B", "Quiz", "card"]], "gone": [],
                                "changed": [["Ash-7B", "Quiz", "card", 0.5, 0.6]]}
    assert values["tables"] == ["scores.csv"]
    assert values["spec"] == ["-mean = 1.0", "+mean = 2.0"]
    assert values["densities"][0] == {"model": "Ash-7B", "before": 2.0, "after": 3.0,
                                      "factor": 1.5}
    assert "doubled every 4.2 months" in found.text  # 12 ln 2 / 2
    assert "doubled every 2.8 months" in found.text  # 12 ln 2 / 3
    assert "Ash-7B on Quiz 0.500 to 0.600" in found.text
    assert values["pulls"] == [
        {"model": "Oak-2B", "change": "added", "before": None, "after": -0.3},
        {"model": "Ash-7B", "change": "scores", "before": 0.01, "after": 0.02}]
    assert "Oak-2B -0.300, Ash-7B +0.010 before, +0.020 after" in found.text


def test_the_other_way_round_it_is_the_other_way_round(folders):
    old, new = folders
    values = compare(new, old).values
    assert values["models"] == {"added": [], "gone": ["Oak-2B"]}
    assert values["spec"] == ["-mean = 2.0", "+mean = 1.0"]


def test_nothing_changed(folders):
    found = compare(folders[0], folders[0])
    assert not any(found.values[name] for name in ("tables", "spec"))
    assert not any(found.values["scores"].values())
    assert "No model's density moved" in found.text


def test_what_is_no_report_is_refused(folders, tmp_path):
    with pytest.raises(InputError, match="not a report"):
        compare(folders[0], tmp_path / "nowhere")
    (folders[1] / "summary.json").write_text("[1]")
    with pytest.raises(InputError, match="not a report"):
        compare(*folders)
