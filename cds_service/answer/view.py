"""What card templates may speak of: one determination, in the words that readers know."""

from typing import Any

from cds_service.answer.text import brief
from cds_service.determination import Determination
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.truth import Truth
from cds_service.orders.order import Order

_CODE_ELEMENTS = ("code", "codeCodeableConcept", "medicationCodeableConcept")


def view(determination: Determination, payer: str, form: bool) -> dict[str, Any]:
    """The names of a card template (docs/cards.md). payer: name to show; form: the card links to the form."""
    criteria, policy = determination.criteria, determination.policy
    product = determination.product
    payer_contact = determination.payer.contact if determination.payer else None
    return {
        "order": brief(order_words(determination.order)),
        "service_date": determination.order.service_date.isoformat(),
        "payer": payer,
        "plan": determination.plan,
        "policy": policy,
        "reason": determination.reason,
        "criteria": criteria,
        "met": [criterion for criterion in criteria if criterion.state is Truth.MET],
        "open": determination.open_criteria,
        "failed": determination.failed_criteria,
        "gaps": determination.gaps,
        "notes": _notes(determination),
        "product": product,
        "contact": (product and product.contact) or payer_contact,
        "pa_needed": determination.pa_needed,
        "technical": determination.hindered,
        "form": form,
    }


def _notes(determination: Determination) -> list[Any]:
    """Everything worth a remark, each once: of the order, the determination, its criteria; then flags."""
    criteria = determination.criteria
    notes = [*determination.order.notes, *determination.notes]
    notes += [note for criterion in criteria for note in criterion.notes]
    flags = [*determination.flags, *(flag for criterion in criteria for flag in criterion.flags)]
    return list(dict.fromkeys([*notes, *flags]))


def order_words(order: Order) -> str:
    """The order in words that a person understands (dev-24): its text, a display, or its codes."""
    concepts = [order.raw.get(element) for element in _CODE_ELEMENTS]
    words = [word for concept in concepts if isinstance(concept, dict) for word in _words(concept)]
    return next(iter(words), order.reference)


def _words(concept: JsonObject) -> list[str]:
    carried = concept.get("coding")
    codings = [item for item in (carried if isinstance(carried, list) else ()) if isinstance(item, dict)]
    said = [concept.get("text"), *(c.get("display") for c in codings), *(c.get("code") for c in codings)]
    return [word.strip() for word in said if isinstance(word, str) and word.strip()]
