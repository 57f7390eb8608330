"""Walks a policy version's criteria and keeps every result with its evidence."""

from collections.abc import Sequence
from datetime import date

from cds_service.criteria.outside import no_disease_outside
from cds_service.criteria.resectability import resectability
from cds_service.criteria.result import CriterionResult, Finding
from cds_service.criteria.statement import statement
from cds_service.criteria.tumor_size import tumor_size
from cds_service.criteria.tumor_type import TypeFacts, tumor_type
from cds_service.evidence.chart import Chart, search_notes
from cds_service.evidence.findings import Findings
from cds_service.kernel.codes import Key, Terminology
from cds_service.kernel.truth import all_of, any_of
from cds_service.orders.order import Order
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import (
    AllOf,
    AnyOf,
    Criterion,
    NoDiseaseOutside,
    PolicyVersion,
    Resectability,
    Statement,
    TumorSize,
    TumorType,
)


class Evaluation:
    """The evaluation of one policy version against one patient's chart for one order."""

    def __init__(
        self,
        policy: PolicyVersion,
        order: Order,
        chart: Chart,
        today: date,
        bundle: PolicyBundle,
        terms: Terminology,
    ) -> None:
        self.policy = policy
        self.order = order
        self.chart = chart
        self.today = today
        self.bundle = bundle
        self.terms = terms
        self._findings: dict[str, Findings] = {}
        self._facts: dict[str, TypeFacts] = {}

    def run(self) -> tuple[CriterionResult, ...]:
        """One result for each criterion of the top level, in the order of the policy."""
        return tuple(self._evaluate(criterion).result(criterion) for criterion in self.policy.criteria)

    def _evaluate(self, criterion: Criterion) -> Finding:
        if isinstance(criterion, AllOf | AnyOf):
            return self._group(criterion)
        findings = self._of(getattr(criterion, "tumors", ""))
        finding = self._leaf(criterion, findings)
        finding.notes.extend(search_notes(self.chart))
        return finding

    def _leaf(self, criterion: Criterion, findings: Findings) -> Finding:
        if isinstance(criterion, Statement):
            return statement(criterion, findings)
        if isinstance(criterion, Resectability):
            return resectability(criterion, findings)
        if isinstance(criterion, TumorSize):
            return tumor_size(criterion, findings)
        if isinstance(criterion, TumorType):
            finding = tumor_type(criterion, findings, self._listed())
            if isinstance(finding.facts, TypeFacts):
                self._facts[criterion.id] = finding.facts
            return finding
        if isinstance(criterion, NoDiseaseOutside):
            named = self._criterion(criterion.type_criterion)
            if named.id not in self._facts:
                self._evaluate(named)
            return no_disease_outside(criterion, findings, self._facts[named.id], named.states)
        raise TypeError(f"no evaluator for criterion kind {type(criterion).__name__}")

    def _group(self, criterion: AllOf | AnyOf) -> Finding:
        """A group's state from its parts, with all that they found."""
        parts = [self._evaluate(part) for part in criterion.parts]
        combine = all_of if isinstance(criterion, AllOf) else any_of
        finding = Finding(combine(part.state for part in parts))
        for part in parts:
            finding.evidence.extend(part.evidence)
            finding.gaps.extend(part.gaps)
            finding.notes.extend(part.notes)
            finding.flags.extend(part.flags)
        return finding

    def _criterion(self, name: str) -> TumorType:
        for criterion in _leaves(self.policy.criteria):
            if criterion.id == name and isinstance(criterion, TumorType):
                return criterion
        raise LookupError(f"{self.policy.policy}: no tumor-type criterion {name!r}")

    def _of(self, tumors: str) -> Findings:
        """The findings for one tumor model; kinds that need none share the first."""
        name = tumors or next(iter(self.bundle.tumors))
        if name not in self._findings:
            self._findings[name] = Findings(
                self.chart,
                self.order,
                self.today,
                self.policy.limits,
                self.bundle.tumors[name],
                self.bundle.attestations,
                self.terms,
            )
        return self._findings[name]

    def _listed(self) -> Sequence[Key]:
        return [self.terms.normal(code.system, code.code) for code in self.policy.diagnosis_codes]


def _leaves(criteria: Sequence[Criterion]) -> list[Criterion]:
    found: list[Criterion] = []
    for criterion in criteria:
        found.extend(_leaves(criterion.parts) if isinstance(criterion, AllOf | AnyOf) else [criterion])
    return found
