"""Missing, failed or unreadable data never makes an answer better (determinations.md 1, clinical.md 4.5)."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.determination import Determination
from cds_service.evaluate import evaluate_chart
from cds_service.kernel.errors import InputError
from tests.builders import BASELINES, TODAY, Resource, bundle, failure, knowledge, without
from tests.property.damage import damaged, damages
from tests.property.mutations import MUTATIONS, charts, mutated

Chart = list[Resource]
SEARCHES = (
    *("Condition", "Observation", "Procedure", "BodyStructure", "QuestionnaireResponse", "ServiceRequest"),
    *("Coverage", "Organization", "Practitioner", "Specimen", None),
)
NOT_DAMAGED = ("Patient", "Practitioner")


def judged(chart: Chart) -> list[Determination]:
    """All determinations of a chart; none when it holds no readable order."""
    try:
        return evaluate_chart(bundle(chart), TODAY, knowledge())
    except InputError:
        return []


def passes(found: list[Determination]) -> bool:
    """Whether any determination meets the criteria."""
    return any(each.outcome.value == "meets-criteria" for each in found)


def met(found: list[Determination]) -> set[tuple[str, str | None, str]]:
    """Every criterion that is met, under its order and coverage."""
    return {
        (each.order.reference, each.coverage, result.id)
        for each in found
        for result in each.criteria
        if result.state.value == "met"
    }


def open_or_failed(found: list[Determination]) -> set[tuple[str, str | None, str]]:
    """Every criterion that was judged and is not met."""
    all_judged = {(each.order.reference, each.coverage, r.id) for each in found for r in each.criteria}
    return all_judged - met(found)


def assert_no_better(before: Chart, after: Chart) -> None:
    """No answer turns into meets-criteria, and no criterion that was judged turns into met."""
    first, second = judged(before), judged(after)
    assert passes(first) or not passes(second)
    assert not open_or_failed(first) & met(second)


@st.composite
def damaged_charts(draw: st.DrawFn) -> tuple[Chart, Chart]:
    """A chart, and the same with one or two of its elements unreadable."""
    before = draw(charts)
    after = list(before)
    for _ in range(draw(st.integers(1, 2))):
        places = [n for n, each in enumerate(after) if each["resourceType"] not in NOT_DAMAGED]
        at = draw(st.sampled_from(places))
        possible = list(damages(before[at]))
        path, value = draw(st.sampled_from(possible))
        after[at] = damaged(before[at], path, value)
    return before, after


@settings(max_examples=600)
@given(damaged_charts())
def test_damaging_a_resource_makes_nothing_better(pair: tuple[Chart, Chart]) -> None:
    """clinical.md 4.5: damaging a resource so that it cannot be read never yields meets-criteria."""
    assert_no_better(*pair)


@pytest.mark.parametrize("base", BASELINES)
@pytest.mark.parametrize(
    "kind", ["Condition", "Observation", "Coverage", "ServiceRequest", "Organization", "Procedure"]
)
def test_every_single_damage_to_a_baseline_is_survived(base: str, kind: str) -> None:
    """clinical.md 4.5: nothing crashes, and what was met can only be lost."""
    chart = mutated(base, ["payer by Organization", "lung metastasis", "resection ordered"])
    before = judged(chart)
    for at, each in enumerate(chart):
        if each["resourceType"] == kind:
            for path, value in damages(each):
                after = judged([*chart[:at], damaged(each, path, value), *chart[at + 1 :]])
                assert not passes(after), (path, value)
                assert not open_or_failed(before) & met(after), (path, value)


@settings(max_examples=300)
@given(charts, st.lists(st.sampled_from(SEARCHES), min_size=1, max_size=3, unique=True))
def test_failing_a_search_makes_nothing_better(chart: Chart, kinds: list[str | None]) -> None:
    """clinical.md 4.5: failing a search never yields meets-criteria."""
    assert_no_better(chart, [*chart, *map(failure, kinds)])


@settings(max_examples=300)
@given(charts, st.sampled_from([kind for kind in SEARCHES if kind]))
def test_a_search_that_fails_and_brings_nothing_makes_nothing_better(chart: Chart, kind: str) -> None:
    """determinations.md 1: what did not arrive is a gap, not an absence."""
    left = [each for each in chart if each["resourceType"] != kind or each.get("id") == "order"]
    assert passes(judged(chart)) or not passes(judged([*left, failure(kind)]))


SUPPORTING = ("size", "m", "resectability", "amenable-to-cryoablation", "done", "cov")


@settings(max_examples=300)
@given(charts, st.sets(st.sampled_from(SUPPORTING), min_size=1))
def test_taking_supporting_evidence_away_makes_nothing_better(chart: Chart, names: set[str]) -> None:
    """clinical.md 4.5: taking supporting evidence away never yields meets-criteria.

    Supporting is what the baselines rest on, as long as no mutation has turned it against them.
    """
    supporting = [each for base in BASELINES.values() for each in base()]
    gone = [each["id"] for each in chart if each.get("id") in names and each in supporting]
    assert_no_better(chart, without(chart, *gone))


@pytest.mark.parametrize("base", BASELINES)
@pytest.mark.parametrize("name", SUPPORTING)
def test_every_baseline_rests_on_its_evidence(base: str, name: str) -> None:
    """clinical.md 7: all five criteria met; each piece of evidence is needed."""
    chart = BASELINES[base]()
    assert passes(judged(chart))
    if name == "done" or not any(each.get("id") == name for each in chart):
        return
    assert not passes(judged(without(chart, name)))


@st.composite
def with_unknown_members(draw: st.DrawFn) -> tuple[Chart, Chart]:
    """A chart, and the same with members that no rule knows."""
    before = draw(charts)
    values = st.sampled_from(
        [None, 5, "x", [], {}, [{}], {"coding": []}, {"reference": "Condition/dx"}, True]
    )
    names = draw(
        st.lists(
            st.sampled_from(["_status", "xValue", "note2", "encounter", "meta"]), min_size=1, unique=True
        )
    )
    return before, [_decorated(each, draw, names, values) for each in before]


def _decorated(value: Any, draw: st.DrawFn, names: list[str], values: st.SearchStrategy[Any]) -> Any:
    if isinstance(value, list):
        return [_decorated(each, draw, names, values) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _decorated(each, draw, names, values) for key, each in value.items()}
    return {**kept, draw(st.sampled_from(names)): draw(values)}


def _told(found: Determination) -> tuple[Any, ...]:
    """All that a determination says."""
    criteria = [(c.id, c.state, c.evidence, c.gaps, c.notes) for c in found.criteria]
    return found.outcome, found.reason, found.coverage, found.flags, criteria


@settings(max_examples=150)
@given(with_unknown_members())
def test_unknown_members_change_nothing(pair: tuple[Chart, Chart]) -> None:
    """architecture.md: strict about what we send and patient about what we get."""
    assert list(map(_told, judged(pair[0]))) == list(map(_told, judged(pair[1])))


def test_the_mutations_bring_every_outcome() -> None:
    """A property that is tried on one kind of answer proves little."""
    single = (judged(mutated(base, [name])) for base, name in itertools.product(BASELINES, MUTATIONS))
    outcomes = {each.outcome.value for found in single for each in found}
    assert outcomes == {
        *("meets-criteria", "investigational", "needs-info", "refer-to-plan", "no-policy"),
        *("out-of-scope", "cannot-evaluate"),
    }
