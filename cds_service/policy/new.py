"""Writes the folder of a new policy: small, made up, but already passing check and test."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cds_service.kernel.errors import InputError
from cds_service.kernel.schema_trouble import near_miss
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import Service
from cds_service.policy.names import normal_name
from cds_service.policy.places import data_folder


def new_policy(
    bundle: PolicyBundle, into: Path, payer: str, name: str, effective_from: date, service: str | None = None
) -> list[Path]:
    """The files written below `into` for a policy of the payer (id or name) under the given number or name.

    Raises InputError when the policy or one of the payer for the service exists, or a name makes no id.
    """
    chosen = _service(bundle, service)
    payer_id, policy_id = _id(payer), _id(name)
    _refuse_second(bundle, payer_id, policy_id, chosen.service)
    known = bundle.payers.get(payer_id)
    words = {
        "payer": payer_id,
        "payer_name": known.name if known else payer,
        "normal_name": normal_name(payer),
        "policy": policy_id,
        "number": name,
        "service": chosen.service,
        "questionnaire": chosen.questionnaire,
        "effective_from": effective_from.isoformat(),
        "on": (effective_from + timedelta(days=30)).isoformat(),
        "day_before": (effective_from - timedelta(days=1)).isoformat(),
    }
    folder = into / payer_id / policy_id
    files = {
        folder / f"{effective_from}.yaml": "version.yaml.jinja",
        folder / "cases" / "criteria.yaml": "cases.yaml.jinja",
    }
    if known is None:
        files = {into / payer_id / "payer.yaml": "payer.yaml.jinja", **files}
    return _write(files, words)


def _service(bundle: PolicyBundle, service: str | None) -> Service:
    """The service named, or the only one there is."""
    wanted = service or (next(iter(bundle.services)) if len(bundle.services) == 1 else "")
    if wanted not in bundle.services:
        said = (
            f'"{wanted}" is not a service of this bundle.' if wanted else "Say which service with --service."
        )
        raise InputError(said + near_miss(wanted, bundle.services), "unknown-service")
    return bundle.services[wanted]


def _id(name: str) -> str:
    """`LP 7.2` becomes lp-7.2."""
    made = re.sub(r"\.*[^a-z0-9.]+\.*|\.{2,}", "-", name.casefold()).strip("-.")
    if not made:
        raise InputError(f'"{name}" makes no id: use letters or digits.', "unusable-name")
    return made


def _refuse_second(bundle: PolicyBundle, payer: str, policy: str, service: str) -> None:
    """Two versions in force for one payer and service would be ambiguous."""
    for version in bundle.all_versions:
        if version.payer == payer and version.service == service:
            file = bundle.file_of(version).name
            raise InputError(
                f"{version.policy} {version.version} already speaks for {payer} on {service}. For a new "
                f"version give {file} an effective-to and write a copy beside it, named by the new version.",
                "policy-exists",
            )
    if f"{payer}/{policy}" in bundle.versions:
        raise InputError(f"{payer}/{policy} exists already. Choose another name.", "policy-exists")


def _write(files: Mapping[Path, str], words: Mapping[str, str]) -> list[Path]:
    templates = Environment(
        loader=FileSystemLoader(data_folder("policies") / "_template"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it writes YAML, where `tojson` quotes what people typed
        keep_trailing_newline=True,
    )
    for path, template in files.items():
        if path.exists():
            raise InputError(f"{path} exists already. Move it away or choose another name.", "file-exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(templates.get_template(template).render(words), encoding="utf-8")
    return list(files)
