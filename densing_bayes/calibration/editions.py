"""Editions: certificates kept in the repository, never rewritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from densing_bayes.errors import InputError, Problem
from densing_bayes.outputs import json_text, replacing
from densing_bayes.shelf import shelf

FORMAT = 2  # of a certificate; older editions asked other questions, and are not read


def publish(result: dict[str, Any], edition: str) -> Path:
    """Keep a certificate in the repository as an edition; an edition is never rewritten.

    Parameters
    ----------
    edition
        Begins with the day of the run (ISO), so that names sort by age.
    """
    path = shelf("reports") / "published" / edition / "certificate.json"
    if path.exists():
        raise InputError(Problem("the edition is published already", given=edition,
                                 hint="an edition is never rewritten; choose another name"))
    with replacing(path) as temporary:
        temporary.write_text(json_text(result | {"edition": edition}), encoding="utf-8")
    return path


def published() -> dict[str, Any] | None:
    """The newest published certificate that asks what this program does, or None."""
    for path in sorted((shelf("reports") / "published").glob("*/certificate.json"), reverse=True):
        result = json.loads(path.read_text(encoding="utf-8"))
        if result.get("format") == FORMAT:
            return dict(result)
    return None
