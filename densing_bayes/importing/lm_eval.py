"""Results of EleutherAI's lm-evaluation-harness, in the shapes of its versions.

Since 0.4 a metric is ``acc,none`` with its filter, before plain ``acc``; shots stand in
``n-shot`` or ``configs`` or ``config.num_fewshot``, items in ``n-samples``. The first Open LLM
Leaderboard and lighteval write tasks as ``harness|arc:challenge|25``.
"""

from __future__ import annotations

import re
from typing import Any

from densing_bayes.importing.known import MARKS, mark_of
from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Row, Rows, day, number, text

HARNESS = "lm-evaluation-harness"
# what stands beside scores in a task's results
_BESIDE = {"alias", "name", "sample_len", "samples", "sample_count", "task_name", "prompt_name",
           "fixed_answer_choice_list", "dataset_path", "dataset_name", "subset", "prompt_id",
           "prompt_jinja", "prompt_original_task", "comment"}
# counted per byte, token or word, or marks of a translation: no fraction of items solved
_NO_SCORE = re.compile(r"perplexity|bits_per_byte|bleu|rouge|ter\b|chrf|wer\b|likelihood_diff|"
                       r"pct_stereotype|brier|seconds|loss")
_MARKS_OF_A_TASK = re.compile(r"(?:harness|leaderboard|lighteval|original|helm|extended|custom|"
                              r"community)\|([^|]+)\|(\d+)(?:\|\d+)?$")
# parts of benchmarks: their form, the whole, and how many of them make a mean
_PARTS = tuple((re.compile(form), whole, fewest) for form, whole, fewest in (
    (r"hendrycksTest-|mmlu:|mmlu_(?!pro|redux|cot|flan|llama|continuation|humanities$|stem$|other$|"
     r"social_sciences$)", "mmlu", 50),
    (r"mmlu_(humanities|stem|other|social_sciences)$", "mmlu's four fields", 99),
    (r"leaderboard_bbh_", "leaderboard_bbh", 20), (r"bbh_(cot_fewshot|fewshot)_", "bbh", 20),
    (r"leaderboard_gpqa_", "leaderboard_gpqa", 3), (r"leaderboard_musr_", "leaderboard_musr", 3),
    (r"leaderboard_math_(?!hard$)", "leaderboard_math_hard", 7),
    (r"minerva_math_", "minerva_math", 7), (r"mmlu_pro_", "mmlu_pro", 14),
    (r"agieval_(?!en$)", "agieval", 8), (r"ceval-valid_", "ceval-valid", 50),
    (r"cmmlu_", "cmmlu", 60)))


def knows(opened: Opened) -> bool:
    """Whether this is a results file of the harness."""
    value = opened.value
    if not isinstance(value, dict) or not isinstance(value.get("results"), dict | list):
        return False
    tasks = (value["results"] if isinstance(value["results"], list)
             else list(value["results"].values()))
    return any(isinstance(task, dict) and any(number(cell) is not None for cell in task.values())
               for task in tasks) and not ({"benchmark_name", "long_tasks_version"} & set(value))


def read(opened: Opened) -> Rows:
    """Scores of one model, with shots, items, metric and standard error."""
    rows, value = Rows(), opened.value
    about = _model(value)
    if not about["model"]:
        about["model"] = _name_of_file(opened.name)
        if not about["model"]:
            rows.left["lm-evaluation-harness: a results file that names no model"] += 1
            return rows
        rows.hand.append(f"{text(opened.name)} names no model: taken from its path, "
                         f"{about['model']!r}")
    tasks = _tasks(value)
    date = day(value.get("date")) or _date_of_file(opened.name)
    common = {"model": about["model"], "harness": HARNESS, "evaluated": date,
              "source": f"{HARNESS} results, {text(opened.name, 120)}"}
    inside = _parts(value, tasks)
    for task, result in tasks.items():
        if task in inside:
            rows.left[inside[task]] += 1
            continue
        if _whole_of(task) is not None:
            continue
        row = _score(task, result, value, rows)
        if row is not None:
            rows.scores.append(common | row)
    have = {mark_of(row["benchmark"], HARNESS) for row in rows.scores}
    rows.scores += [common | mean for mean in _means(tasks, value, inside, have, rows)]
    if rows.scores:
        rows.models.append(about)
    return rows


def _tasks(value: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Results by task: groups too, lists of one prompt each by their task's name."""
    found = value["results"]
    if isinstance(found, list):
        found = {str(task.get("task_name", "")): task for task in found if isinstance(task, dict)}
    groups = value.get("groups")
    both = {**(groups if isinstance(groups, dict) else {}), **found}
    return {str(name): task for name, task in both.items() if isinstance(task, dict)
            and name not in ("all",) and not str(name).endswith(":_average|0")}


def _bare(task: str) -> str:
    found = _MARKS_OF_A_TASK.match(task)
    return text(found[1] if found else task)


def _whole_of(task: str) -> tuple[str, int] | None:
    """The benchmark that a task is a part of, and how many parts make its mean; or None."""
    return next(((whole, fewest) for form, whole, fewest in _PARTS if form.match(_bare(task))),
                None)


def _parts(value: dict[str, Any], tasks: dict[str, Any]) -> dict[str, str]:
    """Tasks that are not taken because of a group: task -> why.

    The parts of a benchmark whose whole is there; of a collection of benchmarks (a leaderboard)
    the collection.
    """
    found = {}
    for group, names in (value.get("group_subtasks") or {}).items():
        there = [name for name in names or () if name in tasks]
        if group not in tasks or not there:
            continue
        if mark_of(group, HARNESS) is None and any(mark_of(name, HARNESS) for name in there):
            found[group] = "means over several benchmarks"
        else:
            found |= dict.fromkeys(there, "parts of a group of tasks whose whole is taken")
    return found


def _metric(task: str, result: dict[str, Any]) -> tuple[str, str] | None:
    """The key of the score to take, and the metric's name; None if there is none."""
    scores = {}
    for key, cell in result.items():
        bare, _, method = key.partition(",")
        if (key in _BESIDE or bare in _BESIDE or bare.endswith(("_stderr", "higher_is_better"))
                or _NO_SCORE.search(bare) or number(cell) is None):
            continue
        scores[bare if method in ("", "none") else key] = key
    name = mark_of(_bare(task), HARNESS)
    usual = (*(MARKS[name].metric if name in MARKS else ()), "acc", "exact_match,strict-match",
             "exact_match", "exact_match,flexible-extract", "acc_norm", "pass@1", "mc2", "em")
    for wanted in usual:
        for metric, key in scores.items():
            if metric == wanted or metric.split(",")[0] == wanted:
                return key, metric
    return next(((key, metric) for metric, key in scores.items()), None)


def _score(task: str, result: dict[str, Any], value: dict[str, Any], rows: Rows) -> Row | None:
    found = _metric(task, result)
    if found is None:
        rows.left["tasks without a score between 0 and 1 (perplexity, BLEU, groups of names)"] += 1
        return None
    key, metric = found
    score = number(result[key])
    assert score is not None
    if not 0 <= score <= 1:
        score = score / 100 if 1 < score <= 100 else None
        if score is None:
            rows.left["scores outside 0 to 1"] += 1
            return None
    bare, _, method = key.partition(",")
    error = number(result.get(f"{bare}_stderr,{method}" if method else f"{bare}_stderr"))
    return {"benchmark": _bare(task), "score": score, "metric": metric,
            "shots": _shots(task, value), "n_items": _items(task, result, value),
            "stderr": error if error is not None and 0 < error <= 0.5 else None}


def _shots(task: str, value: dict[str, Any]) -> float | None:
    found = _MARKS_OF_A_TASK.match(task)
    if found:
        return float(found[2])
    configs = value.get("configs") or {}
    config = configs.get(task) if isinstance(configs, dict) else None
    for place in ((value.get("n-shot") or {}).get(task),
                  config.get("num_fewshot") if isinstance(config, dict) else None,
                  (value.get("config") or {}).get("num_fewshot")):
        shots = number(place)
        if shots is not None and shots >= 0:
            return shots
    return None


def _items(task: str, result: dict[str, Any], value: dict[str, Any]) -> float | None:
    count = (value.get("n-samples") or {}).get(task)
    if isinstance(count, dict):
        count = count.get("effective", count.get("original"))
    for place in (count, result.get("sample_len,none"), result.get("sample_len")):
        items = number(place)
        if items is not None and items >= 1:
            return items
    return None


def _means(tasks: dict[str, dict[str, Any]], value: dict[str, Any], inside: dict[str, str],
           have: set[str | None], rows: Rows) -> list[Row]:
    """Benchmarks as the mean over their parts, where a file has enough of these and no whole."""
    parts: dict[tuple[str, int], list[tuple[str, float]]] = {}
    for task, result in tasks.items():
        whole = None if task in inside else _whole_of(task)
        found = _metric(task, result) if whole else None
        if whole and found:
            parts.setdefault(whole, []).append((task, number(result[found[0]]) or 0.0))
    means = []
    for (whole, fewest), scores in parts.items():
        if mark_of(whole, HARNESS) in have - {None}:
            rows.left["parts of a group of tasks whose whole is taken"] += len(scores)
        elif len(scores) >= fewest:
            means.append({"benchmark": whole, "metric": "mean of parts",
                          "score": sum(score for _, score in scores) / len(scores),
                          "shots": _shots(scores[0][0], value)})
        else:
            rows.left[f"parts of {whole} without the whole"] += len(scores)
    return means


def _model(value: dict[str, Any]) -> Row:
    """The model: its name, and what the harness knows of its size and bits."""
    config = value.get("config") or {}
    general = value.get("config_general") or {}
    config = config if isinstance(config, dict) else {}
    arguments = config.get("model_args") or {}
    if isinstance(arguments, str):
        arguments = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
    name = (value.get("model_name") or general.get("model_name") or arguments.get("pretrained")
            or arguments.get("model") or config.get("model_name") or arguments.get("path") or "")
    if not name and "/" in str(config.get("model", "")):
        name = config["model"]
    revision = text(arguments.get("revision"))
    name = text(str(name).rstrip("/"))
    if name.startswith(("/", "./", "~")) or name.count("/") > 1:
        name = name.rsplit("/", 1)[-1]
    if revision not in ("", "main", "None", "null"):
        name += f"@{revision}"
    dtype = text(config.get("model_dtype") or general.get("model_dtype") or arguments.get("dtype"))
    bits: float | None = {"32": 32.0, "16": 16.0, "8": 8.0}.get(
        "".join(c for c in dtype if c.isdigit()))
    for word, count in (("load_in_4bit", 4.0), ("load_in_8bit", 8.0)):
        if text(arguments.get(word)).casefold() == "true":
            bits = count
    size = number(config.get("model_num_parameters"))
    return {"model": name, "params_total": size if size and size > 1e5 else None,
            "precision_bits": bits if bits is None or bits < 32 else 16.0,
            "compression": "quantised" if bits in (4.0, 8.0) else None}


def _name_of_file(name: str) -> str:
    """A model's name from ``.../org__model/results_2024-....json``, or ''."""
    parts = name.replace("\\", "/").split("/")
    folders = [part for part in parts[:-1] if "__" in part]
    return text(folders[-1].replace("__", "/", 1)) if folders else ""


def _date_of_file(name: str) -> str:
    found = re.search(r"20\d\d-\d\d-\d\d", name.rsplit("/", 1)[-1])
    return found[0] if found else ""
