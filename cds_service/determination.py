"""Our conclusion for one order under one coverage, and the coverage-information codes that follow from it."""

from dataclasses import dataclass
from enum import StrEnum

from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.kernel.truth import Truth
from cds_service.orders.order import Order
from cds_service.policy.model import Documentation, Payer, PolicyVersion, ProductException


class Outcome(StrEnum):
    """The ways out of interface.md section 3."""

    MEETS_CRITERIA = "meets-criteria"
    INVESTIGATIONAL = "investigational"
    NEEDS_INFO = "needs-info"
    REFER_TO_PLAN = "refer-to-plan"
    NO_POLICY = "no-policy"
    OUT_OF_SCOPE = "out-of-scope"
    CANNOT_EVALUATE = "cannot-evaluate"


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """State of one criterion with the section that asked and everything that answered or failed to."""

    id: str
    title: str
    says: str
    cites: str
    state: Truth
    evidence: tuple[Evidence, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()
    flags: tuple[str, ...] = ()
    documentation: tuple[Documentation, ...] = ()
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Determination:
    """The conclusion for one order under one coverage; the one thing that cards, extension and record are made of.

    coverage: `Coverage/id` on the client's server or None; plan: name of the coverage's plan if known; reason: key of
    `cards/reasons.yaml`; technical: the outcome is cannot-evaluate because something failed, not because of the text;
    product: the product exception that sends the reader elsewhere; covered / pa_needed / doc_needed / info_needed: codes of
    coverage-information as in determinations.md section 1, None where nothing is said; questionnaire: versioned canonical.
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
    def failed_criteria(self) -> tuple[CriterionResult, ...]:
        """Criteria that are clearly not met."""
        return tuple(c for c in self.criteria if c.state is Truth.NOT_MET)
