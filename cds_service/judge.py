"""From orders and a chart to determinations; the pure middle of every call."""

from collections.abc import Iterable, Iterator
from datetime import date

from cds_service.coverage.member import Case, choose
from cds_service.criteria.evaluate import Evaluation
from cds_service.criteria.result import CriterionResult
from cds_service.determination import Determination, determine
from cds_service.evidence.chart import Chart
from cds_service.knowledge import Knowledge
from cds_service.orders.order import Order


def cases_of(orders: Iterable[Order], chart: Chart, knowledge: Knowledge) -> list[Case]:
    """Every order under every coverage that applies to it, in the order of the orders."""
    return [case for order in orders for case in choose(order, chart.about(order.subject), knowledge.bundle)]


def judge(cases: Iterable[Case], chart: Chart, today: date, knowledge: Knowledge) -> Iterator[Determination]:
    """The determination of each case; criteria are evaluated only where a policy's criteria decide."""
    for case in cases:
        yield determine(case, _results(case, chart, today, knowledge))


def _results(case: Case, chart: Chart, today: date, knowledge: Knowledge) -> tuple[CriterionResult, ...]:
    if case.reason or case.policy is None or case.policy.position != "criteria":
        return ()
    mine = chart.about(case.order.subject)
    return Evaluation(case.policy, case.order, mine, today, knowledge.bundle, knowledge.terms).run()
