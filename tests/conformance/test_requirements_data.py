"""The requirement files are complete, each id is there once, and a faulty entry is refused."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.conformance import catalogue
from tests.conformance.catalogue import RequirementsError

KNOWN = catalogue.load()

# Keyed statements by chapter of the CRD 2.2.1 guide; dev has no number 18.
CRD_CHAPTERS = {
    "billopt": 3, "conf": 14, "covinfo": 2, "dev": 32, "found": 40, "hook": 39, "impl": 5, "metric": 1,
    "ops": 1, "prof": 15, "resp": 72, "sec": 9,
}  # fmt: skip


def _ids(source: str) -> list[str]:
    return [each.id for each in KNOWN.values() if each.source == source]


def test_every_keyed_crd_statement_is_there() -> None:
    expected = {f"{name}-{n}" for name, last in CRD_CHAPTERS.items() for n in range(1, last + 1)} - {"dev-18"}
    assert len(expected) == 232
    assert set(_ids("Da Vinci CRD 2.2.1")) == expected


def test_every_payer_statement_of_dtr_is_there() -> None:
    ids = _ids("Da Vinci DTR 2.2.0")
    assert len(ids) == 113
    assert all(re.fullmatch(r"dtr:(conf|oper|prof|sec|spec)-\d+", each) for each in ids)


@pytest.mark.parametrize(
    ("source", "prefix", "count"),
    [
        ("Test cases for CDS Hooks", "CH", 260),
        ("Test cases for CRD", "CRD", 124),
        ("Test cases for DTR", "DTR", 17),
    ],
)
def test_every_numbered_case_is_there(source: str, prefix: str, count: int) -> None:
    assert _ids(source) == [f"{prefix}-{number:03d}" for number in range(1, count + 1)]


def test_rules_of_cds_hooks_are_numbered_without_gaps() -> None:
    letters = Counter(each[0] for each in _ids("CDS Hooks 2.0.1"))
    assert (letters["G"], letters["D"], letters["F"]) == (15, 17, 10)
    assert set(_ids("CDS Hooks 2.0.1")) == {
        f"{name}{n}" for name, last in letters.items() for n in range(1, last + 1)
    }


def test_statements_name_their_actors_and_client_duties_do_not_bind() -> None:
    for each in KNOWN.values():
        is_case = each.source.startswith("Test cases")
        assert bool(each.actors) != is_case, each.id
        if each.actors and not any(actor.startswith("server") for actor in each.actors):
            assert not each.binds, each.id


def test_sentences_are_short_and_plain() -> None:
    for each in KNOWN.values():
        assert len(each.says) <= 130, each.id
        assert each.says.endswith("."), each.id
        assert not re.search(r"\b(SHALL|SHOULD|MAY|MUST)\b", each.says), f"{each.id} quotes its source"
        assert not each.reason.endswith("."), each.id


def _folder(tmp_path: Path, *entries: str) -> Path:
    (tmp_path / "some.yaml").write_text(
        "source: Some\nrequirements:\n" + "\n".join(f"- {{{e}}}" for e in entries)
    )
    return tmp_path


GOOD = "id: X-1, strength: SHALL, area: hooks, binds: true, says: It is so."


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([GOOD, GOOD], "X-1 is there twice"),
        ([GOOD.replace("SHALL", "MUST")], "'MUST' is none of SHALL"),
        ([GOOD.replace("hooks", "kitchen")], "'kitchen' is none of"),
        ([GOOD.replace("binds: true", "binds: maybe")], "'maybe' is none of"),
        ([GOOD.replace("true", "false")], "needs a reason"),
        ([GOOD + ", reason: it is hard"], "starts with partly: or not:"),
        ([GOOD + ", cites: [X-9]"], "X-1 cites X-9"),
        ([GOOD + ", cites: X-1"], "are lists"),
        ([GOOD + ", reson: typing"], "unknown members: reson"),
        ([GOOD.replace("says: It is so.", "says: ''")], "not empty"),
        (["id: X-1"], "lacks area, binds, says, strength"),
        (["id: ["], "is not YAML"),
    ],
)
def test_a_faulty_entry_is_refused_by_name(tmp_path: Path, entries: list[str], complaint: str) -> None:
    with pytest.raises(RequirementsError, match=re.escape(complaint)):
        catalogue.load(_folder(tmp_path, *entries))
