"""SMART Backend Services: a client proves itself by a signed assertion and gets a token of five minutes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
import structlog
from flask import Blueprint, Response, request
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from cds_service.kernel import fhir_json
from cds_service.kernel.errors import not_allowed, not_trusted
from cds_service.web.auth import LEEWAY, MAX_TOKEN, KeySet
from cds_service.web.clients import Client, ClientList
from cds_service.web.replay import UsedTokens

PATH = "/auth/token"
LIFE = 300
"""Seconds that an access token lives, and that an assertion may (interface.md section 7)."""
SCOPES = ("system/questionnaire.rs", "system/valueset.rs", "system/library.rs")

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SALT = "cds-service access token 1"
_LONGEST_SCOPE = 2000
_JTI = re.compile(r"\S{1,255}\Z")
log = structlog.get_logger()


class RefusedError(Exception):
    """An OAuth error (RFC 6749 section 5.2): its code, what to do, and the status."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.description, self.status = code, description, status


@dataclass(frozen=True, slots=True)
class Granted:
    """What an access token says: whose it is and what it is for."""

    client: str
    scopes: frozenset[str]


class AccessTokens:
    """Makes and reads our own access tokens: opaque to the client, signed, good for LIFE seconds."""

    def __init__(self, key: bytes, now: Callable[[], datetime]) -> None:
        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(now().timestamp())

        self._serializer = URLSafeTimedSerializer(key, salt=_SALT, signer=Signer)

    def issue(self, client: str, scopes: tuple[str, ...]) -> str:
        """A token for that client."""
        token: str = self._serializer.dumps([client, *scopes])
        return token

    def read(self, authorization: str | None) -> Granted:
        """What the bearer token of a header says. Raises CallError (401)."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise not_trusted("An access token is needed: get one at the token endpoint.")
        try:
            client, *scopes = self._serializer.loads(token.strip()[:MAX_TOKEN], max_age=LIFE)
        except BadData:
            raise not_trusted("The access token has expired or is not one of this service.") from None
        return Granted(client, frozenset(scopes))


def authorise(tokens: AccessTokens, clients: ClientList, authorization: str | None, scope: str) -> Client:
    """The registered client behind a call to the payer-side FHIR base. Raises CallError (401, 403)."""
    granted = tokens.read(authorization)
    client = clients.get(granted.client)
    if client is None:
        raise not_trusted("The client of this access token is no longer registered.")
    if scope not in granted.scopes:
        raise not_allowed(f"The access token lacks the scope {scope}.")
    return client


class AssertionCheck:
    """Checks client assertions: registered client, its key and algorithm, aud, at most five minutes, once."""

    def __init__(
        self, clients: ClientList, used: UsedTokens, audience: str, now: Callable[[], datetime]
    ) -> None:
        """audience: the token address as clients see it."""
        self._clients, self._used, self._audience, self._now = clients, used, audience, now
        self._keys: dict[Client, KeySet] = {}

    def __call__(self, assertion: str) -> Client:
        """The client that made the assertion. Raises RefusedError (invalid_client); the log learns why."""
        try:
            client = self._client(assertion)
            claims = self._verified(assertion, client)
            self._check(claims, client)
        except Exception as error:  # noqa: BLE001 - whatever an odd token brings is one answer (CH-217)
            log.warning(
                "form-client-refused",
                step=str(error) if isinstance(error, _StepError) else type(error).__name__,
            )
            raise RefusedError("invalid_client", "The client assertion is not accepted.", 401) from None
        return client

    def _client(self, assertion: str) -> Client:
        """The registered client the assertion says it is from; nothing of it is believed yet."""
        if len(assertion) > MAX_TOKEN:
            raise _StepError("too-long")
        issuer = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
        client = self._clients.get(issuer) if isinstance(issuer, str) else None
        if client is None:
            raise _StepError("iss-not-registered")
        return client

    def _verified(self, assertion: str, client: Client) -> dict[str, Any]:
        header = jwt.get_unverified_header(assertion)
        if header.get("alg") not in client.algorithms or "crit" in header:
            raise _StepError("alg-not-allowed")
        key = self._keys.setdefault(client, KeySet(client)).find(str(header.get("kid", "")), header["alg"])
        options: Any = {
            "require": ["iss", "sub", "aud", "exp", "jti"],
            "enforce_minimum_key_length": True,
            # Times are compared with our own clock below.
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        }
        return dict(
            jwt.decode(
                assertion,
                key,
                algorithms=[header["alg"]],
                audience=self._audience,
                issuer=client.iss,
                options=options,
            )
        )

    def _check(self, claims: dict[str, Any], client: Client) -> None:
        """What SMART adds: sub is iss, exp at most five minutes ahead, jti never seen (interface.md 7)."""
        now, until = self._now().timestamp(), claims["exp"]
        if claims["sub"] != client.iss:
            raise _StepError("sub-is-not-iss")
        if isinstance(until, bool) or not now - LEEWAY < until <= now + LIFE + LEEWAY:
            raise _StepError("exp-out-of-range")
        if any(claims.get(name, now) > now + LEEWAY for name in ("iat", "nbf")):
            raise _StepError("not-yet-valid")
        if not isinstance(claims["jti"], str) or not _JTI.match(claims["jti"]):
            raise _StepError("jti-shape")
        if not self._used.first_use(client.iss, f"assertion {claims['jti']}", until + LEEWAY):
            raise _StepError("jti-used")


class _StepError(Exception):
    """Which step of the check failed; for the log alone."""


def create_token_blueprint(check: Callable[[str], Client], tokens: AccessTokens) -> Blueprint:
    """`POST /auth/token`. check: the client that made an assertion, or RefusedError."""
    pages = Blueprint("token", __name__)

    @pages.post(PATH)
    def token() -> Response:
        form = request.form
        try:
            _check_grant(form.get("grant_type"), form.get("client_assertion_type"))
            client = check(form.get("client_assertion", ""))
            scopes = _granted(form.get("scope", ""))
        except RefusedError as refused:
            return _refusal(refused)
        granted = {"access_token": tokens.issue(client.iss, scopes), "token_type": "bearer"}
        return _answer({**granted, "expires_in": LIFE, "scope": " ".join(scopes)}, 200)

    return pages


def _check_grant(grant: str | None, kind: str | None) -> None:
    if not grant:
        raise RefusedError("invalid_request", "grant_type is missing.")
    if grant != "client_credentials":
        raise RefusedError("unsupported_grant_type", "Only client_credentials is offered.")
    if kind != _ASSERTION:
        raise RefusedError(
            "invalid_client", f"Send client_assertion with client_assertion_type {_ASSERTION}.", 401
        )


def _granted(asked: str) -> tuple[str, ...]:
    """Those of the scopes asked for that there are."""
    words = asked[:_LONGEST_SCOPE].split()
    granted = tuple(scope for scope in SCOPES if scope in words)
    if not granted:
        raise RefusedError("invalid_scope", f"Ask for one or more of {' '.join(SCOPES)}.")
    return granted


def _refusal(refused: RefusedError) -> Response:
    return _answer({"error": refused.code, "error_description": refused.description}, refused.status)


def _answer(body: dict[str, object], status: int) -> Response:
    response = Response(fhir_json.write(body), status, content_type="application/json")
    response.headers["Cache-Control"], response.headers["Pragma"] = "no-store", "no-cache"
    return response


def smart_configuration(public_url: str, algorithms: tuple[str, ...]) -> dict[str, object]:
    """`.well-known/smart-configuration` of the payer-side FHIR base: backend services and nothing else."""
    return {
        "token_endpoint": f"{public_url}{PATH}",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(algorithms),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": list(SCOPES),
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
    }
