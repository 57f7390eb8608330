"""Which tumor each size is about, and which lesions of the organ are on record (clinical.md 3.4)."""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import UNSET

from cds_service.evidence.findings import Findings
from cds_service.evidence.observations import FINAL, About, Observed
from cds_service.evidence.sites import Site, read_site
from cds_service.kernel.codes import Key
from cds_service.kernel.concepts import NOTHING, Concept, read_concept
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import BodyStructure, Extension, Reference
from cds_service.kernel.provenance import Gap, Note
from cds_service.kernel.references import resource_type

_STRUCTURE = "BodyStructure"


@dataclass(frozen=True, slots=True)
class Structure:
    """A lesion as the chart tracks it; conditions: diagnoses it belongs to; places: codes of its location."""

    reference: str
    identity: str
    active: bool
    site: Site
    places: frozenset[Key]
    conditions: tuple[str, ...]
    readable: bool


@dataclass(frozen=True, slots=True)
class Size:
    """One size Observation placed on a lesion; identity None: the lesion is not tracked."""

    observed: Observed
    identity: str | None
    site: Site
    places: frozenset[Key]
    structure: str | None
    conditions: tuple[str, ...]
    pending: bool


@dataclass(frozen=True, slots=True)
class Lesions:
    """Sizes with their lesions, tracked lesions of the organ, and what cannot be read."""

    sizes: tuple[Size, ...]
    structures: tuple[Structure, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[Note, ...]


def read_structures(findings: Findings) -> list[Structure]:
    """The patient's BodyStructures."""
    found = []
    for stored in findings.chart.of(_STRUCTURE):
        resource, damaged = decode(stored.raw, BodyStructure)
        if resource is None:
            found.append(
                Structure(stored.reference, stored.reference, True, Site.NONE, frozenset(), (), False)
            )
        elif not findings.chart.is_other_patient(resource.patient):
            found.append(_structure(stored.reference, resource, not damaged, findings))
    return found


def _structure(reference: str, resource: BodyStructure, readable: bool, findings: Findings) -> Structure:
    location = read_concept(resource.location, findings.terms)
    conditions = tuple(_linked(resource.extension or (), findings))
    site = read_site(location, findings.model)
    if site is Site.NONE:
        site = site_of_conditions(conditions, findings)
    return Structure(
        reference,
        _identity(resource) or reference,
        resource.active is not False,
        site,
        frozenset(location.keys),
        conditions,
        readable and site is not Site.NONE,
    )


def _identity(resource: BodyStructure) -> str:
    """The identifier that tracks a lesion from one BodyStructure to the next; empty when it has none."""
    for identifier in (resource.identifier or ())[:1]:
        if identifier.value is not UNSET:
            return f"{identifier.system or ''}|{identifier.value}"
    return ""


def _may_be_lesion(structure: Structure) -> bool:
    return structure.active and structure.site is not Site.ELSEWHERE


def _linked(extensions: "list[Extension] | tuple[()]", findings: Findings) -> Iterator[str]:
    for extension in extensions:
        reference = extension.value_reference
        if (
            extension.url == findings.model.lesion_condition
            and reference is not UNSET
            and reference.reference
        ):
            yield findings.chart.canonical(reference.reference)


def site_of_conditions(references: tuple[str, ...], findings: Findings) -> Site:
    """The site that linked diagnoses give: the organ, elsewhere, or none."""
    linked = [d for d in findings.diagnoses if d.reference in references]
    if any(d.tumors for d in linked):
        return Site.ORGAN
    return Site.ELSEWHERE if any(d.elsewhere for d in linked) else Site.NONE


def read_lesions(findings: Findings) -> Lesions:
    """Every size Observation of the patient with the lesion it is about."""
    structures = read_structures(findings)
    sizes: list[Size] = []
    gaps = [
        Gap("unreadable", _STRUCTURE, s.reference) for s in structures if not s.readable and _may_be_lesion(s)
    ]
    notes: list[Note] = []
    for observed in findings.observations.of(About.SIZE):
        item = _place(observed, structures, findings)
        if isinstance(item, Size):
            sizes.append(item)
        elif isinstance(item, Gap):
            gaps.append(item)
        else:
            notes.append(item)
    return Lesions(tuple(sizes), tuple(structures), tuple(gaps), tuple(notes))


def _place(observed: Observed, structures: list[Structure], findings: Findings) -> Size | Gap | Note:
    resource = observed.resource
    date = observed.date.text if observed.date else None
    if observed.broken:
        return Gap("unreadable", observed.concept.shown, observed.reference, date)
    if resource.specimen is not UNSET:
        return Note("set-aside", "specimen", observed.reference, date)
    about: list[Structure] = []
    conditions: list[str] = []
    for reference in resource.focus or ():
        found = _resolve(reference, structures, findings)
        if isinstance(found, Structure):
            about.append(found)
        elif isinstance(found, str):
            conditions.append(found)
        elif found is False:
            return Gap("unreadable", "focus", observed.reference, date)
    if any(not structure.readable and _may_be_lesion(structure) for structure in about):
        return Gap("unreadable", _STRUCTURE, observed.reference, date)
    if about and all(not structure.active for structure in about):
        return Note("set-aside", _STRUCTURE, observed.reference, date)
    return _sized(observed, about, tuple(conditions), findings)


def _resolve(reference: Reference, structures: list[Structure], findings: Findings) -> Structure | str | bool:
    """The lesion, the Condition's reference, True if it does not matter, False if it cannot be resolved."""
    name = findings.chart.canonical(reference.reference) if reference.reference is not UNSET else ""
    for structure in structures:
        if structure.reference == name:
            return structure
    stored = findings.chart.find(name) if name else None
    if stored is not None and stored.type != _STRUCTURE:
        return name if stored.type == "Condition" else True
    declared = resource_type(name) or (reference.type if reference.type is not UNSET else None)
    return _STRUCTURE in findings.chart.unsupported and declared in (None, _STRUCTURE)


def _sized(
    observed: Observed, about: list[Structure], conditions: tuple[str, ...], findings: Findings
) -> Size:
    body_site = read_concept(observed.resource.body_site, findings.terms)
    linked = conditions + tuple(c for structure in about for c in structure.conditions)
    site = about[0].site if about else Site.NONE
    if site is Site.NONE:
        site = read_site(body_site, findings.model)
    if site is Site.NONE:
        site = site_of_conditions(linked, findings)
    structure = about[0] if about else None
    places = structure.places if structure and structure.places else frozenset(body_site.keys)
    return Size(
        observed,
        structure.identity if structure else _by_place(body_site),
        site,
        places,
        structure.reference if structure else None,
        linked,
        observed.resource.status not in FINAL,
    )


def _by_place(body_site: Concept) -> str | None:
    """Without a tracked lesion its body site code stands for it."""
    if body_site is NOTHING or not body_site.keys:
        return None
    return " ".join(f"{system}|{code}" for system, code in sorted(body_site.keys))


def named_by_only_size(findings: Findings) -> set[str]:
    """The Condition that the chart's only size is about (clinical.md 2.1)."""
    sizes = read_lesions(findings).sizes
    return set(sizes[0].conditions) if len(sizes) == 1 else set()
