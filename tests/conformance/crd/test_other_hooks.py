"""CRD 2.2.1 and 2.0.1: order-select, order-dispatch in its dialects, appointment-book."""

from collections.abc import Iterable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.applications import Making
from tests.builders import Resource
from tests.conformance.ch.calls import (
    answered,
    collection,
    in_context,
    in_prefetch,
    post,
    refused,
    searchset,
    sign,
)
from tests.conformance.crd.asking import (
    BOOK,
    DISPATCH,
    DOCTOR,
    SELECT,
    VERSIONS,
    ask,
    asserted,
    open_size,
    ordered,
    orders_of,
    said,
    versioned,
)
from tests.integration.loopback import ANY, running
from tests.integration.stub_ehr import holding

both = pytest.mark.parametrize("version", VERSIONS)
EHR = "https://ehr.example.org/fhir/"
ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"


def selected(chart: list[Resource] | None = None, version: str = "2.2", *names: str) -> dict[str, Any]:
    """An order-select call; names: ids of the selected orders, by default all."""
    call = sign(chart, "order-select")
    if names:
        call = in_context(call, selections=[f"ServiceRequest/{name}" for name in names])
    return versioned(call, version)


def dispatched(
    context: dict[str, Any], chart: Iterable[Resource] | None = None, version: str = "2.2", **prefetch: Any
) -> dict[str, Any]:
    """An order-dispatch call with this context; the orders are in the prefetch unless it says otherwise."""
    held = list(builders.hcc() if chart is None else chart)
    orders = [each for each in held if each["resourceType"] == "ServiceRequest"]
    call = sign(held, context={"patientId": "pat", "performer": "Organization/site", **context})
    sent = {"serviceRequests": searchset(*orders), "openServiceRequests": searchset(), **prefetch}
    return versioned({**in_prefetch(call, **sent), "hook": "order-dispatch"}, version)


def booked(*appointments: Resource, version: str = "2.2", **prefetch: Any) -> dict[str, Any]:
    """An appointment-book call; the order is in the prefetch unless it says otherwise."""
    context = {"userId": "Patient/pat", "patientId": "pat", "appointments": collection(*appointments)}
    orders = searchset(builders.order())
    sent = {"serviceRequests": orders, "openServiceRequests": searchset(), **prefetch}
    return versioned({**in_prefetch(sign(context=context), **sent), "hook": "appointment-book"}, version)


def appointment(*based_on: str, **members: Any) -> Resource:
    """A proposed appointment for these orders."""
    start = {
        "resourceType": "Appointment",
        "id": "visit",
        "status": "proposed",
        "start": "2026-12-01T09:00:00Z",
        "participant": [{"actor": builders.PATIENT, "status": "tentative"}],
        "basedOn": [{"reference": reference} for reference in based_on],
    }
    return {name: value for name, value in {**start, **members}.items() if value not in (None, [])}


@pytest.mark.requirement("CRD-107", "hook-19", "hook-39", "resp-27")
@both
def test_order_select_asks_for_no_papers(version: str, client: FlaskClient) -> None:
    """CRD-107: coverage information without documentation or form; the card prompts early all the same."""
    body = answered(client, selected(open_size(), version), SELECT)
    assert said(body, "covered") == "conditional"
    assert (said(body, "doc-needed"), said(body, "questionnaire")) == (None, None)
    (card,) = body["cards"]
    assert "1 of 5 criteria open" in card["summary"]
    assert "suggestions" not in card, "a Task is for orders that are final"


@pytest.mark.requirement("hook-34", "CH-120")
@both
def test_order_select_judges_the_selected_orders_only(version: str, client: FlaskClient) -> None:
    """hook-34: the others are background."""
    chart = ordered(builders.order(), builders.order(name="second"))
    body = answered(client, selected(chart, version, "second"), SELECT)
    assert list(orders_of(body)) == ["ServiceRequest/second"]
    assert len(body["cards"]) == 1


@pytest.mark.requirement("CRD-047", "hook-39", "resp-35")
@both
def test_what_was_said_at_order_select_is_not_said_again_at_sign(version: str, client: FlaskClient) -> None:
    """resp-35: the verdict that the order carries from order-select is nothing new when it is signed."""
    early = answered(client, selected(None, version), SELECT)
    assert ask(client, ordered(*orders_of(early).values()), version)["systemActions"] == []


@pytest.mark.requirement("CRD-048", "hook-19")
def test_what_is_asked_for_at_sign_replaces_what_was_said_at_order_select(client: FlaskClient) -> None:
    """CRD-048: the need for documentation is news, under the same id."""
    early = answered(client, selected(open_size()), SELECT)
    body = ask(client, ordered(*orders_of(early).values(), chart=open_size()))
    assert said(body, "doc-needed") == "clinical"
    assert said(body, "coverage-assertion-id") == said(early, "coverage-assertion-id")


DIALECTS: dict[str, dict[str, Any]] = {
    "2.0 of the hook": {"dispatchedOrders": ["ServiceRequest/order"], "fulfillmentTasks": []},
    "its example": {
        "dispatched-orders": ["ServiceRequest/order"],
        "fulfillment-tasks": [{"resourceType": "Task"}],
    },
    "1.0 and CRD 2.0.1": {"order": "ServiceRequest/order", "task": {"resourceType": "Task", "id": "t"}},
    "absolute": {"dispatchedOrders": [f"{EHR}ServiceRequest/order"]},
}


@pytest.mark.requirement("CRD-105", "hook-33", "hook-30", "resp-26", "CH-125")
@pytest.mark.parametrize("context", DIALECTS.values(), ids=DIALECTS)
@both
def test_a_dispatched_order_gets_its_action_in_every_dialect(
    context: dict[str, Any], version: str, client: FlaskClient
) -> None:
    """CRD-105: the order is found by its reference and comes back whole."""
    body = answered(client, dispatched(context, version=version), DISPATCH)
    assert said(body, "covered") == "covered"
    order = orders_of(body)["ServiceRequest/order"]
    assert {**order, "extension": None} == {**builders.order(), "extension": None}


@pytest.mark.requirement("CRD-105", "hook-30", "resp-29")
@both
def test_every_dispatched_order_gets_one_and_no_other(version: str, client: FlaskClient) -> None:
    """CRD-105: each with its own id; orders of the patient that are not dispatched are background."""
    chart = ordered(*(builders.order(name=name) for name in ("first", "second", "third")))
    context = {"dispatchedOrders": ["ServiceRequest/third", "ServiceRequest/first"]}
    body = answered(client, dispatched(context, chart, version), DISPATCH)
    assert list(orders_of(body)) == ["ServiceRequest/third", "ServiceRequest/first"]
    ids = {said(body, "coverage-assertion-id", name) for name in orders_of(body)}
    assert len(ids) == 2


@pytest.mark.requirement("CRD-105", "hook-33")
@pytest.mark.parametrize("status", ["active", "draft", "on-hold"])
def test_an_order_that_is_active_already_is_judged_like_a_draft(status: str, client: FlaskClient) -> None:
    """What is dispatched has been signed before."""
    chart = ordered(builders.order(status=status, requester=DOCTOR))
    body = answered(client, dispatched(DIALECTS["2.0 of the hook"], chart), DISPATCH)
    assert said(body, "covered") == "covered"


@pytest.mark.requirement("CRD-105", "CRD-120")
@pytest.mark.parametrize("key", ["order", "orders", "serviceRequests", "anything"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_dispatched_order_is_found_under_whatever_key_it_came(
    key: str, wrapped: bool, client: FlaskClient
) -> None:
    """found-30: keys are the client's business; the kit's own bodies send `order`."""
    value = searchset(builders.order()) if wrapped else builders.order()
    call = dispatched(DIALECTS["1.0 and CRD 2.0.1"], **{"serviceRequests": ..., key: value})
    assert said(answered(client, call, DISPATCH), "covered") == "covered"


@pytest.mark.requirement("CRD-105", "found-5", "CH-126")
@both
def test_a_dispatched_order_that_was_not_sent_is_read(version: str, make_app: Making) -> None:
    """CRD-105: by its reference, with the call's token; without access it is a 412 (CH-126)."""
    client = make_app(auth="off", fhir_hosts="127.0.0.1", time_budget_seconds=30.0).test_client()
    call = dispatched(DIALECTS["1.0 and CRD 2.0.1"], version=version, serviceRequests=...)
    refused(post(client, call, DISPATCH), 412)
    with running({ANY: holding(builders.hcc())}) as ehr:
        call["fhirServer"] = ehr.base
        call["fhirAuthorization"] = {"access_token": "t", "token_type": "Bearer", "expires_in": 60}
        body = answered(client, call, DISPATCH)
        assert said(body, "covered") == "covered"
        assert any(path == "/fhir/ServiceRequest/order" for path, _ in ehr.asked)


@pytest.mark.requirement("CRD-106", "hook-26", "resp-26")
@both
def test_an_appointment_for_an_order_gets_its_action_on_the_order(version: str, client: FlaskClient) -> None:
    """CRD-106: the ServiceRequest is updated, not the Appointment."""
    body = answered(client, booked(appointment("ServiceRequest/order"), version=version), BOOK)
    assert list(orders_of(body)) == ["ServiceRequest/order"]
    assert said(body, "covered") == "covered"


@pytest.mark.requirement("CRD-106", "hook-26")
def test_an_order_that_came_beside_the_appointment_is_used(client: FlaskClient) -> None:
    """A Bundle of appointments may hold the orders that they are based on."""
    call = booked(appointment("ServiceRequest/order"), builders.order(), serviceRequests=...)
    assert said(answered(client, call, BOOK), "covered") == "covered"


@pytest.mark.requirement("hook-26", "hook-16")
@both
def test_an_appointment_without_an_order_gets_a_statement_of_its_own(
    version: str, client: FlaskClient
) -> None:
    """hook-26: on every call; what is booked is not known, so nothing is decided."""
    body = answered(client, booked(appointment(), version=version), BOOK)
    assert list(orders_of(body)) == ["Appointment/visit"]
    assert said(body, "covered", "Appointment/visit") == "conditional"
    assert body["cards"] == []


@pytest.mark.requirement("hook-26")
def test_an_appointment_for_another_kind_of_order_is_followed_too(client: FlaskClient) -> None:
    """basedOn takes a ServiceRequest; others come by the guide's extension."""
    device = {"resourceType": "DeviceRequest", "id": "frame", "subject": builders.PATIENT, "status": "draft"}
    link = {"url": ALTERNATE, "valueReference": {"reference": "DeviceRequest/frame"}}
    call = booked(appointment(basedOn=[{"extension": [link]}]), deviceRequests=searchset(device))
    assert list(orders_of(answered(client, call, BOOK))) == ["DeviceRequest/frame"]


@pytest.mark.requirement("CRD-106", "hook-26")
@pytest.mark.parametrize(
    ("start", "covered"),
    [("2026-12-05T09:00:00Z", "covered"), ("2027-02-01T09:00:00+02:00", "conditional"), ("soon", "covered")],
)
def test_the_day_of_the_appointment_is_the_day_of_service(
    start: str, covered: str, client: FlaskClient
) -> None:
    """The coverage has to be in force on the day that is booked; a senseless time leaves the order's own."""
    period = {"start": "2020-01-01", "end": "2026-12-31"}
    coverage = searchset(builders.coverage(period=period))
    call = booked(appointment("ServiceRequest/order", start=start), coverage=coverage)
    assert said(answered(client, call, BOOK), "covered") == covered


@pytest.mark.requirement("CRD-106", "resp-37")
def test_a_booked_order_that_says_it_already_gets_no_action(client: FlaskClient) -> None:
    """resp-35 on every primary hook: what sign recorded is nothing new at booking."""
    (stored,) = orders_of(ask(client)).values()
    call = booked(appointment("ServiceRequest/order"), serviceRequests=searchset(stored))
    body = answered(client, call, BOOK)
    assert body["systemActions"] == []
    assert len(asserted(ask(client))["extension"]) > 1


@pytest.mark.requirement("CRD-105", "hook-30")
def test_the_named_orders_are_not_taken_for_all_open_ones(client: FlaskClient) -> None:
    """The guide's key holds the named orders alone; whether a resection is ordered too is not known."""
    call = dispatched(DIALECTS["2.0 of the hook"], openServiceRequests=...)
    body = answered(client, call, DISPATCH)
    assert said(body, "covered") == "conditional"
    assert "ServiceRequest" in body["cards"][0]["detail"]
