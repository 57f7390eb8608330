"""A bundle loads whole or not at all, and its revision stands for its data."""

import shutil
from pathlib import Path

import pytest

from cds_service.policy import places
from cds_service.policy.bundle import BundleError, PolicyBundle
from cds_service.policy.check import load_checked
from cds_service.policy.load import load_bundle
from cds_service.policy.places import data_folder
from tests.unit.policy.conftest import Edit

CAPITAL = "capital-blue-cross/mp-1.121"
BLUE_SHIELD = "blue-shield-of-california/7.01.75"


def test_the_built_in_bundle_holds_both_policies(bundle: PolicyBundle) -> None:
    """interface.md section 3: policy ids, versions and criteria ids are a contract."""
    versions = {name: [v.version for v in found] for name, found in bundle.versions.items()}
    assert versions == {BLUE_SHIELD: ["2023-11-01"], CAPITAL: ["2024-05-01"]}
    assert [c.id for c in bundle.versions[CAPITAL][0].criteria] == [
        "resectability", "diagnosis", "size", "extrahepatic", "amenability",
    ]  # fmt: skip
    assert bundle.versions[BLUE_SHIELD][0].criteria == ()
    assert bundle.versions[CAPITAL][0].payer == "capital-blue-cross"


def test_code_lists_carry_numbers_without_licensed_descriptions(bundle: PolicyBundle) -> None:
    """CPT descriptions are licensed: the lists hold numbers only."""
    for version in bundle.all_versions:
        assert all(len(code.display.split()) <= 1 for code in version.procedure_codes)


def test_the_code_lists_are_those_of_the_texts(bundle: PolicyBundle) -> None:
    """Capital VIII. Coding Information; Blue Shield of California, Coding."""
    capital, blue_shield = bundle.versions[CAPITAL][0], bundle.versions[BLUE_SHIELD][0]
    assert [code.code for code in capital.procedure_codes] == ["47371", "47381", "47383", "47399"]
    assert [code.code for code in blue_shield.procedure_codes] == ["47371", "47381", "47383", "76940"]
    assert " ".join(code.code for code in capital.diagnosis_codes) == (
        "C22.0 C22.1 C22.2 C22.3 C22.4 C22.7 C22.8 C22.9 C78.7 C7B.02"
    )


def test_history_and_references_are_whole(bundle: PolicyBundle) -> None:
    """Capital IX, X; Blue Shield of California, References and Policy History (repeated sources once)."""
    capital, blue_shield = bundle.versions[CAPITAL][0], bundle.versions[BLUE_SHIELD][0]
    assert (len(capital.history), len(blue_shield.history)) == (15, 10)
    assert (len(capital.references), len(blue_shield.references)) == (45, 36)


def test_one_bad_file_keeps_the_whole_bundle_out(folder: Path, edit: Edit) -> None:
    """A bundle loads whole or not at all: no answer from half of the data."""
    edit("capital-blue-cross/payer.yaml", "payer: capital-blue-cross", "payer: [")
    with pytest.raises(BundleError) as caught:
        load_bundle([folder])
    assert [error.file for error in caught.value.errors] == ["policies/capital-blue-cross/payer.yaml"]
    assert str(caught.value) == "\n".join(str(error) for error in caught.value.errors)


def test_a_server_does_not_start_on_data_that_does_not_check(folder: Path, edit: Edit) -> None:
    """House rule 10: what loads but does not check is refused as well."""
    edit("_shared/services/liver-cryoablation.yaml", "[order-adjunct]", "[order-adjuncts]")
    load_bundle([folder])
    with pytest.raises(BundleError, match="order-adjuncts"):
        load_checked([folder])


def test_a_later_folder_replaces_what_it_names_again(folder: Path, edit: Edit, bundle: PolicyBundle) -> None:
    """A deployer sets prior authorization and payer ids in a folder of their own."""
    edit("capital-blue-cross/payer.yaml", "prior-authorization: unknown", "prior-authorization: required")
    both = load_bundle([data_folder("policies"), folder])
    assert both.payers["capital-blue-cross"].prior_authorization == "required"
    assert load_bundle([folder, data_folder("policies")]).payers == bundle.payers
    assert list(both.versions) == list(bundle.versions)


def test_a_policy_of_a_further_folder_stands_beside_the_built_in_ones(
    folder: Path, tmp_path: Path, bundle: PolicyBundle
) -> None:
    """CDS_SERVICE_POLICIES: more folders are loaded beside the built-in one, shared data included."""
    own = tmp_path / "own"
    shutil.copytree(folder / "capital-blue-cross", own / "lakeside")
    for path in own.rglob("*.yaml"):
        path.write_text(path.read_text("utf-8").replace("capital-blue-cross", "lakeside"), "utf-8")
    both = load_bundle([data_folder("policies"), own])
    assert set(both.versions) == {*bundle.versions, "lakeside/mp-1.121"}
    assert set(both.services) == set(bundle.services)


def test_the_revision_follows_the_data_and_nothing_else(
    folder: Path, edit: Edit, bundle: PolicyBundle
) -> None:
    """The same data has the same revision wherever it lies; cases do not decide, so they do not count."""
    assert load_bundle([folder]).revision == bundle.revision
    edit("blue-shield-of-california/7.01.75/cases/position.yaml", "case: Medicare product", "case: Medicare")
    assert load_bundle([folder]).revision == bundle.revision
    edit("blue-shield-of-california/payer.yaml", "(800) 541-6652", "(800) 541-6653")
    assert load_bundle([folder]).revision != bundle.revision


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A wrong path must not look like a folder without policies."""
    with pytest.raises(BundleError, match="There is no such folder"):
        load_bundle([data_folder("policies"), tmp_path / "nowhere"])


def test_data_is_found_inside_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel carries the data inside the package; there it wins over a folder that lies beside it."""
    inside = tmp_path / "site" / "cds_service" / "_data" / "cards"
    inside.mkdir(parents=True)
    (tmp_path / "site" / "cards").mkdir()
    monkeypatch.setattr(places, "files", lambda package: tmp_path / "site" / package)
    assert data_folder("cards") == inside
    with pytest.raises(Exception, match="install the package again"):
        data_folder("policies")


def test_a_file_that_is_no_text_is_told(folder: Path) -> None:
    """A file saved in another encoding is named, not half read."""
    payer = folder / "capital-blue-cross/payer.yaml"
    payer.write_bytes(payer.read_bytes().replace(b"Blue Cross\n", b"Bl\xfce Cross\n", 1))
    with pytest.raises(BundleError, match=r"capital-blue-cross/payer\.yaml  The file cannot be read: "):
        load_bundle([folder])


def test_a_policy_of_a_payer_without_its_file_is_told(folder: Path) -> None:
    """Nobody could be recognised as a member of that payer."""
    (folder / "capital-blue-cross/payer.yaml").unlink()
    with pytest.raises(BundleError) as caught:
        load_checked([folder])
    assert [error.message for error in caught.value.errors] == [
        "capital-blue-cross has no payer.yaml. Add it."
    ]


def test_a_folder_without_shared_data_does_not_load_alone(tmp_path: Path) -> None:
    """A deployer's folder stands beside the built-in one, not in its place."""
    with pytest.raises(BundleError, match=r"There is no _shared/attestations\.yaml"):
        load_bundle([tmp_path])
