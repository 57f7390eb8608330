"""Lists what the chosen policies will ask for, so that it is fetched once (clinical.md 5.2).

Each need has a key under which a client may also send the same search as prefetch. A policy that needs no
criteria has no needs beyond the coverage. Clinical status is not searched by: that would leave out Conditions
without one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cds_service.hooks.prefetch import PrefetchTemplate
from cds_service.policy.model import (
    AllOf,
    AnyOf,
    Criterion,
    NoDiseaseOutside,
    PolicyVersion,
    Resectability,
    Statement,
    TumorSize,
    TumorType,
)
from cds_service.policy.tumors import Attestations, TumorModel

Code = tuple[str, str]
Codes = Callable[[str], Iterable[Code]]  # id of a ValueSet -> its (system, code) pairs

ANY_OBSERVATIONS = "observations"  # the one key that answers every need for Observations
_REPORTS = "report-category"
_LOINC = "http://loinc.org"
_STATED = ("attestations", "questionnaireResponses")
_SEARCHES: Mapping[type, tuple[str, ...]] = {
    Statement: _STATED,
    Resectability: ("conditions", "procedures", "serviceRequests", *_STATED),
    TumorType: ("conditions", *_STATED),
    TumorSize: ("conditions", "sizeObservations", "bodyStructures", *_STATED),
    NoDiseaseOutside: (
        "conditions",
        "mObservations",
        "nObservations",
        "statusObservations",
        "procedures",
        *_STATED,
    ),
}


@dataclass(frozen=True, slots=True)
class Need:
    """A search by patient.

    key: its prefetch key; parameters: name -> values, any of which may match, beside the patient; extra:
    asked only along with others of its type, one page of it, and nothing is missed where the EHR does not
    offer it.
    """

    key: str
    resource_type: str
    parameters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    extra: bool = False

    def search(self, patient: str) -> str:
        """The search below a FHIR base, values percent-encoded up to the comma.

        The slashes of a system, too: some proxies make one of two that stand side by side.
        """
        parts = [f"patient={quote(patient, safe='')}", *self._parts(safe=","), "_count=100"]
        return f"{self.resource_type}?{'&'.join(parts)}"

    def template(self) -> PrefetchTemplate:
        """The same as a prefetch template, for clients that send it on their own account."""
        parts = ["patient={{context.patientId}}", *self._parts()]
        return PrefetchTemplate(self.key, f"{self.resource_type}?{'&'.join(parts)}")

    def _parts(self, safe: str = "/:,") -> list[str]:
        return [f"{name}={quote(','.join(values), safe=safe)}" for name, values in self.parameters]


def needs_of(
    versions: Iterable[PolicyVersion],
    tumors: Mapping[str, TumorModel],
    statements: Attestations,
    codes: Codes,
) -> tuple[Need, ...]:
    """The searches that these policy versions need, each once, those that can decide alone first."""
    found: dict[str, dict[str, None]] = {}
    documents: dict[str, None] = {}
    for version in versions:
        if version.position != "criteria":
            continue
        for criterion in _leaves(version.criteria):
            for key in _SEARCHES[type(criterion)]:
                sets = _value_sets(key, criterion, tumors)
                found.setdefault(key, {}).update(dict.fromkeys(sets))
        documents.update(dict.fromkeys(_documents(version)))
    needs = [_need(key, sets, statements, codes) for key, sets in found.items()]
    if any(need.resource_type == "Observation" for need in needs):
        # One without a readable code could be about anything (clinical.md 4.5), and no search by code finds
        # it.
        needs.append(Need("uncodedObservations", "Observation", (("code:missing", ("true",)),), extra=True))
    return tuple(needs + _document_needs(list(documents), codes))


def _leaves(criteria: Sequence[Criterion]) -> Iterator[Criterion]:
    for criterion in criteria:
        if isinstance(criterion, AllOf | AnyOf):
            yield from _leaves(criterion.parts)
        else:
            yield criterion


def _value_sets(key: str, criterion: Criterion, tumors: Mapping[str, TumorModel]) -> Sequence[str]:
    """The ValueSets whose codes a search for Observations asks for, as the tumor data names them."""
    if isinstance(criterion, TumorSize) and key == "sizeObservations":
        return tumors[criterion.tumors].sizes.observation
    if isinstance(criterion, NoDiseaseOutside):
        staging = tumors[criterion.tumors].staging
        named = {"mObservations": staging.m, "nObservations": staging.n, "statusObservations": staging.status}
        return named.get(key, ())
    return ()


def _need(key: str, sets: Iterable[str], statements: Attestations, codes: Codes) -> Need:
    match key:
        case "conditions":
            return Need(key, "Condition")
        case "procedures":
            return Need(key, "Procedure")
        case "bodyStructures":
            return Need(key, "BodyStructure")
        case "questionnaireResponses":
            return Need(key, "QuestionnaireResponse")
        case "serviceRequests":
            return Need(key, "ServiceRequest", (("status", ("draft", "active", "on-hold")),))
        case "attestations":
            tokens = [(statements.system, code) for code in statements.codes]
        case _:
            tokens = [code for name in sets for code in codes(name)]
    return Need(key, "Observation", (("code", _tokens(tokens)),))


def _documents(version: PolicyVersion) -> Iterator[str]:
    """Document types that the policy or a criterion asks for."""
    for asked in (version.documentation, *(leaf.documentation for leaf in _leaves(version.criteria))):
        for document in asked:
            yield from document.loinc


def _document_needs(types: list[str], codes: Codes) -> list[Need]:
    """Documents on file; they are named on the card, never read."""
    if not types:
        return []
    return [
        Need("diagnosticReports", "DiagnosticReport", (("category", _tokens(codes(_REPORTS))),)),
        Need(
            "documentReferences", "DocumentReference", (("type", _tokens((_LOINC, code) for code in types)),)
        ),
    ]


def _tokens(found: Iterable[Code]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{system}|{code}" for system, code in found))
