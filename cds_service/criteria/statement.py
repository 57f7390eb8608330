"""The criterion kind `statement`: met or not met by a practitioner's statement."""

from cds_service.criteria.result import Finding
from cds_service.evidence.findings import Findings
from cds_service.kernel.provenance import Gap
from cds_service.kernel.truth import Truth, agreed
from cds_service.policy.model import Statement


def statement(criterion: Statement, findings: Findings) -> Finding:
    """The latest fresh statement decides; unlike ones of one day leave it open (clinical.md 4.3, row A)."""
    latest = findings.statements.latest(criterion.attestation)
    states = dict.fromkeys(criterion.met, Truth.MET) | dict.fromkeys(criterion.not_met, Truth.NOT_MET)
    finding = Finding(agreed(states.get(said.value, Truth.UNKNOWN) for said in latest))
    finding.evidence = [said.evidence() for said in latest]
    finding.notes.extend(findings.statements.notes_for(criterion.attestation))
    finding.blocked_by(findings.statement_gaps(criterion.attestation))
    if not latest:
        finding.gaps.append(Gap("no-statement", criterion.title))
    elif len({said.value for said in latest}) > 1:
        finding.gaps.append(Gap("conflict", latest[0].title, latest[0].reference, latest[0].date.text))
    return finding
