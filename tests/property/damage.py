"""Ways to damage one element of a resource so that it cannot be read (clinical.md 4.5)."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from tests.builders import Resource

Path = tuple[str | int, ...]

REQUIRED = {
    "Condition": ("code",),
    "Observation": ("code", "status"),
    "Procedure": ("code", "status"),
    "QuestionnaireResponse": ("status",),
    "Coverage": ("status", "payor"),
    "ServiceRequest": ("code", "status"),
    "BodyStructure": ("location",),
}
"""Elements whose absence makes a resource unreadable."""
_GONE = object()


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every place inside a resource but its top."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*at, key)
        yield from paths(child, (*at, key))


def damages(resource: Resource) -> Iterator[tuple[Path, Any]]:
    """Every (place, unreadable value) of a resource; the value `_GONE` takes a required element away."""
    for path in paths(resource):
        for value in _unreadable(_at(resource, path), path):
            yield path, value
    for element in REQUIRED.get(resource["resourceType"], ()):
        if element in resource:
            yield (element,), _GONE


def _unreadable(value: Any, path: Path) -> list[Any]:
    """Values of a wrong type, empty ones and null; and for dates and status a text that is none."""
    if isinstance(value, dict):
        return [None, {}, [], "x", 5]
    if isinstance(value, list):
        return [None, [], {}, "x", 5, [None], [{}]]
    if isinstance(value, bool) or not isinstance(value, str):
        return [None, {}, [], "x"]
    name = str(path[-1])
    if name == "id":
        return [None, {}, []]  # a number is an id as well, only another one
    text = [None, {}, [], "", 5]
    dated = name.endswith(("DateTime", "authored", "authoredOn", "start", "end"))
    return [*text, "soon"] if dated or path == ("status",) else text


def damaged(resource: Resource, path: Path, value: Any) -> Resource:
    """A copy of the resource with one place damaged."""
    copy = deepcopy(resource)
    parent = _at(copy, path[:-1])
    if value is _GONE:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return copy


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value
