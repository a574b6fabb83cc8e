"""How cost grows with the leaderboard: invented tables of 10^2 to 10^5 models x 6 benchmarks.

    python -m benchmarks.scale 1000 out.json --draws 300 --tune 300

measures one size in a process of its own, as the package fits it: by NUTS (seconds to read the
tables, per gradient of one thread, per effective draw of the headline parameters) or, with
`--marginal`, with families and models integrated out (seconds by step, weights); and its peak
memory. `exponents` fits the growth over sizes.

    python -m benchmarks.scale 1000 out.json --against-nuts

compares the posterior of the second way with a long run of NUTS on the same tables.
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


COMPARED = ("rate", "level", "omega", "q", "omega_family", "q_family", "drift", "c1", "nu")


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
    return joint


def told(posterior: Any, columns: Any) -> dict[str, np.ndarray]:
    """Draws of the compared quantities, in natural units (rate per year)."""
    from densing_bayes.joint.quantities import mean_gap

    c1 = posterior["c1"]
    out = {"rate": posterior["rate_z"] * c1, "c1": c1}
    out |= {name: posterior[name] for name in ("q", "q_family", "drift", "nu")}
    for part, name, q in (("model", "omega", "q"), ("family", "omega_family", "q_family")):
        out[name] = posterior[f"sd_{part}_z"] * c1 / np.sqrt(1 - 2 * posterior[q] / np.pi)
    # at the models' mean date
    out["level"] = (posterior["mean_z"] * c1 + posterior["c0"]
                    - columns["setting"]["mean_log_params"][0]
                    + mean_gap(out["omega"], out["q"])
                    + mean_gap(out["omega_family"], out["q_family"]))
    return {name: value.transpose("chain", "draw").values for name, value in out.items()}


def by_nuts(models: int, draws: int, tune: int) -> dict[str, Any]:
    """Seconds per gradient and per effective draw of one size by NUTS, two chains."""
    import arviz_stats as azs

    from densing_bayes.fitting import sample
    from densing_bayes.worlds import TYPICAL

    found: dict[str, Any] = {"models": models, "method": "nuts", "iterations": draws + tune}
    joint = prepared(models, found)
    point = np.asarray(joint.compiled.initial_point_func(1), float)
    found |= {"parameters": int(joint.compiled.n_dim),
              "gradient_us": 1e6 * gradient_seconds(joint.compiled, point)}
    asked = replace(joint.spec.sampling, draws=draws, tune=tune, chains=2)
    began = time.perf_counter()
    tree = sample(joint.compiled, asked)
    found["fit_s"] = time.perf_counter() - began
    draws_of = told(tree["posterior"].to_dataset(), joint.columns)
    headline = {name: draws_of[name] for name in ("rate", "level", "omega", "omega_family")}
    stats = tree["sample_stats"]
    return found | {
        "ess": min(float(azs.ess(value)) for value in headline.values()),
        "rhat": max(float(azs.rhat(value)) for value in headline.values()),
        "divergences": int(stats["diverging"].sum()),
        "gradients_per_draw": float(stats["n_steps"].mean()),
        "rate": [float(headline["rate"].mean()), float(headline["rate"].std())],
        "true_rate": TYPICAL["rate"], "peak_mb": peak_mb()}


def by_marginal(models: int) -> dict[str, Any]:
    """Seconds by step, memory, weights and rate of one size by integrating the models out."""
    from densing_bayes.joint.marginal import sample_marginal
    from densing_bayes.worlds import TYPICAL

    found: dict[str, Any] = {"models": models, "method": "marginal"}
    joint = prepared(models, found)
    began = time.perf_counter()
    tree = sample_marginal(joint.compiled, joint.spec.sampling)
    found["fit_s"] = time.perf_counter() - began
    rate = told(tree["posterior"].to_dataset(), joint.columns)["rate"]
    seconds = json.loads(tree.attrs["seconds"])
    return found | {f"{step}_s": value for step, value in seconds.items()} | {
        name: tree.attrs[name] for name in (
            "pareto_k", "nodes_family", "nodes_model")} | {
        "iterations": tree.attrs["weighted"], "ess": tree.attrs["ess_importance"],
        "rate": [float(rate.mean()), float(rate.std())],
        "true_rate": TYPICAL["rate"], "peak_mb": peak_mb()}


def against_nuts(models: int, draws: int, tune: int) -> dict[str, Any]:
    """Both ways on the same tables: differences of means in posterior sds, ratios of sds.

    The standard error of a difference follows from the effective sizes of both.
    """
    import arviz_stats as azs

    from densing_bayes.fitting import sample
    from densing_bayes.joint.marginal import sample_marginal

    found: dict[str, Any] = {"models": models, "draws": draws}
    joint = prepared(models, found)
    began = time.perf_counter()
    tree = sample_marginal(joint.compiled, joint.spec.sampling)
    found |= {"marginal_s": time.perf_counter() - began, "pareto_k": tree.attrs["pareto_k"],
              "ess_importance": tree.attrs["ess_importance"]}
    ours = told(tree["posterior"].to_dataset(), joint.columns)
    began = time.perf_counter()
    asked = replace(joint.spec.sampling, draws=draws, tune=tune)
    theirs = told(sample(joint.compiled, asked, case="long")["posterior"].to_dataset(),
                  joint.columns)
    found["nuts_s"] = time.perf_counter() - began
    rows = {}
    for name in COMPARED:
        sd, ess = theirs[name].std(), float(azs.ess(theirs[name]))
        rows[name] = {
            "difference_sd": float((ours[name].mean() - theirs[name].mean()) / sd),
            "standard_error": float(np.sqrt(1 / ess + 1 / found["ess_importance"]
                                            + 1 / ours[name].size)),
            "ratio_of_sds": float(ours[name].std() / sd), "ess_nuts": ess,
            "rhat_nuts": float(azs.rhat(theirs[name]))}
    return found | {"compared": rows}


def peak_mb() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Slope of ln cost on ln models by least squares, over the sizes of either way of fitting.

    Examples
    --------
    >>> rows = [{"models": n, "method": "nuts", "read_s": n / 100, "fit_s": n / 10, "ess": 50.0,
    ...          "iterations": 60, "peak_mb": 300.0} for n in (100, 1000)]
    >>> for name, slope in exponents(rows).items():
    ...     print(name, round(slope, 6))
    read_s 1.0
    nuts: s_per_iteration 1.0
    nuts: s_per_effective_draw 1.0
    nuts: peak_mb 0.0
    """
    def slope(known: list[tuple[float, float]]) -> float:
        size, cost = np.log(np.array(known, float)).T
        return float(np.polyfit(size, cost, 1)[0])

    out = {}
    if len(rows) >= 2:
        out["read_s"] = slope([(row["models"], row["read_s"]) for row in rows])
    for method in ("nuts", "marginal"):
        of = [row for row in rows if row["method"] == method]
        if len(of) >= 2:
            out[f"{method}: s_per_iteration"] = slope(
                [(row["models"], row["fit_s"] / row["iterations"]) for row in of])
            out[f"{method}: s_per_effective_draw"] = slope(
                [(row["models"], row["fit_s"] / row["ess"]) for row in of])
            out[f"{method}: peak_mb"] = slope([(row["models"], row["peak_mb"]) for row in of])
    return out


def main() -> None:
    """Measure one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--draws", type=int, default=1500)
    parser.add_argument("--tune", type=int, default=300)
    parser.add_argument("--marginal", action="store_true", help="models integrated out")
    parser.add_argument("--against-nuts", action="store_true", help="both ways, compared")
    asked = parser.parse_args()
    if asked.marginal:
        found = by_marginal(asked.models)
    elif asked.against_nuts:
        found = against_nuts(asked.models, asked.draws, asked.tune)
    else:
        found = by_nuts(asked.models, asked.draws, asked.tune)
    asked.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
