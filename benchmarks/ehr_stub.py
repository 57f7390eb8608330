"""A FHIR server that answers searches of one patient after a fixed delay and notes when each call came."""

import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from benchmarks.bodies import Json, bundle, chart

CALLS = "/calls"


@dataclass
class Seen:
    """Arrival time and path of every call since it was last asked for."""

    calls: list[tuple[float, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str) -> None:
        """Notes a call."""
        with self.lock:
            self.calls.append((time.monotonic(), path))

    def take(self) -> list[tuple[float, str]]:
        """Hands out what was noted and forgets it."""
        with self.lock:
            taken, self.calls = self.calls, []
        return taken


class Ehr(BaseHTTPRequestHandler):
    """Answers `GET [base]/Type?...` and `GET [base]/Type/id` from the chart."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    delay = 0.05
    seen: Seen
    answers: ClassVar[dict[str, bytes]] = {}
    observations: ClassVar[list[Json]] = []

    def do_GET(self) -> None:
        """One call: noted, delayed, answered."""
        if self.path == CALLS:
            return self._send(json.dumps(self.seen.take()).encode())
        self.seen.add(self.path)
        time.sleep(self.delay)
        return self._send(self._answer())

    def _answer(self) -> bytes:
        """The answer by type, for Observations by code as well; made at the first call and kept."""
        parts = urlsplit(self.path)
        kind, asked = parts.path.strip("/").removeprefix("fhir/"), parse_qs(parts.query)
        if kind != "Observation":
            return self.answers.get(kind + ("+include" if "_include" in asked else ""), EMPTY)
        if parts.query not in self.answers:
            wanted = {token for value in asked.get("code", ()) for token in value.split(",")}
            found = [item for item in self.observations if not wanted.isdisjoint(_tokens(item))]
            self.answers[parts.query] = json.dumps(bundle(found)).encode()
        return self.answers[parts.query]

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


EMPTY = json.dumps(bundle([])).encode()


def _tokens(item: Json) -> set[str]:
    return {f"{coding['system']}|{coding['code']}" for coding in item["code"]["coding"]}


def prepared() -> dict[str, bytes]:
    """Answers by path, made once."""
    content = chart()
    answers = {kind: json.dumps(bundle(items)).encode() for kind, items in content.items()}
    answers["Coverage+include"] = json.dumps(
        bundle([*content["Coverage"], *content["Organization"]])
    ).encode()
    for kind in ("Patient", "Coverage", "Organization"):
        for item in content[kind]:
            answers[f"{kind}/{item['id']}"] = json.dumps(item).encode()
    return answers


def _serve(delay: float, ready: Connection) -> None:
    Ehr.delay, Ehr.seen, Ehr.answers = delay, Seen(), prepared()
    Ehr.observations = chart()["Observation"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ehr)
    ready.send(server.server_port)
    server.serve_forever()


@contextmanager
def ehr(delay: float) -> Iterator[str]:
    """Runs the server in a process of its own, so that it does not share our interpreter; yields its base."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(delay, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/fhir"
    finally:
        process.terminate()
        process.join()
