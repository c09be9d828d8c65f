"""
The witness that no code can talk to: every TCP SYN and every datagram that is sent on the namespace's one interface.

A packet socket sees what any process sends, by whatever library, to whatever port, whether or not somebody listens.
What only the kernel sends by itself (ICMP, multicast membership) is left out.
"""

import ctypes
import socket
import struct
import threading
from ipaddress import ip_address
from typing import NamedTuple

from tests.doubles import wait_for

_EVERY_PROTOCOL = 3  # ETH_P_ALL
_SOL_PACKET, _STATISTICS = 263, 6
_SO_ATTACH_FILTER = 26
_OUTGOING = 4  # on a loopback interface each packet passes twice: as it is sent and as it arrives
_TCP, _UDP = 6, 17
_BY_THE_KERNEL = {0, 1, 2, 58}  # hop-by-hop options, ICMP, IGMP, ICMPv6
_MARK = ("127.0.0.53", 9)
_SNAP = 128  # bytes of each that are looked at
_PACKET_TYPE = 0xFFFFF004  # SKF_AD_OFF + SKF_AD_PKTTYPE
# Classic BPF, on packets that begin with their IP header: what is sent, and of TCP only SYN without ACK. Without it a
# film that is fetched would fill the socket's buffer, and a witness that misses something is none.
_LOAD, _LOAD_INDEXED, _HEADER_LENGTH, _AND, _IF_EQUAL, _JUMP, _RETURN = 0x30, 0x50, 0xB1, 0x54, 0x15, 0x05, 0x06
_FILTER = (
    (_LOAD, 0, 0, _PACKET_TYPE),
    (_IF_EQUAL, 0, 14, _OUTGOING),
    (_LOAD, 0, 0, 0),
    (_AND, 0, 0, 0xF0),
    (_IF_EQUAL, 0, 5, 0x40),
    (_LOAD, 0, 0, 9),  # IPv4
    (_IF_EQUAL, 0, 8, _TCP),
    (_HEADER_LENGTH, 0, 0, 0),
    (_LOAD_INDEXED, 0, 0, 13),
    (_JUMP, 0, 0, 3),
    (_LOAD, 0, 0, 6),  # IPv6
    (_IF_EQUAL, 0, 3, _TCP),
    (_LOAD, 0, 0, 53),
    (_AND, 0, 0, 0x12),
    (_IF_EQUAL, 0, 1, 0x02),
    (_RETURN, 0, 0, _SNAP),
    (_RETURN, 0, 0, 0),
)


class Packet(NamedTuple):
    """The first packet of a TCP connection, or a datagram."""

    kind: str  # "tcp", "udp", or the protocol's number
    address: str  # where it was sent to
    port: int
    origin: int  # the port it was sent from


class Witness:
    """Keeps every packet from its making on."""

    def __init__(self) -> None:
        self._seen: list[Packet] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)  # as much as the machine allows
        _attach_filter(self._socket)
        self._socket.bind(("lo", _EVERY_PROTOCOL))
        threading.Thread(target=self._watch, daemon=True).start()

    def seen(self) -> list[Packet]:
        """All that was sent before this call."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
            marker.sendto(b"", _MARK)
            mark = Packet("udp", *_MARK, marker.getsockname()[1])

        def is_through() -> bool:
            return mark in self._seen[-1000:]

        wait_for(is_through)
        missed = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))[1]
        assert missed == 0, f"the witness missed {missed} packets"
        return [packet for packet in self._seen if (packet.address, packet.port) != _MARK]

    def forget(self) -> None:
        self.seen()
        self._seen.clear()

    def _watch(self) -> None:
        while True:
            if packet := read_packet(self._socket.recv(_SNAP)):
                self._seen.append(packet)


def read_packet(data: bytes) -> Packet | None:
    """An IP packet by its header; None for what the kernel sends by itself. Pure."""
    if data[0] >> 4 == 4:
        protocol, address, rest = data[9], data[16:20], data[4 * (data[0] & 0xF) :]
    else:
        protocol, address, rest = data[6], data[24:40], data[40:]
    if protocol in _BY_THE_KERNEL:
        return None
    origin, port = struct.unpack_from(">HH", rest)
    kind = {_TCP: "tcp", _UDP: "udp"}.get(protocol, str(protocol))
    return Packet(kind, str(ip_address(address)), port, origin)


def _attach_filter(listening: socket.socket) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in _FILTER))
    program = struct.pack("HP", len(_FILTER), ctypes.addressof(code))
    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
