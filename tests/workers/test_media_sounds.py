"""Sounds that are odd and valid, and those that are broken, each by its format's own rules."""

import struct

import pytest

from tests.media import made, riff_chunk, sound, verdict

FMT = riff_chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8))
EXTENSIBLE = riff_chunk(b"fmt ", struct.pack("<HHIIHHH", 0xFFFE, 1, 8000, 8000, 1, 8, 22) + bytes(22))
SILENT = riff_chunk(b"fmt ", struct.pack("<HHIIHH", 1, 0, 8000, 8000, 1, 8))
LIST = riff_chunk(b"LIST", b"INFOISFT\4\0\0\0me\0\0")
DATA = riff_chunk(b"data", bytes(range(40)))
ODD = b"data\5\0\0\0abcde"


def wav(*chunks: bytes, announced: int | None = None, form: bytes = b"RIFF", order: str = "<") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return form + struct.pack(order + "I", len(body) if announced is None else announced) + body


def data_of(length: int) -> bytes:
    return b"data" + struct.pack("<I", length) + bytes(40)


def ds64(length: int, riff: int = 96) -> bytes:
    return riff_chunk(b"ds64", struct.pack("<QQQI", riff, length, 0, 0))


BIG = riff_chunk(b"fmt ", struct.pack(">HHIIHH", 1, 1, 8000, 8000, 1, 8), ">") + riff_chunk(b"data", bytes(8), ">")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(wav(FMT, DATA), "wav True", id="least"),
        pytest.param(wav(EXTENSIBLE, DATA), "wav True", id="extensible"),
        pytest.param(wav(riff_chunk(b"JUNK", bytes(28)), FMT, LIST, DATA, LIST), "wav True", id="chunks around"),
        pytest.param(wav(BIG, form=b"RIFX", order=">"), "wav True", id="RIFX"),
        pytest.param(wav(FMT, ODD + b"\0" + LIST), "wav True", id="padded"),
        pytest.param(wav(FMT, ODD + LIST), "wav True", id="padding missing before a chunk"),
        pytest.param(wav(FMT, ODD + LIST[:-1]), "truncated", id="cut behind missing padding"),
        pytest.param(wav(FMT, ODD), "wav True", id="padding missing at the end"),
        pytest.param(wav(FMT, ODD, announced=42), "wav True", id="padding counted and missing"),
        pytest.param(wav(FMT, DATA, announced=84), "wav True", id="RIFF header counted as well"),
        pytest.param(wav(FMT, DATA, announced=30), "wav True", id="RIFF length too small"),
        pytest.param(wav(FMT, DATA, b"\xff\xffstray"), "wav True", id="stray bytes"),
        pytest.param(wav(FMT, DATA) + LIST[:-3], "wav True", id="behind the end"),
        pytest.param(wav(FMT, DATA, announced=0), "wav True", id="RIFF length open"),
        pytest.param(wav(FMT, DATA, announced=0xFFFF_FFFF), "wav True", id="RIFF length open, highest"),
        pytest.param(wav(ds64(40), FMT, data_of(0xFFFF_FFFF), form=b"RF64"), "wav True", id="RF64"),
        pytest.param(wav(ds64(40), FMT, data_of(0xFFFF_FFFF), form=b"BW64"), "wav True", id="BW64"),
        pytest.param(wav(ds64(41), FMT, data_of(0xFFFF_FFFF), form=b"RF64"), "truncated", id="RF64, cut"),
        pytest.param(wav(ds64(0), FMT, data_of(0xFFFF_FFFF), form=b"RF64"), "wav None", id="RF64, open"),
        pytest.param(
            wav(ds64(2**64 - 1), FMT, data_of(0xFFFF_FFFF), form=b"RF64"), "wav None", id="RF64, open, highest"
        ),
        pytest.param(wav(FMT, data_of(0)), "wav None", id="open"),
        pytest.param(wav(FMT, data_of(0xFFFF_FFFF)), "wav None", id="open, highest"),
        pytest.param(wav(FMT, data_of(0x7FFF_F000)), "wav None", id="open, as SoX"),
        pytest.param(wav(FMT, data_of(0x8000_0000)), "wav None", id="open, as arecord"),
        pytest.param(wav(FMT, data_of(41)), "truncated", id="cut in the samples"),
        pytest.param(wav(FMT, data_of(3_000_000_000)), "truncated", id="cut early in a large one"),
        pytest.param(wav(FMT, DATA, LIST[:-1]), "truncated", id="cut behind the samples"),
        pytest.param(wav(FMT, DATA, b"LIS"), "truncated", id="cut in a chunk's kind"),
        pytest.param(wav(FMT, DATA, announced=94), "truncated", id="announced chunk is missing"),
        pytest.param(wav(FMT), "truncated", id="no data"),
        pytest.param(wav(FMT, riff_chunk(b"data", b"")), "zero_duration", id="empty data"),
        pytest.param(wav(DATA), "malformed_file", id="no format"),
        pytest.param(wav(SILENT, DATA), "malformed_file", id="no channels"),
    ],
)
def test_wav(data: bytes, said: str) -> None:
    """A WAV is whole with the samples and chunks it declares; where it declares no length nothing is proved."""
    assert said == verdict(data)


HEADER = 0xFFFB_9000  # MPEG 1, layer III, 128 kbit/s, 44,100 Hz, stereo: 417 bytes, 418 with padding


def frame(word: int = HEADER, length: int = 417, body: bytes = b"") -> bytes:
    return (struct.pack(">I", word) + body).ljust(length, b"\x55")


def xing(frames: int | None = None, size: int | None = None, tag: bytes = b"Info") -> bytes:
    flags = (frames is not None) + 2 * (size is not None)
    stated = b"".join(struct.pack(">I", value) for value in (frames, size) if value is not None)
    return frame(body=bytes(32) + tag + struct.pack(">I", flags) + stated)


def vbri(frames: int) -> bytes:
    return frame(body=bytes(32) + b"VBRI" + struct.pack(">HHHII", 1, 0, 0, 0, frames))


def id3(body: bytes, *, flags: int = 0, footer: bytes = b"") -> bytes:
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0" + bytes([flags]) + size + body + footer


def ape(body: bytes, *, header: bool = True) -> bytes:
    def edge(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, len(body) + 32, 1, flags) + bytes(8)

    return (edge(0xA000_0000) if header else b"") + body + edge(0x8000_0000 if header else 0)


SIX = frame() + frame(HEADER | 0x200, 418) + frame() * 4
ID3V1 = b"TAG" + bytes(125)
LYRICS = b"LYRICSBEGIN" + b"IND00003abc" + b"000022LYRICS200"
FALSE_SYNC = b"\xff\xfb\x90\0"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(SIX, "mp3 None", id="frames only"),
        pytest.param(frame(), "mp3 None", id="one frame"),
        pytest.param(xing(6) + SIX, "mp3 True", id="Info"),
        pytest.param(xing(6, tag=b"Xing") + SIX, "mp3 True", id="Xing"),
        pytest.param(xing(5) + SIX, "mp3 True", id="more than declared"),
        pytest.param(xing(None, 3000) + SIX, "mp3 None", id="Info without number"),
        pytest.param(xing(0) + SIX, "mp3 None", id="Info written before the end was known"),
        pytest.param(xing(7) + SIX, "truncated", id="a frame is missing"),
        pytest.param(xing(7, 417 + 2503) + SIX, "mp3 True", id="Info counts itself"),
        pytest.param(xing(7, 417 + 2504) + SIX, "truncated", id="a frame and its bytes are missing"),
        pytest.param(vbri(6) + SIX, "mp3 True", id="VBRI"),
        pytest.param(vbri(8) + SIX, "truncated", id="VBRI, cut"),
        pytest.param(SIX[:-1], "truncated", id="last frame cut"),
        pytest.param(SIX + FALSE_SYNC[:2], "truncated", id="cut in a header"),
        pytest.param(SIX[:-1] + ID3V1, "truncated", id="last frame cut, then tagged"),
        pytest.param(SIX[:-9] + ape(b"x" * 99), "truncated", id="last frame cut, then tagged APE"),
        pytest.param(id3(bytes(300)) + xing(6) + SIX, "mp3 True", id="ID3v2"),
        pytest.param(id3(b"APIC" + SIX) + xing(6) + SIX, "mp3 True", id="frames within ID3v2"),
        pytest.param(id3(b"x") + id3(b"y") + SIX, "mp3 None", id="two ID3v2"),
        pytest.param(id3(b"x", flags=0x10, footer=bytes(10)) + SIX, "mp3 None", id="ID3v2 with footer"),
        pytest.param(id3(b"x") + bytes(999) + FALSE_SYNC + bytes(9) + xing(6) + SIX, "mp3 True", id="junk after ID3v2"),
        pytest.param(ape(b"x" * 99) + SIX, "mp3 None", id="APE in front"),
        pytest.param(xing(6) + SIX + ape(b"x" * 99) + LYRICS + ID3V1, "mp3 True", id="all tags behind"),
        pytest.param(xing(6) + SIX + ape(b"x" * 99, header=False), "mp3 True", id="APE without header"),
        pytest.param(xing(6) + SIX + id3(b"late"), "mp3 True", id="ID3v2 behind"),
        pytest.param(xing(6) + SIX + b"LYRICSBEGINabcLYRICSEND", "mp3 True", id="Lyrics3 v1"),
        pytest.param(xing(6) + SIX + ID3V1[:99], "truncated", id="cut in ID3v1"),
        pytest.param(xing(6) + SIX + b"TA", "truncated", id="cut in ID3v1's first word"),
        pytest.param(xing(6) + SIX + ape(b"x" * 99)[:50], "truncated", id="cut in APE"),
        pytest.param(xing(6) + SIX + LYRICS[:15], "truncated", id="cut in Lyrics3"),
        pytest.param(xing(6) + frame() * 2 + bytes(77) + frame() * 4, "mp3 True", id="junk between frames"),
        pytest.param(xing(6) + SIX + bytes(5000), "mp3 True", id="zero bytes behind"),
        pytest.param(b"\x55" * 333 + frame() * 20, "mp3 None", id="torn first frame"),
        pytest.param(bytes(1000) + frame() * 20, "mp3 None", id="zero bytes in front"),
        pytest.param(bytes(400_000) + xing(20) + frame() * 20, "mp3 True", id="many zero bytes in front"),
        pytest.param(bytes(400_000) + frame() * 9, "unknown_format", id="too few frames behind zero bytes"),
        pytest.param(bytes(600_000) + frame() * 20, "unknown_format", id="too many zero bytes in front"),
        pytest.param(id3(b"x") + bytes(400_000) + xing(6) + SIX, "mp3 True", id="zero bytes after ID3v2"),
        pytest.param(id3(b"x") + bytes(400_000), "truncated", id="cut in zero bytes after ID3v2"),
        pytest.param(id3(b"x") + bytes(600_000) + SIX, "unknown_format", id="too many zero bytes after ID3v2"),
        pytest.param((frame() * 3 + id3(b"PRIV")) * 200, "mp3 None", id="a tag every few frames, as in HLS"),
        pytest.param(SIX + ID3V1 * 64, "mp3 None", id="64 tags behind"),
        pytest.param(b"\x55" * 333 + frame() * 20 + bytes(20_000), "unknown_format", id="few frames in other bytes"),
        pytest.param(b"\x55" * 333 + frame() * 9, "unknown_format", id="too few frames in other bytes"),
        pytest.param(frame(HEADER & ~0xF000, 600) * 6, "mp3 None", id="free format"),
        pytest.param(
            frame(HEADER & ~0xF000, 600) + frame(HEADER & ~0xF000 | 0x200, 601) + frame(HEADER & ~0xF000, 600) * 2,
            "mp3 None", id="free format, padded",
        ),
        pytest.param(frame(HEADER & ~0xF000, 600) * 6 + frame(HEADER & ~0xF000, 99), "truncated", id="free, cut"),
        pytest.param(frame(0xFFF3_9000, 261) * 6, "mp3 None", id="MPEG 2"),
        pytest.param(frame(0xFFE3_9000, 522) * 6, "mp3 None", id="MPEG 2.5"),
        pytest.param(frame(0xFFFD_9000, 522) * 6, "mp3 None", id="layer II"),
        pytest.param(frame(0xFFFF_9000, 312) * 6, "mp3 None", id="layer I"),
        pytest.param(frame(0xFFFF_9200, 316) * 6, "mp3 None", id="layer I, padded by four bytes"),
        pytest.param(id3(bytes(300))[:99], "truncated", id="cut in ID3v2"),
        pytest.param(id3(bytes(300)), "truncated", id="cut behind ID3v2"),
        pytest.param(id3(b"x") + b"fLaC" + bytes(1 << 17), "unknown_format", id="another sound behind ID3v2"),
        pytest.param(ID3V1, "unknown_format", id="a tag only"),
    ],
)  # fmt: skip
def test_mp3(data: bytes, said: str) -> None:
    """An MP3 is whole with the frames it declares and its last frame; tags and junk around are passed over."""
    assert said == verdict(data)


@pytest.mark.parametrize("tag", ["id3v1", "ape"])
def test_mp3__real_encoder_with_tags_behind(tag: str) -> None:
    """A real MP3 with a tag behind it is whole, and refused wherever it is cut before the tag begins."""
    data = made("mp3")
    tagged = data + (ID3V1 if tag == "id3v1" else ape(b"x" * 20))
    assert "mp3 True" == verdict(tagged)
    cuts = {verdict(tagged[:cut]) for cut in range(len(tagged)) if cut != len(data)}
    assert cuts <= {"empty_file", "unknown_format", "truncated"}


def test_m4a__every_cut_of_a_fragmented_one() -> None:
    """A fragmented M4A, whose end nothing declares, is never called whole when it was cut."""
    data = sound("aac", "fltp", "mp4", movflags="empty_moov+default_base_moof+frag_keyframe", frag_duration="100000")
    assert verdict(data).startswith("mov ")
    assert "mov True" not in {verdict(data[:cut]) for cut in range(len(data))}
