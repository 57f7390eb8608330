"""Conditions and reason codes read as diagnoses: what tumor, where, current or not, how sure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from msgspec import UNSET

from cds_service.evidence.chart import Chart, Stored
from cds_service.evidence.sites import Site, read_sites
from cds_service.kernel.codes import Terminology
from cds_service.kernel.concepts import NOTHING, Concept, code_concept, read_concept
from cds_service.kernel.dates import FhirDate
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import CodeableConcept, Condition, Extension
from cds_service.kernel.provenance import Evidence
from cds_service.policy.tumors import Elsewhere, TumorGroup, TumorModel

_CURRENT = frozenset({"active", "recurrence", "relapse"})
_PAST = frozenset({"inactive", "remission", "resolved"})
_SURE = frozenset({"confirmed"})
_UNSURE = frozenset({"unconfirmed", "provisional", "differential"})
_VOID = frozenset({"refuted", "entered-in-error"})


class Standing(StrEnum):
    """How far a diagnosis may be relied on (clinical.md 2.4)."""

    CONFIRMED = "confirmed"
    PROVISIONAL = "provisional"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One diagnosis about this patient; refuted and erroneous ones are left out.

    tumors / elsewhere: the groups its codings name, after less specific ones have yielded; several mean
    that the codings exclude each other; unmapped: an unknown code whose words name a malignancy;
    unreadable: nothing says what it is; onset: onset, else the recorded date, which only_recorded tells;
    related: references to its primary; histology: its histology extension.
    """

    reference: str
    standing: Standing
    current: bool
    concept: Concept
    tumors: tuple[TumorGroup, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    site: Site = Site.NONE
    unmapped: bool = False
    onset: FhirDate | None = None
    only_recorded: bool = False
    related: tuple[str, ...] = ()
    histology: Concept = NOTHING
    from_order: bool = False

    @property
    def unreadable(self) -> bool:
        """Nothing says what it is."""
        return not self.concept.keys and not self.concept.words

    @property
    def settled(self) -> bool:
        """Current and confirmed: the only kind that makes a criterion met or not met."""
        return self.current and self.standing is Standing.CONFIRMED

    def evidence(self) -> Evidence:
        """The diagnosis as evidence."""
        codes = ", ".join(code for _, code in self.concept.keys)
        shown = (
            self.concept.shown
            if self.concept.shown == codes or not codes
            else f"{self.concept.shown} ({codes})"
        )
        return Evidence(self.reference, shown, self.onset.text if self.onset else None)


def read_diagnoses(chart: Chart, model: TumorModel, terms: Terminology) -> list[Diagnosis]:
    """The patient's Conditions as diagnoses."""
    reader = _Reader(chart, model, terms)
    return [diagnosis for stored in chart.of("Condition") for diagnosis in reader.condition(stored)]


def reason_diagnoses(
    reasons: Iterable[CodeableConcept], order: str, chart: Chart, model: TumorModel, terms: Terminology
) -> list[Diagnosis]:
    """Reason codes as current confirmed diagnoses; they count where no Condition has it (clinical.md 1.4)."""
    reader = _Reader(chart, model, terms)
    return [
        reader.classify(
            Diagnosis(order, Standing.CONFIRMED, True, read_concept(reason, terms), from_order=True)
        )
        for reason in reasons
    ]


def same_diagnosis(one: Diagnosis, other: Diagnosis) -> bool:
    """Whether two diagnoses share a code, or a group all of whose codes mean the same."""
    meanings = {group.group for group in one.tumors if group.one_meaning}
    same = any(group.one_meaning and group.group in meanings for group in other.tumors)
    return same or not set(one.concept.keys).isdisjoint(other.concept.keys)


class _Reader:
    """The reading of one chart, with the words and groups of one tumor model at hand."""

    def __init__(self, chart: Chart, model: TumorModel, terms: Terminology) -> None:
        self.chart = chart
        self.model = model
        self.terms = terms
        self.words = re.compile(model.malignant_words)
        self.dull: set[bytes] = set()  # codes that are no tumors; charts repeat them

    def condition(self, stored: Stored) -> Iterator[Diagnosis]:
        """The diagnosis a Condition makes, unless it is void, somebody else's, or about no tumor at all."""
        written = bytes(stored.code or b"")
        if written in self.dull:
            return
        concept = code_concept(stored.code, stored.raw, self.terms)
        if self._is_something_else(concept):
            self.dull.add(written)
            return
        resource, damaged = decode(stored.raw, Condition)
        if resource is None:
            yield Diagnosis(stored.reference, Standing.UNREADABLE, True, NOTHING)
            return
        sure = _status(resource.verification_status, _SURE, _UNSURE, _VOID)
        if sure in _VOID or self.chart.is_other_patient(resource.subject):
            return
        clinical = _status(resource.clinical_status, _CURRENT, _PAST)
        links = tuple(self._links(resource))
        broken = bool(damaged) or "?" in (sure, clinical, *links)
        standing = Standing.PROVISIONAL if sure in _UNSURE else Standing.CONFIRMED
        bare = Diagnosis(
            stored.reference,
            Standing.UNREADABLE if broken else standing,
            _is_current(resource, clinical),
            concept,
            site=read_sites(resource.body_site or (), self.model, self.terms),
            onset=_onset(resource) or _recorded(resource),
            only_recorded=_onset(resource) is None,
            related=links,
            histology=self._histology(resource.extension or ()),
        )
        yield self.classify(bare)

    def classify(self, bare: Diagnosis) -> Diagnosis:
        """The diagnosis with the groups that its concept, body site and histology name."""
        tumors, elsewhere = self._groups(bare.concept)
        if not tumors and not elsewhere:
            return replace(bare, unmapped=True) if self._names_malignancy(bare.concept) else bare
        if any(g.reads_histology for g in elsewhere):
            told = [g for g in self.model.elsewhere if bare.histology.stands_in(*g.value_sets)]
            elsewhere += [g for g in told if g not in elsewhere]
        placed = _placed(tumors, elsewhere, bare.site, self.model)
        tumors, elsewhere = _most_specific(placed, elsewhere)
        return replace(bare, tumors=tuple(tumors), elsewhere=tuple(elsewhere))

    def _is_something_else(self, concept: Concept) -> bool:
        """Most problems of a chart are no tumors; nothing more of them is decoded, be it sound or damaged."""
        told = concept.keys or concept.words
        return bool(told) and not concept.sets and not self._names_malignancy(concept)

    def _groups(self, concept: Concept) -> tuple[list[TumorGroup], list[Elsewhere]]:
        if not concept.sets:
            return [], []
        tumors = [g for g in self.model.groups if concept.stands_in(*g.value_sets)]
        return tumors, [g for g in self.model.elsewhere if concept.stands_in(*g.value_sets)]

    def _names_malignancy(self, concept: Concept) -> bool:
        patterns = self.model.malignant_codes
        by_code = any(
            re.search(patterns[system], code) for system, code in concept.keys if system in patterns
        )
        return by_code or bool(self.words.search(concept.words))

    def _links(self, resource: Condition) -> Iterator[str]:
        for extension in resource.extension or ():
            if extension.url == self.model.metastasis_link:
                reference = extension.value_reference
                yield (reference.reference or "?") if reference is not UNSET else "?"

    def _histology(self, extensions: Iterable[Extension]) -> Concept:
        for extension in extensions:
            if extension.url == self.model.histology_extension:
                return read_concept(extension.value_codeable_concept, self.terms)
        return NOTHING


def _status(concept: CodeableConcept | object, *kinds: frozenset[str]) -> str:
    """The known status code; empty when absent, `?` when none is known or two exclude each other."""
    if not isinstance(concept, CodeableConcept):
        return ""
    codes = [coding.code for coding in concept.coding or () if coding.code is not UNSET]
    found = [code for kind in kinds for code in codes if code in kind]
    told = [kind for kind in kinds if not kind.isdisjoint(codes)]
    return found[0] if len(told) == 1 else "?"


def _is_current(resource: Condition, clinical: str) -> bool:
    if clinical in _PAST:
        return False
    abated = (
        resource.abatement_date_time,
        resource.abatement_period,
        resource.abatement_age,
        resource.abatement_range,
        resource.abatement_string,
    )
    return all(value is UNSET for value in abated)


def _onset(resource: Condition) -> FhirDate | None:
    if resource.onset_date_time is not UNSET:
        return resource.onset_date_time
    if resource.onset_period is not UNSET and resource.onset_period.start is not UNSET:
        return resource.onset_period.start
    return None


def _recorded(resource: Condition) -> FhirDate | None:
    return resource.recorded_date if resource.recorded_date is not UNSET else None


def _placed(
    tumors: list[TumorGroup], elsewhere: list[Elsewhere], site: Site, model: TumorModel
) -> list[TumorGroup]:
    """A metastasis whose code names no place takes that of body site or sister coding (clinical.md 2.5)."""
    if site is not Site.ORGAN and not any(g.kind == "metastasis" for g in tumors):
        return tumors
    names = {g.at_organ for g in elsewhere if g.at_organ} | {g.group for g in tumors}
    return [g for g in model.groups if g.group in names]


def _most_specific(
    tumors: list[TumorGroup], elsewhere: list[Elsewhere]
) -> tuple[list[TumorGroup], list[Elsewhere]]:
    """Codings of one concept are translations: the more specific one governs (clinical.md 1.4)."""
    named = {g.group for g in tumors} | {g.group for g in elsewhere}
    tumors = [g for g in tumors if named.isdisjoint(g.yields_to)]
    elsewhere = [g for g in elsewhere if named.isdisjoint(g.yields_to)]
    speaking = [g for g in elsewhere if g.bears]
    if speaking or tumors:
        elsewhere = speaking
    if any(g.specific for g in tumors) or any(g.specific for g in elsewhere):
        tumors = [g for g in tumors if g.specific]
        elsewhere = [g for g in elsewhere if g.specific]
    return tumors, elsewhere
