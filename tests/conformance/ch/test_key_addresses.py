"""Key sets at an address: fetched from the registered place alone, within limits, and not too often."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds_service.web import auth
from tests.applications import Making
from tests.conformance.ch.calls import post, sign
from tests.ehr_client import BASE, EhrClient, private_key, public_jwk
from tests.integration.loopback import Behaviour, Ehr, Handler, closed_port, running

Server = Callable[..., "tuple[FlaskClient, Ehr]"]


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass for the memory of keys, without waiting for them."""
    ahead = [0.0]
    genuine = time.monotonic

    class Time:
        """The module as `auth` sees it."""

        @staticmethod
        def monotonic() -> float:
            return genuine() + ahead[0]

    monkeypatch.setattr(auth, "time", Time)

    def let_pass(seconds: float) -> None:
        ahead[0] += seconds

    return let_pass


@contextmanager
def serving(
    make_app: Making, ehr_client: EhrClient, folder: Path, behaviour: Behaviour | None = None
) -> Iterator[tuple[FlaskClient, Ehr, str]]:
    """(caller, key server, address of the keys): a client whose keys are at an address."""

    def keys(handler: Handler) -> None:
        handler.answer(ehr_client.key_set())

    with running({"jwks": behaviour or keys}) as server:
        url = f"http://127.0.0.1:{server.port}/jwks"
        path = ehr_client.register(folder, jwks_file=..., jwks_url=url)
        yield make_app(clients=path, public_url=BASE).test_client(), server, url


def status(client: FlaskClient, token: str) -> int:
    return post(client, sign(), headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.requirement("CH-201", "J5")
def test_keys_come_from_the_registered_address_and_are_kept(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path
) -> None:
    with serving(make_app, ehr_client, tmp_path) as (client, server, url):
        assert status(client, ehr_client.token(header={"jku": url})) == 200
        assert status(client, ehr_client.token()) == 200
        assert [path for path, _ in server.asked] == ["/jwks"]


@pytest.mark.requirement("CH-201", "J5")
@pytest.mark.parametrize("change", ["/other", "?x=1", "#x", "/", "@evil.example"])
def test_a_key_address_that_is_not_the_registered_one_is_refused_without_a_call(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path, change: str
) -> None:
    with serving(make_app, ehr_client, tmp_path) as (client, server, url):
        assert status(client, ehr_client.token(header={"jku": url + change})) == 401
        assert not server.asked


@pytest.mark.requirement("CH-201", "CH-203")
def test_a_client_with_a_key_file_may_name_an_address_of_its_own(
    trusting: FlaskClient, ehr_client: EhrClient, sealed: list[object]
) -> None:
    """Many clients always send jku; it is not looked at beyond whose it is."""
    assert status(trusting, ehr_client.token(header={"jku": "https://ehr.example.org/any/jwks"})) == 200
    assert not sealed


def redirect(handler: Handler) -> None:
    handler.answer(b"", 302, Location=f"http://127.0.0.1:{handler.server.server_port}/moved")


def moved(handler: Handler) -> None:
    handler.answer(EhrClient().key_set())


BAD: dict[str, Behaviour] = {
    "redirecting": redirect,
    "missing": lambda handler: handler.answer(EhrClient().key_set(), 404),
    "no JSON": lambda handler: handler.answer(b"<html>", Content_Type="text/html"),
    "no key set": lambda handler: handler.answer({"keys": "none"}),
    "a list": lambda handler: handler.answer([1, 2]),
    "deeply nested": lambda handler: handler.answer(b"[" * 100_000),
    "odd keys": lambda handler: handler.answer({"keys": [1, None, {"kid": "ES384-1"}, {"kid": ["x"]}]}),
    "broken key": lambda handler: handler.answer(
        {"keys": [{"kid": "ES384-1", "kty": "EC", "crv": "P-384", "x": "!", "y": 7}]}
    ),
    "private key": lambda handler: handler.answer(
        {"keys": [{"kid": "ES384-1", "kty": "oct", "k": "AAAA", "alg": "ES384"}]}
    ),
    "huge": lambda handler: handler.answer(b'{"keys": [' + b" " * 400_000 + b"]}"),
    "broken off": lambda handler: handler.start(**{"Content-Length": "1000"}),
    "slow": lambda handler: (handler.start(), handler.drip(b" " * 100_000))[0],
}


@pytest.mark.requirement("CH-202")
@pytest.mark.parametrize("trouble", BAD)
def test_a_bad_key_server_is_a_401_within_limits(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(auth, "_SECONDS", 0.3)
    with serving(make_app, ehr_client, tmp_path, BAD[trouble]) as (client, server, _):
        server.behaviours["moved"] = moved
        started = time.monotonic()
        assert status(client, ehr_client.token()) == 401
        assert time.monotonic() - started < 3
        assert [path for path, _ in server.asked] == ["/jwks"]


@pytest.mark.requirement("CH-202")
def test_a_key_server_that_is_down_is_a_401(make_app: Making, ehr_client: EhrClient, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/jwks"
    path = ehr_client.register(tmp_path, jwks_file=..., jwks_url=url)
    assert status(make_app(clients=path, public_url=BASE).test_client(), ehr_client.token()) == 401


@pytest.mark.requirement("CH-202")
@pytest.mark.parametrize(
    "url", ["http://ehr.example.org/jwks", "ftp://ehr.example.org/jwks", "file:///etc/keys", "keys", "https:"]
)
def test_a_key_address_without_tls_stops_the_start(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path, url: str
) -> None:
    from cds_service.kernel.errors import DataError

    path = ehr_client.register(tmp_path, jwks_file=..., jwks_url=url)
    with pytest.raises(DataError, match="jwks_url"):
        make_app(clients=path, public_url=BASE)


@pytest.mark.requirement("CH-202", "CH-204")
def test_keys_at_hand_outlast_a_key_server_that_fails(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path, passing: Callable[[float], None]
) -> None:
    """For a day; then what may have been withdrawn counts no more."""
    with serving(make_app, ehr_client, tmp_path) as (client, server, _):
        assert status(client, ehr_client.token()) == 200
        server.behaviours["jwks"] = lambda handler: handler.answer(b"", 500)
        passing(3600)
        assert status(client, ehr_client.token()) == 200
        assert len(server.asked) == 2
        passing(24 * 3600)
        assert status(client, ehr_client.token()) == 401


@pytest.mark.requirement("CH-204")
def test_a_rotated_key_at_an_address_works_without_a_restart(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path, passing: Callable[[float], None]
) -> None:
    with serving(make_app, ehr_client, tmp_path) as (client, _, _):
        assert status(client, ehr_client.token()) == 200
        old = ehr_client.keys["ES384"]
        ehr_client.keys = {"ES384": private_key("P-384/new")}
        passing(60)
        rotated = EhrClient(keys={"ES384": ehr_client.keys["ES384"]})
        set_now = {"keys": [public_jwk(rotated.keys["ES384"], "new", alg="ES384")]}
        ehr_client.key_set = lambda: set_now  # type: ignore[method-assign]
        assert status(client, rotated.token(header={"kid": "new"})) == 200
        withdrawn = EhrClient(keys={"ES384": old})
        assert status(client, withdrawn.token()) == 401


@pytest.mark.requirement("CH-204")
def test_a_rotated_key_file_works_without_a_restart(
    trusting: FlaskClient, ehr_client: EhrClient, tmp_path: Path, passing: Callable[[float], None]
) -> None:
    assert status(trusting, ehr_client.token()) == 200
    rotated = EhrClient(keys={"ES384": private_key("P-384/new")})
    keys = {"keys": [public_jwk(rotated.keys["ES384"], "new", alg="ES384")]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    passing(5)
    assert status(trusting, rotated.token(header={"kid": "new"})) == 200


@pytest.mark.requirement("CH-205")
def test_a_flood_of_unknown_key_ids_causes_few_fetches(
    make_app: Making, ehr_client: EhrClient, tmp_path: Path, passing: Callable[[float], None]
) -> None:
    with serving(make_app, ehr_client, tmp_path) as (client, server, _):
        for number in range(50):
            assert status(client, ehr_client.token(header={"kid": f"k-{number}"})) == 401
            passing(1)
        assert 1 <= len(server.asked) <= 2
        assert status(client, ehr_client.token()) == 200
