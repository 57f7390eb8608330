"""Order-dispatch and appointment-book: orders by reference, contexts without a user, senseless times."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.builders import hcc, order
from tests.conformance.ch.calls import (
    answered,
    collection,
    covered,
    in_prefetch,
    post,
    prefetched,
    refused,
    searchset,
    sign,
)
from tests.conformance.ch.ehrs import TOKEN, bearers, ehr_with, paths, through
from tests.integration.loopback import Handler

DISPATCH, BOOK = "coverage-order-dispatch", "coverage-appointment-book"
TASK = {"resourceType": "Task", "id": "t1", "status": "draft", "focus": {"reference": "ServiceRequest/order"}}
DIALECTS: dict[str, dict[str, Any]] = {
    "1.1": {"dispatchedOrders": ["ServiceRequest/order"], "fulfillmentTasks": [TASK]},
    "drafts of 1.1": {"dispatched-orders": ["ServiceRequest/order"], "fulfillment-tasks": [TASK]},
    "1.0": {"order": "ServiceRequest/order", "task": TASK},
}


def dispatch(dialect: str = "1.1", **changes: Any) -> dict[str, Any]:
    """A dispatched order, stored at the EHR and sent as prefetch."""
    context = {"patientId": "pat", "performer": "Organization/lab", **DIALECTS[dialect], **changes}
    stored = prefetched(hcc(), serviceRequests=searchset(order(status="active")))
    return sign(hook="order-dispatch", context=context, prefetch=stored)


def visit(**changes: Any) -> dict[str, Any]:
    """A proposed appointment for the order."""
    plain = {
        "resourceType": "Appointment",
        "id": "visit",
        "status": "proposed",
        "start": "2026-12-01T09:00:00Z",
        "end": "2026-12-01T10:00:00Z",
        "basedOn": [{"reference": "ServiceRequest/order"}],
        "participant": [{"actor": builders.PATIENT, "status": "needs-action"}],
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


def booking(*visits: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Appointments as they are booked, with the order as prefetch."""
    context = {
        "userId": "Patient/pat",
        "patientId": "pat",
        "appointments": collection(*(visits or [visit()])),
    }
    context = {name: value for name, value in {**context, **changes}.items() if value is not ...}
    stored = prefetched(hcc(), serviceRequests=searchset(order()))
    return sign(hook="appointment-book", context=context, prefetch=stored)


def addressed(body: dict[str, Any]) -> list[str]:
    """What the system actions update."""
    orders = [action["resource"] for action in body["systemActions"]]
    return [f"{each['resourceType']}/{each['id']}" for each in orders]


@pytest.mark.requirement("CH-124", "H6")
def test_a_dispatched_order_is_judged_without_a_user(client: FlaskClient) -> None:
    body = dispatch()
    assert "userId" not in body["context"] and "encounterId" not in body["context"]
    found = answered(client, body, DISPATCH)
    assert addressed(found) == ["ServiceRequest/order"]
    assert len(found["cards"]) == 1


@pytest.mark.requirement("CH-125")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_of_order_dispatch_is_read(client: FlaskClient, dialect: str) -> None:
    assert addressed(answered(client, dispatch(dialect), DISPATCH)) == ["ServiceRequest/order"]


@pytest.mark.requirement("CH-124", "CH-068", "P9", "H6")
def test_a_dispatched_order_is_read_from_the_ehr_with_the_token(client: FlaskClient) -> None:
    """Order, patient, coverage and chart: nothing was prefetched, and the verdict is as at the signature."""

    def orders(handler: Handler) -> None:
        by_id = handler.path.startswith("/fhir/ServiceRequest/order")
        handler.answer(order() if by_id else searchset())

    with ehr_with(ServiceRequest=orders) as ehr:
        found = answered(client, through(ehr, {**dispatch(), "prefetch": {}}), DISPATCH)
        assert covered(found) == "covered"
        assert "ServiceRequest/order" in paths(ehr)
        assert bearers(ehr) == {f"Bearer {TOKEN}"}


@pytest.mark.requirement("CH-126", "CH-066", "S2", "H6")
@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("orders", [..., searchset(), searchset(order(name="another"))])
def test_a_dispatched_order_out_of_reach_is_a_412(client: FlaskClient, orders: Any) -> None:
    answer = post(client, in_prefetch(dispatch(), serviceRequests=orders), DISPATCH)
    assert refused(answer, 412)["code"] == "required"
    assert "pat" not in answer.text


@pytest.mark.requirement("CH-124")
@pytest.mark.parametrize("orders", [..., None, [], "", [7], {}, [{}], [""]])
def test_a_dispatch_of_nothing_is_a_400(client: FlaskClient, orders: Any) -> None:
    body = dispatch()
    context = {**body["context"], "dispatchedOrders": orders}
    context = {name: value for name, value in context.items() if value is not ...}
    assert refused(post(client, {**body, "context": context}, DISPATCH), 400)["code"] == "structure"


@pytest.mark.requirement("CH-125")
@pytest.mark.parametrize("tasks", ["Task/t1", [], None, ["Task/t1"], [7], {}])
def test_tasks_of_any_shape_change_nothing(client: FlaskClient, tasks: Any) -> None:
    """The logical model has them as texts, the text of the hook as resources."""
    body = dispatch(fulfillmentTasks=tasks)
    assert addressed(answered(client, body, DISPATCH)) == ["ServiceRequest/order"]


@pytest.mark.requirement("CH-127", "H7")
@pytest.mark.parametrize(
    "user", ["Patient/pat", "RelatedPerson/mother", "Practitioner/doc", "PractitionerRole/clerk"]
)
def test_anybody_may_book(client: FlaskClient, user: str) -> None:
    body = booking(userId=user)
    assert "encounterId" not in body["context"]
    assert addressed(answered(client, body, BOOK)) == ["ServiceRequest/order"]


@pytest.mark.requirement("CH-128")
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2020-10-11T10:00:00.000", "2020-10-11T010:10:00.000"),
        ("yesterday", None),
        ("", ""),
        (7, {}),
        (..., ...),
        ("2026-13-45T99:99:99Z", "2026-12-01"),
        ("9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z"),
    ],
)
def test_senseless_times_cause_no_fault(client: FlaskClient, start: Any, end: Any) -> None:
    assert post(client, booking(visit(start=start, end=end)), BOOK).status_code == 200


@pytest.mark.requirement("CH-128")
def test_the_same_appointment_twice_gets_one_answer(client: FlaskClient) -> None:
    """As the hook's own page shows it, with one id in two entries."""
    once, twice = (answered(client, booking(*[visit()] * number), BOOK) for number in (1, 2))
    assert addressed(once) == addressed(twice)
    assert len(once["cards"]) == len(twice["cards"])


@pytest.mark.requirement("CH-127")
@pytest.mark.parametrize("appointments", [..., None, [], {}, visit(), "x"])
def test_missing_appointments_are_a_400(client: FlaskClient, appointments: Any) -> None:
    answer = post(client, booking(appointments=appointments), BOOK)
    assert refused(answer, 400)["expression"][0].startswith("context.appointments")
