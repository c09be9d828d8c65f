"""
The one reading of a URL that somebody else gave: whoever judges it and whoever follows it see the same host. Pure.

Stricter than RFC 3986 and the WHATWG's parser, which disagree with each other and with every library: visible ASCII
without a backslash, http or https with both slashes, no user name, and a host that is a plain name or an address in
its one canonical form. What is read is what goes out: dot segments, double slashes and stray percent signs stay, since
a signature may cover them; only what every browser escapes is escaped.
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from archive.errors import LinkRefusedError
from archive.idna_labels import are_sound

MAX_URL = 8192  # characters, as given and as it goes out
MAX_PORT = 0xFFFF
DEFAULT_PORTS = {"https": 443, "http": 80}
_VISIBLE = re.compile(r"[!-\[\]-~]*")  # no backslash: half of all parsers take it for a slash
_URL = re.compile(r"(https?)://([^/?#]+)([^#]*)(?:#.*)?", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]*))?")
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
MAX_NAME = 253  # characters, without a dot at the end
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")  # as the last label: some systems read an address
# What browsers escape, in the path and in the query; all else goes out as it was given, since it may be signed.
_ESCAPED_IN_PATH = {ord(c): f"%{ord(c):02X}" for c in '"<>^`{}'}
_ESCAPED_IN_QUERY = {ord(c): f"%{ord(c):02X}" for c in "\"<>'"}


@dataclass(frozen=True)
class WebUrl:
    """An absolute http(s) URL. Its target may be signed, so its repr shows none."""

    scheme: str  # "http" or "https"
    host: str  # lower case; a name without a dot at its end, or an address without brackets
    port: int
    target: str = field(repr=False)  # path and query, as they go on the wire

    @property
    def origin(self) -> str:
        """`host:port`, as settings name origins."""
        return f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """As in a Host header: an IPv6 address in brackets, the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def read_url(text: str) -> WebUrl:
    """
    Read *text*; a fragment is left out.

    What comes out reads as itself: `read_url(str(read)) == read`.

    Raises:
        LinkRefusedError: `scheme_not_allowed`, `credentials_in_link`, `link_malformed`.
    """
    if len(text) > MAX_URL or not is_visible(text):
        raise LinkRefusedError("link_malformed")
    found = _URL.fullmatch(text)
    if found is None:
        scheme = _SCHEME.match(text)
        known = scheme is None or scheme[0][:-1].lower() in DEFAULT_PORTS
        raise LinkRefusedError("link_malformed" if known else "scheme_not_allowed")
    scheme_name, authority, target = found[1].lower(), found[2].lower(), found[3]
    if "@" in authority:
        raise LinkRefusedError("credentials_in_link")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise LinkRefusedError("link_malformed")
    read = WebUrl(scheme_name, _host(parts[1]), _port(parts[2], scheme_name), _on_the_wire(target))
    if len(str(read)) > MAX_URL:
        raise LinkRefusedError("link_malformed")
    return read


def is_visible(text: str) -> bool:
    """Whether *text* is of characters that a URL can be made of: no blank, nothing unseen, ASCII, no backslash."""
    return _VISIBLE.fullmatch(text) is not None


def _port(digits: str | None, scheme: str) -> int:
    """No number at all is the scheme's own port, with or without a colon; zeros before one say nothing."""
    if not digits:
        return DEFAULT_PORTS[scheme]
    kept = digits.lstrip("0") or "0"
    if len(kept) > len(str(MAX_PORT)) or int(kept) > MAX_PORT:
        raise LinkRefusedError("link_malformed")
    return int(kept)


def _host(text: str) -> str:
    try:
        if text.startswith("["):
            return IPv6Address(text[1:-1]).compressed
        if _NUMERIC.fullmatch(text):
            return str(ip_address(text))  # the one form that every system reads alike
    except ValueError:
        raise LinkRefusedError("link_malformed") from None
    name = text.removesuffix(".")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or not are_sound(name.split(".")):
        raise LinkRefusedError("link_malformed")
    return name


def _on_the_wire(target: str) -> str:
    path, mark, query = target.partition("?")
    return (path or "/").translate(_ESCAPED_IN_PATH) + mark + query.translate(_ESCAPED_IN_QUERY)
