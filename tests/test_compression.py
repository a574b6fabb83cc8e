"""The compression study: tables to arrays, recovery of known ratios, claim, costs, section."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special

from densing_bayes import checks, fitting
from densing_bayes.compressed import (
    HEADLINE,
    comparable_rows,
    log_slopes,
    pair_arrays,
    run_compression,
)
from densing_bayes.cost_density import draw_constants, equivalent_sizes, sizes
from densing_bayes.errors import InputError, TableError
from densing_bayes.families.compression import build
from densing_bayes.figures import draw
from densing_bayes.sections.compression import method_rows, pair_rows, section
from densing_bayes.specs import Sampling, load_model
from densing_bayes.tables import Tables, load_tables

SHORT = Sampling(draws=300, tune=500, chains=2, target_accept=0.9, seed=7)


@pytest.fixture(scope="module")
def tables():
    return load_tables()


@pytest.fixture(scope="module")
def spec():
    return replace(load_model("compression"), sampling=SHORT)


@pytest.fixture(scope="module")
def prepared(tables, spec):
    rows, _ = comparable_rows(tables)
    return pair_arrays(tables, rows, headroom=spec.options["headroom"])


@pytest.fixture(scope="module")
def compiled(prepared, spec):
    arrays, coords, _ = prepared
    return fitting.compile_model(build(arrays, coords, spec), keep=("log_ratio", "child_error"))


def once(compiled, sampling, names, *, case, progress, **more):
    """`checks.sampled` without a second run and without refusing."""
    tree = fitting.sample(compiled, sampling, case=case, **more)
    return tree, checks.diagnostics(tree, names)


@pytest.fixture(scope="module")
def result(tables, spec, compiled):
    with pytest.MonkeyPatch.context() as patch:  # the same model: no need to compile it again
        patch.setattr(fitting, "compile_model", lambda model, keep: compiled)
        patch.setattr(checks, "sampled", once)  # short chains: enough to agree, not for the gate
        return run_compression(tables, spec, cores=1)


# -- tables to arrays -------------------------------------------------------------------------


def toy(tables, **changes):
    """Two pairs and one family, with numbers that can be worked by hand."""
    frame = pd.DataFrame({
        "parent": ["P", "P", "P"], "child": ["small", "small", "four bits"],
        "method": ["pruned", "pruned", "gptq"], "parent_params": 8e9,
        "child_params": [2e9, 2e9, 8e9], "child_bits": [16.0, 16.0, 4.0],
        "benchmark": ["MMLU", "HumanEval", "MMLU"], "parent_score": [0.6, 0.3, 0.61],
        "child_score": [0.5, 0.2, 0.6], "n_items": [14042.0, 164.0, np.nan], "source": "S"})
    return Tables(**{**vars(tables), "compression": frame.assign(**changes)})


def test_arrays_by_hand(tables):
    rows, left_out = comparable_rows(toy(tables))
    assert not len(left_out)
    arrays, coords, pairs = pair_arrays(toy(tables), rows, headroom=0.9)
    assert coords["pair"] == ["P > small", "P > four bits"]
    assert coords["treatment"] == ["gptq 4 bit", "pruned"]
    assert arrays["method_kind"].tolist() == [0, 1]  # quantised, retrained
    assert arrays["pair_method"].tolist() == [1, 0]
    np.testing.assert_allclose(arrays["log_params_ratio"], [np.log(0.25), 0])
    members = len(arrays["member_log_params"])
    assert arrays["score"][members:].tolist() == [0.6, 0.3, 0.61, 0.5, 0.2, 0.6]
    assert arrays["score_items"][members:].tolist() == [14042, 164, 14042] * 2
    # every child's partner is the parent of its row, and both start at one place
    partner, start = arrays["score_partner"], arrays["score_start"]
    assert partner[-3:].tolist() == [members, members + 1, members + 2]
    assert start[-3:].tolist() == start[-6:-3].tolist()
    assert arrays["score_agrees"][-3:].tolist() == [2, 2, 1]
    mmlu = list(coords["benchmark"]).index("MMLU")
    assert arrays["scale"][mmlu] == pytest.approx(0.9 * 0.75)
    assert pairs["benchmarks"].tolist() == [2, 1]


def test_families_are_centred_and_of_several_sizes(prepared):
    arrays = prepared[0]
    ladder = arrays["score_start"][arrays["score_role"] == 0]
    size = pd.Series(arrays["member_log_params"])
    np.testing.assert_allclose(size.groupby(ladder).mean(), 0, atol=1e-9)
    assert (size.groupby(ladder).nunique() > 1).all()
    assert (arrays["score_role"] == 0).sum() == len(size) > 200


def test_rows_that_cannot_be_used_say_why(tables):
    _, left_out = comparable_rows(tables)
    assert set(left_out["reason"]) >= {"marked not comparable"}
    bad = toy(tables, benchmark=["MMLU", "no such test", "MMLU"],
              child_score=[0.5, 0.2, np.nan])
    rows, left_out = comparable_rows(bad)
    assert len(rows) == 1
    assert left_out["reason"].str.contains("chance level is unknown").sum() == 1
    with pytest.raises(TableError, match="no row can be used"):
        comparable_rows(toy(tables, benchmark="no such test"))
    with pytest.raises(TableError, match=r"compression\.csv"):
        comparable_rows(Tables(**{**vars(tables), "compression": None}))


def test_given_curves_replace_the_ladders(tables):
    curves = xr.DataArray(np.log([[[0.5, 0.3]], [[0.6, 0.3]]]), dims=("chain", "draw", "benchmark"),
                          coords={"benchmark": ["MMLU", "HumanEval"]})
    made = toy(tables, benchmark=["MMLU", "MMLU-0shot", "MATH"])
    rows, _ = comparable_rows(made)
    arrays, coords, _ = pair_arrays(made, rows, headroom=0.95, curves=curves)
    assert coords["benchmark"] == [name for name in tables.benchmarks["benchmark"]
                                   if name in {"MMLU", "MMLU-0shot", "MATH"}]
    index = {name: i for i, name in enumerate(coords["benchmark"])}
    assert arrays["slope_known"][index["MMLU"]] == 1
    assert arrays["slope_mu"][index["MMLU"]] == pytest.approx(np.log(0.5 * 0.6) / 2)
    # a variant takes its main benchmark's slope, less surely
    assert arrays["slope_mu"][index["MMLU-0shot"]] == arrays["slope_mu"][index["MMLU"]]
    assert arrays["slope_sd"][index["MMLU-0shot"]] > 0.3
    assert arrays["slope_known"][index["MATH"]] == 0
    assert (arrays["score_role"] > 0).all()  # no family's members: curves say what they would


def test_slopes_of_the_curves_at_the_midpoint():
    # logit of S is -gamma (l - L); with L = a N^-alpha its slope is gamma alpha (-L): at L = l
    one = {name: (("chain", "draw", "anchor"), np.full((1, 2, 1), value)) for name, value in
           {"gamma": -8.0, "alpha": 0.1, "midpoint": 0.8, "log_b": -np.inf, "beta": 0.3,
            "irreducible": 0.0}.items()}
    law = xr.Dataset({**one, "kappa": (("chain", "draw", "linked"), np.full((1, 2, 1), 0.5))},
                     coords={"anchor": ["MMLU"], "linked": ["BBH"]})
    found = log_slopes(law, tokens=5e12)
    assert float(np.exp(found.sel(benchmark="MMLU")).mean()) == pytest.approx(8 * 0.1 * 0.8)
    assert float(np.exp(found.sel(benchmark="BBH")).mean()) == pytest.approx(0.5)


# -- recovery ---------------------------------------------------------------------------------


def simulate(arrays, rng):
    """Scores from known slopes, tilts and ratios, with counted items shared by the pair."""
    kind = arrays["method_kind"]
    method = np.where(kind == 0, -0.25, -0.3) + np.where(kind == 0, 0.2, 0.3) * rng.normal(
        size=len(kind))
    of = arrays["pair_method"]
    sd_pair, sd_cell = np.array([0.05, 0.5])[kind[of]], np.array([0.05, 0.5])[kind[of]]
    ratio = method[of] + sd_pair * rng.normal(size=len(of))
    cell = arrays["cell_pair"]
    shift = (arrays["log_params_ratio"] + ratio)[cell] + sd_cell[cell] * rng.normal(size=len(cell))
    slope = np.exp(-0.7 + 0.3 * rng.normal(size=len(arrays["chance"])))
    tilt = np.exp(0.2 * rng.normal(size=arrays["member_family"].max() + 1))
    rows = len(arrays["row_cell"])
    step = np.concatenate([arrays["member_log_params"] * tilt[arrays["member_family"]],
                           np.zeros(rows), shift[arrays["row_cell"]]])
    place = rng.normal(0, 0.8, arrays["score_start"].max() + 1)[arrays["score_start"]]
    bench = arrays["score_benchmark"]
    logit = place + (slope[bench] / 0.15 - place) * (1 - np.exp(-0.15 * step))
    score = arrays["chance"][bench] + arrays["scale"][bench] * special.expit(logit)
    noise = rng.normal(size=len(score))
    noise[-rows:] = 0.7 * noise[-2 * rows:-rows] + np.sqrt(1 - 0.7**2) * noise[-rows:]
    extra = np.array([0.025, 0.0, 0.012])[arrays["score_role"]] * rng.normal(size=len(score))
    sd = np.sqrt(score * (1 - score))
    return score + sd * (noise / np.sqrt(arrays["score_items"]) + 2 * extra), ratio, slope


def test_known_ratios_are_recovered(compiled, prepared):
    """False alarm: 49 pairs at 90%, fewer than 36 inside below 1e-3 were they independent."""
    arrays, _, pairs = prepared
    score, ratio, slope = simulate(arrays, np.random.default_rng(12))
    posterior = fitting.sample(compiled, SHORT, case="recovery", cores=1,
                               data={"score": score})["posterior"].to_dataset()
    low, middle, high = np.quantile(posterior["log_ratio"], [0.05, 0.5, 0.95], axis=(0, 1))
    inside = (low < ratio) & (ratio < high)
    assert inside.sum() >= 36, inside.mean()
    error, spread = middle - ratio, (high - low) / 3.29
    assert abs((error / spread).mean()) < 1
    quantised = (pairs["kind"] == "quantised").to_numpy()
    assert np.abs(error[quantised]).mean() < 0.12  # the scores say something
    informed = np.isin(np.arange(len(slope)), arrays["score_benchmark"][arrays["score_role"] == 0])
    found = posterior["log_slope"].mean(("chain", "draw")).values - np.log(slope)
    assert np.abs(found[informed]).mean() < 0.2


# -- the study --------------------------------------------------------------------------------


def test_chains_agree(result):
    assert result.diagnostics["rhat_max"] < 1.06  # 600 draws; the shipped spec takes 6,000
    assert result.diagnostics["divergences"] <= 3
    assert set(HEADLINE) <= set(result.posterior)


def test_fewer_bits_keep_less(result):
    rows = {row["method"]: row for row in method_rows(result)}
    assert rows["rtn 3 bit"]["pooled"]["high"] < rows["rtn 4 bit"]["pooled"]["median"]
    assert rows["rtn 3 bit"]["pooled"]["p_denser"] < 0.01
    assert 0.5 < rows["gptq 4 bit"]["pooled"]["median"] < 1


def test_cost_terms_are_the_costs_of_child_and_parent(result):
    """For one quantised pair, the ratio by cost worked again from the formula."""
    i = int(np.flatnonzero(result.pairs["child"] == "Llama-2-7B-GPTQ-int4")[0])
    constants = draw_constants(load_model("costs"), chains=2, draws=300, seed=SHORT.seed)
    both = sizes(pd.DataFrame({
        "model": ["child", "parent"], "params_total": result.pairs["child_params"][i],
        "params_active": result.pairs["child_params"][i], "precision_bits": [4, 16],
        "architecture": "dense"}))
    equal = equivalent_sizes(both, result.devices[0], constants)
    saved = (equal["log_size_cost"].sel(model="parent") - equal["log_size_cost"].sel(model="child"))
    got = (result.ratios["cost"] - result.ratios["plain"]).isel(device=0, pair=i)
    np.testing.assert_allclose(got, saved, atol=1e-9)
    assert float(np.exp(got).max()) < 4  # never more than the bits saved


def test_dense_children_cost_by_size(result):
    same = (result.pairs["kind"] == "retrained").to_numpy()
    gap = (result.ratios["cost"] - result.ratios["plain"]).isel(pair=same)
    np.testing.assert_allclose(gap, 0, atol=1e-9)


def test_claim_is_counted_draw_by_draw(result):
    claim = result.claim()
    plain = result.ratios["plain"]
    names = list(result.pairs["child"])
    gemma = plain.isel(pair=names.index("Gemma-2-9B")) > 0
    assert claim["p_denser"]["Gemma-2-9B"] == pytest.approx(float(gemma.mean()))
    others = [plain.isel(pair=names.index(name)) > 0 for name in claim["children"]
              if name != "Gemma-2-9B"]
    together = gemma
    for denser in others:
        together = together & ~denser
    assert claim["p_claim"] == pytest.approx(float(together.mean()))
    assert claim["p_claim"] <= claim["p_denser"]["Gemma-2-9B"]


def test_steeper_slopes_favour_small_children(result):
    np.testing.assert_allclose(result.with_slopes(1.0), result.ratios["plain"])
    steeper = result.with_slopes(1.25) - result.ratios["plain"]
    i = list(result.pairs["child"]).index("Llama-3.2-1B")
    # Delta / 1.25 - ln(N_c / N_p), by hand
    size = np.log(1.24e9 / 8.03e9)
    np.testing.assert_allclose(
        steeper.isel(pair=i), (result.ratios["plain"].isel(pair=i) + size) * (1 / 1.25 - 1))
    assert float(steeper.isel(pair=i).min()) > 0


def test_claim_about_unknown_children_is_passed_over(result, spec):
    other = replace(result, spec=spec.with_options(claim=["nobody"], claim_denser=[]))
    assert other.claim() is None
    assert "published claim" not in " ".join(section(other).text)


def test_section_is_whole(result):
    written = section(result)
    found = written.summary["compression"]
    json.dumps(found, allow_nan=False)
    assert len(found["pairs"]) == len(result.pairs) == len(pair_rows(result))
    for row in found["pairs"]:
        assert row["plain"]["low"] < row["plain"]["median"] < row["plain"]["high"]
        assert set(row["on_device"]) == {device.name for device in result.devices}
    for table in written.tables:
        assert "90% equal-tailed interval" in table.caption
        assert set(table.formats) <= set(table.frame.columns)
    assert {picture.key for picture in written.pictures} == {
        "compression-retrained", "compression-quantised", "bits-against-density"}
    for picture in written.pictures:
        assert draw(picture).axes


def test_unknown_device_is_refused_before_any_sampling(tables, spec):
    with pytest.raises(InputError, match="did you mean 'RTX 4090'"):
        run_compression(tables, spec, device="RTX 4091")


@pytest.mark.slow
def test_intervals_of_ratios_cover(compiled, prepared):
    """90% intervals over 12 simulated worlds of 49 pairs, pairs of a world being dependent.

    Share inside 0.90 with an sd of about 0.02 between worlds' means: false alarm below 1e-3.
    """
    arrays, _, _ = prepared
    inside = []
    for world in range(12):
        score, ratio, _ = simulate(arrays, np.random.default_rng(100 + world))
        draws = fitting.sample(compiled, SHORT, case=f"world {world}", cores=1,
                               data={"score": score})["posterior"]["log_ratio"].values
        low, high = np.quantile(draws, [0.05, 0.95], axis=(0, 1))
        inside.append(((low < ratio) & (ratio < high)).mean())
    assert 0.82 < np.mean(inside) < 0.97, inside
