"""The report as one HTML page and as a PDF, of the plain values of `reports.document`.

The page needs no network. It runs one script, its own, allowed by hash; with scripts off every
sentence, figure and table is there, and the first picture is a still.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import typst

from densing_bayes.shelf import shelf


def html_text(said: dict[str, Any], folder: Path) -> str:
    """The page: the template filled, styles, script and figures inside it."""
    templates = shelf("reports/templates")

    def embedded(file: str) -> str:
        data = base64.b64encode((folder / file).read_bytes()).decode()
        return f"data:image/svg+xml;base64,{data}"

    script, digest = script_of("page.js")
    return environment().get_template("report.html.j2").render(
        said, style=(templates / "style.css").read_text(encoding="utf-8"), embedded=embedded,
        script=script, digest=digest,
        data=None if said["front"] is None else inline_json(said["front"]["data"]))


def environment() -> jinja2.Environment:
    """Templates of the shelf; what is filled in is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(shelf("reports/templates")), autoescape=True,
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)


def script_of(file: str) -> tuple[str, str]:
    """A script of the templates as it stands in a page, and its SHA-256 for the page's policy."""
    text = "\n" + (shelf("reports/templates") / file).read_text(encoding="utf-8")
    return text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def inline_json(said: Any) -> str:
    r"""JSON that may stand between script tags: no <, > or & is left in it.

    Examples
    --------
    >>> print(inline_json({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    text = json.dumps(said, separators=(",", ":"), allow_nan=False)
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)


def pdf_bytes(said: dict[str, Any], folder: Path) -> bytes:
    """The PDF, set by Typst from the same values, which it reads as data and never as markup."""
    still = said | {"front": said["front"] and {**said["front"], "data": None}}
    return typst.compile(
        (shelf("reports/templates") / "report.typ").read_bytes(), root=folder,
        sys_inputs={"report": json.dumps(still)},
        # matplotlib's own fonts: those that the figures' text was measured with
        font_paths=[Path(matplotlib.get_data_path()) / "fonts" / "ttf"],
    )
