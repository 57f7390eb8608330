"""Turns made-up patients into transactions that any R4 server takes twice; says which resources are ours."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from cds_service.demo.patients import DemoPatient
from cds_service.kernel.fhir_json import JsonObject

SYSTEM = "http://cds-service.example.org/fhir/identifier/demo"
"""System of the identifier that every loaded resource carries; whatever lacks it is never touched."""

_TAG = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
_SHARED = frozenset({"Organization", "Practitioner"})


def own_value(patient: DemoPatient, reference: str) -> str:
    """The identifier's value of a resource of the chart, named by its reference inside the chart.

    Organizations and practitioners are shared by all patients, so that a server holds each once.
    """
    kind, _, name = reference.partition("/")
    return f"{kind}-{name}" if kind in _SHARED else f"{patient.slug}-{name}"


def transaction(patient: DemoPatient, with_ids: bool = False) -> JsonObject:
    """The chart as a transaction of updates, each conditional on our own identifier (FHIR R4, RESTful API,
    conditional update).

    with_ids: asks for readable ids, on an EHR of our own. Elsewhere the server chooses: some never give
    the id of a deleted resource again, so that a chart once cleared could not be loaded anew.
    """
    known = {f"{r['resourceType']}/{r['id']}": r for r in patient.resources}
    urls = {reference: _urn(patient, reference) for reference in known}
    entries = [
        _entry(resource, own_value(patient, reference), urls[reference], urls)
        for reference, resource in known.items()
    ]
    if with_ids:
        for entry in entries:
            entry["resource"]["id"] = entry["resource"]["identifier"][0]["value"].lower()
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def search_own(kind: str, value: str = "") -> str:
    """The search for our own resources of a type: one of them by its value, or all."""
    return f"{kind}?identifier={quote(f'{SYSTEM}|{value}', safe='')}"


def is_own(resource: JsonObject) -> bool:
    """Whether a resource carries our identifier, whatever the search that found it was understood to mean."""
    held = resource.get("identifier", [])
    return any(one.get("system") == SYSTEM for one in held) if isinstance(held, list) else False


def kinds(patients: Iterable[DemoPatient]) -> list[str]:
    """The resource types that the patients use, those that refer to others first, as they can be deleted."""
    found = {resource["resourceType"] for patient in patients for resource in patient.resources}
    last = ("Patient", "Practitioner", "Organization")
    return sorted(found.difference(last)) + [kind for kind in last if kind in found]


def _entry(resource: JsonObject, value: str, url: str, urls: Mapping[str, str]) -> JsonObject:
    """An update of the one resource with our identifier of this value; references lead to other entries."""
    own = {"system": SYSTEM, "value": value}
    kept = {key: member for key, member in resource.items() if key != "id"}
    content = deepcopy(kept) | {
        "meta": {"security": [_TAG]},
        "identifier": [own, *resource.get("identifier", ())],
    }
    for holder in _references(content):
        holder["reference"] = urls.get(holder["reference"], holder["reference"])
    request = {"method": "PUT", "url": search_own(resource["resourceType"], value)}
    return {"fullUrl": url, "resource": content, "request": request}


def _urn(patient: DemoPatient, reference: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'{SYSTEM}/{own_value(patient, reference)}')}"


def _references(node: Any) -> Iterator[JsonObject]:
    """Every object with a literal reference."""
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
