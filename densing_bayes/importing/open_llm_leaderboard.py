"""Dumps of the Open LLM Leaderboard: the second one's table, and tables like the first's."""

from __future__ import annotations

import re

import pandas as pd

from densing_bayes.importing.lm_eval import HARNESS
from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Row, Rows, day, number, text

# column of a dump -> benchmark, shots; of the second leaderboard the raw scores, not the ones
# rescaled to chance
SECOND = {"IFEval Raw": ("leaderboard_ifeval", 0), "BBH Raw": ("leaderboard_bbh", 3),
          "MATH Lvl 5 Raw": ("leaderboard_math_hard", 4), "GPQA Raw": ("leaderboard_gpqa", 0),
          "MUSR Raw": ("leaderboard_musr", 0), "MMLU-PRO Raw": ("leaderboard_mmlu_pro", 5)}
FIRST = {"ARC": ("arc_challenge", 25), "HellaSwag": ("hellaswag", 10), "MMLU": ("mmlu", 5),
         "TruthfulQA": ("truthfulqa_mc2", 0), "Winogrande": ("winogrande", 5),
         "GSM8K": ("gsm8k", 5)}
_BASE = ("🟢", "🟩")  # pretrained, continuously pretrained


def knows(opened: Opened) -> bool:
    """Whether the header is the leaderboard's."""
    if not opened.is_table:
        return False
    columns = set(opened.value.columns)
    return bool({"fullname", "model_name_for_query", "eval_name", "Average ⬆️"} & columns) and (
        len(columns & set(SECOND)) >= 3 or len(columns & set(FIRST)) >= 3)


def read(opened: Opened) -> Rows:
    """Models with size, date and type, and their scores; flagged ones and merges are left."""
    rows, frame = Rows(), opened.value
    tasks = SECOND if len(set(frame.columns) & set(SECOND)) >= 3 else FIRST
    frame = _told(frame, rows)
    percent = {column: any((number(cell) or 0) > 1 for cell in frame[column])
               for column in tasks if column in frame}
    seen: set[str] = set()
    for cells in frame.to_dict("records"):
        about = _model(cells)
        reason = ("flagged by the leaderboard" if cells.get("Flagged")
                  else "merges of other models" if cells.get("Merged") or
                  "merge" in text(cells.get("Type")).casefold()
                  else "rows without a model's name" if not about["model"]
                  else "adapters and deltas" if cells.get("Weight type") in ("Adapter", "Delta")
                  else None)
        if reason is None and about["model"] in seen:
            reason = "a model's further rows (another precision or revision)"
        if reason:
            rows.left[f"Open LLM Leaderboard: {reason}"] += 1
            continue
        seen.add(about["model"])
        rows.models.append(about)
        for column, (task, shots) in tasks.items():
            score = number(cells.get(column))
            if score is None:
                continue
            if percent[column]:
                score /= 100
            rows.scores.append({
                "model": about["model"], "benchmark": task, "score": score, "shots": shots,
                "harness": HARNESS, "evaluated": day(cells.get("Submission Date")),
                "source": f"Open LLM Leaderboard, {text(opened.name, 120)}"})
    return rows


def _told(frame: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """The table with ``Flagged``, ``Merged`` and ``MoE`` as true or false.

    The page has filters that are true where a model is to be shown, and some dumps hold those:
    there most of all models were flagged. They are then read the other way round.
    """
    said = {name: frame[name].map(_yes) for name in ("Flagged", "Merged", "MoE") if name in frame}
    if "Not_Merged" in frame:
        said["Merged"] = frame["Not_Merged"].map(_yes)
    turned = "Flagged" in said and said["Flagged"].mean() > 0.5
    if turned:
        rows.hand.append(f"{', '.join(said)}: true for most models, so true is read as 'not' (the "
                         "filters of the leaderboard's page)")
    elif "Not_Merged" in frame:
        said["Merged"] = ~said["Merged"]
    return frame.assign(**{name: ~column if turned else column for name, column in said.items()})


def _model(cells: Row) -> Row:
    name = text(cells.get("fullname") or cells.get("model_name_for_query")
                or re.sub(r"<[^>]*>|📑", " ", str(cells.get("Model") or "")))
    size = number(cells.get("#Params (B)"))
    precision = text(cells.get("Precision"))
    bits = {"bfloat16": 16, "float16": 16, "torch.bfloat16": 16, "torch.float16": 16,
            "8bit": 8, "4bit": 4, "GPTQ": 4}.get(precision)
    kind = text(cells.get("Type") or cells.get("T"))
    return {
        "model": name, "params_total": size * 1e9 if size and size > 0 else None,
        "release_date": day(cells.get("Upload To Hub Date")), "date_kind": "weights",
        "precision_bits": bits, "compression": "quantised" if bits in (4, 8) else None,
        "architecture": "moe" if cells.get("MoE") else "dense",
        "type": "base" if kind.startswith(_BASE) or "pretrained" in kind else "instruct",
        "weights": "open"}


def _yes(cell: object) -> bool:
    return text(cell).casefold() in ("true", "yes", "1")
