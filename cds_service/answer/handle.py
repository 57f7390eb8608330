"""The signed handle of a card's form link, which opens one order's assertion alone (interface.md 7)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec
from itsdangerous import (
    BadSignature,
    BadTimeSignature,
    SignatureExpired,
    TimestampSigner,
    URLSafeTimedSerializer,
)

from cds_service.determination import Determination
from cds_service.kernel.errors import CallError

LIFETIME = timedelta(hours=24)
LONGEST = 4000
"""Characters of a handle; no browser or proxy cuts an address of that length."""

_SALT = "cds-service form handle 1"
_WAY_OUT = "Sign the order again and open the form from the new card."


class Handle(msgspec.Struct, frozen=True, kw_only=True, rename={"fhir_server": "fhirServer"}):
    """What a handle names: assertion, order and coverage (`Type/id`), the client and its FHIR server.

    version: the CRD version that the call asked for, as it wrote it.
    """

    assertion: str
    order: str
    coverage: str
    client: str
    fhir_server: str | None = None
    version: str | None = None


class Handles:
    """Makes and opens handles with one key; a handle of another key, service or purpose does not open."""

    def __init__(self, key: bytes, now: Callable[[], datetime]) -> None:
        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(now().timestamp())

        self._serializer = URLSafeTimedSerializer(key, salt=_SALT, signer=Signer)

    def sign(self, handle: Handle) -> str:
        """The handle as text for an address."""
        signed: str = self._serializer.dumps(msgspec.to_builtins(handle))
        return signed

    def open(self, text: str) -> Handle:
        """What a handle names. Raises CallError (403): expired, or not made here."""
        if not text:
            raise _refused("The form was opened without the link of a card.", "handle-missing")
        try:
            return msgspec.convert(
                self._serializer.loads(text[:LONGEST], max_age=int(LIFETIME.total_seconds())), Handle
            )
        except SignatureExpired:
            raise _refused(
                "The link to the form has expired: it is good for 24 hours.", "handle-expired"
            ) from None
        except (BadTimeSignature, BadSignature, msgspec.ValidationError):
            raise _refused(
                "The link to the form was not made by this service, or was changed.", "handle-invalid"
            ) from None


def _refused(message: str, code: str) -> CallError:
    return CallError(message, "handle", _WAY_OUT, status=403, code=code, issue="forbidden")


def form_link(
    handles: Handles, public_url: str, client: str, fhir_server: str | None, version: str | None = None
) -> Callable[[Determination], str | None]:
    """`smart_link` for one call: where a determination's form opens; None when it asks for none and none was
    answered.
    """

    def link(determination: Determination) -> str | None:
        if (
            (determination.questionnaire is None and not determination.by_form)
            or determination.coverage is None
            or not determination.assertion_id
        ):
            return None
        handle = Handle(
            assertion=determination.assertion_id,
            order=determination.order.reference,
            coverage=determination.coverage,
            client=client,
            fhir_server=fhir_server,
            version=version,
        )
        return f"{public_url.rstrip('/')}/smart/launch?{urlencode({'handle': handles.sign(handle)})}"

    return link
