"""
Walk a file's boxes once and give the verdict.

Decides by which refusal a file ends, and how the parts' findings make one `Structure`. Never reads a field beyond the
brand: each box is its own module's business.
"""

from typing import IO

from archive.errors import NotMediaError
from archive.roles import Kind
from workers.boxes.box import TRUNCATED, BoxReader
from workers.boxes.declaration import Declaration
from workers.boxes.fields import MALFORMED
from workers.boxes.fragment import read_fragment
from workers.boxes.movie import Movie, read_movie
from workers.boxes.structure import Structure

FIRST_BOXES = frozenset(b"ftyp styp moov moof mdat free skip wide uuid pnot sidx emsg pdin prft".split())
STILL_BRANDS = frozenset((b"avif", b"heic", b"heix", b"mif1"))  # of `ftyp`: pictures, unless a `moov` follows
STILL = "heif_file"
MP4, QUICKTIME, SOUND = ("video/mp4", "mp4"), ("video/quicktime", "mov"), ("audio/mp4", "m4a")


def begins_with_box(head: bytes) -> bool:
    """Tell whether *head* opens with a box that can be the first of a film or a sound."""
    return head[4:8] in FIRST_BOXES


def check_structure(file: IO[bytes], size: int) -> Structure:
    """Walk the boxes of *file*, *size* bytes long; raise `NotMediaError` if it is no film or sound, or a cut one."""
    brand, movie, declaration = _walk(BoxReader(file, size))
    if movie is None:
        raise NotMediaError(STILL if brand in STILL_BRANDS else TRUNCATED)
    tracks = movie.of("video") or movie.of("audio")
    if not tracks:
        raise NotMediaError("no_video_track")
    fragmented = movie.layout == "fragmented"
    complete = declaration.weigh(movie) if fragmented else True  # sample tables have proved a progressive film
    if not any(line.ticks for line in tracks):
        raise NotMediaError("zero_duration")
    kind = Kind(tracks[0].track.kind)
    content_type, extension = SOUND if kind is Kind.AUDIO else QUICKTIME if brand in (b"qt  ", None) else MP4
    return Structure(
        kind=kind,
        content_type=content_type,
        extension=extension,
        layout=movie.layout,
        duration=movie.seconds if fragmented else movie.declared or movie.seconds,
        tracks=tuple(line.track for line in movie.lines.values()),
        complete=complete,
    )


def _walk(reader: BoxReader) -> tuple[bytes | None, Movie | None, Declaration]:
    """Return the film's brand, its `moov`, and what was met of fragments."""
    brand, movie, declaration = None, None, Declaration()
    seen = set[bytes]()
    for span in reader.outermost():
        declaration.edges.add(span.at)
        match span.kind:
            case b"ftyp":
                brand = bytes(reader.load(span).body[:4])
            case b"moov":
                moov = reader.load(span)
                if movie is not None:
                    raise NotMediaError(MALFORMED)
                movie = read_movie(moov, reader.size, after_media=b"mdat" in seen)
            case b"moof":
                moof = reader.load(span)
                if movie is None:
                    raise NotMediaError(TRUNCATED)
                movie.layout = "fragmented"
                read_fragment(moof, span.at, movie.lines, reader.size)
                declaration.add_fragment(span.at)
            case b"sidx":
                leading = not seen & {b"moof", b"styp"}
                declaration.follow_index(reader.load(span), span.stop, reader.size, leading=leading)
            case b"mfra":
                declaration.check_access(reader.load(span))
        seen.add(span.kind)
    declaration.edges.add(reader.size)
    return brand, movie, declaration
