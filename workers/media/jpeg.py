"""
Walk the markers of a JPEG (ITU-T T.81, annex B) to EOI.

Decides that a frame with a size, a scan and the end are there. A segment is passed by its length, so that an embedded
thumbnail's own markers are never met; a scan is passed by its byte stuffing (B.1.1.5), which arithmetic coding shares.
Stray bytes before a marker are passed over, as libjpeg does; so is what follows EOI. Never decodes a scan.
"""

import re
from typing import Literal

from archive.errors import NotMediaError
from workers.media.reader import MALFORMED, NO_SIZE, TRUNCATED, Reader

SOI, EOI, SOS, DNL = 0xD8, 0xD9, 0xDA, 0xDC
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0-SOF15; among them stand DHT, JPG and DAC
FRAME_LENGTH = 11  # bytes of the smallest frame header, with one component (B.2.2)
# The markers that matter: not RST0-7, nor what a decoder takes for data: stuffing, fill bytes, reserved codes.
MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")


def walk_jpeg(reader: Reader) -> Literal[True]:
    """Return True; raise `NotMediaError` unless *reader*'s file is a whole JPEG."""
    at, width, height, frames, scans = 2, 0, 0, 0, 0
    while True:
        found = reader.find(MARKER, 2, at, reader.size)
        if found is None:
            raise NotMediaError(TRUNCATED)
        reader.spend()
        marker = reader.take(found, 2)[1]
        if marker == EOI:
            break
        if marker == SOI:
            raise NotMediaError(MALFORMED)
        (length,) = reader.fields(">H", found + 2, 2)
        at = reader.inside(found + 2 + length)
        if length < (FRAME_LENGTH if marker in FRAMES else 2):
            raise NotMediaError(MALFORMED)
        if marker in FRAMES and not frames:
            height, width = reader.fields(">HH", found + 5, 4)
        elif marker == DNL and scans and not height:
            (height,) = reader.fields(">H", found + 4, 2)  # B.2.5: where the frame left it open
        frames += marker in FRAMES
        scans += marker == SOS and frames > 0
    if not scans:
        raise NotMediaError(MALFORMED)
    if not width or not height:
        raise NotMediaError(NO_SIZE)
    return True
