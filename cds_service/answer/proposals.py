"""Cards with what a policy proposes: another order instead of the one in hand, or further orders beside it.

Only draft orders are changed or added to (crd-dtr.md section 2), and nothing is proposed that is drafted
already (hook-34). A policy that proposes nothing never comes here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from cds_service.answer.card_files import CardText, Proposes
from cds_service.answer.cards import Made, are_several, associated, topic
from cds_service.answer.configuration import CardChoice
from cds_service.answer.context import AnswerContext, CardOrigin
from cds_service.answer.proposed_orders import changes, may_become
from cds_service.answer.text import plain, shorten
from cds_service.answer.view import view
from cds_service.determination import Determination, Outcome
from cds_service.hooks.response import Action, Card, Source, Suggestion
from cds_service.hooks.response_check import SUMMARY_LIMIT
from cds_service.kernel.fhir_json import JsonObject
from cds_service.policy.model import Alternative, PolicyVersion, Proposal

_RANKS: tuple[Proposes | None, ...] = ("required-alternative", "alternative", "additional-order")

Found = tuple[str, CardText, list[Proposal]]


def proposed_by(versions: Collection[PolicyVersion]) -> set[Proposes]:
    """The kinds of proposal that these policies make."""
    return {kind for version in versions for kind, _ in _proposals(version)}


def proposal_cards(
    determinations: Sequence[Determination], context: AnswerContext, choice: CardChoice
) -> tuple[Made, ...]:
    """A card for each determination and kind of proposal that its policy makes and the client wants."""
    several = are_several(determinations)
    return tuple(
        _card(determination, context, found, several)
        for determination in determinations
        for found in _found(determination, context, choice)
    )


def _found(determination: Determination, context: AnswerContext, choice: CardChoice) -> Iterator[Found]:
    """Name, words and proposals of each card that is due, what is wanted before what is possible."""
    proposals = _due(determination, context)
    kinds = [(name, kind) for name, kind in context.cards.kinds.items() if kind.proposes]
    for name, kind in sorted(kinds, key=lambda item: _RANKS.index(item[1].proposes)):
        if kind.card is None or not choice.allows(kind.card.topic.code):
            continue
        mine = [proposal for proposes, proposal in proposals if proposes == kind.proposes]
        if mine and kind.speaks_of(determination):
            yield name, kind.card, mine


def _proposals(version: PolicyVersion) -> Iterator[tuple[Proposes, Proposal]]:
    for alternative in version.alternatives:
        yield "required-alternative" if alternative.required else "alternative", alternative
    for beside in version.additional_orders:
        yield "additional-order", beside


def _due(determination: Determination, context: AnswerContext) -> list[tuple[Proposes, Proposal]]:
    """What the policy proposes at this outcome and is not drafted, where a valid order can be made of it."""
    policy, raw = determination.policy, determination.order.raw
    judged = bool(determination.criteria) or determination.outcome is not Outcome.NEEDS_INFO
    if policy is None or not judged or not any(_is_same(raw, drafted) for drafted in context.drafted):
        return []
    codes = {code for drafted in context.drafted for code in _codes(drafted)}
    return [
        (kind, proposal)
        for kind, proposal in _proposals(policy)
        if determination.outcome in proposal.when
        and may_become(raw, proposal)
        and (proposal.code.system, proposal.code.code) not in codes
    ]


def _is_same(raw: JsonObject, drafted: JsonObject) -> bool:
    name = raw.get("id")
    return isinstance(name, str) and (drafted.get("resourceType"), drafted.get("id")) == (
        raw["resourceType"],
        name,
    )


def _codes(drafted: JsonObject) -> Iterator[tuple[Any, Any]]:
    code = drafted.get("code")
    codings = code.get("coding") if isinstance(code, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict):
            yield str(coding.get("system")), str(coding.get("code"))


def _card(determination: Determination, context: AnswerContext, found: Found, several: bool) -> Made:
    name, text, proposals = found
    payer = context.payer_name(determination)
    words = {**view(determination, payer, form=False), "proposals": proposals}
    uuid = context.new_id()
    suggestions = tuple(_suggestion(determination, context, name, words, each) for each in proposals)
    card = Card(
        uuid=uuid,
        summary=shorten(context.cards.plain(f"{name}/summary", words), SUMMARY_LIMIT - 1),
        detail=context.cards.markdown(f"{name}/detail", words),
        indicator=text.indicator,
        source=Source(
            label=plain(payer), url=context.policy_page(determination), topic=topic(text, context.version)
        ),
        suggestions=suggestions,
        selection_behavior="at-most-one" if isinstance(proposals[0], Alternative) else "any",
        extension=associated(determination, context.version) if several else None,
    )
    ids = tuple(suggestion.uuid for suggestion in suggestions)
    about = (determination.order.reference, determination.coverage, determination.assertion_id)
    return card, CardOrigin(uuid, ids, name, *about)


def _suggestion(
    determination: Determination,
    context: AnswerContext,
    name: str,
    words: Mapping[str, object],
    proposal: Proposal,
) -> Suggestion:
    def says(change: str) -> str:
        return context.cards.plain(f"{name}/proposal", {**words, "proposal": proposal, "change": change})

    return Suggestion(
        label=context.cards.plain(f"{name}/proposal-label", {**words, "proposal": proposal}),
        uuid=context.new_id(),
        actions=tuple(
            Action(
                type=each.type,
                description=says(each.does),
                resource=each.resource,
                resource_id=each.resource_id,
            )
            for each in changes(determination.order.raw, proposal, context.today)
        ),
    )
