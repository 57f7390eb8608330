"""The rules of CDS Hooks that an answer must keep, checked before it leaves."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from cds_service.hooks.response import Action, Card, HookResponse, Link, Suggestion
from cds_service.kernel.errors import CdsError

SUMMARY_LIMIT = 140
_MAY_BE_EMPTY = ("cards", "systemActions")
_HTML = re.compile(r"<[A-Za-z/!?]")
_RESOURCE_ID = re.compile(r"[A-Z][A-Za-z]+/\S+")


@dataclass
class ResponseError(CdsError):
    """An answer of ours breaks CDS Hooks: a fault of this service, never of the caller."""

    problems: tuple[str, ...]
    code = "response-invalid"

    def __str__(self) -> str:
        return "The answer breaks CDS Hooks: " + "; ".join(self.problems)


def check(response: HookResponse) -> HookResponse:
    """The same answer. Raises ResponseError naming each broken rule (cds-hooks.md 1.3, cds-resp-1 to 7)."""
    if found := problems(response):
        raise ResponseError(found)
    return response


def problems(response: HookResponse) -> tuple[str, ...]:
    """What is wrong with an answer, each with the place and the id of the rule."""
    return tuple(_problems(response))


def _problems(response: HookResponse) -> Iterator[str]:
    for index, card in enumerate(response.cards):
        yield from (f"cards[{index}].{problem}" for problem in _card(card))
    for index, action in enumerate(response.system_actions or ()):
        yield from (f"systemActions[{index}].{problem}" for problem in _action(action))
    yield from _ids(response.cards)
    yield from _empties(response.as_json(), "")


def _card(card: Card) -> Iterator[str]:
    yield from _summary(card.summary)
    if card.detail is not None and _HTML.search(card.detail):
        yield "detail holds HTML (CH-137)"
    if card.indicator not in ("info", "warning"):
        yield "indicator is not info or warning (CRD-087)"
    yield from _source(card)
    if bool(card.suggestions) != bool(card.selection_behavior):
        yield "selectionBehavior goes with suggestions, and only with them (cds-resp-6, CH-141)"
    recommended = [suggestion for suggestion in card.suggestions if suggestion.is_recommended]
    if card.selection_behavior == "at-most-one" and len(recommended) > 1:
        yield "suggestions recommend more than one of at most one (cds-resp-1)"
    for index, suggestion in enumerate(card.suggestions):
        yield from (f"suggestions[{index}].{problem}" for problem in _suggestion(suggestion))
    for index, link in enumerate(card.links):
        yield from (f"links[{index}].{problem}" for problem in _link(link))
    for index, reason in enumerate(card.override_reasons):
        if _blank(reason.code) or _blank(reason.system) or _blank(reason.display):
            yield f"overrideReasons[{index}] lacks code, system or display (cds-resp-4)"


def _summary(summary: str) -> Iterator[str]:
    if _blank(summary):
        yield "summary is blank (CH-129)"
    if length(summary) >= SUMMARY_LIMIT:
        yield f"summary has {SUMMARY_LIMIT} characters or more (CH-129)"
    if "\n" in summary or "\r" in summary or _HTML.search(summary):
        yield "summary is not one line of plain text (CH-130)"


def length(text: str) -> int:
    """Length as the stricter client counts it: UTF-16 units, never fewer than code points (CH-129)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _source(card: Card) -> Iterator[str]:
    source = card.source
    if _blank(source.label):
        yield "source.label is blank (CH-132)"
    for name, address in (("url", source.url), ("icon", source.icon)):
        if address is not None and not _absolute(address):
            yield f"source.{name} is not an absolute address (CH-133)"
    if source.topic is None or _blank(source.topic.code) or _blank(source.topic.system):
        yield "source.topic lacks code or system (CH-135, CRD-089)"


def _suggestion(suggestion: Suggestion) -> Iterator[str]:
    if _blank(suggestion.label):
        yield "label is blank (CH-139)"
    if not suggestion.actions:
        yield "actions are missing (CRD-091)"
    for index, action in enumerate(suggestion.actions):
        yield from (f"actions[{index}].{problem}" for problem in _action(action))


def _action(action: Action) -> Iterator[str]:
    if _blank(action.description):
        yield "description is blank (cds-resp-5, CH-159)"
    if action.type == "delete":
        if action.resource is not None or not _RESOURCE_ID.fullmatch(action.resource_id or ""):
            yield "delete takes resourceId and no resource (cds-resp-2)"
        return
    resource = action.resource or {}
    if _blank(resource.get("resourceType")):
        yield "resource is no FHIR resource (CH-147)"
    if action.type == "update" and _blank(resource.get("id")):
        yield "resource of an update has no id (CH-148)"
    if action.resource_id is not None:
        yield "resourceId is for delete alone (CRD-018)"


def _link(link: Link) -> Iterator[str]:
    if _blank(link.label):
        yield "label is blank (CH-153)"
    if not _absolute(link.url):
        yield "url is not an absolute http address (CH-153)"
    if link.type == "absolute" and link.app_context is not None:
        yield "appContext is for SMART links alone (cds-resp-3)"


def _ids(cards: Sequence[Card]) -> Iterator[str]:
    """Ids of cards and suggestions: plain UUIDs, none twice (CH-138, CH-144)."""
    ids = [card.uuid for card in cards] + [s.uuid for card in cards for s in card.suggestions]
    yield from (f"uuid {value!r} is no plain UUID (CH-138)" for value in ids if not _is_uuid(value))
    if len(set(ids)) != len(ids):
        yield "a uuid is used twice (CH-138)"


def _is_uuid(value: str) -> bool:
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _absolute(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in address
    except ValueError:
        return False


def _blank(value: object) -> bool:
    return not isinstance(value, str) or not value.strip()


def _empties(value: object, path: str) -> Iterator[str]:
    """Places with null, "", [] or {} (CH-162); the client's own resource stays as it came (resp-37)."""
    if value is None or value == "" or value in ([], {}):
        if path not in _MAY_BE_EMPTY:
            yield f"{path} is empty (CH-162)"
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not (key == "resource" and value.get("type") == "update"):
                yield from _empties(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _empties(item, f"{path}[{index}]")
