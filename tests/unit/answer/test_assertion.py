"""The assertion id: stable, one for each order and coverage, and ours to recognise."""

from typing import Any

import pytest

from cds_service.answer.assertion import Issuer, assertion_id, is_ours
from cds_service.answer.coverage_rules import EXTENSION
from tests.unit.answer import samples

ISSUER = Issuer("https://crd.example.org", "https://ehr.example.org")


def carrying(*statements: tuple[str, str], reference: str = "ServiceRequest/order-1") -> Any:
    """An order that carries (coverage, assertion id) statements."""
    extensions = [
        {
            "url": EXTENSION,
            "extension": [
                {"url": "coverage", "valueReference": {"reference": coverage}},
                {"url": "coverage-assertion-id", "valueString": name},
            ],
        }
        for coverage, name in statements
    ]
    return samples.order(reference, samples.raw_order(reference, extension=extensions))


@pytest.mark.requirement("CRD-048", "CRD-111")
def test_the_same_order_and_coverage_keep_their_id() -> None:
    """CRD-111: repeated calls give the same id, whatever else on the order has changed."""
    first = assertion_id(samples.order(), "Coverage/cov-1", ISSUER)
    changed = samples.order(raw=samples.raw_order(note=[{"text": "new"}]))
    assert assertion_id(changed, "Coverage/cov-1", ISSUER) == first


@pytest.mark.parametrize(
    "coverage",
    [
        "https://ehr.example.org/fhir/Coverage/cov-1",
        "Coverage/cov-1/_history/3",
        " Coverage/cov-1",
        "http://x/Coverage/cov-1/",
    ],
)
def test_the_form_of_a_reference_does_not_matter(coverage: str) -> None:
    """Absolute, relative and versioned references name the same coverage (crd-dtr.md 9, point 7)."""
    assert assertion_id(samples.order(), coverage, ISSUER) == assertion_id(
        samples.order(), "Coverage/cov-1", ISSUER
    )


@pytest.mark.requirement("CRD-045", "CRD-050", "resp-32")
def test_another_order_coverage_or_client_has_another_id() -> None:
    """resp-32, CRD-050: no two of them share an id."""
    ids = {
        assertion_id(samples.order(), "Coverage/cov-1", ISSUER),
        assertion_id(samples.order(), "Coverage/cov-2", ISSUER),
        assertion_id(samples.order("ServiceRequest/order-2"), "Coverage/cov-1", ISSUER),
        assertion_id(samples.order(), "Coverage/cov-1", Issuer(ISSUER.service, "https://other.example.org")),
    }
    assert len(ids) == 4


def test_an_id_of_ours_on_the_order_is_kept_when_the_order_gets_its_own_id() -> None:
    """The draft's id was temporary; the statement it carries says which assertion it continues."""
    first = assertion_id(samples.order("ServiceRequest/draft-7"), "Coverage/cov-1", ISSUER)
    signed = carrying(("https://ehr.example.org/fhir/Coverage/cov-1", first), reference="ServiceRequest/9001")
    assert assertion_id(signed, "Coverage/cov-1", ISSUER) == first


@pytest.mark.requirement("CRD-049")
@pytest.mark.parametrize("foreign", ["ca-20261121-0001", "cda-" + "0" * 24 + "-00000000", ""])
def test_an_id_that_is_not_ours_is_not_taken_over(foreign: str) -> None:
    """CRD-049: another payer's statement is not ours to continue, nor is a made-up id of our form."""
    fresh = assertion_id(samples.order(), "Coverage/cov-1", ISSUER)
    assert assertion_id(carrying(("Coverage/cov-1", foreign)), "Coverage/cov-1", ISSUER) == fresh
    assert not is_ours(foreign, ISSUER)


def test_an_id_of_another_installation_is_not_ours() -> None:
    """Two payers may run the same program."""
    made = assertion_id(samples.order(), "Coverage/cov-1", Issuer("https://other.example.org"))
    assert not is_ours(made, ISSUER)


@pytest.mark.requirement("resp-32")
def test_one_id_on_two_coverages_is_kept_by_neither() -> None:
    """resp-32: a client's slip must not make two coverages share an id."""
    made = assertion_id(samples.order(), "Coverage/cov-1", ISSUER)
    order = carrying(("Coverage/cov-1", made), ("Coverage/cov-2", made), reference="ServiceRequest/9")
    ids = {assertion_id(order, f"Coverage/cov-{number}", ISSUER) for number in (1, 2)}
    assert len(ids) == 2
    assert made not in ids


def test_an_order_without_an_id_is_told_apart_by_its_identifiers() -> None:
    """CH-116: it can be discussed although it cannot be updated."""
    ids = set()
    for value in ("A1", "A2"):
        raw = samples.raw_order(identifier=[{"system": "urn:orders", "value": value}])
        del raw["id"]
        ids.add(assertion_id(samples.order("ServiceRequest/", raw), "Coverage/cov-1", ISSUER))
    assert len(ids) == 2


UNREADABLE: list[object] = ["x", [{"url": "coverage"}], [{"url": "coverage", "valueReference": {}}]]


@pytest.mark.parametrize(
    "extension",
    [
        None,
        {},
        "text",
        [None],
        [{"url": EXTENSION}],
        *([{"url": EXTENSION, "extension": x}] for x in UNREADABLE),
    ],
)
def test_a_broken_extension_is_not_a_statement_of_ours(extension: object) -> None:
    """Nothing crashes on what a client may send."""
    order = samples.order(raw=samples.raw_order(extension=extension))
    assert assertion_id(order, "Coverage/cov-1", ISSUER) == assertion_id(
        samples.order(), "Coverage/cov-1", ISSUER
    )
