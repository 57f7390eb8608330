"""A stored resource that is no object: a gap for all it could have said, never a crash (clinical.md 4.5)."""

import pytest

from cds_service.coverage.member import choose
from cds_service.criteria.evaluate import Evaluation
from cds_service.evidence.chart import Chart, Stored
from tests.builders import TODAY, chart, hcc, knowledge, order, policy

ALL = {"resectability", "diagnosis", "size", "extrahepatic", "amenability"}
DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000


def with_garbage(kind: str, raw: bytes) -> Chart:
    """Baseline HCC with one stored resource of that type that cannot be read."""
    held = chart(*hcc())
    more = (*held.of(kind), Stored(f"{kind}/odd", kind, raw))
    return Chart(
        held.patient, held.aliases, {**held.resources, kind: more}, held.failed, held.unsupported, held.asked
    )


@pytest.mark.parametrize("raw", [b"5", b"[]", b"{", DEEP], ids=["number", "array", "torn", "deep"])
@pytest.mark.parametrize(
    ("kind", "touched"),
    [
        ("Condition", {"diagnosis", "extrahepatic"}),
        ("Observation", ALL - {"diagnosis"}),
        ("QuestionnaireResponse", ALL),
        ("BodyStructure", {"size"}),
        ("ServiceRequest", {"resectability"}),
        ("Procedure", set()),
    ],
)
def test_it_is_a_gap_for_every_criterion_that_its_type_could_bear_on(
    kind: str, touched: set[str], raw: bytes
) -> None:
    """clinical.md 4.5: Condition: D and E; Observation: R, S, E, A; form: all five; and so on."""
    known, held = knowledge(), with_garbage(kind, raw)
    read = known.recogniser.read(order(), TODAY, {})
    results = Evaluation(policy(), read, held, TODAY, known.bundle, known.terms).run()
    assert {each.id for each in results if each.state.value == "unknown"} == touched


def test_a_coverage_that_cannot_be_read_is_named() -> None:
    """clinical.md 6: cannot evaluate with that coverage named."""
    known = knowledge()
    held = with_garbage("Coverage", b"[]")
    cases = choose(known.recogniser.read(order(), TODAY, {}), held, known.bundle)
    assert [(each.coverage, each.reason) for each in cases] == [
        ("Coverage/cov", ""),
        ("Coverage/odd", "coverage-unreadable"),
    ]
