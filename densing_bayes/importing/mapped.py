"""Any other sheet: rows and columns whose meaning is given (``--map``) or told by the header.

A sheet is long (a row a score, with columns ``benchmark`` and ``score``), wide (a column a
benchmark), a list of models, of prices, or a series.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from densing_bayes.cells import MEANT
from densing_bayes.errors import InputError, Problem, did_you_mean, plain
from densing_bayes.importing.known import mark_of
from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Row, Rows, day, number, text
from densing_bayes.plausible import size_in
from densing_bayes.reading import cut
from densing_bayes.schemas import TABLES

SERIES = ("date", "value", "sd", "low", "high", "label")
_HEADERS = {  # what a header without case and signs is taken for
    "model": ("model", "modelname", "name", "modelid", "llm", "system"),
    "params_total": ("params", "parameters", "paramcount", "numparams", "modelsize", "size",
                     "paramstotal", "totalparams", "totalparameters", "numberofparameters",
                     "modelsizeparameters",
                     "paramsb", "parametersb", "sizeb", "modelsizeb", "parametersbillion"),
    "params_active": ("paramsactive", "activeparams", "activeparameters", "activeparamsb",
                      "activeparametersb"),
    "release_date": ("releasedate", "released", "release", "date", "announced", "publicationdate",
                     "published", "dateofrelease", "uploaddate", "uploadtohubdate",
                     "versionreleasedate"),
    "organization": ("organization", "organisation", "developer", "lab", "company", "maker",
                     "creator", "org", "vendor"),
    "family": ("family", "modelfamily"), "type": ("type", "stage", "kind"),
    "architecture": ("architecture", "arch"),
    "weights": ("weights", "access", "openclosed", "modelaccessibility", "accessibility"),
    "precision_bits": ("precisionbits", "bits", "precision"), "parent": ("parent", "basemodel"),
    "training_tokens": ("trainingtokens", "tokens", "tokenstrained", "trainingdata",
                        "tokenstrainedb", "trainingtokenst", "trainingtokensb", "tokenst",
                        "tokensb", "tokenstrillions", "datasetsizetokens",
                        "trainingdatasetsizetokens"),
    "benchmark": ("benchmark", "task", "dataset", "eval"),
    "score": ("score", "accuracy", "acc", "result", "value"),
    "shots": ("shots", "nshot", "numfewshot", "fewshot"), "metric": ("metric",),
    "harness": ("harness", "evaluator", "framework"), "stderr": ("stderr", "se"),
    "n_items": ("nitems", "items", "nsamples", "questions"),
    "source": ("source", "reference", "url", "link", "paper"), "note": ("note", "notes", "comment"),
    "provider": ("provider", "host", "seller"),
    "input_usd_per_m": ("inputusdperm", "inputprice", "inputpricepermillion", "input",
                        "promptprice", "inputcost", "inputper1m", "input1m", "inputperm",
                        "inputpriceusd1m"),
    "output_usd_per_m": ("outputusdperm", "outputprice", "outputpricepermillion", "output",
                         "completionprice", "outputcost", "outputper1m", "output1m", "outputperm",
                         "outputpriceusd1m"),
}
_SHOTS = re.compile(r"[,(\[\s_-]*(\d+)[- _]?shots?\s*[)\]]?", re.IGNORECASE)
_UNITS = re.compile(r"[\[( _]\s*(in\s+)?(k|m|mn|million|b|bn|billion|t|tn|trillion)s?\s*[\])]?$",
                    re.IGNORECASE)
_SAID = re.compile(r"[~<>≈$]?\s*(\d+(?:[.,]\d+)?)\s*(k|m|mn|million|b|bn|billion|t|tn|trillion)?"
                   r"s?\+?(\s*(params?|parameters|tokens|usd))?", re.IGNORECASE)
APART = 1.3  # factor between a size and the one in its model's name: as rounded there
FEW = 5  # models with both
_TIMES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_SIZES = {"params_total", "params_active", "training_tokens"}
_NUMBERS = _SIZES | {"precision_bits", "shots", "n_items", "stderr", "input_usd_per_m",
                     "output_usd_per_m"}


def columns_of(asked: Sequence[str]) -> dict[str, str]:
    """The mapping that ``--map`` asks for: contract's column -> the sheet's, or '=' and a text.

    Raises
    ------
    InputError
        For entries that are no mapping, and columns that no table has.

    Examples
    --------
    >>> columns_of(["model=Name", "score:MMLU=mmlu 5-shot", "source:=a sheet"])
    {'model': 'Name', 'score:MMLU': 'mmlu 5-shot', 'source': '=a sheet'}
    """
    allowed = [*dict.fromkeys([column for name in ("models", "scores", "prices")
                               for column in TABLES[name].columns] + list(SERIES))]
    found, problems = {}, []
    for entry in asked:
        target, sign, theirs = entry.partition("=")
        constant = target.endswith(":")
        target = target.removesuffix(":").strip()
        if not sign or not theirs.strip():
            problems.append(Problem("--map is COLUMN=THEIRS", given=cut(entry),
                                    hint="a fixed text is COLUMN:=TEXT, a column of scores is "
                                    "score:BENCHMARK=THEIRS"))
        elif target not in allowed and not target.startswith("score:"):
            problems.append(Problem("--map: no table has this column", given=cut(target),
                                    allowed=", ".join([*allowed, "score:BENCHMARK"]),
                                    hint=did_you_mean(target, allowed)))
        else:
            found[target] = f"={theirs.strip()}" if constant else theirs.strip()
    if problems:
        raise InputError(problems)
    return found


def guess(columns: Sequence[str]) -> dict[str, str]:
    """What the columns of a header seem to mean.

    Examples
    --------
    >>> guess(["Name", "Params (B)", "MMLU", "colour"])
    {'model': 'Name', 'params_total': 'Params (B)', 'score:MMLU': 'MMLU'}
    """
    own = {column for name in ("models", "scores", "prices") for column in TABLES[name].columns}
    found = {column: column for column in columns if column in own and column != "date"}
    for column in columns:
        key = plain(column)
        if column in found:
            continue
        for target, words in _HEADERS.items():
            if key in words and target not in found:
                found[target] = column
                break
        else:
            name = mark_of(_SHOTS.sub("", column))
            if name is not None and f"score:{name}" not in found:
                found[f"score:{name}"] = column
    return found


def knows(opened: Opened) -> bool:
    """Whether the header alone says what the sheet is."""
    if not opened.is_table:
        return False
    found = guess(list(opened.value.columns))
    return "model" in found and (
        any(target.startswith("score:") for target in found) or {"benchmark", "score"} <= set(found)
        or {"params_total", "release_date"} & set(found) != set()
        or {"input_usd_per_m", "output_usd_per_m"} <= set(found))


def read(opened: Opened, asked: dict[str, str] | None = None) -> Rows:
    """Rows of a sheet by a mapping; what the header tells completes it.

    Raises
    ------
    InputError
        Where the mapping names columns that the sheet does not have.
    """
    frame: pd.DataFrame = opened.value
    columns = list(frame.columns)
    asked = asked or {}
    missing = [theirs for theirs in asked.values()
               if not theirs.startswith("=") and theirs not in columns]
    if missing:
        raise InputError([Problem("--map: the sheet has no such column", file=text(opened.name),
                                  given=cut(theirs), allowed=cut(", ".join(columns), 300),
                                  hint=did_you_mean(theirs, columns)) for theirs in missing])
    rows = Rows()
    if {"date", "value"} <= set(asked):
        return _series(frame, asked, opened)
    mapping = {target: theirs for target, theirs in guess(columns).items()
               if theirs not in asked.values() and target not in asked} | asked
    lines = [{target: theirs[1:] if theirs.startswith("=") else text(cells.get(theirs), 2000)
              for target, theirs in mapping.items()} for cells in frame.to_dict("records")]
    for target in sorted(set(mapping) & _NUMBERS):
        _read_numbers(lines, target, mapping[target], rows)
    _distrust(lines, rows)
    wide = [target for target in mapping if target.startswith("score:")]
    for target in [*wide, *(["score"] if "score" in mapping else [])]:
        _read_scores(lines, target, rows, by="benchmark" if target == "score" else None)
    source = f"sheet {text(opened.name, 100)}"
    for line in lines:
        name = text(line.get("model"))
        if not name:
            rows.left["rows of a sheet without a model's name"] += 1
            continue
        common = {"model": name, "source": text(line.get("source")) or source}
        rows.models.append(common | {
            key: _word(key, line[key], rows) for key in TABLES["models"].columns
            if line.get(key) not in (None, "") and key not in common})
        scores = [(target.removeprefix("score:"), line[target]) for target in wide]
        if "score" in mapping and line.get("benchmark"):
            scores.append((text(line["benchmark"]), line["score"]))
        for benchmark, score in scores:
            if score not in (None, ""):
                shots = _SHOTS.search(mapping.get(f"score:{benchmark}", ""))
                rows.scores.append(common | {
                    "benchmark": benchmark, "score": score,
                    **{key: line.get(key) for key in ("shots", "n_items", "stderr", "metric",
                                                      "harness", "low", "high", "evaluated")},
                    **({"shots": float(shots[1])} if shots else {})})
        if line.get("input_usd_per_m") and line.get("output_usd_per_m"):
            rows.prices.append(common | {
                "provider": text(line.get("provider") or line.get("organization")) or "unknown",
                "date": day(line.get("date") or line.get("release_date")),
                "input_usd_per_m": line["input_usd_per_m"],
                "output_usd_per_m": line["output_usd_per_m"]})
    return rows


def _word(column: str, said: object, rows: Rows) -> object:
    """A cell of models.csv as the contract writes it; unknown where it has no such word."""
    spec = TABLES["models"].columns[column]
    if spec.kind == "date":
        return day(said)
    if not spec.choices:
        return said
    word = str(said).casefold()
    word = MEANT.get(word, word)
    if word not in spec.choices:
        what = f"words of {column} that the contract does not have, such as "
        same = next((told for told in rows.left if told.startswith(what)), None)
        rows.left[same or f"{what}{cut(word, 30)!r}"] += 1
        return None
    return word


def loose_number(said: str) -> float | None:
    """A number with or without its unit in words.

    Examples
    --------
    >>> loose_number("46.7 billion"), loose_number("7B params"), loose_number("8x7B")
    (46700000000.0, 7000000000.0, None)
    """
    plainly = number(said)
    if plainly is not None:
        return plainly
    found = _SAID.fullmatch(said.strip())
    if not found:
        return None
    return float(found[1].replace(",", ".")) * (_TIMES[found[2][0].lower()] if found[2] else 1.0)


def _read_numbers(lines: list[Row], target: str, column: str, rows: Rows) -> None:
    """Cells as numbers in the contract's unit, by the header's unit or by what is possible."""
    values = []
    for line in lines:
        said = line[target]
        if target == "precision_bits":
            said = re.sub(r"^[a-z]*?(\d+)[- ]?(bits?)?$", r"\1", said.rpartition(".")[2].lower())
        line[target] = loose_number(said) if said else None
        if said and line[target] is None:
            rows.left[f"cells of {target} that are no number (left unknown)"] += 1
        if line[target] == 0 and target in _SIZES:
            rows.left[f"cells of {target} that are 0 (left unknown)"] += 1
            line[target] = None
        if line[target] is not None and not re.search("[A-Za-z]", said):
            values.append((line, line[target]))
    if target not in _SIZES or not values:
        return
    unit = _UNITS.search(column)
    largest = max(value for _, value in values)
    if unit and largest < 1e7:
        times = _TIMES[unit[2][0].lower()]
    elif largest < 1e5:
        times = 1e12 if target == "training_tokens" and largest < 100 else 1e9
        rows.hand.append(f"column {cut(column)!r} read as "
                         f"{'trillions' if times == 1e12 else 'billions'}")
    else:
        return
    for line, value in values:
        line[target] = value * times


def _distrust(lines: list[Row], rows: Rows) -> None:
    """Leave sizes unknown where most contradict the sizes in the models' names."""
    sized = [(line["params_total"], named) for line in lines if line.get("params_total")
             and (named := size_in(text(line.get("model")))) is not None]
    off = sum(not 1 / APART < size / named < APART for size, named in sized)
    if len(sized) >= FEW and off > len(sized) / 2:
        rows.hand.append(f"params_total: {off} of {len(sized)} sizes contradict those in the "
                         "models' names, so none is taken and names are read")
        for line in lines:
            line["params_total"] = None


def _read_scores(lines: list[Row], target: str, rows: Rows, by: str | None) -> None:
    """Scores as fractions: percent is seen where a benchmark has values above 1."""
    groups: dict[str, list[Row]] = {}
    for line in lines:
        said = line[target].rstrip("% ")
        line[target] = number(said) if said else None
        if said and line[target] is None:
            rows.left["scores of a sheet that are no number"] += 1
        if line[target] is not None:
            groups.setdefault(text(line[by]) if by else target, []).append(line)
    for name, group in groups.items():
        largest = max(line[target] for line in group)
        if largest > 1:
            small = sum(0 < line[target] < 1 for line in group)
            if small:
                rows.hand.append(f"{name.removeprefix('score:')}: {small} values below 1 among "
                                 f"percent")
            for line in group:
                line[target] = line[target] / 100 if line[target] <= 100 else None
                if line[target] is None:
                    rows.left["scores of a sheet above 100"] += 1


def _series(frame: pd.DataFrame, asked: dict[str, str], opened: Opened) -> Rows:
    rows = Rows()
    for cells in frame.to_dict("records"):
        said = {target: theirs[1:] if theirs.startswith("=") else text(cells.get(theirs))
                for target, theirs in asked.items()}
        when, value = day(said["date"]), loose_number(said["value"]) if said["value"] else None
        if not when or value is None:
            rows.left["rows of a series without a date or a value"] += 1
            continue
        rows.series.append({
            "date": when, "value": value, "label": said.get("label", ""),
            **{key: loose_number(said[key]) for key in ("sd", "low", "high") if said.get(key)},
            "source": f"sheet {text(opened.name, 100)}"})
    return rows
