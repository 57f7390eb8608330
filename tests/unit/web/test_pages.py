"""Pages and their JSON twins: start, policies, determination, interface, and the headers they all carry."""

import json
import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.policy.bundle import PolicyBundle
from cds_service.web.pages import markdown
from tests.builders import knowledge

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
BUNDLE: PolicyBundle = knowledge().bundle
VERSION_PATHS = [f"/policies/{v.policy}/versions/{v.version}" for v in BUNDLE.all_versions]
PAGES = ["/", "/docs", "/policies", *(f"/policies/{name}" for name in BUNDLE.versions), *VERSION_PATHS]


class _Addresses(HTMLParser):
    """Collects what a page loads or links to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.scripts += tag == "script" and "src" not in given
        if tag in ("script", "img", "iframe", "link") and (place := given.get("src") or given.get("href")):
            self.loaded.append(place)
        if tag == "a" and given.get("href"):
            self.linked.append(str(given["href"]))


def addresses(page: str) -> _Addresses:
    """What a page loads and links to."""
    parser = _Addresses()
    parser.feed(page)
    return parser


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_and_asks_nobody_else_for_anything(path: str, client: FlaskClient) -> None:
    """interface.md: no outside requests; its own stylesheet and every own link are there."""
    answer = client.get(path, headers=HTML)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    found = addresses(answer.text)
    assert found.loaded and found.scripts == 0
    for place in found.loaded:
        assert place.startswith("/") and not place.startswith("//")
        with client.get(place) as file:
            assert file.status_code == 200, place
    for place in found.linked:
        if place.startswith("/") and not place.startswith("/demo"):
            assert client.get(place.split("#")[0], headers=HTML).status_code == 200, place
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/policies", *VERSION_PATHS])
@pytest.mark.parametrize("accept", ["application/json", "*/*", None])
def test_programs_get_json_unless_they_ask_for_a_page(
    path: str, accept: str | None, client: FlaskClient
) -> None:
    answer = client.get(path, headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.get_json()


def test_policies_are_listed_with_versions_newest_first_and_addresses_that_work(client: FlaskClient) -> None:
    listed = client.get("/policies").get_json()
    assert listed["bundle_revision"] == BUNDLE.revision
    assert {each["policy"] for each in listed["policies"]} == set(BUNDLE.versions)
    for each in listed["policies"]:
        dates = [version["effective_from"] for version in each["versions"]]
        assert dates == sorted(dates, reverse=True)
        for version in each["versions"]:
            path = version["url"].removeprefix("http://127.0.0.1:8080")
            assert client.get(path).get_json()["policy"] == each["policy"]


@pytest.mark.parametrize("version", BUNDLE.all_versions, ids=lambda version: version.policy)
def test_a_version_page_tells_criteria_sections_codes_and_history(
    version: object, client: FlaskClient
) -> None:
    page = client.get(f"/policies/{version.policy}/versions/{version.version}", headers=HTML).text
    words = re.sub(r"<[^>]+>", "", page)
    for criterion in version.criteria:
        assert criterion.title in words and criterion.cites in words
    for code in version.procedure_codes:
        assert code.code in words
    for entry in version.history:
        assert entry.date in words


def test_markdown_of_policy_data_can_do_nothing() -> None:
    """A further policy folder is somebody else's text."""
    made = markdown(
        "# A\n\n<script>x</script> [b](javascript:alert(1)) <img src=x onerror=y>\n\n| c |\n|---|\n| d |"
    )
    assert not re.search(r"<script|<img|href=.javascript|onerror=.?y[^<]*>", made.replace("&gt;", ""))
    assert "<a" not in made
    assert "<h1>A</h1>" in made and "<td>d</td>" in made


def test_the_interface_page_and_document_name_every_route_and_no_other(
    app: Flask, client: FlaskClient
) -> None:
    """An undocumented route is a hole, a documented one that is not there a lie."""
    document = client.get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "http://127.0.0.1:8080"}]
    told = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post")
    }
    real = {
        (method, re.sub(r"<(?:[^<>]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"GET", "POST"}
        if not rule.endpoint.endswith("static")
    }
    assert told == real
    page = client.get("/docs").text
    assert all(path in page for _, path in told)


def test_every_reference_inside_the_document_leads_somewhere(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    for reference in set(re.findall(r'"\$ref":\s*"#/([^"]+)"', json.dumps(document))):
        place = document
        for step in reference.split("/"):
            place = place[step]


@pytest.mark.parametrize("path", ["/", "/cds-services", "/nowhere", "/health"])
def test_every_answer_carries_the_security_headers(path: str, client: FlaskClient) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
