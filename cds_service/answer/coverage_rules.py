"""What coverage-information may hold in CRD 2.0.1 and 2.2.1, and its invariants in three values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from cds_service.kernel.fhir_json import JsonObject

Version = Literal["2.0", "2.2"]
VERSIONS: tuple[Version, ...] = ("2.0", "2.2")
EXTENSION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
REASON_SYSTEM = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
DETAIL_SYSTEM = "http://terminology.hl7.org/CodeSystem/crd-coverage-detail"
MANY = 10_000


class Verdict(StrEnum):
    """Result of an invariant; `DEPENDS`: the published expression gives nothing, so engines disagree."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    DEPENDS = "engine-dependent"


@dataclass(frozen=True, slots=True)
class Part:
    """One sub-extension: how often it may stand, in which value element, with which codes (None: any)."""

    low: int
    high: int
    values: tuple[str, ...]
    codes: frozenset[str] | None = None


def _code(low: int, high: int, codes: str) -> Part:
    return Part(low, high, ("valueCode",), frozenset(codes.split()))


# crd-dtr.md 1.2; the members of both versions first, then what differs.
_SHARED: dict[str, Part] = {
    "coverage": Part(1, 1, ("valueReference",)),
    "doc-purpose": _code(0, MANY, "withpa withclaim withorder retain-doc OTH"),
    "billingCode": Part(0, MANY, ("valueCoding",)),
    "reason": Part(0, MANY, ("valueCodeableConcept",)),
    "detail": Part(0, MANY, ()),
    "dependency": Part(0, MANY, ("valueReference",)),
    "questionnaire": Part(0, MANY, ("valueCanonical",)),
    "date": Part(1, 1, ("valueDate",)),
    "coverage-assertion-id": Part(1, 1, ("valueString",)),
    "satisfied-pa-id": Part(0, 1, ("valueString",)),
}
PARTS: dict[Version, dict[str, Part]] = {
    "2.0": _SHARED
    | {
        "covered": _code(1, 1, "covered not-covered conditional"),
        "pa-needed": _code(0, 1, "no-auth auth-needed satisfied performpa conditional"),
        "doc-needed": _code(0, 1, "clinical admin both conditional"),
        "info-needed": _code(0, MANY, "performer location timeframe contract-window OTH"),
        "response": Part(0, MANY, ("valueReference",)),
        "contact": Part(0, MANY, ("valueContactPoint",)),
    },
    "2.2": _SHARED
    | {
        "covered": _code(1, 1, "covered not-covered conditional indeterminate"),
        "pa-needed": _code(0, 1, "no-auth auth-needed satisfied performpa conditional indeterminate"),
        "doc-needed": _code(0, MANY, "clinical admin patient conditional indeterminate"),
        "info-needed": _code(0, MANY, "performer location timeframe contract-window detail-code OTH"),
        "contact": Part(0, MANY, ("valueContactDetail",)),
        "expiry-date": Part(0, 1, ("valueDate",)),
    },
}
_DETAIL_VALUES = ("valueBoolean", "valueString", "valueQuantity", "valuePeriod")
DETAIL: dict[Version, dict[str, Part]] = {
    "2.0": {
        "code": Part(1, 1, ("valueCodeableConcept",)),
        "value": Part(1, 1, _DETAIL_VALUES),
        "qualification": Part(0, 1, ("valueString",)),
    },
    "2.2": {
        "category": _code(1, 1, "cat-limitation cat-decisional cat-other"),
        "code": Part(1, 1, ("valueCodeableConcept",)),
        "value": Part(1, 1, (*_DETAIL_VALUES, "valueUrl")),
        "qualification": Part(0, 1, ("valueString",)),
    },
}

Stated = Mapping[str, Sequence[Any]]


def stated(extension: JsonObject) -> Stated:
    """Sub-extension url -> its values, in order."""
    found: dict[str, list[Any]] = {}
    for part in extension.get("extension", ()):
        values = [value for key, value in part.items() if key.startswith("value")]
        found.setdefault(part["url"], []).extend(values)
    return found


def _holds(condition: bool) -> Verdict:
    return Verdict.PASS if condition else Verdict.FAIL


def _any(said: Stated, code: str) -> bool:
    """Whether covered, pa-needed or doc-needed says this code."""
    return any(code in said.get(part, ()) for part in ("covered", "pa-needed", "doc-needed"))


def _q1(said: Stated) -> Verdict:
    return _holds("doc-needed" in said or not ("questionnaire" in said or "response" in said))


def _q2_before(said: Stated) -> Verdict:
    """2.0.1: where covered is not-covered the expression gives nothing, and the text wants no pa-needed."""
    if "not-covered" in said.get("covered", ()):
        return Verdict.FAIL if "pa-needed" in said else Verdict.DEPENDS
    return _holds("pa-needed" in said)


def _q2(said: Stated) -> Verdict:
    return _holds("not-covered" not in said.get("covered", ()) or "pa-needed" not in said)


def _q3(said: Stated) -> Verdict:
    """Either direction alone is published; the text, and both versions together, want both."""
    return _holds(_any(said, "conditional") == ("info-needed" in said))


def _q4(said: Stated) -> Verdict:
    """`withpa`: illegal beside a settled authorization; otherwise 2.2.1's expression gives nothing."""
    if "withpa" not in said.get("doc-purpose", ()):
        return Verdict.PASS
    return Verdict.FAIL if {"satisfied", "no-auth"} & set(said.get("pa-needed", ())) else Verdict.DEPENDS


def _q4_before(said: Stated) -> Verdict:
    """2.0.1: the expression never fails; the text forbids the pair."""
    return Verdict.FAIL if _q4(said) is Verdict.FAIL else Verdict.PASS


def _q5(said: Stated) -> Verdict:
    return _holds(("satisfied" in said.get("pa-needed", ())) == ("satisfied-pa-id" in said))


def _q6(said: Stated) -> Verdict:
    return _holds("OTH" not in said.get("info-needed", ()) or "reason" in said)


def _q7(said: Stated) -> Verdict:
    """Text satisfies the rule without any terminology, so text is what we ask for."""
    return _holds(all(reason.get("text") for reason in said.get("reason", ())))


def _q8(said: Stated) -> Verdict:
    return _holds("doc-purpose" not in said or "reason" in said)


def _q9(said: Stated) -> Verdict:
    return _holds(not _any(said, "indeterminate") or "reason" in said)


# crd-dtr.md 1.3
INVARIANTS: dict[Version, dict[str, Callable[[Stated], Verdict]]] = {
    "2.0": {
        "crd-ci-q1": _q1,
        "crd-ci-q2": _q2_before,
        "crd-ci-q3": _q3,
        "crd-ci-q4": _q4_before,
        "crd-ci-q5": _q5,
    },
    "2.2": {
        "crd-ci-q1": _q1,
        "crd-ci-q2": _q2,
        "crd-ci-q3": _q3,
        "crd-ci-q4": _q4,
        "crd-ci-q5": _q5,
        "crd-ci-q6": _q6,
        "crd-ci-q7": _q7,
        "crd-ci-q8": _q8,
        "crd-ci-q9": _q9,
    },
}
# The one disagreement that cannot be avoided: no form of not-covered satisfies both text and engine of 2.0.1.
TOLERATED: frozenset[tuple[Version, str]] = frozenset({("2.0", "crd-ci-q2")})


def verdicts(extension: JsonObject, version: Version) -> dict[str, Verdict]:
    """Each invariant of the version with its verdict."""
    said = stated(extension)
    return {key: rule(said) for key, rule in INVARIANTS[version].items()}


def problems(extension: JsonObject, version: Version) -> tuple[str, ...]:
    """What forbids this extension to leave: structure, codes, failed or avoidably disputed invariants."""
    found = [*_structure(extension.get("extension", ()), PARTS[version], "")]
    for part in extension.get("extension", ()):
        if part["url"] == "detail":
            found += _structure(part.get("extension", ()), DETAIL[version], "detail.")
    for key, verdict in verdicts(extension, version).items():
        if verdict is Verdict.FAIL or (verdict is Verdict.DEPENDS and (version, key) not in TOLERATED):
            found.append(f"{key}: {verdict}")
    return tuple(found)


def _structure(parts: Sequence[JsonObject], allowed: Mapping[str, Part], prefix: str) -> Iterator[str]:
    urls = [part["url"] for part in parts]
    yield from (f"{prefix}{url} is not known" for url in dict.fromkeys(urls) if url not in allowed)
    for url, rule in allowed.items():
        if not rule.low <= urls.count(url) <= rule.high:
            yield f"{prefix}{url} stands {urls.count(url)} times"
    for part in parts:
        yield from _value(part, allowed.get(part["url"]), prefix)


def _value(part: JsonObject, rule: Part | None, prefix: str) -> Iterator[str]:
    if rule is None or not rule.values:
        return
    keys = [key for key in part if key != "url"]
    if len(keys) != 1 or keys[0] not in rule.values:
        yield f"{prefix}{part['url']} holds {keys}, not {rule.values}"
    elif part[keys[0]] in (None, "", [], {}):
        yield f"{prefix}{part['url']} is empty"
    elif rule.codes is not None and part[keys[0]] not in rule.codes:
        yield f"{prefix}{part['url']} says {part[keys[0]]!r}"
