"""Charts for every verdict and every kind of card, and ways to look at an answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import builders
from tests.builders import Resource, changed, coverage, hcc, order, size, without

Body = dict[str, Any]
SAMPLE = Path(__file__).parents[2] / "policies_sample"


def paid_by(payer: str, chart: list[Resource] | None = None) -> list[Resource]:
    """The chart under another payer."""
    return [*without(chart or hcc(), "cov"), coverage(payer)]


CHARTS: dict[str, list[Resource]] = {
    "met": hcc(),
    "open": without(hcc(), "size", "resectability"),
    "not met": [*without(hcc(), "size"), size(6)],
    "position": paid_by("Blue Shield of California"),
    "federal": changed(hcc(), "cov", payor=[{"display": "Blue Cross Blue Shield Federal Employee Program"}]),
    "nobody we know": paid_by("Some Other Plan"),
    "no coverage": without(hcc(), "cov"),
    "two coverages": [*hcc(), coverage("Blue Shield of California", "second")],
    "several orders": [*hcc(), order("47371", "second"), order("70450", "third"), order("47379", "fourth")],
    "too early": changed(hcc(), "order", occurrenceDateTime="1999-01-01"),
    "unreadable": changed(hcc(), "order", occurrenceDateTime="soon"),
    "aside": changed(hcc(), "order", code=builders.concept("70450", builders.CPT)),
    "alternatives": changed(paid_by("Lakeside Health"), "order", requester={"reference": "Practitioner/doc"}),
    "to try first": changed(
        [*without(paid_by("Lakeside Health"), "size"), size(5)],
        "order",
        requester={"reference": "Practitioner/doc"},
    ),
}


def actions_of(body: Body) -> list[Body]:
    """The actions of an answer: of its suggestions and of the system."""
    suggested = [a for card in body["cards"] for s in card.get("suggestions", []) for a in s["actions"]]
    return [*suggested, *body.get("systemActions", [])]


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with the place it stands at; what a client sent is not ours to judge."""
    yield path, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from walk(item, f"{path}/{name}")
    elif isinstance(value, list):
        for item in value:
            yield from walk(item, path)


def blank(text: Any) -> bool:
    return not isinstance(text, str) or not text.strip()


def units(text: str) -> int:
    return max(len(text), len(text.encode("utf-16-le")) // 2)


def entry(action: Body) -> Body:
    """An action as an entry of a FHIR transaction."""
    if action["type"] == "delete":
        return {"request": {"method": "DELETE", "url": action["resourceId"]}}
    resource = action["resource"]
    kind = resource["resourceType"]
    if action["type"] == "create":
        return {"resource": resource, "request": {"method": "POST", "url": kind}}
    return {"resource": resource, "request": {"method": "PUT", "url": f"{kind}/{resource['id']}"}}
