"""FHIR dates as written: the days they may mean, and what is no date at all (clinical.md 4.5)."""

from datetime import date, timedelta

import pytest

from cds_service.kernel.dates import parse_date


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-21", date(2026, 11, 21), date(2026, 11, 21)),
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
        ("2026-11-21T23:30:00-05:00", date(2026, 11, 21), date(2026, 11, 21)),
        ("2026-11-21T23:30:00.123Z", date(2026, 11, 21), date(2026, 11, 21)),
        ("2026-11-21T00:30", date(2026, 11, 21), date(2026, 11, 21)),
    ],
)
def test_a_date_means_the_days_it_may_mean_where_it_was_written(text: str, first: date, last: date) -> None:
    """FHIR R4 date and dateTime; the day is that of the zone in which it was written."""
    read = parse_date(text)
    assert (read.first, read.last, read.day, read.text) == (first, last, first, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-13",
        "2026-00",
        "2026-02-30",
        "2025-02-29",
        "26-11-21",
        "2026-1-2",
        "2026/11/21",
        "20261121",
        "0000",
        "2026-11-21T25:00:00Z",
        "2026-11-21T10:61:00Z",
        "2026-11-21T10:00:00+99:00",
        "2026-11-21T",
        "2026-11-21 10:00",
        "2026-11-21\n",
        " 2026-11-21",
        "٢٠٢٦-11-21",
        20261121,
        None,
        True,
        {},
    ],
)
def test_what_is_no_date_is_refused(text: object) -> None:
    """clinical.md 4.5: a date that cannot be parsed is a gap, so it must not pass for another date."""
    with pytest.raises(ValueError, match=r"date|month|day|hour|minute|offset|year|isoformat"):
        parse_date(text)


def test_a_moment_is_known_only_with_a_time() -> None:
    """clinical.md 3.4: the latest effective time decides between sizes of one day, where it is told."""
    assert parse_date("2026-11-21").moment is None
    early, late = parse_date("2026-11-21T09:00:00+09:00").moment, parse_date("2026-11-21T02:00:00Z").moment
    assert early is not None and late is not None
    assert late - early == timedelta(hours=2)


def test_the_last_month_a_date_can_name_still_has_an_end() -> None:
    """A month after December 9999 cannot be written, and that is no damage."""
    assert parse_date("9999").last == parse_date("9999-12").last == date(9999, 12, 31)


def test_a_date_shows_itself_as_written() -> None:
    """Evidence is shown as it was seen."""
    assert repr(parse_date("2026-11")) == "FhirDate(2026-11)"
