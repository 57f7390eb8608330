"""Checks that the value sets which policy data names exist, and that its patterns can be read."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from cds_service.kernel.errors import DataError
from cds_service.kernel.schema_trouble import near_miss
from cds_service.kernel.yaml_data import Member, YamlFile
from cds_service.policy import tumors
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import Product, Service

VALUE_SETS: Mapping[type, tuple[str, ...]] = {
    Service: (
        "triggers",
        "triggers_with_words",
        "triggers_with_site",
        "generic",
        "adjuncts",
        "other_techniques",
        "sites",
    ),
    tumors.TumorModel: ("sites", "whole_organ_sites", "other_sites", "treatments"),
    tumors.TumorGroup: ("value_sets",),
    tumors.Elsewhere: ("value_sets",),
    tumors.OriginFamily: ("value_sets",),
    tumors.Removal: ("primaries", "procedures", "absences"),
    tumors.Category: ("value_sets",),
    tumors.SizeCodes: ("observation", "longest", "other"),
    tumors.StagingCodes: ("m", "n", "status", "status_none", "status_present"),
    tumors.ResectionCodes: ("unresectable", "values", "procedures", "not_procedures", "contraindicated"),
    tumors.AttestationCode: ("value_sets",),
}
"""Members that hold ids of ValueSets."""

PATTERNS: Mapping[type, tuple[str, ...]] = {
    Product: ("words", "subscriber_id"),
    Service: ("words", "site_words", "not_site_words", "other_technique_words"),
    tumors.TumorModel: (
        "site_words",
        "not_site_words",
        "other_site_words",
        "malignant_words",
        "treatment_words",
    ),
    tumors.Removal: ("words",),
    tumors.Category: ("text",),
    tumors.ResectionCodes: ("words",),
}
"""Members that hold regular expressions."""


REASONS: Mapping[type, tuple[str, ...]] = {tumors.Elsewhere: ("gap",)}
"""Members that hold keys of `cards/reasons.yaml`."""


def check_names(
    bundle: PolicyBundle, value_set_ids: Collection[str], reason_codes: Collection[str]
) -> Iterator[DataError]:
    """An error for each unknown value set or reason and each pattern that is none, in shared data."""
    for key, file in bundle.files.items():
        if key.startswith(("products", "service", "tumors", "attestations")):
            data = _data(bundle, key)
            yield from _unknown(file, _members(data, VALUE_SETS), "value set", value_set_ids)
            yield from _unknown(file, _members(data, REASONS), "reason", reason_codes)
            yield from _unreadable(file, _members(data, PATTERNS))


def _unknown(
    file: YamlFile, members: Iterator[tuple[Member, str]], what: str, known: Collection[str]
) -> Iterator[DataError]:
    for member, name in members:
        if name not in known:
            yield file.error(member, f'"{name}" is not a {what} of this bundle.{near_miss(name, known)}')


def _unreadable(file: YamlFile, members: Iterator[tuple[Member, str]]) -> Iterator[DataError]:
    for member, text in members:
        try:
            re.compile(text)
        except re.error as error:
            yield file.error(member, f"This is no regular expression: {error}. Correct it.")


def _data(bundle: PolicyBundle, key: str) -> Any:
    kind, _, name = key.partition(" ")
    holders = {"service": bundle.services, "tumors": bundle.tumors}
    if kind == "products":
        return {"products": list(bundle.products.values())}
    return bundle.attestations if kind == "attestations" else holders[kind][name]


def _members(data: Any, table: Mapping[type, tuple[str, ...]]) -> Iterator[tuple[Member, str]]:
    """Every text that stands in one of the table's members, with its place."""
    for member, struct in _structs(data, ()):
        for name in table.get(type(struct), ()):
            value = getattr(struct, name)
            place = (*member, name.replace("_", "-"))
            if isinstance(value, str):
                yield place, value
            else:
                yield from (((*place, index), text) for index, text in enumerate(value or ()))


def _structs(data: Any, member: Member) -> Iterator[tuple[Member, msgspec.Struct]]:
    """The structs inside data, itself included, each with its place."""
    if isinstance(data, msgspec.Struct):
        yield member, data
        for name in data.__struct_fields__:
            yield from _structs(getattr(data, name), (*member, name.replace("_", "-")))
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _structs(value, (*member, key))
    elif isinstance(data, list | tuple):
        for index, value in enumerate(data):
            yield from _structs(value, (*member, index))
