"""
What a Content-Encoding says of a body. Pure.

Believed are the codings that are registered (https://www.iana.org/assignments/http-parameters, read 2026-11). All else
says nothing of the bytes: stores repeat whatever was given with an upload (`aws-chunked`, `binary`), and senders put
the name of their character set here (`UTF-8`). What the body is, its content shows.
"""

_REGISTERED = frozenset((
    "aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "pack200-gzip", "x-compress", "x-gzip",
    "zstd",
))  # fmt: skip


def codings(value: str) -> list[str]:
    """The registered codings that *value*, a Content-Encoding, names, in their order and in lower case."""
    named = (name.strip().lower() for name in value.split(","))
    return [name for name in named if name in _REGISTERED]
