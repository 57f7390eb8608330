"""Says in sentences what keeps data from fitting a struct, with the near miss where there is one."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

Trouble: TypeAlias = tuple[tuple[str | int, ...], str]
"""A member and the sentence about it."""

HINTS = {
    "pa-needed": 'Prior authorization belongs into payer.yaml: "prior-authorization".',
}
"""Members that people look for in the wrong file (determinations.md section 2)."""

_NAMES = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "members",
    list: "a list",
}
_WANTED = {
    "string": "text",
    "array": "a list",
    "object": "members (`name: value`)",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def near_miss(word: str, known: Collection[str]) -> str:
    """` Did you mean "x"?`, or the known words when few, or nothing."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    if close:
        return f' Did you mean "{close[0]}"?'
    return f" Known: {', '.join(sorted(known))}." if 0 < len(known) <= 12 else ""


@cache
def json_schema(kind: Any) -> dict[str, Any]:
    """JSON Schema of a struct, with the rules that msgspec checks on reading."""
    return msgspec.json.schema(kind)


def troubles(data: object, kind: Any) -> list[Trouble]:
    """Everything that keeps `data` from being a `kind`, in no special order."""
    found: list[Trouble] = []
    for error in Draft202012Validator(json_schema(kind)).iter_errors(data):
        found.extend(_told(error))
    return found


def _told(error: ValidationError) -> Iterator[Trouble]:
    """The sentences for one schema error; a choice is told by the branch that was meant."""
    member: tuple[str | int, ...] = tuple(error.absolute_path)
    found: Any = error.instance
    rule: Any = error.validator_value
    match error.validator:
        case "anyOf":
            yield from _choice(error, member)
        case "additionalProperties":
            yield from _unknown_members(found, set(_schema(error).get("properties", {})), member)
        case "required":
            missing = error.message.split("'")[1]
            yield member, f'"{missing}" is missing. Add it.'
        case "type":
            yield member, _wrong_type(found, str(rule))
        case "enum":
            own = (*member, str(found)) if "propertyNames" in error.absolute_schema_path else member
            yield own, _not_allowed(str(found), [str(value) for value in rule])
        case "pattern":
            yield member, f'"{found}" is not {_schema(error).get("description", f"text like {rule}")}.'
        case _:
            yield member, f"{error.message}."


def _choice(error: ValidationError, member: tuple[str | int, ...]) -> Iterator[Trouble]:
    """Of `A | B`, the troubles of the branch that was meant: by its tag, else by the kind of value found."""
    branches: dict[int, list[ValidationError]] = {}
    for part in error.context or ():
        branches.setdefault(int(part.relative_schema_path[0]), []).append(part)
    choice = _schema(error).get("discriminator")
    found: Any = error.instance
    of_kind = (parts for parts in branches.values() if not any(_is_other_kind(part) for part in parts))
    meant: list[ValidationError] | None = next(of_kind, branches[0])
    if choice and isinstance(found, dict):
        tag, kinds = choice["propertyName"], sorted(choice["mapping"])
        if tag not in found:
            yield member, f'"{tag}" is missing. Add it.{near_miss("", kinds)}'
            return
        fitting = (parts for parts in branches.values() if not any(list(p.path) == [tag] for p in parts))
        meant = next(fitting, None)
        if meant is None:
            yield (*member, tag), _not_allowed(str(found[tag]), kinds, tag)
    for part in meant or ():
        yield from _told(part)


def _is_other_kind(error: ValidationError) -> bool:
    return error.validator == "type" and not error.path


def _schema(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _unknown_members(
    found: Mapping[str, Any], known: set[str], member: tuple[str | int, ...]
) -> Iterator[Trouble]:
    for name in found:
        if name not in known:
            hint = HINTS.get(name) or near_miss(name, known - set(found)).strip()
            yield (*member, name), f'"{name}" is not a member here. {hint}'.strip()


def _not_allowed(word: str, allowed: Collection[str], noun: str = "value") -> str:
    return f'"{word}" is not a known {noun} here.{near_miss(word, allowed)}'


def _wrong_type(found: object, rule: str) -> str:
    name = _NAMES.get(type(found), "a date")
    if rule == "string" and not isinstance(found, dict | list | None):
        return f"This must be text but reads as {name}: put it in quotes."
    return f"This must be {_WANTED.get(rule, rule)}, not {name}."
