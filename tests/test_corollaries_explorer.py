"""The explorer page: its draws, its safety, and its numbers in a real browser."""

import datetime as dt
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from fake_posterior import fake_models, fake_posterior

from densing_bayes.corollaries import explorer as E
from densing_bayes.corollaries.capacity import FixedSize, Use
from densing_bayes.corollaries.draws import pool
from densing_bayes.corollaries.forecast import forecast, size_words
from densing_bayes.corollaries.targets import target
from densing_bayes.intervals import Interval
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

TODAY = dt.date(2026, 11, 22)
HOSTILE = "</script><script>document.title='broken'</script>&<img src=x onerror=alert(1)>"
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome")
                if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def draws():
    models = fake_models(count=40)
    models.loc[models.index[-1], "model"] = HOSTILE
    parts = [fake_posterior(models, rate=rate, error=0.15, name=f"rate {rate}", weight=weight)
             for rate, weight in ((1.6, 0.75), (0.9, 0.25))]
    return pool(parts, 300)


@pytest.fixture(scope="module")
def said(draws):
    tables = load_tables()
    return E.payload(draws, as_of=TODAY, interval=Interval(), assumed=load_model("corollaries"),
                     costs=load_model("costs"), tables=tables)


@pytest.fixture(scope="module")
def page(said):
    return E.page(said)


def test_draws_survive_the_page(draws, said):
    known, targets, scores = E.read(said)
    years = np.array(said["years"])
    np.testing.assert_allclose(known.frontier(years), draws.frontier(years), atol=E.UNIT)
    on = "all benchmarks"
    np.testing.assert_allclose(targets["model-3", on].log_size, draws.effective("model-3"),
                               atol=E.UNIT)
    np.testing.assert_allclose(targets["gpt-4 (MMLU 86.4%)", on].log_size,
                               draws.size_of_score(0.864), atol=E.UNIT)
    np.testing.assert_allclose(scores[0.7].log_size, draws.size_of_score(0.7), atol=E.UNIT)
    assert [regime["draws"] for regime in said["regimes"]] == [225, 75]


def test_the_page_gives_the_full_answers_to_the_day(draws, said):
    """Rounding to 1e-4 e-folds moves a date by less than a day."""
    known, targets, _ = E.read(said)
    for name in ("model-3", "gpt-4 (MMLU 86.4%)"):
        full = target(draws, match=name.split(" ")[0], prices=load_tables().prices)
        horizon = dt.date.fromisoformat(said["horizon"])
        a, b = (forecast(p, what=FixedSize(2e9), match=m, as_of=TODAY, horizon=horizon).when
                for p, m in ((draws, full), (known, targets[name, "all benchmarks"])))
        finite = np.isfinite(a.years) & np.isfinite(b.years)
        assert np.isfinite(a.years).sum() == np.isfinite(b.years).sum()
        np.testing.assert_allclose(a.years[finite], b.years[finite], atol=1 / 365)


# -- the page as text -------------------------------------------------------------------------


class Reader(HTMLParser):
    """Tags, ids, and what a page would load."""

    def __init__(self):
        super().__init__()
        self.scripts, self.ids, self.loads, self.labels, self.controls = 0, [], [], set(), set()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.scripts += tag == "script"
        if "id" in given:
            self.ids.append(given["id"])
        self.loads += [given[key] for key in ("src", "action") if key in given]
        if tag in ("a", "link") and not given.get("href", "#").startswith("#"):
            self.loads.append(given["href"])
        if tag == "label" and "for" in given:
            self.labels.add(given["for"])
        if tag in ("input", "select") and given.get("type") != "radio":
            self.controls.add(given["id"])


def test_page_needs_nothing_from_outside(page):
    reader = Reader()
    reader.feed(page)
    assert reader.loads == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", page)
    assert "default-src 'none'" in page
    assert len(page) < 1.5e6


def test_every_control_has_a_label_and_ids_are_unique(page):
    reader = Reader()
    reader.feed(page)
    assert reader.controls <= reader.labels
    assert len(reader.ids) == len(set(reader.ids))
    assert '<html lang="en">' in page


def test_names_cannot_leave_their_place(page, said):
    reader = Reader()
    reader.feed(page)
    assert reader.scripts == 2  # data and code, none of the hostile name's
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page,
                      re.DOTALL).group(1)
    assert "<" not in block
    assert "&" not in block
    again = json.loads(block)
    assert HOSTILE in [item["name"] for item in again["targets"]]
    assert again == json.loads(json.dumps(said))


def test_the_script_is_the_one_its_hash_names(page):
    import base64
    import hashlib

    digest = re.search(r"script-src 'sha256-([^']+)'", page).group(1)
    code = page[page.rindex("<script>") + len("<script>"):page.rindex("</script>")]
    assert base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() == html.unescape(
        digest)


# -- in a browser -----------------------------------------------------------------------------


def ask(page_path, tmp_path, **question):
    """Ids and texts of the answers after the page's own script has run."""
    link = "&".join(f"{key}={value}" for key, value in question.items())
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
         "--virtual-time-budget=4000", "--dump-dom", f"{page_path.as_uri()}#{link}"],
        capture_output=True, text=True, timeout=120, check=True)
    found = dict(re.findall(r'<(?:dd|span|h2|p)[^>]* id="([a-z-]+)"[^>]*>([^<]*)<', run.stdout))
    found["title"] = re.search(r"<title>([^<]*)</title>", run.stdout).group(1)
    return {key: html.unescape(text) for key, text in found.items()}


def percent(p):
    return f"{100 * p:.1f}%"


def sizes(logs, interval):
    low, middle, high = np.quantile(logs, [interval.tails[0], 0.5, interval.tails[1]],
                                    method="lower")
    return f"{size_words(middle)} ({size_words(low)} to {size_words(high)})"


def close_percent(text, p):
    return abs(float(text.rstrip("%")) / 100 - p) < 6e-4


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
@pytest.mark.parametrize("question", [
    {"size": 8, "match": "model", "model": "gpt-4%20(MMLU%2086.4%25)", "date": "2029-06-01"},
    {"size": 0.5, "match": "model", "model": "model-3", "date": "2027-01-01"},
    {"size": 70, "match": "score", "score": 0.9, "date": "2030-02-28"},
    {"what": "device", "device": "iPhone%2017%20Pro", "pace": 30, "bits": 8, "match": "score",
     "score": 0.85, "date": "2031-12-31"},
    {"what": "device", "device": "RTX%204090", "pace": 0, "active": 0.2, "match": "score",
     "score": 0.92, "date": "2036-11-22"},
])
def test_browser_and_python_give_the_same_numbers(page, said, tmp_path, question):
    path = tmp_path / "explorer.html"
    path.write_text(page, encoding="utf-8")
    shown = ask(path, tmp_path / "profile", **question)
    known, targets, scores = E.read(said)
    interval = Interval()
    if question.get("what") == "device":
        use = Use(bits=question.get("bits", 4), tokens_per_second=question["pace"],
                  active_share=question.get("active", 1))
        what = E.device(said, question["device"].replace("%20", " "), use)
    else:
        what = FixedSize(question["size"] * 1e9)
    if question["match"] == "score":
        match = scores[question["score"]]
    else:
        match = targets[question["model"].replace("%20", " ").replace("%25", "%"),
                        "all benchmarks"]
    found = forecast(known, what=what, match=match, as_of=TODAY,
                     date=dt.date.fromisoformat(question["date"]),
                     horizon=dt.date.fromisoformat(said["horizon"]))
    low, high = interval.tails
    expected = {"median": found.when.quantile(0.5), "low": found.when.quantile(low),
                "high": found.when.quantile(high), "needed": sizes(found.size_needed, interval),
                "effective": sizes(found.effective, interval)}
    assert {key: shown[key] for key in expected} == expected
    assert close_percent(shown["already"], found.when.p_already)
    assert close_percent(shown["never"], found.when.p_never)
    assert close_percent(shown["by"], found.p_by_date)
    assert shown["title"] == "Milestone calculator"  # the hostile name did not run


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
@pytest.mark.parametrize(("question", "box", "words"), [
    ({"size": 0}, "size-error", "at least 0.001 billion"),
    ({"date": "2020-01-01"}, "date-error", "lies in the past"),
    ({"what": "device", "bits": 64}, "bits-error", "between 1 and 32"),
])
def test_browser_says_what_is_wrong(page, tmp_path, question, box, words):
    path = tmp_path / "explorer.html"
    path.write_text(page, encoding="utf-8")
    shown = ask(path, tmp_path / "profile", **question)
    assert words in shown[box]
    assert shown.get("median", "") == ""  # and gives no answer
    assert shown["question"].startswith("No answer")


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_browser_asks_what_if_growth_were_other(page, tmp_path):
    """Without growth nothing happens later; at twice the growth more has happened by a day."""
    path = tmp_path / "explorer.html"
    path.write_text(page, encoding="utf-8")
    asked = {"size": 8, "match": "score", "score": 0.8, "date": "2030-01-01"}
    shown = {factor: ask(path, tmp_path / "profile", **asked, factor=factor)
             for factor in (0, 1, 2)}
    by = {factor: float(said["by"].rstrip("%")) for factor, said in shown.items()}
    assert by[0] == float(shown[0]["already"].rstrip("%"))
    assert by[0] < by[1] < by[2]
    assert "2 times what is fitted" in shown[2]["question"]
    low, high = shown[1]["error"].split(" to ")
    assert low <= shown[1]["median"] <= high
