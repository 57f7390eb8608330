"""A policy can be read as a page, and a change of it in sentences."""

from typing import Any

import msgspec
import pytest
from markdown_it import MarkdownIt

from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.diff import changes
from cds_service.policy.model import PolicyVersion
from cds_service.policy.show import page

CAPITAL = "capital-blue-cross/mp-1.121"


@pytest.fixture
def capital(bundle: PolicyBundle) -> PolicyVersion:
    """The version with criteria."""
    return bundle.versions[CAPITAL][0]


def test_the_page_says_everything_with_its_section(bundle: PolicyBundle, capital: PolicyVersion) -> None:
    """ecosystem.md 4.7: an analyst reads the policy without reading YAML."""
    text = page(bundle, capital)
    for criterion in capital.criteria:
        assert f"`{criterion.id}`" in text and criterion.says in text and criterion.cites in text
        assert all(entry.title in text for entry in criterion.documentation)
    for told in (*capital.caveats, *(entry.change for entry in capital.history)):
        assert told in text
    assert all(f"PMID {entry.pmid}" in text for entry in capital.references if entry.pmid)
    assert "fepblue.org" in text and "47399" in text and "C7B.02" in text


def test_the_page_is_markdown_without_html(bundle: PolicyBundle) -> None:
    """Every page renders: headings and lists, no raw HTML that a page would have to trust."""
    for version in bundle.all_versions:
        tokens = MarkdownIt().parse(page(bundle, version))
        assert {token.type for token in tokens} >= {"heading_open", "list_item_open"}
        assert "html_block" not in {token.type for token in tokens}


def test_a_policy_without_criteria_has_no_empty_sections(bundle: PolicyBundle) -> None:
    """Blue Shield of California asks for nothing, and its page does not pretend to."""
    text = page(bundle, bundle.versions["blue-shield-of-california/7.01.75"][0])
    assert "## Criteria" not in text and "LOINC" not in text and "fresh" not in text


def changed(capital: PolicyVersion, change: Any) -> list[str]:
    """What is said after a change of the plain data."""
    data = msgspec.json.decode(msgspec.json.encode(capital))
    change(data)
    return changes(capital, msgspec.convert(data, PolicyVersion))


CHANGES = {
    'Criterion size: below changed from "5 cm" to "4 cm".': lambda d: d["criteria"][2].update(below="4 cm"),
    'Criterion diagnosis: states, appendix changed from "unknown" to "met".': (
        lambda d: d["criteria"][1]["states"].update(appendix="met")
    ),
    "Criterion amenability is gone: The tumor can be treated by cryosurgical ablation."
    " (I. Policy, fifth bullet)": lambda d: d["criteria"].pop(),
    "Procedure codes: removed 47399.": lambda d: d["procedure-codes"].pop(),
    'Effective to changed from nothing to "2025-01-01".': lambda d: d.update({"effective-to": "2025-01-01"}),
    'Limits, fresh days changed from "180" to "90".': lambda d: d["limits"].update({"fresh-days": 90}),
    "Product exceptions: removed medicaid.": lambda d: d["product-exceptions"].pop(),
    "Caveats: added Ask the plan.": lambda d: d["caveats"].append("Ask the plan."),
    "References: added New study 2026.": lambda d: d["references"].append({"title": "New study 2026"}),
    "History: added Reviewed again.": (
        lambda d: d["history"].append({"date": "2026-01-01", "change": "Reviewed again."})
    ),
    "The order of the criteria is now: diagnosis, resectability, size, extrahepatic, amenability.": (
        lambda d: d["criteria"].insert(0, d["criteria"].pop(1))
    ),
}


@pytest.mark.parametrize("sentence", CHANGES)
def test_a_change_is_one_sentence(capital: PolicyVersion, sentence: str) -> None:
    """ecosystem.md section 1: an analyst expects a diff between versions."""
    assert changed(capital, CHANGES[sentence]) == [sentence]


def test_a_new_criterion_is_told_with_its_section(capital: PolicyVersion) -> None:
    """What is new is told in the policy's own terms."""

    def add(data: dict[str, Any]) -> None:
        data["criteria"].append({**data["criteria"][4], "id": "consent", "cites": "I. Policy, sixth bullet"})

    assert changed(capital, add) == [
        "Criterion consent is new: The tumor can be treated by cryosurgical ablation."
        " (I. Policy, sixth bullet)"
    ]


def test_the_same_version_has_no_changes(capital: PolicyVersion) -> None:
    """Silence means that nothing changed."""
    assert changes(capital, capital) == []
