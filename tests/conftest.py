"""Shared by all tests: settings before anything heavy is imported, and one small world.

The small world is made from known truth (`densing_bayes.worlds`) and written as tables, so that
tests go the whole way from files. Ask for ``small_joint``, and for ``small_fit``, its posterior.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("PYTENSOR_FLAGS", "numba__fastmath=False")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["DENSING_TRACEBACK"] = "1"  # a fault of the program fails its test
os.environ.pop("DENSING_SHELF", None)  # tests are of the shelf in this checkout

import numpy as np
import pytest
import xarray as xr
from small_specs import write_report_spec, write_spec

from densing_bayes import laws
from densing_bayes.context import gate
from densing_bayes.fitting import Fit
from densing_bayes.joint.centring import own_places
from densing_bayes.joint.data import inputs
from densing_bayes.joint.fit import choose, prepare
from densing_bayes.joint.growth import effects, turns
from densing_bayes.specs import ModelSpec, load_model
from densing_bayes.tables import Tables, load_tables
from densing_bayes.worlds import TYPICAL, fill, invent, ruler, simulate, write


@dataclass(frozen=True)
class SmallWorld:
    """A world of known truth, from its tables on disk to the columns of the joint model."""

    folder: Path
    tables: Tables
    spec: ModelSpec
    report: Path  # a report spec with the sections of the default report, on ``spec``
    observations: Any
    columns: dict[str, Any]
    coords: dict[str, Any]
    truth: dict[str, Any]


@pytest.fixture(scope="session")
def small_world(tmp_path_factory) -> SmallWorld:
    """Sixty models on three benchmarks (the first anchored) over 2.2 years."""
    rng = np.random.default_rng(20230224)
    design = invent(rng, models=60, benchmarks=3)
    outcomes, truth = simulate(design, TYPICAL, rng)
    place = tmp_path_factory.mktemp("small-world")
    folder = write(place / "tables", design, outcomes)
    tables = load_tables(folder)
    spec = load_model(write_spec(place / "small.toml", seed=1))
    report = write_report_spec(place / "small-report.toml", place / "small.toml")
    observations = choose(tables, spec)
    columns, coords = inputs(observations, spec)
    return SmallWorld(folder, tables, spec, report, observations, columns, coords, truth)


@pytest.fixture(scope="session")
def true_draws(small_world) -> xr.Dataset:
    """The truth of the small world as one draw, in the coordinates that the model samples."""
    return as_draw(small_world, np.zeros(len(small_world.coords["knot"])))


@pytest.fixture(scope="session")
def bent_draws(small_world) -> xr.Dataset:
    """The same densities under a frontier whose rate changes at each knot."""
    return as_draw(small_world, np.array([0.5, -1.0, 0.3, 0.8, -0.2, -0.6]))


DRIFT = 0.7  # any positive value allows for steps of zero


def as_draw(small_world: SmallWorld, step: np.ndarray) -> xr.Dataset:
    """The truth of the small world with some steps of the frontier's rate."""
    truth, columns = fill(small_world.truth, small_world.columns), small_world.columns
    latent = small_world.truth
    setting = {name: value[0] for name, value in columns["setting"].items()}
    law, curve = ({name: np.asarray(value)[..., 0] if np.ndim(value) else value
                   for name, value in part.items()} for part in ruler(truth, columns))
    low, high = (laws.log_effective_size(
        loss=laws.loss_of_score(score=setting[f"{end}_score"], **curve),
        tokens=setting["reference_tokens"], **law) for end in ("low", "high"))
    c0, c1 = low, high - low
    gap, family_gap = (truth[f"omega{of}"] * np.sqrt(2 * truth[f"q{of}"] / np.pi)
                       for of in ("", "_family"))
    sd, family_sd = (truth[f"omega{of}"] * np.sqrt(1 - 2 * truth[f"q{of}"] / np.pi)
                     for of in ("", "_family"))
    share = truth["size_share"]
    z = (latent["log_effective"] - c0) / c1
    models = columns["models"]
    turn_weight, turn = turns(columns["knots"], models["time"])
    # the mean of a model of an average family
    line = (truth["level"] - family_gap - gap + truth["rate"] * models["time"]
            + models["log_params"] + effects(columns["knots"], models["time"]) @ step - c0) / c1

    def sampled(value: Any, mean: Any, sd: float, place: Any, precision: Any) -> Any:
        """A value's distance from where a normal would be, given its own evidence, in sds."""
        variance = 1 / (precision + 1 / sd**2)
        return (value - variance * (precision * place + mean / sd**2)) / np.sqrt(variance)

    place, precision = own_places(columns)
    family = np.asarray(models["family"]).astype(int)
    spread = np.divide(1, precision, where=precision > 0, out=np.full(len(z), np.inf))
    of_family = np.bincount(family, 1 / (spread + (sd / c1) ** 2))
    of_place = np.bincount(family, (place - line) / (spread + (sd / c1) ** 2)) / np.maximum(
        of_family, 1e-300)

    # linked curves are sampled by place and steepness where the mean score is reached
    slope, middle = truth["log_kappa"] + np.log(c1), (truth["linked_midpoint"] - c0) / c1
    p = np.asarray(columns["linked_benchmarks"]["mean_share"]) / truth["linked_headroom"]
    at_mean = truth["level"] - gap - family_gap + setting["mean_log_params"]
    values = {
        "c0": ((), c0), "c1": ((), c1), "rate_z": ((), truth["rate"] / c1),
        "mean_z": ((), (at_mean - c0) / c1), "q": ((), truth["q"]),
        "q_family": ((), truth["q_family"]), "sd_model_z": ((), sd / c1),
        "sd_family_z": ((), family_sd / c1), "nu": ((), truth["nu"]),
        "family_effect": (("family",), np.zeros(len(small_world.coords["family"]))),
        "z": (("model",), z),
        "family_coordinate": (("family",), sampled(0.0, 0.0, family_sd / c1, of_place,
                                                   of_family)),
        "model_coordinate": (("model",), sampled(z, line, sd / c1, place, precision)),
        "size_share": (("anchor",), share),
        "log_size_slope": (("anchor",), truth["log_alpha"] + np.log(share)),
        "log_token_slope": (("anchor",), truth["log_beta"] + np.log(1 - share)),
        "sd_source": (("benchmark",), truth["sd_source"]),
        "sd_benchmark_z": (("benchmark",), truth["sd_benchmark"] / c1),
        "drift": ((), DRIFT), "rate_step": (("knot",), step),
        "step_coordinate": (("knot",), turn.T @ step / DRIFT ** (1 - turn_weight)),
        "log_kappa_z": (("linked",), slope), "middle_z": (("linked",), middle),
        "linked_steepness": (("linked",), slope + np.log1p(-p)),
        "linked_place": (("linked",), middle + np.log(p / (1 - p)) / np.exp(slope)),
        "linked_headroom": (("linked",), truth["linked_headroom"]),
        **{name: (("anchor",), truth[name]) for name in (
            "log_loss_at_centre", "headroom", "log_steepness", "log_midpoint", "sigma_loss",
            "sigma_pair")},
    }
    return xr.Dataset({
        name: (("chain", "draw", *dims), np.asarray(value, float)[None, None])
        for name, (dims, value) in values.items()})


@pytest.fixture(scope="session")
def small_joint(small_world):
    """The joint model of the small world."""
    return prepare(small_world.observations, small_world.spec)


@pytest.fixture(scope="session")
def small_fit(small_world, small_joint) -> Fit:
    """Its posterior, saved as ``fit.nc`` beside the world's specs.

    As the main job does it: sampled once more, longer, where the gate refuses.
    """
    fit = small_joint.fit(small_world.tables.sha256)
    if not gate(fit)["passed"]:
        fit = small_joint.fit(small_world.tables.sha256, longer=True)
    fit.save(small_world.report.with_name("fit.nc"))
    return fit


@pytest.fixture
def compiled_once(small_joint, monkeypatch) -> None:
    """Runs of the main job on the small world take the model that is already compiled."""
    def prepared(observations, spec):
        assert observations.data.equals(small_joint.observations.data)
        return replace(small_joint, spec=spec)

    monkeypatch.setattr("densing_bayes.context.prepare", prepared)
