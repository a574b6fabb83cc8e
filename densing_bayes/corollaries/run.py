"""All corollaries of one fit, for the report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.corollaries import backtest, validity
from densing_bayes.corollaries.capability import scale_of
from densing_bayes.corollaries.capacity import Capacity, FixedSize, OnDevice, Use, on_device
from densing_bayes.corollaries.chips import ChipStudy, fit_chips
from densing_bayes.corollaries.draws import LAW, Pool, Posterior, constants, from_derived, pool
from densing_bayes.corollaries.drivers import DriverStudy, fit_drivers, own_tokens
from densing_bayes.corollaries.forecast import When, forecast
from densing_bayes.corollaries.prices import PriceStudy, fit_prices, split_fall
from densing_bayes.corollaries.releases import first_release
from densing_bayes.corollaries.targets import target
from densing_bayes.devices import report_devices
from densing_bayes.errors import GateError, InputError, explain, faults_are_shown
from densing_bayes.intervals import Interval
from densing_bayes.joint.views import views
from densing_bayes.specs import ModelSpec, load_model
from densing_bayes.tables import Tables

FEW = 1000  # draws for first releases, each of which is simulated
SIZES = (1e9, 4e9, 8e9, 32e9)  # asked of the milestone calculator in the report
COST_CHIP = ("bandwidth_per_usd", "datacenter")  # what makes serving a token cheaper


@dataclass(frozen=True)
class Corollaries:
    """Results; what could not be computed is None, with the reason in ``missing``."""

    as_of: dt.date
    interval: Interval
    tables: Tables
    pool: Pool
    assumed: ModelSpec
    costs: ModelSpec
    prices: PriceStudy | None = None
    chips: ChipStudy | None = None
    drivers: DriverStudy | None = None
    log_effective_own: xr.DataArray | None = None
    split: dict[str, np.ndarray] | None = None
    milestones: list[tuple[When, When]] = field(default_factory=list)
    authors: list[dict[str, Any]] = field(default_factory=list)
    break_even: dict[str, np.ndarray] | None = None
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def rate(self) -> np.ndarray:
        """Draws of the growth of ln density, 1/year."""
        return self.pool.values("rate")


def newest(tables: Tables) -> dt.date:
    """The newest date of the tables: the day as of which a report asks."""
    dates = [tables.models["release_date"].max()]
    if tables.prices is not None and len(tables.prices):
        dates.append(tables.prices["date"].max())
    return pd.Timestamp(max(dates)).date()


def run_corollaries(posteriors: Posterior | Sequence[Posterior], tables: Tables, *,
                    interval: Interval, as_of: dt.date | None = None, seed: int | None = None,
                    log_effective_own: xr.DataArray | None = None,
                    progress: Callable[[str], None] = lambda step: None) -> Corollaries:
    """Every corollary that the tables allow.

    Parameters
    ----------
    posteriors
        One fit, or one per regime with stacking weights. The first gives the densities for the
        drivers.
    as_of
        Day of asking (default: the newest date of the tables).
    log_effective_own
        Draws of ln effective sizes with each model's own token count as reference
        (`densing_bayes.corollaries.drivers.own_tokens`).
    seed
        Replaces the seeds of the specs.
    """
    specs = {name: load_model(name).with_seed(seed)
             for name in ("prices", "chips", "drivers", "corollaries", "costs")}
    rng = np.random.default_rng([specs["corollaries"].sampling.seed, 7])
    first = posteriors if isinstance(posteriors, Posterior) else posteriors[0]
    draws = pool(posteriors)
    as_of = as_of or newest(tables)
    missing: dict[str, str] = {}

    def attempt(name: str, work: Callable[[], Any]) -> Any:
        progress(f"corollaries: {name}")
        try:
            return work()
        except (InputError, GateError) as error:  # without what this one needs, the rest goes on
            missing[name] = str(error)
        except Exception as error:  # a fault here costs this one only
            if faults_are_shown():
                raise
            missing[name] = explain(error)
        return None

    def need(table: str) -> pd.DataFrame:
        frame = getattr(tables, table)
        if frame is None or not len(frame):
            raise InputError(f"{table}.csv is not there or empty")
        return frame

    prices = attempt("prices", lambda: fit_prices(
        need("prices"), specs["prices"], scale=scale_of(
            tables.prices, tables.scores, specs["prices"].options["source"])))
    chips = attempt("chips", lambda: fit_chips(need("hardware"), specs["chips"]))
    drivers = attempt("drivers", lambda: fit_drivers(
        first.draws["log_density"], tables.models, specs["drivers"]))
    split = None
    if prices is not None and chips is not None:
        split = attempt("split of the price's fall", lambda: split_fall(
            prices.main.draws["fall"], draws.values("rate"), chips.growth(*COST_CHIP),
            rng))
    common = {"assumed": specs["corollaries"], "costs": specs["costs"], "size": draws.size,
              "rng": rng}

    def phone(use: Use) -> OnDevice | None:
        return attempt("phones", lambda: on_device("phone", need("hardware"), use, chips=chips,
                                                   **common))

    break_even = None
    if prices is not None:
        fall = prices.main.draws["fall"]
        break_even = validity.assumptions(specs["corollaries"], fall, draws.size, rng)
    return Corollaries(
        as_of, interval, tables, draws, specs["corollaries"], specs["costs"], prices, chips,
        drivers, log_effective_own, split,
        milestones=attempt("milestones", lambda: milestones(draws, tables, as_of,
                                                            phone(Use()), common)) or [],
        authors=backtest.authors(draws, as_of=as_of, tables=tables,
                                 phone=phone(Use(active_share=8 / 60))),
        break_even=break_even, missing=missing)


def posterior_of(context: Any) -> Posterior:
    """The posterior of the main fit (a `densing_bayes.context.Context`), for forecasts."""
    columns, observations = context.columns, context.observations
    centre = float(columns["setting"]["centre_time"][0])
    return from_derived(
        context.derived, benchmark=str(observations.data["benchmark"].to_numpy()[0]),
        reference_tokens=float(context.spec.options["reference_tokens"]),
        views=cache(lambda model: views(context.above, columns, observations,
                                        context.tables, model, context.seed(f"views {model}"))),
        where={"centre": centre, "last": centre + float(np.max(columns["models"]["time"])),
               "mean_size": float(observations.data["log_params"].mean())})


def corollaries_of(context: Any, *, posteriors: Sequence[Posterior] = (),
                   as_of: dt.date | None = None) -> Corollaries:
    """All corollaries of the main fit; ``posteriors`` are further regimes with weights."""
    main = posterior_of(context)
    own = own_tokens(log_effective=main.draws["log_effective"],
                     log_tokens=main.draws["log_tokens"], law=constants(main.draws, LAW),
                     reference_tokens=float(context.spec.options["reference_tokens"]))
    return run_corollaries(
        [main, *posteriors], context.tables, interval=context.interval, as_of=as_of,
        seed=context.spec.sampling.seed, log_effective_own=own, progress=context.progress)


def milestones(draws: Pool, tables: Tables, as_of: dt.date, phone: OnDevice | None,
               common: dict[str, Any]) -> list[tuple[When, When]]:
    """Round sizes and devices against GPT-4 (if its score is known) and the strongest model.

    Each as the date of the frontier and of the first published model.
    """
    names, few = draws.models, draws.thin(FEW)
    strongest = names[int(np.argmax(np.median(draws.effective_of(names), axis=0)))]
    places: list[Capacity] = [FixedSize(size) for size in SIZES]
    if tables.hardware is not None:
        for device in report_devices(tables.hardware, common["costs"].options["devices"]):
            places.append(on_device(device.name, tables.hardware, Use(), **common))
    if phone is not None:
        places.append(phone)
    found = []
    for name in ("GPT-4", strongest):
        try:
            aims = [target(one, match=name, prices=tables.prices,
                           outside=tables.models["model"].tolist()) for one in (draws, few)]
        except InputError:
            continue
        for place in places:
            could = forecast(draws, what=place, match=aims[0], as_of=as_of).when
            assert could is not None
            found.append((could, first_release(few, place, aims[1], as_of=as_of,
                                               horizon=could.horizon, rng=common["rng"])))
    return found
