"""Takes a loopback port before anything starts on it, so that a taken one is told at once, in a sentence."""

import socket

from cds_service.kernel.errors import InputError


def listen(port: int, option: str) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 takes a free one. Raises InputError naming the option."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        taken.close()
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            f"Port {port} cannot be used: {why}. Choose another by {option}.", "port-taken"
        ) from None
    taken.listen(64)
    return taken


def port_of(listening: socket.socket) -> int:
    """The port of a listening socket."""
    port: int = listening.getsockname()[1]
    return port
