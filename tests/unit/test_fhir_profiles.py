"""The conformance folder holds together: readable, consistent, each code once and with its source."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

Json = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "fhir_profiles"
BASE = "http://cds-service.example.org/fhir"
ATTESTATION = f"{BASE}/CodeSystem/attestation"
VALUE = f"{BASE}/CodeSystem/attestation-value"
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
CPT = "http://www.ama-assn.org/go/cpt"
COMMENTS = "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments"
# Recalled but found in no source (clinical dossier, section 0): they must not be shipped.
UNCONFIRMED = {"77013", "77022", "C2618", "93984006"}
VERHOEFF_NEXT = "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901"
SYSTEMS = json.loads((FOLDER / "systems.json").read_text(encoding="utf-8"))["systems"]
FILES = sorted(path for path in FOLDER.rglob("*.json") if path.name != "systems.json")
CONFORMANCE = [path for path in FILES if "examples" not in path.parts]
VALUE_SETS = sorted((FOLDER / "valuesets").glob("*.json"))


def _read(path: Path | str) -> Json:
    found: Json = json.loads((FOLDER / path).read_text(encoding="utf-8"))
    return found


def _concepts(value_set: Json) -> Iterator[tuple[str, Json]]:
    for include in value_set["compose"]["include"]:
        yield from ((include["system"], concept) for concept in include["concept"])


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", [path for path in FILES if "invalid" not in path.parts], ids=_name)
def test_every_file_is_a_readable_resource(path: Path) -> None:
    """fhir.resources, too, takes every artefact and every valid example."""
    resource = _read(path)
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("path", CONFORMANCE, ids=_name)
def test_canonical_names_follow_the_file(path: Path) -> None:
    """File name, id and url agree; version, status and description are stated."""
    resource = _read(path)
    assert path.stem in {resource["id"], resource["resourceType"].lower()}
    assert resource["url"] == f"{BASE}/{resource['resourceType']}/{resource['id']}"
    assert resource["version"] and resource["status"] == "active" and resource["description"]


def test_canonicals_and_names_are_unique() -> None:
    """No two artefacts share a url, and no two of one type a computable name."""
    resources = [_read(path) for path in CONFORMANCE]
    urls = [resource["url"] for resource in resources]
    names = [(resource["resourceType"], resource["name"]) for resource in resources]
    assert len(set(urls)) == len(urls)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", VALUE_SETS, ids=lambda path: path.stem)
def test_value_set_names_each_code_once_with_its_source(path: Path) -> None:
    """Codes are enumerated, unique, from a known system, with words; standard codes keep their source."""
    known = {system["canonical"] for system in SYSTEMS}
    codes = list(_concepts(_read(path)))
    keys = [(system, concept["code"]) for system, concept in codes]
    assert keys and len(set(keys)) == len(keys)
    assert {system for system, _ in keys} <= known
    for system, concept in codes:
        assert concept["display"].strip() and "UNCONFIRMED" not in concept["display"]
        sources = [part["valueString"] for part in concept.get("extension", []) if part["url"] == COMMENTS]
        assert system.startswith(BASE) or "source: " in sources[0]


def test_no_unconfirmed_code_is_shipped() -> None:
    """Terminology, section 0: rows that are confirmed nowhere stay out."""
    shipped = {concept["code"] for path in VALUE_SETS for _, concept in _concepts(_read(path))}
    assert not shipped & UNCONFIRMED


def _verhoeff_holds(number: str) -> bool:
    """SNOMED CT identifiers end in a Verhoeff check digit: permute by place, then walk the dihedral group."""
    check = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit)
        for _ in range(place % 8):
            value = int(VERHOEFF_NEXT[1][value])
        turned = (check + value) % 5 if check < 5 else (check - value) % 5
        check = turned + (5 if (check < 5) != (value < 5) else 0)
    return check == 0


def _mod_10_holds(code: str) -> bool:
    """LOINC numbers end in a mod 10 (Luhn) check digit after a hyphen."""
    digits, _, check = code.partition("-")
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return (10 - sum(value // 10 + value % 10 for value in doubled) % 10) % 10 == int(check)


def test_check_digits_hold() -> None:
    """Catches typing errors in LOINC and SNOMED CT numbers; LOINC parts (LP...) have another scheme."""
    numbers = {(system, concept["code"]) for path in VALUE_SETS for system, concept in _concepts(_read(path))}
    snomed = [code for system, code in numbers if system == SNOMED]
    loinc = [code for system, code in numbers if system == LOINC and not code.startswith("LP")]
    assert snomed and [code for code in snomed if not _verhoeff_holds(code)] == []
    assert loinc and [code for code in loinc if not _mod_10_holds(code)] == []
    assert not _verhoeff_holds("10200005") and not _mod_10_holds("21889-2")


def test_aliases_name_one_system_each() -> None:
    """An address or OID stands for one code system, and codes are normalised by a described rule."""
    names = [name for system in SYSTEMS for name in (system["canonical"], *system["aliases"])]
    assert len(set(names)) == len(names)
    assert {system["normalise"] for system in SYSTEMS} == {"icd10cm", "upper", None}
    assert all(system["read_as"] in names and system["note"] for system in SYSTEMS if "read_as" in system)


def test_each_attested_value_belongs_to_one_question() -> None:
    """The answer sets of the coded questions share out the code system of values."""
    values = [concept["code"] for concept in _read("codesystems/attestation-value.json")["concept"]]
    answers = [
        concept["code"]
        for path in VALUE_SETS
        if path.stem.startswith("attestation-") and path.stem != "attestation-value"
        for _, concept in _concepts(_read(path))
    ]
    assert sorted(answers) == sorted(values)
    named = [concept["code"] for _, concept in _concepts(_read("valuesets/attestation.json"))]
    assert named == [concept["code"] for concept in _read("codesystems/attestation.json")["concept"]]


def test_each_profile_has_a_valid_and_an_invalid_example() -> None:
    """A profile without both has not been tried."""
    for path in (FOLDER / "structuredefinitions").glob("*.json"):
        profile = _read(path)["url"]
        for label in ("valid", "invalid"):
            examples = [_read(found) for found in (FOLDER / "examples" / label).glob(f"{path.stem}-*.json")]
            assert any(profile in example["meta"]["profile"] for example in examples), (path.stem, label)
