"""Whether the primary tumor itself is still there (clinical.md 2.6)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.evidence.diagnoses import Diagnosis, Standing
from cds_service.evidence.findings import Findings
from cds_service.evidence.procedures import Done
from cds_service.kernel.provenance import Evidence, Gap
from cds_service.policy.tumors import Removal


@dataclass(frozen=True, slots=True)
class Primaries:
    """What the active primaries amount to: disease, open questions, and what shows them removed."""

    disease: tuple[Evidence, ...]
    blocks: tuple[Gap, ...]
    cleared: tuple[Evidence, ...]


def metastasis_on_record(findings: Findings) -> bool:
    """A confirmed metastasis to the organ, current or not, even with an unreadable part (clinical.md 4.5)."""
    return any(
        d.standing is not Standing.PROVISIONAL and any(g.kind == "metastasis" for g in d.tumors)
        for d in findings.diagnoses
    )


def clear_primaries(findings: Findings, active: Sequence[Diagnosis]) -> Primaries:
    """Judges each active primary of a metastasis: stated in place, removed, or open."""
    if not metastasis_on_record(findings):
        return Primaries((), (), ())
    rule = findings.model.statements["primary-in-place"]
    latest = findings.statements.latest(rule.code)
    values = {said.value for said in latest}
    said = tuple(each.evidence() for each in latest)
    if len(values) > 1:
        return Primaries((), (Gap("conflict", rule.code, latest[0].reference, latest[0].date.text),), said)
    if values & set(rule.yes):
        return Primaries(said, (), ())
    if values & set(rule.no):
        return Primaries((), (), said)
    return _by_procedures(findings, active)


def _by_procedures(findings: Findings, active: Sequence[Diagnosis]) -> Primaries:
    blocks: list[Gap] = []
    cleared: list[Evidence] = []
    for primary in active:
        proof = _removed(primary, findings)
        if proof is None:
            blocks.append(Gap("primary-not-resected", primary.concept.shown, primary.reference))
        else:
            cleared.append(proof)
    return Primaries((), tuple(blocks), tuple(cleared))


def _removed(primary: Diagnosis, findings: Findings) -> Evidence | None:
    """A completed resection of its organ after its onset, or an acquired absence with a matching history."""
    organs = [r for r in findings.model.removals if primary.concept.stands_in(*r.primaries)]
    for done in findings.procedures:
        if (
            done.status == "completed"
            and _after(primary, done)
            and any(_resects(done, organ) for organ in organs)
        ):
            return done.evidence()
    return _absence(primary, organs, findings)


def _resects(done: Done, organ: Removal) -> bool:
    by_words = organ.words is not None and re.search(organ.words, done.concept.words) is not None
    return done.concept.stands_in(*organ.procedures) or by_words


def _after(primary: Diagnosis, done: Done) -> bool:
    return primary.onset is not None and done.date is not None and done.date.first > primary.onset.first


def _absence(primary: Diagnosis, organs: Sequence[Removal], findings: Findings) -> Evidence | None:
    origins = {group.origin for group in primary.elsewhere}
    history = any(
        d.standing is Standing.CONFIRMED
        and any(g.effect == "none" and g.origin in origins for g in d.elsewhere if g.candidate)
        for d in findings.diagnoses
    )
    sets = [name for organ in organs for name in organ.absences]
    for diagnosis in findings.diagnoses:
        if history and diagnosis.standing is Standing.CONFIRMED and diagnosis.concept.stands_in(*sets):
            return diagnosis.evidence()
    return None
