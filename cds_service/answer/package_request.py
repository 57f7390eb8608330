"""Reads the Parameters of the DTR operations, leniently where the guide leaves room (crd-dtr.md 5.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from cds_service.hooks.strict_json import read_object
from cds_service.kernel.errors import CallError, invalid_call
from cds_service.kernel.fhir_json import JsonObject

_COVERAGE, _OUTCOME = "Coverage", "OperationOutcome"
_MOST_OF_ONE_NAME = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRequest:
    """What `$questionnaire-package` was asked: one coverage in 2.2, one or more in 2.0.1."""

    coverages: tuple[JsonObject, ...]
    orders: tuple[JsonObject, ...] = ()
    questionnaires: tuple[str, ...] = ()
    context: str | None = None
    changed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class FaultReport:
    """A client's report of faulty forms: their canonicals and the issues it met, as sent."""

    questionnaires: tuple[str, ...]
    issues: tuple[JsonObject, ...]


def read_package_request(body: bytes) -> PackageRequest:
    """The request; parameters with other names are ignored. Raises CallError (400, dtr-1 included)."""
    parameters = _read(body)
    asked = PackageRequest(
        coverages=tuple(_resources(parameters, "coverage", _COVERAGE)),
        orders=tuple(_resources(parameters, "order")),
        questionnaires=tuple(_texts(parameters, "questionnaire", "valueCanonical", "valueUri")),
        context=next(_texts(parameters, "context", "valueString"), None),
        changed_since=_moment(
            next(_texts(parameters, "changedsince", "valueInstant", "valueDateTime"), None)
        ),
    )
    if not asked.coverages:
        raise _lacks("The Coverage is missing.", "coverage", "Send the member's Coverage resource.")
    if not (asked.orders or asked.questionnaires or asked.context):
        hint = "Send at least one of order, questionnaire and context (dtr-1)."
        raise _lacks("Nothing says which form is meant.", "context", hint)
    return asked


def read_fault_report(body: bytes) -> FaultReport:
    """The report of `$log-questionnaire-errors`. Raises CallError (400)."""
    parameters = _read(body)
    named = tuple(_texts(parameters, "questionnaire", "valueCanonical", "valueUri"))
    outcomes = tuple(_resources(parameters, "operationOutcome", _OUTCOME))
    if not named:
        raise _lacks("The Questionnaire is missing.", "questionnaire", "Name it by its canonical.")
    if not outcomes:
        raise _lacks("The OperationOutcome is missing.", "operationOutcome", "Send what went wrong.")
    issues = [issue for outcome in outcomes for issue in _list(outcome.get("issue"))]
    return FaultReport(named, tuple(issue for issue in issues if isinstance(issue, dict)))


def _read(body: bytes) -> list[JsonObject]:
    top = read_object(body)
    if top.get("resourceType") != "Parameters":
        raise invalid_call("The body is not a Parameters resource.", "resourceType", "Send FHIR Parameters.")
    return [item for item in _list(top.get("parameter")) if isinstance(item, dict)]


def _resources(parameters: list[JsonObject], name: str, kind: str | None = None) -> Iterator[JsonObject]:
    for item in _named(parameters, name):
        resource = item.get("resource")
        found = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(resource, dict) or not isinstance(found, str) or (kind and found != kind):
            raise _lacks(f"The parameter holds no {kind or 'resource'}.", name, "Send it as `resource`.")
        yield resource


def _texts(parameters: list[JsonObject], name: str, *members: str) -> Iterator[str]:
    for item in _named(parameters, name):
        value = next((item[member] for member in members if member in item), None)
        if not isinstance(value, str) or not value.strip():
            raise _lacks(f"The parameter holds no {members[0]}.", name, f"Send it as `{members[0]}`.")
        yield value.strip()


def _named(parameters: list[JsonObject], name: str) -> list[JsonObject]:
    found = [item for item in parameters if item.get("name") == name]
    if len(found) > _MOST_OF_ONE_NAME:
        raise _lacks("The parameter is repeated too often.", name, f"Send at most {_MOST_OF_ONE_NAME}.")
    return found


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise _lacks("The parameter is no instant.", "changedsince", "Send a date-time with zone.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _lacks(message: str, name: str, hint: str) -> CallError:
    return invalid_call(message, f"Parameters.parameter.where(name = '{name}')", hint)
