"""M and N categories and disease status as dated readings (clinical.md 4.1)."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import UNSET

from cds_service.evidence.chart import Chart
from cds_service.evidence.freshness import Age, Freshness
from cds_service.evidence.observations import FINAL, About, Observations, Observed
from cds_service.kernel.codes import Terminology
from cds_service.kernel.concepts import Concept, read_concept
from cds_service.kernel.dates import FhirDate
from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.policy.tumors import Category, TumorModel

SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Staged:
    """One staging statement that counts.

    category: `m0` ... as named in the tumor model, `several` when its codings exclude each other; focus:
    Conditions it is about, canonical; dangling: it is about something that is not on the chart.
    """

    about: About
    category: str
    shown: str
    date: FhirDate
    reference: str
    focus: tuple[str, ...] = ()
    dangling: bool = False

    @property
    def day(self) -> dt.date:
        """The day it was stated."""
        return self.date.day

    def evidence(self) -> Evidence:
        """The statement as evidence."""
        return Evidence(self.reference, self.shown, self.date.text)


@dataclass(frozen=True, slots=True)
class Staging:
    """All staging statements of a chart that count, what was set aside and what cannot be read."""

    staged: tuple[Staged, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()

    def of(self, about: About) -> list[Staged]:
        """The statements of one kind."""
        return [staged for staged in self.staged if staged.about is about]


def read_staging(
    chart: Chart, observations: Observations, model: TumorModel, fresh: Freshness, terms: Terminology
) -> Staging:
    """Every M, N and disease status Observation of the chart's patient."""
    staged: list[Staged] = []
    gaps: list[Gap] = []
    notes: list[Note] = []
    for about, categories in (
        (About.M, model.staging.m_categories),
        (About.N, model.staging.n_categories),
        (About.STATUS, _status_categories(model)),
    ):
        for observed in observations.of(about):
            item = _read(observed, categories, chart, fresh, terms)
            if isinstance(item, Staged):
                staged.append(item)
            elif isinstance(item, Gap):
                gaps.append(item)
            else:
                notes.append(item)
    return Staging(tuple(staged), tuple(gaps), tuple(notes))


def _status_categories(model: TumorModel) -> tuple[Category, ...]:
    never = r"(?!)"
    return (
        Category(category="none", value_sets=model.staging.status_none, text=never),
        Category(category="present", value_sets=model.staging.status_present, text=never),
    )


def _read(
    observed: Observed, categories: Sequence[Category], chart: Chart, fresh: Freshness, terms: Terminology
) -> Staged | Gap | Note:
    resource, when = observed.resource, observed.date
    value = read_concept(resource.value_codeable_concept, terms)
    written = resource.value_string if resource.value_string is not UNSET else ""
    shown = value.shown or written
    here = (shown or observed.concept.shown, observed.reference, when.text if when else None)
    if resource.status not in FINAL and not observed.broken:
        return Note("not-final", *here)
    category = _category(value, written, categories)
    if observed.broken or not _has_value(category, value, observed.about):
        return Gap("unreadable", *here)
    age = fresh.age(when)
    if age is Age.FUTURE:
        return Gap("future-dated", *here)
    if age is not Age.FRESH or when is None:
        return Note(age.value, *here)
    focus, dangling = _focus(observed, chart)
    return Staged(observed.about, category, shown, when, observed.reference, focus, dangling)


def _has_value(category: str, value: Concept, about: About) -> bool:
    """Without a category an M or N cannot be read, without any value a disease status (clinical.md 4.5)."""
    return bool(category) or (about is About.STATUS and bool(value.keys or value.words))


def _category(value: Concept, written: str, categories: Sequence[Category]) -> str:
    """The category all codings agree on; words count only where no coding is known."""
    found = {c.category for c in categories if value.stands_in(*c.value_sets)}
    if not found:
        texts = [*value.words.split(" | "), *(code for _, code in value.keys), written]
        clean = [text.strip().casefold() for text in texts if text.strip()]
        found = {c.category for c in categories for text in clean if re.search(c.text, text)}
    if len(found) > 1:
        return SEVERAL
    return found.pop() if found else ""


def _focus(observed: Observed, chart: Chart) -> tuple[tuple[str, ...], bool]:
    names: list[str] = []
    dangling = False
    for reference in observed.resource.focus or ():
        if reference.reference is UNSET:
            dangling = True
            continue
        name = chart.canonical(reference.reference)
        known = chart.find(name)
        if known is None and (name.startswith("Condition/") or "/" not in name):
            dangling = True
        elif known is not None and known.type == "Condition":
            names.append(name)
    return tuple(names), dangling
