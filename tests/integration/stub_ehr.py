"""An EHR that stores whatever it is given, damaged resources too, and understands the searches we make."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cds_service.kernel import fhir_json
from tests.integration.ehr_data import Json
from tests.integration.loopback import Behaviour, Handler

_WHOSE = ("subject", "patient", "beneficiary")
_TOKENS = ("code", "category", "type", "status")


def holding(resources: Iterable[Json]) -> Behaviour:
    """The behaviour of an EHR with these resources."""
    held = list(resources)

    def behave(handler: Handler) -> None:
        body = answer_to(handler.path, held)
        handler.answer(fhir_json.write(body or {}), 200 if body else 404)

    return behave


def answer_to(path: str, held: Sequence[Json]) -> Json | None:
    """What a read or search of these resources brings; None where there is nothing to read."""
    parts = urlsplit(path.removeprefix("/fhir/"))
    kind, _, name = parts.path.partition("/")
    mine = [item for item in held if item["resourceType"] == kind]
    if name:
        return next((item for item in mine if item["id"] == name), None)
    link = {"relation": "self", "url": f"https://ehr.example.org{path}"}
    return {**found(mine, held, parse_qs(parts.query)), "link": [link]}


def found(mine: Iterable[Json], held: Iterable[Json], asked: dict[str, list[str]]) -> Json:
    """The searchset of a query among resources of one type."""
    matches = [item for item in mine if _is_match(item, asked)]
    included = [item for item in held if "_include" in asked and _is_payor(item, matches)]
    entry = [{"resource": item, "search": {"mode": "match"}} for item in matches]
    entry += [{"resource": item, "search": {"mode": "include"}} for item in included]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(matches), "entry": entry}


def _is_match(item: Json, asked: dict[str, list[str]]) -> bool:
    whose = next((item[name] for name in _WHOSE if name in item), None)
    if "patient" in asked and f"Patient/{asked['patient'][0]}" not in _references(whose):
        return False
    if "code:missing" in asked and any("|" in token for token in _tokens(item.get("code"))):
        return False
    return all(
        not set(asked[name][0].split(",")).isdisjoint(_tokens(item.get(name)))
        for name in _TOKENS
        if name in asked
    )


def _is_payor(item: Json, coverages: Iterable[Json]) -> bool:
    named = {reference for each in coverages for reference in _references(each.get("payor"))}
    return f"{item['resourceType']}/{item['id']}" in named


def _references(node: Any) -> Iterator[str]:
    for part in node if isinstance(node, list) else [node]:
        if isinstance(part, dict) and isinstance(part.get("reference"), str):
            yield part["reference"]


def _tokens(node: Any) -> Iterator[str]:
    """`code` or `system|code` of a code, a CodeableConcept or several of them."""
    for part in node if isinstance(node, list) else [node]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield from (f"{coding.get('system')}|{coding['code']}" for coding in part.get("coding", ()))
