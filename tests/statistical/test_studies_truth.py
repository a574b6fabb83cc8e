"""Studies of worlds whose truth is known, on every executor. Minutes.

False alarms: a variant without a dependence still moves by its Monte Carlo error (a tenth of the
posterior sd) and by what the cells that it leaves out happened to say (a third of an sd where a
ninth of the models goes). A bound of one sd is then passed wrongly in about one run in 300; seeds
are fixed.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from synthetic_tables import synthetic_tables

from densing_bayes.shelf import shelf
from densing_bayes.studies import load_study, run_study

pytestmark = pytest.mark.slow

SMALL = """
title = "Known truth"
model = '{model}'
[axes]
{axes}
[influence]
groups = {groups}
refit_above = {refit}
[sampling]
draws = {draws}
tune = 200
"""


def study_in(folder, axes, *, groups='["family"]', refit=50.0, draws=400):
    text = shelf("models").joinpath("densing.toml").read_text(encoding="utf-8")
    for name, value in (("draws", 800), ("tune", 500), ("cut_draws", 6)):
        text, count = re.subn(rf"(?m)^{name} = \d+", f"{name} = {value}", text)
        assert count == 1
    (folder / "model.toml").write_text(text, encoding="utf-8")
    (folder / "study.toml").write_text(SMALL.format(
        model=folder / "model.toml", axes=axes, groups=groups, refit=refit, draws=draws),
        encoding="utf-8")
    return load_study(folder / "study.toml")


def shifts(study):
    """Change of the mean rate by variant, in sds of the main fit."""
    table = study.readings.table.set_index("case")
    main = table.loc["main fit"]
    return (table["mean"] - main["mean"]) / main["sd"]


def test_built_in_dependences_show_and_others_do_not(tmp_path):
    """Late flagged models are inflated, and one benchmark drifts upwards by itself."""
    tables = synthetic_tables(models=60, seed=3, rate=1.2, flagged=range(48, 60, 2),
                              flag_lift=1.2, drift={"Sums": 1.4})
    study = study_in(tmp_path, """
benchmarks = [["Facts", "Puzzles"], ["Sums"], ["Facts", "Sums"]]
without_flag = "each"
date_kind = ["weights"]
ladder = ["without the largest size"]
priors = ["rate", "drift", "headroom"]
frontier = ["best available", "records", "upper quantile"]
""")
    found = run_study(study, tables, tmp_path / "out")
    assert found.failures == {}
    moved = shifts(found)
    # built in: flagged models lift the end of the series, Sums sees faster growth than the others
    assert moved["without models flagged leak"] < -0.5
    table = found.readings.table.set_index("case")["median"]
    assert table["as Sums sees it"] > table["main fit"] + 0.2
    assert table["only Facts + Sums"] > table["only Facts + Puzzles"]
    # not built in
    for name in ("only models dated by weights", "ladder without the largest size",
                 "prior of rate x0.5", "prior of rate x2", "prior of drift x0.5",
                 "prior of drift x2", "prior of headroom x2"):
        assert abs(moved[name]) < 1, name
    shares = found.readings.shares.set_index("source")["share"]
    assert shares["choice of models"] > 5 * shares["choice of priors"]
    assert shares["choice of benchmarks"] > 5 * shares["choice of priors"]


def test_importance_weights_agree_with_fits_where_they_say_they_do(tmp_path):
    """Every family fitted again; those with k below 0.7 lie within four errors of the weights."""
    from densing_bayes.studies.influence import influence
    from densing_bayes.studies.structures import tables_of

    tables = synthetic_tables(models=40, seed=5)
    study = study_in(tmp_path, "reference_tokens = [1e12]", draws=1000)
    study = replace(study, influence=replace(
        study.influence, refit_above=-10.0, most_refits=1000))  # all of them
    found = run_study(study, tables, tmp_path / "out")
    from densing_bayes.fitting import Fit
    from densing_bayes.joint.fit import choose
    from densing_bayes.joint.quantities import derive

    fit = Fit.load(tmp_path / "out" / "main.nc", study.model)
    observations = choose(tables, study.model)
    columns, _ = tables_of(observations, study.model)
    derived = derive(fit.posterior, observations, columns)
    weights = influence(fit.posterior, derived, columns, observations, study.model,
                        ("family",)).set_index("name")
    refits = found.readings.influence.set_index("name")
    assert (refits["method"] == "fitted again").all()
    table = found.readings.table.set_index("case")
    good = weights[weights["pareto_k"] < 0.7]
    assert len(good) >= 5
    off = []
    for name, row in good.iterrows():
        mcse = float(table.loc[f"without family {name}", "mcse"])
        error = np.hypot(mcse, row["sd"] / np.sqrt(row["ess"]) * 1.5)  # draws are correlated
        off.append((row["mean"] - refits.loc[name, "mean"]) / error)
    assert np.abs(off).max() < 4
    # and they tell something: shifts by weights and by fits go together
    assert np.corrcoef(good["mean"], refits.loc[good.index, "mean"])[0, 1] > 0.8


AXES = """
benchmarks = [["Facts"], ["Sums"]]
frontier = ["records", "upper quantile"]
reference_tokens = [1e12, "own"]
priors = ["rate"]
"""


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serial")
    tables = synthetic_tables(models=30, seed=1)
    study = study_in(folder, AXES, draws=100)
    return study, tables, run_study(study, tables, folder / "out")


def same(one, other):
    pd.testing.assert_frame_equal(one.readings.table, other.readings.table, check_exact=True)
    pd.testing.assert_frame_equal(one.readings.shares, other.readings.shares, check_exact=True)
    np.testing.assert_array_equal(one.cases["rate"].values, other.cases["rate"].values)


def test_processes_give_the_tables_of_serial(serial, tmp_path):
    study, tables, one = serial
    assert one.failures == {}
    same(one, run_study(study, tables, tmp_path / "out", "processes:2"))


@pytest.mark.dask
def test_a_cluster_of_separate_workers_gives_the_tables_of_serial(serial, tmp_path):
    distributed = pytest.importorskip("distributed")
    study, tables, one = serial
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True,
                                  host="127.0.0.1", dashboard_address=":0",
                                  silence_logs=50) as cluster:
        same(one, run_study(study, tables, tmp_path / "out",
                            f"dask:{cluster.scheduler_address}"))
