"""Finds the one policy version for payer, service and service date, or the reason why there is not one."""

from datetime import date
from enum import StrEnum

from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import PolicyVersion


class SelectionReason(StrEnum):
    """Why no version was selected; the values are keys of `cards/reasons.yaml`.

    SEVERAL cannot come from a checked bundle, which has no overlapping versions; it keeps the choice closed.
    """

    NO_POLICY = "no-policy-for-service"
    NO_VERSION_IN_FORCE = "no-version-in-force"
    SEVERAL = "several"


def select_version(
    bundle: PolicyBundle, payer_id: str, service_id: str, service_date: date
) -> PolicyVersion | SelectionReason:
    """The version in force on the service date, or why there is none or more than one.

    A version is in force from its printed effective date (clinical.md section 0) up to and including its
    `effective-to`; a date before the first loaded version is not guessed from the history.
    """
    candidates = [v for v in bundle.all_versions if v.payer == payer_id and v.service == service_id]
    if not candidates:
        return SelectionReason.NO_POLICY
    in_force = [version for version in candidates if is_in_force(version, service_date)]
    if not in_force:
        return SelectionReason.NO_VERSION_IN_FORCE
    return in_force[0] if len(in_force) == 1 else SelectionReason.SEVERAL


def is_in_force(version: PolicyVersion, day: date) -> bool:
    """Whether the version binds on that day."""
    first = date.fromisoformat(version.effective_from)
    last = date.fromisoformat(version.effective_to) if version.effective_to else date.max
    return first <= day <= last
