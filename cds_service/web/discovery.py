"""The services on offer and how discovery describes them (cds-hooks.md 1.1, crd-dtr.md 3.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from cds_service.answer.configuration import COVERAGE_TOPIC, FORM_APP, FORM_TASK, MAX_CARDS, MOST_CARDS, PARTS
from cds_service.hooks.prefetch import DISCOVERY
from cds_service.kernel.fhir_json import JsonObject

CRD_VERSIONS = ["2.2"]
"""2.0 is spoken too, but the guide's own pattern has no room for that text (crd-dtr.md 3.1)."""

_WANTS = (
    "Patient and coverage come by prefetch, or are read from fhirServer with the token of the call. What a "
    "policy needs beyond them is read there too; without that access it is asked for on the card."
)
_BY_REFERENCE = " Orders named by reference are read from fhirServer as well."


@dataclass(frozen=True, slots=True)
class HookService:
    """One service: its id, the hook it answers, and what it says of itself."""

    id: str
    hook: str
    title: str
    description: str
    requirements: str = _WANTS


SERVICES: Mapping[str, HookService] = {
    service.id: service
    for service in (
        HookService(
            "coverage-order-sign",
            "order-sign",
            "Coverage of signed orders",
            "Says for each order that is signed whether the payer's medical policy covers it, which criteria "
            "the record supports, and what is missing.",
        ),
        HookService(
            "coverage-order-select",
            "order-select",
            "Coverage of selected orders",
            "Says early, while an order is being written, what the payer's medical policy will ask for.",
        ),
        HookService(
            "coverage-order-dispatch",
            "order-dispatch",
            "Coverage of dispatched orders",
            "Says for each order that is sent to a performer whether the payer's medical policy covers it.",
            _WANTS + _BY_REFERENCE,
        ),
        HookService(
            "coverage-appointment-book",
            "appointment-book",
            "Coverage of booked services",
            "Says for each order that is booked whether the payer's medical policy covers it.",
            _WANTS + _BY_REFERENCE,
        ),
    )
}


def discovery(topics: Mapping[str, str]) -> JsonObject:
    """The discovery document. topics: code -> display of the response types that cards can have (dev-5)."""
    return {"services": [_described(service, topics) for service in SERVICES.values()]}


def _described(service: HookService, topics: Mapping[str, str]) -> JsonObject:
    return {
        "hook": service.hook,
        "id": service.id,
        "title": service.title,
        "description": service.description,
        "usageRequirements": service.requirements,
        "prefetch": {template.key: template.template for template in DISCOVERY},
        "extension": {
            "davinci-crd.version": CRD_VERSIONS,
            "davinci-crd.configuration-options": _options(topics),
        },
    }


def _options(topics: Mapping[str, str]) -> list[JsonObject]:
    """One switch for each kind of response, and the limit of cards; the same on every service (dev-9)."""
    displays = {COVERAGE_TOPIC: "Coverage Information", **topics, **PARTS}
    switches = [
        _option(code, "boolean", display, f"{display}: {_SENDS.get(code, 'cards of this kind')}.", True)
        for code, display in displays.items()
    ]
    weighed = "At most this many cards, the weightiest first."
    return [*switches, _option(MAX_CARDS, "integer", "Maximum cards", weighed, MOST_CARDS)]


_SENDS = {
    COVERAGE_TOPIC: "the verdict on each order, as a card and as a system action on the order",
    "guideline": "a page with the policy that applies",
    "therapy-alternatives-opt": "other services that the policy prefers, as orders to choose",
    "therapy-alternatives-req": "services that the policy wants tried first, as orders to choose",
    "clinical-reminder": "further orders that the policy asks for, ready to be added",
    FORM_TASK: "a Task for the documentation form, for clients that cannot open it themselves",
    FORM_APP: "a link that opens the documentation form",
}


def _option(code: str, kind: str, name: str, description: str, default: bool | int) -> JsonObject:
    return {"code": code, "type": kind, "name": name, "description": description, "default": default}
