"""Builds and drives the Java side of these tests: HAPI's validator and a HAPI FHIR server."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROFILES = ROOT / "fhir_profiles"
DEFINITIONS = [
    PROFILES / name for name in ("codesystems", "questionnaires", "structuredefinitions", "valuesets")
]
TARGET = HERE / "target"
JAVA_FLAGS = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]  # halves memory and start time
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding of the validator: severity is information, warning, error or fatal."""

    severity: str
    location: str
    message: str

    @property
    def is_error(self) -> bool:
        """Whether the resource is invalid because of it."""
        return self.severity in {"error", "fatal"}


def missing_tools() -> list[str]:
    """Which of the programs that these tests need are not on the path."""
    return [tool for tool in ("java", "javac", "mvn") if shutil.which(tool) is None]


@cache
def class_path() -> str:
    """Builds the Maven project unless this very source was built before. Raises CalledProcessError."""
    sources = sorted([HERE / "pom.xml", *(HERE / "src").rglob("*.*")])
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp = TARGET / "built"
    if not (stamp.exists() and stamp.read_text() == key):
        subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", "package"], check=True)
        stamp.write_text(key)
    return f"{TARGET / 'hapi-tools.jar'}:{TARGET / 'lib' / '*'}"


@contextmanager
def _java(main: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Runs a class of the project for as long as the block lasts; closing its standard input ends it."""
    command = ["java", *JAVA_FLAGS, "-cp", class_path(), main, *arguments]
    pipe, env = subprocess.PIPE, os.environ | environment
    with (TARGET / f"{main}.log").open("w") as log:
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=log, text=True, encoding="utf-8", env=env
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Closes standard input, which ends the program; one that does not end by itself is killed."""
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> Json:
    """The next answer of a program; RuntimeError when it ended instead, naming its log."""
    assert process.stdout is not None
    if not (line := process.stdout.readline()):
        raise RuntimeError(f"the Java program ended with {process.wait()}; see {TARGET}/*.log")
    answer: Json = json.loads(line)
    return answer


class Validator:
    """HAPI's validator with core R4 and this project's definitions, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def validate(self, resources: Iterable[Json]) -> list[list[Issue]]:
        """The issues of each resource, in the order given. `meta.profile` names the profiles to check by."""
        return [self._one(resource) for resource in resources]

    def errors(self, resource: Json) -> list[Issue]:
        """The issues that make one resource invalid."""
        return [issue for issue in self._one(resource) if issue.is_error]

    def _one(self, resource: Json) -> list[Issue]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(resource) + "\n")
        self._process.stdin.flush()
        return [Issue(**issue) for issue in _line(self._process)["issues"]]


@contextmanager
def validator(definitions: Iterable[Path] = DEFINITIONS) -> Iterator[Validator]:
    """A running validator that knows the definitions of these files and folders."""
    arguments = [word for path in definitions for word in ("--profiles", str(path))]
    with _java("hapi.Validate", *arguments) as process:
        _line(process)  # it is ready
        yield Validator(process)


@dataclass(frozen=True, slots=True)
class Server:
    """A running HAPI FHIR server: the same data at an open address and at one that asks for the token."""

    base: str
    secured: str
    token: str


@contextmanager
def server() -> Iterator[Server]:
    """A HAPI FHIR R4 server on loopback, empty at the start, gone at the end."""
    token = secrets.token_urlsafe()
    with _java("hapi.Server", HAPI_TOKEN=token) as process:
        yield Server(token=token, **_line(process))
