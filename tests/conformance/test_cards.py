"""CDS Hooks and Da Vinci CRD: what a card looks like, for every kind of determination and both versions."""

import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from markdown_it import MarkdownIt

from cds_service.answer.context import ClientOptions
from cds_service.kernel.provenance import Evidence, Gap
from cds_service.kernel.truth import Truth
from tests.unit.answer import samples

VERSIONS = ["2.0", "2.2"]
EVERY = [(name, version) for name in samples.IN_SCOPE for version in VERSIONS]
TOPICS = {
    "coverage-info", "claim", "insurance", "limits", "network", "appropriate-use", "cost", "guideline",
    "therapy-alternatives-opt", "therapy-alternatives-req", "clinical-reminder", "duplicate-therapy",
    "contraindication", "off-guideline",
}  # fmt: skip
SYSTEMS = {
    "2.0": "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
    "2.2": "http://terminology.hl7.org/CodeSystem/cdshooks-card-type",
}
NO_DTR = ClientOptions(crd=True, dtr=False)
FORM_LINK = "https://crd.example.org/smart/launch?handle=h1"
NASTY = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) **b**\n# head"


def card(name: str, version: str = "2.2", **changes: Any) -> dict[str, Any]:
    """The one card of a kind of determination, with everything that can be offered."""
    made = samples.KINDS[name]()
    given: dict[str, Any] = {"version": version, "client": NO_DTR, "smart_link": lambda _: FORM_LINK}
    (found,) = samples.body(made, **given | changes)["cards"]
    return dict(found)


@pytest.mark.requirement("CRD-086", "CH-129", "CH-130", "C2")
@pytest.mark.parametrize(("name", "version"), EVERY)
def test_the_summary_is_one_short_line(name: str, version: str) -> None:
    """CRD-086, CH-129, CH-130: 1 to 139 characters, no line break, no markup."""
    summary = card(name, version)["summary"]
    assert 1 <= len(summary.encode("utf-16-le")) // 2 <= 139
    assert summary == " ".join(summary.split())
    assert not set("<>[]*`") & set(summary)


@pytest.mark.requirement("CRD-086", "CH-129")
@pytest.mark.parametrize("name", samples.IN_SCOPE)
@pytest.mark.parametrize("words", ["Mutual 🧊 " * 30, "x" * 300])
def test_a_long_payer_name_does_not_break_the_limit(name: str, words: str) -> None:
    """CH-129: what would be too long is shortened, at a word or, where there is none, at the last sign."""
    payer = samples.Payer(payer="long", name=words, names=("long",))
    made = samples.KINDS[name](payer=payer)
    (found,) = samples.body(made)["cards"]
    assert len(found["summary"].encode("utf-16-le")) // 2 <= 139


@pytest.mark.requirement("CRD-087", "CH-131", "resp-1", "resp-2")
@pytest.mark.parametrize(("name", "version"), EVERY)
def test_the_indicator_is_never_critical(name: str, version: str) -> None:
    """resp-1: reimbursement trouble is at most a warning; determinations.md section 3 says which."""
    warned = {"needs_info", "bare_needs_info", "noted", "technique", "investigational", "position"}
    assert card(name, version)["indicator"] == ("warning" if name in warned else "info")


@pytest.mark.requirement("CRD-088", "CRD-089", "CH-132", "CH-135", "resp-4", "resp-5", "C5", "C8")
@pytest.mark.parametrize(("name", "version"), EVERY)
def test_the_source_is_the_insurer_and_the_topic_that_of_the_version(name: str, version: str) -> None:
    """resp-4, resp-5: the insurer's name; a code of the response types in the system of the version."""
    source = card(name, version)["source"]
    unknown = name in ("no_policy", "technical")
    assert source["label"] == ("Some Other Plan" if unknown else "Lakeside Health Plan")
    assert source["topic"]["system"] == SYSTEMS[version]
    assert source["topic"]["code"] in TOPICS


@pytest.mark.requirement("CRD-090", "CH-138", "CH-144", "resp-3", "resp-13", "C1", "A2")
@pytest.mark.parametrize("version", VERSIONS)
def test_every_card_and_suggestion_has_an_id_of_its_own(version: str) -> None:
    """CRD-090, CH-138: plain UUIDs, none twice in an answer."""
    made = [make(coverage=f"Coverage/{name.replace('_', '-')}") for name, make in samples.KINDS.items()]
    cards = samples.body(*made, version=version, client=NO_DTR)["cards"]
    ids = [found["uuid"] for found in cards]
    ids += [suggestion["uuid"] for found in cards for suggestion in found.get("suggestions", [])]
    assert len(cards) == len(samples.IN_SCOPE)
    assert len(set(ids)) == len(ids) > len(cards)
    assert all(str(UUID(value)) == value for value in ids)


@pytest.mark.requirement(
    "CRD-091", "CRD-103", "CH-139", "CH-140", "CH-141", "CH-147", "resp-3", "resp-62", "A1"
)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_documentation_task_is_as_the_guide_wants_it(version: str) -> None:
    """CRD-091, CRD-103: one create of a Task with form, patient, requester and what to do afterwards."""
    found = card("needs_info", version)
    (suggestion,) = found["suggestions"]
    (action,) = suggestion["actions"]
    assert found["selectionBehavior"] == "at-most-one"
    assert suggestion["label"]
    assert (action["type"], set(action)) == ("create", {"type", "description", "resource"})
    task = action["resource"]
    assert (task["resourceType"], task["status"], task["intent"]) == ("Task", "ready", "order")
    sdc, crd = (
        "http://hl7.org/fhir/uv/sdc/CodeSystem/temp",
        "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
    )
    assert task["code"]["coding"] == [{"system": sdc, "code": "complete-questionnaire"}]
    assert task["for"] == {"reference": "Patient/p1"}
    assert task["encounter"] == {"reference": "Encounter/e1"}
    assert task["authoredOn"] == "2026-11-21"
    assert task["requester"] == {"type": "Organization", "display": "Lakeside Health Plan"}
    form, afterwards = task["input"]
    assert form["type"]["text"] == "questionnaire"
    assert form["valueCanonical"] == samples.FORM.split("|")[0]
    assert afterwards["type"]["coding"] == [{"system": crd, "code": "after-completion-action"}]
    assert afterwards["valueCodeableConcept"]["coding"] == [{"system": crd, "code": "prior-auth-include"}]
    assert not {"id", "focus", "basedOn"} & set(task)


@pytest.mark.requirement("CRD-092", "CRD-098", "CH-153", "CH-154", "CH-155", "resp-21", "L1", "L2")
@pytest.mark.parametrize(("name", "version"), EVERY)
def test_links_lead_to_a_page_of_their_own(name: str, version: str) -> None:
    """CRD-092, CRD-098: absolute https, a label, a type; not a start page, no patient in the address."""
    for link in card(name, version).get("links", []):
        address = urlsplit(link["url"])
        assert (address.scheme, bool(address.hostname)) == ("https", True)
        assert len(address.path) > 1
        assert link["label"].strip()
        assert link["type"] == ("smart" if link["url"] == FORM_LINK else "absolute")
        assert "appContext" not in link
        assert not re.search("p1|order-1|cov-1", link["url"])


@pytest.mark.requirement("CRD-093", "CRD-094", "CRD-095", "resp-18", "resp-19", "resp-22", "resp-24")
@pytest.mark.parametrize("version", VERSIONS)
def test_external_reference_and_instructions_cards_are_among_the_answers(version: str) -> None:
    """CRD-093 to 095: pages only, or text only."""
    client = ClientOptions()
    cards = {name: card(name, version, client=client, smart_link=lambda _: None) for name in samples.IN_SCOPE}
    pages = [name for name, found in cards.items() if found.get("links")]
    texts = [name for name, found in cards.items() if not found.get("links")]
    assert {"met", "investigational", "position", "refer"} <= set(pages)
    assert {"technique", "no_policy", "technical"} <= set(texts)
    for found in cards.values():
        assert "suggestions" not in found
        assert found["detail"].strip()
        assert {link["type"] for link in found.get("links", [])} <= {"absolute"}


@pytest.mark.requirement("CRD-096", "resp-12", "resp-20", "resp-25")
@pytest.mark.parametrize("name", samples.IN_SCOPE)
def test_a_card_adds_to_the_statement_and_never_carries_it(name: str) -> None:
    """resp-25, resp-12: no extension in a card, and more in its detail than `reason.text` says."""
    response = samples.body(samples.KINDS[name]())
    (found,) = response["cards"]
    assert "ext-coverage-information" not in str(found)
    (reason,) = samples.values(response["systemActions"][0]["resource"]["extension"][-1], "reason")
    assert reason["text"] not in found["detail"]
    evidence = [item.summary for criterion in samples.KINDS[name]().criteria for item in criterion.evidence]
    assert all(summary in found["detail"] and summary not in reason["text"] for summary in evidence)


@pytest.mark.requirement("CRD-097", "resp-17", "resp-23")
@pytest.mark.parametrize("name", samples.IN_SCOPE)
def test_no_card_sends_anybody_to_a_portal(name: str) -> None:
    """resp-17, resp-23: only our policy page, our form and a product's manual; no address in the text."""
    found = card(name)
    allowed = ("https://crd.example.org/policies/", FORM_LINK, samples.MANUAL.url)
    assert all(link["url"].startswith(allowed) for link in found.get("links", []))
    assert not re.search(r"https?:|www\.|portal", found["detail"], re.IGNORECASE)


@pytest.mark.requirement("CH-156", "CH-157", "C10")
@pytest.mark.parametrize("name", samples.IN_SCOPE)
def test_override_reasons_are_complete_and_only_where_there_is_a_no(name: str) -> None:
    """CH-156: code, system and display; determinations.md section 3: on the investigational card."""
    reasons = card(name).get("overrideReasons", [])
    assert bool(reasons) is (name in ("investigational", "position"))
    assert all(set(reason) == {"code", "system", "display"} and all(reason.values()) for reason in reasons)
    assert len({reason["code"] for reason in reasons}) == len(reasons)


@pytest.mark.requirement("CRD-099", "CH-103", "dev-24", "dev-25")
@pytest.mark.parametrize(
    ("version", "reference"),
    [("2.2", {"reference": "ServiceRequest/order-2"}), ("2.0", "ServiceRequest/order-2")],
)
def test_of_several_orders_a_card_says_which_one_it_is_about(version: str, reference: object) -> None:
    """dev-24, dev-25: in words, and in the shape of the version."""
    raw = samples.raw_order("ServiceRequest/order-2", code={"text": "Freezing of the other nodule"})
    other = samples.order("ServiceRequest/order-2", raw)
    first, second = samples.body(samples.met(), samples.needs_info(order=other), version=version)["cards"]
    assert "Freezing of lung nodule" in first["detail"]
    assert "Freezing of the other nodule" in second["detail"]
    assert second["extension"] == {"davinci-crd.associated-resource": [reference]}
    (alone,) = samples.body(samples.met(), version=version)["cards"]
    assert "extension" not in alone


@pytest.mark.requirement("CH-137", "CH-168")
@pytest.mark.parametrize("name", ["met", "needs_info", "investigational", "no_policy", "technical"])
def test_text_from_the_chart_is_inert_wherever_it_stands(name: str) -> None:
    """CH-168: in summary, detail, labels, reasons and descriptions."""
    evil = samples.criterion(
        Truth.UNKNOWN,
        evidence=(Evidence("Observation/o", NASTY),),
        gaps=(Gap("unreadable", NASTY, "Observation/o"),),
    )
    criteria = (evil, samples.criterion(Truth.MET, evidence=(Evidence("Observation/o", NASTY),)))
    order = samples.order(raw=samples.raw_order(code={"text": NASTY}))
    made = samples.KINDS[name](order=order, criteria=criteria, gaps=(Gap("stale", NASTY),), plan=NASTY)
    response = samples.body(made, payer_label=NASTY, client=NO_DTR)
    (found,) = response["cards"]
    tokens = MarkdownIt("commonmark", {"html": True}).parse(found["detail"])
    kinds = {child.type for token in tokens for child in token.children or ()} | {
        token.type for token in tokens
    }
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "heading_open", "code_inline"}
    assert "alert(1)" in found["detail"]
    shown = [found["summary"], found["source"]["label"], *(link["label"] for link in found.get("links", []))]
    shown += [action["description"] for action in response["systemActions"]]
    shown += [samples.values(response["systemActions"][0]["resource"]["extension"][-1], "reason")[0]["text"]]
    for suggestion in found.get("suggestions", []):
        shown += [suggestion["label"], suggestion["actions"][0]["description"]]
    assert not [text for text in shown if set("<>[]\n") & set(text)]


@pytest.mark.requirement("CRD-119", "CH-162", "G3")
@pytest.mark.parametrize(
    ("name", "version"), [(name, version) for name in samples.KINDS for version in VERSIONS]
)
def test_nothing_empty_is_sent(name: str, version: str) -> None:
    """CRD-119, CH-162: no null, "", [] or {} but `cards: []`."""

    def empties(value: Any, path: str = "") -> list[str]:
        if value in (None, "", [], {}):
            return [path]
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        return [found for key, item in items for found in empties(item, f"{path}/{key}")]

    response = samples.body(samples.KINDS[name](), version=version, client=NO_DTR)
    assert set(empties(response)) <= {"/cards"}


class TestWords:
    """What a clinician reads, as determinations.md section 3 wants it."""

    @pytest.mark.parametrize("name", [name for name in samples.IN_SCOPE if samples.KINDS[name]().policy])
    def test_policy_number_and_effective_date_are_on_every_card_with_a_policy(self, name: str) -> None:
        """determinations.md section 3; clinical.md 9, point 6."""
        detail = card(name)["detail"]
        assert "LM 7.3" in detail
        assert "effective 2026-02-01" in detail

    @pytest.mark.parametrize("name", samples.IN_SCOPE)
    def test_self_funded_groups_are_spoken_of_on_every_card(self, name: str) -> None:
        """clinical.md 6: always."""
        assert "self-funded group" in card(name)["detail"]

    def test_criteria_met_are_shown_with_evidence_date_and_section(self) -> None:
        """Each result names its evidence and the section of the policy."""
        found = card("met")
        assert "**No spread** (3.a): longest diameter 3.2 cm (2026-10-22)" in found["detail"]
        assert "may be considered medically necessary" in found["summary"]
        assert "decides whether prior authorization is required" in found["detail"]

    def test_what_is_open_says_why_and_what_would_settle_it(self) -> None:
        """The gap in words, the document with its LOINC types, and what is on file."""
        detail = card("needs_info")["detail"]
        assert "Too old to count: diameter 3.1 cm (2025-01-01)." in detail
        assert "Would settle it: CT report (LOINC 18748-4, 24627-2)" in detail
        assert "longest diameter 3.2 cm" in detail
        assert "1 of 2 criteria open" in card("needs_info")["summary"]

    def test_what_failed_says_by_what_and_how_it_could_change(self) -> None:
        """The failed criterion with its evidence, the open ones beside it, peer review."""
        found = card("investigational")
        assert "considered investigational, not covered" in found["summary"]
        assert "**Smaller than 5 cm** (3.a): longest diameter 3.2 cm (2026-10-22)" in found["detail"]
        assert "Could change it" in found["detail"]
        assert "peer-to-peer review" in found["detail"]

    def test_a_position_without_criteria_asks_for_no_documents(self) -> None:
        """determinations.md section 3: "No records required"; the caveats of the text are told."""
        detail = card("position")["detail"]
        assert "The contract governs (10)." in detail
        assert not re.search("document|LOINC|report|form", detail)

    def test_an_unnamed_technique_is_the_one_thing_asked(self) -> None:
        """clinical.md 1.1: under every payer; nothing else."""
        found = card("technique")
        assert "technique" in found["summary"]
        assert "No document is asked for" in found["detail"]
        assert not {"links", "suggestions"} & set(found)

    def test_an_order_of_something_else_gets_no_card(self) -> None:
        """determinations.md section 3: nothing for out-of-scope orders."""
        assert samples.body(samples.out_of_scope())["cards"] == []
