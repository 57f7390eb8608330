"""The documentation loop without a browser: signed, judged with the EHR's data, answered, judged again."""

import json
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from cds_service.demo.ehr import running_ehr
from cds_service.web.app import create_app
from cds_service.web.desk import NAME
from tests import builders

Json = dict[str, Any]


@pytest.fixture(scope="module")
def ehr() -> Iterator[str]:
    """The address of an EHR with a chart that lacks a statement on resectability and the size."""
    order = {"requester": builders.DOCTOR, "authoredOn": date.today().isoformat()}  # noqa: DTZ011 - as charts have it
    chart = builders.changed(builders.without(builders.hcc(), "resectability", "size"), "order", **order)
    chart.sort(key=lambda each: each["resourceType"] not in ("Patient", "Practitioner"))
    with socket.create_server(("127.0.0.1", 0)) as listening, running_ehr(listening) as base:
        for each in chart:
            put(base, each)
        yield base


@pytest.fixture
def service(ehr: str, tmp_path: Path) -> Iterator[FlaskClient]:
    """The service, which may call that EHR."""
    app = create_app(
        knowledge=builders.knowledge(),
        auth="off",
        fhir_hosts="127.0.0.1",
        database_url=f"sqlite:///{tmp_path / 'records.sqlite3'}",
        signing_key=b"k" * 32,
    )
    yield app.test_client()
    app.extensions[NAME].tools.network.close()


def put(base: str, resource: Json) -> None:
    """Stores a resource in the EHR."""
    path = f"{base}/{resource['resourceType']}/{resource['id']}"
    headers = {"Content-Type": "application/fhir+json"}
    assert requests.put(path, data=json.dumps(resource), headers=headers, timeout=10).ok


def sign(service: FlaskClient, ehr: str, **extension: str) -> Json:
    """The answer to signing the order, with a token that this EHR takes; extension: of the call."""
    order = requests.get(f"{ehr}/ServiceRequest/order", timeout=10).json()
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
    body = {
        "hook": "order-sign",
        "hookInstance": "x",
        "fhirServer": ehr,
        "extension": extension,
        "fhirAuthorization": {
            "access_token": "t",
            "token_type": "Bearer",
            "scope": "user/*.rs",
            "subject": "s",
        },
        "context": {"userId": "Practitioner/doc", "patientId": "pat", "draftOrders": drafts},
    }
    got = service.post(
        "/cds-services/coverage-order-sign", data=json.dumps(body), content_type="application/json"
    )
    assert got.status_code == 200, got.get_data(as_text=True)
    return dict(got.get_json())


def evaluate(service: FlaskClient, handle: str, ehr: str, token: str = "", status: int = 200) -> Json:
    """What the form app gets."""
    body = {"handle": handle, "iss": ehr, "patient": "pat", "user": "Practitioner/doc", "access_token": token}
    got = service.post("/smart/evaluate", data=json.dumps(body), content_type="application/json")
    assert got.status_code == status, got.get_data(as_text=True)
    return dict(got.get_json())


def handle_of(answer: Json) -> str:
    """The handle on the card."""
    (link,) = [link for card in answer["cards"] for link in card["links"] if link["type"] == "smart"]
    return str(link["url"]).split("handle=")[1]


@pytest.mark.requirement("DTR-017", "dtr:spec-50", "dtr:spec-54")
@pytest.mark.parametrize(("centimetres", "outcome"), [(3.2, "meets-criteria"), (5.0, "investigational")])
def test_the_answer_follows_what_was_saved_under_the_same_assertion(
    service: FlaskClient, ehr: str, centimetres: float, outcome: str
) -> None:
    put(ehr, _form("in-progress", centimetres))
    handle = handle_of(sign(service, ehr))
    before = evaluate(service, handle, ehr)
    assert (before["outcome"], before["due"]) == ("needs-info", True)
    states = {each["id"]: each["state"] for each in before["criteria"]}
    assert {name for name, state in states.items() if state == "unknown"} == {"resectability", "size"}
    assert before["draft"]["status"] == "in-progress" and before["form"]["id"] == "liver-cryoablation"
    assert all(each["gaps"] for each in before["criteria"] if each["state"] == "unknown")
    put(ehr, _form("completed", centimetres))
    after = evaluate(service, handle, ehr, "a-token-of-the-person")
    assert (after["outcome"], after["due"]) == (outcome, False)
    assert after["assertion"] == before["assertion"] and after["form"] == before["form"]
    assert after["headline"] and "<" in after["detail"]


@pytest.mark.requirement("DTR-005")
@pytest.mark.parametrize(("version", "contexts"), [("2.0", 2), ("2.2", 1)])
def test_the_form_has_the_shape_of_the_version_that_the_call_asked_for(
    service: FlaskClient, ehr: str, version: str, contexts: int
) -> None:
    """2.0.1 names the coverage by qr-context, 2.2 by an extension of its own (crd-dtr.md 5.3)."""
    put(ehr, _form("in-progress", 3.2))
    view = evaluate(service, handle_of(sign(service, ehr, **{"davinci-crd.requestedVersion": version})), ehr)
    names = [part["url"].rpartition("/")[2] for part in view["draft"]["extension"]]
    assert view["version"] == version
    assert (names.count("qr-context"), names.count("qr-coverage")) == (contexts, 2 - contexts)


def _form(status: str, centimetres: float) -> Json:
    answers = {"resectability": "unresectable", "largest-tumor-diameter": builders.quantity(centimetres)}
    today = date.today().isoformat()  # noqa: DTZ011
    return builders.form(answers, name="answered", status=status, authored=f"{today}T00:00:00Z")


def test_the_order_is_that_of_the_record_where_the_ehr_does_not_store_drafts(
    service: FlaskClient, ehr: str
) -> None:
    put(ehr, _form("in-progress", 3.2))
    handle = handle_of(sign(service, ehr))
    order = requests.get(f"{ehr}/ServiceRequest/order", timeout=10).json()
    assert requests.delete(f"{ehr}/ServiceRequest/order", timeout=10).ok
    try:
        assert evaluate(service, handle, ehr)["outcome"] == "needs-info"
    finally:
        put(ehr, order)
