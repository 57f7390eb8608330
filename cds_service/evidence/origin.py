"""Where a metastasis came from: its link, its own code, else the candidate primaries (clinical.md 2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.evidence.diagnoses import Diagnosis, Standing
from cds_service.evidence.findings import Findings
from cds_service.kernel.concepts import Concept
from cds_service.kernel.provenance import Evidence
from cds_service.policy.tumors import Elsewhere, OriginFamily

OPEN = "?"


@dataclass(frozen=True, slots=True)
class Origin:
    """Possible origins of one metastasis.

    rows: the origin of each possible primary, `?` where it cannot be told; family: the row of the M table
    that all of them name, None when none or several; primaries: references of the diagnoses that may be the
    primary.
    """

    rows: tuple[str, ...]
    family: OriginFamily | None
    primaries: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()
    how: str = "candidates"


def candidates(findings: Findings) -> list[Diagnosis]:
    """Malignancies elsewhere that could be a primary: confirmed ones, else provisional ones.

    One that cannot be read whole may still be the primary; it leaves the origin open.
    """
    possible = [d for d in findings.diagnoses if _rows(d) or d.unmapped]
    sure = [d for d in possible if d.standing is not Standing.PROVISIONAL]
    return sure or [d for d in possible if d.standing is Standing.PROVISIONAL]


def _rows(diagnosis: Diagnosis) -> list[Elsewhere]:
    return [] if diagnosis.tumors else [group for group in diagnosis.elsewhere if group.candidate]


def find_origin(metastasis: Diagnosis, findings: Findings) -> Origin:
    """The origin of one metastasis, best rank of evidence first."""
    if metastasis.related:
        return _linked(metastasis, findings)
    possible = candidates(findings)
    here = [group.origin for group in metastasis.tumors]
    coded = [group.origin for group in metastasis.elsewhere if not group.joins_metastasis]
    stated = [origin for origin in (*here, *coded) if origin]
    if stated:
        families = [_family_of(origin, metastasis.concept, findings) for origin in stated]
        return Origin(
            tuple(stated), _shared_family(families), tuple(d.reference for d in possible), (), "code"
        )
    if not possible:
        return _by_histology(metastasis, findings)
    rows = tuple(row for diagnosis in possible for row in _origins(diagnosis))
    return Origin(
        rows,
        _shared_family([_family(d, findings) for d in possible]),
        tuple(d.reference for d in possible),
        tuple(d.evidence() for d in possible),
    )


def _linked(metastasis: Diagnosis, findings: Findings) -> Origin:
    names = {findings.chart.canonical(reference) for reference in metastasis.related}
    primaries = [d for d in findings.diagnoses if d.reference in names]
    if len(primaries) < len(names):
        return Origin((OPEN,), None, tuple(d.reference for d in primaries), (), "link")
    rows = tuple(row for primary in primaries for row in _origins(primary)) or (OPEN,)
    family = _shared_family([_family(primary, findings) for primary in primaries])
    return Origin(rows, family, tuple(names), tuple(p.evidence() for p in primaries), "link")


def _by_histology(metastasis: Diagnosis, findings: Findings) -> Origin:
    """Histology settles the type, but not how an M category reads: clinical.md 4.2 does not name it."""
    told = [g for g in findings.model.elsewhere if g.origin and metastasis.histology.stands_in(*g.value_sets)]
    groups = told or [g for g in metastasis.elsewhere if g.joins_metastasis]
    return Origin(tuple(group.origin or OPEN for group in groups), None, (), (), "histology")


def _origins(diagnosis: Diagnosis) -> list[str]:
    """The rows a possible primary names; one that is not sure, or names nothing, leaves it open."""
    rows = [group.origin or OPEN for group in _rows(diagnosis)]
    return rows if rows and diagnosis.standing is Standing.CONFIRMED else [OPEN]


def _family(diagnosis: Diagnosis, findings: Findings) -> OriginFamily | None:
    if diagnosis.standing is not Standing.CONFIRMED:
        return None
    return _shared_family(
        [_family_of(group.origin, diagnosis.concept, findings) for group in _rows(diagnosis)]
    )


def _family_of(origin: str | None, concept: Concept, findings: Findings) -> OriginFamily | None:
    for family in findings.model.families:
        narrowed = not family.value_sets or concept.stands_in(*family.value_sets)
        if origin in family.origins and narrowed:
            return family
    return None


def _shared_family(families: Sequence[OriginFamily | None]) -> OriginFamily | None:
    named = {family.family for family in families if family}
    whole = len(named) == 1 and all(families)
    return next(family for family in families if family) if whole else None
