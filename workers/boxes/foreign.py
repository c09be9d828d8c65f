"""
Name what a file that is no film seems to be, from its first bytes.

Decides the slug of a refusal, and by the kind of the first box whether there is anything to walk. Never accepts a film:
what passes here has only begun like one.
"""

HEAD = 4096  # bytes to look at: an HTML page's <html> may stand behind a declaration and comments
FIRST_BOXES = frozenset(b"ftyp styp moov moof mdat free skip wide uuid pnot sidx emsg pdin prft".split())
STILL_BRANDS = frozenset((b"avif", b"heic", b"heix", b"mif1"))  # of `ftyp`: pictures, unless a `moov` follows
MAGIC = (  # where a foreign file's signature stands, the signature, our slug
    (0, b"PK\x03\x04", "zip_archive"),
    (0, b"PK\x05\x06", "zip_archive"),
    (0, b"\x7fELF", "executable"),
    (0, b"MZ", "executable"),
    (0, b"\xff\xd8\xff", "image_file"),
    (0, b"\x89PNG", "image_file"),
    (0, b"GIF8", "image_file"),
    (8, b"WEBP", "image_file"),
    (8, b"AVI ", "avi_file"),
    (0, b"\x1aE\xdf\xa3", "webm_file"),
)


def begins_like_a_film(head: bytes) -> bool:
    """Tell whether *head* opens with a box that can be the first of a film."""
    return head[4:8] in FIRST_BOXES


def name_foreign(head: bytes) -> str:
    """Return the slug for a file that begins with *head*, and does not begin like a film."""
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
    return "not_mp4"


def name_without_movie(head: bytes) -> str:
    """Return the slug for a file of boxes that begins with *head* and has no `moov` among them."""
    return "image_file" if head[8:12] in STILL_BRANDS else "truncated"
