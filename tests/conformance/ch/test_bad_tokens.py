"""Every kind of token that must not open the door: one and the same 401, and nothing leaves the machine."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.kernel.clock import Clock
from tests.applications import applications
from tests.conformance.ch.bad_tokens import EHR, KINDS
from tests.conformance.ch.calls import post, sign
from tests.ehr_client import BASE, SIGN_PATH

CASES = [
    pytest.param(header, id=f"{kind}-{index}", marks=pytest.mark.requirement(*proves))
    for kind, (headers, proves) in KINDS.items()
    for index, header in enumerate(headers)
]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A caller of a service that wants tokens; refusals leave nothing behind, so all tests here share it."""
    folder = tmp_path_factory.mktemp("door")
    with applications(folder, Clock()) as make:
        yield make(clients=EHR.register(folder), public_url=BASE).test_client()


def refusal(client: FlaskClient, header: str | None) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of the answer to a sound call with this Authorization header."""
    answer = post(client, sign(), headers={} if header is None else {"Authorization": header})
    return answer.status_code, answer.data, dict(answer.headers)


@pytest.mark.requirement("CH-217", "S4")
@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("header", CASES)
def test_no_such_token_opens_the_door(door: FlaskClient, header: str | None) -> None:
    """Whatever is wrong: the same 401, to the byte, as for no token at all."""
    status, body, headers = refusal(door, header)
    assert status == 401
    assert headers["WWW-Authenticate"] == "Bearer"
    assert (status, body, headers) == refusal(door, None)


def test_there_are_more_than_twenty_five_kinds() -> None:
    """And each of them would be answered if it were sound, so that a refusal means what it says."""
    assert len(CASES) > 100


@pytest.mark.requirement("CH-188", "G15")
@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("path", ["/feedback", ""])
@pytest.mark.parametrize("hook", ["sign", "select", "dispatch"])
def test_every_service_and_its_feedback_want_a_token(door: FlaskClient, hook: str, path: str) -> None:
    assert door.post(f"/cds-services/coverage-order-{hook}{path}", json={}).status_code == 401
    assert door.post(f"/cds-services/coverage-appointment-book{path}", json={}).status_code == 401


@pytest.mark.requirement("CH-220")
def test_the_refusal_comes_before_the_body_is_read(door: FlaskClient) -> None:
    class Unread(io.BytesIO):
        """A body that must not be touched."""

        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

        readinto = readline = readlines = read1 = read  # type: ignore[assignment]

    options: Any = {"input_stream": Unread(b"{}"), "content_type": "application/json"}
    assert door.post(SIGN_PATH, **options).status_code == 401
    with pytest.raises(AssertionError, match="the body was read"):
        door.application.test_request_context(SIGN_PATH, method="POST", **options).request.get_data()
