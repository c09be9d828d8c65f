"""
Measure the tags that stand around sound: ID3v1, ID3v2 (id3.org), APEv2 and Lyrics3 v2.

Decides where a tag ends by the length it states, that it is there to its end, and how many may follow each other
without sound between them. Never reads what a tag says.
"""

import re
from collections.abc import Callable
from functools import partial

from archive.errors import NotMediaError
from workers.media.reader import TOO_MANY_PARTS, TRUNCATED, Reader

ID3V1, ID3V1_LENGTH = b"TAG", 128
LYRICS, LYRICS_END, LYRICS_END_LENGTH = b"LYRICSBEGIN", re.compile(rb"LYRICS200|LYRICSEND"), 9
MAX_LYRICS = 1 << 20  # bytes
APE, APE_LENGTH = b"APETAGEX", 32  # bytes of its header, and of its footer
ID3V2, ID3V2_LENGTH = b"ID3", 10
FOOTER = 0x10  # flag of an ID3v2 that repeats its header at its end
MAX_TAGS = 64  # in a row; there is one of each kind, or a few where programs added theirs without looking


def after_leading(reader: Reader, at: int) -> int:
    """Return the offset behind the tags that begin at *at*, which is *at* where none does."""
    return _pass_tags(reader, at, partial(_after_leading_tag, reader))


def before_trailing(reader: Reader) -> int:
    """Return the offset at which the tags at the end of the file begin, which is its end where it has none."""
    return _pass_tags(reader, reader.size, partial(_before_tag, reader))


def after_trailing(reader: Reader, at: int, end: int) -> int:
    """
    Return the offset behind the tags that begin at *at*, before *end*, which is *at* where none does.

    Raises:
        NotMediaError: one has only begun, or there are too many.
    """
    return _pass_tags(reader, at, lambda at: _after_trailing_tag(reader, at) if at < end else at)


def _pass_tags(reader: Reader, at: int, pass_tag: Callable[[int], int]) -> int:
    """Return *at* moved by *pass_tag* until that moves no further."""
    for _ in range(MAX_TAGS + 1):
        reader.spend()
        passed = pass_tag(at)
        if passed == at:
            return at
        at = passed
    raise NotMediaError(TOO_MANY_PARTS)


def _after_leading_tag(reader: Reader, at: int) -> int:
    head = reader.peek(at, APE_LENGTH)
    if head.startswith(ID3V2):
        head = reader.take(at, ID3V2_LENGTH)
        length = 0
        for byte in head[6:10]:
            length = length << 7 | byte & 0x7F
        return reader.inside(at + ID3V2_LENGTH + length + (ID3V2_LENGTH if head[5] & FOOTER else 0))
    if head.startswith(APE):
        head = reader.take(at, APE_LENGTH)
        return reader.inside(at + APE_LENGTH + int.from_bytes(head[12:16], "little"))
    return at


def _before_tag(reader: Reader, end: int) -> int:
    """Return the offset of the tag that ends at *end*, or *end*."""
    if end >= ID3V1_LENGTH and reader.peek(end - ID3V1_LENGTH, 3) == ID3V1:
        return end - ID3V1_LENGTH
    if end >= APE_LENGTH and (footer := reader.peek(end - APE_LENGTH, APE_LENGTH)).startswith(APE):
        # The stated length has the footer in it, but not the header, which a flag announces.
        length = int.from_bytes(footer[12:16], "little") + (APE_LENGTH if footer[23] & 0x80 else 0)
        return end - length if APE_LENGTH <= length <= end else end
    if end >= 15 and (foot := reader.peek(end - 15, 15)).endswith(b"LYRICS200") and foot[:6].isdigit():
        length = int(foot[:6]) + 15
        return end - length if length <= end else end
    return end


def _after_trailing_tag(reader: Reader, at: int) -> int:
    head = reader.peek(at, len(LYRICS))
    if head.startswith(ID3V1):
        return reader.inside(at + ID3V1_LENGTH)
    if head.startswith(LYRICS):
        mark = reader.find(LYRICS_END, LYRICS_END_LENGTH, at, min(at + MAX_LYRICS, reader.size))
        if mark is None:
            raise NotMediaError(TRUNCATED)
        return mark + LYRICS_END_LENGTH
    if any(magic.startswith(head) for magic in (ID3V1, APE, LYRICS, ID3V2)):
        raise NotMediaError(TRUNCATED)  # the file ends within the tag's first word
    return _after_leading_tag(reader, at)
