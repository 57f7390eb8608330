"""The stored account of one determination, for the client that was told it (interface.md section 7)."""

from flask import Blueprint, Response, request

from cds_service.kernel.errors import CallError
from cds_service.web.desk import desk
from cds_service.web.pages import data, page, wants_page

pages = Blueprint("records", __name__)


@pages.get("/determinations/<assertion>")
def account(assertion: str) -> Response:
    """The last determination under an assertion id; that of another client is not there (CRD-117)."""
    here = desk()
    address = f"{here.public_url}/determinations/{assertion}"
    client = here.trust.check(request.headers.get("Authorization"), address)
    found = here.store.account(assertion, client.iss if client else "")
    if found is None:
        hint = "Send the coverage-assertion-id of an answer that was given to you."
        raise CallError("There is no such determination.", None, hint, 404, "not-found", "not-found")
    response = page("determination.html", account=found) if wants_page() else data(found)
    response.headers["Cache-Control"] = "no-store"
    return response
