"""The file of trusted EHR clients: read, checked, and read again when it changes (interface.md section 6)."""

import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import structlog

from cds_service.answer.shape import QUIRKS
from cds_service.evidence.hosts import AllowedHosts, allowed_hosts
from cds_service.kernel.errors import DataError
from cds_service.kernel.schema_trouble import near_miss
from cds_service.kernel.yaml_data import YamlFile, decode, read_yaml
from cds_service.settings import is_loopback
from cds_service.web.form_app import read_key

Algorithm = Literal[
    "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"
]  # fmt: skip
CALLER_QUIRKS: Mapping[str, str] = {
    "plain-cds-hooks": "does not speak CRD: no assertion on orders out of scope, no empty systemActions",
    "no-system-actions": "cards only",
    "has-dtr": "opens documentation forms itself, so it is suggested no Task",
    "open-fhir-server": "its FHIR servers want no token",
    "empty-is-absent": "its orders hold empty arrays and objects where nothing was chosen",
}
"""Settings of a registration that this room knows; those of `answer.shape` change the shape of the answer."""

_ORIGIN = re.compile(r"https?://[^/\s?#*]+\Z")
_CHECK_EVERY = 1.0

log = structlog.get_logger()


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One EHR client. Exactly one of jwks_url and jwks_file; tenants: the only ones it may name, if any.

    form_client_id: what the form app is called there; form_key_file, form_token_url: its private JWK and the
    EHR's token address, both or neither, where it is a confidential client.
    """

    iss: str
    jwks_url: str | None = None
    jwks_file: str | None = None
    algorithms: tuple[Algorithm, ...] = ("ES384", "RS384")
    fhir_hosts: tuple[str, ...] = ()
    crd_version: Literal["2.0", "2.2"] | None = None
    origins: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    form_client_id: str | None = None
    form_key_file: str | None = None
    form_token_url: str | None = None

    @property
    def hosts(self) -> AllowedHosts:
        """The FHIR servers it may name."""
        return allowed_hosts(self.fhir_hosts)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    clients: tuple[Client, ...] = ()


def read_clients(path: Path) -> dict[str, Client]:
    """The clients by issuer. Raises DataError naming file, line and member of the first thing wrong."""
    file = read_yaml(path)
    errors: list[DataError] = []
    found = decode(file, _File, errors)
    if found is not None:
        errors = list(_mistakes(file, found.clients, path.parent))
    if found is None or errors:
        raise errors[0]
    return {client.iss: _placed(client, path.parent) for client in found.clients}


def _placed(client: Client, folder: Path) -> Client:
    """The client with its key files as found from the place of the clients file."""
    found = {name: getattr(client, name) for name in ("jwks_file", "form_key_file")}
    return msgspec.structs.replace(client, **{n: str(folder / path) for n, path in found.items() if path})


def _mistakes(file: YamlFile, clients: Iterable[Client], folder: Path) -> Iterator[DataError]:
    seen: set[str] = set()
    for index, client in enumerate(clients):
        for member, message in _client_mistakes(client, folder):
            yield file.error(("clients", index, *member), message)
        if client.iss in seen:
            yield file.error(("clients", index, "iss"), f'"{client.iss}" is listed twice. Keep one entry.')
        seen.add(client.iss)


def _client_mistakes(client: Client, folder: Path) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if not client.iss.strip():
        yield ("iss",), "The issuer is blank. Write the iss of the client's tokens."
    if (client.jwks_url is None) == (client.jwks_file is None):
        yield (), "A key set is needed: write exactly one of jwks_url and jwks_file."
    elif client.jwks_url is not None and not _is_safe(client.jwks_url):
        yield ("jwks_url",), "Keys are fetched by https. Write an https address."
    elif client.jwks_file is not None and not (folder / client.jwks_file).is_file():
        yield ("jwks_file",), f'There is no file "{folder / client.jwks_file}".'
    if not client.algorithms:
        yield ("algorithms",), "No algorithm is left. Leave the member out for ES384 and RS384."
    yield from _form_mistakes(client, folder)
    yield from _wrong_items(client)


def _form_mistakes(client: Client, folder: Path) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the form app's registration at the client."""
    if (client.form_key_file is None) != (client.form_token_url is None):
        yield (
            (),
            "A confidential form app needs both form_key_file and form_token_url. Write both, or neither.",
        )
    if client.form_token_url is not None and not _is_safe(client.form_token_url):
        yield ("form_token_url",), "Tokens are had by https. Write an https address."
    if client.form_key_file is not None:
        try:
            read_key(folder / client.form_key_file)
        except ValueError as error:
            yield ("form_key_file",), f"{error}."


def _wrong_items(client: Client) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, host in enumerate(client.fhir_hosts):
        try:
            allowed_hosts([host])
        except ValueError as error:
            yield ("fhir_hosts", index), f"{error}."
    for index, origin in enumerate(client.origins):
        if not _ORIGIN.match(origin):
            yield ("origins", index), 'An origin is scheme and host, such as "https://ehr.example.org".'
    known = {*QUIRKS, *CALLER_QUIRKS}
    for index, quirk in enumerate(client.quirks):
        if quirk not in known:
            yield ("quirks", index), f'"{quirk}" is not a known setting.{near_miss(quirk, known)}'


def _is_safe(address: str) -> bool:
    """https, or a server of this machine."""
    try:
        parts = urlsplit(address)
        here = is_loopback(parts.hostname or "")
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and here))
    except ValueError:
        return False


class ClientList:
    """The clients as the file has them now; a file that no longer reads keeps the last good list in force."""

    def __init__(self, path: Path | None) -> None:
        """Raises DataError when the file cannot be used at the start."""
        self._path = path
        self._lock = threading.Lock()
        self._looked, self._stamp = time.monotonic(), self._stamp_now()
        self._clients = read_clients(path) if path else {}

    def get(self, issuer: str) -> Client | None:
        """The client of that issuer."""
        return self.all().get(issuer)

    def all(self) -> Mapping[str, Client]:
        """All clients by issuer; the file is looked at no more than once a second."""
        if self._path and time.monotonic() - self._looked >= _CHECK_EVERY:
            with self._lock:
                self._look(self._path)
        return self._clients

    def _look(self, path: Path) -> None:
        self._looked = time.monotonic()
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._clients = read_clients(path)
            log.info("clients-reloaded", clients=len(self._clients))
        except DataError as error:
            log.error("clients-not-reloaded", line=error.line, member=error.member)

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat() if self._path else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size) if status else None
