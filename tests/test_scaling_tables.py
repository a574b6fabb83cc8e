"""A user's table of runs: what is accepted, and what is refused with which words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from densing_bayes.errors import InputError, TableError
from densing_bayes.scaling_laws.tables import point, read_runs

SIZES = np.array([1e8, 2e8, 4e8, 8e8, 1.6e9, 3.2e9])


def runs(**changes) -> pd.DataFrame:
    frame = pd.DataFrame({"params": SIZES, "tokens": 20 * SIZES,
                          "loss": 1.7 + 400 * SIZES**-0.34 + 400 * (20 * SIZES) ** -0.28})
    return frame.assign(**changes)


def csv(tmp_path, frame):
    path = tmp_path / "mine.csv"
    frame.to_csv(path, index=False)
    return path


def test_three_columns_are_enough(tmp_path):
    out = read_runs(csv(tmp_path, runs()))
    (ladder,) = out.ladders.values()
    assert np.exp(ladder.centre[0]) == pytest.approx(np.exp(np.log(SIZES).mean()))
    assert ladder.size.mean() == pytest.approx(0)
    assert np.exp(ladder.log_loss) == pytest.approx(runs()["loss"].to_numpy())


def test_compute_takes_the_place_of_tokens(tmp_path):
    frame = runs().assign(compute=6 * SIZES * 20 * SIZES).drop(columns="tokens")
    (ladder,) = read_runs(csv(tmp_path, frame)).ladders.values()
    assert ladder.frame["tokens"].to_numpy() == pytest.approx(20 * SIZES)


def test_suites_are_ladders_and_small_ones_are_left_out_with_a_note(tmp_path):
    frame = pd.concat([runs(suite="a"), runs(suite="b", eval_set="x"),
                       runs(suite="b", eval_set="y"), runs(suite="c").head(2)])
    out = read_runs(csv(tmp_path, frame))
    assert list(out.ladders) == ["a", "b, x", "b, y"]
    assert out.notes == ["c is left out: 2 runs, and a law needs at least 5"]
    assert list(read_runs(csv(tmp_path, frame), suites=["b"]).ladders) == ["b, x", "b, y"]
    with pytest.raises(InputError, match="no such suite"):
        read_runs(csv(tmp_path, frame), suites=["bb"])


def test_held_out_runs_are_kept_apart(tmp_path):
    frame = runs(held_out=["no"] * 5 + ["yes"])
    out = read_runs(csv(tmp_path, frame))
    assert len(out.ladders["runs"].frame) == 5
    assert out.held_out["runs"]["params"].tolist() == [3.2e9]


REFUSED = {
    "billions": (runs(params=SIZES / 1e9), "params look like billions .*multiply by 1e9"),
    "millions": (runs(params=SIZES / 1e6), "params look like millions .*multiply by 1e6"),
    "token billions": (runs(tokens=20 * SIZES / 1e9), "tokens look like billions"),
    "perplexity": (runs(loss=np.exp(runs()["loss"] + 1)), "looks like perplexity"),
    "one place": (runs(params=1e9, tokens=2e10), "a single model size and fewer"),
    "constant loss": (runs(loss=2.5), "constant loss"),
    "few runs": (runs().head(3), "3 runs, and a law needs at least 5"),
    "no loss column": (runs().rename(columns={"loss": "los"}),
                       "column loss: the column is missing .*did you mean 'los'"),
    "no tokens": (runs().drop(columns="tokens"), "column tokens: .*or give compute"),
    "hole": (runs(loss=[2.5, np.nan, 2.4, 2.3, 2.2, 2.1]), "row 3, column loss: missing loss"),
    "negative": (runs(loss=[2.5, -1, 2.4, 2.3, 2.2, 2.1]), "row 3, column loss: .*'-1'"),
    "text": (runs(loss=["2.5", "x", "2.4", "2.3", "2.2", "2.1"]), "row 3, column loss: not a n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_words(tmp_path, name):
    frame, words = REFUSED[name]
    with pytest.raises(TableError, match=words):
        read_runs(csv(tmp_path, frame))


def test_all_problems_at_once(tmp_path):
    frame = runs(params=[np.nan, *SIZES[1:]], loss=[2.5, -1, 2.4, 2.3, 2.2, 2.1])
    with pytest.raises(TableError) as caught:
        read_runs(csv(tmp_path, frame))
    assert len(caught.value.problems) == 2


def test_a_frame_is_read_like_a_file():
    assert list(read_runs(runs()).ladders) == ["runs"]
    with pytest.raises(TableError, match="billions"):
        read_runs(runs(params=SIZES / 1e9))


def test_the_shelf_has_ladders():
    out = read_runs()
    assert len(out.ladders) >= 5
    for ladder in out.ladders.values():
        assert len(ladder.frame) >= 5
        assert not ladder.frame.get("held_out", pd.Series(dtype=str)).eq("yes").any()


@pytest.mark.parametrize(("text", "words"), [
    ("params=7", "two of params, tokens, compute"), ("params=7,tokens=2e12", "no count"),
    ("size=7e9,tokens=2e12", "unknown quantity"), ("params=7e9,tokens=many", "not a number")])
def test_points_refused(text, words):
    with pytest.raises(InputError, match=words):
        point(text)


# -- columns and units -------------------------------------------------------------------------

THEIRS = {"params": "N", "tokens": "D", "loss": "loss/val"}


def test_columns_as_people_have_them(tmp_path):
    """Mapped by name; a column that already had our name is not the loss."""
    frame = runs().rename(columns=THEIRS).assign(loss=9.9)
    (ladder,) = read_runs(csv(tmp_path, frame), columns=THEIRS).ladders.values()
    assert np.exp(ladder.log_loss) == pytest.approx(runs()["loss"].to_numpy())
    with pytest.raises(TableError) as caught:
        read_runs(csv(tmp_path, frame.drop(columns="loss")))
    text = str(caught.value)
    assert "if it is 'N', say --params N" in text
    assert "if it is 'loss/val', say --loss loss/val" in text


def test_problems_name_the_columns_of_the_file(tmp_path):
    frame = runs(params=SIZES / 1e9).rename(columns=THEIRS)
    with pytest.raises(TableError, match="column N: params look like billions"):
        read_runs(csv(tmp_path, frame), columns=THEIRS)
    with pytest.raises(InputError, match=r"no column for loss .*'los'"):
        read_runs(csv(tmp_path, frame), columns={"loss": "los"})
    with pytest.raises(InputError, match="one column cannot be two quantities"):
        read_runs(csv(tmp_path, frame), columns={"loss": "N", "params": "N"})


def surface(**changes) -> pd.DataFrame:
    """20 runs of five sizes by four token counts, with noise."""
    params, tokens = np.repeat(SIZES[:5], 4), np.tile([2e9, 8e9, 4e10, 2e11], 5)
    error = np.random.default_rng(1).normal(0, 0.003, 20)
    return pd.DataFrame({"params": params, "tokens": tokens, "loss": np.exp(error) * (
        1.7 + 400 * params**-0.34 + 400 * tokens**-0.28)}).assign(**changes)


BITS = {"every third": np.arange(20) % 3 == 0, "one run": np.arange(20) == 7,
        "the large ones": np.repeat(SIZES[:5], 4) > 5e8}


@pytest.mark.parametrize("which", BITS)
def test_nats_and_bits_in_one_column_are_found_and_named(which):
    frame = surface()
    frame.loc[BITS[which], "loss"] /= np.log(2)
    with pytest.raises(TableError, match="nats and bits are mixed") as caught:
        read_runs(frame)
    (problem,) = caught.value.problems
    few = BITS[which] if BITS[which].sum() <= 10 else ~BITS[which]
    rows = [int(row) for row in str(problem.given).split("row", 1)[1].lstrip("s ").removesuffix(
        " and more").split(", ")]
    assert rows == (np.flatnonzero(few) + 2).tolist()[:8]


def test_other_factors_and_wide_ladders_are_no_mixed_units():
    """A factor 1.2 is an outlier, not a unit; losses from 10 down to 2 are one band."""
    frame = surface()
    frame.loc[BITS["every third"], "loss"] *= 1.2
    assert read_runs(frame).ladders
    params, tokens = np.repeat(np.geomspace(1e6, 1e10, 6), 6), np.tile(
        np.geomspace(1e7, 1e12, 6), 6)
    wide = pd.DataFrame({"params": params, "tokens": tokens,
                         "loss": 1.7 + 400 * params**-0.34 + 400 * tokens**-0.28})
    assert read_runs(wide).ladders


def test_a_blank_unit_does_not_split_a_ladder():
    unit = ["nats/token"] * 10 + [""] * 6 + ["Nats / token"] * 4
    out = read_runs(surface(suite="a", loss_unit=unit))
    assert [len(one.frame) for one in out.ladders.values()] == [20]
    assert out.notes == ["a: 6 runs without a loss_unit are taken to be in nats/token, like the "
                         "others"]


def test_tokens_in_millions_and_thousands_are_told_apart():
    with pytest.raises(TableError, match=r"tokens look like millions .*multiply by 1e6"):
        read_runs(runs(tokens=20 * SIZES / 1e6))
    (note,) = read_runs(runs(tokens=20 * SIZES / 1e3)).notes
    assert "0.02 tokens per parameter" in note
    with pytest.raises(TableError, match=r"row 4, column tokens: .*are these billions"):
        read_runs(runs(tokens=[2e9, 4e9, 8.0, 16e9, 3.2e10, 6.4e10]))
