"""Prefetch templates: the forms of token and query that any client of CDS Hooks 2.0 can fill."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.builders import hcc
from tests.conformance.ch.calls import in_prefetch, post, prefetched, sign

TOKEN = re.compile(r"\{\{(.*?)\}\}")
FIELDS = {
    "order-sign": {"userId", "patientId", "encounterId"},
    "order-select": {"userId", "patientId", "encounterId"},
    "order-dispatch": {"patientId", "performer"},
    "appointment-book": {"userId", "patientId", "encounterId"},
}
"""Simple first-level context fields by hook, from the pages of the hooks."""
USER_TOKENS = {"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"}


def published(client: FlaskClient) -> list[tuple[str, str]]:
    """(hook, template) of every template in discovery."""
    services = client.get("/cds-services").get_json()["services"]
    found = [(each["hook"], text) for each in services for text in each["prefetch"].values()]
    assert {hook for hook, _ in found} == FIELDS.keys()
    return found


@pytest.mark.requirement("CH-010", "CH-011", "CH-012", "P1", "P2")
def test_tokens_are_first_level_fields_that_the_hook_has(client: FlaskClient) -> None:
    for hook, template in published(client):
        rest = TOKEN.sub("", template)
        assert "{" not in rest and "}" not in rest, template
        for token in TOKEN.findall(template):
            scope, _, name = token.rpartition(".")
            assert token in USER_TOKENS or (scope == "context" and name in FIELDS[hook]), (hook, template)


@pytest.mark.requirement("CH-015", "CH-016", "P3")
def test_queries_are_reads_or_plain_searches_without_a_repeated_parameter(client: FlaskClient) -> None:
    for _, template in published(client):
        address = urlsplit(template)
        assert re.fullmatch(r"[A-Z][A-Za-z]+(/\{\{[^{}]+\}\})?", address.path), template
        parameters = parse_qsl(address.query, strict_parsing=True) if address.query else []
        names = [name for name, _ in parameters]
        assert len(set(names)) == len(names), template
        assert all(re.fullmatch(r"[a-z-]+(:in)?|_count|_sort", name) for name in names), template


@pytest.mark.requirement("D16")
def test_what_a_call_cannot_do_without_is_asked_for_in_discovery(client: FlaskClient) -> None:
    """A key whose lack ends in a 412 is a published one, and every published one is such a key."""
    keys = {*prefetched(hcc())}
    needed = {key for key in keys if post(client, in_prefetch(sign(), **{key: ...})).status_code == 412}
    for service in client.get("/cds-services").get_json()["services"]:
        assert set(service["prefetch"]) == needed == {"patient", "coverage"}
