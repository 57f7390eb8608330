"""FHIR resources on their way out: checked against the FHIR models, written, with the right headers."""

import structlog
from fhir.resources.R4B import get_fhir_model_class
from flask import Response
from pydantic import ValidationError

from cds_service.kernel import fhir_json
from cds_service.kernel.errors import CallError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.web.problems import FHIR_JSON

log = structlog.get_logger()


def send(resource: JsonObject, status: int = 200) -> Response:
    """The HTTP answer that carries a resource as published."""
    return _response(fhir_json.write(resource), status)


def send_checked(resource: JsonObject, status: int = 200) -> Response:
    """The same for a resource that was put together here. Raises CallError (500) when it is no valid FHIR."""
    raw = fhir_json.write(resource)
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate_json(raw)
    except ValidationError as error:
        places = [
            ".".join(map(str, each["loc"])) for each in error.errors(include_input=False, include_url=False)
        ]
        log.error("resource-invalid", type=resource["resourceType"], at=places[:5])
        hint = "Call again; if it happens again, report the time of the call."
        raise CallError("The service failed.", None, hint, 500, "internal-failure", "exception") from None
    return _response(raw, status)


def _response(raw: bytes, status: int) -> Response:
    response = Response(raw, status, content_type=FHIR_JSON)
    response.headers["Cache-Control"] = "no-store"
    return response


def outcome(severity: str, code: str, texts: tuple[str, ...]) -> JsonObject:
    """An OperationOutcome that tells something other than an error."""
    issues = [{"severity": severity, "code": code, "details": {"text": text}} for text in texts]
    return {"resourceType": "OperationOutcome", "issue": issues}


def searchset(found: list[JsonObject], base: str, link: str) -> JsonObject:
    """The Bundle that answers a search. base: our FHIR base; link: the address that was asked."""
    entries = [
        {
            "fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in found
    ]
    bundle: JsonObject = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    bundle["link"] = [{"relation": "self", "url": link}]
    return {**bundle, "entry": entries} if entries else bundle
