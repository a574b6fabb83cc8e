"""Columns beyond the contract may be missing: each alone, and all at once.

Whatever reads a column has it declared in `densing_bayes.schemas`; here every reader of an
optional table meets tables that keep the contract and no more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from densing_bayes.cells import check
from densing_bayes.context import Context, gate
from densing_bayes.corollaries import evidence
from densing_bayes.corollaries.chips import RESOURCES, devices_of
from densing_bayes.corollaries.prices import SOURCES, offers
from densing_bayes.corollaries.targets import scored_models
from densing_bayes.devices import report_devices
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval
from densing_bayes.reading import read_cells
from densing_bayes.schemas import TABLES
from densing_bayes.sections.registry import SECTIONS
from densing_bayes.shelf import shelf
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

OPTIONAL = ("prices", "hardware", "published", "compression")
EXTRAS = [(table, column) for table in OPTIONAL
          for column, spec in TABLES[table].columns.items() if spec.extra]


def text_of(table: str) -> pd.DataFrame:
    """A shipped table as text, every column of it."""
    return pd.read_csv(shelf("data") / f"{table}.csv", dtype=str, keep_default_na=False)


def checked(table: str, frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    path = folder / f"{table}.csv"
    frame.to_csv(path, index=False)
    raw = read_cells(path)
    read = check(table, raw)
    assert raw.problems == []
    return read.reset_index(drop=True)


def bare(table: str) -> pd.DataFrame:
    """A shipped table with the columns of the contract and no other."""
    columns = TABLES[table].columns
    return text_of(table)[[name for name, spec in columns.items() if not spec.extra]]


def read_all(table: str, frame: pd.DataFrame) -> list[object]:
    """What everything that reads a table of itself makes of it."""
    rate, interval = np.full(50, 1.6), Interval()
    if table == "prices":
        found = [scored_models(frame)]
        for source in SOURCES:
            try:
                found.append(offers(frame, 0.5, source))
            except InputError:  # without scores no capability
                found.append(None)
        return found
    if table == "hardware":
        return [devices_of(frame, name, "2025-10-01") for name in RESOURCES] + [
            report_devices(frame, load_model("costs").options["devices"])]
    if table == "published":
        return [evidence.halving_published(frame), evidence.against(frame, rate, rate, interval),
                evidence.engines(frame, rate, {}, interval),
                evidence.published(frame, evidence.CHIP_KEYS)["doubling_months"]]
    return [frame]


@pytest.mark.parametrize(("table", "column"), EXTRAS)
def test_each_column_beyond_the_contract_may_be_missing(table, column, tmp_path):
    frame = checked(table, text_of(table).drop(columns=column, errors="ignore"), tmp_path)
    assert frame[column].replace("", np.nan).isna().all() or column == "label"
    assert read_all(table, frame)


@pytest.mark.parametrize("table", OPTIONAL)
def test_all_may_be_missing_at_once(table, tmp_path):
    frame = checked(table, bare(table), tmp_path)
    found = read_all(table, frame)
    if table == "hardware":  # a price of unknown kind counts as a launch price of the device
        assert [len(rows) for rows in found[:3]] == [
            len(devices_of(frame, name, "2025-10-01")) for name in list(RESOURCES)[:3]]
        assert min(len(rows) for rows in found[:3]) > 30
    if table == "published":
        assert found[0]["label"].tolist() == ["price-fall-ai-index"]  # the one with its time
        said = " ".join(row["observed"] for row in found[1])
        assert "nan" not in said
        assert said


def test_a_figure_without_numbers_is_left_out(tmp_path):
    frame = bare("published").assign(low="", high="", prob="", value="")
    found = read_all("published", checked("published", frame, tmp_path))
    assert found[0].empty
    assert found[1] == []
    assert [row["engine"] for row in found[2]] == ["density of models"]


def test_without_a_table_of_published_figures():
    assert evidence.published(None, evidence.CHIP_KEYS)["doubling_months"].empty


@pytest.mark.parametrize(("given", "day"), [("2025", "2025-07-02"), ("2025-06", "2025-06-16"),
                                            ("2025-06-03", "2025-06-03")])
def test_a_later_price_may_have_a_year_or_a_month(given, day, tmp_path):
    frame = bare("hardware").iloc[:1].assign(later_price_usd="10", later_price_date=given)
    assert checked("hardware", frame, tmp_path)["later_price_date"][0] == pd.Timestamp(day)
    frame.assign(later_price_date="spring").to_csv(tmp_path / "hardware.csv", index=False)
    raw = read_cells(tmp_path / "hardware.csv")
    check("hardware", raw)
    assert [problem.column for problem in raw.problems] == ["later_price_date"]


@pytest.fixture(scope="module")
def bare_context(small_world, small_fit, tmp_path_factory):
    """The small world with every optional table of the shelf, all cut to the contract."""
    folder = tmp_path_factory.mktemp("bare")
    for table in TABLES.keys() - {"flags"}:  # of the shelf's own models
        own = small_world.folder / f"{table}.csv"
        frame = pd.read_csv(own, dtype=str, keep_default_na=False) if own.is_file() else bare(table)
        frame[[name for name, spec in TABLES[table].columns.items() if not spec.extra]].to_csv(
            folder / f"{table}.csv", index=False)
    tables = load_tables(folder)
    context = Context(tables, small_world.spec)
    context.__dict__["_gated"] = (small_fit, gate(small_fit))  # its draws, on these tables
    return context


@pytest.mark.parametrize("name", ["density", "benchmarks", "costs", "compression", "ruler",
                                  "checks", "limits", "priors"])
def test_sections_of_bare_tables(bare_context, name):
    assert all(section.text or section.tables for section in SECTIONS[name].written(bare_context))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["growth", "change", "corollaries", "study", "scaling",
                                  "calibration"])
def test_long_sections_of_bare_tables(bare_context, name):
    assert all(section.text or section.tables for section in SECTIONS[name].written(bare_context))
