"""Column names as people have them: which column of a table is which quantity.

``{"params": "N", "loss": "eval loss"}`` says that N counts parameters and that losses are in the
column "eval loss". Problems then name the columns of the file, not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from densing_bayes.errors import InputError, Problem, did_you_mean

MAPPED = ("params", "tokens", "loss", "compute")
USUAL = {  # how such columns are often called, lower case
    "params": ("n", "parameters", "n_params", "num_params", "model_size", "size", "params_n"),
    "tokens": ("d", "n_tokens", "num_tokens", "training_tokens", "train_tokens", "tokens_d"),
    "loss": ("loss/val", "val_loss", "eval_loss", "eval loss", "validation loss", "test loss",
             "val loss", "loss_val", "final_loss", "l"),
}


def rename(frame: pd.DataFrame, columns: Mapping[str, str], file: str) -> pd.DataFrame:
    """The table with the columns of the mapping under our names.

    A column that had our name already is kept under ``NAME (as given)``.

    Raises
    ------
    InputError
        Where a column is missing, or stands for two quantities.

    Examples
    --------
    >>> table = pd.DataFrame({"N": [1e9], "loss": [3.1], "eval loss": [2.9]})
    >>> list(rename(table, {"params": "N", "loss": "eval loss"}, "mine.csv"))
    ['params', 'loss (as given)', 'loss']
    """
    problems = []
    for name, column in columns.items():
        if name not in MAPPED:
            problems.append(Problem("no such quantity", given=name, allowed=", ".join(MAPPED)))
        elif column not in frame:
            problems.append(Problem(
                f"no column for {name}", file=file, row=1, given=column,
                allowed=", ".join(str(one) for one in frame)[:200],
                hint=did_you_mean(column, [str(one) for one in frame])))
    twice = {column for column in columns.values() if list(columns.values()).count(column) > 1}
    problems += [Problem("one column cannot be two quantities", file=file, row=1, column=column)
                 for column in sorted(twice)]
    if problems:
        raise InputError(problems)
    taken = [name for name, column in columns.items() if name in frame and column != name]
    return (frame.rename(columns={name: f"{name} (as given)" for name in taken})
            .rename(columns={column if column not in taken else f"{column} (as given)": name
                             for name, column in columns.items()}))


def in_their_words(problems: list[Problem], columns: Mapping[str, str]) -> list[Problem]:
    """Problems with our column names replaced by those of the file."""
    return [replace(one, column=columns.get(str(one.column), one.column)) for one in problems]


def suggestion(name: str, present: list[str]) -> str | None:
    r"""How to say which of the columns is the missing one, where one looks like it.

    Examples
    --------
    >>> suggestion("params", ["N", "D", "loss/val"])
    "if it is 'N', say --params N"
    >>> suggestion("loss", ["N", "D", "eval loss"])
    'if it is \'eval loss\', say --loss "eval loss"'
    """
    usual = USUAL.get(name, ())
    found = [one for one in present if one.lower() in usual] or [
        one for one in present if name in one.lower()]
    if not found:
        return did_you_mean(name, present)
    said = f'"{found[0]}"' if " " in found[0] else found[0]
    return f"if it is {found[0]!r}, say --{name} {said}"
