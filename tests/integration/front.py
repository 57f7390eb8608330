"""A front door before a FHIR server, through which chosen searches fail for chosen patients."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.integration.loopback import ANY, Ehr, Handler, running

Failing = Mapping[str, Mapping[str, str]]
"""Patient id -> resource type -> how its search fails: the code of an OperationOutcome issue."""
_STATUS = {"not-supported": 404}
_BROKEN = "broken-page"


@contextmanager
def front(base: str, failing: Failing) -> Iterator[Ehr]:
    """A running front door to the server at `base`; its links lead through it again."""

    def serve(handler: Handler) -> None:
        kind, code = _fault(handler.path, failing)
        if code and code != "incomplete":
            return handler.answer(_outcome(code), _STATUS.get(code, 500))
        inner, ours = base.encode(), handler.ehr.base.encode()
        reply = requests.get(base + handler.path.removeprefix("/fhir"), timeout=60)
        body = reply.content.replace(inner, ours)
        if code and reply.ok:
            body = _with_more(body, f"{handler.ehr.base}/{kind}?{_BROKEN}=1")
        return handler.answer(body, reply.status_code)

    with running({ANY: serve}) as ehr:
        yield ehr


def _fault(path: str, failing: Failing) -> tuple[str, str | None]:
    """(resource type, how this request fails or None)."""
    parts = urlsplit(path)
    kind, asked = parts.path.removeprefix("/fhir").strip("/"), parse_qs(parts.query)
    if _BROKEN in asked:
        return kind, "exception"
    patients = [value for name in ("patient", "subject") for value in asked.get(name, ())]
    found = [failing[patient][kind] for patient in patients if kind in failing.get(patient, {})]
    return kind, next(iter(found), None)


def _outcome(code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}


def _with_more(page: bytes, url: str) -> bytes:
    """The page with a link to a further one."""
    bundle = json.loads(page)
    links = [link for link in bundle.get("link", ()) if link["relation"] != "next"]
    return json.dumps({**bundle, "link": [*links, {"relation": "next", "url": url}]}).encode()
