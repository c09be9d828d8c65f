"""
A DNS server that lies on request, over UDP and TCP. It knows no honest default: a name that nobody scripted leads to
the clouds' metadata address.

By hand, on plain sockets: half of what it says is not what a DNS library would write.
"""

import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

SERVER = "127.0.0.53"
_PORT = 53
_A, _CNAME, _AAAA = 1, 5, 28
_TYPES = {_A: "A", _AAAA: "AAAA"}
_RESPONSE, _TRUNCATED = 0x8180, 0x0200  # an answer to a recursive question
_MOST_IN_UDP = 512  # bytes


@dataclass(frozen=True)
class Answer:
    """
    What is said to one question.

    `by_way_of` are the names of a CNAME chain; `fault` is one of servfail, nxdomain, silence, garbage, other_id, cut.
    """

    a: Sequence[str] = ()
    aaaa: Sequence[str] = ()
    by_way_of: Sequence[str] = ()
    fault: str = ""


@dataclass
class Names:
    """`script` holds for each name what is said at the first question of a type, the second…; the last repeats."""

    script: dict[str, list[Answer]] = field(default_factory=dict)
    default: Answer = Answer(a=("169.254.169.254",), aaaa=("fd00:ec2::254",))
    asked: list[tuple[str, str]] = field(default_factory=list)  # name and type
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def start(self) -> None:
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((SERVER, _PORT))
        streams = socket.create_server((SERVER, _PORT), backlog=64)
        threading.Thread(target=self._serve_datagrams, args=(datagrams,), daemon=True).start()
        threading.Thread(target=self._serve_streams, args=(streams,), daemon=True).start()

    def learn(self, script: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Forget all, and speak by *script* from now on."""
        self._counts.clear()
        self.asked.clear()
        self.script = {name.lower(): [Answer(**said) for said in steps] for name, steps in script.items()}

    def _serve_datagrams(self, listening: socket.socket) -> None:
        while True:
            question, caller = listening.recvfrom(4096)
            said = self._reply(question, is_datagram=True)
            if said:
                listening.sendto(said, caller)

    def _serve_streams(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            with contextlib.suppress(OSError), connection:
                connection.settimeout(2)
                # Both questions of one lookup come over one connection.
                while head := connection.recv(2, socket.MSG_WAITALL):
                    said = self._reply(
                        connection.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL), is_datagram=False
                    )
                    connection.sendall(struct.pack(">H", len(said)) + said)

    def _reply(self, question: bytes, *, is_datagram: bool) -> bytes:
        name, kind, end = _question(question)
        wanted = _TYPES.get(kind, str(kind))
        steps = self.script.get(name, [self.default])
        place = self._counts[name, wanted]
        if not is_datagram:
            place = max(0, place - 1)  # the same question once more, since the answer was too long for a datagram
        else:
            self._counts[name, wanted] += 1
            self.asked.append((name, wanted))
        return _said(question[:2], question[12:end], kind, steps[min(place, len(steps) - 1)], is_datagram)


def _question(message: bytes) -> tuple[str, int, int]:
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels).lower(), struct.unpack_from(">H", message, at + 1)[0], at + 5


def _said(identity: bytes, question: bytes, kind: int, answer: Answer, is_datagram: bool) -> bytes:
    flags = _RESPONSE | {"servfail": 2, "nxdomain": 3}.get(answer.fault, 0)
    match answer.fault:
        case "silence":
            return b""
        case "garbage":
            return identity + b"\x81\x80\x00\x01\x00\x09\x00\x00\x00\x00" + question + b"\xc0\xff\x03" * 99
        case "other_id":
            identity = bytes(255 - byte for byte in identity)
    owner, records = b"\xc0\x0c", []  # the question's name
    for name in answer.by_way_of:
        encoded = _encoded(name)
        records.append(_record(owner, _CNAME, encoded))
        owner = encoded
    records += [_record(owner, kind, ip_address(a).packed) for a in {_A: answer.a, _AAAA: answer.aaaa}.get(kind, ())]
    body = question + b"".join(records)
    if is_datagram and 12 + len(body) > _MOST_IN_UDP:
        return identity + struct.pack(">HHHHH", flags | _TRUNCATED, 1, 0, 0, 0) + question
    said = identity + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + body
    return said[:-3] if answer.fault == "cut" else said


def _record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack(">HHIH", kind, 1, 0, len(data)) + data  # TTL 0


def _encoded(name: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"
