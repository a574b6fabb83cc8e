"""Fits: the same seed gives the same draws; what is saved comes back, and only to its own spec."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from densing_bayes.errors import InputError
from densing_bayes.fitting import Fit, case_seed, provenance, sample

SHORT = {"draws": 20, "tune": 20, "chains": 2}


def short(joint, **changes):
    return replace(joint.spec.sampling, **SHORT, **changes)


# -- seeds ------------------------------------------------------------------------------------


def test_the_stream_of_a_case_is_its_own():
    names = ["joint", "cut", "cut 0", "cut 1", "derive"]
    seeds = [case_seed(seed, name) for seed in (1, 2) for name in names]
    assert len(set(seeds)) == 10
    assert case_seed(1, "joint") == case_seed(1, "joint")


def test_the_same_seed_gives_the_same_draws(small_joint):
    def rates(case: str, **changes) -> np.ndarray:
        tree = sample(small_joint.compiled, short(small_joint, **changes), case=case, cores=1)
        return tree["posterior"]["rate_z"].values

    first = rates("one")
    np.testing.assert_array_equal(rates("one"), first)
    assert first.shape == (2, 20)
    assert (rates("other") != first).any()
    assert (rates("one", seed=2) != first).any()
    assert (first[0] != first[1]).any()


def test_threads_do_not_change_the_draws(small_joint):
    one, two = (sample(small_joint.compiled, short(small_joint), cores=cores)["posterior"]["z"]
                for cores in (1, 2))
    np.testing.assert_array_equal(one.values, two.values)


# -- saving and loading -----------------------------------------------------------------------

SUMS = {"models": "1a", "scores": "2b"}


@pytest.fixture(scope="module")
def fit(small_joint):
    tree = sample(small_joint.compiled, short(small_joint), cores=1)
    tree.attrs.update(provenance(small_joint.spec, SUMS))
    return Fit(small_joint.spec, tree)


def test_what_is_saved_comes_back(fit, tmp_path):
    path = tmp_path / "deep" / "fit.nc"
    fit.save(path)
    back = Fit.load(path, fit.spec, SUMS)
    xr.testing.assert_identical(back.posterior, fit.posterior)
    assert back.tree.attrs == fit.tree.attrs
    assert "diverging" in back.tree["sample_stats"]
    assert [p.name for p in path.parent.iterdir()] == ["fit.nc"]  # nothing temporary is left
    back.save(path)  # a loaded fit does not hold its file


def test_a_fit_says_where_it_came_from(fit):
    attrs = fit.tree.attrs
    assert attrs["spec_hash"] == fit.spec.hash
    assert attrs["spec"] == fit.spec.toml
    assert json.loads(attrs["data"]) == SUMS
    assert attrs["seed"] == "1"
    assert set(json.loads(attrs["versions"])) >= {"pymc", "nutpie", "densing-bayes", "numpy"}
    assert attrs["flags"] == "numba__fastmath=False"


def test_draws_never_answer_for_another_spec(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    other = fit.spec.with_options(since="2024-01-01")
    with pytest.raises(InputError) as caught:
        Fit.load(tmp_path / "fit.nc", other, SUMS)
    assert str(caught.value) == (
        f"fit.nc: the fit belongs to another spec (given '{fit.spec.hash}'; allowed: {other.hash};"
        f" fit 'small' again, or name the spec of that fit)")
    with pytest.raises(InputError, match="another spec"):
        Fit.load(tmp_path / "fit.nc", fit.spec.with_seed(2), SUMS)


def test_nor_for_other_data(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    changed = {"models": "1a", "scores": "9z", "prices": "3c"}
    with pytest.raises(InputError) as caught:
        Fit.load(tmp_path / "fit.nc", fit.spec, changed)
    assert str(caught.value) == ("fit.nc: the fit belongs to other data (given 'prices, scores'; "
                                 "fit again)")
    assert Fit.load(tmp_path / "fit.nc", fit.spec).spec is fit.spec  # unasked, unchecked


def test_a_file_that_is_no_fit(fit, tmp_path):
    (tmp_path / "text.nc").write_text("no netCDF", encoding="utf-8")
    (tmp_path / "empty.nc").touch()
    (tmp_path / "folder.nc").mkdir()
    fit.save(tmp_path / "whole.nc")
    content = (tmp_path / "whole.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(content[:len(content) // 2])
    xr.Dataset({"x": 1}).to_netcdf(tmp_path / "other.nc")
    for name in ("none.nc", "text.nc", "empty.nc", "folder.nc", "cut.nc", "other.nc"):
        with pytest.raises(InputError) as caught:
            Fit.load(tmp_path / name, fit.spec, SUMS)
        assert name in str(caught.value)
        assert str(tmp_path) not in str(caught.value).split("(")[0]


def test_a_save_that_fails_leaves_the_old_file(fit, tmp_path, monkeypatch):
    path = tmp_path / "fit.nc"
    fit.save(path)
    before = path.read_bytes()

    def stop(self, target, *args, **kwargs):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(xr.DataTree, "to_netcdf", stop)
    with pytest.raises(KeyboardInterrupt):
        fit.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


def test_a_copy_is_as_good(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    shutil.copy(tmp_path / "fit.nc", tmp_path / "copy.nc")
    assert Fit.load(tmp_path / "copy.nc", fit.spec, SUMS).posterior.equals(fit.posterior)
