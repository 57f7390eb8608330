"""What was sent is used, what lacks is fetched in one round, and every gap is kept with its reason."""

from typing import Any

import pytest

from cds_service.evidence.answers import Answer, Arrived, Failed
from cds_service.evidence.chart import Chart, ChartBuilder
from cds_service.evidence.fill import fill
from cds_service.evidence.needs import Need
from cds_service.hooks.request import read_hook_request
from tests.unit.evidence_io.ehr import BASE, NOTHING, SOON, Table, arrived, outcome, searchset
from tests.unit.hooks.bodies import bundle, call, wire

CONDITIONS = Need("conditions", "Condition")
SIZES = Need("sizeObservations", "Observation", (("code", ("http://s|a", "http://s|b")),))
STAGES = Need("mObservations", "Observation", (("code", ("http://s|m",)),))
FIND = "Condition?patient=p1&_count=100"
FIND_SIZES = "Observation?patient=p1&code=http%3A%2F%2Fs%7Ca,http%3A%2F%2Fs%7Cb&_count=100"
FIND_STAGES = "Observation?patient=p1&code=http%3A%2F%2Fs%7Cm&_count=100"
CONDITION = {"resourceType": "Condition", "id": "c1"}
OTHER = {"resourceType": "Condition", "id": "c2"}
SIZE = {"resourceType": "Observation", "id": "s1"}
STAGE = {"resourceType": "Observation", "id": "m1"}


def filled(
    table: Table | None, *needs: Need, order: dict[str, Any] | None = None, **prefetch: object
) -> Chart:
    builder = ChartBuilder("Patient/p1")
    request = read_hook_request(wire(call(prefetch=prefetch)), "order-sign")
    fill(request, builder, needs, [order or {}], table.gateway if table else None, SOON)
    return builder.build()


def ids(chart: Chart, kind: str) -> list[str]:
    return [stored.reference for stored in chart.of(kind)]


@pytest.mark.requirement("CH-073", "CH-099")
def test_what_was_not_sent_is_fetched_in_one_round() -> None:
    table = Table(
        {
            FIND: arrived(searchset(CONDITION)),
            FIND_SIZES: arrived(searchset()),
            FIND_STAGES: arrived(searchset(STAGE)),
        }
    )
    chart = filled(table, CONDITIONS, SIZES, STAGES)
    assert table.rounds == [[FIND, FIND_SIZES, FIND_STAGES]]
    assert ids(chart, "Condition") == ["Condition/c1"] and ids(chart, "Observation") == ["Observation/m1"]
    assert chart.asked == {"Condition", "Observation"} and not chart.failed


@pytest.mark.requirement(
    "CH-075", "CH-076", "CH-077", "CH-081", "CH-082", "CH-083", "CH-084", "CH-085", "CH-089"
)
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (searchset(CONDITION, total=1), ["Condition/c1"]),
        (bundle(CONDITION, type="collection"), ["Condition/c1"]),
        (CONDITION, ["Condition/c1"]),
        (searchset(CONDITION, outcome("warning")), ["Condition/c1"]),
        (searchset(CONDITION, query="Condition?patient=p1&_count=5&_sort=-date"), ["Condition/c1"]),
        (searchset(CONDITION, query="Condition?patient=Patient/p1"), ["Condition/c1"]),
        (searchset(CONDITION, query="Condition?subject=Patient/p1&_getpages=1"), ["Condition/c1"]),
        (searchset(CONDITION, query="Condition"), ["Condition/c1"]),
        (searchset(total=0), []),
        (searchset(outcome("warning"), total=0), []),
        (None, []),
    ],
)
def test_a_whole_answer_that_was_sent_is_enough(value: object, found: list[str]) -> None:
    table = Table()
    for way in (table, None):
        chart = filled(way, CONDITIONS, conditions=value)
        assert ids(chart, "Condition") == found and chart.asked == {"Condition"} and not chart.failed
    assert table.rounds == []


@pytest.mark.requirement("CH-086")
def test_the_rest_of_a_search_is_counted_from_what_was_sent() -> None:
    """Every page tells the total of all; the EHR is told how much of it is here already."""
    page = f"{BASE}?_getpages=2"
    table = Table({page: arrived(searchset(OTHER, total=2))})
    filled(table, CONDITIONS, conditions=searchset(CONDITION, next_page=page, total=2))
    assert table.begun == {page: 1}


@pytest.mark.requirement("CH-086", "CH-087", "CH-088")
@pytest.mark.parametrize(
    ("value", "path"),
    [
        (searchset(CONDITION, next_page=f"{BASE}?_getpages=2"), f"{BASE}?_getpages=2"),
        (searchset(CONDITION, next_page="https://evil.net/?_getpages=2"), FIND),
        (searchset(CONDITION, next_page="?_getpages=2"), FIND),
        (searchset(CONDITION, total=9), FIND),
        (searchset(CONDITION, outcome("error")), FIND),
        (searchset(CONDITION, query="Condition?patient=p1&category=problem-list-item"), FIND),
        (searchset(CONDITION, query="Condition?patient=p1&clinical-status=active"), FIND),
        (searchset(CONDITION, query="Condition?patient=p1&onset-date=gt2026", next_page=f"{BASE}?p=2"), FIND),
        (searchset(CONDITION, query="Condition?patient=p2"), FIND),
        (searchset(CONDITION, query="Condition?patient=p1&_summary=true"), FIND),
        (searchset(CONDITION, query="Condition?patient=%7B%7Bcontext.nope%7D%7D"), FIND),
        ("<html>", FIND),
        ({"resourceType": "Patient"}, FIND),
    ],
)
def test_a_part_is_completed_by_the_ehr_or_leaves_a_gap(value: object, path: str) -> None:
    """clients.md 2.5: a client's own query may be narrower than ours, and says so in its self link."""
    table = Table({path: arrived(searchset(CONDITION, OTHER) if path == FIND else searchset(OTHER))})
    chart = filled(table, CONDITIONS, conditions=value)
    assert table.rounds == [[path]]
    assert sorted(ids(chart, "Condition")) == ["Condition/c1", "Condition/c2"] and not chart.failed
    alone = filled(None, CONDITIONS, conditions=value)
    assert alone.failed["Condition"]
    assert ids(alone, "Condition") == (["Condition/c1"] if "c1" in str(value) else [])


@pytest.mark.requirement("CH-078", "CH-080")
@pytest.mark.parametrize("error", [outcome(), searchset(outcome())])
def test_an_error_the_client_met_is_a_gap_and_not_asked_again(error: object) -> None:
    table = Table()
    assert filled(table, CONDITIONS, conditions=error).failed == {
        "Condition": "the client could not fetch it"
    }
    assert table.rounds == []


@pytest.mark.requirement("CH-091")
def test_without_a_way_to_the_ehr_what_was_not_sent_is_a_gap() -> None:
    chart = filled(None, CONDITIONS, SIZES, sizeObservations=searchset(SIZE))
    assert list(chart.failed) == ["Condition"] and "may not be asked" in chart.failed["Condition"]
    assert chart.asked == {"Observation"} and ids(chart, "Observation") == ["Observation/s1"]


@pytest.mark.parametrize(
    ("stages", "failed"),
    [
        (NOTHING, {"Observation": NOTHING.reason}),
        (Arrived((), "more pages"), {"Observation": "more pages"}),
        (arrived(searchset(STAGE)), {}),
    ],
)
def test_a_type_is_answered_only_when_each_of_its_searches_is(stages: Answer, failed: dict[str, str]) -> None:
    """clinical.md 4.5: a failed Observation search is a gap for all that Observations bear on."""
    chart = filled(Table({FIND_STAGES: stages}), SIZES, STAGES, sizeObservations=searchset(SIZE))
    assert chart.failed == failed and "Observation/s1" in ids(chart, "Observation")


def test_a_search_that_is_not_offered_is_told_apart_from_one_that_failed() -> None:
    """clinical.md 4.5: not supported is noted and changes nothing for the types that many servers lack."""
    need = Need("bodyStructures", "BodyStructure")
    answer = Failed("the EHR offers no such search (404)", unsupported=True)
    chart = filled(Table({need.search("p1"): answer}), need)
    assert chart.unsupported == {"BodyStructure"} and not chart.failed


def test_pages_that_came_before_the_failure_are_kept() -> None:
    """clinical.md 4.5: NOT_MET from what did arrive stays."""
    chart = filled(
        Table({FIND: arrived(searchset(CONDITION), lacks="the EHR did not answer in time")}), CONDITIONS
    )
    assert ids(chart, "Condition") == ["Condition/c1"]
    assert chart.failed == {"Condition": "the EHR did not answer in time"}


def test_one_key_may_answer_all_needs_for_observations() -> None:
    """Documented prefetch key: observations, without a code."""
    table = Table()
    chart = filled(table, SIZES, STAGES, observations=searchset(SIZE, STAGE))
    assert ids(chart, "Observation") == ["Observation/s1", "Observation/m1"] and table.rounds == []
    table = Table({FIND_SIZES: arrived(searchset(SIZE)), FIND_STAGES: arrived(searchset(STAGE))})
    narrow = searchset(STAGE, query="Observation?patient=p1&category=laboratory")
    chart = filled(table, SIZES, STAGES, observations=narrow)
    assert table.rounds == [[FIND_SIZES, FIND_STAGES]] and not chart.failed


@pytest.mark.parametrize(
    ("code", "enough"),
    [
        ("http://s|a,http://s|b", True),
        ("http://s|b,http://s|x,http://s|a", True),
        ("a,b", True),
        ("http://s|a", False),
        ("http://s|a,x|b", False),
    ],
)
def test_a_search_by_fewer_codes_is_a_part(code: str, enough: bool) -> None:
    """Absence may be concluded only from a complete answer."""
    table = Table()
    chart = filled(
        table, SIZES, sizeObservations=searchset(SIZE, query=f"Observation?patient=p1&code={code}")
    )
    assert (table.rounds == []) is enough and ("Observation" not in chart.failed) is enough


@pytest.mark.requirement("CH-036")
def test_keys_that_nobody_asked_for_are_ignored() -> None:
    table = Table({FIND: arrived(searchset(CONDITION))})
    chart = filled(
        table, CONDITIONS, **{"-user": OTHER, "foo": searchset(OTHER), "procedures": searchset(OTHER)}
    )
    assert ids(chart, "Condition") == ["Condition/c1"]


def test_without_needs_nothing_is_read_and_nothing_leaves() -> None:
    """Minimum necessary: a policy that needs no criteria gets no clinical data."""
    table = Table()
    order = {"reasonReference": [{"reference": "Condition/c9"}]}
    chart = filled(table, order=order, conditions=searchset(CONDITION))
    assert table.rounds == [] and chart.resources == {} and not chart.asked


def test_what_the_order_names_is_read_in_the_same_round() -> None:
    """clinical.md 1.4: reasonReference and supportingInfo; a search for all of a type brings its own."""
    links = [
        "Condition/c9",
        "Observation/o9",
        f"{BASE}/DiagnosticReport/d9",
        "Practitioner/x",
        "#in",
        "Observation/..",
    ]
    order = {
        "reasonReference": [{"reference": link} for link in links],
        "supportingInfo": [
            {"reference": "Observation/o9"},
            {"display": "x"},
            5,
            {"reference": "Observation/s1"},
        ],
    }
    named = {"resourceType": "Observation", "id": "o9"}
    table = Table({FIND: arrived(searchset()), "Observation/o9": arrived(named)})
    chart = filled(table, CONDITIONS, SIZES, order=order, sizeObservations=searchset(SIZE))
    assert table.rounds == [[FIND, "Observation/o9", "DiagnosticReport/d9"]]
    assert ids(chart, "Observation") == ["Observation/s1", "Observation/o9"]
    assert not chart.failed, "a reference that leads nowhere is seen by the rules"
    for odd in ({"reasonReference": "x"}, {"supportingInfo": [{"reference": 7}]}, {}):
        assert filled(Table(), SIZES, order=odd, sizeObservations=searchset(SIZE)).asked == {"Observation"}


UNCODED = Need("uncodedObservations", "Observation", (("code:missing", ("true",)),), extra=True)
FIND_UNCODED = "Observation?patient=p1&code:missing=true&_count=100"
HEEDED = "Observation?patient=p1&code%3Amissing=true"


def test_observations_without_a_code_are_looked_for_beside_the_others() -> None:
    """clinical.md 4.5: an Observation without a readable code is a gap, and no search by code finds it."""
    table = Table(
        {FIND_SIZES: arrived(searchset(SIZE)), FIND_UNCODED: arrived(searchset(STAGE, query=HEEDED))}
    )
    chart = filled(table, SIZES, UNCODED)
    assert table.rounds == [[FIND_SIZES, FIND_UNCODED]] and table.one_page == {FIND_UNCODED}
    assert ids(chart, "Observation") == ["Observation/s1", "Observation/m1"] and not chart.failed


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (Failed("offers no such search (405)", unsupported=True), {}),
        (Failed("the EHR answered 400", rejected=True), {}),
        (arrived(searchset(STAGE, query="Observation?patient=p1"), lacks="more pages"), {}),
        (arrived(searchset(STAGE), lacks="more pages"), {}),
        (arrived(searchset(STAGE, query=HEEDED), lacks="more pages"), {"Observation": "more pages"}),
        (NOTHING, {"Observation": NOTHING.reason}),
    ],
)
def test_an_ehr_that_does_not_know_that_search_is_not_blamed(answer: Answer, failed: dict[str, str]) -> None:
    """Failing a search that is offered is a gap; not offering this one changes nothing."""
    table = Table({FIND_SIZES: arrived(searchset(SIZE)), FIND_UNCODED: answer})
    chart = filled(table, SIZES, UNCODED)
    assert chart.failed == failed and not chart.unsupported


def test_the_extra_search_alone_is_no_reason_to_call() -> None:
    """performance.md P16: nothing missing, no network at all."""
    for way in (Table(), None):
        for sent in ({"sizeObservations": searchset(SIZE)}, {"observations": searchset(SIZE)}):
            chart = filled(way, SIZES, UNCODED, **sent)
            assert chart.asked == {"Observation"} and not chart.failed
            assert way is None or way.rounds == []
