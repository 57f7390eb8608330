"""Many searches in one FHIR batch, for servers that say they take it and where that has been faster."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from cds_service.evidence.answers import Reply
from cds_service.hooks.strict_json import BROKEN
from cds_service.kernel import fhir_json

WORTH = 4
"""Fewer paths than this never go in a batch."""
_TRIED = 2  # rounds that each way is given before they are compared; the first one opens connections
_MEMORY = 600.0
_MOST_SERVERS = 1000


class Way(StrEnum):
    """How a round is made."""

    PARALLEL = "parallel"
    BATCH = "batch"


@dataclass(slots=True)
class _Known:
    """What is remembered of one server; offered: whether it takes batches, None while nobody asked."""

    until: float
    offered: bool | None = None
    took: dict[Way, list[float]] = field(default_factory=lambda: {way: [] for way in Way})


class Pace:
    """How long each way took at each server; forgotten after ten minutes, because servers change."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._servers: dict[str, _Known] = {}

    def way(self, base: str) -> Way:
        """How to make the next round at this server."""
        known = self._at(base)
        if not known.offered:
            return Way.PARALLEL
        short = [way for way in Way if len(known.took[way]) < _TRIED]
        return short[0] if short else min(Way, key=lambda way: min(known.took[way]))

    def is_to_be_asked(self, base: str) -> bool:
        """Whether its CapabilityStatement is worth a call now: once, at a server that is called again."""
        known = self._at(base)
        if known.offered is not None or not known.took[Way.PARALLEL]:
            return False
        known.offered = False  # until it answers
        return True

    def offers(self, base: str, batch: bool) -> None:
        """What its CapabilityStatement says."""
        self._at(base).offered = batch

    def took(self, base: str, way: Way, seconds: float) -> None:
        """Notes a round; infinity for one that this way did not bring."""
        times = self._at(base).took[way]
        times.append(seconds)
        del times[:-_TRIED]

    def _at(self, base: str) -> _Known:
        now, known = self._monotonic(), self._servers.get(base)
        if known is None or known.until < now:
            if len(self._servers) >= _MOST_SERVERS:
                self._servers.clear()
            known = self._servers[base] = _Known(now + _MEMORY)
        return known


class _Interaction(msgspec.Struct):
    code: str = ""


class _Rest(msgspec.Struct):
    interaction: list[_Interaction] = []


class _Statement(msgspec.Struct):
    rest: list[_Rest] = []


def says_batch(statement: bytes) -> bool:
    """Whether a CapabilityStatement offers batches (`rest.interaction` with the code `batch`)."""
    try:
        found = msgspec.json.decode(statement, type=_Statement)
    except BROKEN:
        return False
    return any(each.code == "batch" for rest in found.rest for each in rest.interaction)


def batch_of(paths: Sequence[str]) -> bytes:
    """The Bundle that asks for these paths."""
    entry = [{"request": {"method": "GET", "url": path}} for path in paths]
    return fhir_json.write({"resourceType": "Bundle", "type": "batch", "entry": entry})


class _Response(msgspec.Struct):
    status: str


class _Entry(msgspec.Struct):
    response: _Response
    resource: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Answers(msgspec.Struct):
    type: str
    entry: list[_Entry]


def replies_of(body: bytes, base: str, paths: Sequence[str]) -> dict[str, Reply]:
    """The replies by path, for those that went well; the others are to be asked for one by one.

    A batch-response has an entry for each one of the batch, in its order (FHIR R4, RESTful API, batch); one
    that has another number answers nothing.
    """
    try:
        found = msgspec.json.decode(body, type=_Answers)
    except BROKEN:
        return {}
    if found.type != "batch-response" or len(found.entry) != len(paths):
        return {}
    return {
        path: Reply(f"{base}/{path}", 200, bytes(each.resource))
        for path, each in zip(paths, found.entry, strict=True)
        if each.resource is not msgspec.UNSET and each.response.status.startswith("200")
    }
