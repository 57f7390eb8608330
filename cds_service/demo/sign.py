"""Signs a made-up patient's order as an EHR does: a hook call to the service, the EHR as its `fhirServer`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cds_service.demo.calls import OutsideError, Remote
from cds_service.demo.load import is_own, own_value, search_own
from cds_service.demo.patients import ORDER, DemoPatient
from cds_service.hooks.prefetch import expand
from cds_service.kernel.clock import new_uuid
from cds_service.kernel.fhir_json import JsonObject

SERVICE = "coverage-order-sign"
_ASSERTION = "coverage-assertion-id"
_PLACEHOLDER = "open-server"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed order: what was sent and answered, and the determinations behind it.

    determinations: None when the service tells nobody.
    """

    patient: DemoPatient
    request: JsonObject
    response: JsonObject
    determinations: tuple[JsonObject, ...] | None

    @property
    def prefetch(self) -> tuple[str, ...]:
        """Keys that were sent along."""
        return tuple(self.request.get("prefetch", {}))

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcome of every determination."""
        return tuple(str(found["outcome"]) for found in self.determinations or ())

    @property
    def as_expected(self) -> bool | None:
        """Whether the outcomes are those due; None when the service does not tell."""
        if self.determinations is None:
            return None
        return sorted(self.patient.expect.values()) == sorted(self.outcomes)


def templates(service: Remote) -> dict[str, str]:
    """The prefetch templates that the service publishes for order-sign. Raises OutsideError."""
    found = service.get("cds-services").get("services", ())
    for entry in found:
        if entry.get("id") == SERVICE:
            return dict(entry.get("prefetch", {}))
    raise OutsideError(f"{service.base} offers no service {SERVICE}; it offers {len(found)} others.")


def sign(patient: DemoPatient, ehr: Remote, service: Remote, prefetch: dict[str, str]) -> Signed:
    """Sends the patient's draft order for signature.

    prefetch: templates to resolve against the EHR and send along; none leaves all fetching to the service.
    Raises OutsideError when the patient is not on the EHR or a server fails.
    """
    person, order = _stored(patient, "Patient/patient", ehr), _stored(patient, f"ServiceRequest/{ORDER}", ehr)
    request = hook_request(person["id"], _requester(order), order, ehr)
    sent = dict(_resolved(prefetch, request["context"], ehr))
    if sent:
        request["prefetch"] = sent
    response = service.post(f"cds-services/{SERVICE}", request)
    return Signed(patient, request, response, _accounts(service, request, response))


def hook_request(patient: str, user: str, order: JsonObject, ehr: Remote) -> JsonObject:
    """An order-sign call about one draft order (CDS Hooks 2.0.1, order-sign 1.1)."""
    request: JsonObject = {
        "hook": "order-sign",
        "hookInstance": new_uuid(),
        "fhirServer": ehr.base,
        "context": {
            "userId": user,
            "patientId": patient,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]},
        },
    }
    # An open server needs no token, but the service asks an EHR only for calls that bring one (CH-067).
    request["fhirAuthorization"] = {
        "access_token": ehr.token or _PLACEHOLDER,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.rs",
        "subject": "cds-service-sandbox",
        "patient": patient,
    }
    return request


def assertions(response: JsonObject) -> Iterator[str]:
    """The coverage-assertion ids on the orders that come back (CRD, coverage-information)."""
    for action in response.get("systemActions", ()):
        for extension in action.get("resource", {}).get("extension", ()):
            for part in extension.get("extension", ()):
                if part.get("url") == _ASSERTION:
                    yield part["valueString"]


def _accounts(service: Remote, request: JsonObject, response: JsonObject) -> tuple[JsonObject, ...] | None:
    """The determinations behind an answer: as recorded under its assertions, else from the demo pages, which
    also tell of those without a coverage to assert about. None when the service tells nobody.
    """
    named = list(assertions(response))
    try:
        if named:
            return tuple(service.get(f"determinations/{assertion}") for assertion in named)
    except OutsideError:
        pass
    try:
        return tuple(service.post("demo/account", request)["determinations"])
    except OutsideError:
        return None if named else ()


def _stored(patient: DemoPatient, reference: str, ehr: Remote) -> JsonObject:
    """A resource of the patient as the EHR holds it."""
    kind = reference.partition("/")[0]
    value = own_value(patient, reference)
    for resource in ehr.search(search_own(kind, value)):
        if is_own(resource):
            return resource
    raise OutsideError(f"{patient.name} is not on {ehr.base}: run `cds-service sandbox load` first.")


def _requester(order: JsonObject) -> str:
    return str(order.get("requester", {}).get("reference", "Practitioner/unknown"))


def _resolved(prefetch: dict[str, str], context: JsonObject, ehr: Remote) -> Iterator[tuple[str, JsonObject]]:
    """Each template's answer; one that cannot be filled in or fails leaves its key out (cds-hooks.md 2.5)."""
    tokens = {f"context.{name}": value for name, value in context.items() if isinstance(value, str)}
    for key, template in prefetch.items():
        query = expand(template, tokens)
        try:
            if query is not None:
                yield key, ehr.get(query)
        except OutsideError:
            continue


def differing(one: Sequence[Signed], other: Sequence[Signed]) -> list[str]:
    """Names of patients who got different outcomes in two rounds of signing."""
    return [
        a.patient.name for a, b in zip(one, other, strict=True) if sorted(a.outcomes) != sorted(b.outcomes)
    ]
