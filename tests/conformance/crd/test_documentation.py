"""CRD 2.2.1, documentation that an answer asks for: the form can be had, and follows the forms standard."""

from typing import Any

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from flask.testing import FlaskClient

from tests import builders
from tests.conformance.crd.asking import VERSIONS, ask, open_size, orders_of, said

SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/"


def package(client: FlaskClient, body: dict[str, Any]) -> dict[str, Any]:
    """The package that a DTR client gets for the assertion of an answer."""
    (order,) = orders_of(body).values()
    given = [
        {"name": "coverage", "resource": builders.coverage()},
        {"name": "order", "resource": order},
        {"name": "context", "valueString": said(body, "coverage-assertion-id")},
    ]
    asked = {"resourceType": "Parameters", "parameter": given}
    answer = client.post("/fhir/Questionnaire/$questionnaire-package", json=asked)
    assert answer.status_code == 200, answer.text
    found = [each["resource"] for each in answer.get_json()["parameter"] if "resource" in each]
    return dict(found[0])


@pytest.mark.requirement("found-4", "CRD-039", "resp-38")
@pytest.mark.parametrize("version", VERSIONS)
def test_what_an_answer_asks_for_dtr_can_collect(version: str, client: FlaskClient) -> None:
    """found-4: the assertion id opens the package of the very form that the assertion names."""
    body = ask(client, open_size(), version)
    form, *others = (entry["resource"] for entry in package(client, body)["entry"])
    assert f"{form['url']}|{form['version']}" == said(body, "questionnaire")
    (draft,) = [each for each in others if each["resourceType"] == "QuestionnaireResponse"]
    assert draft["questionnaire"] == said(body, "questionnaire")


@pytest.mark.requirement("resp-63")
def test_the_form_is_one_of_structured_data_capture(client: FlaskClient) -> None:
    """resp-63: valid FHIR, the DTR profile of an SDC form, filled by SDC's own expressions."""
    form = package(client, ask(client, open_size()))["entry"][0]["resource"]
    assert Questionnaire.model_validate(form).status == "active"
    assert form["meta"]["profile"] == [
        "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/dtr-std-questionnaire"
    ]
    urls = [each["url"] for item in form["item"] for each in _extensions(item)]
    assert f"{SDC}sdc-questionnaire-initialExpression" in urls
    assert f"{SDC}sdc-questionnaire-launchContext" in [each["url"] for each in form["extension"]]


def _extensions(item: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [each for part in item.get("item", []) for each in _extensions(part)]
    return [*item.get("extension", []), *inner]
