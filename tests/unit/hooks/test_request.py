"""The hook envelope is read strictly where we need it and survives everything else."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.hooks.request import HookRequest, read_hook_request
from cds_service.kernel.errors import CallError
from tests.unit.hooks.bodies import ORDER, bundle, call, wire

CAPTURED = Path(__file__).parents[4] / "shared/reference"
HOOKS = ("order-sign", "order-select", "order-dispatch", "appointment-book")


def read(body: object, hook: str | tuple[str, ...] = "order-sign") -> HookRequest:
    return read_hook_request(body if isinstance(body, bytes) else wire(body), hook)


def refusal(body: object, hook: str = "order-sign") -> CallError:
    with pytest.raises(CallError) as caught:
        read(body, hook)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.requirement("CH-028", "CH-032", "CH-033")
def test_a_call_is_read_with_only_what_it_must_have() -> None:
    request = read(call())
    assert (request.hook, request.patient_id, request.user_id) == ("order-sign", "p1", "Practitioner/x")
    assert request.hook_instance == "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
    assert [order.resource for order in request.draft_orders] == [ORDER]
    assert request.prefetch == {} and request.fhir_access is None and request.ignored == 0


@pytest.mark.requirement("CH-048", "CH-049")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"\xff{}",
        b'{"hook": NaN}',
        b'{"hook": "\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1} x',
    ],
)
def test_what_is_not_json_is_called_so(body: bytes) -> None:
    assert refusal(body).code == "not-json"


@pytest.mark.requirement("CH-049")
@pytest.mark.parametrize("body", [[], "x", 3, None, True])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert refusal(body).code == "invalid-call"


@pytest.mark.requirement("CH-050", "CH-051", "CH-052", "CH-053", "CH-054", "CH-055", "CH-056", "CH-064")
@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({name: value for name, value in call().items() if name != "hook"}, "hook"),
        ({**call(), "hook": ""}, "hook"),
        ({**call(), "hook": "patient-view"}, "hook"),
        ({**call(), "hook": ["order-sign"]}, "hook"),
        (call(hookInstance=None), "hookInstance"),
        (call(hookInstance=""), "hookInstance"),
        (call(hookInstance=7), "hookInstance"),
        (call(hookInstance="x" * 1001), "hookInstance"),
        (call(context=None), "context"),
        (call(context=[]), "context"),
        (call(context={}), "context.patientId"),
        (call(context={"patientId": "p1"}), "context.draftOrders"),
        (call(context={"patientId": 5}), "context.patientId"),
        (call(context={"patientId": "  "}), "context.patientId"),
        (call(context={"patientId": "p1", "medications": bundle()}), "context.draftOrders"),
        (call(context={"patientId": "p1", "draftOrders": []}), "context.draftOrders"),
        (call(context={"patientId": "p1", "draftOrders": ORDER}), "context.draftOrders"),
        (call(context={"patientId": "p1", "draftOrders": bundle(entry={})}), "context.draftOrders.entry"),
        (call(context={"patientId": "p1", "draftOrders": bundle(entry=[1])}), "context.draftOrders.entry[0]"),
        (
            call(context={"patientId": "p1", "draftOrders": bundle(ORDER, {"id": "x"})}),
            "context.draftOrders.entry[1].resource",
        ),
        (call(context={"patientId": "p1", "userId": {}, "draftOrders": bundle()}), "context.userId"),
        (call(fhirServer=3), "fhirServer"),
        (call(fhirAuthorization="token"), "fhirAuthorization"),
        (call(fhirAuthorization={"access_token": 1}), "fhirAuthorization.access_token"),
        (call(prefetch=[]), "prefetch"),
    ],
)
def test_each_wrong_member_is_named(body: object, where: str) -> None:
    error = refusal(body)
    assert (error.code, error.where) == ("invalid-call", where)
    assert error.message


@pytest.mark.requirement("CH-233")
@pytest.mark.parametrize(
    "patient", ["../x", "1&_include=*", "1%2F..", "..", ".", "a b", "Patient/p1", "a?b", "a#b"]
)
def test_a_patient_id_that_could_change_a_query_is_refused(patient: str) -> None:
    body = call(context={"patientId": patient, "draftOrders": bundle()})
    assert refusal(body).where == "context.patientId"


@pytest.mark.requirement("CH-109")
@pytest.mark.parametrize("patient", ["e" * 194, "a.b-c", "caf\u00e9", "x\u2011y"])
def test_a_patient_id_longer_or_odder_than_fhir_allows_is_taken(patient: str) -> None:
    assert read(call(context={"patientId": patient, "draftOrders": bundle()})).patient_id == patient


@pytest.mark.requirement("CH-061")
@pytest.mark.parametrize("depth", [100, 1_000, 10_000, 200_000])
@pytest.mark.parametrize("place", ["context", "prefetch", "extension", "unknown"])
def test_deep_nesting_is_refused_or_survived(depth: int, place: str) -> None:
    deep = "[" * depth + "]" * depth
    body = json.dumps(call(**{place: {"patientId": "p1", "x": "@"}})).replace('"@"', deep).encode()
    if place == "context" or depth >= 1_000:
        assert "nested" in refusal(body).message
    else:
        assert read(body).patient_id == "p1"


@pytest.mark.requirement("CH-061")
@pytest.mark.parametrize(
    "body",
    [
        '{"hook":"order-sign","hook":"order-sign",@}',
        '{"hook":"order-sign", @, "context" : {"patientId":"p2"}}',
        '{"h\\u006fok":"order-sign","hook":"order-sign",@}',
        '{"hook":"order-sign",@,"prefetch":{"a":12,"a":1}}',
        '{"hook":"order-sign",@,"prefetch":{"a":{},"a":{}}}',
        '{"hook":"order-sign","hookInstance":"i","context":{"patientId":"p1","patientId":"p2","draftOrders":{}}}',
        '{"hook":"order-sign","hookInstance":"i","context":{"patientId":"p1","draftOrders":'
        '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"X","id":"1","id":"2"}}]}}}',
    ],
)
def test_a_member_that_stands_twice_is_refused(body: str) -> None:
    rest = json.dumps({name: value for name, value in call().items() if name != "hook"})[1:-1]
    assert "once" in (refusal(body.replace("@", rest).encode()).hint or "")


@pytest.mark.requirement("CH-034", "CH-036", "CH-123")
def test_unknown_members_are_ignored_and_counted() -> None:
    context = {**call()["context"], "selections": ["x"], "novel": 1}
    access = {"access_token": "t", "token_type": "Bearer", "expires_in": 30, "scope": "", "extra": 1}
    body = call(
        context=context, other=[], fhirServer="https://e.org", fhirAuthorization=access, prefetch={"foo": 1}
    )
    request = read(body)
    assert request.ignored == 4
    assert request.prefetch == {"foo": b"1"}
    assert request.selections == ()


@pytest.mark.requirement("CH-035")
def test_vendor_extensions_are_survived() -> None:
    extension = {"com.epic.cdshooks.request.bpa-trigger-action": "23", "a-b": {"x": 1}}
    assert read(call(extension=extension)).ignored == 2


def test_crd_configuration_and_version_are_read() -> None:
    """CRD 2.2: `davinci-crd.configuration` and `davinci-crd.requestedVersion` of the request extension."""
    extension = {"davinci-crd.configuration": {"max-cards": 3}, "davinci-crd.requestedVersion": "2.2"}
    request = read(call(extension=extension))
    assert (request.configuration, request.requested_version) == ({"max-cards": 3}, "2.2")
    assert request.ignored == 0


@pytest.mark.parametrize(
    "extension", ["x", [], 5, {"davinci-crd.configuration": 1}, {"davinci-crd.requestedVersion": {}}]
)
def test_nonsense_in_the_extension_never_fails_a_call(extension: object) -> None:
    """CRD dev-6: wrong types in the configuration are survived."""
    request = read(call(extension=extension))
    assert (request.configuration, request.requested_version, request.ignored) == ({}, None, 1)


@pytest.mark.requirement("CH-040", "CH-041")
def test_order_of_members_blanks_and_escapes_do_not_matter() -> None:
    body = call(prefetch={"patient": {"name": "Zo\u00eb \U0001f600"}})
    plain, odd = (
        read(body),
        json.dumps(dict(reversed(body.items())), indent=3).replace('"hook"', '"h\\u006fok"'),
    )
    request = read(odd.encode())
    assert request.draft_orders == plain.draft_orders
    assert json.loads(request.prefetch["patient"] or b"") == {"name": "Zo\u00eb \U0001f600"}


def test_decimals_of_an_order_keep_their_digits() -> None:
    """The order goes back as it came: 7.10 stays 7.10."""
    order = wire(call()).replace(b'"draft"', b'"draft","quantityQuantity":{"value":7.10}')
    assert str(read(order).draft_orders[0].resource["quantityQuantity"]["value"]) == str(Decimal("7.10"))


@pytest.mark.requirement("CH-100", "CH-101", "CH-102", "CH-104", "CH-105", "CH-111", "CH-113", "CH-114")
def test_every_shape_of_draft_orders_is_read() -> None:
    shapes = [
        bundle(ORDER, type="collection"),
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "entry": None},
        {"resourceType": "Bundle", "entry": []},
        bundle({"resourceType": "MedicationOrder", "patient": {}}, {"resourceType": "Medication"}),
        {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": ORDER}, {"fullUrl": "x"}]},
        bundle({**ORDER, "category": {}, "code": {"coding": [{}]}}),
    ]
    found = [read(call(context={"patientId": "p1", "draftOrders": shape})) for shape in shapes]
    assert [len(request.draft_orders) for request in found] == [1, 0, 0, 0, 2, 1, 1]
    assert found[5].draft_orders[0].full_url == "urn:uuid:1" and found[5].ignored == 1


@pytest.mark.requirement("CH-037", "CH-038", "CH-039", "CH-047", "CH-127")
@pytest.mark.parametrize(
    "user", ["Practitioner/x", "PractitionerRole/x", "Patient/x", "RelatedPerson/x", None]
)
@pytest.mark.parametrize("hook", HOOKS)
def test_user_and_encounter_may_be_anyone_or_nobody(hook: str, user: str | None) -> None:
    body = call(hook)
    body["context"]["userId"] = user
    assert read(body, hook).user_id == user
    assert read(body, hook).encounter_id is None


@pytest.mark.requirement("CH-045")
def test_one_service_may_answer_several_hooks() -> None:
    assert read(call("order-select"), ("order-sign", "order-select")).selections == (
        "ServiceRequest/order-1",
    )


@pytest.mark.requirement("CH-121")
def test_selections_of_the_wrong_type_are_named() -> None:
    body = call("order-select")
    body["context"]["selections"] = [{}]
    assert refusal(body, "order-select").where == "context.selections"


@pytest.mark.requirement("CH-124", "CH-125")
@pytest.mark.parametrize(
    "fields",
    [
        {"dispatchedOrders": ["ServiceRequest/order-1"], "fulfillmentTasks": [{"id": "t1"}]},
        {"dispatched-orders": ["ServiceRequest/order-1"], "fulfillment-tasks": [{"id": "t1"}]},
        {"order": "ServiceRequest/order-1", "task": {"id": "t1"}},
    ],
)
def test_order_dispatch_is_read_in_all_three_dialects(fields: dict[str, Any]) -> None:
    body = call("order-dispatch", context={"patientId": "p1", "performer": "Organization/o1", **fields})
    request = read(body, "order-dispatch")
    assert (request.dispatched, request.performer) == (("ServiceRequest/order-1",), "Organization/o1")
    assert request.tasks == ({"id": "t1"},) and request.ignored == 0


@pytest.mark.parametrize("orders", [None, [], "", [7], {}])
def test_a_dispatch_without_orders_is_refused(orders: object) -> None:
    """CDS Hooks order-dispatch: dispatchedOrders is required."""
    body = call("order-dispatch", context={"patientId": "p1", "dispatchedOrders": orders})
    assert refusal(body, "order-dispatch").where == "context.dispatchedOrders"


@pytest.mark.requirement("CH-128")
def test_appointments_are_read_as_sent() -> None:
    appointment = {"resourceType": "Appointment", "id": "1", "end": "2013-12-10T25:99Z"}
    body = call(
        "appointment-book", context={"patientId": "p1", "appointments": bundle(appointment, appointment)}
    )
    assert [item.resource for item in read(body, "appointment-book").appointments] == [appointment] * 2


@pytest.mark.requirement("CH-074", "CH-075")
def test_prefetch_is_kept_as_sent_and_null_apart_from_absent() -> None:
    sent = b'{"hook":"order-sign","hookInstance":"i","context":%b,"prefetch":%b}'
    request = read(sent % (wire(call()["context"]), b'{"patient": {"a": 1.50} ,"coverage":null}'))
    assert request.prefetch == {"patient": b'{"a": 1.50}', "coverage": None}
    assert read(call(prefetch=None)).prefetch == {} == read({**call(), "prefetch": None}).prefetch


@pytest.mark.requirement("CH-046")
def test_fifty_orders_are_read() -> None:
    orders = [{**ORDER, "id": str(number)} for number in range(50)]
    assert len(read(call(context={"patientId": "p1", "draftOrders": bundle(*orders)})).draft_orders) == 50


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part, max_size=3),
    max_leaves=6,
)
PLACES = st.sampled_from(
    [
        ("hook",), ("hookInstance",), ("context",), ("fhirServer",), ("fhirAuthorization",), ("prefetch",),
        ("extension",), ("context", "patientId"), ("context", "userId"), ("context", "draftOrders"),
        ("context", "selections"), ("context", "appointments"), ("context", "dispatchedOrders"),
        ("context", "fulfillmentTasks"), ("context", "draftOrders", "entry"),
    ]
)  # fmt: skip


@given(hook=st.sampled_from(HOOKS), place=PLACES, value=Json)
def test_any_value_in_any_place_is_read_or_refused_by_name(
    hook: str, place: tuple[str, ...], value: object
) -> None:
    """Nothing a client sends reaches the caller as anything but a request or a CallError (CH-053)."""
    body: Any = call(hook)
    target = body
    for name in place[:-1]:
        target = target.setdefault(name, {})
    target[place[-1]] = value
    try:
        request = read(body, hook)
    except CallError as error:
        answer = error.status, bool(error.message)
    else:
        answer = (400, request.hook == hook)
    assert answer == (400, True)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_refused_by_name(body: bytes) -> None:
    with pytest.raises(CallError):
        read(body)


@pytest.mark.skipif(not CAPTURED.is_dir(), reason="the captured bodies are not beside this checkout")
@pytest.mark.requirement("CH-123")
def test_bodies_of_real_clients_are_read() -> None:
    for path in sorted(CAPTURED.glob("clients/sandbox-order-*.json")):
        hook = "order-select" if "order-select" in path.name else "order-sign"
        if "no-draftorders" in path.name:
            assert refusal(path.read_bytes(), hook).where == "context.draftOrders"
        else:
            assert read(path.read_bytes(), hook).patient_id == "pat-1"
    for path in sorted(CAPTURED.glob("davinci-crd/inferno-crd-test-kit/preset_*_bodies.json")):
        for body in json.loads(path.read_bytes()):
            if body["hook"] in HOOKS:
                assert read(body, body["hook"]).fhir_access is not None or "fhirAuthorization" not in body
