"""The access to the EHR's FHIR server that a call brings with it (cds-hooks.md 3.2)."""

import math
import re
from dataclasses import dataclass, field

from cds_service.kernel.errors import invalid_call
from cds_service.kernel.fhir_json import JsonObject

_MEMBERS = {"access_token", "token_type", "expires_in", "scope", "subject", "patient"}
_TOKEN = re.compile(r"[!-~]+\Z")  # what a header can carry; anything else could smuggle in a second header


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """A token for this call only. It never shows in a repr, so that it cannot reach a log (CH-223).

    expires_in: seconds from the moment the call was received, None when the client does not say.
    """

    token: str = field(repr=False)
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name, not a secret
    expires_in: float | None = None
    scope: str = ""
    subject: str | None = None
    patient: str | None = field(default=None, repr=False)


def read_access(
    raw: JsonObject | None, server: str | None, patient_id: str
) -> tuple[FhirAccess | None, str | None, int]:
    """(the access or None, why a token that was sent may not be used, members not understood).

    Scope texts differ too much between vendors to judge by them (CH-239). Raises CallError when the token is
    for another patient than the call (CH-240), or a member has the wrong type.
    """
    if raw is None:
        return None, None, 0
    texts = {name: _text(raw, name) for name in sorted(_MEMBERS - {"expires_in"})}
    if texts["patient"] and texts["patient"].removeprefix("Patient/") != patient_id:
        message = "The token is for another patient than the call."
        raise invalid_call(message, "fhirAuthorization.patient", "Send a token of the patient in context.")
    expires = _seconds(raw.get("expires_in"))
    token, kind = texts["access_token"] or "", texts["token_type"] or ""
    access = FhirAccess(token, kind, expires, texts["scope"] or "", texts["subject"], texts["patient"])
    problem = _problem(access, server)
    return (None if problem else access), problem, len(raw.keys() - _MEMBERS)


def _problem(access: FhirAccess, server: str | None) -> str | None:
    """Why the token stays unused, None when it may be used (CH-058, CH-094, CH-237)."""
    if server is None:
        return "fhirAuthorization came without fhirServer"
    if not _TOKEN.match(access.token):
        return "the access token is empty or cannot stand in a header"
    if access.token_type.casefold() != "bearer":
        return "the token type is not Bearer"
    if access.expires_in is not None and access.expires_in <= 0:
        return "the access token has expired"
    return None


def _text(raw: JsonObject, name: str) -> str | None:
    value = raw.get(name)
    if value is None or isinstance(value, str):
        return value
    raise invalid_call(f"{name} is not a string.", f"fhirAuthorization.{name}")


def _seconds(value: object) -> float | None:
    """expires_in as a number; the CDS Hooks sandbox may send a string. What is no number is not known."""
    try:
        seconds = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
