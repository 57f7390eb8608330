"""FHIR dates and times: as written, the days they may mean, and their order."""

import re
from calendar import monthrange
from datetime import date, datetime

_PATTERN = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?\Z", re.ASCII
)


class FhirDate:
    """A FHIR date, dateTime or instant.

    first / last: the earliest and latest calendar day it may mean, in the time zone it was written in;
    moment: the exact time when one is given; text: as written. No dataclass: decoders would take it for a
    JSON object.
    """

    __slots__ = ("first", "last", "moment", "text")

    def __init__(self, text: str, first: date, last: date, moment: datetime | None = None) -> None:
        self.text = text
        self.first = first
        self.last = last
        self.moment = moment

    def __repr__(self) -> str:
        return f"FhirDate({self.text})"

    @property
    def day(self) -> date:
        """The day that stands for it where one is needed: the first, the stricter reading for freshness."""
        return self.first


def parse_date(text: object) -> FhirDate:
    """A FhirDate from its FHIR text (R4 date, dateTime, instant). Raises ValueError for anything else."""
    match = _PATTERN.match(text) if isinstance(text, str) else None
    if match is None or not isinstance(text, str):
        raise ValueError("not a FHIR date")
    year, month, day = match.groups()
    if day is None:
        return _partial(text, int(year), month)
    first = date(int(year), int(month), int(day))
    moment = datetime.fromisoformat(text) if "T" in text else None
    return FhirDate(text, first, first, moment)


def _partial(text: str, year: int, month: str | None) -> FhirDate:
    if month is None:
        return FhirDate(text, date(year, 1, 1), date(year, 12, 31))
    first = date(year, int(month), 1)
    return FhirDate(text, first, first.replace(day=monthrange(year, first.month)[1]))
