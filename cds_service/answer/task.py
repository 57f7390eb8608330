"""The Task that asks for the documentation form (CRD 2.0.1, profile-taskquestionnaire)."""

from datetime import date

from cds_service.determination import Determination
from cds_service.hooks.response import Action
from cds_service.kernel.fhir_json import JsonObject

_SDC = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp"
_CRD = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"


def documentation_task(
    determination: Determination, description: str, payer: str, after_completion: str, today: date
) -> Action | None:
    """A create of the Task, or None where there is no form or no patient to name (crd-dtr.md 2).

    description: plain words for the Task and the action; payer: name of who asks; after_completion: code of
    ValueSet/afterCompletionCode.
    """
    subject = determination.order.raw.get("subject")
    if determination.questionnaire is None or not isinstance(subject, dict) or not subject.get("reference"):
        return None
    task: JsonObject = {
        "resourceType": "Task",
        "status": "ready",
        "intent": "order",
        "code": {"coding": [{"system": _SDC, "code": "complete-questionnaire"}]},
        "description": description,
        "for": {"reference": subject["reference"]},
        "authoredOn": today.isoformat(),
        "requester": {"type": "Organization", "display": payer},
        "input": [_form(determination.questionnaire), _afterwards(after_completion)],
    }
    encounter = determination.order.raw.get("encounter")
    if isinstance(encounter, dict) and encounter.get("reference"):
        task["encounter"] = {"reference": encounter["reference"]}
    return Action(type="create", description=description, resource=task)


def _form(canonical: str) -> JsonObject:
    """The form without its version: the test kit cannot read one with a bar (crd-dtr.md 4.6, point 10)."""
    coding = [{"system": _SDC, "code": "questionnaire"}]
    return {"type": {"coding": coding, "text": "questionnaire"}, "valueCanonical": canonical.split("|")[0]}


def _afterwards(code: str) -> JsonObject:
    kind = {"coding": [{"system": _CRD, "code": "after-completion-action"}], "text": "after completion"}
    return {"type": kind, "valueCodeableConcept": {"coding": [{"system": _CRD, "code": code}]}}
