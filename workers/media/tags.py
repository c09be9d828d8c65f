"""
Measure the tags that stand around sound: ID3v1, ID3v2 (id3.org), APEv2 and Lyrics3 v2.

Decides where a tag ends by the length it states, and that it is there to its end. Never reads what a tag says.
"""

import re

from archive.errors import NotMediaError
from workers.media.reader import TRUNCATED, Reader

ID3V1, ID3V1_LENGTH = b"TAG", 128
LYRICS, LYRICS_END, MAX_LYRICS = b"LYRICSBEGIN", re.compile(rb"LYRICS200|LYRICSEND"), 1 << 20
APE, APE_LENGTH = b"APETAGEX", 32  # bytes of its header, and of its footer
ID3V2, ID3V2_LENGTH = b"ID3", 10
FOOTER = 0x10  # flag of an ID3v2 that repeats its header at its end


def after_leading(reader: Reader, at: int) -> int:
    """Return the offset behind the tags that begin at *at*, which is *at* where none does."""
    while True:
        reader.spend()
        head = reader.peek(at, APE_LENGTH)
        if head.startswith(ID3V2):
            head = reader.take(at, ID3V2_LENGTH)
            length = 0
            for byte in head[6:10]:
                length = length << 7 | byte & 0x7F
            at = reader.inside(at + ID3V2_LENGTH + length + (ID3V2_LENGTH if head[5] & FOOTER else 0))
        elif head.startswith(APE):
            head = reader.take(at, APE_LENGTH)
            at = reader.inside(at + APE_LENGTH + int.from_bytes(head[12:16], "little"))
        else:
            return at


def before_trailing(reader: Reader) -> int:
    """Return the offset at which the tags at the end of the file begin, which is its end where it has none."""
    end = reader.size
    while True:
        start = _ends_with_tag(reader, end)
        if start is None:
            return end
        reader.spend()
        end = start


def _ends_with_tag(reader: Reader, end: int) -> int | None:
    """Return the offset of a tag that ends at *end*, or None."""
    if end >= ID3V1_LENGTH and reader.peek(end - ID3V1_LENGTH, 3) == ID3V1:
        return end - ID3V1_LENGTH
    if end >= APE_LENGTH and (footer := reader.peek(end - APE_LENGTH, APE_LENGTH)).startswith(APE):
        # The stated length has the footer in it, but not the header, which a flag announces.
        length = int.from_bytes(footer[12:16], "little") + (APE_LENGTH if footer[23] & 0x80 else 0)
        return end - length if APE_LENGTH <= length <= end else None
    if end >= 15 and (foot := reader.peek(end - 15, 15)).endswith(b"LYRICS200") and foot[:6].isdigit():
        length = int(foot[:6]) + 15
        return end - length if length <= end else None
    return None


def after_trailing(reader: Reader, at: int) -> int:
    """
    Return the offset behind the tag that begins at *at*, which is *at* where none does.

    Raises:
        NotMediaError: it has only begun.
    """
    head = reader.peek(at, len(LYRICS))
    if not head.startswith((ID3V1, APE, LYRICS, ID3V2)):
        if any(magic.startswith(head) for magic in (ID3V1, APE, LYRICS, ID3V2)):
            raise NotMediaError(TRUNCATED)  # the file ends within the tag's first word
        return at
    if head.startswith(ID3V1):
        return reader.inside(at + ID3V1_LENGTH)
    if head.startswith(LYRICS):
        for mark in re.finditer(LYRICS_END, reader.peek(at, MAX_LYRICS)):
            return at + mark.end()
        raise NotMediaError(TRUNCATED)
    return after_leading(reader, at)
