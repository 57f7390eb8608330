"""Sockets that go only to vetted addresses and end with the call, however slowly the other side talks."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cds_service.kernel.clock import Deadline

LATE = "the EHR did not answer in time"


class CallState(threading.local):
    """What the connections of this thread must know of the call they work for."""

    deadline = Deadline(0.0)
    vetted: Callable[[], list[str]] = list
    connect_seconds = 0.0

    @contextmanager
    def working(
        self, deadline: Deadline, vetted: Callable[[], list[str]], connect_seconds: float
    ) -> Iterator[None]:
        """For as long as the block lasts; then nothing of the call, its token included, is kept here."""
        self.deadline, self.vetted, self.connect_seconds = deadline, vetted, connect_seconds
        try:
            yield
        finally:
            del self.deadline, self.vetted, self.connect_seconds

    def left(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        if not (left := self.deadline.left()):
            raise TimeoutError(LATE)
        return left


CALL = CallState()


class PlainSocket(socket.socket):
    """A socket on which no single read outlasts the call, so that a slow drip ends with it."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(CALL.left())
        return super().recv_into(*args, **kwargs)


class TlsSocket(ssl.SSLSocket):
    """The same over TLS."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(CALL.left())
        return super().recv_into(*args, **kwargs)


def connect(port: int) -> socket.socket:
    """A connection to the first vetted address that answers; no name is looked up a second time (CH-229)."""
    trouble: OSError = OSError("no address")
    for address in CALL.vetted():
        seconds = min(CALL.connect_seconds, CALL.left())
        try:
            made = socket.create_connection((address, port), seconds)
        except OSError as error:
            trouble = error
            continue
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        timed = PlainSocket(made.family, made.type, made.proto, fileno=made.detach())
        timed.settimeout(seconds)
        return timed
    raise trouble
