"""Made-up determinations of every kind, for a made-up payer, and an answer context with counted ids."""

import itertools
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from cds_service.answer.answer import build
from cds_service.answer.context import Answer, AnswerContext
from cds_service.answer.templates import CardSet, load_cards
from cds_service.criteria.result import CriterionResult
from cds_service.determination import Determination, Outcome
from cds_service.kernel import fhir_json
from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.kernel.truth import Truth
from cds_service.orders.order import Coding, Order, Scope
from cds_service.policy.model import (
    Alternative,
    Code,
    Contact,
    Documentation,
    OutcomeWording,
    Payer,
    PolicyVersion,
    ProductException,
    Proposal,
    Statement,
)

CARDS = Path(__file__).parents[3] / "cards"
TODAY = date(2026, 11, 21)
FORM = "http://cds-service.example.org/fhir/Questionnaire/lung-staging|1.0.0"

PAYER = Payer(
    payer="lakeside",
    name="Lakeside Health Plan",
    names=("lakeside health plan",),
    contact=Contact(name="Lakeside policy desk", phone="1-800-555-0100", url="https://lakeside.example.org"),
)
MANUAL = Contact(name="State Manual", url="https://manual.example.org/rules")

FIRST = Alternative(
    id="watching",
    title="Watchful waiting",
    says="A small nodule may be watched.",
    cites="4",
    when=("needs-info",),
    code=Code(system="urn:x", code="W1", display="Watchful waiting for a lung nodule"),
)
OTHER = Proposal(
    id="scan",
    title="Scan of the chest",
    says="A scan comes before.",
    cites="5",
    when=("needs-info",),
    code=Code(system="urn:x", code="S1"),
)


def policy(position: str = "criteria", **changes: Any) -> PolicyVersion:
    """A policy version of Lakeside."""
    criteria = tuple(
        Statement(
            id=name, title=title, says=f"{title}, in our words", cites=cites, attestation=name, met=("true",)
        )
        for name, title, cites in (("size", "Smaller than 5 cm", "3.a"), ("spread", "No spread", "3.b"))
    )
    says = OutcomeWording(covered="conditional", doc_needed="clinical", questionnaire=FORM, says="Open.")
    given: dict[str, Any] = {
        "policy": "lakeside/lm-7.3",
        "version": "2026-02-01",
        "number": "LM 7.3",
        "title": "Freezing of lung nodules",
        "service": "lung-freezing",
        "effective_from": "2026-02-01",
        "source": "Lakeside Medical Policy LM 7.3",
        "position": position,
        "position_says": "Freezing a lung nodule is considered investigational.",
        "position_cites": "1",
        "criteria": criteria if position == "criteria" else (),
        "outcomes": {"needs-info": says},
        "codes_cite": "9",
        "caveats": ("The contract governs (10).",),
    }
    return PolicyVersion(**given | changes)


def raw_order(reference: str = "ServiceRequest/order-1", **changes: Any) -> dict[str, Any]:
    """An order as an EHR may send it, with a decimal, a foreign extension and members in an odd sequence."""
    text = """{"resourceType": "ServiceRequest", "status": "draft", "intent": "order", "quantityQuantity":
        {"value": 7.10, "unit": "cm"}, "code": {"coding": [{"system": "urn:x", "display": "Freeze"}],
        "text": "Freezing of lung nodule"}, "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-11-20",
        "encounter": {"reference": "Encounter/e1"}, "requester": {"reference": "Practitioner/d1"},
        "extension": [{"url": "urn:foreign", "valueString": "kept"}]}"""
    raw: dict[str, Any] = fhir_json.read(text)
    return {**raw, "id": reference.split("/")[1], **changes}


def order(
    reference: str = "ServiceRequest/order-1", raw: dict[str, Any] | None = None, **changes: Any
) -> Order:
    """An order of Lakeside's service."""
    given: dict[str, Any] = {
        "reference": reference,
        "raw": raw_order(reference) if raw is None else raw,
        "scope": Scope.IN_SCOPE,
        "reason": "service-recognised",
        "service": "lung-freezing",
        "service_date": date(2026, 12, 7),
        "authored": date(2026, 11, 20),
        "billing_codes": (Coding("http://www.ama-assn.org/go/cpt", "99999", "Somebody's words"),),
    }
    return Order(**given | changes)


def criterion(state: Truth, title: str = "Smaller than 5 cm", **changes: Any) -> CriterionResult:
    """The result of one criterion."""
    given: dict[str, Any] = {
        "id": "size",
        "title": title,
        "says": f"{title}.",
        "cites": "3.a",
        "state": state,
    }
    if state is Truth.UNKNOWN:
        given["gaps"] = (Gap("stale", "diameter 3.1 cm", "Observation/o1", "2025-01-01"),)
    else:
        given["evidence"] = (Evidence("Observation/o2", "longest diameter 3.2 cm", "2026-10-22"),)
    if state is not Truth.MET:
        given["documentation"] = (Documentation(title="CT report", loinc=("18748-4", "24627-2")),)
    return CriterionResult(**given | changes)


MET, FAILED, OPEN = criterion(Truth.MET, "No spread"), criterion(Truth.NOT_MET), criterion(Truth.UNKNOWN)
CONDITIONAL = {"covered": "conditional", "pa_needed": "conditional", "info_needed": "OTH"}
INDETERMINATE = {"covered": "indeterminate", "pa_needed": "indeterminate"}
NEEDS_INFO = {**CONDITIONAL, "doc_needed": "clinical", "questionnaire": FORM}
DECIDED = {"covered": "covered", "pa_needed": "conditional", "info_needed": "OTH"}


def determination(outcome: Outcome, reason: str, /, **changes: Any) -> Determination:
    """A determination of the Lakeside policy for the order under Coverage/cov-1."""
    given: dict[str, Any] = {
        "order": order(),
        "coverage": "Coverage/cov-1",
        "payer": PAYER,
        "policy": policy(),
    }
    return Determination(**given | {"outcome": outcome, "reason": reason} | changes)


def met(**changes: Any) -> Determination:
    """Every criterion met."""
    return determination(
        Outcome.MEETS_CRITERIA, "criteria-met", **DECIDED | {"criteria": (MET, MET)} | changes
    )


def needs_info(**changes: Any) -> Determination:
    """One criterion open."""
    return determination(
        Outcome.NEEDS_INFO, "criteria-open", **NEEDS_INFO | {"criteria": (OPEN, MET)} | changes
    )


def investigational(**changes: Any) -> Determination:
    """One criterion failed, another one open."""
    given = {"covered": "not-covered", "criteria": (FAILED, OPEN, MET), "flags": ("code-list-conflict",)}
    return determination(Outcome.INVESTIGATIONAL, "criterion-not-met", **given | changes)


def position(**changes: Any) -> Determination:
    """The policy's position needs no criteria."""
    given = {"covered": "not-covered", "policy": policy("investigational")}
    return determination(Outcome.INVESTIGATIONAL, "position-investigational", **given | changes)


def technique(**changes: Any) -> Determination:
    """The order does not name the technique."""
    return determination(Outcome.NEEDS_INFO, "technique-not-named", **CONDITIONAL | changes)


def refer(**changes: Any) -> Determination:
    """A product that follows its own manual."""
    product = ProductException(
        product="state", cites="2", says="State members follow the manual.", contact=MANUAL
    )
    return determination(
        Outcome.REFER_TO_PLAN, "product-exception", **CONDITIONAL | {"product": product} | changes
    )


def no_policy(**changes: Any) -> Determination:
    """A payer that is not served here."""
    given = {**CONDITIONAL, "payer": None, "policy": None}
    return determination(Outcome.NO_POLICY, "payer-not-served", **given | changes)


def cannot_evaluate(**changes: Any) -> Determination:
    """No version in force."""
    given = {**INDETERMINATE, "policy": None}
    return determination(Outcome.CANNOT_EVALUATE, "no-version-in-force", **given | changes)


def technical(**changes: Any) -> Determination:
    """A search failed."""
    gaps = (Gap("search-failed", "Coverage"),)
    given = {**INDETERMINATE, "payer": None, "policy": None, "technical": True, "gaps": gaps}
    return determination(Outcome.CANNOT_EVALUATE, "coverage-search-failed", **given | changes)


def out_of_scope(**changes: Any) -> Determination:
    """An order of something else."""
    return determination(Outcome.OUT_OF_SCOPE, "other-technique", **{"policy": None} | changes)


def authorization_required(**changes: Any) -> Determination:
    """Every criterion met, and the plan requires prior authorization."""
    return met(pa_needed="auth-needed", info_needed=None, **changes)


def no_authorization(**changes: Any) -> Determination:
    """Every criterion met, and the plan requires no prior authorization."""
    return met(pa_needed="no-auth", info_needed=None, **changes)


def bare_needs_info(**changes: Any) -> Determination:
    """Something is open without criteria, documents, plan or notes."""
    return needs_info(criteria=(), policy=None, doc_needed=None, questionnaire=None, **changes)


def noted(**changes: Any) -> Determination:
    """Everything a determination can carry at once."""
    notes = (Note("second-diagnosis", "C50.9"), Note("set-aside", "", "Observation/o9", "2026-01-01"))
    both = criterion(
        Truth.UNKNOWN, "Statement", evidence=(Evidence("Observation/o3", "3.1 cm"),) * 5, gaps=()
    )
    many = criterion(Truth.UNKNOWN, "Gaps", gaps=tuple(Gap("unreadable", f"part {i}") for i in range(7)))
    return needs_info(criteria=(both, many), notes=notes, plan="Gold", flags=("code-not-listed",), **changes)


KINDS: dict[str, Callable[..., Determination]] = {
    maker.__name__: maker
    for maker in (
        met, authorization_required, no_authorization, needs_info, bare_needs_info, noted, investigational,
        position, technique, refer, no_policy, cannot_evaluate, technical, out_of_scope,
    )
}  # fmt: skip
IN_SCOPE = [name for name in KINDS if name != "out_of_scope"]


@cache
def card_set() -> CardSet:
    """The cards as shipped."""
    return load_cards(CARDS)


def context(**changes: Any) -> AnswerContext:
    """A context for CRD 2.2 with counted ids."""
    numbers = itertools.count(1)
    given: dict[str, Any] = {
        "version": "2.2",
        "today": TODAY,
        "public_url": "https://crd.example.org",
        "cards": card_set(),
        "new_id": lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
        "payer_label": "Some Other Plan",
    }
    return AnswerContext(**given | changes)


def answer(*determinations: Determination, **changes: Any) -> Answer:
    """The answer to these determinations."""
    return build(determinations, context(**changes))


def body(*determinations: Determination, **changes: Any) -> dict[str, Any]:
    """The same as the client gets it."""
    sent: dict[str, Any] = fhir_json.read(
        fhir_json.write(answer(*determinations, **changes).response.as_json())
    )
    return sent


def extension(made: Determination, version: str = "2.2", **changes: Any) -> dict[str, Any]:
    """The one coverage-information extension of an answer."""
    (action,) = body(made, version=version, **changes)["systemActions"]
    found: dict[str, Any] = action["resource"]["extension"][-1]
    return found


def values(made: dict[str, Any], url: str) -> list[Any]:
    """Values of a sub-extension."""
    return [part[key] for part in made["extension"] if part["url"] == url for key in part if key != "url"]
