"""The demo's order-entry page: an EHR in the browser, and what it cannot do by itself.

The page calls the embedded EHR and the hook service like any EHR. Only three things come from here: who and
what there is to choose from, Markdown and reason codes put into words, and the account of a call that has no
record, made by judging it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request, url_for

from cds_service import __version__
from cds_service.decide import decide
from cds_service.evaluate import as_json
from cds_service.hooks.request import read_hook_request
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Deadline
from cds_service.kernel.errors import CallError, invalid_call, not_allowed
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.provenance import Note
from cds_service.web.callers import caller_of
from cds_service.web.desk import Desk, desk
from cds_service.web.pages import data, markdown, page

_MOST_TEXTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    """A made-up patient as the page lists it. id, order: ids on the EHR; expect: outcome due by payer."""

    slug: str
    id: str
    order: str
    name: str
    story: str
    payers: tuple[str, ...]
    expect: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSite:
    """What the page is about.

    ehr: FHIR base as the browser reaches it; procedures: what may be ordered: `id`, `label`, `code`.
    """

    ehr: str
    people: Sequence[DemoPerson]
    procedures: Sequence[JsonObject]


def create_demo_blueprint(site: DemoSite) -> Blueprint:
    """The pages under /demo, for a service without authentication on loopback."""
    pages = Blueprint("demo", __name__, url_prefix="/demo")
    pages.before_request(_only_open)
    pages.add_url_rule("/", "order_entry", lambda: _order_entry(site))
    pages.add_url_rule("/site.json", "site", lambda: data(_site(site, desk())))
    pages.add_url_rule("/words", "words", _words, methods=["POST"])
    pages.add_url_rule("/account", "account", _account, methods=["POST"])
    pages.app_context_processor(
        lambda: {"has_demo": True, "service_version": __version__, "people": site.people}
    )
    return pages


def _only_open() -> None:
    """A service that trusts registered callers only shows nobody's account here."""
    if desk().trust.required:
        raise not_allowed("The demo runs without authentication only.")


def _order_entry(site: DemoSite) -> Response:
    """The page; it may call the EHR, which is another origin, and nothing else."""
    response = page("demo/order-entry.html")
    parts = urlsplit(site.ehr)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'self'; connect-src 'self' {parts.scheme}://{parts.netloc}; base-uri 'none'; "
        "object-src 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return response


def _site(site: DemoSite, here: Desk) -> JsonObject:
    payers = here.tools.knowledge.bundle.payers.values()
    return {
        "ehr": site.ehr,
        "discovery": url_for("cds.discover"),
        "words": url_for("demo.words"),
        "account": url_for("demo.account"),
        "determinations": f"{request.script_root}/determinations",
        "policies": url_for("policies.all_policies"),
        "patients": [asdict(person) for person in site.people],
        "procedures": list(site.procedures),
        "payers": [{"id": payer.payer, "name": payer.name} for payer in payers],
    }


def _account() -> Response:
    """Every determination of a hook call, as in interface.md section 3, by judging the call again."""
    here = desk()
    hook = read_hook_request(request.get_data(cache=False), "order-sign")
    caller = caller_of(None, hook, here.hosts, here.crd_version)
    unrecorded = replace(here.tools, store=None)
    answer = decide(hook, caller, unrecorded, Deadline.after(here.budget))
    found = [as_json(one) | {"coverage_assertion_id": one.assertion_id} for one in answer.determinations]
    return data({"determinations": found})


def _words() -> Response:
    """Markdown as safe HTML, and remarks ({code, about, reference, date}) as sentences."""
    asked = _asked()
    return data(
        {
            "html": [markdown(str(text)) for text in asked.get("markdown", ())],
            "sentences": [_sentence(remark, desk()) for remark in asked.get("remarks", ())],
        }
    )


def _asked() -> JsonObject:
    """The body: an object with lists. Raises CallError (400)."""
    try:
        asked: Any = fhir_json.read(request.get_data(cache=False))
    except ValueError:
        raise _unusable("The body is not JSON.") from None
    lists = asked.values() if isinstance(asked, dict) else [None]
    if not all(isinstance(items, list) and len(items) <= _MOST_TEXTS for items in lists):
        raise _unusable(f"Send an object with lists of at most {_MOST_TEXTS} items.")
    return dict(asked)


def _sentence(remark: Any, here: Desk) -> str:
    members = remark if isinstance(remark, dict) else {}
    code, about = str(members.get("code", "unlisted")), str(members.get("about") or "")
    note = Note(code=code, about=about, reference=members.get("reference"), date=members.get("date"))
    return here.tools.cards.sentence(note, {"service_date": "the day of service", "open": (), "failed": ()})


def _unusable(message: str) -> CallError:
    return invalid_call(message)
