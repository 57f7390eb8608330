"""order-select, order-dispatch and appointment-book: one path, orders found where each hook has them."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.builders import PATIENT, hcc, order, without
from tests.conformance.ch.calls import answered, covered, post, prefetched, refused, searchset, sign, stated

DISPATCH, BOOK, SELECT = "coverage-order-dispatch", "coverage-appointment-book", "coverage-order-select"
Body = dict[str, Any]


def dispatching(*references: str, **members: Any) -> Body:
    """A dispatch of stored orders, which the guide's prefetch key brings."""
    context = {"patientId": "pat", "performer": "Organization/clinic", "dispatchedOrders": list(references)}
    prefetch = {**prefetched(hcc()), "serviceRequests": searchset(order(), order("74177", "scan"))}
    body = sign(hook="order-dispatch", context=context, prefetch=prefetch)
    return {**body, **members}


def booking(*based_on: Body, **members: Any) -> Body:
    """An appointment for orders."""
    visit = {
        "resourceType": "Appointment",
        "id": "visit",
        "status": "proposed",
        "participant": [{"actor": PATIENT, "status": "needs-action"}],
        **({"basedOn": list(based_on)} if based_on else {}),
        **members,
    }
    context = {
        "userId": "Patient/pat",
        "patientId": "pat",
        "appointments": {"resourceType": "Bundle", "entry": [{"resource": visit}]},
    }
    prefetch = {**prefetched(hcc()), "serviceRequests": searchset(order())}
    return sign(hook="appointment-book", context=context, prefetch=prefetch)


def updated(body: Body) -> list[str]:
    """What the system actions update."""
    return [
        f"{each['resource']['resourceType']}/{each['resource']['id']}"
        for each in body.get("systemActions", [])
    ]


@pytest.mark.requirement("CH-124", "CRD-105", "H6", "hook-30", "hook-33", "resp-26")
def test_dispatched_orders_get_their_actions_and_others_do_not(client: FlaskClient) -> None:
    """Nobody looked whether a resection is ordered too, so the verdict stays open; the orders are named."""
    one = answered(client, dispatching("ServiceRequest/order"), DISPATCH)
    assert updated(one) == ["ServiceRequest/order"] and covered(one) == "conditional"
    both = answered(client, dispatching("ServiceRequest/scan", "ServiceRequest/order"), DISPATCH)
    assert updated(both) == ["ServiceRequest/scan", "ServiceRequest/order"]


@pytest.mark.requirement("CH-125", "CRD-105")
@pytest.mark.parametrize("dialect", ["dispatchedOrders", "dispatched-orders", "order"])
def test_every_dialect_of_dispatch_gets_the_same_answer(dialect: str, client: FlaskClient) -> None:
    body = dispatching("ServiceRequest/order")
    named = body["context"].pop("dispatchedOrders")
    body["context"][dialect] = named[0] if dialect == "order" else named
    assert updated(answered(client, body, DISPATCH)) == ["ServiceRequest/order"]


@pytest.mark.parametrize(
    "reference",
    [
        "ServiceRequest/order",
        "https://ehr.example.org/fhir/ServiceRequest/order",
        "ServiceRequest/order/_history/3",
    ],
)
def test_any_form_of_reference_finds_the_order(reference: str, client: FlaskClient) -> None:
    assert updated(answered(client, dispatching(reference), DISPATCH)) == ["ServiceRequest/order"]


@pytest.mark.requirement("CH-126", "S2")
def test_a_dispatched_order_out_of_reach_is_a_412_that_names_the_key(client: FlaskClient) -> None:
    issue = refused(post(client, dispatching("ServiceRequest/elsewhere"), DISPATCH), 412)
    assert issue["expression"] == ["prefetch.serviceRequests"]
    issue = refused(post(client, dispatching("DeviceRequest/chair"), DISPATCH), 412)
    assert issue["expression"] == ["prefetch.deviceRequests"]


def test_a_dispatched_order_for_somebody_else_is_left_out(client: FlaskClient) -> None:
    """CH-115 holds for named orders too."""
    body = dispatching("ServiceRequest/order")
    foreign = order(subject={"reference": "Patient/other"})
    body["prefetch"]["serviceRequests"] = searchset(foreign)
    found = answered(client, body, DISPATCH)
    assert (found["cards"], found["systemActions"]) == ([], [])


@pytest.mark.requirement("CRD-106", "hook-26", "CH-127", "H7")
def test_a_booking_for_an_order_gets_the_action_on_the_order(client: FlaskClient) -> None:
    found = answered(client, booking({"reference": "ServiceRequest/order"}), BOOK)
    assert updated(found) == ["ServiceRequest/order"] and covered(found) == "conditional"


def test_a_booking_may_name_other_requests_by_the_extension(client: FlaskClient) -> None:
    """The guide's way to base an Appointment on what FHIR R4 does not allow there."""
    alternate = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
    other = {"extension": [{"url": alternate, "valueReference": {"reference": "DeviceRequest/chair"}}]}
    body = booking(other)
    chair = {"resourceType": "DeviceRequest", "id": "chair", "status": "draft", "subject": PATIENT}
    body["prefetch"]["deviceRequests"] = searchset(chair)
    assert updated(answered(client, body, BOOK)) == ["DeviceRequest/chair"]


@pytest.mark.requirement("hook-16")
def test_a_booking_for_no_order_is_itself_what_is_spoken_of(client: FlaskClient) -> None:
    found = answered(client, booking(), BOOK)
    assert updated(found) == ["Appointment/visit"] and covered(found) == "conditional"


@pytest.mark.parametrize("based_on", [[3], ["x"], [{}], [{"reference": 7}], {"reference": "x"}, None])
def test_senseless_bases_cause_no_server_error(based_on: Any, client: FlaskClient) -> None:
    body = booking()
    body["context"]["appointments"]["entry"][0]["resource"]["basedOn"] = based_on
    assert post(client, body, BOOK).status_code == 200


@pytest.mark.requirement("CH-120", "CH-121", "H5", "hook-34")
def test_order_select_speaks_of_the_selection_alone(client: FlaskClient) -> None:
    body = sign([*hcc(), order("47383", "second")], "order-select")
    body["context"]["selections"] = ["ServiceRequest/second"]
    assert updated(answered(client, body, SELECT)) == ["ServiceRequest/second"]
    body["context"]["selections"] = ["ServiceRequest/none"]
    assert updated(answered(client, body, SELECT)) == []


@pytest.mark.requirement("CRD-107", "hook-19")
def test_order_select_asks_for_no_papers(client: FlaskClient) -> None:
    found = answered(client, sign(without(hcc(), "size"), "order-select"), SELECT)
    said = stated(found)
    assert said["covered"] == "conditional"
    assert "doc-needed" not in said and "questionnaire" not in said
