"""How old a dated statement may be (clinical.md 4.5)."""

from datetime import date, timedelta
from typing import NamedTuple

import pytest

from cds_service.evidence.freshness import Age, Freshness, of_latest_day
from cds_service.kernel.dates import parse_date
from tests.builders import ORDERED, TODAY, ago, policy


class Stated(NamedTuple):
    """A statement of one day."""

    reference: str
    day: date


FRESH = Freshness(ORDERED, TODAY, 180)


@pytest.mark.parametrize(
    ("days", "age"),
    [
        (0, Age.FRESH),
        (1, Age.FRESH),
        (180, Age.FRESH),
        (181, Age.STALE),
        (3650, Age.STALE),
        (-1, Age.FRESH),
        (-2, Age.FRESH),
    ],
)
def test_exactly_180_days_before_the_order_is_fresh(days: int, age: Age) -> None:
    """clinical.md 4.5: more than 180 days before the order; a statement after it counts."""
    assert FRESH.age(parse_date(ago(days))) is age


def test_undated_is_not_fresh() -> None:
    """clinical.md 4.5: undated ones are stale."""
    assert FRESH.age(None) is Age.UNDATED


def test_a_date_that_cannot_have_come_yet_is_no_statement() -> None:
    """House rule 2: a date after tomorrow is a mistake, and nobody knows of which kind."""
    assert FRESH.age(parse_date((TODAY + timedelta(days=1)).isoformat())) is Age.FRESH
    assert FRESH.age(parse_date((TODAY + timedelta(days=2)).isoformat())) is Age.FUTURE
    later = Freshness(TODAY + timedelta(days=10), TODAY, 180)
    assert later.age(parse_date((TODAY + timedelta(days=11)).isoformat())) is Age.FRESH


def test_a_partial_date_is_as_old_as_its_first_day() -> None:
    """House rule 2: the stricter reading."""
    limit = Freshness(date(2026, 7, 31), TODAY, 30)
    assert limit.age(parse_date("2026-07")) is Age.FRESH
    assert Freshness(date(2026, 8, 1), TODAY, 30).age(parse_date("2026-07")) is Age.STALE


def test_the_latest_day_is_told_in_an_order_of_its_own() -> None:
    """Issue: order of resources never matters."""
    dated = [Stated(name, date(2026, 11, day)) for name, day in (("c", 3), ("b", 4), ("a", 4))]
    assert [each.reference for each in of_latest_day(dated)] == ["a", "b"]
    assert of_latest_day(reversed(dated)) == of_latest_day(dated)
    assert of_latest_day(dated[:0]) == []


def test_the_limit_is_the_policys() -> None:
    """clinical.md 9, point 5: a value of the policy file."""
    assert policy().limits.fresh_days == 180
    assert policy().limits.plausible_mm == 300
