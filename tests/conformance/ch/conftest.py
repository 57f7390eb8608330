"""Fixtures of the CDS Hooks cases: a machine that cannot call out, and what was written to the logs."""

import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog


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
