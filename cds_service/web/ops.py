"""For operators: alive, ready, metrics, versions."""

import hmac
import platform

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST

from cds_service import __version__
from cds_service.answer.coverage_rules import VERSIONS
from cds_service.audit.metrics import exposition
from cds_service.kernel import fhir_json
from cds_service.kernel.errors import not_trusted
from cds_service.kernel.fhir_json import JsonObject
from cds_service.settings import is_loopback
from cds_service.web.desk import desk

pages = Blueprint("ops", __name__)


@pages.get("/health")
def health() -> Response:
    """The process is alive."""
    return _json({"status": "ok"})


@pages.get("/ready")
def ready() -> Response:
    """Able to serve: policies loaded, records can be kept. 503 when not, naming what is missing."""
    here = desk()
    bundle = here.tools.knowledge.bundle
    parts = {"policies": bool(bundle.versions), "records": here.store.ready}
    body = {"ready": all(parts.values()), "parts": parts, "bundle_revision": bundle.revision}
    return _json(body, 200 if body["ready"] else 503)


@pages.get("/version")
def version() -> Response:
    """Versions of the service, the standards it speaks, and every policy loaded."""
    bundle = desk().tools.knowledge.bundle
    return _json(
        {
            "service": __version__,
            "python": platform.python_version(),
            "crd": list(VERSIONS),
            "cds_hooks": "2.0",
            "bundle_revision": bundle.revision,
            "policies": {name: [v.version for v in versions] for name, versions in bundle.versions.items()},
        }
    )


@pages.get("/metrics")
def metrics() -> Response:
    """Counters and timings for Prometheus; from this machine, or with the token of the settings."""
    here = desk()
    token = (request.headers.get("Authorization") or "").removeprefix("Bearer ").encode()
    wanted = here.metrics_token.encode()
    near = not here.metrics_token and is_loopback(request.remote_addr or "")
    if not near and not (wanted and hmac.compare_digest(token, wanted)):
        raise not_trusted("The caller is not trusted.")
    return Response(exposition(), content_type=CONTENT_TYPE_LATEST)


def _json(body: JsonObject, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(fhir_json.write(body), status, content_type="application/json", headers=headers)
