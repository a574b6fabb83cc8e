"""Sections and evidence of the corollaries, on draws made without sampling."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fake_posterior import LEVEL, RATE, fake_posterior

from densing_bayes.corollaries import backtest, evidence, prices, validity
from densing_bayes.corollaries.capability import Scale, scores_of
from densing_bayes.corollaries.chips import RESOURCES, ChipStudy, devices_of
from densing_bayes.corollaries.draws import pool
from densing_bayes.corollaries.drivers import DriverStudy
from densing_bayes.corollaries.run import Corollaries, milestones, newest, run_corollaries
from densing_bayes.figures import svg
from densing_bayes.intervals import Interval
from densing_bayes.outputs import json_text
from densing_bayes.sections.corollaries import sections
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

DIMS = ("chain", "draw")
PASSED = {"passed": True, "rhat_max": 1.0, "ess_bulk_min": 900.0, "ess_tail_min": 900.0,
          "divergences": 0}


@pytest.fixture(scope="module")
def tables():
    return load_tables()


@pytest.fixture(scope="module")
def posterior(tables):
    models = tables.models[tables.models["precision_bits"] == 16].reset_index(drop=True)
    days = (models["release_date"].to_numpy("datetime64[D]")
            - np.datetime64("2023-02-24")).astype(float)
    models["log_density"] = LEVEL + RATE * days / 365.25 - np.abs(
        np.random.default_rng(1).normal(size=len(models)))
    return fake_posterior(models, draws=200)


def price_study(table, rng):
    spec = load_model("prices")
    cases = []
    end = table["date"].max()
    for threshold in spec.options["thresholds"]:
        for basis, broken in (("blend", False), ("input", False), ("blend", True)):
            cases.append(("helm", threshold, basis, broken))
    cases += [("any", 0.648, "blend", False), ("any", 0.648, "blend", False)]
    out = []
    for i, (source, threshold, basis, broken) in enumerate(cases):
        seen = table[table["date"] <= "2024-10-31"] if i == len(cases) - 1 else table
        offered = prices.offers(seen, threshold, source, basis)
        fall = rng.normal(1.5, 0.25, (2, 200))
        change = rng.normal(-0.5, 0.8, (2, 200)) * broken
        draws = xr.Dataset({name: (DIMS, values) for name, values in {
            "fall": fall, "before": fall, "after": fall + change, "level": fall * 0,
            "origin": rng.normal(-2, 0.2, (2, 200)), "break_time": fall * 0 + 1.5,
            "omega": fall * 0 + 2, "q": fall * 0 + 0.8}.items()})
        role = ("published" if source == "any" else "break" if broken
                else "input" if basis == "input" else "main")
        out.append(prices.Case(
            f"{source} {threshold:g} {basis}" + ("2024-10-31" if i == len(cases) - 1 else ""),
            threshold, source, basis, broken, offered,
            prices.inputs(offered, until=end, check_months=6, broken=broken), draws, PASSED,
            spec.priors["change"], role, f"MMLU {100 * threshold:.1f}%"))
    scale = Scale("MMLU", "helm", scores_of(table, "helm"))
    return prices.PriceStudy(spec, end, scale, out)


def chip_study(hardware, rng):
    kinds = sorted(hardware["kind"].unique())
    draws, rows = {}, {}
    for resource in RESOURCES:
        rows[resource] = devices_of(hardware, resource, "2025-10-01")
        shape = (2, 100, len(kinds))
        draws[resource] = xr.Dataset(
            {"growth": ((*DIMS, "kind"), rng.normal(0.15, 0.05, shape)),
             "level": ((*DIMS, "kind"), rng.normal(3, 0.1, shape)),
             "shock": (DIMS, rng.normal(-0.5, 0.2, (2, 100)))}, coords={"kind": kinds})
    return ChipStudy(load_model("chips"), pd.Timestamp("2020-01-01"), draws, rows,
                     dict.fromkeys(RESOURCES, PASSED))


@pytest.fixture(scope="module")
def result(tables, posterior):
    rng = np.random.default_rng(0)
    draws, as_of = pool(posterior), newest(tables)
    study, chips = price_study(tables.prices, rng), chip_study(tables.hardware, rng)
    parts = {name: ("sample", rng.normal(mean, 0.1, 300)) for name, mean in (
        ("tokens", 0.5), ("size", -0.1), ("developer", 0.05), ("time", 1.15))}
    parts["total"] = ("sample", sum(values for _, values in parts.values()))
    drivers = DriverStudy(load_model("drivers"), xr.Dataset(parts),
                          xr.DataArray(np.zeros((1, 1)), dims=("sample", "predictor")),
                          pd.DataFrame(index=range(240)), PASSED)
    specs = {"assumed": load_model("corollaries"), "costs": load_model("costs"),
             "size": draws.size, "rng": rng}
    return Corollaries(
        as_of, Interval(), tables, draws, specs["assumed"], specs["costs"], study, chips, drivers,
        log_effective_own=posterior.draws["log_effective"] - 0.3 * (
            posterior.draws["date"] - posterior.draws["date"].min()) / np.timedelta64(365, "D"),
        split=prices.split_fall(study.main.draws["fall"], draws.values("rate"),
                                chips.growth("bandwidth_per_usd", "datacenter"), rng),
        milestones=milestones(draws, tables, as_of, None, specs),
        authors=backtest.authors(draws, as_of=as_of, tables=tables),
        break_even=validity.assumptions(specs["assumed"], study.main.draws["fall"],
                                        draws.size, rng))


@pytest.fixture(scope="module")
def told(result):
    return {section.key: section for section in sections(result)}


def test_the_day_of_asking_is_the_newest_of_the_tables(tables):
    days = [*tables.models["release_date"].dropna(), *tables.prices["date"]]
    assert newest(tables) == max(days).date()


def test_words_carry_computed_numbers_and_their_interval(result, told):
    text = " ".join(told["prices"].text)
    fall = result.prices.main.draws["fall"].to_numpy()
    low, median, high = np.quantile(fall, [0.05, 0.5, 0.95])
    assert f"{median:.2f} [{low:.2f}, {high:.2f}] per year (90% equal-tailed interval)" in text
    assert f"halving in {12 * np.log(2) / high:.1f} to {12 * np.log(2) / low:.1f} months" in text
    chips = " ".join(told["chips"].text)
    assert "87.7 days; with 3.5 months, 93.5 days" in chips
    assert "runs from 84.5 to 93.6 days" in chips  # the published rates of density at 2.1 years
    drivers = " ".join(told["drivers"].text)
    assert "of the 240 models" in drivers
    assert "is not supported" in drivers
    assert "instead of" in drivers
    for section in told.values():
        for paragraph in section.text:
            for found in re.findall(r"\[-?[\d.]+[^\]]*\]", paragraph):
                assert "equal-tailed" in paragraph or "interval" in paragraph, found


def test_a_fall_that_may_be_none_has_an_unbounded_set(told):
    frame = told["prices"].tables[0].frame
    after = frame[frame["period"] == "after break"]
    assert (after["low"] < 0).any()
    assert after.loc[after["low"] < 0, "halving time"].str.contains("no change").all()


def test_own_tokens_take_what_tokens_bought(told):
    own = told["drivers"].summary["drivers"]["own_tokens"]
    taken = own["standard"]["median"] - own["own"]["median"]
    assert taken == pytest.approx(0.3 * 365.25 / 365, abs=0.02)


def test_tables_and_pictures_hold(told):
    keys = [item.key for section in told.values() for item in (*section.tables,
                                                                *section.pictures)]
    assert len(set(keys) - {"price-frontier"}) >= 10
    for section in told.values():
        for table in section.tables:
            assert len(table.frame), table.key
            assert set(table.formats) <= set(table.frame.columns), table.key
        for picture in section.pictures:
            drawn = svg(picture)
            assert "<svg" in drawn
            assert picture.alt
        json_text(section.summary)


def test_published_figures_stand_beside(told):
    rows = told["prices"].tables[1].frame.set_index("figure")
    assert rows["months"].iloc[1] == pytest.approx(2.6)
    index = next(label for label in rows.index if "AI Index" in label)
    assert rows.loc[index, "months"] == pytest.approx(23 / np.log2(280), abs=0.01)
    assert rows["low"].notna().sum() >= 3
    chips = told["chips"].tables[1].frame
    paper = chips[chips["doubling (years)"].round(2) == 2.1].iloc[0]
    assert paper["with A = 0.007 per day (days)"] == pytest.approx(87.7, abs=0.05)
    assert paper["with 3.5 months (days)"] == pytest.approx(93.5, abs=0.05)


def test_three_engines(told):
    frame = told["chips"].tables[2].frame.set_index("engine")
    assert frame.loc["battery energy density (press)", "doubling (months)"] == pytest.approx(120)
    assert frame.loc["circuit density (press)", "factor per year"] == pytest.approx(2 ** (12 / 18))
    assert frame.loc["density of models", "growth (1/year)"] == pytest.approx(RATE, abs=0.05)


def test_counter_evidence_is_shown_with_what_the_law_implies(tables):
    rate = np.full(10, 12 * np.log(2) / 3.5)  # the published doubling
    rows = evidence.against(tables.published, rate, np.array([1.5]), Interval())
    recall = next(row for row in rows if row["claim"].startswith("factual recall"))
    assert recall["implied"].startswith("0.0128")  # the source's own 0.01285 per month
    assert recall["observed"].startswith("0.0013 [-0.0004, 0.0033]")
    assert "10% of what density implies" in recall["short"]
    assert any(row["observed"].startswith("+27.6%") for row in rows)
    assert evidence.against(None, rate, 1.5, Interval()) == []


def test_what_cannot_be_computed_says_why(tables, posterior):
    bare = Corollaries(newest(tables), Interval(), tables, pool(posterior),
                       load_model("corollaries"), load_model("costs"),
                       authors=backtest.authors(pool(posterior), as_of=newest(tables),
                                                 tables=tables),
                       missing={"prices": "prices.csv is not there or empty"})
    told = {section.key: section for section in sections(bare)}
    assert "prices.csv is not there" in told["prices"].text[0]
    assert told["prices"].tables == []
    assert told["chips"].text[0].startswith("Not computed")
    assert len(told["forecasts"].tables) == 1
    assert [table.key for table in told["drivers"].tables] == ["against"]


@pytest.mark.slow
def test_all_corollaries_of_the_shipped_tables(tables, posterior, tmp_path):
    """The whole run: every part is there, every fit passes its gate, the report is written."""
    from densing_bayes.reports import write_report

    result = run_corollaries(posterior, tables, interval=Interval())
    assert result.missing == {}
    assert result.prices.passed
    assert result.chips.passed
    assert result.drivers.diagnostics["passed"]
    assert len(result.milestones) == 18
    out = write_report(tmp_path / "out", title="Corollaries", headline=[],
                       sections=sections(result), summary={}, provenance={})
    assert (out / "report.pdf").stat().st_size > 50_000
