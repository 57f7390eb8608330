"""One update action for each order with news, made from the order as it came."""

from collections.abc import Sequence
from copy import deepcopy

from cds_service.answer.assertion import Earlier, Issuer, earlier, is_ours
from cds_service.answer.context import AnswerContext
from cds_service.answer.coverage_information import coverage_information
from cds_service.answer.view import view
from cds_service.determination import Determination
from cds_service.hooks.response import Action
from cds_service.kernel.fhir_json import JsonObject, write
from cds_service.kernel.references import canonical
from cds_service.orders.order import Order


def system_actions(determinations: Sequence[Determination], context: AnswerContext) -> tuple[Action, ...]:
    """The actions, in the order of the determinations; none for an order that says it already (resp-35).

    Determinations carry their assertion ids. An order out of scope gets a statement only from CRD clients.
    """
    by_order: dict[str, list[Determination]] = {}
    for determination in determinations:
        by_order.setdefault(determination.order.reference, []).append(determination)
    found = (_action(group, context) for group in by_order.values())
    return tuple(action for action in found if action)


def _action(group: Sequence[Determination], context: AnswerContext) -> Action | None:
    """The update of one order. An order without an id cannot be addressed (CH-116)."""
    order = group[0].order
    stated = [(item, name) for item in group if (name := _assertion_kind(item, context))]
    if not stated or not isinstance(order.raw.get("id"), str):
        return None
    news = {item.coverage or "": _extension(item, name, context) for item, name in stated}
    changed = with_statements(order, news, context.issuer)
    if changed is None:
        return None
    first, name = stated[0]
    words = view(first, context.payer_name(first), form=False)
    description = context.cards.plain(f"{name}/action", words)
    return Action(type="update", description=description, resource=changed)


def _assertion_kind(determination: Determination, context: AnswerContext) -> str | None:
    """Name of the card file whose words the statement uses; None where there is nothing to state."""
    if determination.coverage is None or (determination.covered is None and not context.client.crd):
        return None
    for name, kind in context.cards.kinds.items():
        if kind.assertion and kind.speaks_of(determination):
            return name
    return None


def _extension(determination: Determination, name: str, context: AnswerContext) -> JsonObject:
    words = view(determination, context.payer_name(determination), form=False)
    reason = context.cards.plain(f"{name}/reason", words)
    page = context.policy_page(determination)
    said = coverage_information(determination, reason, context.today, page, early=not context.primary)
    return said.as_extension(context.version)


def with_statements(order: Order, news: dict[str, JsonObject], issuer: Issuer) -> JsonObject | None:
    """A copy of the order with our statements, or None when it carries them already, whatever their date.

    news: coverage reference -> extension. Our earlier statement on the same coverage gives way in its place,
    or stays where it says the same; everything else stays as it came (resp-37).
    """
    carried = order.raw.get("extension", [])
    if not isinstance(carried, list):
        return None  # what is no list cannot be added to without changing what is not ours
    pending = {canonical(coverage, {}): extension for coverage, extension in news.items()}
    ours = [
        item for item in earlier(order) if is_ours(item.assertion_id, issuer) and item.coverage in pending
    ]
    replaced = _replaced(ours, pending)
    if not replaced and not pending:
        return None
    kept = ((index, replaced.get(index, extension)) for index, extension in enumerate(carried))
    extensions = [deepcopy(extension) for index, extension in kept if extension is not None]
    return {**deepcopy(order.raw), "extension": [*extensions, *pending.values()]}


def _replaced(ours: Sequence[Earlier], pending: dict[str, JsonObject]) -> dict[int, JsonObject | None]:
    """Place -> what stands there now, None for nothing; takes out of `pending` what found its place."""
    replaced: dict[int, JsonObject | None] = {}
    for item in ours:
        new = pending.pop(item.coverage, None)
        if new is None:
            replaced[item.index] = None  # a second one of ours on the same coverage
        elif _undated(item.extension) != _undated(new):
            replaced[item.index] = new
    return replaced


def _undated(extension: JsonObject) -> list[bytes]:
    """What an assertion says besides its date, in no order; coverage in one form of reference."""
    said = []
    for part in extension["extension"]:
        if part.get("url") == "coverage":
            said.append(canonical(part["valueReference"]["reference"], {}).encode())
        elif part.get("url") != "date":
            said.append(write(dict(sorted(part.items()))))
    return sorted(said)
