"""The form app at EHRs that treat its calls in ways of their own."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import builders
from tests.browser.conftest import Chart, needing, unplaced
from tests.browser.stage import Stage
from tests.browser.test_form_loop import choose, complete, measure, opened

pytestmark = pytest.mark.browser


def test_a_server_that_makes_two_slashes_one_still_finds_by_code(
    page: Page, chart: Callable[..., Chart], stage: Stage
) -> None:
    """SMART App Launcher 2.0.1: the system of a code arrives with one slash where two were sent."""
    page.clock.set_fixed_time(f"{builders.TODAY}T12:00:00")
    address = chart([*needing(), *unplaced(3.1)]).launched()
    stage.ehr.faults.one_slash = True
    opened(page, address)
    assert page.get_by_role("button", name="Use 3.1 cm").is_visible()


def test_a_server_that_cannot_search_for_forms_gets_a_word_on_it(
    page: Page, chart: Callable[..., Chart], stage: Stage
) -> None:
    """clinical.md 4.5: many servers lack that search; the person is told what does not work and why."""
    address = chart(needing()).launched()
    stage.ehr.faults.no_form_search = True
    opened(page, address)
    expect(page.locator("#told")).to_contain_text("saved before could not be looked up")
    choose(page, "removed by open surgery", "Unresectable")
    measure(page, "3.2")
    complete(page)
    expect(page.locator("#answer h2")).to_have_text("The answer now")
    expect(page.locator("#criteria [data-state=unknown]").first).to_contain_text(
        "The EHR does not offer this search: QuestionnaireResponse"
    )
