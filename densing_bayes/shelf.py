"""Where models/, data/ and reports/ are: in a checkout, in an installed wheel, or as told."""

from __future__ import annotations

import os
from pathlib import Path

from densing_bayes.errors import InputError, Problem, did_you_mean


def shelf(name: str) -> Path:
    """The folder ``models``, ``data`` or ``reports``, as checked out or as installed.

    The wheel carries the folders under ``densing_bayes/_shelf``; an editable install and a
    checkout have them beside the package. ``DENSING_SHELF`` names another folder that holds
    some of the three; what it lacks comes from the package.
    """
    own = os.environ.get("DENSING_SHELF")
    if own and (Path(own) / name).is_dir():
        return Path(own) / name
    installed = Path(__file__).parent / "_shelf" / name
    return installed if installed.is_dir() else Path(__file__).parents[1] / name


def names(folder: str) -> list[str]:
    """Names of the specs in a folder of the shelf, e.g. ``models`` or ``models/studies``."""
    first, *rest = folder.split("/")
    return sorted(path.stem for path in shelf(first).joinpath(*rest).glob("*.toml"))


def find(name: str | Path, folder: str) -> Path:
    """The spec file meant by ``name``: an existing path, else a name on the shelf.

    Raises
    ------
    InputError
        Naming what is on the shelf.
    """
    if not isinstance(name, str | Path):  # from a spec, where it may be anything
        name = f"a {type(name).__name__}"
    path = Path(name)
    if path.suffix == ".toml" and os.path.isfile(path):  # False, not an error, for odd names
        return path
    known = names(folder)
    if str(name) in known:
        first, *rest = folder.split("/")
        return shelf(first).joinpath(*rest, f"{name}.toml")
    raise InputError(
        Problem(
            f"no such spec in {folder}",
            given=name,
            allowed=f"a .toml file, or one of {', '.join(known)}",
            hint=did_you_mean(str(name), known),
        )
    )
