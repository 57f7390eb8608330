"""Calls of odd kinds and sizes: other media, endless, deep, huge, doubled; the process lives on."""

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.conformance.ch.calls import (
    SIGN,
    answered,
    collection,
    covered,
    in_context,
    post,
    refused,
    sign,
)

DEEP = 10_000
TWIN = b'{"hook": "order-sign", "hook": "order-sign", "hookInstance": "x", "context": {}}'
SOUND = json.dumps(sign()).encode()


def refusal(client: FlaskClient, body: Any, *statuses: int, **options: Any) -> dict[str, Any]:
    """The issue of a refusal; afterwards the service answers as before."""
    issue = refused(post(client, body, **options), *statuses)
    assert covered(answered(client, sign())) == "covered"
    return issue


@pytest.mark.requirement("CH-059")
@pytest.mark.parametrize(
    "kind", ["text/xml", "application/xml", "application/fhir+xml", "text/html", "multipart/form-data", "x"]
)
def test_another_media_type_is_a_415(client: FlaskClient, kind: str) -> None:
    refusal(client, SOUND, 415, content_type=kind)


@pytest.mark.requirement("CH-061")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "zstd"])
def test_a_compressed_body_is_not_unpacked(client: FlaskClient, encoding: str) -> None:
    """No bomb goes off where nothing is unpacked."""
    refusal(client, b"\x1f\x8b\x08", 415, headers={"Content-Encoding": encoding})


class Endless(io.RawIOBase):
    """A body that goes on for ever, and counts what was taken of it."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Blanks, as many as wanted."""
        self.taken += len(buffer)
        buffer[:] = b" " * len(buffer)
        return len(buffer)


@pytest.mark.requirement("CH-060")
def test_a_body_over_the_limit_is_a_413_before_it_is_read(client: FlaskClient) -> None:
    body = Endless()
    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(11 * 1024 * 1024)}
    options: Any = {"content_type": "application/json", "environ_overrides": environ}
    issue = refused(client.post(f"/cds-services/{SIGN}", **options), 413)
    assert issue["code"] == "too-long"
    assert body.taken == 0


@pytest.mark.requirement("CH-060")
def test_a_body_that_tells_no_length_is_read_up_to_the_limit(client: FlaskClient) -> None:
    body = Endless()
    environ = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    options: Any = {"content_type": "application/json", "environ_overrides": environ}
    assert refused(client.post(f"/cds-services/{SIGN}", **options), 413)["code"] == "too-long"
    assert body.taken < 12 * 1024 * 1024
    environ["wsgi.input"] = io.BytesIO(SOUND)
    assert client.post(f"/cds-services/{SIGN}", **options).status_code == 200


@pytest.mark.requirement("CH-061")
@pytest.mark.parametrize(
    ("opening", "closing"),
    [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")],
    ids=["lists", "objects", "both"],
)
@pytest.mark.parametrize(
    "member", ["whole", "context", "prefetch", "extension", "fhirAuthorization", "unknown"]
)
def test_deep_nesting_leaves_the_process_alive(
    client: FlaskClient, member: str, opening: bytes, closing: bytes
) -> None:
    """Where nobody looks, it is no reason to refuse either."""
    deep = opening * DEEP + b"1" + closing * DEEP
    if member != "whole":
        plain = {name: value for name, value in sign().items() if name != member}
        deep = json.dumps(plain).encode()[:-1] + b', "%b": %b}' % (member.encode(), deep)
    answer = post(client, deep)
    assert answer.status_code == 400 or (answer.status_code == 200 and member in ("extension", "unknown"))
    assert covered(answered(client, sign())) == "covered"


@pytest.mark.requirement("CH-061")
@pytest.mark.parametrize("key", ["patient", "coverage", "conditions", "observations", "unknown"])
def test_deep_nesting_in_prefetch_proves_nothing(client: FlaskClient, key: str) -> None:
    body = json.dumps(sign()).encode()
    deep = b'{"resourceType":"Bundle","entry":' + b"[" * DEEP + b"]" * DEEP + b"}"
    prefetch = {name: value for name, value in sign()["prefetch"].items() if name != key}
    raw = json.dumps(prefetch).encode()[:-1] + b', "%b": %b}' % (key.encode(), deep)
    answer = post(client, body.replace(json.dumps(sign()["prefetch"]).encode(), raw))
    assert answer.status_code in (200, 400, 412)
    if answer.status_code == 200 and key != "unknown":
        assert covered(answer.get_json()) != "covered"
    assert covered(answered(client, sign())) == "covered"


@pytest.mark.requirement("CH-061")
@pytest.mark.parametrize("size", [1_000_000, 5_000_000])
def test_huge_texts_leave_the_process_alive(client: FlaskClient, size: int) -> None:
    for body in (sign(hookInstance="x" * size), sign(hook="x" * size), in_context(sign(), userId="x" * size)):
        refusal(client, body, 400)
    order = builders.order({"text": "w" * size})
    assert post(client, in_context(sign(), draftOrders=collection(order))).status_code == 200


@pytest.mark.requirement("CH-061")
@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 5000, "-3.2", "1E+400", "0"])
def test_senseless_numbers_prove_nothing(client: FlaskClient, number: str) -> None:
    answer = post(client, json.dumps(sign()).replace("3.2", number))
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or covered(answer.get_json()) != "covered"


@pytest.mark.requirement("CH-061")
def test_doubled_members_are_refused(client: FlaskClient) -> None:
    """Readers disagree on which of two counts."""
    assert "more than once" in refusal(client, TWIN, 400)["details"]["text"]
    text = json.dumps(sign())
    for name in ("patientId", "draftOrders", "status", "patient"):
        doubled = text.replace(f'"{name}": ', f'"{name}": null, "{name}": ', 1)
        assert doubled != text
        refusal(client, doubled.encode(), 400)
