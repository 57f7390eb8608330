"""SMART Backend Services at the payer side: who gets a token, and what a token opens."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask import Flask
from flask.testing import FlaskClient

from cds_service.kernel.clock import Clock
from cds_service.web.clients import ClientList
from cds_service.web.fhir import PayerSide, Reader, create_fhir_blueprint
from cds_service.web.package import Packer
from cds_service.web.problems import register
from cds_service.web.replay import UsedTokens
from cds_service.web.secret_key import secret_key
from cds_service.web.token import PATH, AccessTokens, AssertionCheck, authorise, create_token_blueprint
from tests import builders
from tests.conftest import NOW
from tests.unit.dtr import payer

ISS = "https://ehr.example.org"
KEY = ec.generate_private_key(ec.SECP384R1())
ROGUE = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALL = "system/questionnaire.rs system/valueset.rs system/library.rs"
Ask = Callable[..., Any]


@pytest.fixture
def clients(tmp_path: Path) -> ClientList:
    """One registered client with an EC and an RSA key, and a second one with the same keys."""
    keys = [json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key())) | {"kid": "e1", "alg": "ES384"}]
    keys.append(json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key())) | {"kid": "r1"})
    (tmp_path / "keys.json").write_text(json.dumps({"keys": keys}))
    text = "clients:\n"
    for iss in (ISS, "https://other.example.org"):
        text += f'  - iss: "{iss}"\n    jwks_file: keys.json\n    crd_version: "2.0"\n'
    (tmp_path / "clients.yaml").write_text(text)
    return ClientList(tmp_path / "clients.yaml")


@pytest.fixture
def later() -> dict[str, timedelta]:
    """How much later than NOW it is."""
    return {"by": timedelta()}


@pytest.fixture
def caller(clients: ClientList, clock: Clock, later: dict[str, timedelta]) -> FlaskClient:
    """A caller of token endpoint and payer side."""
    tokens = AccessTokens(b"k" * 32, lambda: NOW + later["by"])
    used = UsedTokens(now=lambda: (NOW + later["by"]).timestamp())
    check = AssertionCheck(clients, used, f"{payer.PUBLIC}{PATH}", lambda: NOW + later["by"])

    def reader(header: str | None, scope: str) -> Reader:
        return Reader(authorise(tokens, clients, header, scope).iss, "2.0")

    packer = Packer(
        artefacts=payer.artefacts(),
        knowledge=builders.knowledge(),
        clock=clock,
        base=f"{payer.PUBLIC}/fhir",
        find=lambda _, client: payer.account(payer.needing()) if client == ISS else None,
    )
    app = Flask(__name__)
    app.register_blueprint(create_token_blueprint(check, tokens))
    app.register_blueprint(
        create_fhir_blueprint(PayerSide(packer=packer, authorise=reader, public_url=payer.PUBLIC))
    )
    register(app)
    return app.test_client()


def assertion(key: Any = KEY, algorithm: str = "ES384", header: Any = None, **changes: Any) -> str:
    """A client assertion; a claim given as None is left out."""
    claims = {
        "iss": ISS,
        "sub": ISS,
        "aud": f"{payer.PUBLIC}{PATH}",
        "exp": int(NOW.timestamp()) + 299,
        "jti": "j1",
    }
    sent = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(sent, key, algorithm, headers={"kid": "e1"} | (header or {}))


def form(**changes: Any) -> dict[str, str]:
    """The body of a token request."""
    usual = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "scope": ALL}
    given = {**usual, "client_assertion": assertion(), **changes}
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.requirement("DTR-015", "dtr:spec-120")
def test_a_registered_client_gets_a_token_that_opens_what_its_scopes_say(caller: FlaskClient) -> None:
    given = caller.post(PATH, data=form(scope=f"{ALL} patient/*.read"))
    body = given.get_json()
    assert (given.status_code, body["token_type"], body["expires_in"], body["scope"]) == (
        200,
        "bearer",
        300,
        ALL,
    )
    assert given.headers["Cache-Control"] == "no-store" and ISS not in given.headers.get("Location", "")
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    for path in ("Questionnaire/liver-cryoablation", "ValueSet/dx-hcc", "StructureDefinition/order"):
        assert caller.get(f"/fhir/{path}", headers=headers).status_code == 200
    asked = caller.post(
        "/fhir/Questionnaire/$questionnaire-package",
        data=json.dumps(payer.parameters(*payer.usual())),
        headers=headers,
    )
    assert [part["name"] for part in asked.get_json(force=True)["parameter"]] == ["PackageBundle"]


def test_what_fhir_clients_really_send_is_taken(caller: FlaskClient) -> None:
    """iat, nbf and typ are not asked for by SMART; some send them."""
    for index, made in enumerate(
        (
            assertion(jti="a"),
            assertion(jti="b", iat=int(NOW.timestamp()) - 2, nbf=int(NOW.timestamp())),
            assertion(RSA, "RS384", {"kid": "r1"}, jti="c"),
            assertion(jti="d", aud=[f"{payer.PUBLIC}{PATH}"]),
        )
    ):
        assert caller.post(PATH, data=form(client_assertion=made)).status_code == 200, index


BAD = {
    "nothing": lambda: "",
    "no-jwt": lambda: "abc",
    "wrong-key": lambda: assertion(ROGUE),
    "unknown-kid": lambda: assertion(header={"kid": "x"}),
    "unsigned": lambda: jwt.encode({"iss": ISS, "sub": ISS}, "", "none"),
    "algorithm-not-registered": lambda: assertion(RSA, "RS256", {"kid": "r1"}),
    "symmetric": lambda: jwt.encode({"iss": ISS}, "s" * 64, "HS384", headers={"kid": "e1"}),
    "unknown-client": lambda: assertion(iss="https://x.example", sub="https://x.example"),
    "sub-of-another": lambda: assertion(sub="https://other.example.org"),
    "no-sub": lambda: assertion(sub=None),
    "audience-of-a-hook": lambda: assertion(aud=f"{payer.PUBLIC}/cds-services/coverage-order-sign"),
    "audience-with-slash": lambda: assertion(aud=f"{payer.PUBLIC}{PATH}/"),
    "no-audience": lambda: assertion(aud=None),
    "expired": lambda: assertion(exp=int(NOW.timestamp()) - 31),
    "too-long": lambda: assertion(exp=int(NOW.timestamp()) + 331),
    "no-exp": lambda: assertion(exp=None),
    "exp-as-text": lambda: assertion(exp="9999999999"),
    "issued-in-the-future": lambda: assertion(iat=int(NOW.timestamp()) + 60),
    "no-jti": lambda: assertion(jti=None),
    "blank-jti": lambda: assertion(jti=" "),
    "jti-no-text": lambda: assertion(jti=7),
    "crit": lambda: assertion(header={"crit": ["x"], "x": 1}),
    "huge": lambda: "a." * 20_000,
}


@pytest.mark.requirement("DTR-015", "dtr:spec-120", "dtr:sec-1")
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_assertion_gets_the_same_answer_whatever_is_wrong(caller: FlaskClient, kind: str) -> None:
    refused = caller.post(PATH, data=form(client_assertion=BAD[kind]()))
    body = refused.get_json()
    assert (refused.status_code, body["error"]) == (401, "invalid_client")
    assert body["error_description"] == "The client assertion is not accepted."


def test_an_assertion_is_good_once_and_by_its_own_client(caller: FlaskClient) -> None:
    made = assertion()
    assert [caller.post(PATH, data=form(client_assertion=made)).status_code for _ in range(2)] == [200, 401]
    other = assertion(iss="https://other.example.org", sub="https://other.example.org")
    assert caller.post(PATH, data=form(client_assertion=other)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({"grant_type": None}, "invalid_request", 400),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type", 400),
        ({"client_assertion_type": None}, "invalid_client", 401),
        ({"client_assertion": None}, "invalid_client", 401),
        ({"scope": None}, "invalid_scope", 400),
        ({"scope": "patient/*.read system/*.*"}, "invalid_scope", 400),
    ],
)
def test_a_request_that_is_wrong_otherwise_gets_the_oauth_error(
    caller: FlaskClient, changes: Any, error: str, status: int
) -> None:
    refused = caller.post(PATH, data=form(**changes))
    assert (refused.status_code, refused.get_json()["error"]) == (status, error)
    assert "error_description" in refused.get_json()


@pytest.mark.requirement("DTR-015")
def test_a_token_lives_five_minutes_and_opens_no_more_than_its_scopes(
    caller: FlaskClient, later: dict[str, timedelta]
) -> None:
    token = caller.post(PATH, data=form(scope="system/valueset.rs")).get_json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert caller.get("/fhir/ValueSet/dx-hcc", headers=headers).status_code == 200
    assert caller.get("/fhir/Questionnaire/liver-cryoablation", headers=headers).status_code == 403
    later["by"] = timedelta(seconds=301)
    assert caller.get("/fhir/ValueSet/dx-hcc", headers=headers).status_code == 401


@pytest.mark.requirement("DTR-015", "dtr:oper-11")
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer ", "Basic eDp5", "Bearer a.b.c", "Bearer é"])
def test_what_is_no_token_is_a_401_with_an_outcome(caller: FlaskClient, header: str | None) -> None:
    headers = {"Authorization": header} if header is not None else {}
    refused = caller.get("/fhir/Questionnaire/liver-cryoablation", headers=headers)
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.get_json(force=True)["resourceType"] == "OperationOutcome"


@pytest.mark.requirement("DTR-007")
def test_another_clients_context_is_not_known(caller: FlaskClient) -> None:
    other = assertion(iss="https://other.example.org", sub="https://other.example.org")
    token = caller.post(PATH, data=form(client_assertion=other)).get_json()["access_token"]
    asked = caller.post(
        "/fhir/Questionnaire/$questionnaire-package",
        data=json.dumps(payer.parameters(*payer.usual())),
        headers={"Authorization": f"Bearer {token}"},
    )
    assert asked.status_code == 404


def test_the_configuration_names_the_token_endpoint_and_what_it_takes(caller: FlaskClient) -> None:
    said = caller.get("/fhir/.well-known/smart-configuration").get_json()
    assert said["token_endpoint"] == f"{payer.PUBLIC}{PATH}"
    assert said["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert (
        said["scopes_supported"] == ALL.split()
        and "ES384" in said["token_endpoint_auth_signing_alg_values_supported"]
    )


def test_the_key_is_made_once_kept_privately_and_shared(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key"
    first = secret_key(path)
    assert len(first) == 32 and secret_key(path) == first and path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]
    assert secret_key(None) != secret_key(None)


@pytest.mark.parametrize("content", ["", "zz", "abcd"])
def test_a_spoiled_key_file_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(Exception, match=str(path)):
        secret_key(path)
