"""Builds the coverage-information extension of a determination, and refuses illegal combinations."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from cds_service.answer.coverage_rules import (
    DETAIL_SYSTEM,
    EXTENSION,
    REASON_SYSTEM,
    Version,
    problems,
)
from cds_service.determination import Determination, Outcome
from cds_service.kernel.errors import CdsError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.references import resource_type
from cds_service.orders.order import Coding
from cds_service.policy.model import Contact

Day = date  # its own name where a member is called date
CONDITIONAL, INDETERMINATE, NOT_COVERED = "conditional", "indeterminate", "not-covered"
# Other orders that an answer may lean on (CRD 2.2.1, profiles of the request resources).
_REQUESTS = frozenset(
    (
        "Appointment",
        "CommunicationRequest",
        "DeviceRequest",
        "MedicationRequest",
        "NutritionOrder",
        "ServiceRequest",
        "VisionPrescription",
    )
)


@dataclass
class CoverageInformationError(CdsError):
    """A combination that the guide forbids was about to leave: a fault of ours or of policy data."""

    version: Version
    problems: tuple[str, ...]
    code = "coverage-information-invalid"

    def __str__(self) -> str:
        return f"Coverage-information {self.version} is not legal: " + "; ".join(self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageInformation:
    """One assertion about one order under one coverage, free of any version's shape (crd-dtr.md 1.2).

    There is no doc-purpose: crd-ci-q4 of 2.2.1 lets no `withpa` pass (crd-dtr.md 1.3); the text says it.
    reason_code: `technical` or `no-active-coverage`, codes new in 2.2; expires: last day on which it holds.
    """

    coverage: str
    covered: str
    date: date
    assertion_id: str
    reason: str
    pa_needed: str | None = None
    doc_needed: tuple[str, ...] = ()
    info_needed: tuple[str, ...] = ()
    billing_codes: tuple[Coding, ...] = ()
    reason_code: str | None = None
    expires: Day | None = None
    policy_link: str | None = None
    dependency: tuple[str, ...] = ()
    questionnaire: str | None = None
    contact: Contact | None = None

    def as_extension(self, version: Version) -> JsonObject:
        """The extension in the version's shape. Raises CoverageInformationError when it is not legal."""
        spoken = _before_2_2(self) if version == "2.0" else self
        extension = {"url": EXTENSION, "extension": [*_parts(spoken, version)]}
        found = list(problems(extension, version))
        if self.questionnaire and "|" not in self.questionnaire:
            found.append("questionnaire names no version")
        if found:
            raise CoverageInformationError(version, tuple(found))
        return extension


def coverage_information(
    determination: Determination,
    reason: str,
    today: date,
    policy_link: str | None = None,
    early: bool = False,
) -> CoverageInformation:
    """What a determination says in coverage-information (determinations.md section 1).

    reason: the sentences for `reason.text`; policy_link: address of the policy page; early: the hook comes
    before documents can be asked for, so none are (hook-19). Raises ValueError when there is no coverage.
    """
    if determination.coverage is None:
        raise ValueError("coverage-information needs a Coverage on the client's server (crd-dtr.md 1.2)")
    product = determination.product
    said = CoverageInformation(
        coverage=determination.coverage,
        covered=determination.covered or CONDITIONAL,
        pa_needed=determination.pa_needed,
        doc_needed=() if early else tuple(filter(None, (determination.doc_needed,))),
        info_needed=tuple(filter(None, (determination.info_needed,))),
        billing_codes=determination.order.billing_codes,
        reason=reason,
        expires=_expires(determination),
        policy_link=policy_link if determination.policy else None,
        dependency=_leaned_on(determination),
        questionnaire=None if early else determination.questionnaire,
        date=today,
        assertion_id=determination.assertion_id,
        contact=(product and product.contact)
        or (determination.payer and determination.payer.contact)
        or None,
    )
    return replace(said, **_overruling(determination, today))


def _overruling(determination: Determination, today: date) -> dict[str, Any]:
    """What an assertion says in place of the outcome's codes: nothing was judged, or something stood in the
    way (resp-43), or the coverage is not in force (resp-45).
    """
    held = determination.held
    if determination.outcome is Outcome.OUT_OF_SCOPE:
        return {"pa_needed": CONDITIONAL, "info_needed": ("OTH",)}
    if determination.hindered:
        technical = {"covered": INDETERMINATE, "pa_needed": INDETERMINATE, "info_needed": ()}
        return {**technical, "reason_code": "technical"}
    if held is None or held.in_force:
        return {}
    if held.covers(today):  # it is in force, but not on the day of service
        return {"info_needed": ("contract-window",)}
    not_covered = {"covered": NOT_COVERED, "pa_needed": None, "info_needed": ()}
    return {**not_covered, "reason_code": "no-active-coverage"}


def _expires(determination: Determination) -> date | None:
    """The last day of the coverage or of the policy version, whichever comes first (resp-30)."""
    held, policy = determination.held, determination.policy
    ends = [held.ends] if held and held.in_force and held.ends else []
    if policy and policy.effective_to:
        ends.append(date.fromisoformat(policy.effective_to))
    return min(ends, default=None)


def _leaned_on(determination: Determination) -> tuple[str, ...]:
    """Other orders among what a criterion was decided or left open by."""
    own = determination.order.reference
    named = [item.reference for criterion in determination.criteria for item in criterion.evidence]
    named += [
        gap.reference for criterion in determination.criteria for gap in criterion.gaps if gap.reference
    ]
    others = [name for name in named if name != own and resource_type(name) in _REQUESTS]
    return tuple(dict.fromkeys(others))


def _before_2_2(said: CoverageInformation) -> CoverageInformation:
    """The same in the codes of 2.0.1: no `indeterminate`, no `patient`, at most one doc-needed.

    What rests on a reason code that 2.0.1 lacks is left open.
    """
    covered = CONDITIONAL if said.reason_code or said.covered == INDETERMINATE else said.covered
    pa_needed = CONDITIONAL if said.reason_code or said.pa_needed == INDETERMINATE else said.pa_needed
    asked = {"admin" if code == "patient" else code for code in said.doc_needed}
    doc_needed = ("both",) if asked == {"clinical", "admin"} else tuple(sorted(asked))
    open_end = CONDITIONAL in (covered, pa_needed, *doc_needed)
    info_needed = said.info_needed or (("OTH",) if open_end else ())
    return replace(said, covered=covered, pa_needed=pa_needed, doc_needed=doc_needed, info_needed=info_needed)


def _parts(said: CoverageInformation, version: Version) -> Iterator[JsonObject]:
    yield {"url": "coverage", "valueReference": {"reference": said.coverage}}
    yield {"url": "covered", "valueCode": said.covered}
    if said.pa_needed:
        yield {"url": "pa-needed", "valueCode": said.pa_needed}
    yield from ({"url": "doc-needed", "valueCode": code} for code in said.doc_needed)
    yield from ({"url": "info-needed", "valueCode": code} for code in said.info_needed)
    for code in said.billing_codes:
        yield {"url": "billingCode", "valueCoding": {"system": code.system, "code": code.code}}
    yield {"url": "reason", "valueCodeableConcept": _reason(said, version)}
    if said.policy_link and version == "2.2":
        yield _policy_link(said.policy_link)
    if said.expires and version == "2.0" and said.covered != NOT_COVERED:
        yield _allowed_until(said.expires)
    yield from ({"url": "dependency", "valueReference": {"reference": other}} for other in said.dependency)
    if said.questionnaire:
        yield {"url": "questionnaire", "valueCanonical": said.questionnaire}
    yield {"url": "date", "valueDate": said.date.isoformat()}
    yield {"url": "coverage-assertion-id", "valueString": said.assertion_id}
    if said.expires and version == "2.2":
        yield {"url": "expiry-date", "valueDate": said.expires.isoformat()}
    if said.contact:
        yield from _contacts(said.contact, version)


def _reason(said: CoverageInformation, version: Version) -> JsonObject:
    """Text always (crd-ci-q7); the codes we use are new in 2.2 (resp-43, resp-45)."""
    if said.reason_code and version == "2.2":
        return {"coding": [{"system": REASON_SYSTEM, "code": said.reason_code}], "text": said.reason}
    return {"text": said.reason}


def _policy_link(address: str) -> JsonObject:
    code = {"coding": [{"system": DETAIL_SYSTEM, "code": "policy-link"}]}
    return {
        "url": "detail",
        "extension": [
            {"url": "category", "valueCode": "cat-other"},
            {"url": "code", "valueCodeableConcept": code},
            {"url": "value", "valueUrl": address},
        ],
    }


def _allowed_until(day: date) -> JsonObject:
    """2.0.1 has no expiry-date; it limits the period that is covered (crd-dtr.md 1.2)."""
    code = {"coding": [{"system": REASON_SYSTEM, "code": "allowed-period"}]}
    return {
        "url": "detail",
        "extension": [
            {"url": "code", "valueCodeableConcept": code},
            {"url": "value", "valuePeriod": {"end": day.isoformat()}},
        ],
    }


def _contacts(contact: Contact, version: Version) -> Iterator[JsonObject]:
    """2.2: a ContactDetail; 2.0.1: a ContactPoint. A page only where no phone is known (resp-17)."""
    ways = (("phone", contact.phone), ("url", contact.url))
    telecom = [{"system": system, "value": value} for system, value in ways if value][:1]
    if version == "2.0":
        yield from ({"url": "contact", "valueContactPoint": point} for point in telecom)
        return
    detail: JsonObject = {"name": contact.name}
    if telecom:
        detail["telecom"] = telecom
    yield {"url": "contact", "valueContactDetail": detail}
