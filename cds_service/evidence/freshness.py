"""Whether a dated statement is recent enough to count, and which ones are the latest."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from cds_service.kernel.dates import FhirDate


class Dated(Protocol):
    """A statement of one day."""

    @property
    def day(self) -> date: ...

    @property
    def reference(self) -> str: ...


D = TypeVar("D", bound=Dated)


def of_latest_day(statements: Iterable[D]) -> list[D]:
    """Those of the latest day, sorted by reference, so that the order of arrival never shows."""
    known = sorted(statements, key=lambda each: each.reference)
    last = max((each.day for each in known), default=None)
    return [each for each in known if each.day == last]


class Age(StrEnum):
    """FRESH counts; STALE and UNDATED are set aside; FUTURE cannot be right and is a gap."""

    FRESH = "fresh"
    STALE = "stale"
    UNDATED = "undated"
    FUTURE = "future-dated"


@dataclass(frozen=True, slots=True)
class Freshness:
    """The limit of a policy version for one order (clinical.md 4.5: exactly `days` days is fresh)."""

    ordered: date
    today: date
    days: int

    def age(self, when: FhirDate | None) -> Age:
        """How a date stands to the order; a day of slack for time zones ahead of today."""
        if when is None:
            return Age.UNDATED
        if when.first > max(self.today, self.ordered) + timedelta(days=1):
            return Age.FUTURE
        return Age.FRESH if (self.ordered - when.first).days <= self.days else Age.STALE
