"""Every answer outside 2xx is an OperationOutcome that says what, where and what to do, and nothing more."""

import json

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from cds_service.audit.database import StoreError
from cds_service.kernel import errors
from cds_service.kernel.errors import CallError
from cds_service.web.desk import desk
from cds_service.web.problems import operation_outcome, overloaded

SIGN = "/cds-services/coverage-order-sign"
CONSTRUCTORS = [
    errors.not_json("x"),
    errors.invalid_call("x", "context", "y"),
    errors.unknown_service("x"),
    errors.unusable_coverage("x"),
    errors.not_trusted("x"),
    errors.not_allowed("x"),
    errors.too_large(1),
    errors.prefetch_unavailable("coverage"),
    overloaded(),
]


@pytest.mark.requirement("CH-062", "CRD-075", "G12", "hook-10")
@pytest.mark.parametrize("error", CONSTRUCTORS, ids=lambda error: error.code)
def test_an_error_becomes_an_outcome_with_code_place_and_way_out(error: CallError) -> None:
    outcome = operation_outcome(error)
    [issue] = outcome["issue"]
    assert outcome["resourceType"] == "OperationOutcome"
    assert issue["severity"] == "error" and issue["code"]
    assert issue["details"]["text"] == error.message
    assert issue["details"]["coding"][0]["code"] == error.code
    assert issue.get("diagnostics") == error.hint
    assert issue.get("expression") == ([error.where] if error.where else None)


@pytest.mark.requirement("CH-063")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/policies/nobody/nothing", 404),
        ("GET", "/static/../settings.py", 404),
        ("GET", "/static/none.css", 404),
        ("DELETE", "/cds-services", 405),
        ("GET", SIGN, 405),
        ("POST", "/health", 405),
        ("GET", "/determinations/none", 404),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_what_flask_refuses_is_an_outcome_too_and_never_a_page(
    method: str, path: str, status: int, accept: str, client: FlaskClient
) -> None:
    answer = client.open(path, method=method, headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (status, "application/fhir+json")
    assert json.loads(answer.data)["issue"][0]["details"]["text"]
    assert b"<" not in answer.data
    assert (status == 405) == ("Allow" in answer.headers)


@pytest.mark.requirement("CH-065")
def test_a_fault_inside_tells_the_caller_nothing_and_the_log_where(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message of a fault may hold a value of the call, so it goes nowhere."""

    def broken() -> None:
        raise KeyError("Mrs. Tamsin, born 1958")

    app.add_url_rule("/broken", view_func=broken)
    with structlog.testing.capture_logs() as entries:
        answer = app.test_client().get("/broken")
    assert (answer.status_code, answer.mimetype) == (500, "application/fhir+json")
    assert b"Tamsin" not in answer.data and b"KeyError" not in answer.data
    [entry] = entries
    assert entry["kind"] == "KeyError" and entry["at"][-1].startswith("test_problems.py:")
    assert "Tamsin" not in str(entry)
    assert app.test_client().get("/health").status_code == 200


def test_a_database_that_is_down_is_a_503_where_nothing_can_be_done_without_it(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise StoreError("OperationalError")

    with app.app_context():
        store = desk().store
    monkeypatch.setattr(store, "account", down)
    answer = client.get("/determinations/any")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json()["issue"][0]["details"]["coding"][0]["code"] == "store-failed"


@pytest.mark.requirement("CH-254")
def test_more_calls_at_once_than_can_be_answered_get_a_503_and_the_next_gets_through(
    client: FlaskClient, app: Flask
) -> None:
    """No unbounded queue: the caller learns at once that it has to come again."""
    with app.app_context():
        slots = desk().slots
    taken = 0
    while slots.acquire(blocking=False):
        taken += 1
    answer = client.post(SIGN, data=b"{}", content_type="application/json")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    for _ in range(taken):
        slots.release()
    assert client.post(SIGN, data=b"{}", content_type="application/json").status_code == 400


@pytest.mark.requirement("CH-059")
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 400),
        ("application/json; charset=utf-8", 400),
        ("application/fhir+json", 400),
        ("text/json", 400),
        (None, 400),
        ("text/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonx", 415),
    ],
)
def test_only_json_is_read(kind: str | None, status: int, client: FlaskClient) -> None:
    assert client.post(SIGN, data=b"[]", content_type=kind).status_code == status


def test_a_compressed_body_is_refused_so_that_it_cannot_explode(client: FlaskClient) -> None:
    answer = client.post(
        SIGN, data=b"x", headers={"Content-Encoding": "gzip"}, content_type="application/json"
    )
    assert answer.status_code == 415
