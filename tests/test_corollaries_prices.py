"""Prices at fixed capability: offers, the usual line through records, and the frontier."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from densing_bayes.corollaries import prices as P
from densing_bayes.corollaries.capability import Scale, scale_of, scores_of, thresholds_of
from densing_bayes.corollaries.draws import years_of
from densing_bayes.errors import GateError, InputError
from densing_bayes.intervals import Interval
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables


@pytest.fixture(scope="module")
def shipped():
    return load_tables().prices


def offered(dates, prices, models=None):
    models = [f"m{i}" for i in range(len(dates))] if models is None else models
    return pd.DataFrame({"model": models, "provider": "x", "date": pd.to_datetime(dates),
                         "price": prices, "score": 0.7})


# -- offers -----------------------------------------------------------------------------------


def test_one_family_of_scores_per_fit(shipped):
    helm = scores_of(shipped, "helm")
    llama = shipped["model"] == "Llama-3.1-8B"
    assert (shipped.loc[llama, "mmlu"] == 0.71).all()  # third party, in the first column
    assert (helm[llama] == 0.561).all()  # HELM's own, from the second
    own = shipped["mmlu_source"] == "own-report"
    assert helm[own & (shipped["mmlu_alt_source"] != "helm")].isna().all()
    # no row of a HELM-only fit before HELM began
    assert P.offers(shipped, 0.648)["date"].min() >= pd.Timestamp("2023-06-01")


@pytest.mark.parametrize(("change", "words"), [
    ({"threshold": 68}, "looks like percent"),
    ({"threshold": 0.0}, "between 0 and 1"),
    ({"threshold": 0.999}, "at least 5 offers"),
    ({"source": "helmm"}, "did you mean 'helm'"),
    ({"basis": "blended"}, "did you mean 'blend'"),
])
def test_offers_refuse_what_makes_no_sense(shipped, change, words):
    with pytest.raises(InputError, match=words):
        P.offers(shipped, **{"threshold": 0.68, **change})


def test_offers_need_scores(shipped):
    with pytest.raises(InputError, match="no capability"):
        P.offers(shipped.drop(columns="mmlu"), 0.68)


def test_a_rise_of_the_cheapest_offer_is_kept(shipped):
    # DeepSeek V3 was the cheapest at this level until its promotion ended in February 2025
    market = P.standing(P.offers(shipped, 0.864))
    rise = market[market["event"] == "rise"].iloc[0]
    assert str(rise["date"].date()) == "2025-02-08"
    assert rise["price"] == pytest.approx((3 * 0.27 + 1.10) / 4)


@pytest.mark.parametrize(("threshold", "until", "months", "count"), [
    (0.648, "2024-10-31", 2.63, 10), (0.648, "2025-12-31", 3.38, 12), (0.648, None, 4.06, 13),
    (0.70, "2024-10-31", 2.78, 9), (0.70, "2025-12-31", 3.19, 11), (0.70, None, 3.19, 11),
])
def test_line_through_records_as_published_fits_are_made(shipped, threshold, until, months, count):
    found, number = P.record_halving(P.offers(shipped, threshold, "any"), until)
    assert found == pytest.approx(months, abs=0.005)
    assert number == count


def test_checks_are_standing_prices_where_no_new_low_came():
    frame = offered(["2024-01-01", "2024-02-01", "2025-03-01"], [4.0, 2.0, 3.0])
    tables = P.inputs(frame, until=pd.Timestamp("2025-12-31"), check_months=6, broken=False)
    # periods end in July 2024 (new low: none), January, July and December 2025 (2.0 stands)
    np.testing.assert_allclose(tables["checks"]["time"],
                               tables["offers"]["time"][0] + np.array([1.0, 1.5]), atol=1e-9)
    np.testing.assert_allclose(np.exp(-tables["checks"]["cheapness"]), 2.0)


def test_a_standing_price_that_rose_is_the_new_bound():
    frame = offered(["2024-01-01", "2024-01-02", "2024-08-01"], [4.0, 2.0, 8.0], ["a", "b", "b"])
    tables = P.inputs(frame, until=pd.Timestamp("2025-01-15"), check_months=6, broken=False)
    assert np.exp(-tables["checks"]["cheapness"]).round(6).tolist() == [4.0]


# -- the frontier -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spec():
    model = load_model("prices")
    return replace(model, sampling=replace(model.sampling, draws=500, tune=500, chains=2))


@pytest.fixture(scope="module")
def fit(spec):
    """A function from offers to draws; one compilation for the module."""
    from densing_bayes import fitting
    from densing_bayes.families import prices as family
    from densing_bayes.families.blocks import matrix

    box = SimpleNamespace(compiled=None)

    def run(frame, broken=False, until="2026-11-21", check_months=6, checks=True):
        tables = P.inputs(frame, until=pd.Timestamp(until), check_months=check_months,
                          broken=broken)
        if not checks:
            tables["checks"] = {name: np.zeros(0) for name in tables["checks"]}
        box.compiled = box.compiled or fitting.compile_model(family.build(tables, spec))
        tree = fitting.sample(box.compiled, spec.sampling, case="test", data={
            name: matrix(columns) for name, columns in tables.items()})
        return tree["posterior"].to_dataset()

    return run


def simulate(seed, fall, count=80, days=1200, seen=1.0, bend=0.0):
    """Offers above a falling frontier; the list is complete for the first ``seen`` share."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, days, count))
    time = day / 365.25
    dear = np.abs(rng.normal(size=count)) * 1.5 + 0.2 * rng.normal(size=count)
    after = np.maximum(time - days / 365.25 / 2, 0)
    price = np.exp(1.0 - fall * time - bend * after + dear)
    keep = (day <= seen * days) | (rng.random(count) < 0.15)
    frame = offered(pd.Timestamp("2023-02-24") + pd.to_timedelta(day, unit="D"), price)
    return frame[keep].reset_index(drop=True)


def test_fall_is_recovered_from_a_list_that_thins_out(fit):
    frame = simulate(seed=4, fall=2.5, seen=0.55)
    draws = fit(frame, until="2026-06-09")
    low, high = np.quantile(draws["fall"], [0.025, 0.975])
    assert low < 2.5 < high
    assert high - low < 2.0
    # the usual line takes the silence for a stop
    assert 12 * np.log(2) / P.record_halving(frame)[0] < 2.5


def test_no_fall_is_not_made_into_one(fit):
    """Record lows fall even where nothing does; the frontier of all offers does not."""
    slopes = []
    for seed in range(3):
        frame = simulate(seed, fall=0.0)
        slopes.append(12 * np.log(2) / P.record_halving(frame)[0])
        draws = fit(frame, until="2026-06-09", checks=False)
        low, high = np.quantile(draws["fall"], [0.005, 0.995])  # false alarm: 3% for three
        assert low < 0 < high
    assert min(slopes) > 0


def test_a_standing_price_bounds_the_frontier_from_one_side(fit):
    """One cheap offer that stands for years holds the frontier down, and costs nothing below."""
    frame = simulate(seed=1, fall=1.0, count=60, seen=0.5)
    extra = offered(["2024-09-01"], [frame["price"].min() / 2], ["cheap"])
    frame = pd.concat([frame, extra], ignore_index=True).sort_values("date")
    with_checks, without = fit(frame, check_months=3), fit(frame, check_months=3, checks=False)
    end = years_of(pd.Timestamp("2026-11-21").date())

    def at_end(draws):
        centre = np.mean([years_of(day.date()) for day in frame["date"]])
        return draws["origin"] - draws["before"] * (end - centre)

    bound = np.log(extra["price"].iloc[0])
    assert float((at_end(with_checks) < bound).mean()) > float((at_end(without) < bound).mean())
    assert float(with_checks["fall"].mean()) >= float(without["fall"].mean()) - 0.05


def test_a_clear_break_is_found_and_its_absence_leaves_one_slope(fit):
    frame = simulate(seed=3, fall=4.0, bend=-4.0, count=150)
    draws = fit(frame, broken=True, checks=False)
    assert float((draws["after"] < draws["before"]).mean()) > 0.99
    assert float(draws["before"].median()) == pytest.approx(4.0, abs=1.0)
    plain = fit(frame, broken=False, checks=False)
    np.testing.assert_allclose(plain["before"], plain["fall"])
    np.testing.assert_allclose(plain["after"], plain["fall"])


def test_log_price_is_the_path_that_was_fitted():
    rng = np.random.default_rng(0)
    before, change, at, origin = 2.0, -1.5, 1.0, 0.5
    case = SimpleNamespace(
        draws=pd.DataFrame({"before": [before], "after": [before + change], "break_time": [at],
                            "origin": [origin]}),
        tables={"setting": {"centre": [0.8]}})
    for year in rng.uniform(-1, 3, 20):
        bent = change * max(year - at, 0)
        expected = origin - before * (year - 0.8) - bent
        assert P.Case.log_price(case, np.array([year]))[0, 0] == pytest.approx(expected)


@pytest.mark.slow
def test_study_of_shipped_prices_agrees_with_itself():
    """The whole question at one threshold: cases, verdict, window, words."""
    from densing_bayes.corollaries.ask import ask_prices

    said, lines, study = ask_prices(load_tables(), interval=Interval(), thresholds=[0.68],
                                    rate=np.random.default_rng(0).normal(1.6, 0.2, 500))
    assert [(case.source, case.basis, case.broken) for case in study.cases] == [
        ("helm", "blend", False), ("helm", "input", False), ("helm", "blend", True),
        ("any", "blend", False), ("any", "blend", False)]
    whole, window = study.cases[-2], study.cases[-1]
    assert len(window.offers) < len(whole.offers)
    # faster in the paper's own window than over all, though not as fast as its line
    assert window.draws["fall"].median() > whole.draws["fall"].median()
    line = P.record_halving(window.offers)[0]
    assert 12 * np.log(2) / float(window.draws["fall"].median()) > line
    assert [case["until"] for case in said["cases"]] == [None] * 4 + [P.WINDOW]
    assert said["density_and_rest"]["density"]["median"] == pytest.approx(1.6, abs=0.05)
    assert sum("90% equal-tailed interval" in line for line in lines) == 7
    verdict = P.break_verdict(study.bent)
    assert 0 < verdict["p_slower"] < 1
    assert verdict["odds_of_none"] > 0


BARE = ["model", "provider", "date", "input_usd_per_m", "output_usd_per_m", "source"]


def seven(benchmark: str = "Own"):
    """Seven ordinary offers on the contract's own columns, and scores of their models."""
    frame = pd.DataFrame([
        (f"m{i}", "x", f"2024-0{1 + i}-10", price, 2 * price, "me")
        for i, price in enumerate([9.0, 6.0, 7.0, 3.0, 2.5, 3.0, 1.0])], columns=BARE)
    frame["date"] = pd.to_datetime(frame["date"])
    scores = pd.DataFrame([(f"M{i}", benchmark, 0.6 + 0.02 * i) for i in range(7)],
                          columns=["model", "benchmark", "score"])
    return frame, scores


def test_capability_from_any_benchmark_by_name():
    frame, scores = seven()
    scale = scale_of(frame, scores, "helm")
    assert (scale.what, scale.source) == ("Own", "scores.csv")
    assert scale.values.tolist() == pytest.approx([0.6 + 0.02 * i for i in range(7)])
    assert scale.words(0.62) == "Own 62.0%"
    assert scale_of(frame, scores, "helm", sizes={"M3": 7e9}).values.notna().sum() == 1
    with pytest.raises(InputError, match="did you mean 'Own'"):
        scale_of(frame, scores, "helm", benchmark="Owm")
    with pytest.raises(InputError, match="4 prices are of models with a score on Own"):
        scale_of(frame, scores.head(4), "helm")
    # prices with MMLU, but of no family that is asked for by default: any will do
    marked = frame.assign(mmlu=scores["score"], mmlu_source="", mmlu_alt=np.nan,
                          mmlu_alt_source="")
    assert scale_of(marked, scores, "helm").source == "any"
    with pytest.raises(InputError, match="0 offers reach"):
        P.offers(marked, 0.6, scale=scale_of(marked, scores, "helm", fixed=True))


def test_thresholds_are_those_that_offers_reach(shipped):
    helm = Scale("MMLU", "helm", scores_of(shipped, "helm"))
    usual = load_model("prices").options["thresholds"]
    assert thresholds_of(helm, shipped["input_usd_per_m"] > 0, usual) == usual
    frame, scores = seven()
    scale = scale_of(frame, scores, "helm")
    (one,) = thresholds_of(scale, frame["input_usd_per_m"] > 0, usual)
    assert (scale.values >= one).sum() == 5
    sizes = Scale("effective size", "the fit", pd.Series([1e9, 2e9, 3.3e9, 4e9, 5e9, 6e9, 7e9]))
    assert thresholds_of(sizes, pd.Series(True, index=range(7)), usual) == [3.3e9]


def test_offers_of_one_day_show_no_fall():
    frame, scores = seven()
    frame["date"] = frame["date"].iloc[0]
    with pytest.raises(InputError, match="of one day"):
        P.offers(frame, 0.6, scale=scale_of(frame, scores, "helm"))


@pytest.fixture
def by_hand(monkeypatch):
    """Price fits without a sampler: which cases are asked, and some of them refused."""
    asked, refuse = [], set()

    def sampled(compiled, sampling, names, *, case, **more):
        asked.append(case)
        if any(word in case for word in refuse):
            raise GateError(case)
        draws = {name: (("chain", "draw"), np.ones((1, 4))) for name in (
            "level", "fall", "omega", "q", "before", "after", "break_time", "origin")}
        return xr.DataTree.from_dict({"posterior": xr.Dataset(draws)}), {"passed": True}

    monkeypatch.setattr("densing_bayes.checks.sampled", sampled)
    monkeypatch.setattr("densing_bayes.fitting.compile_model", lambda model: model)
    monkeypatch.setattr("densing_bayes.families.prices.build", lambda tables, spec: None)
    return SimpleNamespace(asked=asked, refuse=refuse)


def test_side_fits_never_refuse_the_question(by_hand):
    frame, scores = seven()
    scale = scale_of(frame, scores, "helm")
    by_hand.refuse.add("break")
    study = P.fit_prices(frame, load_model("prices"), scale=scale)
    assert [case.role for case in study.cases] == ["main", "input"]
    assert study.refused == ["scores.csv 0.64 blend break"]
    assert study.bent is None
    assert study.main.label == "Own 64.0%"
    assert len(study.main.offers) == 5
    by_hand.refuse.add("blend")
    with pytest.raises(GateError):
        P.fit_prices(frame, load_model("prices"), scale=scale)


def test_tiers_of_service_are_no_offers_of_the_usual_one(by_hand):
    frame, scores = seven()
    scale = scale_of(frame, scores, "helm")
    batch = pd.concat([frame.assign(tier=""), frame.assign(tier="batch", input_usd_per_m=0.01)],
                      ignore_index=True)
    study = P.fit_prices(batch, load_model("prices"), scale=scale_of(batch, scores, "helm"))
    alone = P.fit_prices(frame, load_model("prices"), scale=scale)
    assert study.main.offers.equals(alone.main.offers)


# -- what follows -----------------------------------------------------------------------------


def test_halving_is_a_set():
    rng = np.random.default_rng(0)
    clear = P.halving(rng.normal(2.0, 0.1, 4000), Interval())
    (low, high), = clear["halving_months"]["set"]
    assert low < 12 * np.log(2) / 2.0 < high
    vague = P.halving(rng.normal(0.5, 1.0, 4000), Interval())
    assert len(vague["halving_months"]["set"]) == 2
    assert vague["halving_months"]["set"][0][0] == -np.inf
    assert 0.6 < vague["p_fall"] < 0.8


def test_split_adds_up_and_keeps_density_draws_in_place():
    rng = np.random.default_rng(1)
    density = rng.normal(2.0, 0.2, 1000)
    parts = P.split_fall(rng.normal(2.5, 0.3, 400), density, rng.normal(0.2, 0.05, 5000), rng)
    np.testing.assert_array_equal(parts["density"], density)
    np.testing.assert_allclose(parts["density"] + parts["chips"] + parts["rest"], parts["fall"])
    # independent: variances of the rest add
    assert parts["rest"].std() == pytest.approx(np.hypot(np.hypot(0.2, 0.3), 0.05), rel=0.1)
