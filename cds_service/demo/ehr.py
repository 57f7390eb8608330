"""An EHR for the demo: a FHIR R4 server in memory, on loopback, in a thread of this process.

sekmet-fhir (extra `demo`) does the work; its simulator, its console and its log of requests stay off. An
outer layer lets the search of chosen types fail for chosen patients, as real EHRs now and then do.
"""

import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from cds_service.demo.launch import PATH, launch
from cds_service.demo.ports import port_of
from cds_service.kernel import fhir_json
from cds_service.kernel.errors import CdsError

Application = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application: scope, receive, send."""
Receive = Callable[[], Awaitable[Any]]

_STARTING = 20.0
_OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"severity": "error", "code": "exception", "diagnostics": "The index of this type is being rebuilt."}
    ],
}


class EhrMissingError(CdsError):
    """The embedded FHIR server is not installed or does not start; the text says what to do."""


@contextmanager
def running_ehr(
    listening: socket.socket, failing: Mapping[str, Sequence[str]] | None = None
) -> Iterator[str]:
    """The base address of a FHIR server that runs while the block does, empty at first.

    listening: its socket (demo.ports); failing: resource types whose search fails, by patient id. Raises
    EhrMissingError.
    """
    base = f"http://127.0.0.1:{port_of(listening)}/fhir"
    server = _server(_with_faults(_fhir_application(base), failing or {}))
    thread = threading.Thread(target=server.run, args=([listening],), name="embedded-ehr", daemon=True)
    thread.start()
    try:
        _await(server, thread)
        yield base
    finally:
        server.should_exit = True
        thread.join(_STARTING)


def _fhir_application(base: str) -> Application:
    """The FHIR part of sekmet-fhir, without its console and its other routes."""
    try:
        from fastapi import FastAPI
        from fastapi.middleware.cors import CORSMiddleware
        from sekmet.config import Settings, SimulatorSettings
        from sekmet.context import AppContext
        from sekmet.fhir.router import build_router
    except ImportError:
        raise EhrMissingError('The demo needs its extra: pip install "cds-service[demo]"') from None
    settings = Settings(
        base_url=base,
        db_path=":memory:",
        simulator=SimulatorSettings(enabled=False),
        log_inbound=False,
        software_name="Made-up EHR",
        facility_name="Made-up Hospital",
    )
    context = AppContext(settings)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_route(f"/fhir{PATH}", launch, methods=["POST"])  # before the router, which takes every path
    app.include_router(build_router(lambda: context))
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    logging.getLogger("sekmet").setLevel(logging.ERROR)
    return app


def _server(app: Application) -> Any:
    import uvicorn

    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=2
    )
    return uvicorn.Server(config)


def _await(server: Any, thread: threading.Thread) -> None:
    """Returns once the server listens."""
    waiting = threading.Event()
    for _ in range(int(_STARTING / 0.02)):
        if server.started:
            return
        if not thread.is_alive():
            break
        waiting.wait(0.02)
    raise EhrMissingError("The embedded FHIR server did not start.")


def _with_faults(app: Application, failing: Mapping[str, Sequence[str]]) -> Application:
    """The application with searches that fail, in front of everything it does itself."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        method, path = scope.get("method"), str(scope.get("path", "")).removeprefix("/fhir/")
        sent, refused = scope.get("query_string", b""), False
        if method == "POST" and failing:
            sent, receive = await _kept(receive)
            refused = b'"batch"' in sent  # its searches are for the GETs, which fail one by one
        if method == "GET" or path.endswith("/_search"):
            refused = _fails(path.removesuffix("/_search"), sent, failing)
        await (_refuse(send) if refused else app(scope, receive, send))

    return answer


async def _kept(receive: Receive) -> tuple[bytes, Receive]:
    """A request's body, and a way to receive it once more."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    body = b"".join(message.get("body", b"") for message in messages)

    async def again() -> Any:
        return messages.pop(0) if messages else await receive()

    return body, again


def _fails(kind: str, query: bytes, failing: Mapping[str, Sequence[str]]) -> bool:
    asked = parse_qs(query.decode("latin-1"))
    patients = [value.rpartition("/")[2] for name in ("patient", "subject") for value in asked.get(name, ())]
    return any(kind in failing.get(patient, ()) for patient in patients)


async def _refuse(send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
    headers = [(b"content-type", b"application/fhir+json"), (b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": fhir_json.write(_OUTCOME)})
