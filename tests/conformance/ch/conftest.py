"""Fixtures of the CDS Hooks cases: one service for a file, no way out, and what was written to the logs."""

import itertools
import logging
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient

from cds_service.kernel.clock import Clock
from tests import builders
from tests.applications import applications


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A caller of one service for all tests of a file: no call may change what the next one is told."""
    numbers = itertools.count(1)
    clock = Clock(
        today=lambda: builders.TODAY,
        now=lambda: datetime(2026, 11, 21, 16, 30, tzinfo=UTC),
        new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
    )
    with applications(tmp_path_factory.mktemp("service"), clock) as make:
        yield make(auth="off", fhir_hosts=("127.0.0.1",)).test_client()


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """No name is looked up and no connection is made; whoever tried is in the list, and the test fails."""
    tried: list[Any] = []

    def refuse(*args: Any, **_: Any) -> Any:
        tried.append(args[1:] if isinstance(args[0], socket.socket) else args)
        raise OSError("no way out of this test")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    yield tried
    assert not tried


@pytest.fixture
def written(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[[], str]]:
    """Everything logged or printed so far, at every level and by every library."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as entries:

        def text() -> str:
            out, err = capfd.readouterr()
            return "\n".join([*map(str, entries), caplog.text, out, err])

        yield text
