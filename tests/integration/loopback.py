"""A FHIR server on loopback whose every misbehaviour is a few lines of a test."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cds_service.kernel import fhir_json

Behaviour = Callable[["Handler"], None]
ANY = "*"
"""In the place of a resource type: whatever no other behaviour is for."""


@dataclass
class Ehr:
    """Where the server listens, how it behaves by resource type, and what it was asked."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def base(self) -> str:
        """The FHIR base address."""
        return f"http://127.0.0.1:{self.port}/fhir"


class Handler(BaseHTTPRequestHandler):
    """One request; behaviours write to it what they like."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ehr: Ehr
    body = b""

    def do_POST(self) -> None:
        """The same with a body."""
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        """Does what the test says for this resource type."""
        self.ehr.asked.append((self.path, dict(self.headers.items())))
        kind = self.path.removeprefix("/fhir").lstrip("/").split("?")[0].split("/")[0]
        behaviours = self.ehr.behaviours
        with suppress(OSError):
            behaviours[kind if kind in behaviours else ANY](self)

    def answer(self, body: object, status: int = 200, **headers: str) -> None:
        """A whole, well-formed answer."""
        raw = body if isinstance(body, bytes) else fhir_json.write(body)
        self.start(status, **{"Content-Length": str(len(raw)), **headers})
        self.wfile.write(raw)

    def start(self, status: int = 200, **headers: str) -> None:
        """The head of an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def drip(self, text: bytes, every: float = 0.01) -> None:
        """Writes byte after byte until the test is over or the caller is gone."""
        for byte in text:
            if self.ehr.over.wait(every):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is what many tests want."""


@contextmanager
def running(
    behaviours: dict[str, Behaviour], secure: Callable[[socket.socket], socket.socket] | None = None
) -> Iterator[Ehr]:
    """A server that behaves so while the block runs; secure: puts TLS on its socket."""
    ehr = Ehr(dict(behaviours))
    handler = type("Bound", (Handler,), {"ehr": ehr})
    server = _Server(("127.0.0.1", 0), handler)
    ehr.port = server.server_address[1]
    if secure is not None:
        server.socket = secure(server.socket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield ehr
    finally:
        ehr.over.set()
        server.shutdown()
        server.socket.close()
        thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def searchset(*resources: dict[str, Any], next_page: str | None = None, **members: Any) -> dict[str, Any]:
    """A searchset Bundle."""
    link = [{"relation": "next", "url": next_page}] if next_page else []
    entry = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entry, "link": link, **members}
