"""The payer-side pages on a bare Flask application, with accounts of made-up charts for a database."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from cds_service.answer.artefacts import Artefacts, load_artefacts
from cds_service.answer.coverage_rules import Version
from cds_service.evaluate import as_json
from cds_service.kernel.clock import Clock
from cds_service.web.fhir import PayerSide, Reader, create_fhir_blueprint
from cds_service.web.package import Packer
from cds_service.web.problems import register
from tests import builders

PUBLIC = "https://crd.example.org"
PROFILES = Path(__file__).parents[3] / "fhir_profiles"
FORM = f"{builders.OURS}/Questionnaire/liver-cryoablation"
CONTEXT = "cda-000000000000000000000001-00000000"
Json = dict[str, Any]
Authorise = Callable[[str | None, str], Reader]


@cache
def artefacts() -> Artefacts:
    """The artefacts as shipped."""
    return load_artefacts([PROFILES])


def account(resources: list[Json], **changes: Any) -> Json:
    """The stored account of a chart's determination."""
    made = as_json(builders.judged(resources))
    stored = {"coverage_assertion_id": CONTEXT, "decided_at": "2026-11-20T10:00:00+00:00"}
    return {**made, **stored, **changes}


def needing() -> list[Json]:
    """A chart that lacks a statement on resectability and the size of the tumor."""
    return builders.without(builders.hcc(), "resectability", "size")


def caller(
    clock: Clock,
    *accounts: Json,
    version: Version = "2.2",
    authorise: Authorise | None = None,
    own: Artefacts | None = None,
) -> FlaskClient:
    """A caller of the pages, with these accounts on record."""
    by_id = {each["coverage_assertion_id"]: each for each in accounts}
    packer = Packer(
        artefacts=own or artefacts(),
        knowledge=builders.knowledge(),
        clock=clock,
        base=f"{PUBLIC}/fhir",
        find=lambda assertion, _: by_id.get(assertion),
    )
    side = PayerSide(
        packer=packer,
        authorise=authorise or (lambda _, __: Reader("", version)),
        public_url=PUBLIC,
    )
    app = Flask(__name__)
    app.register_blueprint(create_fhir_blueprint(side))
    register(app)
    return app.test_client()


def parameters(*parts: tuple[str, Any]) -> Json:
    """A Parameters resource: a dict is a resource, `context` a string, any other text a canonical."""
    return {"resourceType": "Parameters", "parameter": [_part(name, value) for name, value in parts]}


def _part(name: str, value: Any) -> Json:
    if isinstance(value, dict):
        return {"name": name, "resource": value}
    kind = {"context": "valueString", "changedsince": "valueInstant"}.get(name, "valueCanonical")
    return {"name": name, kind: value}


def ask(client: FlaskClient, *parts: tuple[str, Any], status: int = 200) -> Json:
    """The answer to a package request."""
    return post(client, "/fhir/Questionnaire/$questionnaire-package", parameters(*parts), status)


def post(client: FlaskClient, path: str, body: Any, status: int = 200) -> Json:
    """The JSON answer to a FHIR body."""
    got = client.post(path, data=json.dumps(body), content_type="application/fhir+json")
    assert got.status_code == status, got.get_data(as_text=True)
    assert got.content_type == "application/fhir+json"
    return dict(json.loads(got.data))


def usual(*more: tuple[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Coverage, order and context, as a client sends them after the hook."""
    order = builders.order()
    return (("coverage", builders.coverage()), ("order", order), ("context", CONTEXT), *more)


def part(answer: Json, name: str) -> Json:
    """The one resource under a name."""
    (found,) = [each["resource"] for each in answer.get("parameter", []) if each["name"] == name]
    return dict(found)


def draft(answer: Json, name: str = "packagebundle") -> Json:
    """The draft response of the one package."""
    (found,) = [
        entry["resource"]
        for entry in part(answer, name)["entry"]
        if entry["resource"]["resourceType"] == "QuestionnaireResponse"
    ]
    return dict(found)


def answers(response: Json) -> Json:
    """linkId -> the answer."""
    return {item["linkId"]: item["answer"][0] for item in response.get("item", [])}


def extensions(holder: Json, name: str) -> list[Json]:
    """The DTR extensions of a name."""
    url = f"http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/{name}"
    return [each for each in holder.get("extension", []) if each["url"] == url]
