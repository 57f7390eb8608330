"""Reads the JSON of a call member by member, leaving alone what nobody asks for.

What could mislead is refused: bytes that are no UTF-8 JSON, two members of one name (readers disagree on
which one counts), values nested deeper than any real resource.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cds_service.kernel import fhir_json
from cds_service.kernel.errors import CallError, invalid_call, not_json
from cds_service.kernel.fhir_json import JsonObject

MAX_DEPTH = 64
BROKEN = (msgspec.MsgspecError, ValueError, RecursionError)

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KEY = re.compile(rb'[\s{,]*"([^"\\]*(?:\\.[^"\\]*)*)"\s*:\s*')
_END = re.compile(rb"[\s{]*\}\s*\Z")


def read_members(text: bytes, where: str | None = None) -> dict[str, bytes]:
    """The members of a JSON object, each as the JSON it was sent as.

    where: path of the object for the message, None for the whole body. Raises CallError: not-json when the
    text is not JSON, invalid-call when it is no object or names a member twice.
    """
    try:
        text.decode("utf-8")
        found = _MEMBERS.decode(text)
    except msgspec.ValidationError:
        raise _no_object(where) from None
    except RecursionError:
        raise _too_deep(where) from None
    except BROKEN:
        raise not_json("The body is not UTF-8 encoded JSON.") from None
    members = {name: bytes(raw) for name, raw in found.items()}
    if _names_twice(text, members):
        raise invalid_call(
            f"{where or 'The body'} has a member more than once.", where, "Send each member once."
        )
    return members


def _names_twice(text: bytes, members: Mapping[str, bytes]) -> bool:
    """Walks from member to member; the last twin's value was kept, so an earlier one does not fit it."""
    position, seen = 0, set()
    while found := _KEY.match(text, position):
        name = msgspec.json.decode(b'"%b"' % found[1])
        if name in seen or not text.startswith(members[name], found.end()):
            return True
        seen.add(name)
        position = found.end() + len(members[name])
    return not _END.match(text, position)


def read_object(raw: bytes, where: str | None = None) -> JsonObject:
    """A whole JSON object with exact decimals; where as in `read_members`.

    Raises CallError: not-json, or invalid-call for another type, twin members or deep nesting.
    """
    try:
        value = fhir_json.read(raw)
        json.loads(raw, object_pairs_hook=_unique, parse_int=str)
    except _TwinError as twin:
        hint = "Send each member once."
        raise invalid_call(f"The member {twin} stands twice in one object.", where, hint) from None
    except RecursionError:
        raise _too_deep(where) from None
    except BROKEN:
        raise not_json("The body is not UTF-8 encoded JSON.") from None
    if not isinstance(value, dict):
        raise _no_object(where)
    if _depth_exceeds(value):
        raise _too_deep(where)
    return value


class _TwinError(Exception):
    """An object names a member twice."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise _TwinError(repr(next(name for name in names if names.count(name) > 1)[:40]))
    return members


def _depth_exceeds(value: object) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _no_object(where: str | None) -> CallError:
    return invalid_call(f"{where or 'The body'} is not a JSON object.", where)


def _too_deep(where: str | None) -> CallError:
    return invalid_call(f"{where or 'The body'} is nested deeper than {MAX_DEPTH} levels.", where)
