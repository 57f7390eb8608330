"""Sorts Observations by what they are about, decoding in full only those that a rule reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import UNSET

from cds_service.evidence.chart import Chart, Stored
from cds_service.kernel.codes import Terminology
from cds_service.kernel.concepts import Concept, code_concept
from cds_service.kernel.dates import FhirDate
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import CodeableConcept, Observation
from cds_service.policy.tumors import Attestations, TumorModel


class About(StrEnum):
    """What an Observation speaks about, as far as rules are concerned."""

    SIZE = "size"
    M = "m"
    N = "n"
    STATUS = "status"
    ATTESTATION = "attestation"
    UNKNOWN = "unknown"


FINAL = frozenset({"final", "amended", "corrected"})
PENDING = frozenset({"preliminary", "registered", "unknown"})
_ALWAYS = ("status", "code", "subject", "effective_date_time", "effective_period", "effective_instant")
_CODED = ("value_codeable_concept",)
_MEASURED = ("value_quantity", "value_string", "value_range", "component")
# Elements a rule reads, by what the Observation is about; damage elsewhere does not matter (clinical.md 4.5).
_READ = {
    About.SIZE: (*_ALWAYS, *_MEASURED, "focus", "body_site", "specimen"),
    About.M: (*_ALWAYS, *_CODED, "focus", "value_string"),
    About.N: (*_ALWAYS, *_CODED, "focus", "value_string"),
    About.STATUS: (*_ALWAYS, *_CODED),
    About.ATTESTATION: (*_ALWAYS, *_CODED, "performer", "value_boolean", "value_quantity"),
}


_NOT_READ = Observation(status="unknown", code=CodeableConcept(text="?"))


@dataclass(frozen=True, slots=True)
class Observed:
    """One Observation that a rule reads; broken: an element the rule needs cannot be read."""

    reference: str
    about: About
    code: str
    concept: Concept
    resource: Observation
    broken: bool

    @property
    def date(self) -> FhirDate | None:
        """When it was so: effective[x]; the end of a period."""
        resource = self.resource
        if resource.effective_date_time is not UNSET:
            return resource.effective_date_time
        if resource.effective_instant is not UNSET:
            return resource.effective_instant
        period = resource.effective_period
        if period is UNSET:
            return None
        end = period.end if period.end is not UNSET else period.start
        return end if end is not UNSET else None


@dataclass(frozen=True, slots=True)
class Observations:
    """The patient's Observations by subject matter; unreadable: those that could be about anything."""

    by_about: Mapping[About, list[Observed]] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    def of(self, about: About) -> list[Observed]:
        """Those about one matter."""
        return self.by_about.get(about, [])


def read_observations(
    chart: Chart, model: TumorModel | None, statements: Attestations, terms: Terminology
) -> Observations:
    """All Observations of the chart's patient that a rule reads."""
    found: dict[About, list[Observed]] = {}
    unreadable: list[str] = []
    dull: set[bytes] = set()  # codes that no rule reads; charts repeat them by the hundred
    for stored in chart.of("Observation"):
        if stored.code is not None and bytes(stored.code) in dull:
            continue
        concept = code_concept(stored.code, stored.raw, terms)
        about, code = _about(concept, model, statements)
        if about is None:
            dull.add(bytes(stored.code or b""))
            continue
        observed = _read(stored, chart, about, code, concept)
        if observed is None:
            continue
        if observed.about is About.UNKNOWN:
            unreadable.append(stored.reference)
        else:
            found.setdefault(observed.about, []).append(observed)
    return Observations(found, tuple(unreadable))


def _read(stored: Stored, chart: Chart, about: About, code: str, concept: Concept) -> Observed | None:
    resource, broken = decode(stored.raw, Observation)
    if resource is None:
        return Observed(stored.reference, About.UNKNOWN, "", concept, _NOT_READ, True)
    if chart.is_other_patient(resource.subject) or resource.status in ("cancelled", "entered-in-error"):
        return None
    return Observed(
        stored.reference, about, code, concept, resource, not broken.isdisjoint(_READ.get(about, ()))
    )


def _about(concept: Concept, model: TumorModel | None, statements: Attestations) -> tuple[About | None, str]:
    """What it is about and, for an attestation, which code; None when no rule reads it."""
    for system, code in concept.keys:
        if system == statements.system and code in statements.codes:
            return About.ATTESTATION, code
    if not concept.keys and not concept.words:
        return About.UNKNOWN, ""
    if model is None or not concept.sets:
        return None, ""
    for about, names in (
        (About.SIZE, model.sizes.observation),
        (About.M, model.staging.m),
        (About.N, model.staging.n),
        (About.STATUS, model.staging.status),
    ):
        if concept.stands_in(*names):
            return about, ""
    return None, ""
