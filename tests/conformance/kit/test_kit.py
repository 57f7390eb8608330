"""A run of the official CRD test kit's server suite (2.0.1), played by our own tests with the shipped bodies.

Left out: the kit's TLS test (the proxy's) and what its Java validator and terminology server alone can say.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conformance.ch.calls import SIGN
from tests.conformance.crd.asking import BOOK, DISPATCH, EXTENSION, SELECT, assertions, values
from tests.conformance.kit import answered as check
from tests.conformance.kit.sent import ORDERS, context_problems, profile_problems, request_problems
from tests.conformance.test_coverage_information import FACTS
from tests.ehr_client import BASE, EhrClient

BODIES = Path(__file__).parents[3] / "docs" / "integrators" / "kit"
SERVICES = {
    "order-sign": SIGN, "order-select": SELECT, "order-dispatch": DISPATCH, "appointment-book": BOOK
}  # fmt: skip
CARRIERS = {hook: {"Appointment"} if hook == "appointment-book" else ORDERS for hook in SERVICES}
"""Types on which the kit looks for coverage information, by hook."""

Json = dict[str, Any]
Exchange = tuple[Json, Json]
every_hook = pytest.mark.parametrize("hook", SERVICES)


def bodies(hook: str) -> list[Json]:
    """The bodies of a hook, as a tester pastes them into the kit."""
    found: list[Json] = json.loads((BODIES / f"{hook}.json").read_text("utf-8"))
    return found


@pytest.fixture
def exchanged(trusting: FlaskClient, ehr_client: EhrClient) -> Any:
    """Sends all bodies of a hook, each with a fresh token, and gives back requests with their answers."""

    def send(hook: str) -> list[Exchange]:
        path = f"/cds-services/{SERVICES[hook]}"
        found = []
        for body in bodies(hook):
            headers = {"Authorization": f"Bearer {ehr_client.token(BASE + path)}"}
            answer = trusting.post(path, json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            found.append((body, json.loads(answer.data)))
        return found

    return send


def cards_of(exchanges: list[Exchange]) -> list[Json]:
    """All cards, in order."""
    return [card for _, response in exchanges for card in response["cards"]]


def statements_of(exchanges: list[Exchange], hook: str) -> list[Json]:
    """The actions that the kit takes for coverage information."""
    actions = [action for _, response in exchanges for action in response.get("systemActions", [])]
    return [
        action
        for action in actions
        if action["resource"]["resourceType"] in CARRIERS[hook] and assertions(action["resource"])
    ]


@pytest.mark.requirement("CRD-001", "CRD-002")
def test_1_discovery(trusting: FlaskClient) -> None:
    """Tests 1.02 and 1.03: 200, JSON, services with string hook, description and id."""
    answer = trusting.get("/cds-services")
    assert answer.status_code == 200
    services = json.loads(answer.data)["services"]
    assert services and all(
        isinstance(each[name], str) for each in services for name in ("hook", "description", "id")
    )


@pytest.mark.requirement("CRD-014")
def test_2_any_hook(trusting: FlaskClient, ehr_client: EhrClient) -> None:
    """Tests 2.01 to 2.04: one body of any hook."""
    body = json.loads((BODIES / "any-hook.json").read_text("utf-8"))
    assert request_problems(body, "order-sign") + context_problems(body["context"], "order-sign") == []
    headers = {"Authorization": f"Bearer {ehr_client.token(algorithm='RS384')}"}
    answer = trusting.post(f"/cds-services/{SIGN}", json=body, headers=headers)
    assert answer.status_code == 200
    assert check.response_problems(json.loads(answer.data), "order-sign") == []


@every_hook
def test_3_the_bodies_are_sound(hook: str) -> None:
    """Tests 3.x.02 to 3.x.04: the kit grades what the tester sends."""
    for body in bodies(hook):
        assert request_problems(body, hook) == []
        assert context_problems(body["context"], hook) == []
        sent = [entry["resource"] for each in body["prefetch"].values() for entry in each.get("entry", [])]
        assert [problem for each in sent for problem in profile_problems(each)] == []
    instances = [body["hookInstance"] for body in bodies(hook)]
    assert len(set(instances)) == len(instances)


@pytest.mark.requirement(
    "CRD-014", "CRD-015", "CRD-017", "CRD-086", "CRD-088", "CRD-089", "CRD-091", "CRD-092"
)
@every_hook
def test_3_every_response_is_valid(hook: str, exchanged: Any) -> None:
    """Tests 3.x.01, 3.x.05 and 3.x.06."""
    for _, response in exchanged(hook):
        assert check.response_problems(response, hook) == []
        assert [problem for card in response["cards"] for problem in check.optional_problems(card)] == []


@pytest.mark.requirement("CRD-093", "CRD-094", "CRD-095", "resp-15", "resp-18", "resp-19", "resp-24")
@every_hook
def test_3_an_external_reference_and_an_instructions_card_are_among_them(hook: str, exchanged: Any) -> None:
    """Tests 3.x.07, 3.x.09, 3.7.01 and 3.7.02."""
    cards = cards_of(exchanged(hook))
    assert any(check.is_external_reference(card) for card in cards)
    assert any(check.is_instructions(card) for card in cards)


@pytest.mark.requirement("CRD-016", "CRD-105", "hook-26", "resp-26")
@every_hook
def test_3_coverage_information_is_received(hook: str, exchanged: Any) -> None:
    """Tests 3.x.10 and 3.7.03: for every body, on the resource types of the hook."""
    for exchange in exchanged(hook):
        assert statements_of([exchange], hook)


@pytest.mark.requirement("CRD-020", "CRD-021", "CRD-023", "CRD-024", "CRD-026", "CRD-044", "CRD-085")
@pytest.mark.requirement("CRD-027", "CRD-028", "CRD-029", "CRD-032")
@every_hook
def test_3_coverage_information_is_valid(hook: str, exchanged: Any) -> None:
    """Test 3.x.11: the resource by its profile; the extension by its table; ids by coverage."""
    for action in statements_of(exchanged(hook), hook):
        assert action["type"] == "update"
        assert profile_problems(action["resource"]) == []
        ids: dict[str, set[str]] = {}
        for extension in assertions(action["resource"]):
            assert extension_problems(extension) == []
            coverage = values(extension, "coverage")[0]["reference"]
            assert coverage.split("/")[-2] == "Coverage"
            ids.setdefault(coverage, set()).add(values(extension, "coverage-assertion-id")[0])
        assert all(len(found) == 1 for found in ids.values())
        assert len(set.union(*ids.values())) == len(ids)


def extension_problems(extension: Json) -> list[str]:
    """The 2.0.1 table of parts, and the invariants as its Java validator reads them (crd-dtr.md 1.3)."""
    assert extension["url"] == EXTENSION
    urls = [part["url"] for part in extension["extension"]]
    found = [f"{url} is not known" for url in urls if url not in FACTS["2.0"]]
    for url, (low, high, element, codes) in FACTS["2.0"].items():
        parts = [part for part in extension["extension"] if part["url"] == url]
        found += [] if low <= len(parts) <= high else [f"{url} stands {len(parts)} times"]
        found += [f"{url}: {part}" for part in parts if element not in part]
        found += [f"{url}: {part}" for part in parts if codes and part[element] not in codes.split()]
    open_ended = any(part.get("valueCode") == "conditional" for part in extension["extension"])
    said = set(urls)
    rules = {
        "q1": "questionnaire" not in said or "doc-needed" in said,
        "q2": "pa-needed" in said,
        "q3": "info-needed" not in said or open_ended,
        "q5": "satisfied-pa-id" not in said,
    }
    return found + [name for name, holds in rules.items() if not holds]


@pytest.mark.requirement("CRD-103", "resp-62", "resp-65")
def test_3_form_completion_is_valid(exchanged: Any) -> None:
    """Test 3.6.14: a Task that creates, with a canonical that Ruby can parse, by the 2.0.1 profile."""
    cards = [card for card in cards_of(exchanged("order-sign")) if check.is_form_completion(card)]
    assert cards
    for suggestion in (suggestion for card in cards for suggestion in card["suggestions"]):
        (action,) = suggestion["actions"]
        assert check.task_problems(action["resource"]) == []


@pytest.mark.requirement("CRD-104", "resp-72")
def test_3_an_app_launch_is_valid(exchanged: Any) -> None:
    """Test 3.6.08: the card that opens the form links to nothing else."""
    assert any(check.is_app_launch(card) for card in cards_of(exchanged("order-sign")))


def test_the_page_tells_of_every_file() -> None:
    """docs/integrators/inferno.md lists the bodies that there are."""
    page = (BODIES.parent / "inferno.md").read_text("utf-8")
    assert all(f"kit/{path.name}" in page for path in BODIES.glob("*.json"))
