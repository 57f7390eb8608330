"""The form app's own calls: what a handle opens, what is refused, and what the pages allow."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from flask.testing import FlaskClient

from cds_service.answer.handle import Handle, Handles
from cds_service.evidence.hosts import allowed_hosts
from cds_service.kernel.clock import Clock
from cds_service.settings import load_settings
from cds_service.web.app import create_app
from cds_service.web.desk import NAME
from cds_service.web.form_app import AppClient, sources
from cds_service.web.loop import Loop
from tests import builders
from tests.conftest import NOW

KEY = b"k" * 32
EHR = "https://fhir.ehr.example.org/r4"
HANDLE = Handle(
    assertion="cda-1", order="ServiceRequest/order", coverage="Coverage/cov", client="", fhir_server=EHR
)
CLIENTS = """
clients:
  - iss: "https://ehr.example.org"
    jwks_file: keys.json
    fhir_hosts: ["fhir.ehr.example.org", "10.0.0.0/24", "lab:8443"]
    origins: ["https://ehr.example.org"]
"""


@pytest.fixture
def app(clock: Clock, tmp_path: Any) -> Iterator[Flask]:
    """The service without authentication, which may call one EHR."""
    made = create_app(
        clock=clock,
        knowledge=builders.knowledge(),
        auth="off",
        fhir_hosts="fhir.ehr.example.org",
        public_url="https://crd.example.org",
        database_url=f"sqlite:///{tmp_path / 'records.sqlite3'}",
        signing_key=KEY,
    )
    yield made
    made.extensions[NAME].tools.network.close()


def signed(later: timedelta = timedelta(), key: bytes = KEY, **changes: Any) -> str:
    """A handle as on a card."""
    members = {name: getattr(HANDLE, name) for name in HANDLE.__struct_fields__}
    return Handles(key, lambda: NOW - later).sign(Handle(**members | changes))


def ask(client: FlaskClient, path: str, status: int = 200, **body: Any) -> Any:
    """The answer of one of the app's calls."""
    got = client.post(f"/smart/{path}", data=json.dumps(body), content_type="application/json")
    assert got.status_code == status, got.get_data(as_text=True)
    assert got.headers["Cache-Control"] == "no-store"
    return got.get_json(force=True)


def code(answer: Any) -> str:
    """The code of an OperationOutcome."""
    return str(answer["issue"][0]["details"]["coding"][0]["code"])


def test_a_handle_says_where_to_sign_in_and_as_whom(client: FlaskClient) -> None:
    for iss in (EHR, f"{EHR}/", ""):
        said = ask(client, "handle", handle=signed(), iss=iss)
        assert (said["fhirServer"], said["clientId"], said["confidential"]) == (
            EHR,
            "cds-service-form",
            False,
        )
        assert (said["order"], said["coverage"]) == ("ServiceRequest/order", "Coverage/cov")


@pytest.mark.parametrize("path", ["handle", "assertion", "evaluate"])
@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        ("", "handle-missing"),
        ("x.y.z", "handle-invalid"),
        (signed(key=b"o" * 32), "handle-invalid"),
        (signed(timedelta(hours=25)), "handle-expired"),
    ],
    ids=["none", "nonsense", "foreign-key", "expired"],
)
def test_what_is_no_handle_of_ours_opens_nothing(
    client: FlaskClient, path: str, handle: str, expected: str
) -> None:
    assert code(ask(client, path, 403, handle=handle, patient="pat")) == expected


@pytest.mark.parametrize("path", ["handle", "evaluate"])
@pytest.mark.parametrize("iss", ["https://fhir.ehr.example.org/other", "https://evil.example.org/fhir"])
def test_another_ehr_than_the_cards_opens_nothing(client: FlaskClient, path: str, iss: str) -> None:
    assert code(ask(client, path, 403, handle=signed(), iss=iss, patient="pat")) == "launch-foreign"


@pytest.mark.parametrize(
    "iss", ["", "https://evil.example.org/fhir", "http://169.254.169.254/fhir", "nonsense"]
)
def test_a_card_without_an_ehr_is_opened_by_a_registered_one_alone(client: FlaskClient, iss: str) -> None:
    handle = signed(fhir_server=None)
    assert ask(client, "handle", handle=handle, iss=EHR)["fhirServer"] == EHR
    expected = "launch-foreign" if iss else "ehr-unnamed"
    assert code(ask(client, "handle", 403, handle=handle, iss=iss)) == expected


def test_a_client_that_is_no_longer_registered_opens_nothing(client: FlaskClient) -> None:
    handle = signed(client="https://gone.example.org")
    assert code(ask(client, "handle", 403, handle=handle, iss=EHR)) == "client-unknown"
    assert code(ask(client, "evaluate", 403, handle=handle, iss=EHR, patient="pat")) == "client-unknown"


@pytest.mark.parametrize(
    "body",
    [
        {"handle": 7},
        {"handle": "x" * 9000},
        {"patient": None},
        {"patient": "a/b"},
        {"patient": "x", "access_token": []},
    ],
)
def test_a_body_that_is_wrong_is_told_where(client: FlaskClient, body: Any) -> None:
    answer = ask(client, "evaluate", 400, **{"handle": signed(), "iss": EHR} | body)
    assert code(answer) == "invalid-call" and answer["issue"][0]["expression"]


def test_an_order_of_another_patient_is_not_judged(client: FlaskClient, app: Flask) -> None:
    loop: Loop = app.extensions[f"{NAME}.loop"]
    assert loop.find_order("cda-1", "") is None
    # The EHR cannot be reached from here, so the order comes from the record of the hook call.
    answer = _signed_order(client)
    handle = Handles(KEY, lambda: NOW).open(_link(answer).split("handle=")[1])
    text = Handles(KEY, lambda: NOW).sign(handle)
    assert code(ask(client, "evaluate", 403, handle=text, iss=EHR, patient="other")) == "patient-foreign"


def _signed_order(client: FlaskClient) -> Any:
    """The answer to an order-sign call that brings its own prefetch."""
    chart = builders.without(builders.hcc(), "resectability", "size")
    by_type = {
        kind: [each for each in chart if each["resourceType"] == kind] for kind in ("Patient", "Coverage")
    }
    orders = [each for each in chart if each["resourceType"] == "ServiceRequest"]
    bundles = {
        name: {"resourceType": "Bundle", "entry": [{"resource": r} for r in found]}
        for name, found in by_type.items()
    }
    body = {
        "hook": "order-sign",
        "hookInstance": "x",
        "fhirServer": EHR,
        "context": {
            "userId": "Practitioner/doc",
            "patientId": "pat",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order} for order in orders]},
        },
        "prefetch": {"patient": by_type["Patient"][0], "coverage": bundles["Coverage"]},
    }
    got = client.post(
        "/cds-services/coverage-order-sign", data=json.dumps(body), content_type="application/json"
    )
    assert got.status_code == 200, got.get_data(as_text=True)
    return got.get_json()


def _link(answer: Any) -> str:
    (card,) = answer["cards"]
    (link,) = [link for link in card["links"] if link["type"] == "smart"]
    return str(link["url"])


@pytest.mark.requirement("DTR-001", "DTR-007")
def test_the_context_of_a_hook_call_opens_its_package(client: FlaskClient) -> None:
    answer = _signed_order(client)
    (action,) = answer["systemActions"]
    said = {part["url"]: part for part in action["resource"]["extension"][-1]["extension"]}
    context = said["coverage-assertion-id"]["valueString"]
    parts = [
        {"name": "coverage", "resource": builders.coverage()},
        {"name": "order", "resource": action["resource"]},
        {"name": "context", "valueString": context},
    ]
    asked = json.dumps({"resourceType": "Parameters", "parameter": parts})
    got = client.post("/fhir/Questionnaire/$questionnaire-package", data=asked)
    assert got.status_code == 200, got.get_data(as_text=True)
    (package,) = got.get_json(force=True)["parameter"]
    form = package["resource"]["entry"][0]["resource"]
    assert f"{form['url']}|{form['version']}" == said["questionnaire"]["valueCanonical"]


def test_a_public_client_has_no_assertion(client: FlaskClient) -> None:
    assert code(ask(client, "assertion", 400, handle=signed())) == "invalid-call"


def test_an_assertion_is_for_the_registered_token_address_and_two_minutes(clock: Clock) -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    key = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private)), "kid": "k1", "alg": "ES384"}
    app = AppClient(client_id="ours", key=key, token_url="https://auth.ehr.example.org/token")
    made = app.assertion(clock.now(), clock.new_id)
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(made, private.public_key(), ["ES384"], audience=app.token_url, options=options)
    assert claims["iss"] == claims["sub"] == "ours" and claims["exp"] - claims["iat"] == 120
    assert jwt.get_unverified_header(made) == {"alg": "ES384", "kid": "k1", "typ": "JWT"}
    assert "d" not in repr(app).replace("id", "")
    with pytest.raises(ValueError, match="public"):
        AppClient().assertion(clock.now(), clock.new_id)


def test_the_pages_connect_to_registered_ehrs_alone(clock: Clock, tmp_path: Any) -> None:
    (tmp_path / "clients.yaml").write_text(CLIENTS)
    (tmp_path / "keys.json").write_text('{"keys": []}')
    database = f"sqlite:///{tmp_path / 'records.sqlite3'}"
    settings = load_settings(clients=tmp_path / "clients.yaml", database_url=database)
    client = create_app(settings, clock=clock, knowledge=builders.knowledge(), signing_key=KEY).test_client()
    for path in ("/smart/launch?handle=x", "/smart/"):
        got = client.get(path)
        policy = dict(
            part.strip().split(" ", 1) for part in got.headers["Content-Security-Policy"].split(";")
        )
        assert policy["connect-src"].split() == [
            "'self'", "https://fhir.ehr.example.org:*", "https://lab:8443", "http://lab:8443", "https://ehr.example.org",
        ]  # fmt: skip
        assert policy["frame-ancestors"].split() == ["'self'", "https://ehr.example.org"]
        assert got.headers["Referrer-Policy"] == "no-referrer"


def test_hosts_become_sources_of_the_policy() -> None:
    hosts = [
        allowed_hosts(
            ["ehr.example.org", "http://old.example.org:8080", "127.0.0.1", "[::1]:80", "10.0.0.0/8"]
        )
    ]
    assert set(sources(hosts)) == {
        "https://ehr.example.org:*",
        "https://old.example.org:8080", "http://old.example.org:8080",
        "https://127.0.0.1:*", "http://127.0.0.1:*",
        "https://[::1]:80", "http://[::1]:80",
    }  # fmt: skip


def test_libraries_are_kept_by_browsers_and_the_apps_own_files_are_not(client: FlaskClient) -> None:
    with client.get("/smart/static/vendor/lforms-40.1.3/zone.min.js") as library:
        assert "immutable" in library.headers["Cache-Control"]
    with client.get("/smart/static/smart/app.js") as own:
        assert own.status_code == 200 and "immutable" not in own.headers.get("Cache-Control", "")
    for name in ("lforms-40.1.3/LICENSE.md", "fhirclient-2.6.3/LICENSE"):
        with client.get(f"/smart/static/vendor/{name}") as licence:
            assert licence.status_code == 200
