"""The criterion kind `tumor-size`: every treated tumor is below a diameter (clinical.md 3.3, 3.4, 4.3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec import UNSET

from cds_service.criteria.result import Finding
from cds_service.evidence.findings import Findings
from cds_service.evidence.freshness import Age
from cds_service.evidence.lesions import Lesions, Size, Structure, read_lesions
from cds_service.evidence.sites import Site
from cds_service.evidence.sizes import Length, Limit, measured, quantity_length
from cds_service.kernel.codes import Key
from cds_service.kernel.concepts import read_concept
from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.kernel.truth import Truth, agreed, all_of
from cds_service.kernel.units import parse_length
from cds_service.policy.model import TumorSize


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one lesion gives."""

    identity: str | None
    state: Truth
    places: frozenset[Key]
    structures: frozenset[str]
    evidence: tuple[Evidence, ...] = ()
    gaps: tuple[Gap, ...] = ()
    lengths: tuple[Length | None, ...] = ()


def tumor_size(criterion: TumorSize, findings: Findings) -> Finding:
    """The largest current tumor decides, or the one the order names."""
    limit = Limit(parse_length(criterion.below), Decimal(findings.limits.plausible_mm))
    lesions = read_lesions(findings)
    finding = Finding(notes=list(lesions.notes))
    places = {id(size): _belongs(size, limit, findings, finding) for size in lesions.sizes}
    usable = [size for size in lesions.sizes if places[id(size)] is True]
    readings = _read_all(usable, lesions, limit, findings, finding)
    readings += [_unplaced(size) for size in lesions.sizes if places[id(size)] is None]
    chosen = _chosen(readings, lesions, findings, finding)
    finding.state = all_of(reading.state for reading in chosen)
    for reading in chosen:
        finding.evidence.extend(reading.evidence)
        finding.gaps.extend(reading.gaps)
    if not chosen and not finding.gaps:
        finding.gaps.append(Gap("absent", criterion.title))
    code = findings.model.statements["diameter"].code
    finding.concluded |= {code: longest.shown} if (longest := _longest(chosen)) else {}
    _form(finding, usable, limit, findings)
    finding.blocked_by([*_gaps(lesions, findings), *findings.statements.gaps_for(code)])
    return finding


def _belongs(size: Size, limit: Limit, findings: Findings, finding: Finding) -> bool | None:
    """Whether a size is one of the organ's tumors, or of another organ (dropped); None: it cannot be told."""
    reference, shown = size.observed.reference, size.observed.concept.shown
    if size.site is Site.ORGAN:
        return True
    if size.site is Site.NONE and _only_tumor_site(findings):
        finding.notes.append(Note("no-site", shown, reference))
        return True
    dropped = size.site is Site.ELSEWHERE
    if size.site is Site.UNLISTED:
        alone = measured(size.observed.resource, findings.model.sizes, limit, findings.terms)
        dropped = alone.state is Truth.MET
    if not dropped:
        return None
    finding.notes.append(Note("set-aside", shown, reference))
    return False


def _unplaced(size: Size) -> _Reading:
    gap = _gap(size, "no-site")
    return _Reading(None, Truth.UNKNOWN, frozenset(), frozenset(), gaps=(gap,))


def _longest(chosen: Sequence[_Reading]) -> Length | None:
    """The longest of all lengths; None when one of them is not told exactly."""
    lengths = [length for reading in chosen for length in reading.lengths or (None,)]
    exact = [(length.mm, length) for length in lengths if length and length.mm and not length.comparator]
    return max(exact, key=lambda each: each[0])[1] if exact and len(exact) == len(lengths) else None


def _only_tumor_site(findings: Findings) -> bool:
    """No tumor anywhere else on record, current or past, and at least one in the organ."""
    elsewhere = any(
        (d.unmapped or d.unreadable or any(g.tumor_site for g in d.elsewhere)) and not d.tumors
        for d in findings.diagnoses
    )
    return not elsewhere and not findings.failures("Condition") and any(d.tumors for d in findings.diagnoses)


def _read_all(
    sizes: Sequence[Size], lesions: Lesions, limit: Limit, findings: Findings, finding: Finding
) -> list[_Reading]:
    groups: dict[str | None, list[Size]] = {}
    for size in sizes:
        groups.setdefault(size.identity, []).append(size)
    readings = [_reading(identity, group, limit, findings) for identity, group in groups.items()]
    if len(groups.get(None, ())) > 1:
        finding.notes.append(Note("lesions-not-tracked", "Observation"))
    readings += [_unmeasured(s) for s in lesions.structures if _is_lesion(s) and s.identity not in groups]
    return readings


def _is_lesion(structure: Structure) -> bool:
    return structure.readable and structure.active and structure.site is Site.ORGAN


def _unmeasured(structure: Structure) -> _Reading:
    gap = Gap("unmeasured-lesion", "BodyStructure", structure.reference)
    return _Reading(
        structure.identity, Truth.UNKNOWN, structure.places, frozenset({structure.reference}), gaps=(gap,)
    )


def _reading(identity: str | None, sizes: Sequence[Size], limit: Limit, findings: Findings) -> _Reading:
    """The state of one lesion: its latest fresh size; stale ones leave it unmeasured."""
    places = frozenset(place for size in sizes for place in size.places)
    structures = frozenset(size.structure for size in sizes if size.structure)
    ages = {id(size): findings.fresh.age(size.observed.date) for size in sizes}
    fresh = [size for size in sizes if ages[id(size)] is Age.FRESH]
    gaps = [_gap(size, ages[id(size)].value) for size in sizes if ages[id(size)] is Age.FUTURE]
    latest = _latest(fresh)
    if not latest:
        gaps += [_gap(size, ages[id(size)].value) for size in sizes if ages[id(size)] is not Age.FUTURE]
    states, evidence, lengths = [], [], []
    for size in latest:
        state, problem, shown, longest = measured(
            size.observed.resource, findings.model.sizes, limit, findings.terms
        )
        lengths.append(longest)
        if size.pending:
            state, problem = Truth.UNKNOWN, "not-final"
        states.append(state)
        date = size.observed.date.text if size.observed.date else None
        evidence.append(Evidence(size.observed.reference, shown, date))
        if problem:
            gaps.append(Gap(problem, shown, size.observed.reference, date))
    state = all_of(states)
    if any(gap.code == Age.FUTURE.value for gap in gaps) and state is Truth.MET:
        state = Truth.UNKNOWN
    return _Reading(identity, state, places, structures, tuple(evidence), tuple(gaps), tuple(lengths))


def _gap(size: Size, code: str) -> Gap:
    date = size.observed.date.text if size.observed.date else None
    return Gap(code, size.observed.concept.shown, size.observed.reference, date)


def _latest(sizes: Sequence[Size]) -> list[Size]:
    """The sizes of the latest day, and of its latest time where all of that day tell the time."""
    days = [size.observed.date.day for size in sizes if size.observed.date]
    last = [size for size in sizes if size.observed.date and size.observed.date.day == max(days)]
    moments = [size.observed.date.moment for size in last if size.observed.date]
    told = [moment for moment in moments if moment is not None]
    comparable = len(told) == len(last) and len({moment.tzinfo is None for moment in told}) == 1
    tracked = bool(last) and last[0].identity is not None
    if not comparable or not tracked:
        return last
    return [size for size, moment in zip(last, told, strict=True) if moment == max(told)]


def _chosen(
    readings: Sequence[_Reading], lesions: Lesions, findings: Findings, finding: Finding
) -> list[_Reading]:
    """All lesions, or those that the order names; a named one without a record leaves it open."""
    targets = _targets(lesions, findings)
    if not targets:
        return list(readings)
    chosen: list[_Reading] = []
    for target in targets:
        there = [r for r in readings if target in r.structures or target in r.places]
        if not there:
            finding.gaps.append(
                Gap("target-not-found", str(target[1] if isinstance(target, tuple) else target))
            )
            chosen.append(_Reading(None, Truth.UNKNOWN, frozenset(), frozenset()))
        chosen.extend(reading for reading in there if reading not in chosen)
    for other in readings:
        if other not in chosen and other.state is Truth.NOT_MET:
            finding.notes.append(
                Note("other-lesion-large", other.evidence[0].summary, other.evidence[0].reference)
            )
    return chosen


def _targets(lesions: Lesions, findings: Findings) -> list[str | Key]:
    """Segments and BodyStructures that the order names."""
    request, chart = findings.order.request, findings.chart
    if request is None:
        return []
    named = [r.reference for r in request.supporting_info or () if r.reference]
    named += [
        e.value_reference.reference
        for e in request.extension or ()
        if e.value_reference is not UNSET and e.value_reference.reference
    ]
    identities = {s.reference: s.identity for s in lesions.structures}
    targets: list[str | Key] = [
        name
        for name in map(chart.canonical, named)
        if name.startswith("BodyStructure/") or name in identities
    ]
    for site in request.body_site or ():
        concept = read_concept(site, findings.terms)
        if concept.stands_in(*findings.model.sites) and not concept.stands_in(
            *findings.model.whole_organ_sites
        ):
            targets.extend(concept.keys)
    return targets


def _form(finding: Finding, sizes: Iterable[Size], limit: Limit, findings: Findings) -> None:
    """The stated diameter decides when newer than every size, else it must agree (clinical.md 4.3)."""
    code = findings.model.statements["diameter"].code
    finding.notes.extend(findings.statements.notes_for(code))
    latest = findings.statements.latest(code)
    if not latest:
        return
    read = [limit.state(quantity_length(said.quantity)) for said in latest if said.quantity is not None]
    state = agreed(each for each, _ in read)
    days = [size.observed.date.day for size in sizes if size.observed.date]
    finding.evidence.extend(said.evidence() for said in latest)
    if not days or latest[0].day > max(days):
        finding.state, finding.gaps = state, []
    elif finding.state is not state:
        finding.state = Truth.UNKNOWN
        finding.gaps.append(Gap("conflict", latest[0].title, latest[0].reference, latest[0].date.text))
    if state is Truth.UNKNOWN:
        problem = next((why for _, why in read if why), "conflict")
        finding.gaps.append(Gap(problem, latest[0].value, latest[0].reference, latest[0].date.text))


def _gaps(lesions: Lesions, findings: Findings) -> list[Gap]:
    return [
        *lesions.gaps,
        *findings.failures("Observation", "BodyStructure"),
        *findings.unreadable_observations(),
        *findings.order_gaps("body_site", "supporting_info", "extension"),
    ]
