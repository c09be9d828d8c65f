"""Pictures that are odd and valid, and those that are broken, each by its format's own rules."""

import struct
from zlib import compress

import pytest

from tests.media import chunk, riff_chunk, verdict
from workers.media.reader import CHUNK

PNG = b"\x89PNG\r\n\x1a\n"
IDAT = chunk(b"IDAT", compress(bytes(8)))
IEND = chunk(b"IEND")


def header(width: int = 1, height: int = 1, depth: int = 8, colour: int = 2, rest: bytes = bytes(3)) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBB", width, height, depth, colour) + rest)


def png(*chunks: bytes) -> bytes:
    return PNG + b"".join(chunks)


def damaged(data: bytes, at: int = -1) -> bytes:
    """Flip a bit of the byte at *at*, by default the last: of a chunk's CRC."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(png(header(), IDAT, IEND), "png True", id="least"),
        pytest.param(png(header(colour=3), chunk(b"PLTE", bytes(3)), IDAT, IEND), "png True", id="palette"),
        pytest.param(png(header(depth=16, colour=0), IDAT, IDAT, IEND), "png True", id="two IDAT"),
        pytest.param(png(header(rest=b"\0\0\1"), IDAT, IEND), "png True", id="interlaced"),
        pytest.param(png(header(), chunk(b"IDAT"), IDAT, chunk(b"IDAT"), IEND), "png True", id="empty IDAT beside"),
        pytest.param(png(header(), damaged(chunk(b"tEXt", b"a\0b")), IDAT, IEND), "png True", id="ancillary CRC"),
        pytest.param(png(header(), chunk(b"prVt", bytes(99)), IDAT, IEND), "png True", id="private chunk"),
        pytest.param(png(header(), IDAT, IEND, IDAT, b"junk"), "png True", id="behind IEND"),
        pytest.param(png(header(), IDAT, damaged(IEND)), "png True", id="CRC of IEND"),
        pytest.param(png(header(), IDAT, damaged(IEND)[:-1]), "truncated", id="CRC of IEND, cut"),
        pytest.param(png(header(), IDAT, damaged(IEND, 7)), "malformed_file", id="type of IEND"),
        pytest.param(png(header(width=0), IDAT, IEND), "zero_dimension", id="no width"),
        pytest.param(png(header(height=0), IDAT, IEND), "zero_dimension", id="no height"),
        pytest.param(png(header(depth=3), IDAT, IEND), "malformed_file", id="depth"),
        pytest.param(png(header(colour=1), IDAT, IEND), "malformed_file", id="colour type"),
        pytest.param(png(header(rest=b"\1\0\0"), IDAT, IEND), "malformed_file", id="compression"),
        pytest.param(png(header(colour=3), IDAT, IEND), "malformed_file", id="no palette"),
        pytest.param(png(header(), IEND), "malformed_file", id="no IDAT"),
        pytest.param(png(header(), chunk(b"IDAT"), IEND), "malformed_file", id="empty IDAT only"),
        pytest.param(png(IDAT, header(), IEND), "malformed_file", id="header not first"),
        pytest.param(png(damaged(header()), IDAT, IEND), "malformed_file", id="CRC of IHDR"),
        pytest.param(png(header(), damaged(IDAT, 10), IEND), "malformed_file", id="damage in IDAT"),
        pytest.param(png(header(), chunk(b"\0\0\0\0"), IDAT, IEND), "malformed_file", id="kind"),
        pytest.param(png(header(), b"\xff\xff\xff\xffIDAT", IEND), "malformed_file", id="length"),
        pytest.param(PNG.replace(b"\r\n", b"\n") + header() + IDAT + IEND, "malformed_file", id="as text"),
    ],
)
def test_png(data: bytes, said: str) -> None:
    """A PNG is what libpng reads to its end: critical chunks undamaged, a header that describes a picture."""
    assert said == verdict(data)


SOI, EOI = b"\xff\xd8", b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def frame(marker: int = 0xC0, width: int = 8, height: int = 8, components: int = 1) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, components) + b"\1\x11\0" * components)


SCAN = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\0\x34\xff\xd0\x56\xff\xd7\x78"
THUMBNAIL = SOI + frame(width=1, height=1) + SCAN + EOI
DNL = segment(0xDC, struct.pack(">H", 8))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(SOI + frame() + SCAN + EOI, "jpeg True", id="least"),
        pytest.param(SOI + frame(0xC2) + SCAN + segment(0xC4, bytes(17)) + SCAN + EOI, "jpeg True", id="progressive"),
        pytest.param(SOI + segment(0xCC, bytes(2)) + frame(0xC9) + SCAN + EOI, "jpeg True", id="arithmetic"),
        pytest.param(SOI + frame(0xC3) + SCAN + EOI, "jpeg True", id="lossless"),
        pytest.param(
            SOI + segment(0xEE, b"Adobe" + bytes(7)) + frame(components=4) + SCAN + EOI, "jpeg True", id="cmyk"
        ),
        pytest.param(SOI + segment(0xE1, b"Exif\0\0" + THUMBNAIL) + frame() + SCAN + EOI, "jpeg True", id="thumbnail"),
        pytest.param(SOI + segment(0xE1, THUMBNAIL) + frame() + SCAN, "truncated", id="cut behind a thumbnail's end"),
        pytest.param(SOI + segment(0xE1, THUMBNAIL)[:-9], "truncated", id="cut in a thumbnail"),
        pytest.param(SOI + b"\xff\xff\xff" + frame() + SCAN + b"\xff\xff" + EOI, "jpeg True", id="fill bytes"),
        pytest.param(SOI + frame() + b"\0stray" + SCAN + EOI, "jpeg True", id="stray bytes"),
        pytest.param(SOI + frame() + SCAN + EOI + THUMBNAIL[:-9], "jpeg True", id="further picture, cut"),
        pytest.param(SOI + frame(height=0) + SCAN + DNL + EOI, "jpeg True", id="DNL"),
        pytest.param(SOI + frame(height=0) + SCAN + EOI, "zero_dimension", id="no DNL"),
        pytest.param(SOI + frame(height=0) + SCAN + segment(0xDC, bytes(2)) + EOI, "zero_dimension", id="empty DNL"),
        pytest.param(SOI + frame(width=0) + SCAN + EOI, "zero_dimension", id="no width"),
        pytest.param(SOI + frame() + SCAN, "truncated", id="no EOI"),
        pytest.param(SOI + frame() + EOI, "malformed_file", id="no scan"),
        pytest.param(SOI + SCAN + EOI, "malformed_file", id="no frame"),
        pytest.param(SOI + segment(0xF7, bytes(9)) + SCAN + EOI, "malformed_file", id="JPEG-LS"),
        pytest.param(SOI + b"\xff\xe0\0\1" + frame() + SCAN + EOI, "malformed_file", id="length below its own"),
        pytest.param(SOI + segment(0xC0, b"\x08\0\1\0\1\1") + SCAN + EOI, "malformed_file", id="short frame header"),
        pytest.param(SOI + frame() + SCAN + THUMBNAIL, "malformed_file", id="cut, another one follows"),
        pytest.param(SOI + b"\xff\xe0", "truncated", id="cut in a length"),
    ],
)
def test_jpeg(data: bytes, said: str) -> None:
    """A JPEG is whole at its own EOI, which neither a thumbnail's nor a scan's bytes stand for."""
    assert said == verdict(data)


@pytest.mark.parametrize("before", [CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1])
def test_jpeg__marker_across_two_readings(before: int) -> None:
    """An end is found wherever the reading of a long scan happens to be divided."""
    begun = SOI + frame() + SCAN
    data = begun + b"\x12" * (before - len(begun)) + EOI
    assert "jpeg True" == verdict(data)
    assert "truncated" == verdict(data[:-1])


def gif(*blocks: bytes, version: bytes = b"GIF89a", width: int = 1, flags: int = 0, table: bytes = b"") -> bytes:
    return version + struct.pack("<HHBBB", width, width, flags, 0, 0) + table + b"".join(blocks)


def image(width: int = 1, flags: int = 0, table: bytes = b"") -> bytes:
    return b"," + struct.pack("<HHHHB", 0, 0, width, width, flags) + table + b"\2\2\x4c\1\0"


LOOP = b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(gif(image(), b";"), "gif True", id="least"),
        pytest.param(gif(image(), b";", version=b"GIF87a"), "gif True", id="87a"),
        pytest.param(gif(LOOP, b"!\xfe\3;;;\0", image(), image(), b";"), "gif True", id="extensions"),
        pytest.param(
            gif(image(flags=0x81, table=b";" * 12), b";", flags=0xF0, table=b";" * 6), "gif True", id="tables"
        ),
        pytest.param(gif(b"\0\0", image(), b"\0", b";"), "gif True", id="zero bytes between"),
        pytest.param(gif(image(width=7), b";", width=0), "gif True", id="screen without a size"),
        pytest.param(gif(image(width=0), b";", width=0), "zero_dimension", id="no size"),
        pytest.param(gif(LOOP, b";"), "malformed_file", id="no image"),
        pytest.param(gif(image(), b"?", b";"), "malformed_file", id="unknown block"),
        pytest.param(gif(image(), b";", version=b"GIF88a"), "malformed_file", id="88a"),
        pytest.param(gif(image()), "truncated", id="no trailer"),
        pytest.param(gif(image()[:-1] + b"\x09;"), "truncated", id="trailer's code within a block"),
    ],
)
def test_gif(data: bytes, said: str) -> None:
    """A GIF is whole at its trailer, which no byte within a block stands for."""
    assert said == verdict(data)


VP8 = b"\x10\0\0\x9d\x01\x2a\1\0\1\0" + bytes(8)
VP8L = b"\x2f\0\0\0\0" + bytes(4)
VP8X = riff_chunk(b"VP8X", b"\x02" + bytes(9))
ANIM = riff_chunk(b"ANIM", bytes(6))


def webp(*chunks: bytes, more: int = 0) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) + more) + body


def shown(*chunks: bytes) -> bytes:
    return riff_chunk(b"ANMF", bytes(16) + b"".join(chunks))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(webp(riff_chunk(b"VP8 ", VP8)), "webp True", id="VP8"),
        pytest.param(webp(riff_chunk(b"VP8L", VP8L)), "webp True", id="VP8L, padded"),
        pytest.param(webp(VP8X, riff_chunk(b"ALPH", b"\0"), riff_chunk(b"VP8 ", VP8)), "webp True", id="alpha"),
        pytest.param(webp(VP8X, ANIM, shown(riff_chunk(b"VP8L", VP8L)), shown()), "webp True", id="animated"),
        pytest.param(webp(riff_chunk(b"VP8 ", VP8), riff_chunk(b"XMP ", b"x")) + b"behind", "webp True", id="behind"),
        pytest.param(webp(riff_chunk(b"VP8 ", VP8), more=1), "truncated", id="one byte is missing"),
        pytest.param(webp(VP8X, ANIM), "malformed_file", id="no frame"),
        pytest.param(webp(VP8X, ANIM, shown()), "malformed_file", id="frame without picture"),
        pytest.param(webp(), "malformed_file", id="nothing"),
        pytest.param(webp(riff_chunk(b"EXIF", b"xx"), riff_chunk(b"VP8 ", VP8)), "malformed_file", id="first chunk"),
        pytest.param(webp(riff_chunk(b"VP8 ", VP8)[:-2]), "malformed_file", id="chunk larger than its file says"),
        pytest.param(webp(riff_chunk(b"VP8 ", b"\x11" + VP8[1:])), "malformed_file", id="no key frame"),
        pytest.param(webp(riff_chunk(b"VP8 ", b"\xf0\xff" + VP8[2:])), "malformed_file", id="first partition outside"),
        pytest.param(webp(riff_chunk(b"VP8 ", VP8[:6] + b"\0\xc0" + VP8[8:])), "zero_dimension", id="no width"),
        pytest.param(webp(riff_chunk(b"VP8L", b"\x2e" + VP8L[1:])), "malformed_file", id="no VP8L"),
    ],
)
def test_webp(data: bytes, said: str) -> None:
    """A WebP is as long as its RIFF header says, and holds a picture or a frame that begins as its codec demands."""
    assert said == verdict(data)
