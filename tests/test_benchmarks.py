"""The benchmark's programs hold the same tables and the same density as the package's model."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytensor
import pytest

from densing_bayes.joint.centring import own_places

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def benchmarks_on_path(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.parametrize("first", [0, 1])
def test_flat_tables_are_the_tables(small_world, first):
    from benchmarks.peers.data import flat

    columns = {name: dict(table) for name, table in small_world.columns.items()}
    weight = np.ones(len(columns["anchored"]["score"]))
    weight[[0, 3]] = 0
    columns["anchored"] |= {"weight": weight}
    given = flat(columns, small_world.coords, small_world.spec, first=first)
    kept = weight > 0
    assert given["n_anchored"] == kept.sum() == len(given["anchored_score"])
    np.testing.assert_array_equal(given["anchored_score"], columns["anchored"]["score"][kept])
    np.testing.assert_array_equal(given["anchored_model"] - first,
                                  columns["anchored"]["model"][kept])
    np.testing.assert_array_equal(given["models_family"] - first, columns["models"]["family"])
    assert given["prior_rate"].tolist() == list(small_world.spec.priors["rate"].args.values())
    assert given["log_reference_tokens"] == pytest.approx(np.log(5e12))
    seen = own_places(columns)
    np.testing.assert_array_equal(given["models_own_precision"], seen.precision)
    np.testing.assert_array_equal(given["anchored_place"], seen.anchored[1][kept])
    assert (given["models_eligible"] == columns["models"]["eligible"]).all()  # no index
    plain = flat(columns, small_world.coords, small_world.spec, natural=True)
    assert (plain["turn_weight"] == 1).all()


def test_stan_asks_for_what_it_is_given(small_world):
    from benchmarks.peers.data import flat

    program = (ROOT / "benchmarks/peers/densing.stan").read_text(encoding="utf-8")
    block = re.search(r"\ndata \{(.*?)\n\}", program, re.S).group(1)
    asked = set(re.findall(r"(\w+);", block))
    given = flat(small_world.columns, small_world.coords, small_world.spec, first=1)
    assert asked <= set(given)
    assert set(given) == asked  # nothing that the tables say is left unread
    for name in re.findall(r"vector\[2\] (prior_\w+)", block):
        assert given[name].size == 2
    for name in re.findall(r"vector\[1\] (prior_\w+)", block):
        assert given[name].size == 1


def test_peers_have_the_distributions_of_the_spec(small_world):
    from benchmarks.peers.data import KINDS, flat
    from densing_bayes.priors import Prior

    assert set(KINDS) == set(small_world.spec.priors) - {"irreducible_share"}
    other = small_world.spec.priors | {"rate": Prior("Uniform", {"lower": -9.0, "upper": 9.0})}
    with pytest.raises(ValueError, match="rate"):
        flat(small_world.columns, small_world.coords, replace(small_world.spec, priors=other))


def test_numpyro_has_the_density_of_the_package(small_world):
    """Differences of log density between two points are those of the PyMC graph."""
    pytest.importorskip("numpyro")
    import jax
    from numpyro.infer.util import log_density

    from benchmarks.peers.data import flat
    from benchmarks.peers.densing_numpyro import model
    from benchmarks.peers.run import graph, named

    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(3)
    columns = {name: dict(table) for name, table in small_world.columns.items()}
    models, pairs = columns["models"], columns["pairs"]
    some = np.arange(len(models["time"])) % 4 > 0  # what the small world alone would not show
    models |= {"eligible": some.astype(float), "log_held": models["log_used"] + 0.9 * some}
    pairs["share"] = np.where(np.arange(len(pairs["loss"])) % 2, 1.0, 0.25)
    for naive in (False, True):
        # plain numbers as doubles: PyTensor would take the 2 of a square root as a single
        with pytensor.config.change_flags(cast_policy="numpy+floatX"):
            ours = graph(columns, small_world.coords, small_world.spec, naive)
            raw = ours.compile_logp(jacobian=False, sum=False, mode="FAST_COMPILE")
        given = flat(columns, small_world.coords, small_world.spec, natural=naive)
        start = ours.initial_point()
        points = [start, *({name: value + 0.05 * rng.normal(size=np.shape(value))
                            for name, value in start.items()} for _ in range(3))]
        tell = named(ours)
        theirs = [float(log_density(model, (given,), {}, tell(point))[0]) for point in points]
        mine = [sum(float(np.sum(part)) for part in raw(point)) for point in points]
        assert np.isfinite(mine).all()
        np.testing.assert_allclose(np.diff(theirs), np.diff(mine), rtol=1e-9)


def test_disagreement_is_in_monte_carlo_errors():
    from benchmarks.measure import HEADLINE, disagreement, effective

    rng = np.random.default_rng(1)
    ours = {name: rng.normal(size=(4, 500)) for name in HEADLINE}
    same = {name: rng.normal(size=(4, 500)) for name in ours}
    assert max(map(abs, disagreement(ours, same).values())) < 4  # false alarm: 1 in 4,000
    moved = {name: value + 0.5 for name, value in same.items()}
    assert min(disagreement(ours, moved).values()) > 8  # 0.5 / sqrt(2 / 2000) is 16
    assert all(1500 < ess < 3000 for ess in effective(ours).values())


def test_split_and_table_of_a_run():
    from benchmarks.measure import HEADLINE
    from benchmarks.run import split, table, told

    found = split({"reading tables": 2.0, "preparing the joint model": 20.0, "cut: a": 1.0,
                   "cut: b": 1.5, "writing section growth": 0.5, "before writing": 30.0}, 40.0)
    assert found == {"read": 2.0, "compile": 20.0, "cut": 2.5, "draw": 0.5,
                     "import, files and rest": 15.0}
    rng = np.random.default_rng(2)
    draws = {name: rng.normal(size=(4, 400)) for name in HEADLINE}
    rows = []
    for name, seconds in (("ours", 2.0), ("slow", 20.0)):
        row = {"engine": name, "peak_mb": 1.0, "draws": 400, "tune": 100,
               "seconds": {"compile": 8.0, "sample": seconds}}
        rows.append(row | told(row, draws))
    last = table(rows).splitlines()[2].split()
    assert last[0] == "slow"
    assert last[7:10] == ["10.0", "10.0", "2.8"]  # 20/2, and (20 + 8)/(2 + 8)
    assert json.dumps(rows)


def test_scale_invents_sparse_leaderboards():
    from benchmarks.scale import leaderboard

    design, outcomes = leaderboard(200)
    cells = sum(len(outcomes[group]["score"]) for group in ("anchored", "linked_cells"))
    assert 2.3 * 200 < cells < 3.0 * 200  # expected 1 + 5 x 2/3 x 1/2 = 2.67 to a model
    replicates = np.concatenate([design[group]["replicates"]
                                 for group in ("anchored", "linked_cells")])
    assert len(outcomes["contrasts"]["value"]) == (replicates - 1).sum()
