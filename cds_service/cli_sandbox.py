"""The commands that put made-up patients on a FHIR server of one's own, sign their orders, clear them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict

import click
import msgspec

from cds_service.demo.calls import OutsideError, Remote
from cds_service.demo.client_token import client_tokens
from cds_service.demo.patients import DemoPatient, load_patients
from cds_service.demo.ports import listen
from cds_service.demo.sandbox import clear, load, refuse_others
from cds_service.demo.sign import Signed, differing, sign, templates
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import utc_today
from cds_service.kernel.errors import InputError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.schema_trouble import near_miss

NO, OUTSIDE = 1, 3
Tokens = Callable[[str], str]
TOKEN = "CDS_SANDBOX_TOKEN"  # noqa: S105 - the name of the variable; names with CDS_SERVICE_ are the service's settings

with_base = click.option(
    "--fhir-base", required=True, metavar="URL", help="Base address of a FHIR R4 server."
)
with_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
with_patients = click.option(
    "slugs",
    "--patient",
    multiple=True,
    metavar="NAME",
    help="Only this one, such as hanna-berg; repeat for more.",
)


class GuardedGroup(click.Group):
    """Commands that depend on other servers: one that fails becomes a sentence and exit code 3."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except OutsideError as error:
            click.echo(str(error), err=True)
            raise SystemExit(OUTSIDE) from None


@click.group(cls=GuardedGroup)
def sandbox() -> None:
    """Use a FHIR R4 server of your own as the EHR: load made-up patients, sign their orders, clear them.

    Only resources that carry the demo's own identifier are written or deleted. The server's bearer token,
    if it wants one, is read from the variable CDS_SANDBOX_TOKEN.
    """


@sandbox.command("load")
@with_base
@with_patients
@with_json
def load_command(fhir_base: str, slugs: Sequence[str], as_json: bool) -> None:
    """Put the made-up patients on the server, or bring those that are there up to date.

    Dates count from today. Exit 3 if the server refuses a patient.
    """
    with _server(fhir_base) as ehr:
        refuse_others(ehr)
        done = load(_chosen(slugs), ehr)
    if as_json:
        _print_json({"fhir_base": ehr.base, "patients": [asdict(one) for one in done]})
    else:
        from cds_service.demo import show

        show.print_tables(show.loaded_table(done))
    raise SystemExit(OUTSIDE if any(one.trouble for one in done) else 0)


@sandbox.command("clear")
@with_base
@with_json
def clear_command(fhir_base: str, as_json: bool) -> None:
    """Take the made-up patients off the server again. Exit 3 if something could not be deleted."""
    with _server(fhir_base) as ehr:
        refuse_others(ehr)
        done = clear(load_patients(utc_today()), ehr)
    if as_json:
        _print_json({"fhir_base": ehr.base, "types": [asdict(one) for one in done]})
    else:
        from cds_service.demo import show

        show.print_tables(show.cleared_table(done))
    raise SystemExit(OUTSIDE if any(one.trouble for one in done) else 0)


@sandbox.command("sign")
@with_base
@with_patients
@click.option(
    "--service",
    metavar="URL",
    help="A running service that may call the server; default: one started for this command.",
)
@click.option("--client", metavar="ISS", help="The registered client to be, where the service asks.")
@click.option("--client-key", metavar="FILE", help="That client's private JWK, with kid and alg.")
@click.option(
    "--prefetch",
    type=click.Choice(["none", "published", "both"]),
    default="none",
    show_default=True,
    help="What is sent along: nothing, what the service publishes, or one after the other and compared.",
)
@click.option("--brief", is_flag=True, help="Print a line for each card instead of the whole card.")
@with_json
def sign_command(
    fhir_base: str,
    slugs: Sequence[str],
    service: str | None,
    client: str | None,
    client_key: str | None,
    prefetch: str,
    brief: bool,
    as_json: bool,
) -> None:
    """Sign the made-up patients' orders: real hook calls, the server as the EHR, and the cards they bring.

    Exit 1 if an answer is not the one that a patient was made for, or differs with prefetch.
    """
    patients, tokens = _chosen(slugs), _tokens(service, client, client_key)
    with _server(fhir_base) as ehr, _service(service, ehr, tokens) as called:
        refuse_others(ehr)
        published = templates(called)
        sent: list[dict[str, str]] = [{}] if prefetch == "none" else [published]
        if prefetch == "both":
            sent = [{}, published]
        rounds = [[sign(patient, ehr, called, along) for patient in patients] for along in sent]
    differ = differing(rounds[0], rounds[-1])
    if as_json:
        _print_json(
            {
                "fhir_base": ehr.base,
                "service": service,
                "signed": [_told(one) for part in rounds for one in part],
            }
        )
    else:
        _show(rounds, differ, brief)
    wrong = any(one.as_expected is False for part in rounds for one in part)
    raise SystemExit(NO if wrong or differ else 0)


def _chosen(slugs: Sequence[str]) -> list[DemoPatient]:
    """The patients named, or all; those made for a failing EHR live in the demo only. Raises InputError."""
    known = {patient.slug: patient for patient in load_patients(utc_today()) if not patient.failing}
    for slug in slugs:
        if slug not in known:
            hint = near_miss(slug, known) or f" There are {', '.join(known)}."
            raise InputError(f'"{slug}" is not one of the patients here.{hint}', "unknown-patient")
    return [known[slug] for slug in slugs] if slugs else list(known.values())


@contextmanager
def _server(base: str) -> Iterator[Remote]:
    """The FHIR server as its user. Raises InputError for what is no address."""
    if not base.startswith(("http://", "https://")):
        raise InputError(
            f'"{base}" is not an address. Write one such as http://127.0.0.1:8090/fhir', "not-an-address"
        )
    with closing(Remote(base, os.environ.get(TOKEN))) as ehr:
        yield ehr


def _tokens(service: str | None, client: str | None, key: str | None) -> Tokens | None:
    """Tokens of a registered client, None where nobody has to say who they are. Raises InputError."""
    if client is None and key is None:
        return None
    if not (service and client and key):
        raise InputError("--service, --client and --client-key belong together.", "client-incomplete")
    return client_tokens(client, key)


@contextmanager
def _service(address: str | None, ehr: Remote, tokens: Tokens | None) -> Iterator[Remote]:
    """The service at an address, or one on a free port of this machine that may call the server."""
    with ExitStack() as stack:
        if address is None:
            from cds_service.demo.run import running_service

            address = stack.enter_context(running_service(listen(0, "--service"), [ehr.base]))
        yield stack.enter_context(closing(Remote(address, tokens=tokens)))


def _show(rounds: Sequence[Sequence[Signed]], differ: Sequence[str], brief: bool) -> None:
    from cds_service.demo import show

    for part in rounds:
        if not brief:
            show.print_cards(part)
        show.print_tables(show.summary(part))
    if len(rounds) > 1:
        click.echo(
            f"Different with prefetch: {', '.join(differ)}."
            if differ
            else "The same with and without prefetch."
        )


def _told(signed: Signed) -> JsonObject:
    return {
        "patient": signed.patient.slug,
        "prefetch": list(signed.prefetch),
        "outcomes": list(signed.outcomes),
        "as_expected": signed.as_expected,
        "response": signed.response,
    }


def _print_json(value: JsonObject) -> None:
    click.echo(msgspec.json.format(fhir_json.write(value), indent=2).decode())
