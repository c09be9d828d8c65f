"""What names and links may look like before they enter the ledger."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import NotUnderstoodError
from archive.grammar import MAX_NAME, check_name, check_url
from archive.urls import MAX_URL


@given(st.text(st.characters(), max_size=40))
def test_check_name__nothing_that_moves_a_cursor_or_breaks_a_column(value: str) -> None:
    """Whatever passes can be printed on one line, encoded as UTF-8, and stored in any database."""
    try:
        kept = check_name(value, "task_id")
    except NotUnderstoodError as exc:
        assert exc.reason in {"task_id_missing", "task_id_not_printable"}  # noqa: PT017
        return
    assert value == kept
    assert kept.isprintable()
    assert not set(kept) & set(" \x00\x7f\u2028\u2029")
    assert kept == kept.encode().decode()


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=MAX_NAME))
def test_check_name__every_visible_ascii_text(value: str) -> None:
    """Any text of 1 to 512 visible ASCII characters is a name."""
    assert value == check_name(value, "task_id")


def test_check_name__length() -> None:
    """512 characters are a name, 513 are none; nothing is missing."""
    assert check_name("x" * MAX_NAME, "what")
    for value, reason in (("x" * (MAX_NAME + 1), "what_not_printable"), ("", "what_missing"), (None, "what_missing")):
        with pytest.raises(NotUnderstoodError, match=reason):
            check_name(value, "what")


@pytest.mark.parametrize(
    "url", ["https://h", "http://h:8080/a?b=c#d", "https://[::1]/a", "https://h/%00", "https://xn--e1afmkfd.example/"]
)
def test_check_url__absolute_http(url: str) -> None:
    """An absolute http or https URL with a host has the form of a link."""
    assert url == check_url(url)


@given(st.text(st.characters(), max_size=60).map("https://".__add__) | st.text(st.characters(), max_size=60))
def test_check_url__anything_else_is_refused(value: str) -> None:
    """Whatever passes is visible ASCII that JSON and a request line carry unchanged."""
    try:
        kept = check_url(value)
    except NotUnderstoodError as exc:
        assert "link_not_a_url" == exc.reason  # noqa: PT017
        return
    assert kept.isascii()
    assert kept.isprintable()
    assert " " not in kept
    assert value == kept == json.loads(json.dumps(kept))


def test_check_url__length() -> None:
    """A URL of 8 KiB is followed, one byte more is not."""
    head = "https://h/"
    assert check_url(head + "a" * (MAX_URL - len(head)))
    with pytest.raises(NotUnderstoodError):
        check_url(head + "a" * (MAX_URL - len(head) + 1))
