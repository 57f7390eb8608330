"""The criterion size: which sizes count and which lesion decides (clinical.md 3.4; policy I, bullet 3)."""

from typing import Any

import pytest

from tests.builders import (
    LOINC,
    MCODE,
    Resource,
    ago,
    changed,
    concept,
    condition,
    coverage,
    failure,
    gaps,
    lesion,
    notes,
    order,
    past,
    quantity,
    sct,
    size,
    state,
    without,
)

BARE = [{"resourceType": "Patient", "id": "pat"}, order(), coverage(), condition("C22.0")]
SEG5, SEG6, COLON = "277959000", "277960005", "71854001"
RELATED = f"{MCODE}/mcode-related-condition"


def measured(*resources: Resource, **ordered: Any) -> str:
    """The state of the criterion in a chart with one liver tumor and these resources."""
    return state("size", [*changed(BARE, "order", **ordered), *resources])


def at(code: str) -> Resource:
    """A body site."""
    return {"bodySite": sct(code)}


def on(name: str) -> Resource:
    """Measured on a tracked lesion; no site of its own."""
    return {"focus": [{"reference": f"BodyStructure/{name}"}], "bodySite": None}


def nowhere(value: float = 3, name: str = "size", **members: Any) -> Resource:
    """A size without any site."""
    made = size(value, name, **members)
    return {key: each for key, each in made.items() if key != "bodySite"}


@pytest.mark.parametrize(
    ("value", "expected"), [(4.99, "met"), (5, "not-met"), (5.0001, "not-met"), (4.9999999, "met")]
)
def test_the_tumor_is_below_five_centimetres(value: float, expected: str) -> None:
    """Policy I, third bullet: less than five (5) cm in diameter."""
    assert measured(size(value)) == expected
    assert measured(size({"valueQuantity": quantity(value * 10, "mm")})) == expected


@pytest.mark.parametrize("code", ["21889-1", "33728-7"])
def test_sizes_are_known_by_their_code(code: str) -> None:
    """clinical.md 3.1."""
    assert measured({**size({}), "code": concept(code, LOINC), "valueQuantity": quantity(3)}) == "met"


@pytest.mark.parametrize(
    "code",
    ["33730-3", "44648-4", "33731-1", "44667-4", "85319-2", "85320-0", "33756-8", "42079-4", "44697-1"],
)
def test_codes_that_only_look_like_sizes_are_none(code: str) -> None:
    """clinical.md 3.1, rejected codes, registry and review-only ones."""
    other = {**size({}, "other"), "code": concept(code, LOINC)}
    assert measured({**other, "valueQuantity": quantity(3)}) == "unknown"
    assert measured(size(3), {**other, "valueQuantity": quantity(9)}) == "met"


@pytest.mark.parametrize(
    ("status", "alone", "newer"),
    [
        ("final", "met", "met"), ("amended", "met", "met"), ("corrected", "met", "met"),
        ("preliminary", "unknown", "unknown"), ("registered", "unknown", "unknown"),
        ("unknown", "unknown", "unknown"),
        ("cancelled", "unknown", "met"), ("entered-in-error", "unknown", "met"),
        ("done", "unknown", "unknown"),
    ],
)  # fmt: skip
def test_the_status_of_a_size(status: str, alone: str, newer: str) -> None:
    """clinical.md 3.3, step 1: a value that is not final is unknown, also beside an older final one."""
    assert measured(size(3, status=status)) == alone
    assert measured(size(3, "old", 60), size(3, status=status)) == newer
    assert measured(size(3, "old", 60, status=status), size(3)) == ("met" if status != "done" else "unknown")


def test_sizes_of_other_organs_are_dropped() -> None:
    """clinical.md 3.4: keep liver tumors only."""
    assert measured(size(3), size(9, "colon", **at(COLON))) == "met"
    assert measured(size(9, "colon", **at(COLON))) == "unknown"
    assert "set-aside" in notes("size", [*BARE, size(3), size(9, "colon", **at(COLON))])


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (on("lesion"), "not-met"),
        ({"focus": [{"reference": "Condition/dx"}], "bodySite": None}, "not-met"),
        ({"focus": [{"reference": "Condition/primary"}], "bodySite": None}, "met"),
        ({"focus": [{"reference": "Condition/htn"}], "bodySite": None}, "unknown"),
        ({"focus": [{"reference": "Condition/gone"}], "bodySite": None}, "unknown"),
        ({"focus": [{"reference": "BodyStructure/gone"}], "bodySite": None}, "unknown"),
        ({"focus": [{"display": "the lesion"}], "bodySite": None}, "unknown"),
        ({"bodySite": {"text": "liver"}}, "not-met"),
        ({"bodySite": {"text": "colon"}}, "met"),
        ({"bodySite": {"text": "segment VII"}}, "unknown"),
        ({"bodySite": sct("999999")}, "unknown"),
        ({"bodySite": None}, "unknown"),
    ],
)
def test_what_tells_the_organ_of_a_size(members: Resource, expected: str) -> None:
    """clinical.md 3.4: by focus, body site or the linked Condition; 4.5: a focus that cannot be resolved."""
    chart = [
        past("C18.7"),
        condition("I10", "htn"),
        size(3),
        lesion("other"),
        lesion(),
        size(2, "small", **on("other")),
    ]
    large = {key: value for key, value in {**size(9, "large"), **members}.items() if value is not None}
    if "BodyStructure/lesion" not in str(members):
        chart = [each for each in chart if each["id"] != "lesion"]
    assert measured(*chart, large) == expected


def test_without_a_site_a_size_counts_only_where_the_liver_is_the_only_tumor_site() -> None:
    """clinical.md 3.4: any malignancy outside the liver on record, past or present, is another site."""
    assert measured(nowhere()) == "met"
    assert "no-site" in notes("size", [*BARE, nowhere()])
    for code in ("C18.7", "C50.911", "Z85.038", "C79.9", "C44.91"):
        assert measured(nowhere(), past(code, "other")) == "unknown"
    for code in ("C91.11", "C83.30", "D05.10", "D12.6", "Z80.0", "I10"):
        assert measured(nowhere(), past(code, "other")) == "met"
    assert measured(nowhere(), condition(concept(text="Carcinoma"), "words")) == "unknown"
    assert measured(nowhere(), failure("Condition")) == "unknown"
    assert state("size", [*without(BARE, "dx"), nowhere()]) == "unknown"


def test_a_size_without_a_site_that_cannot_be_placed_is_not_dropped() -> None:
    """House rule 2: it may be the largest tumor of the liver."""
    assert measured(size(3), nowhere(9, "other"), past("C18.7")) == "unknown"
    assert measured(size(6), nowhere(3, "other"), past("C18.7")) == "not-met"


def test_a_specimen_was_removed() -> None:
    """clinical.md 3.4; 3.2: a pathology method with focus is no proof of removal."""
    assert measured(size(9, specimen={"reference": "Specimen/s"})) == "unknown"
    assert measured(size(3), size(9, "removed", specimen={"reference": "Specimen/s"})) == "met"
    assert measured(size(9, method=sct("787377000"))) == "not-met"


def test_the_latest_size_of_a_lesion_decides() -> None:
    """clinical.md 3.4: the latest effective time per lesion; a body site code identifies it."""
    assert measured(size(6, "old", 90), size(3)) == "met"
    assert measured(size(3, "old", 90), size(6)) == "not-met"
    assert measured(size(6, "old", 90, **at(SEG5)), size(3, **at(SEG6))) == "not-met"
    two = lesion("a"), lesion("b")
    assert measured(*two, size(6, "one", 90, **on("a")), size(3, "two", **on("b"))) == "not-met"
    assert (
        measured(*two, size(6, "one", 90, **on("a")), size(3, "two", **on("a")), size(2, "x", **on("b")))
        == "met"
    )


def test_a_lesion_is_known_by_its_identifier_over_several_body_structures() -> None:
    """clinical.md 3.4: BodyStructure identifier or reference."""
    same = {"identifier": [{"system": "s", "value": "lesion 1"}]}
    two = lesion("a", **same), lesion("b", **same)
    assert measured(*two, size(6, "one", 90, **on("a")), size(3, "two", **on("b"))) == "met"


@pytest.mark.parametrize(
    ("early", "late", "expected"),
    [
        ("T08:00:00Z", "T09:00:00Z", "met"),
        ("T23:00:00+09:00", "T15:00:00Z", "met"),
        ("", "T09:00:00Z", "not-met"),
        ("", "", "not-met"),
        ("T08:00", "T09:00", "met"),
        ("T08:00", "T09:00:00Z", "not-met"),
        ("T09:00:00Z", "T09:00:00Z", "not-met"),
    ],
)
def test_two_sizes_of_one_day_both_count_unless_both_tell_the_time(
    early: str, late: str, expected: str
) -> None:
    """clinical.md 3.4: the latest effective time."""
    day = ago(30)
    assert (
        measured(size(6, "one", effectiveDateTime=day + early), size(3, "two", effectiveDateTime=day + late))
        == expected
    )


def test_without_an_identity_all_sizes_of_the_latest_day_count() -> None:
    """clinical.md 3.4: and warn."""
    chart = [*BARE, nowhere(6, "one"), nowhere(3, "two")]
    assert state("size", chart) == "not-met"
    assert "lesions-not-tracked" in notes("size", chart)
    assert measured(nowhere(6, "one", days=31), nowhere(3, "two")) == "met"
    times = {"effectiveDateTime": f"{ago(30)}T08:00:00Z"}, {"effectiveDateTime": f"{ago(30)}T09:00:00Z"}
    assert measured(nowhere(6, "one", **times[0]), nowhere(3, "two", **times[1])) == "not-met"


def test_the_largest_lesion_decides_and_one_without_a_size_leaves_it_open() -> None:
    """clinical.md 3.4: unless another already fails."""
    assert measured(size(3), size(6, "other", **at(SEG5))) == "not-met"
    assert measured(size(3), lesion()) == "unknown"
    assert "unmeasured-lesion" in gaps("size", [*BARE, size(3), lesion()])
    assert measured(size(6), lesion()) == "not-met"
    assert measured(size(3), lesion(site=COLON)) == "met"


def test_a_lesion_that_is_gone_does_not_count() -> None:
    """clinical.md 3.4: BodyStructure with active false."""
    assert measured(size(3), lesion(active=False), size(9, "gone", **on("lesion"))) == "met"
    assert measured(lesion(active=False), size(3, **on("lesion"))) == "unknown"
    assert measured(size(3), lesion(active="no")) == "unknown"


@pytest.mark.parametrize(
    ("days", "expected"),
    [(180, "met"), (181, "unknown"), (1000, "unknown"), (None, "unknown"), (-30, "unknown")],
)
def test_a_stale_or_undated_size_leaves_the_lesion_unmeasured(days: int | None, expected: str) -> None:
    """clinical.md 4.5: exactly 180 days is fresh."""
    when = ago(days) if days is not None else None
    made = {key: value for key, value in {**size(3), "effectiveDateTime": when}.items() if value is not None}
    assert measured(made) == expected
    assert measured({**made, "component": size(9)["component"]}) == (
        "not-met" if expected == "met" else "unknown"
    )


def test_a_size_dated_in_the_future_leaves_a_lesion_open() -> None:
    """House rule 2: it would be the latest, and it cannot be right."""
    assert measured(size(3), size(3, "ahead", effectiveDateTime=ago(-30))) == "unknown"
    assert measured(size(6), size(3, "ahead", effectiveDateTime=ago(-30))) == "not-met"


def test_a_stale_size_beside_a_fresh_one_is_set_aside() -> None:
    """clinical.md 4.5."""
    assert measured(size(9, "old", 200), size(3)) == "met"
    assert measured(size(9, "old", 200, **at(SEG5)), size(3, **at(SEG6))) == "unknown"
