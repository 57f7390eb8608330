"""A made-up EHR with sign-in: SMART App Launch as the SMART launcher does it, in front of a FHIR server.

Addresses, launch codes, checks, statuses and answers follow what was seen of that launcher; unlike it, this
one asks for the access token on FHIR calls. Its faults are switched on by tests.
"""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, Response, redirect, request

KEY = rsa.generate_private_key(65537, 2048)
CODE_LIFE = 300
_CAPABILITIES = ("launch-ehr", "launch-standalone", "client-public", "permission-v1", "permission-v2")
_DROPPED = {"host", "authorization", "origin", "referer", "connection", "content-length", "accept-encoding"}
Json = dict[str, Any]


@dataclass
class Faults:
    """What goes wrong. scope: what is granted whatever is asked; token, error: changed answers; one_slash:
    two slashes in a query become one, as in the SMART App Launcher.
    """

    scope: str | None = None
    authorize_error: str | None = None
    state: str | None = None
    code_expired: bool = False
    no_well_known: bool = False
    no_pkce: bool = False
    token: Json = field(default_factory=dict)
    no_id_token: bool = False
    refuse_writes: int | None = None
    one_slash: bool = False
    no_form_search: bool = False
    user_type: str = "Practitioner"
    capabilities: list[str] = field(default_factory=lambda: [*_CAPABILITIES])


@dataclass
class SmartEhr:
    """The EHR. upstream: FHIR base behind it; jwks: keys of the form app as a confidential client."""

    upstream: str
    base: str = ""
    faults: Faults = field(default_factory=Faults)
    jwks: Json | None = None
    codes: dict[str, Json] = field(default_factory=dict)
    tokens: dict[str, Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def fhir(self) -> str:
        """The FHIR base as clients see it."""
        return f"{self.base}/v/r4/fhir"


def launch_code(patient: str, practitioner: str) -> str:
    """The launch parameter of an EHR launch: one patient, one provider, no encounter, PKCE always."""
    options = [0, patient, practitioner, "NONE", 0, 0, 0, "", "", "", "", "", "", "", 0, 2, ""]
    return base64.urlsafe_b64encode(json.dumps(options).encode()).decode().rstrip("=")


def application(ehr: SmartEhr) -> Flask:
    """The EHR as a WSGI application."""
    app = Flask(__name__)
    app.add_url_rule("/v/r4/fhir/.well-known/smart-configuration", "config", lambda: _configuration(ehr))
    app.add_url_rule("/v/r4/auth/authorize", "authorize", lambda: _authorize(ehr))
    app.add_url_rule("/v/r4/auth/token", "token", lambda: _token(ehr), methods=["POST"])
    app.add_url_rule("/ehr", "frame", _frame)
    app.add_url_rule(
        "/v/r4/fhir/<path:path>",
        "fhir",
        lambda path: _fhir(ehr, path),
        methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
    )
    app.after_request(_cors)
    return app


def _cors(response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
    response.headers["Access-Control-Allow-Headers"] = "authorization,content-type,accept,prefer"
    response.headers["Access-Control-Allow-Methods"] = "GET,POST,PUT,DELETE"
    return response


def _frame() -> str:
    """A page of the EHR with the app inside."""
    frame = f'<iframe title="App" width="900" height="900" src="{request.args["app"]}"></iframe>'
    return f'<!doctype html><html lang="en"><title>EHR</title>{frame}</html>'


def _configuration(ehr: SmartEhr) -> Response | tuple[Json, int]:
    if ehr.faults.no_well_known:
        return {"error": "not found"}, 404
    return {
        "issuer": ehr.fhir,
        "authorization_endpoint": f"{ehr.base}/v/r4/auth/authorize",
        "token_endpoint": f"{ehr.base}/v/r4/auth/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "grant_types_supported": ["authorization_code"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": [] if ehr.faults.no_pkce else ["S256"],
        "capabilities": ehr.faults.capabilities,
    }, 200


def _authorize(ehr: SmartEhr) -> Any:
    asked = request.args
    ehr.asked.append(f"authorize {asked.get('scope')}")
    back = asked.get("redirect_uri", "")
    state = ehr.faults.state or asked.get("state", "")
    if ehr.faults.authorize_error:
        return _sent_back(back, ehr.faults.authorize_error, "The user said no.", state)
    trouble = None
    if asked.get("response_type") != "code" or not back:
        trouble = "response_type or redirect_uri"
    elif asked.get("aud") != ehr.fhir:
        trouble = f'Bad audience value "{asked.get("aud")}". Expected "{ehr.fhir}".'
    elif asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
        trouble = "PKCE is required"
    if trouble:
        return _sent_back(back, "invalid_request", trouble, state)
    options = _options(asked.get("launch") or launch_code("", ""))
    code = f"code-{len(ehr.codes)}"
    ehr.codes[code] = {
        "asked": asked.to_dict(),
        "patient": options[1],
        "user": options[2],
        "until": time.time() + CODE_LIFE,
    }
    return redirect(f"{back}?{urlencode({'code': code, 'state': state})}")


def _sent_back(back: str, error: str, said: str, state: str) -> Any:
    return redirect(f"{back}?{urlencode({'error': error, 'error_description': said, 'state': state})}")


def _options(launch: str) -> list[Any]:
    found: list[Any] = json.loads(base64.urlsafe_b64decode(launch + "=" * (-len(launch) % 4)))
    return found


def _token(ehr: SmartEhr) -> tuple[Json, int]:
    form = request.form
    code = ehr.codes.pop(form.get("code", ""), None)
    if code is None or ehr.faults.code_expired or code["until"] < time.time():
        return {"error": "invalid_grant", "error_description": "Invalid or expired code"}, 401
    asked = code["asked"]
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
        return {"error": "invalid_grant", "error_description": "Invalid grant or Invalid PKCE Verifier"}, 401
    if form.get("redirect_uri") != asked["redirect_uri"]:
        return {"error": "invalid_grant", "error_description": "redirect_uri differs"}, 401
    if ehr.jwks is not None and (refusal := _refused(ehr, form.get("client_assertion", ""))):
        return {"error": "invalid_client", "error_description": refusal}, 401
    ehr.asked.append("token " + ("assertion" if form.get("client_assertion") else "public"))
    return _granted(ehr, code, asked), 200


def _refused(ehr: SmartEhr, assertion: str) -> str | None:
    try:
        kid = jwt.get_unverified_header(assertion)["kid"]
        (key,) = [key for key in (ehr.jwks or {})["keys"] if key["kid"] == kid]
        jwt.decode(assertion, jwt.PyJWK(key), algorithms=["ES384"], audience=f"{ehr.base}/v/r4/auth/token")
    except (jwt.PyJWTError, ValueError, KeyError) as error:
        return repr(error)
    return None


def _granted(ehr: SmartEhr, code: Json, asked: Json) -> Json:
    token = f"token-{len(ehr.tokens)}"
    scope = ehr.faults.scope if ehr.faults.scope is not None else asked["scope"]
    patient = code["patient"] or "standalone"
    answer: Json = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": scope}
    answer |= {"patient": patient, "need_patient_banner": True, "smart_style_url": f"{ehr.base}/style.json"}
    claims = {"iss": ehr.fhir, "aud": asked["client_id"], "sub": "x", "exp": int(time.time()) + 3600}
    who = f"{ehr.faults.user_type}/{code['user'] or 'doc'}"
    id_token = jwt.encode({**claims, "fhirUser": who, "profile": who}, KEY, "RS256")
    if "openid" in scope and not ehr.faults.no_id_token:
        answer["id_token"] = id_token
    answer |= ehr.faults.token
    ehr.tokens[token] = answer
    return answer


def _fhir(ehr: SmartEhr, path: str) -> Response:
    if request.method == "OPTIONS":
        return Response(status=204)
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token not in ehr.tokens and path != "metadata":
        return Response("Unauthorized", 401, content_type="text/plain")
    if ehr.faults.refuse_writes and request.method in ("POST", "PUT"):
        return Response(
            '{"resourceType":"OperationOutcome"}',
            ehr.faults.refuse_writes,
            content_type="application/fhir+json",
        )
    if ehr.faults.no_form_search and request.method == "GET" and path == "QuestionnaireResponse":
        return Response('{"resourceType":"OperationOutcome"}', 404, content_type="application/fhir+json")
    ehr.asked.append(f"{request.method} {path}")
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
    query = request.query_string.decode()
    got = requests.request(
        request.method,
        f"{ehr.upstream}/{path}",
        params=query.replace("//", "/") if ehr.faults.one_slash else query,
        data=request.get_data(),
        headers={**headers, "Accept": "application/fhir+json"},
        timeout=10,
    )
    body = got.content.replace(ehr.upstream.encode(), ehr.fhir.encode())
    return Response(body, got.status_code, content_type=got.headers.get("content-type"))
