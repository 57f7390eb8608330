"""One determination as the JSON object of interface.md section 3, for the command line, records and pages."""

from cds_service.determination import CriterionResult, Determination, Outcome
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.provenance import Gap, Note


def as_json(determination: Determination) -> JsonObject:
    """The object of one determination as in interface.md section 3."""
    policy, payer = determination.policy, determination.payer
    out_of_scope = determination.outcome is Outcome.OUT_OF_SCOPE
    return {
        "order": determination.order.reference,
        "coverage": determination.coverage,
        "payer": payer.payer if payer else None,
        "policy": policy.policy if policy else None,
        "policy_version": policy.version if policy else None,
        "outcome": determination.outcome.value,
        "covered": None if out_of_scope else determination.covered,
        "reason": determination.reason,
        "gaps": [_remark(gap) for gap in determination.gaps],
        "criteria": [_criterion(result) for result in determination.criteria],
        "flags": list(determination.flags),
        "documentation": [
            {"criterion": result.id, "title": item.title, "loinc": list(item.loinc)}
            for result in determination.criteria
            for item in result.documentation
        ],
    }


def _criterion(result: CriterionResult) -> JsonObject:
    return {
        "id": result.id,
        "state": result.state.value,
        "cites": result.cites,
        "evidence": [
            {"reference": e.reference, "date": e.date, "summary": e.summary} for e in result.evidence
        ],
        "gaps": [_remark(gap) for gap in result.gaps],
        "notes": [_remark(note) for note in result.notes],
        "answers": [{"question": question, "answer": answer} for question, answer in result.answers],
    }


def _remark(remark: Gap | Note) -> JsonObject:
    return {"code": remark.code, "about": remark.about, "reference": remark.reference, "date": remark.date}
