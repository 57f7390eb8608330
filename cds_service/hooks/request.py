"""The hook envelope as received, strict about what we need and blind to what we do not know.

Shapes accepted are those of cds-hooks.md 1.2, 2.1 to 2.3 and 3.2; every other input leaves as a CallError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import msgspec

from cds_service.hooks.access import FhirAccess, read_access
from cds_service.hooks.context import MAX_ID, Context, read_context
from cds_service.hooks.strict_json import BROKEN, read_members, read_object
from cds_service.kernel.errors import CallError, invalid_call
from cds_service.kernel.fhir_json import JsonObject

NULL = b"null"

_ENVELOPE = {"hook", "hookInstance", "fhirServer", "fhirAuthorization", "context", "prefetch", "extension"}
_CONFIGURATION = "davinci-crd.configuration"
_VERSION = "davinci-crd.requestedVersion"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRequest(Context):
    """One call as sent: its context, and the envelope around it.

    fhir_access is None when the call brings no token that may be used; access_problem then says why, if one
    was sent. prefetch: key -> raw JSON, None for null; configuration: `davinci-crd.configuration` or empty;
    requested_version: `davinci-crd.requestedVersion`; ignored: how many members were not understood
    (found-33).
    """

    hook: str
    hook_instance: str
    fhir_server: str | None = None
    fhir_access: FhirAccess | None = None
    access_problem: str | None = None
    prefetch: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)
    configuration: JsonObject = field(default_factory=dict)
    requested_version: str | None = None
    ignored: int = 0


def read_hook_request(body: bytes, expected_hook: str | tuple[str, ...]) -> HookRequest:
    """The request in `body`; expected_hook: the hook, or hooks, of the service that was called.

    Raises CallError (400): not-json, or invalid-call with the path of the element in `where`.
    """
    members = read_members(body)
    hook = _text(members, "hook")
    expected = (expected_hook,) if isinstance(expected_hook, str) else expected_hook
    if hook not in expected:
        raise invalid_call(
            "This service does not answer that hook.", "hook", f"Send {' or '.join(expected)}."
        )
    context, unknown = read_context(hook, read_object(_required(members, "context"), "context"))
    server = _optional_text(members, "fhirServer")
    access, problem, unread = read_access(_object(members, "fhirAuthorization"), server, context.patient_id)
    configuration, version, foreign = _extension(members)
    return HookRequest(
        **{part.name: getattr(context, part.name) for part in fields(context)},
        hook=hook,
        hook_instance=_text(members, "hookInstance"),
        fhir_server=server,
        fhir_access=access,
        access_problem=problem,
        prefetch=_prefetch(members),
        configuration=configuration,
        requested_version=version,
        ignored=len(members.keys() - _ENVELOPE) + unknown + unread + foreign,
    )


def _required(members: Mapping[str, bytes], name: str) -> bytes:
    raw = members.get(name, NULL)
    if raw == NULL:
        raise invalid_call(f"{name} is missing.", name)
    return raw


def _text(members: Mapping[str, bytes], name: str) -> str:
    _required(members, name)
    text = _optional_text(members, name)
    if text is None:
        raise invalid_call(f"{name} is blank.", name)
    return text


def _optional_text(members: Mapping[str, bytes], name: str) -> str | None:
    """A string member without surrounding blanks; None when absent, null or blank."""
    raw = members.get(name, NULL)
    if raw == NULL:
        return None
    try:
        text = msgspec.json.decode(raw, type=str).strip()
    except BROKEN:
        raise invalid_call(f"{name} is not a string.", name) from None
    if len(text) > MAX_ID:
        raise invalid_call(f"{name} is longer than {MAX_ID} characters.", name)
    return text or None


def _object(members: Mapping[str, bytes], name: str) -> JsonObject | None:
    raw = members.get(name, NULL)
    return None if raw == NULL else read_object(raw, name)


def _prefetch(members: Mapping[str, bytes]) -> dict[str, bytes | None]:
    raw = members.get("prefetch", NULL)
    if raw == NULL:
        return {}
    return {key: None if value == NULL else value for key, value in read_members(raw, "prefetch").items()}


def _extension(members: Mapping[str, bytes]) -> tuple[JsonObject, str | None, int]:
    """(configuration, requested version, members not understood); nonsense is survived (CRD dev-6)."""
    try:
        extension = _object(members, "extension") or {}
    except CallError:
        return {}, None, 1
    configuration, version = extension.pop(_CONFIGURATION, None), extension.pop(_VERSION, None)
    foreign = len(extension)
    if not isinstance(configuration, dict):
        foreign += configuration is not None
        configuration = {}
    if not isinstance(version, str):
        foreign += version is not None
        version = None
    return configuration, version, foreign
