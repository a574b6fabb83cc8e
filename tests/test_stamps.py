"""Tables that were checked are not checked again, and nothing rests on a stamp being there."""

from __future__ import annotations

import sys

import pytest

from densing_bayes import stamps
from densing_bayes.errors import TableError
from densing_bayes.tables import load_tables


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def same(one, other) -> None:
    for name in ("models", "scores", "benchmarks", "runs", "pairs"):
        assert getattr(one, name).equals(getattr(other, name))


def test_a_second_reading_gives_the_same_and_checks_nothing(small_world, monkeypatch):
    first = load_tables(small_world.folder)
    monkeypatch.setitem(sys.modules, "pandera.pandas", None)  # cannot be imported
    same(first, load_tables(small_world.folder))
    assert stamps.clear() > 0
    with pytest.raises(ImportError):
        load_tables(small_world.folder)


def test_what_is_wrong_is_told_each_time(small_world, tmp_path):
    folder = tmp_path / "wrong"
    folder.mkdir()
    for path in small_world.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    load_tables(folder)
    text = (folder / "scores.csv").read_text(encoding="utf-8").splitlines()
    at = text[0].split(",").index("score")
    cut = text[1].split(",")
    cut[at] = "1.5"
    (folder / "scores.csv").write_text("\n".join([text[0], ",".join(cut), *text[2:]]),
                                       encoding="utf-8")
    for _ in range(2):
        with pytest.raises(TableError):
            load_tables(folder)


@pytest.mark.parametrize("spoil", ["file", "read-only"])
def test_a_cache_that_cannot_be_written_costs_no_answer(small_world, cache, spoil, monkeypatch):
    if spoil == "file":
        cache.write_text("no folder", encoding="utf-8")
    else:
        monkeypatch.setattr("pathlib.Path.touch", _refused)
    same(load_tables(small_world.folder), small_world.tables)
    assert stamps.clear() == 0


def _refused(*args, **kwargs):
    raise PermissionError("read-only")


def test_another_content_has_another_stamp():
    assert stamps.key_of("scores", "a") != stamps.key_of("scores", "b")
    assert stamps.key_of("a", "b") != stamps.key_of("ab", "")
