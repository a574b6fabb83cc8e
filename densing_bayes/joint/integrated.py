"""The log density of the globals with families and models integrated out.

Tables sorted by family, nodes of the integrals, and runs of families shared among threads for
`densing_bayes.joint.kernel.marginal`; results do not depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from densing_bayes.joint import kernel
from densing_bayes.joint.engine import CompiledJoint, compiled_joint

FIRST = (64, 96)  # nodes of every family's effect and of every model before any is known
PASSES = 3  # of placing the nodes: each takes the weights of those before
SPACING, MOST = 1.25, 96  # of nodes in units of the narrowest feature; most nodes of one integral
RUNS = 64  # of families: pieces of work, whatever the number of threads


class Marginal:
    """Log density of the globals with families and models integrated out.

    Parameters
    ----------
    compiled
        The joint model with all its tables; nothing may be held.
    threads
        Threads at work; results do not depend on their number.
    """

    def __init__(self, compiled: CompiledJoint, threads: int | None = None) -> None:
        if compiled.values:
            raise ValueError("a variable is held")
        self.compiled = compiled
        self.above = compiled_joint(compiled.columns, compiled.coords, compiled.priors,
                                    irreducible=compiled.irreducible, latents=False)
        self.code = kernel.marginal_code()
        self.threads = threads or os.cpu_count() or 1
        whole, frame = compiled.shared_data, self.above.shared_data
        self.plain = tuple(frame[name] for name in kernel.TABLES)
        self.tables = tuple((frame | {"contrasts": whole["contrasts"]})[name]
                            for name in kernel.TABLES)
        self.anchors = whole["anchors"].shape[1]
        self.benchmarks = self.anchors + whole["linked_benchmarks"].shape[1]
        models = whole["models"]
        self.order = np.argsort(models[2], kind="stable")  # models by family
        family = models[2][self.order].astype(int)
        families = len(compiled.coords["family"])
        cells = np.concatenate([whole["anchored"], whole["linked_cells"]], axis=1)
        rank = np.empty(family.size, int)
        rank[self.order] = np.arange(family.size)
        of = rank[cells[0].astype(int)]
        cells, of = cells[:, np.argsort(of, kind="stable")], np.sort(of)
        self.cells = of.size
        zero, whole_number = np.zeros(families), np.zeros(families, np.int64)
        self.latents = kernel.Latents(
            np.searchsorted(family, np.arange(families + 1)),
            np.searchsorted(of, np.arange(family.size + 1)),
            np.ascontiguousarray(np.concatenate([models[:2], whole["design"]])[:, self.order].T),
            np.ascontiguousarray(cells[1:].T), zero, zero.copy(), whole_number,
            np.zeros(family.size), np.zeros(family.size), np.zeros(family.size, np.int64))
        ends = np.searchsorted(self.latents.first_model, np.linspace(0, family.size, RUNS + 1))
        self.runs = [(a, b) for a, b in pairwise(ends) if b > a]

    def centres(self) -> np.ndarray:
        """Where the models' nodes lie, in z."""
        return self.latents.z_low + 0.5 * self.latents.z_step * (self.latents.z_count - 1)

    def _all(self, call: Callable[[int, int], Any]) -> list[Any]:
        """What a function says of every run of families, in their order."""
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(lambda run: call(*run), self.runs))

    def _asked(self, x: np.ndarray) -> tuple[Any, ...]:
        return self.code["globals_at"](x, self.tables)[:4]

    def place_nodes(self, x: np.ndarray, *, spacing: float = SPACING) -> None:
        """Put the nodes where the latents' posterior is at a point of the globals."""
        asked, nodes = self._asked(x), self.latents
        (omega, _, gap, omega_family, _, gap_family, mean, rate, c1, _), amounts = asked[:2]
        nodes.low[:], nodes.step[:] = gap_family - 8 * omega_family, 16 * omega_family / (
            FIRST[0] - 1)
        place = ((nodes.models[:, 1] + nodes.models[:, 2:] @ amounts) / c1 + mean
                 + rate * nodes.models[:, 0] + gap)
        wide = 8 * np.hypot(omega, omega_family)
        nodes.z_low[:], nodes.z_step[:] = place - wide, 2 * wide / (FIRST[1] - 1)
        nodes.count[:], nodes.z_count[:] = FIRST
        for _ in range(PASSES):
            self._all(lambda a, b: self.code["nodes"](a, b, nodes, asked, spacing, MOST))

    def log_density(self, x: np.ndarray) -> float:
        """Log density of the globals at a point (all constants included)."""
        asked = self._asked(x)
        return self._finished(x, asked, self._all(
            lambda a, b: self.code["value"](a, b, self.latents, asked)))

    def _finished(self, x: np.ndarray, asked: tuple[Any, ...], runs: list[float]) -> float:
        """Log density of everything from that of the runs of families."""
        bar = np.zeros(11 + asked[1].size + asked[2].size)
        return float(self.code["finish"](x, self.tables, sum(runs), bar, self.cells)[0])

    def gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density and gradient."""
        asked = self._asked(x)
        found = self._all(lambda a, b: self.code["gradient"](a, b, self.latents, asked))
        latent, bar = sum(one[0] for one in found), np.sum([one[1] for one in found], axis=0)
        total, gradient = self.code["finish"](x, self.tables, latent, bar, self.cells)
        return float(total), gradient

    def draw(self, x: np.ndarray, rng: np.random.Generator,
             ) -> tuple[float, np.ndarray, np.ndarray]:
        """Log density; effects of families (in omegas) and z of the models given the globals."""
        asked, nodes = self._asked(x), self.latents
        uniform = rng.random(nodes.low.size), rng.random(nodes.z_low.size)
        into = np.empty(nodes.low.size), np.empty(nodes.z_low.size)
        runs = self._all(lambda a, b: self.code["draws"](a, b, nodes, asked, uniform, into))
        z = np.empty_like(into[1])
        z[self.order] = into[1]
        return self._finished(x, asked, runs), into[0], z

    def natural(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Globals in natural units and what is told of them, by name."""
        *_, value, told = self.code["globals_at"](x, self.tables)
        shapes, flat = self.above.shapes, np.concatenate([value, told])
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        return {name: part.reshape(shape) for (name, shape), part in zip(
            shapes.items(), np.split(flat, ends[:-1]), strict=True)}
