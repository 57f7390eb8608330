"""Our conclusion for one order under one coverage, and the coverage-information codes that follow from it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypedDict

from cds_service.coverage.member import Case
from cds_service.coverage.read import Held
from cds_service.criteria.result import CriterionResult
from cds_service.kernel.provenance import Gap, Note
from cds_service.kernel.truth import Truth, all_of
from cds_service.orders.order import Order
from cds_service.policy.model import OutcomeWording, Payer, PolicyVersion, ProductException

__all__ = ["CriterionResult", "Determination", "Outcome"]


class Outcome(StrEnum):
    """The ways out of interface.md section 3."""

    MEETS_CRITERIA = "meets-criteria"
    INVESTIGATIONAL = "investigational"
    NEEDS_INFO = "needs-info"
    REFER_TO_PLAN = "refer-to-plan"
    NO_POLICY = "no-policy"
    OUT_OF_SCOPE = "out-of-scope"
    CANNOT_EVALUATE = "cannot-evaluate"


_SEARCH_FAILED = "search-failed"


@dataclass(frozen=True, slots=True)
class Determination:
    """The conclusion for one order under one coverage: what cards, extension and record are made of.

    coverage: `Coverage/id` on the client's server or None; plan: name of the coverage's plan if known;
    reason: key of `cards/reasons.yaml`; technical: the outcome is cannot-evaluate because something failed,
    not because of the text; product: the product exception that sends the reader elsewhere; held: the
    Coverage as read, also where it is not in force; covered /
    pa_needed / doc_needed / info_needed: codes of coverage-information as in determinations.md section 1,
    None where nothing is said; questionnaire: versioned canonical.
    """

    order: Order
    coverage: str | None
    payer: Payer | None
    policy: PolicyVersion | None
    outcome: Outcome
    reason: str
    criteria: tuple[CriterionResult, ...] = ()
    flags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    gaps: tuple[Gap, ...] = ()
    product: ProductException | None = None
    plan: str | None = None
    technical: bool = False
    held: Held | None = None
    covered: str | None = None
    pa_needed: str | None = None
    doc_needed: str | None = None
    info_needed: str | None = None
    questionnaire: str | None = None
    assertion_id: str = ""

    @property
    def open_criteria(self) -> tuple[CriterionResult, ...]:
        """Criteria whose state is unknown."""
        return tuple(c for c in self.criteria if c.state is Truth.UNKNOWN)

    @property
    def hindered(self) -> bool:
        """Whether something that failed stands in the way of an answer (resp-43)."""
        gaps = (gap.code for criterion in self.open_criteria for gap in criterion.gaps)
        return self.technical or (self.outcome is Outcome.NEEDS_INFO and _SEARCH_FAILED in gaps)

    @property
    def by_form(self) -> bool:
        """Whether answers on the documentation form are among what decided; such can be corrected there."""
        found = (item.reference for criterion in self.criteria for item in criterion.evidence)
        return any(reference.startswith("QuestionnaireResponse/") for reference in found)

    @property
    def failed_criteria(self) -> tuple[CriterionResult, ...]:
        """Criteria that are clearly not met."""
        return tuple(c for c in self.criteria if c.state is Truth.NOT_MET)


class _Codes(TypedDict, total=False):
    """Codes of coverage-information (determinations.md section 1)."""

    covered: str | None
    pa_needed: str | None
    doc_needed: str | None
    info_needed: str | None
    questionnaire: str | None


_OUTCOMES = {
    "product-exception": Outcome.REFER_TO_PLAN,
    "technique-not-named": Outcome.NEEDS_INFO,
    "payer-not-served": Outcome.NO_POLICY,
    "payer-ambiguous": Outcome.NO_POLICY,
    "no-policy-for-service": Outcome.NO_POLICY,
    "no-coverage": Outcome.NO_POLICY,
    "coverage-not-in-force": Outcome.NO_POLICY,
    "coverage-search-failed": Outcome.CANNOT_EVALUATE,
    "payer-search-failed": Outcome.CANNOT_EVALUATE,
    "coverage-unreadable": Outcome.CANNOT_EVALUATE,
    "coverage-not-found": Outcome.CANNOT_EVALUATE,
    "payer-not-read": Outcome.CANNOT_EVALUATE,
    "order-unreadable": Outcome.CANNOT_EVALUATE,
    "no-version-in-force": Outcome.CANNOT_EVALUATE,
}
_TECHNICAL = frozenset({"coverage-search-failed", "payer-search-failed"})
_CONDITIONAL = "conditional"
_PRIOR_AUTHORIZATION = {"unknown": _CONDITIONAL, "required": "auth-needed", "not-required": "no-auth"}


def determine(case: Case, criteria: tuple[CriterionResult, ...]) -> Determination:
    """The outcome of one case and its codes (determinations.md sections 1 and 2).

    criteria: the results of the policy's criteria; empty when they were not evaluated.
    """
    outcome, reason = _outcome(case, criteria)
    bare = Determination(
        order=case.order,
        coverage=case.coverage,
        payer=case.payer,
        policy=case.policy,
        outcome=outcome,
        reason=reason,
        criteria=criteria,
        flags=tuple(dict.fromkeys(flag for result in criteria for flag in result.flags)),
        notes=case.order.notes,
        gaps=case.gaps,
        product=case.product,
        plan=case.plan,
        held=case.held,
        technical=reason in _TECHNICAL,
    )
    return replace(bare, **_codes(case, outcome))


def _outcome(case: Case, criteria: tuple[CriterionResult, ...]) -> tuple[Outcome, str]:
    if case.reason:
        return _OUTCOMES.get(case.reason, Outcome.OUT_OF_SCOPE), case.reason
    if case.policy is not None and case.policy.position == "investigational":
        return Outcome.INVESTIGATIONAL, "position-investigational"
    state = all_of(result.state for result in criteria)
    if state is Truth.MET:
        return Outcome.MEETS_CRITERIA, "criteria-met"
    if state is Truth.NOT_MET:
        return Outcome.INVESTIGATIONAL, "criterion-not-met"
    return Outcome.NEEDS_INFO, "criteria-open"


def _codes(case: Case, outcome: Outcome) -> _Codes:
    """covered, pa-needed, doc-needed, info-needed and questionnaire of an outcome."""
    if outcome is Outcome.OUT_OF_SCOPE:
        return {}
    if outcome is Outcome.CANNOT_EVALUATE:
        return {"covered": "indeterminate", "pa_needed": "indeterminate"}
    wording = _wording(case, outcome)
    covered = wording.covered if wording else _CONDITIONAL
    if covered == "not-covered":
        return {"covered": covered}
    pa_needed = _prior_authorization(case) if covered == "covered" else _CONDITIONAL
    doc_needed = wording.doc_needed if wording else None
    return {
        "covered": covered,
        "pa_needed": pa_needed,
        "doc_needed": doc_needed,
        "info_needed": "OTH" if _CONDITIONAL in (covered, pa_needed) else None,
        "questionnaire": wording.questionnaire if wording and doc_needed else None,
    }


def _wording(case: Case, outcome: Outcome) -> OutcomeWording | None:
    """What the policy version says of this outcome; None where its text did not decide."""
    if case.policy is None or case.reason:
        return None
    return next((wording for name, wording in case.policy.outcomes.items() if name == outcome), None)


def _prior_authorization(case: Case) -> str:
    """The payer's setting, by plan where it names one (determinations.md section 2)."""
    if case.payer is None:
        return _CONDITIONAL
    by_plan = case.payer.prior_authorization_by_plan
    return _PRIOR_AUTHORIZATION[by_plan.get(case.plan or "", case.payer.prior_authorization)]
