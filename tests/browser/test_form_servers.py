"""The form app at EHRs that treat its calls in ways of their own."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests import builders
from tests.browser.conftest import Chart, needing
from tests.browser.stage import Stage
from tests.browser.test_form_loop import opened

pytestmark = pytest.mark.browser


def test_a_server_that_makes_two_slashes_one_still_finds_by_code(
    page: Page, chart: Callable[..., Chart], stage: Stage
) -> None:
    """SMART App Launcher 2.0.1: the system of a code arrives with one slash where two were sent."""
    address = chart([*needing(), builders.size(3.1, days=400)]).launched()
    stage.ehr.faults.one_slash = True
    opened(page, address)
    assert page.get_by_role("button", name="Use 3.1 cm").is_visible()
