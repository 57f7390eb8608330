"""What is kept of a chart, so that a decision can be judged again: what rules read, without names.

All else is erased before anything is written: names, birth dates, addresses, narrative, notes, displays and
identifiers of references. A resource of a type that no rule reads keeps its reference alone.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from cds_service.evidence.chart import Chart, ChartBuilder, Stored
from cds_service.kernel import elements

ERASED = "(erased)"
_ERASED_TEXT, _ERASED_IDENTIFIER = Raw(b'"(erased)"'), Raw(b'{"value":"(erased)"}')
_WRONG = (msgspec.MsgspecError, ValueError, RecursionError)
_READ = (
    elements.BodyStructure,
    elements.Condition,
    elements.Coverage,
    elements.Observation,
    elements.Organization,
    elements.Procedure,
    elements.ServiceRequest,
    elements.Specimen,
)


class _Reference(Struct, omit_defaults=True):
    reference: Raw | UnsetType = UNSET
    type: Raw | UnsetType = UNSET
    identifier: Raw | UnsetType = UNSET
    display: Raw | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.identifier is not UNSET:
            self.identifier = _ERASED_IDENTIFIER
        if self.display is not UNSET:
            self.display = _ERASED_TEXT


class _Extension(Struct, omit_defaults=True, rename="camel"):
    url: Raw
    value_reference: _Reference | UnsetType = UNSET
    value_codeable_concept: Raw | UnsetType = UNSET


class _Organization(Struct, omit_defaults=True):
    resourceType: Raw  # noqa: N815 - FHIR's own spelling
    id: Raw | UnsetType = UNSET
    name: Raw | UnsetType = UNSET
    alias: Raw | UnsetType = UNSET
    identifier: Raw | UnsetType = UNSET


_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("subject", "patient", "beneficiary", "author", "specimen"), _Reference),
    **dict.fromkeys(
        ("performer", "focus", "insurance", "reasonReference", "supportingInfo"), list[_Reference]
    ),
    "extension": list[_Extension],
    "contained": list[_Organization],
}


def _projection(kind: type[elements.Element]) -> msgspec.json.Decoder[Any]:
    """A decoder that keeps what a struct of the rules reads and skips everything else."""
    names = dict.fromkeys(
        ("resourceType", "id", *(field.encode_name for field in msgspec.structs.fields(kind)))
    )
    fields = [
        (f"member_{place}", _TYPES.get(name, Raw) | UnsetType, UNSET) for place, name in enumerate(names)
    ]
    rename = {f"member_{place}": name for place, name in enumerate(names)}
    return msgspec.json.Decoder(
        msgspec.defstruct(f"Kept{kind.__name__}", fields, rename=rename, omit_defaults=True)
    )


_PROJECTIONS = {kind.__name__: _projection(kind) for kind in _READ}


class _Chart(Struct):
    """A chart as it is written."""

    patient: str | None
    aliases: dict[str, str]
    failed: dict[str, str]
    unsupported: list[str]
    asked: list[str]
    resources: list[tuple[str, Raw]]


def keep(chart: Chart) -> bytes:
    """The chart as bytes for the record."""
    kept = [(stored.reference, _kept(stored)) for each in chart.resources.values() for stored in each]
    whole = _Chart(
        chart.patient,
        dict(chart.aliases),
        dict(chart.failed),
        sorted(chart.unsupported),
        sorted(chart.asked),
        kept,
    )
    return zlib.compress(msgspec.json.encode(whole), 1)


def read_kept(raw: bytes) -> ChartBuilder:
    """A builder that holds the chart again."""
    whole = msgspec.json.decode(zlib.decompress(raw), type=_Chart)
    builder = ChartBuilder(whole.patient)
    urls = {reference: url for url, reference in whole.aliases.items()}
    for reference, resource in whole.resources:
        builder.add_resource(bytes(resource), urls.get(reference))
    for kind, reason in whole.failed.items():
        builder.failed(kind, reason)
    for kind in whole.unsupported:
        builder.failed(kind, "", unsupported=True)
    for kind in whole.asked:
        builder.absent(kind)
    return builder


def _kept(stored: Stored) -> Raw:
    if stored.type in _PROJECTIONS:
        try:
            return Raw(msgspec.json.encode(_PROJECTIONS[stored.type].decode(stored.raw)))
        except _WRONG:
            return _damaged(stored)
    if stored.type == "QuestionnaireResponse":
        return _form(stored)
    return _name_only(stored)


def _name_only(stored: Stored) -> Raw:
    named = {"resourceType": stored.type, "id": stored.reference.rpartition("/")[2]}
    return Raw(msgspec.json.encode(named))


_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_WORDS = ("valueString", "text", "display", "identifier")
_FORM = ("status", "questionnaire", "subject", "author", "authored", "item")


def _damaged(stored: Stored) -> Raw:
    """A resource of which a member cannot be read: the sound ones, and the damage as such."""
    try:
        members = _MEMBERS.decode(stored.raw)
    except _WRONG:
        return _name_only(stored)
    sound: dict[str, Any] = {}
    for name, raw in members.items():
        try:
            one = _PROJECTIONS[stored.type].decode(msgspec.json.encode({name: raw}))
            sound |= _MEMBERS.decode(msgspec.json.encode(one))
        except _WRONG:
            sound[name] = None
    return Raw(msgspec.json.encode({**sound, "resourceType": stored.type}))


def _form(stored: Stored) -> Raw:
    """A form's coded answers, without what was written in words."""
    try:
        whole: dict[str, Any] = msgspec.json.decode(stored.raw)
        kept = {name: _wordless(whole[name]) for name in _FORM if name in whole}
        name = {"resourceType": stored.type, **({"id": whole["id"]} if "id" in whole else {})}
        return Raw(msgspec.json.encode({**name, **kept}))
    except (*_WRONG, TypeError):
        return _name_only(stored)


def _wordless(value: Any) -> Any:
    if isinstance(value, list):
        return [_wordless(item) for item in value]
    if not isinstance(value, dict):
        return value
    erased = {name: _wordless(item) for name, item in value.items() if name not in _WORDS}
    erased |= {"display": ERASED} if "display" in value else {}
    return erased | ({"identifier": {"value": ERASED}} if "identifier" in value else {})
