"""The page of a policy's test cases: every case, judged by the data in force, and honest when one fails."""

import dataclasses

import pytest
from flask.testing import FlaskClient

from cds_service.policy.cases import load_cases
from cds_service.policy.places import data_folder
from cds_service.web import policies
from cds_service.web.policy_cases import TriedCase, tried_cases
from tests.builders import knowledge

CASES = load_cases([data_folder("policies")])
HTML = {"Accept": "text/html"}


@pytest.mark.parametrize("policy", CASES)
def test_every_case_is_listed_with_its_state(policy: str, client: FlaskClient) -> None:
    """Issue 6, part 4: test cases with their state."""
    names = [case.case for file in CASES[policy] for case in file.sheet.cases]
    listed = client.get(f"/policies/{policy}/cases").get_json()
    assert [one["case"] for one in listed["cases"]] == names
    assert all(one["passed"] for one in listed["cases"])
    page = client.get(f"/policies/{policy}/cases", headers=HTML).text
    assert f"{len(names)} of {len(names)} as expected" in page


def test_a_case_that_fails_says_so(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page may not promise more than the cases hold."""
    policy = next(iter(CASES))
    whole = tried_cases(knowledge())[policy]
    wrong = dataclasses.replace(whole[0].result, troubles=("Expected outcome needs-info, got no-policy.",))
    tried = {policy: [TriedCase(whole[0].case, wrong), *whole[1:]]}
    monkeypatch.setattr(policies, "tried_cases", lambda _: tried)
    page = client.get(f"/policies/{policy}/cases", headers=HTML).text
    assert f"{len(whole) - 1} of {len(whole)} as expected" in page
    assert "Expected outcome needs-info, got no-policy." in page
    assert client.get(f"/policies/{policy}/cases").get_json()["cases"][0]["passed"] is False


def test_a_policy_from_elsewhere_has_none_at_hand(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases of further folders are run by the command."""
    policy = next(iter(CASES))
    monkeypatch.setattr(policies, "tried_cases", lambda _: {})
    assert "policies test" in client.get(f"/policies/{policy}/cases", headers=HTML).text


def test_no_such_policy_has_no_cases(client: FlaskClient) -> None:
    """404 with an OperationOutcome that says where to look."""
    assert client.get("/policies/nobody/nothing/cases").status_code == 404
