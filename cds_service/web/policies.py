"""Lets people and programs read the loaded policies, their versions and citations."""

from typing import Any

import msgspec
from flask import Blueprint, Response

from cds_service.kernel.errors import CallError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import PolicyVersion
from cds_service.web.desk import desk
from cds_service.web.pages import data, page, wants_page
from cds_service.web.policy_cases import tried_cases

pages = Blueprint("policies", __name__, url_prefix="/policies")


@pages.get("", strict_slashes=False)
def all_policies() -> Response:
    """Every policy with its versions."""
    bundle = desk().tools.knowledge.bundle
    listed = [_summary(bundle, versions) for versions in bundle.versions.values()]
    if wants_page():
        return page("policies.html", policies=listed, revision=bundle.revision)
    return data({"bundle_revision": bundle.revision, "policies": listed})


@pages.get("/<payer>/<policy>", strict_slashes=False)
def one_policy(payer: str, policy: str) -> Response:
    """One policy: the latest version in words, and the way to the earlier ones."""
    bundle = desk().tools.knowledge.bundle
    versions = _versions(bundle, payer, policy)
    if wants_page():
        return _version_page(bundle, versions, versions[-1])
    return data(_summary(bundle, versions))


@pages.get("/<payer>/<policy>/versions/<version>", strict_slashes=False)
def one_version(payer: str, policy: str, version: str) -> Response:
    """One dated version, whole."""
    bundle = desk().tools.knowledge.bundle
    versions = _versions(bundle, payer, policy)
    for found in versions:
        if found.version == version:
            return _version_page(bundle, versions, found) if wants_page() else data(_whole(found))
    raise _not_here("There is no such version.", f"/policies/{payer}/{policy} lists those that there are.")


@pages.get("/<payer>/<policy>/cases")
def cases(payer: str, policy: str) -> Response:
    """The policy's test cases with their state today; none for a policy that came from a further folder."""
    knowledge = desk().tools.knowledge
    version = _versions(knowledge.bundle, payer, policy)[-1]
    tried = tried_cases(knowledge).get(version.policy, ())
    if wants_page():
        return page("policy-cases.html", version=version, tried=tried, payer=knowledge.bundle.payers[payer])
    listed = [
        {"case": one.case.case, "passed": one.result.passed, "troubles": one.result.troubles} for one in tried
    ]
    return data({"policy": version.policy, "cases": listed})


def _versions(bundle: PolicyBundle, payer: str, policy: str) -> tuple[PolicyVersion, ...]:
    try:
        return bundle.versions[f"{payer}/{policy}"]
    except KeyError:
        raise _not_here("There is no such policy.", "/policies lists those that there are.") from None


def _not_here(message: str, hint: str) -> CallError:
    return CallError(message, None, hint, 404, "not-found", "not-found")


def _version_page(
    bundle: PolicyBundle, versions: tuple[PolicyVersion, ...], version: PolicyVersion
) -> Response:
    return page("policy.html", version=version, summary=_summary(bundle, versions))


def _summary(bundle: PolicyBundle, versions: tuple[PolicyVersion, ...]) -> JsonObject:
    latest = versions[-1]
    return {
        "policy": latest.policy,
        "payer": latest.payer,
        "payer_name": bundle.payers[latest.payer].name,
        "number": latest.number,
        "title": latest.title,
        "position": latest.position,
        "url": f"{desk().public_url}/policies/{latest.policy}",
        "versions": [
            {
                "version": version.version,
                "effective_from": version.effective_from,
                "effective_to": version.effective_to,
                "url": f"{desk().public_url}/policies/{version.policy}/versions/{version.version}",
            }
            for version in reversed(versions)
        ],
    }


def _whole(version: PolicyVersion) -> Any:
    return msgspec.to_builtins(version)
