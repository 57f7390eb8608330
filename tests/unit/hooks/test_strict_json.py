"""Members are told apart exactly, whatever the spacing, nesting and escapes around them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.hooks.strict_json import read_members, read_object
from cds_service.kernel.errors import CallError

Values = st.recursive(
    st.none() | st.integers(-30, 30) | st.text(alphabet='ab"\\ ,:{}', max_size=4),
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.sampled_from("ab"), part, max_size=2),
    max_leaves=4,
)
Pairs = st.lists(st.tuples(st.text(alphabet='ab"\\,{', max_size=2), Values), max_size=4)
Blanks = st.sampled_from(["", " ", "\n\t"])


@given(Pairs, Blanks)
def test_members_come_out_as_sent_unless_one_stands_twice(
    pairs: list[tuple[str, object]], blank: str
) -> None:
    text = ",".join(
        f"{blank}{json.dumps(name)}{blank}:{blank}{json.dumps(value)}{blank}" for name, value in pairs
    )
    body = f"{blank}{{{text}{blank}}}{blank}".encode()
    if len({name for name, _ in pairs}) < len(pairs):
        with pytest.raises(CallError, match="more than once"):
            read_members(body)
        with pytest.raises(CallError, match="twice"):
            read_object(body)
    else:
        assert {name: json.loads(raw) for name, raw in read_members(body).items()} == dict(pairs)
        assert read_object(body) == dict(pairs)


@pytest.mark.requirement("CH-061")
@pytest.mark.parametrize(
    "text", ['{"a":"\\ud800"}', '{"a":"\x01"}', '{"a":' + "9" * 5000 + "}", '{"a":1e999999999}']
)
def test_odd_text_and_numbers_are_read_or_refused(text: str) -> None:
    try:
        read = read_object(text.encode())
    except CallError as error:
        read = {"a": error.code}
    assert list(read) == ["a"]


def test_a_message_says_which_object_is_meant() -> None:
    """Bad input gets a clear error: what is wrong and where."""
    with pytest.raises(CallError, match="prefetch is not a JSON object") as caught:
        read_members(b"[]", "prefetch")
    assert caught.value.where == "prefetch"
