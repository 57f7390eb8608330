"""Checks that the cases beside a policy show every branch of it (architecture.md, Tests)."""

from collections.abc import Iterator, Sequence

from cds_service.kernel.errors import DataError
from cds_service.kernel.schema_trouble import near_miss
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.cases import CaseFile
from cds_service.policy.check_criteria import every, leaves
from cds_service.policy.model import PolicyVersion

STATES = ("met", "not-met", "unknown")


def check_cases(
    bundle: PolicyBundle, version: PolicyVersion, files: Sequence[CaseFile]
) -> Iterator[DataError]:
    """An error for each branch that no case shows, and for each case that names what is not there.

    Branches: every leaf criterion met, not met and unknown; every outcome; a service date outside the dates;
    a product that the text refers elsewhere.
    """
    place = bundle.file_of(version)
    own = [file for file in files if file.sheet.version == version.version]
    cases = [case for file in own for case in file.sheet.cases]
    if not cases:
        message = f'There are no cases for version "{version.version}". Add cases/*.yaml beside it.'
        yield place.error((), message)
        return
    for member, criterion in leaves(version.criteria):
        shown = {case.expect.criteria.get(criterion.id) for case in cases}
        for state in STATES:
            if state not in shown:
                message = f"No case shows {criterion.id} {state}. Add one that expects it."
                yield place.error(member, message)
    for outcome in needed_outcomes(version):
        if outcome not in {case.expect.outcome for case in cases}:
            yield place.error(("outcomes",), f"No case expects the outcome {outcome}. Add one.")
    yield from _names(version, own)


def needed_outcomes(version: PolicyVersion) -> tuple[str, ...]:
    """The outcomes that cases must show for a version."""
    elsewhere = ("refer-to-plan",) if version.product_exceptions else ()
    return (*version.outcomes, *elsewhere, "cannot-evaluate")


def check_case_versions(bundle: PolicyBundle, files: Sequence[CaseFile]) -> Iterator[DataError]:
    """An error for each case file about a version that is not loaded."""
    for file in files:
        known = [version.version for version in bundle.versions.get(file.policy, ())]
        if file.sheet.version not in known:
            miss = near_miss(file.sheet.version, known)
            message = f'"{file.sheet.version}" is not a version of {file.policy}.{miss}'
            yield file.file.error(("version",), message)


def _names(version: PolicyVersion, files: Sequence[CaseFile]) -> Iterator[DataError]:
    """Cases name criteria of the version, and each case has a name of its own."""
    ids = {criterion.id for _, criterion in every(version.criteria)}
    seen: set[str] = set()
    for file in files:
        for index, case in enumerate(file.sheet.cases):
            if case.case in seen:
                message = "Another case has this name. Say how this one differs."
                yield file.file.error(("cases", index, "case"), message)
            seen.add(case.case)
            for name in case.expect.criteria:
                if name not in ids:
                    message = f'"{name}" is not a criterion of {version.policy}.{near_miss(name, ids)}'
                    yield file.file.error(("cases", index, "expect", "criteria", name), message)
