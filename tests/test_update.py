"""Rows added to tables: all or nothing, and what they change is told."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from densing_bayes.errors import InputError
from densing_bayes.tables import load_tables
from densing_bayes.verbs import update as module
from densing_bayes.verbs.update import update


@pytest.fixture
def folder(small_world, tmp_path):
    return shutil.copytree(small_world.folder, tmp_path / "tables")


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def row_of(folder, **changes):
    scores = pd.read_csv(folder / "scores.csv", dtype=str, keep_default_na=False)
    return scores.iloc[[0]].assign(**changes)


@pytest.mark.parametrize(("changes", "what"), [
    ({"score": "79", "source": "new"}, "score is above 1"),
    ({"model": "Nobody-1B"}, "Nobody-1B"),
    ({}, "duplicate key")])
def test_bad_rows_are_named_with_their_file_and_change_nothing(folder, tmp_path, changes, what):
    before = content(folder)
    row_of(folder, **changes).to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(InputError) as error:
        update(folder, [tmp_path / "mine.csv"])
    problem = error.value.problems[0]
    assert what in str(problem)
    assert (problem.file, problem.row) == ("mine.csv", 2)
    assert content(folder) == before


def test_what_is_no_table_of_rows_is_refused(folder, tmp_path):
    for text, what in (("a,b\n1,2\n", "rows of no table"), ("model,benchmark,score,source\n",
                       "no rows"), ("model,benchmark,score,source\nx\n", "number of cells")):
        (tmp_path / "mine.csv").write_text(text)
        with pytest.raises(InputError, match=what):
            update(folder, [tmp_path / "mine.csv"])
    with pytest.raises(InputError, match="cannot be read"):
        update(folder, [tmp_path / "none.csv"])
    with pytest.raises(InputError, match="no rows to add"):
        update(folder, [])


def test_a_new_folder_stays_away_where_rows_are_bad(tmp_path):
    (tmp_path / "mine.csv").write_text("model,benchmark,score,source\nNobody,MMLU,0.5,me\n")
    with pytest.raises(InputError, match="Nobody"):
        update(tmp_path / "new", [tmp_path / "mine.csv"])
    assert not (tmp_path / "new").exists()


def test_rows_are_put_behind_the_others_in_any_order_of_columns(folder, tmp_path, small_world):
    """Models may come in one file and their scores in another."""
    models = pd.read_csv(folder / "models.csv", dtype=str, keep_default_na=False)
    new = models.iloc[[0]].assign(model="New-1B")
    trial = shutil.copytree(folder, tmp_path / "trial")
    counts = module._merged(trial, [row_of(folder, model="New-1B")[[
        "source", "score", "model", "benchmark"]], new[sorted(new)]][::-1])
    assert counts == {"models": 1, "scores": 1}
    was, found = load_tables(folder), load_tables(trial)
    assert found.models["model"].tolist() == [*was.models["model"], "New-1B"]
    assert len(found.scores) == len(was.scores) + 1
    pd.testing.assert_frame_equal(found.scores.iloc[:-1], was.scores)


@pytest.mark.slow
def test_it_fits_again_and_says_through_which_rows_densities_moved(
        folder, tmp_path, small_world, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models = pd.read_csv(folder / "models.csv", dtype=str, keep_default_na=False)
    new = models.iloc[[-1]].assign(model="New-1B")
    scores = row_of(folder, model="New-1B")
    answer = update(folder, [new, scores], spec=small_world.spec)
    said = answer.to_dict()
    assert said["rows"] == {"models": 1, "scores": 1}
    assert said["models"] == {"added": ["New-1B"], "gone": []}
    assert [cell[0] for cell in said["scores"]["added"]] == ["New-1B"]
    assert said["tables"] == ["models", "scores"]
    assert "New-1B" in load_tables(folder).models["model"].tolist()
