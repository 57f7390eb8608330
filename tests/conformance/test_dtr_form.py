"""Da Vinci DTR: what the form itself may ask, lean on and fill in."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from fhirpathpy import evaluate

from tests import builders
from tests.unit.dtr import payer

QUERY, FHIRPATH = "application/x-fhir-query", "text/fhirpath"
DTR, SDC = (
    "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/",
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/",
)
CORE = "http://hl7.org/fhir/StructureDefinition/"
# What DTR and SDC name for forms (crd-dtr.md 5.3, 5.4), and R4 core's own extensions of Questionnaire.
KNOWN = {
    f"{DTR}questionnaireAudience", f"{DTR}estimated-completion-time", f"{DTR}request-specific",
    f"{SDC}sdc-questionnaire-launchContext", f"{SDC}sdc-questionnaire-initialExpression",
    f"{SDC}sdc-questionnaire-candidateExpression", f"{CORE}variable", f"{CORE}rendering-styleSensitive",
    f"{CORE}questionnaire-unitOption", f"{CORE}questionnaire-itemControl",
}  # fmt: skip
US_CORE = {"Condition": {"patient"}, "Observation": {"patient", "code"}}


@pytest.fixture
def form() -> payer.Json:
    """The form as published."""
    found = payer.artefacts().find("Questionnaire", payer.FORM)
    assert found is not None
    return found


def expressions(form: payer.Json) -> list[payer.Json]:
    """Every expression of the form."""
    found: list[payer.Json] = evaluate(
        form, "descendants().where(language.exists() and expression.exists())", []
    )
    return found


def questions(items: list[payer.Json]) -> Iterator[payer.Json]:
    """Every question, displays aside."""
    for item in items:
        if item["type"] != "display":
            yield item
        yield from questions(item.get("item", []))


@pytest.mark.requirement("dtr:conf-8", "dtr:conf-9", "dtr:spec-55", "dtr:sec-3", "dtr:spec-54")
def test_population_asks_for_the_patients_conditions_and_named_observations_alone(form: payer.Json) -> None:
    asked = [each["expression"] for each in expressions(form) if each["language"] == QUERY]
    assert len(asked) >= 2
    for query in asked:
        kind, _, search = query.partition("?")
        parameters = parse_qs(search)
        assert set(parameters) <= US_CORE[kind] and parameters["patient"] == ["{{%patient.id}}"]
        assert kind == "Condition" or parameters["code"]


@pytest.mark.requirement("dtr:spec-21", "dtr:conf-13", "dtr:conf-2")
def test_the_form_uses_the_standards_own_extensions_and_no_others(form: payer.Json) -> None:
    urls = {
        each["url"] for each in evaluate(form, "descendants().extension.where(url.startsWith('http'))", [])
    }
    assert urls
    assert urls | {each["url"] for each in form["extension"]} <= KNOWN


@pytest.mark.requirement("dtr:spec-94", "dtr:spec-18")
def test_every_variable_of_an_expression_is_declared_before_it_is_used(form: payer.Json) -> None:
    declared = {"patient", "user", "questionnaire"}
    variables = [e["valueExpression"] for e in form["extension"] if e["url"] == f"{CORE}variable"]
    rest = [each for each in expressions(form) if "name" not in each]
    for each in [*variables, *rest]:
        used = set(re.findall(r"%(?![0-9A-F]{2})([a-z]\w*)", each["expression"]))
        assert used <= declared, each
        declared |= {each["name"]} if "name" in each else set()


@pytest.mark.requirement("dtr:spec-56", "dtr:spec-83", "dtr:spec-51")
def test_questions_are_coded_typed_and_answered_in_the_words_that_rules_read(form: payer.Json) -> None:
    rules = builders.knowledge().bundle.attestations
    found = {question["linkId"]: question for question in questions(form["item"])}
    assert found.keys() == rules.codes.keys()
    for link, question in found.items():
        assert question["code"] == [{**question["code"][0], "system": rules.system, "code": link}]
        assert question["type"] == rules.codes[link].type
        offered = [option["valueCoding"] for option in question.get("answerOption", [])]
        assert tuple(option["code"] for option in offered) == rules.codes[link].values
        assert {option["system"] for option in offered} <= {rules.value_system}


@pytest.mark.requirement("dtr:spec-17", "dtr:spec-12")
def test_every_criterion_that_can_stay_open_has_a_question(form: payer.Json) -> None:
    links = {question["linkId"] for question in questions(form["item"])}
    for version in builders.knowledge().bundle.all_versions:
        wording: Any = version.outcomes.get("needs-info")
        if wording and wording.questionnaire:
            assert wording.questionnaire == f"{form['url']}|{form['version']}"
            for criterion in version.criteria:
                assert criterion.questions and set(criterion.questions) <= links, criterion.id
