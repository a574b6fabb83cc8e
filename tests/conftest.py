"""Shared by all tests: settings before anything heavy is imported, and one small world.

The small world is made from known truth (`densing_bayes.worlds`) and written as tables, so that
tests go the whole way from files. Ask for ``small_joint``, and for ``small_fit``, its posterior.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("PYTENSOR_FLAGS", "numba__fastmath=False")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["DENSING_TRACEBACK"] = "1"  # a fault of the program fails its test
os.environ.setdefault("MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib"))
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()  # no fit of an earlier run answers a test
os.environ.pop("DENSING_SHELF", None)  # tests are of the shelf in this checkout

import numpy as np
import pytest
import xarray as xr
from small_specs import write_report_spec, write_spec

from densing_bayes import laws
from densing_bayes.fitting import Fit
from densing_bayes.joint.data import inputs
from densing_bayes.joint.engine import MEAN_HALF, own_coordinates
from densing_bayes.joint.fit import choose, prepare
from densing_bayes.parameters import DIMS, PARAMETERS, TOLD
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
    """Sixty models on three benchmarks (the first anchored) over 2.8 years."""
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
    return as_draw(small_world, small_world.truth["rate"])


@pytest.fixture(scope="session")
def bent_draws(small_world) -> xr.Dataset:
    """The same densities under a frontier each half year of which grows otherwise."""
    return as_draw(small_world, np.resize([2.1, 0.6, 1.9, 0.1], len(small_world.coords["segment"])))


DRIFT = 0.7  # any positive value allows for half years that all grow alike


def as_draw(small_world: SmallWorld, growth: Any) -> xr.Dataset:
    """The truth of the small world under some growth of each half year, 1/year, as one draw."""
    truth, columns = fill(small_world.truth, small_world.columns), small_world.columns
    latent, coords = small_world.truth, small_world.coords
    setting = {name: value[0] for name, value in columns["setting"].items()}
    law, curve = ({name: np.asarray(value)[..., 0] if np.ndim(value) else value
                   for name, value in part.items()} for part in ruler(truth, columns))
    low, high = (laws.log_effective_size(
        loss=laws.loss_of_score(score=setting[f"{end}_score"], **curve),
        tokens=setting["reference_tokens"], **law) for end in ("low", "high"))
    c0, c1 = low, high - low
    share = truth["size_share"]
    # models and families stand in the order of the tables
    order = [int(name.split("-")[1]) for name in coords["model"]]
    family = [int(name.split("-")[1]) for name in coords["family"]]
    at = truth | {
        "c0": c0, "c1": c1, "drift": DRIFT,
        "growth": np.broadcast_to(np.asarray(growth, float), len(coords["segment"])),
        "family_gap": latent["family_gaps"][family],
        "z": (latent["log_effective"][order] - c0) / c1,
        "log_kappa_z": truth["log_kappa"] + np.log(c1),
        "middle_z": (truth["linked_midpoint"] - c0) / c1,
        "log_size_slope": truth["log_alpha"] + np.log(share),
        "log_token_slope": truth["log_beta"] + np.log(1 - share),
        "gap_family_z": truth["family_gap"] / c1, "gap_model_z": truth["model_gap"] / c1,
        "rate_z": truth["rate"] / c1, "sd_benchmark_z": truth["sd_benchmark"] / c1,
        "mean_z": (truth["level"] + setting["mean_size"] - c0 - truth["family_gap"]
                   - MEAN_HALF * truth["model_gap"]) / c1,
        "trend_contrast": latent["trend_contrast"], "tilt_contrast": latent["tilt_contrast"],
    }
    at |= own_coordinates(at, columns, small_world.spec.priors["level"])
    return xr.Dataset({
        name: (("chain", "draw", *([DIMS[name]] if name in DIMS else [])),
               np.asarray(at[name], float)[None, None])
        for name in (*(row.name for row in PARAMETERS), *TOLD) if name != "irreducible_share"})


@pytest.fixture(scope="session")
def small_joint(small_world):
    """The joint model of the small world."""
    return prepare(small_world.observations, small_world.spec)


@pytest.fixture(scope="session")
def small_fit(small_world, small_joint) -> Fit:
    """Its posterior, saved as ``fit.nc`` beside the world's specs.

    As the main job does it: sampled once more, longer, where the gate refuses.
    """
    from densing_bayes.context import gate

    fit = small_joint.fit(small_world.tables.sha256)
    if not gate(fit)["passed"]:
        fit = small_joint.fit(small_world.tables.sha256, longer=True)
    fit.save(small_world.report.with_name("fit.nc"))
    return fit


@pytest.fixture(scope="session")
def small_context(small_world, small_fit):
    """A run of the main job that answers from it."""
    from densing_bayes.context import Context

    return Context(small_world.tables, small_world.spec,
                   saved=small_world.report.with_name("fit.nc"), must_exist=True)


@pytest.fixture
def compiled_once(small_joint, monkeypatch) -> None:
    """Runs of the main job on the small world take the model that is already compiled."""
    def prepared(observations, spec):
        assert observations.data.equals(small_joint.observations.data)
        return replace(small_joint, spec=spec)

    monkeypatch.setattr("densing_bayes.joint.fit.prepare", prepared)
