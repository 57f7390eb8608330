"""Codings and words of a concept, held against the ValueSets."""

import json

import msgspec
import pytest
from msgspec import UNSET

from cds_service.kernel.concepts import NOTHING, damaged_concept, read_concept
from cds_service.kernel.elements import CodeableConcept
from tests.builders import ICD, SCT, Resource, knowledge


def read(concept: Resource) -> CodeableConcept:
    """The concept as an element."""
    return msgspec.json.decode(json.dumps(concept).encode(), type=CodeableConcept)


def test_an_absent_concept_says_nothing() -> None:
    """House rule 2: absence is not a value."""
    assert read_concept(UNSET, knowledge().terms) is NOTHING
    assert not NOTHING.stands_in("dx-hcc")


def test_a_coding_by_words_alone_has_no_key() -> None:
    """clinical.md 4.5: a coding is readable by its display."""
    concept = read_concept(read({"coding": [{"display": "Hepatoma", "code": "C22.0"}]}), knowledge().terms)
    assert (concept.keys, concept.words) == ((), "hepatoma")


def test_every_coding_and_all_words_are_read() -> None:
    """clinical.md 1.4: expect several codings at once; match on any of them after normalising the system."""
    local = {"system": "local", "code": "L1", "display": "Hepatoma"}
    icd = {"system": "urn:oid:2.16.840.1.113883.6.90", "code": "c220"}
    told = read({"coding": [local, icd], "text": "HCC of the Liver"})
    concept = read_concept(told, knowledge().terms)
    assert concept.keys == (("local", "L1"), (ICD, "C22.0"))
    assert concept.stands_in("absent", "dx-hcc")
    assert concept.words == "hcc of the liver | hepatoma"
    assert concept.shown == "HCC of the Liver"


@pytest.mark.parametrize(("code", "shown"), [("C22.0", "Liver cell carcinoma"), ("C00.999", "C00.999")])
def test_without_words_a_code_is_shown_in_the_words_of_its_value_set(code: str, shown: str) -> None:
    """Evidence is shown as a person would say it; a code that no ValueSet knows stays a code."""
    concept = read_concept(read({"coding": [{"system": ICD, "code": code}]}), knowledge().terms)
    assert (concept.shown, concept.words) == (shown, "")


@pytest.mark.parametrize(
    ("system", "neighbour"), [(ICD, False), ("http://hl7.org/fhir/sid/icd-10", True), (SCT, False)]
)
def test_a_code_read_from_a_neighbouring_system_is_remembered(system: str, neighbour: bool) -> None:
    """clinical.md 1.4: an ICD-10 address is read as ICD-10-CM, with a note on the card."""
    assert (
        read_concept(read({"coding": [{"system": system, "code": "C22.0"}]}), knowledge().terms).neighbour
        is neighbour
    )


def test_what_is_left_of_a_damaged_code_is_read_against_the_value_sets() -> None:
    """clinical.md 4.5: its type and (if readable) code."""
    raw = json.dumps(
        {"code": {"coding": [{"system": ICD, "code": "C22.0"}, {}], "text": "Hepatoma"}}
    ).encode()
    concept = damaged_concept(raw, knowledge().terms)
    assert concept.stands_in("dx-hcc")
    assert (concept.words, concept.shown) == ("hepatoma", "Hepatoma")
    nothing = damaged_concept(b"{}", knowledge().terms)
    assert not nothing.keys and not nothing.words
