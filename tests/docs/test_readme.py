"""The README keeps its promises: its commands are those of CI, its call gets the answer that it shows."""

import json
import os
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.docs.readme import README, ROOT, blocks, differences

SERVICE = "http://127.0.0.1:8080"


@pytest.fixture
def service(app: Flask) -> Iterator[str]:
    """Base address of a running service: the one CI started, or one on a free port of this machine."""
    if started := os.environ.get("README_SERVICE"):
        yield started
        return
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def commands() -> list[str]:
    """Every command line that the README asks a reader to type."""
    return [
        line for block in blocks("sh") for line in block.splitlines() if line and not line.startswith("#")
    ]


def test_two_commands_do_all_set_up_and_ci_runs_exactly_those() -> None:
    """README: one command runs the demo, one passes the tests, and `.ci/run` runs both."""
    made = [line for line in commands() if line.startswith("make ")]
    assert made == ["make demo", "make check"]
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    for line in made:
        assert re.search(rf"^(?:run|setsid) {line}\b", script, re.MULTILINE), f".ci/run does not run {line!r}"


def test_every_command_of_the_readme_is_tried_here_or_in_ci() -> None:
    """A command that nothing runs goes stale."""
    untried = [line for line in commands() if not line.startswith(("make ", "curl "))]
    assert not untried


def test_the_call_of_the_readme_gets_the_answer_it_shows(service: str) -> None:
    """The README's curl, run as it stands, brings every member of the answer below it."""
    [call] = [line for line in commands() if line.startswith("curl ")]
    assert SERVICE in call
    words = shlex.split(call.replace(SERVICE, service))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    [shown] = blocks("json")
    assert differences(json.loads(shown), json.loads(done.stdout)) == []


def test_a_wrong_answer_would_be_seen() -> None:
    """The comparison finds a changed value, a missing member and a missing item, and allows shortening."""
    real = {"cards": [{"summary": "Capital: open", "detail": "x"}], "n": 1}
    assert differences({"cards": [{"summary": "Capital: met"}]}, real) == [
        "answer.cards[0].summary is 'Capital: open'"
    ]
    assert differences({"cards": [{"summary": "Capital: ..."}]}, real) == []
    assert differences({"cards": [{"summary": "Shield: ..."}]}, real) == [
        "answer.cards[0].summary is 'Capital: open'"
    ]
    assert differences({"cards": [{}, {}], "m": 1}, real) == [
        "answer.m is not there",
        "answer.cards has 1 items",
    ]
    assert differences({"n": True}, real) == ["answer.n is 1"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):#]+)\)", README))))
def test_every_link_of_the_readme_leads_somewhere(target: str) -> None:
    """Links inside the repository name files that are there."""
    assert (ROOT / target).is_file()
