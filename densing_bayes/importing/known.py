"""Benchmarks that exports name: what the contract calls them, how many items, what guessing gives.

Names of protocols follow the shipped benchmarks.csv where it has them (MMLU-Pro by log
likelihoods is not MMLU-Pro by generated answers). Counts and chance levels are facts of the
papers and data sets named.
"""

from __future__ import annotations

from dataclasses import dataclass

from densing_bayes.errors import plain


@dataclass(frozen=True)
class Mark:
    """One benchmark.

    Parameters
    ----------
    items, chance
        Counted items; the score of guessing.
    source
        Where both are from.
    metric
        The metric that is usually told of it, in the harness's words, best first.
    aliases
        Other names, without case and signs.
    """

    items: int
    chance: float
    domain: str
    source: str
    metric: tuple[str, ...] = ("acc",)
    aliases: tuple[str, ...] = ()


_NORM = ("acc_norm", "acc")
_EXACT = ("exact_match,strict-match", "exact_match", "exact_match,flexible-extract", "acc")
MARKS: dict[str, Mark] = {
    "MMLU": Mark(14042, 0.25, "knowledge", "arXiv 2009.03300", ("acc",),
                 ("hendryckstest", "mmlu5shot", "mmluexternal", "helmmmlu", "mmluem")),
    "MMLU-Pro-logprob": Mark(12032, 0.1, "knowledge", "arXiv 2406.01574", ("acc",),
                             ("leaderboardmmlupro", "mmlupror", "mmluproraw")),
    "MMLU-Pro": Mark(12032, 0.1, "knowledge", "arXiv 2406.01574",
                     ("exact_match,custom-extract", *_EXACT), ("mmluprocot",)),
    "ARC-C": Mark(1172, 0.25, "commonsense", "arXiv 1803.05457", _NORM,
                  ("arcchallenge", "arc", "arcai2", "arcai2external", "ai2arc", "arcc25shot")),
    "ARC-E": Mark(2376, 0.25, "commonsense", "arXiv 1803.05457", _NORM, ("arceasy",)),
    "HellaSwag": Mark(10042, 0.25, "commonsense", "arXiv 1905.07830", _NORM,
                      ("hellaswagexternal",)),
    "WinoGrande": Mark(1267, 0.5, "commonsense", "arXiv 1907.10641", ("acc",),
                       ("winograndeexternal",)),
    "TruthfulQA": Mark(817, 0.2, "knowledge", "arXiv 2109.07958", ("mc2", "acc"),
                       ("truthfulqamc", "truthfulqamc2")),
    "GSM8K-harness": Mark(1319, 0.0, "mathematics", "arXiv 2110.14168", _EXACT, ("gsm8k",)),
    "GSM8K": Mark(1319, 0.0, "mathematics", "arXiv 2110.14168", _EXACT,
                  ("gsm8kcot", "gsm8kexternal", "gsm8kem")),
    "MATH": Mark(5000, 0.0, "mathematics", "arXiv 2103.03874", _EXACT,
                 ("minervamath", "hendrycksmath", "mathequivalentcot")),
    "MATH-lvl5": Mark(1324, 0.0, "mathematics", "arXiv 2103.03874, level 5", _EXACT,
                      ("mathlvl5", "leaderboardmathhard", "mathhard", "mathlevel5",
                       "mathlvl5raw")),
    "BBH-direct": Mark(5761, 0.29, "reasoning", "arXiv 2210.09261, 24 tasks by log likelihood",
                       _NORM, ("leaderboardbbh", "bbhraw")),
    "BBH": Mark(6511, 0.15, "reasoning", "arXiv 2210.09261", _EXACT,
                ("bbhcotfewshot", "bbhexternal", "bigbenchhard", "bbhfewshot")),
    "GPQA-logprob": Mark(1192, 0.25, "science", "arXiv 2311.12022, three subsets", _NORM,
                         ("leaderboardgpqa", "gpqaraw")),
    "GPQA": Mark(448, 0.25, "science", "arXiv 2311.12022", _NORM, ("gpqamain",)),
    "GPQA-diamond": Mark(198, 0.25, "science", "arXiv 2311.12022",
                         _EXACT, ("gpqadiamond", "gpqadiamondzeroshot")),
    "MuSR": Mark(756, 0.35, "reasoning", "arXiv 2310.16049", _NORM,
                 ("leaderboardmusr", "musrraw")),
    "IFEval": Mark(541, 0.0, "instructions", "arXiv 2311.07911",
                   ("prompt_level_strict_acc", "inst_level_strict_acc"),
                   ("leaderboardifeval", "ifevalraw", "ifevalstrict")),
    "HumanEval": Mark(164, 0.0, "code", "arXiv 2107.03374", ("pass@1", "pass_at_1"),
                      ("humanevalinstruct",)),
    "MBPP": Mark(500, 0.0, "code", "arXiv 2108.07732", ("pass_at_1", "pass@1"), ()),
    "PIQA": Mark(1838, 0.5, "commonsense", "arXiv 1911.11641", _NORM, ("piqaexternal",)),
    "SIQA": Mark(1954, 0.333, "commonsense", "arXiv 1904.09728", ("acc",), ("socialiqa",)),
    "OpenBookQA": Mark(500, 0.25, "commonsense", "arXiv 1809.02789", _NORM,
                       ("openbookqaexternal", "openbookqaem")),
    "BoolQ": Mark(3270, 0.5, "reading", "arXiv 1905.10044", ("acc",), ("boolqexternal",)),
    "CommonsenseQA": Mark(1221, 0.2, "commonsense", "arXiv 1811.00937", ("acc",), ()),
    "SciQ": Mark(1000, 0.25, "science", "arXiv 1707.06209", _NORM, ()),
    "COPA": Mark(100, 0.5, "commonsense", "SuperGLUE, arXiv 1905.00537", ("acc",), ()),
    "RACE": Mark(1045, 0.25, "reading", "arXiv 1704.04683, as in the harness", ("acc",), ()),
    "LogiQA": Mark(651, 0.25, "reasoning", "arXiv 2007.08124", _NORM, ()),
    "LAMBADA": Mark(5153, 0.0, "reading", "arXiv 1606.06031", ("acc",),
                    ("lambadaopenai", "lambadaexternal")),
    "TriviaQA": Mark(17944, 0.0, "knowledge", "arXiv 1705.03551", _EXACT,
                     ("triviaqaexternal",)),
    "NaturalQuestions": Mark(3610, 0.0, "knowledge", "Kwiatkowski et al. 2019", _EXACT,
                             ("nqopen", "naturalquestionsclosedbookem")),
    "DROP": Mark(9536, 0.0, "reading", "arXiv 1903.00161", ("f1", "em"), ()),
    "AGIEval": Mark(2546, 0.2, "reasoning", "arXiv 2304.06364, English", _NORM, ("agievalen",)),
    "CEval": Mark(1346, 0.25, "knowledge", "arXiv 2305.08322, validation", _NORM,
                  ("cevalvalid",)),
    "CMMLU": Mark(11582, 0.25, "knowledge", "arXiv 2306.09212", _NORM, ()),
    "AIME-OTIS": Mark(45, 0.0, "mathematics", "Epoch AI benchmark hub", _EXACT,
                      ("otismockaime20242025", "otismockaime2024-2025")),
    "SWE-bench-Verified": Mark(484, 0.0, "code", "Epoch AI benchmark hub", _EXACT,
                               ("swebenchverified",)),
    "FrontierMath": Mark(290, 0.0, "mathematics", "Epoch AI benchmark hub", _EXACT,
                         ("frontiermath20250228private",)),
    "ANLI": Mark(3200, 0.333, "reasoning", "arXiv 1910.14599", ("acc",),
                 ("adversarialnliexternal",)),
    "ScienceQA": Mark(4241, 0.4, "science", "arXiv 2209.09513", ("acc",),
                      ("scienceqaexternal",)),
    "SimpleBench": Mark(213, 0.167, "reasoning", "simple-bench, Philip and Hemang 2024",
                        ("acc",), ("simplebenchexternal",)),
}
_BY_ALIAS = {plain(alias): name for name, mark in MARKS.items()
             for alias in (name, *mark.aliases)}


def mark_of(said: str, harness: str = "") -> str | None:
    """The name that the contract has for a benchmark that an export calls ``said``.

    Examples
    --------
    >>> mark_of("arc:challenge"), mark_of("gsm8k", "lm-evaluation-harness"), mark_of("GSM8K")
    ('ARC-C', 'GSM8K-harness', 'GSM8K')
    >>> mark_of("my own test")
    """
    key = plain(said).removesuffix("external") or plain(said)
    if key == "gsm8k":  # read off by a filter, the harness's is a protocol of its own
        return "GSM8K-harness" if harness else "GSM8K"
    return _BY_ALIAS.get(key) or _BY_ALIAS.get(plain(said))
