"""Slips that no range catches, made in sound tables, and sound tables without a warning."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from densing_bayes import plausible
from densing_bayes.plausible import robust_line, size_in
from densing_bayes.shelf import shelf
from densing_bayes.verbs.shelf import inspect


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    """A copy of the shipped tables: the shelf's own are not looked at."""
    return Path(shutil.copytree(shelf("data"), tmp_path_factory.mktemp("shipped") / "tables"))


def warnings_after(folder: Path, tmp_path: Path, table: str, change) -> list[str]:
    """Warnings of a folder after one table is changed."""
    copy = Path(shutil.copytree(folder, tmp_path / "changed"))
    frame = pd.read_csv(copy / f"{table}.csv", dtype=str, keep_default_na=False)
    changed = change(frame)
    (frame if changed is None else changed).to_csv(copy / f"{table}.csv", index=False)
    problems, warnings = inspect([copy])
    assert problems == []
    return [str(problem) for problem in warnings]


def test_the_shipped_tables_and_a_made_up_world_give_no_warning(shipped, small_world):
    assert inspect([shipped]) == ([], [])
    # its gaps have long tails: a model may be told to lie far below its like
    assert {found.what for found in inspect([small_world.folder])[1]} <= {
        "scores far from those of models of this size and date"}


def times(frame: pd.DataFrame, rows, column: str, factor: float) -> None:
    at = frame.index[rows]
    frame.loc[at, column] = (frame.loc[at, column].astype(float) * factor).map("{:.10g}".format)


def some_models_in_thousands(frame):
    times(frame, np.flatnonzero(frame["params_total"] != "")[::10], "params_total", 1e-3)
    frame["params_active"] = ""


def a_run_with_tokens_in_thousands(frame):
    rows = np.flatnonzero((frame["suite"] == "olmo2-ladder") & (frame["eval_set"] == "MMLU"))
    times(frame, rows[[5]], "tokens", 1e3)
    frame["run"] = "my-" + frame["run"]  # not the shipped rows


def some_losses_in_nats(frame):
    rows = np.flatnonzero((frame["suite"] == "olmo2-ladder") & (frame["eval_set"] == "MMLU"))
    times(frame, rows[::9], "loss", np.log(2))
    frame["run"] = "my-" + frame["run"]


def swapped(frame):
    day = pd.to_datetime(frame["release_date"], errors="coerce")
    ok = day.notna() & (day.dt.day <= 12) & (frame["release_date"].str.len() == 10)
    frame.loc[ok, "release_date"] = day[ok].dt.strftime("%Y-%d-%m")


def dated_tomorrow(frame):
    frame.loc[7, "release_date"] = (datetime.date.today() + datetime.timedelta(1)).isoformat()


def a_packed_child(frame):
    row = frame[frame["architecture"] == "dense"].iloc[-1]
    child = dict(row) | {"model": "Packed", "parent": row["model"], "precision_bits": "4",
                         "compression": "gptq-int4", "params_active": "",
                         "params_total": str(float(row["params_total"]) / 4)}
    return pd.concat([frame, pd.DataFrame([child])])


def at_chance(frame):
    frame.loc[frame["benchmark"] == "MMLU", "score"] = "0.251"


def unknown_as_zero(frame):
    frame.loc[frame["model"] == "Qwen2.5-72B", "score"] = "0.0"


def an_odd_price(frame):
    rows = np.flatnonzero(frame["input_usd_per_m"] != "")
    times(frame, rows[[40]], "input_usd_per_m", 1e-3)


def prices_per_token(frame):
    for column in ("input_usd_per_m", "output_usd_per_m"):
        times(frame, np.flatnonzero(frame[column] != ""), column, 1e-6)


SLIPS = {
    "10% of models with params / 1000": ("models", some_models_in_thousands, "factor of 1,000"),
    "one run's tokens x 1000": ("runs", a_run_with_tokens_in_thousands, "factor of 1,000"),
    "nats among bits": ("runs", some_losses_in_nats, "bits called nats?"),
    "day and month swapped": ("models", swapped, "swapped against the shipped model"),
    "dated tomorrow": ("models", dated_tomorrow, "dated tomorrow"),
    "packed bits as parameters": ("models", a_packed_child, "packed bits"),
    "every score at chance": ("scores", at_chance, "are all at chance"),
    "0 for unknown": ("scores", unknown_as_zero, "a score of 0"),
    "a price per thousand": ("prices", an_odd_price, "price"),
    "prices per token": ("prices", prices_per_token, "per token"),
    "all pair scores 0": ("pairs", lambda frame: frame.assign(score="0"), "have one score"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_warned_of(shipped, tmp_path, slip):
    table, change, words = SLIPS[slip]
    found = warnings_after(shipped, tmp_path, table, change)
    assert [line for line in found if f"{table}.csv" in line and words in line], found[:5]


def test_sizes_in_thousands_are_seen_without_sizes_in_names(shipped, tmp_path):
    def change(frame):
        some_models_in_thousands(frame)
        frame["training_tokens"] = ""

    def anonymous(folder):
        copy = Path(shutil.copytree(folder, tmp_path / "anonymous"))
        (copy / "flags.csv").unlink()  # it names models too
        number = {name: f"model no. {i}." for i, name in enumerate(
            pd.read_csv(copy / "models.csv")["model"])}
        for table in ("models", "scores"):
            frame = pd.read_csv(copy / f"{table}.csv", dtype=str, keep_default_na=False)
            frame["model"] = frame["model"].map(number)
            if table == "models":
                frame["parent"] = ""
            frame.to_csv(copy / f"{table}.csv", index=False)
        return copy

    hidden = anonymous(shipped)
    wrong = pd.read_csv(hidden / "models.csv").query("params_total > 0").iloc[::10]["model"]
    found = warnings_after(hidden, tmp_path, "models", change)
    caught = {name for name in wrong for line in found if name in line and "1,000 off" in line}
    false = [line for line in found if "1,000 off" in line
             and not any(name in line for name in wrong)]
    assert len(caught) > 0.3 * len(wrong)
    assert false == []


def test_a_plane_through_most_points():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 2))
    y = x @ [1.0, -2.0] + 0.1 * rng.normal(size=60)
    y[:24] += 10 + rng.normal(size=24)  # 40% of the points lie elsewhere
    off, scale = robust_line(x, y)
    assert 0.05 < scale < 0.25
    assert (np.flatnonzero(off > 5) == np.arange(24)).all()


@pytest.mark.parametrize(("name", "size"), [
    ("LLaMA-13B", 13e9), ("SmolLM2-135M", 135e6), ("gemma-3-270m-it", 270e6), ("Yi-1.5-9B", 9e9),
    ("Qwen3-235B-A22B", 235e9), ("Mixtral-8x22B", None), ("GPT-4", None), ("o3", None),
    ("Llama 4 Scout 17Bx16E", None)])
def test_sizes_in_names(name, size):
    assert size_in(name) == size


def test_plausible_is_silent_on_empty_tables():
    assert plausible.suspicious({}, {}, {}) == []
