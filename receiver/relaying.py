"""What a request and its answer keep on their way through the proxy (RFC 9110, 7.6.1). Pure."""

from receiver.upstream import Headers

_HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization",
    b"te", b"trailer", b"transfer-encoding", b"upgrade",
}  # fmt: skip
# Of the connection to us, or told by us anew. `identity` keeps the answer readable here; every client takes it.
_OURS = {
    b"host", b"cookie", b"authorization", b"accept-encoding", b"content-length", b"expect", b"forwarded", b"x-real-ip",
}  # fmt: skip
# What a provider says of its own origin must not become true of ours; the date is the server's to write, and
# which task was registered is ours to say.
_OF_ITS_ORIGIN = {
    b"set-cookie", b"set-cookie2", b"alt-svc", b"strict-transport-security", b"clear-site-data", b"date",
    b"reelkeep-task",
}  # fmt: skip
BODILESS = frozenset({204, 304})  # statuses of answers that have none, whatever their headers say
_JSON = (b"application/json", b"text/json")


def request_headers(headers: Headers, authorization: bytes) -> list[tuple[bytes, bytes]]:
    """Those that go to the provider, in their order, with *authorization* as the only proof."""
    dropped = _HOP_BY_HOP | _OURS | _named(headers)
    passed = [
        (name, value) for name, value in headers
        if name.lower() not in dropped and not name.lower().startswith(b"x-forwarded-")
    ]  # fmt: skip
    return [*passed, (b"Authorization", authorization), (b"Accept-Encoding", b"identity")]


def answer_headers(status: int, headers: Headers) -> list[tuple[bytes, bytes]]:
    """Those that go back to the caller. Lower case, as ASGI wants it."""
    dropped = _HOP_BY_HOP | _OF_ITS_ORIGIN | _named(headers)
    if status in BODILESS or any(name.lower() == b"transfer-encoding" for name, _ in headers):
        dropped.add(b"content-length")  # it does not count there (RFC 9112, 6.3), and may say anything
    return [(name.lower(), value) for name, value in headers if name.lower() not in dropped]


def is_readable(headers: Headers) -> bool:
    """Whether an answer with these headers is JSON that can be read as it stands."""
    found = {name.lower(): value.lower() for name, value in headers}
    kind = found.get(b"content-type", b"").partition(b";")[0].strip()
    is_json = kind in _JSON or kind.endswith(b"+json")
    return is_json and found.get(b"content-encoding", b"identity") == b"identity"


def _named(headers: Headers) -> set[bytes]:
    """What Connection names is of one hop as well."""
    lists = [value for name, value in headers if name.lower() == b"connection"]
    return {word.strip().lower() for value in lists for word in value.split(b",")}
