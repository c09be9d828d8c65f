"""
Decide from content alone whether a file is one whole film or sound in an ISO base media file (MP4, QuickTime, M4A).
Pure; decodes nothing, believes no name or header.

A progressive film is whole when every sample its tables name lies inside the file (`samples`). A fragmented film is
whole only by declaration (`declaration`): by `mfra`, written last, by a `sidx` before the first fragment, or by a
duration in `mehd` or `mvhd`. Without any, a cut exactly between two fragments leaves a flawless shorter film:
`complete` is then None, never True. The same holds for a film whose only declaration was the `mfra` it lost. A film
whose tracks name another file as the place of their media is none.

What is not seen: what stands after the last sample (`free`, `uuid`, an `mfra` beside a `sidx`) can be lost at a box
edge; of segments joined without `styp`, each with a `sidx` of several references, the first may pass for the whole;
bytes changed inside `mdat`. Compressed `moov` (`cmov`, QuickTime before 2001) is not read.

Sources, cited by section in the modules: ISO/IEC 14496-12:2022 (boxes 4.2, sample tables 8.6-8.7, fragments 8.8, `sidx`
8.16.3), Apple's QuickTime File Format. Where real muxers leave the standard, FFmpeg's `mov` demuxer decides what is
still a film.
"""

from workers.boxes.structure import Structure, Track
from workers.boxes.walk import STILL, begins_with_box, check_structure

__all__ = ["STILL", "Structure", "Track", "begins_with_box", "check_structure"]
