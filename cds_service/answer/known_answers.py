"""What the record already answers on a form, as the values that its questions take."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from cds_service.kernel.fhir_json import JsonObject

_LENGTH = re.compile(r"(\d+(?:\.\d+)?) (cm|mm)")
_UCUM = "http://unitsofmeasure.org"


def known_answers(form: JsonObject, criteria: Sequence[JsonObject]) -> dict[str, JsonObject]:
    """linkId -> the answer's value element, such as `{"valueBoolean": true}`.

    criteria: as in the account of a determination. A question that criteria answer in two ways stays open,
    as does one whose answer the form does not offer.
    """
    found: dict[str, JsonObject] = {}
    for item in _items(form.get("item", [])):
        values = [_value(item, answer) for answer in _answers(item["linkId"], criteria)]
        if values and values[0] and all(value == values[0] for value in values):
            found[item["linkId"]] = values[0]
    return found


def _items(items: Iterable[JsonObject]) -> Iterator[JsonObject]:
    for item in items:
        yield item
        yield from _items(item.get("item", []))


def _answers(question: str, criteria: Sequence[JsonObject]) -> Iterator[str]:
    """Accounts kept by earlier versions have no answers."""
    for criterion in criteria:
        yield from (each["answer"] for each in criterion.get("answers", ()) if each["question"] == question)


def _value(item: JsonObject, answer: str) -> JsonObject | None:
    """An answer as the value that this question takes."""
    if item["type"] == "boolean":
        return {"valueBoolean": answer == "true"} if answer in ("true", "false") else None
    if item["type"] == "quantity":
        match = _LENGTH.fullmatch(answer)
        return _quantity(Decimal(match[1]), match[2]) if match else None
    options = (option.get("valueCoding", {}) for option in item.get("answerOption", []))
    return next(({"valueCoding": coding} for coding in options if coding.get("code") == answer), None)


def _quantity(value: Decimal, unit: str) -> JsonObject:
    return {"valueQuantity": {"value": value, "unit": unit, "system": _UCUM, "code": unit}}
