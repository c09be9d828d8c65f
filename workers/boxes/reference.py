"""
Follow a track's data references (8.7.2): where the file says that its media is.

Decides that a film's media is in the film's own file. Never follows a reference.
"""

from archive.errors import NotMediaError
from workers.boxes.box import Box, span_of
from workers.boxes.fields import unpack

SELF_CONTAINED = 0x01  # flag of an entry: the media is in this file
PAYLOAD = 4  # bytes of an entry before its location: version and flags


def check_own_media(minf: Box) -> None:
    """Raise `NotMediaError` where an entry of the track's `dref` names another file; an empty name is no other file."""
    for dinf in minf.all(b"dinf"):
        for dref in dinf.all(b"dref"):
            at = 8
            while len(dref.body) - at >= 8:
                entry = span_of(dref.body[at : at + 16], at, len(dref.body))
                (flags,) = unpack(">I", dref.body, entry.start)
                if not flags & SELF_CONTAINED and any(dref.body[entry.start + PAYLOAD : entry.stop]):
                    raise NotMediaError("media_elsewhere")
                at = entry.stop
