"""A PostgreSQL server for tests: a cluster of its own in a scratch folder, reached by a socket there."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

_FAST = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c synchronous_commit=off"


@cache
def programs() -> Path | None:
    """The folder of PostgreSQL's server programs; None where it is not installed."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    return packaged[-1] if packaged else Path(found).resolve().parent if found else None


@contextmanager
def running() -> Iterator[str]:
    """The folder of the socket of a server that runs while the block does."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path may have 107 characters
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    _run("initdb", "--pgdata", data, "--auth", "trust", "--username", "postgres", "--no-sync")
    _run("pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", f"{_FAST} -k {folder}")
    try:
        yield str(folder)
    finally:
        _run("pg_ctl", "stop", "-w", "-D", data, "-m", "immediate")
        shutil.rmtree(folder)


def url(folder: str, database: str) -> str:
    """The SQLAlchemy address of a database there."""
    return f"postgresql+psycopg://postgres@/{database}?host={folder}"


def create(folder: str, database: str, template: str = "template0") -> str:
    """The address of a new database, a copy of the template."""
    with psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}".encode())
    return url(folder, database)


def _run(program: str, *arguments: object) -> None:
    """Runs one of the programs, as `postgres` where this process is root. Raises CalledProcessError."""
    folder = programs()
    assert folder is not None, "PostgreSQL is not installed"
    user = "postgres" if os.geteuid() == 0 else None
    command = [folder / program, *map(str, arguments)]
    subprocess.run(command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)
