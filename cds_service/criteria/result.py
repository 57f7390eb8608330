"""What evaluating a criterion brings: its state, with everything that answered or failed to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.kernel.truth import Truth
from cds_service.policy.model import CriterionBase, Documentation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """State of one criterion with the section that asked and everything that answered or failed to.

    answers: (question, answer) that the record gives on the form, in the codes of the attestations.
    """

    id: str
    title: str
    says: str
    cites: str
    state: Truth
    evidence: tuple[Evidence, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()
    flags: tuple[str, ...] = ()
    documentation: tuple[Documentation, ...] = ()
    questions: tuple[str, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Finding:
    """A state in the making; `facts` carries what later criteria may ask of this one.

    concluded: answers by question that a settled state implies where nobody stated them.
    """

    state: Truth = Truth.UNKNOWN
    evidence: list[Evidence] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    concluded: dict[str, str] = field(default_factory=dict)
    facts: object = None

    def blocked_by(self, gaps: Iterable[Gap]) -> "Finding":
        """Adds gaps; any of them leaves open what is not clearly failed (clinical.md 4.5)."""
        before = len(self.gaps)
        self.gaps.extend(gaps)
        if len(self.gaps) > before and self.state is Truth.MET:
            self.state = Truth.UNKNOWN
        return self

    def result(self, criterion: CriterionBase) -> CriterionResult:
        """The finished result; it asks for documents where something is missing or failed (clinical.md 8)."""
        asked = () if self.state is Truth.MET else criterion.documentation
        return CriterionResult(
            criterion.id,
            criterion.title,
            criterion.says,
            criterion.cites,
            self.state,
            _once(self.evidence),
            _once(self.gaps),
            _once(self.notes),
            _once(self.flags),
            asked,
            criterion.questions,
            tuple(self._answers().items()),
        )

    def _answers(self) -> dict[str, str]:
        """What was stated alike; else what follows. Statements that differ answer nothing."""
        stated: dict[str, set[str]] = {}
        for question, answer in (each.said for each in self.evidence if each.said):
            stated.setdefault(question, set()).add(answer)
        alike = {question: next(iter(found)) for question, found in stated.items() if len(found) == 1}
        concluded = self.concluded if self.state is not Truth.UNKNOWN else {}
        return alike | {question: answer for question, answer in concluded.items() if question not in stated}


def _once(items: "list[T]") -> "tuple[T, ...]":
    return tuple(dict.fromkeys(items))
