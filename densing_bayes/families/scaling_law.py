"""Scaling law of one ladder of training runs: one graph for every law.

ln L_i = log_loss(law) + t-distributed noise, with the law of `densing_bayes.scaling.form` in the
coordinates of `densing_bayes.scaling.coordinates`. Which law it is (floor, joint, broken, which
term is the slower) is data, so that every law, ladder and subset of runs is sampled from one
compiled model. It is the fallback where importance sampling refuses
(`densing_bayes.scaling.fit`). Ladders are pooled afterwards (`densing_bayes.scaling.pooling`).
"""

from __future__ import annotations

from typing import Any

import pymc as pm
import pytensor.tensor as pt

from densing_bayes.families.blocks import Table, pack_priors, rv
from densing_bayes.scaling import form
from densing_bayes.scaling.coordinates import STATED, law_of
from densing_bayes.specs import ModelSpec


def build(tables: dict[str, dict[str, Any]], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The law of one ladder as a PyMC graph.

    Parameters
    ----------
    tables
        ``runs``: size, token (ln-sizes from the ladder's centre), log_loss.
        ``ladder``, one row: `densing_bayes.scaling.coordinates.ladder_row`.
        ``law``, one row: floor, joint, broken (0 or 1), slower (+1: the size term decays
        slower, -1: the token term, 0: either), resolution (of ln loss).
    spec
        Priors of family ``scaling_law``.
    """
    with pm.Model(coords=coords) as model:
        priors = pack_priors(spec.priors)
        runs = Table("runs", tables["runs"])
        ladder, law = (_row(Table(name, tables[name])) for name in ("ladder", "law"))
        level = rv("level", priors["level"])
        parts, stated = law_of(
            level=level, floor_share=law["floor"] * rv("floor", priors["floor_share"]),
            logit_share=pm.Flat("logit_share"), slope=pm.Flat("slope"),
            contrast=pm.Flat("contrast"), break_change=rv("break_change", priors["break_change"]),
            break_place=rv("break_place", priors["break_place"]), ladder=ladder, law=law,
            priors={name: priors[name].args for name in STATED})
        pm.Potential("stated", stated)
        for name, value in parts.items():
            if name != "level":
                pm.Deterministic(name, value)

        fitted = form.log_loss(size=runs["size"], token=runs["token"], **parts)
        noise = pm.Deterministic("noise", pt.exp(rv("log_noise", priors["log_noise"])))
        growth = rv("noise_growth", priors["noise_growth"])
        tail = pm.Deterministic("tail", 1 + rv("tail_excess", priors["tail"]))
        scale = form.noise_scale(fitted=fitted, level=level, noise=noise, noise_growth=growth,
                                 resolution=law["resolution"])
        term = pm.logp(pm.StudentT.dist(nu=tail, mu=fitted, sigma=scale), runs["log_loss"])
        pm.Potential("losses", term.sum())
    return model


def _row(table: Table) -> dict[str, Any]:
    return {name: table[name][0] for name in table.names}
