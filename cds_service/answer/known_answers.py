"""What the record already answers on a form: statements and measurements used as evidence."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_service.kernel.fhir_json import JsonObject
from cds_service.policy.model import AllOf, AnyOf, Criterion, NoDiseaseOutside, PolicyVersion
from cds_service.policy.tumors import TumorModel

# The summaries that the account of a determination gives its evidence (interface.md section 3).
_SAID = re.compile(r"([a-z][a-z0-9-]*): (.+)")
_MEASURED = re.compile(r"longest diameter (\d+(?:\.\d+)?) (cm|mm)")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?) (cm|mm)")
_MILLIMETRES = {"cm": Decimal(10), "mm": Decimal(1)}
_UCUM = "http://unitsofmeasure.org"
_OPEN = "unknown"


@dataclass(frozen=True, slots=True)
class Questions:
    """The linkIds that settle a criterion, and the answer (linkId, value) that follows from its state."""

    links: tuple[str, ...] = ()
    by_state: Mapping[str, tuple[str, str]] | None = None


def questions_of(policy: PolicyVersion, tumors: Mapping[str, TumorModel]) -> dict[str, Questions]:
    """Criterion id -> its questions, for groups and their parts alike."""
    return {criterion.id: _questions(criterion, tumors) for criterion in _all(policy.criteria)}


def _all(criteria: Iterable[Criterion]) -> Iterator[Criterion]:
    for criterion in criteria:
        yield criterion
        if isinstance(criterion, AllOf | AnyOf):
            yield from _all(criterion.parts)


def _questions(criterion: Criterion, tumors: Mapping[str, TumorModel]) -> Questions:
    if not isinstance(criterion, NoDiseaseOutside):
        return Questions(criterion.questions)
    said = tumors[criterion.tumors].statements["disease-outside"]
    answers = {"met": said.no[:1], "not-met": said.yes[:1]}
    return Questions(
        criterion.questions, {state: (said.code, values[0]) for state, values in answers.items() if values}
    )


def known_answers(
    form: JsonObject, criteria: Sequence[JsonObject], questions: Mapping[str, Questions]
) -> dict[str, JsonObject]:
    """linkId -> the answer's value element, such as `{"valueBoolean": true}`.

    criteria: as in the account of a determination (interface.md section 3). A question that the record
    answers in two ways stays open, as does one whose answer the form does not offer.
    """
    items = {item["linkId"]: item for item in _items(form.get("item", []))}
    found: dict[str, JsonObject] = {}
    for link, item in items.items():
        values = [_value(item, said) for said in _said(link, criteria)]
        if values and values[0] and all(value == values[0] for value in values):
            found[link] = values[0]
        elif not values and (value := _from_states(link, item, criteria, questions)):
            found[link] = value
    return found


def _items(items: Iterable[JsonObject]) -> Iterator[JsonObject]:
    for item in items:
        yield item
        yield from _items(item.get("item", []))


def _said(link: str, criteria: Sequence[JsonObject]) -> Iterator[str]:
    """Practitioners' statements among the evidence that carry this linkId."""
    for criterion in criteria:
        for evidence in criterion["evidence"]:
            match = _SAID.fullmatch(evidence["summary"])
            if match and match[1] == link:
                yield match[2]


def _from_states(
    link: str, item: JsonObject, criteria: Sequence[JsonObject], questions: Mapping[str, Questions]
) -> JsonObject | None:
    """What a settled criterion says without a statement: its measure, or the answer of its state."""
    for criterion in criteria:
        asked = questions.get(criterion["id"], Questions())
        if link not in asked.links or criterion["state"] == _OPEN:
            continue
        if item["type"] == "quantity":
            return _largest(criterion["evidence"])
        if asked.by_state and asked.by_state.get(criterion["state"], ("", ""))[0] == link:
            return _value(item, asked.by_state[criterion["state"]][1])
    return None


def _largest(evidence: Sequence[JsonObject]) -> JsonObject | None:
    """The largest diameter; None when one of them is not a plain length."""
    found = [_MEASURED.fullmatch(item["summary"]) for item in evidence]
    lengths = [(Decimal(match[1]), match[2]) for match in found if match]
    if not lengths or len(lengths) < len(found):
        return None
    return _quantity(*max(lengths, key=lambda length: length[0] * _MILLIMETRES[length[1]]))


def _value(item: JsonObject, said: str) -> JsonObject | None:
    """A statement's text as the value that this question takes."""
    if item["type"] == "boolean":
        return {"valueBoolean": said == "true"} if said in ("true", "false") else None
    if item["type"] == "quantity":
        match = _LENGTH.fullmatch(said)
        return _quantity(Decimal(match[1]), match[2]) if match else None
    return next(
        (option for option in map(_coding, item.get("answerOption", [])) if _code(option) == said), None
    )


def _quantity(value: Decimal, unit: str) -> JsonObject:
    return {"valueQuantity": {"value": value, "unit": unit, "system": _UCUM, "code": unit}}


def _coding(option: JsonObject) -> JsonObject:
    return {"valueCoding": option["valueCoding"]} if "valueCoding" in option else {}


def _code(option: JsonObject) -> Any:
    return option.get("valueCoding", {}).get("code")
