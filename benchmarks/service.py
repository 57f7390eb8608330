"""The service as the benchmarks call it: in process, open on loopback, with its own scratch database."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, request
from werkzeug.test import EnvironBuilder, run_wsgi_app

from cds_service.cli_serve import log_as_json
from cds_service.web.app import create_app

Call = Callable[[], bytes]
PATH = "/cds-services/coverage-order-sign"


def service(scratch: Path, fhir_hosts: str = "") -> Any:
    """The application as `serve` builds it, without authentication; its log is written and thrown away."""
    log_as_json((scratch / "log").open("w", encoding="utf-8"))
    return create_app(auth="off", database_url=f"sqlite:///{scratch}/records.sqlite3", fhir_hosts=fhir_hosts)


def bare_flask() -> Flask:
    """What Flask itself costs: parse the body, answer three kilobytes."""
    app = Flask("bare")
    answer = b'{"cards":[' + b" " * 3070 + b"]}"

    @app.post(PATH)
    def echo() -> tuple[bytes, dict[str, str]]:
        request.get_json()
        return answer, {"Content-Type": "application/json"}

    return app


def caller(app: Any, body: bytes) -> Call:
    """A function that posts the body and returns the answer; raises AssertionError unless it is a 200."""

    def call() -> bytes:
        builder = EnvironBuilder(
            path=PATH,
            method="POST",
            input_stream=io.BytesIO(body),
            content_type="application/json",
            content_length=len(body),
        )
        content, status, _ = run_wsgi_app(app, builder.get_environ(), buffered=True)
        answer = b"".join(content)
        assert status.startswith("200"), f"{status} {answer[:500]!r}"
        return answer

    return call
