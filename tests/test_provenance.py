"""Where cells come from: worked by hand on the folder of eight models, and the shipped tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from densing_bayes.cli.main import app
from densing_bayes.errors import InputError
from densing_bayes.provenance import of_model, tally, unchecked
from densing_bayes.tables import load_tables

GOOD = Path(__file__).parent / "data" / "tables"


@pytest.fixture(scope="module")
def shipped():
    return load_tables()


@pytest.fixture(scope="module")
def tables():
    """Ash has three cells; source A's of Ash on Trivia was compared, and Ash's date."""
    tables = load_tables(GOOD)
    day = pd.Timestamp("2026-11-28")
    scores, models = tables.scores, tables.models
    mine = (scores["model"] == "Ash-7B") & (scores["benchmark"] == "Trivia")
    first = scores.index[mine][0]
    flags = pd.DataFrame({
        "family": ["Ash", "Ash", "Birch"], "model": ["", "Ash-7B", ""],
        "question": ["instruct-data", "distilled", "instruct-data"],
        "answer": ["yes", "no", "not said"], "sentence": ["it was", "it was not", "silent"],
        "source": ["card"] * 3})
    return replace(
        tables, flags=flags,
        scores=scores.assign(checked=scores["checked"].where(scores.index != first, day)),
        models=models.assign(date_checked=models["date_checked"].where(
            models["model"] != "Ash-7B", day)))


def test_one_model_cell_by_cell(tables):
    found = of_model(tables, "Ash-7B")
    assert found["about"]["organization"] == "Arbor"
    assert "note" not in found["about"]  # what is unknown is not said
    cells = found["cells"]
    assert len(cells) == (tables.scores["model"] == "Ash-7B").sum()
    assert cells["checked"].notna().sum() == 1
    assert found["answers"]["sentence"].tolist() == ["it was", "it was not"]
    assert of_model(tables, "Birch-13B")["answers"]["answer"].tolist() == ["not said"]
    assert of_model(tables, "Dogwood-3B")["answers"].empty  # of no stated family


def test_what_was_compared_is_counted(tables):
    count = tally(tables)
    assert count == {"cells": len(tables.scores), "cells_checked": 1, "dates": 8,
                     "dates_checked": 1}
    assert tally(tables, models=["Birch-13B"])["cells_checked"] == 0
    assert tally(tables, benchmarks=["Trivia"])["cells_checked"] == 1
    left = unchecked(tables)
    assert left["unchecked"].sum() == len(tables.scores) - 1
    assert left["unchecked"].is_monotonic_decreasing
    every = tables.scores.assign(checked=pd.Timestamp("2026-11-28"))
    assert unchecked(replace(tables, scores=every)).empty


def test_a_table_without_checks_counts_none():
    assert tally(load_tables(GOOD))["cells_checked"] == 0


def test_an_unknown_model_is_told_its_neighbours(tables):
    with pytest.raises(InputError, match="did you mean 'Ash-7B'"):
        of_model(tables, "Ash")


def test_a_yes_of_flags_is_a_flag_of_models_and_nothing_else_is(shipped):
    """The rule for base: whoever's source says yes carries the flag, the others do not."""
    models, flags = shipped.models, shipped.flags
    words = models["flag"].str.split(";").map(lambda cell: {word.strip() for word in cell})
    assert set(flags["family"]) <= set(models["family"])
    for question in flags["question"].unique():
        yes = flags[(flags["question"] == question) & (flags["answer"] == "yes")]
        said = models["family"].isin(yes["family"][yes["model"] == ""]) | models["model"].isin(
            yes["model"])
        if question == "distilled":  # a compressed model's method says it too
            said |= models["compression"].str.contains("distilled")
        carries = words.map(lambda cell, question=question: question in cell)
        assert models["model"][said].tolist() == models["model"][carries].tolist(), question


def test_single_source_means_that_only_the_maker_reports(shipped):
    roles = shipped.scores.groupby("model")["role"].agg(set)
    own = set(roles.index[roles.map(lambda cell: cell == {"own-report"})])
    flagged = shipped.models["flag"].str.contains("single-source")
    assert set(shipped.models["model"][flagged]) == own
    assert {"Hunyuan-7B-Pretrain", "Falcon-H1-7B"} <= own
    assert not {"SmolLM3-3B", "Seed-OSS-36B-Base"} & own  # others measured them too


def test_most_shipped_cells_were_compared_with_their_source(shipped):
    count = tally(shipped)
    assert count["cells_checked"] > 0.8 * count["cells"]
    assert shipped.models.loc[shipped.models["date_checked"].notna(), "date_source"].ne("").all()


def test_no_value_of_a_source_stands_twice(shipped):
    cells = shipped.scores.duplicated(
        ["model", "benchmark", "harness", "source", "score", "stand_in"], keep=False)
    assert not cells.any(), shipped.scores[cells]


def test_command_shows_a_model_and_what_is_unchecked():
    run = CliRunner().invoke
    text = run(app, ["data", "show", "SmolLM3-3B"]).output
    for word in ("2025-07-08", "Youtu-LLM README", "OpenMathReasoning"):
        assert word in text
    cells = json.loads(run(app, ["data", "show", "SmolLM3-3B", "--json"]).output)["cells"]
    assert {cell["benchmark"] for cell in cells} >= {"MATH", "BBH"}
    assert json.loads(run(app, ["data", "unchecked", "--json"]).output)["sources"]
    assert run(app, ["data", "unchecked", "--data", str(GOOD)]).output.startswith("0 of 1")
    refused = run(app, ["data", "show", "Qwen3-8B"])
    assert refused.exit_code == 2
    assert "did you mean 'Qwen3-8B-Base'" in refused.output
