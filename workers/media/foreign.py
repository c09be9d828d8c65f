"""
Name what a file that is no media of ours seems to be, from its first bytes.

Decides the slug of a refusal. Never accepts anything.
"""

MAGIC = (  # where a foreign file's signature stands, the signature, our slug
    (0, b"PK\x03\x04", "zip_archive"),
    (0, b"PK\x05\x06", "zip_archive"),
    (0, b"\x7fELF", "executable"),
    (0, b"MZ", "executable"),
    (8, b"AVI ", "avi_file"),
    (0, b"\x1aE\xdf\xa3", "webm_file"),
    (0, b"OggS", "ogg_file"),
    (0, b"fLaC", "flac_file"),
    (0, b"\xff\xf1", "aac_file"),  # ADTS, MPEG-4 and MPEG-2
    (0, b"\xff\xf9", "aac_file"),
)
UNKNOWN = "unknown_format"


def name_foreign(head: bytes) -> str:
    """Return the slug for a file that begins with *head*, and like no format of ours."""
    for at, magic, slug in MAGIC:
        if head[at:].startswith(magic):
            return slug
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"#extm3u"):
        return "playlist"
    if text.startswith((b"{", b"[")):
        return "json_document"
    if text.startswith(b"<"):
        return "html_page" if b"<html" in text or b"<!doctype html" in text else "xml_document"
    return UNKNOWN
