"""The start page and the description of the interface."""

from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response
from ruamel.yaml import YAML

from cds_service import __version__
from cds_service.web.desk import desk
from cds_service.web.discovery import SERVICES
from cds_service.web.pages import data, page, wants_page

pages = Blueprint("start", __name__)


@pages.get("/")
def start() -> Response:
    """What this is, and where to go from here."""
    if not wants_page():
        return data({"service": "cds-service", "version": __version__, "discovery": "/cds-services"})
    bundle = desk().tools.knowledge.bundle
    policies = [versions[-1] for versions in bundle.versions.values()]
    return page("start.html", version=__version__, policies=policies, services=SERVICES.values())


@pages.get("/openapi.json")
def openapi() -> Response:
    """The interface as an OpenAPI document."""
    return data(_document() | {"servers": [{"url": desk().public_url}]})


@pages.get("/docs")
def docs() -> Response:
    """The same for people; nothing is loaded from elsewhere."""
    return page("docs.html", api=_document())


@cache
def _document() -> dict[str, Any]:
    text = (Path(__file__).parent / "openapi.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document | {"info": {**document["info"], "version": __version__}}
