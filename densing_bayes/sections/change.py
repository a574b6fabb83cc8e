"""The change at ChatGPT, as a section of the report on models."""

from __future__ import annotations

from densing_bayes.context import Context
from densing_bayes.early import chatgpt
from densing_bayes.pipeline import refusal
from densing_bayes.reports import Section
from densing_bayes.sections import regimes


def section(context: Context) -> Section:
    """Growth regimes since GPT-3, with the verdict on ChatGPT's release."""
    verdict, sources, long = chatgpt(context)
    told = regimes.section(verdict, sources)
    count = long.observations.data.sizes["model"]
    told.text.insert(0, f"This section fits {count} base models since GPT-3, closed ones "
                        f"included, on the anchored benchmark only: the models before ChatGPT "
                        f"have no other score in common with the later ones.")
    why = refusal(long)
    if why:
        told.text.insert(0, f"The fit behind this section was refused: {why}")
    return told
