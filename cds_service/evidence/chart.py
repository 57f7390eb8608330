"""What was received of a patient, by resource type, with found, absent, failed and never asked kept apart."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec

from cds_service.kernel.elements import Reference
from cds_service.kernel.provenance import Gap, Note
from cds_service.kernel.references import canonical, resource_type

ANY_TYPE = "*"
NOT_ASKED = "it was not sent whole, and the EHR may not be asked"
_OFTEN_LACKING = frozenset({"BodyStructure", "Procedure", "QuestionnaireResponse"})
_CONTAINERS = frozenset({"Bundle", "Parameters", "OperationOutcome", "Resource", "DomainResource"})
_UNSUPPORTED_CODES = frozenset({"not-supported", "not-found"})
_UNSUPPORTED_STATUS = ("404", "405", "501")


@dataclass(frozen=True, slots=True)
class Stored:
    """One resource as received: its `Type/id` and its JSON bytes, decoded only when a rule reads it.

    code: the bytes of its `code`, which tells whether any rule does.
    """

    reference: str
    type: str
    raw: bytes | msgspec.Raw
    code: msgspec.Raw | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """The received resources of one call.

    patient: canonical reference of the person the call is about; failed: type -> why its search failed or
    is incomplete (`*`: it is not known which); unsupported: types the EHR cannot search; asked: types with
    a complete answer; broken: entries that are no readable resource.
    """

    patient: str | None
    aliases: Mapping[str, str]
    resources: Mapping[str, tuple[Stored, ...]]
    failed: Mapping[str, str]
    unsupported: frozenset[str]
    asked: frozenset[str]
    broken: tuple[str, ...] = ()
    _index: Mapping[str, Stored] = field(default_factory=dict)

    def of(self, kind: str) -> tuple[Stored, ...]:
        """All received resources of a type."""
        return self.resources.get(kind, ())

    def find(self, reference: str) -> Stored | None:
        """The received resource that a reference names, or None."""
        return self._index.get(self.canonical(reference))

    def canonical(self, reference: str) -> str:
        """`Type/id` of any form of reference."""
        return canonical(reference, self.aliases)

    def failure(self, kind: str) -> str | None:
        """Why nothing may be concluded from the absence of this type, or None.

        Not to offer a search is a failure, except for the types that many servers lack (clinical.md 4.5).
        """
        lacking = kind in self.unsupported and kind not in _OFTEN_LACKING
        return (
            self.failed.get(kind)
            or self.failed.get(ANY_TYPE)
            or ("search not supported" if lacking else None)
        )

    def is_other_patient(self, subject: Reference | msgspec.UnsetType) -> bool:
        """Whether a resource is about somebody else (servers that ignore a search parameter return such)."""
        if self.patient is None or subject is msgspec.UNSET or subject.reference is msgspec.UNSET:
            return False
        return self.canonical(subject.reference) != self.patient

    def about(self, patient: str | None) -> "Chart":
        """The same chart seen as that patient's."""
        return replace(self, patient=self.canonical(patient) if patient else self.patient)


class _Entry(msgspec.Struct, gc=False, rename="camel"):
    resource: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    full_url: str | msgspec.UnsetType = msgspec.UNSET


class _Bundle(msgspec.Struct, gc=False):
    entry: list[_Entry] | None = None


class _RawBundle(msgspec.Struct, gc=False):
    """The same with entries unread, for when one of them cannot be read."""

    entry: list[msgspec.Raw] | None = None


class _Probe(msgspec.Struct, gc=False, rename="camel"):
    resource_type: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Za-z]+$")]
    id: str | int | msgspec.UnsetType = msgspec.UNSET
    code: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Issue(msgspec.Struct, gc=False):
    """An issue of an OperationOutcome; only its severity has to be right."""

    severity: Literal["information", "warning", "error", "fatal"]
    code: Any = None
    diagnostics: Any = None
    expression: Any = None
    location: Any = None


class _Outcome(msgspec.Struct, gc=False):
    issue: Annotated[list[_Issue], msgspec.Meta(min_length=1)]


_OUTCOME = msgspec.json.Decoder(_Outcome)
_BUNDLE = msgspec.json.Decoder(_Bundle)
_RAW_BUNDLE = msgspec.json.Decoder(_RawBundle)
_ENTRY = msgspec.json.Decoder(_Entry)
_PROBE = msgspec.json.Decoder(_Probe)
_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


class ChartBuilder:
    """Collects what prefetch, searches or a file bring, then builds the Chart."""

    def __init__(self, patient: str | None = None) -> None:
        """patient: `Patient/id` of the person the call is about, if known."""
        self.patient = patient
        self._aliases: dict[str, str] = {}
        self._resources: dict[str, dict[str, list[Stored]]] = {}
        self._failed: dict[str, str] = {}
        self._unsupported: set[str] = set()
        self._asked: set[str] = set()
        self._broken: list[str] = []

    def add_bundle(self, raw: bytes | msgspec.Raw, search: str | None = None) -> None:
        """A Bundle as JSON bytes; search: the resource type asked for, whose answer this is."""
        if search:
            self._asked.add(search)
        try:
            entries = _BUNDLE.decode(raw).entry or []
        except _ERRORS:
            self._add_one_by_one(raw, search)
            return
        for entry in entries:
            self._add_entry(entry, search)

    def _add_one_by_one(self, raw: bytes | msgspec.Raw, search: str | None) -> None:
        """The entries that can be read; each other one is a gap."""
        try:
            entries = _RAW_BUNDLE.decode(raw).entry or []
        except _ERRORS:
            self._break("a Bundle that cannot be read", search)
            return
        for each in entries:
            try:
                self._add_entry(_ENTRY.decode(each), search)
            except _ERRORS:
                self._break("a Bundle entry that cannot be read", search)

    def _add_entry(self, entry: _Entry, search: str | None) -> None:
        if entry.resource is msgspec.UNSET:
            self._break("a Bundle entry without a resource", search)
            return
        self.add_resource(entry.resource, entry.full_url if isinstance(entry.full_url, str) else None, search)

    def add_resource(
        self, raw: bytes | msgspec.Raw, full_url: str | None = None, search: str | None = None
    ) -> None:
        """One resource as JSON bytes. An OperationOutcome of severity error means that a search failed."""
        try:
            probe = _PROBE.decode(raw)
        except _ERRORS:
            self._break("a resource without a readable type", search)
            return
        if probe.resource_type == "OperationOutcome":
            self._outcome(raw, search)
            return
        kind = probe.resource_type
        known = self._resources.setdefault(kind, {})
        reference = (
            f"{kind}/{probe.id}"
            if probe.id is not msgspec.UNSET
            else (full_url or f"{kind}/#{len(known) + 1}")
        )
        if full_url:
            self._aliases[full_url.strip()] = reference
        same = known.setdefault(reference, [])
        if not any(bytes(other.raw) == bytes(raw) for other in same):
            same.append(Stored(reference, kind, raw, probe.code or None))

    def _break(self, what: str, search: str | None) -> None:
        self._broken.append(what)
        self.failed(search or ANY_TYPE, what)

    def _outcome(self, raw: bytes | msgspec.Raw, search: str | None) -> None:
        for kind, reason, unsupported in read_outcome(raw):
            self.failed(search or kind, reason, unsupported)

    def failed(self, resource_type: str, reason: str, unsupported: bool = False) -> None:
        """A search that failed or is incomplete; unsupported: the EHR offers no such search."""
        if unsupported:
            self._unsupported.add(resource_type)
        else:
            self._failed.setdefault(resource_type, reason)

    def absent(self, resource_type: str) -> None:
        """Asked for, and there is nothing."""
        self._asked.add(resource_type)

    def build(self) -> Chart:
        """The chart of everything added so far."""
        index: dict[str, Stored] = {}
        for known in self._resources.values():
            for reference, same in known.items():
                index[reference] = same[0]
        patient = canonical(self.patient, self._aliases) if self.patient else None
        return Chart(
            patient,
            dict(self._aliases),
            {
                kind: tuple(s for same in known.values() for s in same)
                for kind, known in self._resources.items()
            },
            dict(self._failed),
            frozenset(self._unsupported),
            frozenset(self._asked),
            tuple(self._broken),
            index,
        )


def read_outcome(raw: bytes | msgspec.Raw) -> Iterator[tuple[str, str, bool]]:
    """(resource type or `*`, reason, unsupported) for each error of an OperationOutcome (interface.md 3).

    One that cannot be read may stand for any search that failed.
    """
    try:
        issues = _OUTCOME.decode(raw).issue
    except _ERRORS:
        yield ANY_TYPE, "an OperationOutcome that cannot be read", False
        return
    for issue in issues:
        if issue.severity in ("error", "fatal"):
            reason = str(issue.diagnostics or issue.code or "failed")
            unsupported = str(issue.code) in _UNSUPPORTED_CODES or reason.startswith(_UNSUPPORTED_STATUS)
            for kind in _types_named(issue) or [ANY_TYPE]:
                yield kind, reason, unsupported and kind != ANY_TYPE


def _types_named(issue: _Issue) -> list[str]:
    """The resource types that lead the issue's paths; none when one of the paths leads nowhere."""
    texts = [
        text for named in (issue.expression, issue.location) if isinstance(named, list) for text in named
    ]
    heads = [re.split(r"[.?/]", text)[0].strip() if isinstance(text, str) else "" for text in texts]
    told = all(resource_type(f"{head}/x") and head not in _CONTAINERS for head in heads)
    return heads if told else []


def search_gaps(chart: Chart, *kinds: str) -> list[Gap]:
    """A gap for each of these types whose search failed, is incomplete or could not be made."""
    found = [(kind, chart.failure(kind)) for kind in kinds]
    return [
        Gap("not-fetched", kind) if why == NOT_ASKED else Gap("search-failed", f"{kind}: {why}")
        for kind, why in found
        if why
    ]


def search_notes(chart: Chart) -> tuple[Note, ...]:
    """Searches the EHR does not offer, as notes."""
    return tuple(Note("search-unsupported", kind) for kind in sorted(chart.unsupported))
