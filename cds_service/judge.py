"""From orders and a chart to determinations; the pure middle of every call."""

from collections.abc import Iterable, Iterator
from datetime import date

from cds_service.coverage.member import Case, choose
from cds_service.criteria.evaluate import Evaluation
from cds_service.criteria.result import CriterionResult
from cds_service.determination import Determination, determine
from cds_service.evidence.chart import Chart
from cds_service.evidence.needs import Need, needs_of
from cds_service.knowledge import Knowledge
from cds_service.orders.order import Order


def cases_of(orders: Iterable[Order], chart: Chart, knowledge: Knowledge) -> list[Case]:
    """Every order under every coverage that applies to it, in the order of the orders."""
    return [case for order in orders for case in choose(order, chart.about(order.subject), knowledge.bundle)]


def needs(cases: Iterable[Case], knowledge: Knowledge) -> tuple[Need, ...]:
    """What the policies that decide will ask of the chart, each search once."""
    versions = {id(case.policy): case.policy for case in cases if case.policy and _by_criteria(case)}
    bundle, terms = knowledge.bundle, knowledge.terms
    return needs_of(versions.values(), bundle.tumors, bundle.attestations, terms.concepts)


def judge(cases: Iterable[Case], chart: Chart, today: date, knowledge: Knowledge) -> Iterator[Determination]:
    """The determination of each case; criteria are evaluated only where a policy's criteria decide."""
    for case in cases:
        yield determine(case, _results(case, chart, today, knowledge))


def _results(case: Case, chart: Chart, today: date, knowledge: Knowledge) -> tuple[CriterionResult, ...]:
    if case.policy is None or not _by_criteria(case):
        return ()
    mine = chart.about(case.order.subject)
    return Evaluation(case.policy, case.order, mine, today, knowledge.bundle, knowledge.terms).run()


def _by_criteria(case: Case) -> bool:
    """Whether the policy's criteria decide the case."""
    return not case.reason and case.policy is not None and case.policy.position == "criteria"
