"""From determinations to the answer: cards, coverage-information actions, and where each card came from."""

from collections.abc import Sequence
from dataclasses import replace

from cds_service.answer.actions import system_actions
from cds_service.answer.assertion import assertion_id
from cds_service.answer.cards import cards, weightiest
from cds_service.answer.configuration import COVERAGE_TOPIC, PARTS, CardChoice, read_configuration
from cds_service.answer.context import Answer, AnswerContext
from cds_service.answer.proposals import proposal_cards
from cds_service.answer.shape import shape
from cds_service.determination import Determination
from cds_service.hooks.response import Action, HookResponse
from cds_service.hooks.response_check import check


def build(determinations: Sequence[Determination], context: AnswerContext) -> Answer:
    """The answer to one call, checked against CDS Hooks and against the caller's CRD version.

    Pure but for `context.new_id` and `context.smart_link`. Raises ResponseError or CoverageInformationError
    when an answer would be illegal, which is a fault of this service or its data.
    """
    named = tuple(_with_assertion_id(addressed(item), context) for item in determinations)
    topics = {*context.cards.topics, *PARTS, COVERAGE_TOPIC}
    choice = read_configuration(context.configuration, topics)
    every = (*cards(named, context, choice), *proposal_cards(named, context, choice))
    made = weightiest(every, choice.max_cards)
    actions = _actions(named, context, choice)
    response = HookResponse(cards=tuple(card for card, _ in made), system_actions=actions)
    shaped = check(shape(response, context.client.quirks, context.new_id))
    return Answer(shaped, named, tuple(origin for _, origin in made))


def addressed(determination: Determination) -> Determination:
    """Names a coverage to speak of where none is usable: the one that has ended (resp-45), or the one that
    the order names while coverages cannot be looked up (resp-43). Without any there is nothing to state.
    """
    if determination.coverage is not None:
        return determination
    if determination.held is not None:
        return replace(determination, coverage=determination.held.reference)
    named = [name for name in determination.order.insurance if name.startswith("Coverage/")]
    if determination.technical and len(named) == 1:
        return replace(determination, coverage=named[0])
    return determination


def _with_assertion_id(determination: Determination, context: AnswerContext) -> Determination:
    if determination.assertion_id or determination.coverage is None:
        return determination
    made = assertion_id(determination.order, determination.coverage, context.issuer)
    return replace(determination, assertion_id=made)


def _actions(
    determinations: Sequence[Determination], context: AnswerContext, choice: CardChoice
) -> tuple[Action, ...] | None:
    """None leaves the member out; CRD clients get it on primary hooks even when empty (crd-dtr.md 3.6)."""
    wanted = context.client.system_actions and choice.allows(COVERAGE_TOPIC)
    actions = system_actions(determinations, context) if wanted else ()
    if not actions and not (context.client.crd and context.primary):
        return None
    return actions
