"""Templates and documentation of columns: true to the schemas, and enough to begin with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from densing_bayes.cells import check
from densing_bayes.errors import InputError
from densing_bayes.reading import read_cells
from densing_bayes.schemas import EXAMPLES, TABLES
from densing_bayes.shelf import shelf
from densing_bayes.specs import load_model
from densing_bayes.starting import columns, new_series, new_spec, new_tables
from densing_bayes.studies.spec import load_study
from densing_bayes.tables import load_tables
from densing_bayes.verbs.shelf import validate


def test_every_column_has_a_meaning_and_a_valid_example(tmp_path):
    for name, schema in TABLES.items():
        rows = columns([name])
        assert [row["column"] for row in rows] == list(schema.columns)
        assert all(row["what"] and row["allowed"] for row in rows)
        assert all(row["example"] for row in rows if row["need"] == "filled")
        frame = pd.DataFrame([{row["column"]: row["example"] for row in rows}])
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        raw = read_cells(tmp_path / f"{name}.csv")
        check(name, raw)  # the examples of a table are a valid row of it
        assert raw.problems == []
    known = {column for schema in TABLES.values() for column in schema.columns}
    assert {key.split(".")[-1] for key in EXAMPLES} <= known
    with pytest.raises(InputError, match="did you mean 'models'"):
        columns(["model"])


def test_new_tables_answer_once_models_and_scores_are_filled(tmp_path):
    """A new user's 60 models and two benchmarks, one of their own."""
    new_tables(tmp_path / "mine")
    assert (tmp_path / "mine" / "COLUMNS.md").read_text(encoding="utf-8").count("| model |") == 3
    assert {str(p.what) for p in validate([tmp_path / "mine"])} == {
        "the table has a header and no rows"}
    rng = np.random.default_rng(5)
    with (tmp_path / "mine" / "models.csv").open("a") as models, (
            tmp_path / "mine" / "scores.csv").open("a") as scores, (
            tmp_path / "mine" / "benchmarks.csv").open("a") as benchmarks:
        marks = pd.read_csv(tmp_path / "mine" / "benchmarks.csv")
        row = {"benchmark": "Own", "n_items": 200, "chance": 0, "source": "me"}
        benchmarks.write(",".join(str(row.get(column, "")) for column in marks) + "\n")
        for i in range(60):
            day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(rng.integers(0, 600)))
            models.write(f"M{i},,F{i % 7},{day.date()},,{rng.uniform(1e9, 7e10):.0f},,dense,,16,"
                         f",,base,me\n")
            scores.write(f"M{i},MMLU,{rng.uniform(0.4, 0.8):.3f},5,,,me\n"
                         f"M{i},Own,{rng.uniform(0.1, 0.7):.3f},,,,me\n")
    assert validate([tmp_path / "mine"]) == []
    from densing_bayes.observations import select

    data = select(load_tables(tmp_path / "mine")).data
    assert data["benchmark"].values.tolist() == ["MMLU", "Own"]
    assert data["anchored"].values.tolist() == [True, False]
    assert data.sizes["model"] == 60
    shipped = select(load_tables()).data
    assert data.sizes["run"] == shipped.sizes["run"]
    assert data.sizes["pair"] == shipped.sizes["pair"]


def test_templates_of_specs_are_the_shipped_ones(tmp_path):
    (spec,) = new_spec(tmp_path / "mine.toml", "spec")
    assert load_model(spec).priors == load_model("densing").priors
    (study,) = new_spec(tmp_path / "studies", "study")
    assert load_study(study).axes == load_study(shelf("models") / "studies/default.toml").axes
    with pytest.raises(InputError, match="there already"):
        new_spec(spec, "spec")


def test_a_template_of_a_series(tmp_path):
    (path,) = new_series(tmp_path)
    assert path.read_text(encoding="utf-8") == "date,value,sd,low,high,label\n"
