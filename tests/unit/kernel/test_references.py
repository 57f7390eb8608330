"""References in every form a server writes them lead to one name."""

import pytest

from cds_service.kernel.references import canonical, resource_type

ALIASES = {
    "urn:uuid:11111111-1111-4111-8111-111111111111": "Patient/p",
    "https://ehr.example.org/fhir/x?id=1": "Condition/c",
}


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("https://ehr.example.org/fhir/x?id=1/_history/2", "Condition/c"),
        ("Patient/p", "Patient/p"),
        (" Patient/p ", "Patient/p"),
        ("Patient/p/_history/3", "Patient/p"),
        ("https://ehr.example.org/fhir/Patient/p", "Patient/p"),
        ("https://ehr.example.org/fhir/Patient/p/_history/2", "Patient/p"),
        ("https://ehr.example.org/fhir/Patient/p/", "Patient/p"),
        ("urn:uuid:11111111-1111-4111-8111-111111111111", "Patient/p"),
        ("https://ehr.example.org/fhir/x?id=1", "Condition/c"),
        ("urn:uuid:22222222-2222-4222-8222-222222222222", "urn:uuid:22222222-2222-4222-8222-222222222222"),
        ("#inside", "#inside"),
        ("p", "p"),
        ("lower/p", "lower/p"),
        ("", ""),
    ],
)
def test_a_reference_has_one_name(reference: str, name: str) -> None:
    """clients.md: servers answer with relative, absolute, versioned and urn references alike."""
    assert canonical(reference, ALIASES) == name


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("Condition/1", "Condition"),
        ("BodyStructure/a", "BodyStructure"),
        ("urn:uuid:1", None),
        ("#a", None),
        ("a/b", None),
    ],
)
def test_a_reference_tells_its_type_where_it_has_one(reference: str, kind: str | None) -> None:
    """FHIR R4, references: `Type/id`."""
    assert resource_type(reference) == kind
