"""The criterion kind `tumor-type`: the treated tumor is of a type that the policy names (clinical.md 2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cds_service.criteria.result import Finding
from cds_service.evidence.diagnoses import Diagnosis, Standing, same_diagnosis
from cds_service.evidence.findings import Findings
from cds_service.evidence.lesions import named_by_only_size
from cds_service.evidence.origin import OPEN, Origin, find_origin
from cds_service.kernel.codes import Key
from cds_service.kernel.provenance import Gap, Note
from cds_service.kernel.truth import Truth, agreed
from cds_service.policy.model import TumorType

CODE_LIST_CONFLICT = "code-list-conflict"
CODE_NOT_LISTED = "code-not-listed"


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What the staging rules ask of this criterion: the origins found, and the type the form decided."""

    origins: dict[str, Origin] = field(default_factory=dict)
    form_type: str | None = None


def tumor_type(criterion: TumorType, findings: Findings, listed: Sequence[Key]) -> Finding:
    """The state of the treated tumor; listed: the payer's diagnosis codes, for flags (clinical.md 2.2)."""
    judged = _Judged(criterion, findings)
    finding = judged.chart_state()
    finding.concluded = _concluded(judged)
    _flags(finding, judged, set(listed))
    _form(finding, judged)
    finding.blocked_by(_gaps(findings))
    return finding


class _Judged:
    """The diagnoses of the organ's tumors with the state each gives alone."""

    def __init__(self, criterion: TumorType, findings: Findings) -> None:
        self.criterion = criterion
        self.findings = findings
        self.origins: dict[str, Origin] = {}
        self.decided: list[tuple[Diagnosis, Truth]] = []
        self.rows: set[str] = set()

    def chart_state(self) -> Finding:
        """What the chart's diagnoses and the order's own naming say."""
        finding = Finding(facts=TypeFacts(self.origins))
        tumors = [d for d in self.findings.diagnoses if d.tumors]
        for metastasis in (d for d in tumors if _is(d, "metastasis")):
            self.origins[metastasis.reference] = find_origin(metastasis, self.findings)
        named = [d for d in tumors if d.reference in self._named()]
        current = named or [d for d in tumors if d.current]
        sure = [d for d in current if d.settled]
        if self._dangling_name():
            finding.gaps.append(Gap("which-tumor", "reasonReference"))
        elif named:
            self._decide(finding, named, sure)
            self._warn_others(finding, named, [d for d in tumors if d.settled])
        else:
            self._decide(finding, current, sure)
        return finding

    def _named(self) -> set[str]:
        """References of tumors that the order names, or that the only size is about."""
        request, chart = self.findings.order.request, self.findings.chart
        names = (
            {chart.canonical(r.reference) for r in (request.reason_reference or ()) if r.reference}
            if request
            else set()
        )
        stated = self.findings.reasons
        mine = [d for d in self.findings.diagnoses if d.tumors]
        by_order = {
            d.reference for d in mine if d.reference in names or any(same_diagnosis(s, d) for s in stated)
        }
        return by_order or named_by_only_size(self.findings)

    def _dangling_name(self) -> bool:
        request, chart = self.findings.order.request, self.findings.chart
        names = (
            [chart.canonical(r.reference) for r in (request.reason_reference or ()) if r.reference]
            if request
            else []
        )
        return any(
            chart.find(name) is None and (name.startswith("Condition/") or "/" not in name) for name in names
        )

    def _decide(self, finding: Finding, considered: list[Diagnosis], sure: list[Diagnosis]) -> None:
        specific = [d for d in sure if _specific_malignant(d)] or sure
        self.decided = [(d, self._alone(d, finding)) for d in specific]
        finding.state = agreed(state for _, state in self.decided)
        finding.evidence.extend(d.evidence() for d in specific)
        self._explain(finding, considered, sure, specific)

    def _explain(
        self, finding: Finding, considered: list[Diagnosis], sure: list[Diagnosis], specific: list[Diagnosis]
    ) -> None:
        finding.notes.extend(
            Note("second-diagnosis", d.concept.shown, d.reference) for d in sure if d not in specific
        )
        unsure = [d for d in considered if d.standing is Standing.PROVISIONAL]
        if unsure and specific:
            finding.notes.extend(Note("provisional-beside", d.concept.shown, d.reference) for d in unsure)
        elif unsure:
            finding.gaps.extend(Gap("provisional", d.concept.shown, d.reference) for d in unsure)
        elif not specific:
            finding.gaps.append(Gap("absent", self.criterion.title))
        if _contradiction(sure):
            finding.state = Truth.UNKNOWN
            finding.gaps.append(Gap("excludes-each-other", " / ".join(d.concept.shown for d in sure)))
        elif len({state for _, state in self.decided}) > 1:
            finding.gaps.append(Gap("which-tumor", " / ".join(d.concept.shown for d in specific)))
        finding.notes.extend(
            Note("code-read-as", d.concept.shown, d.reference) for d in specific if d.concept.neighbour
        )
        finding.notes.extend(
            Note("not-on-problem-list", d.concept.shown, d.reference) for d in specific if d.from_order
        )

    def _warn_others(self, finding: Finding, named: list[Diagnosis], sure: list[Diagnosis]) -> None:
        finding.notes.extend(
            Note("second-diagnosis", d.concept.shown, d.reference) for d in sure if d not in named
        )

    def _alone(self, diagnosis: Diagnosis, finding: Finding) -> Truth:
        """The state one confirmed diagnosis gives by itself."""
        foreign = [g for g in diagnosis.elsewhere if g.effect != "by-site" and not g.joins_metastasis]
        if re.search(self.findings.model.open_words, diagnosis.concept.words):
            finding.gaps.append(Gap("unspecified-diagnosis", diagnosis.concept.shown, diagnosis.reference))
            return Truth.UNKNOWN
        if len(diagnosis.tumors) > 1 or foreign:
            finding.gaps.append(Gap("excludes-each-other", diagnosis.concept.shown, diagnosis.reference))
            return Truth.UNKNOWN
        group = diagnosis.tumors[0].group
        state = self.criterion.states.get(group)
        if state is not None:
            self.rows.add(group)
            if state == "unknown":
                finding.gaps.append(
                    Gap("unspecified-diagnosis", diagnosis.concept.shown, diagnosis.reference)
                )
            return Truth(state)
        return self._by_origin(diagnosis, finding)

    def _by_origin(self, diagnosis: Diagnosis, finding: Finding) -> Truth:
        origin = self.origins[diagnosis.reference]
        self.rows.update(origin.rows)
        finding.evidence.extend(origin.evidence)
        state = agreed(Truth(self.criterion.states.get(row, "unknown")) for row in origin.rows)
        if state is Truth.UNKNOWN:
            differ = len(set(origin.rows)) > 1 and OPEN not in origin.rows
            finding.gaps.append(
                Gap(
                    "origin-differs" if differ else "origin-unknown",
                    diagnosis.concept.shown,
                    diagnosis.reference,
                )
            )
        return state


def _concluded(judged: _Judged) -> dict[str, str]:
    """The type on the form that all the chart's diagnoses amount to, if there is one."""
    rule = judged.findings.model.statements["tumor-type"]
    types = {rule.means.get(row) for row in judged.rows}
    return {rule.code: only} if len(types) == 1 and (only := types.pop()) else {}


def _is(diagnosis: Diagnosis, kind: str) -> bool:
    return any(group.kind == kind for group in diagnosis.tumors)


def _specific_malignant(diagnosis: Diagnosis) -> bool:
    return any(group.specific and group.kind != "benign" for group in diagnosis.tumors)


def _contradiction(decided: list[Diagnosis]) -> bool:
    """A primary of the organ beside a metastasis to it (ICD-10-CM Excludes1, clinical.md 2.1)."""
    return any(_is(d, "primary") for d in decided) and any(_is(d, "metastasis") for d in decided)


def _flags(finding: Finding, judged: _Judged, listed: set[Key]) -> None:
    """Where the payer's code list and its text part ways (clinical.md 2.2)."""
    systems = {system for system, _ in listed}
    for diagnosis, state in judged.decided:
        codes = {key for key in diagnosis.concept.keys if key[0] in systems}
        own = judged.criterion.states.get(diagnosis.tumors[0].group)
        if codes & listed and own == "not-met":
            finding.flags.append(CODE_LIST_CONFLICT)
        if codes and not codes & listed and state is Truth.MET and finding.state is Truth.MET:
            finding.flags.append(CODE_NOT_LISTED)


def _form(finding: Finding, judged: _Judged) -> None:
    """The form's tumor type decides what the chart leaves open and never overrides it (clinical.md 4.3)."""
    statements, code = judged.findings.statements, judged.findings.model.statements["tumor-type"].code
    finding.notes.extend(statements.notes_for(code))
    latest = statements.latest(code)
    if not latest:
        return
    values = {said.value for said in latest}
    state = Truth.UNKNOWN
    if len(values) == 1:
        state = Truth(judged.criterion.states.get(f"statement:{latest[0].value}", "unknown"))
    finding.evidence.extend(said.evidence() for said in latest)
    against = {alone for _, alone in judged.decided} - {Truth.UNKNOWN, state}
    if finding.state is Truth.UNKNOWN and not against:
        finding.state = state
        if state is not Truth.UNKNOWN:
            finding.facts = TypeFacts(judged.origins, latest[0].value)
    elif finding.state is not state or against:
        finding.state = Truth.UNKNOWN
        finding.gaps.append(Gap("conflict", latest[0].title, latest[0].reference, latest[0].date.text))


def _gaps(findings: Findings) -> list[Gap]:
    """Conditions, parts of the order and form answers that could have said otherwise (clinical.md 4.5)."""
    code = findings.model.statements["tumor-type"].code
    gaps = [*findings.failures("Condition"), *findings.statements.gaps_for(code)]
    gaps += [
        Gap("unreadable", d.concept.shown or "Condition", d.reference)
        for d in findings.diagnoses
        if d.unreadable or (d.standing is Standing.UNREADABLE and (d.unmapped or bears(d)))
    ]
    return [*gaps, *findings.order_gaps("reason_code", "reason_reference")]


def bears(diagnosis: Diagnosis) -> bool:
    """Whether a diagnosis could speak about a tumor here or elsewhere at all."""
    return bool(diagnosis.tumors) or any(group.bears for group in diagnosis.elsewhere)
