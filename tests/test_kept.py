"""Answers kept beside a fit: the same to the last digit, and never of another fit or damaged."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats

from densing_bayes import kept
from densing_bayes.context import Context
from densing_bayes.fitting import SEAL, Fit
from densing_bayes.importance import pareto_smoothed
from densing_bayes.questions.density import densities
from densing_bayes.questions.frontier import on_last_day
from densing_bayes.questions.newcomer import Newcomer
from densing_bayes.questions.whatif import whatif


@pytest.fixture
def group():
    rng = np.random.default_rng(1)
    return xr.Dataset(
        {"rate": (("chain", "draw"), rng.random((2, 5))),
         "same": (("chain", "draw", "model"), np.broadcast_to([1.0, 2.0, 3.0], (2, 5, 3))),
         "word": ("model", np.array(["a", "", "é"], object)),
         "seen": ("model", np.array([True, False, True]))},
        coords={"model": np.array(["Ash", "Elm", "Oak"], object),
                "date": ("model", np.array(["2024-01-01"] * 3, "datetime64[us]"))},
        attrs={"said": "so"})


def never():
    raise AssertionError("asked for again")


def test_what_is_kept_comes_back_whole(group, tmp_path):
    kept.write(tmp_path / "fit.nc.answers", "key", {"gate": [1, 2.5]}, {"one": group})
    found = kept.read(tmp_path / "fit.nc.answers", "key")
    assert found.said == {"gate": [1, 2.5]}
    again = found.dataset("one", never)
    xr.testing.assert_identical(again, group)
    assert [value.dtype for value in again.values()] == [value.dtype for value in group.values()]
    assert kept.read(tmp_path / "fit.nc.answers", "another key") is None
    assert kept.read(tmp_path / "fit.nc.answers", None) is None


def test_an_array_that_was_changed_is_made_again(group, tmp_path):
    path = tmp_path / "fit.nc.answers"
    kept.write(path, "key", {}, {"one": group})
    with zipfile.ZipFile(path) as file:
        place = file.getinfo("one/rate.npy").header_offset
    data = bytearray(path.read_bytes())
    data[place + 200] ^= 1
    path.write_bytes(data)
    found = kept.read(path, "key").dataset("one", lambda: group.assign(
        rate=group["rate"] * np.nan))
    assert np.isnan(found["rate"].values).all()
    assert not path.exists(), "so that the next question keeps it anew"


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"",
                                    lambda data: b"PK" + bytes(500)])
def test_a_file_that_was_cut_counts_as_none(group, tmp_path, damage):
    path = tmp_path / "fit.nc.answers"
    kept.write(path, "key", {}, {"one": group})
    path.write_bytes(damage(path.read_bytes()))
    assert kept.read(path, "key") is None


def test_nothing_can_be_run_from_it(group, tmp_path):
    """Arrays of objects would be pickles: they are text, and a pickle is refused."""
    path = tmp_path / "fit.nc.answers"
    kept.write(path, "key", {}, {"one": group})
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            if name.endswith(".npy"):
                with file.open(name) as member:
                    np.load(member, allow_pickle=False)


def test_the_key_changes_with_fit_spec_and_tables(tmp_path):
    fit = tmp_path / "fit.nc"
    fit.write_bytes(b"draws" + SEAL + bytes(32))
    key = kept.key_of(fit, "spec", {"models": "a"})
    assert key == kept.key_of(fit, "spec", {"models": "a"})
    others = {kept.key_of(fit, "other", {"models": "a"}), kept.key_of(fit, "spec", {"models": "b"})}
    fit.write_bytes(b"draws" + SEAL + bytes(31) + b"1")
    others.add(kept.key_of(fit, "spec", {"models": "a"}))
    assert key not in others
    assert len(others) == 3
    fit.write_bytes(b"no seal")
    assert kept.key_of(fit, "spec", {}) is None
    assert kept.key_of(tmp_path / "none.nc", "spec", {}) is None


@pytest.fixture
def asked(small_world, small_fit, tmp_path):
    """A run of the small world that was kept, and one that answers from what was kept."""
    path = tmp_path / "fit.nc"
    Fit(small_world.spec, small_fit.tree).save(path)
    first = Context(small_world.tables, small_world.spec, saved=path, must_exist=True)
    densities(first), on_last_day(first)
    first.keep(skipped=[], suspicious=[])
    key = kept.key_of(path, small_world.spec.hash, small_world.tables.sha256)
    found = kept.read(kept.place(path), key)
    assert found is not None
    return first, Context(never, small_world.spec, saved=path, must_exist=True, kept=found)


def test_answers_are_those_of_the_fit_and_read_no_table(asked, monkeypatch):
    first, second = asked
    monkeypatch.setattr(Fit, "load", never)
    assert second.diagnostics == json.loads(json.dumps(first.diagnostics))
    assert densities(second) == densities(first)
    assert on_last_day(second) == on_last_day(first)
    for name in ("derived", "above", "some_derived", "curves", "marks"):
        xr.testing.assert_identical(getattr(second, name), getattr(first, name))
    xr.testing.assert_identical(second.observations.data, first.observations.data)
    benchmark = str(first.observations.data["benchmark"].values[0])
    day = first.derived["date"].values.max().astype("datetime64[D]").item()
    model = Newcomer(day, 4e9, {benchmark: 0.5})
    assert whatif(second, model).to_dict() == whatif(first, model).to_dict()


def test_where_nothing_can_be_written_the_answer_is_there_all_the_same(asked, monkeypatch):
    def full(*_):
        raise OSError("disk full")

    first, _ = asked
    monkeypatch.setattr(kept, "replacing", full)
    first.keep(skipped=[], suspicious=[])
    assert len(densities(first)) == first.derived.sizes["model"]


@pytest.mark.parametrize("draws", [30, 226, 2000])
@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_smoothed_weights_are_arviz_s(draws, spread):
    ratio = spread * np.random.default_rng(draws).standard_t(5, draws)
    theirs, k = array_stats.psislw(-np.maximum(ratio - ratio.max(), -700))
    weight = np.exp(theirs - theirs.max())
    ours, own_k = pareto_smoothed(ratio)
    np.testing.assert_allclose(ours, weight / weight.sum(), rtol=1e-9, atol=1e-15)
    assert own_k == pytest.approx(k, rel=1e-9)
