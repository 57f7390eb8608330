"""The command that runs the whole thing on one machine with made-up patients."""

import signal
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from cds_service.kernel.clock import utc_today
from cds_service.settings import DEFAULT_PORT

if TYPE_CHECKING:
    from rich.console import Console

    from cds_service.demo.run import RunningDemo
    from cds_service.demo.sign import Signed

NO, OUTSIDE = 1, 3
_MISSING = 'The demo needs its extra: pip install "cds-service[demo]"'
_PORT = click.IntRange(0, 65535)


@click.command()
@click.option(
    "--port", type=_PORT, default=DEFAULT_PORT, show_default=True, help="Where the pages are served."
)
@click.option("--ehr-port", type=_PORT, help="Where the made-up EHR listens; default: the port after that.")
@click.option("--once", is_flag=True, help="Sign, print and end; exit 1 if an answer is not the one due.")
@click.option("--brief", is_flag=True, help="Print a line for each card instead of the whole card.")
def demo(port: int, ehr_port: int | None, once: bool, brief: bool) -> None:
    """Start the service and an EHR with made-up patients, sign their orders, and serve the order-entry page.

    Everything stays on this machine and is gone at the end (Ctrl-C).
    """
    if find_spec("sekmet") is None:
        click.echo(_MISSING, err=True)
        raise SystemExit(OUTSIDE)
    from cds_service.demo.calls import OutsideError
    from cds_service.demo.ehr import EhrMissingError

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        right = _run(port, ehr_port, once, brief)
    except (OutsideError, EhrMissingError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(OUTSIDE) from None
    except KeyboardInterrupt:
        click.echo("Stopped; nothing is left behind.")
        raise SystemExit(0) from None
    raise SystemExit(0 if right else NO)


def _run(port: int, ehr_port: int | None, once: bool, brief: bool) -> bool:
    """Whether every answer is the one due. Raises InputError, OutsideError or EhrMissingError."""
    from rich.console import Console

    from cds_service.demo.patients import load_patients
    from cds_service.demo.ports import listen, port_of
    from cds_service.demo.run import running_demo

    console = Console()
    with listen(port, "--port") as page:
        following = 0 if port == 0 else port_of(page) + 1
        with listen(following if ehr_port is None else ehr_port, "--ehr-port") as record:
            with running_demo(load_patients(utc_today()), page, record) as running:
                signed = _sign(running, brief)
                _say_where(running, console, once)
                if not once:
                    threading.Event().wait()
            return all(one.as_expected for one in signed)


def _sign(running: "RunningDemo", brief: bool) -> Sequence["Signed"]:
    """Signs every order by a hook call that leaves all fetching to the service, and prints the cards."""
    from cds_service.demo.show import print_cards, print_tables, summary
    from cds_service.demo.sign import sign

    signed = [sign(patient, running.ehr, running.service, {}) for patient in running.patients]
    if not brief:
        print_cards(signed)
    print_tables(summary(signed))
    return signed


def _say_where(running: "RunningDemo", console: "Console", once: bool) -> None:
    count = len(running.patients)
    console.print(
        f"{count} made-up patients, their orders signed over HTTP, evidence fetched from the made-up EHR."
    )
    if once:
        return
    console.print(f"\n  Start page         {running.service.base}/", style="bold", highlight=False)
    console.print(f"  Order entry        {running.service.base}/demo/", style="bold", highlight=False)
    console.print(f"  CDS Hooks          {running.service.base}/cds-services", highlight=False)
    console.print(f"  Made-up EHR (FHIR) {running.ehr.base}\n\nCtrl-C ends it all.", highlight=False)
