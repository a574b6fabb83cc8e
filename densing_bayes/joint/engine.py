"""The joint model as the sampler takes it: tables packed for `densing_bayes.joint.kernel`.

Nothing is compiled for a new table: the kernel takes tables of any size, and numba keeps its
machine code on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from nutpie.compiled_pyfunc import from_pyfunc
from scipy import special

from densing_bayes.joint import kernel
from densing_bayes.joint.centring import own_places
from densing_bayes.joint.curves import axis_size, least_variance
from densing_bayes.joint.data import counted
from densing_bayes.joint.growth import effects, softplus, turns  # noqa: F401 (softplus: example)
from densing_bayes.joint.ruler import COORDINATES, Ruler, law_and_curve
from densing_bayes.nuts import model_for_nutpie
from densing_bayes.observations import helmert
from densing_bayes.parameters import DIMS, POSITIVE, TOLD
from densing_bayes.priors import DISTRIBUTIONS, Prior

Columns = dict[str, dict[str, Any]]
MEAN_HALF = np.sqrt(2 / np.pi)  # mean of a half-normal of scale 1

@dataclass(frozen=True, eq=False)
class CompiledJoint:
    """The joint model of some tables, ready for the sampler.

    ``columns`` and ``priors`` are what it was made of; ``values`` those variables that are held
    at given values instead of sampled. ``shapes``, ``dims`` and ``coords`` are of the variables
    that it tells; the C functions read ``shared_data`` through ``user_data``.
    """

    columns: Columns
    priors: Mapping[str, Prior]
    irreducible: bool
    values: Mapping[str, Any]
    start: Callable[[int], np.ndarray] | None  # from a seed; None: the priors' centre
    initial_point_func: Any  # from a seed to a point
    shapes: dict[str, tuple[int, ...]]
    dims: dict[str, tuple[str, ...]]
    coords: dict[str, Any]
    n_dim: int
    n_expanded: int
    compiled_logp_func: Any
    compiled_expand_func: Any
    shared_data: dict[str, np.ndarray]
    user_data: np.ndarray

    def for_nutpie(self) -> Any:
        """What `nutpie.sample` takes."""
        return model_for_nutpie(
            log_density=self.compiled_logp_func, expansion=self.compiled_expand_func,
            start=self.initial_point_func, arrays=self.shared_data, user_data=self.user_data,
            dimension=self.n_dim, shapes=self.shapes, dims=self.dims, coords=self.coords)

    def with_data(self, **changes: Any) -> CompiledJoint:
        """The model of changed tables (name -> columns) or ``priors`` (name -> prior)."""
        changes = dict(changes)
        priors = changes.pop("priors", self.priors)
        unknown = set(changes) - set(self.columns)
        if unknown:
            raise KeyError(f"no such table: {', '.join(sorted(unknown))}")
        return compiled_joint(self.columns | changes, self.coords, priors,
                              irreducible=self.irreducible, values=self.values,
                              start=self.start)

    def holding(self, values: Mapping[str, Any]) -> CompiledJoint:
        """The model with some variables held at given values (natural units)."""
        return compiled_joint(self.columns, self.coords, self.priors,
                              irreducible=self.irreducible, values=values)

    def starting_at(self, point: np.ndarray, *, spread: float = 0.0) -> CompiledJoint:
        """Chains that start at a point of the sampled coordinates, or ``spread`` about it."""
        def start(seed: int) -> np.ndarray:
            return point + np.random.default_rng(seed).uniform(-spread, spread, len(point))

        return replace(self, initial_point_func=start, start=start)

    def point(self, at: Mapping[str, Any]) -> np.ndarray:
        """Values in natural units as a point of the sampled coordinates; zero where none is."""
        out = whole_point(at, self.shapes, self.columns)
        return out[np.concatenate([np.full(int(np.prod(shape)), name not in self.values)
                                   for name, shape in self.shapes.items()
                                   if name not in TOLD])]

    def log_density(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density and its gradient at a point."""
        x = np.ascontiguousarray(x, float)
        gradient, total = np.empty(self.n_dim), np.empty(1)
        function = self.compiled_logp_func.ctypes
        function(self.n_dim, *(array.ctypes.data_as(kind) for array, kind in zip(
            (x, gradient, total), function.argtypes[1:4], strict=True)),
            self.user_data.ctypes.data)
        return float(total[0]), gradient


def compiled_joint(columns: Columns, coords: Mapping[str, Any], priors: Mapping[str, Prior], *,
                   irreducible: bool, values: Mapping[str, Any] | None = None,
                   start: Callable[[int], np.ndarray] | None = None,
                   latents: bool = True) -> CompiledJoint:
    """The joint model of tables and labels (`densing_bayes.joint.data`) under given priors.

    Chains start at the centre of the priors unless ``start`` (seed -> point) says otherwise.
    Without ``latents`` it is the globals' part alone: priors, ladder and pairs, without families,
    models and their scores.
    """
    values = dict(values or {})
    if not latents:
        coords = {**coords, "family": [], "model": []}
    coords = {name: pd.Index(list(labels)) for name, labels in coords.items()
              if name in set(DIMS.values())}
    sizes = {name: len(labels) for name, labels in coords.items()}
    shapes: dict[str, tuple[int, ...]] = {name: (sizes[DIMS[name]],) if name in DIMS else ()
              for name in (*kernel.VARIABLES, *TOLD)}
    if not irreducible:
        shapes["irreducible_share"] = (0,)
    shapes = {name: shape for name, shape in shapes.items() if np.prod(shape) > 0}
    lengths = [int(np.prod(shapes[name])) if name in shapes else 0 for name in kernel.VARIABLES]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(float)
    free = np.concatenate([np.full(length, float(name not in values)) for name, length in
                           zip(kernel.VARIABLES, lengths, strict=True)])
    tables = packed(columns, priors) | {
        "starts": starts[None, :], "held": np.stack([whole_point(values, shapes, columns), free])}
    if not latents:
        tables |= {name: tables[name][:, :0] for name in (
            "models", "design", "families", "contrasts", "anchored", "linked_cells")}
    arrays = {name: np.ascontiguousarray(tables[name], float) for name in kernel.TABLES}
    user_data = np.array([number for array in arrays.values()
                          for number in (array.ctypes.data, *array.shape)], dtype=np.int64)
    dimension = int(free.sum())
    log_density, expansion = kernel.machine_code()
    coords["unconstrained_parameter"] = pd.RangeIndex(dimension)
    made = CompiledJoint(
        columns=columns, priors=priors, irreducible=irreducible, values=values, start=start,
        initial_point_func=start, shapes=shapes,
        dims={name: (DIMS[name],) for name in shapes if name in DIMS}, coords=coords,
        n_dim=dimension, n_expanded=sum(int(np.prod(shape)) for shape in shapes.values()),
        compiled_logp_func=log_density, compiled_expand_func=expansion, shared_data=arrays,
        user_data=user_data)
    if start:
        return made
    point = made.point(prior_centre(columns, priors, shapes))
    return replace(made, initial_point_func=lambda seed: point.copy())


def compiled_function(density: Callable[[np.ndarray], tuple[float, np.ndarray]],
                      size: int) -> Any:
    """A log density with its gradient as `densing_bayes.fitting.sample` takes it.

    Draws are of one variable ``x``; chains start within 1 of the origin.
    """
    def start(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).uniform(-1, 1, size)

    return from_pyfunc(size, lambda: density, lambda *_: lambda x: {"x": x},
                       [np.dtype(float)], [(size,)], ["x"], make_initial_point_fn=start)


def packed(columns: Columns, priors: Mapping[str, Prior]) -> dict[str, np.ndarray]:
    """The kernel's tables (`kernel.ROWS`): rows without weight left out, constants computed."""
    kept = {name: counted(name, table) for name, table in columns.items()}
    models, setting, contrasts = kept["models"], kept["setting"], kept["contrasts"]
    seen = own_places(columns)
    of_cells = {"anchored": seen.anchored, "linked_cells": seen.linked}
    derived = {
        "setting": setting | {"log_tokens": np.log(setting["reference_tokens"])},
        "models": models | {"size": models["log_used"] - setting["mean_size"],
                            "held_over_used": np.exp(models["log_held"] - models["log_used"]),
                            "own_precision": seen.precision},
        "contrasts": contrasts | {
            "square": (contrasts["value"] / contrasts["spread"]) ** 2,
            "log_spread": np.log(contrasts["spread"])},
        **{name: kept[name] | {"per_item": 1 / kept[name]["items"],
                               "per_replicate": 4 / kept[name]["replicates"],
                               "least": least_variance(kept[name]["items"]),
                               **{key: value[np.asarray(columns[name]["weight"]) == 1]
                                  for key, value in zip(("share", "place"), of_cells[name],
                                                        strict=True)}}
           for name in ("anchored", "linked_cells")},
    }
    out = {name: np.stack([(kept | derived)[name][row] for row in rows])
           for name, rows in kernel.ROWS.items() if name not in ("priors", "held")}
    for name, key in (("ladder", "anchor"), ("pairs", "anchor"), ("contrasts", "benchmark"),
                      ("anchored", "benchmark"), ("linked_cells", "benchmark")):
        out[name] = out[name][:, np.argsort(kept[name][key], kind="stable")]
    effect = effects(columns["segments"], models["time"])
    weight, turn = turns(effect[models["eligible"] > 0])
    out["turns"] = np.concatenate([weight[None, :], turn])
    out["design"] = effect.T
    rows = [priors[name] for name in kernel.PRIORS]
    numbers = [[prior.args[key] for key in DISTRIBUTIONS[prior.dist]] for prior in rows]
    out["priors"] = np.array([
        [POSITIVE.index(prior.dist) if prior.dist in POSITIVE else -1 for prior in rows],
        [given[0] for given in numbers], [given[-1] for given in numbers],
        [constant_of(prior.dist, *given) for prior, given in zip(rows, numbers, strict=True)]])
    return out


def constant_of(dist: str, first: float, second: float = 0.0) -> float:
    """The term of a prior's log density that no value changes; a normal's is not asked for.

    Examples
    --------
    >>> round(constant_of("Beta", 2.0, 2.0), 6)  # ln 6, as 1 / B(2, 2) = 6
    1.791759
    """
    return float({
        "Normal": lambda: 0.0,
        "Beta": lambda: -special.betaln(first, second),
        "HalfNormal": lambda: 0.5 * np.log(2 / np.pi) - np.log(first),
        "LogNormal": lambda: -0.5 * np.log(2 * np.pi) - np.log(second),
        "Gamma": lambda: first * np.log(second) - special.gammaln(first),
        "Exponential": lambda: np.log(first)}[dist]())


def whole_point(at: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]],
                columns: Columns) -> np.ndarray:
    """All variables on the sampler's scale; zero for those that ``at`` lacks."""
    floors = {"headroom": columns["anchors"]["floor"],
              "linked_headroom": columns["linked_benchmarks"]["floor"]}

    def sampled(name: str) -> Any:
        value, number = np.asarray(at[name], float), kernel.VARIABLES.index(name)
        if number in kernel.SCALES:
            return np.log(value)
        if number in kernel.ABOVE:
            return np.log((value - floors[name]) / (1 - value))
        return np.log(value / (1 - value)) if number in kernel.SHARES else value

    return np.concatenate([
        np.broadcast_to(sampled(name) if name in at else 0.0, shape).ravel()
        for name, shape in shapes.items() if name not in TOLD])


# -- where chains start ----------------------------------------------------------------------


def prior_centre(columns: Columns, priors: Mapping[str, Prior],
                 shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The centre of the priors, families and models where their own scores put them.

    Off the priors' modes where the gradient would be zero: the sampler refuses that.
    """
    at: dict[str, Any] = {name: centre_of(prior) for name, prior in priors.items()}
    share, count = at["size_share"], len(columns["anchors"]["chance"])
    floor = np.asarray(columns["anchors"]["floor"], float)
    linked_floor = np.asarray(columns["linked_benchmarks"]["floor"], float)
    at |= {"log_size_slope": at["log_alpha"] + np.log(share),
           "log_token_slope": at["log_beta"] + np.log(1 - share),
           "log_cost_ratio": at["log_cost_ratio"] + 0.1,
           "spread_growth": at["spread_growth"] + 0.05,
           "headroom": floor + 0.5 * (1 - floor), "trend_contrast": 0.01, "tilt_contrast": 0.01,
           "linked_headroom": linked_floor + 0.5 * (1 - linked_floor)}
    if "irreducible_share" not in shapes:
        at.pop("irreducible_share")
    anchors = {name: np.asarray(value, float) for name, value in columns["anchors"].items()}
    law, curve = law_and_curve({name: np.broadcast_to(at[name], count) for name in (
        *COORDINATES, *(("irreducible_share",) if "irreducible_share" in at else ()))}, anchors)
    ruler = Ruler(law, curve, columns["setting"]["reference_tokens"][0]).at(0)
    low, high = (ruler.log_size(columns["setting"][name][0])
                 for name in ("low_score", "high_score"))
    at |= {"c0": low, "c1": high - low}
    c0, c1 = at["c0"], at["c1"]
    mean_size = columns["setting"]["mean_size"][0]
    at |= {
        "gap_family_z": at["family_gap"] / c1, "gap_model_z": at["model_gap"] / c1,
        "rate_z": at["rate"] / c1, "sd_benchmark_z": at["sd_benchmark"] / c1,
        "mean_z": (at["level"] + mean_size - c0 - at["family_gap"]
                   - MEAN_HALF * at["model_gap"]) / c1,
        "step_coordinate": 0.1, "family_coordinate": 0.05, "model_coordinate": 0.05,
    }
    if len(linked_floor):
        p = np.minimum(np.asarray(columns["linked_benchmarks"]["mean_share"])
                       / at["linked_headroom"], 0.95)
        slope = np.exp(at["log_kappa"] + np.log(c1))
        at |= {"linked_steepness": at["log_kappa"] + np.log(c1) + np.log1p(-p),
               "linked_place": (at["linked_midpoint"] - c0) / c1 + np.log(p / (1 - p)) / slope}
    return at


def centre_of(prior: Prior) -> float:
    """The mean of a prior; of a half normal its scale."""
    a = prior.args
    return {"Normal": lambda: a["mu"], "HalfNormal": lambda: a["sigma"],
            "LogNormal": lambda: np.exp(a["mu"] + a["sigma"] ** 2 / 2),
            "Gamma": lambda: a["alpha"] / a["beta"], "Exponential": lambda: 1 / a["lam"],
            "Beta": lambda: a["alpha"] / (a["alpha"] + a["beta"])}[prior.dist]()


def own_coordinates(at: Mapping[str, Any], columns: Columns, level: Prior,
                    ) -> dict[str, np.ndarray]:
    """Sampled coordinates that give ``growth``, ``family_gap``, ``z`` and linked curves.

    They depend on the tables: scores and dates (`densing_bayes.joint.graph`). ``at`` has the
    other variables and what is told (`parameters.TOLD`) in natural units; ``level`` is that
    prior.
    """
    models, setting = ({name: np.asarray(value, float) for name, value in columns[one].items()}
                       for one in ("models", "setting"))
    c0, c1, counts = at["c0"], at["c1"], models["eligible"]
    size = axis_size(models, at["log_cost_ratio"])
    effect = effects(columns["segments"], models["time"])
    weight, turn = turns(effect[counts > 0])
    growth = np.asarray(at["growth"], float)
    free = inverse_softplus(growth) if setting["monotone"][0] else growth
    centre = at["rate_z"] * c1 * turn.sum(axis=0)
    out = {"step_coordinate": (turn.T @ free - (1 - weight) * centre)
           / at["drift"] ** (1 - weight)}

    spread = at["spread_growth"] * setting["spreads"][0]
    gap = counts * at["gap_model_z"] * np.exp(spread * models["time"])
    noise = np.where(counts > 0, at["noise"], level.args["sigma"]) / c1
    path = (size - setting["mean_size"][0] + effect @ growth) / c1
    base = np.where(
        counts > 0, at["mean_z"] + at["gap_family_z"] + MEAN_HALF * (at["gap_model_z"] - gap)
        + path, (level.args["mu"] + size - c0) / c1)
    sd = np.sqrt(gap**2 * (1 - 2 / np.pi) + noise**2)
    place, precision = placed(at, columns), own_places(columns).precision
    family = models["family"].astype(int)
    root = np.sqrt(1 / (1 + precision * sd**2))
    one = counts * precision * root**2
    gaps = np.asarray(at["family_gap"]) / c1
    of_family, pull = (np.bincount(family, value, minlength=len(gaps)) for value in (
        one, one * (base - place)))
    scale = at["gap_family_z"] * np.exp(spread * np.asarray(columns["families"]["time"], float))
    tau = 1 / np.sqrt(of_family + 1 / scale**2)
    mean = base - counts * gaps[family]
    out |= {
        "family_coordinate": gaps / tau + np.log(-np.expm1(-gaps / tau)) - tau * pull,
        "model_coordinate": ((np.asarray(at["z"]) - mean)
                             - (sd * root) ** 2 * precision * (place - mean)) / (sd * root),
    }
    if len(columns["linked_benchmarks"]["chance"]):
        share = np.asarray(columns["linked_benchmarks"]["mean_share"])
        p = np.minimum(share / at["linked_headroom"], 0.95)
        out |= {"linked_steepness": at["log_kappa_z"] + np.log1p(-p),
                "linked_place": at["middle_z"] + np.log(p / (1 - p)) / np.exp(at["log_kappa_z"])}
    return out


def placed(at: Mapping[str, Any], columns: Columns) -> np.ndarray:
    """Where their own scores put the models on given curves, in z (`joint.centring`)."""
    seen, anchors = own_places(columns), len(columns["anchors"]["chance"])
    models = columns["models"]
    place = np.zeros(len(models["time"]))
    own = [(np.asarray(at[f"{name}_contrast"])[1:] @ helmert(len(at[f"{name}_contrast"])))
           / at["c1"] for name in ("trend", "tilt")]
    for table, (share, value) in (("anchored", seen.anchored), ("linked_cells", seen.linked)):
        model, benchmark = (np.asarray(columns[table][key]).astype(int)
                            for key in ("model", "benchmark"))
        if table == "linked_cells" and len(model):
            value = (np.asarray(at["middle_z"])[benchmark - anchors]
                     + value / np.exp(at["log_kappa_z"])[benchmark - anchors])
        moved = (own[0][benchmark] * np.asarray(models["time"])[model]
                 + own[1][benchmark] * np.asarray(models["tilt_size"])[model])
        place += np.bincount(model, share * (value - moved), minlength=len(place))
    return place


def inverse_softplus(growth: Any) -> np.ndarray:
    """What `growth.softplus` bends to ``growth``.

    Examples
    --------
    >>> float(softplus(inverse_softplus(0.7)).round(12))
    0.7
    """
    growth = np.asarray(growth, float) / kernel.SOFTNESS
    return kernel.SOFTNESS * (growth + np.log(-np.expm1(-growth)))
