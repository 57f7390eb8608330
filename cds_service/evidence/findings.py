"""Everything read from one chart for one order: what the criteria ask their questions to."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from cds_service.evidence.chart import Chart, search_gaps
from cds_service.evidence.diagnoses import Diagnosis, read_diagnoses, reason_diagnoses, same_diagnosis
from cds_service.evidence.freshness import Freshness
from cds_service.evidence.observations import Observations, read_observations
from cds_service.evidence.procedures import Done, read_procedures
from cds_service.evidence.staging import Staging, read_staging
from cds_service.evidence.statements import Statements, read_statements
from cds_service.kernel.codes import Terminology
from cds_service.kernel.decode import element_name
from cds_service.kernel.elements import ServiceRequest
from cds_service.kernel.provenance import Gap
from cds_service.orders.order import Order
from cds_service.policy.model import Limits
from cds_service.policy.tumors import Attestations, TumorModel


@dataclass(frozen=True)
class Findings:
    """The chart of one patient read for one order; each part is read once, when first asked for."""

    chart: Chart
    order: Order
    today: date
    limits: Limits
    model: TumorModel
    rules: Attestations
    terms: Terminology

    @cached_property
    def fresh(self) -> Freshness:
        """Which dates are recent enough, seen from the order."""
        return Freshness(self.order.authored, self.today, self.limits.fresh_days)

    @cached_property
    def diagnoses(self) -> list[Diagnosis]:
        """Conditions, and the order's reason codes that no Condition has."""
        known = read_diagnoses(self.chart, self.model, self.terms)
        return known + [
            each for each in self.reasons if not any(same_diagnosis(each, other) for other in known)
        ]

    @cached_property
    def reasons(self) -> list[Diagnosis]:
        """The order's reason codes."""
        stated = (self.order.request.reason_code or ()) if self.order.request else ()
        return reason_diagnoses(stated, self.order.reference, self.chart, self.model, self.terms)

    @cached_property
    def observations(self) -> Observations:
        """Observations sorted by what they are about."""
        return read_observations(self.chart, self.model, self.rules, self.terms)

    @cached_property
    def statements(self) -> Statements:
        """Attestations and form answers."""
        return read_statements(self.chart, self.observations, self.rules, self.fresh, self.terms)

    @cached_property
    def staging(self) -> Staging:
        """M, N and disease status."""
        return read_staging(self.chart, self.observations, self.model, self.fresh, self.terms)

    @cached_property
    def procedures(self) -> list[Done]:
        """Procedures that can be read."""
        return read_procedures(self.chart, self.terms)

    def failures(self, *kinds: str) -> list[Gap]:
        """A gap for each of these types whose search failed, is incomplete or could not be made."""
        return search_gaps(self.chart, *kinds)

    def unreadable_observations(self) -> list[Gap]:
        """A gap for each Observation that could be about anything."""
        return [Gap("unreadable", "Observation", reference) for reference in self.observations.unreadable]

    def order_gaps(self, *members: str) -> list[Gap]:
        """A gap for each of these members of the order that cannot be read, by its name in FHIR."""
        damaged = (member for member in members if member in self.order.damaged)
        names = (element_name(member, ServiceRequest) for member in damaged)
        return [Gap("unreadable", name, self.order.reference) for name in names]

    def statement_gaps(self, *codes: str) -> list[Gap]:
        """What stands in the way of concluding that nothing was stated about these attestation codes."""
        return [
            *self.failures("Observation", "QuestionnaireResponse"),
            *self.unreadable_observations(),
            *self.statements.gaps_for(*codes),
        ]
