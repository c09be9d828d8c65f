"""JSON from strangers: bytes in, plain values or one clear error out."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.documents import Reader, dump, parse
from archive.errors import MalformedDeliveryError, NotUnderstoodError

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
    "100k arrays": b"[" * 100_000,
    "100k arrays, closed": b"[" * 100_000 + b"]" * 100_000,
    "100k objects": b'{"a":' * 100_000,
    "5000 digits": b"1" * 5000,
    "BOM": b"\xef\xbb\xbf{}",
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


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_parse__malformed(body: bytes) -> None:
    """What is not one JSON document in UTF-8 with numbers a double can hold is `not_json`."""
    with pytest.raises(MalformedDeliveryError, match=r"^not_json$"):
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
