"""The order-entry page and the pages around it, driven in a browser on the running demo."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from cds_service.demo.patients import load_patients
from cds_service.demo.ports import listen
from cds_service.demo.run import RunningDemo, running_demo
from cds_service.kernel.clock import utc_today
from tests.browser.test_form_loop import choose, measure

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
LAPTOP, TABLET, PORTRAIT, PHONE = (1440, 900), (1024, 768), (820, 1180), (390, 844)


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    """The demo, started once."""
    with (
        listen(0, "--port") as page,
        listen(0, "--ehr-port") as record,
        running_demo(load_patients(utc_today()), page, record) as running,
    ):
        yield running


@pytest.fixture
def open_page(browser: Browser, demo: RunningDemo) -> Iterator[Open]:
    """Opens a path of the demo in a fresh profile; no page may ask anybody else or break its own policy."""
    asked: list[str] = []
    said: list[str] = []
    made = []

    def opened(path: str = "/demo/", size: tuple[int, int] = LAPTOP, scheme: Any = "light") -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        context.set_default_timeout(15_000)
        made.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: said.append(line.text) if "Security Policy" in line.text else None)
        page.goto(demo.service.base + path)
        if path.startswith("/demo/"):
            page.wait_for_selector("#chart .rows")
        return page

    yield opened
    for context in made:
        context.close()
    assert [url for url in asked if not url.startswith((demo.service.base, demo.ehr.base))] == []
    assert said == []


def sign(page: Page) -> Page:
    """Signs the order and waits for what comes of it."""
    page.get_by_role("button", name="Sign order").click()
    expect(page.get_by_role("status").first).to_contain_text("Signed.")
    return page


def state(page: Page, title: str) -> str:
    """How a criterion of the tree was judged."""
    return page.locator(".criterion", has_text=title).locator(".chip").inner_text()


def findings(page: Page) -> list[str]:
    """Serious findings of the accessibility check."""
    found = Axe().run(page)["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")
    ]


def test_signing_shows_the_card_as_an_ehr_does(open_page: Open) -> None:
    """Issue 6, part 3: indicator, source, summary, detail, link."""
    page = sign(open_page("/demo/#hanna-berg"))
    card = page.locator("article.card.info")
    expect(card.get_by_role("heading")).to_contain_text("may be considered medically necessary")
    expect(card.locator(".source")).to_contain_text("Capital Blue Cross")
    expect(card.locator(".detail strong").first).to_be_visible()
    expect(card.get_by_role("link", name="Policy MP 1.121")).to_have_attribute("target", "_blank")


def test_the_tree_names_states_evidence_and_gaps(open_page: Open) -> None:
    """Issue 6, part 3: the criteria tree with evidence links and gaps."""
    page = sign(open_page("/demo/#walter-nguyen"))
    assert state(page, "Smaller than 5 cm") == "met"
    assert state(page, "Amenable to") == "open"
    gap = page.locator(".criterion", has_text="Amenable to").locator(".gap")
    expect(gap).to_contain_text("No practitioner's statement is on record")
    page.locator(".criterion", has_text="Smaller than 5 cm").get_by_role("button").click()
    row = page.locator("tr.pointed")
    expect(row).to_contain_text("2.8 cm")
    expect(row).to_be_focused()
    expect(row).to_be_in_viewport()


def test_the_policy_the_request_and_the_answer_are_beside_it(open_page: Open, demo: RunningDemo) -> None:
    """Issue 6, part 3: raw request and answer, the policy section."""
    page = sign(open_page("/demo/#peter-lindqvist"))
    page.get_by_role("tab", name="Policy").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("I. Policy, third bullet")
    page.get_by_role("tab", name="Request").click()
    request = json.loads(page.locator("#pane-request pre").inner_text())
    assert request["hook"] == "order-sign" and request["fhirServer"] == demo.ehr.base
    page.get_by_role("tab", name="Answer").click()
    answer = json.loads(page.locator("#pane-response pre").inner_text())
    assert answer["cards"][0]["indicator"] == "warning"
    assert answer["systemActions"][0]["resource"]["extension"]


def test_both_payers_side_by_side(open_page: Open) -> None:
    """Issue 6, part 3: the same chart under both payers."""
    page = open_page("/demo/#hanna-berg")
    page.get_by_role("button", name="Compare payers").click()
    capital = page.get_by_label("Capital Blue Cross", exact=True)
    california = page.get_by_label("Blue Shield of California", exact=True)
    expect(capital.locator(".verdict")).to_contain_text("meets criteria")
    expect(california.locator(".verdict")).to_contain_text("investigational")
    boxes = [found.bounding_box() for found in (capital, california)]
    assert boxes[0] and boxes[1] and boxes[0]["y"] == boxes[1]["y"]


@pytest.mark.parametrize(
    ("field", "value", "outcome"),
    [
        ("Procedure", "radiofrequency", "out of scope"),
        ("Procedure", "unlisted", "needs info"),
        ("Bill to", "as-if:blue-shield-of-california", "investigational"),
    ],
    ids=["another technique", "no technique named", "as if covered by the other payer"],
)
def test_what_is_chosen_decides(open_page: Open, field: str, value: str, outcome: str) -> None:
    """Issue 6, part 3: choose patient, coverage, procedure and date."""
    page = open_page("/demo/#hanna-berg")
    page.get_by_label(field).select_option(value)
    sign(page)
    expect(page.locator(".verdict")).to_contain_text(outcome)


def test_the_date_of_service_decides_which_version_is_in_force(open_page: Open) -> None:
    """A service before the policy's effective date cannot be judged."""
    page = sign(open_page("/demo/#joan-mackenzie"))
    expect(page.locator(".verdict")).to_contain_text("cannot evaluate")
    page.get_by_label("Date of service").fill(utc_today().isoformat())
    sign(page)
    expect(page.locator(".verdict")).to_contain_text("meets criteria")


def test_one_of_two_coverages_may_be_billed(open_page: Open) -> None:
    """The order's insurance names the coverage; without it each payer answers."""
    page = sign(open_page("/demo/#tom-whitaker"))
    expect(page.locator("article.card")).to_have_count(2)
    page.get_by_label("Bill to").select_option("Coverage/tom-whitaker-capital")
    sign(page)
    expect(page.locator("article.card")).to_have_count(1)
    expect(page.locator("article.card")).to_contain_text("Capital Blue Cross")


def test_prefetch_changes_nothing_but_the_request(open_page: Open) -> None:
    """The published templates, filled in by the page as an EHR does."""
    page = open_page("/demo/#hanna-berg")
    page.get_by_label("Prefetch").select_option("published")
    sign(page)
    request = json.loads(page.locator("#pane-request pre").text_content() or "")
    assert set(request["prefetch"]) == {"patient", "coverage"}
    expect(page.locator(".verdict")).to_contain_text("meets criteria")


def form_of(page: Page) -> Page:
    """The form that the card opens beside the page."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the documentation form").click()
    form = opened.value
    form.wait_for_selector("#form[data-ready]")
    return form


def complete(form: Page) -> None:
    """Completes the form and waits until it is judged again."""
    form.get_by_role("button", name="Complete and save").click()
    expect(form.get_by_role("status")).to_contain_text("Saved")


def test_the_form_settles_what_was_open(open_page: Open) -> None:
    """Issue 6, the whole loop: two criteria open, one click, two answers, sign again, criteria met."""
    page = sign(open_page("/demo/#walter-nguyen"))
    expect(page.locator(".verdict")).to_contain_text("needs info")
    form = form_of(page)
    choose(form, "removed by open surgery", "Unresectable")
    choose(form, "amenable to cryosurgical ablation", "Yes")
    complete(form)
    sign(page)
    expect(page.locator(".verdict")).to_contain_text("meets criteria")
    expect(page.locator("#chart")).to_contain_text("Documentation form")


def test_the_form_may_also_settle_it_the_other_way(open_page: Open) -> None:
    """Issue 6: the same ending in investigational when the size answered is 5.0 cm."""
    page = sign(open_page("/demo/#dolores-king"))
    form = form_of(page)
    measure(form, "5.0")
    complete(form)
    sign(page)
    expect(page.locator(".verdict")).to_contain_text("investigational")
    assert state(page, "Smaller than 5 cm") == "not met"


def test_overriding_tells_the_service_why(open_page: Open) -> None:
    """CDS Hooks feedback: the reason picked and the comment."""
    page = sign(open_page("/demo/#mei-tanaka"))
    page.get_by_label("Go on anyway because").select_option("contract-covers")
    page.get_by_label("Comment").fill("Checked with the plan.")
    with page.expect_request("**/feedback") as sent:
        page.get_by_role("button", name="Override").click()
    item = sent.value.post_data_json["feedback"][0]
    assert item["outcome"] == "overridden"
    assert item["overrideReason"]["reason"]["code"] == "contract-covers"
    assert item["overrideReason"]["userComment"] == "Checked with the plan."
    expect(page.locator(".told")).to_contain_text("The service was told")


def test_a_suggestion_does_what_it_says(open_page: Open, demo: RunningDemo) -> None:
    """The documentation Task lands in the EHR, and the service learns that it was accepted."""
    page = sign(open_page("/demo/#priya-raman"))
    with page.expect_request("**/feedback") as sent:
        page.get_by_role("button", name="Add a task").click()
    expect(page.locator(".told")).to_contain_text("Task/")
    (task,) = demo.ehr.search("Task?patient=priya-raman-patient")
    assert task["for"]["reference"] == "Patient/priya-raman-patient"
    assert sent.value.post_data_json["feedback"][0]["outcome"] == "accepted"


def test_an_ehr_that_fails_is_told_in_chart_and_card(open_page: Open) -> None:
    """Unknown is never no, and never yes."""
    page = open_page("/demo/#olga-petrova")
    expect(page.locator("#chart .trouble").first).to_contain_text("error")
    sign(page)
    assert state(page, "Smaller than 5 cm") == "open"
    expect(page.locator("article.card")).to_contain_text("A search of the EHR failed")


def test_no_answer_is_told_too(open_page: Open) -> None:
    """A service that fails leaves a message, never an empty page."""
    page = open_page("/demo/#hanna-berg")

    def fail(route: Route) -> None:
        outcome = {"severity": "error", "code": "transient", "details": {"text": "Too many calls at once."}}
        route.fulfill(status=503, json={"resourceType": "OperationOutcome", "issue": [outcome]})

    page.route("**/cds-services/*", fail)
    page.get_by_role("button", name="Sign order").click()
    expect(page.locator("article.card, .card.critical")).to_contain_text("Too many calls at once.")
    expect(page.get_by_role("button", name="Sign order")).to_be_enabled()


def test_everything_is_reached_by_keyboard(open_page: Open) -> None:
    """Keyboard and screen reader: skip link, patients as links, tabs by arrows."""
    page = open_page("/demo/#hanna-berg")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.get_by_role("searchbox").fill("medi investigational")
    expect(page.get_by_role("link", name="Carlos Reyes")).to_have_count(0)
    page.get_by_role("searchbox").fill("medi cal")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Carlos Reyes")).to_be_visible()
    page.get_by_label("Date of service").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("refer to plan")
    page.get_by_role("tab", name="Criteria").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Policy")).to_be_focused()
    expect(page.get_by_role("tabpanel")).to_contain_text("Medi-Cal")


@pytest.mark.parametrize(
    "size", [LAPTOP, TABLET, PORTRAIT, PHONE], ids=["laptop", "tablet", "portrait", "phone"]
)
def test_nothing_runs_over_the_edge(open_page: Open, size: tuple[int, int]) -> None:
    """Issue 6, part 3: good on a laptop and a tablet."""
    page = sign(open_page("/demo/#tom-whitaker", size))
    page.get_by_role("button", name="Compare payers").click()
    expect(page.locator(".column .determination")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("step", ["before", "signed", "compared"])
def test_the_order_entry_page_has_no_serious_accessibility_finding(
    open_page: Open, scheme: str, step: str
) -> None:
    """Issue 6: accessibility check (axe) without serious findings."""
    page = open_page("/demo/#mei-tanaka", LAPTOP, scheme)
    if step != "before":
        sign(page)
    if step == "compared":
        page.get_by_role("button", name="Compare payers").click()
        expect(page.locator(".column .determination")).to_have_count(2)
    assert findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/", "/policies", "/policies/capital-blue-cross/mp-1.121", "/docs"], ids=lambda path: path
)
def test_the_other_pages_have_none_either(open_page: Open, path: str, scheme: str) -> None:
    """Start page, policies and interface: the same care, no request to anybody else."""
    page = open_page(path, TABLET, scheme)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= TABLET[0]
