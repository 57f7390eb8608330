"""The command `cds-service`: finds each subcommand in its own module, loaded only when it is used."""

from importlib import import_module
from importlib.util import find_spec

import click

from cds_service import __version__
from cds_service.kernel.errors import CdsError

UNUSABLE, OUTSIDE = 2, 3
"""Exit codes: unusable input or arguments, an outside system that failed (interface.md section 2)."""

_COMMANDS = {
    "demo": "cds_service.cli_demo:demo",
    "serve": "cds_service.cli_serve:serve",
    "evaluate": "cds_service.cli_evaluate:evaluate",
    "explain": "cds_service.cli_evaluate:explain",
    "policies": "cds_service.cli_policies:policies",
    "sandbox": "cds_service.cli_sandbox:sandbox",
    "replay": "cds_service.cli_audit:replay",
    "feedback": "cds_service.cli_audit:feedback",
    "db": "cds_service.cli_audit:db",
}


class LazyGroup(click.Group):
    """Imports a command's module when the command is named, so that `evaluate` loads no web server."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return [name for name, place in _COMMANDS.items() if find_spec(place.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command; what is wrong with data, settings or files becomes a sentence and exit code 2."""
        try:
            return super().invoke(ctx)
        except CdsError as error:
            click.echo(str(error), err=True)
            raise SystemExit(UNUSABLE) from None


@click.group(cls=LazyGroup)
@click.version_option(__version__)
def main() -> None:
    """Coverage answers for orders, from payer medical policy kept as data."""
