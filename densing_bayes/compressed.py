"""The compression study: pruned, distilled and quantised models against their parents.

From the tables to the posterior of each pair's log density ratio, in plain size and in terms of
cost. The model is `densing_bayes.families.compression`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.cost_density import draw_constants, equivalent_sizes, sizes
from densing_bayes.costs import REFERENCE_BITS
from densing_bayes.devices import Device, find_device, report_devices
from densing_bayes.errors import Problem, TableError
from densing_bayes.specs import ModelSpec, load_model
from densing_bayes.tables import Tables

KINDS = ("quantised", "retrained")
VARIANT_SD = 0.3  # sd of ln slope between a benchmark and its variant (other shots, subset)
HEADLINE = ("log_ratio", "method_mean", "log_slope", "bend", "sd_pair", "sd_method",
            "sd_benchmark", "sd_paired")  # parameters that the gate looks at


@dataclass(frozen=True)
class CompressionResult:
    """Posterior of the compression study.

    ``ratios`` has the dims (chain, draw, pair) and (device): ``plain`` is the log density ratio
    of child to parent by all parameters; ``cost`` with all weights in memory; ``on_device`` on one
    device, where either may have to be offloaded.
    """

    spec: ModelSpec
    pairs: pd.DataFrame  # child, parent, method (with bits), kind, rows, benchmarks
    left_out: pd.DataFrame  # rows of compression.csv not used, with the reason
    ladders: int  # families' ladders that inform the slopes; 0 with given curves
    devices: list[Device]
    ratios: xr.Dataset
    posterior: xr.Dataset
    diagnostics: dict[str, Any]

    def with_slopes(self, factor: float) -> xr.DataArray:
        """Log density ratios in plain size were every slope ``factor`` times as steep.

        The same difference of logits then stands for a difference of ln N^ smaller by the
        factor (the pull of pooling left aside).
        """
        params = xr.DataArray(np.log((self.pairs["child_params"] / self.pairs["parent_params"])
                                     .to_numpy(float)), dims="pair")
        return (self.ratios["plain"] + params) / factor - params

    def claim(self) -> dict[str, Any] | None:
        """Posterior probability of the published claim, as a whole and child by child.

        None where the table names no child of the claim.
        """
        known = set(self.pairs["child"])
        named = [child for child in self.spec.options["claim"] if child in known]
        if not named:
            return None
        # a child with several parents counts as denser only if denser than each
        plain = self.ratios["plain"]
        denser = {child: (plain.sel(pair=(self.pairs["child"] == child).to_numpy()) > 0).all("pair")
                  for child in named}
        held = {child: denser[child] if child in self.spec.options["claim_denser"]
                else ~denser[child] for child in named}
        together = xr.concat(list(held.values()), dim="child").all("child")
        return {"children": named, "p_claim": float(together.mean()),
                "p_denser": {child: float(denser[child].mean()) for child in named}}


def run_compression(tables: Tables, spec: ModelSpec, seed: int | None = None, *,
                    curves: xr.DataArray | None = None, device: str | None = None,
                    cost_spec: ModelSpec | None = None, cores: int | None = None,
                    progress: Callable[[str], None] | None = None) -> CompressionResult:
    """The study, from tables to result.

    Parameters
    ----------
    curves
        Draws of ln slope by ``benchmark`` from a fit of the main model (`log_slopes`). They
        enter as normal priors (mean and sd), since the pairs hardly inform a slope and the
        posterior of a log slope is close to normal. Without them, families trained at several
        sizes on the same tokens inform the slopes.
    device
        Headline device of the cost readings; default: the first that the costs spec compares.
    cost_spec
        Spec of family ``costs``; default: the shelf's ``costs``.

    Raises
    ------
    GateError
        The diagnostics gate refused the draws, and those of a longer run.
    """
    from densing_bayes import checks, fitting
    from densing_bayes.families.compression import build

    spec = spec.with_seed(seed)
    cost_spec = (load_model("costs") if cost_spec is None else cost_spec)
    cost_spec = cost_spec.with_seed(spec.sampling.seed)
    devices = report_devices(tables.hardware, cost_spec.options["devices"])
    if device is not None:
        first = find_device(device, tables.hardware)
        devices = [first, *(other for other in devices if other.name != first.name)]
    rows, left_out = comparable_rows(tables)
    arrays, coords, pairs = pair_arrays(tables, rows, curves=curves,
                                        headroom=spec.options["headroom"])
    if progress is not None:
        progress("compiling compression")
    compiled = fitting.compile_model(build(arrays, coords, spec),
                                     keep=("log_ratio", "child_error"))
    if progress is not None:
        progress("sampling compression")
    tree, found = checks.sampled(compiled, spec.sampling, HEADLINE, case="compression",
                                 progress=progress or (lambda _: None), cores=cores,
                                 priors=spec.priors)
    posterior = tree["posterior"].to_dataset()
    return CompressionResult(
        spec=spec, pairs=pairs, left_out=left_out, devices=devices, posterior=posterior,
        ladders=len(coords["start"]) - len(coords["row"]) if curves is None else 0,
        ratios=_ratios(posterior, pairs, devices, cost_spec),
        diagnostics=found)


def log_slopes(curves: xr.Dataset, tokens: float) -> xr.DataArray:
    """Draws of ln slope by benchmark from fitted curves: logits per e-fold of N^ at the midpoint.

    A linked benchmark has its slope kappa. On an anchored one the logit is -gamma (l - L) with
    L - E - b D0^-beta = a N^-alpha, so the slope at L = l is -gamma alpha (l - E - b D0^-beta).

    Parameters
    ----------
    curves
        Draws of the ruler (dim ``anchor``: ``gamma``, ``alpha``, ``midpoint``, ``log_b``,
        ``beta``, ``irreducible``) and of ``kappa`` (dim ``linked``), both labelled by benchmark.
    tokens
        D0, the reference number of training tokens.
    """
    left = (curves["midpoint"] - curves["irreducible"]
            - np.exp(curves["log_b"] - curves["beta"] * np.log(tokens)))
    parts = [np.log(-curves["gamma"] * curves["alpha"] * left).rename(anchor="benchmark")]
    if "kappa" in curves:
        parts.append(np.log(curves["kappa"]).rename(linked="benchmark"))
    return xr.concat(parts, dim="benchmark").rename("log_slope")


# -- tables to arrays -------------------------------------------------------------------------


def comparable_rows(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of compression.csv that can be used, and those left out with the reason.

    Raises
    ------
    TableError
        No table, or no row left.
    """
    if tables.compression is None:
        raise TableError(Problem("no such table", file="compression.csv"))
    rows = tables.compression.copy()
    reason = pd.Series("", index=rows.index)
    unknown = ~rows["benchmark"].isin(tables.benchmarks["benchmark"])
    reason[unknown] = "benchmark not in benchmarks.csv, so its chance level is unknown"
    if "comparable" in rows:
        reason[rows["comparable"] == "no"] = "marked not comparable"
    numbers = ["parent_params", "child_params", "child_bits", "parent_score", "child_score"]
    reason[rows[numbers].apply(pd.to_numeric, errors="coerce").isna().any(axis=1)] = (
        "a size, score or bit width is missing")
    left_out = rows[reason != ""].assign(reason=reason[reason != ""])
    rows = rows[reason == ""].reset_index(drop=True)
    if not len(rows):
        raise TableError([Problem("no row can be used", file="compression.csv", hint=why)
                          for why in left_out["reason"].unique()] or
                         Problem("no rows", file="compression.csv"))
    return rows, left_out.reset_index(drop=True)


def pair_arrays(
    tables: Tables, rows: pd.DataFrame, *, headroom: float, curves: xr.DataArray | None = None,
) -> tuple[dict[str, Any], dict[str, Any], pd.DataFrame]:
    """Arrays and labels for `densing_bayes.families.compression.build`, and the pairs."""
    marks = tables.benchmarks.set_index("benchmark")
    rows = rows.copy()
    bits = pd.to_numeric(rows["child_bits"])
    parent_bits = (pd.to_numeric(rows["parent_bits"], errors="coerce").fillna(REFERENCE_BITS)
                   if "parent_bits" in rows else pd.Series(REFERENCE_BITS, index=rows.index))
    rows["kind"] = np.where(bits < parent_bits, *KINDS)
    rows["label"] = rows["method"].where(rows["kind"] != "quantised",
                                         rows["method"] + " " + bits.map("{:g} bit".format))
    rows = rows.assign(child_bits=bits, parent_bits=parent_bits)
    items = pd.to_numeric(rows["n_items"], errors="coerce")
    items = items.fillna(rows["benchmark"].map(marks["n_items"])).astype(float)

    pair_key = rows["parent"] + " > " + rows["child"]
    pair, pair_names = pd.factorize(pair_key)
    first = rows.groupby(pair).first()
    method, method_names = pd.factorize(first["label"], sort=True)
    kind_of = first.groupby(method)["kind"].first().map(KINDS.index).to_numpy()
    # benchmarks that something is known of here: a slope of nothing else would be its prior
    family_benchmarks = () if curves is not None else tables.scores["benchmark"]
    bench_names = [name for name in marks.index
                   if name in {*rows["benchmark"], *family_benchmarks}]
    marks = marks.loc[bench_names]
    bench = pd.Index(bench_names).get_indexer(rows["benchmark"])
    cell, cells = pd.factorize(pd.Series(list(zip(pair, bench, strict=True))))
    family = _families(tables, bench_names, some=curves is None)
    chance = marks["chance"].to_numpy(float)
    members, ladders, count = len(family["score"]), len(family["names"]), len(rows)
    row_start = ladders + np.arange(count)
    parents = members + np.arange(count)
    arrays = {
        "chance": chance, "scale": headroom * (1 - chance),
        **_known_slopes(marks, bench_names, curves),
        "method_kind": kind_of, "pair_method": method,
        "log_params_ratio": np.log((first["child_params"] / first["parent_params"])
                                   .to_numpy(float)),
        "cell_pair": np.array([one[0] for one in cells]), "row_cell": cell,
        "member_family": family["family"], "member_log_params": family["log_params"],
        # every score: members of families, parents, children
        "score": np.concatenate([family["score"], rows["parent_score"], rows["child_score"]]),
        "score_items": np.concatenate([family["items"], items, items]),
        "score_benchmark": np.concatenate([family["benchmark"], bench, bench]),
        "score_start": np.concatenate([family["ladder"], row_start, row_start]),
        "score_role": np.repeat([0, 1, 2], [members, count, count]),
        "score_partner": np.concatenate([np.arange(members), parents, parents]),
        "score_agrees": np.concatenate([np.zeros(members + count, int),
                                        1 + kind_of[method[pair]]]),
    }
    coords = {"benchmark": bench_names, "family": family["families"],
              "treatment": list(method_names), "kind": list(KINDS), "pair": list(pair_names),
              "cell": [f"{pair_names[i]} on {bench_names[j]}" for i, j in cells],
              "row": np.arange(count), "start": np.arange(ladders + count)}
    active = _active(tables.models)
    pairs = first[["child", "parent", "label", "kind", "child_params", "parent_params",
                   "child_bits", "parent_bits"]].rename(columns={"label": "method"})
    share = pairs["parent"].map(active).fillna(1.0)
    pairs = pairs.assign(
        pair=list(pair_names), rows=np.bincount(pair),
        benchmarks=rows.groupby(pair)["benchmark"].nunique(),
        parent_active=share * pairs["parent_params"],
        child_active=pairs["child"].map(active).fillna(share) * pairs["child_params"])
    return arrays, coords, pairs.reset_index(drop=True)


def _active(models: pd.DataFrame) -> pd.Series:
    """Active share of each model's parameters; 1 for dense models."""
    table = models.drop_duplicates("model").set_index("model")
    share = (pd.to_numeric(table["params_active"], errors="coerce")
             / pd.to_numeric(table["params_total"], errors="coerce"))
    return share.where(table["architecture"] == "moe", 1.0).dropna()


def _known_slopes(marks: pd.DataFrame, names: list[str],
                  curves: xr.DataArray | None) -> dict[str, np.ndarray]:
    """Prior mean and sd of ln slope where a fit gives it, directly or through ``variant_of``."""
    known, mu, sd = np.zeros(len(names)), np.zeros(len(names)), np.ones(len(names))
    if curves is not None:
        mean, spread = curves.mean(("chain", "draw")), curves.std(("chain", "draw"))
        given = set(curves["benchmark"].values.tolist())
        variant_of = marks["variant_of"] if "variant_of" in marks else pd.Series("", marks.index)
        for i, name in enumerate(names):
            source, extra = (name, 0.0) if name in given else (variant_of[name], VARIANT_SD)
            if source in given:
                known[i], mu[i] = 1.0, float(mean.sel(benchmark=source))
                sd[i] = float(np.hypot(spread.sel(benchmark=source), extra))
    return {"slope_known": known, "slope_mu": mu, "slope_sd": sd}


def _families(tables: Tables, bench_names: list[str], some: bool) -> dict[str, Any]:
    """Dense base families at several sizes with the same tokens, scored by one source.

    Without ``some`` none of them: given curves say what they would.

    ``ladder`` counts the families by benchmark and source; sizes are relative to their mean.
    """
    models = tables.models
    plain = models[(models["architecture"] != "moe") & (models["type"] != "instruct")
                   & (models["compression"] == "") & (models["family"] != "")
                   & pd.to_numeric(models["training_tokens"], errors="coerce").notna()
                   & models["params_total"].notna()]
    scores = tables.scores[tables.scores["benchmark"].isin(bench_names)]
    scores = scores[scores["stand_in"] != "yes"]
    rows = scores.merge(plain[["model", "family", "training_tokens", "params_total"]], on="model")
    key = ["family", "benchmark", "source", "harness", "training_tokens"]
    rows = rows[(rows.groupby(key)["params_total"].transform("nunique") > 1) & some]
    rows = rows.sort_values([*key, "params_total", "model"])
    ladder, names = pd.factorize(pd.MultiIndex.from_frame(rows[key]))
    size = pd.Series(np.log(pd.to_numeric(rows["params_total"]).to_numpy(float)))
    family, families = pd.factorize(rows["family"])
    items = pd.to_numeric(rows["n_items"], errors="coerce").fillna(
        rows["benchmark"].map(tables.benchmarks.set_index("benchmark")["n_items"]))
    # tilts of families sum to zero, which takes two of them
    families = [*families, *["(none)", "(no other)"][:max(0, 2 - len(families))]]
    return {"ladder": ladder, "names": names, "families": families, "family": family,
            "log_params": (size - size.groupby(ladder).transform("mean")).to_numpy(float),
            "benchmark": pd.Index(bench_names).get_indexer(rows["benchmark"]),
            "items": items.to_numpy(float), "score": rows["score"].to_numpy(float)}


# -- ratios -----------------------------------------------------------------------------------


def _ratios(posterior: xr.Dataset, pairs: pd.DataFrame, devices: list[Device],
            cost_spec: ModelSpec) -> xr.Dataset:
    """Log density ratios of child to parent by size and by cost, draw by draw."""
    constants = draw_constants(cost_spec, chains=posterior.sizes["chain"],
                               draws=posterior.sizes["draw"], seed=cost_spec.sampling.seed)
    constants = constants.assign_coords(chain=posterior["chain"], draw=posterior["draw"])
    child, parent = (
        sizes(pd.DataFrame({
            "model": pairs["pair"], "params_total": pairs[f"{who}_params"],
            "params_active": pairs[f"{who}_active"], "precision_bits": pairs[f"{who}_bits"],
            "architecture": np.where(pairs[f"{who}_active"] < pairs[f"{who}_params"],
                                     "moe", "dense")})) for who in ("child", "parent"))
    shift = posterior["log_ratio"] + xr.DataArray(
        np.log((pairs["child_params"] / pairs["parent_params"]).to_numpy(float)), dims="pair")
    by_device = []
    for device in devices:
        saved = equivalent_sizes(parent, device, constants) - equivalent_sizes(
            child, device, constants)
        saved = saved.rename(model="pair")
        by_device.append(xr.Dataset({
            "cost": shift + saved["log_size_cost"],
            "on_device": shift + saved["log_size_device"]}))
    ratios = xr.concat(by_device, dim=pd.Index([each.name for each in devices], name="device"))
    return ratios.assign(plain=posterior["log_ratio"])
