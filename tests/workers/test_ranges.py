"""What a Content-Range says, and which parts continue a version; any bytes from a stranger give an answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.ranges import Part, continuation, read_part, version_of

URL = "https://files.example/v.mp4"
VERSION = version_of(URL, {"etag": '"one"', "content-length": "100"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 0-0/1", Part(0, 0, 1)),
        ("bytes 5-9/10", Part(5, 9, 10)),
        ("Bytes 5-9/*", Part(5, 9, None)),
        ("bytes 5-9/9", None),
        ("bytes 9-5/10", None),
        ("bytes */10", None),
        ("bytes=5-9/10", None),
        ("bytes 5-9", None),
        ("bytes -5-9/10", None),
        ("bytes 5-9/10, bytes 5-9/10", None),
        ("bytes 5-9/10\n", None),
        ("bytes \u0665-9/10", None),
        (f"bytes 5-{'9' * 19}/*", None),
        ("", None),
    ],
)
def test_read_part__table(value: str, expected: Part | None) -> None:
    """F49: a Content-Range is read by its grammar and to its meaning, or not at all."""
    assert expected == read_part(value)


@settings(max_examples=200, derandomize=True)
@given(st.text("0123456789-/* =,\n\u0665", max_size=20))
def test_read_part__any_text(rest: str) -> None:
    """F49: whatever is read is a range that holds at least one byte and lies within its total."""
    part = read_part(f"bytes {rest}")
    assert part is None or (part.size > 0 and (part.total is None or part.end < part.total))


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        (URL, True),
        (f"{URL}?sig=anew", True),
        ("https://files.example/w.mp4", False),
        ("https://other.example/v.mp4", False),
        ("http://files.example/v.mp4", False),
    ],
)
def test_continuation__of_the_same_place(url: str, fits: bool) -> None:
    """A redirect that is signed anew for each request leads to the same file; another place has its own ETags."""
    said = {"content-range": "bytes 50-99/100", "etag": '"one"'}
    version = version_of(f"{URL}?sig=first", {"etag": '"one"', "content-length": "100"})
    assert fits == (continuation(version, 50, url, said) is not None)


@settings(max_examples=300, derandomize=True)
@given(at=st.integers(0, 120), start=st.integers(0, 120), end=st.integers(0, 120), total=st.integers(0, 120))
def test_continuation__only_from_here_and_of_the_same_size(at: int, start: int, end: int, total: int) -> None:
    """F49: a part continues only from the very byte that is missing, and only in a file of the same size."""
    said = {"content-range": f"bytes {start}-{end}/{total}", "etag": '"one"'}
    part = continuation(VERSION, at, URL, said)
    assert (part is not None) == (start == at <= end < total == 100)


@settings(max_examples=200, derandomize=True)
@given(st.dictionaries(st.sampled_from(["etag", "last-modified", "date", "content-length"]), st.text(max_size=40)))
def test_version_of__any_headers(headers: dict[str, str]) -> None:
    """F50: no header of a stranger makes the reading fail, and a validator is always one that the answer bore."""
    version = version_of(URL, headers)
    assert version.validator is None or version.validator in (headers.get("etag"), headers.get("last-modified"))
    assert URL not in repr(version)
