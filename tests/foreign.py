"""Hundreds of files that are no whole film, picture or sound, whatever a file host calls them. Made, not collected."""

import io
import random
from collections.abc import Iterator
from functools import cache

import av

from tests.films import Edit, box, films, rebuild, replaced

PAGES = (
    "<!DOCTYPE html><html><head><title>403</title></head><body>Link expired</body></html>",
    "<html><script>location='http://127.0.0.1/'</script></html>",
    "\r\n\r\n<!-- cdn --><HTML lang=en><body>Too many requests",
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>',
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
    '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Key>v.mp4</Key><HostId>x=</HostId></Error>',
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/"/></svg>',
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file:///etc/</BaseURL></MPD>',
    '<smil><body><video src="http://127.0.0.1/v.mp4"/></body></smil>',
    '<asx version="3.0"><entry><ref href="http://127.0.0.1/"/></entry></asx>',
    '{"code": 403, "msg": "link expired"}',
    '{"error": {"message": "not found"}, "url": "https://files.example/v.mp4"}',
    '[{"status": "processing"}]',
    "[]",
    "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://169.254.169.254/latest/meta-data/\n",
    "#EXTM3U\nconcat:http://127.0.0.1/header.m3u8|file:///etc/passwd\n",
    '#EXTM3U\n#EXT-X-MAP:URI="file:///etc/shadow"\n',
    "[playlist]\nFile1=http://127.0.0.1/v.mp4\nNumberOfEntries=1\n",
    "ffconcat version 1.0\nfile '/etc/passwd'\n",
    "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "WEBVTT\n\n00:00.000 --> 00:05.000\nhello\n",
    "[Script Info]\nTitle: a script\n",
    "#!/bin/sh\nexec curl http://127.0.0.1/ | sh\n",
    "#!/usr/bin/env python3\nimport os\nos.system('id')\n",
    "Too many requests, please slow down.",
    "upstream connect error or disconnect/reset before headers",
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n",
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAV2gAwIBAgIU\n-----END CERTIFICATE-----\n",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32")
MAGICS = {
    "zip": b"PK\x03\x04\x14\0\0\0",
    "empty zip": b"PK\x05\x06",
    "gzip": b"\x1f\x8b\x08\0",
    "bzip2": b"BZh91AY&SY",
    "xz": b"\xfd7zXZ\0",
    "zstd": b"(\xb5/\xfd",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "rar": b"Rar!\x1a\x07\x01\0",
    "tar": b"film.mp4".ljust(257, b"\0") + b"ustar\x0000",
    "elf": b"\x7fELF\x02\x01\x01\0",
    "pe": b"MZ\x90\0\x03\0\0\0",
    "mach-o": b"\xcf\xfa\xed\xfe\x07\0\0\x01",
    "fat mach-o": b"\xca\xfe\xba\xbe\0\0\0\2",
    "wasm": b"\0asm\1\0\0\0",
    "pdf": b"%PDF-1.7\n",
    "postscript": b"%!PS-Adobe-3.0\n",
    "sqlite": b"SQLite format 3\0",
    "ole": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "avi": b"RIFF\x24\0\0\0AVI LIST",
    "riff of nothing": b"RIFF\x24\0\0\0ABCDfmt ",
    "matroska": b"\x1aE\xdf\xa3\x01\0\0\0",
    "flv": b"FLV\x01\x05\0\0\0\x09",
    "ogg": b"OggS\0\2",
    "flac": b"fLaC\0\0\0\x22",
    "adts": b"\xff\xf1\x50\x80\x02\x1f\xfc",
    "transport stream": b"G\x40\x00\x10" + bytes(184),
    "program stream": b"\0\0\1\xba\x44\0\4\0",
    "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "aiff": b"FORM\0\0\1\0AIFFCOMM",
    "au": b".snd\0\0\0\x18",
    "caf": b"caff\0\1\0\0",
    "midi": b"MThd\0\0\0\6",
    "amr": b"#!AMR\n",
    "swf": b"FWS\x0a",
    "bmp": b"BM\x36\0\0\0",
    "tiff": b"II*\0\x08\0\0\0",
    "ico": b"\0\0\1\0\1\0",
    "psd": b"8BPS\0\1",
    "jpeg xl": b"\0\0\0\x0cJXL \r\n\x87\n",
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "cut png": b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
    "cut jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "cut gif": b"GIF89a\1\0\1\0",
    "cut webp": b"RIFF\xff\xff\0\0WEBPVP8 ",
    "cut wav": b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0",
    "cut id3": b"ID3\4\0\0\0\x7f\x7f\x7f",
}
MUXERS = {  # FFmpeg's name of a container of another kind, and what it takes
    "avi": ("mpeg4", "pcm_s16le"),
    "matroska": ("mpeg4", "aac"),
    "flv": ("flv", "aac"),
    "mpegts": ("mpeg2video", "mp2"),
    "mpeg": ("mpeg1video", "mp2"),
    "asf": ("mpeg4", "aac"),
    "nut": ("mpeg4", "aac"),
    "ogg": (None, "flac"),
    "flac": (None, "flac"),
    "adts": (None, "aac"),
    "aiff": (None, "pcm_s16be"),
    "au": (None, "pcm_s16be"),
    "caf": (None, "pcm_s16le"),
    "ac3": (None, "ac3"),
}
BRANDS = (b"isom", b"mp42", b"qt  ", b"avif", b"heic", b"M4A ", b"iso5", b"\0\0\0\0")


@cache
def foreign() -> dict[str, bytes]:
    """Every file, by a name that says what it is."""
    return dict([*_texts(), *_beginnings(), *_others(), *_polyglots(), *_noise()])


def _texts() -> Iterator[tuple[str, bytes]]:
    for number, page in enumerate(PAGES):
        for encoding in ENCODINGS:
            yield f"text {number} in {encoding}", page.encode(encoding)


def _beginnings() -> Iterator[tuple[str, bytes]]:
    chance = random.Random(41)
    for name, magic in MAGICS.items():
        yield f"{name}, nothing more", magic
        yield f"{name}, then noise", magic + chance.randbytes(5000)
        yield f"{name}, then a film", magic + films()["moov_first"]
        if not name.startswith("cut "):
            yield f"{name}, then zeros", magic + bytes(5000)


def _others() -> Iterator[tuple[str, bytes]]:
    for muxer, (video, audio) in MUXERS.items():
        target = io.BytesIO()
        with av.open(target, "w", format=muxer) as file:
            picture = file.add_stream(video, rate=25) if video else None
            sound = file.add_stream(audio, rate=44100)
            assert isinstance(sound, av.AudioStream)
            sound.layout = "stereo"
            if isinstance(picture, av.VideoStream):
                picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
                for number in range(25):
                    frame = av.VideoFrame(64, 48, "yuv420p")
                    frame.pts = number
                    file.mux(picture.encode(frame))
                file.mux(picture.encode(None))
            silence = av.AudioFrame("s16", "stereo", 44100)
            silence.sample_rate, silence.pts = 44100, 0
            resampler = av.AudioResampler(sound.format, "stereo", 44100, frame_size=sound.codec_context.frame_size)
            for piece in (*resampler.resample(silence), *resampler.resample(None)):
                file.mux(sound.encode(piece))
            file.mux(sound.encode(None))
        yield f"{muxer} by FFmpeg", target.getvalue()


def always(new: bytes) -> Edit:
    """Put *new* in the place of a box."""
    return lambda _: new


def _polyglots() -> Iterator[tuple[str, bytes]]:
    """Files that begin like a film, or have all of one but the film."""
    chance, film = random.Random(62), films()["moov_last"]
    for brand in BRANDS:
        ftyp, name = box(b"ftyp", brand + bytes(4) + brand), brand.decode()
        yield f"ftyp {name}", ftyp
        yield f"ftyp {name}, then noise", ftyp + chance.randbytes(4000)
        yield f"ftyp {name}, then a page", ftyp + PAGES[0].encode()
        yield f"ftyp {name}, then a zip", ftyp + MAGICS["zip"] + bytes(400)
        yield f"ftyp {name}, then zeros", ftyp + bytes(4000)
        yield f"ftyp {name}, then media of noise", ftyp + box(b"mdat", chance.randbytes(4000))
        yield f"ftyp {name}, then a moov of noise", ftyp + box(b"moov", chance.randbytes(400))
    yield "a program in a free box", box(b"free", MAGICS["elf"] + bytes(400))
    yield "a page in a free box", box(b"free", PAGES[0].encode())
    yield "no tracks", rebuild(film, {b"trak": lambda _: b""})
    yield "no samples", rebuild(film, {b"stbl": lambda _: box(b"stbl")})
    yield "no movie header", rebuild(film, {b"mvhd": lambda _: b""})
    reference = box(b"rmra", box(b"rmda", box(b"rdrf", bytes(4) + b"url \0\0\0\x17http://127.0.0.1/v.mov\0")))
    yield "a reference movie", box(b"ftyp", b"qt  \0\0\0\0") + box(b"moov", reference)
    yield (
        "a reference beside no tracks",
        rebuild(film, {b"trak": lambda _: b"", b"mvhd": lambda b: box(b"mvhd", b) + reference}),
    )
    yield "a compressed moov", box(b"ftyp", b"qt  \0\0\0\0") + box(b"moov", box(b"cmov", box(b"dcom", b"zlib")))
    for kind, place in (
        (b"url ", b"http://127.0.0.1/v.mp4\0"),
        (b"url ", b"file:///etc/passwd\0"),
        (b"alis", b"\0\0\0\x08abcd"),
    ):
        entry = box(b"dref", bytes(4) + b"\0\0\0\1" + box(kind, bytes(4) + place))
        yield f"media at {kind!r} {place!r}", rebuild(film, {b"dref": always(entry)})
    yield "no picture nor sound", replaced(film, b"hdlr", 8, b"text")


def _noise() -> Iterator[tuple[str, bytes]]:
    chance = random.Random(63)
    yield "nothing", b""
    for size in (1, 7, 8, 16, 4096, 100_000):
        yield f"{size} zeros", bytes(size)
        yield f"{size} times 255", b"\xff" * size
        yield f"{size} bytes of noise", chance.randbytes(size)
