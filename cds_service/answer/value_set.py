"""Expands the value sets that this service publishes: what they enumerate, filtered and cut into pages."""

from collections.abc import Iterator
from datetime import datetime

from cds_service.answer.artefacts import Artefacts
from cds_service.kernel.fhir_json import JsonObject

MOST_EXPANDED = 40
"""A package carries the expansion of every value set with fewer codes than this (DTR oper-15)."""

_RETIRED = {("inactive", True), ("status", "retired"), ("status", "deprecated")}


class NotExpandableError(Exception):
    """The value set is defined in a way that cannot be enumerated here; the text says how."""


def expand(
    value_set: JsonObject,
    artefacts: Artefacts,
    now: datetime,
    identity: str,
    words: str = "",
    offset: int = 0,
    count: int | None = None,
) -> JsonObject:
    """The value set with its expansion as of now, active codes only (DTR oper-5).

    words: keep codes whose display or code holds this text; offset, count: the page; identity:
    `expansion.identifier`. Raises NotExpandableError.
    """
    codes = [code for code in _codes(value_set, artefacts, frozenset()) if _holds(code, words)]
    page = codes[offset:] if count is None else codes[offset : offset + count]
    expansion: JsonObject = {
        "identifier": f"urn:uuid:{identity}",
        "timestamp": now.isoformat(timespec="seconds"),
    }
    expansion |= {"total": len(codes), "offset": offset}
    if page:
        expansion["contains"] = page
    kept = {name: part for name, part in value_set.items() if name not in ("text", "compose", "expansion")}
    return {**kept, "expansion": expansion}


def _codes(value_set: JsonObject, artefacts: Artefacts, within: frozenset[str]) -> list[JsonObject]:
    """Every code that is included and not excluded, each once."""
    url = str(value_set.get("url", ""))
    if url in within:
        raise NotExpandableError(f"{url} includes itself")
    compose = value_set.get("compose") or {}
    inner = within | {url}
    excluded = {_key(code) for part in compose.get("exclude", []) for code in _part(part, artefacts, inner)}
    found: dict[tuple[str, str], JsonObject] = {}
    for part in compose.get("include", []):
        for code in _part(part, artefacts, inner):
            if _key(code) not in excluded:
                found.setdefault(_key(code), code)
    return list(found.values())


def _part(part: JsonObject, artefacts: Artefacts, within: frozenset[str]) -> list[JsonObject]:
    """The codes of one include or exclude: those of its system that all its value sets share."""
    if "filter" in part:
        raise NotExpandableError("it is defined by a filter, which needs a terminology server")
    groups = [_imported(canonical, artefacts, within) for canonical in part.get("valueSet", [])]
    if "system" in part:
        groups.insert(0, list(_of_system(part, artefacts)))
    if not groups:
        return []
    shared = set.intersection(*({_key(code) for code in group} for group in groups))
    return [code for code in groups[0] if _key(code) in shared]


def _imported(canonical: str, artefacts: Artefacts, within: frozenset[str]) -> list[JsonObject]:
    found = artefacts.find("ValueSet", canonical)
    if found is None:
        raise NotExpandableError(f"it includes {canonical}, which is not published here")
    return _codes(found, artefacts, within)


def _of_system(part: JsonObject, artefacts: Artefacts) -> Iterator[JsonObject]:
    """The codes an include names one by one, or all of a code system that is published here."""
    concepts = part.get("concept")
    if concepts is None:
        system = artefacts.find("CodeSystem", part["system"])
        if system is None or system.get("content") != "complete":
            raise NotExpandableError(f"it takes all of {part['system']}, which is not published here")
        concepts = system.get("concept", [])
    yield from _active(concepts, part["system"])


def _active(concepts: list[JsonObject], system: str) -> Iterator[JsonObject]:
    """The codes of concepts and of those below them, without retired ones."""
    for concept in concepts:
        if not _RETIRED & {_property(item) for item in concept.get("property", [])}:
            yield {
                "system": system,
                **{name: concept[name] for name in ("code", "display") if name in concept},
            }
        yield from _active(concept.get("concept", []), system)


def _property(item: JsonObject) -> tuple[str, object]:
    return item["code"], next((value for name, value in item.items() if name.startswith("value")), None)


def _key(code: JsonObject) -> tuple[str, str]:
    return code["system"], code["code"]


def _holds(code: JsonObject, words: str) -> bool:
    return words.casefold() in f"{code['code']} {code.get('display', '')}".casefold()
