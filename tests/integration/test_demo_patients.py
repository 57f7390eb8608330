"""The made-up patients: what each is made for, in any year, under both payers."""

from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

from cds_service.demo.load import SYSTEM, is_own, transaction
from cds_service.demo.patients import FOLDER, DemoPatient, load_patients, procedures
from cds_service.evaluate import evaluate_chart
from cds_service.kernel import fhir_json
from cds_service.kernel.errors import DataError
from tests.builders import knowledge

DAYS = [date(2026, 11, 21), date(2027, 2, 28), date(2031, 7, 4)]
OUTCOMES = {
    "meets-criteria",
    "investigational",
    "needs-info",
    "refer-to-plan",
    "no-policy",
    "out-of-scope",
    "cannot-evaluate",
}


def outcomes(patient: DemoPatient, on: date) -> dict[str, str]:
    """Outcome under each coverage, as a file would be judged."""
    entries = [{"resource": resource} for resource in patient.resources]
    chart = fhir_json.write({"resourceType": "Bundle", "type": "collection", "entry": entries})
    found = evaluate_chart(chart, on, knowledge())
    return {(one.coverage or "none").rpartition("/")[2]: one.outcome.value for one in found}


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_each_gets_the_answer_that_it_was_made_for_on_any_day(on: date) -> None:
    """Issue 3, part 10: dates are relative to the day of the start, so that nothing goes stale."""
    patients = [patient for patient in load_patients(on) if not patient.failing]
    wrong = {p.slug: (p.expect, outcomes(p, on)) for p in patients if outcomes(p, on) != p.expect}
    assert not wrong


def test_every_way_out_is_there_and_both_payers_have_theirs() -> None:
    """Issue 3, part 10: at least ten patients, every outcome, both payers."""
    patients = load_patients(DAYS[0])
    by_payer: defaultdict[str, set[str]] = defaultdict(set)
    for patient in patients:
        for coverage, outcome in patient.expect.items():
            by_payer[coverage].add(outcome)
    assert len(patients) >= 10
    assert set().union(*by_payer.values()) == OUTCOMES
    assert by_payer["capital"] >= OUTCOMES - {"no-policy"}
    assert by_payer["blue-shield"] >= {"investigational", "needs-info", "refer-to-plan"}
    assert {kind for patient in patients for kind in patient.failing} == {"Observation", "Coverage"}


def test_nobody_is_named_twice_and_everybody_says_what_is_special() -> None:
    """A person who looks for a case finds it by its story."""
    patients = load_patients(DAYS[0])
    assert len({patient.name for patient in patients}) == len(patients)
    assert len({patient.story for patient in patients}) == len(patients)


@pytest.mark.parametrize("patient", load_patients(DAYS[0]), ids=lambda patient: patient.slug)
def test_the_transaction_stands_on_its_own(patient: DemoPatient) -> None:
    """Every reference leads to an entry, and every entry is found again by our identifier alone."""
    bundle = transaction(patient)
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    text = fhir_json.write(bundle).decode()
    assert len(urls) == len(bundle["entry"]) == len(patient.resources)
    assert {part.split('"')[0] for part in text.split('"reference":"')[1:]} <= urls
    for entry in bundle["entry"]:
        assert is_own(entry["resource"])
        assert entry["request"]["method"] == "PUT"
        assert "?identifier=" in entry["request"]["url"]
        assert entry["resource"]["meta"]["security"][0]["code"] == "HTEST"
    assert SYSTEM in text


def test_a_resource_of_somebody_else_is_not_ours() -> None:
    """What a server returns is looked at again, whatever the search meant to it."""
    assert not is_own({"resourceType": "Patient"})
    assert not is_own({"resourceType": "Patient", "identifier": [{"system": "urn:other", "value": "1"}]})
    assert not is_own({"resourceType": "QuestionnaireResponse", "identifier": {"system": SYSTEM}})


def test_what_may_be_ordered_comes_from_the_blocks() -> None:
    """The page offers each kind of order once, with its code."""
    found = procedures()
    assert len({item["id"] for item in found}) == len(found) >= 5
    assert all(item["code"]["coding"][0]["code"] in item["label"] for item in found)


def test_a_mistyped_block_is_named_with_the_near_miss(tmp_path: Path) -> None:
    """An analyst who adds a patient is told what is wrong and what was meant."""
    (tmp_path / "patients").mkdir()
    (tmp_path / "blocks.yaml").write_text((FOLDER / "blocks.yaml").read_text("utf-8"), "utf-8")
    sheet = next((FOLDER / "patients").glob("01-*.yaml")).read_text("utf-8")
    (tmp_path / "patients" / "01-typo.yaml").write_text(sheet.replace("unresectable", "unresectble"), "utf-8")
    with pytest.raises(DataError, match='Did you mean "unresectable"'):
        load_patients(DAYS[0], tmp_path)
