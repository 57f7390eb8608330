"""Launch contexts of the demo's EHR, which the CDS Hooks sandbox asks for before it opens an app from a card.

No specification has this call, and no FHIR server that was looked at answers it. The EHR itself signs nobody
in; the id it gives out is one that the SMART App Launcher in front of it reads as a launch.
"""

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from cds_service.hooks.strict_json import read_object
from cds_service.kernel.errors import CallError

if TYPE_CHECKING:
    from fastapi import Request, Response

PATH = "/_services/smart/Launch"
_EHR_LAUNCH, _PKCE_ALWAYS = 0, 2


def launch_id(patient: str) -> str:
    """An EHR launch for a patient as the launcher reads it: base64url of a list (its `codec.ts`).

    Who works is left blank, so that the launcher asks; there is no encounter; PKCE is required.
    """
    who, options = [_EHR_LAUNCH, patient, "", "NONE"], [0, 0, 0]
    client = ["", "", "", "", "", "", "", 0, _PKCE_ALWAYS, ""]
    return urlsafe_b64encode(json.dumps([*who, *options, *client]).encode()).decode().rstrip("=")


async def launch(request: "Request") -> "Response":
    """Answers `{"launchUrl", "parameters": {"patient"}}` with `{"launch_id"}`; 400 without a patient."""
    from fastapi.responses import JSONResponse

    try:
        asked = read_object(await request.body()).get("parameters")
    except CallError as error:
        return JSONResponse({"error": error.message}, 400)
    patient = asked.get("patient") if isinstance(asked, dict) else None
    if not isinstance(patient, str) or not patient:
        return JSONResponse({"error": "parameters.patient is missing: name the patient by id."}, 400)
    return JSONResponse({"launch_id": launch_id(patient)})
