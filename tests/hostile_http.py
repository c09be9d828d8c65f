"""
What strangers may send over a socket: generated from a seed, the same in every run.

`MALFORMED` has what no server may serve; `attacks` all kinds of hostility, of which the answer may be anything from 200
to 4xx, and never more.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.hostile_json import TEXTS, hostile_bodies, hostile_ids
from tests.wire import request

_POST = "POST / HTTP/1.1\r\nHost: a\r\n"
MALFORMED = {
    "bare-lf": "GET / HTTP/1.1\nHost: a\n\n",
    "bare-lf-in-header": "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "obs-fold": "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "nul": "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "cr": "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "no-name": "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "no-host": "GET / HTTP/1.1\r\n\r\n",
    "two-hosts": "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "two-hosts-1.0": "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "version-2.0": "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "version-1.2": "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "connect": "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01",
    "tls": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "method-unknown": "FOO / HTTP/1.1\r\nHost: a\r\n\r\n",
    "method-long": "A" * 10_000 + " / HTTP/1.1\r\nHost: a\r\n\r\n",
    "method-lower": "get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "target-non-ascii": "GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "target-space": "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "target-relative": "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "target-no-path": "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
    "te-and-length": _POST + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "length-and-te": _POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te-space": _POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "te-chunked-identity": _POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "te-identity-chunked": _POST + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "te-gzip-chunked": _POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "te-unknown": _POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "te-twice": _POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te-1.0": "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length-twice": _POST + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length-list": _POST + "Content-Length: 2, 2\r\n\r\n{}",
    "length-negative": _POST + "Content-Length: -2\r\n\r\n{}",
    "length-plus": _POST + "Content-Length: +2\r\n\r\n{}",
    "length-hex": _POST + "Content-Length: 0x2\r\n\r\n{}",
    "length-empty": _POST + "Content-Length:\r\n\r\n{}",
    "length-overflow": _POST + f"Content-Length: {1 << 64}2\r\n\r\n",
    "chunk-overflow": _POST + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "chunk-0x": _POST + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "chunk-negative": _POST + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "chunk-bare-lf": _POST + "Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "chunk-too-long": _POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n",
    "trailer-broken": _POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX : y\r\n\r\n",
}

METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PURGE",
    "PROPFIND",
    "M-SEARCH",
    "QUERY",
)
BYTES = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"%",
    b"\xff",
    b"\x80",
    b"0",
    b'"',
    b"/",
)


@dataclass(frozen=True)
class Attack:
    """One hostile connection: *pieces* are sent one after the other, *pause* seconds between them."""

    kind: str
    pieces: tuple[bytes, ...]
    pause: float = 0.0
    reads: bool = True


@dataclass(frozen=True)
class Target:
    """What a stranger knows of the service; *sign* makes the headers of a delivery that proves itself."""

    hooks: tuple[str, ...]
    paths: tuple[str, ...]
    tokens: tuple[str, ...]
    sign: Callable[[str, bytes], dict[str, str]]


def attacks(target: Target, seed: int) -> Iterator[Attack]:
    """Attacks for ever, every kind in turn."""
    chance = random.Random(seed)
    bodies = list(hostile_bodies())
    names = [name.encode("utf-8", "surrogatepass") for name in hostile_ids()]
    chance.shuffle(bodies)
    at = 0
    while True:
        at += 1
        hook = chance.choice(target.hooks)
        yield _signed(target, bodies[at % len(bodies)])
        yield Attack("body", (request("POST", hook, *_fields(chance), body=bodies[-at % len(bodies)]),))
        yield Attack("malformed", (chance.choice(list(MALFORMED.values())).encode("latin-1"),))
        yield Attack("mutated", (_mutated(chance, _plain(chance, target, hook)),))
        yield Attack("route", (_route(chance, target, names),))
        yield Attack("mutated", (_mutated(chance, _chunked(chance, hook)),))
        yield Attack("fields", (_many_fields(chance, hook),))
        if at % 4 == 0:
            last = request("GET", "/healthz", "Connection: close")
            yield Attack("ahead", (_plain(chance, target, hook) * chance.randint(1, 20) + last,))
        if at % 10 == 0:
            whole = _plain(chance, target, hook)
            yield Attack("pieces", tuple(whole[n : n + 7] for n in range(0, len(whole), 7)), 0.001)
            yield Attack("large", (request("POST", hook, body=b"[" * chance.randint(1 << 20, 3 << 20)),))
            yield Attack(
                "endless",
                (request("POST", hook, "Transfer-Encoding: chunked"), *[b"4000\r\n" + b" " * 0x4000 + b"\r\n"] * 70),
            )
            yield Attack("upgrade", (request("POST", hook, "Connection: Upgrade", "Upgrade: h2c", body=b"{}"),))
            yield Attack("deaf", (request("GET", "/openapi.json") * 16,), reads=False)


def silences(target: Target, seed: int) -> Iterator[Attack]:
    """Connections that stop somewhere before their request is whole, for ever; or say it a byte at a time."""
    chance = random.Random(seed)
    while True:
        hook = chance.choice(target.hooks)
        for whole in (_plain(chance, target, hook), _chunked(chance, hook)):
            yield Attack("silence", (whole[: chance.randrange(len(whole))],))
        yield Attack("drip", tuple(bytes([byte]) for byte in request("POST", hook, "X: " + "a" * 4000)), 0.5)
        yield Attack("silence", (b"",))


def _signed(target: Target, body: bytes) -> Attack:
    fields = [f"{name}: {value}" for name, value in target.sign("t1", body).items()]
    return Attack("signed", (request("POST", target.hooks[0], *fields, body=body),))


def _plain(chance: random.Random, target: Target, hook: str) -> bytes:
    body = b'{"taskId": "t%d", "status": 0}' % chance.randrange(1000)
    fields = [f"{name}: {value}" for name, value in target.sign("t1", body).items()]
    return request("POST", hook, *chance.sample(fields, chance.randint(0, len(fields))), body=body)


def _chunked(chance: random.Random, hook: str) -> bytes:
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (size, b" " * size) for size in chance.sample(range(1, 40), 5))
    return request("POST", hook, "Transfer-Encoding: chunked") + chunks + b"0\r\nT: x\r\n\r\n"


def _mutated(chance: random.Random, sent: bytes) -> bytes:
    """*sent* with up to three bytes changed, taken away, put in, or doubled."""
    made = bytearray(sent)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(made))
        match chance.randrange(5):
            case 0:
                made[at] = chance.randrange(256)
            case 1:
                del made[at : at + chance.randint(1, 8)]
            case 2:
                made[at:at] = chance.choice(BYTES)
            case 3:
                made[at:at] = made[at : at + chance.randint(1, 60)]
            case _:
                made[at] ^= 1 << chance.randrange(8)
    return bytes(made)


def _route(chance: random.Random, target: Target, names: list[bytes]) -> bytes:
    """A method and a path that may fit together, with names where none of ours belong."""
    path = chance.choice(target.paths).encode()
    while b"{" in path:
        before, _, rest = path.partition(b"{")
        path = before + _escaped(chance, chance.choice(names)) + rest.partition(b"}")[2]
    if chance.random() < 0.3:
        path += chance.choice([b"/", b"//", b"/..", b"/%2e%2e", b"%00", b"%ff", b"%0d%0a", b";a", b"/./"])
    if chance.random() < 0.4:
        name = chance.choice([b"limit", b"cursor", b"state", b"since", b"q", b"source", b"%00", b""])
        path += b"?" + name + b"=" + _escaped(chance, chance.choice(names))
    head = b"%s %s HTTP/1.1\r\nHost: a\r\n" % (chance.choice(METHODS).encode(), path)
    if target.tokens and chance.random() < 0.6:
        head += b"Authorization: Bearer %s\r\n" % chance.choice(target.tokens).encode()
    body = chance.choice([b"", b"{}", b"[]", b'{"source": "kie", "task_id": "x"}'])
    return head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def _escaped(chance: random.Random, name: bytes) -> bytes:
    if chance.random() < 0.2:  # as it is, which is mostly no target at all
        return name
    return b"".join(b"%%%02x" % byte for byte in name)


def _fields(chance: random.Random) -> list[str]:
    """A few of the headers that somebody might look at, with what nobody expects in them."""
    known = (
        "Content-Type", "Content-Encoding", "Authorization", "X-Webhook-Timestamp", "X-Webhook-Signature", "Accept",
        "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Cookie", "If-None-Match", "Range", "Te", "Via",
        "Idempotency-Key", "X-Request-Id", "Connection", "Keep-Alive", "Trailer", "Date", "Origin", "Accept-Encoding",
    )  # fmt: skip
    return [f"{chance.choice(known)}: {_printable(chance.choice(TEXTS))}" for _ in range(chance.randint(0, 4))]


def _printable(text: str) -> str:
    """What of *text* may stand in a header."""
    return "".join(sign for sign in text.encode("utf-8", "replace").decode("latin-1") if sign >= " " and sign != "\x7f")


def _many_fields(chance: random.Random, hook: str) -> bytes:
    size = chance.choice([1, 10, 100, 1000, 10_000, 70_000])
    fields = [f"X-{n}: {'a' * size}" for n in range(chance.choice([1, 5, 50, 98, 99, 100, 101, 500]))]
    return request("POST", hook, *fields[: 1 + 200_000 // size], body=b"{}")
