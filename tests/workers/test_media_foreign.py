"""What is no media, or not of the kind wanted, is refused by the name of what it is."""

import pytest

from archive.roles import ANY, Kind
from tests.films import box
from tests.media import refusal


@pytest.mark.parametrize(
    ("slug", "data"),
    [
        ("empty_file", b""),
        ("html_page", b"<!DOCTYPE html><html><body>Gone</body></html>"),
        ("html_page", b"\xef\xbb\xbf \r\n<HTML lang=en>"),
        ("html_page", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>'),
        ("json_document", b'{"code": 403, "msg": "expired"}'),
        ("json_document", b' [{"error": 1}]'),
        ("xml_document", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
        ("xml_document", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("xml_document", b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'),
        ("playlist", b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n"),
        ("zip_archive", b"PK\x03\x04" + bytes(60)),
        ("executable", b"\x7fELF\x02\x01\x01" + bytes(60)),
        ("executable", b"MZ\x90" + bytes(60)),
        ("image_file", b"\xff\xd8\xff\xe0\x00\x10JFIF"),
        ("image_file", b"\x89PNG\r\n\x1a\n"),
        ("image_file", b"GIF89a"),
        ("image_file", b"RIFF\x24\x00\x00\x00WEBPVP8 "),
        ("image_file", box(b"ftyp", b"avif\0\0\0\0") + box(b"meta", bytes(4)) + box(b"mdat")),
        ("avi_file", b"RIFF\x24\x00\x00\x00AVI LIST"),
        ("webm_file", b"\x1aE\xdf\xa3\x01\x00\x00\x00"),
        ("audio_file", b"RIFF\x24\x00\x00\x00WAVEfmt "),
        ("not_mp4", b"G\x40\x00\x10" + bytes(184)),
        ("not_mp4", bytes(1000)),
        ("plain_text", b"Too many requests"),
        ("truncated", box(b"styp", b"msdh\0\0\0\0") + box(b"moof") + box(b"mdat")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_foreign(slug: str, data: bytes) -> None:
    """What is no film is refused with the name of what it is."""
    assert refusal(data, {Kind.VIDEO}) == slug


@pytest.mark.parametrize(
    ("slug", "data"),
    [
        ("empty_file", b""),
        ("html_page", b"<!DOCTYPE html><html><body>Gone</body></html>"),
        ("json_document", b'{"code": 403, "msg": "expired"}'),
        ("xml_document", b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'),
        ("playlist", b"#EXTM3U\nfile:///etc/passwd\n"),
        ("zip_archive", b"PK\x03\x04" + bytes(60)),
        ("executable", b"MZ\x90" + bytes(60)),
        ("heif_file", box(b"ftyp", b"avif\0\0\0\0") + box(b"meta", bytes(4)) + box(b"mdat")),
        ("avi_file", b"RIFF\x24\x00\x00\x00AVI LIST"),
        ("webm_file", b"\x1aE\xdf\xa3\x01\x00\x00\x00"),
        ("ogg_file", b"OggS\0\2" + bytes(60)),
        ("flac_file", b"fLaC\0\0\0\x22" + bytes(60)),
        ("unknown_format", b"BM" + bytes(60)),
        ("unknown_format", b"ABCDEFGHWEBP" + bytes(60)),
        ("unknown_format", b"II*\0" + bytes(60)),
        ("unknown_format", b"G\x40\x00\x10" + bytes(184)),
        ("gzip_archive", b"\x1f\x8b\x08\0" + bytes(60)),
        ("plain_text", b"Too many requests"),
        ("plain_text", b"\r\nAccess Denied. Request 12: G\xc3\xbcltig bis"),
        ("plain_text", b"Link expired " * 314 + "abgelaufen für".encode()),  # 4,096 bytes end within the umlaut
        ("plain_text", "Access Denied".encode("utf-16")),
        ("unknown_format", b"Access Denied\0" + bytes(60)),
        ("unknown_format", b"Access Denied \xfb\x90"),
        ("unknown_format", b"LYRICSBE"),
        ("html_page", "\ufeff<!DOCTYPE html><html>G\u00fcltig</html>".encode("utf-16-le")),
        ("html_page", "\ufeff<!DOCTYPE html><html>G\u00fcltig</html>".encode("utf-16-be")),
        ("html_page", b"\xff\xfe<\0h\0t\0m\0l\0>\0"),
        ("json_document", '\ufeff{"code": 403}'.encode("utf-16-le")),
        ("truncated", b"\xff\xfe{\0" + b"\x55" * 200),
        ("aac_file", b"\xff\xf1\x50\x80" + bytes(200)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_foreign__to_every_kind(slug: str, data: bytes) -> None:
    """What is neither film nor picture nor sound is refused although any of them would do, whatever it is named."""
    assert refusal(data, ANY) == slug


def test_magic_in_size_field() -> None:
    """A first box whose size happens to spell another format's signature is still a box."""
    assert refusal(b"PK\x03\x04mdat" + bytes(60), {Kind.VIDEO}) == "truncated"
