"""From criteria to outcome and coverage-information codes (determinations.md 1 and 2)."""

import itertools
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from cds_service.coverage.member import Case
from cds_service.criteria.result import CriterionResult
from cds_service.determination import Determination, Outcome, determine
from cds_service.kernel.provenance import Gap
from cds_service.kernel.truth import Truth
from cds_service.policy.model import Payer
from tests.builders import (
    BASELINES,
    CPT,
    TODAY,
    all_judged,
    changed,
    concept,
    condition,
    coverage,
    crc,
    failure,
    hcc,
    judged,
    knowledge,
    order,
    policy,
    without,
)

BSC = "Blue Shield of California"
FORM = "http://cds-service.example.org/fhir/Questionnaire/liver-cryoablation|1.0.0"


def codes(found: Determination) -> tuple[Any, ...]:
    """(outcome, covered, pa-needed, doc-needed, info-needed, questionnaire)."""
    return (
        found.outcome.value,
        found.covered,
        found.pa_needed,
        found.doc_needed,
        found.info_needed,
        found.questionnaire,
    )


UNDECIDED = ("indeterminate", "indeterminate", None, None, None)
ASKS = ("conditional", "conditional", None, "OTH", None)


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        (hcc(), ("meets-criteria", "covered", "conditional", None, "OTH", None)),
        ([*hcc(), condition("C78.01", "lung")], ("investigational", "not-covered", None, None, None, None)),
        (without(hcc(), "m"), ("needs-info", "conditional", "conditional", "clinical", "OTH", FORM)),
        (changed(hcc(), "cov", subscriberId="R12345678"), ("refer-to-plan", *ASKS)),
        (changed(hcc(), "cov", type=concept(text="Medicare")), ("refer-to-plan", *ASKS)),
        (changed(hcc(), "cov", payor=[{"display": "Aetna"}]), ("no-policy", *ASKS)),
        (changed(hcc(), "cov", status="cancelled"), ("no-policy", *ASKS)),
        (without(hcc(), "cov"), ("no-policy", *ASKS)),
        (changed(hcc(), "order", code=concept("70450", CPT)), ("out-of-scope", *[None] * 5)),
        (changed(hcc(), "order", status="revoked"), ("out-of-scope", *[None] * 5)),
        (changed(hcc(), "order", occurrenceDateTime="2024-04-30"),
        ("cannot-evaluate", *UNDECIDED)),
        (changed(hcc(), "order", authoredOn="soon"),
        ("cannot-evaluate", *UNDECIDED)),
        ([*hcc(), failure("Coverage")], ("cannot-evaluate", *UNDECIDED)),
        (changed(hcc(), "order", code=concept("47399", CPT)), ("needs-info", *ASKS)),
        (changed(hcc(), "cov", payor=[{"display": "Blue Shield of California"}]),
        ("investigational", "not-covered", *[None] * 4)),
    ],
    ids=["met", "failed", "open", "federal", "medicare", "foreign", "lapsed", "none", "imaging", "revoked",
    "early", "unreadable",
         "search failed", "technique", "position"],
)  # fmt: skip
def test_the_table_of_outcomes(chart: list[dict[str, Any]], expected: tuple[Any, ...]) -> None:
    """determinations.md 1, every row."""
    assert codes(judged(chart)) == expected


def result(state: Truth, name: str = "c", **members: Any) -> CriterionResult:
    """A criterion's result."""
    return CriterionResult(name, "Title", "Says", "I", state, **members)


def case(**members: Any) -> Case:
    """An order under a policy with criteria."""
    known = knowledge()
    read = known.recogniser.read(order(), TODAY, {})
    return Case(read, "Coverage/cov", policy=policy(), payer=known.bundle.payers[policy().payer], **members)


@pytest.mark.parametrize("states", list(itertools.product(Truth, repeat=3)))
def test_any_no_decides_then_any_unknown_else_met(states: tuple[Truth, ...]) -> None:
    """determinations.md 1, precedence inside a policy; every criterion is reported even when one decides."""
    found = determine(case(), tuple(result(state, str(n)) for n, state in enumerate(states)))
    expected = (
        Outcome.INVESTIGATIONAL
        if Truth.NOT_MET in states
        else Outcome.NEEDS_INFO
        if Truth.UNKNOWN in states
        else Outcome.MEETS_CRITERIA
    )
    assert found.outcome is expected
    assert len(found.criteria) == 3
    assert len(found.open_criteria) == states.count(Truth.UNKNOWN)
    assert len(found.failed_criteria) == states.count(Truth.NOT_MET)


def test_no_criteria_at_all_is_no_pass() -> None:
    """House rule 2."""
    assert determine(case(), ()).outcome is Outcome.NEEDS_INFO


@pytest.mark.parametrize(
    ("setting", "pa_needed", "info_needed"),
    [("unknown", "conditional", "OTH"), ("required", "auth-needed", None), ("not-required", "no-auth", None)],
)
def test_prior_authorization_is_the_payers_setting(
    setting: Any, pa_needed: str, info_needed: str | None
) -> None:
    """determinations.md 2: OTH if and only if something is conditional."""
    base = case()
    assert base.payer is not None
    payer: Payer = msgspec.structs.replace(base.payer, prior_authorization=setting)
    found = determine(replace(base, payer=payer), (result(Truth.MET),))
    assert (found.covered, found.pa_needed, found.info_needed) == ("covered", pa_needed, info_needed)
    by_plan = msgspec.structs.replace(base.payer, prior_authorization_by_plan={"Gold": setting})
    found = determine(replace(base, payer=by_plan, plan="Gold"), (result(Truth.MET),))
    assert found.pa_needed == pa_needed
    found = determine(replace(base, payer=by_plan, plan="Silver"), (result(Truth.MET),))
    assert found.pa_needed == "conditional"


def test_the_built_in_payers_leave_prior_authorization_to_the_plan() -> None:
    """determinations.md 2: neither text says whether it is required."""
    assert {payer.prior_authorization for payer in knowledge().bundle.payers.values()} == {"unknown"}


def test_flags_are_gathered_once() -> None:
    """interface.md 3, flags."""
    found = determine(case(), (result(Truth.MET, flags=("a", "b")), result(Truth.MET, flags=("b",))))
    assert found.flags == ("a", "b")


def test_a_failure_that_keeps_the_answer_open_is_told_apart_from_a_question() -> None:
    """CRD resp-43: slow or failing although access was given."""
    failed = result(Truth.UNKNOWN, gaps=(Gap("search-failed"),))
    assert determine(case(), (failed,)).hindered
    assert not determine(case(), (result(Truth.UNKNOWN, gaps=(Gap("no-statement"),)),)).hindered
    assert not determine(case(), (failed, result(Truth.NOT_MET))).hindered
    assert judged([*hcc(), failure("Coverage")]).technical
    assert not judged(changed(hcc(), "order", authoredOn="soon")).technical


def test_one_order_under_two_coverages_has_two_determinations() -> None:
    """interface.md 3: one entry for each order and each active coverage."""
    found = all_judged([*crc(), coverage("Blue Shield of California", "cov2")])
    assert [(each.coverage, each.outcome.value) for each in found] == [
        ("Coverage/cov", "meets-criteria"),
        ("Coverage/cov2", "investigational"),
    ]


@pytest.mark.parametrize("base", BASELINES)
def test_each_baseline_meets_all_five_criteria(base: str) -> None:
    """clinical.md 7; every result cites its sentence and names its evidence."""
    found = judged(BASELINES[base]())
    assert [(each.id, each.state.value) for each in found.criteria] == [
        (name, "met") for name in ("resectability", "diagnosis", "size", "extrahepatic", "amenability")
    ]
    assert all(each.cites.startswith("I. Policy") and each.evidence for each in found.criteria)
    assert not any(each.gaps for each in found.criteria)
