"""The documentation loop in a browser: the form opens filled in, is answered, saved, and decides."""

import re
from collections.abc import Callable

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests import builders
from tests.browser.conftest import Chart, needing, unplaced

pytestmark = pytest.mark.browser
Put = Callable[..., Chart]
OPEN = re.compile("2 of 5")


def opened(page: Page, address: str) -> Page:
    """The form, ready to be answered."""
    page.goto(address)
    page.wait_for_selector("#form[data-ready]")
    return page


def question(page: Page, text: str) -> str:
    """linkId of the question that reads so."""
    label = page.locator("label[id^='label-']", has_text=text).first
    return str(label.get_attribute("id")).removeprefix("label-")


def choose(page: Page, text: str, answer: str) -> None:
    """Picks an answer by its words."""
    group = page.locator(f"[aria-labelledby='label-{question(page, text)}']")
    group.get_by_text(answer, exact=True).click()


def chosen(page: Page, text: str) -> str:
    """The answer that is picked."""
    group = page.locator(f"[aria-labelledby='label-{question(page, text)}']")
    return group.locator("label:has(input:checked)").inner_text().strip()


def measure(page: Page, centimetres: str) -> None:
    """Types the diameter."""
    page.get_by_role("textbox", name=re.compile("longest diameter")).first.fill(centimetres)


def complete(page: Page) -> None:
    """Saves the form as completed."""
    page.get_by_role("button", name="Complete and save").click()


def origins(response: dict[str, object]) -> dict[str, str]:
    """linkId -> where the answer is from."""
    items = response["item"]
    assert isinstance(items, list)
    return {i["linkId"]: i["answer"][0]["extension"][0]["extension"][0]["valueCode"] for i in items}


@pytest.mark.requirement("DTR-017", "dtr:spec-50", "dtr:spec-54")
@pytest.mark.parametrize(
    ("centimetres", "outcome", "indicator"),
    [("3.2", "Criteria met", "info"), ("5.0", "investigational", "warning")],
)
def test_what_is_answered_and_saved_decides(
    page: Page, chart: Put, centimetres: str, outcome: str, indicator: str
) -> None:
    patient = chart(needing())
    before = patient.sign()
    assert [card["indicator"] for card in before["cards"]] == ["warning"] and OPEN.search(
        before["cards"][0]["summary"]
    )
    opened(page, patient.launched())
    expect(page.locator(".banner")).to_contain_text("Hanna Berg")
    assert chosen(page, "liver tumor that will be treated") == "Hepatocellular carcinoma"
    assert chosen(page, "malignancy outside the liver") == "Absent"
    choose(page, "removed by open surgery", "Unresectable")
    measure(page, centimetres)
    complete(page)
    expect(page.locator("#answer h2")).to_have_text("The answer now")
    expect(page.locator("#answer .chip")).to_contain_text(outcome)
    expect(page.locator("#answer h2")).to_be_focused()
    (saved,) = patient.responses()
    assert saved["status"] == "completed" and saved["author"] == {"reference": "Practitioner/doc"}
    assert origins(saved) == {
        "resectability": "manual",
        "liver-tumor-type": "auto-server",
        "largest-tumor-diameter": "manual",
        "extrahepatic-disease": "auto-server",
        "amenable-to-cryoablation": "auto-server",
    }
    after = patient.sign()
    assert [card["indicator"] for card in after["cards"]] == [indicator]
    ids = [_assertion(each) for each in (before, after)]
    assert ids[0] == ids[1]


def _assertion(answer: dict[str, object]) -> object:
    actions = answer["systemActions"]
    assert isinstance(actions, list)
    parts = actions[0]["resource"]["extension"][-1]["extension"]
    return next(part["valueString"] for part in parts if part["url"] == "coverage-assertion-id")


def test_a_draft_is_kept_resumed_and_counts_only_when_completed(page: Page, chart: Put) -> None:
    patient = chart(needing())
    opened(page, patient.launched())
    choose(page, "removed by open surgery", "Unresectable")
    measure(page, "3.2")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#told")).to_contain_text("Draft saved")
    (draft,) = patient.responses()
    assert draft["status"] == "in-progress" and OPEN.search(patient.sign()["cards"][0]["summary"])
    opened(page, patient.launched())
    assert chosen(page, "removed by open surgery") == "Unresectable"
    complete(page)
    expect(page.locator("#answer .chip")).to_contain_text("Criteria met")
    (done,) = patient.responses()
    assert (done["id"], done["status"]) == (draft["id"], "completed") and origins(done)[
        "resectability"
    ] == "manual"


def test_a_completed_form_is_amended_not_repeated(page: Page, chart: Put) -> None:
    patient = chart(needing())
    opened(page, link := patient.launched())
    choose(page, "removed by open surgery", "Unresectable")
    measure(page, "3.2")
    complete(page)
    expect(page.locator("#answer .chip")).to_contain_text("Criteria met")
    opened(page, link)  # the first card's link, while the order meets the criteria
    expect(page.locator("#form h2")).to_contain_text("saved before")
    measure(page, "5.0")
    page.get_by_role("button", name="Save as amended").click()
    expect(page.locator("#answer .chip")).to_contain_text("investigational")
    (amended,) = patient.responses()
    assert amended["status"] == "amended"


@pytest.mark.requirement("DTR-006")
def test_a_changed_answer_is_marked_as_overridden_with_its_author(page: Page, chart: Put) -> None:
    patient = chart(needing())
    opened(page, patient.launched())
    choose(page, "malignancy outside the liver", "Present")
    complete(page)
    expect(page.locator("#answer h2")).to_have_text("The answer now")
    (saved,) = patient.responses()
    (item,) = [each for each in saved["item"] if each["linkId"] == "extrahepatic-disease"]
    source, author = item["answer"][0]["extension"][0]["extension"]
    assert source["valueCode"] == "override"
    assert author["extension"][0]["valueReference"] == {"reference": "Practitioner/doc"}


def test_a_measurement_on_record_is_taken_over_at_a_click(page: Page, chart: Put) -> None:
    """One that the rules could not use, as nothing says where it was measured; not one that is too old."""
    page.clock.set_fixed_time(f"{builders.TODAY}T12:00:00")
    patient = chart([*needing(), *unplaced(3.1), builders.size(2.9, "old", days=400)])
    opened(page, patient.launched())
    assert page.get_by_role("button", name="Use 2.9 cm").count() == 0
    page.get_by_role("button", name=f"Use 3.1 cm of {builders.ago(30)}").click()
    choose(page, "removed by open surgery", "Unresectable")
    complete(page)
    expect(page.locator("#answer .chip")).to_contain_text("Criteria met")
    (saved,) = patient.responses()
    assert origins(saved)["largest-tumor-diameter"] == "manual"


def test_what_the_ehr_refuses_to_save_stays_on_the_page_and_is_told(page: Page, chart: Put) -> None:
    patient = chart(needing())
    opened(page, patient.launched())
    choose(page, "removed by open surgery", "Unresectable")
    patient.stage.ehr.faults.refuse_writes = 403
    complete(page)
    expect(page.locator("#told.trouble")).to_contain_text("does not let you save")
    assert chosen(page, "removed by open surgery") == "Unresectable" and patient.responses() == []
    patient.stage.ehr.faults.refuse_writes = None
    complete(page)
    expect(page.locator("#told")).to_contain_text("Saved to the chart")


def test_an_empty_form_is_not_saved(page: Page, chart: Put) -> None:
    bare = [
        each
        for each in needing()
        if each["resourceType"] in ("Patient", "Practitioner", "Coverage", "ServiceRequest")
    ]
    patient = chart(bare)
    opened(page, patient.launched())
    complete(page)
    expect(page.locator("#told.trouble")).to_contain_text("Nothing is answered")
    assert patient.responses() == []


def test_the_form_can_be_answered_by_keyboard_alone(page: Page, chart: Put) -> None:
    patient = chart(needing())
    opened(page, patient.launched())
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(
            "document.activeElement.closest('[aria-labelledby^=\"label-resectability\"]') !== null"
        ):
            break
    page.keyboard.press("Space")
    assert chosen(page, "removed by open surgery") == "Unresectable"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "complete":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#answer h2")).to_have_text("The answer now")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier_in_either_colour_scheme(
    browser: Browser, chart: Put, scheme: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    patient = chart([*needing(), builders.size(3.1, days=400)])
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1000, "height": 1200})  # type: ignore[arg-type]
    page = opened(context.new_page(), patient.launched())
    page.get_by_text("The card in full").click()
    choose(page, "removed by open surgery", "Resectable")
    measure(page, "6")
    found = Axe().run(page)
    page.screenshot(path=tmp_path_factory.getbasetemp() / f"form-{scheme}.png", full_page=True)
    serious = [
        (each["id"], [node["target"] for node in each["nodes"]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    context.close()


def test_a_choice_can_be_opened_again_and_no_question_moves(page: Page, chart: Put) -> None:
    """What is left open stays open: a slip of the mouse must not become a statement."""
    patient = chart(needing())
    opened(page, patient.launched())
    labels = page.locator("label[id^='label-']").all_inner_texts()
    choose(page, "what became of the primary tumor", "In place")
    choose(page, "removed by open surgery", "Unresectable")
    page.get_by_role("button", name=re.compile("Clear: .*what became of the primary tumor")).click()
    expect(page.get_by_role("button", name=re.compile("Clear: .*primary tumor"))).to_be_hidden()
    assert chosen(page, "removed by open surgery") == "Unresectable"
    assert page.locator("label[id^='label-']").all_inner_texts() == labels
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#told")).to_contain_text("Draft saved")
    (saved,) = patient.responses()
    assert "primary-tumor-status" not in origins(saved)


@pytest.mark.parametrize("typed", ["-3", "0"])
def test_a_size_that_nobody_can_use_is_not_saved(page: Page, chart: Put, typed: str) -> None:
    patient = chart(needing())
    opened(page, patient.launched())
    measure(page, typed)
    complete(page)
    expect(page.locator("#told")).to_contain_text("needs a number above zero and a unit")
    assert patient.responses() == []
