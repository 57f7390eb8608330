"""CDS Hooks discovery: where it is, what it says of each service, and that it can be read by anybody."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.applications import desk_of
from tests.conformance.ch.calls import SERVICES, post, sign

ROOT = Path(__file__).parents[3]
Walked = Iterator[tuple[str, Any]]


@pytest.fixture
def services(client: FlaskClient) -> list[dict[str, Any]]:
    """The services as discovery lists them."""
    listed = client.get("/cds-services").get_json()["services"]
    assert listed
    return list(listed)


def walk(value: Any, path: str = "") -> Walked:
    """Every value of a document with the place it stands at."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from walk(item, f"{path}/{name}")


@pytest.mark.requirement("CH-001", "CH-003", "D1", "D2", "D3")
def test_discovery_is_a_200_with_the_list_of_services(client: FlaskClient) -> None:
    answer = client.get("/cds-services")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert isinstance(answer.get_json(), dict)
    assert isinstance(answer.get_json()["services"], list)


@pytest.mark.requirement("CH-002", "G1", "G7")
def test_the_bytes_of_discovery_are_strict_json(client: FlaskClient) -> None:
    """UTF-8 without a byte order mark; no NaN, no doubled member, nothing a strict reader would choke on."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    raw = client.get("/cds-services").data
    assert raw.startswith(b"{")
    json.loads(raw.decode("utf-8"), parse_constant=refuse, object_pairs_hook=once)


@pytest.mark.requirement("CH-004", "CH-005", "D5", "D6", "D7", "D8", "G6")
def test_every_service_says_hook_id_description_and_title(services: list[dict[str, Any]]) -> None:
    for service in services:
        for name in ("hook", "id", "description", "title"):
            assert isinstance(service[name], str) and service[name].strip()


@pytest.mark.requirement("CH-006", "G3", "G5")
def test_nothing_in_discovery_is_null_or_empty(client: FlaskClient) -> None:
    empty = [
        path for path, value in walk(client.get("/cds-services").get_json()) if value in (None, "", [], {})
    ]
    assert not empty


@pytest.mark.requirement("CH-007", "D8")
def test_every_listed_id_takes_a_post_below_the_same_base(
    client: FlaskClient, services: list[dict[str, Any]]
) -> None:
    """An empty object is no call, and the service that is there says so."""
    assert {service["id"] for service in services} == set(SERVICES)
    for service in services:
        answer = post(client, {}, service["id"])
        assert answer.status_code == 400
        assert answer.get_json()["issue"][0]["expression"] == ["hook"]


@pytest.mark.requirement("CH-009", "D9", "D10")
def test_prefetch_maps_plain_keys_to_filled_queries(services: list[dict[str, Any]]) -> None:
    for service in services:
        assert service["prefetch"]
        for key, template in service["prefetch"].items():
            assert re.fullmatch(r"\S+", key)
            assert isinstance(template, str) and template.strip()


@pytest.mark.requirement("CH-017", "D11")
def test_usage_requirements_say_what_is_lost_without_fhir_access(services: list[dict[str, Any]]) -> None:
    for service in services:
        said = service["usageRequirements"]
        assert "fhirServer" in said and "without that access" in said


@pytest.mark.requirement("CH-020", "G9")
def test_every_extension_is_an_object_with_namespaced_keys(client: FlaskClient) -> None:
    document = client.get("/cds-services").get_json()
    found = [value for path, value in walk(document) if path.endswith("/extension")]
    assert len(found) == len(SERVICES)
    for extension in found:
        assert isinstance(extension, dict)
        assert all(re.fullmatch(r"[a-z-]+(\.[A-Za-z-]+)+", key) for key in extension)


@pytest.mark.requirement("CH-021", "CH-022", "CH-023")
def test_ids_are_unique_and_safe_as_one_segment_of_a_path(services: list[dict[str, Any]]) -> None:
    ids = [service["id"] for service in services]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in ids)


@pytest.mark.requirement("CH-025", "D1")
@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json+fhir", "text/html", None])
def test_any_accept_header_gets_the_same_discovery(client: FlaskClient, accept: str | None) -> None:
    headers = {"Accept": accept} if accept else {}
    answer = client.get("/cds-services", headers=headers)
    assert answer.status_code == 200
    assert answer.data == client.get("/cds-services").data


@pytest.mark.requirement("CH-027")
def test_a_trailing_slash_does_no_harm(client: FlaskClient) -> None:
    assert client.get("/cds-services/").data == client.get("/cds-services").data


@pytest.mark.requirement("CH-024")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/cds-services"),
        ("DELETE", "/cds-services"),
        *[("GET", f"/cds-services/{name}") for name in SERVICES],
        ("PUT", f"/cds-services/{SERVICES[0]}"),
        ("GET", f"/cds-services/{SERVICES[0]}/feedback"),
        ("TRACE", "/cds-services"),
    ],
)
def test_the_wrong_method_is_a_405_that_names_the_right_ones(
    client: FlaskClient, method: str, path: str
) -> None:
    answer = client.open(path, method=method, json=sign())
    assert answer.status_code == 405
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert {"GET", "POST"} & {name.strip() for name in answer.headers["Allow"].split(",")}


@pytest.mark.requirement("CH-221")
def test_nobody_is_trusted_by_default() -> None:
    """Without a clients file no issuer is known, the sandbox with its public key included."""
    from cds_service.settings import load_settings
    from cds_service.web.clients import ClientList

    settings = load_settings()
    assert settings.auth == "required"
    assert not ClientList(settings.clients).all()


@pytest.mark.requirement("G14")
def test_what_the_service_can_do_is_described_for_people(client: FlaskClient) -> None:
    """Every path on a page of its own, every hook on the integrators' pages, every policy on its pages."""
    page = html.unescape(client.get("/docs").text)
    for path in client.get("/openapi.json").get_json()["paths"]:
        assert path in page, path
    told = (ROOT / "docs" / "integrators" / "README.md").read_text("utf-8")
    for service in client.get("/cds-services").get_json()["services"]:
        assert f"`{service['hook']}`" in told
    policies = client.get("/policies", headers={"Accept": "text/html"}).text
    for version in desk_of(client.application).tools.knowledge.bundle.all_versions:
        assert version.number in policies
