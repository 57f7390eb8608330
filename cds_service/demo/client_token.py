"""The JWT by which the sandbox command is a registered client of a service that asks for one (CDS Hooks)."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import jwt

from cds_service.kernel.clock import new_uuid
from cds_service.kernel.errors import InputError
from cds_service.web.form_app import read_key

_LIFE = 120


def client_tokens(issuer: str, key_file: str) -> Callable[[str], str]:
    """Address that is called -> a new token for it alone.

    issuer: `iss` of the client's registration; key_file: its private JWK, with kid and alg. Raises InputError
    for a file that holds none.
    """
    try:
        key = read_key(Path(key_file))
    except ValueError as error:
        raise InputError(f"{error}.", "unusable-key") from None
    signing = jwt.PyJWK(key).key

    def token(address: str) -> str:
        issued = int(datetime.now(UTC).timestamp())
        claims = {"iss": issuer, "aud": address, "iat": issued, "exp": issued + _LIFE, "jti": new_uuid()}
        return jwt.encode(claims, signing, key["alg"], {"kid": key["kid"], "typ": "JWT"})

    return token
