"""Draft orders in every shape that clients send: each judged for what it is, none a fault."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.builders import Resource, hcc, order
from tests.conformance.ch.calls import (
    answered,
    collection,
    covered,
    in_context,
    post,
    refused,
    sign,
    stated,
    without_ids,
)

PATIENT = {"reference": "Patient/pat"}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
PILL = {
    "coding": [{"system": RXNORM, "code": "1364435", "display": "apixaban 5 MG"}],
    "text": "apixaban 5 MG",
}
OTHERS: list[Resource] = [
    {"resourceType": "NutritionOrder", "id": "n", "status": "draft", "patient": PATIENT},
    {"resourceType": "VisionPrescription", "id": "v", "status": "draft", "patient": PATIENT},
    {"resourceType": "DeviceRequest", "id": "d", "status": "draft", "subject": PATIENT},
    {"resourceType": "CommunicationRequest", "id": "c", "status": "draft", "subject": PATIENT},
    {"resourceType": "Task", "id": "t", "status": "draft", "for": PATIENT},
    {"resourceType": "ImmunizationRecommendation", "id": "i"},
    {"resourceType": "ProcedureRequest", "id": "p", "status": "draft", "subject": PATIENT},
    {"resourceType": "UnheardOf", "id": "u"},
]


def drafted(*orders: Resource, **members: Any) -> dict[str, Any]:
    """The call with these draft orders."""
    return in_context(sign(), draftOrders={**collection(*orders), **members})


def medication(**changes: Any) -> Resource:
    """A draft prescription; `...` takes a member away."""
    plain = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "intent": "order",
        "subject": PATIENT,
        "medicationCodeableConcept": PILL,
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


@pytest.mark.requirement("CH-100")
def test_a_bundle_without_type_and_addresses_is_read(client: FlaskClient) -> None:
    bare = {"resourceType": "Bundle", "entry": [{"resource": order()}]}
    assert covered(answered(client, in_context(sign(), draftOrders=bare))) == "covered"


@pytest.mark.requirement("CH-101")
@pytest.mark.parametrize("kind", ["collection", "searchset", "batch", "x", 7, None])
def test_a_bundle_of_any_type_is_read(client: FlaskClient, kind: Any) -> None:
    assert covered(answered(client, drafted(order(), type=kind))) == "covered"


@pytest.mark.requirement("CH-102", "CH-029", "S1", "B1")
@pytest.mark.parametrize("entries", [..., None, []])
def test_a_bundle_without_entries_gets_no_cards(client: FlaskClient, entries: Any) -> None:
    """Not a 204 and not null: a 200 with an empty list."""
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    bare = {name: value for name, value in bundle.items() if value is not ...}
    assert answered(client, in_context(sign(), draftOrders=bare))["cards"] == []


@pytest.mark.requirement("CH-103", "dev-24")
def test_several_orders_are_each_judged_and_each_card_says_which_it_means(client: FlaskClient) -> None:
    first, second = order(), order("47371", "second")
    aside, last = order("70450", "third"), medication()
    body = answered(client, drafted(first, second, aside, last))
    assert len(body["cards"]) == 2
    told = [card["extension"]["davinci-crd.associated-resource"] for card in body["cards"]]
    assert told == [[{"reference": "ServiceRequest/order"}], [{"reference": "ServiceRequest/second"}]]
    assert ["47383" in card["detail"] for card in body["cards"]] == [True, False]
    assert ["47371" in card["detail"] for card in body["cards"]] == [False, True]
    actions = [action["resource"] for action in body["systemActions"]]
    assert [each["id"] for each in actions] == ["order", "second", "third", "request-123"]
    assert [stated(body, index)["covered"] for index in range(4)][2:] == ["conditional", "conditional"]


@pytest.mark.requirement("CH-104", "H4")
@pytest.mark.parametrize("other", OTHERS, ids=lambda each: each["resourceType"])
def test_an_order_type_without_a_rule_is_passed_over(client: FlaskClient, other: Resource) -> None:
    """Alone it gets no card; beside an order with a rule it changes nothing."""
    assert answered(client, drafted(other))["cards"] == []
    (card,) = answered(client, drafted(other, order(), other))["cards"]
    assert "all 5 criteria met" in card["summary"]


@pytest.mark.requirement("CH-105", "CH-108")
def test_a_medication_beside_the_orders_is_no_order(client: FlaskClient) -> None:
    pill = {"resourceType": "Medication", "id": "m", "code": PILL}
    by_reference = medication(
        medicationReference={"reference": "Medication/m"}, medicationCodeableConcept=...
    )
    body = answered(client, drafted(pill, by_reference))
    assert body["cards"] == []
    assert [action["resource"]["id"] for action in body["systemActions"]] == ["request-123"]


@pytest.mark.requirement("CH-108", "CH-111", "CH-112", "CH-113", "CH-114")
@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize(
    "draft",
    [
        medication(medicationReference={"reference": "Medication/nowhere"}, medicationCodeableConcept=...),
        medication(medicationReference={"reference": "#none"}, medicationCodeableConcept=...),
        medication(medicationCodeableConcept=...),
        medication(medicationCodeableConcept=None),
        medication(category={"coding": [{"code": "outpatient"}]}, reasonCode={"text": "pain"}),
        medication(dosageInstruction=[{"doseQuantity": {"value": 1, "unit": "pill"}}]),
        medication(dosageInstruction=[{"doseAndRate": {"doseQuantity": {"value": 1}}}]),
        medication(dosageInstruction={"text": "daily"}, intent=...),
        {
            "resourceType": "MedicationOrder",
            "id": "order-123",
            "dateWritten": "2026-11-21",
            "status": "draft",
            "patient": PATIENT,
            "medicationCodeableConcept": PILL,
            "reasonCodeableConcept": {"text": "pain"},
            "dosageInstruction": [{"timing": {"repeat": {"periodUnits": "d"}}}],
        },
        {"resourceType": "ServiceRequest", "id": "s", "status": "draft", "subject": PATIENT},
        {"resourceType": "ServiceRequest"},
    ],
    ids=range(11),
)
def test_an_order_that_names_no_service_of_ours_gets_a_200_and_no_card(
    client: FlaskClient, draft: Resource
) -> None:
    """Prescriptions of three FHIR versions, empty forms: as real clients send them."""
    assert answered(client, drafted(draft))["cards"] == []


@pytest.mark.requirement("CH-114")
@pytest.mark.parametrize(
    "code", [{}, {"coding": []}, {"coding": [{}]}, {"coding": [{"code": "47383"}]}, [], "x"]
)
def test_a_code_that_cannot_be_read_gets_a_200_that_decides_nothing(client: FlaskClient, code: Any) -> None:
    """The sandbox sends an empty coding before anything is chosen; it could have been any service."""
    body = answered(client, drafted({**order(), "code": code, "reasonCode": []}))
    assert [card["indicator"] for card in body["cards"]] in ([], ["info"])
    assert covered(body) in ("conditional", "indeterminate")


@pytest.mark.requirement("CH-113")
@pytest.mark.parametrize("member", ["category", "performer", "reasonCode", "bodySite", "note", "identifier"])
def test_a_member_that_should_be_a_list_and_is_none_causes_no_fault(client: FlaskClient, member: str) -> None:
    body = answered(client, drafted(order(**{member: {"text": "odd"}})))
    assert len(body["cards"]) == 1


@pytest.mark.requirement("CH-109")
def test_an_id_of_194_characters_is_echoed_exactly(client: FlaskClient) -> None:
    name = "eIXesllypH3M9tAA5WdJft.Q-" * 7 + "x" * 19
    assert len(name) == 194
    body = answered(client, drafted(order(name=name)))
    assert body["systemActions"][0]["resource"]["id"] == name


@pytest.mark.requirement("CH-110", "H3")
@pytest.mark.parametrize("statuses", [("active",), ("draft", "active"), ("active", "on-hold", "draft")])
def test_signed_and_mixed_orders_are_handled_like_drafts(
    client: FlaskClient, statuses: tuple[str, ...]
) -> None:
    orders = [order(name=f"o-{status}", status=status) for status in statuses]
    body = answered(client, drafted(*orders))
    assert len(body["cards"]) == len(statuses)
    assert {stated(body, index)["covered"] for index in range(len(statuses))} == {"covered"}


@pytest.mark.requirement("CH-115")
@pytest.mark.parametrize(
    "whose", ["Patient/other", "https://ehr.example.org/fhir/Patient/other", "Group/pat"]
)
def test_an_order_for_somebody_else_is_left_out_and_not_told_of(client: FlaskClient, whose: str) -> None:
    """Alone and beside the patient's own; not a word of it comes back."""
    foreign = order("47370", "foreign-order", subject={"reference": whose}, note=[{"text": "secret words"}])
    alone, beside = post(client, drafted(foreign)), post(client, drafted(foreign, order()))
    assert alone.get_json() == {"cards": [], "systemActions": []}
    assert covered(beside.get_json()) == "covered"
    for answer in (alone, beside):
        for word in ("foreign-order", "secret words", "47370", "Patient/other", "Group"):
            assert word not in answer.text


@pytest.mark.requirement("CH-116")
def test_an_order_without_id_gets_a_card_and_no_action(client: FlaskClient) -> None:
    nameless = {name: value for name, value in order().items() if name != "id"}
    body = answered(client, drafted(nameless))
    assert len(body["cards"]) == 1
    assert body["systemActions"] == []


@pytest.mark.requirement("CH-117")
def test_orders_of_equal_id_are_told_apart_by_type(client: FlaskClient) -> None:
    body = answered(client, drafted(order(name="1"), medication(id="1")))
    kinds = [action["resource"]["resourceType"] for action in body["systemActions"]]
    assert kinds == ["ServiceRequest", "MedicationRequest"]
    assert [stated(body, index)["covered"] for index in (0, 1)] == ["covered", "conditional"]


@pytest.mark.requirement("CH-118")
def test_references_to_urn_addresses_are_found(client: FlaskClient) -> None:
    """Patient, insurance and subject by the addresses of the entries of a Bundle."""
    person, plan = (
        "urn:uuid:0b4c1b7e-0000-4000-8000-000000000001",
        "urn:uuid:0b4c1b7e-0000-4000-8000-000000000002",
    )
    held = builders.coverage(beneficiary={"reference": person})
    draft = order(subject={"reference": person}, insurance=[{"reference": plan}])
    body = in_context(sign(), draftOrders=collection(draft))
    body["prefetch"]["coverage"] = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": plan, "resource": held}],
    }
    body["prefetch"]["patient"] = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": person, "resource": {"resourceType": "Patient", "id": "pat"}}],
    }
    assert covered(answered(client, body)) == "covered"


@pytest.mark.requirement("CH-119")
def test_resources_go_back_in_the_version_they_came_in(client: FlaskClient) -> None:
    """Nothing is converted: what came is what goes, but for our statement."""
    draft = {
        **order(),
        "orderer": {"reference": "Practitioner/x"},
        "item": [{"detail": 1}],
        "_status": {"id": "s"},
    }
    back = answered(client, drafted(draft))["systemActions"][0]["resource"]
    assert {name: value for name, value in back.items() if name != "extension"} == draft


@pytest.mark.requirement("CH-120", "H5", "hook-34")
def test_order_select_speaks_about_the_selection_only(client: FlaskClient) -> None:
    chart = [*hcc(), order("47371", "second"), order("70450", "third")]
    body = sign(chart, hook="order-select")
    body = in_context(body, selections=["ServiceRequest/second"])
    found = answered(client, body, "coverage-order-select")
    assert len(found["cards"]) == 1
    assert "47371" in found["cards"][0]["detail"]
    assert [action["resource"]["id"] for action in found["systemActions"]] == ["second"]


@pytest.mark.requirement("CH-121")
@pytest.mark.parametrize(
    "selections", [["ServiceRequest/nowhere"], [], ["x"], ["Patient/pat"], ["ServiceRequest/order/1"]]
)
def test_a_selection_that_is_not_there_gets_no_cards(client: FlaskClient, selections: list[str]) -> None:
    body = in_context(sign(hook="order-select"), selections=selections)
    assert answered(client, body, "coverage-order-select") == {"cards": []}


@pytest.mark.requirement("CH-121")
@pytest.mark.parametrize("selections", [[7], [None], [{}], [""], {}, 7])
def test_selections_that_are_no_references_are_a_400(client: FlaskClient, selections: Any) -> None:
    body = in_context(sign(hook="order-select"), selections=selections)
    answer = post(client, body, "coverage-order-select")
    assert refused(answer, 400)["expression"] == ["context.selections"]


@pytest.mark.requirement("CH-122", "H5")
@pytest.mark.parametrize("missing", ["occurrenceDateTime", "authoredOn", "intent", "status"])
def test_detail_that_is_missing_at_order_select_is_not_reproached(client: FlaskClient, missing: str) -> None:
    """A draft in the making lacks much; the policy is judged on what is there."""
    bare = builders.changed(hcc(), "order", **{missing: None})
    body = answered(client, sign(bare, hook="order-select"), "coverage-order-select")
    assert covered(body) == ("covered" if missing != "status" else covered(body))
    for card in body["cards"]:
        assert missing not in card["detail"]


@pytest.mark.requirement("CH-123")
@pytest.mark.parametrize("selections", [["ServiceRequest/example-request-id"], [], None, 7, {"x": 1}])
def test_selections_on_order_sign_change_nothing(client: FlaskClient, selections: Any) -> None:
    plain = without_ids(answered(client, sign()))
    assert without_ids(answered(client, in_context(sign(), selections=selections))) == plain
