"""Checks the outcomes of a policy version: complete, and free of what coverage-information forbids."""

from collections.abc import Iterator

from cds_service.kernel.errors import DataError
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.check_criteria import leaves
from cds_service.policy.model import OutcomeWording, PolicyVersion

COVERED = {"meets-criteria": "covered", "investigational": "not-covered", "needs-info": "conditional"}
"""What each outcome says (determinations.md section 1): unknown is never yes and never no."""

NEEDED = {
    "criteria": ("meets-criteria", "investigational", "needs-info"),
    "investigational": ("investigational",),
}


def check_outcomes(bundle: PolicyBundle, version: PolicyVersion) -> Iterator[DataError]:
    """An error for each outcome that is missing or that no valid coverage-information can carry."""
    file = bundle.file_of(version)
    for name in NEEDED[version.position]:
        if name not in version.outcomes:
            message = f"The position {version.position} needs the outcome {name}. Add it."
            yield file.error(("outcomes",), message)
    service = bundle.services.get(version.service)
    form = service.questionnaire if service else None
    for name, outcome in version.outcomes.items():
        for member, message in _forbidden(name, outcome, form):
            yield file.error(("outcomes", name, *member), message)
    asked = [criterion.id for _, criterion in leaves(version.criteria) if criterion.questions]
    open_outcome = version.outcomes.get("needs-info")
    if asked and open_outcome and not open_outcome.questionnaire:
        message = f"{asked[0]} names questions of a form, but no form is offered. Add questionnaire."
        yield file.error(("outcomes", "needs-info"), message)


def _forbidden(name: str, outcome: OutcomeWording, form: str | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """Combinations that the extension's invariants or our fail-safe rule refuse (crd-dtr.md 1.3, 1.4)."""
    if outcome.covered != COVERED[name]:
        yield ("covered",), f'{name} is always covered: {COVERED[name]}. "{outcome.covered}" would mislead.'
    if outcome.questionnaire and not outcome.doc_needed:
        yield ("questionnaire",), "A questionnaire needs doc-needed (crd-ci-q1). Add doc-needed: clinical."
    if outcome.doc_needed and name != "needs-info":
        yield ("doc-needed",), f"{name} is settled and asks for no documents. Remove doc-needed."
    if outcome.doc_needed == "patient":
        yield ("doc-needed",), 'CRD 2.0 callers do not know "patient". Write clinical or admin.'
    if outcome.questionnaire and form and outcome.questionnaire != form:
        yield ("questionnaire",), f'The form of this service is "{form}". Write that.'
