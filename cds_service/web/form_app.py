"""What the form app is to an EHR: its client id, and the key of a confidential client."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt

from cds_service.evidence.hosts import AllowedHosts, Entry

DEFAULT_CLIENT_ID = "cds-service-form"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE = 120
_LOCAL = (".localhost", ".local", ".internal", ".home.arpa")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppClient:
    """The app's registration at one EHR.

    key: private JWK with `kid` and `alg` of a confidential client, None for a public one; token_url: the
    EHR's token endpoint, the only audience that assertions are signed for.
    """

    client_id: str = DEFAULT_CLIENT_ID
    key: dict[str, Any] | None = field(default=None, repr=False)
    token_url: str | None = None

    def assertion(self, now: datetime, new_id: Callable[[], str]) -> str:
        """A client assertion for the EHR's token endpoint (SMART App Launch 2, asymmetric clients)."""
        if self.key is None or self.token_url is None:
            raise ValueError("a public client makes no assertion")
        made = jwt.PyJWK(self.key)
        issued = int(now.timestamp())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": self.token_url, "jti": new_id()}
        headers = {"kid": self.key["kid"], "typ": "JWT"}
        return jwt.encode(
            {**claims, "iat": issued, "exp": issued + _LIFE}, made.key, self.key["alg"], headers
        )


def read_key(path: Path) -> dict[str, Any]:
    """The private JWK in a file, with kid and alg. Raises ValueError with a sentence without full stop."""
    key: Any = {}
    try:
        key = json.loads(path.read_bytes())
        made = jwt.PyJWK(key)
        made.Algorithm.sign(b"", made.key)
        named = all(isinstance(key[name], str) and key[name] for name in ("kid", "alg"))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, jwt.PyJWTError):
        named = False
    if not named or str(key["alg"]).startswith("HS"):
        raise ValueError(f'"{path}" holds no private JWK with kid and alg, such as one for ES384')
    return dict(key)


def registered(client_id: str | None, key_file: str | None, token_url: str | None) -> AppClient:
    """The app as a clients file registers it; public, under the default id, where it says nothing."""
    key = read_key(Path(key_file)) if key_file else None
    return AppClient(client_id=client_id or DEFAULT_CLIENT_ID, key=key, token_url=token_url)


def sources(hosts: Iterable[AllowedHosts]) -> Iterator[str]:
    """Registered EHR hosts as sources of a Content-Security-Policy; networks have no such form."""
    for allowed in hosts:
        for entry in sorted(allowed.entries, key=str):
            if host := _host(entry):
                port = f":{entry.port}" if entry.port else ":*"
                yield f"https://{host}{port}"
                if entry.plain or _is_local(host):
                    yield f"http://{host}{port}"


def _host(entry: Entry) -> str | None:
    if entry.network is None:
        return entry.name
    if entry.network.num_addresses > 1:
        return None
    address = entry.network.network_address
    return f"[{address}]" if address.version == 6 else str(address)


def _is_local(host: str) -> bool:
    """Hosts that plain http is for (evidence.hosts)."""
    plain_name = host.replace(".", "").isdigit() or host.startswith("[")
    return plain_name or "." not in host or host.endswith(_LOCAL)
