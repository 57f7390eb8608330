"""HAPI's validator finds the conformance folder valid and the examples as labelled."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.hapi.engine import PROFILES, Validator

pytestmark = pytest.mark.hapi

CONFORMANCE = sorted(path for path in PROFILES.rglob("*.json") if "examples" not in path.parts)
RESOURCES = [path for path in CONFORMANCE if path.name != "systems.json"]
# What the validator must say about an invalid example: it fails for the reason in its name, not for another.
REASONS = {
    "attestation-boolean-as-text": "attestation-6",
    "attestation-preliminary": "attestation-1",
    "attestation-unknown-code": "value set 'Attestation codes'",
    "attestation-value-of-another-question": "attestation-2",
    "attestation-without-performer": "Observation.performer: minimum required = 1",
    "form-response-answer-without-origin": "information-origin': a matching slice is required",
    "form-response-authored-by-patient": "response-2",
    "form-response-code-of-another-question": "not in the set of permitted values",
    "form-response-completed-without-author": "response-2",
    "form-response-manual-answer-without-author": "response-4",
    "form-response-of-another-form": "response-1",
    "form-response-unknown-question": "LinkId 'resectible' not found",
    "form-response-without-intended-use": "intendedUse': a matching slice is required",
    "liver-tumor-size-in-inches": "not found in the value set 'Size unit'",
    "liver-tumor-size-without-date": "Observation.effective[x]: minimum required = 1",
    "liver-tumor-size-without-lesion": "size-1",
    "liver-tumor-size-without-longest-dimension": "longestDimension': a matching slice is required",
    "order-form-without-doc-needed": "order-6",
    "order-not-covered-with-authorization": "order-5",
    "order-revoked": "order-1",
    "order-without-code": "ServiceRequest.code: minimum required = 1",
}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _examples(label: str) -> list[Path]:
    return sorted((PROFILES / "examples" / label).glob("*.json"))


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_artefact_is_valid(hapi_validator: Validator, path: Path) -> None:
    """Also catches differentials out of order, which would lose their constraints without a word."""
    assert hapi_validator.errors(_read(path)) == []


@pytest.mark.parametrize("path", _examples("valid"), ids=lambda path: path.stem)
def test_valid_examples_follow_their_profile(hapi_validator: Validator, path: Path) -> None:
    """Each valid example names its profile and meets it."""
    resource = _read(path)
    assert resource["meta"]["profile"]
    assert hapi_validator.errors(resource) == []


@pytest.mark.parametrize("path", _examples("invalid"), ids=lambda path: path.stem)
def test_invalid_examples_fail_for_the_reason_in_their_name(hapi_validator: Validator, path: Path) -> None:
    """Each invalid example is refused, and for nothing else than what its file name says."""
    messages = [issue.message for issue in hapi_validator.errors(_read(path))]
    assert any(REASONS[path.stem] in message for message in messages), messages


def test_profiles_are_known_to_the_validator(hapi_validator: Validator) -> None:
    """A profile that does not load only warns; the same check as on the examples would then prove nothing."""
    found = hapi_validator.validate(map(_read, _examples("valid")))
    assert not [
        issue for issues in found for issue in issues if "Failed to retrieve profile" in issue.message
    ]


def test_unknown_elements_are_errors(hapi_validator: Validator) -> None:
    """The validator is no rubber stamp: a misspelt element of core R4 is found."""
    assert hapi_validator.errors({"resourceType": "Patient", "brithDate": "1958-02-24"})
