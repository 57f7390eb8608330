"""Plays the requests of this folder against the service, with the clock held still and counted ids.

`python -m tests.golden.replay` writes the answers anew; the difference is reviewed like code.
"""

import itertools
import json
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cds_service.kernel.clock import Clock
from cds_service.web.app import create_app
from tests.builders import knowledge

FOLDER = Path(__file__).parent
NOW = datetime(2026, 11, 22, 1, 30, tzinfo=timezone(timedelta(hours=9)))
TODAY = date(2026, 11, 21)
KEY = b"signs the links of the golden answers"


def cases() -> list[str]:
    """The names of all cases."""
    return sorted(path.parent.name for path in FOLDER.glob("*/request.json"))


def request_of(case: str) -> bytes:
    """The call of a case."""
    return (FOLDER / case / "request.json").read_bytes()


def expected(case: str) -> Any:
    """The answer on file."""
    return json.loads((FOLDER / case / "response.json").read_text("utf-8"))


def play(body: bytes, database: Path) -> dict[str, Any]:
    """Status and body of the answer to a call."""
    numbers: Iterator[int] = itertools.count(1)
    clock = Clock(
        today=lambda: TODAY,
        now=lambda: NOW,
        new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
    )
    url = f"sqlite:///{database}"
    app = create_app(clock=clock, knowledge=knowledge(), auth="off", database_url=url, signing_key=KEY)
    path = f"/cds-services/coverage-{json.loads(body)['hook']}"
    answer = app.test_client().post(path, data=body, content_type="application/json")
    return {"status": answer.status_code, "body": json.loads(answer.data)}


def main() -> None:
    """Writes every answer anew."""
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases()):
            answer = play(request_of(case), Path(folder) / f"{number}.sqlite3")
            text = json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
            (FOLDER / case / "response.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
