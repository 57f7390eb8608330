"""The criterion kind `no-disease-outside`: no sign of malignancy outside the organ (clinical.md 4.4)."""

from collections.abc import Iterator, Mapping

from cds_service.criteria.primaries import clear_primaries, metastasis_on_record
from cds_service.criteria.result import Finding
from cds_service.criteria.spread import Word, node_disease, words_about_spread
from cds_service.criteria.tumor_type import TypeFacts, bears
from cds_service.evidence.diagnoses import Diagnosis, Standing
from cds_service.evidence.findings import Findings
from cds_service.evidence.sites import Site
from cds_service.kernel.provenance import Evidence, Gap
from cds_service.kernel.truth import Truth
from cds_service.policy.model import NoDiseaseOutside


def no_disease_outside(
    criterion: NoDiseaseOutside, findings: Findings, facts: TypeFacts, origins: Mapping[str, str]
) -> Finding:
    """The first line of clinical.md 4.4 that applies decides; what the others found is still shown.

    facts: what the type criterion found; origins: its table of states by origin.
    """
    finding = Finding()
    disease, blocks = _from_diagnoses(findings, origins)
    nodes, node_gaps = node_disease(findings)
    primaries = clear_primaries(findings, list(_own_primaries(findings, origins)))
    disease = [*disease, *nodes, *primaries.disease]
    blocks = [*blocks, *node_gaps, *primaries.blocks]
    words = words_about_spread(findings, facts, finding)
    finding.evidence.extend([*disease, *(word.evidence for word in words), *primaries.cleared])
    finding.notes.extend(findings.statements.notes_for(*_codes(findings)))
    _decide(finding, criterion.title, disease, blocks, words)
    finding.concluded = _concluded(finding.state, findings)
    finding.blocked_by(_gaps(findings))
    return finding


def _decide(
    finding: Finding, title: str, disease: list[Evidence], blocks: list[Gap], words: list[Word]
) -> None:
    readings = {word.reading for word in words}
    if disease or readings == {"disease"}:
        finding.state = Truth.NOT_MET
    elif readings == {"none"} and not blocks and not finding.gaps:
        finding.state = Truth.MET
    if len(readings) > 1 and not disease:
        finding.gaps.append(
            Gap("conflict", " / ".join(w.evidence.summary for w in words), words[0].evidence.reference)
        )
    elif readings == {"unknown"}:
        finding.gaps.append(Gap("unspecified-site", words[0].evidence.summary, words[0].evidence.reference))
    elif not words and not disease:
        finding.gaps.append(Gap("no-statement", title))
    finding.gaps.extend(blocks)


def _concluded(state: Truth, findings: Findings) -> dict[str, str]:
    """The statement that a clear state amounts to."""
    rule = findings.model.statements["disease-outside"]
    values = {Truth.MET: rule.no, Truth.NOT_MET: rule.yes}.get(state, ())
    return {rule.code: values[0]} if values else {}


def _from_diagnoses(findings: Findings, origins: Mapping[str, str]) -> tuple[list[Evidence], list[Gap]]:
    disease: list[Evidence] = []
    blocks: list[Gap] = []
    for diagnosis in findings.diagnoses:
        if not diagnosis.current or diagnosis.standing is Standing.UNREADABLE:
            continue
        effect, why = _effect(diagnosis, findings, origins)
        if effect == "disease" and diagnosis.settled:
            disease.append(diagnosis.evidence())
        elif effect in ("disease", "unknown", "own"):
            why = why if diagnosis.settled else "provisional"
            if effect != "own" or not diagnosis.settled:
                blocks.append(Gap(why, diagnosis.concept.shown, diagnosis.reference))
    return disease, blocks


def _effect(diagnosis: Diagnosis, findings: Findings, origins: Mapping[str, str]) -> tuple[str, str]:
    """(disease, unknown, own or none; code of the gap) that a current diagnosis has."""
    if diagnosis.unmapped:
        return "unknown", "unmapped-malignancy"
    joined = any(group.kind == "metastasis" for group in diagnosis.tumors)
    groups = [group for group in diagnosis.elsewhere if not (joined and group.joins_metastasis)]
    effects = {_effect_of(group.effect, group.origin, diagnosis, findings, origins) for group in groups}
    if diagnosis.tumors:
        effects.add("none")
    if len(effects) > 1:
        return "unknown", "excludes-each-other"
    return (effects.pop() if effects else "none"), (diagnosis.elsewhere[0].gap if diagnosis.elsewhere else "")


def _effect_of(
    effect: str, origin: str | None, diagnosis: Diagnosis, findings: Findings, origins: Mapping[str, str]
) -> str:
    if effect == "by-site":
        if diagnosis.tumors or diagnosis.site is Site.ORGAN:
            return "none"
        return "disease" if diagnosis.site in (Site.ELSEWHERE, Site.UNLISTED) else "unknown"
    if effect == "primary":
        own = origins.get(origin or "", "unknown") != "not-met" and metastasis_on_record(findings)
        return "own" if own else "disease"
    return effect


def _own_primaries(findings: Findings, origins: Mapping[str, str]) -> Iterator[Diagnosis]:
    for diagnosis in findings.diagnoses:
        if diagnosis.settled and _effect(diagnosis, findings, origins)[0] == "own":
            yield diagnosis


def _codes(findings: Findings) -> tuple[str, str]:
    statements = findings.model.statements
    return statements["disease-outside"].code, statements["primary-in-place"].code


def _gaps(findings: Findings) -> list[Gap]:
    unreadable = [
        Gap("unreadable", d.concept.shown or "Condition", d.reference)
        for d in findings.diagnoses
        if d.unreadable or (d.standing is Standing.UNREADABLE and (d.unmapped or bears(d)))
    ]
    return [
        *findings.failures("Condition"),
        *findings.statement_gaps(*_codes(findings)),
        *findings.staging.gaps,
        *unreadable,
    ]
