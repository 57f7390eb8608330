"""Loading what is published, and expanding value sets."""

import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service.answer.artefacts import Artefacts, load_artefacts
from cds_service.answer.value_set import NotExpandableError, expand
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Clock
from cds_service.kernel.errors import DataError
from tests.conftest import NOW
from tests.unit.dtr import payer

URL = "http://x.example/fhir"


def test_everything_published_is_valid_fhir_and_found_by_id_and_canonical() -> None:
    shipped = payer.artefacts()
    assert {kind: len(found) > 0 for kind, found in shipped.by_type.items()} == dict.fromkeys(
        shipped.by_type, True
    )
    for kind, found in shipped.by_type.items():
        for identity, artefact in found.items():
            get_fhir_model_class(kind).model_validate_json(fhir_json.write(artefact))
            assert shipped.read(kind, identity) is artefact
            assert shipped.find(kind, artefact["url"]) is artefact
            assert shipped.find(kind, f"{artefact['url']}|{artefact['version']}") is artefact
            assert shipped.find(kind, f"{artefact['url']}|0.0") is None


def publish(folder: Path, name: str, **members: Any) -> None:
    """Writes one ValueSet."""
    (folder / "valuesets").mkdir(exist_ok=True)
    value_set = {"resourceType": "ValueSet", "id": name, "url": f"{URL}/{name}", "version": "1"} | members
    (folder / "valuesets" / f"{name}.json").write_text(json.dumps(value_set))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing but a CapabilityStatement."""
    said = {"resourceType": "CapabilityStatement", "id": "c", "url": f"{URL}/c"}
    (tmp_path / "capabilitystatement.json").write_text(json.dumps(said))
    return tmp_path


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"resourceType": "CodeSystem"}, "for ValueSet"),
        ({"url": None}, "id and a url"),
        ({"url": f"{URL}/a"}, "another file"),
    ],
)
def test_a_file_that_does_not_belong_stops_the_start_and_is_named(
    folder: Path, members: Any, says: str
) -> None:
    publish(folder, "a")
    publish(folder, "b", **members)
    with pytest.raises(DataError, match=says) as caught:
        load_artefacts([folder])
    assert caught.value.file.endswith("b.json")


def expanded(folder: Path, compose: Any, **asked: Any) -> tuple[list[str], Any]:
    """The codes of a value set, and its expansion."""
    publish(folder, "main", compose=compose)
    artefacts: Artefacts = load_artefacts([folder])
    found = artefacts.read("ValueSet", "main")
    assert found is not None
    made = expand(found, artefacts, NOW, "00000000-0000-4000-8000-000000000001", **asked)
    assert "compose" not in made
    return [code["code"] for code in made["expansion"].get("contains", [])], made["expansion"]


def codes(*names: str, system: str = "urn:s") -> Any:
    """An include of these codes."""
    return {"system": system, "concept": [{"code": name, "display": f"Display {name}"} for name in names]}


def test_codes_are_listed_once_without_those_excluded(folder: Path) -> None:
    compose = {"include": [codes("a", "b"), codes("b", "c")], "exclude": [codes("c")]}
    assert expanded(folder, compose)[0] == ["a", "b"]


def test_imported_sets_are_followed_and_intersected(folder: Path) -> None:
    publish(folder, "one", compose={"include": [codes("a", "b", "c")]})
    publish(folder, "two", compose={"include": [codes("b", "c", "d")]})
    both = {"include": [{"valueSet": [f"{URL}/one", f"{URL}/two|1"]}]}
    assert expanded(folder, both)[0] == ["b", "c"]


def test_a_whole_code_system_leaves_out_retired_codes(folder: Path) -> None:
    (folder / "codesystems").mkdir()
    retired = {"code": "old", "property": [{"code": "inactive", "valueBoolean": True}]}
    system = {"resourceType": "CodeSystem", "id": "s", "url": "urn:s", "content": "complete"}
    system["concept"] = [{"code": "a", "concept": [{"code": "b"}]}, retired]  # type: ignore[assignment]
    (folder / "codesystems" / "s.json").write_text(json.dumps(system))
    assert expanded(folder, {"include": [{"system": "urn:s"}]})[0] == ["a", "b"]


def test_filter_offset_and_count_cut_the_page_and_not_the_total(folder: Path) -> None:
    compose = {"include": [codes("a1", "a2", "a3", "b1")]}
    found, expansion = expanded(folder, compose, words="DISPLAY A", offset=1, count=1)
    assert found == ["a2"] and (expansion["total"], expansion["offset"]) == (3, 1)


@pytest.mark.parametrize(
    "include",
    [
        {"system": "urn:other"},
        {"system": "urn:s", "filter": [{"property": "concept", "op": "is-a", "value": "x"}]},
        {"valueSet": [f"{URL}/nowhere"]},
        {"valueSet": [f"{URL}/main"]},
    ],
    ids=["foreign-system", "filter", "unknown-import", "itself"],
)
def test_what_cannot_be_enumerated_is_refused_with_the_reason(folder: Path, include: Any) -> None:
    with pytest.raises(NotExpandableError, match=r"\w"):
        expanded(folder, {"include": [include]})


def test_expansion_by_page(clock: Clock) -> None:
    client = payer.caller(clock)
    url = f"{payer.builders.OURS}/ValueSet/dx-hcc"
    by_get = client.get(f"/fhir/ValueSet/$expand?url={url}&valueSetVersion=1.0.0&count=1").get_json(
        force=True
    )
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "url", "valueUri": url}, {"name": "count", "valueInteger": 1}],
    }
    by_post = payer.post(client, "/fhir/ValueSet/$expand", body)
    by_id = client.get("/fhir/ValueSet/dx-hcc/$expand?count=1").get_json(force=True)
    assert (
        by_get["expansion"]["contains"] == by_post["expansion"]["contains"] == by_id["expansion"]["contains"]
    )
    assert by_get["url"] == url and len(by_get["expansion"]["contains"]) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("url=http://x.example/none", 404),
        (f"url={payer.builders.OURS}/ValueSet/dx-hcc&count=x", 400),
    ],
)
def test_an_expansion_that_cannot_be_made_says_why(clock: Clock, query: str, status: int) -> None:
    refused = payer.caller(clock).get(f"/fhir/ValueSet/$expand?{query}")
    assert (
        refused.status_code == status and refused.get_json(force=True)["resourceType"] == "OperationOutcome"
    )
