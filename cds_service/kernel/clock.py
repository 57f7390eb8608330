"""Now, new ids and the deadline, all handed in so that tests can hold them still."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime


def utc_today() -> date:
    """The machine's date in UTC (interface.md section 3, `--on`)."""
    return datetime.now(UTC).date()


def new_uuid() -> str:
    """A random UUID for cards and suggestions."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Clock:
    """What a call takes from the world besides its input."""

    today: Callable[[], date] = utc_today
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    new_id: Callable[[], str] = new_uuid


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which a call must be answered, on the monotonic clock."""

    at: float
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> "Deadline":
        """A deadline that many seconds from now."""
        return cls(monotonic() + seconds, monotonic)

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - self.monotonic())

    def keep_back(self, seconds: float) -> "Deadline":
        """The same deadline, earlier by what a later step needs."""
        return Deadline(self.at - seconds, self.monotonic)
