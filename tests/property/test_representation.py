"""The order of resources and the way they are written never matter."""

import json
import random
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.evaluate import evaluate_chart
from tests.builders import TODAY, Resource, knowledge
from tests.property.mutations import charts

Chart = list[Resource]
Answer = list[tuple[Any, ...]]
SERVER = "https://ehr.example.org/fhir"
OIDS = {
    "http://www.ama-assn.org/go/cpt": "urn:oid:2.16.840.1.113883.6.12",
    "http://snomed.info/sct": "urn:oid:2.16.840.1.113883.6.96",
    "http://loinc.org": "urn:oid:2.16.840.1.113883.6.1",
    "http://hl7.org/fhir/sid/icd-10-cm": "urn:oid:2.16.840.1.113883.6.90",
}


def answer(entries: list[Resource], plain: Callable[[str], str] = str) -> Answer:
    """What was decided, without the order in which it was found."""
    raw = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    return sorted(
        (
            plain(d.order.reference),
            plain(d.coverage or ""),
            d.outcome.value,
            d.reason,
            d.flags,
            tuple(
                (c.id, c.state.value, _sorted(c.evidence, plain), _sorted(c.gaps, plain)) for c in d.criteria
            ),
        )
        for d in evaluate_chart(raw, TODAY, knowledge())
    )


def _sorted(items: Any, plain: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    found = {(plain(item.reference or ""), getattr(item, "code", "")) for item in items}
    return tuple(sorted(found))


def entries(chart: Chart, address: Callable[[str], str | None]) -> list[Resource]:
    """Bundle entries, with a fullUrl where the address of a resource is given."""
    found = []
    for each in chart:
        url = address(f"{each['resourceType']}/{each['id']}") if "id" in each else None
        found.append({**({"fullUrl": url} if url else {}), "resource": each})
    return found


def relative(chart: Chart) -> list[Resource]:
    """Entries without addresses, references relative."""
    return entries(chart, lambda name: None)


def rewritten(value: Any, change: Callable[[str, Any], Any]) -> Any:
    """A copy with every member passed through `change`."""
    if isinstance(value, list):
        return [rewritten(each, change) for each in value]
    if isinstance(value, dict):
        return {key: rewritten(change(key, each), change) for key, each in value.items()}
    return value


@settings(max_examples=200)
@given(charts, st.randoms(use_true_random=False))
def test_the_order_of_resources_does_not_matter(chart: Chart, dice: random.Random) -> None:
    """Issue: order of resources never matters; neither does a resource that arrives twice."""
    shuffled = dice.sample(chart, len(chart))
    assert answer(relative(shuffled)) == answer(relative(chart))
    twice = [
        *shuffled,
        *(each for each in chart if each["resourceType"] not in ("ServiceRequest", "OperationOutcome")),
    ]
    assert answer(relative(twice)) == answer(relative(chart))


@settings(max_examples=100)
@given(charts)
def test_absolute_and_versioned_references_say_the_same(chart: Chart) -> None:
    """Issue: absolute, relative, urn references."""

    def absolute(key: str, value: Any) -> Any:
        return f"{SERVER}/{value}" if key == "reference" and isinstance(value, str) else value

    def versioned(key: str, value: Any) -> Any:
        return f"{value}/_history/3" if key == "reference" and isinstance(value, str) else value

    plain = answer(relative(chart))
    addressed = entries(chart, lambda name: f"{SERVER}/{name}")
    assert answer(addressed) == plain
    assert answer(rewritten(addressed, absolute)) == plain
    assert answer(rewritten(relative(chart), absolute)) == plain
    assert answer(rewritten(relative(chart), versioned)) == plain


@settings(max_examples=100)
@given(charts, st.booleans())
def test_urn_references_say_the_same(chart: Chart, with_ids: bool) -> None:
    """Issue: urn references, with and without ids in the resources."""
    names = [f"{each['resourceType']}/{each['id']}" for each in chart if "id" in each]
    urns = {name: f"urn:uuid:00000000-0000-4000-8000-{number:012d}" for number, name in enumerate(names)}
    back = {urn: name for name, urn in urns.items()}

    def by_urn(key: str, value: Any) -> Any:
        return urns.get(value, value) if key == "reference" and isinstance(value, str) else value

    made = rewritten(entries(chart, urns.get), by_urn)
    if not with_ids:
        for entry in made:
            entry["resource"].pop("id", None)
    assert answer(made, lambda name: back.get(name, name)) == answer(relative(chart))


@settings(max_examples=100)
@given(charts)
def test_centimetres_and_millimetres_say_the_same(chart: Chart) -> None:
    """Issue: unit cm or mm."""

    def in_mm(key: str, value: Any) -> Any:
        if key == "valueQuantity" and isinstance(value, dict) and value.get("code") == "cm":
            return {**value, "value": round(value["value"] * 10, 6), "unit": "mm", "code": "mm"}
        return value.replace("4 x 3 cm", "40 x 30 mm") if key == "valueString" else value

    assert answer(relative(rewritten(chart, in_mm))) == answer(relative(chart))


@settings(max_examples=100)
@given(charts)
def test_code_systems_by_oid_and_codes_in_any_form_say_the_same(chart: Chart) -> None:
    """clinical.md 1.4: system aliases; ICD codes without their dot and in lower case."""

    def by_oid(key: str, value: Any) -> Any:
        return OIDS.get(value, value) if key == "system" and isinstance(value, str) else value

    def undotted(key: str, value: Any) -> Any:
        icd = isinstance(value, dict) and value.get("system") == "http://hl7.org/fhir/sid/icd-10-cm"
        return {**value, "code": value["code"].replace(".", "").lower()} if icd else value

    def each_undotted(key: str, value: Any) -> Any:
        return (
            [undotted("", each) for each in value] if key == "coding" and isinstance(value, list) else value
        )

    plain = answer(relative(chart))
    assert answer(relative(rewritten(chart, by_oid))) == plain
    assert answer(relative(rewritten(chart, each_undotted))) == plain
