"""The documentation loop in a browser with HAPI as the EHR: signed, answered, saved, signed again."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import browser, chart, context, needing, page
from tests.browser.stage import Stage, in_front_of
from tests.browser.test_form_loop import Put, choose, chosen, complete, measure, opened
from tests.hapi.engine import Server

__all__ = ["browser", "chart", "context", "page"]

pytestmark = [pytest.mark.hapi, pytest.mark.browser]


@pytest.fixture(scope="module")
def stage(hapi_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """HAPI, an EHR's sign-in before it, and the service."""
    with in_front_of(hapi_server.base, tmp_path_factory.mktemp("records")) as made:
        yield made


@pytest.mark.requirement("DTR-017", "dtr:spec-50", "dtr:spec-54")
@pytest.mark.parametrize(("centimetres", "outcome"), [("3.2", "Criteria met"), ("5.0", "investigational")])
def test_what_is_answered_and_saved_decides(page: Page, chart: Put, centimetres: str, outcome: str) -> None:
    """Issue 6: the loop works against HAPI, which answers equal searches from a cache unless told not to."""
    patient = chart(needing())
    before = patient.sign()
    assert "2 of 5" in before["cards"][0]["summary"]
    address = patient.launched()
    opened(page, address)
    expect(page.locator(".banner")).to_contain_text("Hanna Berg")
    assert chosen(page, "liver tumor that will be treated") == "Hepatocellular carcinoma"
    choose(page, "removed by open surgery", "Unresectable")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#told")).to_contain_text("Draft saved")
    measure(page, centimetres)
    complete(page)
    expect(page.locator("#answer .chip")).to_contain_text(outcome)
    (saved,) = patient.responses()
    assert saved["status"] == "completed"
    after = patient.sign()
    assert re.search("all 5 criteria met" if outcome == "Criteria met" else outcome, str(after["cards"]))
    opened(page, address)
    page.get_by_role("button", name="Save as amended").click()
    expect(page.locator("#told")).to_have_text("Saved to the chart.")
    expect(page.locator("#answer .chip")).to_contain_text(outcome)
    (amended,) = patient.responses()
    assert (amended["id"], amended["status"]) == (saved["id"], "amended"), (
        "resumed, not answered a second time"
    )
