"""The HAPI FHIR server of these tests behaves as an EHR: it stores, searches, validates, asks for a token."""

import json
from uuid import uuid4

import pytest
import requests

from tests.hapi.engine import PROFILES, Server

pytestmark = pytest.mark.hapi

FHIR_JSON = {"Content-Type": "application/fhir+json"}


def _put(base: str, resource: dict[str, object], **headers: str) -> requests.Response:
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return requests.put(url, data=json.dumps(resource), headers=FHIR_JSON | headers, timeout=60)


def test_what_is_written_is_found_at_once_and_page_by_page(hapi_server: Server) -> None:
    """Thirty Conditions stored before their patient come back on two pages of twenty at most."""
    patient = f"p-{uuid4()}"
    for number in range(30):
        condition = {
            "resourceType": "Condition",
            "id": f"c{number}-{patient}",
            "subject": {"reference": f"Patient/{patient}"},
        }
        assert _put(hapi_server.base, condition).status_code == 201
    first = requests.get(f"{hapi_server.base}/Condition?patient={patient}", timeout=60).json()
    links = {link["relation"]: link["url"] for link in first["link"]}
    second = requests.get(links["next"], timeout=60).json()
    ids = {entry["resource"]["id"] for page in (first, second) for entry in page["entry"]}
    assert len(first["entry"]) == 20
    assert len(ids) == 30


def test_the_secured_address_asks_for_the_token(hapi_server: Server) -> None:
    """401 without or with a wrong token, 200 with the right one; the statement of capabilities stays open."""
    url = f"{hapi_server.secured}/Patient?_summary=count"
    assert requests.get(url, timeout=60).status_code == 401
    assert requests.get(url, headers={"Authorization": "Bearer wrong"}, timeout=60).status_code == 401
    right = {"Authorization": f"Bearer {hapi_server.token}"}
    assert requests.get(url, headers=right, timeout=60).status_code == 200
    assert requests.get(f"{hapi_server.secured}/metadata", timeout=60).status_code == 200


def test_the_server_takes_our_profile_and_validates_by_it(hapi_server: Server) -> None:
    """By our profile, which the server was given: an order with a code passes, one without does not."""
    profile = json.loads((PROFILES / "structuredefinitions" / "order.json").read_text())
    for name in ("order-trigger", "bodysite-liver"):
        _put(hapi_server.base, json.loads((PROFILES / "valuesets" / f"{name}.json").read_text()))
    assert _put(hapi_server.base, profile).status_code in {200, 201}
    url = f"{hapi_server.base}/ServiceRequest/$validate?profile={profile['url']}"
    for label, name, wanted in (("valid", "order-as-sent", False), ("invalid", "order-without-code", True)):
        order = (PROFILES / "examples" / label / f"{name}.json").read_text()
        outcome = requests.post(url, data=order, headers=FHIR_JSON, timeout=60).json()
        severities = {issue["severity"] for issue in outcome["issue"]}
        assert ("error" in severities) is wanted, outcome
