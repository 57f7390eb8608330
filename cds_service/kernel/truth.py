"""Met, not met and unknown, and how they combine."""

from collections.abc import Iterable
from enum import StrEnum


class Truth(StrEnum):
    """State of a criterion; deliberately no bool, so that unknown can never pass for no."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"

    def __bool__(self) -> bool:
        raise TypeError("a Truth has three values; compare it with MET, NOT_MET or UNKNOWN")


def all_of(parts: Iterable[Truth]) -> Truth:
    """One clear no settles it; otherwise one unknown keeps it open; nothing at all is unknown."""
    states = set(parts)
    if Truth.NOT_MET in states:
        return Truth.NOT_MET
    return Truth.MET if states == {Truth.MET} else Truth.UNKNOWN


def any_of(parts: Iterable[Truth]) -> Truth:
    """One clear yes settles it; otherwise one unknown keeps it open; nothing at all is unknown."""
    states = set(parts)
    if Truth.MET in states:
        return Truth.MET
    return Truth.NOT_MET if states == {Truth.NOT_MET} else Truth.UNKNOWN


def agreed(parts: Iterable[Truth]) -> Truth:
    """The state all parts share; unknown when they differ or there are none."""
    states = set(parts)
    return states.pop() if len(states) == 1 else Truth.UNKNOWN
