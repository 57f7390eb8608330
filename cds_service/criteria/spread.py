"""What staging, disease status and statements say about spread outside the organ (clinical.md 4.2, 4.4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from cds_service.criteria.result import Finding
from cds_service.criteria.tumor_type import TypeFacts
from cds_service.evidence.diagnoses import Diagnosis, Standing
from cds_service.evidence.findings import Findings
from cds_service.evidence.freshness import of_latest_day
from cds_service.evidence.observations import About
from cds_service.evidence.origin import find_origin
from cds_service.evidence.staging import Staged
from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.policy.tumors import OriginFamily


@dataclass(frozen=True, slots=True)
class Word:
    """One fresh statement: none, disease or unknown."""

    day: date
    reading: str
    evidence: Evidence

    @property
    def reference(self) -> str:
        """Where it was said."""
        return self.evidence.reference


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the staging is about: metastases and primaries of the organ on record, current or past."""

    metastases: tuple[Diagnosis, ...]
    on_record: bool
    primaries: tuple[Diagnosis, ...]
    family: OriginFamily | None
    form_type: str | None = None
    muddled: bool = False

    @property
    def onset(self) -> date | None:
        """The latest onset among the current tumors (clinical.md 4.2).

        A record without an onset of its own, such as an encounter diagnosis, counts only where no other
        record of the same tumor states one.
        """
        tumors = [*self.metastases, *self.primaries]
        dated = {group.group for d in tumors if d.onset and not d.only_recorded for group in d.tumors}
        counted = [d for d in tumors if not d.only_recorded or dated.isdisjoint(g.group for g in d.tumors)]
        return max((d.onset.first for d in counted if d.onset), default=None)


def words_about_spread(findings: Findings, facts: TypeFacts, finding: Finding) -> list[Word]:
    """The statements of the latest day that any fresh statement was made on; older ones do not count."""
    setting = _setting(findings, facts)
    words = [
        *_m_words(findings, setting, finding),
        *_status_words(findings, setting, finding),
        *_said(findings, setting),
    ]
    finding.notes.extend(findings.staging.notes)
    return of_latest_day(words)


def node_disease(findings: Findings) -> tuple[list[Evidence], list[Gap]]:
    """Regional nodes of a primary of the organ whose latest N category is 1 or more (clinical.md 4.2)."""
    setting = _setting(findings, TypeFacts())
    sure = [d for d in setting.primaries if any(g.nodes for g in d.tumors)]
    if not sure:
        return [], []
    mine = {d.reference for d in sure}
    staged = [s for s in findings.staging.of(About.N) if _is_about(s, findings, setting) is True]
    if setting.on_record:
        staged = [s for s in staged if not s.focus or not mine.isdisjoint(s.focus)]
    latest = of_latest_day(staged)
    categories = {s.category for s in latest}
    if categories == {"n1"}:
        # Beside a metastasis on record an N without a focus may be that of its primary.
        if setting.on_record and all(not s.focus for s in latest):
            return [], [Gap("which-tumor", latest[0].shown, latest[0].reference, latest[0].date.text)]
        return [s.evidence() for s in latest], []
    if "n1" in categories or "several" in categories:
        return [], [Gap("conflict", latest[0].shown, latest[0].reference, latest[0].date.text)]
    return [], []


def _setting(findings: Findings, facts: TypeFacts) -> _Setting:
    mine = [d for d in findings.diagnoses if d.tumors]
    metastases = [d for d in mine if any(g.kind == "metastasis" for g in d.tumors)]
    current = tuple(d for d in metastases if d.settled)
    origins = [facts.origins.get(d.reference) or find_origin(d, findings) for d in current]
    families = {origin.family.family if origin.family else None for origin in origins}
    muddled = any(d.settled and (len(d.tumors) > 1 or _contradicted(d)) for d in mine)
    family = origins[0].family if len(families) == 1 and origins and not muddled else None
    if family is None and facts.form_type in findings.model.form_families:
        name = findings.model.form_families[facts.form_type]
        family = next(each for each in findings.model.families if each.family == name)
    on_record = any(d.standing is not Standing.PROVISIONAL for d in metastases)
    primaries = tuple(d for d in mine if d.settled and any(g.kind == "primary" for g in d.tumors))
    return _Setting(current, on_record, primaries, family, facts.form_type, muddled)


def _contradicted(diagnosis: Diagnosis) -> bool:
    """Whether another coding of the same concept places it outside the organ."""
    return any(group.effect != "by-site" and not group.joins_metastasis for group in diagnosis.elsewhere)


def _readings(findings: Findings, setting: _Setting) -> tuple[Mapping[str, str], str]:
    """How M categories, and distant metastasis present, read in this setting (table in clinical.md 4.2)."""
    model = findings.model
    if setting.on_record and not setting.metastases:
        return {}, "ignored"
    if setting.family:
        return setting.family.reads, setting.family.status_present
    if setting.on_record or setting.form_type in model.form_metastases:
        return model.metastasis_default, model.metastasis_status
    if setting.muddled:
        return model.no_tumor, model.no_tumor_status
    if setting.primaries or setting.form_type in model.form_primaries:
        return model.no_metastasis, model.no_metastasis_status
    return model.no_tumor, model.no_tumor_status


def _m_words(findings: Findings, setting: _Setting, finding: Finding) -> Iterator[Word]:
    reads, _ = _readings(findings, setting)
    for staged in findings.staging.of(About.M):
        about = _is_about(staged, findings, setting)
        if about is None:
            finding.gaps.append(Gap("unreadable", "focus", staged.reference, staged.date.text))
            continue
        reading = reads.get(staged.category, "unknown") if reads else "ignored"
        if not about or _too_early(staged.day, setting) or reading == "ignored":
            finding.notes.append(Note("set-aside", staged.shown, staged.reference, staged.date.text))
        else:
            yield Word(staged.day, reading, staged.evidence())


def _is_about(staged: Staged, findings: Findings, setting: _Setting) -> bool | None:
    """Whether a category is about the organ's tumor or its primary; None when that cannot be told."""
    if not staged.focus:
        return None if staged.dangling else True
    tumors = {d.reference for d in findings.diagnoses if d.tumors}
    primaries: set[str] = set()
    if setting.on_record:
        for diagnosis in findings.diagnoses:
            if any(g.kind == "metastasis" for g in diagnosis.tumors):
                primaries.update(find_origin(diagnosis, findings).primaries)
    return any(name in tumors or name in primaries for name in staged.focus)


def _too_early(day: date, setting: _Setting) -> bool:
    onset = setting.onset
    return onset is not None and day < onset


def _status_words(findings: Findings, setting: _Setting, finding: Finding) -> Iterator[Word]:
    _, present = _readings(findings, setting)
    for staged in findings.staging.of(About.STATUS):
        reading = ""
        if staged.category == "present":
            reading = present
        elif staged.category == "none" and _after_treatment(staged.day, findings):
            reading = "none"
        elif staged.category == "several":
            reading = "unknown"
        if not reading or reading == "ignored" or _too_early(staged.day, setting):
            finding.notes.append(Note("set-aside", staged.shown, staged.reference, staged.date.text))
        else:
            yield Word(staged.day, reading, staged.evidence())


def _after_treatment(day: date, findings: Findings) -> bool:
    """No evidence of recurrence counts only after a completed tumor treatment (clinical.md 4.4)."""
    model = findings.model
    return any(
        done.status == "completed"
        and done.date
        and done.date.first < day
        and done.is_a(model.treatments, model.treatment_words)
        for done in findings.procedures
    )


def _said(findings: Findings, setting: _Setting) -> Iterator[Word]:
    rule = findings.model.statements["disease-outside"]
    meaning = (
        dict.fromkeys(rule.yes, "disease")
        | dict.fromkeys(rule.no, "none")
        | dict.fromkeys(rule.open, "unknown")
    )
    for said in findings.statements.said:
        if said.code == rule.code and not _too_early(said.day, setting):
            yield Word(said.day, meaning.get(said.value, "unknown"), said.evidence())
