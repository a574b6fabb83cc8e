"""How cost grows with the leaderboard: invented tables of 10^2 to 10^4 models x 6 benchmarks.

    python -m benchmarks.scale 1000 out.json --draws 300 --tune 300

measures one size in a process of its own, as the package fits it: seconds to read the tables, per
gradient of one thread and per effective draw of the headline parameters; and its peak memory.
`exponents` fits the growth over sizes.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

BENCHMARKS = 6
KEPT = 0.5  # of the cells beyond the anchored benchmark: about 2.7 cells to a model


def leaderboard(models: int, seed: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """A sparse leaderboard of typical truth: design and outcomes (see `densing_bayes.worlds`)."""
    from densing_bayes import worlds

    rng = np.random.default_rng(seed)
    design = worlds.invent(rng, models=models, benchmarks=BENCHMARKS)
    linked = design["linked_cells"]
    keep = rng.random(len(linked["model"])) < KEPT
    design["linked_cells"] = {name: np.asarray(value)[keep] for name, value in linked.items()}
    # repeated cells of what is left
    replicates = np.concatenate([design[group]["replicates"]
                                 for group in ("anchored", "linked_cells")])
    benchmark = np.concatenate([design[group]["benchmark"]
                                for group in ("anchored", "linked_cells")])
    of = np.repeat(benchmark, replicates - 1)
    design["contrasts"] = {"benchmark": of, "spread": np.full(of.size, 0.95),
                           "weight": np.ones(of.size)}
    return design, worlds.simulate(design, worlds.TYPICAL, rng)[0]


def gradient_seconds(compiled: Any, point: np.ndarray, least: float = 2.0) -> float:
    """Median seconds of one log density with gradient, single-threaded, at a point."""
    call = compiled.compiled_logp_func.ctypes
    out, value = np.zeros_like(point), np.zeros(())
    pointer = ctypes.POINTER(ctypes.c_double)
    given = (ctypes.c_uint64(len(point)), point.ctypes.data_as(pointer),
             out.ctypes.data_as(pointer), value.ctypes.data_as(pointer),
             ctypes.c_void_p(compiled.user_data.ctypes.data))
    status = call(*given)
    if status != 0 or not np.isfinite(value):
        raise RuntimeError(f"no finite log density at the starting point (status {status})")
    times: list[float] = []
    while sum(times) < least and len(times) < 20_000:
        began = time.perf_counter()
        call(*given)
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def prepared(models: int, found: dict[str, Any]) -> Any:
    """The joint model of a leaderboard that went through files; seconds of that in ``found``."""
    from densing_bayes.joint.fit import choose, prepare
    from densing_bayes.specs import load_model
    from densing_bayes.tables import load_tables
    from densing_bayes.worlds import write

    spec = load_model("densing")
    plain = replace(spec, options={**spec.options, "benchmarks": [], "until": ""})
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), *leaderboard(models))
        began = time.perf_counter()
        observations = choose(load_tables(Path(folder)), plain)
        joint = prepare(observations, plain)
        found["read_s"] = time.perf_counter() - began
    return joint, observations


def measured(models: int, draws: int, tune: int) -> dict[str, Any]:
    """Seconds per gradient and per effective draw of one size by NUTS, two chains."""
    import arviz_stats as azs

    from benchmarks.peers.run import HEADLINE, told
    from densing_bayes.fitting import sample
    from densing_bayes.worlds import TYPICAL

    found: dict[str, Any] = {"models": models, "iterations": draws + tune}
    joint, observations = prepared(models, found)
    point = np.asarray(joint.compiled.initial_point_func(1), float)
    found |= {"parameters": int(joint.compiled.n_dim),
              "gradient_us": 1e6 * gradient_seconds(joint.compiled, point)}
    asked = replace(joint.spec.sampling, draws=draws, tune=tune, chains=2)
    began = time.perf_counter()
    tree = sample(joint.compiled, asked)
    found["fit_s"] = time.perf_counter() - began
    headline = told(tree["posterior"].to_dataset(), observations, joint.columns, HEADLINE)
    stats = tree["sample_stats"]
    return found | {
        "ess": min(float(azs.ess(value)) for value in headline.values()),
        "rhat": max(float(azs.rhat(value)) for value in headline.values()),
        "divergences": int(stats["diverging"].sum()),
        "gradients_per_draw": float(stats["n_steps"].mean()),
        "rate": [float(headline["rate"].mean()), float(headline["rate"].std())],
        "true_rate": TYPICAL["rate"], "peak_mb": peak_mb()}


def peak_mb() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Slope of ln cost on ln models by least squares.

    Examples
    --------
    >>> rows = [{"models": n, "read_s": n / 100, "fit_s": n / 10, "ess": 50.0,
    ...          "iterations": 60, "peak_mb": 300.0} for n in (100, 1000)]
    >>> {name: round(slope, 6) for name, slope in exponents(rows).items()}
    {'read_s': 1.0, 's_per_iteration': 1.0, 's_per_effective_draw': 1.0, 'peak_mb': 0.0}
    """
    if len(rows) < 2:
        return {}
    size = np.log([row["models"] for row in rows])
    cost = {"read_s": [row["read_s"] for row in rows],
            "s_per_iteration": [row["fit_s"] / row["iterations"] for row in rows],
            "s_per_effective_draw": [row["fit_s"] / row["ess"] for row in rows],
            "peak_mb": [row["peak_mb"] for row in rows]}
    return {name: float(np.polyfit(size, np.log(value), 1)[0]) for name, value in cost.items()}


def main() -> None:
    """Measure one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--draws", type=int, default=1500)
    parser.add_argument("--tune", type=int, default=300)
    asked = parser.parse_args()
    asked.out.write_text(json.dumps(measured(asked.models, asked.draws, asked.tune)))


if __name__ == "__main__":
    main()
