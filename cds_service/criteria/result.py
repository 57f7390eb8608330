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
    """State of one criterion with the section that asked and everything that answered or failed to."""

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


@dataclass(slots=True)
class Finding:
    """A state in the making; `facts` carries what later criteria may ask of this one."""

    state: Truth = Truth.UNKNOWN
    evidence: list[Evidence] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
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
        )


def _once(items: "list[T]") -> "tuple[T, ...]":
    return tuple(dict.fromkeys(items))
