"""Every setting with its type, its default and what it does (interface.md section 5)."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cds_service.kernel.errors import SettingError
from cds_service.kernel.schema_trouble import near_miss

PREFIX = "CDS_SERVICE_"
DEFAULT_PORT = 8080


def _parts(separators: str) -> BeforeValidator:
    """Reads a text as a list of parts."""

    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part for part in re.split(separators, value) if part]

    return BeforeValidator(split)


def _address(value: object) -> object:
    """An absolute http address without query, fragment or closing slash."""
    try:
        parts = urlsplit(str(value))
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError('write an address such as "https://crd.example.org"')
    return str(value).rstrip("/")


class Settings(BaseSettings):
    """What the environment may say; every name carries the prefix CDS_SERVICE_."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    database_url: str = Field("", description="Where records and feedback are kept; a SQLAlchemy URL.")
    policies: Annotated[tuple[Path, ...], NoDecode, _parts(re.escape(os.pathsep))] = Field(
        (), description="Further policy folders, separated by a colon, beside the built-in ones."
    )
    clients: Path | None = Field(None, description="YAML file of trusted EHR clients.")
    auth: Literal["required", "off"] = Field("required", description="`off` only when listening on loopback.")
    public_url: Annotated[str, BeforeValidator(_address)] = Field(
        f"http://127.0.0.1:{DEFAULT_PORT}", description="Base address as EHRs see it."
    )
    fhir_hosts: Annotated[tuple[str, ...], NoDecode, _parts(r"[\s,]+")] = Field(
        (), description="EHR hosts that may be called without a registered client."
    )
    crd_version: Literal["2.0", "2.2"] = Field("2.2", description="Version spoken to callers that name none.")
    time_budget_seconds: float = Field(
        4.5, gt=0.5, le=30, description="From the body read to the answer written."
    )
    discovery_auth: Literal["open", "required"] = Field(
        "open", description="Whether discovery, too, wants the caller's token."
    )
    metrics_token: str = Field("", repr=False, description="Bearer token for /metrics; else only loopback.")

    @property
    def database(self) -> str:
        """The database's URL: as set, or a SQLite file in the user's data folder."""
        return self.database_url or f"sqlite:///{user_data_path('cds-service') / 'records.sqlite3'}"


def load_settings(**given: Any) -> Settings:
    """The settings of the environment, with those given in their place; None counts as not given.

    Raises SettingError naming the first setting that is not understood, unknown names included.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise SettingError(name, f"There is no such setting.{near_miss(name.upper(), known)}")
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = str(first["msg"]).removeprefix("Value error, ")
        raise SettingError(PREFIX + str(first["loc"][0]).upper(), f"not understood: {said}.") from None


def is_loopback(host: str) -> bool:
    """Whether a server that listens on this host is reached from this machine only."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_open_door(settings: Settings, host: str) -> None:
    """Raises SettingError when anybody on the network could call without a token (interface.md section 5)."""
    if settings.auth == "off" and not is_loopback(host):
        message = f'"off" is for loopback only, but the server is to listen on {host}. Register clients.'
        raise SettingError(f"{PREFIX}AUTH", message)
