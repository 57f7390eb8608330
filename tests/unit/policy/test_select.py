"""Exactly one version is in force on a service date, or the reason is told."""

from dataclasses import replace
from datetime import date

import msgspec
import pytest

from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import PolicyVersion
from cds_service.policy.select import SelectionReason, select_version

PAYER, SERVICE = "capital-blue-cross", "liver-cryoablation"


def with_versions(bundle: PolicyBundle, *dates: tuple[str, str | None]) -> PolicyBundle:
    """The bundle with versions of one policy that are in force from and to these dates."""
    policy = f"{PAYER}/mp-1.121"
    one = bundle.versions[policy][0]
    made = tuple(
        msgspec.structs.replace(one, version=first, effective_from=first, effective_to=last)
        for first, last in dates
    )
    return replace(bundle, versions={policy: made})


@pytest.mark.parametrize(
    ("day", "version"),
    [
        ("2024-04-30", SelectionReason.NO_VERSION_IN_FORCE),
        ("2024-05-01", "2024-05-01"),
        ("2024-12-31", "2024-05-01"),
        ("2025-01-01", "2025-01-01"),
        ("2025-06-30", "2025-01-01"),
        ("2025-07-01", SelectionReason.NO_VERSION_IN_FORCE),
    ],
)
def test_a_version_binds_from_its_first_to_its_last_day(
    bundle: PolicyBundle, day: str, version: str | SelectionReason
) -> None:
    """clinical.md section 0: in force from the printed effective date; history is not evaluated."""
    two = with_versions(bundle, ("2024-05-01", "2024-12-31"), ("2025-01-01", "2025-06-30"))
    found = select_version(two, PAYER, SERVICE, date.fromisoformat(day))
    assert (found.version if isinstance(found, PolicyVersion) else found) == version


def test_the_printed_dates_of_both_policies_decide(bundle: PolicyBundle) -> None:
    """Capital 2024-05-01, Blue Shield of California 2023-11-01: the day before there is no text."""
    for payer, first in (("capital-blue-cross", "2024-05-01"), ("blue-shield-of-california", "2023-11-01")):
        day = date.fromisoformat(first)
        assert isinstance(select_version(bundle, payer, SERVICE, day), PolicyVersion)
        before = date.fromordinal(day.toordinal() - 1)
        assert select_version(bundle, payer, SERVICE, before) is SelectionReason.NO_VERSION_IN_FORCE


@pytest.mark.parametrize(("payer", "service"), [(PAYER, "other-service"), ("other-payer", SERVICE)])
def test_payer_or_service_without_a_text_has_no_policy(
    bundle: PolicyBundle, payer: str, service: str
) -> None:
    """determinations.md section 1: no text for this payer and service."""
    assert select_version(bundle, payer, service, date(2026, 1, 1)) is SelectionReason.NO_POLICY


def test_two_versions_in_force_are_never_chosen_between(bundle: PolicyBundle) -> None:
    """A bundle that was not checked may overlap; then there is no answer, not the first one found."""
    two = with_versions(bundle, ("2024-05-01", None), ("2025-01-01", None))
    assert select_version(two, PAYER, SERVICE, date(2025, 1, 1)) is SelectionReason.SEVERAL
