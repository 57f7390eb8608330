"""Analysts write cases without FHIR; a case becomes a chart, and a wrong answer is told in a sentence."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.bundle import Bundle

from cds_service.kernel.yaml_data import YamlFile
from cds_service.policy.bundle import BundleError, PolicyBundle
from cds_service.policy.case_chart import CaseError, chart_of
from cds_service.policy.case_run import Evaluate, run_cases
from cds_service.policy.cases import Blocks, Case, CaseFile, CaseSheet, load_blocks, load_cases
from cds_service.policy.places import data_folder

CAPITAL = "capital-blue-cross/mp-1.121"
SHEET = {
    "version": "2024-05-01",
    "on": "2026-11-21",
    "given": {"order": "percutaneous", "coverage": "member", "chart": ["hcc", "size", "amenable"]},
    "cases": [],
}
Chart = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def blocks() -> Blocks:
    """The built-in building blocks."""
    return load_blocks([data_folder("policies")])


@pytest.fixture
def chart(blocks: Blocks) -> Chart:
    """The resources of a case that differs from the sheet's start by `given`."""

    def expand(given: Mapping[str, Any] | None = None, **case: Any) -> list[dict[str, Any]]:
        sheet = msgspec.convert(SHEET, CaseSheet)
        written = {"case": "made up", "given": given or {}, "expect": {"outcome": "needs-info"}, **case}
        raw = chart_of(sheet, msgspec.convert(written, Case), blocks, "Lakeside Health")
        return [entry["resource"] for entry in json.loads(raw)["entry"]]

    return expand


def one(resources: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    """The only resource of a type."""
    (found,) = (resource for resource in resources if resource["resourceType"] == kind)
    return found


def test_every_case_that_ships_is_a_valid_fhir_bundle(blocks: Blocks, bundle: PolicyBundle) -> None:
    """An independent model of FHIR R4 reads every chart of every case."""
    count = 0
    for policy, files in load_cases([data_folder("policies")]).items():
        name = bundle.payers[policy.split("/")[0]].name
        for file in files:
            for case in file.sheet.cases:
                Bundle.model_validate_json(chart_of(file.sheet, case, blocks, name))
                count += 1
    assert count > 60


def test_every_block_is_used_or_stands_on_its_own(blocks: Blocks, chart: Chart) -> None:
    """A building block that cannot be placed would only fail the day somebody needs it."""
    for name in blocks.chart:
        assert chart({"chart": [name]})
    for name in blocks.orders:
        assert one(chart({"order": name}), "ServiceRequest")["status"] == "draft"
    for name in blocks.coverages:
        assert chart({"coverage": name})


def test_dates_count_from_the_day_of_the_case(chart: Chart) -> None:
    """No case goes stale: all dates are relative to `on`."""
    resources = chart(on="2024-04-21")
    order = one(resources, "ServiceRequest")
    assert (order["authoredOn"], order["occurrenceDateTime"]) == ("2024-04-20", "2024-05-01")
    size = next(entry for entry in resources if entry.get("id") == "size")
    assert size["effectiveDateTime"] == "2024-03-22"


def test_a_date_may_be_written_out_and_a_member_left_out(chart: Chart) -> None:
    """A service date before the version is a fixed day; a missing date is null."""
    order = one(chart({"order": {"percutaneous": {"service-days-ahead": "2022-03-01"}}}), "ServiceRequest")
    assert order["occurrenceDateTime"] == "2022-03-01"
    resources = chart({"change": {"size": {"days-ago": None}}})
    size = next(entry for entry in resources if entry.get("id") == "size")
    assert "effectiveDateTime" not in size


def test_numbers_keep_what_the_analyst_wrote(chart: Chart) -> None:
    """5.0 cm is a decimal and `false` a boolean, not text."""
    resources = chart({"change": {"size": {"cm": 5.0}, "amenable": {"value": False}}})
    by_id = {entry.get("id"): entry for entry in resources}
    assert by_id["size"]["component"][0]["valueQuantity"]["value"] == 5.0
    assert by_id["amenable"]["valueBoolean"] is False


def test_a_case_adds_changes_and_leaves_out(chart: Chart) -> None:
    """A case says only how it differs."""
    given = {
        "without": ["amenable"],
        "with": [{"size": {"as": "second", "cm": 6}}],
        "change": {"hcc": {"code": "C22.1"}},
    }
    by_id = {entry.get("id"): entry for entry in chart(given)}
    assert set(by_id) == {
        "patient",
        "practitioner",
        "order",
        "member",
        "member-payer",
        "hcc",
        "size",
        "second",
    }
    assert by_id["hcc"]["code"]["coding"][0]["code"] == "C22.1"
    assert by_id["second"]["component"][0]["valueQuantity"]["value"] == 6


def test_the_payer_is_the_policys_own_unless_named(chart: Chart) -> None:
    """Case files need no payer name, so a copied folder works for the next payer."""
    assert one(chart(), "Organization")["name"] == "Lakeside Health"
    other = chart({"coverage": {"member": {"payer": "Riverside Plan"}}})
    assert one(other, "Organization")["name"] == "Riverside Plan"


MISTAKES = {
    '"hcd" is not a building block. Did you mean "hcc"?': {"chart": ["hcd"]},
    '"perkutaneous" is not a building block. Did you mean "percutaneous"?': {"order": "perkutaneous"},
    '"cmm" is not a setting of size. Did you mean "cm"?': {"change": {"size": {"cmm": 4}}},
    '"sise" is not in the chart of this case. Did you mean "size"?': {"without": ["sise"]},
    'Two resources are called size. Name one of the blocks with "as".': {"with": ["size"]},
    "One block at a time: write hcc, size as items of their own.": {"with": [{"hcc": {}, "size": {}}]},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_in_a_case_is_told_with_its_near_miss(chart: Chart, message: str) -> None:
    """House rule 10 for cases."""
    with pytest.raises(CaseError) as caught:
        chart(MISTAKES[message])
    assert str(caught.value) == message


def test_a_block_that_is_a_variant_of_itself_is_told(blocks: Blocks, chart: Chart) -> None:
    """A circle of variants must not hang the run."""
    blocks.chart["round"] = msgspec.structs.replace(blocks.chart["hcc"], like="about")
    blocks.chart["about"] = msgspec.structs.replace(blocks.chart["hcc"], like="round")
    try:
        with pytest.raises(CaseError, match="is a variant of itself"):
            chart({"chart": ["round"]})
    finally:
        del blocks.chart["round"], blocks.chart["about"]


ANSWER: dict[str, Any] = {
    "order": "ServiceRequest/order",
    "coverage": "Coverage/member",
    "payer": "capital-blue-cross",
    "policy": CAPITAL,
    "policy_version": "2024-05-01",
    "outcome": "investigational",
    "covered": "not-covered",
    "criteria": [
        {
            "id": "size",
            "state": "not-met",
            "evidence": [{"reference": "Observation/size", "date": None, "summary": "longest diameter 5 cm"}],
        }
    ],
    "flags": ["code-list-conflict"],
}


def answering(*answers: Mapping[str, Any]) -> Evaluate:
    """An evaluation that always answers the same."""

    def evaluate(chart: bytes, on: date) -> Sequence[Mapping[str, Any]]:
        assert json.loads(chart)["resourceType"] == "Bundle"
        assert on == date(2026, 11, 21)
        return answers

    return evaluate


def troubles(
    bundle: PolicyBundle, blocks: Blocks, evaluate: Evaluate, expect: Mapping[str, Any]
) -> tuple[str, ...]:
    """What the runner says about one case."""
    sheet = msgspec.convert({**SHEET, "cases": [{"case": "made up", "expect": expect}]}, CaseSheet)
    file = CaseFile(CAPITAL, YamlFile("cases/made-up.yaml", {}, {}), sheet)
    (result,) = run_cases(bundle, {CAPITAL: [file]}, blocks, evaluate)
    assert result.passed is not bool(result.troubles)
    return result.troubles


FULL = {
    "outcome": "investigational",
    "covered": "not-covered",
    "criteria": {"size": "not-met"},
    "flags": ["code-list-conflict"],
}


def test_an_answer_as_expected_passes(bundle: PolicyBundle, blocks: Blocks) -> None:
    """The runner agrees when all that is expected is there."""
    beside = {**ANSWER, "order": "ServiceRequest/hepatectomy-order", "outcome": "out-of-scope"}
    assert troubles(bundle, blocks, answering(beside, ANSWER), FULL) == ()


@pytest.mark.parametrize(
    ("expect", "sentence"),
    [
        ({"outcome": "needs-info"}, "Expected outcome needs-info, got investigational."),
        ({"covered": "covered"}, "Expected covered covered, got not-covered."),
        (
            {"criteria": {"size": "met"}},
            "Expected size met, got not-met (Observation/size: longest diameter 5 cm).",
        ),
        ({"criteria": {"amenability": "met"}}, "Expected amenability met, but it was not judged."),
        ({"flags": ["code-not-listed"]}, "Expected flag code-not-listed, got code-list-conflict."),
    ],
)
def test_a_difference_is_told_in_a_sentence(
    bundle: PolicyBundle, blocks: Blocks, expect: dict[str, Any], sentence: str
) -> None:
    """An analyst sees what was expected, what came, and on what evidence."""
    assert troubles(bundle, blocks, answering(ANSWER), {**FULL, **expect}) == (sentence,)


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ((), "Expected one determination for the order, got 0."),
        ((ANSWER, ANSWER), "Expected one determination for the order, got 2."),
        (({**ANSWER, "policy": "other/policy"},), f"Expected policy {CAPITAL}, got other/policy."),
        (({**ANSWER, "policy_version": "2020-01-01"},), "Expected version 2024-05-01, got 2020-01-01."),
    ],
)
def test_an_answer_about_something_else_fails(
    bundle: PolicyBundle, blocks: Blocks, answers: tuple[dict[str, Any], ...], sentence: str
) -> None:
    """A right outcome by another policy proves nothing about this one."""
    assert troubles(bundle, blocks, answering(*answers), FULL) == (sentence,)


def test_cases_that_cannot_be_read_are_all_told(folder: Path) -> None:
    """Case files are data too: place, trouble, way out."""
    position = folder / "blue-shield-of-california/7.01.75/cases/position.yaml"
    text = position.read_text("utf-8").replace("outcome: refer-to-plan", "outcome: refer-plan")
    position.write_text(text, "utf-8")
    blocks = folder / "_shared/case-blocks.yaml"
    blocks.write_text(blocks.read_text("utf-8").replace("\nalways:", "\nallways:"), "utf-8")
    with pytest.raises(BundleError) as caught:
        load_cases([folder])
    assert len(caught.value.errors) == 3
    assert 'Did you mean "refer-to-plan"?' in str(caught.value.errors[0])
    with pytest.raises(BundleError, match='Did you mean "always"'):
        load_blocks([folder])
