"""The searches follow from the policies' criteria, and their codes from ValueSets."""

from functools import cache
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from cds_service.evidence.needs import Need, needs_of
from cds_service.kernel.codes import load_terminology
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.load import load_bundle
from cds_service.policy.model import AllOf, PolicyVersion, Statement
from cds_service.policy.places import data_folder

ATTESTATION = "http://cds-service.example.org/fhir/CodeSystem/attestation"


@cache
def bundle() -> PolicyBundle:
    return load_bundle([data_folder("policies")])


def versions(position: str) -> list[PolicyVersion]:
    return [version for version in bundle().all_versions if version.position == position]


def needs(*chosen: PolicyVersion) -> dict[str, Need]:
    terms = load_terminology(data_folder("fhir_profiles"))
    found = needs_of(chosen, bundle().tumors, bundle().attestations, terms.concepts)
    assert len({need.key for need in found}) == len(found)
    return {need.key: need for need in found}


def test_a_policy_that_needs_no_criteria_needs_no_clinical_data() -> None:
    """determinations.md 3: no records required, so nothing is fetched for it."""
    assert versions("investigational") and needs(*versions("investigational")) == {}


def test_the_five_criteria_need_the_searches_of_the_dossier() -> None:
    """clinical.md 5.2, the searches that rules read."""
    found = needs(*versions("criteria"))
    asked = {key: need.search("p1") for key, need in found.items()}
    documents = asked.pop("documentReferences")
    assert documents.startswith("DocumentReference?patient=p1&type=") and "%7C18748-4," in documents
    loinc, snomed = "http%3A%2F%2Floinc.org%7C", "http%3A%2F%2Fsnomed.info%2Fsct%7C"
    assert asked.pop("diagnosticReports") == (
        f"DiagnosticReport?patient=p1&category={loinc}LP29684-5,{loinc}LP7839-6&_count=100"
    )
    assert asked.pop("attestations") == (
        "Observation?patient=p1&code="
        + ",".join(quote(f"{ATTESTATION}|{code}", safe="") for code in bundle().attestations.codes)
        + "&_count=100"
    )
    for key, codes in (
        ("sizeObservations", {f"{loinc}21889-1", f"{loinc}33728-7"}),
        ("mObservations", {f"{snomed}{c}" for c in (277208005, 399387003, 371497001)}),
        ("nObservations", {f"{snomed}{c}" for c in (277206009, 399534004, 371494008)}),
        ("statusObservations", {f"{loinc}97509-4"}),
    ):
        search = asked.pop(key)
        assert search.startswith("Observation?patient=p1&code=") and search.endswith("&_count=100")
        assert codes <= set(search.partition("code=")[2].removesuffix("&_count=100").split(","))
    assert asked == {
        "uncodedObservations": "Observation?patient=p1&code:missing=true&_count=100",
        "conditions": "Condition?patient=p1&_count=100",
        "procedures": "Procedure?patient=p1&_count=100",
        "bodyStructures": "BodyStructure?patient=p1&_count=100",
        "questionnaireResponses": "QuestionnaireResponse?patient=p1&_count=100",
        "serviceRequests": "ServiceRequest?patient=p1&status=draft,active,on-hold&_count=100",
    }


def test_what_can_decide_alone_is_asked_first() -> None:
    """performance.md 6: start with the keys that can decide alone."""
    assert next(iter(needs(*versions("criteria")))) == "conditions"


def test_several_versions_need_each_search_once() -> None:
    """Architecture: what the chosen policies need is fetched once."""
    version = versions("criteria")[0]
    assert needs(version, *versions("investigational"), version) == needs(version)


def test_parts_of_a_tree_count_like_criteria() -> None:
    """policy.model: all-of and any-of hold criteria."""
    leaf = Statement(id="s", title="S", says="It is stated.", cites="I", attestation="a", met=("true",))
    tree = AllOf(id="t", title="T", says="Both.", cites="I", parts=(leaf, leaf))
    version = versions("criteria")[0]
    small = replace(version, criteria=(tree,), documentation=())
    assert list(needs(small)) == ["attestations", "questionnaireResponses", "uncodedObservations"]


@pytest.mark.requirement("CH-233")
def test_the_patient_cannot_change_the_search() -> None:
    assert Need("conditions", "Condition").search("1&_include=*") == (
        "Condition?patient=1%26_include%3D%2A&_count=100"
    )


@pytest.mark.requirement("CH-010", "CH-011", "CH-015", "CH-016")
def test_each_need_is_also_a_template_that_plain_clients_can_fill() -> None:
    for need in needs(*versions("criteria")).values():
        template = need.template()
        assert template.key == need.key
        assert template.template.startswith(f"{need.resource_type}?patient={{{{context.patientId}}}}")
        names = [part.partition("=")[0] for part in template.template.partition("?")[2].split("&")]
        assert len(names) == len(set(names))
        assert set(names) <= {"patient", "code", "code:missing", "status", "category", "type"}
