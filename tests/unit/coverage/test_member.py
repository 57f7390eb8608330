"""Coverage, payer, product and policy version of an order, or why there is none (clinical.md 6)."""

import json
from typing import Any

import pytest

from cds_service.coverage.member import Case, choose
from cds_service.coverage.read import read_coverages
from cds_service.evidence.chart import ChartBuilder
from tests.builders import TODAY, Resource, bundle, concept, coverage, failure, knowledge, order

BSC = "Blue Shield of California"
ORGANIZATION = {"resourceType": "Organization", "id": "org", "name": "Capital BlueCross"}
BY_REFERENCE = {"payor": [{"reference": "Organization/org"}]}


def cases(*resources: Resource, **ordered: Any) -> list[Case]:
    """The cases of one order in a chart of these resources."""
    builder = ChartBuilder("Patient/pat")
    builder.add_bundle(bundle(resources))
    chart, known = builder.build(), knowledge()
    return choose(known.recogniser.read(order(**ordered), TODAY, chart.aliases), chart, known.bundle)


def case(*resources: Resource, **ordered: Any) -> tuple[str | None, str | None, str]:
    """(coverage, payer, reason) of the only case."""
    (only,) = cases(*resources, **ordered)
    return only.coverage, only.payer.payer if only.payer else None, only.reason


@pytest.mark.parametrize(
    ("resources", "members"),
    [
        ([], {}),
        ([ORGANIZATION], BY_REFERENCE),
        ([ORGANIZATION], {"payor": [{"reference": "https://ehr.example.org/fhir/Organization/org"}]}),
        ([], {"payor": [{"reference": "#org"}], "contained": [ORGANIZATION]}),
        ([{**ORGANIZATION, "name": "CBC Inc.", "alias": ["Capital Blue Cross"]}], BY_REFERENCE),
        ([], {"payor": [{"reference": "Organization/elsewhere", "display": "Capital Blue Cross"}]}),
        ([], {"payor": [{"reference": "Organization/x"}], "class": [{"name": "Capital Blue Cross PPO"}]}),
        ([], {"class": [{"type": {"malformed": True}, "value": "1", "name": "PPO"}]}),
    ],
)  # fmt: skip
def test_the_payer_is_found_wherever_the_coverage_names_it(
    resources: list[Resource], members: Resource
) -> None:
    """clinical.md 6: resolved, contained or display only; then plan or class name; read leniently."""
    assert case(coverage(**members), *resources) == ("Coverage/cov", "capital-blue-cross", "")


def test_the_payers_text_in_force_on_the_day_of_service_decides() -> None:
    """clinical.md 0: a loaded text is in force from its printed effective date."""
    (found,) = cases(coverage(), occurrenceDateTime="2024-05-01")
    assert found.policy is not None and found.policy.version == "2024-05-01"
    assert case(coverage(), occurrenceDateTime="2024-04-30")[2] == "no-version-in-force"
    (found,) = cases(coverage(BSC), occurrenceDateTime="2023-11-01")
    assert found.policy is not None and found.policy.version == "2023-11-01"
    assert case(coverage(BSC), occurrenceDateTime="2023-10-31")[2] == "no-version-in-force"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"payor": [{"display": "Aetna"}]}, "payer-not-served"),
        ({"payor": [{"display": "Capital Blue Cross"}, {"display": BSC}]}, "payer-ambiguous"),
        ({"payor": [{"reference": "Organization/elsewhere"}]}, "payer-not-read"),
        ({"payor": None}, "payer-not-read"),
        ({"payor": []}, "coverage-unreadable"),
        ({"payor": [{}]}, "coverage-unreadable"),
        ({"payor": [{"reference": "#gone", "display": "Capital Blue Cross"}]}, "coverage-unreadable"),
        ({"status": "valid"}, "coverage-unreadable"),
        ({"status": None}, "coverage-unreadable"),
        ({"period": {}}, "coverage-unreadable"),
        ({"type": {}}, "coverage-unreadable"),
        ({"class": []}, "coverage-unreadable"),
        ({"subscriberId": 5}, "coverage-unreadable"),
        ({"beneficiary": "Patient/pat"}, "coverage-unreadable"),
    ],
)
def test_a_coverage_without_a_payer_of_ours_says_why(members: Resource, reason: str) -> None:
    """clinical.md 6, last paragraph: the coverage is named."""
    made = {key: value for key, value in {**coverage(), **members}.items() if value is not None}
    assert case(made)[0] == "Coverage/cov"
    assert case(made)[2] == reason


@pytest.mark.parametrize("damage", [{"name": 5}, {"name": ""}, {"alias": []}, {"identifier": "x"}])
def test_an_organization_that_cannot_be_read_names_no_payer(damage: Resource) -> None:
    """clinical.md 4.5: a payor that cannot be read: cannot evaluate, whatever its display says."""
    made = coverage(payor=[{"reference": "Organization/org", "display": "Capital Blue Cross"}])
    assert case(made, {**ORGANIZATION, **damage})[2] == "coverage-unreadable"


def test_an_organization_that_could_not_be_fetched_names_no_payer() -> None:
    """determinations.md 1: failing any search never moves an answer to meets-criteria."""
    made = coverage(payor=[{"reference": "Organization/org", "display": "Capital Blue Cross"}])
    assert case(made, failure("Organization"))[2] == "payer-search-failed"
    assert case(made)[2] == ""


@pytest.mark.parametrize(
    "members",
    [
        {"status": "cancelled"},
        {"status": "entered-in-error"},
        {"status": "draft"},
        {"period": {"start": "2026-12-02"}},
        {"period": {"end": "2026-11-30"}},
        {"period": {"start": "2020-01-01", "end": "2025"}},
    ],
)
def test_a_coverage_that_is_not_in_force_on_the_day_of_service_does_not_count(members: Resource) -> None:
    """clinical.md 6: status active and period covering the service date."""
    found, _, reason = case(coverage(**members))
    assert (found, reason) == (None, "coverage-not-in-force")


@pytest.mark.parametrize(
    "members",
    [
        {"period": {"start": "2026-12-01"}},
        {"period": {"end": "2026-12-01"}},
        {"period": {"end": "2026-12"}},
        {"period": None},
    ],
)
def test_a_coverage_is_in_force_from_its_first_day_to_its_last(members: Resource) -> None:
    """clinical.md 6; a partial end means its last day."""
    made = {key: value for key, value in {**coverage(), **members}.items() if value is not None}
    assert case(made)[2] == ""


def test_no_coverage_at_all_is_no_policy_and_a_failed_search_cannot_be_evaluated() -> None:
    """clinical.md 6: a complete search that found none; a search that failed."""
    assert case() == (None, None, "no-coverage")
    assert case(failure("Coverage")) == (None, None, "coverage-search-failed")
    assert case(failure("Coverage", "not-supported")) == (None, None, "coverage-search-failed")
    assert case(failure(None)) == (None, None, "coverage-search-failed")
    assert case(coverage(), failure("Coverage")) == (None, None, "coverage-search-failed")
    assert case(coverage(), failure(None))[2] == ""


def test_a_coverage_of_somebody_else_is_set_aside() -> None:
    """clients.md 5: servers that ignore a search parameter return others' resources."""
    theirs = coverage(beneficiary={"reference": "Patient/other"})
    assert case(theirs) == (None, None, "no-coverage")
    assert case(theirs, coverage(name="mine"))[0] == "Coverage/mine"


def test_two_active_coverages_are_both_judged_the_primary_one_first() -> None:
    """clinical.md 6: order by Coverage.order; decide for each."""
    found = cases(coverage(order=2), coverage(BSC, "cov2", order=1), coverage(name="cov3"))
    assert [each.coverage for each in found] == ["Coverage/cov2", "Coverage/cov", "Coverage/cov3"]


def test_only_the_coverages_that_the_order_names_count() -> None:
    """clinical.md 6: where the order's insurance names coverages, only for those."""
    both = coverage(), coverage(BSC, "cov2")
    named = {"insurance": [{"reference": "Coverage/cov2"}]}
    assert [each.coverage for each in cases(*both, **named)] == ["Coverage/cov2"]
    lapsed = coverage(BSC, "cov2", status="cancelled")
    found, _, reason = case(both[0], lapsed, **named)
    assert (found, reason) == (None, "coverage-not-in-force")
    assert case(both[0], insurance=[{"reference": "Coverage/gone"}]) == (None, None, "coverage-not-found")
    assert case(both[0], insurance=[{"display": "my plan"}])[0] == "Coverage/cov"


@pytest.mark.parametrize(
    ("members", "product"),
    [
        ({"class": [{"type": {"text": "plan"}, "value": "FEP", "name": "Blue Focus"}]}, "fep"),
        ({"type": concept(text="Medicare Advantage")}, "medicare"),
        ({"type": {"coding": [{"system": "x", "code": "1", "display": "Medicaid"}]}}, "medicaid"),
        ({"subscriberId": "R12345678"}, "fep"),
        ({"payor": [{"display": "Capital Blue Cross, Federal Employee Program"}]}, "fep"),
    ],
)
def test_a_product_that_the_text_excepts_is_referred_to_the_plan(members: Resource, product: str) -> None:
    """clinical.md 6: under a served payer; policy II, product variations."""
    (found,) = cases(coverage(**members))
    assert found.reason == "product-exception"
    assert found.product is not None and found.product.product == product


def test_a_product_of_an_earlier_date_is_referred_to_the_plan_all_the_same() -> None:
    """clinical.md 0: the text sends the reader elsewhere, whichever version is in force."""
    (found,) = cases(coverage(subscriberId="R12345678"), occurrenceDateTime="2020-01-01")
    assert found.reason == "product-exception"


def test_an_order_out_of_scope_or_unreadable_keeps_its_reason() -> None:
    """clinical.md 1.1: a dropped order gets an entry of its own."""
    assert case(coverage(), code=concept(text="Blood count")) == ("Coverage/cov", None, "not-this-service")
    assert case(code=concept(text="Blood count")) == (None, None, "not-this-service")
    assert case(coverage(), authoredOn="soon") == ("Coverage/cov", "capital-blue-cross", "order-unreadable")
    assert (
        case(coverage(), code={"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "47399"}]})[2]
        == "technique-not-named"
    )


def test_identifiers_of_payor_and_organization_are_read() -> None:
    """clinical.md 6, matching order: configured identifiers."""
    named = {"identifier": [{"system": "urn:x", "value": "7"}, {"use": "old"}]}
    payor = [{"reference": "#a", "identifier": {"value": "8"}}, {"reference": "Organization/org"}]
    inside = {"resourceType": "Organization", "id": "a", "identifier": [{"system": "urn:y", "value": "9"}]}
    more = {"resourceType": "Organization", "id": "b"}
    builder = ChartBuilder("Patient/pat")
    builder.add_bundle(bundle([coverage(payor=payor, contained=[more, inside]), {**ORGANIZATION, **named}]))
    (held,) = read_coverages(builder.build(), TODAY)
    assert set(held.words.identifiers) == {"7", "urn:x|7", "8", "|8", "9", "urn:y|9"}


def test_a_payor_that_is_a_person_is_known_by_its_display() -> None:
    """FHIR R4 Coverage.payor: Organization, Patient or RelatedPerson."""
    assert (
        case(coverage(payor=[{"reference": "Patient/pat"}]), {"resourceType": "Patient", "id": "pat"})[2]
        == "payer-not-read"
    )


def test_plan_and_standing_of_the_coverage_are_kept() -> None:
    """determinations.md 2: prior authorization may differ by plan."""
    (found,) = cases(
        coverage(**{"class": [{"name": "Group 7"}, {"name": "PPO 1500"}], "period": {"end": "2027"}})
    )
    assert found.plan == "PPO 1500"
    assert found.held is not None and found.held.ends is not None
    assert found.held.ends.isoformat() == "2027-12-31"


def test_a_coverage_that_is_no_object_is_unreadable() -> None:
    """clinical.md 4.5; nothing crashes."""
    raw = json.loads(bundle([coverage()]))
    raw["entry"][0]["resource"] = {"resourceType": "Coverage", "id": "cov", "status": ["active"], "payor": 5}
    assert case(raw["entry"][0]["resource"])[2] == "coverage-unreadable"
