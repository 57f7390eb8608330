"""CRD 2.2.1, discovery: hooks, versions, configuration options and prefetch of every service."""

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.answer.card_files import Proposes
from cds_service.answer.configuration import COVERAGE_TOPIC, PARTS
from tests.conformance.ch.calls import answered, sign
from tests.conformance.crd.asking import BLUE_SHIELD, ask, paid_by, versioned
from tests.unit.answer import samples

# The response types of the guide (crd-dtr.md section 2).
RESPONSE_TYPES = {
    "coverage-info", "unsolicited-determ", "claim", "insurance", "limits", "network", "appropriate-use",
    "cost", "therapy-alternatives-opt", "therapy-alternatives-req", "clinical-reminder", "duplicate-therapy",
    "contraindication", "guideline", "off-guideline",
}  # fmt: skip
JSON_TYPES: dict[str, type] = {"boolean": bool, "integer": int}
PRIMARY = {"order-sign", "order-dispatch", "appointment-book"}


@pytest.fixture
def services(client: FlaskClient) -> list[dict[str, Any]]:
    """The services as discovery lists them."""
    answer = client.get("/cds-services")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.get_json()["services"]
    return found


def options(service: dict[str, Any]) -> list[dict[str, Any]]:
    """The configuration options of a service."""
    found: list[dict[str, Any]] = service["extension"]["davinci-crd.configuration-options"]
    return found


@pytest.mark.requirement("CRD-001", "D1", "D2", "D3")
def test_discovery_is_a_200_with_a_list_of_services(client: FlaskClient) -> None:
    """CRD-001: a JSON object with the list under `services`."""
    answer = client.get("/cds-services")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert isinstance(json.loads(answer.data)["services"], list)


@pytest.mark.requirement("CRD-002", "CRD-003", "D5", "D6", "D7", "D8")
def test_each_service_says_what_it_is(services: list[dict[str, Any]], client: FlaskClient) -> None:
    """CRD-002, CRD-003: hook, description, title, and an id of its own that takes calls."""
    for service in services:
        for member in ("hook", "description", "id", "title"):
            assert service[member].strip(), member
        assert client.post(f"/cds-services/{service['id']}", data=b"").status_code == 400
    assert len({service["id"] for service in services}) == len(services)


@pytest.mark.requirement("CRD-004", "hook-4", "resp-26", "ops-1")
def test_every_hook_that_brings_an_order_is_on_offer(services: list[dict[str, Any]]) -> None:
    """CRD-004, hook-4: the three primary hooks; order-select beside them (ops-1)."""
    assert {service["hook"] for service in services} == PRIMARY | {"order-select"}


@pytest.mark.requirement("hook-4")
@pytest.mark.parametrize(
    "kind",
    ["CommunicationRequest", "DeviceRequest", "MedicationRequest", "NutritionOrder", "VisionPrescription"],
)
def test_every_kind_of_order_gets_a_statement(kind: str, client: FlaskClient) -> None:
    """hook-4: orders of every type asked of clients, though the policies speak of one type only."""
    person = "patient" if kind in ("NutritionOrder", "VisionPrescription") else "subject"
    order = {"resourceType": kind, "id": "other", "status": "draft", person: {"reference": "Patient/pat"}}
    (action,) = ask(client, [*paid_by("Capital Blue Cross", []), order], **_with(order))["systemActions"]
    assert action["resource"]["resourceType"] == kind


def _with(order: dict[str, Any]) -> dict[str, Any]:
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
    return {"context": {"userId": "Practitioner/doc", "patientId": "pat", "draftOrders": drafts}}


@pytest.mark.requirement("CRD-005", "dev-1", "dev-2")
def test_each_service_names_its_versions(services: list[dict[str, Any]]) -> None:
    """CRD-005: crdver-1, the published pattern, which has no room for 2.0."""
    for service in services:
        versions = service["extension"]["davinci-crd.version"]
        assert versions == ["2.2"]
        assert all(re.fullmatch(r"[1-9]\d*\.[1-9]\d*", version) for version in versions)


@pytest.mark.requirement("CRD-006", "CRD-007", "dev-4")
def test_each_option_is_complete_and_its_default_is_of_its_type(services: list[dict[str, Any]]) -> None:
    """CRD-006, CRD-007: five members; `default` has the JSON type that `type` names."""
    for option in (option for service in services for option in options(service)):
        assert set(option) == {"code", "type", "name", "description", "default"}
        assert type(option["default"]) is JSON_TYPES[option["type"]]
        assert all(option[member].strip() for member in ("code", "name", "description"))


@pytest.mark.requirement("CRD-008", "dev-7", "dev-8")
def test_options_of_a_service_are_distinct_and_usable(services: list[dict[str, Any]]) -> None:
    """CRD-008: codes, names and descriptions are unique; codes are the guide's where it has one."""
    for service in services:
        for member in ("code", "name", "description"):
            found = [option[member] for option in options(service)]
            assert len(set(found)) == len(found)
        switches = {option["code"] for option in options(service) if option["type"] == "boolean"}
        assert all(re.fullmatch(r"[A-Za-z][\w-]*", code) for code in switches)
        assert switches - RESPONSE_TYPES == set(PARTS), "own codes only where the guide has none"


@pytest.mark.requirement("CRD-009", "dev-5", "dev-10")
def test_each_response_type_that_is_sent_has_its_switch(
    services: list[dict[str, Any]], client: FlaskClient
) -> None:
    """CRD-009: the topics of all cards that the service can send, and coverage information itself."""
    offered = {option["code"] for service in services for option in options(service)}
    cards = samples.card_set()
    assert {COVERAGE_TOPIC, *PARTS, *cards.topics_with(())} <= offered
    body = ask(client)
    hidden = answered(client, versioned(sign(), coverage_info=False))
    sent = [card["source"]["topic"]["code"] for card in (*body["cards"], *hidden["cards"])]
    assert set(sent) == {"coverage-info", "guideline"} <= offered


@pytest.mark.requirement("dev-5")
@pytest.mark.parametrize(
    ("proposes", "topic"),
    [
        ("alternative", "therapy-alternatives-opt"),
        ("required-alternative", "therapy-alternatives-req"),
        ("additional-order", "clinical-reminder"),
    ],
)
def test_what_no_policy_proposes_is_no_option(
    proposes: Proposes, topic: str, services: list[dict[str, Any]]
) -> None:
    """dev-5: a switch for what is never sent would mislead; with a policy that proposes it, it is there."""
    assert topic not in {option["code"] for service in services for option in options(service)}
    assert topic in samples.card_set().topics_with({proposes})


@pytest.mark.requirement("CRD-010", "dev-9")
def test_an_option_reads_the_same_on_every_hook(services: list[dict[str, Any]]) -> None:
    """CRD-010: one name and one description for a code."""
    assert all(options(service) == options(services[0]) for service in services)


@pytest.mark.requirement("CRD-011", "P1", "P2")
def test_prefetch_values_hold_known_tokens_only(services: list[dict[str, Any]]) -> None:
    """CRD-011: texts, tokens in double braces, first-level fields of the context."""
    for template in (each for service in services for each in service["prefetch"].values()):
        assert re.sub(r"\{\{context\.(patientId|userId|encounterId)\}\}", "", template).isprintable()
        assert not re.search(r"[{}]", re.sub(r"\{\{context\.\w+\}\}", "", template))


@pytest.mark.requirement("CRD-012", "found-24", "found-26", "found-29", "D16")
def test_what_is_asked_for_is_asked_in_the_standard_words(services: list[dict[str, Any]]) -> None:
    """CRD-012, found-29: the guide's own expressions (crd-dtr.md 3.3)."""
    standard = {
        "patient": "Patient/{{context.patientId}}",
        "coverage": "Coverage?patient={{context.patientId}}&status=active",
    }
    assert all(service["prefetch"] == standard for service in services)


@pytest.mark.requirement("CRD-013", "found-27", "found-28")
def test_nothing_is_prefetched_that_only_some_orders_need(services: list[dict[str, Any]]) -> None:
    """CRD-013: no clinical data."""
    asked = {
        each.split("?")[0].split("/")[0] for service in services for each in service["prefetch"].values()
    }
    assert asked == {"Patient", "Coverage"}


@pytest.mark.requirement("found-15")
@pytest.mark.parametrize("payer", ["Capital Blue Cross", BLUE_SHIELD])
@pytest.mark.parametrize("product", ["Gold PPO", "FEP Blue Focus", "Medicare Advantage"])
def test_one_endpoint_serves_every_coverage(payer: str, product: str, client: FlaskClient) -> None:
    """found-15: the same address for both payers and for their products."""
    chart = paid_by(payer, **{"class": [{"value": product, "name": product}]})
    assert len(ask(client, chart)["systemActions"]) == 1
