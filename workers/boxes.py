"""
Decide from content alone whether a file is one whole film in an ISO base media file (MP4, QuickTime). Pure;
decodes nothing, believes no name or header.

Sources: ISO/IEC 14496-12:2022 (boxes 4.2, sample tables 8.6-8.7, fragments 8.8, `sidx` 8.16.3), Apple's
QuickTime File Format. Where real muxers leave the standard, FFmpeg's `mov` demuxer decides what is still a
film.

A progressive film is whole when every sample its tables name lies inside the file. A fragmented film is
whole only by declaration: by `mfra` (written last), by a `sidx` before the first fragment, or by a duration
in `mehd` or `mvhd`. Without any, a cut exactly between two fragments leaves a flawless shorter film:
`complete` is then None, never True. The same holds for a film whose only declaration was the `mfra` it
lost. A declared duration is that of the longest track: what a shorter track lost is not seen. What stands
after the last sample (`free`, `uuid`) can be lost at a box edge unseen. Compressed `moov` (`cmov`,
QuickTime before 2001) is not read.

Bounds: each file-level box costs one read of 16 bytes, each metadata box one more; then see the constants.
"""

import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from struct import calcsize, error, unpack_from
from typing import IO, Any, Literal

from archive.errors import NotAVideoError

MAX_METADATA = 16 << 20  # bytes of moov, moof, sidx, mfra together: four hours of 60 fps; memory peaks at thrice
MAX_BOXES = 500_000  # an hour of half-second fragments with two tracks has 100,000
MAX_DEPTH = 8  # stsd's parent stands at 5
MISSING_SECONDS = 0.5  # a fragmented film that much shorter than declared is cut; edit lists explain less
ROUNDING_SECONDS = 0.002  # two ticks of the usual movie timescale: as long as declared

MALFORMED = "malformed_box"
TRUNCATED = "truncated"
CONTAINERS = frozenset(b"moov trak mdia minf stbl mvex moof traf mfra".split())
FIRST = frozenset(b"ftyp styp moov moof mdat free skip wide uuid pnot sidx emsg pdin prft".split())
STILL_BRANDS = frozenset((b"avif", b"heic", b"heix", b"mif1"))
UNKNOWN_DURATION = frozenset((0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF))
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

Layout = Literal["moov_first", "moov_last", "fragmented"]


@dataclass(frozen=True)
class Track:
    """One track as its header describes it; width and height in pixels, 0 unless it is video."""

    kind: Literal["video", "audio", "other"]
    codec: str
    width: int
    height: int


@dataclass(frozen=True)
class Structure:
    """What the boxes say of a film; `complete` is True, or None if nothing proves a fragmented film whole."""

    content_type: Literal["video/mp4", "video/quicktime"]
    extension: Literal["mp4", "mov"]
    layout: Layout
    duration: float | None
    tracks: tuple[Track, ...]
    complete: Literal[True] | None


def check_structure(file: IO[bytes], size: int) -> Structure:
    """Walk the boxes of *file*, *size* bytes long; raise `NotAVideoError` if it is no film or a cut one."""
    if size == 0:
        raise NotAVideoError("empty_file")
    file.seek(0)
    head = file.read(min(size, 4096))
    if head[4:8] not in FIRST:
        raise NotAVideoError(_foreign(head))
    film = _Film(file, size)
    film.walk()
    if film.layout is None:
        raise NotAVideoError("image_file" if head[8:12] in STILL_BRANDS else TRUNCATED)
    if not any(line.track.kind == "video" for line in film.lines.values()):
        raise NotAVideoError("no_video_track")
    complete = film.complete()
    if not any(line.ticks for line in film.lines.values() if line.track.kind == "video"):
        raise NotAVideoError("zero_duration")
    quicktime = film.brand in (b"qt  ", None)
    return Structure(
        content_type="video/quicktime" if quicktime else "video/mp4",
        extension="mov" if quicktime else "mp4",
        layout=film.layout,
        duration=film.duration(),
        tracks=tuple(line.track for line in film.lines.values()),
        complete=complete,
    )


def _foreign(head: bytes) -> str:
    """Name what a file that does not open with a box seems to be."""
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


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    body: memoryview
    parts: tuple["_Box", ...]

    def all(self, kind: bytes) -> Iterator["_Box"]:
        return (part for part in self.parts if part.kind == kind)

    def first(self, *kinds: bytes) -> "_Box":
        for part in self.parts:
            if part.kind in kinds:
                return part
        raise NotAVideoError(MALFORMED)


@dataclass(slots=True)
class _Line:
    """A track's timeline, in ticks of its own scale."""

    track: Track
    scale: int
    ticks: int  # sum of all sample durations
    end: int = 0  # where its last fragment ends, on the film's clock
    defaults: tuple[int, int] = (0, 0)  # trex: sample duration, sample size

    @property
    def seconds(self) -> float:
        return self.ticks / self.scale


@dataclass(slots=True)
class _Film:
    """One walk through one file: what was met so far, and what may still be spent."""

    file: IO[bytes]
    size: int
    boxes_left: int = MAX_BOXES
    bytes_left: int = MAX_METADATA
    brand: bytes | None = None
    layout: Layout | None = None
    lines: dict[int, _Line] = field(default_factory=dict)
    scale: int = 1
    declared: int = 0  # ticks of scale: the film's whole duration, if stated
    own_seconds: float = 0.0  # what moov's sample tables hold
    fragments: set[int] = field(default_factory=set)
    indexed_to: int = 0  # end of what a sidx before the first fragment covers
    has_mfra: bool = False

    def walk(self) -> None:
        at, seen = 0, set[bytes]()
        while at < self.size:
            self._spend(boxes=1)
            self.file.seek(at)
            kind, start, stop = _span(self.file.read(min(16, self.size - at)), at, self.size, TRUNCATED)
            if kind in (b"ftyp", b"moov", b"moof", b"sidx", b"mfra"):
                box = self._load(kind, start, stop)
                if kind == b"ftyp":
                    self.brand = bytes(box.body[:4])
                elif kind == b"moov":
                    self._movie(box, after_media=b"mdat" in seen)
                elif kind == b"moof":
                    self._fragment(box, at)
                elif kind == b"sidx":
                    self._index(box, stop, leading=not seen & {b"moof", b"styp"})
                else:
                    self._access(box)
            seen.add(kind)
            at = stop

    def complete(self) -> Literal[True] | None:
        """Weigh what declares the whole of a fragmented film; sample tables have proved a progressive one."""
        if self.layout != "fragmented":
            return True
        seconds = max(line.seconds for line in self.lines.values())
        if not seconds:
            raise NotAVideoError(TRUNCATED)
        declared = self.declared / self.scale
        if declared <= self.own_seconds:  # mvhd that speaks of moov's own samples only
            declared = 0.0
        reached = max(seconds, *(line.end / line.scale for line in self.lines.values()))
        if reached < declared - MISSING_SECONDS:
            raise NotAVideoError(TRUNCATED)
        as_declared = declared > 0 and abs(seconds - declared) <= ROUNDING_SECONDS
        return True if as_declared or self.has_mfra or self.indexed_to > max(self.fragments, default=0) else None

    def duration(self) -> float | None:
        if self.layout != "fragmented" and self.declared:
            return self.declared / self.scale
        return max(line.seconds for line in self.lines.values())

    def _spend(self, *, boxes: int = 0, size: int = 0) -> None:
        self.boxes_left -= boxes
        self.bytes_left -= size
        if self.boxes_left < 0 or self.bytes_left < 0:
            raise NotAVideoError(MALFORMED)

    def _load(self, kind: bytes, start: int, stop: int) -> _Box:
        self._spend(size=stop - start)
        self.file.seek(start)
        body = memoryview(self.file.read(stop - start))
        if len(body) < stop - start:
            raise NotAVideoError(TRUNCATED)
        return _Box(kind, body, tuple(self._parts(body, 1)) if kind in CONTAINERS else ())

    def _parts(self, body: memoryview, depth: int) -> Iterator[_Box]:
        if depth > MAX_DEPTH:
            raise NotAVideoError(MALFORMED)
        at = 0
        while len(body) - at >= 8:
            self._spend(boxes=1)
            kind, start, stop = _span(body[at : at + 16], at, len(body), MALFORMED)
            part = body[start:stop]
            yield _Box(kind, part, tuple(self._parts(part, depth + 1)) if kind in CONTAINERS else ())
            at = stop
        if any(body[at:]):  # QuickTime may end a list with four zero bytes
            raise NotAVideoError(MALFORMED)

    def _movie(self, moov: _Box, *, after_media: bool) -> None:
        if self.layout:
            raise NotAVideoError(MALFORMED)
        self.layout = "moov_last" if after_media else "moov_first"
        self.scale, declared = _clock(moov.first(b"mvhd"))
        for trak in moov.all(b"trak"):
            tkhd = trak.first(b"tkhd")
            (number,) = _unpack(">I", tkhd.body, 20 if _version(tkhd) else 12)
            self.lines[number] = self._track(trak.first(b"mdia"))
        self.own_seconds = max((line.seconds for line in self.lines.values()), default=0.0)
        for mvex in moov.all(b"mvex"):
            self.layout = "fragmented"
            for trex in mvex.all(b"trex"):
                number, _, duration, size = _unpack(">IIII", trex.body, 4)
                if number in self.lines:
                    self.lines[number].defaults = (duration, size)
            for mehd in mvex.all(b"mehd"):
                (declared,) = _unpack(">Q" if _version(mehd) else ">I", mehd.body, 4)
        self.declared = 0 if declared in UNKNOWN_DURATION else declared

    def _track(self, mdia: _Box) -> _Line:
        scale, _ = _clock(mdia.first(b"mdhd"))
        (handler,) = _unpack(">4s", mdia.first(b"hdlr").body, 8)
        stbl = mdia.first(b"minf").first(b"stbl")
        stsd = stbl.first(b"stsd").body
        codec, width, height = b"", 0, 0
        if _unpack(">I", stsd, 4)[0]:
            codec, start, _ = _span(stsd[8:24], 8, len(stsd), MALFORMED)
            if handler == b"vide":
                width, height = _unpack(">HH", stsd, start + 24)
        track = Track(
            kind="video" if handler == b"vide" else "audio" if handler == b"soun" else "other",
            codec=codec.decode("latin-1").rstrip(),
            width=width,
            height=height,
        )
        if _last_byte(stbl, sound=track.kind == "audio") > self.size:
            raise NotAVideoError(TRUNCATED)
        stts = stbl.first(b"stts").body
        runs = _numbers(_table(stts, 8, _unpack(">I", stts, 4)[0], 8), "I")
        return _Line(track, scale, ticks=sum(map(int.__mul__, runs[::2], runs[1::2])))

    def _fragment(self, moof: _Box, origin: int) -> None:
        if not self.layout:
            raise NotAVideoError(TRUNCATED)
        self.layout = "fragmented"
        self.fragments.add(origin)
        follows = origin  # 8.8.7: without a stated base, data follows the previous track's
        for traf in moof.all(b"traf"):
            header = traf.first(b"tfhd").body
            flags, number = _unpack(">II", header)
            if number not in self.lines:
                raise NotAVideoError(MALFORMED)
            line = self.lines[number]
            stated, at = {}, 8
            for bit, code in ((0x01, ">Q"), (0x02, ">I"), (0x08, ">I"), (0x10, ">I")):
                if flags & bit:
                    (stated[bit],) = _unpack(code, header, at)
                    at += calcsize(code)
            base = stated.get(0x01, origin if flags & 0x020000 else follows)
            defaults = stated.get(0x08, line.defaults[0]), stated.get(0x10, line.defaults[1])
            follows, ticks = self._runs(traf, base, defaults)
            line.ticks += ticks
            for tfdt in traf.all(b"tfdt"):
                (began,) = _unpack(">Q" if _version(tfdt) else ">I", tfdt.body, 4)
                line.end = max(line.end, began + ticks)

    def _runs(self, traf: _Box, base: int, defaults: tuple[int, int]) -> tuple[int, int]:
        """Return where the data of *traf* ends in the file, and its ticks."""
        at, ticks = base, 0
        for trun in traf.all(b"trun"):
            flags, count = _unpack(">II", trun.body)
            if flags & 0x01:
                at = base + _unpack(">i", trun.body, 8)[0]
            columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
            first = 8 + 4 * bool(flags & 0x01) + 4 * bool(flags & 0x04)
            rows = _numbers(_table(trun.body, first, count, 4 * len(columns)), "I")
            duration, size = (
                sum(rows[columns.index(bit) :: len(columns)]) if bit in columns else count * default
                for bit, default in zip((0x100, 0x200), defaults, strict=True)
            )
            if at < 0:
                raise NotAVideoError(MALFORMED)
            at += size
            ticks += duration
            if at > self.size:
                raise NotAVideoError(TRUNCATED)
        return at, ticks

    def _index(self, sidx: _Box, anchor: int, *, leading: bool) -> None:
        """
        Follow a segment index to its end, which must lie inside the file.

        Only one that leads and has several references speaks for the whole film: a single one may be
        the first of many, one per segment.
        """
        wide = _version(sidx)
        offset, _, count = _unpack(">QHH" if wide else ">IHH", sidx.body, 20 if wide else 16)
        rows = _numbers(_table(sidx.body, 32 if wide else 24, count, 12), "I")
        end = anchor + offset + sum(row & 0x7FFF_FFFF for row in rows[::3])
        if end > self.size:
            raise NotAVideoError(TRUNCATED)
        if leading and count > 1:
            self.indexed_to = max(self.indexed_to, end)

    def _access(self, mfra: _Box) -> None:
        """Believe `mfra`, the last box a muxer writes, when the fragments it lists stand where it says."""
        listed = set[int]()
        for tfra in mfra.all(b"tfra"):
            lengths, count = _unpack(">II", tfra.body, 8)
            time = 8 if _version(tfra) else 4
            width = 2 * time + sum((lengths >> shift & 3) + 1 for shift in (4, 2, 0))
            rows = _table(tfra.body, 16, count, width)
            listed.update(int.from_bytes(rows[at + time : at + 2 * time]) for at in range(0, len(rows), width))
        self.has_mfra = listed <= self.fragments


def _last_byte(stbl: _Box, *, sound: bool) -> int:
    """Return the highest offset at which a sample ends (8.7: stsz, stz2, stsc, stco, co64), or 0."""
    sizes, each, count = _sizes(stbl.first(b"stsz", b"stz2"))
    stco = stbl.first(b"stco", b"co64")
    chunks = _unpack(">I", stco.body, 4)[0]
    wide = stco.kind == b"co64"
    offsets = _numbers(_table(stco.body, 8, chunks, 8 if wide else 4), "Q" if wide else "I")
    stsc = stbl.first(b"stsc").body
    runs = _numbers(_table(stsc, 8, _unpack(">I", stsc, 4)[0], 12), "I")
    firsts = [*runs[::3], chunks + 1]
    if sound and each == 1:  # QuickTime counts PCM frames here, packed by rules of the codec: only the start is known
        each = 0
    end = sample = 0
    for first, after, per_chunk in zip(firsts, firsts[1:], runs[1::3], strict=False):
        if not 0 < first < after <= chunks + 1:
            raise NotAVideoError(MALFORMED)
        for offset in offsets[first - 1 : after - 1]:
            data = sum(sizes[sample : sample + per_chunk]) if sizes else min(per_chunk, count - sample) * each
            sample = min(sample + per_chunk, count)
            end = max(end, offset + data)
    if sample < count:
        raise NotAVideoError(MALFORMED)
    return end


def _sizes(box: _Box) -> tuple[Sequence[int], int, int]:
    """Return the samples' sizes, or none and the size that all share; and how many samples there are."""
    each, count = _unpack(">II", box.body, 4)
    if box.kind == b"stsz":
        return (array("I"), each, count) if each else (_numbers(_table(box.body, 12, count, 4), "I"), 0, count)
    bits = each & 0xFF
    if bits not in (4, 8, 16):
        raise NotAVideoError(MALFORMED)
    table = _table(box.body, 12, (count * bits + 7) // 8, 1)
    if bits == 4:
        return array("B", (half for byte in table for half in (byte >> 4, byte & 15)))[:count], 0, count
    return _numbers(table, "H" if bits == 16 else "B"), 0, count


def _version(box: _Box) -> int:
    return int(_unpack(">B", box.body)[0])


def _clock(box: _Box) -> tuple[int, int]:
    """Return timescale (ticks a second) and duration (ticks) of an `mvhd` or `mdhd`."""
    scale, duration = _unpack(">IQ", box.body, 20) if _version(box) else _unpack(">II", box.body, 12)
    if not scale:
        raise NotAVideoError(MALFORMED)
    return scale, duration


def _span(head: bytes | memoryview, at: int, limit: int, overrun: str) -> tuple[bytes, int, int]:
    """Return kind, start of body and end of the box at *at* that begins with *head* (4.2: size 1 and 0)."""
    if len(head) < 8:
        raise NotAVideoError(overrun)
    size, kind = _unpack(">I4s", head)
    start = at + 8
    if size == 1:
        if len(head) < 16:
            raise NotAVideoError(overrun)
        (size,) = _unpack(">Q", head, 8)
        start += 8
    elif size == 0 and overrun == TRUNCATED:  # to the end of the file: at file level only
        size = limit - at
    if size < start - at or min(kind) < 0x20:
        raise NotAVideoError(MALFORMED)
    if at + size > limit:
        raise NotAVideoError(overrun)
    return kind, start, at + size


def _table(body: memoryview, at: int, count: int, width: int) -> memoryview:
    if at + count * width > len(body):
        raise NotAVideoError(MALFORMED)
    return body[at : at + count * width]


def _numbers(table: memoryview, code: Literal["B", "H", "I", "Q"]) -> Sequence[int]:
    """Read a table of big-endian numbers at once; as small in memory as in the file."""
    numbers = array(code)
    numbers.frombytes(table)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _unpack(code: str, body: bytes | memoryview, at: int = 0) -> tuple[Any, ...]:
    try:
        return unpack_from(code, body, at)
    except error:
        raise NotAVideoError(MALFORMED) from None
