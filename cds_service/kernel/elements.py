"""The FHIR elements that rules read, typed so that everything else is skipped while decoding.

A wrong type, an empty array or object, a reference or coding that says nothing, an unknown status code and
a date or number that cannot be parsed all fail the decoding of their element (clinical.md 4.5); `decode`
finds out which.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from cds_service.kernel.dates import FhirDate

T = TypeVar("T")
Many = Annotated[list[T], msgspec.Meta(min_length=1)]
Text = Annotated[str, msgspec.Meta(pattern=r"\S")]


class Number:
    """A JSON number with the digits it was written with."""

    __slots__ = ("value",)

    def __init__(self, value: Decimal) -> None:
        self.value = value


class Element(msgspec.Struct, gc=False, rename="camel", kw_only=True):
    """Base of all elements; absent members are UNSET, a JSON null is damage."""


class Identifier(Element, kw_only=True):
    system: Text | UnsetType = UNSET
    value: Text | UnsetType = UNSET


class Reference(Element, kw_only=True):
    reference: Text | UnsetType = UNSET
    type: Text | UnsetType = UNSET
    identifier: Identifier | UnsetType = UNSET
    display: Text | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.reference is self.identifier is self.display is self.type is UNSET:
            raise ValueError("a reference that says nothing")


class Coding(Element, kw_only=True):
    system: Text | UnsetType = UNSET
    code: Text | UnsetType = UNSET
    display: Text | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.display is UNSET and (self.system is UNSET or self.code is UNSET):
            raise ValueError("a coding with neither system and code nor words")


class CodeableConcept(Element, kw_only=True):
    coding: Many[Coding] | UnsetType = UNSET
    text: Text | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.coding is UNSET and self.text is UNSET:
            raise ValueError("a concept that says nothing")


class Period(Element, kw_only=True):
    start: FhirDate | UnsetType = UNSET
    end: FhirDate | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.start is UNSET and self.end is UNSET:
            raise ValueError("a period without start and end")
        if self.start is not UNSET and self.end is not UNSET and self.start.first > self.end.last:
            raise ValueError("a period that ends before it starts")


class Quantity(Element, kw_only=True):
    value: Number | UnsetType = UNSET
    comparator: Literal["<", "<=", ">=", ">"] | UnsetType = UNSET
    unit: Text | UnsetType = UNSET
    system: Text | UnsetType = UNSET
    code: Text | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.value is self.unit is self.code is UNSET:
            raise ValueError("a quantity that says nothing")


class Range(Element, kw_only=True):
    low: Quantity | UnsetType = UNSET
    high: Quantity | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.low is UNSET and self.high is UNSET:
            raise ValueError("a range without limits")


class Extension(Element, kw_only=True):
    url: Text
    value_reference: Reference | UnsetType = UNSET
    value_codeable_concept: CodeableConcept | UnsetType = UNSET


class Condition(Element, kw_only=True):
    code: CodeableConcept
    clinical_status: CodeableConcept | UnsetType = UNSET
    verification_status: CodeableConcept | UnsetType = UNSET
    subject: Reference | UnsetType = UNSET
    body_site: Many[CodeableConcept] | UnsetType = UNSET
    onset_date_time: FhirDate | UnsetType = UNSET
    onset_period: Period | UnsetType = UNSET
    recorded_date: FhirDate | UnsetType = UNSET
    abatement_date_time: FhirDate | UnsetType = UNSET
    abatement_period: Period | UnsetType = UNSET
    abatement_age: Quantity | UnsetType = UNSET
    abatement_range: Range | UnsetType = UNSET
    abatement_string: Text | UnsetType = UNSET
    extension: Many[Extension] | UnsetType = UNSET


class Component(Element, kw_only=True):
    code: CodeableConcept
    value_quantity: Quantity | UnsetType = UNSET
    value_string: Text | UnsetType = UNSET
    value_range: Range | UnsetType = UNSET


ObservationStatus = Literal[
    "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"
]


class Observation(Element, kw_only=True):
    status: ObservationStatus
    code: CodeableConcept
    subject: Reference | UnsetType = UNSET
    focus: Many[Reference] | UnsetType = UNSET
    effective_date_time: FhirDate | UnsetType = UNSET
    effective_period: Period | UnsetType = UNSET
    effective_instant: FhirDate | UnsetType = UNSET
    performer: Many[Reference] | UnsetType = UNSET
    body_site: CodeableConcept | UnsetType = UNSET
    specimen: Reference | UnsetType = UNSET
    value_quantity: Quantity | UnsetType = UNSET
    value_string: Text | UnsetType = UNSET
    value_range: Range | UnsetType = UNSET
    value_boolean: bool | UnsetType = UNSET
    value_codeable_concept: CodeableConcept | UnsetType = UNSET
    component: Many[Component] | UnsetType = UNSET


ProcedureStatus = Literal[
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"
]


class Procedure(Element, kw_only=True):
    status: ProcedureStatus
    code: CodeableConcept
    subject: Reference | UnsetType = UNSET
    performed_date_time: FhirDate | UnsetType = UNSET
    performed_period: Period | UnsetType = UNSET
    status_reason: CodeableConcept | UnsetType = UNSET


class BodyStructure(Element, kw_only=True):
    active: bool | UnsetType = UNSET
    location: CodeableConcept | UnsetType = UNSET
    identifier: Many[Identifier] | UnsetType = UNSET
    patient: Reference | UnsetType = UNSET
    extension: Many[Extension] | UnsetType = UNSET


class Specimen(Element, kw_only=True):
    subject: Reference | UnsetType = UNSET


class Answer(Element, kw_only=True):
    value_boolean: bool | UnsetType = UNSET
    value_coding: Coding | UnsetType = UNSET
    value_quantity: Quantity | UnsetType = UNSET
    item: "Many[ResponseItem] | UnsetType" = UNSET
    extension: Any = UNSET  # where the answer comes from; whatever it holds, the answer can be read


class ResponseItem(Element, kw_only=True):
    link_id: Text
    answer: Many[Answer] | UnsetType = UNSET
    item: "Many[ResponseItem] | UnsetType" = UNSET


class QuestionnaireResponse(Element, kw_only=True):
    status: Literal["in-progress", "completed", "amended", "entered-in-error", "stopped"]
    questionnaire: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9+.-]*:\S+$")]
    subject: Reference | UnsetType = UNSET
    author: Reference | UnsetType = UNSET
    authored: FhirDate | UnsetType = UNSET
    item: Many[ResponseItem] | UnsetType = UNSET


class CoverageClass(Element, kw_only=True):
    """type may be malformed in several ways (clinical.md 6): any object will do."""

    type: Annotated[dict[str, msgspec.Raw], msgspec.Meta(min_length=1)] | UnsetType = UNSET
    value: Text | UnsetType = UNSET
    name: Text | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.type is self.value is self.name is UNSET:
            raise ValueError("a class that says nothing")


class Coverage(Element, kw_only=True):
    status: Literal["active", "cancelled", "draft", "entered-in-error"]
    period: Period | UnsetType = UNSET
    payor: Many[Reference] | UnsetType = UNSET
    type: CodeableConcept | UnsetType = UNSET
    classes: Many[CoverageClass] | UnsetType = msgspec.field(default=UNSET, name="class")
    subscriber_id: Text | UnsetType = UNSET
    beneficiary: Reference | UnsetType = UNSET
    order: int | UnsetType = UNSET
    contained: list[msgspec.Raw] | UnsetType = UNSET


class Organization(Element, kw_only=True):
    id: str | UnsetType = UNSET
    name: Text | UnsetType = UNSET
    alias: Many[Text] | UnsetType = UNSET
    identifier: Many[Identifier] | UnsetType = UNSET


class TimingRepeat(Element, kw_only=True):
    bounds_period: Period | UnsetType = UNSET


class Timing(Element, kw_only=True):
    event: Many[FhirDate] | UnsetType = UNSET
    repeat: TimingRepeat | UnsetType = UNSET


RequestStatus = Literal["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"]


class OrderCode(CodeableConcept, kw_only=True):
    extension: Many[Extension] | UnsetType = UNSET


class ServiceRequest(Element, kw_only=True):
    status: RequestStatus
    code: OrderCode | UnsetType = UNSET
    do_not_perform: bool | UnsetType = UNSET
    order_detail: Many[CodeableConcept] | UnsetType = UNSET
    subject: Reference | UnsetType = UNSET
    occurrence_date_time: FhirDate | UnsetType = UNSET
    occurrence_period: Period | UnsetType = UNSET
    occurrence_timing: Timing | UnsetType = UNSET
    authored_on: FhirDate | UnsetType = UNSET
    body_site: Many[CodeableConcept] | UnsetType = UNSET
    reason_code: Many[CodeableConcept] | UnsetType = UNSET
    reason_reference: Many[Reference] | UnsetType = UNSET
    insurance: Many[Reference] | UnsetType = UNSET
    supporting_info: Many[Reference] | UnsetType = UNSET
    extension: Many[Extension] | UnsetType = UNSET
