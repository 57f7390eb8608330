"""Prefetch templates and their tokens, and what a prefetched or searched value means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import msgspec

from cds_service.hooks.strict_json import BROKEN


@dataclass(frozen=True, slots=True)
class PrefetchTemplate:
    """A key and the FHIR query that fills it, with tokens such as `{{context.patientId}}`."""

    key: str
    template: str


# Only what every call needs (CRD found-27), in the guide's own words for it (found-29): all else depends on
# the policy and is fetched with the token, or read from the further keys of `evidence.needs` when a client
# sends them on its own account.
DISCOVERY = (
    PrefetchTemplate("patient", "Patient/{{context.patientId}}"),
    PrefetchTemplate("coverage", "Coverage?patient={{context.patientId}}&status=active"),
)

_TOKEN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def expand(template: str, tokens: Mapping[str, str]) -> str | None:
    """The query with every token filled in, or None when one is not known (cds-hooks.md 2.4).

    tokens: expression -> value, such as `context.patientId`. Values are encoded, so that no id can change the
    query (CH-233); `context.userId` and its like keep the slash between type and id.
    """
    names = _TOKEN.findall(template)
    if any(name not in tokens for name in names):
        return None
    return _TOKEN.sub(
        lambda found: quote(tokens[found[1]], safe="/" if found[1].endswith("userId") else ""), template
    )


class Kind(StrEnum):
    """What a value stands for (cds-hooks.md 2.5)."""

    ABSENT = "absent"  # not sent: fetch it, or say that it is not known
    NULL = "null"  # asked by the client, nothing there
    EMPTY = "empty"  # a search that found nothing
    BUNDLE = "bundle"  # matches
    RESOURCE = "resource"  # one resource of the type asked for
    OUTCOME = "outcome"  # the client met an error: neither data nor absence
    UNUSABLE = "unusable"  # not what was asked for


@dataclass(frozen=True, slots=True)
class Value:
    """A classified value.

    next_page: address of the page that follows; self_link: the query as the server understood it; matches:
    entries that answer the search; included: entries sent along with them; total: how many there should be,
    if told (some count what is included); troubled: an entry tells of an error, or the links cannot be read.
    """

    kind: Kind
    raw: bytes = b""
    next_page: str | None = None
    self_link: str | None = None
    matches: int = 0
    included: int = 0
    total: int | None = None
    troubled: bool = False

    @property
    def complete(self) -> bool:
        """Whether all that was asked for is here, so that what is missing may be called absent (CH-087)."""
        answered = self.kind in (Kind.NULL, Kind.EMPTY, Kind.BUNDLE, Kind.RESOURCE)
        counted = (self.total or 0) <= self.matches + self.included
        return answered and counted and not self.troubled and self.next_page is None


class _Head(msgspec.Struct, gc=False):
    resourceType: Any = None  # noqa: N815 - FHIR's own spelling
    total: Any = None
    link: Any = None
    entry: list[msgspec.Raw] | None = None


class _Resource(msgspec.Struct, gc=False):
    resourceType: Any = None  # noqa: N815
    issue: Any = None


class _Entry(msgspec.Struct, gc=False):
    resource: _Resource | None = None
    search: Any = None


_HEAD = msgspec.json.Decoder(_Head)
_ENTRY = msgspec.json.Decoder(_Entry)


def classify(prefetch: Mapping[str, bytes | None], key: str, resource_type: str) -> Value:
    """What the value under a key means; resource_type: the type asked for (CH-073 to CH-087)."""
    if key not in prefetch:
        return Value(Kind.ABSENT)
    raw = prefetch[key]
    return Value(Kind.NULL) if raw is None else read_value(raw, resource_type)


def read_value(raw: bytes, resource_type: str) -> Value:
    """What a value means, sent or fetched; any bytes are taken, and what cannot be used says so."""
    try:
        head = _HEAD.decode(raw)
    except BROKEN:
        return Value(Kind.UNUSABLE, raw)
    if head.resourceType == "Bundle":
        return _read_bundle(head, raw)
    if head.resourceType == resource_type:
        return Value(Kind.RESOURCE, raw, matches=1)
    return Value(Kind.OUTCOME if head.resourceType == "OperationOutcome" else Kind.UNUSABLE, raw)


def _read_bundle(head: _Head, raw: bytes) -> Value:
    matches, outcomes, errors, included = _count(head.entry or [], raw)
    links = _links(head.link)
    total = head.total if isinstance(head.total, int) and not isinstance(head.total, bool) else None
    value = Value(
        Kind.BUNDLE,
        raw,
        next_page=None if links is None else links.get("next"),
        self_link=None if links is None else links.get("self"),
        matches=matches,
        included=included,
        total=total,
        troubled=links is None or errors > 0,
    )
    if matches == 0 and outcomes and errors:
        return replace(value, kind=Kind.OUTCOME)
    return replace(value, kind=Kind.EMPTY) if matches == 0 and value.complete else value


def _count(entries: list[msgspec.Raw], raw: bytes) -> tuple[int, int, int, int]:
    """(matches, OperationOutcomes, those that tell of an error, included entries): CH-081 to CH-083.

    An entry that cannot be read counts as a match: something is there.
    """
    if b"OperationOutcome" not in raw and b'"include"' not in raw:
        return len(entries), 0, 0, 0
    matches = outcomes = errors = included = 0
    for item in entries:
        try:
            entry = _ENTRY.decode(item)
        except BROKEN:
            matches += 1
            continue
        if entry.resource is not None and entry.resource.resourceType == "OperationOutcome":
            outcomes += 1
            errors += _tells_of_error(entry.resource.issue)
        elif isinstance(entry.search, dict) and entry.search.get("mode") == "include":
            included += 1
        else:
            matches += 1
    return matches, outcomes, errors, included


def _tells_of_error(issues: Any) -> bool:
    """Whether an issue is an error; one vendor says by a warning that there are no results (5.2 there)."""
    if not isinstance(issues, list):
        return True
    return any(not isinstance(i, dict) or i.get("severity") not in ("warning", "information") for i in issues)


def _links(links: Any) -> dict[str, str] | None:
    """Link addresses by relation, or None when they cannot be read: then a further page may exist."""
    if links is None:
        return {}
    try:
        return {str(link["relation"]): str(link["url"]) for link in links}
    except (TypeError, KeyError):
        return None
