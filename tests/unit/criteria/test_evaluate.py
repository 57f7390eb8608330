"""The walk over a policy's criteria: groups, citations, documents (architecture.md, house rules 2 and 3)."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from cds_service.criteria.evaluate import Evaluation
from cds_service.criteria.result import CriterionResult, Finding
from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.kernel.truth import Truth
from cds_service.policy.model import (
    AllOf,
    AnyOf,
    Criterion,
    CriterionBase,
    Documentation,
    NoDiseaseOutside,
    Statement,
)
from tests.builders import (
    TODAY,
    Resource,
    attestation,
    chart,
    crc,
    failure,
    hcc,
    knowledge,
    order,
    policy,
    without,
)

ASKED = (Documentation(title="A letter", loinc=("11488-4",)),)


def says(code: str, name: str, **members: Any) -> Statement:
    """A criterion that a statement decides."""
    said = {"met": ("true",), "not_met": ("false",)}
    return Statement(id=name, title=name, says=name, cites=name, attestation=code, **{**said, **members})


FIT, AMENABLE = says("surgical-candidate", "fit"), says("amenable-to-cryoablation", "amenable")


def evaluated(criteria: Sequence[Criterion], *resources: Resource) -> tuple[CriterionResult, ...]:
    """The results of these criteria in a chart of these resources."""
    known, held = knowledge(), chart(*resources)
    version = msgspec.structs.replace(policy(), criteria=tuple(criteria))
    read = known.recogniser.read(order(), TODAY, held.aliases)
    return Evaluation(version, read, held, TODAY, known.bundle, known.terms).run()


@pytest.mark.parametrize(
    ("fit", "amenable", "both", "either"),
    [
        (True, True, "met", "met"), (True, False, "not-met", "met"), (True, None, "unknown", "met"),
        (False, False, "not-met", "not-met"), (False, None, "not-met", "unknown"),
        (None, None, "unknown", "unknown"),
    ],
)  # fmt: skip
def test_groups_combine_their_parts(fit: bool | None, amenable: bool | None, both: str, either: str) -> None:
    """policy data: all-of and any-of."""
    said = [("surgical-candidate", fit), ("amenable-to-cryoablation", amenable)]
    resources = [attestation(code, value) for code, value in said if value is not None]
    group = {"title": "t", "says": "s", "cites": "c", "parts": (FIT, AMENABLE)}
    all_of, any_of = evaluated([AllOf(id="all", **group), AnyOf(id="any", **group)], *resources)
    assert (all_of.state.value, any_of.state.value) == (both, either)
    assert len(all_of.evidence) == len(resources)
    assert {gap.code for gap in all_of.gaps} == ({"no-statement"} if None in (fit, amenable) else set())


def test_results_come_in_the_order_of_the_policy() -> None:
    """determinations.md 1: every criterion is reported."""
    results = evaluated([AMENABLE, *policy().criteria, FIT], *hcc())
    assert [each.id for each in results] == ["amenable", *(each.id for each in policy().criteria), "fit"]


def test_disease_outside_asks_the_type_criterion_wherever_it_stands() -> None:
    """clinical.md 4.2: the origin is established when liver-tumor-type decided D."""
    decided = attestation("liver-tumor-type", "colorectal-metastasis")
    resources = [*without(crc(), "primary"), decided]
    criteria = policy().criteria
    group = AllOf(id="g", title="t", says="s", cites="c", parts=tuple(reversed(criteria)))
    for arranged in (criteria, tuple(reversed(criteria)), (group,)):
        assert {each.state for each in evaluated(arranged, *resources)} == {Truth.MET}


def test_the_type_criterion_may_stand_inside_a_group() -> None:
    """House rule 1: policies arrange criteria as their text does."""
    kinds = {type(each).__name__: each for each in policy().criteria}
    outside = next(each for each in policy().criteria if isinstance(each, NoDiseaseOutside))
    group = AllOf(id="g", title="t", says="s", cites="c", parts=(kinds["TumorType"], kinds["TumorSize"]))
    assert [each.state for each in evaluated([group, outside], *hcc())] == [Truth.MET, Truth.MET]
    with pytest.raises(LookupError, match="no tumor-type criterion"):
        evaluated([outside], *hcc())
    astray = msgspec.structs.replace(outside, type_criterion="size")
    with pytest.raises(LookupError, match="no tumor-type criterion"):
        evaluated([kinds["TumorSize"], astray], *hcc())


def test_a_kind_of_criterion_without_an_evaluator_is_an_error_of_ours() -> None:
    """House rule 5: a policy with it would not load."""
    with pytest.raises(TypeError, match="no evaluator"):
        evaluated([CriterionBase(id="x", title="x", says="x", cites="x")])  # type: ignore[list-item]


def test_documents_are_asked_for_unless_the_criterion_is_met() -> None:
    """clinical.md 8: ask only for what is missing; for a failed one what would change the answer."""
    asking = says("surgical-candidate", "fit", documentation=ASKED)
    assert evaluated([asking])[0].documentation == ASKED
    assert evaluated([asking], attestation("surgical-candidate", False))[0].documentation == ASKED
    assert evaluated([asking], attestation("surgical-candidate", True))[0].documentation == ()


def test_a_value_that_the_criterion_does_not_name_leaves_it_open() -> None:
    """House rule 2."""
    narrow = says("resectability", "r", met=("unresectable",), not_met=())
    assert evaluated([narrow], attestation("resectability", "resectable"))[0].state is Truth.UNKNOWN
    assert evaluated([narrow], attestation("resectability", "unresectable"))[0].state is Truth.MET


def test_a_conflict_names_the_first_of_the_statements_whatever_their_order() -> None:
    """Issue: order of resources never matters."""
    two = attestation("surgical-candidate", True, "a"), attestation("surgical-candidate", False, "b")
    for resources in (two, two[::-1]):
        (only,) = evaluated([FIT], *resources)
        assert [gap.reference for gap in only.gaps if gap.code == "conflict"] == ["Observation/a"]
        assert [each.reference for each in only.evidence] == ["Observation/a", "Observation/b"]


def test_a_search_that_the_ehr_does_not_offer_is_noted_on_every_criterion() -> None:
    """clinical.md 4.5."""
    (only,) = evaluated([FIT], failure("Procedure", "not-supported"))
    assert [note.code for note in only.notes] == ["search-unsupported"]


def test_a_finding_is_blocked_by_gaps_unless_it_failed() -> None:
    """clinical.md 4.5: NOT_MET from other resources stays."""
    assert Finding().state is Truth.UNKNOWN
    gap = Gap("unreadable")
    for state, after in (
        (Truth.MET, Truth.UNKNOWN),
        (Truth.NOT_MET, Truth.NOT_MET),
        (Truth.UNKNOWN, Truth.UNKNOWN),
    ):
        assert Finding(state).blocked_by([gap]).state is after
        assert Finding(state).blocked_by([]).state is state


def test_everything_found_is_told_once() -> None:
    """House rule 3: what answered or failed to, without repetition."""
    evidence, gap, note = Evidence("a", "b"), Gap("c"), Note("d")
    finding = Finding(Truth.MET, [evidence, evidence], [gap, gap], [note, note], ["f", "f"])
    result = finding.result(FIT)
    assert (result.evidence, result.gaps, result.notes, result.flags) == (
        (evidence,),
        (gap,),
        (note,),
        ("f",),
    )
    assert (result.id, result.cites, result.state) == ("fit", "fit", Truth.MET)
