"""`$questionnaire-package` as Parameters, with the names of the version spoken (crd-dtr.md 5.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from cds_service.answer.artefacts import Artefacts
from cds_service.answer.coverage_rules import Version
from cds_service.answer.due_forms import Due, Find, answers_for, due_forms, reference_to
from cds_service.answer.forms import DraftContext, Packed, draft_response, package
from cds_service.answer.package_request import PackageRequest
from cds_service.kernel.clock import Clock
from cds_service.kernel.errors import CallError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.knowledge import Knowledge
from cds_service.web.fhir_out import outcome

_NAMES: dict[Version, tuple[str, str]] = {
    "2.0": ("PackageBundle", "operationOutcome"),
    "2.2": ("packagebundle", "outcome"),
}
_NOT_DUE = (
    "No form is due for this context: the last answer asks for no documentation. Sign the order again to see "
    "what holds today, or ask the health plan."
)
_NO_FORM = "This service has no form for what was sent. Ask the health plan which documentation it wants."


@dataclass(frozen=True, slots=True, kw_only=True)
class Packer:
    """Makes packages. base: our FHIR base; find: see `due_forms.Find`, by the client that asks."""

    artefacts: Artefacts
    knowledge: Knowledge
    clock: Clock
    base: str
    find: Callable[[str, str], JsonObject | None]

    def parameters(self, request: PackageRequest, client: str, version: Version) -> JsonObject:
        """The answer to a package request. client: issuer of who asks, blank where nobody has to say.

        Raises CallError: see `due_forms`; 404 where forms were asked for by name alone and none is known.
        """
        find: Find = lambda assertion: self.find(assertion, client)  # noqa: E731 - names the type
        due = due_forms(request, find, self.knowledge, self.clock.today())
        context_settled = bool(request.context) and not due
        wanted, warnings = self._wanted(request, due)
        if context_settled:
            wanted, warnings = [], [_NOT_DUE, *warnings]
        elif not due and not request.questionnaires:
            warnings.append(_NO_FORM)
        packed = [
            self.pack(form, each, version) for form, each in wanted if self._changed(form, each, request)
        ]
        warnings += [warning for each in packed for warning in each.warnings]
        return _parameters(packed, warnings, version)

    def _wanted(
        self, request: PackageRequest, due: list[Due]
    ) -> tuple[list[tuple[JsonObject, Due]], list[str]]:
        """The forms to pack, each once, and warnings about those that are not known (oper-9)."""
        named = list(dict.fromkeys(request.questionnaires)) or [each.form for each in due]
        found: dict[str, tuple[JsonObject, Due]] = {}
        warnings = []
        for canonical in named:
            form = self.artefacts.find("Questionnaire", canonical)
            if form is None:
                warnings.append(f"The form {canonical} is not known here.")
                continue
            fitting = (each for each in due if self.artefacts.find("Questionnaire", each.form) is form)
            found.setdefault(form["id"], (form, next(fitting, self._bare(request, canonical))))
        if named and not found and not due:
            raise CallError(
                " ".join(warnings), None, "Leave questionnaire out.", 404, "unknown-form", "not-found"
            )
        return list(found.values()), warnings

    def _bare(self, request: PackageRequest, canonical: str) -> Due:
        """A form asked for by name alone: nothing is known of its answers."""
        return Due(canonical, request.coverages[0], tuple(map(reference_to, request.orders)))

    def _changed(self, form: JsonObject, due: Due, request: PackageRequest) -> bool:
        """Whether form or account are newer than what the client has (`changedsince`)."""
        if request.changed_since is None:
            return True
        day = date.fromisoformat(form["date"][:10]) if "date" in form else date.max
        published = datetime.combine(day, time.min, UTC)
        return max(published, due.decided or published) >= request.changed_since

    def pack(self, form: JsonObject, due: Due, version: Version) -> Packed:
        """One package Bundle. Raises CallError (422) for a coverage that names no member."""
        context = DraftContext(
            version=version,
            subject=_subject(due.coverage),
            coverage=reference_to(due.coverage),
            orders=due.orders,
            answers=answers_for(due, form),
            now=self.clock.now(),
        )
        ids = self.clock.new_id(), self.clock.new_id()
        return package(form, draft_response(form, context), self.artefacts, self.base, ids)


def _subject(coverage: JsonObject) -> JsonObject:
    """The member as the coverage names it, without what only a display would add."""
    beneficiary = coverage.get("beneficiary")
    named = beneficiary if isinstance(beneficiary, dict) else {}
    kept = {name: named[name] for name in ("reference", "type", "identifier") if name in named}
    if "reference" not in kept and "identifier" not in kept:
        where = "Parameters.parameter.where(name = 'coverage').resource.beneficiary"
        raise CallError(
            "The coverage names no beneficiary.", where, "Send it.", 422, "guide-violation", "required"
        )
    return kept


def _parameters(packed: list[Packed], warnings: list[str], version: Version) -> JsonObject:
    bundle_name, outcome_name = _NAMES[version]
    parts: list[JsonObject] = [{"name": bundle_name, "resource": each.bundle} for each in packed]
    if warnings:
        parts.append({"name": outcome_name, "resource": outcome("warning", "informational", tuple(warnings))})
    return {"resourceType": "Parameters", **({"parameter": parts} if parts else {})}
