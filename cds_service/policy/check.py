"""Checks a whole bundle beyond its shape: dates, payers, names, criteria, outcomes, cases."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path

from cds_service.kernel.errors import DataError
from cds_service.kernel.schema_trouble import near_miss
from cds_service.policy.bundle import BundleError, PolicyBundle
from cds_service.policy.cases import CaseFile
from cds_service.policy.check_cases import check_case_versions, check_cases
from cds_service.policy.check_criteria import check_criteria
from cds_service.policy.check_names import check_names
from cds_service.policy.check_outcomes import check_outcomes
from cds_service.policy.check_proposals import check_proposals
from cds_service.policy.known import known_names
from cds_service.policy.load import load_bundle
from cds_service.policy.model import PolicyVersion
from cds_service.policy.names import normal_name
from cds_service.policy.select import SelectionReason


def check(
    bundle: PolicyBundle,
    value_set_ids: Collection[str],
    question_ids: Collection[str],
    reason_codes: Collection[str],
    cases: Mapping[str, Sequence[CaseFile]] | None = None,
) -> tuple[DataError, ...]:
    """Everything wrong with a bundle that loaded; empty when it may be used.

    value_set_ids, question_ids, reason_codes: what the other data folders offer (known.py); cases: the policy
    cases by policy id, which must show each branch; None leaves them out, as a server does at its start.
    """
    errors = [*check_names(bundle, value_set_ids, reason_codes), *_payers(bundle), *_reasons(reason_codes)]
    errors += _services(bundle)
    for version in bundle.all_versions:
        errors += [
            *_references(bundle, version),
            *_dates(bundle, version),
            *check_criteria(bundle, version, question_ids),
            *check_outcomes(bundle, version),
            *check_proposals(bundle, version),
        ]
    if not errors:
        errors += _overlaps(bundle)
    if cases is not None and not errors:
        for files in cases.values():
            errors += check_case_versions(bundle, files)
        for version in bundle.all_versions:
            errors += check_cases(bundle, version, cases.get(version.policy, ()))
    return tuple(errors)


def load_checked(folders: Sequence[Path]) -> PolicyBundle:
    """The bundle of all folders, checked against the built-in data.

    Raises BundleError with every error found, DataError when value sets, forms or reasons cannot be read.
    """
    bundle = load_bundle(folders)
    known = known_names()
    errors = check(bundle, known.value_sets, known.questions, known.reasons)
    if errors:
        raise BundleError(errors)
    return bundle


def _payers(bundle: PolicyBundle) -> Iterator[DataError]:
    """Names as they are compared (clinical.md section 6): present, in normal form, of one payer only."""
    seen: dict[str, str] = {}
    for payer in bundle.payers.values():
        file = bundle.files[f"payer {payer.payer}"]
        if not payer.names and not payer.identifiers:
            yield file.error(("names",), "The payer cannot be recognised. Add a name.")
        for member, names in (("names", payer.names), ("not-names", payer.not_names)):
            for index, name in enumerate(names):
                if name != normal_name(name):
                    message = f'Names are compared in normal form: write "{normal_name(name)}".'
                    yield file.error((member, index), message)
        for index, name in enumerate(payer.names):
            other = seen.setdefault(name, payer.payer)
            if other != payer.payer:
                message = f'"{name}" already names {other}. One name belongs to one payer.'
                yield file.error(("names", index), message)


def _reasons(reason_codes: Collection[str]) -> Iterator[DataError]:
    for reason in (SelectionReason.NO_POLICY, SelectionReason.NO_VERSION_IN_FORCE):
        if reason not in reason_codes:
            yield DataError(
                "cards/reasons.yaml", None, reason, f'There is no sentence for "{reason}". Add it.'
            )


def _references(bundle: PolicyBundle, version: PolicyVersion) -> Iterator[DataError]:
    """Payer, service and products that the version names are there; nothing is listed twice."""
    file = bundle.file_of(version)
    if version.payer not in bundle.payers:
        yield file.error(("policy",), f"{version.payer} has no payer.yaml. Add it.")
    if version.service not in bundle.services:
        miss = near_miss(version.service, bundle.services)
        yield file.error(("service",), f'"{version.service}" is not a service of this bundle.{miss}')
    for index, exception in enumerate(version.product_exceptions):
        if exception.product not in bundle.products:
            miss = near_miss(exception.product, bundle.products)
            message = f'"{exception.product}" is not a product of this bundle.{miss}'
            yield file.error(("product-exceptions", index, "product"), message)
    lists = {"procedure-codes": version.procedure_codes, "diagnosis-codes": version.diagnosis_codes}
    for name, codes in lists.items():
        for index, code in enumerate(codes):
            if code in codes[:index]:
                yield file.error((name, index), f'"{code.code}" is listed twice. Remove one.')


def _dates(bundle: PolicyBundle, version: PolicyVersion) -> Iterator[DataError]:
    file = bundle.file_of(version)
    dates = {
        "effective-from": version.effective_from,
        "effective-to": version.effective_to,
        "reviewed": version.reviewed,
    }
    wrong = {name: day for name, day in dates.items() if day and not _is_day(day)}
    for name, day in wrong.items():
        yield file.error((name,), f'"{day}" is no day of the calendar. Correct it.')
    if version.effective_to and not wrong and version.effective_to < version.effective_from:
        yield file.error(("effective-to",), "The version ends before it begins. Correct one of the dates.")


def _services(bundle: PolicyBundle) -> Iterator[DataError]:
    """A code that stands for two services would leave it to chance which policy answers."""
    for first, second in combinations(bundle.services.values(), 2):
        for index, name in enumerate(second.triggers):
            if name in first.triggers:
                message = f"{name} stands for {first.service} already. Give this service codes of its own."
                yield bundle.files[f"service {second.service}"].error(("triggers", index), message)


def _overlaps(bundle: PolicyBundle) -> Iterator[DataError]:
    """Two versions for one payer and service must not be in force on the same day."""
    ordered = sorted(bundle.all_versions, key=lambda version: version.effective_from)
    for earlier, later in combinations(ordered, 2):
        same = (earlier.payer, earlier.service) == (later.payer, later.service)
        if same and later.effective_from <= (earlier.effective_to or date.max.isoformat()):
            before = date.fromisoformat(later.effective_from) - timedelta(days=1)
            yield bundle.file_of(earlier).error(
                ("effective-to",) if earlier.effective_to else ("effective-from",),
                f"From {later.effective_from} on {later.policy} {later.version} is in force too. "
                f'Let this one end: effective-to: "{before}".',
            )


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
