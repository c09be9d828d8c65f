"""
What an asset is to its task, and which kinds of file it may therefore be. Pure: a table and a look at a path.

A role is the adapter's word, taken from what the provider documents of a field; it is part of the asset's id and key. A
path's extension is believed only where no document says more, and then only to choose the role: whether the file is of
that kind, its bytes decide.
"""

from collections.abc import Mapping
from enum import StrEnum
from posixpath import splitext
from types import MappingProxyType
from urllib.parse import unquote


class Kind(StrEnum):
    """What a media file is made of: a picture that moves, with or without sound; a picture; sound alone."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"


ANY = frozenset(Kind)
ROLES: Mapping[str, frozenset[Kind]] = MappingProxyType(
    {
        "video": frozenset({Kind.VIDEO}),
        "original": frozenset({Kind.VIDEO}),  # the film before its upscaling or its watermark
        "upscaled": frozenset({Kind.VIDEO}),  # the film made again, larger; the task has its ordinary one beside it
        "extended": frozenset({Kind.VIDEO}),  # the film together with the one it continues
        "last_frame": frozenset({Kind.IMAGE}),
        "cover": frozenset({Kind.IMAGE}),
        "image": frozenset({Kind.IMAGE}),
        "audio": frozenset({Kind.AUDIO}),
        "file": ANY,  # the provider does not say what it is
    }
)
MANY = frozenset({"upscaled", "extended"})  # made one by one, at the user's wish: a further one replaces none
EXTENSIONS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys((".mp4", ".mov", ".m4v", ".webm"), "video")
    | dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".gif"), "image")
    | dict.fromkeys((".mp3", ".wav", ".m4a", ".aac", ".flac", ".ogg", ".opus"), "audio")
)


def kinds_of(role: str) -> frozenset[Kind]:
    """The kinds of file an asset of *role* may be; any kind for a role that is not in the table."""
    return ROLES.get(role, ANY)


def role_of(path: str) -> str:
    """`video`, `image` or `audio` from the extension of a URL's *path* (no query), in any case; else `file`."""
    return EXTENSIONS.get(splitext(unquote(path))[1].lower(), "file")
