"""
Name what a file that is no media of ours seems to be, from its first bytes.

Decides the slug of a refusal. Never accepts anything.
"""

from codecs import getincrementaldecoder

MAGIC = (  # where a foreign file's signature stands, the signature, our slug
    (0, b"PK\x03\x04", "zip_archive"),
    (0, b"PK\x05\x06", "zip_archive"),
    (0, b"\x1f\x8b", "gzip_archive"),
    (0, b"BZh", "bzip2_archive"),
    (0, b"\xfd7zXZ\0", "xz_archive"),
    (0, b"(\xb5/\xfd", "zstd_archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z_archive"),
    (0, b"Rar!", "rar_archive"),
    (257, b"ustar", "tar_archive"),  # of one sound it would be walked as that sound
    (0, b"%PDF-", "pdf_document"),
    (0, b"\x7fELF", "executable"),
    (0, b"MZ", "executable"),
    (0, b"\xca\xfe\xba\xbe", "executable"),  # Mach-O for several processors, and Java
    (0, b"\xfe\xed\xfa", "executable"),  # Mach-O, either word size and byte order
    (0, b"\xce\xfa\xed\xfe", "executable"),
    (0, b"\xcf\xfa\xed\xfe", "executable"),
    (8, b"AVI ", "avi_file"),
    (0, b"\x1aE\xdf\xa3", "webm_file"),
    (0, b"FLV", "flv_file"),
    (0, b"OggS", "ogg_file"),
    (0, b"fLaC", "flac_file"),
    (0, b"\xff\xf1", "aac_file"),  # ADTS, MPEG-4 and MPEG-2
    (0, b"\xff\xf9", "aac_file"),
)
UNKNOWN = "unknown_format"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # which a frame of MPEG audio, layer I, can begin with as well
SURE = 8  # characters that must be ASCII before we believe it
MIN_TEXT = 9  # characters: more than any signature of letters has that a cut file might end in


def name_foreign(head: bytes) -> str:
    """Return the slug for a file that begins with *head*, and like no format of ours."""
    for at, magic, slug in MAGIC:
        if head[at:].startswith(magic):
            return slug
    text = _utf_8(head).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"#extm3u"):
        return "playlist"
    if text.startswith((b"{", b"[")):
        return "json_document"
    if text.startswith(b"<"):
        return "html_page" if b"<html" in text or b"<!doctype html" in text else "xml_document"
    return "plain_text" if _is_words(text) else UNKNOWN


def _utf_8(head: bytes) -> bytes:
    """Return *head*, in UTF-8 if it was text in UTF-16."""
    if head.startswith(UTF_16):
        text = head.decode("utf-16", "ignore")
        if text[:SURE].isascii():
            return text.encode()
    return head


def _is_words(text: bytes) -> bool:
    """Tell whether *text*, perhaps cut within a character, is printable throughout, as a file host's complaint is."""
    try:
        words = getincrementaldecoder("utf-8")().decode(text)
    except UnicodeDecodeError:
        return False
    return len(words) >= MIN_TEXT and all(char.isprintable() or char.isspace() for char in words)
