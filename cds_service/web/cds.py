"""Discovery, service call and feedback: the CDS Hooks endpoints (cds-hooks.md section 1)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
from flask import Blueprint, Response, request

from cds_service.answer.context import Answer, no_link
from cds_service.answer.proposals import proposed_by
from cds_service.audit.metrics import CALLS, FEEDBACK, SECONDS, count_determinations
from cds_service.decide import decide
from cds_service.hooks.feedback import read_feedback
from cds_service.hooks.request import HookRequest, read_hook_request
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Deadline
from cds_service.kernel.errors import CallError, too_large, unknown_service
from cds_service.web.callers import caller_of
from cds_service.web.clients import Client
from cds_service.web.desk import Desk, desk
from cds_service.web.discovery import SERVICES, HookService, discovery
from cds_service.web.problems import overloaded

JSON = "application/json"
_JSON_TYPE = re.compile(r"(?:application|text)/(?:[\w.-]+\+)?json\Z")
_PLAIN_ID = re.compile(r"[\w.:-]{1,64}\Z")

pages = Blueprint("cds", __name__)
log = structlog.get_logger()


@pages.get("/cds-services", strict_slashes=False)
def discover() -> Response:
    """The services on offer."""
    here = desk()
    if not here.open_discovery:
        here.trust.check(request.headers.get("Authorization"), f"{here.public_url}/cds-services")
    proposed = proposed_by(here.tools.knowledge.bundle.all_versions)
    topics = here.tools.cards.topics_with(proposed)
    return Response(fhir_json.write(discovery(topics)), content_type=JSON)


@pages.post("/cds-services/<service>", strict_slashes=False)
def call(service: str) -> Response:
    """One hook call: trust first, then the body, then the answer within the time budget."""
    here, found = desk(), _service(service)
    client = _caller(here, f"/cds-services/{found.id}")
    issuer = client.iss if client else ""
    with _refusal_told(found, issuer):
        body = _body()
        deadline = Deadline.after(here.budget)
        with _slot(here):
            hook = read_hook_request(body, found.hook)
            link = here.link(issuer, hook) if here.link else no_link
            tools = replace(here.tools, smart_link=link)
            answer = decide(hook, caller_of(client, hook, here.hosts, here.crd_version), tools, deadline)
    _tell(found, issuer, hook, answer, here.budget - deadline.left())
    return _sent(fhir_json.write(answer.response))


@contextmanager
def _refusal_told(service: HookService, issuer: str) -> Iterator[None]:
    """One line in the log for a call that is refused: whose and why, nothing of the call (CH-259)."""
    try:
        yield
    except CallError as error:
        log.warning("call-refused", service=service.id, client=issuer, status=error.status, code=error.code)
        raise


@contextmanager
def _slot(here: Desk) -> Iterator[None]:
    """A place among the calls that are answered at once. Raises CallError (503) when there is none."""
    if not here.slots.acquire(blocking=False):
        raise overloaded()
    try:
        yield
    finally:
        here.slots.release()


@pages.post("/cds-services/<service>/feedback", strict_slashes=False)
def feedback(service: str) -> Response:
    """What became of cards; a message is taken whole or not at all."""
    here, found = desk(), _service(service)
    client = _caller(here, f"/cds-services/{found.id}/feedback")
    items = read_feedback(_body())
    here.store.take(items, client.iss if client else "")
    for item in items:
        FEEDBACK.labels(item.outcome).inc()
    log.info("feedback", service=found.id, items=len(items))
    return _sent(b"{}")


@pages.after_app_request
def count(response: Response) -> Response:
    """Counts hook calls by status, refused ones included."""
    if request.endpoint == f"{pages.name}.{call.__name__}":
        service = (request.view_args or {}).get("service", "")
        CALLS.labels(service if service in SERVICES else "unknown", str(response.status_code)).inc()
    return response


def _service(name: str) -> HookService:
    if name not in SERVICES:
        raise unknown_service(name[:40])
    return SERVICES[name]


def _caller(here: Desk, path: str) -> Client | None:
    """Who calls; decided before the body is read (CH-220). The audience comes from our settings (CH-199)."""
    return here.trust.check(request.headers.get("Authorization"), here.public_url + path)


def _body() -> bytes:
    """The body as sent. Raises CallError (415, 413) for another media type, a compressed or a huge body."""
    kind = request.mimetype
    if kind and not _JSON_TYPE.match(kind):
        hint = "Send Content-Type: application/json."
        raise CallError(
            "The body is not sent as JSON.", None, hint, 415, "unsupported-media-type", "not-supported"
        )
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        hint = "Send it without Content-Encoding."
        raise CallError("The body is compressed.", None, hint, 415, "unsupported-media-type", "not-supported")
    raw, limit = request.get_data(cache=False), request.max_content_length or 0
    if request.content_length is None and len(raw) >= limit:  # Flask cuts a body that tells no length
        raise too_large(limit)
    return raw


def _sent(body: bytes) -> Response:
    return Response(body, content_type=JSON, headers={"Cache-Control": "no-store"})


def _tell(service: HookService, issuer: str, hook: HookRequest, answer: Answer, seconds: float) -> None:
    """One line in the log: ids, codes and timings, nothing of the patient (house rule 9)."""
    instance = hook.hook_instance
    count_determinations(answer.determinations)
    SECONDS.labels(service.id).observe(seconds)
    log.info(
        "decided",
        service=service.id,
        client=issuer,
        hook_instance=instance if _PLAIN_ID.match(instance) else "odd",
        outcomes=[item.outcome.value for item in answer.determinations],
        policies=[f"{p.policy}@{p.version}" for item in answer.determinations if (p := item.policy)],
        cards=len(answer.response.cards),
        ignored=hook.ignored,
        ms=round(seconds * 1000, 1),
    )
