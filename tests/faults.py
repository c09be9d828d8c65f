"""What a file host may do wrong (F40 to F53), as scenes for `tests.origin`; each notes that it has happened."""

import re
from dataclasses import dataclass
from typing import Final

from tests.origin import Fault, Scene, Wire

STAMP: Final = 'ETag: "one"'


def message(status: str, *headers: str, body: bytes = b"") -> bytes:
    """An answer whose length is whatever *headers* say."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers]).encode("latin-1") + b"\r\n\r\n" + body


def says(name: str, *pieces: bytes, reset: bool = False) -> Fault:
    """Exactly these bytes, then the end of the connection: FIN, or RST."""

    def play(wire: Wire) -> None:
        for piece in pieces:
            wire.send(piece)
        if reset:
            wire.reset()

    return Fault(name, play)


def refuses(status: str, *headers: str) -> Fault:
    """An answer without a file."""
    return says(status, message(status, "Content-Length: 0", *headers))


def drips(name: str, start: bytes, piece: bytes, pause: float) -> Fault:
    """*start* at once, then *piece* after *piece* until hung up on."""

    def play(wire: Wire) -> None:
        wire.send(start)
        while not wire.stopping.wait(pause):
            wire.send(piece)

    return Fault(name, play)


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@dataclass(frozen=True)
class File:
    """A file on a host that can do ranges, and the ways in which it can come wrong."""

    body: bytes
    stamps: tuple[str, ...] = (STAMP,)  # what says which version it is

    def serve(self) -> Scene:
        """The whole, or the rest from where it is asked for, as RFC 9110 has it."""
        return lambda wire: wire.send(self._answer(wire))

    def whole(self, *headers: str) -> bytes:
        return message("200 OK", f"Content-Length: {len(self.body)}", *self.stamps, *headers, body=self.body)

    def part(self, start: int, end: int | None = None) -> bytes:
        """A true 206, to the end of the file or to *end*, included."""
        last = len(self.body) - 1 if end is None else end
        piece = self.body[start : last + 1]
        where = f"Content-Range: bytes {start}-{last}/{len(self.body)}"
        return message("206 Partial Content", f"Content-Length: {len(piece)}", where, *self.stamps, body=piece)

    def cut(self, at: int, *, reset: bool = False) -> Fault:
        """What is asked for, but the connection ends after *at* bytes of the body."""

        def play(wire: Wire) -> None:
            answer = self._answer(wire)
            wire.send(answer[: answer.index(b"\r\n\r\n") + 4 + at])
            if reset:
                wire.reset()

        return Fault("reset" if reset else "cut", play)

    def ignores_ranges(self) -> Fault:
        return says("range ignored", self.whole())

    def _answer(self, wire: Wire) -> bytes:
        asked = re.fullmatch(r"bytes=([0-9]+)-", wire.asked("range"))
        known = [stamp.partition(": ")[2] for stamp in self.stamps]
        if asked is None or wire.asked("if-range") not in ["", *known]:
            return self.whole()
        if int(asked[1]) >= len(self.body):
            return message("416 Range Not Satisfiable", f"Content-Range: bytes */{len(self.body)}", "Content-Length: 0")
        return self.part(int(asked[1]))
