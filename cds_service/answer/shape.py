"""The same answer in the shape that a client with quirks can use, as named in its registration."""

import re
from collections.abc import Callable, Collection, Iterator

from msgspec.structs import replace

from cds_service.hooks.response import Card, HookResponse, Suggestion

NewId = Callable[[], str]
Quirk = Callable[[HookResponse, NewId], HookResponse]


def _system_actions_in_extension(response: HookResponse, _: NewId) -> HookResponse:
    """The CDS Hooks sandbox reads `extension.systemActions` (cds-hooks.md 5.1, CH-166)."""
    if not response.system_actions:
        return response
    mirrored = [action.as_json() for action in response.system_actions]
    return replace(response, extension={**(response.extension or {}), "systemActions": mirrored})


def _one_action_per_suggestion(response: HookResponse, new_id: NewId) -> HookResponse:
    """Epic takes one action in a suggestion (cds-hooks.md 5.2, CH-165)."""

    def split(card: Card) -> Iterator[Suggestion]:
        for suggestion in card.suggestions:
            for index, action in enumerate(suggestion.actions):
                uuid = new_id() if index else suggestion.uuid
                yield replace(suggestion, uuid=uuid, actions=(action,))

    cards = tuple(replace(card, suggestions=tuple(split(card))) for card in response.cards)
    return replace(response, cards=cards)


def _select_any(response: HookResponse, _: NewId) -> HookResponse:
    """Epic knows the selection behavior `any` alone (cds-hooks.md 5.2, CH-165)."""
    cards = tuple(replace(c, selection_behavior="any") if c.suggestions else c for c in response.cards)
    return replace(response, cards=cards)


def _alphanumeric_topic(response: HookResponse, _: NewId) -> HookResponse:
    """Epic takes letters and digits in a topic code (cds-hooks.md 5.2, CH-165)."""
    return replace(response, cards=tuple(_bare_topic(card) for card in response.cards))


def _bare_topic(card: Card) -> Card:
    topic = card.source.topic
    if topic is None:
        return card
    bare = replace(topic, code=re.sub(r"[^A-Za-z0-9]", "", topic.code)[:100])
    return replace(card, source=replace(card.source, topic=bare))


QUIRKS: dict[str, Quirk] = {
    "system-actions-in-extension": _system_actions_in_extension,
    "one-action-per-suggestion": _one_action_per_suggestion,
    "select-any": _select_any,
    "alphanumeric-topic": _alphanumeric_topic,
}


def shape(response: HookResponse, quirks: Collection[str], new_id: NewId) -> HookResponse:
    """The answer with each named quirk applied, in the order of QUIRKS; other names are for other parts."""
    for name, quirk in QUIRKS.items():
        if name in quirks:
            response = quirk(response, new_id)
    return response
