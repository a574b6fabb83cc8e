"""Exports of other programs, in the shapes of their versions, to checked folders of tables."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from densing_bayes.errors import InputError
from densing_bayes.importing import import_files
from densing_bayes.importing.filling import key_of
from densing_bayes.importing.known import MARKS, mark_of
from densing_bayes.importing.opening import Opened, open_all
from densing_bayes.importing.rows import day
from densing_bayes.importing.writing import READERS
from densing_bayes.observations import select
from densing_bayes.tables import load_tables
from densing_bayes.verbs.shelf import inspect

# three models that the shipped tables have, as the harness spells them
MODELS = {"meta-llama/Llama-2-7b-hf": 0.46, "meta-llama/Llama-2-13b-hf": 0.55,
          "Qwen/Qwen2.5-7B": 0.74, "mistralai/Mistral-7B-v0.1": 0.62}


def put(folder: Path, name: str, value) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)


def read(path: Path):
    """Rows of the one file, and the reader that knows it."""
    (opened,) = open_all([path])
    known = [(name, reader) for name, reader in READERS.items() if reader.knows(opened)]
    assert known, "no reader knows the file"
    name, reader = known[0]
    return reader.read(opened), name


# -- lm-evaluation-harness ----------------------------------------------------------------------


def newest(model: str, score: float) -> dict:
    """As 0.4.9 writes: metric with filter, groups, n-shot, n-samples."""
    return {
        "results": {
            "mmlu": {"acc,none": score, "acc_stderr,none": 0.004, "alias": "mmlu"},
            "mmlu_anatomy": {"acc,none": 0.5, "acc_stderr,none": 0.04, "alias": "  - anatomy"},
            "gsm8k": {"exact_match,strict-match": score - 0.1,
                      "exact_match_stderr,strict-match": 0.013,
                      "exact_match,flexible-extract": score - 0.05,
                      "exact_match_stderr,flexible-extract": 0.013, "alias": "gsm8k"},
            "hellaswag": {"acc,none": 0.5, "acc_stderr,none": "N/A", "acc_norm,none": score + 0.1,
                          "acc_norm_stderr,none": 0.005},
            "wikitext": {"word_perplexity,none": 9.1, "bits_per_byte,none": 0.6},
        },
        "groups": {"mmlu": {"acc,none": score, "acc_stderr,none": 0.004, "alias": "mmlu"}},
        "group_subtasks": {"mmlu": ["mmlu_anatomy"]},
        "configs": {"gsm8k": {"num_fewshot": 5}},
        "n-shot": {"mmlu_anatomy": 0, "hellaswag": 10},
        "n-samples": {"gsm8k": {"original": 1319, "effective": 1319}},
        "config": {"model": "hf", "model_args": f"pretrained={model},dtype=bfloat16",
                   "model_num_parameters": 7241732096, "model_dtype": "torch.bfloat16"},
        "model_source": "hf", "model_name": model,
        "model_name_sanitized": model.replace("/", "__"), "date": 1721001600.0}


def test_harness_results_to_an_answerable_folder(tmp_path):
    for model, score in MODELS.items():
        put(tmp_path, f"runs/{model.replace('/', '__')}/results_2024-07-15T00-00-00.json",
            newest(model, score))
    put(tmp_path, "runs/samples.jsonl", '{"doc_id": 0, "acc": 1.0}\n{"doc_id": 1, "acc": 0.0}\n')
    done = import_files([tmp_path / "runs"], tmp_path / "out")
    problems, _ = inspect([tmp_path / "out"])
    assert problems == []
    scores = table(tmp_path / "out", "scores")
    assert len(scores) == done.took["scores"] == 12
    one = scores[(scores["benchmark"] == "GSM8K-harness") & (scores["model"] == "Llama-2-7B")]
    assert one[["score", "shots", "n_items", "metric", "stderr", "evaluated"]].values.tolist() == [
        ["0.36", "5", "1319", "exact_match,strict-match", "0.013", "2024-07-15"]]
    # the norm that is told of HellaSwag, whose other metric has no standard error
    norm = scores[(scores["benchmark"] == "HellaSwag") & (scores["model"] == "Llama-2-7B")]
    assert norm[["score", "metric", "shots"]].values.tolist() == [["0.56", "acc_norm", "10"]]
    models = table(tmp_path / "out", "models").set_index("model")
    assert models.loc["Llama-2-13B", "release_date"] == "2023-07-18"  # of the shipped model
    assert models.loc["Llama-2-13B", "params_total"] == "7241732096"  # as its file says
    assert any("release_date" in words for words in done.filled)
    assert any("perplexity" in words for words in done.left)
    assert any("no reader knows" in words for words in done.left)
    data = select(load_tables(tmp_path / "out")).data
    assert data.sizes["model"] == 4
    assert data["benchmark"].values[0] == "MMLU"
    assert bool(data["anchored"].values[0])


OLDER = {
    "0.3": ({"results": {"arc_challenge": {"acc": 0.43, "acc_stderr": 0.01, "acc_norm": 0.46,
                                           "acc_norm_stderr": 0.014},
                         "lambada_openai": {"ppl": 3.4, "ppl_stderr": 0.1, "acc": 0.7,
                                            "acc_stderr": 0.006}},
             "versions": {"arc_challenge": 0},
             "config": {"model": "hf-causal", "num_fewshot": 25,
                        "model_args": "pretrained=EleutherAI/pythia-1b,revision=step143000"}},
            "EleutherAI/pythia-1b@step143000",
            [("arc_challenge", 0.46, "acc_norm", 25), ("lambada_openai", 0.7, "acc", 25)]),
    "details of the first leaderboard": (
        {"config_general": {"model_name": "org/some-7B", "model_dtype": "torch.float16"},
         "results": {"all": {"acc": 0.5}, "harness|arc:challenge|25": {
             "acc": 0.5, "acc_stderr": 0.01, "acc_norm": 0.53, "acc_norm_stderr": 0.01},
             "harness|gsm8k|5": {"acc": 0.31, "acc_stderr": 0.02}}},
        "org/some-7B", [("arc:challenge", 0.53, "acc_norm", 25), ("gsm8k", 0.31, "acc", 5)]),
    "lighteval": (
        {"config_general": {"model_name": "org/some-7B"},
         "results": {"leaderboard|arc:challenge|25": {"acc_norm": 0.6, "acc_norm_stderr": 0.014},
                     "all": {"acc_norm": 0.6}}},
        "org/some-7B", [("arc:challenge", 0.6, "acc_norm", 25)]),
    "arguments as a dict, in 4 bits": (
        {"results": {"winogrande": {"acc,none": 0.7, "acc_stderr,none": 0.01}},
         "n-shot": {"winogrande": 5},
         "config": {"model": "vllm", "model_args": {"pretrained": "org/tiny",
                                                    "load_in_4bit": True}}},
        "org/tiny", [("winogrande", 0.7, "acc", 5)]),
    "a list of prompts": (
        {"results": [{"task_name": "piqa", "prompt_name": "what", "acc": 0.7, "acc_stderr": 0.1,
                      "fixed_answer_choice_list": ["a"]}],
         "config": {"model": "hf", "model_args": "pretrained=bigscience/bloom-560m",
                    "num_fewshot": 0}},
        "bigscience/bloom-560m", [("piqa", 0.7, "acc", 0)]),
}


@pytest.mark.parametrize("version", OLDER)
def test_older_shapes_of_the_harness(tmp_path, version):
    value, model, scores = OLDER[version]
    rows, name = read(put(tmp_path, "results.json", value))
    assert name == "lm-evaluation-harness results"
    assert [(row["benchmark"], row["score"], row["metric"], row["shots"])
            for row in rows.scores] == scores
    assert {row["model"] for row in rows.scores} == {model}
    if "4 bits" in version:
        assert (rows.models[0]["precision_bits"], rows.models[0]["compression"]) == (
            4.0, "quantised")


def test_subjects_of_mmlu_become_their_mean(tmp_path):
    subjects = {f"hendrycksTest-subject_{i}": {"acc": 0.4 + 0.2 * (i % 2), "acc_stderr": 0.05,
                                               "acc_norm": 0.9} for i in range(56)}
    value = {"results": subjects, "config": {"model_args": "pretrained=a/b", "num_fewshot": 5}}
    (row,) = read(put(tmp_path, "r.json", value))[0].scores
    assert (row["benchmark"], row["shots"]) == ("mmlu", 5)
    assert row["score"] == pytest.approx(0.5)
    value["results"] = dict(list(subjects.items())[:20])  # too few to stand for all
    rows, _ = read(put(tmp_path, "r.json", value))
    assert rows.scores == []
    assert rows.left["parts of mmlu without the whole"] == 20


# -- leaderboards and hubs ------------------------------------------------------------------------


def test_the_second_leaderboard_is_anchored_by_shipped_scores(tmp_path):
    header = ["eval_name", "Precision", "Type", "Weight type", "fullname", "#Params (B)", "MoE",
              "Flagged", "Merged", "Upload To Hub Date", "Submission Date", "BBH Raw", "BBH",
              "MMLU-PRO Raw", "MMLU-PRO", "MUSR Raw", "IFEval Raw"]

    def row(name, size, kind="🟢 pretrained", flagged="False", precision="bfloat16"):
        return ["x", precision, kind, "Original", name, size, "False", flagged, "False",
                f"2024-05-{len(name):02}", "2024-06-12", 0.5, 33.3, 0.4, 33.3, 0.36, 0.2]

    frame = pd.DataFrame([*(row(name, 7.2) for name in MODELS),
                          row("a/chat", 7, "💬 chat models (RLHF, DPO, IFT, ...)"),
                          row("a/bad", 7, flagged="True"), row("a/merge", 7, "🤝 base merges"),
                          row("a/four", 7, precision="4bit")], columns=header)
    frame.to_csv(tmp_path / "dump.csv")  # with its index
    done = import_files([tmp_path / "dump.csv"], tmp_path / "out")
    assert inspect([tmp_path / "out"])[0] == []
    models = table(tmp_path / "out", "models").set_index("model")
    assert models.loc["Qwen2.5-7B", ["type", "params_total"]].tolist() == ["base", "7200000000"]
    assert models.loc["chat", "type"] == "instruct"
    assert models.loc["four", ["precision_bits", "compression"]].tolist() == ["4", "quantised"]
    assert {"bad", "merge"} & set(models.index) == set()
    # the dump has no anchored benchmark: the shipped MMLU of the same models joins them
    assert any("anchors the ruler" in words for words in done.filled)
    scores = table(tmp_path / "out", "scores")
    assert {"MMLU", "MMLU-Pro-logprob", "BBH-direct", "MuSR", "IFEval"} == set(scores["benchmark"])
    data = select(load_tables(tmp_path / "out"), types=["base"], precisions=[16]).data
    assert data.sizes["model"] == 4
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "dump.parquet")
    assert import_files([tmp_path / "dump.parquet"], tmp_path / "again").took == done.took


def hub(tmp_path: Path) -> Path:
    """A folder as Epoch AI's hub packs it, zipped."""
    about = "2023-07-18,Meta,USA,1e24,"
    files = {
        "mmlu_external.csv": "Model version,EM,Release date,Organization,Country,Training compute "
        "(FLOP),Training compute notes,Name,Shots,Source,Source link,Notes,id\n"
        f"Llama-2-7b,0.453,{about},Llama 2 7B,5,Llama 2 paper,link,,a\n"
        f"Llama-2-7b,0.41,{about},Llama 2 7B,0,Llama 2 paper,link,,b\n"
        f"Llama-2-13b,0.548,{about},Llama 2 13B,5,Llama 2 paper,link,,c\n"
        f"Qwen2.5-7B,0.742,2024-09-19,Alibaba,China,,,,5,Qwen2.5,link,,d\n"
        f",0.652,,,,,,AquilaChat2 34B,0,Yi paper,link,,e\n",
        "gpqa_diamond.csv": "Model version,Best score (across scorers),Release date,Organization,"
        "Country,Training compute (FLOP),Training compute notes,stderr,Log viewer,Logs,Started at,"
        "id\ngpt-5-nano_high,0.69,2025-08-07,OpenAI,USA,,,0.0276,v,l,2025-10-30T16:20:27.447Z,f\n",
        "webdev_arena_external.csv": "Model version,Arena Score,Release date,Organization,Country,"
        "Training compute (FLOP),Training compute notes,Votes,id\n"
        "gpt-5-nano_high,1470.1,2025-08-07,OpenAI,USA,,,5000,g\n",
        "metr_time_horizons_external.csv": "Model version,Time horizon,Release date,Organization,"
        "Country,Training compute (FLOP),Training compute notes,CI_high,CI_low,Source,Source link,"
        "average_score,Notes,id\ngpt-4,5.4,2023-03-14,OpenAI,USA,,,10.1,2.9,METR,,0.3,,h\n",
        "all_ai_models.csv": "Model,Organization,Publication date,Parameters,Training dataset size "
        "(datapoints),Model accessibility\nAquilaChat2 34B,BAAI,2023-10-12,3.4e10,2e12,"
        "Open weights (unrestricted)\n",
        "README.md": "text"}
    with zipfile.ZipFile(tmp_path / "benchmark_data.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(f"benchmark_data/{name}", text)
    return tmp_path / "benchmark_data.zip"


def test_a_hub_of_benchmarks_in_an_archive(tmp_path):
    done = import_files([hub(tmp_path)], tmp_path / "out")
    # a series of one point says nothing yet
    assert [one.what for one in inspect([tmp_path / "out"])[0]] == ["too few points"]
    scores = table(tmp_path / "out", "scores").set_index(["model", "benchmark"])
    # one paper's 5- and 0-shot are two rows, not duplicates
    assert scores.loc[("Llama-2-7B", "MMLU"), "shots"].tolist() == ["5", "0"]
    nano = scores.loc[("gpt-5-nano_high", "GPQA-diamond")]
    assert nano[["stderr", "evaluated"]].tolist() == ["0.0276", "2025-10-30"]
    models = table(tmp_path / "out", "models").set_index("model")
    assert models.loc["gpt-5-nano_high", "params_total"] == ""  # unknown, and allowed to be
    assert models.loc["AquilaChat2 34B", ["params_total", "release_date"]].tolist() == [
        "34000000000", "2023-10-12"]
    assert table(tmp_path / "out", "series")[["value", "low", "high"]].values.tolist() == [
        ["5.4", "2.9", "10.1"]]
    assert any("ratings" in words for words in done.left)


def test_runs_of_the_hub_with_its_versions(tmp_path):
    put(tmp_path, "benchmarks_runs.csv", "id,task,model,Best score (across scorers),stderr,Started "
        "at\nr1,MMLU,org/a-7B,0.61,0.004,2024-11-01T00:00:00Z\n")
    put(tmp_path, "model_versions.csv", "id,Model,Version release date\norg/a-7B,A,2024-05-01\n")
    done = import_files([tmp_path], tmp_path / "out")
    models = table(tmp_path / "out", "models").set_index("model")
    assert models.loc["a-7B", ["release_date", "params_total"]].tolist() == [
        "2024-05-01", "7000000000"]
    assert any("no answer yet" in words for words in done.hand)  # one model


def test_tables_and_runs_of_helm(tmp_path):
    cells = [[{"value": name, "href": "x"}, {"value": 0.9}, {"value": score}, {"value": 0.1}]
             for name, score in MODELS.items()]
    header = [{"value": "Model"}, {"value": "Mean win rate"}, {"value": "MMLU - EM"},
              {"value": "WMT 2014 - BLEU-4"}]
    put(tmp_path, "groups/core_scenarios.json",
        [{"title": "Accuracy", "header": header, "rows": cells, "name": "accuracy"}])
    for subject, score in (("anatomy", 0.5), ("law", 0.7)):
        put(tmp_path, f"runs/mmlu:subject={subject}/run_spec.json",
            {"name": f"mmlu:subject={subject},model=openai_gpt2",
             "adapter_spec": {"model": "openai/gpt2", "max_train_instances": 5}})
        put(tmp_path, f"runs/mmlu:subject={subject}/stats.json", [
            {"name": {"name": "exact_match", "split": "valid"}, "mean": 0.1},
            {"name": {"name": "exact_match", "split": "test"}, "count": 1, "mean": score}])
    done = import_files([tmp_path / "groups", tmp_path / "runs"], tmp_path / "out")
    assert inspect([tmp_path / "out"])[0] == []
    scores = table(tmp_path / "out", "scores")
    assert set(scores["benchmark"]) == {"MMLU"}
    gpt = scores[scores["model"] == "gpt2"]
    assert gpt[["score", "shots", "metric"]].values.tolist() == [["0.6", "5", "exact_match"]]
    assert any("win rate" in words for words in done.left)


# -- series and prices ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["agents", "metrics"])
def test_time_horizons_in_both_shapes(tmp_path, shape):
    yaml = pytest.importorskip("yaml")
    measure = {"p50_horizon_length": {"estimate": 5.4, "ci_low": 2.9, "ci_high": 10.1},
               "p80_horizon_length": {"estimate": 1.0}, "is_sota": True}
    less = {"p50_horizon_length": {"estimate": 3.0, "ci_low": 1.0, "ci_high": 9.0}}
    model = {"agents": {"one": less, "two": measure}} if shape == "agents" else {"metrics": measure}
    value = {"benchmark_name": "METR-Horizon-v1",
             "results": {"gpt_4": model | {"release_date": "2023-03-14"}, "empty": {}}}
    put(tmp_path, "benchmark_results.yaml", yaml.safe_dump(value))
    done = import_files([tmp_path / "benchmark_results.yaml"], tmp_path / "out")
    assert table(tmp_path / "out", "series")[
        ["date", "value", "low", "high", "label"]].values.tolist() == [
            ["2023-03-14", "5.4", "2.9", "10.1", "gpt_4"]]
    assert done.ask == [f"densing regimes {tmp_path / 'out' / 'series.csv'} --log --low low "
                        "--high high --prob 0.95"]


def test_prices_per_token_and_their_tiers(tmp_path):
    put(tmp_path, "model_prices_and_context_window.json", {
        "sample_spec": {"input_cost_per_token": 0, "mode": "one of chat, ..."},
        "gpt-4o-2024-08-06": {"input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5,
                              "input_cost_per_token_batches": 1.25e-6,
                              "output_cost_per_token_batches": 5e-6,
                              "litellm_provider": "openai", "mode": "chat"},
        "deepinfra/some/unheard-of": {"input_cost_per_token": 1e-7, "output_cost_per_token": 2e-7,
                                      "litellm_provider": "deepinfra", "mode": "chat"},
        "dall-e": {"input_cost_per_token": 1e-7, "output_cost_per_image": 0.04,
                   "mode": "image_generation"}})
    done = import_files([tmp_path], tmp_path / "out")
    prices = table(tmp_path / "out", "prices")
    assert prices[["model", "provider", "date", "input_usd_per_m", "output_usd_per_m",
                   "tier"]].values.tolist() == [
        ["gpt-4o-2024-08-06", "openai", "2024-08-06", "2.5", "10", ""],
        ["gpt-4o-2024-08-06", "openai", "2024-08-06", "1.25", "5", "batch"]]
    assert any("without a date" in words for words in done.left)
    assert inspect([tmp_path / "out"])[0] == []  # with the shipped tables beside
    dated = import_files([tmp_path / "model_prices_and_context_window.json"], tmp_path / "dated",
                         date="2026-11-01")
    assert dated.took["prices"] == 3


def test_prices_with_a_history(tmp_path):
    put(tmp_path, "data/openai.json", {"vendor": "openai", "models": [
        {"id": "gpt-4o", "name": "GPT-4o", "price_history": [
            {"input": 5, "output": 15, "from_date": "2024-05-13", "to_date": "2024-10-01"},
            {"input": 2.5, "output": 10, "from_date": "2024-10-01", "to_date": None}]}]})
    put(tmp_path, "data/current.json", {"updated_at": "2025-10-10", "prices": [
        {"id": "x", "vendor": "y", "name": "X", "input": 1, "output": 2}]})
    import_files([tmp_path / "data"], tmp_path / "out", date="2025-10-10")
    assert table(tmp_path / "out", "prices")[["model", "date", "input_usd_per_m"]].values.tolist(
        ) == [["X", "2025-10-10", "1"], ["GPT-4o", "2024-05-13", "5"],
              ["GPT-4o", "2024-10-01", "2.5"]]


# -- any sheet ------------------------------------------------------------------------------------

WIDE = ("Name;Params (B);Released;Lab;MMLU;HellaSwag;colour\n"
        "Ash;7;2024-05-01;Arbor;62,5;80;red\n").replace("62,5", "62.5")


def test_a_colleagues_sheet_by_its_header(tmp_path):
    put(tmp_path, "sheet.csv", WIDE + "Birch;8x7B;2024-06;Arbor;70.6;;red\n"
        "Cedar;46.7 billion;;Arbor;;85.5;blue\n")
    import_files([tmp_path / "sheet.csv"], tmp_path / "out")
    models = table(tmp_path / "out", "models").set_index("model")
    assert models["params_total"].tolist() == ["7000000000", "", "46700000000"]
    assert models["release_date"].tolist() == ["2024-05-01", "2024-06", ""]
    assert table(tmp_path / "out", "scores")[["model", "benchmark", "score"]].values.tolist() == [
        ["Ash", "MMLU", "0.625"], ["Ash", "HellaSwag", "0.8"], ["Birch", "MMLU", "0.706"],
        ["Cedar", "HellaSwag", "0.855"]]


def test_any_sheet_by_a_mapping(tmp_path):
    put(tmp_path, "odd.tsv", "wer\twie gross\tPunkte A\nAsh\t7B\t62.5\n")
    with pytest.raises(InputError, match="--map model=THEIRS"):
        import_files([tmp_path / "odd.tsv"], tmp_path / "out")
    done = import_files(
        [tmp_path / "odd.tsv"], tmp_path / "out",
        mapping=["model=wer", "params_total=wie gross", "score:MMLU=Punkte A",
                 "release_date:=2024-05", "source:=a sheet of Ann's", "shots:=5"])
    assert done.took == {"models": 1, "scores": 1}
    row = table(tmp_path / "out", "scores").iloc[0]
    assert row[["score", "shots", "source"]].tolist() == ["0.625", "5", "a sheet of Ann's"]
    for wrong, words in (("model=werr", "did you mean 'wer'"), ("modell=wer", "no table has"),
                         ("model", "COLUMN=THEIRS")):
        with pytest.raises(InputError, match=words):
            import_files([tmp_path / "odd.tsv"], tmp_path / "new", mapping=[wrong])
    assert not (tmp_path / "new").exists()
    series = import_files([tmp_path / "odd.tsv"], tmp_path / "series",
                          mapping=["date:=2024-05", "value=Punkte A", "label=wer"])
    assert series.took == {"series": 1}


SHEET = """<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/\
2006/main"><sheetData>{}</sheetData></worksheet>"""


def workbook(path: Path, lines: list[list[object]]) -> Path:
    """The smallest Excel file that holds these cells."""
    def cell(value: object) -> str:
        return (f"<c><v>{value}</v></c>" if isinstance(value, int | float) else
                f'<c t="inlineStr"><is><t>{value}</t></is></c>')

    rows = "".join(f"<row>{''.join(map(cell, line))}</row>" for line in lines)
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    schema = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    pack = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("[Content_Types].xml", f'<Types xmlns="{pack}/content-types"><Default '
                      'Extension="rels" ContentType="application/vnd.openxmlformats-package.'
                      f'relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="'
                      f'{kinds}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
                      f'ContentType="{kinds}.worksheet+xml"/></Types>')
        file.writestr("_rels/.rels", f'<Relationships xmlns="{pack}/relationships"><Relationship '
                      f'Id="r1" Type="{schema}/officeDocument" Target="xl/workbook.xml"/>'
                      "</Relationships>")
        file.writestr("xl/workbook.xml", '<workbook xmlns="http://schemas.openxmlformats.org/'
                      f'spreadsheetml/2006/main" xmlns:r="{schema}"><sheets><sheet name="a" '
                      'sheetId="1" r:id="r1"/></sheets></workbook>')
        file.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{pack}/relationships">'
                      f'<Relationship Id="r1" Type="{schema}/worksheet" Target="worksheets/'
                      'sheet1.xml"/></Relationships>')
        file.writestr("xl/worksheets/sheet1.xml", SHEET.format(rows))
    return path


def test_a_workbook(tmp_path):
    pytest.importorskip("python_calamine")
    workbook(tmp_path / "book.xlsx", [["model", "parameters", "released", "MMLU"],
                                      ["Ash", 7e9, "2024-05-01", 0.625]])
    import_files([tmp_path / "book.xlsx"], tmp_path / "out")
    assert table(tmp_path / "out", "models")["params_total"].tolist() == ["7000000000"]


# -- what cannot be read --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "content"), [
    ("a.json", b"{"), ("a.json", b"[" * 100_000), ("a.yaml", b"a: [1, {"), ("a.xlsx", b"PK\x03"),
    ("a.parquet", b"PAR1"), ("a.zip", b"PK\x05"), ("a.csv", b""), ("a.csv", b"\xff\xfe"),
    ("a.csv", b'x,"y\n1'), ("a.json.gz", b"\x1f\x8b"), ("a.pkl", b"cos\nsystem\n"),
    ("a.json", b"null"), ("a.json", b'{"results": {"a": {"acc": "x"}}}'), ("a.yaml", b"!!python/x"),
    ("a.json", b'{"results": {"mmlu": {"acc,none": 0.5}}}'), ("a.jsonl", b"{}\n{}\n")])
def test_damaged_and_foreign_files_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        import_files([tmp_path / name], tmp_path / "out")
    assert str(caught.value).isprintable()
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_among_good_ones_costs_only_itself(tmp_path):
    with gzip.open(tmp_path / "good.json.gz", "wt") as file:
        json.dump(newest("org/a-7B", 0.5), file)
    put(tmp_path, "bad.json", "{")
    done = import_files([tmp_path], tmp_path / "out")
    assert done.took["scores"] == 3
    assert any("bad.json" in words for words in done.left)


def test_hostile_cells_stay_text(tmp_path):
    value = newest("org/=cmd|' /C calc'!A0", 0.5)
    value["results"]["\x1b[31m../../x"] = {"acc,none": 0.4}
    done = import_files([put(tmp_path, "r.json", value)], tmp_path / "out")
    assert inspect([tmp_path / "out"])[0] == []
    assert all(line.isprintable() for line in done.lines())
    assert not table(tmp_path / "out", "models")["model"].str.startswith("=").any()


# -- small parts ----------------------------------------------------------------------------------


def test_benchmarks_are_known_by_their_usual_names():
    assert mark_of("leaderboard_mmlu_pro") == "MMLU-Pro-logprob"
    assert mark_of("hella_swag_external") == "HellaSwag"
    assert mark_of("winogrande") == "WinoGrande"
    assert all(0 <= mark.chance < 1 <= mark.items and mark.source for mark in MARKS.values())
    shelf = load_tables().benchmarks.set_index("benchmark")
    for name in set(MARKS) & set(shelf.index):  # where the shipped table has a row, it counts
        assert MARKS[name].items == shelf.loc[name, "n_items"] or name == "BBH-direct"


def test_names_of_one_model():
    assert key_of("google/gemma-2-2b") == key_of("Gemma-2-2B")
    assert key_of("a/x-7b@step100") != key_of("a/x-7b")
    assert key_of("Qwen3-8B-Base") != key_of("Qwen3-8B")


@pytest.mark.parametrize(("said", "meant"), [
    ("2024-05-11 10:00", "2024-05-11"), ("May 2024", "2024-05"), ("2024", "2024"),
    ("12/25/2023", "2023-12-25"), ("soon", ""), (None, ""), (float("nan"), ""), ("2024.0", "2024"),
    ("13.5.2024", "2024-05-13")])
def test_dates_as_people_write_them(said, meant):
    assert day(said) == meant


def test_opened_names():
    assert Opened("a/mmlu_external.csv", None).stem == "mmlu_external"


def test_the_leaderboards_own_results_are_its_benchmarks_not_their_mean(tmp_path):
    value = {"results": {
        "leaderboard": {"acc,none": 0.4, "acc_norm,none": 0.45, "alias": "leaderboard"},
        "leaderboard_bbh": {"acc_norm,none": 0.5, "acc_norm_stderr,none": 0.006},
        "leaderboard_bbh_snarks": {"acc_norm,none": 0.6},
        "leaderboard_mmlu_pro": {"acc,none": 0.4, "acc_stderr,none": 0.004},
        "leaderboard_gpqa_main": {"acc_norm,none": 0.3},
        "leaderboard_gpqa_diamond": {"acc_norm,none": 0.2},
        "leaderboard_gpqa_extended": {"acc_norm,none": 0.4}},
        "group_subtasks": {"leaderboard_bbh": ["leaderboard_bbh_snarks"],
                           "leaderboard": ["leaderboard_bbh", "leaderboard_mmlu_pro"]},
        "config": {"model_args": "pretrained=a/b"}}
    rows, _ = read(put(tmp_path, "r.json", value))
    assert {row["benchmark"]: round(row["score"], 3) for row in rows.scores} == {
        "leaderboard_bbh": 0.5, "leaderboard_mmlu_pro": 0.4, "leaderboard_gpqa": 0.3}


def test_records_of_json_are_a_sheet(tmp_path):
    lines = [{"model": f"M{i}", "benchmark": "MMLU", "score": 0.5 + i / 10, "shots": 5,
              "harness": "h", "source": "me", "extra": {"a": 1}} for i in range(4)]
    put(tmp_path, "scores.jsonl", "\n".join(map(json.dumps, lines)))
    put(tmp_path, "models.json", [{"model": f"M{i}", "params_total": 7e9 + i, "type": "Chat",
                                   "release_date": f"2024-0{i + 1}-03"} for i in range(4)])
    import_files([tmp_path], tmp_path / "out")
    assert table(tmp_path / "out", "scores")["score"].tolist() == ["0.5", "0.6", "0.7", "0.8"]
    models = table(tmp_path / "out", "models")
    assert models["params_total"].tolist()[3] == "7000000003"
    assert set(models["type"]) == {"instruct"}


def test_shots_stand_in_a_header(tmp_path):
    put(tmp_path, "s.csv", "Model,MMLU (5-shot),GSM8K 8-shot\nAsh 7B,60,50\n")
    import_files([tmp_path / "s.csv"], tmp_path / "out")
    assert table(tmp_path / "out", "scores")[["benchmark", "score", "shots"]].values.tolist() == [
        ["MMLU", "0.6", "5"], ["GSM8K", "0.5", "8"]]


# -- what real exports hold -----------------------------------------------------------------------


def test_a_percent_column_of_the_hub_is_percent_throughout(tmp_path):
    """Signs of percent, a first column without cells, and a score of 0.8%."""
    header = "\ufeffid,Name,EM,Model version,Shots,Source\n"
    put(tmp_path, "external_benchmark_mmlu.csv", header + "".join(
        f"r{i},x,{score},{model},5,somebody\n" for i, (model, score) in enumerate(
            [("Llama-2-7b-hf", "45.9%"), ("Llama-2-13b-hf", "54.8%"), ("Qwen2.5-7B", "0.8%")])))
    put(tmp_path, "other.csv", "id,Name,Score,Average,Model version,Shots,Notes\n" + "".join(
        f"r{i},x,,{score},{model},3,\n" for i, (model, score) in enumerate(
            [("Llama-2-7b-hf", 32.5), ("Llama-2-13b-hf", 39.1), ("Qwen2.5-7B", 0.8)])))
    import_files([tmp_path / "external_benchmark_mmlu.csv", tmp_path / "other.csv"],
                 tmp_path / "out")
    scores = table(tmp_path / "out", "scores").set_index(["benchmark", "model"])["score"]
    assert scores["MMLU"].astype(float).to_dict() == pytest.approx(
        {"Llama-2-7B": 0.459, "Llama-2-13B": 0.548, "Qwen2.5-7B": 0.008})
    assert scores["other"].astype(float).to_dict() == pytest.approx(
        {"Llama-2-7B": 0.325, "Llama-2-13B": 0.391, "Qwen2.5-7B": 0.008})


@pytest.mark.parametrize("merged", ["Merged", "Not_Merged"])
def test_dumps_of_the_leaderboards_page_hold_its_filters(tmp_path, merged):
    """Flagged is true for nearly all: the dump holds 'show this model', not 'flagged'."""
    names = [*MODELS, "a/own", "a/mix-of-two", "a/bad"]
    frame = pd.DataFrame({
        "Model": names, "Average ⬆️": 50.0, "ARC": 50.0, "MMLU": [46.0, 55, 74, 62, 40, 50, 60],
        "GSM8K": [0.9, 20, 60, 40, 10, 20, 30], "Type": "pretrained", "Weight type": "Original",
        "#Params (B)": 7.0, "Flagged": [name != "a/bad" for name in names],
        merged: [name != "a/mix-of-two" for name in names],
        "MoE": [name != "a/own" for name in names]})
    frame.to_csv(tmp_path / "dump.csv", index=False)
    done = import_files([tmp_path / "dump.csv"], tmp_path / "out")
    models = table(tmp_path / "out", "models").set_index("model")
    assert len(models) == len(names) - 2
    assert {"bad", "mix-of-two"} & set(models.index) == set()
    assert models.loc["own", "architecture"] == "moe"
    assert any("read as 'not'" in words for words in done.hand)
    scores = table(tmp_path / "out", "scores").set_index(["model", "benchmark"])["score"]
    assert float(scores["Llama-2-7B", "GSM8K-harness"]) == pytest.approx(0.009)


def test_sizes_that_contradict_the_names_are_not_taken(tmp_path):
    """A column rescaled to 100 for a chart: names are believed; zero is unknown."""
    sizes = {"A-70B": 100, "B-13B": 18.57, "C-7B": 10, "D-7B": 10, "E-3B": 4.29, "F": 0, "G": 18.57}
    put(tmp_path, "sheet.csv", "Model,Parameters,MMLU,Precision\n" + "".join(
        f"{name},{size},0.{i}5,torch.bfloat16\n" for i, (name, size) in enumerate(sizes.items())))
    done = import_files([tmp_path / "sheet.csv"], tmp_path / "out")
    models = table(tmp_path / "out", "models").set_index("model")
    assert models["params_total"].to_dict() == {
        "A-70B": "70000000000", "B-13B": "13000000000", "C-7B": "7000000000",
        "D-7B": "7000000000", "E-3B": "3000000000", "F": "", "G": ""}
    assert any("5 of 5 sizes contradict" in words for words in done.hand)
    assert done.left["cells of params_total that are 0 (left unknown)"] == 1
    assert set(models["precision_bits"]) == {"16"}
    assert len(table(tmp_path / "out", "scores")) == len(sizes)


def test_a_folder_of_unknown_files_is_one_problem(tmp_path):
    for i in range(30):
        put(tmp_path, f"runs/{i}.json", {"uuid": i, f"field-{i}": 1})
    with pytest.raises(InputError) as raised:
        import_files([tmp_path / "runs"], tmp_path / "out")
    assert len(raised.value.problems) == 1
    assert "30 files" in str(raised.value)


def test_a_series_alone_is_validated_and_asked_with_its_intervals(tmp_path):
    results = {f"m{i}": {"release_date": f"2024-0{i}-11", "metrics": {"p50_horizon_length": {
        "estimate": 2.0**i, "ci_low": 1.5**i, "ci_high": 3.0**i}}} for i in range(1, 8)}
    put(tmp_path, "benchmark_results.yaml", json.dumps(
        {"benchmark_name": "METR-Horizon-v2", "results": results}))
    done = import_files([tmp_path / "benchmark_results.yaml"], tmp_path / "out")
    assert done.ask == [f"densing regimes {tmp_path / 'out' / 'series.csv'} --log --low low "
                        "--high high --prob 0.95"]
    assert inspect([tmp_path / "out"]) == ([], [])
    (tmp_path / "out" / "series.csv").write_text("date,value\n2024-01-01,1\nsoon,2\n")
    problems, _ = inspect([tmp_path / "out"])
    assert [(problem.row, problem.column) for problem in problems] == [(3, "date")]
