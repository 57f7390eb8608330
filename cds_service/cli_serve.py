"""The command serve: the service under gunicorn."""

import os
from tempfile import mkdtemp
from typing import Any, TextIO

import click
import structlog
from gunicorn.app.base import BaseApplication

from cds_service.settings import DEFAULT_PORT, load_settings, refuse_open_door

_SPARE_THREADS = 8
"""Threads beyond those for hook calls: they say 503 and answer /health while all others are busy."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
def serve(host: str, port: int, workers: int) -> None:
    """Serve EHRs. Settings come from the environment (CDS_SERVICE_...)."""
    settings = load_settings()
    refuse_open_door(settings, host)
    if "public_url" not in settings.model_fields_set:
        settings = settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    if workers > 1:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", mkdtemp(prefix="cds-service-metrics-"))
    log_as_json()
    from cds_service.web.app import create_app  # only now: the metrics look at the environment when loaded

    app = create_app(settings)
    if settings.auth == "required" and settings.clients is None:
        click.echo("No client is registered (CDS_SERVICE_CLIENTS): hook calls will be refused.", err=True)
    _prepare_records(app)
    click.echo(f"cds-service listens on http://{host}:{port}, known as {settings.public_url}", err=True)
    _Server(app, _options(host, port, workers)).run()


def _prepare_records(app: Any) -> None:
    """Brings the tables up to date once, before workers start; no connection is handed to them."""
    store = app.extensions["cds_service"].store
    if not store.ready:
        click.echo("The database does not answer: until it does, no verdict is given (see /ready).", err=True)
    store.engine.dispose()


def _options(host: str, port: int, workers: int) -> dict[str, Any]:
    from cds_service.web.app import settle
    from cds_service.web.desk import MOST_CALLS

    return {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": workers,
        "worker_class": "gthread",
        "threads": MOST_CALLS + _SPARE_THREADS,
        "preload_app": True,
        "timeout": 60,
        "graceful_timeout": 20,
        "keepalive": 30,
        "forwarded_allow_ips": "",
        "limit_request_field_size": 32_768,
        "post_worker_init": lambda worker: settle(),
        "child_exit": _forget if workers > 1 else lambda server, worker: None,
        "control_socket_disable": True,
    }


def _forget(_server: object, worker: Any) -> None:
    """Takes a worker that has ended out of the metrics."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def log_as_json(to: TextIO | None = None) -> None:
    """One JSON object a line; by default on standard output."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(to),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our application and options, and no settings of its own."""

    def __init__(self, app: Any, options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._app
