"""The payer-side FHIR base: forms, packages, value sets and profiles for DTR clients (crd-dtr.md 5.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as installed_version

import structlog
from flask import Blueprint, Response, request

from cds_service.answer.coverage_rules import Version
from cds_service.answer.package_request import read_fault_report, read_package_request
from cds_service.answer.value_set import NotExpandableError, expand
from cds_service.hooks.strict_json import read_object
from cds_service.kernel.errors import CallError, invalid_call
from cds_service.kernel.fhir_json import JsonObject
from cds_service.web.fhir_out import outcome, searchset, send, send_checked
from cds_service.web.package import Packer
from cds_service.web.token import smart_configuration

PREFIX = "/fhir"
_QUESTIONNAIRE, _VALUE_SET, _LIBRARY = SCOPES = (
    "system/questionnaire.rs",
    "system/valueset.rs",
    "system/library.rs",
)
_READ = {"Questionnaire": _QUESTIONNAIRE, "ValueSet": _VALUE_SET, "CodeSystem": _VALUE_SET}
_EXACT = {"_id": "id", "version": "version", "status": "status"}
_WORDS = ("name", "title")
_MOST_ISSUES = 20
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks the payer-side base: issuer of the client, blank where nobody has to say, and its version."""

    client: str
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerSide:
    """What the pages need.

    authorise: (Authorization header, scope) -> who asks, or CallError (401, 403); algorithms: those that
    client assertions may be signed with.
    """

    packer: Packer
    authorise: Callable[[str | None, str], Reader]
    public_url: str
    algorithms: tuple[str, ...] = ("ES384", "RS384")


def create_fhir_blueprint(side: PayerSide) -> Blueprint:
    """Everything below /fhir. Raises nothing itself; pages raise CallError for `web.problems`."""
    pages = Blueprint("fhir", __name__, url_prefix=PREFIX)
    _add_open_pages(pages, side)
    _add_reads(pages, side)
    _add_form_operations(pages, side)
    _add_expansion(pages, side)
    return pages


def _reader(side: PayerSide, scope: str) -> Reader:
    return side.authorise(request.headers.get("Authorization"), scope)


def _add_open_pages(pages: Blueprint, side: PayerSide) -> None:
    @pages.get("/metadata")
    def metadata() -> Response:
        return send_checked(_capability(side))

    @pages.get("/.well-known/smart-configuration")
    def configuration() -> JsonObject:
        return smart_configuration(side.public_url, side.algorithms)


def _capability(side: PayerSide) -> JsonObject:
    """The CapabilityStatement with this installation's address and version."""
    published = side.packer.artefacts.capability
    software = {**published["software"], "version": installed_version("cds-service")}
    implementation = {**published["implementation"], "url": side.packer.base}
    return {**published, "software": software, "implementation": implementation}


def _add_reads(pages: Blueprint, side: PayerSide) -> None:
    artefacts = side.packer.artefacts

    @pages.get("/<any(Questionnaire, ValueSet, CodeSystem, StructureDefinition):kind>/<identity>")
    def read(kind: str, identity: str) -> Response:
        _reader(side, _READ.get(kind, _LIBRARY))
        found = artefacts.read(kind, identity)
        if found is None:
            raise _not_found(f"There is no {kind} of that id.")
        return send(found)

    @pages.get("/Questionnaire")
    def search() -> Response:
        return _search(request.args.to_dict(flat=False))

    @pages.post("/Questionnaire/_search")
    def search_by_post() -> Response:
        return _search(request.values.to_dict(flat=False))

    def _search(asked: dict[str, list[str]]) -> Response:
        _reader(side, _QUESTIONNAIRE)
        forms = artefacts.by_type["Questionnaire"].values()
        found = [form for form in forms if all(_fits(form, name, asked[name]) for name in asked)]
        link = f"{side.packer.base}/Questionnaire?{request.query_string.decode('ascii', 'replace')}"
        return send_checked(searchset(found, side.packer.base, link.rstrip("?")))


def _fits(form: JsonObject, name: str, values: list[str]) -> bool:
    """Whether a form fits every value of a search parameter; parameters that are not known are ignored."""
    if name == "url":
        named = {form["url"], f"{form['url']}|{form.get('version')}"}
        return all(named & set(value.split(",")) for value in values)
    if name in _EXACT:
        return all(form.get(_EXACT[name]) in value.split(",") for value in values)
    if name in _WORDS:
        text = str(form.get(name, "")).casefold()
        return all(any(text.startswith(word.casefold()) for word in value.split(",")) for value in values)
    return True


def _add_form_operations(pages: Blueprint, side: PayerSide) -> None:
    packer = side.packer

    @pages.post("/Questionnaire/$questionnaire-package")
    def questionnaire_package() -> Response:
        reader = _reader(side, _QUESTIONNAIRE)
        asked = read_package_request(request.get_data())
        return send_checked(packer.parameters(asked, reader.client, reader.version))

    @pages.post("/Questionnaire/$log-questionnaire-errors")
    def log_questionnaire_errors() -> Response:
        reader = _reader(side, _QUESTIONNAIRE)
        report = read_fault_report(request.get_data())
        named = [
            form["id"]
            for name in report.questionnaires
            if (form := packer.artefacts.find("Questionnaire", name))
        ]
        log.warning(
            "form-fault",
            client=reader.client,
            forms=named,
            unknown=len(report.questionnaires) - len(named),
            issues=[_issue(issue) for issue in report.issues[:_MOST_ISSUES]],
        )
        return send_checked(outcome("information", "informational", ("The report was logged.",)))


def _add_expansion(pages: Blueprint, side: PayerSide) -> None:
    packer = side.packer

    @pages.route("/ValueSet/$expand", methods=["GET", "POST"])
    def expand_by_url() -> Response:
        _reader(side, _VALUE_SET)
        asked = _expand_parameters()
        url = asked.get("url")
        if not url:
            raise invalid_call("The url of the value set is missing.", "url", "Name the ValueSet by its url.")
        found = packer.artefacts.find("ValueSet", _versioned(url, asked.get("valueSetVersion")))
        return _expanded(found, asked)

    @pages.route("/ValueSet/<identity>/$expand", methods=["GET", "POST"])
    def expand_by_id(identity: str) -> Response:
        _reader(side, _VALUE_SET)
        return _expanded(packer.artefacts.read("ValueSet", identity), _expand_parameters())

    def _expanded(value_set: JsonObject | None, asked: dict[str, str]) -> Response:
        if value_set is None:
            raise _not_found("There is no such ValueSet.")
        clock, words = packer.clock, asked.get("filter", "")
        offset, count = _number(asked, "offset") or 0, _number(asked, "count")
        try:
            return send_checked(
                expand(value_set, packer.artefacts, clock.now(), clock.new_id(), words, offset, count)
            )
        except NotExpandableError as why:
            message = f"The value set cannot be expanded here: {why}."
            raise CallError(message, None, None, 422, "not-expandable", "too-costly") from None


def _issue(issue: JsonObject) -> str:
    """Severity and code of an issue, if they look like codes; its words may hold a patient's data."""
    parts = [issue.get(name) for name in ("severity", "code")]
    return "/".join(
        part for part in parts if isinstance(part, str) and part.replace("-", "").isalpha() and len(part) < 20
    )


def _expand_parameters() -> dict[str, str]:
    """name -> value, from the query or from Parameters in the body."""
    if request.method == "GET":
        return request.args.to_dict()
    top = read_object(request.get_data())
    parts = top.get("parameter", []) if top.get("resourceType") == "Parameters" else []
    return {
        str(part.get("name")): str(value)
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, dict)
        for name, value in part.items()
        if name.startswith("value")
    }


def _versioned(url: str, version: str | None) -> str:
    return f"{url}|{version}" if version and "|" not in url else url


def _number(asked: dict[str, str], name: str) -> int | None:
    if name not in asked:
        return None
    if not asked[name].isdecimal() or len(asked[name]) > 6:
        raise invalid_call(f"{name} is not a whole number.", name)
    return int(asked[name])


def _not_found(message: str) -> CallError:
    hint = "See /fhir/metadata for what there is."
    return CallError(message, None, hint, status=404, code="not-found", issue="not-found")
