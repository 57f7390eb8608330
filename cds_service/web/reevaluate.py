"""Judges the order of a handle again, with the EHR's data of now: what the form app shows and asks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from cds_service.answer.context import Answer
from cds_service.answer.due_forms import Due
from cds_service.answer.handle import Handle
from cds_service.answer.view import order_words
from cds_service.decide import Caller, Equipment
from cds_service.determination import CriterionResult, Determination
from cds_service.evaluate import as_json
from cds_service.evidence.answers import Arrived
from cds_service.evidence.gateway import open_gateway
from cds_service.hooks.access import FhirAccess
from cds_service.hooks.context import DraftOrder
from cds_service.hooks.request import HookRequest
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Deadline
from cds_service.kernel.errors import CallError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.references import canonical
from cds_service.web.package import Packer
from cds_service.web.pages import markdown

Decide = Callable[[HookRequest, Caller, Deadline], Answer]
FindOrder = Callable[[str, str], JsonObject | None]
"""(assertion id, client) -> the order as it was signed, where the record keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EhrSession:
    """What the form app got from the EHR: its address, the token of who works, the patient in context."""

    server: str
    patient: str
    token: str = field(default="", repr=False)
    expires_in: float | None = None
    scope: str = ""
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reevaluation:
    """What judging again needs.

    budget: seconds; caller: who the client of a handle is, as for a call; open_ehr: an EHR may be read
    without a token (loopback without authentication only).
    """

    tools: Equipment
    packer: Packer
    decide: Decide
    find_order: FindOrder
    caller: Callable[[str, HookRequest], Caller]
    budget: float
    open_ehr: bool = False

    def run(self, handle: Handle, session: EhrSession) -> JsonObject:
        """The answer of now as the form app shows it, with its form and draft.

        Raises CallError: 404 order-missing, 403 patient-foreign, 409 coverage-gone, and those of `decide`.
        """
        deadline = Deadline.after(self.budget)
        request = self._request(session, handle)
        caller = self.caller(handle.client, request)
        caller = replace(caller, strict=False, without_token=caller.without_token or self.open_ehr)
        order = self._order(handle, request, caller, deadline)
        self._refuse_foreign(order, session)
        answer = self.decide(replace(request, draft_orders=(DraftOrder(order),)), caller, deadline)
        return self._shown(_of_handle(answer, handle), answer, caller)

    def _request(self, session: EhrSession, handle: Handle) -> HookRequest:
        access = FhirAccess(session.token, expires_in=session.expires_in, scope=session.scope)
        return HookRequest(
            hook="order-sign",
            hook_instance=self.tools.clock.new_id(),
            patient_id=session.patient,
            user_id=session.user,
            fhir_server=session.server,
            fhir_access=access if session.token else None,
            requested_version=handle.version,
        )

    def _order(self, handle: Handle, request: HookRequest, caller: Caller, deadline: Deadline) -> JsonObject:
        """The order as the EHR has it now; a draft that it never stored, as it was signed."""
        gateway, _ = open_gateway(request, self.tools.network, caller.hosts, caller.without_token)
        got = gateway.round([handle.order], deadline.keep_back(1.0))[handle.order] if gateway else None
        order = _readable(got.pages[0]) if isinstance(got, Arrived) else None
        order = order or self.find_order(handle.assertion, handle.client)
        if order is None:
            message = "The order that this form belongs to is not in the EHR."
            raise CallError(message, handle.order, "Sign the order again.", 404, "order-missing", "not-found")
        return order

    def _refuse_foreign(self, order: JsonObject, session: EhrSession) -> None:
        subject = order.get("subject")
        named = subject.get("reference") if isinstance(subject, dict) else None
        if not isinstance(named, str) or canonical(named, {}) != f"Patient/{session.patient}":
            message = "The order is for another patient than the one that is open in the EHR."
            hint = "Open the order's own patient, and the form from there."
            raise CallError(message, None, hint, 403, "patient-foreign", "forbidden")

    def _shown(self, found: Determination, answer: Answer, caller: Caller) -> JsonObject:
        texts = {
            origin.coverage: card for card, origin in zip(answer.response.cards, answer.origins, strict=False)
        }
        card = texts.get(found.coverage)
        policy, form = found.policy, self._form(found, caller)
        return {
            "account": as_json(found),
            "assertion": found.assertion_id,
            "order": order_words(found.order),
            "serviceDate": found.order.service_date.isoformat(),
            "subject": found.order.raw.get("subject"),
            "requester": found.order.raw.get("requester"),
            "payer": found.payer.name if found.payer else None,
            "policy": {"number": policy.number, "title": policy.title, "effective": policy.effective_from}
            if policy
            else None,
            "page": f"/policies/{policy.policy}/versions/{policy.version}" if policy else None,
            "outcome": found.outcome.value,
            "headline": card.summary if card else None,
            "detail": markdown(card.detail) if card and card.detail else None,
            "criteria": [self._criterion(result, found) for result in found.criteria],
            "due": found.questionnaire is not None,
            "version": caller.version,
            **form,
        }

    def _criterion(self, result: CriterionResult, found: Determination) -> JsonObject:
        words = {"service_date": found.order.service_date.isoformat(), "open": (), "failed": ()}
        return {
            "id": result.id,
            "title": result.title,
            "says": result.says,
            "cites": result.cites,
            "state": result.state.value,
            "evidence": [
                {"summary": e.summary, "date": e.date, "reference": e.reference} for e in result.evidence
            ],
            "gaps": [self.tools.cards.sentence(gap, words) for gap in result.gaps],
            "notes": [self.tools.cards.sentence(note, words) for note in result.notes],
            "documents": [item.title for item in result.documentation],
            "questions": list(result.questions),
        }

    def _form(self, found: Determination, caller: Caller) -> JsonObject:
        """The policy's form and draft, also where nothing is open any more: answers can be amended."""
        wording = found.policy.outcomes.get("needs-info") if found.policy and found.criteria else None
        form = self.packer.artefacts.find("Questionnaire", wording.questionnaire or "") if wording else None
        if form is None:
            return {"form": None, "draft": None}
        coverage = {"resourceType": "Coverage", "id": (found.coverage or "").rpartition("/")[2]}
        coverage["beneficiary"] = found.order.raw["subject"]
        due = Due(form["url"], coverage, ({"reference": found.order.reference},), as_json(found))
        packed = self.packer.pack(form, due, caller.version)
        return {"form": form, "draft": packed.bundle["entry"][1]["resource"]}


def _readable(page: bytes) -> JsonObject | None:
    try:
        order = fhir_json.read(page)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return order if isinstance(order, dict) else None


def _of_handle(answer: Answer, handle: Handle) -> Determination:
    """The determination under the handle's own coverage."""
    known = canonical(handle.coverage, {})
    for found in answer.determinations:
        if canonical(found.coverage or "", {}) == known:
            return found
    message = "The coverage that this form belongs to no longer applies to the order."
    raise CallError(message, handle.coverage, "Sign the order again.", 409, "coverage-gone", "business-rule")
