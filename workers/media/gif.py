"""
Walk the blocks of a GIF (87a and 89a) to its trailer.

Decides that every block is there, and at least one image. A screen without a size takes that of its first image, as in
browsers; zero bytes between blocks, which old encoders leave, and what follows the trailer are passed over. Never
decodes an image.
"""

from typing import Literal

from archive.errors import NotMediaError
from workers.media.reader import MALFORMED, NO_SIZE, TRUNCATED, Reader

CHEAP = 16  # sub-blocks that cost as much as another format's part
IMAGE, EXTENSION, TRAILER, PADDING = b",", b"!", b";", b"\0"


def walk_gif(reader: Reader) -> Literal[True]:
    """Return True; raise `NotMediaError` unless *reader*'s file is a whole GIF."""
    signature, width, height, flags = reader.fields("<6sHHB", 0, 11)
    if signature not in (b"GIF87a", b"GIF89a"):
        raise NotMediaError(MALFORMED)
    at, images = 13 + _table(flags), 0
    while (introducer := reader.take(at, 1)) != TRAILER:
        reader.spend()
        if introducer == EXTENSION:
            at = _pass_sub_blocks(reader, at + 2)  # behind its label
        elif introducer == IMAGE:
            images += 1
            own_width, own_height, flags = reader.fields("<HHB", at + 5, 5)
            width, height = width or own_width, height or own_height
            at = _pass_sub_blocks(reader, at + 10 + _table(flags) + 1)  # behind the code size
        elif introducer == PADDING:
            at += 1
        else:
            raise NotMediaError(MALFORMED)
    if not images:
        raise NotMediaError(MALFORMED)
    if not width or not height:
        raise NotMediaError(NO_SIZE)
    return True


def _table(flags: int) -> int:
    """Return the size of the colour table that *flags* announce, in bytes."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _pass_sub_blocks(reader: Reader, at: int) -> int:
    """Return the offset behind the sub-blocks that begin at *at*, of which the last is empty."""
    while True:
        held, index = reader.window(at)
        first, blocks, length = index, 0, 1
        while length and index < len(held):
            length = held[index]
            index += 1 + length
            blocks += 1
        reader.spend(1 + blocks // CHEAP)
        if not blocks:
            raise NotMediaError(TRUNCATED)
        at += index - first
        if not length:
            return at
