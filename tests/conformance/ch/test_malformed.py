"""Calls that cannot be read: each a clear refusal, none a fault, and the next call works."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.applications import desk_of
from tests.conformance.ch.calls import (
    SERVICES,
    answered,
    covered,
    in_context,
    post,
    refused,
    sign,
)

SOUND = json.dumps(sign()).encode()

BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "cut off": SOUND[:-1],
    "trailing comma": SOUND[:-1] + b",}",
    "comment": SOUND + b"// done",
    "two bodies": SOUND + SOUND,
    "single quotes": b"{'hook': 'order-sign'}",
    "UTF-16": SOUND.decode().encode("utf-16"),
    "Latin-1": SOUND.replace(b"pat", b"p\xe4t"),
    "byte order mark": b"\xef\xbb\xbf" + SOUND,
    "lone surrogate bytes": SOUND.replace(b"pat", b"p\xed\xa0\x80t"),
    "overlong bytes": SOUND.replace(b"pat", b"p\xc0\xaft"),
    "control sign": SOUND.replace(b"pat", b"p\x00t"),
    "NaN": SOUND.replace(b"3.2", b"NaN"),
    "Infinity": SOUND.replace(b"3.2", b"-Infinity"),
    "hexadecimal": SOUND.replace(b"3.2", b"0x3"),
    "form": b"hook=order-sign&context=",
    "HTML": b"<!DOCTYPE html><p>",
}
NO_OBJECTS: dict[str, bytes] = {
    "list": b"[]", "text": b'"order-sign"', "number": b"1", "null": b"null", "true": b"true",
    "list of calls": b"[%b]" % SOUND,
}  # fmt: skip
HOOKS = [..., None, "", " ", 7, ["order-sign"], {"hook": "order-sign"}]
FOREIGN = ["order-select", "order-dispatch", "patient-view", "ORDER-SIGN", "order_sign", "com.example.hook"]
CONTEXTS = [..., None, {}, "", "text", [], 7, [{}], {"x": 1}]
PATIENTS = [..., None, "", "  ", 7, True, ["pat"], {"id": "pat"}, "Patient/pat", "x" * 5000]
TRICKS = [
    "../x",
    "..",
    ".",
    "1&_include=*",
    "1%2F..",
    "a/b",
    "a\\b",
    "x?y=1",
    "x#y",
    "a b",
    "a\nb",
    "a\0b",
    "%00",
]
BUNDLES = [
    [], "Bundle", 7, True, [builders.order()], builders.order(), {}, {"entry": []},
    {"resourceType": "bundle"},
    {"resourceType": "Bundle", "entry": {}}, {"resourceType": "Bundle", "entry": "x"},
    {"resourceType": "Bundle", "entry": [1]}, {"resourceType": "Bundle", "entry": [[]]},
    {"resourceType": "Bundle", "entry": [{"resource": []}]},
    {"resourceType": "Bundle", "entry": [{"resource": {"id": "no-type"}}]},
    {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": 7}}]},
]  # fmt: skip
OLDEST = {
    "hook": "order-sign",
    "hookInstance": "x",
    "fhirServer": "http://fhir.example.org",
    "user": "Practitioner/1",
    "context": {"patientId": "1288992", "medications": {"resourceType": "Bundle", "entry": []}},
    "prefetch": {"medications": {"response": {"status": "200 OK"}, "resource": {"resourceType": "Bundle"}}},
}


def refusal(client: FlaskClient, body: Any, *statuses: int, **options: Any) -> dict[str, Any]:
    """The issue of a refusal; afterwards the service answers as before."""
    issue = refused(post(client, body, **options), *statuses)
    assert covered(answered(client, sign())) == "covered"
    return issue


@pytest.mark.requirement("CH-048", "G11", "S3", "hook-9")
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_json_is_a_400(client: FlaskClient, kind: str) -> None:
    assert BROKEN[kind] != SOUND
    assert refusal(client, BROKEN[kind], 400)["details"]["text"] == "The body is not UTF-8 encoded JSON."


@pytest.mark.requirement("CH-049")
@pytest.mark.parametrize("kind", NO_OBJECTS)
def test_a_body_that_is_no_object_is_a_400(client: FlaskClient, kind: str) -> None:
    assert "not a JSON object" in refusal(client, NO_OBJECTS[kind], 400)["details"]["text"]


@pytest.mark.requirement("CH-050")
@pytest.mark.parametrize("hook", HOOKS)
def test_a_missing_hook_is_a_400(client: FlaskClient, hook: Any) -> None:
    assert refusal(client, sign(hook=hook), 400)["expression"] == ["hook"]


@pytest.mark.requirement("CH-051", "hook-9")
@pytest.mark.parametrize("hook", FOREIGN)
def test_a_hook_that_is_not_the_services_own_is_a_400(client: FlaskClient, hook: str) -> None:
    assert refusal(client, {**sign(), "hook": hook}, 400)["expression"] == ["hook"]


@pytest.mark.requirement("CH-052")
@pytest.mark.parametrize("instance", [..., None, "", 7, [], {"id": "x"}])
def test_a_missing_hook_instance_is_a_400(client: FlaskClient, instance: Any) -> None:
    assert refusal(client, sign(hookInstance=instance), 400)["expression"] == ["hookInstance"]


@pytest.mark.requirement("CH-053")
@pytest.mark.parametrize("context", CONTEXTS)
def test_a_missing_or_empty_context_is_a_400(client: FlaskClient, context: Any) -> None:
    assert refusal(client, sign(context=context), 400)["expression"][0].startswith("context")


@pytest.mark.requirement("CH-054")
@pytest.mark.parametrize("patient", PATIENTS)
def test_a_missing_or_senseless_patient_id_is_a_400(client: FlaskClient, patient: Any) -> None:
    assert refusal(client, in_context(sign(), patientId=patient), 400)["expression"] == ["context.patientId"]


@pytest.mark.requirement("CH-233")
@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("patient", TRICKS)
def test_a_patient_id_full_of_tricks_is_a_400(client: FlaskClient, patient: str) -> None:
    access = {"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": "s", "subject": "c"}
    body = sign(prefetch=..., fhirServer="https://ehr.example.org/fhir", fhirAuthorization=access)
    issue = refusal(client, in_context(body, patientId=patient), 400)
    assert issue["expression"] == ["context.patientId"]


@pytest.mark.requirement("CH-055")
@pytest.mark.parametrize("orders", [..., None])
def test_missing_draft_orders_are_a_400(client: FlaskClient, orders: Any) -> None:
    assert refusal(client, in_context(sign(), draftOrders=orders), 400)["expression"] == [
        "context.draftOrders"
    ]


@pytest.mark.requirement("CH-056")
@pytest.mark.parametrize("orders", BUNDLES)
def test_draft_orders_that_are_no_bundle_of_resources_are_a_400(client: FlaskClient, orders: Any) -> None:
    issue = refusal(client, in_context(sign(), draftOrders=orders), 400)
    assert issue["expression"][0].startswith("context.draftOrders")


@pytest.mark.requirement("CH-057")
@pytest.mark.parametrize(
    "name", ["nobody", "order-sign", "Coverage-Order-Sign", "%00", "<script>", "a" * 5000]
)
def test_an_unknown_service_is_a_404_in_json(client: FlaskClient, name: str) -> None:
    answer = client.post(f"/cds-services/{name}", json=sign())
    assert "no service" in refused(answer, 404)["details"]["text"]
    assert len(answer.data) < 1000


@pytest.mark.requirement("CH-058")
@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("server", [..., None, ""])
def test_access_data_without_a_server_causes_no_outside_call(client: FlaskClient, server: Any) -> None:
    access = {"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": "s", "subject": "c"}
    assert covered(answered(client, sign(fhirAuthorization=access, fhirServer=server))) == "covered"
    refused(post(client, sign(prefetch=..., fhirAuthorization=access, fhirServer=server)), 412)


@pytest.mark.requirement("CH-064")
def test_a_call_of_the_oldest_shape_is_a_400(client: FlaskClient) -> None:
    refusal(client, OLDEST, 400)


@pytest.mark.requirement("CH-065", "CH-063", "CH-062", "G12", "hook-10")
def test_a_fault_inside_is_a_500_that_tells_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, written: Any
) -> None:
    """Neither to the caller nor, of the patient, to the log."""
    secret = "Patient Zero, born 1970-01-01"

    def fail(*_: Any) -> None:
        raise RuntimeError(secret)

    with monkeypatch.context() as patch:
        patch.setattr("cds_service.web.cds.decide", fail)
        answer = post(client, sign())
    issue = refused(answer, 500)
    assert issue["code"] == "exception"
    for word in ("Traceback", "RuntimeError", "Zero", ".py", "decide"):
        assert word not in answer.text
    said = written()
    assert "fault" in said and "RuntimeError" in said and "Zero" not in said
    assert covered(answered(client, sign())) == "covered"


@pytest.mark.requirement("CH-062", "CH-063", "G12", "hook-10")
@pytest.mark.parametrize("service", SERVICES)
def test_no_error_body_tells_more_than_what_is_wrong(client: FlaskClient, service: str) -> None:
    """Every refusal above all services: an OperationOutcome, and nothing of the call's values in it."""
    secret = "s3cret-value"
    bodies: list[Any] = [
        b"[", {}, {"hook": secret},
        {"hook": "order-sign", "hookInstance": secret, "context": {secret: secret}},
        {"hook": "order-sign", "hookInstance": secret, "context": {"patientId": f"{secret}/x"}},
        sign(fhirAuthorization={"access_token": {secret: 1}}), sign(fhirAuthorization={"patient": secret}),
        sign(prefetch=..., fhirServer=f"https://{secret}.example",
             fhirAuthorization={"access_token": secret}),
        sign(extension={"davinci-crd.requestedVersion": secret}),
    ]  # fmt: skip
    for body in bodies:
        answer = post(client, body, service)
        refused(answer, 400, 412)
        for word in (
            secret,
            "<html",
            "Traceback",
            "SELECT",
            str(desk_of(client.application).store.engine.url),
        ):
            assert word not in answer.text
