"""What the joint model sees of the tables: hand-worked on a folder of eight models."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes.errors import InputError
from densing_bayes.observations import helmert, load_tables, select

GOOD = Path(__file__).parent / "data" / "tables"


@pytest.fixture(scope="module")
def tables():
    return load_tables(GOOD)


@pytest.fixture(scope="module")
def shipped():
    return load_tables()


def models_of(tables, **filters) -> list[str]:
    return select(tables, **filters).data["model"].values.tolist()


def test_models_in_order_of_date_and_in_natural_logs(tables):
    data = select(tables).data
    assert data["model"].values.tolist() == [
        "Ash-7B", "Birch-13B", "Birch-13B-int4", "Cedar-8x7B", "Dogwood-3B", "Elm-70B", "Fir-1B",
        "Fir-1B-chat"]
    # 2023-03-01 is 5 days after LLaMA-1, 2024-01-15 is 325
    np.testing.assert_allclose(data["time"][[0, 3]], np.array([5, 325]) / 365.25)
    assert data["date"].values[0] == np.datetime64("2023-03-01")
    np.testing.assert_allclose(np.exp(data["log_params"][[0, 3]]), [7e9, 47e9])
    # active parameters of a dense model are its total; the mixture's are as given
    np.testing.assert_allclose(np.exp(data["log_active"][[1, 3]]), [13e9, 13e9])
    np.testing.assert_allclose(np.exp(data["log_tokens"][0]), 1e12)
    assert np.isnan(data["log_tokens"][3])


def test_levels_of_family_and_organization(tables):
    data = select(tables).data
    family = data["family"].values[data["family_index"]]
    assert dict(zip(data["model"].values, family, strict=True)) == {
        "Ash-7B": "Ash", "Birch-13B": "Birch", "Birch-13B-int4": "Birch", "Cedar-8x7B": "Cedar",
        "Dogwood-3B": "Dogwood-3B",  # no family stated: one of its own
        "Elm-70B": "Elm", "Fir-1B": "Fir", "Fir-1B-chat": "Fir"}
    assert data["organization"].values[data["organization_index"]][0] == "Arbor"
    # a level that no model has is no level
    assert "Elm" not in select(tables, open_only=True).data["family"].values


def test_anchored_benchmark_first_variants_left_out(tables):
    data = select(tables).data
    assert data["benchmark"].values.tolist() == ["Trivia", "Puzzles"]
    assert data["anchored"].values.tolist() == [True, False]
    assert data["suite"].values.tolist() == ["toy-ladder", ""]
    assert data["n_items"].values.tolist() == [1000, 200]
    assert data["chance"].values.tolist() == [0.25, 0]


def test_a_named_set_of_benchmarks_stands_for_its_members(tables):
    marks = tables.benchmarks.assign(sets=["facts; puzzles", "default;facts", "odd"])
    named = replace(tables, benchmarks=marks)
    assert marks["benchmark"].tolist() == ["Puzzles", "Trivia", "Trivia-0shot"]

    def chosen(*words: str) -> list[str]:
        return select(named, benchmarks=words).data["benchmark"].values.tolist()

    assert chosen() == ["Trivia"]  # 'default', where the table has such a set
    assert chosen("facts") == ["Trivia", "Puzzles"]
    assert chosen("Trivia", "puzzles") == ["Trivia", "Puzzles"]
    assert chosen("Trivia", "odd") == ["Trivia"]  # of a set, those with enough models
    with pytest.raises(InputError, match="did you mean 'facts'"):
        chosen("fact")


def test_cells_are_means_of_replicates(tables):
    data = select(tables).data
    cell = (data["cell_model"] == 0) & (data["cell_benchmark"] == 0)
    assert float(data["cell_score"][cell].item()) == pytest.approx((0.35 + 0.39) / 2)
    assert int(data["cell_replicates"][cell].item()) == 2
    # one source counted 500 items, the other the benchmark's 1,000: 2 / (1/500 + 1/1000)
    assert float(data["cell_items"][cell].item()) == pytest.approx(2000 / 3)
    assert data.sizes["cell"] == 12
    # scores of exactly nothing and everything are observations
    assert {0.0, 1.0} <= set(data["cell_score"].values)
    assert int(data["cell_replicates"].sum()) == 15


def test_contrasts_of_replicates(tables):
    data = select(tables).data
    # Ash on Trivia: 0.35, 0.39; Birch on Trivia: 0.50, 0.54, 0.58 (sources A, B, C)
    np.testing.assert_allclose(
        data["contrast_value"],
        [-0.04 / np.sqrt(2), -0.04 / np.sqrt(2), (0.50 + 0.54 - 2 * 0.58) / np.sqrt(6)])
    assert data["contrast_cell"].values.tolist() == [0, 2, 2]
    assert data["contrast_benchmark"].values.tolist() == [0, 0, 0]
    np.testing.assert_allclose(data["contrast_score"], [0.37, 0.54, 0.54])


def rewrite(folder: Path, tmp_path: Path, table: str, change) -> Path:
    """A copy of a folder with one table changed."""
    copy = Path(shutil.copytree(folder, tmp_path / "changed"))
    frame = pd.read_csv(copy / f"{table}.csv", dtype=str, keep_default_na=False)
    change(frame)
    frame.to_csv(copy / f"{table}.csv", index=False)
    return copy


def test_models_of_unknown_size_or_date_are_left_out_and_counted(tmp_path):
    def forget(frame):
        frame.loc[frame["model"] == "Elm-70B", "params_total"] = ""
        frame.loc[frame["model"] == "Ash-7B", "release_date"] = ""

    changed = select(load_tables(rewrite(GOOD, tmp_path, "models", forget)))
    assert not {"Elm-70B", "Ash-7B"} & set(changed.data["model"].values)
    dropped = json.loads(changed.data.attrs["dropped"])
    assert (dropped["size unknown"], dropped["release date unknown"]) == (1, 1)


def test_a_month_is_its_middle_with_the_sd_of_a_uniform(tmp_path):
    def coarse(frame):
        frame.loc[frame["model"] == "Cedar-8x7B", "release_date"] = "2024-01"

    data = select(load_tables(rewrite(GOOD, tmp_path, "models", coarse))).data
    at = data.sel(model="Cedar-8x7B")
    assert str(at["date"].values)[:10] == "2024-01-16"
    assert float(at["time_sd"]) == pytest.approx(31 / np.sqrt(12) / 365.25)
    assert float(data["time_sd"].sum()) == pytest.approx(float(at["time_sd"]))


def test_protocols_of_one_source_are_no_replicates(tmp_path):
    def also_zero_shot(frame):
        row = frame[(frame["model"] == "Ash-7B") & (frame["benchmark"] == "Trivia")].iloc[0]
        frame.loc[len(frame)] = dict(row) | {"shots": "0", "score": "0.2"}

    changed = select(load_tables(rewrite(GOOD, tmp_path, "scores", also_zero_shot))).data
    # five shots are the usual protocol of Trivia: the other score is not averaged in
    assert changed.equals(select(load_tables(GOOD)).data)


def test_a_standard_error_says_how_many_items_a_score_is_worth(tmp_path):
    def known(frame):
        frame["stderr"], frame["low"], frame["high"] = "", "", ""
        trivia = frame["benchmark"] == "Trivia"
        # 0.7 with 0.05: 0.21 / 0.0025 = 84 items; 0.5 within 0.196 of either side: sd 0.1
        frame.loc[trivia & (frame["model"] == "Cedar-8x7B"), "stderr"] = "0.05"
        frame.loc[trivia & (frame["model"] == "Elm-70B"), ["score", "low", "high"]] = [
            "0.5", "0.304", "0.696"]
        frame.loc[~trivia & (frame["model"] == "Elm-70B"), "stderr"] = "0"  # a score of 1

    data = select(load_tables(rewrite(GOOD, tmp_path, "scores", known))).data
    items = {(str(data["model"].values[m]), b): n for m, b, n in zip(
        data["cell_model"].values, data["cell_benchmark"].values, data["cell_items"].values,
        strict=True)}
    assert items["Cedar-8x7B", 0] == pytest.approx(84)
    assert items["Elm-70B", 0] == pytest.approx(25)
    assert items["Elm-70B", 1] == 200


@given(st.integers(2, 9))
def test_helmert_contrasts_are_orthonormal_and_blind_to_the_mean(count):
    contrasts = helmert(count)
    assert contrasts.shape == (count - 1, count)
    np.testing.assert_allclose(contrasts @ contrasts.T, np.eye(count - 1), atol=1e-12)
    np.testing.assert_allclose(contrasts @ np.ones(count), 0, atol=1e-12)


def test_contrasts_carry_the_whole_spread_within_cells(shipped):
    data = select(shipped).data
    chosen = shipped.scores[shipped.scores["model"].isin(data["model"].values)
                            & shipped.scores["benchmark"].isin(data["benchmark"].values)]
    spread = chosen.groupby(["model", "benchmark"])["score"].agg(
        lambda scores: ((scores - scores.mean()) ** 2).sum())
    assert float((data["contrast_value"] ** 2).sum()) == pytest.approx(spread.sum())
    assert data.sizes["contrast"] == int((data["cell_replicates"] - 1).sum()) > 100


def test_ladder_and_pairs_of_the_anchor(tables):
    data = select(tables).data
    assert data["run"].values.tolist() == ["r1", "r2", "r3", "r4"]  # not the losses on 'web'
    np.testing.assert_allclose(np.exp(data["run_log_loss"]), [1.5, 1.4, 1.1, 0.8])
    np.testing.assert_allclose(np.exp(data["run_log_params"]), [1e8, 1e8, 1e9, 7e9])
    np.testing.assert_allclose(np.exp(data["run_log_tokens"]), [2e9, 8e9, 2e10, 1e12])
    assert data["run_held_out"].values.tolist() == [False, False, False, True]
    assert set(data["run_benchmark"].values) == {0}
    # only the pairs of the benchmark's score_format
    assert data["pair_score"].values.tolist() == [0.55, 0.26]
    assert data["pair_loss"].values.tolist() == [0.8, 1.1]
    assert data["pair_items"].values.tolist() == [1000, 1000]
    assert data["pair_held_out"].values.tolist() == [True, False]


def test_every_format_counts_where_the_benchmark_names_none(tables):
    marks = tables.benchmarks.assign(score_format="")
    assert select(replace(tables, benchmarks=marks)).data.sizes["pair"] == 3


def test_two_anchors_have_their_own_ladders(tmp_path):
    folder = Path(shutil.copytree(GOOD, tmp_path / "tables"))
    text = (folder / "benchmarks.csv").read_text()
    (folder / "benchmarks.csv").write_text(text.replace(",,,toy,,\n", ",,second,toy,,\n", 1))
    with (folder / "runs.csv").open("a") as file:
        file.write("s1,second,1e8,total,2e9,2.5,nats,Puzzles,logs,no\n"
                   "s2,second,1e9,total,2e10,2.1,nats,Puzzles,logs,no\n")
    with (folder / "pairs.csv").open("a") as file:
        file.write("s2,second,Puzzles,Puzzles,2.1,nats,0.1,gen,logs,no\n")
    data = select(load_tables(folder)).data
    assert data["benchmark"].values.tolist() == ["Puzzles", "Trivia"]
    assert data["anchored"].all()
    assert data["run_benchmark"].values.tolist() == [0, 0, 1, 1, 1, 1]
    assert data["run"].values.tolist() == ["s1", "s2", "r1", "r2", "r3", "r4"]
    assert data["pair_items"].values.tolist() == [200, 1000, 1000]


@pytest.mark.parametrize(("filters", "gone"), [
    ({"since": "2023-03-02"}, {"Ash-7B"}),
    ({"since": "2023-03-01"}, set()),
    ({"until": "2024-12-31"}, {"Fir-1B", "Fir-1B-chat"}),
    ({"until": "2025-01-01"}, set()),
    ({"open_only": True}, {"Elm-70B"}),
    ({"types": ["base"]}, {"Fir-1B-chat"}),  # Fir-1B's type is unknown: kept
    ({"architectures": ["dense"]}, {"Cedar-8x7B"}),
    ({"precisions": [16]}, {"Birch-13B-int4"}),
    ({"exclude_compressed": True}, {"Birch-13B-int4"}),
    ({"without_models": ["Ash-7B"]}, {"Ash-7B"}),
    ({"without_families": ["Birch"]}, {"Birch-13B", "Birch-13B-int4"}),
    ({"without_organizations": ["Dell"]}, {"Dogwood-3B", "Elm-70B"}),
    ({"benchmarks": ["Trivia"]}, set()),
])
def test_filters(tables, filters, gone):
    assert set(models_of(tables)) - set(models_of(tables, **filters)) == gone
    data = select(tables, **filters).data
    assert sum(json.loads(data.attrs["dropped"]).values()) == len(gone)
    assert json.loads(data.attrs["unknown"])["type"] == ("Fir-1B" in data["model"].values)


def test_an_unknown_architecture_is_read_off_the_parameters(tables):
    blank = replace(tables, models=tables.models.assign(architecture=""))
    assert "Cedar-8x7B" not in models_of(blank, architectures=["dense"])
    assert models_of(blank, architectures=["dense"]) == models_of(tables, architectures=["dense"])


def test_attrs_say_where_the_arrays_come_from(tables):
    attrs = select(tables, until="2024-12-31").data.attrs
    assert attrs["origin"] == "2023-02-24"
    assert json.loads(attrs["sha256"]) == tables.sha256
    assert set(tables.sha256) == {"models", "scores", "benchmarks", "runs", "pairs", "prices"}
    assert json.loads(attrs["filters"])["until"] == "2024-12-31"
    assert tables.hardware is None


def test_nothing_of_later_models_enters_a_back_test(tables):
    """Deleting the later models, and all they bring, changes nothing before ``until``."""
    until = "2024-06-30"
    early = tables.models[tables.models["release_date"] <= until]
    past = replace(tables, models=early,
                   scores=tables.scores[tables.scores["model"].isin(early["model"])])
    a, b = select(tables, until=until).data, select(past, until=until).data
    xr.testing.assert_identical(a.drop_attrs(), b.drop_attrs())
    assert a["date"].max() <= np.datetime64(until)


def test_order_of_rows_does_not_matter(shipped):
    mixed = replace(shipped, **{
        name: getattr(shipped, name).sample(frac=1, random_state=1)
        for name in ("models", "scores", "runs", "pairs")})
    xr.testing.assert_identical(select(shipped).data, select(mixed).data)


def test_netcdf_keeps_it_all(tables, tmp_path):
    data = select(tables).data
    data.to_netcdf(tmp_path / "observations.nc")
    with xr.open_dataset(tmp_path / "observations.nc") as back:
        xr.testing.assert_equal(back, data)


@pytest.mark.parametrize(("filters", "words"), [
    ({"types": ["bsae"]}, "did you mean 'base'"),
    ({"architectures": ["moo"]}, "did you mean 'moe'"),
    ({"benchmarks": ["Triva"]}, "did you mean 'Trivia'"),
    ({"without_models": ["Ash-8B"]}, "did you mean 'Ash-7B'"),
    ({"without_families": ["Brich"]}, "did you mean 'Birch'"),
    ({"without_organizations": ["Del"]}, "did you mean 'Dell'"),
    ({"since": "yesterday"}, "since is not a day"),
    ({"until": "2024"}, "until is not a day"),
    ({"since": "2026-01-01"}, "released before since: 8"),
    ({"since": "2024-01-01", "until": "2023-01-01"}, "the filters leave no model"),
    ({"benchmarks": ["Puzzles"]}, "no anchored benchmark"),
    ({"benchmarks": ["Trivia", "Trivia-0shot"]}, "scores of 1 selected models"),
    ({"until": "2023-09-30"}, "no anchored benchmark is selected"),
    ({"since": "2025-01-01"}, "no anchored benchmark is selected"),
])
def test_filters_that_cannot_be_met(tables, filters, words):
    with pytest.raises(InputError, match=words):
        select(tables, **filters)


def test_all_unknown_words_at_once(tables):
    with pytest.raises(InputError) as caught:
        select(tables, types=["x"], benchmarks=["y"], since="z")
    assert len(caught.value.problems) == 3


def test_models_of_one_day_show_no_growth(tables):
    one_day = tables.models.assign(release_date=pd.Timestamp("2024-01-01"))
    with pytest.raises(InputError, match="released on one day"):
        select(replace(tables, models=one_day))


def test_a_benchmark_of_too_few_models_is_left_out_and_counted(tables):
    data = select(tables, without_models=["Ash-7B", "Elm-70B"]).data
    assert data["benchmark"].values.tolist() == ["Trivia"]
    assert json.loads(data.attrs["benchmarks_dropped"]) == {"Puzzles": 2}


def test_the_shipped_tables_hold_what_the_main_job_needs(shipped):
    data = select(shipped, since="2023-02-24", open_only=True, types=["base"],
                  precisions=[16]).data
    scored = data["cell_model"].values[data["cell_benchmark"].values == 0]
    assert len(scored) >= 150
    assert (np.bincount(data["cell_model"]) == data.sizes["benchmark"]).sum() >= 90
    for name in data.variables:
        if data[name].dtype.kind == "f" and name not in {"log_tokens", "precision_bits"}:
            assert np.isfinite(data[name]).all(), name


def test_a_hundred_thousand_models_take_seconds(tables, tmp_path):
    count = 100_000
    for path in GOOD.glob("*.csv"):
        shutil.copy(path, tmp_path)
    names = [f"m{i}" for i in range(count)]
    models = tables.models.take([0] * count).assign(
        model=names, release_date=tables.models["release_date"][0]
        + pd.to_timedelta(np.arange(count) % 600, unit="D"))
    models.to_csv(tmp_path / "models.csv", index=False)
    scores = tables.scores.take([0] * (2 * count)).assign(
        model=names * 2, source=np.repeat(["a", "b"], count))
    scores.to_csv(tmp_path / "scores.csv", index=False)
    began = time.process_time()
    data = select(load_tables(tmp_path)).data
    assert data.sizes["cell"] == data.sizes["contrast"] == count
    assert time.process_time() - began < 20  # 6 where this was written
