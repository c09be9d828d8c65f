"""What an API sent, as it was before it was compressed, within a bound; we ask that nothing be compressed. Pure."""

import zlib
from collections.abc import Iterable

from archive.codings import codings

_PACKED = (["gzip"], ["x-gzip"], ["deflate"])
_ANY_HEADER = zlib.MAX_WBITS | 32  # gzip's or zlib's, as the data say


class TooLargeBodyError(Exception):
    """More than was asked for, as sent or unpacked."""


class PackedBodyError(Exception):
    """It does not unpack, is cut, or packed in a way that nobody was told we know."""


def collect(pieces: Iterable[bytes], encoding: str, limit: int) -> bytes:
    """
    Join *pieces*, unpacked as *encoding* (Content-Encoding) says: at most *limit* bytes, and at most as many read.

    Raises:
        TooLargeBodyError, PackedBodyError.
    """
    named = codings(encoding)
    if named and named not in _PACKED:
        raise PackedBodyError
    unpacking = zlib.decompressobj(_ANY_HEADER) if named else None
    body, read = bytearray(), 0
    for piece in pieces:
        read += len(piece)
        try:
            # Never told 0, which would mean no bound.
            body += piece if unpacking is None else unpacking.decompress(piece, limit - len(body) + 1)
        except zlib.error:
            raise PackedBodyError from None
        if len(body) > limit or read > limit:
            raise TooLargeBodyError
    if unpacking is not None and read and (not unpacking.eof or unpacking.unused_data):
        raise PackedBodyError
    return bytes(body)
