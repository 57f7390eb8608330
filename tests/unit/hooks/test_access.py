"""A token is used only when the call allows it, and shows nowhere."""

import logging
from typing import Any

import pytest

from cds_service.hooks.request import HookRequest, read_hook_request
from cds_service.kernel.errors import CallError
from tests.unit.hooks.bodies import call, wire

ACCESS = {
    "access_token": "s3cret-t0ken",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "user/Patient.read",
    "subject": "cds-service",
}


def read(server: str | None = "https://ehr.example.org/fhir", **changes: Any) -> HookRequest:
    return read_hook_request(
        wire(call(fhirServer=server, fhirAuthorization={**ACCESS, **changes})), "order-sign"
    )


@pytest.mark.requirement("CH-068")
def test_a_sound_token_may_be_used() -> None:
    access = read(patient="p1").fhir_access
    assert access is not None
    assert (access.token, access.expires_in, access.subject) == ("s3cret-t0ken", 300, "cds-service")


@pytest.mark.requirement("CH-223")
def test_the_token_never_shows(caplog: pytest.LogCaptureFixture) -> None:
    request = read()
    logging.getLogger("x").warning("%s %r", request, request.fhir_access)
    for text in (repr(request), str(request), repr(request.fhir_access), caplog.text):
        assert "s3cret" not in text and "order-1" not in text


@pytest.mark.requirement("CH-058", "CH-094", "CH-237")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"server": None}, "without fhirServer"),
        ({"expires_in": 0}, "expired"),
        ({"expires_in": "-3"}, "expired"),
        ({"token_type": "MAC"}, "not Bearer"),
        ({"token_type": None}, "not Bearer"),
        ({"access_token": ""}, "empty"),
        ({"access_token": None}, "empty"),
        ({"access_token": "a\r\nX-Evil: 1"}, "header"),
        ({"access_token": "t\u00f6ken"}, "header"),
    ],
)
def test_a_token_that_may_not_be_used_is_left_out_with_the_reason(changes: dict[str, Any], why: str) -> None:
    request = read(**changes)
    assert request.fhir_access is None
    assert why in (request.access_problem or "")


@pytest.mark.parametrize(
    ("sent", "seconds"), [("300", 300), (30.5, 30.5), (None, None), ("soon", None), (True, None)]
)
def test_expiry_is_read_as_clients_send_it(sent: object, seconds: float | None) -> None:
    """cds-hooks.md 3.2: the sandbox may send expires_in as a string; an unknown life is no refusal."""
    access = read(expires_in=sent).fhir_access
    assert access is not None and access.expires_in == seconds


@pytest.mark.requirement("CH-239")
@pytest.mark.parametrize(
    "scope", ["patient/*.*", "system/Patient.rs", "Condition.Search (Problems) (R4)", ""]
)
def test_no_scope_text_is_a_reason_to_refuse(scope: str) -> None:
    assert read(scope=scope).fhir_access is not None


@pytest.mark.requirement("CH-240")
@pytest.mark.parametrize("patient", ["p2", "Patient/p2"])
def test_a_token_of_another_patient_stops_the_call(patient: str) -> None:
    with pytest.raises(CallError) as caught:
        read(patient=patient)
    assert (caught.value.status, caught.value.where) == (400, "fhirAuthorization.patient")
    assert "p2" not in caught.value.message
