"""The milestone calculator as one offline page: thinned draws inside, plain JavaScript.

The page carries a few hundred posterior draws and repeats the arithmetic of
`densing_bayes.corollaries.forecast` on them (the same grid of dates, the same crossing, the
same quantiles), so that its answers are those of the Python function on the same draws. The
draws are stored as integers of 1e-4 e-fold; `read` gives them back.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.corollaries.capacity import OnDevice, Use
from densing_bayes.corollaries.draws import Pool, Posterior, date_of, pool, years_of
from densing_bayes.corollaries.forecast import HORIZON, grid, size_words
from densing_bayes.corollaries.targets import (
    Target,
    domains,
    find_model,
    scored_models,
    target,
)
from densing_bayes.devices import usable_devices
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval
from densing_bayes.observations import ORIGIN
from densing_bayes.outputs import clean
from densing_bayes.pages import environment, inline_json, script_of
from densing_bayes.shelf import shelf
from densing_bayes.specs import ModelSpec
from densing_bayes.tables import Tables

UNIT = 1e-4  # e-folds per stored integer: a rounding of at most 0.005%
MOST_MODELS = 150  # largest effective sizes first: what one would ask to match
BY_DOMAIN = 12  # of these, how many by single domains too
ALL = "all benchmarks"
SCORES = np.round(np.arange(0.30, 0.96, 0.01), 2)


def payload(draws: Pool, *, as_of: dt.date, interval: Interval, assumed: ModelSpec,
            costs: ModelSpec, tables: Tables, horizon: dt.date | None = None,
            seed: int = 0) -> dict[str, Any]:
    """What the page knows: draws of frontier and targets, devices, assumptions.

    Parameters
    ----------
    draws
        A few hundred, e.g. ``pool(posteriors, 400)``: about 7 bytes a number.
    assumed, costs
        Specs of families ``corollaries`` and ``costs``.
    tables
        Models that can be matched besides those of the fit, prices, devices.
    """
    horizon = horizon or date_of(years_of(as_of) + HORIZON)
    years = grid(as_of, horizon)
    aims = targets(draws, tables)
    scores = [{"score": float(score), "need": need} for score in SCORES
              if (need := _score(draws, float(score))) is not None]
    trend, tilt, where = draws.own_trends(0)
    own = {draws.benchmark: (trend, tilt)} | {
        _key(one): (one.trend, one.tilt) for _, _, one in aims if one.benchmarks}
    largest = draws.effective_of(draws.models).max(axis=1)
    rng = np.random.default_rng(seed)
    shares = {"phone": assumed.priors["phone_memory"], "other": costs.priors[
        "memory_for_weights"], "bandwidth": costs.priors["memory_utilisation"]}
    return {
        "origin": ORIGIN, "all": ALL, "as_of": as_of.isoformat(), "horizon": horizon.isoformat(),
        "ask_date": date_of(min(years_of(as_of) + 1, years_of(horizon))).isoformat(),
        "largest": size_words(float(np.median(largest))),
        "years": years.tolist(), "unit": UNIT, "benchmark": clean(draws.benchmark),
        "interval": {"prob": interval.prob, "kind": interval.kind, "tails": interval.tails},
        "regimes": [{"name": clean(part.name), "draws": len(index)}
                    for part, index in draws.parts],
        "frontier": [_pack(row) for row in draws.frontier(years)],
        "targets": [{"name": clean(name), "on": clean(on), "need": _pack(one.log_size),
                     "own": clean(_key(one))} for name, on, one in aims],
        "own": {clean(key): {"trend": _pack(np.broadcast_to(trend, draws.size)),
                             "tilt": _pack(np.broadcast_to(tilt, draws.size))}
                for key, (trend, tilt) in own.items()},
        "where": {"centre": 0.0, "last": years[-1], "mean_size": 0.0} | dict(where),
        "scores": scores,
        "devices": [] if tables.hardware is None else [
            {"name": clean(device.name), "kind": device.kind, "memory": device.memory,
             "bandwidth": device.bandwidth}
            for device in reversed(usable_devices(tables.hardware))],
        "shares": {name: np.round(prior.rvs(rng, draws.size), 4).tolist()
                   for name, prior in shares.items()},
    }


def targets(draws: Pool, tables: Tables) -> list[tuple[str, str, Target]]:
    """Name, on what, and target: models of the fit, then others; some by domain as well."""
    names, outside = draws.models, tables.models["model"].tolist()
    order = np.argsort(-np.median(draws.effective_of(names), axis=0))[:MOST_MODELS]
    found = [(names[i], ALL, Target(names[i], draws.effective(names[i]))) for i in sorted(order)]
    by_domain = [names[i] for i in order[:BY_DOMAIN]]
    unsized = tables.models.loc[tables.models["params_total"].isna(), "model"]
    for name in unsized:  # their makers tell no size, so that they have no place in the fit
        if draws.seen(name):
            found.append((name, ALL, target(draws, match=name, outside=outside)))
            by_domain.append(name)
    for name in by_domain:
        several = domains(draws, name)
        found += [(name, domain, target(draws, match=name, outside=outside, domain=domain))
                  for domain in several if len(several) > 1]
    sold = scored_models(tables.prices) if draws.benchmark == "MMLU" else {}
    scored = [name for name, *_ in found]
    for name, score in sold.items():
        if find_model(name, scored) is None:
            try:
                found.append((f"{name} (MMLU {100 * score:.1f}%)", ALL,
                              target(draws, match=name, prices=tables.prices)))
            except InputError:  # no size reaches its score
                continue
    return found


def _key(one: Target) -> str:
    return ", ".join(one.benchmarks)


def _pack(values: np.ndarray) -> list[int | None]:
    """Integers; none for infinity, and for minus infinity the size of one parameter."""
    return [None if x == np.inf else round(max(float(x), 0.0 if x == -np.inf else float(x)) / UNIT)
            for x in values]


def _unpack(values: list[int | None]) -> np.ndarray:
    return np.array([np.inf if x is None else x * UNIT for x in values])


def _score(draws: Pool, score: float) -> list[int | None] | None:
    try:
        return _pack(draws.size_of_score(score))
    except InputError:
        return None


def read(said: dict[str, Any],
         ) -> tuple[Pool, dict[tuple[str, str], Target], dict[float, Target]]:
    """The draws of a page as Python uses them: a pool, targets by name and domain, by score."""
    frontier = np.array([_unpack(row) for row in said["frontier"]])
    years = np.array(said["years"])

    def path(at: np.ndarray) -> xr.DataArray:
        rows = np.array([np.interp(at, years, row) for row in frontier])
        return xr.DataArray(rows[None], dims=("chain", "draw", "time"))

    empty = xr.Dataset(coords={"chain": [0], "draw": range(len(frontier)),
                               "model": np.array([], dtype=str)})
    empty["log_effective"] = (("chain", "draw", "model"), np.zeros((1, len(frontier), 0)))
    own = {key: {name: _unpack(value) for name, value in one.items()}
           for key, one in said["own"].items()}

    def aim(label: str, item: dict[str, Any], key: str) -> Target:
        return Target(label, _unpack(item["need"]), **own.get(key, {}), **said["where"])

    return (pool(Posterior(empty, path=path)),
            {(item["name"], item["on"]): aim(item["name"], item, item["own"])
             for item in said["targets"]},
            {item["score"]: aim(str(item["score"]), item, said["benchmark"])
             for item in said["scores"]})


def device(said: dict[str, Any], name: str, use: Use) -> OnDevice:
    """A device of the page, with the page's draws of what it leaves and reaches."""
    row = next(row for row in said["devices"] if row["name"] == name)
    share = said["shares"]["phone" if row["kind"] == "phone" else "other"]
    return OnDevice(name, use, np.array(share), np.array(said["shares"]["bandwidth"]),
                    memory=row["memory"], bandwidth=row["bandwidth"])


def page(said: dict[str, Any], title: str = "Milestone calculator") -> str:
    """The page as HTML: no network, no script but its own (by hash), data that cannot escape.

    Parameters
    ----------
    said
        From `payload`.
    """
    script, digest = script_of("explorer.js")
    return environment().get_template("explorer.html.j2").render(
        said=said, title=title, script=script, digest=digest, data=inline_json(said),
        style=(shelf("reports/templates") / "style.css").read_text(encoding="utf-8"))
