"""The kit's checks of requests (2.0.1), told anew: a run grades the tester's bodies as well (crd-dtr.md 4.3).

A function returns what is wrong, in words; an empty list is a pass.
"""

from typing import Any
from uuid import UUID

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

Json = dict[str, Any]
ORDERS = {"DeviceRequest", "MedicationRequest", "NutritionOrder", "ServiceRequest", "VisionPrescription"}
CONTEXT = {
    "order-sign": {"userId": str, "patientId": str, "draftOrders": dict},
    "order-select": {"userId": str, "patientId": str, "draftOrders": dict, "selections": list},
    "order-dispatch": {"patientId": str, "order": str, "performer": str},
    "appointment-book": {"userId": str, "patientId": str, "appointments": dict},
}
PROFILE = {
    "ServiceRequest": {"status": "draft", "intent": str, "code": dict, "subject": dict, "authoredOn": str,
                       "requester": dict},
    "Appointment": {"status": "proposed", "start": str, "end": str, "participant": list},
}  # fmt: skip
"""Per type of 2.0.1 profile: a fixed value, or the JSON type of what has to be there."""


def request_problems(body: Json, hook: str) -> list[str]:
    """Tests 2.02, 3.x.02 and 3.x.04: required and optional members of a request."""
    found = []
    if body.get("hook") != hook:
        found.append(f"hook is {body.get('hook')!r}")
    try:
        UUID(body["hookInstance"])
    except (KeyError, ValueError):
        found.append("hookInstance is no UUID")
    if "fhirAuthorization" in body and "fhirServer" not in body:
        found.append("fhirAuthorization without fhirServer")
    found += [f"{name} is blank" for name, value in body.items() if value in (None, "", [], {})]
    return found


def context_problems(context: Json, hook: str) -> list[str]:
    """Tests 2.03 and 3.x.03 (crd-dtr.md 4.3)."""
    found = [
        f"context.{name} is not a {kind.__name__}"
        for name, kind in CONTEXT[hook].items()
        if not isinstance(context.get(name), kind) or not context[name]
    ]
    if "userId" in context and context["userId"].split("/")[0] not in ("Practitioner", "PractitionerRole"):
        found.append("userId is neither Practitioner nor PractitionerRole")
    found += [
        f"{name} is not a bare id" for name in ("patientId", "encounterId") if "/" in context.get(name, "x")
    ]
    resources = [entry["resource"] for entry in _entries(context, "draftOrders")]
    visits = [entry["resource"] for entry in _entries(context, "appointments")]
    found += [problem for each in (*resources, *visits) for problem in profile_problems(each)]
    if "draftOrders" in context and not ORDERS & {each["resourceType"] for each in resources}:
        found.append("no draft order of a type that the kit knows")
    known = {f"{each['resourceType']}/{each.get('id')}" for each in resources}
    found += [
        f"{name} is selected and not drafted" for name in context.get("selections", []) if name not in known
    ]
    return found


def _entries(context: Json, name: str) -> list[Json]:
    found: list[Json] = context.get(name, {}).get("entry", [])
    return found


def profile_problems(resource: Json) -> list[str]:
    """Whether a resource is FHIR R4 and has what its 2.0.1 profile wants."""
    name = f"{resource['resourceType']}/{resource.get('id')}"
    found = [f"{name} has no id"] if not resource.get("id") else []
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        found.append(f"{name}: {error}")
    for member, wanted in PROFILE.get(resource["resourceType"], {}).items():
        value = resource.get(member)
        if (value != wanted) if isinstance(wanted, str) else not isinstance(value, wanted):
            found.append(f"{name}: {member} is {value!r}")
    people = [resource.get("requester"), *resource.get("performer", [])]
    found += [
        f"{name}: {person['reference']} is no practitioner"
        for person in people
        if isinstance(person, dict)
        and person.get("reference", "Practitioner").split("/")[0][:12] != "Practitioner"
    ]
    return found
