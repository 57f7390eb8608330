"""The form app's registration at an EHR, as the clients file has it."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cds_service.kernel.errors import DataError
from cds_service.web.clients import read_clients
from cds_service.web.form_app import DEFAULT_CLIENT_ID, registered

PRIVATE = ec.generate_private_key(ec.SECP384R1())
KEY = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(PRIVATE)), "kid": "k1", "alg": "ES384"}
SYMMETRIC = {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"}
TOKEN_URL = 'form_token_url: "https://auth.ehr.example.org/token"'


def read(folder: Path, *members: str, key: Any = KEY) -> Any:
    """The one client of a file with these members."""
    (folder / "keys.json").write_text('{"keys": []}')
    (folder / "form.json").write_text(json.dumps(key))
    lines = [
        '  - iss: "https://ehr.example.org"',
        "    jwks_file: keys.json",
        *(f"    {each}" for each in members),
    ]
    (folder / "clients.yaml").write_text("clients:\n" + "\n".join(lines) + "\n")
    (client,) = read_clients(folder / "clients.yaml").values()
    return registered(client.form_client_id, client.form_key_file, client.form_token_url)


def test_without_a_word_the_app_is_a_public_client_under_its_own_name(tmp_path: Path) -> None:
    app = read(tmp_path)
    assert (app.client_id, app.key, app.token_url) == (DEFAULT_CLIENT_ID, None, None)


def test_an_ehr_may_give_it_another_name_and_a_key(tmp_path: Path) -> None:
    app = read(tmp_path, 'form_client_id: "4711"', "form_key_file: form.json", TOKEN_URL)
    assert (app.client_id, app.key, app.token_url) == ("4711", KEY, "https://auth.ehr.example.org/token")


def without(*names: str) -> dict[str, str]:
    """The key without some of its members."""
    return {name: value for name, value in KEY.items() if name not in names}


@pytest.mark.parametrize(
    ("members", "key", "says"),
    [
        (["form_key_file: form.json"], KEY, "both form_key_file and form_token_url"),
        ([TOKEN_URL], KEY, "both form_key_file and form_token_url"),
        (["form_key_file: form.json", 'form_token_url: "http://x.example.org/t"'], KEY, "https"),
        (["form_key_file: nowhere.json", TOKEN_URL], KEY, "no private JWK"),
        (["form_key_file: form.json", TOKEN_URL], without("d"), "no private JWK"),
        (["form_key_file: form.json", TOKEN_URL], without("kid"), "no private JWK"),
        (["form_key_file: form.json", TOKEN_URL], without("alg"), "no private JWK"),
        (["form_key_file: form.json", TOKEN_URL], SYMMETRIC, "no private JWK"),
        (["form_key_file: form.json", TOKEN_URL], ["no", "key"], "no private JWK"),
    ],
)  # fmt: skip
def test_a_registration_that_cannot_work_stops_the_start(
    tmp_path: Path, members: list[str], key: Any, says: str
) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read(tmp_path, *members, key=key)
    assert caught.value.line and "secret" not in str(caught.value)
