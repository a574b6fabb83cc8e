"""Sections of a report by name: what each is called, owns and how it is written.

A new section is a module with ``section(...)``, a writer and a row of `SECTIONS` here, and its
name in ``specs.SECTIONS``. Imports are inside the writers: a report pays for the sections that it
has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from densing_bayes.context import Context
from densing_bayes.errors import GateError, InputError
from densing_bayes.reports import Section


@dataclass(frozen=True)
class Entry:
    """A section, or a few that belong together.

    Parameters
    ----------
    name
        In a report spec.
    title
        Where it is not written, above the reason why.
    keys
        Begin the keys of its sections, tables and pictures: no other section may use them.
    says
        Its names in summary.json.
    write
        From a run to sections; an InputError or GateError says why there is none.
    seconds
        What it usually takes, to tell the time left.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    says: tuple[str, ...]
    write: Callable[[Context], list[Section]]
    seconds: float = 0.5

    def owns(self, key: str) -> bool:
        """Whether a key of a section, table or picture is one of its own."""
        return any(key == own or key.startswith(f"{own}-") for own in self.keys)

    def written(self, context: Context) -> list[Section]:
        """The sections; ValueError where one uses a key that the entry does not own."""
        try:
            sections = self.write(context)
        except (GateError, InputError) as error:
            return [Section(self.keys[0], self.title, [f"Not computed: {error}"])]
        keys = [key for section in sections for key in (
            section.key, *(table.key for table in section.tables),
            *(picture.key for picture in section.pictures))]
        strange = [key for key in keys if not self.owns(key)] + [
            name for section in sections for name in section.summary if name not in self.says]
        if strange:
            raise ValueError(f"section '{self.name}' does not own {', '.join(strange)}: name it "
                             f"in its row of sections/registry.py")
        return sections


def _growth(context: Context) -> list[Section]:
    from densing_bayes.sections import growth

    return [growth.section(context)]


def _density(context: Context) -> list[Section]:
    from densing_bayes.sections import density

    return [density.section(context)]


def _benchmarks(context: Context) -> list[Section]:
    from densing_bayes.sections import benchmarks

    return [benchmarks.section(context)]


def _change(context: Context) -> list[Section]:
    from densing_bayes.questions import regimes as questions
    from densing_bayes.sections import change, regimes

    context.progress("growth regimes")
    try:
        asked = [context.break_date] if context.break_date else []
        series = regimes.of_densities(context, questions.of_densities(context, asked))
    except (GateError, InputError) as error:
        return [change.section(context, None),
                Section("regimes", "Growth regimes", [f"Not computed: {error}"])]
    said = dict(series.summary)
    found = said.pop("breakpoint", None)
    return [change.section(context, found), replace(series, summary={
        **said, "breakpoint_series": found})]


def _bridge(context: Context) -> list[Section]:
    from densing_bayes.sections import bridge

    return [bridge.section(context)]


def _outlook(context: Context) -> list[Section]:
    from densing_bayes.sections import outlook

    return [outlook.section(context)]


def _costs(context: Context) -> list[Section]:
    from densing_bayes.questions.costs import costs as ask
    from densing_bayes.sections import costs

    found = ask(context)
    return [costs.section(found.study, outside=found.outside)]


def _compression(context: Context) -> list[Section]:
    from densing_bayes.questions import beside
    from densing_bayes.sections import compression

    return [compression.section(beside.compression(context))]


def _corollaries(context: Context) -> list[Section]:
    from densing_bayes.corollaries.run import corollaries_of
    from densing_bayes.sections import corollaries

    context.progress("corollaries: prices, chips, milestones, drivers")
    return corollaries.sections(corollaries_of(context))


def _study(context: Context) -> list[Section]:
    from densing_bayes.questions import beside
    from densing_bayes.sections import studies

    return [studies.section(beside.brief_study(context), brief=True)]


def _scaling(context: Context) -> list[Section]:
    from densing_bayes.questions import beside
    from densing_bayes.sections import scaling

    return [scaling.section(beside.scaling(context))]


def _ruler(context: Context) -> list[Section]:
    from densing_bayes.sections import ruler

    return [ruler.section(context)]


def _checks(context: Context) -> list[Section]:
    from densing_bayes.sections import checks

    return [checks.section(context)]


def _calibration(context: Context) -> list[Section]:
    from densing_bayes.calibration import published
    from densing_bayes.sections import calibration

    return [calibration.section(published(), context.spec, context.tables.sha256)]


def _limits(context: Context) -> list[Section]:
    from densing_bayes.sections import about

    return [about.limits(context), about.glossary()]


def _priors(context: Context) -> list[Section]:
    from densing_bayes.sections import about

    return [about.priors(context)]


ENTRIES = (
    Entry("growth", "How fast did density grow?", ("growth",),
          ("growth", "cut", "fastest_half_year", "last_year", "published_rates", "windows",
           "best_available", "typical_release", "size_axes", "claims", "methods"), _growth, 20.0),
    Entry("bridge", "Why not 3.5 months?", ("bridge",), ("bridge",), _bridge),
    Entry("density", "Capability density of every model", ("density",),
          ("density", "frontier", "beyond_ladder"), _density),
    Entry("benchmarks", "Which benchmark says what?", ("benchmarks", "benchmark"),
          ("benchmarks", "another_benchmark", "rulers"), _benchmarks, 15.0),
    Entry("change", "Did growth change at ChatGPT?", ("change", "regimes"),
          ("breakpoint", "breakpoint_series", "regimes", "regimes_forecast", "regimes_series"),
          _change, 12.0),
    Entry("costs", "Densities by cost", ("costs", "cost"), ("cost_density",), _costs, 8.0),
    Entry("outlook", "What comes next", ("outlook",), ("outlook",), _outlook, 3.0),
    Entry("compression", "Compression", ("compression",), ("compression",), _compression, 15.0),
    Entry("corollaries", "What follows from the density",
          ("prices", "price", "chips", "chip", "engines", "forecasts",
           "milestones", "authors", "break", "drivers", "against"),
          ("prices", "chips", "forecasts", "validity", "drivers"),
          _corollaries, 40.0),
    Entry("study", "How much does the answer depend on choices?", ("study",), ("study",),
          _study, 25.0),
    Entry("scaling", "The classic scaling laws", ("scaling",), ("scaling",), _scaling, 60.0),
    Entry("ruler", "The ruler", ("ruler",), ("ruler", "ruler_rests_on"), _ruler),
    Entry("checks", "Can one trust this fit?", ("checks", "check"),
          ("checks", "diagnostics", "residual_trends", "pulls"), _checks, 8.0),
    Entry("calibration", "Are the intervals true?", ("calibration",), ("calibration",),
          _calibration),
    Entry("limits", "What the data cannot say", ("limits", "glossary"),
          ("limits",), _limits),
    Entry("priors", "Priors and their reasons", ("priors",), ("priors",), _priors),
)


def by_name(entries: tuple[Entry, ...] = ENTRIES) -> dict[str, Entry]:
    """Entries by name; ValueError where two have a name, own a key or say the same."""
    for kind, names in (("name", [entry.name for entry in entries]),
                        ("key", [key for entry in entries for key in entry.keys]),
                        ("summary", [name for entry in entries for name in entry.says])):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sections have the {kind} {', '.join(twice)}")
    return {entry.name: entry for entry in entries}


SECTIONS = by_name()  # a clash is found when this is imported, before any work
