"""What this machine has and lacks."""

from __future__ import annotations

from typing import Annotated

import typer

from densing_bayes.cli.answers import say
from densing_bayes.cli.options import Json
from densing_bayes.errors import MachineError


def doctor(clear: Annotated[bool, typer.Option(
               "--clear", help="Remove machine code, stamps and answers that were kept; "
                               "all are made again.")] = False,
           as_json: Json = False) -> None:
    """Versions, threads, caches and places to write: what to send along with a question.

    Example: densing doctor
    """
    from densing_bayes.verbs.doctor import clear_caches, examine, told

    removed = clear_caches() if clear else None
    found = examine()
    if removed is not None:
        found["removed"] = removed
    say(found, as_json, "\n".join(told(found)))
    if found["wrong"]:
        raise MachineError("; ".join(found["wrong"]))
