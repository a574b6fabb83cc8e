"""An answer: a paragraph, a table, pictures, and the values they were made of."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from densing_bayes.errors import InputError
from densing_bayes.outputs import clean, json_text
from densing_bayes.reports import Picture, Section, Table

if TYPE_CHECKING:
    from densing_bayes.context import Context


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """What a verb returns; ``print`` shows what the command would print.

    Parameters
    ----------
    text
        One paragraph.
    table
        The numbers behind it.
    said
        Everything as plain values; see `Answer.to_dict`.
    values
        The result itself, draws among it, as `densing_bayes.questions` returned it.
    draw
        Gives the figures of it when they are asked for; `Answer.plot` draws one.
    printed
        What the command prints; by default the text.
    refused
        Why the diagnostics gate refused what this rests on, '' where it passed: then no number
        here is a result, and the text says so.
    source
        The run of the joint fit that it comes from, where it comes from one; `Answer.tree`.

    Examples
    --------
    >>> answer = Answer("Two.", pd.DataFrame({"count": [2]}), {"count": 2}, values=2)
    >>> answer
    Two.
    >>> answer.to_dict()
    {'count': 2}
    """

    text: str
    table: pd.DataFrame
    said: dict[str, Any]
    values: Any
    draw: Callable[[], Sequence[Picture]] = tuple
    printed: str = ""
    refused: str = ""
    source: Context | None = None

    @classmethod
    def of_section(cls, section: Section, values: Any, said: dict[str, Any] | None = None,
                   ) -> Answer:
        """The answer that a section of a report tells; ``said`` by default its summary."""
        table = section.tables[0].frame if section.tables else pd.DataFrame()
        return cls(clean(section.text[0]), table, section.summary if said is None else said, values,
                   lambda: section.pictures, printed_section(section))

    def gated(self, passed: bool, what: str) -> Answer:
        """The answer, marked where the draws that it rests on did not pass their diagnostics."""
        if passed:
            return self
        why = f"{what}: the draws do not represent the posterior"
        return replace(self, refused=why, text=f"Refused by the diagnostics gate ({why}). "
                                               f"{self.text}")

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """Figures of it."""
        return tuple(self.draw())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, exactly those that ``--json`` prints."""
        found: dict[str, Any] = json.loads(json_text(self.said))
        return found

    @cached_property
    def tree(self) -> Any:
        """The joint fit behind the answer as an `xarray.DataTree` for ArviZ.

        Made when first asked for; `densing_bayes.trees.tree_of` lists its groups and names.

        Raises
        ------
        InputError
            The answer comes from no joint fit.
        """
        if self.source is None:
            raise InputError("this answer comes from no joint fit: it has no tree")
        from densing_bayes.trees import tree_of

        return tree_of(self.source)

    def plot(self, key: str | None = None) -> Any:
        """Draw a picture on a new figure of pyplot and return its axes (an array of several).

        Parameters
        ----------
        key
            Of ``pictures``; None for the first.
        """
        import matplotlib.pyplot as plt
        import numpy as np

        from densing_bayes.figures import draw

        by_key = {picture.key: picture for picture in self.pictures}
        picture = by_key[key] if key is not None else next(iter(by_key.values()))
        figure = draw(picture, plt.figure(figsize=(picture.width, picture.height)))
        return figure.axes[0] if len(figure.axes) == 1 else np.array(figure.axes, dtype=object)

    def __str__(self) -> str:
        return self.printed or self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        """For notebooks: paragraph and table, what came from tables of users escaped."""
        return (f"<p>{html.escape(self.text)}</p>"
                + self.table.to_html(index=False, escape=True, max_rows=20, border=0,
                                     float_format=lambda value: f"{value:.4g}"))


def printed_section(section: Section) -> str:
    """A section as text for a terminal: paragraphs, then tables."""
    return "\n".join([*(f"{clean(paragraph)}\n" for paragraph in section.text),
                      *(f"{printed_table(table)}\n" for table in section.tables)])


def printed_table(table: Table) -> str:
    """A table with its caption, its numbers as the report prints them."""
    frame = table.frame.copy()
    for column, form in table.formats.items():
        frame[column] = [form.format(value) if pd.notna(value) else "" for value in frame[column]]
    return f"{clean(table.caption)}\n{printed_frame(frame)}"


def printed_frame(frame: pd.DataFrame) -> str:
    """A frame as lines of text without control characters."""
    return "\n".join(clean(line) for line in frame.to_string(index=False).splitlines())
