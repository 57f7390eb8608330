"""Practitioners' statements: attestation Observations and answers on the form (interface.md section 4)."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from cds_service.evidence.chart import Chart, Stored
from cds_service.evidence.freshness import Age, Freshness, of_latest_day
from cds_service.evidence.observations import FINAL, About, Observations, Observed
from cds_service.kernel.codes import Terminology
from cds_service.kernel.concepts import read_concept
from cds_service.kernel.dates import FhirDate
from cds_service.kernel.decode import decode, link_ids
from cds_service.kernel.elements import (
    Answer,
    CodeableConcept,
    Coding,
    Quantity,
    QuestionnaireResponse,
    Reference,
    ResponseItem,
)
from cds_service.kernel.fhir_json import objects
from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.kernel.references import resource_type
from cds_service.policy.tumors import AttestationCode, Attestations

_FORM = "QuestionnaireResponse"
_ORIGIN = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/information-origin"


@dataclass(frozen=True, slots=True)
class Said:
    """One statement that counts: code, value as text (or the quantity), when and where.

    title, words: code and value as people call them.
    """

    code: str
    value: str
    date: FhirDate
    reference: str
    quantity: Quantity | None
    title: str
    words: str

    @property
    def day(self) -> dt.date:
        """The day it was made."""
        return self.date.day

    def evidence(self) -> Evidence:
        """The statement as evidence."""
        said = (self.code, self.value)
        return Evidence(self.reference, f"{self.title}: {self.words}", self.date.text, said)


@dataclass(frozen=True, slots=True)
class Statements:
    """All statements that count, what was set aside, and what could not be read (by attestation code)."""

    said: tuple[Said, ...] = ()
    gaps: tuple[tuple[str, Gap], ...] = ()
    notes: tuple[tuple[str, Note], ...] = ()

    def latest(self, code: str) -> list[Said]:
        """The statements of the latest day on which this code was stated; several may differ."""
        return of_latest_day(said for said in self.said if said.code == code)

    def gaps_for(self, *codes: str) -> tuple[Gap, ...]:
        """Statements of these codes that cannot be read."""
        return tuple(gap for code, gap in self.gaps if code in codes)

    def notes_for(self, *codes: str) -> tuple[Note, ...]:
        """Statements of these codes that were set aside."""
        return tuple(note for code, note in self.notes if code in codes)


class _Collector:
    """Gathers statements of one chart."""

    def __init__(self, chart: Chart, rules: Attestations, fresh: Freshness, terms: Terminology) -> None:
        self.chart = chart
        self.rules = rules
        self.fresh = fresh
        self.terms = terms
        self.said: list[Said] = []
        self.gaps: list[tuple[str, Gap]] = []
        self.notes: list[tuple[str, Note]] = []

    def observation(self, observed: Observed) -> None:
        """An attestation Observation."""
        resource, code = observed.resource, observed.code
        where = (code, observed.reference, observed.date)
        if observed.broken:
            self.gap(*where, "unreadable")
        elif resource.status not in FINAL:
            self.note(*where, "not-final")
        elif not self._by_practitioner(resource.performer or ()):
            self.note(*where, "not-a-practitioner")
        else:
            value = self._value(
                code, resource.value_codeable_concept, resource.value_boolean, resource.value_quantity
            )
            self._keep(*where, value)

    def form(self, stored: Stored) -> None:
        """A QuestionnaireResponse to the project's form."""
        resource, damaged = decode(stored.raw, QuestionnaireResponse)
        if resource is None:
            self._all_codes_unreadable(stored)
            return
        if self.chart.is_other_patient(resource.subject) or resource.status == "entered-in-error":
            return
        mine = "questionnaire" in damaged or resource.questionnaire.split("|")[0] == self.rules.questionnaire
        if not mine:
            return
        if "item" in damaged:
            self._items_unreadable(stored)
            return
        answers = list(self._answers(resource.item or ()))
        self._read_form(stored, resource, damaged, answers)

    def _read_form(
        self,
        stored: Stored,
        resource: QuestionnaireResponse,
        damaged: frozenset[str],
        answers: list[tuple[str, Answer | None]],
    ) -> None:
        when = resource.authored if resource.authored is not UNSET else None
        kept = [(code, self._answer(code, answer)) for code, answer in answers]
        for code, value in kept:
            where = (code, stored.reference, when)
            if damaged:
                self.gap(*where, "unreadable")
            elif resource.status not in ("completed", "amended"):
                self.note(*where, "not-final")
            elif resource.author is UNSET or not self._by_practitioner((resource.author,)):
                self.note(*where, "not-a-practitioner")
            elif any(each is None for _, each in kept):
                self.gap(*where, "unreadable")
            else:
                self._keep(*where, value)

    def _items_unreadable(self, stored: Stored) -> None:
        """A gap for each question whose linkId can be read, for all where none can (clinical.md 4.5)."""
        names = link_ids(stored.raw)
        for code in self.rules.codes if names is None else names & self.rules.codes.keys():
            self.gap(code, stored.reference, None, "unreadable")

    def _all_codes_unreadable(self, stored: Stored) -> None:
        for code in self.rules.codes:
            self.gap(code, stored.reference, None, "unreadable")

    def _answers(self, items: "list[ResponseItem] | tuple[()]") -> Iterator[tuple[str, Answer | None]]:
        for item in items:
            for answer in item.answer or ():
                if item.link_id in self.rules.codes and not _is_copy(answer):
                    yield item.link_id, answer if len(item.answer or ()) == 1 else None
                yield from self._answers(answer.item or ())
            yield from self._answers(item.item or ())

    def _answer(self, code: str, answer: Answer | None) -> "tuple[str, Quantity | None] | None":
        if answer is None:
            return None
        coding = answer.value_coding
        concept = CodeableConcept(coding=[coding]) if isinstance(coding, Coding) else UNSET
        return self._value(code, concept, answer.value_boolean, answer.value_quantity)

    def _value(
        self,
        code: str,
        concept: CodeableConcept | UnsetType,
        truth: bool | UnsetType,
        quantity: Quantity | UnsetType,
    ) -> "tuple[str, Quantity | None] | None":
        """The allowed value as text, or None: an attestation without an allowed value cannot be read."""
        rule = self.rules.codes[code]
        if rule.type == "boolean":
            return None if truth is UNSET else (str(truth).lower(), None)
        if rule.type == "quantity":
            return None if quantity is UNSET or quantity.value is UNSET else (_shown(quantity), quantity)
        return self._choice(concept, rule)

    def _choice(
        self, concept: CodeableConcept | UnsetType, rule: AttestationCode
    ) -> "tuple[str, None] | None":
        read = read_concept(concept, self.terms)
        allowed = {
            code for system, code in read.keys if system == self.rules.value_system and code in rule.values
        }
        allowed |= {
            code for system, code in read.keys if self.terms.lookup(system, code)[1] & set(rule.value_sets)
        }
        return (allowed.pop(), None) if len(allowed) == 1 else None

    def _keep(
        self, code: str, reference: str, when: FhirDate | None, value: "tuple[str, Quantity | None] | None"
    ) -> None:
        age = self.fresh.age(when)
        if value is None:
            self.gap(code, reference, when, "unreadable")
        elif age is Age.FUTURE:
            self.gap(code, reference, when, age.value)
        elif age is not Age.FRESH or when is None:
            self.note(code, reference, when, age.value)
        else:
            rule, (text, quantity) = self.rules.codes[code], value
            words = rule.words.get(text, text)
            self.said.append(Said(code, text, when, reference, quantity, rule.title, words))

    def _by_practitioner(self, performers: "list[Reference] | tuple[Reference, ...]") -> bool:
        return any(self._kind(performer) in self.rules.performers for performer in performers)

    def _kind(self, reference: Reference) -> str | None:
        """The type of the resource found, else the one the reference names, else the one it states."""
        if reference.reference is not UNSET:
            stored = self.chart.find(reference.reference)
            kind = stored.type if stored else resource_type(self.chart.canonical(reference.reference))
            if kind:
                return kind
        return reference.type if reference.type is not UNSET else None

    def gap(self, code: str, reference: str, when: FhirDate | None, why: str) -> None:
        """Notes that a statement about `code` cannot be used although it may matter."""
        title = self.rules.codes[code].title
        self.gaps.append((code, Gap(why, title, reference, when.text if when else None)))

    def note(self, code: str, reference: str, when: FhirDate | None, why: str) -> None:
        """Notes that a statement was set aside."""
        title = self.rules.codes[code].title
        self.notes.append((code, Note(why, title, reference, when.text if when else None)))


def _is_copy(answer: Answer) -> bool:
    """Whether an answer was put in from our own draft and left so (DTR, information-origin `auto-server`).

    It says what the record said, which counts by itself and from its own day; as a statement it would start
    anew with each saving.
    """
    origins = [
        part
        for extension in objects(answer.extension)
        if extension.get("url") == _ORIGIN
        for part in objects(extension.get("extension"))
    ]
    return any(part.get("url") == "source" and part.get("valueCode") == "auto-server" for part in origins)


def _shown(quantity: Quantity) -> str:
    number = quantity.value.value if quantity.value is not UNSET else ""
    comparator = quantity.comparator if quantity.comparator is not UNSET else ""
    return f"{comparator}{number} {quantity.unit or quantity.code or ''}".strip()


def read_statements(
    chart: Chart, observations: Observations, rules: Attestations, fresh: Freshness, terms: Terminology
) -> Statements:
    """Every attestation and form answer of the chart's patient."""
    collector = _Collector(chart, rules, fresh, terms)
    for observed in observations.of(About.ATTESTATION):
        collector.observation(observed)
    for stored in chart.of(_FORM):
        collector.form(stored)
    return Statements(tuple(collector.said), tuple(collector.gaps), tuple(collector.notes))
