"""Decides one hook call: the steps from request to recorded answer, in order (architecture, the path)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from cds_service.answer.answer import build
from cds_service.answer.context import Answer, AnswerContext, ClientOptions, no_link
from cds_service.answer.coverage_rules import Version
from cds_service.answer.templates import CardSet
from cds_service.answer.withdraw import withdrawn
from cds_service.audit.database import StoreError
from cds_service.audit.record import Made, decision_record
from cds_service.audit.store import Store
from cds_service.coverage.member import NOTHING_ORDERED
from cds_service.coverage.refuse import refuse_unusable
from cds_service.determination import Determination
from cds_service.evidence.chart import Chart, ChartBuilder
from cds_service.evidence.fill import fill
from cds_service.evidence.gateway import Gateway, open_gateway
from cds_service.evidence.hosts import AllowedHosts
from cds_service.evidence.named import fetch_named
from cds_service.evidence.network import Network
from cds_service.evidence.open import open_chart
from cds_service.hooks.context import DraftOrder
from cds_service.hooks.request import HookRequest
from cds_service.judge import cases_of, judge, needs
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Clock, Deadline
from cds_service.kernel.errors import CallError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.knowledge import Knowledge
from cds_service.orders.brought import brought_orders, named_orders, on_booked_days, read_orders
from cds_service.orders.order import Order, Scope

ANSWERING = 0.5
"""Seconds kept back from the EHR for judging, answering and recording."""

_PRIMARY = frozenset({"order-sign", "order-dispatch", "appointment-book"})
_NEEDING = frozenset({Scope.IN_SCOPE, Scope.TECHNIQUE_UNKNOWN})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as far as the answer depends on it.

    version: CRD version of the answer; strict: it asked for CRD 2.2 or is registered for it, so coverage
    trouble is an error (hook-13); hosts: EHRs it may name; without_token: these are open to everybody;
    empty_is_absent: its orders hold empty arrays and objects where nothing was chosen.
    """

    options: ClientOptions
    version: Version
    strict: bool
    hosts: AllowedHosts
    without_token: bool = False
    empty_is_absent: bool = False

    def seen(self, resource: JsonObject) -> JsonObject:
        """An order of this caller's as it is to be read."""
        return fhir_json.without_empties(resource) if self.empty_is_absent else resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What every call is decided with; made once at the start. budget: seconds for one call."""

    knowledge: Knowledge
    cards: CardSet
    network: Network
    clock: Clock
    public_url: str
    budget: float = 4.5
    store: Store | None = None
    smart_link: Callable[[Determination], str | None] = no_link


def decide(request: HookRequest, caller: Caller, tools: Equipment, deadline: Deadline) -> Answer:
    """The answer to a call. Raises CallError where the call cannot be answered (determinations.md 4)."""
    knowledge, today = tools.knowledge, tools.clock.today()
    gateway, why_none = open_gateway(request, tools.network, caller.hosts, caller.without_token)
    time_for_ehr = deadline.keep_back(ANSWERING)
    named = fetch_named(request, named_orders(request), gateway, time_for_ehr)
    drafts = (*brought_orders(request), *named)
    builder = _laid_out(request, named, caller)
    trouble = _open(request, builder, gateway, time_for_ehr, why_none) if drafts else None
    chart = builder.build()
    patient = f"Patient/{request.patient_id}"
    orders = read_orders(drafts, patient, knowledge.recogniser, today, chart.aliases, caller.seen)
    orders = on_booked_days(orders, request)
    if trouble and any(_needs_coverage(order, caller) for order in orders):
        raise trouble
    cases = cases_of(orders, chart, knowledge)
    if caller.strict:
        refuse_unusable(cases)
    raw_orders = [order.raw for order in orders]
    fill(request, builder, needs(cases, knowledge), raw_orders, gateway, time_for_ehr)
    chart = builder.build()
    determinations = tuple(judge(cases, chart, today, knowledge))
    answer = build(determinations, _answer_context(request, caller, tools))
    return _recorded(request, caller, tools, chart, answer, deadline)


def _laid_out(request: HookRequest, named: Sequence[DraftOrder], caller: Caller) -> ChartBuilder:
    """A chart with what the context brought; it goes in first, so that a draft wins (CH-098)."""
    builder = ChartBuilder(f"Patient/{request.patient_id}")
    found = [draft for draft in named if "id" in draft.resource]
    for draft in (*request.draft_orders, *request.appointments, *found):
        builder.add_resource(fhir_json.write(caller.seen(draft.resource)), draft.full_url)
    return builder


def _open(
    request: HookRequest,
    builder: ChartBuilder,
    gateway: Gateway | None,
    deadline: Deadline,
    why_none: str | None,
) -> CallError | None:
    """Opens the chart; returns the 412 for data out of reach, which matters only where an order needs it."""
    try:
        open_chart(request, builder, gateway, deadline, why_none)
    except CallError as error:
        if error.code != "prefetch-unavailable":
            raise
        builder.failed("Coverage", error.message)
        return error
    return None


def _needs_coverage(order: Order, caller: Caller) -> bool:
    """Whether an order cannot be answered without a coverage: CRD 2.2 wants a statement on every order."""
    return order.scope in _NEEDING or (caller.strict and order.reason not in NOTHING_ORDERED)


def _answer_context(request: HookRequest, caller: Caller, tools: Equipment) -> AnswerContext:
    return AnswerContext(
        version=caller.version,
        today=tools.clock.today(),
        public_url=tools.public_url,
        cards=tools.cards,
        new_id=tools.clock.new_id,
        configuration=request.configuration,
        client=caller.options,
        smart_link=tools.smart_link,
        primary=request.hook in _PRIMARY,
        drafted=tuple(draft.resource for draft in request.draft_orders),
    )


def _recorded(
    request: HookRequest, caller: Caller, tools: Equipment, chart: Chart, answer: Answer, deadline: Deadline
) -> Answer:
    """The answer once its record is kept. What cannot be kept cannot be honoured later (found-11), so it is
    not said: each verdict gives way to a technical one, which says so.
    """
    if tools.store is None:
        return answer
    made = Made(
        id=tools.clock.new_id(),
        at=tools.clock.now(),
        client=caller.options.issuer,
        crd_version=caller.version,
        bundle_revision=tools.knowledge.bundle.revision,
        milliseconds=(tools.budget - deadline.left()) * 1000,
    )
    try:
        tools.store.write(decision_record(request, answer, chart, made))
    except StoreError as error:
        log.error("not-recorded", why=str(error))
        return build([*map(withdrawn, answer.determinations)], _answer_context(request, caller, tools))
    return answer
