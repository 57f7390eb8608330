"""An EHR client as a deployer registers it: its keys, its entry in the clients file, the tokens it signs."""

import base64
import json
import time
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

BASE = "https://crd.example.org"
"""Public address of the service in tests with trust."""
ISSUER = "https://ehr.example.org"
FHIR_HOST = "fhir.ehr.example.org"
ORIGIN = "https://ehr.example.org"
SIGN_PATH = "/cds-services/coverage-order-sign"

Key = Any  # a private key of `cryptography`, of any kind


@cache
def private_key(kind: str) -> Key:
    """A key of that kind, made once for a run: a curve, `RSA`, or `RSA-weak`; a suffix makes it another."""
    name = kind.split("/")[0]
    if name.startswith("RSA"):
        return rsa.generate_private_key(65537, 1024 if name == "RSA-weak" else 2048)
    return ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}[name])


def public_jwk(key: Key, kid: str, **members: str) -> dict[str, Any]:
    """The public half as a client publishes it."""
    kind: Any = (
        jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    )
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **members}


def compact(header: dict[str, Any], claims: Any, key: Key, algorithm: str | None = None) -> str:
    """A token of exactly this header and these claims.

    algorithm: how it is really signed, whatever the header says; `none` leaves the signature empty.
    """
    text = f"{_part(header)}.{_part(claims)}"
    found = jwt.algorithms.get_default_algorithms()[algorithm or header["alg"]]
    return f"{text}.{_encoded(found.sign(text.encode(), key))}"


def _part(value: Any) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class EhrClient:
    """One client: its issuer and its keys by algorithm, each under the key id of the same name."""

    iss: str = ISSUER
    keys: dict[str, Key] = field(
        default_factory=lambda: {"ES384": private_key("P-384"), "RS384": private_key("RSA")}
    )

    def key_set(self) -> dict[str, Any]:
        """Its JWK Set."""
        return {"keys": [public_jwk(key, f"{alg}-1", alg=alg) for alg, key in self.keys.items()]}

    def claims(self, audience: Any, **changes: Any) -> dict[str, Any]:
        """Sound claims for one call; `...` takes one away."""
        now = int(time.time())
        sound = {"iss": self.iss, "aud": audience, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
        return {name: value for name, value in {**sound, **changes}.items() if value is not ...}

    def header(self, algorithm: str = "ES384", **changes: Any) -> dict[str, Any]:
        """A sound header; `...` takes a member away."""
        sound = {"alg": algorithm, "kid": f"{algorithm}-1", "typ": "JWT"}
        return {name: value for name, value in {**sound, **changes}.items() if value is not ...}

    def token(
        self, audience: Any = BASE + SIGN_PATH, algorithm: str = "ES384", header: Any = None, **claims: Any
    ) -> str:
        """A token for the address; header, claims: changes to what is sound."""
        made = self.header(algorithm, **(header or {}))
        return compact(made, self.claims(audience, **claims), self.keys[algorithm], algorithm)

    def register(self, folder: Path, *others: dict[str, Any], **members: Any) -> Path:
        """Writes the clients file with this client, its keys beside it, and the further entries."""
        folder.joinpath("keys.json").write_text(json.dumps(self.key_set()))
        entry = {
            "iss": self.iss,
            "jwks_file": "keys.json",
            "fhir_hosts": [FHIR_HOST],
            "origins": [ORIGIN],
            **members,
        }
        entry = {name: value for name, value in entry.items() if value is not ...}
        path = folder / "clients.yaml"
        path.write_text(json.dumps({"clients": [entry, *others]}))
        return path
