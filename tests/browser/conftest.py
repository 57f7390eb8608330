"""Fixtures of the browser tests: the stage, a chart of its own for each test, and the system's Chromium."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from cds_service.web.form_app import AppClient
from tests import builders
from tests.browser.smart_ehr import Faults, launch_code
from tests.browser.stage import Stage, card_link, running

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
Json = dict[str, Any]
NUMBERS = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A page that is left while it loads drops its downloads: files the test server had open close late."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """FHIR server, EHR and service."""
    with running(tmp_path_factory.mktemp("records")) as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    made = browser.new_context(viewport={"width": 1000, "height": 1200})
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, stage: Stage) -> Iterator[Page]:
    """A page that asks nobody but the stage, and breaks no rule of its own policy."""
    asked: list[str] = []
    said: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console", lambda line: said.append(line.text) if "Content Security Policy" in line.text else None
    )
    yield page
    allowed = (stage.service, stage.ehr.base, stage.ehr.upstream, "data:", "about:")
    assert [url for url in asked if not url.startswith(allowed)] == []
    assert said == []


@dataclass
class Chart:
    """A patient in the EHR with an order. launched: the card's link as an EHR launches it."""

    stage: Stage
    patient: str
    order: Json

    def sign(self, fhir: str | None = None) -> Json:
        """The answer to signing the order."""
        return self.stage.sign(self.order, fhir)

    def link(self) -> str:
        """The form's address on the card."""
        return card_link(self.sign())

    def launched(self, user: str = "doc") -> str:
        """The card's link as the EHR opens it for a practitioner."""
        return f"{self.link()}&launch={launch_code(self.patient, user)}&iss={self.stage.ehr.fhir}"

    def responses(self) -> list[Json]:
        """The patient's responses in the EHR."""
        mine = f"Patient/{self.patient}"
        return [
            each
            for each in self.stage.stored("QuestionnaireResponse")
            if each["subject"]["reference"] == mine
        ]


@pytest.fixture
def chart(stage: Stage) -> Iterator[Callable[..., Chart]]:
    """Puts a chart into the EHR under ids of its own."""
    stage.ehr.faults = Faults()
    stage.ehr.jwks = None
    apps(stage).clear()

    def put(resources: list[Json], **patient: Any) -> Chart:
        name = f"p{next(NUMBERS)}"
        text = json.dumps(resources).replace('"Patient/pat"', f'"Patient/{name}"')
        own = [each | {"id": _own(each, name)} for each in json.loads(text)]
        for each in own:
            if each["resourceType"] == "Patient":
                each.update(
                    name=[{"family": "Berg", "given": ["Hanna"]}],
                    birthDate="1961-02-03",
                    gender="female",
                    **patient,
                )
        own.sort(key=lambda each: each["resourceType"] not in ("Patient", "Practitioner"))
        stage.load(*own)
        (order,) = [each for each in own if each["resourceType"] == "ServiceRequest"]
        return Chart(stage, name, order)

    yield put
    stage.ehr.faults = Faults()


def apps(stage: Stage) -> dict[str, AppClient]:
    """The form app's registrations, by client."""
    assert isinstance(stage.loop.apps, dict)
    return stage.loop.apps


def _own(resource: Json, name: str) -> str:
    shared = {"Patient": name, "Practitioner": resource["id"]}
    return shared.get(resource["resourceType"], f"{resource['id']}-{name}")


def needing() -> list[Json]:
    """A chart that lacks a statement on resectability and a current size."""
    order = {"code": builders.concept("47383", builders.CPT, text="Percutaneous cryoablation of liver tumor")}
    chart = builders.without(builders.hcc(), "resectability", "size")
    return builders.changed(chart, "order", requester=builders.DOCTOR, **order)


def unplaced(centimetres: float) -> list[Json]:
    """A size that could be of either of two organs."""
    size = {key: each for key, each in builders.size(centimetres).items() if key != "bodySite"}
    return [size, builders.past("C18.7", "colon")]
