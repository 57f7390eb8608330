"""Decodes one resource into the elements that rules read, and names the elements that cannot be read."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from cds_service.kernel.dates import FhirDate, parse_date
from cds_service.kernel.elements import Element, Number

E = TypeVar("E", bound=Element)
_SOUND: frozenset[str] = frozenset()


def _custom(kind: type, value: object) -> object:
    if kind is FhirDate:
        return parse_date(value)
    if kind is Number and type(value) in (int, Decimal):
        number = Decimal(str(value))
        if abs(number.adjusted()) < 20:
            return Number(number)
    raise ValueError(f"not a {kind.__name__}")


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=_custom, float_hook=Decimal)


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode(raw: bytes | msgspec.Raw, kind: type[E]) -> tuple[E | None, frozenset[str]]:
    """The resource and the (Python) names of its damaged elements; damaged elements read as UNSET.

    None when it is no JSON object at all; then every element counts as damaged.
    """
    try:
        return _decoder(kind).decode(raw), _SOUND
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _salvage(raw, kind)


def sound(raw: bytes | msgspec.Raw, kind: type[E]) -> E | None:
    """One element, or None when any part of it cannot be read."""
    try:
        element: E = _decoder(kind).decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return element


def _salvage(raw: bytes | msgspec.Raw, kind: type[E]) -> tuple[E | None, frozenset[str]]:
    fields = msgspec.structs.fields(kind)
    try:
        members = _MEMBERS.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None, frozenset(field.name for field in fields)
    values: dict[str, object] = {}
    damaged: set[str] = set()
    for field in fields:
        present = field.encode_name in members
        if not present:
            if field.required:
                damaged.add(field.name)
            values[field.name] = UNSET
            continue
        try:
            values[field.name] = _decoder(field.type).decode(members[field.encode_name])
        except (msgspec.MsgspecError, ValueError, RecursionError):
            damaged.add(field.name)
            values[field.name] = UNSET
    return kind(**values), frozenset(damaged)


def element_name(member: str, kind: type[Element]) -> str:
    """What FHIR calls a member of a struct, such as `reasonCode`."""
    return next(field.encode_name for field in msgspec.structs.fields(kind) if field.name == member)


def sound_codings(raw: bytes | msgspec.Raw) -> tuple[list[tuple[str, str]], str]:
    """(system, code) pairs and words of a damaged `code` element, as far as they can be read."""
    try:
        code = msgspec.json.decode(raw)["code"]
        codings = [item for item in code.get("coding") or [] if isinstance(item, dict)]
    except (msgspec.MsgspecError, ValueError, RecursionError, LookupError, AttributeError, TypeError):
        return [], ""
    words = [code.get("text"), *(item.get("display") for item in codings)]
    pairs = [(item.get("system"), item.get("code")) for item in codings]
    return (
        [(system, code) for system, code in pairs if isinstance(system, str) and isinstance(code, str)],
        " | ".join(word for word in words if isinstance(word, str)),
    )


def link_ids(raw: bytes | msgspec.Raw) -> set[str] | None:
    """All linkIds of a form response with damaged items; None when they cannot be read."""
    try:
        return set(_link_ids(msgspec.json.decode(raw)["item"])) or None
    except (msgspec.MsgspecError, ValueError, RecursionError, LookupError, TypeError):
        return None


def _link_ids(items: list[dict[str, Any]]) -> Iterator[str]:
    for item in items:
        if not isinstance(item["linkId"], str) or not item["linkId"].strip():
            raise ValueError("a linkId that is no text")
        yield item["linkId"]
        yield from _link_ids(item.get("item") or [])
