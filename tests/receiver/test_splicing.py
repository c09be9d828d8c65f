"""One member of a JSON object set in its text, and all else left as it stands."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.splicing import read_object, splice

FIELD, URL = "callBackUrl", 'https://h.example/webhooks/kie/rkcb_\u00e9"\\'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.text(max_size=8) | st.sampled_from([FIELD, "callBack\\u0055rl", "callbackurl"])
LAYOUTS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n\t", "\n:  ")])


class Digits(str):
    """A number as it is written."""

    __slots__ = ()


def exact(text: str) -> Any:
    """What a reader sees who takes nothing for granted: members in order and repeated, numbers digit by digit."""
    return json.loads(text, object_pairs_hook=tuple, parse_int=Digits, parse_float=Digits)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), LAYOUTS, st.booleans())
@example([], (",", ":"), False)
@example([(FIELD, {FIELD: "inner"}), ("a", [FIELD, {FIELD: 1}]), (FIELD, None)], (", ", ": "), True)
def test_splice__changes_one_member_and_nothing_else(
    members: list[tuple[str, Any]], layout: tuple[str, str], ascii_only: bool
) -> None:
    """Whatever the other members, their order, repeats and layout: each is what it was, and the member is ours."""
    comma, colon = layout

    def write(value: object) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, separators=layout)

    text = "{" + comma.join(f"{write(name)}{colon}{write(value)}" for name, value in members) + "}"
    try:
        body = f" \n{text}\r\n".encode()
    except UnicodeEncodeError:  # a lone surrogate that is not escaped is no UTF-8
        return
    assert read_object(body) is not None
    got = splice(body, FIELD, URL).decode()
    before = exact(text)
    after = exact(got)
    if any(name == FIELD for name, _ in members):
        assert tuple((name, URL if name == FIELD else value) for name, value in before) == after
    else:
        assert ((FIELD, URL), *before) == after
        assert got.replace(f"{json.dumps(FIELD)}:{json.dumps(URL)}{',' if members else ''}", "", 1).encode() == body


@pytest.mark.parametrize(
    "kept",
    [
        '"seed":123456789012345678901234567890', '"cfg":1.10', '"cfg":1E5', '"cfg":-0.0',
        '"n":0.1000000000000000055511',
        r'"prompt":"caf\u00e9 \ud83d\ude00 \/ \u0000"', '"prompt":"café 😀"', r'"lone":"\ud800"',
        '"a":1,"a":2', '  "a"  :\n[ 1 , 2 ]', '"input":{"callBackUrl":"https://inner.example","x":"}"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("theirs", ["", '"callBackUrl":null', '"callBackUrl" : "https://app.example/hook"'])
def test_splice__keeps_every_byte(kept: str, theirs: str) -> None:
    """Numbers keep their digits, text its escapes, members their repeats and the white space between them."""
    body = "{" + ",".join(filter(None, (kept, theirs))) + "}"
    assert kept in splice(body.encode(), FIELD, URL).decode()
    assert URL == json.loads(splice(body.encode(), FIELD, URL))[FIELD]


def test_splice__a_member_that_is_escaped_is_the_same_member() -> None:
    """A name is what it says, however it is written; every repeat is replaced, since readers differ on which counts."""
    body = rb'{"callBackUrl":"https://a.example","x":1,"call\u0042ackUrl":"https://b.example"}'
    after = exact(splice(body, FIELD, URL).decode())
    assert ((FIELD, URL), ("x", "1"), (FIELD, URL)) == after


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"{}"', b"{", b"{}{}", b'{"a":NaN}', b'{"a":1e999}', b"\xff", b"\xef\xbb\xbf{}", b"'{}'"]
    + [b'{"a":' * depth + b"1" + b"}" * depth for depth in (100_000,)],
)
def test_read__anything_else_is_none_of_ours(body: bytes) -> None:
    """What is no JSON object is not touched."""
    assert read_object(body) is None


def test_read__what_is_read_can_be_spliced_at_any_depth() -> None:
    """There is no depth at which a body is taken and then cannot be written."""
    for depth in range(900, 1100):
        body = b'{"a":' * depth + b"1" + b"}" * depth
        if read_object(body) is not None:
            assert splice(body, FIELD, URL).endswith(body[1:])
