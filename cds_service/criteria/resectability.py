"""The criterion kind `resectability`: unresectable, or no surgical candidate (clinical.md 4.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from cds_service.criteria.result import Finding
from cds_service.evidence.chart import Stored
from cds_service.evidence.diagnoses import Standing
from cds_service.evidence.findings import Findings
from cds_service.evidence.freshness import of_latest_day
from cds_service.kernel.concepts import Concept, code_concept
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import ServiceRequest
from cds_service.kernel.provenance import Evidence, Gap
from cds_service.kernel.truth import Truth, agreed
from cds_service.policy.model import Resectability

_Question = Literal["cannot-resect", "not-a-candidate"]
_ORDERED = frozenset({"draft", "active", "on-hold"})
_READ_OF_ORDERS = frozenset({"status", "code", "subject", "do_not_perform"})


@dataclass(frozen=True, slots=True)
class _Word:
    """One dated statement: MET says that resection is out, NOT_MET that it is possible."""

    day: date
    state: Truth
    evidence: Evidence

    @property
    def reference(self) -> str:
        """Where it was said."""
        return self.evidence.reference


def resectability(criterion: Resectability, findings: Findings) -> Finding:
    """Either side is enough to meet it; both must fail to fail it (clinical.md 4.3, row R)."""
    finding = Finding()
    tumor = _latest(list(_about_tumor(findings)), finding)
    person = _latest(list(_about_person(findings)), finding)
    if Truth.MET in (tumor, person):
        finding.state = Truth.MET
    elif tumor is person is Truth.NOT_MET:
        finding.state = Truth.NOT_MET
    elif not finding.gaps:
        finding.gaps.append(
            Gap("fitness-not-stated" if finding.evidence else "no-statement", criterion.title)
        )
    finding.notes.extend(findings.statements.notes_for(*_codes(findings)))
    finding.blocked_by(findings.statement_gaps(*_codes(findings)))
    finding.blocked_by(_unreadable_diagnoses(findings))
    _look_for_resection(findings, finding)
    return finding


def _codes(findings: Findings) -> tuple[str, str]:
    statements = findings.model.statements
    return statements["cannot-resect"].code, statements["not-a-candidate"].code


def _about_tumor(findings: Findings) -> Iterator[_Word]:
    yield from _said(findings, "cannot-resect")
    for diagnosis in findings.diagnoses:
        if diagnosis.settled and diagnosis.concept.stands_in(*findings.model.resection.unresectable):
            day = diagnosis.onset.day if diagnosis.onset else date.min
            yield _Word(day, Truth.MET, diagnosis.evidence())


def _about_person(findings: Findings) -> Iterator[_Word]:
    yield from _said(findings, "not-a-candidate")
    rules = findings.model.resection
    for done in findings.procedures:
        refused = done.status == "not-done" and done.reason.stands_in(*rules.contraindicated)
        if refused and _is_resection(done.concept, findings):
            yield _Word(done.date.day if done.date else date.min, Truth.MET, done.evidence())


def _is_resection(concept: Concept, findings: Findings) -> bool:
    rules = findings.model.resection
    named = concept.stands_in(*rules.procedures) or bool(re.search(rules.words, concept.words))
    return named and not concept.stands_in(*rules.not_procedures)


def _said(findings: Findings, question: _Question) -> Iterator[_Word]:
    rule = findings.model.statements[question]
    for said in findings.statements.said:
        if said.code == rule.code:
            state = Truth.MET if said.value in rule.yes else Truth.NOT_MET
            yield _Word(said.day, state, said.evidence())


def _latest(words: list[_Word], finding: Finding) -> Truth:
    """The state of the latest day; unlike ones of that day are a conflict."""
    latest = of_latest_day(words)
    finding.evidence.extend(word.evidence for word in latest)
    if len({word.state for word in latest}) > 1:
        first = latest[0].evidence
        finding.gaps.append(Gap("conflict", first.summary, first.reference, first.date))
    return agreed(word.state for word in latest)


def _unreadable_diagnoses(findings: Findings) -> list[Gap]:
    return [
        Gap("unreadable", diagnosis.concept.shown, diagnosis.reference)
        for diagnosis in findings.diagnoses
        if diagnosis.standing is Standing.UNREADABLE
        and diagnosis.concept.stands_in(*findings.model.resection.unresectable)
    ]


def _look_for_resection(findings: Findings, finding: Finding) -> None:
    """A resection ordered beside it leaves open which tumor is unresectable, whatever the statements say."""
    for stored in findings.chart.of("ServiceRequest"):
        if stored.reference != findings.order.reference:
            _weigh_order(stored, findings, finding)
    finding.blocked_by(findings.failures("ServiceRequest"))


def _weigh_order(stored: Stored, findings: Findings, finding: Finding) -> None:
    """An order that cannot be read may be a resection, unless the rest of it says that it is none."""
    other, damaged = decode(stored.raw, ServiceRequest)
    if other is not None and _is_dropped(other, damaged, findings):
        return
    concept = code_concept(stored.code, stored.raw, findings.terms)
    if other is None or not (concept.keys or concept.words):
        finding.blocked_by([Gap("unreadable", "ServiceRequest", stored.reference)])
    elif _is_resection(concept, findings) and damaged & _READ_OF_ORDERS:
        finding.blocked_by([Gap("unreadable", concept.shown, stored.reference)])
    elif _is_resection(concept, findings):
        finding.state = Truth.UNKNOWN
        finding.gaps.append(Gap("resection-ordered", concept.shown, stored.reference))


def _is_dropped(other: ServiceRequest, damaged: frozenset[str], findings: Findings) -> bool:
    """Somebody else's, not to be done, or no longer to be done."""
    over = "status" not in damaged and other.status not in _ORDERED
    return over or other.do_not_perform is True or findings.chart.is_other_patient(other.subject)
