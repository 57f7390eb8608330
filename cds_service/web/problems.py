"""Turns errors into a FHIR OperationOutcome with its status; no error leaves in any other form."""

import traceback
from pathlib import Path

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from cds_service.audit.database import StoreError
from cds_service.kernel import fhir_json
from cds_service.kernel.errors import CallError, too_large
from cds_service.kernel.fhir_json import JsonObject

CODE_SYSTEM = "http://cds-service.example.org/fhir/CodeSystem/error"
FHIR_JSON = "application/fhir+json"
_ISSUES = {404: "not-found", 405: "not-supported", 415: "not-supported", 503: "transient"}
_CODES = {404: "not-found", 405: "method-not-allowed", 415: "unsupported-media-type"}
_HINTS = {
    405: "See /docs for the paths and their methods.",
    404: "See /docs for the paths that there are.",
}

log = structlog.get_logger()


def operation_outcome(error: CallError) -> JsonObject:
    """What is wrong, where, what to do, and a stable code (CH-062, hook-10)."""
    issue: JsonObject = {
        "severity": "error",
        "code": error.issue,
        "details": {"coding": [{"system": CODE_SYSTEM, "code": error.code}], "text": error.message},
    }
    if error.hint:
        issue["diagnostics"] = error.hint
    if error.where:
        issue["expression"] = [error.where]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def answer(error: CallError) -> Response:
    """The HTTP answer to an error."""
    response = Response(fhir_json.write(operation_outcome(error)), error.status, content_type=FHIR_JSON)
    response.headers["Cache-Control"] = "no-store"
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        response.headers["Retry-After"] = "1"
    return response


def overloaded() -> CallError:
    """503: more calls at once than can be answered in time (CH-254)."""
    hint = "Call again in a moment."
    return CallError("Too many calls at once.", None, hint, 503, "overloaded", "throttled")


def register(app: Flask) -> None:
    """Has every error of an application answered here."""
    app.register_error_handler(CallError, answer)
    app.register_error_handler(StoreError, _not_kept)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _fault)


def _not_kept(error: StoreError) -> Response:
    """The database is down where nothing can be done without it."""
    log.error("store-failed", why=str(error))
    hint = "Call again in a moment."
    return answer(
        CallError("Records cannot be kept or read now.", None, hint, 503, "store-failed", "transient")
    )


def _http(error: HTTPException) -> Response:
    """What Flask itself refuses: unknown paths, wrong methods, bodies that are too large."""
    status = error.code or 500
    if status < 400 and error.response is not None:  # a redirect to the proper form of a path
        return Response(status=status, headers={"Location": error.get_headers()[-1][1]})
    if isinstance(error, RequestEntityTooLarge):
        return answer(too_large(request.max_content_length or 0))
    message, hint = f"{error.name}.", _HINTS.get(status)
    code, issue = _CODES.get(status, "refused"), _ISSUES.get(status, "processing")
    response = answer(CallError(message, None, hint, status, code, issue))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _fault(error: Exception) -> Response:
    """A fault of ours: the log learns what and where, never a value of the call (CH-063, CH-065)."""
    frames = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
    log.error("fault", kind=type(error).__name__, at=frames[-6:])
    hint = "Call again; if it happens again, report the time of the call."
    return answer(CallError("The service failed.", None, hint, 500, "internal-failure", "exception"))
