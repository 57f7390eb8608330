"""How pages are made for people: templates, Markdown made safe, and the choice between page and JSON."""

import nh3
from flask import Response, render_template, request
from markdown_it import MarkdownIt

from cds_service.kernel import fhir_json

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def markdown(text: str) -> str:
    """Markdown as HTML that holds nothing active."""
    return nh3.clean(_MARKDOWN.render(text))


def wants_page() -> bool:
    """Whether the caller asks for HTML rather than JSON; a caller that takes anything gets JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def page(template: str, **words: object) -> Response:
    """An HTML page."""
    return Response(render_template(template, **words), content_type="text/html; charset=utf-8")


def data(body: object) -> Response:
    """The same for programs."""
    return Response(fhir_json.write(body), content_type="application/json")
