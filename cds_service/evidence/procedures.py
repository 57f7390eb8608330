"""Procedures read for what they removed, treated or could not do."""

import re
from dataclasses import dataclass

from msgspec import UNSET

from cds_service.evidence.chart import Chart
from cds_service.kernel.codes import Terminology
from cds_service.kernel.concepts import Concept, read_concept
from cds_service.kernel.dates import FhirDate
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import Procedure
from cds_service.kernel.provenance import Evidence


@dataclass(frozen=True, slots=True)
class Done:
    """A Procedure that can be read: completed, or not done with its reason."""

    reference: str
    status: str
    concept: Concept
    reason: Concept
    date: FhirDate | None

    def is_a(self, value_sets: tuple[str, ...], words: str | None) -> bool:
        """Whether its code stands in one of the sets or its words match."""
        return self.concept.stands_in(*value_sets) or bool(words and re.search(words, self.concept.words))

    def evidence(self) -> Evidence:
        """The procedure as evidence."""
        summary = self.concept.shown if self.status == "completed" else f"{self.concept.shown}: {self.status}"
        return Evidence(self.reference, summary, self.date.text if self.date else None)


def read_procedures(chart: Chart, terms: Terminology) -> list[Done]:
    """The patient's Procedures; one that cannot be read clears nothing and says nothing (clinical.md 4.5)."""
    found = []
    for stored in chart.of("Procedure"):
        resource, damaged = decode(stored.raw, Procedure)
        if resource is None or damaged or chart.is_other_patient(resource.subject):
            continue
        reason = read_concept(resource.status_reason, terms)
        found.append(
            Done(
                stored.reference, resource.status, read_concept(resource.code, terms), reason, _date(resource)
            )
        )
    return found


def _date(resource: Procedure) -> FhirDate | None:
    if resource.performed_date_time is not UNSET:
        return resource.performed_date_time
    period = resource.performed_period
    if period is UNSET:
        return None
    end = period.end if period.end is not UNSET else period.start
    return end if end is not UNSET else None
