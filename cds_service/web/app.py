"""The application factory: settings in, a Flask application out."""

import gc
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from flask import Flask, Response, current_app, request
from flask_cors.core import get_cors_options, set_cors_headers
from platformdirs import user_data_path
from secure import ContentSecurityPolicy, ReferrerPolicy, Secure, XContentTypeOptions, XFrameOptions
from sqlalchemy import make_url

from cds_service import __version__
from cds_service.answer.artefacts import load_artefacts
from cds_service.answer.templates import load_cards
from cds_service.audit.store import Store
from cds_service.decide import Equipment
from cds_service.evidence.hosts import AllowedHosts, allowed_hosts
from cds_service.evidence.network import Network
from cds_service.kernel.clock import Clock
from cds_service.kernel.errors import SettingError, not_allowed
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.policy.places import data_folder
from cds_service.settings import PREFIX, Settings, is_loopback, load_settings
from cds_service.web import cds, ops, policies, problems, records, start
from cds_service.web.auth import Trust
from cds_service.web.clients import ClientList
from cds_service.web.desk import NAME, Desk, desk
from cds_service.web.loop import Loop
from cds_service.web.replay import UsedTokens
from cds_service.web.secret_key import secret_key

MAX_BODY = 10 * 1024 * 1024
_FOLDER = Path(__file__).parent
_HEADERS = Secure(
    csp=ContentSecurityPolicy()
    .default_src("'self'")
    .base_uri("'none'")
    .object_src("'none'")
    .form_action("'self'")
    .frame_ancestors("'none'"),
    referrer=ReferrerPolicy().no_referrer(),
    xcto=XContentTypeOptions(),
    xfo=XFrameOptions().deny(),
).headers
_LOOPBACK_ORIGIN = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?\Z")


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    knowledge: Knowledge | None = None,
    auth: Literal["required", "off"] | None = None,
    database_url: str | None = None,
    fhir_hosts: str | None = None,
    public_url: str | None = None,
    signing_key: bytes | None = None,
) -> Flask:
    """The service as a WSGI application.

    settings: those of the environment unless given; single ones may be given in their place. clock,
    knowledge, signing_key: for tests. Raises SettingError, DataError or BundleError when the service cannot
    start.
    """
    given = {"auth": auth, "database_url": database_url, "fhir_hosts": fhir_hosts, "public_url": public_url}
    if settings is None or any(given.values()):
        before = settings.model_dump() if settings else {}
        settings = load_settings(**before | {name: value for name, value in given.items() if value})
    app = Flask(NAME, template_folder=str(_FOLDER / "templates"), static_folder=str(_FOLDER / "static"))
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    here = _desk(settings, clock or Clock(), knowledge or load_knowledge(settings.policies))
    loop = _loop(here, signing_key or secret_key(_key_file(settings)))
    app.extensions[NAME] = replace(here, link=loop.link)
    app.extensions[f"{NAME}.loop"] = loop
    for pages in (*(room.pages for room in (cds, ops, policies, records, start)), *loop.blueprints()):
        app.register_blueprint(pages)
    app.context_processor(lambda: {"service_version": __version__})
    problems.register(app)
    app.before_request(_refuse_strangers)
    app.after_request(_cors)
    app.after_request(_harden)
    return app


def settle() -> None:
    """Takes what start-up made out of the garbage collector's sight (performance.md 1, point 3)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _desk(settings: Settings, clock: Clock, knowledge: Knowledge) -> Desk:
    store = Store(settings.database)
    tools = Equipment(
        knowledge=knowledge,
        cards=load_cards(data_folder("cards")),
        network=Network(),
        clock=clock,
        public_url=settings.public_url,
        budget=settings.time_budget_seconds,
        store=store,
    )
    required = settings.auth == "required"
    return Desk(
        tools=tools,
        trust=Trust(ClientList(settings.clients), UsedTokens(store.first_use), required),
        hosts=_hosts(settings),
        public_url=settings.public_url,
        crd_version=settings.crd_version,
        store=store,
        open_discovery=settings.discovery_auth == "open" or not required,
        metrics_token=settings.metrics_token,
    )


def _loop(here: Desk, key: bytes) -> Loop:
    """The form app and the payer side of DTR."""
    return Loop(
        desk=here,
        artefacts=load_artefacts([data_folder("fhir_profiles")]),
        key=key,
        used=here.trust.used,
        find=here.store.account,
        find_order=here.store.order,
    )


def _key_file(settings: Settings) -> Path | None:
    """Beside the records, or in the user's data folder; None where neither can be written."""
    url = make_url(settings.database)
    beside = url.get_backend_name() == "sqlite" and url.database
    folder = Path(url.database or "").parent if beside else user_data_path("cds-service")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / "signing.key" if os.access(folder, os.W_OK) else None


def _hosts(settings: Settings) -> AllowedHosts:
    try:
        return allowed_hosts(settings.fhir_hosts)
    except ValueError as error:
        raise SettingError(f"{PREFIX}FHIR_HOSTS", f"{error}.") from None


def _refuse_strangers() -> None:
    """Without authentication nobody but this machine is answered, however the server was started."""
    here = desk()
    if not here.trust.required and request.remote_addr and not is_loopback(request.remote_addr):
        raise not_allowed("This service runs without authentication, for its own machine only.")


def _cors(response: Response) -> Response:
    """Lets registered browser origins in, on errors too (CH-242 to CH-249), without credentials."""
    here = desk()
    origins: list[Any] = [origin for client in here.trust.clients.all().values() for origin in client.origins]
    if not here.trust.required:
        origins.append(_LOOPBACK_ORIGIN)
    response.vary.add("Origin")
    if origins:
        wanted = {
            "origins": origins,
            "methods": ["GET", "POST", "OPTIONS"],
            "allow_headers": ["Authorization", "Content-Type"],
            "max_age": 600,
            "vary_header": False,
            "always_send": False,
        }
        set_cors_headers(response, get_cors_options(current_app, wanted))
    return response


def _harden(response: Response) -> Response:
    """Security headers, unless a page has set its own."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if desk().public_url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
