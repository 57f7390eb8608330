"""The SMART on FHIR form app: its two pages, and the calls that a card's handle opens (interface.md 7)."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request

from cds_service.answer.handle import Handle, Handles
from cds_service.evidence.hosts import AllowedHosts, HostRefusedError
from cds_service.hooks.strict_json import read_object
from cds_service.kernel.clock import Clock
from cds_service.kernel.errors import CallError, invalid_call
from cds_service.kernel.fhir_json import JsonObject
from cds_service.web.form_app import ASSERTION_TYPE, AppClient
from cds_service.web.pages import data
from cds_service.web.reevaluate import EhrSession, Reevaluation

PREFIX = "/smart"
_STATIC = Path(__file__).parent / "static"
_MOST_TEXT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLoop:
    """What the pages need.

    app: the form app's registration at the EHR of a client; hosts: the FHIR servers of a client, CallError
    when it is no longer registered; reach: sources that the page may connect to; frames: origins that may
    frame it; open_ehr: an EHR without sign-in is taken as it is (loopback without authentication only).
    """

    handles: Handles
    reevaluation: Reevaluation
    app: Callable[[str], AppClient]
    hosts: Callable[[str], AllowedHosts]
    reach: Callable[[], Iterable[str]]
    frames: Callable[[], Iterable[str]]
    clock: Clock
    open_ehr: bool = False


def create_smart_blueprint(loop: FormLoop) -> Blueprint:
    """Everything below /smart; the files of the app and of its libraries are below /smart/static."""
    pages = Blueprint(
        "smart", __name__, url_prefix=PREFIX, static_folder=str(_STATIC), static_url_path="/static"
    )
    pages.after_request(_cached)
    _add_pages(pages, loop)
    _add_calls(pages, loop)
    return pages


def _add_pages(pages: Blueprint, loop: FormLoop) -> None:
    @pages.get("/launch")
    def launch() -> Response:
        return _page("smart/launch.html", loop)

    @pages.get("/")
    def form() -> Response:
        return _page("smart/form.html", loop)


def _page(template: str, loop: FormLoop) -> Response:
    nonce = secrets.token_urlsafe(16)
    response = Response(render_template(template, nonce=nonce), content_type="text/html; charset=utf-8")
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": f"'self' 'nonce-{nonce}'",
        "img-src": "'self' data:",
        "connect-src": " ".join(["'self'", *dict.fromkeys(loop.reach())]),
        "frame-ancestors": " ".join(["'self'", *dict.fromkeys(loop.frames())]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    response.headers["Content-Security-Policy"] = "; ".join(" ".join(item) for item in policy.items())
    # Older than frame-ancestors, which browsers obey instead; here for those that do not know it.
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _cached(response: Response) -> Response:
    """Libraries carry their version in the path and never change; the app's own files are asked for anew."""
    if request.path.startswith(f"{PREFIX}/static/vendor/") and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif request.method == "POST":
        response.headers["Cache-Control"] = "no-store"
    return response


def _add_calls(pages: Blueprint, loop: FormLoop) -> None:
    @pages.post("/handle")
    def handle() -> Response:
        asked = _asked()
        opened = loop.handles.open(_text(asked, "handle"))
        app = loop.app(opened.client)
        return data(
            {
                "fhirServer": _server(loop, opened, _text(asked, "iss")),
                "clientId": app.client_id,
                "confidential": app.key is not None,
                "openEhr": loop.open_ehr,
                "order": opened.order,
                "coverage": opened.coverage,
            }
        )

    @pages.post("/assertion")
    def assertion() -> Response:
        app = loop.app(loop.handles.open(_text(_asked(), "handle")).client)
        if app.key is None:
            raise invalid_call("The form app is a public client of this EHR.", "handle")
        signed = app.assertion(loop.clock.now(), loop.clock.new_id)
        parts = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        return data({**parts, "token_url": app.token_url})

    @pages.post("/evaluate")
    def evaluate() -> Response:
        asked = _asked()
        opened = loop.handles.open(_text(asked, "handle"))
        session = EhrSession(
            server=_server(loop, opened, _text(asked, "iss")),
            patient=_required(asked, "patient"),
            token=_text(asked, "access_token"),
            expires_in=_seconds(asked.get("expires_in")),
            scope=_text(asked, "scope"),
            user=_text(asked, "user") or None,
        )
        return data(loop.reevaluation.run(opened, session))


def _server(loop: FormLoop, opened: Handle, iss: str) -> str:
    """The FHIR server the form is for: the one the card was made for, and no other.

    Raises CallError (403) when the form was launched from elsewhere, or nothing says where it belongs.
    """
    server = (opened.fhir_server or iss).rstrip("/")
    if iss and iss.rstrip("/") != server:
        raise _elsewhere("The form was opened by another EHR than the one that the card was made for.")
    if not server:
        hint = "Open the form in the EHR where the order was signed."
        message = "Nothing says which EHR the order is in."
        raise CallError(message, "iss", hint, 403, "ehr-unnamed", "forbidden")
    try:
        loop.hosts(opened.client).base(server)
    except HostRefusedError:
        raise _elsewhere("The EHR that opened the form is not one that this service works with.") from None
    return server


def _elsewhere(message: str) -> CallError:
    hint = "Open the form from the card in the EHR where the order was signed."
    return CallError(message, "iss", hint, 403, "launch-foreign", "forbidden")


def _asked() -> JsonObject:
    return read_object(request.get_data(cache=False))


def _text(asked: JsonObject, name: str) -> str:
    """A member that is text, blank when it is not there. Raises CallError (400)."""
    value: Any = asked.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise invalid_call(f"{name} is no text, or too long.", name)
    return value.strip()


def _required(asked: JsonObject, name: str) -> str:
    found = _text(asked, name)
    if not found or not all(letter.isalnum() or letter in "-._" for letter in found):
        raise invalid_call(f"{name} is missing or not a plain id.", name)
    return found


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
