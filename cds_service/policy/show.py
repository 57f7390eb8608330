"""One policy version as a page that a person can read (Markdown)."""

from collections.abc import Iterator, Sequence

from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import (
    AllOf,
    AnyOf,
    Code,
    Contact,
    Criterion,
    Documentation,
    PolicyVersion,
    Proposal,
    Resectability,
    Statement,
    TumorSize,
    TumorType,
)


def page(bundle: PolicyBundle, version: PolicyVersion) -> str:
    """Everything the version says, in the order a reader asks for it; Markdown without HTML."""
    payer = bundle.payers[version.payer]
    until = f" to {version.effective_to}" if version.effective_to else ""
    parts = [
        f"# {payer.name} {version.number}: {version.title}",
        f"In force from {version.effective_from}{until}; version {version.version}; `{version.policy}`",
        f"Source: {version.source}",
        f"Position **{version.position}**: {version.position_says} ({version.position_cites})",
        *_section("Criteria", _criteria(version.criteria, 0)),
        *_section("Outcomes", (f"- **{name}**: {entry.says}" for name, entry in version.outcomes.items())),
        *_section("Alternatives", _proposals(version.alternatives)),
        *_section("Orders beside it", _proposals(version.additional_orders)),
        *_section("Products that the text refers elsewhere", _exceptions(bundle, version)),
        *_section(f"Codes ({version.codes_cite})", _codes(version)),
        *_section("Caveats", (f"- {text}" for text in version.caveats)),
        *_section("Also helpful", _documents(version.documentation, "")),
        *_section("Limits of this project", _limits(version)),
        *_section("Evidence", _evidence(version)),
        *_section(
            "Related policies", (f"- {f'{r.number} ' if r.number else ''}{r.title}" for r in version.related)
        ),
        *_section("References", _references(version)),
        *_section("History", (f"- {entry.date}: {entry.change}" for entry in version.history)),
        *_section("Contact", _contact(payer.contact)),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, lines: Iterator[str]) -> list[str]:
    body = "\n".join(lines)
    return [f"## {title}", body] if body else []


def _criteria(criteria: Sequence[Criterion], depth: int) -> Iterator[str]:
    for number, criterion in enumerate(criteria, start=1):
        indent = "   " * depth
        says = f"{criterion.says} ({criterion.cites})"
        yield f"{indent}{number}. **{criterion.title}** (`{criterion.id}`): {says}"
        yield f"{indent}   - {_test(criterion)}"
        yield from _documents(criterion.documentation, f"{indent}   ", "settled by: ")
        if isinstance(criterion, AllOf | AnyOf):
            yield from _criteria(criterion.parts, depth + 1)


def _test(criterion: Criterion) -> str:
    """What is looked at, by kind."""
    match criterion:
        case Statement():
            met, not_met = ", ".join(criterion.met), ", ".join(criterion.not_met) or "no answer"
            return f"statement `{criterion.attestation}`: met by {met}; not met by {not_met}"
        case TumorSize():
            return f"largest tumor below {criterion.below}"
        case TumorType():
            groups = {
                state: ", ".join(name for name, found in criterion.states.items() if found == state)
                for state in ("met", "not-met", "unknown")
            }
            return "; ".join(f"{state}: {names}" for state, names in groups.items() if names)
        case AllOf() | AnyOf():
            return "every part must be met" if isinstance(criterion, AllOf) else "one part must be met"
        case Resectability():
            return "statements, coded findings and procedures not done"
        case _:
            return f"diagnoses, staging and statements, given the {criterion.type_criterion}"


def _documents(documents: Sequence[Documentation], indent: str, label: str = "") -> Iterator[str]:
    for entry in documents:
        codes = f" (LOINC {', '.join(entry.loinc)})" if entry.loinc else ""
        yield f"{indent}- {label}{entry.title}{codes}"


def _exceptions(bundle: PolicyBundle, version: PolicyVersion) -> Iterator[str]:
    for entry in version.product_exceptions:
        link = f" {entry.contact.url}" if entry.contact and entry.contact.url else ""
        yield f"- {bundle.products[entry.product].title}: {entry.says} ({entry.cites}){link}"


def _proposals(proposals: Sequence[Proposal]) -> Iterator[str]:
    for entry in proposals:
        when = ", ".join(entry.when)
        yield f"- {entry.title} ({_code(entry.code)}), at {when}: {entry.says} ({entry.cites})"


def _codes(version: PolicyVersion) -> Iterator[str]:
    for title, codes in (("Procedures", version.procedure_codes), ("Diagnoses", version.diagnosis_codes)):
        if codes:
            yield f"- {title}: {', '.join(map(_code, codes))}"


def _code(code: Code) -> str:
    return f"{code.code} ({code.display})" if code.display else code.code


def _limits(version: PolicyVersion) -> Iterator[str]:
    if version.criteria:
        yield f"- A measurement or statement is fresh for {version.limits.fresh_days} days."
        yield f"- A diameter above {version.limits.plausible_mm} mm is not believed."


def _evidence(version: PolicyVersion) -> Iterator[str]:
    for entry in version.evidence_summary:
        sources = f" (PMID {', '.join(entry.pmids)})" if entry.pmids else ""
        yield f"- {entry.indication}: {entry.summary}{sources}"


def _references(version: PolicyVersion) -> Iterator[str]:
    for number, entry in enumerate(version.references, start=1):
        where = f" PMID {entry.pmid}" if entry.pmid else f" {entry.url}" if entry.url else ""
        yield f"{number}. {entry.title}.{where}"


def _contact(contact: Contact | None) -> Iterator[str]:
    if contact:
        yield "- " + ", ".join(filter(None, (contact.name, contact.phone, contact.url)))
