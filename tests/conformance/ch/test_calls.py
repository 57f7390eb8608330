"""Sound calls in every dress that clients give them: the same 200, the same advice."""

import itertools
import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.kernel.clock import Clock
from tests import builders
from tests.applications import applications
from tests.conformance.ch.calls import (
    SIGN,
    answered,
    collection,
    covered,
    in_context,
    in_prefetch,
    post,
    sign,
    without_ids,
)

EPIC = {
    "com.epic.cdshooks.request.bpa-trigger-action": "23",
    "com.epic.cdshooks.request.cds-hooks-specification-version": "1.1",
    "com.epic.cdshooks.request.fhir-version": "R4",
    "com.epic.cdshooks.request.criteria-id": "9990.1",
    "x": "",
}


def advice(client: FlaskClient, body: Any, service: str = SIGN, **options: Any) -> dict[str, Any]:
    """The answer without what differs from call to call."""
    return without_ids(answered(client, body, service, **options))


@pytest.fixture
def usual(client: FlaskClient) -> dict[str, Any]:
    """The answer to the plain call, which the record supports in full."""
    found = advice(client, sign())
    assert covered(found) == "covered"
    return found


@pytest.mark.requirement("CH-028", "CH-032", "CH-101", "S1", "B1")
def test_a_complete_call_is_answered_with_cards(client: FlaskClient) -> None:
    """No FHIR access at all: everything needed was sent."""
    body = sign()
    assert "fhirServer" not in body and "fhirAuthorization" not in body
    found = answered(client, body)
    (card,) = found["cards"]
    assert "all 5 criteria met" in card["summary"]
    assert covered(found) == "covered"


@pytest.mark.requirement("CH-031")
@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        "application/fhir+json",
        None,
    ],
)
def test_the_content_type_may_carry_a_charset(
    client: FlaskClient, usual: dict[str, Any], kind: str | None
) -> None:
    assert advice(client, sign(), content_type=kind) == usual


@pytest.mark.requirement("CH-034", "G10", "found-33")
def test_members_nobody_knows_change_nothing(client: FlaskClient, usual: dict[str, Any]) -> None:
    odd: dict[str, Any] = {"x": 1, "_hook": None, "zz": [{}], "nested": {"deep": [[[]]]}, "": ""}
    access = {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 5,
        "scope": "s",
        "subject": "c",
        **odd,
    }
    body = in_context({**sign(**odd), "fhirAuthorization": access}, **odd)
    assert advice(client, body) == usual


@pytest.mark.requirement("CH-034", "found-33")
def test_elements_nobody_knows_in_resources_change_nothing(
    client: FlaskClient, usual: dict[str, Any]
) -> None:
    extra = {
        "_x": {"id": "1"},
        "unheardOf": [1, {"a": None}],
        "text": {"status": "generated", "div": "<div>"},
    }
    chart = [
        {**each, **extra} if each["resourceType"] != "ServiceRequest" else each for each in builders.hcc()
    ]
    assert advice(client, sign(chart)) == usual


@pytest.mark.requirement("CH-035", "G9", "G10")
@pytest.mark.parametrize("extension", [EPIC, {}, None, "text", [1], {"a.b-c": {"d": None}}, 7])
def test_vendor_extensions_change_nothing(client: FlaskClient, usual: dict[str, Any], extension: Any) -> None:
    """Of any type at all, although the standard has an object."""
    assert advice(client, sign(extension=extension)) == usual
    assert advice(client, in_context(sign(), extension=extension)) == usual
    assert advice(client, in_prefetch(sign(), extension=extension)) == usual


@pytest.mark.requirement("CH-036", "found-33")
@pytest.mark.parametrize("value", [None, "", "<html>", 7, [], {}, builders.condition("C18.7", "foreign")])
def test_a_prefetch_key_nobody_asked_for_changes_nothing(
    client: FlaskClient, usual: dict[str, Any], value: Any
) -> None:
    assert (
        advice(client, in_prefetch(sign(), **{"-user": value, "practitioner": value, "x y": value})) == usual
    )


@pytest.mark.requirement("CH-037", "H2")
@pytest.mark.parametrize("encounter", [..., None, "", "e1", "a-very-long-" * 20])
def test_the_encounter_may_be_missing(client: FlaskClient, usual: dict[str, Any], encounter: Any) -> None:
    assert advice(client, in_context(sign(), encounterId=encounter)) == usual


@pytest.mark.parametrize(
    "user",
    [
        *(
            pytest.param(user, marks=pytest.mark.requirement("CH-038", "H2"))
            for user in (
                "Practitioner/x",
                "PractitionerRole/x",
                "https://ehr.example.org/fhir/Practitioner/x",
            )
        ),
        *(
            pytest.param(user, marks=pytest.mark.requirement("CH-039"))
            for user in ("Patient/x", "RelatedPerson/x", "Device/x", "x", "", None, ...)
        ),
    ],
)
def test_any_user_may_sign(client: FlaskClient, usual: dict[str, Any], user: Any) -> None:
    assert advice(client, in_context(sign(), userId=user)) == usual


@pytest.mark.requirement("CH-040", "G1")
def test_the_dress_of_the_json_changes_nothing(client: FlaskClient, usual: dict[str, Any]) -> None:
    """Order of members, blanks, escapes."""
    plain = sign()
    dressed = [
        json.dumps(shuffled(plain)),
        json.dumps(plain, indent="\t\r\n "),
        json.dumps(plain, separators=(",", ":")),
        escaped(json.dumps(plain)),
    ]
    for text in dressed:
        assert json.loads(text) == plain
        assert advice(client, text.encode()) == usual


def shuffled(value: Any) -> Any:
    """The same JSON with the members of every object, but for the draft orders, in another order.

    A draft goes back as it came, so the order of its members shows in the answer on purpose.
    """
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    if not isinstance(value, dict):
        return value
    names = [*value]
    random.Random(7).shuffle(names)
    return {name: value[name] if name == "draftOrders" else shuffled(value[name]) for name in names}


def escaped(text: str) -> str:
    """The same JSON with every plain letter of its texts written as an escape."""

    def spelled(found: re.Match[str]) -> str:
        return "".join(f"\\u{ord(sign):04X}" if sign.isalpha() else sign for sign in found[0])

    return re.sub(r'"[^"\\]*"', spelled, text)


CHARTS = {
    "met": builders.hcc(),
    "open": builders.without(builders.hcc(), "size", "resectability"),
    "not met": builders.changed(builders.hcc(), "amenable-to-cryoablation", valueBoolean=False),
    "two orders": [*builders.crc(), builders.order("47370", "second")],
    "two coverages": [*builders.net(), builders.coverage("Blue Shield of California", "second")],
}


@pytest.mark.requirement("CH-042")
@pytest.mark.parametrize("chart", CHARTS)
def test_the_same_call_twice_gets_the_same_advice(client: FlaskClient, chart: str) -> None:
    """Byte for byte, but for the ids of cards and suggestions."""
    first, second = (json.dumps(advice(client, sign(CHARTS[chart]))) for _ in range(2))
    assert first == second


@pytest.mark.requirement("CH-042", "CH-167")
@pytest.mark.parametrize("chart", CHARTS)
def test_answers_are_byte_identical_where_ids_and_clock_stand_still(tmp_path: Path, chart: str) -> None:
    """Three services without anything in common but the policies."""
    bodies = set()
    for name in ("first", "second", "third"):
        numbers = itertools.count()
        still = Clock(
            today=lambda: builders.TODAY,
            now=lambda: datetime(2026, 11, 21, tzinfo=UTC),
            new_id=lambda numbers=numbers: f"00000000-0000-4000-8000-{next(numbers):012d}",  # type: ignore[misc]
        )
        (tmp_path / name).mkdir()
        with applications(tmp_path / name, still) as make:
            bodies.add(post(make(auth="off").test_client(), sign(CHARTS[chart])).data)
    assert len(bodies) == 1


@pytest.mark.requirement("CH-043")
def test_a_reused_hook_instance_is_judged_on_its_own_orders(client: FlaskClient) -> None:
    """One client sends the same one for ever."""
    met = answered(client, sign())
    other = answered(client, sign(builders.without(builders.hcc(), "size")))
    aside = answered(client, in_context(sign(), draftOrders=collection(builders.order("70450"))))
    assert (covered(met), covered(other)) == ("covered", "conditional")
    assert aside["cards"] == []
    assert covered(answered(client, sign())) == "covered"


@pytest.mark.requirement("CH-047")
@pytest.mark.parametrize(
    "instance",
    [
        "d1577c69-dfbe-11ed-b5ea-0242ac120002",
        "018f9f5e-7b1a-7c3d-9c4e-5f6a7b8c9d0e",
        "D1577C69-DFBE-44AD-BA6D-3E05E953B2EA",
        "urn:uuid:d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "00000000-0000-0000-0000-000000000000",
        "not a uuid at all",
    ],
)
def test_any_kind_of_id_is_taken_as_hook_instance(
    client: FlaskClient, usual: dict[str, Any], instance: str
) -> None:
    assert advice(client, sign(hookInstance=instance)) == usual


@pytest.mark.requirement("CH-256", "K2")
def test_changed_data_shows_in_the_next_answer(client: FlaskClient) -> None:
    """Nothing of one call is remembered for the next."""
    for centimeters, verdict in ((3.2, "covered"), (6, "not-covered"), (3.2, "covered")):
        chart = [*builders.without(builders.hcc(), "size"), builders.size(centimeters)]
        assert covered(answered(client, sign(chart))) == verdict


@pytest.mark.requirement("CH-255")
def test_answers_forbid_caching(client: FlaskClient) -> None:
    for body in (sign(), sign(prefetch=...), b"["):
        assert post(client, body).headers["Cache-Control"] == "no-store"
    taken = client.post(f"/cds-services/{SIGN}/feedback", json={"feedback": []})
    assert taken.headers["Cache-Control"] == "no-store"
