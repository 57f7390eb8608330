"""Tokens that must not open the door, by what is wrong with them, with the cases that they belong to."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from tests.ehr_client import BASE, ISSUER, SIGN_PATH, EhrClient, compact, private_key, public_jwk

HERE = BASE + SIGN_PATH
NOW = int(time.time())
DEEP = f'{{"x":{"[" * 4000}{"]" * 4000}}}'
EHR = EhrClient()
STRANGER = private_key("P-384/stranger")
PUBLIC_PEM = (
    EHR.keys["RS384"]
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
)


def by_header(**changes: Any) -> str:
    """A token that is sound but for its header."""
    return EHR.token(header=changes)


def by_claims(**changes: Any) -> str:
    """A token that is sound but for its claims."""
    return EHR.token(**changes)


def mac(algorithm: str, secret: bytes) -> str:
    """A token authenticated by a secret that both sides would have to share."""
    digest = jwt.algorithms.HMACAlgorithm
    sound = {"HS256": digest.SHA256, "HS384": digest.SHA384, "HS512": digest.SHA512}
    text = compact({**EHR.header(), "alg": algorithm}, EHR.claims(HERE), None, "none").rstrip(".")
    signature = digest(sound[algorithm]).sign(text.encode(), secret)
    return f"{text}.{jwt.utils.base64url_encode(signature).decode()}"


def unsigned(spelling: str) -> str:
    """A token that says it needs no signature, and has none."""
    return compact(EHR.header(alg=spelling), EHR.claims(HERE), None, "none")


def flipped(part: int, place: int) -> str:
    """A sound token with one bit of one of its parts changed."""
    parts = EHR.token().split(".")
    raw = bytearray(jwt.utils.base64url_decode(parts[part]))
    raw[place] ^= 1
    parts[part] = jwt.utils.base64url_encode(bytes(raw)).decode()
    return ".".join(parts)


def encoded(text: str) -> str:
    """As a part of a token."""
    return jwt.utils.base64url_encode(text.encode()).decode()


def parts(*changes: str | None) -> str:
    """A sound token with some of its parts replaced."""
    sound = EHR.token().split(".")
    return ".".join(new if new is not None else old for new, old in zip(changes, sound, strict=True))


def from_stranger(**header: Any) -> str:
    """A token signed with a key that nobody registered."""
    return compact(EHR.header(**header), EHR.claims(HERE), STRANGER)


def der_signed() -> str:
    """An ES384 signature in the form of X.509 instead of that of JWS."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA384

    text = EHR.token().rpartition(".")[0]
    signature = EHR.keys["ES384"].sign(text.encode(), ec.ECDSA(SHA384()))
    return f"{text}.{jwt.utils.base64url_encode(signature).decode()}"


OWN_JWK = public_jwk(STRANGER, "ES384-1")

KINDS: dict[str, tuple[list[str | None], tuple[str, ...]]] = {
    "no header": ([None], ("CH-188", "CH-250", "G15")),
    "not a bearer token": (
        ["null", "", "Bearer", "Bearer ", "Bearer null", "Basic dTpw", EHR.token(), f"Token {EHR.token()}"],
        ("CH-188", "CH-218"),
    ),
    "algorithm none": (
        [
            *(f"Bearer {unsigned(word)}" for word in ("none", "None", "NONE", "nOnE", "")),
            f"Bearer {by_header(alg='none')}",
        ],
        ("CH-191", "J2"),
    ),
    "shared secret": (
        [
            *(f"Bearer {mac(word, b's' * 64)}" for word in ("HS256", "HS384", "HS512")),
            *(f"Bearer {mac(word, PUBLIC_PEM)}" for word in ("HS256", "HS384", "HS512")),
            f"Bearer {mac('HS384', json.dumps(EHR.key_set()['keys'][0]).encode())}",
            f"Bearer {mac('HS256', b'')}",
        ],
        ("CH-192", "J3"),
    ),
    "changed on the way": (
        [
            *(f"Bearer {flipped(2, place)}" for place in (0, 47, 95)),
            *(f"Bearer {flipped(1, place)}" for place in (12, 60)),
            f"Bearer {parts(None, None, '')}",
            f"Bearer {parts(None, encoded(json.dumps(EHR.claims(HERE))), None)}",
            f"Bearer {der_signed()}",
            f"Bearer {EHR.token()}AAAA",
        ],
        ("CH-193",),
    ),
    "expired": (
        [f"Bearer {by_claims(exp=moment, iat=moment - 300)}" for moment in (NOW - 60, 1422568860, 0, -1)],
        ("CH-194", "J8"),
    ),
    "from the future": (
        [
            f"Bearer {by_claims(iat=NOW + 900, exp=NOW + 1200)}",
            f"Bearer {by_claims(nbf=NOW + 900)}",
        ],
        ("CH-195",),
    ),
    "for another address": (
        [
            f"Bearer {EHR.token(audience)}"
            for audience in (
                f"{BASE}/cds-services/coverage-order-select",
                f"https://other.example.org{SIGN_PATH}",
                [f"{BASE}/cds-services", f"https://other.example.org{SIGN_PATH}"],
                [],
                "",
                None,
                7,
                {"url": HERE},
                [[HERE]],
            )
        ],
        ("CH-196", "J7"),
    ),
    "for almost this address": (
        [
            f"Bearer {EHR.token(audience)}"
            for audience in (
                BASE,
                f"{HERE}/",
                HERE.replace("https", "http"),
                f"{BASE}:443{SIGN_PATH}",
                HERE.upper(),
                f"{HERE}?x=1",
                f"{HERE}/feedback",
                f"{BASE}/cds-services",
                f"{BASE}//cds-services/coverage-order-sign",
                f" {HERE}",
            )
        ],
        ("CH-198", "J7"),
    ),
    "from an unknown issuer": (
        [
            f"Bearer {by_claims(iss=issuer)}"
            for issuer in (
                "https://sandbox.cds-hooks.org",
                f"{ISSUER}/",
                ISSUER.upper(),
                f"{ISSUER}.evil.example",
                "",
                None,
                7,
                [ISSUER],
                {"iss": ISSUER},
            )
        ],
        ("CH-200", "J5"),
    ),
    "with a foreign key address": (
        [
            f"Bearer {by_header(jku=address)}"
            for address in (
                "https://evil.example/jwks",
                "http://ehr.example.org/jwks",
                "https://ehr.example.org.evil.example/jwks",
                "https://ehr.example.org@evil.example/jwks",
                "https://ehr.example.org:8443/jwks",
                "file:///etc/passwd",
                "https://[::1",
                "",
                7,
                ["https://ehr.example.org/jwks"],
            )
        ]
        + [f"Bearer {from_stranger(jku='https://evil.example/jwks')}"],
        ("CH-201", "J5"),
    ),
    "without key id or type": (
        [
            *(f"Bearer {by_header(kid=kid)}" for kid in (..., None, "", 7, ["ES384-1"])),
            *(f"Bearer {by_header(typ=kind)}" for kind in (..., None, "", "at+jwt", "JOSE", 7)),
        ],
        ("CH-206",),
    ),
    "without a needed claim": (
        [f"Bearer {by_claims(**{name: ...})}" for name in ("iss", "aud", "exp", "iat", "jti")],
        ("CH-207",),
    ),
    "with senseless claims": (
        [
            *(f"Bearer {by_claims(exp=value)}" for value in ("soon", True, None, [], {}, float("nan"))),
            *(f"Bearer {by_claims(exp=value)}" for value in (float("inf"), 1e308, -1e308, 10**400)),
            *(f"Bearer {by_claims(iat=value)}" for value in ("now", True, None, float("nan"), -1e308)),
            *(f"Bearer {by_claims(nbf=value)}" for value in ("now", [], float("nan"))),
            *(f"Bearer {by_claims(jti=value)}" for value in ("", None, 7, ["x"], "x" * 10_000)),
        ],
        ("CH-207", "CH-215"),
    ),
    "that lives too long": ([f"Bearer {by_claims(exp=NOW + 25 * 3600)}"], ("CH-210",)),
    "that brings its own key": (
        [
            f"Bearer {from_stranger(jwk=OWN_JWK)}",
            f"Bearer {from_stranger(kid=..., jwk=OWN_JWK)}",
            f"Bearer {from_stranger(x5u='https://evil.example/cert.pem')}",
            f"Bearer {from_stranger(x5c=['MIIB'])}",
            f"Bearer {from_stranger()}",
        ],
        ("CH-212",),
    ),
    "with a key id that leads elsewhere": (
        [
            f"Bearer {by_header(kid=kid)}"
            for kid in (
                "../../etc/passwd",
                "/dev/null",
                "keys.json",
                "https://evil.example/jwks",
                "' OR 1=1 --",
                "ES384-1\x00",
                "unknown",
                "k" * 5000,
            )
        ],
        ("CH-213",),
    ),
    "with an algorithm that the key or the client does not have": (
        [
            f"Bearer {compact(EHR.header('ES384', kid='RS384-1'), EHR.claims(HERE), EHR.keys['ES384'])}",
            f"Bearer {compact(EHR.header('RS384', kid='ES384-1'), EHR.claims(HERE), EHR.keys['RS384'])}",
            f"Bearer {compact(EHR.header('ES256', kid='ES384-1'), EHR.claims(HERE), private_key('P-256'))}",
            f"Bearer {compact(EHR.header('RS256', kid='RS384-1'), EHR.claims(HERE), EHR.keys['RS384'])}",
            f"Bearer {compact(EHR.header('PS384', kid='RS384-1'), EHR.claims(HERE), EHR.keys['RS384'])}",
            f"Bearer {by_header(alg='RS384', kid='ES384-1')}",
            *(f"Bearer {by_header(alg=value)}" for value in (..., None, 7, ["ES384"], "es384", "EdDSA")),
        ],
        ("CH-214",),
    ),
    "with demands that nobody knows": (
        [
            f"Bearer {by_header(crit=['x'], x=1)}",
            f"Bearer {by_header(crit=[])}",
            f"Bearer {by_header(b64=False)}",
            f"Bearer {by_header(b64=False, crit=['b64'])}",
        ],
        ("CH-215",),
    ),
    "that is malformed": (
        [
            *("Bearer a.b", "Bearer a.b.c.d"),
            "Bearer ..",
            "Bearer a.b.c",
            f"Bearer {parts('!!!', None, None)}",
            f"Bearer {parts(None, '****', None)}",
            f"Bearer {parts('bnVsbA', None, None)}",
            f"Bearer {parts(None, 'bnVsbA', None)}",
            f"Bearer {parts(None, 'W10', None)}",
            f"Bearer {parts('//8', None, None)}",
            f"Bearer {parts(None, '_____w', None)}",
            f"Bearer {'x' * 400_000}.{'y' * 400_000}.{'z' * 200_000}",
            f"Bearer {EHR.token()} {EHR.token()}",
            f"Bearer {EHR.token()},Bearer {EHR.token()}",
            f"Bearer {EHR.token()}é",
            f"Bearer {parts(None, encoded(DEEP), None)}",
            f"Bearer {parts(encoded(DEEP), None, None)}",
            f"Bearer {compact(EHR.header(), [EHR.claims(HERE)], EHR.keys['ES384'])}",
            f"Bearer {compact(EHR.header(), None, EHR.keys['ES384'])}",
        ],
        ("CH-215",),
    ),
    "that is meant for the FHIR server": (
        [
            "Bearer opaque-access-token",
            f"Bearer {EHR.token(f'{ISSUER}/fhir', scope='user/*.read', sub='service')}",
        ],
        ("CH-219",),
    ),
}  # fmt: skip
