"""From a registration and a request to the caller that is answered (determinations.md section 4)."""

import re
from collections.abc import Collection

from cds_service.answer.context import ClientOptions
from cds_service.answer.coverage_rules import VERSIONS, Version
from cds_service.answer.shape import QUIRKS
from cds_service.decide import Caller
from cds_service.evidence.hosts import AllowedHosts
from cds_service.hooks.request import HookRequest
from cds_service.kernel.errors import CallError, invalid_call
from cds_service.web.clients import Client

_VERSION = re.compile(r"(\d+\.\d+)(?:\.\d+)?\Z")
_WHERE = "extension.davinci-crd.requestedVersion"


def caller_of(client: Client | None, request: HookRequest, hosts: AllowedHosts, default: Version) -> Caller:
    """Who calls. Raises CallError for a version that is not spoken (CRD-084).

    client: its registration, None where anybody may call; hosts: the EHRs that anybody may name; default: the
    version spoken to callers that name none.
    """
    named = _requested(request.requested_version) or (client.crd_version if client else None)
    quirks: Collection[str] = client.quirks if client else ()
    options = ClientOptions(
        issuer=client.iss if client else "",
        crd="plain-cds-hooks" not in quirks,
        system_actions="no-system-actions" not in quirks,
        dtr=named == "2.2" or "has-dtr" in quirks,
        quirks=frozenset(quirks) & QUIRKS.keys(),
    )
    return Caller(
        options=options,
        version=named or default,
        strict=named == "2.2",
        hosts=client.hosts if client else hosts,
        without_token="open-fhir-server" in quirks,
        empty_is_absent="empty-is-absent" in quirks,
    )


def _requested(version: str | None) -> Version | None:
    """The version that a request asks for, patch level aside."""
    if version is None:
        return None
    found = _VERSION.match(version.strip())
    for spoken in VERSIONS:
        if found and found[1] == spoken:
            return spoken
    raise _unspoken()


def _unspoken() -> CallError:
    return invalid_call(
        "The CRD version asked for is not spoken here.", _WHERE, f"Ask for {' or '.join(VERSIONS)}, or none."
    )
