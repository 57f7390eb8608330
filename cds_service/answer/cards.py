"""Fills the card of a determination: words from `cards/`, links, a documentation Task, its order."""

from collections.abc import Iterator, Mapping, Sequence

from cds_service.answer.card_files import CardText, Kind, Offer, Override
from cds_service.answer.configuration import FORM_APP, FORM_TASK, CardChoice
from cds_service.answer.context import AnswerContext, CardOrigin
from cds_service.answer.coverage_rules import Version
from cds_service.answer.task import documentation_task
from cds_service.answer.text import plain, shorten
from cds_service.answer.view import view
from cds_service.determination import Determination
from cds_service.hooks.response import Card, Coding, Link, OverrideReason, Source, Suggestion
from cds_service.hooks.response_check import SUMMARY_LIMIT
from cds_service.kernel.fhir_json import JsonObject

TOPIC_SYSTEM: dict[Version, str] = {
    "2.0": "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
    "2.2": "http://terminology.hl7.org/CodeSystem/cdshooks-card-type",
}
_ASSOCIATED = "davinci-crd.associated-resource"
Made = tuple[Card, CardOrigin]


def cards(
    determinations: Sequence[Determination], context: AnswerContext, choice: CardChoice
) -> tuple[Made, ...]:
    """At most one card for each determination, in their order."""
    several = are_several(determinations)
    return tuple(
        _card(determination, context, found, _offered(found[1], context, choice), several)
        for determination in determinations
        if (found := _usual_card(context.cards.kinds, determination, choice))
    )


def _offered(text: CardText, context: AnswerContext, choice: CardChoice) -> tuple[Offer, ...]:
    """What the card's file offers, less what the client switched off; a Task only once, when orders are final
    and not while they are being written (hook-19).
    """
    wanted = {"form": choice.allows(FORM_APP), "task": choice.allows(FORM_TASK) and context.primary}
    return tuple(offer for offer in text.offers if wanted.get(offer, True))


def are_several(determinations: Sequence[Determination]) -> bool:
    """Whether more than one order was judged, so that a card has to say which one it means (dev-24)."""
    return len({determination.order.reference for determination in determinations}) > 1


def _usual_card(
    kinds: Mapping[str, Kind], determination: Determination, choice: CardChoice
) -> tuple[str, CardText] | None:
    """Name and text of the first kind that speaks of the determination and is not switched off."""
    for name, kind in kinds.items():
        if kind.proposes or kind.card is None:
            continue
        if kind.speaks_of(determination) and choice.allows(kind.card.topic.code):
            return name, kind.card
    return None


def weightiest(made: Sequence[Made], limit: int) -> tuple[Made, ...]:
    """The first `limit` by weight, a warning before an info, in the order given (dev-14)."""
    if len(made) <= limit:
        return tuple(made)
    weighed = sorted(range(len(made)), key=lambda index: (made[index][0].indicator != "warning", index))
    return tuple(made[index] for index in sorted(weighed[:limit]))


def _card(
    determination: Determination,
    context: AnswerContext,
    found: tuple[str, CardText],
    offers: tuple[Offer, ...],
    several: bool,
) -> Made:
    name, text = found
    form = context.smart_link(determination) if "form" in offers else None
    payer = context.payer_name(determination)
    words = view(determination, payer, form is not None)
    uuid = context.new_id()
    suggestions = tuple(_suggestions(determination, context, name, words)) if "task" in offers else ()
    card = Card(
        uuid=uuid,
        summary=shorten(context.cards.plain(f"{name}/summary", words), SUMMARY_LIMIT - 1),
        detail=context.cards.markdown(f"{name}/detail", words),
        indicator=text.indicator,
        source=Source(
            label=plain(payer), url=context.policy_page(determination), topic=topic(text, context.version)
        ),
        suggestions=suggestions,
        selection_behavior="at-most-one" if suggestions else None,
        override_reasons=_override_reasons(text.override_reasons),
        links=tuple(_links(determination, context, offers, form)),
        extension=associated(determination, context.version) if several else None,
    )
    ids = tuple(suggestion.uuid for suggestion in suggestions)
    about = (determination.order.reference, determination.coverage, determination.assertion_id)
    return card, CardOrigin(uuid, ids, name, *about)


def topic(text: CardText, version: Version) -> Coding:
    """The response type, in the code system of the version."""
    return Coding(code=text.topic.code, system=TOPIC_SYSTEM[version], display=text.topic.display)


def _override_reasons(overrides: Sequence[Override]) -> tuple[OverrideReason, ...]:
    return tuple(OverrideReason(code=o.code, system=o.system, display=o.display) for o in overrides)


def _links(
    determination: Determination, context: AnswerContext, offers: Sequence[Offer], form: str | None
) -> Iterator[Link]:
    """What is offered and the determination has, in the order of the card's file.

    A card that launches an app links to nothing else (resp-72); the policy's page is its source's address.
    """
    if form:
        yield Link(label="Open the documentation form", url=form, type="smart")
        return
    page, product = context.policy_page(determination), determination.product
    for offer in offers:
        if offer == "policy" and page and determination.policy:
            yield Link(label=f"Policy {plain(determination.policy.number)}", url=page, type="absolute")
        elif offer == "product" and product and product.contact and product.contact.url:
            yield Link(label=plain(product.contact.name), url=product.contact.url, type="absolute")


def _suggestions(
    determination: Determination, context: AnswerContext, name: str, words: Mapping[str, object]
) -> Iterator[Suggestion]:
    """A documentation Task for clients without DTR (resp-59), where there is a form and a patient."""
    task = context.cards.kinds[name].task
    if task is None or context.client.dtr:
        return
    description = context.cards.plain(f"{name}/task", words)
    payer = plain(context.payer_name(determination))
    if action := documentation_task(determination, description, payer, task.after_completion, context.today):
        label = context.cards.plain(f"{name}/task-label", words)
        yield Suggestion(label=label, uuid=context.new_id(), actions=(action,))


def associated(determination: Determination, version: Version) -> JsonObject:
    """Which of several orders the card is about (dev-25): a Reference in 2.2, plain text in 2.0.1."""
    reference = determination.order.reference
    return {_ASSOCIATED: [{"reference": reference} if version == "2.2" else reference]}
