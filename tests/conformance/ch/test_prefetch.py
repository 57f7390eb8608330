"""What a prefetch value means: data, known absence, or neither; and what is out of reach."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.builders import Resource, condition, coverage, failure, hcc
from tests.conformance.ch.calls import (
    answered,
    collection,
    covered,
    in_context,
    in_prefetch,
    post,
    refused,
    searchset,
    sign,
)

NEEDED = ["patient", "coverage"]
CLINICAL = ["conditions", "observations"]
SERVER = "https://ehr.example.org/fhir"
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}
EPIC_NOTHING = {
    "resourceType": "Bundle", "type": "searchset", "total": 0,
    "entry": [{"search": {"mode": "outcome"}, "resource": WARNING}],
}  # fmt: skip
MORE = [{"relation": "next", "url": f"{SERVER}?page=2"}]
SENSELESS: list[Any] = [
    "<html>", "", 7, True, [], {}, [{}], {"resource": searchset()}, {"resourceType": 7},
    {"resourceType": "Bundle", "entry": "x"}, {"resourceType": "Bundle", "entry": [1]},
]  # fmt: skip
FAILED, NOT_SENT = "A search of the EHR failed", "Not sent, and not looked up"

pytestmark = pytest.mark.usefixtures("sealed")


def with_key(key: str, value: Any) -> dict[str, Any]:
    """The complete call with another value under one key."""
    return in_prefetch(sign(), **{key: value})


def detail(body: dict[str, Any]) -> str:
    """What the one card says at length."""
    (card,) = body["cards"]
    return str(card["detail"])


@pytest.mark.requirement("CH-066", "CH-092", "S2")
@pytest.mark.parametrize("key", NEEDED)
def test_needed_data_out_of_reach_is_a_412_that_names_the_key(client: FlaskClient, key: str) -> None:
    """And nothing of the patient."""
    answer = post(client, with_key(key, ...))
    issue = refused(answer, 412)
    assert (issue["code"], issue["expression"]) == ("required", [f"prefetch.{key}"])
    for word in ("pat", "Patient/", "47383", "ServiceRequest"):
        assert word not in answer.text.replace("patient", "")
    refused(post(client, sign(prefetch=...)), 412)
    refused(post(client, sign(prefetch=None)), 412)
    refused(post(client, sign(prefetch={})), 412)


@pytest.mark.requirement("CH-067", "P9", "S2")
@pytest.mark.parametrize("access", [..., None, {}, {"access_token": ""}, {"access_token": None}])
def test_a_server_without_access_is_a_412_without_an_outside_call(client: FlaskClient, access: Any) -> None:
    issue = refused(post(client, sign(prefetch=..., fhirServer=SERVER, fhirAuthorization=access)), 412)
    assert "fhirAuthorization" in issue["diagnostics"]


@pytest.mark.requirement("CH-094", "CH-237", "T3")
@pytest.mark.parametrize(
    "change",
    [
        *({"expires_in": seconds} for seconds in (0, -1, "0", -0.5)),
        *({"token_type": kind} for kind in ("mac", "DPoP", "", None, ..., "Bearer x")),
        *({"access_token": text} for text in ("a b", "a\nX-Evil: 1", "t\x00", "tök", "\r\n")),
    ],
)
def test_a_token_that_may_not_be_used_is_not_used(client: FlaskClient, change: dict[str, Any]) -> None:
    """Run out, of another type, or of signs that would break a header."""
    sound = {"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": "s", "subject": "c"}
    access = {name: value for name, value in {**sound, **change}.items() if value is not ...}
    refused(post(client, sign(prefetch=..., fhirServer=SERVER, fhirAuthorization=access)), 412)
    assert covered(answered(client, sign(fhirServer=SERVER, fhirAuthorization=access))) == "covered"


@pytest.mark.requirement("CH-240", "T4")
def test_a_token_for_another_patient_stops_the_call(client: FlaskClient) -> None:
    access = {"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": "s", "subject": "c"}
    body = sign(fhirServer=SERVER, fhirAuthorization={**access, "patient": "somebody-else"})
    answer = post(client, body)
    assert refused(answer, 400)["expression"] == ["fhirAuthorization.patient"]
    assert "somebody-else" not in answer.text
    for same in ("pat", "Patient/pat"):
        answered(client, {**body, "fhirAuthorization": {**access, "patient": same}})


@pytest.mark.requirement("CH-074", "P6", "G4")
def test_a_null_read_is_known_to_be_absent(client: FlaskClient) -> None:
    """No 412: the client asked, and there is nothing."""
    assert post(client, with_key("patient", None)).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, marks=pytest.mark.requirement("CH-075", "P6", "G4")),
        pytest.param(searchset(), marks=pytest.mark.requirement("CH-076", "P6")),
        pytest.param(
            {"resourceType": "Bundle", "type": "searchset", "total": 0},
            marks=pytest.mark.requirement("CH-076"),
        ),
        pytest.param({"resourceType": "Bundle", "entry": []}, marks=pytest.mark.requirement("CH-077", "P6")),
        pytest.param({"resourceType": "Bundle"}, marks=pytest.mark.requirement("CH-077")),
        pytest.param(EPIC_NOTHING, marks=pytest.mark.requirement("CH-081")),
    ],
)
def test_an_empty_search_says_that_nothing_is_there(client: FlaskClient, value: Any) -> None:
    """Of coverages: none is on record. Of diagnoses: none supports the criterion; none failed to arrive."""
    (card,) = answered(client, with_key("coverage", value))["cards"]
    assert "No coverage in force is on record" in card["summary"]
    body = answered(client, with_key("conditions", value))
    assert covered(body) == "conditional"
    assert FAILED not in detail(body) and NOT_SENT not in detail(body)


@pytest.mark.requirement("CH-078", "P7")
@pytest.mark.parametrize("key", CLINICAL)
def test_an_outcome_as_value_is_neither_data_nor_absence(client: FlaskClient, key: str) -> None:
    """The card says that the data did not arrive, which it does not say of an empty result."""
    failed = answered(client, with_key(key, failure(None)))
    empty = answered(client, with_key(key, searchset()))
    assert (covered(failed), covered(empty)) == ("indeterminate", "conditional")
    assert FAILED in detail(failed) and FAILED not in detail(empty)


@pytest.mark.requirement("CH-079", "CH-078", "P7")
@pytest.mark.parametrize("key", NEEDED)
def test_a_needed_key_that_failed_at_the_client_is_a_412(client: FlaskClient, key: str) -> None:
    """It is not asked the same way again, although the way is there: no call leaves this sealed test."""
    access = {"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": "s", "subject": "c"}
    body = {**with_key(key, failure(None)), "fhirServer": SERVER, "fhirAuthorization": access}
    assert refused(post(client, body), 412)["expression"] == [f"prefetch.{key}"]


@pytest.mark.requirement("CH-080", "CH-091")
@pytest.mark.parametrize(("value", "told"), [(failure(None), FAILED), (..., NOT_SENT)])
@pytest.mark.parametrize("key", CLINICAL)
def test_optional_data_out_of_reach_is_a_gap_on_the_card(
    client: FlaskClient, key: str, value: Any, told: str
) -> None:
    """Neither sent nor to be had, or failed at the client: a 200 that says which."""
    body = answered(client, with_key(key, value))
    assert covered(body) != "covered"
    assert told in detail(body)


@pytest.mark.requirement("CH-082")
def test_matches_beside_an_outcome_are_used(client: FlaskClient) -> None:
    found = searchset(condition("C22.0"))
    found["entry"].append({"search": {"mode": "outcome"}, "resource": WARNING})
    assert covered(answered(client, with_key("conditions", found))) == "covered"


@pytest.mark.requirement("CH-082", "CH-087")
def test_matches_beside_an_error_prove_no_absence(client: FlaskClient) -> None:
    found = searchset(condition("C22.0"))
    found["entry"].append({"search": {"mode": "outcome"}, "resource": failure(None)})
    assert covered(answered(client, with_key("conditions", found))) != "covered"


@pytest.mark.requirement("CH-083")
def test_included_resources_are_no_matches(client: FlaskClient) -> None:
    """A coverage search that brings only what is included brings no coverage."""
    payer = {"resourceType": "Organization", "id": "payer", "name": "Capital Blue Cross"}
    found = searchset(total=0)
    found["entry"].append({"search": {"mode": "include"}, "resource": payer})
    (card,) = answered(client, with_key("coverage", found))["cards"]
    assert "No coverage in force is on record" in card["summary"]


@pytest.mark.requirement("CH-084")
def test_a_collection_in_place_of_a_search_result_is_taken(client: FlaskClient) -> None:
    chart = hcc()
    kinds = {"conditions": "Condition", "observations": "Observation", "coverage": "Coverage"}
    given = {
        key: collection(*(each for each in chart if each["resourceType"] == kind))
        for key, kind in kinds.items()
    }
    assert covered(answered(client, in_prefetch(sign(), **given))) == "covered"


@pytest.mark.requirement("CH-085")
def test_a_bundle_for_a_resource_and_the_reverse_are_taken(client: FlaskClient) -> None:
    person: Resource = {"resourceType": "Patient", "id": "pat"}
    given = {"patient": searchset(person), "coverage": coverage(), "conditions": condition("C22.0")}
    assert covered(answered(client, in_prefetch(sign(), **given))) == "covered"


@pytest.mark.requirement("CH-085")
@pytest.mark.parametrize("value", SENSELESS)
@pytest.mark.parametrize("key", [*NEEDED, *CLINICAL])
def test_a_senseless_value_counts_as_not_sent(client: FlaskClient, key: str, value: Any) -> None:
    answer = post(client, with_key(key, value))
    assert answer.status_code in ((200, 412) if key in NEEDED else (200,))
    if answer.status_code == 200 and key != "patient":
        assert covered_or_none(answer.get_json()) != "covered"


def covered_or_none(body: dict[str, Any]) -> str | None:
    """The verdict, where there is an action."""
    return covered(body) if body["systemActions"] else None


@pytest.mark.requirement("CH-087")
@pytest.mark.parametrize("key", [*CLINICAL, "coverage", "questionnaireResponses"])
def test_a_first_page_alone_proves_no_absence(client: FlaskClient, key: str) -> None:
    """The rest may hold what speaks against the service, or another coverage."""
    first = {**sign()["prefetch"][key], "link": MORE}
    body = answered(client, with_key(key, first))
    assert covered_or_none(body) != "covered"


@pytest.mark.requirement("CH-090")
@pytest.mark.parametrize(
    "other",
    [
        {"resourceType": "Patient", "id": "other"},
        {"resourceType": "Patient", "id": "PAT"},
        searchset({"resourceType": "Patient", "id": "other"}),
    ],
)
def test_a_prefetched_patient_other_than_the_contexts_stops_the_advice(
    client: FlaskClient, other: Resource
) -> None:
    answer = post(client, with_key("patient", other))
    assert refused(answer, 400)["expression"] == ["prefetch.patient"]


@pytest.mark.requirement("CH-090")
def test_resources_of_another_patient_support_nothing(client: FlaskClient) -> None:
    """Whatever the key promised: a foreign coverage, diagnosis or finding is set aside."""
    foreign = {"reference": "Patient/other"}
    for key, kind, member in (
        ("coverage", "Coverage", "beneficiary"),
        ("conditions", "Condition", "subject"),
        ("observations", "Observation", "subject"),
    ):
        held = [{**each, member: foreign} for each in hcc() if each["resourceType"] == kind]
        assert held
        assert covered_or_none(answered(client, with_key(key, searchset(*held)))) != "covered"


@pytest.mark.requirement("CH-093", "found-32")
@pytest.mark.parametrize(
    "chart",
    [
        builders.without(hcc(), "size"),
        builders.changed(hcc(), "dx", code=None),
        builders.changed(hcc(), "size", component=None),
        builders.changed(hcc(), "cov", payor=None),
        builders.changed(hcc(), "cov", status=None),
    ],
)
def test_thin_data_is_no_reason_for_a_412(client: FlaskClient, chart: list[Resource]) -> None:
    assert covered_or_none(answered(client, sign(chart))) != "covered"


@pytest.mark.requirement("CH-089")
def test_absolute_and_relative_references_to_one_thing_are_the_same(client: FlaskClient) -> None:
    """Epic sends relative ones in the context and absolute ones in prefetch."""
    absolute = {"reference": f"{SERVER}/Patient/pat"}
    chart = [
        {**each, **{name: absolute for name in ("subject", "beneficiary", "patient") if name in each}}
        for each in hcc()
    ]
    assert covered(answered(client, sign(chart))) == "covered"
    mixed = in_context(sign(chart), draftOrders=collection(builders.order()))
    assert covered(answered(client, mixed)) == "covered"


@pytest.mark.requirement("CH-098")
def test_the_draft_wins_over_the_stored_copy_of_the_same_order(client: FlaskClient) -> None:
    """It is the draft that is judged and that goes back."""
    older = builders.order("70450", status="active")
    body = answered(client, with_key("serviceRequests", searchset(older)))
    assert covered(body) == "covered"
    assert body["systemActions"][0]["resource"]["code"] == builders.order()["code"]
    drafted = in_context(sign(), draftOrders=collection(builders.order("70450")))
    stored = in_prefetch(drafted, serviceRequests=searchset(builders.order()))
    assert answered(client, stored)["cards"] == []
