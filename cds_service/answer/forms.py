"""The questionnaire package: form, value sets and a draft response of what is known (crd-dtr.md 5.2)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cds_service.answer.artefacts import Artefacts, versioned
from cds_service.answer.coverage_rules import Version
from cds_service.answer.value_set import MOST_EXPANDED, NotExpandableError, expand
from cds_service.kernel.fhir_json import JsonObject

_DTR = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/"
QR_COVERAGE, QR_CONTEXT = f"{_DTR}qr-coverage", f"{_DTR}qr-context"
INTENDED_USE, ORIGIN = f"{_DTR}intendedUse", f"{_DTR}information-origin"

# The code list of document purposes moved between the versions of CRD (crd-dtr.md 1.2).
_PURPOSES: dict[Version, str] = {
    "2.0": "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
    "2.2": "http://hl7.org/fhir/us/davinci-crd/CodeSystem/coverage-information-codes",
}
_FROM_PAYER: dict[Version, str] = {"2.0": "auto", "2.2": "auto-server"}
# The answers are read with the order when the hook is called again; nothing goes to the payer by itself.
_PURPOSE = "withorder"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftContext:
    """What a draft is for: references as the client's own server knows them, orders none when none was named.

    answers: linkId -> value element, known from the record.
    """

    version: Version
    subject: JsonObject
    coverage: JsonObject
    orders: tuple[JsonObject, ...]
    answers: Mapping[str, JsonObject]
    now: datetime


def draft_response(form: JsonObject, context: DraftContext) -> JsonObject:
    """The QuestionnaireResponse in progress, with the answers known here (DTR oper-18, oper-19).

    References go to the client's server alone (spec-139); basedOn and partOf are never there.
    """
    draft: JsonObject = {
        "resourceType": "QuestionnaireResponse",
        "extension": list(_extensions(context)),
        "questionnaire": versioned(form),
        "status": "in-progress",
        "subject": context.subject,
        "authored": context.now.isoformat(timespec="seconds"),
    }
    items = list(_items(form.get("item", []), context))
    return {**draft, "item": items} if items else draft


def _extensions(context: DraftContext) -> Iterator[JsonObject]:
    """2.2 names the coverage by an extension of its own; 2.0.1 as one of at least two contexts."""
    if context.version == "2.2":
        yield {"url": QR_COVERAGE, "valueReference": context.coverage}
    else:
        yield {"url": QR_CONTEXT, "valueReference": context.coverage}
    yield from ({"url": QR_CONTEXT, "valueReference": order} for order in context.orders)
    purpose = {"system": _PURPOSES[context.version], "code": _PURPOSE}
    yield {"url": INTENDED_USE, "valueCodeableConcept": {"coding": [purpose]}}


def _items(items: Iterable[JsonObject], context: DraftContext) -> Iterator[JsonObject]:
    """The answered questions, and the groups they stand in, in the form's order."""
    for item in items:
        inner = list(_items(item.get("item", []), context))
        value = context.answers.get(item["linkId"])
        if value is None and not inner:
            continue
        made: JsonObject = {"linkId": item["linkId"], "text": item.get("text", "")}
        if value is not None:
            origin = {"url": "source", "valueCode": _FROM_PAYER[context.version]}
            answer = {"extension": [{"url": ORIGIN, "extension": [origin]}], **value}
            made["answer"] = [{**answer, "item": inner} if inner else answer]
        else:
            made["item"] = inner
        yield made


@dataclass(frozen=True, slots=True)
class Packed:
    """A package Bundle, and warnings about parts that could not be packed."""

    bundle: JsonObject
    warnings: tuple[str, ...] = ()


def package(
    form: JsonObject, draft: JsonObject, artefacts: Artefacts, base: str, ids: tuple[str, str]
) -> Packed:
    """The Bundle of one form: the form first, then the draft, then the value sets it names, and nothing else.

    base: our FHIR base; ids: two new ids, for the draft's entry and for expansions. A value set with fewer
    than MOST_EXPANDED codes goes expanded (oper-14, oper-15).
    """
    draft_id, expansion_id = ids
    entries = [
        {"fullUrl": f"{base}/Questionnaire/{form['id']}", "resource": form},
        {"fullUrl": f"urn:uuid:{draft_id}", "resource": draft},
    ]
    warnings = []
    now = datetime.fromisoformat(draft["authored"])
    for canonical in dict.fromkeys(_value_sets(form.get("item", []))):
        found = artefacts.find("ValueSet", canonical)
        if found is None:
            warnings.append(f"The form names the value set {canonical}, which is not published here.")
            continue
        entries.append(
            {
                "fullUrl": f"{base}/ValueSet/{found['id']}",
                "resource": _small(found, artefacts, now, expansion_id),
            }
        )
    return Packed({"resourceType": "Bundle", "type": "collection", "entry": entries}, tuple(warnings))


def _small(value_set: JsonObject, artefacts: Artefacts, now: datetime, identity: str) -> JsonObject:
    """The value set expanded where it is small, else as published."""
    try:
        expanded = expand(value_set, artefacts, now, identity)
    except NotExpandableError:
        return value_set
    small = expanded["expansion"]["total"] < MOST_EXPANDED
    return {**value_set, "expansion": expanded["expansion"]} if small else value_set


def _value_sets(items: Iterable[JsonObject]) -> Iterator[str]:
    for item in items:
        if "answerValueSet" in item:
            yield item["answerValueSet"]
        yield from _value_sets(item.get("item", []))
