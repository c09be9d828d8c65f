"""
Decide from content alone whether a file is one whole film, picture or sound. Pure; decodes nothing, believes no name
or header.

Each format is walked by its own frame to the end it declares: a file is whole when it reaches that end, and `truncated`
when it does not. What stands behind the end is tolerated, as decoders do. Where a format can leave its length open (a
streamed WAV, an MP3 without a frame count, a fragmented film) `complete` is None, never True.

What is not seen: whether the pixels or samples inside can be decoded; bytes changed without moving a length, except in
PNG, which has checksums; what stood behind the declared end, such as the further images of a multi-picture JPEG.

Sources, cited by section in the modules: PNG third edition (W3C 2025), ITU-T T.81 (JPEG), the GIF89a specification,
RFC 9649 (WebP), the RIFF and WAVE registrations of Microsoft and EBU Tech 3306 (RF64), ISO/IEC 11172-3 and 13818-3
(MPEG audio), id3.org; for films and M4A see `workers.boxes`. Where real encoders leave the standard, what libpng,
libjpeg, libwebp, browsers and FFmpeg still read decides.
"""

from workers.media.check import check_media
from workers.media.verdict import Format, Media

__all__ = ["Format", "Media", "check_media"]
