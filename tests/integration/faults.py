"""What EHRs do wrong, each as a behaviour of one search, and what they may do without harm."""

import gzip
import itertools
from collections.abc import Callable, Mapping

from cds_service.kernel import fhir_json
from tests.integration.ehr_data import Json
from tests.integration.loopback import Handler

Good = Callable[[], Json]
"""What an EHR without fault would answer."""
Fault = Callable[[Handler, Good], None]
AGAIN = "again="
"""Stands in the path of a further page."""
NOT_SUPPORTED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "not-supported"}],
}
_ELSEWHERE = "http://127.0.0.1:9/fhir/Condition"
_NUMBERS = itertools.count()


def outcome(severity: str) -> Json:
    """An OperationOutcome."""
    issue = {"severity": severity, "code": "processing", "diagnostics": "made up"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _says(body: object, status: int = 200, **headers: str) -> Fault:
    return lambda handler, _: handler.answer(body, status, **headers)


def _changed(change: Callable[[Json], Json]) -> Fault:
    """The good answer with a change."""
    return lambda handler, good: handler.answer(change(good()))


def _next(link: Callable[[Handler], str]) -> Fault:
    """The good answer with a further page."""

    def behave(handler: Handler, good: Good) -> None:
        page = good()
        handler.answer({**page, "link": [*page["link"], {"relation": "next", "url": link(handler)}]})

    return behave


def _searchset(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries)}


def _along(resource: Json) -> Fault:
    """The good answer with one more resource."""
    entry = {"resource": resource, "search": {"mode": "outcome"}}
    return _changed(lambda page: {**page, "entry": [*page["entry"], entry]})


def _silent(handler: Handler, _: Good) -> None:
    handler.ehr.over.wait(10)


def _dripping(handler: Handler, _: Good) -> None:
    handler.start(Content_Length="5000")
    handler.drip(b" " * 5000)


def _huge(handler: Handler, _: Good) -> None:
    handler.start(Connection="close")
    for _count in range(100):
        handler.wfile.write(b" " * 65536)


def _truncated(handler: Handler, good: Good) -> None:
    handler.close_connection = True
    handler.start(Content_Length="100000")
    handler.wfile.write(fhir_json.write(good()))


def _hung_up(handler: Handler, _: Good) -> None:
    handler.close_connection = True


def _second_page_broken(handler: Handler, good: Good) -> None:
    if AGAIN in handler.path:
        handler.answer(b"", 500)
    else:
        _next(_more)(handler, good)


def _more(handler: Handler) -> str:
    """A page that was not asked for before."""
    return f"{handler.path.split(AGAIN)[0].rstrip('&')}&{AGAIN}{next(_NUMBERS)}"


SLOW: Mapping[str, Fault] = {"silence": _silent, "slow drip": _dripping}
ANYWHERE: Mapping[str, Fault] = {
    **{str(code): _says(b"", code) for code in (400, 401, 403, 404, 405, 410, 422, 500, 501)},
    **{str(code): _says(b"", code, Retry_After="3600") for code in (429, 502, 503, 504)},
    "400 with not-supported": _says(NOT_SUPPORTED, 400),
    "201": _says({}, 201),
    "204": _says(b"", 204),
    "hung up": _hung_up,
    "truncated": _truncated,
    "malformed JSON": _says(b'{"resourceType":"Bundle","entry":[{"resour'),
    "a web page": _says(b"<!doctype html><title>Sign in</title>"),
    "wrong type": _says({"resourceType": "Basic", "id": "b"}),
    "a list": _says([]),
    "null": _says(None),
    "empty body": _says(b""),
    "OperationOutcome alone": _says(outcome("error")),
    "redirect to a foreign host": _says(b"", 302, Location=_ELSEWHERE),
    "redirect to itself": lambda handler, _: handler.answer(b"", 307, Location=handler.path),
    "huge body": _huge,
}
"""Faults of reads and searches alike."""
SEARCHSET: Mapping[str, Fault] = {
    "entry without resource": _says(_searchset({"fullUrl": "urn:uuid:1"})),
    "entries that are no list": _says({"resourceType": "Bundle", "type": "searchset", "entry": {"a": 1}}),
    "OperationOutcome in the searchset": _along(outcome("error")),
    "fewer than announced": _changed(lambda page: {**page, "total": 99}),
    "endless pages": _next(_more),
    "pages in a circle": _next(lambda handler: handler.path),
    "second page broken": _second_page_broken,
    "next page elsewhere": _next(lambda _: _ELSEWHERE),
    "link without address": _changed(lambda page: {**page, "link": [{"relation": "next"}]}),
}
"""Faults of searches only."""


def _late(handler: Handler, good: Good) -> None:
    handler.ehr.over.wait(0.05)
    handler.answer(good())


def _at_the_second_try(code: int) -> Fault:
    def behave(handler: Handler, good: Good) -> None:
        tries = sum(path == handler.path for path, _ in handler.ehr.asked)
        if tries % 2:
            handler.answer(b"", code, Retry_After="0")
        else:
            handler.answer(good())

    return behave


def _in_pages(link: Callable[[Handler], str]) -> Fault:
    """One resource on the first page, the others, if any, on the second; both tell the total."""

    def behave(handler: Handler, good: Good) -> None:
        page = good()
        if len(page["entry"]) < 2:
            handler.answer(page)
        elif AGAIN in handler.path:
            handler.answer({**page, "entry": page["entry"][1:]})
        else:
            links = [*page["link"], {"relation": "next", "url": link(handler)}]
            handler.answer({**page, "entry": page["entry"][:1], "link": links})

    return behave


def _chunked(handler: Handler, good: Good) -> None:
    raw = fhir_json.write(good())
    handler.start(Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(raw), raw))


def _compressed(handler: Handler, good: Good) -> None:
    handler.answer(gzip.compress(fhir_json.write(good())), Content_Encoding="gzip")


HARMLESS: Mapping[str, Fault] = {
    "some latency": _late,
    "429 once": _at_the_second_try(429),
    "503 once": _at_the_second_try(503),
    "absolute page links": _in_pages(lambda handler: f"{handler.ehr.base}{_page(handler)}"),
    "relative page links": _in_pages(lambda handler: f"/fhir{_page(handler)}"),
    "page links by query alone": _in_pages(lambda handler: f"?{_page(handler).partition('?')[2]}"),
    "a warning along": _along(outcome("warning")),
    "no total": _changed(lambda page: {name: page[name] for name in page if name != "total"}),
    "chunked": _chunked,
    "compressed": _compressed,
    "moved within the server": lambda handler, good: (
        handler.answer(good())
        if AGAIN in handler.path
        else handler.answer(b"", 308, Location=f"{handler.path}&{AGAIN}1")
    ),
}
"""What searches may do."""


def _page(handler: Handler) -> str:
    return f"{handler.path.removeprefix('/fhir')}&{AGAIN}1"
