"""Outputs: strict JSON, CSV, and folders that are swapped whole."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes.errors import InputError
from densing_bayes.outputs import WRITER, check_out, clean, csv_text, json_text, whole_folder

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12)


def strict(text: str):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")
    return json.loads(text, parse_constant=refuse)


@given(VALUES)
def test_json_is_strict_and_comes_back(value):
    written = json_text(value).encode("utf-8", errors="backslashreplace")
    assert strict(written.decode("utf-8")) == value


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "x: Infinity", "Infinity,\n"])
def test_the_word_infinity_in_text_stays(text):
    value = {text: text, "list": [text, math.inf, -math.inf]}
    assert strict(json_text(value)) == value


def test_numpy_and_dates_become_plain():
    value = {
        "array": np.array([[1.5, np.nan], [-np.inf, 2]]), "int": np.int64(3),
        "bool": np.bool_(True), "day": dt.date(2023, 2, 24), "none": pd.NaT,
        "stamp": np.datetime64("2023-02-24"), "path": Path("a/b"), "float": np.float32(0.5)}
    assert strict(json_text(value)) == {
        "array": [[1.5, None], [-math.inf, 2]], "int": 3, "bool": True, "day": "2023-02-24",
        "none": None, "stamp": "2023-02-24T00:00:00", "path": "a/b", "float": 0.5}
    with pytest.raises(TypeError, match="no place in JSON for a set"):
        json_text({"a": {1}})


@given(st.text(st.characters(codec=None)))
def test_clean_text_can_be_written_anywhere(text):
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned
    assert not any(ord(char) < 32 and char not in "\n\t" for char in cleaned)


@given(st.lists(st.floats(), min_size=1))
def test_csv_floats_come_back_bit_by_bit(values):
    text = csv_text(pd.DataFrame({"x": values, "y": 1}))
    back = [float(line.split(",")[0] or "nan") for line in text.splitlines()[1:]]
    assert np.array_equal(back, values, equal_nan=True)


@given(st.text(max_size=8))
def test_no_cell_or_header_is_a_formula(text):
    frame = pd.DataFrame({text: pd.Series([text], dtype=object)})
    for cell in csv_text(frame).replace('"', "").split("\n"):
        if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
            float(cell)  # only a number may begin like that


# -- folders ---------------------------------------------------------------------------------


def report(folder: Path, **files: str) -> None:
    with whole_folder(folder) as new:
        for name, text in files.items():
            (new / name).write_text(text)
        (new / "summary.json").write_text(
            json.dumps({"written_by": WRITER, "files": [*files, "summary.json"]}))


def test_old_files_of_ours_go_and_theirs_stay(tmp_path):
    out = tmp_path / "deep" / "out"
    report(out, old="1", both="1")
    (out / "theirs").write_text("mine")
    report(out, both="2", new="2")
    assert {path.name: path.read_text() for path in out.iterdir() if path.name != "summary.json"
            } == {"both": "2", "new": "2", "theirs": "mine"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_empty_folder_is_taken(tmp_path):
    report(tmp_path, a="1")
    assert (tmp_path / "a").read_text() == "1"


@pytest.mark.parametrize("said", ["not json", "[]", "{}", '{"written_by": "else", "files": []}'])
def test_a_summary_of_another_program_is_no_leave_to_replace(tmp_path, said):
    (tmp_path / "summary.json").write_text(said)
    with pytest.raises(InputError, match="no report"):
        check_out(tmp_path)


def test_places_that_cannot_be_written_are_named_early(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        check_out(tmp_path / "file")
    with pytest.raises(InputError, match="cannot write the report there"):
        check_out(tmp_path / "file" / "below")
    with pytest.raises(InputError, match="mount point"):
        check_out(Path("/proc"))
    with pytest.raises(InputError, match="mount point"):
        check_out(Path("/"))


def test_a_link_to_a_folder_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    report(tmp_path / "link", a="1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "1"


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_run_leaves_the_old_report(tmp_path):
    out = tmp_path / "out"
    report(out, a="old")
    code = ("import sys, time; from pathlib import Path\n"
            "from densing_bayes.outputs import whole_folder\n"
            "with whole_folder(Path(sys.argv[1])) as new:\n"
            "    (new / 'a').write_text('new'); print('writing', flush=True); time.sleep(60)\n")
    with subprocess.Popen([sys.executable, "-c", code, str(out)], stdout=subprocess.PIPE,
                          text=True) as run:
        assert run.stdout.readline() == "writing\n"
        run.send_signal(signal.SIGKILL)
    assert (out / "a").read_text() == "old"
    report(out, a="new")  # and the next run is not in its way
    assert (out / "a").read_text() == "new"


def test_the_old_report_is_there_until_the_new_one_is(tmp_path):
    out = tmp_path / "out"
    report(out, a="old")
    with whole_folder(out) as new:
        (new / "a").write_text("new")
        assert (out / "a").read_text() == "old"
    assert (out / "a").read_text() == "new"
