"""
Take secrets out of text that a stranger wrote: ours, and what is signed in its links.

A provider may echo the callback URL (KIE does), and what it echoes may stand in JSON, in JSON within JSON and in
another URL's query, each with escapes of its own. So the text is read as it stands and with the escapes of JSON
(`\\u0072` or `\\x72`, any number of backslashes), of URLs (`%72`) and of HTML (`&#114;`) undone, layer by layer; what
is found in a layer is cut out of the text at the place it came from. In base64 a secret is found by its looks there.

Nothing else is undone: a secret reversed or in pieces stays where it is, and so does what is signed in a link that is
in base64 or has no `//`. The number of layers is bounded, and each is read once: the text is a stranger's, and must
not choose how long we search.
"""

import re
from array import array
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import unescape

from archive.callback_token import PREFIX

LAYERS = 8  # JSON in JSON and percent-encoding of percent-encoding count once, however deep
SHORTEST = 8  # characters: to cut out every "k" would hide nothing, and leave nothing to read

Span = tuple[int, int]

_ESCAPE = re.compile(
    rb"""\\+ (?: u(?P<high>d[89ab][0-9a-f]{2}) \\+ u(?P<low>d[c-f][0-9a-f]{2}) | u(?P<unit>[0-9a-f]{4})
              | x(?P<hexed>[0-9a-f]{2}) )?
      |  % (?:25)* (?P<byte>[0-9a-f]{2})
      |  & (?:amp;)* (?P<entity> \# (?: x0*[0-9a-f]{1,6} | 0*[0-9]{1,7} ) | [a-z][a-z0-9]{1,30} ) ;""",
    re.IGNORECASE | re.VERBOSE,
)
_ENDS = b' \t\n\r\f\v"<>'  # of a link, where they are not escaped
_ESCAPED_END = b"\x1a"
_FOLD = bytes.maketrans(_ENDS, _ESCAPED_END * len(_ENDS))
_LINK = re.compile(rb"""//[^?#\s"<>]*([?#])?""")  # of any scheme, or none
_USER = re.compile(rb"""//([^/\\?#\s"<>]*@)""")
_QUERY = re.compile(rb"""[^\s"<>]*""")


def _in_base64(raw: bytes) -> frozenset[bytes]:
    """How *raw* looks within base64: of its first and last characters those that do not depend on what is beside it."""
    return frozenset(
        encode(b"\0" * before + raw)[-(-before * 4 // 3) : (before + len(raw)) * 4 // 3]
        for encode in (b64encode, urlsafe_b64encode)
        for before in range(3)
    )


# A token cut short goes, too: what is left of its signature would help to guess the rest.
_MINTED = re.compile(
    b"%b[0-9a-f]*|(?:%b)[a-z0-9+/_-]*"
    % (re.escape(PREFIX.encode()), b"|".join(re.escape(look.lower()) for look in sorted(_in_base64(PREFIX.encode()))))
)


def redact(text: str, secrets: Iterable[str]) -> str:
    """
    *text* with links cut behind their path, and without minted tokens and *secrets* of eight characters or more.

    Each is found as it stands and in the escapes of JSON and URLs, nested; see above for what is not.
    """
    needles = {needle for secret in secrets for needle in _needles(secret)}
    raw = text.encode("utf-8", "surrogatepass")
    cuts: list[tuple[int, int, bytes]] = []
    for layer in _layers(raw):
        cuts += [(*layer.origin(span), b"[secret]") for span in _secrets(layer.text, needles)]
        cuts += _links(layer, raw)
    return _without(raw, cuts).decode("utf-8", "replace")


class _Layer:
    """A text with some layers of escapes undone, and the way from a place in it to the place it came from."""

    def __init__(self, text: bytes, below: "_Layer | None" = None) -> None:
        self.below = below
        self.text = text if below is None else b"".join(self._undone(text))

    def _undone(self, text: bytes) -> Iterator[bytes]:
        # Of each escape: where its first byte stands here, how many it became, and its span below.
        self._here, self._widths, self._starts, self._ends = (array("L") for _ in range(4))
        read = here = 0
        for escape in _ESCAPE.finditer(text):
            start, end = escape.span()
            became = _meaning(escape)
            here += start - read
            self._here.append(here)
            self._widths.append(len(became))
            self._starts.append(start)
            self._ends.append(end)
            yield text[read:start]
            yield became
            here += len(became)
            read = end
        yield text[read:]

    def origin(self, span: Span) -> Span:
        """The bytes of the first layer that *span* came from."""
        start, end = span
        layer = self
        while layer.below is not None:
            start, end = layer._start(start), layer._end(end - 1)
            layer = layer.below
        return start, end

    def _start(self, at: int) -> int:
        escape = bisect_right(self._here, at) - 1
        if escape < 0:
            return at
        past = at - self._here[escape] - self._widths[escape]
        # Backslashes that became nothing belong to what stands behind them.
        return (
            self._starts[escape] if past < 0 or (past == 0 and not self._widths[escape]) else self._ends[escape] + past
        )

    def _end(self, last: int) -> int:
        escape = bisect_right(self._here, last) - 1
        if escape < 0:
            return last + 1
        past = last - self._here[escape] - self._widths[escape]
        return self._ends[escape] + max(0, past + 1)


def _layers(raw: bytes) -> Iterator[_Layer]:
    """*raw* as it stands, and with one layer of escapes after the other undone, until none is left or LAYERS are."""
    layer = _Layer(raw)
    yield layer
    for _ in range(LAYERS):
        if not _ESCAPE.search(layer.text):
            return
        layer = _Layer(layer.text, layer)
        yield layer


def _meaning(escape: re.Match[bytes]) -> bytes:
    """What an escape stands for; backslashes before anything but a code unit stand for nothing."""
    high, low, unit, hexed, byte, entity = escape.groups()
    if byte or hexed:
        meaning = bytes((int(byte or hexed, 16),))
    elif entity:
        meaning = unescape(f"&{entity.decode()};").encode("utf-8", "surrogatepass")
    elif unit:
        meaning = chr(int(unit, 16)).encode("utf-8", "surrogatepass")
    elif high:
        meaning = bytes.fromhex((high + low).decode()).decode("utf-16-be").encode()
    else:
        return b""
    return meaning.translate(_FOLD)


@lru_cache(maxsize=256)
def _needles(secret: str) -> frozenset[bytes]:
    """*secret* as it is sought in a layer: as it stands, and as it looks when its own escapes were undone, too."""
    raw = secret.encode("utf-8", "surrogatepass")
    found = {layer.text for layer in _layers(raw)} | _in_base64(raw)
    return frozenset(_folded(text) for text in found if len(text) >= SHORTEST and len(secret) >= SHORTEST)


def _folded(text: bytes) -> bytes:
    return text.lower().translate(_FOLD)


def _secrets(text: bytes, needles: Iterable[bytes]) -> Iterator[Span]:
    text = _folded(text)
    yield from (token.span() for token in _MINTED.finditer(text))
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = text.find(needle, at + len(needle))


def _links(layer: _Layer, raw: bytes) -> Iterator[tuple[int, int, bytes]]:
    """What must go of the links in *layer*; a query ends where the first layer has an end, however it is escaped."""
    for user in _USER.finditer(layer.text):
        yield (*layer.origin(user.span(1)), b"[redacted]@")
    done = 0
    for link in _LINK.finditer(layer.text):
        if not link[1]:
            continue
        start, end = layer.origin(link.span(1))
        if start >= done:
            query = _QUERY.match(raw, end)
            done = query.end() if query else end
            yield start, max(end, start + len(raw[start:done].rstrip(b"\\"))), b"?[redacted]"


def _without(raw: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    """*raw* with each cut replaced; where cuts overlap, the first gives the word for all."""
    parts = []
    read = 0
    for start, end, word in sorted(cuts, key=lambda cut: (cut[0], -cut[1])):
        if start >= read:
            parts += [raw[read:start], word]
        read = max(read, end)
    return b"".join([*parts, raw[read:]])
