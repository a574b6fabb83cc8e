"""Tables that are wrong in every way we could think of, and in many that chance thought of."""

from __future__ import annotations

import datetime
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from densing_bayes import cells
from densing_bayes.errors import InputError, Problem, TableError
from densing_bayes.reading import read_cells
from densing_bayes.schemas import REQUIRED, TABLES
from densing_bayes.tables import list_tables, load_tables, registry, show_table
from densing_bayes.verbs.shelf import inspect, validate

GOOD = Path(__file__).parent / "data" / "tables"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(GOOD, tmp_path / "tables"))


def edit(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"the test's table has no {old!r}"
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def the_one(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, "\n".join(map(str, problems))
    return problems[0]


def test_shipped_and_small_tables_are_valid():
    assert validate([Path(__file__).parents[1] / "data", GOOD]) == []


# one wrong cell each: file, old, new -> row, column, words of the message
WRONG_CELLS = [
    ("scores", "0.7,5", "70,5", 10, "score", "looks like percent: divide by 100"),
    ("scores", "0.7,5", "70%,5", 10, "score", "percent: write a fraction"),
    ("scores", "0.7,5", "700,5", 10, "score", "score is above 1"),
    ("scores", "0.7,5", "-0.7,5", 10, "score", "score is below 0"),
    ("scores", "0.7,5", "nan,5", 10, "score", "not a finite number"),
    ("scores", "0.7,5", "-Infinity,5", 10, "score", "not a finite number"),
    ("scores", "0.7,5", "1e999,5", 10, "score", "too large"),
    ("scores", "0.7,5", "high,5", 10, "score", "not a number"),
    ("scores", "0.7,5", ",5", 10, "score", "missing score"),
    ("scores", "0.39,5,500", "0.39,5,0", 3, "n_items", "n_items is below 1"),
    ("scores", "Cedar-8x7B,Trivia", "cedar 8x7b,Trivia", 10, "model",
     "did you mean 'Cedar-8x7B'?"),
    ("scores", "Cedar-8x7B,Trivia", "Ceder-8x7B,Trivia", 10, "model",
     "did you mean 'Cedar-8x7B'?"),
    ("scores", "Cedar-8x7B,Trivia", "Cedar-8x7B,Trivial", 10, "benchmark",
     "did you mean 'Trivia'?"),
    ("scores", "h1,report B", "h1,", 6, "source", "missing source"),
    ("scores", "h1,report B", "h1,report A", 6,
     "model, benchmark, shots, metric, harness, source, evaluated", "as in row 5"),
    ("models", "7000000000,7000000000", "7,7000000000", 2, "params_total", "billions"),
    *(("models", "7000000000,7000000000", f"{given},7000000000", 2, "params_total", words)
      for given, words in (
          ("7B", "in full: 7e9"), ("46.7 billion", "in full: 4.67e10"), ("7b params", "7e9"),
          ("400M", "in full: 4e8"), ("8x7B", "experts times size"), ("~7e9", "without a sign"),
          ("0.0", "leave the cell empty"), ("unknown", "leave the cell empty"),
          ('"7,2"', "with a point"))),
    ("models", "7000000000,7000000000", "inf,7000000000", 2, "params_total", "finite"),
    ("models", "7000000000,7000000000", "-7e9,7000000000", 2, "params_total", "below 100000"),
    ("models", "7000000000,7000000000", '"7,000,000,000",7000000000', 2, "params_total",
     "without separators"),
    ("models", "7000000000,7000000000", "7000000000,8000000000", 2, "params_active",
     "params_active > params_total"),
    ("models", "1e12,16", "1.0,16", 2, "training_tokens", "billions"),
    ("models", "1e12,16", "1e12,0", 2, "precision_bits", "not above 0"),
    ("models", "2023-03-01", "2023-02-29", 2, "release_date", "no such day"),
    ("models", "2023-03-01", "01/03/2023", 2, "release_date", "not an ISO date"),
    ("models", "2023-03-01", "2023-13", 2, "release_date", "no such day"),
    ("models", "2023-03-01", "2023-Q5", 2, "release_date", "no such day"),
    ("models", "2023-03-01", "2023-3", 2, "release_date", "not an ISO date"),
    ("models", "2023-03-01", "20230301", 2, "release_date", "not an ISO date"),
    ("models", "2023-03-01", "2003-03-01", 2, "release_date", "before 2012-01-01"),
    ("models", "2023-03-01", "9999-03-01", 2, "release_date", "in the future"),
    ("models", "dense,1e12", "mixture,1e12", 2, "architecture", "dense, moe"),
    ("models", "base,toy report,open,\n", "bsae,toy report,open,\n", 2, "type",
     "did you mean 'base'?"),
    ("models", "base,toy report,open,\n", "chat,toy report,open,\n", 2, "type",
     "did you mean 'instruct'?"),
    ("models", "dense,1e12", "MoE,1e12", 2, "architecture", "did you mean 'moe'?"),
    ("models", "base,toy report,open,\n", "base,,open,\n", 2, "source", "missing source"),
    ("models", "Ash-7B,Arbor", "Birch-13B,Arbor", 3, "model", "duplicate key"),
    ("models", "Dogwood-3B,Dell", "Dogwood-3B,De\x1bll", 7, "organization", "unprintable"),
    ("models", "Dogwood-3B,Dell", f"Dogwood-3B,{'D' * 300}", 7, "organization", "200 characters"),
    ("benchmarks", "Puzzles,200,0", "Puzzles,200,25", 2, "chance", "percent"),
    ("benchmarks", "Puzzles,200,0", "Puzzles,200,1", 2, "chance", "not below 1"),
    ("benchmarks", "Puzzles,200,0", "Puzzles,0,0", 2, "n_items", "below 1"),
    ("benchmarks", "toy,Trivia,", "toy,Trivium,", 4, "variant_of", "did you mean 'Trivia'?"),
    ("benchmarks", "toy-ladder,toy,,mc", "toy-lader,toy,,mc", 3, "anchor",
     "did you mean 'toy-ladder'?"),
    ("benchmarks", "toy-ladder,toy,,mc", "toy-ladder,toy,,mcq", 3, "anchor",
     "score_format 'mcq'"),
    ("benchmarks", "toy-ladder,toy,,mc", ",toy,,mc", None, "anchor", "no benchmark is anchored"),
    ("runs", "r3,toy-ladder,1e9,total,2e10,1.1", "r3,toy-ladder,1e9,total,2e10,0", 4, "loss",
     "not above 0"),
    ("runs", "r3,toy-ladder,1e9", "r3,toy-ladder,0.9", 4, "params", "billions"),
    ("runs", "r2,toy-ladder", "r1,toy-ladder", 3, "run, suite, eval_set", "as in row 2"),
    ("runs", "0.8,bits/byte", "0.8,nats/token", None, "anchor", "several units"),
    ("pairs", "r3,toy-ladder,Trivia", "r3,toy-ladder,Trivi", 2, "benchmark", "unknown benchmark"),
    ("pairs", "bits/byte,0.26", "bits/byte,26", 2, "score", "percent"),
    ("prices", "2023-04-01,2,4", "2023-04-01,-2,4", 2, "input_usd_per_m", "below 0"),
]


@pytest.mark.parametrize(("table", "old", "new", "row", "column", "words"), WRONG_CELLS)
def test_a_wrong_cell_is_named(folder, table, old, new, row, column, words):
    edit(folder / f"{table}.csv", old, new)
    with pytest.raises(TableError) as caught:
        load_tables(folder)
    found = [problem for problem in caught.value.problems
             if problem.column == column and words in str(problem)]
    assert found, str(caught.value)
    assert row is None or row in {problem.row for problem in found}
    assert all(problem.file.endswith(".csv") for problem in found)


def test_all_problems_at_once_with_the_value(folder):
    edit(folder / "scores.csv", "0.35,5", "35,5")
    edit(folder / "scores.csv", "0.7,5", "x,5")
    edit(folder / "models.csv", "2023-03-01", "2023-13-01")
    edit(folder / "benchmarks.csv", "Puzzles,200", "Puzzles,none")
    with pytest.raises(TableError) as caught:
        load_tables(folder)
    found = {(p.file, p.row, p.column, p.given) for p in caught.value.problems}
    assert found == {("scores.csv", 2, "score", "35"), ("scores.csv", 10, "score", "x"),
                     ("models.csv", 2, "release_date", "2023-13-01"),
                     ("benchmarks.csv", 2, "n_items", "none")}


def test_a_day_ahead_is_a_time_zone_and_two_are_the_future(folder, monkeypatch):
    monkeypatch.setattr(cells, "today", lambda: datetime.date(2024, 12, 31))
    assert validate([folder]) == []
    monkeypatch.setattr(cells, "today", lambda: datetime.date(2024, 12, 30))
    assert {p.row for p in validate([folder])} == {9, 10}  # Fir-1B, Fir-1B-chat of 2025-01-01


def test_a_period_that_is_not_over_ends_today(folder, monkeypatch):
    monkeypatch.setattr(cells, "today", lambda: datetime.date(2025, 1, 11))
    edit(folder / "models.csv", "Fir-1B,Conifer,Fir,2025-01-01", "Fir-1B,Conifer,Fir,2025")
    row = load_tables(folder).models.set_index("model").loc["Fir-1B"]
    assert (str(row["release_date"].date()), row["release_date_width"]) == ("2025-01-06", 10)
    edit(folder / "models.csv", "Fir-1B,Conifer,Fir,2025", "Fir-1B,Conifer,Fir,2025-02")
    assert "in the future" in str(the_one(validate([folder])))


def test_shots_metric_and_day_of_evaluation_are_no_duplicates(folder):
    row = "Ash-7B,Trivia,0.35,5,,h1,report A"
    edit(folder / "scores.csv", row, f"{row}\n{row.replace(',5,', ',0,')}")
    text = (folder / "scores.csv").read_text().splitlines()
    text = [text[0] + ",metric,evaluated", *(line + ",," for line in text[1:])]
    text += [text[1][:-2] + ",exact_match,", text[1][:-2] + ",,2024-03-01"]
    (folder / "scores.csv").write_text("\n".join(text) + "\n")
    assert validate([folder]) == []
    (folder / "scores.csv").write_text("\n".join([*text, text[-1].replace(",5,", ",5.0,")]))
    found = the_one(validate([folder]))  # 5 and 5.0 shots are one protocol
    assert (found.row, found.hint) == (21, "as in row 20")


def test_the_interval_of_a_score_holds_the_score(folder):
    text = (folder / "scores.csv").read_text().splitlines()
    ends = [",,"] * 15
    ends[0], ends[3] = ",0.4,0.5", ",0.4,0.45"  # scores 0.35 and 0.5
    (folder / "scores.csv").write_text("\n".join(
        [text[0] + ",low,high", *map("".join, zip(text[1:16], ends, strict=True))]))
    assert [(p.row, p.what) for p in validate([folder])] == [(2, "low > score"),
                                                             (5, "score > high")]


def test_rows_are_lines_of_the_file_across_quoted_line_breaks(folder):
    # the note of Birch-13B spans lines 3 and 4
    lines = (folder / "models.csv").read_text(encoding="utf-8").splitlines()
    assert lines[4].startswith("Cedar-8x7B")
    edit(folder / "models.csv", "47000000000", "47")
    assert the_one(validate([folder])).row == 5


def test_blank_lines_count_and_are_no_rows(folder):
    edit(folder / "scores.csv", "Ash-7B,Trivia,0.35", "\n,,,,,,\nAsh-7B,Trivia,35")
    assert the_one(validate([folder])).row == 4


# a whole file that is wrong: what it holds -> words, row
WRONG_FILES = {
    "empty": (b"", "the file is empty", None),
    "blank": (b"\n\n  \n,,\n", "the file is empty", None),
    "utf-16": ("model,note\nü,x\n".encode("utf-16"), "UTF-16", None),
    "utf-16 without mark": ("model,note\n".encode("utf-16-le"), "NUL", 1),
    "latin-1": ("model,note\na,b\nü,x\n".encode("latin-1"), "not UTF-8", 3),
    "nul": (b"model,note\nab,\0\n", "NUL", 2),
    "zip": (b"PK\x03\x04rest", "Excel", None),
    "semicolons": (b"model;note\na;b\n", "semicolons", 1),
    "tabs": (b"model\tnote\na\tb\n", "tabs", 1),
    "header only": (b"model,benchmark,score,shots,n_items,harness,source\n", "no rows", None),
    "two of one name": (b"model,model\na,b\n", "two columns have one name", 1),
    "no name": (b"model,,score\na,b,c\n", "column 2 has no name", 1),
    "open quote": (b'model,note\na,"b\nc,d\ne,f\n', "never closed", 2),
    "quote in quotes": (b'model,note\na,"b"c"\n', "quote", 2),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_wrong_file_is_named(folder, kind):
    data, words, row = WRONG_FILES[kind]
    (folder / "scores.csv").write_bytes(data)
    found = [p for p in validate([folder]) if p.file.endswith("scores.csv") and words in str(p)]
    assert found[0].row == row


@pytest.mark.parametrize("table", REQUIRED)
def test_a_truncated_file_is_named(folder, table):
    path = folder / f"{table}.csv"
    text = path.read_text(encoding="utf-8").rstrip()
    cut = text[: text.rindex(",", 0, text.rindex(","))]  # at least one cell is gone
    path.write_text(cut, encoding="utf-8")
    last = [p for p in validate([folder]) if p.row == cut.count("\n") + 1]
    assert any("truncated" in str(p) for p in last)


def test_ragged_rows_are_named_and_the_others_still_checked(folder):
    edit(folder / "scores.csv", "Ash-7B,Trivia,0.35", "Ash-7B,Tri,via,0.35")
    edit(folder / "scores.csv", "0.7,5", "70,5")
    first, second = validate([folder])
    assert (first.row, second.row) == (2, 10)
    assert "8 cells, the header has 7" in first.what


@pytest.mark.parametrize("table", REQUIRED)
def test_a_missing_table_is_named(folder, table):
    (folder / f"{table}.csv").rename(folder / f"{table}s_old.csv")
    found = [p for p in validate([folder]) if p.file == f"{table}.csv"]
    assert "the table is missing" in str(found[0])


@pytest.mark.parametrize(("table", "column"), [
    (name, column) for name in ("models", "scores", "benchmarks", "runs", "pairs", "prices")
    for column, spec in TABLES[name].columns.items() if not spec.extra])
def test_a_missing_column_is_named(folder, table, column):
    path = folder / f"{table}.csv"
    edit(path, f"{column}", f"{column}_x") if column != "source" else edit(path, "source", "sauce")
    found = [p for p in validate([folder]) if p.what == "the column is missing"]
    assert [(p.row, p.column) for p in found] == [(1, column)]
    assert "did you mean" in str(found[0])


def test_a_column_that_the_toolkit_can_do_without_may_be_missing(folder):
    edit(folder / "runs.csv", "held_out", "remark")
    edit(folder / "models.csv", "weights", "openness")
    tables = load_tables(folder)
    assert (tables.runs["held_out"] == "").all()
    assert set(tables.models["openness"]) == {"open", "gated", "closed"}


LEFT_BEHIND = {  # what programs leave in a table: how it is changed, words of the warning
    "an index": (lambda lines: [f"{'' if i == 0 else i - 1},{line}"
                                for i, line in enumerate(lines)], "numbers the rows"),
    "an unnamed index": (lambda lines: [f"{'Unnamed: 0' if i == 0 else i},{line}"
                                        for i, line in enumerate(lines)], "numbers the rows"),
    "trailing commas": (lambda lines: [line + ",," for line in lines], "ends in commas"),
    "commas behind rows": (lambda lines: [lines[0], *(line + "," for line in lines[1:])],
                           "ends in commas"),
    "comments": (lambda lines: ["# made by hand", *lines, "# the end,,"], "comment line"),
}


@pytest.mark.parametrize("kind", LEFT_BEHIND)
def test_what_programs_leave_behind_is_a_warning(folder, kind):
    change, words = LEFT_BEHIND[kind]
    path, plain = folder / "scores.csv", load_tables(GOOD).scores
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n", encoding="utf-8")
    problems, warnings = inspect([folder])
    assert problems == []
    assert words in str(warnings[0])
    assert load_tables(folder).scores.equals(plain)


def test_rows_with_problems_can_be_left_out_with_what_rests_on_them(folder):
    edit(folder / "models.csv", "47000000000", "8x7B")  # Cedar-8x7B, with two scores
    edit(folder / "scores.csv", "Ash-7B,Trivia,0.35", "Ash-7B,Tri,via,0.35")
    edit(folder / "scores.csv", "0.5,5", "50,5")
    tables = load_tables(folder, skip_bad=True)
    assert len(tables.models) == 7
    assert len(tables.scores) == 16 - 4
    assert "Cedar-8x7B" not in set(tables.scores["model"])
    assert sorted((p.file, p.row) for p in tables.skipped) == [
        ("models.csv", 5), ("scores.csv", 2), ("scores.csv", 5), ("scores.csv", 10),
        ("scores.csv", 11)]
    edit(folder / "runs.csv", "tokens", "tokenz")  # of the whole table: cannot be left out
    with pytest.raises(TableError, match="the column is missing"):
        load_tables(folder, skip_bad=True)


def test_json_and_other_kinds_of_file_are_pointed_to_import(folder):
    (folder / "scores.csv").rename(folder / "scores.jsonl")
    (folder / "runs.csv").write_text('{"run": 1}')
    shown = "\n".join(map(str, validate([folder])))
    assert "scores.jsonl is no CSV: densing import" in shown
    assert "this is JSON" in shown
    assert "densing import" in str(the_one(validate([folder / "scores.jsonl"])))


def test_a_mark_of_utf8_crlf_and_spaces_are_accepted(folder):
    for path in folder.glob("*.csv"):
        text = path.read_text(encoding="utf-8").replace("\n", "\r\n").replace("base", " base ")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    plain, marked = load_tables(GOOD), load_tables(folder)
    assert marked.scores.equals(plain.scores)
    assert list(marked.models["type"]) == list(plain.models["type"])


def test_a_folder_a_missing_file_and_a_device_are_no_tables(folder, tmp_path):
    (folder / "scores.csv").unlink()
    (folder / "scores.csv").mkdir()
    assert any("this is a folder" in str(p) for p in validate([folder]))
    assert "no such file" in str(the_one(validate([tmp_path / "nothing.csv"])))
    assert "no such file" in str(the_one(validate(["a\0b.csv"])))
    (tmp_path / "bare").mkdir()
    assert "neither tables nor specs" in str(the_one(validate([tmp_path / "bare"])))
    with pytest.raises(TableError, match="cannot be read"):
        load_tables(tmp_path / "nowhere")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "models.csv")
        assert "not a regular file" in str(the_one(validate([tmp_path / "models.csv"])))


def test_a_file_of_another_name_is_pointed_to_the_known_names(folder):
    (folder / "scores.csv").rename(folder / "score.csv")
    assert "did you mean 'scores.csv'?" in str(the_one(validate([folder / "score.csv"])))


def test_a_file_alone_is_compared_with_its_neighbours(folder):
    edit(folder / "scores.csv", "Elm-70B,Trivia", "Elm-71B,Trivia")
    edit(folder / "models.csv", "47000000000", "47")
    problem = the_one(validate([folder / "scores.csv"]))  # the neighbour's own fault is not told
    assert problem.given == "Elm-71B"


def test_specs_are_checked_by_the_same_call(tmp_path):
    (tmp_path / "odd.toml").write_text("family = 'no-such-family'\n", encoding="utf-8")
    (tmp_path / "broken.toml").write_text("family = ", encoding="utf-8")
    assert {p.file for p in validate([tmp_path])} == {"odd.toml", "broken.toml"}


def test_text_from_tables_cannot_break_the_output(folder):
    nasty = "\x1b[31m\x07\u202e" + "N" * 5000
    edit(folder / "scores.csv", "Elm-70B,Trivia", f"{nasty},Trivia")
    edit(folder / "runs.csv", "bits/byte", "bits\x07byte")
    shown = "\n".join(map(str, validate([folder])))
    assert shown
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert max(map(len, shown.splitlines())) < 600


def test_free_text_loses_control_characters_only(folder):
    note = list(load_tables(folder).models["note"])[1]
    assert note == "a note, quoted, over two lines"


def test_unknown_names_by_the_thousand_take_no_time(folder):
    rows = "".join(f"Oak-{i},Trivia,0.5,5,,h1,report\n" for i in range(5000))
    with (folder / "scores.csv").open("a", encoding="utf-8") as file:
        file.write(rows)
    assert len(validate([folder])) == 5000


# -- chance -----------------------------------------------------------------------------------

QUICK = settings(max_examples=100, deadline=None,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])
JUNK = st.one_of(
    st.sampled_from(["", ",", '"', "\n", "\r", ";", "\0", "-", "1e400", "NaN", "٣", "½", "0x10",
                     "9" * 400, "2023-02-30", "0000-00-00", "=1+1", "\ufeff", "\u2028", "7B"]),
    st.text(max_size=12))


def only_problems(path: Path) -> None:
    """The check of a file ends in problems that print on one line, or in none."""
    for problem in validate([path]):
        assert isinstance(problem, Problem)
        assert str(problem).isprintable()
        assert path.name in str(problem)


@QUICK
@given(data=st.binary(max_size=300), table=st.sampled_from(list(TABLES)))
def test_random_bytes(tmp_path, data, table):
    path = tmp_path / f"{table}.csv"
    path.write_bytes(data)
    only_problems(path)
    read_cells(path)


@QUICK
@given(place=st.floats(0, 1), length=st.integers(0, 30), junk=JUNK,
       table=st.sampled_from(["models", "scores", "benchmarks", "runs", "pairs", "prices"]))
def test_valid_tables_with_a_piece_replaced(tmp_path, place, length, junk, table):
    text = (GOOD / f"{table}.csv").read_text(encoding="utf-8")
    at = int(place * len(text))
    path = tmp_path / f"{table}.csv"
    path.write_text(text[:at] + junk + text[at + length:], encoding="utf-8", newline="")
    only_problems(path)


@settings(parent=QUICK, max_examples=25)
@given(data=st.data())
def test_folders_with_cells_replaced_load_or_give_input_errors(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("mutated")
    for path in GOOD.glob("*.csv"):
        shutil.copy(path, folder)
    for _ in range(data.draw(st.integers(1, 4))):
        path = folder / f"{data.draw(st.sampled_from(REQUIRED))}.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        row = data.draw(st.integers(0, len(lines) - 1))
        parts = lines[row].split(",")
        parts[data.draw(st.integers(0, len(parts) - 1))] = data.draw(JUNK)
        lines[row] = ",".join(parts)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if found := validate([folder]):
        with pytest.raises(TableError) as caught:
            load_tables(folder)
        assert len(caught.value.problems) == len(found)
    else:
        load_tables(folder)
    shutil.rmtree(folder)


# -- the shelf --------------------------------------------------------------------------------


def test_registry_agrees_with_the_files():
    known, listed = registry(), {table["name"]: table for table in list_tables()}
    assert set(known) == set(TABLES) == set(listed)
    for name, entry in known.items():
        assert entry["sha256"] == listed[name]["sha256"], (
            f"data/{name}.csv was edited: run scripts/update-registry")
        assert (entry["file"], entry["rows"]) == (f"{name}.csv", listed[name]["rows"])
        assert listed[name]["registered"]
        assert entry["what"].strip()
        assert entry["licence"] == listed[name]["licence"] != ""
        assert set(entry["units"]) <= set(TABLES[name].columns)


def test_list_and_show_another_folder(folder):
    listed = list_tables(folder)
    assert [table["name"] for table in listed] == [*REQUIRED, "prices"]
    assert not any(table["registered"] or table["licence"] for table in listed)
    assert len(show_table("models", folder)) == 8
    with pytest.raises(InputError, match="did you mean 'models'"):
        show_table("model", folder)
    edit(folder / "prices.csv", "2023-04-01", "soon")
    with pytest.raises(TableError, match="row 2, column date"):
        show_table("prices", folder)
    with pytest.raises(InputError, match="no such folder"):
        list_tables(folder / "nowhere")
