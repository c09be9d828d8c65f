"""
Walk a file's boxes once and give the verdict.

Decides by which refusal a file ends, and how the parts' findings make one `Structure`. Never reads a field beyond the
brand: each box is its own module's business.
"""

from typing import IO

from archive.errors import NotMediaError
from workers.boxes.box import TRUNCATED, BoxReader
from workers.boxes.declaration import Declaration
from workers.boxes.fields import MALFORMED
from workers.boxes.foreign import HEAD, begins_like_a_film, name_foreign, name_without_movie
from workers.boxes.fragment import read_fragment
from workers.boxes.movie import Movie, read_movie
from workers.boxes.structure import Structure


def check_structure(file: IO[bytes], size: int) -> Structure:
    """Walk the boxes of *file*, *size* bytes long; raise `NotMediaError` if it is no film or a cut one."""
    if size == 0:
        raise NotMediaError("empty_file")
    file.seek(0)
    head = file.read(min(size, HEAD))
    if not begins_like_a_film(head):
        raise NotMediaError(name_foreign(head))
    brand, movie, declaration = _walk(BoxReader(file, size))
    if movie is None:
        raise NotMediaError(name_without_movie(head))
    if not movie.video:
        raise NotMediaError("no_video_track")
    fragmented = movie.layout == "fragmented"
    complete = declaration.weigh(movie) if fragmented else True  # sample tables have proved a progressive film
    if not any(line.ticks for line in movie.video):
        raise NotMediaError("zero_duration")
    quicktime = brand in (b"qt  ", None)
    return Structure(
        content_type="video/quicktime" if quicktime else "video/mp4",
        extension="mov" if quicktime else "mp4",
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
                declaration.fragments.add(span.at)
            case b"sidx":
                leading = not seen & {b"moof", b"styp"}
                declaration.follow_index(reader.load(span), span.stop, reader.size, leading=leading)
            case b"mfra":
                declaration.check_access(reader.load(span))
        seen.add(span.kind)
    return brand, movie, declaration
