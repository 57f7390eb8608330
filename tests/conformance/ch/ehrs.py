"""EHRs on loopback that answer from a chart, and calls that bring the way to them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests import builders
from tests.builders import Resource
from tests.conformance.ch.calls import searchset, sign
from tests.integration.loopback import Behaviour, Ehr, Handler, running

TOKEN = "acc3ss-t0ken"
TYPES = (
    "Patient", "Coverage", "Organization", "Condition", "Procedure", "BodyStructure", "QuestionnaireResponse",
    "Observation", "DiagnosticReport", "DocumentReference", "ServiceRequest",
)  # fmt: skip


def stored(chart: Iterable[Resource]) -> dict[str, Behaviour]:
    """Reads by id and searches by type; the order that is being signed is not stored yet."""
    held = [each for each in chart if each["resourceType"] != "ServiceRequest"]
    return dict.fromkeys(TYPES, _answering(held))


def _answering(held: list[Resource]) -> Behaviour:
    def answer(handler: Handler) -> None:
        address = urlsplit(handler.path)
        kind, _, name = address.path.removeprefix("/fhir/").partition("/")
        if name:
            found = [each for each in held if (each["resourceType"], each.get("id")) == (kind, unquote(name))]
            return handler.answer(found[0]) if found else handler.answer(builders.failure(None), 404)
        found = [each for each in held if each["resourceType"] == kind and _coded(each, address.query)]
        url = f"http://{handler.headers['Host']}{handler.path}"
        return handler.answer(searchset(*found, link=[{"relation": "self", "url": url}]))

    return answer


def _coded(each: Resource, query: str) -> bool:
    """Whether a resource has one of the codes that are asked for, if any are."""
    wanted = {code.rpartition("|")[2] for text in parse_qs(query).get("code", []) for code in text.split(",")}
    codings = each.get("code", {}).get("coding", [])
    return not wanted or any(coding.get("code") in wanted for coding in codings)


@contextmanager
def ehr_with(chart: Iterable[Resource] | None = None, **behaviours: Behaviour) -> Iterator[Ehr]:
    """An EHR that holds the chart; behaviours replace what it does for a resource type."""
    held = builders.hcc() if chart is None else chart
    with running({**stored(held), **behaviours}) as ehr:
        yield ehr


def access(**changes: Any) -> dict[str, Any]:
    """A token that may be used; changes replace members, `...` takes one away."""
    sound = {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/*.read",
        "subject": "cds-service",
    }
    return {name: value for name, value in {**sound, **changes}.items() if value is not ...}


def through(ehr: Ehr, body: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The call with the way to the EHR, by default without any prefetch; changes are to the access."""
    plain = sign(prefetch=...) if body is None else body
    return {**plain, "fhirServer": ehr.base, "fhirAuthorization": access(**changes)}


def paths(ehr: Ehr) -> list[str]:
    """What was asked of the EHR, without queries, in alphabetical order."""
    return sorted(urlsplit(path).path.removeprefix("/fhir/") for path, _ in ehr.asked)


def queries(ehr: Ehr, kind: str) -> list[dict[str, list[str]]]:
    """The queries asked for a type."""
    asked = [urlsplit(path) for path, _ in ehr.asked]
    return [parse_qs(each.query) for each in asked if each.path == f"/fhir/{kind}"]


def bearers(ehr: Ehr) -> set[str | None]:
    """The Authorization headers that reached the EHR."""
    return {headers.get("Authorization") for _, headers in ehr.asked}


def status(code: int, body: Any = None) -> Behaviour:
    """An EHR that answers with this status."""
    return lambda handler: handler.answer(builders.failure(None) if body is None else body, code)


def page(*resources: Resource, following: Callable[[Handler], str]) -> Behaviour:
    """A search result of several pages; following: address of the second one, made of the request."""
    return lambda handler: handler.answer(
        searchset(*resources, link=[{"relation": "next", "url": following(handler)}])
    )
