"""The hand-written log density against the PyMC graph: values, gradients, what is told."""

from __future__ import annotations

import functools
import operator
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import special

from densing_bayes.fitting import sample
from densing_bayes.joint import graph, kernel
from densing_bayes.joint.data import inputs
from densing_bayes.joint.engine import compiled_joint
from densing_bayes.joint.growth import segments
from densing_bayes.joint.kernel import densities
from densing_bayes.parameters import PARAMETERS, POSITIVE, TOLD
from densing_bayes.priors import Prior
from densing_bayes.specs import FAMILIES

PLAIN = Mode(linker="py", optimizer=None)
AGREE = 1e-9  # relative; the two differ in the order of additions


def graph_of(columns, coords, spec):
    """The PyMC graph as a function of its point, log density and gradient; and what it tells."""
    # plain numbers as doubles: PyTensor would take the 2 of a square root as a single
    with pytensor.config.change_flags(cast_policy="numpy+floatX"):
        model = graph.build(columns, coords, spec)
        values = [model.rvs_to_values[rv] for rv in model.free_RVs]
        # one by one: a sum in plain Python takes no more than 32 terms
        density = functools.reduce(operator.add, (part.sum() for part in model.logp(sum=False)))
        call = pytensor.function(values, [density, *pytensor.grad(density, values)], mode=PLAIN)
        told = [*model.free_RVs, *model.deterministics]
        tell = pytensor.function(values, model.replace_rvs_by_values(told), mode=PLAIN,
                                 on_unused_input="ignore")
    found = model.eval_rv_shapes()
    shapes = {rv.name: found[rv.name] for rv in model.free_RVs}

    def split(x):
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        return [part.reshape(shape) for part, shape in zip(
            np.split(x, ends[:-1]), shapes.values(), strict=True)]

    def density_at(x):
        total, *gradient = call(*split(x))
        return float(total), np.concatenate([np.ravel(part) for part in gradient])

    def told_at(x):
        return dict(zip([one.name for one in told], tell(*split(x)), strict=True))

    return list(shapes), density_at, told_at


def without(tables, name):
    """A table none of whose rows counts."""
    table = tables[name]
    return tables | {name: table | {"weight": np.zeros(len(table["weight"]))}}


def variant(name, small_world):
    """Columns, coords and spec of one way in which the model may be built."""
    options = {"irreducible": {"irreducible": True}, "may regress": {"may_regress": True},
               "constant spread": {"constant_spread": True}}
    spec = small_world.spec.with_options(**options.get(name, {}))
    if name == "other priors":
        given = {"sigma_loss": ("Gamma", {"alpha": 2.0, "beta": 40.0}),
                 "sigma_pair": ("Exponential", {"lam": 30.0}),
                 "drift": ("LogNormal", {"mu": -0.5, "sigma": 1.0}),
                 "trend_spread": ("HalfNormal", {"sigma": 0.4}),
                 "nu": ("LogNormal", {"mu": 1.0, "sigma": 1.0}),
                 "rate": ("Normal", {"mu": 1.5, "sigma": 0.7}),
                 "log_kappa": ("Normal", {"mu": -0.3, "sigma": 0.4})}
        spec = spec.with_priors(**{key: Prior(dist, args) for key, (dist, args) in given.items()})
    columns, coords = inputs(small_world.observations, spec)
    models = columns["models"]
    if name == "some do not count":
        columns["models"] = models | {
            "eligible": (np.arange(len(models["time"])) % 4 > 0).astype(float)}
    if name == "held and used":
        columns["models"] = models | {
            "log_held": models["log_used"] + np.where(np.arange(len(models["time"])) % 3, 0, 1.5)}
    if name == "floors and shares":
        for table in ("anchors", "linked_benchmarks"):
            columns[table] = columns[table] | {
                "floor": np.full(len(columns[table]["chance"]), 0.6)}
        columns["pairs"] = columns["pairs"] | {
            "share": np.where(np.arange(len(columns["pairs"]["loss"])) % 2, 1.0, 0.25)}
    if name == "rows that do not count":
        for table in ("ladder", "anchored", "linked_cells", "contrasts"):
            columns[table] = columns[table] | {
                "weight": (np.arange(len(columns[table]["weight"])) % 3 > 0).astype(float)}
    if name == "one benchmark":
        columns, coords = without(columns, "linked_cells"), coords | {
            "linked": [], "benchmark": coords["anchor"]}
        columns["linked_cells"] = {key: np.zeros(0) for key in columns["linked_cells"]}
        columns["linked_benchmarks"] = {"chance": np.array([]), "mean_share": np.array([]),
                                        "floor": np.array([])}
        keep = np.asarray(columns["contrasts"]["benchmark"]) == 0
        columns["contrasts"] = {key: np.asarray(value)[keep]
                                for key, value in columns["contrasts"].items()}
    return columns, coords, spec


def joint_of(columns, coords, spec):
    return compiled_joint(columns, coords, spec.priors, irreducible=spec.options["irreducible"])


@pytest.mark.parametrize("name", [
    "as shipped", "irreducible", "may regress", "constant spread", "other priors",
    "some do not count", "held and used", "floors and shares", "rows that do not count",
    "one benchmark"])
def test_value_and_gradient_are_those_of_the_graph(name, small_world):
    columns, coords, spec = variant(name, small_world)
    joint = joint_of(columns, coords, spec)
    order, density, told = graph_of(columns, coords, spec)
    assert order == [one for one in joint.shapes if one not in TOLD]
    rng = np.random.default_rng(3)
    start = joint.initial_point_func(0)
    for spread in (0.0, 0.05, 0.3):
        x = start + spread * rng.normal(size=start.size)
        found, theirs = joint.log_density(x), density(x)
        assert np.isfinite(theirs[0])
        assert found[0] == pytest.approx(theirs[0], rel=AGREE)
        scale = np.abs(theirs[1]).max()
        np.testing.assert_allclose(found[1], theirs[1], rtol=AGREE, atol=AGREE * scale)
    for one, value in told(x).items():
        np.testing.assert_allclose(expanded(joint, x)[one], value, rtol=1e-9, atol=1e-12,
                                   err_msg=one)


def expanded(joint, x):
    """What the sampler would keep of a point."""
    out = np.empty(joint.n_expanded)
    function = joint.compiled_expand_func.ctypes
    function(joint.n_dim, joint.n_expanded, *(array.ctypes.data_as(kind) for array, kind in zip(
        (np.ascontiguousarray(x), out), function.argtypes[2:4], strict=True)),
        joint.user_data.ctypes.data)
    ends = np.cumsum([int(np.prod(shape)) for shape in joint.shapes.values()])
    return {name: part.reshape(shape) for (name, shape), part in zip(
        joint.shapes.items(), np.split(out, ends[:-1]), strict=True)}


def test_another_model_would_be_found(small_world):
    """The comparison is sharp: one prior sd, off by a thousandth, is beyond its tolerance."""
    columns, coords, spec = variant("as shipped", small_world)
    wrong = {**spec.priors, "rate": Prior("Normal", {"mu": 1.0, "sigma": 2.0 * 1.001})}
    joint = compiled_joint(columns, coords, wrong, irreducible=False)
    _, density, _ = graph_of(columns, coords, spec)
    x = joint.initial_point_func(0)
    x = x + 0.3 * np.random.default_rng(3).normal(size=x.size)
    found, theirs = joint.log_density(x), density(x)
    assert found[0] != pytest.approx(theirs[0], rel=AGREE)
    off = np.abs(found[1] - theirs[1])
    assert (off > AGREE * (np.abs(theirs[1]) + np.abs(theirs[1]).max())).any()


def test_a_point_and_its_values_are_each_others_inverse(small_joint, small_fit):
    """Sampled coordinates from natural values and back, at a draw of the posterior."""
    joint = small_joint.compiled
    draw = small_fit.posterior.isel(chain=1, draw=7)
    back = expanded(joint, joint.point({name: value.values for name, value in draw.items()}))
    for name, value in draw.items():
        np.testing.assert_allclose(back[name], value.values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_held_variables_are_constants(small_joint, small_fit):
    """The density of the others differs by a constant, and its gradient is the same."""
    joint = small_joint.compiled
    draws = [{name: value.values for name, value in small_fit.posterior.isel(
        chain=0, draw=draw).items()} for draw in (0, 30, 60)]
    names = [row.name for row in PARAMETERS if row.dim == "anchor" and row.name in joint.shapes]
    held = joint.holding({name: draws[0][name] for name in names})
    sizes = {name: int(np.prod(joint.shapes[name])) for name in joint.shapes if name not in TOLD}
    free = np.concatenate([np.full(size, name not in names) for name, size in sizes.items()])
    assert held.n_dim == free.sum() < joint.n_dim
    differences = []
    for draw in draws:
        mixed = draw | {name: draws[0][name] for name in names}
        x = joint.point(mixed)
        whole, part = joint.log_density(x), held.log_density(x[free])
        differences.append(whole[0] - part[0])
        np.testing.assert_allclose(part[1], whole[1][free], rtol=1e-12)
        np.testing.assert_array_equal(held.point(draw), joint.point(draw)[free])
    np.testing.assert_allclose(differences, differences[0], atol=1e-9)
    tree = sample(held, replace(small_joint.spec.sampling, draws=20, tune=20, chains=1), cores=1)
    for name in names:
        np.testing.assert_allclose(tree["posterior"][name].values[0, -1], draws[0][name])


def test_tables_and_priors_can_be_changed(small_world, small_joint):
    """As data, and as if built anew."""
    other = {name: prior.scaled(2) for name, prior in small_world.spec.priors.items()}
    models = small_world.columns["models"] | {
        "time": np.asarray(small_world.columns["models"]["time"]) * 1.1}
    tables = {"models": models, "segments": segments(models["time"])}
    changed = small_joint.compiled.with_data(priors=other, **tables)
    anew = compiled_joint(small_world.columns | tables, small_world.coords, other,
                          irreducible=False)
    x = small_joint.compiled.initial_point_func(0)
    assert changed.log_density(x)[0] == anew.log_density(x)[0]
    assert changed.log_density(x)[0] != small_joint.compiled.log_density(x)[0]
    np.testing.assert_array_equal(changed.initial_point_func(0), anew.initial_point_func(0))
    with pytest.raises(KeyError, match="no such table: modles"):
        small_joint.compiled.with_data(modles=models)
    with pytest.raises(ValueError, match="its weight is 1 or 0"):
        small_joint.compiled.with_data(pairs=small_world.columns["pairs"] | {
            "weight": np.full(len(small_world.columns["pairs"]["loss"]), 0.5)})


def test_every_prior_of_the_family_is_known():
    family = FAMILIES["densing"]
    assert set(kernel.PRIORS) == set(family.parameters)
    assert {kind for kinds in family.kinds.values() for kind in kinds} == {
        "Normal", "Beta", *POSITIVE}


def test_special_functions():
    x = np.array([0.05, 0.7, 3.0, 11.0, 400.0])
    np.testing.assert_allclose([densities.digamma(one) for one in x], special.digamma(x),
                               rtol=1e-12)
    x = np.concatenate([np.linspace(-700, 700, 1401), [0.3, -1e-9, 1e-300]])
    np.testing.assert_allclose([densities.exponential(one) for one in x], np.exp(x), rtol=1e-15)
    assert densities.exponential(1e6) == densities.exponential(700.0)
    for one in (0.0, 1e-9, 0.5, 2.0, 5.0, 12.0, 60.0, 1e4, 1e9):
        exact = special.erfcx(one / np.sqrt(2)) / 2
        assert densities.scaled_tail(one) == pytest.approx(exact, rel=1e-14)
        assert densities.scaled_tail(-one) == densities.scaled_tail(one)
    x = np.random.default_rng(0).lognormal(0, 20, 100).clip(1e-38, 1e38)
    for n in (0, 1, 7, 8, 9, 100):
        assert densities.log_product(x[:n]) == pytest.approx(np.log(x[:n]).sum(), rel=1e-12)


def test_the_far_tail_of_the_frontier_is_finite(small_joint):
    """A model dozens of omega above the frontier: no underflow, gradient downhill."""
    joint = small_joint.compiled
    x = joint.initial_point_func(0)
    names = list(joint.shapes)
    start = sum(int(np.prod(joint.shapes[name])) for name in names[:names.index(
        "model_coordinate")])
    x[start] += 80
    density, gradient = joint.log_density(x)
    assert np.isfinite(density)
    assert np.isfinite(gradient).all()
    assert gradient[start] < 0


def test_spreads_of_benchmarks_are_mirrored_at_zero(small_joint):
    """The other sign: the same density, the gradient mirrored."""
    joint = small_joint.compiled
    x = joint.initial_point_func(0) + 0.01
    mirrored = np.concatenate([np.full(int(np.prod(shape)), name == "sd_benchmark_z")
                               for name, shape in joint.shapes.items() if name not in TOLD])
    density, gradient = joint.log_density(x)
    other, turned = joint.log_density(np.where(mirrored, -x, x))
    assert other == density
    np.testing.assert_array_equal(turned, np.where(mirrored, -gradient, gradient))
    assert abs(gradient[mirrored]).min() > 0


BITS = """
import numpy as np
from densing_bayes.joint.engine import compiled_joint
from densing_bayes.joint.data import inputs
from densing_bayes.joint.fit import choose
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

spec = load_model("densing")
whole = compiled_joint(*inputs(choose(load_tables(None), spec), spec), spec.priors,
                       irreducible=False)
near = 0.05 * np.random.default_rng(0).normal(size=whole.n_dim)
total, gradient = whole.log_density(whole.initial_point_func(0) + near)
print(total.hex(), gradient.tobytes().hex())
"""


def test_the_process_that_compiles_gets_the_digits_of_those_that_load(tmp_path):
    def bits():
        return subprocess.run([sys.executable, "-c", BITS], cwd=tmp_path, check=True, text=True,
                              env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
                              capture_output=True, timeout=600).stdout

    compiling = bits()
    assert list(tmp_path.rglob("*.nbc"))
    assert bits() == compiling
