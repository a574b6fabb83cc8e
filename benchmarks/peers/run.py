"""One engine on the joint model of the shipped tables, in a process of its own.

    python -m benchmarks.peers.run stan out.json --draws 200 --tune 200 --chains 2

writes seconds of import, compilation and sampling (warm-up included), peak memory, and beside
the JSON an .npz with the draws of the headline parameters. Engines: ``ours`` (nutpie on the
package's kernel), ``nutpie`` (nutpie on the package's PyMC graph), ``pymc`` (PyMC's own NUTS on
it), ``numpyro``, ``stan``, and each but the first with ``-naive``: natural parameters, for PyMC
graphs by `benchmarks.naive`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

HEADLINE = ("rate", "level", "gap_family", "gap_model")
COMPARED = (*HEADLINE, "spread_growth", "noise", "drift", "nu", "headroom", "log_steepness")
Draws = dict[str, np.ndarray]


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        out = call()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
        return out


def shipped() -> tuple[Any, Any, Any, Any]:
    """Spec, observations, columns and coords of the main fit."""
    from densing_bayes.joint.data import inputs
    from densing_bayes.joint.fit import choose
    from densing_bayes.specs import load_model
    from densing_bayes.tables import load_tables

    spec = load_model("densing")
    observations = choose(load_tables(None), spec)
    return spec, observations, *inputs(observations, spec)


def named(model: Any) -> Callable[[dict[str, Any]], dict[str, np.ndarray]]:
    """From a point on the sampler's scale to the variables by name, each on its own scale."""
    names = [one.name for one in model.free_RVs]
    tell = model.compile_fn(model.replace_rvs_by_values(model.free_RVs), mode="FAST_COMPILE",
                            inputs=model.value_vars, on_unused_input="ignore")
    return lambda point: dict(zip(names, map(np.asarray, tell(point)), strict=True))


def starting_values(model: Any) -> dict[str, np.ndarray]:
    """The centre of the priors, from which every engine starts, by name on its own scale."""
    return named(model)(model.initial_point())


def graph(columns: Any, coords: Any, spec: Any, naive: bool) -> Any:
    """The PyMC model in either parametrisation."""
    from benchmarks import naive as natural
    from densing_bayes.joint import graph

    return (natural if naive else graph).build(columns, coords, spec)


def told(posterior: Any, observations: Any, columns: Any,
         names: tuple[str, ...] = COMPARED) -> Draws:
    """Draws of the compared parameters from an xarray posterior, shape (chain, draw)."""
    from densing_bayes.joint.quantities import derive

    derived = (posterior if "level" in posterior
               else derive(posterior, observations, columns))
    found = {}
    for name in names:
        value = derived[name] if name in derived else posterior[name]
        value = value.transpose("chain", "draw", ...).values
        found[name] = value.reshape(*value.shape[:2], -1)[:, :, 0]
    return found


def by_nutpie(asked: argparse.Namespace, clock: Clock, naive: bool) -> Draws:
    def load() -> None:
        import nutpie  # noqa: F401
        import pymc  # noqa: F401

        import densing_bayes.joint.fit  # noqa: F401

    clock("import", load)
    from benchmarks.scale import gradient_seconds
    from densing_bayes.fitting import compile_model, sample
    from densing_bayes.joint.engine import compiled_joint
    from densing_bayes.parameters import TOLD

    spec, observations, columns, coords = clock("read", shipped)
    keep = HEADLINE if naive else tuple(TOLD)
    compiled = clock("compile", lambda: compiled_joint(
        columns, coords, spec.priors, irreducible=False)
        if asked.engine == "ours" else compile_model(
            graph(columns, coords, spec, naive), keep=keep, jitter=False))
    point = np.asarray(compiled.initial_point_func(1), float)
    clock.seconds["gradient"] = gradient_seconds(compiled, point)
    sampling = replace(spec.sampling, draws=asked.draws, tune=asked.tune, chains=asked.chains)
    # a refit each, from another seed
    for seed in range(asked.repeats):  # the last run's draws are kept
        tree = clock(f"sample {seed}", lambda seed=seed: sample(
            compiled, replace(sampling, seed=sampling.seed + seed)))
    found = told(tree["posterior"].to_dataset(), observations, columns)
    clock.seconds["sample"] = float(np.median(
        [clock.seconds.pop(f"sample {seed}") for seed in range(asked.repeats)]))
    found["_steps"] = np.asarray(tree["sample_stats"]["n_steps"].values)
    return found


def by_pymc(asked: argparse.Namespace, clock: Clock, naive: bool) -> Draws:
    def load() -> None:
        import pymc  # noqa: F401

        import densing_bayes.joint.fit  # noqa: F401

    clock("import", load)
    import pymc as pm

    spec, observations, columns, coords = clock("read", shipped)
    model = graph(columns, coords, spec, naive)
    began = time.perf_counter()
    with model:
        tree = pm.sample(
            draws=asked.draws, tune=asked.tune, chains=asked.chains,
            cores=min(asked.chains, os.cpu_count() or 1), nuts_sampler="pymc", init="adapt_diag",
            target_accept=spec.sampling.target_accept, random_seed=spec.sampling.seed,
            progressbar=False, compute_convergence_checks=False)
    total = time.perf_counter() - began
    posterior = tree["posterior"].to_dataset()
    sampled = float(tree["posterior"].attrs["sampling_time"])
    clock.seconds |= {"compile": total - sampled, "sample": sampled}
    return told(posterior, observations, columns)


def by_stan(asked: argparse.Namespace, clock: Clock, naive: bool) -> Draws:
    from benchmarks.peers.data import flat

    spec, _, columns, coords = clock("read", shipped)
    model = graph(columns, coords, spec, naive)
    tell, rng = named(model), np.random.default_rng(1)
    points = [{name: value + size * rng.normal(size=np.shape(value))
               for name, value in model.initial_point().items()} for size in (0.0, 0.05, 0.05)]
    given = flat(columns, coords, spec, natural=naive, first=1)
    problem, found = (asked.out.with_suffix(end) for end in (".problem.json", ".found.npz"))
    problem.write_text(json.dumps({
        "data": given, "points": [tell(point) for point in points], "names": COMPARED,
        "seed": spec.sampling.seed, "draws": asked.draws, "tune": asked.tune,
        "chains": asked.chains, "target_accept": spec.sampling.target_accept,
    }, default=np.ndarray.tolist))
    subprocess.run([os.environ.get("STAN_PYTHON", sys.executable),
                    Path(__file__).with_name("stan_alone.py"), problem, found], check=True)
    draws = dict(np.load(found))
    for name in ("compile", "sample"):
        clock.seconds[name] = float(draws.pop(name))
    density = model.compile_logp(jacobian=False, sum=False, mode="FAST_COMPILE")
    ours = [sum(float(np.sum(part)) for part in density(point)) for point in points]
    np.testing.assert_allclose(np.diff(draws.pop("density")), np.diff(ours), rtol=1e-7,
                               err_msg="Stan's program says another model")
    draws.pop("peak_mb")  # counted with the other children of this process
    return draws | {"_steps": draws.pop("n_leapfrog__")}


def by_numpyro(asked: argparse.Namespace, clock: Clock, naive: bool) -> Draws:
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={asked.chains}"
    import jax
    import numpyro

    from benchmarks.peers.data import flat
    from benchmarks.peers.densing_numpyro import model

    jax.config.update("jax_enable_x64", True)
    compiling = [0.0]

    def heard(event: str, seconds: float, **_: Any) -> None:
        if event.endswith(("backend_compile_duration", "jaxpr_to_mlir_module_duration")):
            compiling[0] += seconds

    jax.monitoring.register_event_duration_secs_listener(heard)
    spec, _, columns, coords = clock("read", shipped)
    start = starting_values(graph(columns, coords, spec, naive))
    given = flat(columns, coords, spec, natural=naive)
    kernel = numpyro.infer.NUTS(
        model, target_accept_prob=spec.sampling.target_accept,
        init_strategy=numpyro.infer.init_to_value(values=start))
    chunk = min(asked.draws, 50)
    mcmc = numpyro.infer.MCMC(kernel, num_warmup=asked.tune, num_samples=chunk,
                              num_chains=asked.chains, chain_method="parallel",
                              progress_bar=False)
    began = time.perf_counter()
    parts: list[dict[str, Any]] = []
    steps: list[Any] = []
    key = jax.random.PRNGKey(spec.sampling.seed)
    while len(parts) * chunk < asked.draws:
        if parts:
            mcmc.post_warmup_state = mcmc.last_state
            key = mcmc.last_state.rng_key
            if time.perf_counter() - began > asked.seconds:
                break
        mcmc.run(key, given, extra_fields=("num_steps",))
        parts.append({name: np.asarray(value) for name, value in
                      mcmc.get_samples(group_by_chain=True).items()})
        steps.append(np.asarray(mcmc.get_extra_fields(group_by_chain=True)["num_steps"]))
    total = time.perf_counter() - began
    clock.seconds |= {"compile": compiling[0], "sample": total - compiling[0]}
    found = {}
    for name in COMPARED:
        value = np.concatenate([part[name] for part in parts], axis=1)
        found[name] = value.reshape(*value.shape[:2], -1)[:, :, 0]
    return found | {"_steps": np.concatenate(steps, axis=1)}


ENGINES = {"ours": by_nutpie, "nutpie": by_nutpie, "pymc": by_pymc, "stan": by_stan,
           "numpyro": by_numpyro}


def main() -> None:
    """Run one engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=[f"{name}{form}" for name in ENGINES
                                           for form in ("", "-naive")
                                           if (name, form) != ("ours", "-naive")])
    parser.add_argument("out", type=Path)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--tune", type=int, default=200)
    parser.add_argument("--chains", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1, help="median of so many (nutpie)")
    parser.add_argument("--seconds", type=float, default=90, help="no new draws after (numpyro)")
    asked = parser.parse_args()
    clock = Clock()
    engine, _, form = asked.engine.partition("-")
    found = ENGINES[engine](asked, clock, form == "naive")
    np.savez(asked.out.with_suffix(".npz"), **found)
    usage = [resource.getrusage(who).ru_maxrss for who in
             (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    asked.out.write_text(json.dumps({
        "engine": asked.engine, "chains": asked.chains, "draws": int(found["rate"].shape[1]),
        "tune": asked.tune, "seconds": clock.seconds, "peak_mb": max(usage) / 1024}))


if __name__ == "__main__":
    main()
