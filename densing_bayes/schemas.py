"""What each table holds: its columns, and what a cell may be.

The declaration of a column serves the check (``cells``), its messages, and
``densing data show``. A new column is one line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 200


@dataclass(frozen=True)
class Column:
    """One column: what it means, and what a cell may hold.

    Parameters
    ----------
    what
        Meaning and unit.
    kind
        'text', 'name' (a text that identifies something), 'number' or 'date'.
    filled
        Whether an empty cell (unknown) is refused.
    low, high
        Bounds of a number; ``low`` of a date, ISO (a date is at most tomorrow).
    above, below
        Whether ``low``, ``high`` itself is excluded.
    choices
        The words allowed.
    unit
        'percent' or 'billions': the mistake that a cell out of bounds is recognised as.
    extra
        Not in the contract: the header may lack it, and it is then empty.
    otherwise
        Column whose text stands in where this one is empty.
    """

    what: str
    kind: str = "text"
    filled: bool = False
    low: float | str | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    choices: tuple[str, ...] = ()
    unit: str | None = None
    extra: bool = False
    otherwise: str | None = None

    @property
    def allowed(self) -> str:
        """What a cell may be, in words."""
        if self.choices:
            words = ", ".join(self.choices)
        elif self.kind == "date":
            words = f"a date YYYY-MM-DD, YYYY-MM, YYYY-Qn or YYYY from {self.low} to tomorrow"
        elif self.kind == "number":
            words = "a number"
            if self.low is not None or self.high is not None:
                left = "(" if self.above or self.low is None else "["
                right = ")" if self.below or self.high is None else "]"
                low = "-inf" if self.low is None else f"{self.low:g}"
                high = "inf" if self.high is None else f"{self.high:g}"
                words += f" in {left}{low}, {high}{right}"
        elif self.kind == "name":
            words = f"printable text of at most {LONGEST_NAME} characters"
        else:
            words = "text"
        return words if self.filled else f"{words}, or empty (unknown)"


@dataclass(frozen=True)
class Schema:
    """One table: what it is, its columns, and the columns that name a row."""

    what: str
    columns: dict[str, Column]
    key: tuple[str, ...]
    ordered: tuple[tuple[str, str], ...] = ()  # (smaller, larger) of one row


def _name(what: str, **more: Any) -> Column:
    return Column(what, "name", **{"filled": True, **more})


def _fraction(what: str, **more: Any) -> Column:
    return Column(what, "number", **{"low": 0, "high": 1, "unit": "percent", **more})


def _count(what: str, low: float, high: float = 1e18, **more: Any) -> Column:
    return Column(what, "number", low=low, high=high, unit="billions", **more)


def _positive(what: str, high: float | None = None, **more: Any) -> Column:
    return Column(what, "number", low=0, above=True, high=high, **more)


_SOURCE = Column("where the row was read", filled=True)
_NOTE = Column("remark", extra=True)
_FLAG = Column("doubts, separated by semicolons", extra=True)
_YES_NO = ("yes", "no")
_ITEMS = Column("counted items", "number", low=1, high=1e9)
_LOSS = _positive("loss, in loss_unit", 1e6, filled=True)
_HELD_OUT = Column("'yes' for a model outside the ladder proper", choices=_YES_NO, extra=True)
_DECAYED = Column("'yes' at the end of a learning-rate schedule", choices=_YES_NO, extra=True)

TABLES: dict[str, Schema] = {
    "models": Schema("language models: size, date, kind", {
        "model": _name("name"),
        "organization": _name("who made it", filled=False),
        "family": _name("models that share data and recipe", filled=False),
        "release_date": Column("day of release; unknown: outside the fit", "date",
                               low="2012-01-01"),
        "date_kind": Column("what came out that day", choices=("weights", "paper", "api")),
        "params_total": _count("parameters; unknown: outside the fit", 1e5, 1e16),
        "params_active": _count("parameters used per token", 1e5, 1e16),
        "architecture": Column("one expert or many", choices=("dense", "moe")),
        "training_tokens": _count("tokens seen in pre-training", 1e6),
        "precision_bits": _positive("bits per weight", 64),
        "compression": _name("method, empty for none", filled=False),
        "parent": _name("model that it was compressed from", filled=False),
        "type": Column("stage of training", choices=("base", "instruct")),
        "source": _SOURCE,
        "weights": Column("who may have them", choices=("open", "gated", "closed"), extra=True),
        "flag": _FLAG, "note": _NOTE,
        "date_source": Column("where the day was read", extra=True),
        "date_checked": Column("day on which the release date was compared with its source; "
                               "empty: not compared", "date", low="2012-01-01", extra=True),
    }, key=("model",), ordered=(("params_active", "params_total"),)),
    "scores": Schema("one row per model, benchmark and source", {
        "model": _name("as in models.csv"),
        "benchmark": _name("as in benchmarks.csv"),
        "score": _fraction("fraction of items solved", filled=True),
        "shots": Column("examples in the prompt", "number", low=0, high=1e6),
        "n_items": _ITEMS,
        "harness": _name("evaluation program", filled=False),
        "source": _SOURCE,
        "metric": _name("what is counted as solved, with any filter", filled=False, extra=True),
        "evaluated": Column("day of the evaluation", "date", low="2012-01-01", extra=True),
        "stderr": Column("standard error of the score", "number", low=0, high=0.5, extra=True),
        "low": _fraction("lower end of the 95% interval of the score", extra=True),
        "high": _fraction("upper end of the 95% interval of the score", extra=True),
        "role": Column("own report or re-evaluation", extra=True), "note": _NOTE,
        "checked": Column("day on which the score was compared with its source; empty: not "
                          "compared", "date", low="2012-01-01", extra=True),
        "stand_in": Column("'yes' for a score of a like model", choices=_YES_NO, extra=True),
    }, key=("model", "benchmark", "shots", "metric", "harness", "source", "evaluated"),
        ordered=(("low", "score"), ("score", "high"))),
    "benchmarks": Schema("benchmarks: items, chance level, anchor", {
        "benchmark": _name("name"),
        "n_items": Column("counted items", "number", filled=True, low=1, high=1e9),
        "chance": _fraction("score by guessing", filled=True, below=True),
        "domain": _name("what it asks for", filled=False),
        "released": Column("day of release", "date", low="1990-01-01"),
        "contamination_pair": _name("a cleaner benchmark of the same kind: newer, or never "
                                    "published", filled=False),
        "anchor": _name("suite in runs.csv whose losses anchor it; empty: linked", filled=False),
        "source": _SOURCE,
        "variant_of": _name("benchmark that this is another protocol of", filled=False,
                            extra=True),
        "score_format": _name("format of the pairs that belong to it; empty: all",
                              filled=False, extra=True),
        "sets": Column("named sets that it belongs to, separated by semicolons; a fit that names "
                       "no benchmarks takes the set 'default'", extra=True),
        "note": _NOTE,
    }, key=("benchmark",)),
    "runs": Schema("training runs of loss ladders", {
        "run": _name("name"),
        "suite": _name("runs that share data, tokenizer and recipe"),
        "params": _count("parameters", 1e3, 1e16, filled=True),
        "params_kind": _name("what is counted", filled=False),
        "tokens": _count("training tokens", 1e4, filled=True),
        "loss": _LOSS,
        "loss_unit": _name("unit of the loss", filled=False),
        "eval_set": _name("benchmark, or corpus, that the loss is on"),
        "source": _SOURCE,
        "held_out": _HELD_OUT, "lr_decayed": _DECAYED, "flag": _FLAG, "note": _NOTE,
    }, key=("run", "suite", "eval_set")),
    "pairs": Schema("loss and score of one model on one benchmark", {
        "model": _name("name"),
        "suite": _name("as in runs.csv"),
        "benchmark": _name("benchmark of the score"),
        "eval_set": _name("benchmark that the loss is on"),
        "loss": _LOSS,
        "loss_unit": _name("unit of the loss", filled=False),
        "score": _fraction("fraction of items solved", filled=True),
        "score_format": _name("how answers are read off", filled=False),
        "source": _SOURCE,
        "params": _count("parameters", 1e3, 1e16, extra=True),
        "tokens": _count("training tokens", 1e4, extra=True),
        "params_kind": _name("what is counted", filled=False, extra=True),
        "lr_decayed": _DECAYED, "held_out": _HELD_OUT, "note": _NOTE,
    }, key=("model", "suite", "benchmark", "eval_set", "score_format")),
    "flags": Schema("questions asked of every model, with the sentence that answers them", {
        "family": _name("as in models.csv"),
        "model": _name("one model of the family; empty: all of it", filled=False),
        "question": _name("the flag of models.csv that a yes sets"),
        "answer": Column("what the source says", filled=True, choices=("yes", "no", "not said")),
        "sentence": Column("the source's words, or what it does not say", filled=True),
        "source": _SOURCE, "note": _NOTE,
    }, key=("family", "model", "question")),
    "prices": Schema("prices of tokens", {
        "model": _name("name"),
        "provider": _name("who sells"),
        "date": Column("day from which it holds", "date", filled=True, low="2012-01-01"),
        "input_usd_per_m": Column("USD per million input tokens", "number", low=0, high=1e6),
        "output_usd_per_m": Column("USD per million output tokens", "number", low=0, high=1e6),
        "source": _SOURCE,
        "tier": _name("service that is dearer or cheaper than the usual, such as batch or long "
                      "requests; empty: the usual", filled=False, extra=True),
        "mmlu": _fraction("MMLU score", extra=True),
        "mmlu_source": Column("family of evaluations that mmlu is from: helm, own-report, other",
                              extra=True),
        "mmlu_alt": _fraction("MMLU score by another source", extra=True),
        "mmlu_alt_source": Column("family of evaluations that mmlu_alt is from", extra=True),
        "note": _NOTE,
    }, key=("model", "provider", "date", "tier")),
    "hardware": Schema("devices that run models", {
        "device": _name("name"),
        "vendor": _name("who made it", filled=False),
        "release_date": Column("day of release", "date", filled=True, low="2000-01-01"),
        "price_usd": _positive("USD", 1e9),
        "fp16_tflops": _positive("10^12 operations per second at 16 bits"),
        "memory_gb": _positive("GB"),
        "memory_bandwidth_gb_s": _positive("GB/s from memory"),
        "offload_bandwidth_gb_s": _positive("GB/s over the slower link"),
        "tdp_w": _positive("W"),
        "kind": Column("datacenter, consumer, phone, ..."),
        "source": _SOURCE,
        "fp16_basis": Column("what fp16_tflops is of: vector or matrix units", extra=True),
        "price_kind": Column("'launch' for a launch price; empty counts as that", extra=True),
        "price_scope": Column("'device' for a price of the device alone; empty counts as that",
                              extra=True),
        "later_price_usd": _positive("USD, of the same device later", 1e9, extra=True),
        "later_price_date": Column("from when the later price is", "date", low="2000-01-01",
                                   extra=True),
        "note": _NOTE,
    }, key=("device",)),
    "published": Schema("published figures to hold a posterior against", {
        "quantity": _name("slug"),
        "value": Column("in unit", "number"),
        "low": Column("lower bound of the interval", "number"),
        "high": Column("upper bound of the interval", "number"),
        "prob": _fraction("probability of the interval", above=True),
        "unit": Column("unit of value, low, high"),
        "method": Column("how it was got"),
        "source": _SOURCE,
        "label": Column("what the figure is called; empty: its slug", extra=True,
                        otherwise="quantity"),
        "doubling_months": _positive("the figure as a doubling or halving time, months",
                                     extra=True),
        "doubling_low": _positive("lower bound of that time, months", extra=True),
        "doubling_high": _positive("upper bound of that time, months", extra=True),
        "note": _NOTE,
    }, key=("quantity",), ordered=(("low", "high"), ("doubling_low", "doubling_high"))),
    "compression": Schema("a model and its compressed child, scored by one source", {
        "parent": _name("model before"),
        "child": _name("model after"),
        "method": _name("how", filled=False),
        "parent_params": _count("parameters", 1e5, 1e16),
        "child_params": _count("parameters", 1e5, 1e16),
        "child_bits": _positive("bits per weight", 64),
        "benchmark": _name("benchmark"),
        "parent_score": _fraction("fraction of items solved", filled=True),
        "child_score": _fraction("fraction of items solved", filled=True),
        "n_items": _ITEMS, "source": _SOURCE,
        "parent_bits": _positive("bits per weight", 64, extra=True),
        "comparable": Column("'no' for a pair that differs in more than the compression",
                             choices=_YES_NO, extra=True), "note": _NOTE,
    }, key=("parent", "child", "benchmark", "source")),
}
REQUIRED = ("models", "scores", "benchmarks", "runs", "pairs")

# a cell of each column, for templates and documentation: by column, or by table.column
EXAMPLES = {
    "model": "Qwen2.5-7B", "organization": "Alibaba", "family": "Qwen2.5",
    "release_date": "2024-09-19", "date_kind": "weights", "params_total": "7615616512",
    "params_active": "7615616512", "architecture": "dense", "training_tokens": "1.8e13",
    "precision_bits": "16", "compression": "gptq-int4", "parent": "Qwen2.5-7B", "type": "base",
    "source": "Qwen2.5 report (arXiv 2412.15115), table 3", "weights": "open",
    "flag": "tokens-unconfirmed", "note": "", "date_source": "model card",
    "date_checked": "2026-11-20", "checked": "2026-11-20", "benchmark": "MMLU", "score": "0.742",
    "shots": "5", "n_items": "14042", "harness": "lm-evaluation-harness", "metric": "acc",
    "evaluated": "2024-10-01", "stderr": "0.0037", "scores.low": "0.735", "scores.high": "0.749",
    "role": "own report", "stand_in": "no", "chance": "0.25", "domain": "knowledge",
    "released": "2020-09-07", "contamination_pair": "GSM1k", "anchor": "olmo2-ladder",
    "variant_of": "MMLU", "score_format": "mc-5shot", "sets": "default", "run": "190M-1xC",
    "suite": "olmo2-ladder", "params": "190354176", "params_kind": "non-embedding",
    "tokens": "3817865216", "loss": "1.52", "loss_unit": "bits/byte", "eval_set": "MMLU",
    "held_out": "no", "lr_decayed": "yes", "provider": "OpenAI", "date": "2024-05-13",
    "input_usd_per_m": "2.5", "output_usd_per_m": "10", "tier": "batch", "mmlu": "0.742",
    "mmlu_source": "helm", "mmlu_alt": "0.73", "mmlu_alt_source": "own-report",
    "device": "RTX 4090", "vendor": "NVIDIA", "hardware.release_date": "2022-10-12",
    "price_usd": "1599", "fp16_tflops": "165.2", "memory_gb": "24",
    "memory_bandwidth_gb_s": "1008", "offload_bandwidth_gb_s": "31.5", "tdp_w": "450",
    "kind": "consumer", "fp16_basis": "tensor", "price_kind": "launch", "price_scope": "device",
    "later_price_usd": "1749", "later_price_date": "2024-06-01", "quantity": "densing-rate",
    "value": "0.007", "published.low": "0.006", "published.high": "0.008", "prob": "0.9",
    "unit": "per day", "method": "least squares on records", "label": "Densing Law slope",
    "doubling_months": "3.3", "doubling_low": "3", "doubling_high": "3.6",
    "child": "Qwen2.5-7B-int4", "compression.method": "gptq-int4", "parent_params": "7615616512",
    "child_params": "7615616512", "child_bits": "4", "parent_score": "0.742",
    "child_score": "0.731", "parent_bits": "16", "comparable": "yes",
    "question": "distilled-pretraining", "answer": "not said",
    "sentence": "the report does not say",
}
