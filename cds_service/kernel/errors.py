"""The exception family and the closed list of error codes.

CdsError
├── CallError            a call that cannot be answered (status and OperationOutcome issue type)
│   ├── NotJson, InvalidCall, UnknownService, UnusableCoverage     400 404
│   ├── CallerNotTrusted, CallerNotAllowed, TooLarge                              401 403 413
│   └── PrefetchUnavailable, InternalFailure                                      412 500
├── DataError            our own data (policy, card, profile) is wrong: file, line, what, way out
├── SettingError         a setting is not understood
└── InputError           a file or argument of the command line cannot be used
"""

from dataclasses import dataclass


class CdsError(Exception):
    """Base of everything this package raises on purpose; `code` is stable kebab case."""

    code = "error"


@dataclass
class CallError(CdsError):
    """A hook or FHIR call that cannot be answered.

    message says what is wrong, where names the element (FHIRPath or JSON pointer), hint says what to do.
    """

    message: str
    where: str | None = None
    hint: str | None = None
    status: int = 400
    code: str = "invalid-call"
    issue: str = "invalid"

    def __str__(self) -> str:
        return self.message


def not_json(message: str) -> CallError:
    """400: the body is not JSON (CRD 3.6)."""
    return CallError(message, hint="Send one JSON object, UTF-8.", code="not-json", issue="structure")


def invalid_call(message: str, where: str | None = None, hint: str | None = None) -> CallError:
    """400: JSON, but not a CDS Hooks call (CRD 3.6)."""
    return CallError(message, where, hint, code="invalid-call", issue="structure")


def unknown_service(service: str) -> CallError:
    """404: no such service id."""
    return CallError(
        f"There is no service {service!r}.",
        hint="See /cds-services.",
        status=404,
        code="unknown-service",
        issue="not-found",
    )


def unusable_coverage(message: str, hint: str | None = None) -> CallError:
    """400 for CRD 2.2 callers: no single coverage of a payer we serve (hook-13)."""
    return CallError(message, "prefetch.coverage", hint, code="unusable-coverage", issue="business-rule")


def not_trusted(message: str) -> CallError:
    """401: the caller's token is missing or not accepted; the detail stays in the log."""
    return CallError(message, status=401, code="caller-not-trusted", issue="login")


def not_allowed(message: str) -> CallError:
    """403: a known caller asks for what it may not have."""
    return CallError(message, status=403, code="caller-not-allowed", issue="forbidden")


def too_large(limit: int) -> CallError:
    """413: the body exceeds the size limit, in bytes."""
    return CallError(
        f"The body is larger than {limit} bytes.", status=413, code="too-large", issue="too-long"
    )


def prefetch_unavailable(key: str) -> CallError:
    """412: required data was neither sent nor obtainable."""
    return CallError(
        f"Prefetch {key!r} was not sent and cannot be fetched.",
        f"prefetch.{key}",
        "Send the prefetch keys listed in discovery, or send fhirServer with fhirAuthorization.",
        status=412,
        code="prefetch-unavailable",
        issue="required",
    )


@dataclass
class DataError(CdsError):
    """Our own data is wrong: names the file, the line, the member, the trouble and the way out."""

    file: str
    line: int | None
    member: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}  {self.member}\n  {self.message}" if self.member else f"{place}  {self.message}"


@dataclass
class SettingError(CdsError):
    """A setting that is not understood; stops the start with a sentence that names it."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


@dataclass
class InputError(CdsError):
    """A file or argument of the command line that cannot be used."""

    message: str
    code: str = "unusable-input"

    def __str__(self) -> str:
        return self.message
