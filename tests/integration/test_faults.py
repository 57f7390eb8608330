"""Whatever goes wrong in one search, the call is answered in time, never by "meets criteria", and says so."""

import re
from collections.abc import Iterator

import pytest

from cds_service.answer.context import Answer
from cds_service.evidence.answers import Limits
from cds_service.evidence.network import Network
from tests.integration.deciding import of_file
from tests.integration.faults import ANYWHERE, SEARCHSET, SLOW
from tests.integration.faulty_ehr import (
    BUDGET,
    MEETS,
    NOT_MET,
    SEARCHES,
    answering_only,
    faulty,
    outcome,
    signed,
    told,
)
from tests.integration.stub_ehr import holding

SHORT = 0.75
FAULTS = {**SLOW, **ANYWHERE, **SEARCHSET}
DECIDES_NOTHING = ("patient", "procedures", "diagnosticReports", "documentReferences")
"""Reads and searches that nothing in this chart hangs on (clinical.md 4.5): the answer stays."""
MAY_LACK = ("bodyStructures", "questionnaireResponses", "uncodedObservations")
"""Searches that an EHR need not offer (clinical.md 4.5)."""
LACKING = ("404", "405", "501", "400 with not-supported")
TOLD = {
    "Coverage": ("The patient's coverage could not be looked up",),
    "Organization": ("The payer that the coverage names could not be looked up",),
}
"""What else the card may say."""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network(Limits(threads=16, pages=5, bytes=200_000))
    yield made
    made.close()


def test_without_fault_the_chart_meets_the_criteria(network: Network) -> None:
    """The other tests prove something only because this is so."""
    assert outcome(signed(holding(MEETS.resources), network)) == "meets-criteria"


@pytest.mark.requirement("CH-070", "CH-071", "CH-235", "CH-236")
@pytest.mark.parametrize("fault", [*SLOW, *ANYWHERE, *SEARCHSET])
def test_a_fault_in_any_search_is_told_and_never_helps(network: Network, fault: str) -> None:
    """Issue 5, Must show; clinical.md 4.5."""
    behave, seconds = FAULTS[fault], SHORT if fault in SLOW else BUDGET
    troubles = []
    for name in (name for name in SEARCHES if fault not in SEARCHSET or "?" in SEARCHES[name]):
        answer = signed(faulty(behave, name, MEETS), network, seconds)
        if not _is_harmless(fault, name):
            troubles += [f"{name}: {what}" for what in _troubles(answer, name, fault)]
        elif fault not in SLOW and outcome(answer) != "meets-criteria":
            troubles.append(f"{name}: is {outcome(answer)}, {told(answer)}")
    assert troubles == []


def _is_harmless(fault: str, name: str) -> bool:
    """Whether the answer stays; not asked of slow faults, which on a busy machine slow all down."""
    if name == "uncodedObservations" and fault in ("400", "422", "link without address"):
        return True
    return name in DECIDES_NOTHING or (name in MAY_LACK and fault in LACKING)


def _troubles(answer: Answer, name: str, fault: str) -> Iterator[str]:
    if outcome(answer) not in ("needs-info", "cannot-evaluate"):
        yield f"is {outcome(answer)}"
    kind = re.split(r"[?/]", SEARCHES[name])[0]
    words = (
        f"A search of the EHR failed: {kind}",
        *TOLD.get(kind, TOLD["Coverage"] if fault in SLOW else ()),
    )
    if not any(each in told(answer) for each in words):
        yield f"is not told: {told(answer)}"


def test_a_patient_who_cannot_be_read_in_time_holds_up_nothing(network: Network) -> None:
    """No rule reads the patient, so the time is left to what rules do read."""
    assert outcome(signed(faulty(SLOW["silence"], "patient", MEETS), network)) == "meets-criteria"


@pytest.mark.requirement("CH-080")
def test_every_search_that_failed_is_named(network: Network) -> None:
    """Issue 5, Must show; one criterion may hang on more searches than a card lists of other gaps."""
    behave = answering_only(MEETS, "Patient", "Coverage", "Organization")
    answer = signed(behave, network)
    asked = {re.split(r"[?/]", path)[0] for name, path in SEARCHES.items() if name not in DECIDES_NOTHING}
    for kind in asked - {"Coverage", "Organization"}:
        assert f"{kind}: the EHR answered 500" in told(answer)


@pytest.mark.requirement("CH-080")
@pytest.mark.parametrize("name", ["coverage", "organization"])
def test_the_card_says_why_the_coverage_could_not_be_looked_up(network: Network, name: str) -> None:
    """resp-43: a payer whose read fails is a technical fault as a coverage search is."""
    answer = signed(faulty(ANYWHERE["500"], name, MEETS), network)
    (determination,) = answer.determinations
    assert determination.technical
    assert f"{re.split('[?/]', SEARCHES[name])[0]}: the EHR answered 500" in told(answer)


@pytest.mark.parametrize("name", ["patient", "coverage", "organization"])
def test_a_caller_of_crd_2_2_gets_no_error_for_what_the_ehr_does(network: Network, name: str) -> None:
    """CRD resp-43: 400 is for calls without a usable coverage (hook-13), not for an EHR that fails."""
    for fault in (*ANYWHERE, *SEARCHSET):
        if fault in ANYWHERE or "?" in SEARCHES[name]:
            assert signed(faulty(FAULTS[fault], name, MEETS), network, strict=True).response.cards


def test_the_charts_that_do_not_meet_the_criteria_are_such() -> None:
    """The next test proves something only because this is so."""
    for held in NOT_MET:
        wanted = of_file(held)["ServiceRequest/order", "Coverage/cov"]
        assert wanted[0] in ("investigational", "needs-info")


@pytest.mark.parametrize("name", SEARCHES)
def test_a_failing_search_never_improves_an_answer(network: Network, name: str) -> None:
    """clinical.md 4.5: what is not met or open without the fault is never met with it."""
    for held in NOT_MET:
        answer = signed(faulty(ANYWHERE["500"], name, held), network, held=held)
        assert outcome(answer) != "meets-criteria", (held.name, told(answer))
