"""The verbs from Python: what they take, what they return, and that the command says the same."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from densing_bayes.cli.main import app
from densing_bayes.context import Context
from densing_bayes.errors import GateError, InputError
from densing_bayes.intervals import Interval
from densing_bayes.joint.quantities import frontier_path
from densing_bayes.questions.growth import Growth
from densing_bayes.questions.windows import window_of, years_since
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.tables import load_tables
from densing_bayes.verbs import opening
from densing_bayes.verbs.answer import Answer
from densing_bayes.verbs.corollaries import forecast
from densing_bayes.verbs.growth import density, growth
from densing_bayes.verbs.opening import SuspiciousData, opened, tables_of

# gaps of a made-up world have long tails, which the tables are warned of
pytestmark = pytest.mark.filterwarnings("ignore::densing_bayes.verbs.opening.SuspiciousData")


@pytest.fixture
def asking(small_world, small_fit):
    """Where the small world's answers come from: its folder, spec and saved fit."""
    return {"data": small_world.folder, "spec": small_world.report.with_name("small.toml"),
            "fit": small_world.report.with_name("fit.nc")}


def by_command(asking, *words) -> dict:
    data, spec, fit = (str(asking[name]) for name in ("data", "spec", "fit"))
    done = CliRunner().invoke(app, [*words, "--data", data, "--spec", spec, "--fit", fit,
                                    "--json"])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


# -- one answer, whoever asks ------------------------------------------------------------------


def test_growth_is_what_the_command_prints(asking):
    answer = growth(**asking)
    assert answer.to_dict() == by_command(asking, "growth")
    assert answer.text.startswith("Between ")
    assert repr(answer) == answer.text
    assert str(answer).replace("\n", " ") == answer.text
    assert isinstance(answer.values, Growth)
    row = answer.table.iloc[0]
    assert row["median (1/day)"] == pytest.approx(np.median(answer.values.rate) / 365.25)


def test_density_is_what_the_command_prints(asking):
    answer = density(["Model-003", "Model-001"], **asking)
    assert answer.to_dict() == by_command(asking, "density", "Model-003", "Model-001")
    assert set(answer.table["model"]) == {"Model-001", "Model-003"}
    assert answer.table["median"].is_monotonic_decreasing
    assert len(density("Model-001", **asking).table) == 1
    assert len(density(**asking).table) == 60


def test_a_forecast_is_what_the_command_prints(asking):
    answer = forecast(size=3e10, effective=5e11, **asking)
    assert answer.to_dict() == by_command(asking, "forecast", "--size", "3e10", "--effective",
                                          "5e11")
    assert answer.text


def test_growth_over_a_window_is_of_the_path(asking):
    context = opened(**asking)
    dates = context.derived["date"].values
    dates = dates[context.derived["eligible"].values]
    newest, oldest = dates.max(), dates.min()
    answer = growth(context, window="last-12-months")
    end = years_since(newest)
    start = years_since(pd.Timestamp(newest) - pd.DateOffset(months=12))
    path = frontier_path(context.derived, [start, end])
    by_hand = (path[..., 1] - path[..., 0]).values.ravel() / (end - start)
    np.testing.assert_allclose(answer.values.rate, by_hand)
    assert answer.to_dict()["window"] == {
        "name": "last-12-months", "to": str(newest)[:10],
        "from": str((pd.Timestamp(newest) - pd.DateOffset(months=12)).date())}
    assert "per day" in answer.text
    # windows that follow each other have growth that adds up
    middle = oldest + (newest - oldest) // 2
    parts = [growth(context, window=(str(a)[:10], str(b)[:10])) for a, b in (
        (oldest, middle), (middle, newest), (oldest, newest))]
    weight = [np.diff(part.values.window.years)[0] for part in parts]
    np.testing.assert_allclose(parts[0].values.rate * weight[0] + parts[1].values.rate * weight[1],
                               parts[2].values.rate * weight[2])
    assert by_command(asking, "growth", "--window", "last-12-months") == answer.to_dict()


@pytest.mark.parametrize("window", ["last-0-months", "lately", "2024-01-01", "2024-01-01:x",
                                    "2024-05-01:2024-01-01", ("a", "b"), ("2024-01-01",),
                                    "last-12-months:"])
def test_what_is_no_window(window):
    with pytest.raises(InputError, match=r"window"):
        window_of(window, "2025-12-05")


def test_a_window_beyond_the_data_is_refused(asking):
    with pytest.raises(InputError, match="reaches beyond the models"):
        growth(window="2001-01-01:2024-01-01", **asking)


# -- what they take ----------------------------------------------------------------------------


def test_folder_frames_and_tables_are_one(small_world):
    tables = load_tables(small_world.folder)
    frames = {name: getattr(tables, name) for name in ("models", "scores", "benchmarks", "runs",
                                                       "pairs")}
    again = tables_of(frames)
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(getattr(again, name)[list(frame)], frame)
    assert set(again.sha256) == set(frames)
    assert tables_of(frames).sha256 == again.sha256
    assert tables_of(tables) is tables


def test_frames_are_checked_as_files_are(small_world):
    tables = load_tables(small_world.folder)
    frames = {name: getattr(tables, name) for name in ("models", "scores", "benchmarks", "runs",
                                                       "pairs")}
    frames["scores"] = frames["scores"].assign(score=lambda table: table["score"] * 100)
    with pytest.raises(InputError) as caught:
        tables_of(frames)
    assert {problem.file for problem in caught.value.problems} == {"scores.csv"}
    assert caught.value.problems[0].row == 2  # the header is row 1
    with pytest.raises(InputError, match="did you mean 'scores'"):
        tables_of(frames | {"scroes": frames["scores"]})
    with pytest.raises(InputError, match="not a DataFrame"):
        tables_of(frames | {"scores": [1, 2]})


def test_what_is_suspicious_is_a_warning(small_world, monkeypatch):
    tables = load_tables(small_world.folder)
    odd = replace(tables, warnings=[InputError("sizes look odd").problems[0]])
    monkeypatch.setattr(opening, "load_tables", lambda *_, **__: odd)
    with pytest.warns(SuspiciousData, match="sizes look odd"):
        tables_of(small_world.folder)


@pytest.mark.parametrize(("changes", "message"), [
    ({"benchmarks": ["Quizz"]}, "Quizz"), ({"benchmarks": "Quiz-A"}, "a list"),
    ({"sice": "2024-01-01"}, "did you mean 'since'"), ({"seed": -1}, "seed"),
    ({"spec": "costs"}, "of family 'costs'"), ({"data": "nowhere"}, "nowhere")])
def test_what_cannot_be_used_is_an_input_error_with_its_problems(asking, changes, message):
    with pytest.raises(InputError) as caught:
        growth(**{**asking, "fit": None, **changes})
    assert caught.value.problems
    assert message in str(caught.value)


def test_a_question_that_asks_nothing_is_refused_first():
    with pytest.raises(InputError, match="name what to reach"):
        forecast(data="nowhere")


def test_an_unknown_model_is_named(asking):
    with pytest.raises(InputError, match="did you mean 'Model-0"):
        density("Model-03", **asking)


# -- one fit for many questions ----------------------------------------------------------------


def test_the_next_question_does_not_fit_again(asking, small_fit, monkeypatch):
    monkeypatch.setattr(opening, "_kept", type(opening._kept)())
    made = []

    class Counted(Context):
        @property
        def _gated(self):
            made.append(self.spec.sampling.seed)
            return small_fit, {"passed": True}

    monkeypatch.setattr(opening, "Context", Counted)
    asking.pop("fit")
    first = opened(**asking)
    assert opened(**asking) is first
    assert opened(**asking, seed=2) is not first
    assert opened(**asking, seed=3) is not first
    assert opened(**asking) is not first  # two are kept, the oldest goes
    assert len(opening._kept) == opening.KEPT


def test_a_context_answers_as_it_is(asking):
    context = opened(**asking)
    assert growth(context).to_dict() == growth(**asking).to_dict()
    with pytest.raises(InputError, match="a context has its own"):
        growth(context, seed=5)


def test_a_refused_fit_raises(asking, monkeypatch):
    monkeypatch.setattr(opening, "refusal", lambda context: "R-hat 2.00")
    with pytest.raises(GateError, match=r"R-hat 2\.00"):
        growth(**asking)


# -- answers -----------------------------------------------------------------------------------


def test_an_answer_is_drawn_on_axes(asking):
    axes = growth(**asking).plot()
    assert all(hasattr(ax, "get_xlabel") for ax in np.ravel(axes))
    plt.close("all")
    assert np.ravel(density(**asking).plot("density-timeline"))[0].get_ylabel()
    plt.close("all")


def test_names_of_tables_are_text_in_a_notebook():
    hostile = "<script>alert(1)</script>"
    answer = Answer(f"The densest is {hostile}.", pd.DataFrame({hostile: [hostile], "n": [0.1]}),
                    {}, None)
    shown = answer._repr_html_()
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;") == 3


def test_a_refused_answer_says_so():
    answer = Answer("It falls.", pd.DataFrame(), {"a": float("nan")}, None)
    assert answer.gated(True, "prices") is answer
    marked = answer.gated(False, "prices")
    assert marked.refused
    assert repr(marked).startswith("Refused by the diagnostics gate (prices")
    assert marked.to_dict() == {"a": None}


def test_an_answer_of_a_section_has_its_table_and_pictures():
    section = Section("s", "S", ["One.", "Two."], [
        Table("t", "Rows", pd.DataFrame({"x": [1.234, None]}), {"x": "{:.1f}"})],
        [Picture("p", "P", "p", lambda fig: fig.subplots())], summary={"s": 1})
    answer = Answer.of_section(section, values=None)
    assert (answer.text, answer.to_dict()) == ("One.", {"s": 1})
    assert "Two." in str(answer)
    assert "1.2" in str(answer)
    assert [picture.key for picture in answer.pictures] == ["p"]


def test_no_warning_comes_from_shipped_tables():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tables_of(None)
    assert str(Interval()) == "90% equal-tailed interval"
