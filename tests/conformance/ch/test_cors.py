"""CORS: browser clients on the list get through, errors included; nobody else gets a word."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.applications import Making
from tests.conformance.ch.calls import SERVICES, post, sign
from tests.ehr_client import BASE, ORIGIN, SIGN_PATH, EhrClient

ALLOW = "Access-Control-Allow-"
STRANGERS = [
    "https://evil.example",
    "https://ehr.example.org.evil.example",
    "https://ehr.example.org:8443",
    "http://ehr.example.org",
    "https://EHR.example.org.",
    "https://xehr.example.org",
    "https://ehr-example.org",
    "null",
    "*",
    "file://",
    "",
]


def preflight(
    client: FlaskClient, path: str, method: str, headers: str, origin: str = ORIGIN
) -> TestResponse:
    """The question a browser asks before a call; it never carries a token."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return client.options(path, headers=asked)


def allowed(answer: TestResponse, name: str) -> set[str]:
    """The items of one of the headers of an answer, in lower case."""
    return {item.strip().lower() for item in answer.headers.get(ALLOW + name, "").split(",")}


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        pytest.param("/cds-services", "GET", "authorization", marks=pytest.mark.requirement("CH-242", "G13")),
        *[
            pytest.param(
                f"/cds-services/{service}",
                "POST",
                "authorization,content-type",
                marks=pytest.mark.requirement("CH-243", "G13"),
            )
            for service in SERVICES
        ],
        *[
            pytest.param(
                f"/cds-services/{service}/feedback",
                "POST",
                "authorization,content-type",
                marks=pytest.mark.requirement("CH-244", "G13"),
            )
            for service in SERVICES
        ],
    ],
)
@pytest.mark.parametrize("discovery", ["open", "required"])
def test_preflight_passes_without_a_token(
    make_app: Making,
    ehr_client: EhrClient,
    tmp_path: Any,
    path: str,
    method: str,
    headers: str,
    discovery: str,
) -> None:
    settings = {"clients": ehr_client.register(tmp_path), "public_url": BASE, "discovery_auth": discovery}
    answer = preflight(make_app(**settings).test_client(), path, method, headers)
    assert answer.status_code in (200, 204)
    assert answer.headers[ALLOW + "Origin"] == ORIGIN
    assert {"get", "post", "options"} <= allowed(answer, "Methods")
    assert set(headers.split(",")) <= allowed(answer, "Headers")


@pytest.mark.requirement("CH-245", "G13")
def test_real_answers_carry_the_allowed_origin(trusting: FlaskClient, ehr_client: EhrClient) -> None:
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {ehr_client.token()}"}
    called = post(trusting, sign(), headers=headers)
    discovered = trusting.get("/cds-services", headers={"Origin": ORIGIN})
    for answer in (called, discovered):
        assert (answer.status_code, answer.headers[ALLOW + "Origin"]) == (200, ORIGIN)


@pytest.mark.requirement("CH-246")
def test_errors_carry_it_as_well(
    trusting: FlaskClient, ehr_client: EhrClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a browser hides the status: 401, 404, 405, 412, 413, 415 and 500."""

    def sent(path: str = SIGN_PATH, body: Any = None, **options: Any) -> TestResponse:
        headers = {"Origin": ORIGIN, "Authorization": f"Bearer {ehr_client.token(BASE + path)}"}
        options = {"json": sign() if body is None else body} if "data" not in options else options
        return trusting.post(path, headers=headers, **options)

    answers = [
        trusting.post(SIGN_PATH, json={}, headers={"Origin": ORIGIN}),
        sent("/cds-services/nobody"),
        sent("/nowhere"),
        trusting.get(SIGN_PATH, headers={"Origin": ORIGIN}),
        sent(body=sign(prefetch=...)),
        sent(data=b"<x/>", content_type="text/xml"),
        sent(data=b"[", content_type="application/json"),
        sent(data=b" " * (10 * 1024 * 1024 + 1), content_type="application/json"),
    ]
    with monkeypatch.context() as patch:
        patch.setattr("cds_service.web.cds.decide", lambda *_: 1 / 0)
        answers.append(sent())
    statuses = [answer.status_code for answer in answers]
    assert statuses == [401, 404, 404, 405, 412, 415, 400, 413, 500]
    assert {answer.headers.get(ALLOW + "Origin") for answer in answers} == {ORIGIN}


@pytest.mark.requirement("CH-247", "CH-249", "CRD-118")
@pytest.mark.parametrize("origin", STRANGERS)
def test_an_origin_not_on_the_list_gets_none(
    trusting: FlaskClient, ehr_client: EhrClient, origin: str
) -> None:
    """The null origin, which any sandboxed frame has, is nobody's."""
    called = post(
        trusting, sign(), headers={"Origin": origin, "Authorization": f"Bearer {ehr_client.token()}"}
    )
    asked = preflight(trusting, SIGN_PATH, "POST", "authorization", origin)
    for answer in (called, asked, trusting.get("/cds-services", headers={"Origin": origin})):
        assert not [name for name in answer.headers.keys() if name.startswith(ALLOW)]  # noqa: SIM118


@pytest.mark.requirement("CH-248", "CH-249")
@pytest.mark.parametrize("origin", [ORIGIN, *STRANGERS])
def test_answers_vary_by_origin_and_never_allow_credentials(trusting: FlaskClient, origin: str) -> None:
    for answer in (
        trusting.get("/cds-services", headers={"Origin": origin}),
        preflight(trusting, SIGN_PATH, "POST", "authorization", origin),
        post(trusting, sign(), headers={"Origin": origin}),
    ):
        assert "Origin" in answer.vary
        assert answer.headers.get(ALLOW + "Origin") != "*"
        assert ALLOW + "Credentials" not in answer.headers


@pytest.mark.requirement("CH-250")
def test_an_allowed_origin_is_no_token(trusting: FlaskClient) -> None:
    assert post(trusting, sign()).status_code == 401
    assert post(trusting, sign(), headers={"Origin": ORIGIN}).status_code == 401


@pytest.mark.requirement("CH-247", "CH-249")
@pytest.mark.parametrize(
    ("origin", "answered"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8081", True),
        ("https://[::1]:8443", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://evil.example:3000", False),
        ("null", False),
    ],
)
def test_without_trust_pages_of_this_machine_alone_get_through(
    client: FlaskClient, origin: str, answered: bool
) -> None:
    answer = post(client, sign(), headers={"Origin": origin})
    assert answer.headers.get(ALLOW + "Origin") == (origin if answered else None)


@pytest.mark.requirement("CH-247")
def test_a_client_list_without_origins_lets_no_browser_in(
    make_app: Making, ehr_client: EhrClient, tmp_path: Any
) -> None:
    path = ehr_client.register(tmp_path, origins=[])
    client = make_app(clients=path, public_url=BASE).test_client()
    answer = preflight(client, SIGN_PATH, "POST", "authorization")
    assert ALLOW + "Origin" not in answer.headers


@pytest.mark.requirement("CH-247")
def test_a_caller_that_is_no_browser_learns_no_origin(
    make_app: Making, ehr_client: EhrClient, tmp_path: Any
) -> None:
    """The list of clients is nobody's business."""
    path = ehr_client.register(tmp_path, origins=[ORIGIN, "https://other.example.org"])
    client = make_app(clients=path, public_url=BASE).test_client()
    for answer in (client.get("/cds-services"), client.options("/cds-services"), post(client, sign())):
        assert ALLOW + "Origin" not in answer.headers
