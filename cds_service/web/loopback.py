"""Serves the application from a thread of this process on a loopback socket, for demo and sandbox."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    """One request, without a line on the terminal for each."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Silent: the service keeps its own log."""


@contextmanager
def serving(app: Flask, listening: socket.socket) -> Iterator[None]:
    """Answers calls on a bound socket while the block runs; calls under way at its end are finished."""
    host, port = listening.getsockname()[:2]
    with (
        listening,
        make_server(host, port, app, threaded=True, request_handler=_Quiet, fd=listening.fileno()) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="cds-service", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
