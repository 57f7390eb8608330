"""Checks the criteria of a policy version: ids, sources, documentation, and what each kind refers to."""

from collections.abc import Collection, Iterator, Sequence

from cds_service.kernel.errors import DataError
from cds_service.kernel.schema_trouble import near_miss
from cds_service.kernel.yaml_data import Member, YamlFile
from cds_service.policy.bundle import PolicyBundle
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
from cds_service.policy.tumors import TumorModel


def leaves(
    criteria: Sequence[Criterion], member: Member = ("criteria",)
) -> Iterator[tuple[Member, Criterion]]:
    """The criteria that have no parts, each with its place."""
    for place, criterion in every(criteria, member):
        if not isinstance(criterion, AllOf | AnyOf):
            yield place, criterion


def every(
    criteria: Sequence[Criterion], member: Member = ("criteria",)
) -> Iterator[tuple[Member, Criterion]]:
    """All criteria of a tree from the top, each with its place."""
    for index, criterion in enumerate(criteria):
        place = (*member, index)
        yield place, criterion
        if isinstance(criterion, AllOf | AnyOf):
            yield from every(criterion.parts, (*place, "parts"))


def check_criteria(
    bundle: PolicyBundle, version: PolicyVersion, question_ids: Collection[str]
) -> Iterator[DataError]:
    """An error for everything wrong with the criteria of one version."""
    file = bundle.file_of(version)
    if version.position == "criteria" and not version.criteria:
        yield file.error(("position",), "The position is criteria, but there are none. Add criteria.")
    if version.position == "investigational" and version.criteria:
        message = "An investigational position needs no criteria. Remove them or write position: criteria."
        yield file.error(("criteria",), message)
    seen: set[str] = set()
    for place, criterion in every(version.criteria):
        if criterion.id in seen:
            message = f'"{criterion.id}" is the id of another criterion too. Choose another.'
            yield file.error((*place, "id"), message)
        seen.add(criterion.id)
        if isinstance(criterion, AllOf | AnyOf):
            if not criterion.parts:
                yield file.error((*place, "parts"), "There is nothing to combine. Add parts.")
        else:
            yield from _leaf(bundle, file, version, (place, criterion), question_ids)


def _leaf(
    bundle: PolicyBundle,
    file: YamlFile,
    version: PolicyVersion,
    at: tuple[Member, Criterion],
    question_ids: Collection[str],
) -> Iterator[DataError]:
    """Every leaf can be unknown: then the card must be able to name what would settle it."""
    place, criterion = at
    if not criterion.documentation:
        message = "This criterion can be unknown. Add the documentation that would settle it."
        yield file.error(place, message)
    for number, entry in enumerate(criterion.documentation):
        for index, code in enumerate(entry.loinc):
            yield from _loinc(file, (*place, "documentation", number, "loinc", index), code)
    for index, question in enumerate(criterion.questions):
        if question not in question_ids:
            message = f'"{question}" is not a question of a form.{near_miss(question, question_ids)}'
            yield file.error((*place, "questions", index), message)
    match criterion:
        case Statement():
            yield from _statement(bundle, file, place, criterion)
        case Resectability() | TumorType() | TumorSize() | NoDiseaseOutside():
            yield from _tumors(bundle, file, version, place, criterion)


def _loinc(file: YamlFile, member: Member, code: str) -> Iterator[DataError]:
    """The check digit catches a slip of the finger (LOINC users' guide, check digits)."""
    number, _, digit = code.removeprefix("LP").partition("-")
    wanted = check_digit(number)
    if wanted != digit:
        yield file.error(member, f'"{code}" fails its check digit. Did you mean "{code[:-1]}{wanted}"?')


def check_digit(number: str) -> str:
    """The digit after the hyphen of a LOINC number: every second digit from the right doubled, mod 10."""
    total = 0
    for index, digit in enumerate(reversed(number)):
        doubled = int(digit) * 2 if index % 2 == 0 else int(digit)
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


def _statement(
    bundle: PolicyBundle, file: YamlFile, place: Member, criterion: Statement
) -> Iterator[DataError]:
    attestation = bundle.attestations.codes.get(criterion.attestation)
    if attestation is None:
        miss = near_miss(criterion.attestation, bundle.attestations.codes)
        message = f'"{criterion.attestation}" is not an attestation of this bundle.{miss}'
        yield file.error((*place, "attestation"), message)
        return
    allowed = {"boolean": ("true", "false"), "choice": attestation.values, "quantity": ()}[attestation.type]
    for name, values in {"met": criterion.met, "not-met": criterion.not_met}.items():
        for index, value in enumerate(values):
            if value not in allowed:
                message = f'"{value}" is not an answer to {criterion.attestation}.{near_miss(value, allowed)}'
                yield file.error((*place, name, index), message)
    if not criterion.met:
        yield file.error((*place, "met"), "No answer would meet this criterion. Name one.")
    for value in sorted(set(criterion.met) & set(criterion.not_met)):
        yield file.error((*place, "not-met"), f'"{value}" cannot be both met and not met. Remove one.')


def _tumors(
    bundle: PolicyBundle,
    file: YamlFile,
    version: PolicyVersion,
    place: Member,
    criterion: Resectability | TumorType | TumorSize | NoDiseaseOutside,
) -> Iterator[DataError]:
    model = bundle.tumors.get(criterion.tumors)
    if model is None:
        miss = near_miss(criterion.tumors, bundle.tumors)
        yield file.error(
            (*place, "tumors"), f'"{criterion.tumors}" is not a tumor model of this bundle.{miss}'
        )
    elif isinstance(criterion, TumorType):
        yield from _states(bundle, file, (*place, "states"), criterion, model)
    if isinstance(criterion, NoDiseaseOutside):
        types = [c.id for _, c in leaves(version.criteria) if isinstance(c, TumorType)]
        if criterion.type_criterion not in types:
            miss = near_miss(criterion.type_criterion, types)
            message = f'"{criterion.type_criterion}" is not a tumor-type criterion here.{miss}'
            yield file.error((*place, "type-criterion"), message)


def _states(
    bundle: PolicyBundle, file: YamlFile, place: Member, criterion: TumorType, model: TumorModel
) -> Iterator[DataError]:
    """Each tumor group, origin and form answer has a state; a metastasis group may go by its origin."""
    needed = {group.group for group in model.groups if group.kind != "metastasis"}
    needed |= {entry.origin for entry in model.elsewhere if entry.origin}
    form = bundle.attestations.codes[model.statements["tumor-type"].code].values
    needed |= {f"statement:{value}" for value in form}
    known = needed | {group.group for group in model.groups}
    for name in criterion.states:
        if name not in known:
            miss = near_miss(name, known - set(criterion.states))
            yield file.error((*place, name), f'"{name}" is not a group of {criterion.tumors}.{miss}')
    for name in sorted(needed - set(criterion.states)):
        yield file.error(
            place, f'Nothing is said about "{name}". Add it, with unknown if the text is silent.'
        )
