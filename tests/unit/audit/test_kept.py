"""What is kept of a chart judges the same and names nobody."""

import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from cds_service.answer.account import as_json
from cds_service.audit.kept import ERASED, keep, read_kept
from cds_service.evidence.chart import Chart, ChartBuilder
from cds_service.judge import cases_of, judge
from tests import builders
from tests.builders import (
    BASELINES,
    Resource,
    bundle,
    changed,
    coverage,
    failure,
    form,
    hcc,
    knowledge,
    without,
)

SECRETS = ("Tamsin", "Torvane", "1958-02-24", "555-0100", "12 Elm Street", "MRN-77", "wife called")
PERSON = {"reference": "Patient/pat", "display": "Bram Tamsin", "identifier": {"value": "MRN-77"}}


def chart_of(resources: list[Resource]) -> Chart:
    """The chart of a patient."""
    builder = ChartBuilder("Patient/pat")
    builder.add_bundle(bundle(resources))
    return builder.build()


def told(chart: Chart) -> list[Any]:
    """What would be concluded from a chart."""
    today, known = builders.TODAY, knowledge()
    orders = [
        known.recogniser.read(json.loads(bytes(stored.raw)), today, chart.aliases)
        for stored in chart.of("ServiceRequest")
    ]
    return [as_json(found) for found in judge(cases_of(orders, chart, known), chart, today, known)]


CHARTS: dict[str, Callable[[], list[Resource]]] = {
    **BASELINES,
    "no size": lambda: without(hcc(), "size"),
    "size as words": lambda: changed(hcc(), "size", component=None, valueString="3.2 cm"),
    "damaged size": lambda: changed(hcc(), "size", component=[{"code": 3}]),
    "damaged diagnosis": lambda: changed(hcc(), "dx", clinicalStatus=[]),
    "damaged order": lambda: changed(hcc(), "order", occurrenceDateTime="soon"),
    "damaged coverage": lambda: changed(hcc(), "cov", period={"start": "x"}),
    "failed search": lambda: [*hcc(), failure("Condition")],
    "search not offered": lambda: [*hcc(), failure("Procedure", "not-supported")],
    "answers in a form": lambda: [
        *without(hcc(), "resectability"),
        form({"resectability": "unresectable"}),
    ],
    "payer by reference": lambda: [
        *without(hcc(), "cov"),
        coverage(payor=[{"reference": "Organization/payer"}]),
        {"resourceType": "Organization", "id": "payer", "name": "Capital Blue Cross"},
    ],
    "other patient's size": lambda: changed(hcc(), "size", subject={"reference": "Patient/other"}),
}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=list(CHARTS))
def test_a_kept_chart_judges_as_the_whole_one_did(chart: Callable[[], list[Resource]]) -> None:
    """found-37: a dispute is settled by judging again."""
    whole = chart_of(chart())
    assert told(read_kept(keep(whole)).build()) == told(whole) != []


@pytest.mark.requirement("sec-6", "CH-260")
def test_no_name_birth_date_address_or_note_is_kept() -> None:
    """Whatever a resource holds beside what rules read is erased before anything is written."""
    personal: dict[str, Any] = {
        "name": [{"family": "Tamsin"}],
        "birthDate": "1958-02-24",
        "telecom": [{"value": "555-0100"}],
        "address": [{"line": ["12 Elm Street"]}],
        "text": {"status": "generated", "div": "<div>Bram Tamsin</div>"},
        "note": [{"text": "wife called"}],
        "identifier": [{"value": "MRN-77"}],
    }
    doctor = [{"reference": "Practitioner/doc", "display": "Dr. Torvane"}]
    people = [
        {**each, **personal} if each["resourceType"] in ("Patient", "Practitioner") else each
        for each in hcc()
    ]
    resources = [
        {
            **each,
            **{key: value for key, value in personal.items() if key in ("text", "note")},
            **({"subject": PERSON} if "subject" in each else {}),
            **({"performer": doctor} if each["resourceType"] == "Observation" else {}),
            **({"beneficiary": PERSON} if each["resourceType"] == "Coverage" else {}),
        }
        for each in people
    ]
    answers = form({"resectability": "unresectable"}, author=doctor[0], subject=PERSON)
    answers["item"].append({"linkId": "remark", "text": "Tamsin", "answer": [{"valueString": "wife called"}]})
    whole = chart_of([*resources, answers])
    written = zlib.decompress(keep(whole)).decode()
    assert [word for word in SECRETS if word in written] == []
    assert ERASED in written
    assert told(read_kept(keep(whole)).build())[0]["outcome"] == told(whole)[0]["outcome"] == "meets-criteria"


def test_a_hundred_conditions_and_three_hundred_observations_take_little_room() -> None:
    noise = [builders.condition("I10", f"c{number}") for number in range(100)]
    noise += [
        builders.observation(
            builders.concept("718-7", builders.LOINC), f"o{number}", valueQuantity={"value": 13}
        )
        for number in range(300)
    ]
    assert len(keep(chart_of([*hcc(), *noise]))) < 30_000
