"""Tokens that must open the door: once, for the address called, in every form that honest clients use."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from tests.applications import Making
from tests.conformance.ch.calls import SERVICES, post, sign
from tests.ehr_client import BASE, ISSUER, SIGN_PATH, EhrClient, compact, private_key

HERE = BASE + SIGN_PATH
Signing = Callable[..., str]


def status(client: FlaskClient, token: str, body: Any = None, **options: Any) -> int:
    """The status of a call with this token."""
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    return post(client, sign() if body is None else body, headers=headers, **options).status_code


@pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param("ES384", marks=pytest.mark.requirement("CH-189", "CH-203", "J4", "J6")),
        pytest.param("RS384", marks=pytest.mark.requirement("CH-190", "CH-203", "J4", "J6")),
    ],
)
@pytest.mark.usefixtures("sealed")
def test_keys_exchanged_beforehand_open_the_door(
    trusting: FlaskClient, token: Signing, algorithm: str
) -> None:
    """The token names no key address, and nothing is fetched."""
    assert status(trusting, token(algorithm=algorithm)) == 200


@pytest.mark.requirement("CH-197", "J7")
@pytest.mark.parametrize("audience", [[HERE], ["https://other.example.org", HERE]])
def test_an_audience_list_that_holds_the_address_is_accepted(
    trusting: FlaskClient, token: Signing, audience: list[str]
) -> None:
    assert status(trusting, token(audience)) == 200


@pytest.mark.requirement("CH-196", "CH-184", "F10", "J7")
@pytest.mark.parametrize("service", SERVICES)
def test_a_token_is_good_at_the_address_it_was_made_out_to_alone(
    trusting: FlaskClient, token: Signing, service: str
) -> None:
    """An empty object is refused for what it is only where the token was accepted."""
    for path in (f"/cds-services/{service}", f"/cds-services/{service}/feedback"):
        for audience in (f"/cds-services/{service}", f"/cds-services/{service}/feedback"):
            headers = {"Authorization": f"Bearer {token(BASE + audience)}"}
            answer = trusting.post(path, json={}, headers=headers)
            assert answer.status_code == (400 if path == audience else 401)


@pytest.mark.requirement("CH-199")
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Original-URL": "https://evil.example/", "X-Forwarded-Prefix": "/x"},
    ],
)
def test_forged_host_headers_do_not_move_the_audience(
    trusting: FlaskClient, token: Signing, headers: dict[str, str]
) -> None:
    assert status(trusting, token(f"https://evil.example{SIGN_PATH}"), headers=headers) == 401
    assert status(trusting, token(f"http://evil.example{SIGN_PATH}"), headers=headers) == 401
    assert status(trusting, token(), headers=headers) == 200


@pytest.mark.requirement("CH-194", "J8")
def test_a_token_of_long_ago_was_good_in_its_day(trusting: FlaskClient, token: Signing) -> None:
    """What makes it bad is the day alone: the moment after its five minutes and the minute before."""
    made = 1_422_568_560
    old = token(iat=made, exp=made + 300)
    assert status(trusting, old) == 401
    with time_machine.travel(made + 400, tick=False):
        assert status(trusting, token(iat=made, exp=made + 300)) == 401
    with time_machine.travel(made + 200, tick=False):
        assert status(trusting, old) == 200


@pytest.mark.requirement("CH-195")
def test_clocks_may_differ_by_half_a_minute_and_no_more(trusting: FlaskClient, token: Signing) -> None:
    now = int(time.time())
    with time_machine.travel(now, tick=False):
        assert status(trusting, token(iat=now + 20, nbf=now + 20, exp=now + 300)) == 200
        assert status(trusting, token(iat=now - 300, exp=now - 20)) == 200
        assert status(trusting, token(iat=now + 40, exp=now + 300)) == 401
        assert status(trusting, token(nbf=now + 40)) == 401
        assert status(trusting, token(iat=now - 300, exp=now - 40)) == 401


@pytest.mark.requirement("CH-216")
def test_further_claims_and_header_members_do_no_harm(trusting: FlaskClient, token: Signing) -> None:
    now = int(time.time())
    extra = {"sub": "client-id", "nbf": now - 300, "tenant": "t-1", "azp": 7, "x": {"y": [None]}}
    assert status(trusting, token(**extra)) == 200
    assert status(trusting, token(sub=7)) == 200
    assert status(trusting, token(header={"typ": "jwt", "cty": "x", "x": 1})) == 200


@pytest.mark.requirement("CH-208", "CRD-113", "J9")
def test_a_token_opens_the_door_once(trusting: FlaskClient, token: Signing) -> None:
    once = token()
    assert [status(trusting, once), status(trusting, once)] == [200, 401]
    assert status(trusting, token(jti="n-1")) == 200
    assert status(trusting, token(jti="n-1", exp=int(time.time()) + 200)) == 401


@pytest.mark.requirement("CH-208", "J9")
def test_two_issuers_may_use_the_same_token_id(make_app: Making, tmp_path: Path) -> None:
    ours, other = EhrClient(), EhrClient("https://other.example.org")
    client = make_app(
        clients=ours.register(tmp_path, {"iss": other.iss, "jwks_file": "keys.json"}), public_url=BASE
    ).test_client()
    assert status(client, ours.token(jti="n-1")) == 200
    assert status(client, other.token(jti="n-1")) == 200
    assert status(client, other.token(jti="n-1")) == 401


@pytest.mark.requirement("CH-208")
def test_a_refused_token_uses_up_no_id(trusting: FlaskClient, ehr_client: EhrClient) -> None:
    """Else anybody could lock a client out by guessing what its next token will be called."""
    forged = compact(ehr_client.header(), ehr_client.claims(HERE, jti="n-1"), private_key("P-384/stranger"))
    assert status(trusting, forged) == 401
    assert status(trusting, ehr_client.token(jti="n-1")) == 200


@pytest.mark.requirement("CH-209", "J9")
def test_all_workers_share_the_memory_of_used_tokens(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path
) -> None:
    """Two applications on one database, as two processes have it, and a third that is started later."""
    given = {"clients": ehr_client.register(tmp_path), "public_url": BASE}
    first, second = make_app(**given).test_client(), make_app(**given).test_client()
    once = ehr_client.token()
    assert status(first, once) == 200
    assert status(second, once) == 401
    assert status(make_app(**given).test_client(), once) == 401


@pytest.mark.requirement("CH-209", "CH-210")
def test_a_token_that_lives_for_a_day_is_remembered_for_a_day(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path
) -> None:
    """The CRD request generator signs such tokens; a restart forgets nothing."""
    given = {"clients": ehr_client.register(tmp_path), "public_url": BASE}
    now = int(time.time())
    day = ehr_client.token(iat=now, exp=now + 86400)
    first = make_app(**given).test_client()
    assert status(first, day) == 200
    with time_machine.travel(now + 86400 - 60, tick=False):
        assert status(first, day) == 401
        assert status(make_app(**given).test_client(), day) == 401


@pytest.mark.requirement("CH-211")
def test_an_unlisted_tenant_is_refused_where_tenants_are_used(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path
) -> None:
    path = ehr_client.register(tmp_path, tenants=["north", "south"])
    client = make_app(clients=path, public_url=BASE).test_client()
    assert status(client, ehr_client.token(tenant="north")) == 200
    for tenant in ("east", "", "North", None, ["north"], {"north": 1}, ...):
        assert status(client, ehr_client.token(tenant=tenant)) == 401


@pytest.mark.requirement("CH-213")
@pytest.mark.parametrize("kid", ["a/b+c==", "k/../k", "schlüssel-ß", "0", "k" * 500])
def test_odd_key_ids_work(make_app: Making, ehr_client: EhrClient, tmp_path: Path, kid: str) -> None:
    """Epic's are plain base64."""
    path = ehr_client.register(tmp_path)
    keys = ehr_client.key_set()
    keys["keys"][0]["kid"] = kid
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    client = make_app(clients=path, public_url=BASE).test_client()
    assert status(client, ehr_client.token(header={"kid": kid})) == 200


@pytest.mark.requirement("CH-214")
def test_a_registered_key_that_does_not_fit_the_algorithm_is_refused(
    make_app: Making, tmp_path: Path
) -> None:
    """A P-256 key under ES384, and an RSA key of 1024 bits."""
    weak = EhrClient(keys={"ES384": private_key("P-256"), "RS384": private_key("RSA-weak")})
    client = make_app(clients=weak.register(tmp_path), public_url=BASE).test_client()
    for algorithm, signed in (("ES384", "ES256"), ("RS384", "RS384")):
        key = weak.keys[algorithm]
        made = compact(weak.header(algorithm), weak.claims(HERE), key, signed)
        assert status(client, made) == 401


@pytest.mark.requirement("J4", "J5")
def test_further_algorithms_are_accepted_where_a_registration_names_them(
    make_app: Making, tmp_path: Path
) -> None:
    client_of = EhrClient(keys={"ES256": private_key("P-256"), "PS384": private_key("RSA")})
    path = client_of.register(tmp_path, algorithms=["ES256", "PS384"])
    client = make_app(clients=path, public_url=BASE).test_client()
    assert status(client, client_of.token(algorithm="ES256")) == 200
    assert status(client, client_of.token(algorithm="PS384")) == 200


@pytest.mark.requirement("CH-218")
def test_the_scheme_is_read_as_http_reads_it(trusting: FlaskClient, token: Signing) -> None:
    for scheme in ("bearer", "BEARER", "Bearer "):
        assert post(trusting, sign(), headers={"Authorization": f"{scheme} {token()}"}).status_code == 200


@pytest.mark.requirement("CH-026", "D17")
def test_protected_discovery_wants_a_token_made_out_to_it(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path
) -> None:
    path = ehr_client.register(tmp_path)
    client = make_app(clients=path, public_url=BASE, discovery_auth="required").test_client()

    def discover(audience: str) -> int:
        headers = {"Authorization": f"Bearer {ehr_client.token(audience)}"}
        return client.get("/cds-services", headers=headers).status_code

    assert client.get("/cds-services").status_code == 401
    assert discover(f"{BASE}/cds-services") == 200
    assert discover(HERE) == 401


@pytest.mark.requirement("CH-026")
def test_open_discovery_puts_up_with_any_token(trusting: FlaskClient, token: Signing) -> None:
    for header in (f"Bearer {token()}", "Bearer nonsense", "null"):
        assert trusting.get("/cds-services", headers={"Authorization": header}).status_code == 200


def test_a_token_of_another_client_speaks_for_that_client_alone(trusting: FlaskClient) -> None:
    """A key of one client does not sign for another."""
    other = EhrClient(ISSUER, keys={"ES384": private_key("P-384/other"), "RS384": private_key("RSA/other")})
    assert status(trusting, other.token()) == 401
