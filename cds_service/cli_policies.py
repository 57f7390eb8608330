"""The commands that work on policy folders: check, test, show, diff, new."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from cds_service.evaluate import as_json, evaluate_chart
from cds_service.kernel.errors import CdsError, DataError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.schema_trouble import near_miss
from cds_service.knowledge import load_knowledge
from cds_service.policy.bundle import BundleError, PolicyBundle
from cds_service.policy.case_run import CaseResult, Evaluate, run_cases
from cds_service.policy.cases import load_blocks, load_cases
from cds_service.policy.check import check, load_checked
from cds_service.policy.diff import changes
from cds_service.policy.known import known_names
from cds_service.policy.load import load_bundle
from cds_service.policy.model import PolicyVersion
from cds_service.policy.new import new_policy
from cds_service.policy.places import data_folder
from cds_service.policy.show import page

NO, UNUSABLE = 1, 2

with_folders = click.option(
    "folders",
    "--folder",
    "-f",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="CDS_SERVICE_POLICIES",
    help="A further policy folder, beside the built-in one. Repeat for more.",
)
with_json = click.option("as_json", "--json", is_flag=True, help="Print one JSON object.")


@click.group()
def policies() -> None:
    """Work on policy folders."""


@policies.command("check")
@with_folders
@with_json
def check_command(folders: Sequence[Path], as_json: bool) -> None:
    """Name everything wrong with the policy data, with file and line. Exit 1 if there is anything."""
    places, revision = _places(folders), None
    try:
        bundle, known = load_bundle(places), known_names()
        revision, cases = bundle.revision, load_cases(places)
        errors = check(bundle, known.value_sets, known.questions, known.reasons, cases)
        load_blocks(places)
    except BundleError as error:
        errors = error.errors
    except DataError as error:
        errors = (error,)
    if as_json:
        _print_json({"revision": revision, "errors": [asdict(entry) for entry in errors]})
    else:
        for entry in errors:
            click.echo(str(entry))
        click.echo(f"{len(errors)} to mend." if errors else f"Nothing to mend, revision {revision}.")
    raise SystemExit(NO if errors else 0)


@policies.command("test")
@with_folders
@with_json
@click.option("--policy", help="Only the cases of this policy.")
def test_command(folders: Sequence[Path], as_json: bool, policy: str | None) -> None:
    """Run the cases beside the policies. Exit 1 if one fails or a policy has none."""
    places = _places(folders)
    bundle = _bundle(places)
    wanted = bundle.versions if policy is None else {_policy(bundle, policy)[0].policy}
    try:
        cases = {name: files for name, files in load_cases(places).items() if name in wanted}
        blocks = load_blocks(places)
    except BundleError as error:
        _refuse(error)
    results = list(run_cases(bundle, cases, blocks, evaluation(folders)))
    missing = [name for name in wanted if name not in {result.policy for result in results}]
    if as_json:
        _print_json({"cases": [_as_object(result) for result in results], "without_cases": missing})
    else:
        _tell(results, missing)
    raise SystemExit(NO if missing or not all(result.passed for result in results) else 0)


@policies.command()
@click.argument("policy")
@click.argument("version", required=False)
@with_folders
@with_json
def show(policy: str, version: str | None, folders: Sequence[Path], as_json: bool) -> None:
    """Print POLICY as a page; the latest VERSION unless one is named."""
    bundle = _bundle(_places(folders))
    chosen = _version(_policy(bundle, policy), version)
    if as_json:
        _print_json(chosen)
    else:
        click.echo(page(bundle, chosen), nl=False)


@policies.command()
@click.argument("policy")
@click.argument("old")
@click.argument("new")
@with_folders
@with_json
def diff(policy: str, old: str, new: str, folders: Sequence[Path], as_json: bool) -> None:
    """Say in sentences what changed in POLICY from version OLD to version NEW."""
    versions = _policy(_bundle(_places(folders)), policy)
    found = changes(_version(versions, old), _version(versions, new))
    if as_json:
        _print_json({"policy": policy, "old": old, "new": new, "changes": found})
    else:
        click.echo("\n".join(found) or "Nothing but the version changed.")


@policies.command()
@click.argument("payer")
@click.argument("name")
@click.option("--into", type=click.Path(path_type=Path), default=Path("policies"), help="Default: policies")
@click.option("--service", help="Service the policy is about; not needed while there is one.")
@click.option(
    "--effective-from", type=click.DateTime(["%Y-%m-%d"]), help="First day in force; default today."
)
@with_folders
@with_json
def new(
    payer: str,
    name: str,
    into: Path,
    service: str | None,
    effective_from: datetime | None,
    folders: Sequence[Path],
    as_json: bool,
) -> None:
    """Write a folder for policy NAME of PAYER that passes check and test, ready to be filled in."""
    bundle = _bundle(_places([*folders, *([into] if into.is_dir() else [])]))
    first = (effective_from or datetime.now(UTC)).date()
    try:
        written = [str(path) for path in new_policy(bundle, into, payer, name, first, service)]
    except (CdsError, OSError) as error:
        _refuse(error)
    if as_json:
        _print_json({"written": written})
    else:
        click.echo("\n".join(written))
        click.echo(f"Next: fill in what is marked TO DO, then cds-service policies check --folder {into}")


def evaluation(folders: Sequence[Path]) -> Evaluate:
    """What `cds-service evaluate` does with a chart, by the built-in policies and those of the folders."""
    knowledge = load_knowledge(folders)

    def evaluate(chart: bytes, on: date) -> list[JsonObject]:
        return [as_json(determination) for determination in evaluate_chart(chart, on, knowledge)]

    return evaluate


def _places(folders: Sequence[Path]) -> list[Path]:
    """The built-in folder and the others, each once."""
    built_in = data_folder("policies")
    return [built_in, *(folder for folder in folders if folder.resolve() != built_in.resolve())]


def _bundle(places: Sequence[Path]) -> PolicyBundle:
    try:
        return load_checked(places)
    except CdsError as error:
        _refuse(error)


def _policy(bundle: PolicyBundle, policy: str) -> tuple[PolicyVersion, ...]:
    if policy not in bundle.versions:
        _refuse(f'"{policy}" is not a policy here.{near_miss(policy, bundle.versions)}')
    return bundle.versions[policy]


def _version(versions: Sequence[PolicyVersion], wanted: str | None) -> PolicyVersion:
    """The version named, or the latest."""
    for version in versions:
        if version.version == wanted:
            return version
    if wanted is not None:
        names = [version.version for version in versions]
        _refuse(f'"{wanted}" is not a version of {versions[0].policy}.{near_miss(wanted, names)}')
    return versions[-1]


def _refuse(trouble: object) -> NoReturn:
    click.echo(str(trouble), err=True)
    raise SystemExit(UNUSABLE)


def _tell(results: Sequence[CaseResult], missing: Sequence[str]) -> None:
    for result in results:
        if not result.passed:
            click.echo(f"{result.place}  {result.case}")
            for trouble in result.troubles:
                click.echo(f"  {trouble}")
    for policy in missing:
        click.echo(f"{policy} has no cases. Add cases/*.yaml beside it.")
    passed = sum(result.passed for result in results)
    click.echo(f"{passed} passed, {len(results) - passed} failed")


def _as_object(result: CaseResult) -> dict[str, Any]:
    return {**asdict(result), "passed": result.passed}


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
