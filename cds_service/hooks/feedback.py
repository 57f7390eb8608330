"""The feedback message a client sends after a card was used or refused (cds-hooks.md 1.4).

A message is taken whole or not at all: one item that cannot be read makes it a 400 that names the item
(CH-181).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from cds_service.hooks.strict_json import read_object
from cds_service.kernel.errors import invalid_call
from cds_service.kernel.fhir_json import JsonObject

MAX_COMMENT = 4000
MAX_TEXT = 1000
Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """Why a card was refused, as picked from the card's list; display is normally not sent back."""

    code: str
    system: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of one card.

    card: its uuid as sent (some clients send other ids); at: moment in UTC; suggestions: uuids of those
    accepted; comment: the person's own words, cut at MAX_COMMENT characters, never to be shown unescaped
    (CH-186); extension: a vendor's members on the reason, as sent.
    """

    card: str
    outcome: Literal["accepted", "overridden"]
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason: OverrideReason | None = None
    comment: str | None = None
    extension: JsonObject | None = None


def read_feedback(body: bytes) -> tuple[Feedback, ...]:
    """The items of a feedback message; an empty message has none (CH-170 to CH-183). Raises CallError."""
    items = read_object(body).get("feedback")
    if not isinstance(items, list):
        hint = 'Send an object with a member "feedback" that is an array.'
        raise invalid_call("feedback is missing or not an array.", "feedback", hint)
    return tuple(_item(item, f"feedback[{index}]") for index, item in enumerate(items))


def _item(item: Any, where: str) -> Feedback:
    if not isinstance(item, dict):
        raise invalid_call("A feedback item is not an object.", where)
    card, outcome = _text(item, "card", where), _text(item, "outcome", where)
    at = _moment(_text(item, "outcomeTimestamp", where), f"{where}.outcomeTimestamp")
    if outcome == "accepted":
        return Feedback(card, "accepted", at, suggestions=_suggestions(item, where))
    if outcome != "overridden":
        raise invalid_call("outcome is neither accepted nor overridden.", f"{where}.outcome")
    # One vendor's samples spell it in the plural, still as one object (cds-hooks.md 5.2, point 11).
    given = item.get("overrideReason", item.get("overrideReasons"))
    if given is None:
        return Feedback(card, "overridden", at)
    reason, comment, extension = _override(given, f"{where}.overrideReason")
    return Feedback(card, "overridden", at, reason=reason, comment=comment, extension=extension)


def _suggestions(item: JsonObject, where: str) -> tuple[str, ...]:
    where = f"{where}.acceptedSuggestions"
    given = item.get("acceptedSuggestions")
    if not isinstance(given, list) or not given:
        raise invalid_call(
            "acceptedSuggestions is missing or empty.", where, "Name the suggestions by their uuid."
        )
    if not all(isinstance(entry, dict) for entry in given):
        raise invalid_call("acceptedSuggestions holds something that is no object.", where)
    return tuple(_text(entry, "id", f"{where}[{index}]") for index, entry in enumerate(given))


def _override(given: Any, where: str) -> tuple[OverrideReason | None, str | None, JsonObject | None]:
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, dict):
        raise invalid_call("overrideReason is not an object.", where)
    comment, extension = given.get("userComment"), given.get("extension")
    if comment is not None and not isinstance(comment, str):
        raise invalid_call("userComment is not a string.", f"{where}.userComment")
    reason = _reason(given["reason"], f"{where}.reason") if given.get("reason") is not None else None
    return reason, (comment or "")[:MAX_COMMENT] or None, extension if isinstance(extension, dict) else None


def _reason(given: Any, where: str) -> OverrideReason:
    if not isinstance(given, dict):
        raise invalid_call("reason is not a Coding.", where)
    parts = (
        _text(given, name, where) if given.get(name) is not None else None for name in ("system", "display")
    )
    return OverrideReason(_text(given, "code", where), *parts)


def _text(item: JsonObject, name: str, where: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise invalid_call(f"{name} is missing, blank, too long or not a string.", f"{where}.{name}")
    return value.strip()


def _moment(text: str, where: str) -> datetime:
    """A moment with its zone as RFC 3339 wants it, in UTC (CH-180)."""
    try:
        moment = msgspec.convert(text, Zoned)
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise invalid_call("outcomeTimestamp is no RFC 3339 date-time with a time zone.", where) from None
