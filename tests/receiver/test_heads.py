"""The head of a request, judged and rewritten as bytes, without a connection."""

from receiver.heads import without_upgrade
from receiver.last_words import encoded, slow


def test_without_upgrade__keeps_all_else_in_its_order() -> None:
    """A head that is read again differs by its offer alone, so that whatever was verified of it still is."""
    fields = [
        (b"host", b"h"),
        (b"upgrade", b"h2c"),
        (b"connection", b"Upgrade, HTTP2-Settings"),
        (b"a", b""),
        (b"a", b"2"),
    ]
    head = without_upgrade(b"POST", b"/webhooks/kie?a=%2F", "1.1", fields)
    kept = b"host: h\r\nconnection: Upgrade, HTTP2-Settings\r\na: \r\na: 2\r\n"
    assert b"POST /webhooks/kie?a=%2F HTTP/1.1\r\n" + kept + b"\r\n" == head


def test_encoded__says_that_it_is_the_last() -> None:
    """Whoever reads a last word learns its length and that the connection ends, and sends nothing more into it."""
    head, _, body = encoded(slow("its body"), [(b"date", b"now")]).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert [b"HTTP/1.1 408 Request Timeout", b"date: now"] == lines[:2]
    assert {b"connection: close", b"content-length: %d" % len(body)} <= set(lines)
