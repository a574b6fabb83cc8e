"""Where the shelf is: in the checkout, in one's own folder, or by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from densing_bayes.errors import InputError
from densing_bayes.shelf import find, names, shelf

ROOT = Path(__file__).parents[1]


def test_in_a_checkout_the_folders_stand_beside_the_package():
    for name in ("models", "data", "reports"):
        assert shelf(name) == ROOT / name
        assert shelf(name).is_dir()
    assert "densing" in names("models")
    assert "doubling-time" in names("reports")


def test_an_own_shelf_replaces_what_it_has(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("DENSING_SHELF", str(tmp_path))
    assert names("models") == ["mine"]
    assert find("mine", "models") == tmp_path / "models" / "mine.toml"
    assert shelf("data") == ROOT / "data"  # what the own shelf lacks comes from the package


def test_a_path_wins_over_a_name(tmp_path):
    path = tmp_path / "densing.toml"
    path.write_text("", encoding="utf-8")
    assert find(path, "models") == path
    assert find("densing", "models") == ROOT / "models" / "densing.toml"


def test_a_name_in_a_folder_of_a_folder(tmp_path, monkeypatch):
    (tmp_path / "models" / "studies").mkdir(parents=True)
    (tmp_path / "models" / "studies" / "wide.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("DENSING_SHELF", str(tmp_path))
    assert find("wide", "models/studies").name == "wide.toml"


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(InputError) as caught:
        find("doubling-tim", "reports")
    said = str(caught.value)
    assert said.startswith("no such spec in reports (given 'doubling-tim'; allowed: a .toml file, "
                           "or one of doubling-time, full")
    assert said.endswith("did you mean 'doubling-time'?)")


def test_what_is_no_name_is_refused_like_one():
    with pytest.raises(InputError, match="given 'a dict'"):
        find({"model": "densing"}, "models")
