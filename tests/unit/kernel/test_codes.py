"""Codes in every form lead to one key, and keys to the ValueSets they stand in (clinical.md 1.4)."""

import json
from pathlib import Path

import pytest

from cds_service.kernel.codes import CodeSystem, Terminology, load_terminology
from cds_service.kernel.errors import DataError
from tests.builders import CPT, ICD, LOINC, NCIT, PCS, SCT, UCUM, knowledge

OID = "urn:oid:2.16.840.1.113883."
ICD10 = "http://hl7.org/fhir/sid/icd-10"


@pytest.mark.parametrize(
    ("canonical", "forms"),
    [
        (CPT, [f"{OID}6.12"]),
        ("http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", [f"{OID}6.285"]),
        (
            "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
            ["https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"],
        ),
        (ICD, ["http://terminology.hl7.org/CodeSystem/icd10CM", f"{OID}6.90"]),
        (PCS, ["http://terminology.hl7.org/CodeSystem/icd10PCS", f"{OID}6.4"]),
        (SCT, [f"{OID}6.96"]),
        (LOINC, [f"{OID}6.1"]),
        (UCUM, [f"{OID}6.8"]),
        (NCIT, [f"{OID}3.26.1.1"]),
    ],
)
def test_every_form_of_a_system_is_read_as_its_canonical(canonical: str, forms: list[str]) -> None:
    """clinical.md 1.4, system aliases."""
    terms = knowledge().terms
    for form in (canonical, f" {canonical} ", *forms):
        assert terms.normal(form, " x1 ")[0] == canonical
        assert terms.is_known_system(form)


@pytest.mark.parametrize("written", ["C22.0", "c22.0", "C220", " c220 ", "C22.0 "])
def test_an_icd_10_cm_code_is_trimmed_upper_cased_and_dotted(written: str) -> None:
    """clinical.md 1.4: trim, upper-case, put the dot after the third character, then match."""
    key, sets, neighbour = knowledge().terms.lookup(ICD, written)
    assert key == (ICD, "C22.0")
    assert "dx-hcc" in sets
    assert not neighbour


@pytest.mark.parametrize(
    ("written", "normal"), [("C80", "C80"), ("i10", "I10"), ("c7b02", "C7B.02"), ("", "")]
)
def test_an_icd_10_cm_header_gets_no_dot(written: str, normal: str) -> None:
    """clinical.md 1.4."""
    assert knowledge().terms.normal(ICD, written) == (ICD, normal)


@pytest.mark.parametrize(
    ("system", "written", "normal"), [(PCS, "0f503zz", "0F503ZZ"), (LOINC, "21889-1", "21889-1")]
)
def test_codes_of_other_systems_keep_their_form(system: str, written: str, normal: str) -> None:
    """clinical.md 1.4."""
    assert knowledge().terms.normal(system, written) == (system, normal)


def test_an_icd_10_address_is_read_as_icd_10_cm_where_the_code_exists_there() -> None:
    """clinical.md 1.4: with a note on the card, hence the flag."""
    key, sets, neighbour = knowledge().terms.lookup(ICD10, "C22.0")
    assert key == (ICD, "C22.0") and "dx-hcc" in sets and neighbour
    key, sets, neighbour = knowledge().terms.lookup(ICD10, "C99.99")
    assert key[0] == ICD10 and not sets and not neighbour


def test_a_foreign_system_is_only_trimmed_and_stands_nowhere() -> None:
    """Local codes say nothing by themselves."""
    assert knowledge().terms.lookup(" https://ehr.example.org/codes ", " c220 ") == (
        ("https://ehr.example.org/codes", "c220"),
        frozenset(),
        False,
    )
    assert not knowledge().terms.is_known_system("https://ehr.example.org/codes")


def test_a_code_stands_in_every_value_set_that_lists_it() -> None:
    """A Terminology is built from systems and concepts alone."""
    terms = Terminology(
        {"s": CodeSystem("s", None), "alias": CodeSystem("s", None)}, {"a": [("s", "1")], "b": [("s", "1")]}
    )
    assert terms.lookup("alias", "1")[1] == {"a", "b"}
    assert terms.value_sets == {"a", "b"}
    assert terms.concepts("a") == (("s", "1"),)
    with pytest.raises(KeyError):
        terms.concepts("c")


def test_what_is_remembered_of_codes_has_a_limit() -> None:
    """performance.md: charts repeat codes; a hostile chart must not fill the memory."""
    terms = Terminology({"s": CodeSystem("s", None)}, {"a": [("s", "1")]})
    for number in range(100_000):
        terms.lookup("s", str(number))
    assert terms.lookup("s", "1")[1] == {"a"} and terms.lookup("s", "99999")[1] == frozenset()


def test_terminology_that_cannot_be_read_names_the_file(tmp_path: Path) -> None:
    """House rule 10."""
    with pytest.raises(DataError, match=r"systems\.json"):
        load_terminology(tmp_path)
    (tmp_path / "systems.json").write_text(json.dumps({"systems": []}), "utf-8")
    (tmp_path / "valuesets").mkdir()
    (tmp_path / "valuesets" / "bad.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"bad\.json"):
        load_terminology(tmp_path)
