"""CRD calls and what their answers say, for both versions of the guide."""

from collections.abc import Iterable
from typing import Any

from flask.testing import FlaskClient

from tests import builders
from tests.builders import Resource
from tests.conformance.ch.calls import answered, sign

EXTENSION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
VERSIONS = ("2.0", "2.2")
SELECT, DISPATCH, BOOK = "coverage-order-select", "coverage-order-dispatch", "coverage-appointment-book"
BLUE_SHIELD = "Blue Shield of California"
DOCTOR = {"reference": "Practitioner/doc"}

Answer = dict[str, Any]


def versioned(body: Answer, version: str | None = "2.2", **configuration: Any) -> Answer:
    """The call with a version asked for, if any, and with these settings (`_` for `-`), if any."""
    extension: Answer = {} if version is None else {"davinci-crd.requestedVersion": version}
    if configuration:
        settings = {name.replace("_", "-"): value for name, value in configuration.items()}
        extension["davinci-crd.configuration"] = settings
    return {**body, "extension": extension}


def signed(chart: Iterable[Resource] | None = None, version: str | None = "2.2", **changes: Any) -> Answer:
    """An order-sign call; chart: by default one that meets every criterion."""
    return versioned(sign(chart, **changes), version)


def ask(
    client: FlaskClient, chart: Iterable[Resource] | None = None, version: str | None = "2.2", **changes: Any
) -> Answer:
    """The answer to an order-sign call."""
    return answered(client, signed(chart, version, **changes))


def ordered(*orders: Resource, chart: Iterable[Resource] | None = None) -> list[Resource]:
    """A chart, by default one that meets every criterion, with these orders in place of its own."""
    held = builders.hcc() if chart is None else chart
    return [*(each for each in held if each["resourceType"] != "ServiceRequest"), *orders]


def paid_by(payer: str, chart: Iterable[Resource] | None = None, **members: Any) -> list[Resource]:
    """A chart under another payer."""
    held = builders.hcc() if chart is None else chart
    return [
        *(each for each in held if each["resourceType"] != "Coverage"),
        builders.coverage(payer, **members),
    ]


def open_size() -> list[Resource]:
    """A chart without the size of the tumor: one criterion is open."""
    return builders.without(builders.hcc(), "size")


def orders_of(body: Answer) -> dict[str, Resource]:
    """The resources of the system actions by `Type/id`."""
    found = [action["resource"] for action in body.get("systemActions", [])]
    return {f"{each['resourceType']}/{each['id']}": each for each in found}


def assertions(order: Resource) -> list[Answer]:
    """The coverage-information extensions of an order."""
    return [each for each in order.get("extension", []) if each["url"] == EXTENSION]


def values(assertion: Answer, url: str) -> list[Any]:
    """Values of a part of an assertion, in order; a complex part as its own parts."""
    return [
        next((value for name, value in part.items() if name.startswith("value")), part.get("extension"))
        for part in assertion["extension"]
        if part["url"] == url
    ]


def asserted(body: Answer, reference: str = "ServiceRequest/order") -> Answer:
    """The one assertion about an order."""
    (found,) = assertions(orders_of(body)[reference])
    return dict(found)


def said(body: Answer, url: str, reference: str = "ServiceRequest/order") -> Any:
    """The one value of a part of the one assertion about an order; None where there is none."""
    found = values(asserted(body, reference), url)
    assert len(found) <= 1, found
    return found[0] if found else None


def without_assertions(order: Resource) -> Resource:
    """The order but for coverage information; without an empty list of extensions."""
    kept = [each for each in order.get("extension", []) if each["url"] != EXTENSION]
    bare = {name: kept if name == "extension" else value for name, value in order.items()}
    return bare if kept else {name: value for name, value in bare.items() if name != "extension"}
