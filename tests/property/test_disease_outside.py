"""Evidence of disease outside the liver never improves the answer (clinical.md 4.4)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.determination import Determination
from tests.builders import Resource
from tests.property.mutations import DISEASE, DOUBTFUL, charts
from tests.property.test_fail_safe import judged

Chart = list[Resource]
RANK = {"met": 2, "unknown": 1, "not-met": 0}
UNSETTLING = {"primary unspecified", "words of malignancy"}
"""Further candidates for the primary, which take away what an M letter means (clinical.md 2.3, 4.2)."""
OUTCOME_RANK = {"meets-criteria": 2, "needs-info": 1, "investigational": 0}


def worth(found: list[Determination]) -> dict[tuple[str, str | None], int]:
    """How good the criterion stands under each order and coverage."""
    return {
        (each.order.reference, each.coverage): RANK[result.state.value]
        for each in found
        for result in each.criteria
        if result.id == "extrahepatic"
    }


def placed(chart: Chart, more: Resource) -> Chart:
    """The chart with one more finding, under an id of its own."""
    return [*chart, {**more, "id": "added"}]


@settings(max_examples=400)
@given(charts, st.sampled_from(sorted({**DISEASE, **DOUBTFUL}.keys() - UNSETTLING)))
def test_disease_elsewhere_never_improves_the_criterion(chart: Chart, name: str) -> None:
    """clinical.md 4.4: met > unknown > not met."""
    before = worth(judged(chart))
    after = worth(judged(placed(chart, {**DISEASE, **DOUBTFUL}[name])))
    assert all(after[case] <= value for case, value in before.items())


@settings(max_examples=200)
@given(charts, st.sampled_from(sorted(UNSETTLING)))
def test_a_primary_that_cannot_be_named_never_meets_the_criterion(chart: Chart, name: str) -> None:
    """clinical.md 4.2: beside it no origin is established, so an M letter is ignored whatever it says."""
    assert RANK["met"] not in worth(judged(placed(chart, DOUBTFUL[name]))).values()


@settings(max_examples=400)
@given(charts, st.sampled_from([name for name in sorted(DISEASE) if name != "statement of disease"]))
def test_a_confirmed_diagnosis_elsewhere_settles_the_answer(chart: Chart, name: str) -> None:
    """clinical.md 4.4, line 1: a current confirmed code decides, whatever else is said or missing."""
    before, after = judged(chart), judged(placed(chart, DISEASE[name]))
    assert all(value == RANK["not-met"] for value in worth(after).values())
    assert [each.outcome for each in after if each.criteria] == ["investigational"] * len(worth(before))


@settings(max_examples=300)
@given(charts, st.sampled_from(sorted(DISEASE)))
def test_disease_elsewhere_never_improves_the_answer(chart: Chart, name: str) -> None:
    """determinations.md 1: meets-criteria > needs-info > investigational."""
    before = {(d.order.reference, d.coverage): d.outcome.value for d in judged(chart)}
    after = {(d.order.reference, d.coverage): d.outcome.value for d in judged(placed(chart, DISEASE[name]))}
    for case, outcome in before.items():
        if outcome in OUTCOME_RANK:
            assert OUTCOME_RANK[after[case]] <= OUTCOME_RANK[outcome]
        else:
            assert after[case] == outcome
