"""Checks the caller's JWT against an allow-list of issuers, keys and algorithms (cds-hooks.md 3.1).

The caller learns nothing but 401; the log learns which step failed, and no more.
"""

import json
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import jwt
import requests
import structlog
from urllib3.exceptions import HTTPError

from cds_service.kernel.errors import CallError, not_trusted
from cds_service.web.clients import Client, ClientList
from cds_service.web.replay import UsedTokens

LEEWAY = 30
"""Seconds by which clocks may differ."""
LONGEST_LIFE = 24 * 3600
MAX_TOKEN = 16_384
MAX_KEYS = 262_144
_SECONDS = 5.0
_FRESH = 600.0
_STALE = 24 * 3600.0
_REQUIRED = ["iss", "aud", "exp", "iat", "jti"]
_ODD = (ValueError, TypeError, OverflowError, RecursionError)  # what odd numbers and shapes in a token bring
_KEY_TYPES = {"ES": "EC", "RS": "RSA", "PS": "RSA", "Ed": "OKP"}

Jwk: TypeAlias = dict[str, Any]
log = structlog.get_logger()


class _RefusedError(Exception):
    """Which step of the check failed; for the log alone."""


class KeySet:
    """The keys of one client: cached, and read anew for an unknown key id, not too often (CH-204, 205)."""

    def __init__(self, client: Client) -> None:
        self._url, self._file = client.jwks_url, client.jwks_file
        self._pause = 30.0 if self._url else 1.0
        self._lock = threading.Lock()
        self._keys: list[Jwk] = []
        self._read = self._tried = float("-inf")

    def find(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """The key of that id, if it fits the algorithm. Raises _RefusedError."""
        now, at_hand = time.monotonic(), bool(self._of(kid))
        # Whoever has the key at hand does not wait for a key server that is slow today.
        if (now - self._read > _FRESH or not at_hand) and self._lock.acquire(blocking=not at_hand):
            try:
                if now - self._tried > self._pause:
                    self._tried = now
                    self._refresh(now)
            finally:
                self._lock.release()
        found = [] if now - self._read > _STALE else self._of(kid)
        fitting = [key for key in found if _fits(key, algorithm)]
        if not fitting:
            raise _RefusedError("key-unknown" if not found else "key-does-not-fit")
        try:
            return jwt.PyJWK(fitting[0], algorithm)
        except jwt.PyJWTError:
            raise _RefusedError("key-unusable") from None

    def _of(self, kid: str) -> list[Jwk]:
        return [key for key in self._keys if key.get("kid") == kid]

    def _refresh(self, now: float) -> None:
        """Reads the set anew; when that fails, the one at hand stays."""
        try:
            raw = _fetch(self._url) if self._url else Path(self._file or "").read_bytes()
            keys = json.loads(raw)["keys"]
            self._keys = [key for key in keys if isinstance(key, dict)]
            self._read = now
        except (HTTPError, OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            log.warning("keys-not-read", kind=type(error).__name__)


def _fits(key: Jwk, algorithm: str) -> bool:
    """Whether a key is for signatures of this algorithm; its curve is checked by PyJWT."""
    kind = _KEY_TYPES.get(algorithm[:2])
    return (
        key.get("kty") == kind and key.get("alg", algorithm) == algorithm and key.get("use", "sig") == "sig"
    )


def _fetch(url: str) -> bytes:
    """The bytes at a registered address: no redirect, no more than MAX_KEYS, no longer than a few seconds."""
    until, waits = time.monotonic() + _SECONDS, (_SECONDS / 2, _SECONDS / 2)
    with requests.Session() as session:
        session.trust_env = False
        with closing(session.get(url, stream=True, allow_redirects=False, timeout=waits)) as response:
            if response.status_code != 200:
                raise ValueError("no key set there")
            body = b""
            while part := response.raw.read1(65_536, decode_content=True):
                body += part
                if len(body) > MAX_KEYS or time.monotonic() > until:
                    raise ValueError("too large or too slow")
    return body


class Trust:
    """Who may call."""

    def __init__(self, clients: ClientList, used: UsedTokens, required: bool = True) -> None:
        """required: False lets anybody in, for servers on loopback only."""
        self.clients, self.required, self.used = clients, required, used
        self._keys: dict[Client, KeySet] = {}

    def check(self, authorization: str | None, audience: str) -> Client | None:
        """The client that calls; None where nobody has to prove anything. Raises CallError (401).

        authorization: the header as sent; audience: the address being called, from our own settings.
        """
        if not self.required:
            return None
        try:
            client, claims = self._checked(authorization or "", audience)
            if not self.used.first_use(client.iss, str(claims["jti"]), claims["exp"] + LEEWAY):
                raise _RefusedError("jti-used")
        except (_RefusedError, jwt.PyJWTError, *_ODD) as error:
            step = str(error) if isinstance(error, _RefusedError) else type(error).__name__
            log.warning("caller-refused", step=step)
            raise _unauthorized() from None
        return client

    def _checked(self, authorization: str, audience: str) -> tuple[Client, dict[str, Any]]:
        token = _bearer(authorization)
        header = jwt.get_unverified_header(token)
        client = self._client(token)
        algorithm, kid = _header(header, client)
        key = self._key_set(client).find(kid, algorithm)
        options: Any = {"require": _REQUIRED, "enforce_minimum_key_length": True, "verify_sub": False}
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=audience,
            issuer=client.iss,
            leeway=LEEWAY,
            options=options,
        )
        _check_claims(claims, client)
        return client, claims

    def _client(self, token: str) -> Client:
        """The registered client the token says it is from; nothing of it is believed yet."""
        claimed = jwt.decode(token, options={"verify_signature": False})
        issuer = claimed.get("iss")
        client = self.clients.get(issuer) if isinstance(issuer, str) else None
        if client is None:
            raise _RefusedError("iss-not-registered")
        return client

    def _key_set(self, client: Client) -> KeySet:
        """The client's keys; a changed registration starts afresh."""
        if client not in self._keys:
            current = self.clients.all().values()
            self._keys = {known: keys for known, keys in self._keys.items() if known in current}
            self._keys[client] = KeySet(client)
        return self._keys[client]


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _RefusedError("no-bearer-token")
    if len(token) > MAX_TOKEN or not token.isascii() or token.count(".") != 2:
        raise _RefusedError("token-shape")
    return token


def _header(header: dict[str, Any], client: Client) -> tuple[str, str]:
    """Algorithm and key id. Keys and key addresses inside a token are never used (CH-201, CH-212)."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if algorithm not in client.algorithms:
        raise _RefusedError("alg-not-allowed")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise _RefusedError("typ-not-jwt")
    if not isinstance(kid, str) or not kid:
        raise _RefusedError("kid-missing")
    if "crit" in header:
        raise _RefusedError("crit-unknown")
    if "jku" in header and not _is_own(header["jku"], client):
        raise _RefusedError("jku-foreign")
    return str(algorithm), kid


def _is_own(jku: object, client: Client) -> bool:
    """Whether a key address is the registered one, or at the issuer's origin where keys come from a file."""
    if client.jwks_url is not None or not isinstance(jku, str):
        return jku == client.jwks_url
    try:
        there, own = urlsplit(jku), urlsplit(client.iss)
    except ValueError:
        return False
    return bool(own.netloc) and (there.scheme, there.netloc) == (own.scheme, own.netloc)


def _check_claims(claims: dict[str, Any], client: Client) -> None:
    """What PyJWT leaves open: types, lifetime, tenant."""
    times = [claims["exp"], claims["iat"]]
    if any(isinstance(moment, bool) or not isinstance(moment, int | float) for moment in times):
        raise _RefusedError("time-no-number")
    if claims["exp"] - claims["iat"] > LONGEST_LIFE:
        raise _RefusedError("life-too-long")
    jti = claims["jti"]
    if not isinstance(jti, str) or not 0 < len(jti) <= 255:
        raise _RefusedError("jti-shape")
    if client.tenants and claims.get("tenant") not in client.tenants:
        raise _RefusedError("tenant-not-listed")


def _unauthorized() -> CallError:
    """The one 401 there is, whatever the reason (CH-217)."""
    return not_trusted("The caller is not trusted.")
