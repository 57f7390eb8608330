"""HTTP calls of the demo and the sandbox: to a FHIR server as its user, and to the service as an EHR.

The addresses come from the person who typed the command, so no allow-list stands here; what the service
itself calls goes through `evidence.gateway`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import requests

from cds_service.kernel import fhir_json
from cds_service.kernel.errors import CdsError
from cds_service.kernel.fhir_json import JsonObject

_FHIR = "application/fhir+json"
_SECONDS = 60
_PAGES = 100


@dataclass
class OutsideError(CdsError):
    """A server outside did not do what was asked; says which, what, and its own words where it gave any."""

    message: str

    def __str__(self) -> str:
        return self.message


class Remote:
    """A server below one base address, called with one bearer token, one for each address, or none."""

    def __init__(
        self, base: str, token: str | None = None, tokens: Callable[[str], str] | None = None
    ) -> None:
        """tokens: address that is called -> its token."""
        self.base, self.token, self._tokens = base.rstrip("/"), token, tokens
        self._session = requests.Session()
        self._session.trust_env = False
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Ends the connections."""
        self._session.close()

    def get(self, path: str) -> JsonObject:
        """The object at a path below the base, or at an address of the same server. Raises OutsideError."""
        return self._call("GET", path)

    def post(self, path: str, body: JsonObject, kind: str = "application/json") -> JsonObject:
        """The answer to an object sent. Raises OutsideError."""
        return self._call("POST", path, body, kind)

    def transact(self, bundle: JsonObject) -> list[JsonObject]:
        """The `response` of every entry of a FHIR transaction, in its order. Raises OutsideError."""
        answer = self.post("", bundle, _FHIR)
        return [entry.get("response", {}) for entry in answer.get("entry", ())]

    def search(self, path: str) -> Iterator[JsonObject]:
        """The matches of a FHIR search, over all its pages. Raises OutsideError."""
        following: str | None = path
        for _ in range(_PAGES):
            if following is None:
                return
            page = self.get(following)
            for entry in page.get("entry", ()):
                if entry.get("search", {}).get("mode", "match") == "match" and "resource" in entry:
                    yield entry["resource"]
            following = next((li["url"] for li in page.get("link", ()) if li.get("relation") == "next"), None)

    def _call(self, method: str, path: str, body: JsonObject | None = None, kind: str = "") -> JsonObject:
        url = path if path.startswith(f"{self.base}/") else f"{self.base}/{path}".rstrip("/")
        # Past a server's cache of equal searches: what was loaded a moment ago is there.
        headers = {"Accept": f"{_FHIR}, application/json;q=0.9", "Cache-Control": "no-cache"}
        if body is not None:
            headers["Content-Type"] = kind
        if self._tokens:
            headers["Authorization"] = f"Bearer {self._tokens(url)}"
        data = None if body is None else fhir_json.write(body)
        try:
            reply = self._session.request(method, url, data=data, headers=headers, timeout=_SECONDS)
        except requests.RequestException as error:
            raise OutsideError(f"{self.base} cannot be reached: {_reason(error)}.") from None
        return _read(reply, f"{method} {url}")


def _reason(error: requests.RequestException) -> str:
    """The innermost cause, which is the one that says something."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(getattr(cause, "strerror", None) or cause) or type(error).__name__


def _read(reply: requests.Response, call: str) -> JsonObject:
    try:
        content: Any = fhir_json.read(reply.content) if reply.content else {}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        content = None
    if reply.status_code >= 400:
        raise OutsideError(f"{call} was answered {reply.status_code}{_words(content)}.")
    if not isinstance(content, dict):
        raise OutsideError(f"{call} was answered with something other than a JSON object.")
    return content


def _words(content: Any) -> str:
    """What an OperationOutcome says, shortened."""
    issues = content.get("issue", ()) if isinstance(content, dict) else ()
    said = [
        str(i.get("diagnostics") or i.get("details", {}).get("text") or i.get("code")) for i in issues[:2]
    ]
    return f": {' '.join(said)}"[:300].rstrip(". ") if said else ""
