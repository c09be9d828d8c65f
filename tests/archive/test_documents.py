"""JSON from strangers: bytes in, plain values or one clear error out."""

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.documents import MAX_DEPTH, Reader, dump, parse
from archive.errors import MalformedDeliveryError, NotUnderstoodError
from tests.hostile_json import BOM, hostile_bodies, nested

MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "blank": b"  \n",
    "half": b'{"a":',
    "two documents": b"{}{}",
    "NaN": b'{"a":NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "a number no double holds": b'{"a":1e9999}',
    "minus the same": b"[-1e9999]",
    "40k arrays": b"[" * 40_000,
    "40k objects": b'{"a":' * 40_000,
    "closed by the wrong ones": (b"[" * 40 + b"}" * 40) * 2,
    "opened by the wrong ones": (b"{" * 40 + b"]" * 40) * 2,
    "5000 digits": b"1" * 5000,
    "two BOMs": BOM * 2 + b"{}",
    "BOM behind": b"{}" + BOM,
    "BOM between": b"[" + BOM + b"1]",
    "half a BOM": BOM[:2] + b"{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "Latin-1": '{"a":"é"}'.encode("latin-1"),
    "overlong": b'"\xc0\xaf"',
    "encoded surrogate": b'"\xed\xa0\x80"',
    "raw control character": b'"\x00"',
    "single quotes": b"{'a':1}",
    "a form": b"taskId=t1&status=1",
    "gzip": b"\x1f\x8b\x08\x00",
}
TOO_MUCH: dict[str, tuple[bytes, str]] = {
    "65 arrays": (nested(65), "too_deep"),
    "65 objects": (nested(65, "{"), "too_deep"),
    "65 levels among others": (b'[[],"",%s,{}]' % nested(64), "too_deep"),
    "65 levels, a bracket in a text": (b'["\\"]]]",%s]' % nested(64), "too_deep"),
    "20k arrays, closed": (nested(20_000), "too_deep"),
    "100k arrays": (b"[" * 100_000, "too_many_values"),
    "100k objects": (b'{"a":' * 100_000, "too_many_values"),
    "50k numbers": (b"[%s0]" % (b"0," * 50_000), "too_many_values"),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_parse__malformed(body: bytes) -> None:
    """What is not one JSON document in UTF-8 with numbers a double can hold is `not_json`."""
    with pytest.raises(MalformedDeliveryError, match=r"^not_json$"):
        parse(body)


@pytest.mark.parametrize(("body", "reason"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_parse__too_much(body: bytes, reason: str) -> None:
    """F35: what is deeper or has more parts than anybody needs is refused by a fixed limit, not by the stack's."""
    with pytest.raises(MalformedDeliveryError, match=rf"^{reason}$"):
        parse(body)


@pytest.mark.parametrize(
    "body",
    [nested(64), nested(64, "{"), b"[%s]" % b",".join([nested(63)] * 300), b'["%s"]' % (b"[{," * 50_000),
     b'["\\\\","%s"]' % (b"[" * 100), b'["\\\\\\"%s"]' % (b"[" * 100), b'[%s0,"%s"]' % (b"[]," * 20_000, b"," * 50_000),
     BOM + nested(3), BOM + b' {"a":"\xef\xbb\xbf"}'],
)  # fmt: skip
def test_parse__not_too_much(body: bytes) -> None:
    """What stands in texts is no nesting, and one byte order mark in front costs nothing."""
    assert json.loads(body.decode("utf-8-sig")) == parse(body)


def test_parse__hostile_bodies() -> None:
    """F35: each is a document of at most 64 levels, or an error of ours; its value can be written and read again."""
    found = Counter(_read(body) for body in hostile_bodies())
    assert {"document", "not_json", "too_deep"} == found.keys()
    assert found.total() >= 2000
    assert min(found.values()) >= 50


def _read(body: bytes) -> str:
    try:
        document = parse(body)
    except MalformedDeliveryError as exc:
        return exc.reason
    assert _depth(document) <= MAX_DEPTH
    assert document == parse(dump(document).encode())
    return "document"


def _depth(document: Any) -> int:
    deepest, left = 0, [(document, 0)]
    while left:
        value, above = left.pop()
        if isinstance(value, dict | list):
            deepest = max(deepest, above + 1)
            left += [(each, above + 1) for each in (value.values() if isinstance(value, dict) else value)]
    return deepest


@given(st.recursive(st.just(0) | st.text('[]{}",\\'), st.lists, max_leaves=5), st.integers(0, 80))
def test_parse__depth_is_counted_as_the_decoder_nests(inner: Any, around: int) -> None:
    """Whatever stands in texts, a document is too deep exactly when its nesting is beyond the limit."""
    body = b"[" * around + json.dumps(inner).encode() + b"]" * around
    if around + _depth(inner) <= MAX_DEPTH:
        assert json.loads(body) == parse(body)
    else:
        with pytest.raises(MalformedDeliveryError, match="too_deep"):
            parse(body)


@given(st.binary() | st.text().map(str.encode) | st.text('[]{}":,0123456789.eE+-\\untrfalse ').map(str.encode))
def test_parse__any_bytes(body: bytes) -> None:
    """Arbitrary bytes are a value or a MalformedDeliveryError, and no value is a number that JSON cannot write."""
    try:
        value = parse(body)
    except MalformedDeliveryError:
        return
    assert value == json.loads(json.dumps(value, allow_nan=False))


def test_parse__the_last_of_two_equal_keys() -> None:
    """Verify and normalise read one value, so a doubled key cannot show each of them another."""
    assert {"taskId": "b"} == parse(b'{"taskId":"a","taskId":"b"}')


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_dump__round_trip_in_ascii(value: Any) -> None:
    """Whatever was parsed is written as ASCII without NUL and read back the same, lone surrogates included."""
    text = dump(value)
    assert text.isascii()
    assert text.isprintable()
    assert value == parse(text.encode())


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_dump__no_number_json_cannot_write(number: float) -> None:
    """NaN written into the ledger would make the row unreadable to everybody; it is refused where it is written."""
    with pytest.raises(ValueError, match="JSON compliant"):
        dump({"a": number})


def test_reader__values_and_absence() -> None:
    """Each getter gives the value, and None where the key is absent or null."""
    reader = Reader(
        {"t": "x", "i": 7, "b": True, "n": None, "l": ["a"], "o": {"t": "y"}, "e": '{"t":"z"}', "blank": ""}
    )
    assert ("x", None, None) == (reader.text("t"), reader.text("n"), reader.text("absent"))
    assert (7, None, None) == (reader.integer("i"), reader.integer("n"), reader.integer("absent"))
    assert (True, None, None) == (reader.boolean("b"), reader.boolean("n"), reader.boolean("absent"))
    assert (["a"], [], []) == (reader.texts("l"), reader.texts("n"), reader.texts("absent"))
    assert "y" == reader.object("o").text("t")
    embedded = reader.embedded("e")
    assert embedded is not None
    assert "z" == embedded.text("t")
    assert (None, None, None) == (reader.embedded("n"), reader.embedded("absent"), reader.embedded("blank"))
    assert ("n" in reader, "absent" in reader) == (True, False)
    assert (True, False) == (bool(reader), bool(Reader({})))


@pytest.mark.parametrize(
    ("getter", "value", "reason"),
    [
        ("text", 7, "video_url_not_text"),
        ("text", [], "video_url_not_text"),
        ("boolean", 1, "video_url_not_boolean"),
        ("boolean", "true", "video_url_not_boolean"),
        ("integer", "7", "video_url_not_integer"),
        ("integer", True, "video_url_not_integer"),
        ("integer", 7.0, "video_url_not_integer"),
        ("texts", "a", "video_url_not_a_list_of_text"),
        ("texts", ["a", 1], "video_url_not_a_list_of_text"),
        ("object", None, "not_an_object"),
        ("object", [], "not_an_object"),
        ("embedded", "{", "video_url_not_json"),
        ("embedded", '{"a":NaN}', "video_url_not_json"),
        ("embedded", '{"a":1e9999}', "video_url_not_json"),
        ("embedded", "[" * 100_000, "video_url_not_json"),
        ("embedded", "\ud800", "video_url_not_json"),
        ("embedded", '"x"', "not_an_object"),
        ("embedded", {}, "video_url_not_text"),
    ],
)
def test_reader__values_of_another_kind(getter: str, value: object, reason: str) -> None:
    """A value of another kind than documented is not understood; the reason is a slug that holds none of it."""
    with pytest.raises(NotUnderstoodError) as caught:
        getattr(Reader({"videoUrl": value}), getter)("videoUrl")
    assert reason == caught.value.reason
