"""
The child that decodes: `python -I -m workers.media_child video|image|audio|poster FORMAT WALL_SECONDS CPU_SECONDS
MEMORY MAX_WIDTH`, file on stdin.

Hostile bytes meet FFmpeg's C code here and nowhere else. The child confines itself (`workers.confine`) before it reads
the first of them: no file it could open or delete, no process it could start, signal or look into, nothing to write to
but stdout.
The demuxer is fixed by the format that was found, so that no playlist is ever recognised, and references to other files
are refused.

Exit status: 0, EX_DATAERR for what FFmpeg cannot read as what it should be, EX_NOINPUT for a film without one
decodable frame; all else is a crash. Importing PyAV is nearly all the cost of a probe, so little else is
imported.
"""

import json
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import NoReturn

import av
import av.subtitles.codeccontext  # PyAV imports these two at the first stream that needs them,
import av.subtitles.stream  # when no file can be opened any more
from av.container import InputContainer

from workers.confine import confine

DEMUXERS = {  # FFmpeg's name for the one that reads a format, and the options it is given
    "mov": ("mov", {"enable_drefs": "0"}),
    "png": ("png_pipe", {}),
    "jpeg": ("jpeg_pipe", {}),
    "webp": ("webp_pipe", {}),
    "gif": ("gif", {}),
    "mp3": ("mp3", {}),
    "wav": ("wav", {}),
}
POSTER_AT = 0.5  # seconds: past a fade-in from black, still in the first group of pictures
POSTER_FRAMES = 120  # decoded at most: half a second at 240 frames a second
JPEG_QUALITY = 4  # FFmpeg's quantiser, 2 (best) to 31


class _Input:
    """Standard input read by position."""

    def __init__(self) -> None:
        self.size, self.at = os.fstat(0).st_size, 0

    def read(self, size: int) -> bytes:
        data = os.pread(0, size, self.at)
        self.at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.size}[whence]
        self.at = max(0, start + offset)  # FFmpeg seeks before the start of an empty file
        return self.at

    def tell(self) -> int:
        return self.at


def main(task: str, media_format: str, wall_seconds: int, cpu_seconds: int, memory: int, max_width: int) -> int:
    """Answer *task* on stdout and return the exit status."""
    source = _Input()
    confine(wall_seconds=wall_seconds, cpu_seconds=cpu_seconds, memory=memory)
    demuxer, options = DEMUXERS[media_format]
    try:
        with av.open(source, "r", format=demuxer, container_options=options, io_open=_refuse_reference) as media:
            answer = _poster(media, max_width) if task == "poster" else json.dumps(FACTS[task](media)).encode()
    except MemoryError:  # FFmpeg's is an FFmpegError as well, but no fault of the file's
        raise
    except (av.FFmpegError, ValueError):
        return os.EX_DATAERR
    sys.stdout.buffer.write(answer)
    return os.EX_OK if answer else os.EX_NOINPUT


def _refuse_reference(*_: object) -> NoReturn:
    raise ValueError("a file that refers to another")


def _film(film: InputContainer) -> dict[str, object]:
    video = film.streams.best("video")
    audio = film.streams.best("audio")
    if not isinstance(video, av.VideoStream) or film.duration is None:
        raise ValueError("no video, or no duration")
    rate = video.guessed_rate or video.average_rate
    return {
        "duration": film.duration / av.time_base,
        "width": video.codec_context.width,
        "height": video.codec_context.height,
        "video_codec": video.codec_context.codec.canonical_name,
        "audio_codec": audio.codec_context.codec.canonical_name if audio else None,
        "fps": float(rate) if rate else 0.0,
    }


def _picture(media: InputContainer) -> dict[str, object]:
    picture = media.streams.best("video")
    if not isinstance(picture, av.VideoStream) or not picture.codec_context.width:
        raise ValueError("no picture")
    context = picture.codec_context
    return {"width": context.width, "height": context.height, "codec": context.codec.canonical_name}


def _sound(media: InputContainer) -> dict[str, object]:
    sound = media.streams.best("audio")
    if not isinstance(sound, av.AudioStream) or media.duration is None:
        raise ValueError("no sound, or no duration")
    context = sound.codec_context
    return {
        "duration": media.duration / av.time_base,
        "audio_codec": context.codec.canonical_name,
        "sample_rate": context.sample_rate,
        "channels": context.channels,
    }


FACTS = {"video": _film, "image": _picture, "audio": _sound}


def _poster(film: InputContainer, max_width: int) -> bytes:
    """Return the frame at `POSTER_AT`, else the last before it, as a JPEG; empty when none can be decoded."""
    chosen = None
    for _, frame in zip(range(POSTER_FRAMES), _frames(film), strict=False):
        chosen = frame
        if frame.time is None or frame.time >= POSTER_AT:
            break
    if chosen is None:
        return b""
    width = min(max_width, chosen.width)
    height = max(2, round(chosen.height * width / chosen.width / 2) * 2)
    encoder = av.VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.qmin = encoder.qmax = JPEG_QUALITY
    encoder.thread_count = 1
    picture = chosen.reformat(width=width, height=height, format="yuvj420p", threads=1)
    return b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))


def _frames(film: InputContainer) -> Iterator[av.VideoFrame]:
    """Decode in one thread; a packet that cannot be decoded is passed over."""
    video = film.streams.best("video")
    if not isinstance(video, av.VideoStream):
        return
    video.codec_context.thread_count = 1
    for packet in film.demux(video):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
