"""What a determination's evidence answers on the form, and what it leaves open."""

from decimal import Decimal
from typing import Any

import pytest

from cds_service.answer.known_answers import known_answers
from tests import builders
from tests.unit.dtr import payer

CM = {"unit": "cm", "system": builders.UCUM, "code": "cm"}


def known(resources: list[payer.Json]) -> payer.Json:
    """linkId -> value element, for a chart."""
    made = payer.account(resources)
    form = payer.artefacts().find("Questionnaire", payer.FORM)
    assert form is not None
    return known_answers(form, made["criteria"])


def test_statements_measures_and_settled_criteria_are_known() -> None:
    found = known(builders.hcc())
    assert found["resectability"]["valueCoding"]["code"] == "unresectable"
    assert found["amenable-to-cryoablation"] == {"valueBoolean": True}
    assert found["largest-tumor-diameter"] == {"valueQuantity": {"value": Decimal("3.2"), **CM}}
    assert found["extrahepatic-disease"]["valueCoding"]["display"] == "Absent"
    assert found.keys() & {"surgical-candidate", "primary-tumor-status"} == set()


METASTASIS = builders.condition("C78.7", "dx")
COLON = builders.condition("C18.7", "colon")
BREAST = builders.condition("C50.919", "breast")


@pytest.mark.parametrize(
    ("diagnoses", "answer"),
    [
        ([builders.condition("C22.0", "dx")], "hepatocellular-carcinoma"),
        ([builders.condition("C22.1", "dx")], "other"),
        ([builders.condition("C7B.02", "dx")], "neuroendocrine-metastasis"),
        ([METASTASIS, COLON], "colorectal-metastasis"),
        ([METASTASIS, BREAST], "other"),
        ([METASTASIS], None),
        ([METASTASIS, COLON, BREAST], None),
    ],
)
def test_the_tumor_type_is_known_where_the_diagnoses_settle_it(
    diagnoses: list[payer.Json], answer: str | None
) -> None:
    """determinations.md 6: what the chart settles is answered in the draft."""
    found = known([*builders.without(builders.hcc(), "dx"), *diagnoses]).get("liver-tumor-type")
    assert (found or {"valueCoding": {"code": None}})["valueCoding"]["code"] == answer


def test_every_meaning_of_a_diagnosis_is_an_answer_that_the_form_offers() -> None:
    """A slip in the data would leave a question open without a word."""
    bundle = builders.knowledge().bundle
    for model in bundle.tumors.values():
        rule = model.statements["tumor-type"]
        rows = {group.group for group in model.groups} | {each.origin for each in model.elsewhere}
        assert rule.means and rule.means.keys() <= rows
        assert set(rule.means.values()) <= set(bundle.attestations.codes[rule.code].values)


def test_the_largest_of_several_lesions_is_known_whatever_its_unit() -> None:
    first, second = builders.concept("71133005", builders.SCT), builders.concept("277956007", builders.SCT)
    chart = builders.without(builders.hcc(), "size")
    sizes = [
        builders.size(1.4, "s1", bodySite=first),
        builders.size({"valueQuantity": builders.quantity(31, "mm")}, "s2", bodySite=second),
    ]
    assert known([*chart, *sizes])["largest-tumor-diameter"]["valueQuantity"] == {
        "value": Decimal(31), "unit": "mm", "system": builders.UCUM, "code": "mm"
    }  # fmt: skip


@pytest.mark.parametrize(
    "held",
    [
        {"valueQuantity": builders.quantity(4, comparator="<")},
        {"valueString": "about 3 cm"},
        {"valueRange": {"low": builders.quantity(2), "high": builders.quantity(3)}},
    ],
)
def test_a_size_that_is_no_plain_length_stays_open(held: Any) -> None:
    chart = [*builders.without(builders.hcc(), "size"), builders.size(held)]
    assert "largest-tumor-diameter" not in known(chart)


def test_a_stale_size_stays_open() -> None:
    chart = [*builders.without(builders.hcc(), "size"), builders.size(3.2, days=400)]
    assert "largest-tumor-diameter" not in known(chart)


def test_statements_that_differ_stay_open() -> None:
    other = builders.attestation("resectability", "resectable", "again")
    assert "resectability" not in known([*builders.hcc(), other])


def test_a_statement_by_a_standard_code_that_the_form_lacks_stays_open() -> None:
    coded = builders.attestation("resectability", "unresectable", "again")
    coded["valueCodeableConcept"] = builders.concept("1255650001", builders.SCT)
    chart = [*builders.without(builders.hcc(), "resectability"), coded]
    found = known(chart).get("resectability")
    assert found is None or found["valueCoding"]["system"].endswith("attestation-value")


def test_disease_outside_is_known_as_present() -> None:
    chart = builders.changed(builders.hcc(), "m", valueCodeableConcept={"text": "cM1"})
    assert known(chart)["extrahepatic-disease"]["valueCoding"]["code"] == "present"


def test_an_open_criterion_answers_nothing() -> None:
    chart = builders.without(builders.hcc(), "m", "n", "amenable-to-cryoablation")
    assert known(chart).keys() & {"extrahepatic-disease", "amenable-to-cryoablation"} == set()
