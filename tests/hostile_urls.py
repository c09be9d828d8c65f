"""
URLs that hosts are attacked with, made rather than listed: spellings of forbidden addresses, in the places where
parsers disagree, behind schemes and ports that are none of ours. Always the same ones, in the same order.

What each of them must lead to: it is refused, or its host is an address that is not public, or one of the names that
were given, or DECOY, which is all an honest reading can see in `https://files.example/@10.0.0.1/`.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import cycle, islice


def _words(text: str) -> list[str]:
    return text.split()


DECOY = "files.example"
NAMES = ("localhost", "metadata.google.internal", "rebind.example", "a.b.internal", "xn--rbind-bsa.example")
# One of each kind of network, and what clouds tell secrets at.
FORBIDDEN_V4 = _words("""
127.0.0.1 127.8.8.8 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 169.254.170.2 100.64.0.1 100.100.100.200
168.63.129.16 192.0.0.192 0.0.0.0 198.18.0.1 192.0.2.1 192.88.99.1 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255
""")
FORBIDDEN_V6 = _words("""
:: ::1 fe80::1 fe80::a9fe:a9fe fc00::1 fd00:ec2::254 fd20:ce::254 fec0::1 ff02::1 100::1 100:0:0:1::1 2001::1
2001:20::1 2001:db8::1 2002:7f00:1:: 3fff::1 5f00::1 64:ff9b:1::7f00:1 2001:10::1 2620:4f:8000::1
""")
_SCHEMES = ("https://", "http://")
_NO_SCHEMES = _words("""
ftp:// file:// file:/// gopher:// dict:// ldap:// ldaps:// sftp:// tftp:// ws:// wss:// jar:https://
view-source:https:// netdoc:// ssh:// smb:// rtmp:// rtsp:// unix:// blob:https:// feed:https:// data:// javascript://
mailto: phar:// s3:// git+https:// url:https:// httpsx:// xhttps:// https+unix:// // /// / : :// https: http: https:/
https:/// https://// https:\\ https:\\\\ https:/\\ http:/ http:/// HTTPS: https; https//: h%74tps:// https%3a//
https%3A%2F%2F htt\u0440s:// \u017fttps:// http\u017f://
""")
# What follows the host: a reading that is not ours sees another port in it, or none.
_AFTER = (
    "/", "", "?x", "#x", ":/", ":443/", ":80/", ":0/", ":22/", ":6379/", ":8080/", ":65536/", ":65979/",
    ":4294967739/", ":-1/", ":+443/", ":443 /", ": 443/", ":443x/", ":x/", ":4\uff14\uff13/", ":443:443/", ":443@/",
    ":%34%34%33/", ":0443/", ":443.0/", ":1e3/", ":0x1bb/", ";/", "./", "../", "%2f/", "%23/", "%3f/", "%5c/", "%00/",
    "%00.files.example/", "%0a/", "%0d%0aHost:x/", "%09/", "%20/", "%40files.example/", "\t/", "\n/", "\r\n/", " /",
    "\x00/", "\x00.files.example/", "\x0b/", "\x7f/", "\x1f/", "\u200b/", "\ufeff/", "\u2028/", "\ud800/", "\\",
    "\\@files.example/", "\\.files.example/", "/\\files.example", "&@files.example/", ",files.example/",
    "|files.example/", "`/", "<x>/", '"/', "^/", "{x}/", "!/", "$x/", "*/", "(1)/", "'/", "=/", "~/", "+/",
)  # fmt: skip
# Forms with a host (H) and somebody harmless (D) in it; browsers, curl, urllib and httpx disagree about many.
_FORMS = (
    "https://H@/", "https://@H/", "https://:@H/", "https://u@H/", "https://u:p@H/", "https://D@H/",
    "https://D:443@H/", "https://D@@H/", "https://u@D@H/", "https://H@D@H/", "https://D:x@H:443/", "https://D%40H/",
    "https://D%2f@H/", "https://D#@H/", "https://D?@H/", "https://D/@H/", "https://D;@H/", "https://D&@H/",
    "https://D,H/", "https://D H/", "https://H D/", "https://D\\@H/", "https://D\\\\@H/", "https://D\\H/",
    "https://D/\\H/", "https://\\H/", "https:\\\\H/", "https:/\\H/", "https:\\/H/", "https:H/", "https:/H/",
    "https:///H/", "https:////H/", "https:/ /H/", "https: //H/", "https ://H/", " https://H/", "\thttps://H/",
    "\x00https://H/", "\x01https://H/", "\ufeffhttps://H/", "ht\ttps://H/", "h\nttps://H/", "https:\n//H/",
    "https:/\t/H/", "https://\tH/", "https://\nH/", "https:// H/", "https://\x00H/", "https://%09H/", "https://%00H/",
    "https://%20H/", "https://%2fH/", "https://.H/", "https://..H/", "https://H../", "https://H.:443/",
    "https://D\tH/", "https://D\n@H/", "https://D\r\nHost: H/", "https://D%0d%0aHost: H/", "https://D\x00H/",
    "https://D%00@H/", "https://D:443#@H/", "https://D:443\\@H/", "https://D:443?@H/", "https://D:80;H:443/",
    "https://D:@H/", "https://[D]@H/", "https://[H/", "https://H]/", "https://[H]/", "https://[[H]]/",
    "https://[v1.H]/", "https://[::H/", "https://[D]H/", "https://[::1]H/", "https://[::1]@H/", "https://[H%25eth0]/",
    "https://<H>/", "https://(H)/", "https://\"H\"/", "https://'H'/", "https://`H`/", "https://{H}/", "https://H|D/",
    "https://D|H/", "https://$H/", "https://*H/", "https://!H/", "https://~H/", "https://+H/", "https://=H/",
    "https://D=H/", "https://-H\\@D/", "//H/", "\\\\H\\", "///H/", "H", "H/", "H:443", "H:443/", "://H/", "https//H/",
    "https:?H", "https:#H", "https://", "https:///", "https://?H", "https://#H", "https://:443/H", "https://https:H/",
    "https://https:@H/", "url=https://H/", "https://D/ https://H/", "https://D\r\nhttps://H/",
    "https://D/%20https://H/", "https://D/?u=https://H/", "https://D/..;/@H/", "https://D/x:y@H/", "https://D/#@H/",
    "https://D:/@H", "https://u\\@D@H/", "https://u:\\@H/", "https://%5b::1%5d@H/", "https://\u202eH/",
    "https://\u00adH/", "https://H\u3002/", "https://H\uff0f@D/", "https://D\uff0fH/", "https://D\uff20H/",
    "https://D\uff03@H/", "https://D\uff1f@H/", "https://D\ufe68@H/", "https://D\u2100@H/", "https://D\uff1a443@H/",
    "https:\uff0f\uff0fH/", "\uff48ttps://H/", "https://H\u200b/", "https://H\u2024/",
)  # fmt: skip
# Whole URLs that the WHATWG's suite and resolvers' test suites would have fail, or that stand for nothing by their own.
_WHOLE = (
    "", " ", "https", "https:", "https://", "https:///", "https://[", "https://]", "https://[]/", "https://[:]/",
    "https://[:::]/", "https://[::1::]/", "https://[1::2::3]/", "https://[::12345]/", "https://[1:2:3:4:5:6:7]/",
    "https://[1:2:3:4:5:6:7:8:9]/", "https://[1:2:3:4:5:6:7:8]x/", "https://[::1]x/", "https://[::1].com/",
    "https://[::g]/", "https://[::1.2.3]/", "https://[::1.2.3.4.5]/", "https://[::1.2.3.256]/",
    "https://[::1.2.3.04]/", "https://[::1.2.3.4.]/", "https://[::.1.2.3]/", "https://[::1.2.3.4x]/",
    "https://[1.2.3.4]/", "https://[www.example.com]/", "https://[v1.2]/", "https://[::1%25]/", "https://[::1%251]/",
    "https://[::1%1]/", "https://[fe80::1%25en0]/", "https://[fe80::1%en0]/", "https://[::1/64]/",
    "https://[google.com]/", "https://[::127.0.0.1.]/", "https://[0:1.23.23]/", "https://[:0:1]/",
    "https://[0:0:0:0:0:0:0:0:]/", "https://[0::0::0]/", "https://1.2.3.4.5/", "https://1.2.3.4.5./",
    "https://1.2.3.256/", "https://1.2.3.4000/", "https://256.256.256.256/", "https://0.0.0.01/",
    "https://0xffffffff1/", "https://4294967296/", "https://0x100000000/", "https://00.0x.0/", "https://0x/",
    "https://0x./", "https://0..0x300/", "https://foo.09/", "https://foo.0/", "https://foo.0x/", "https://foo.0x4/",
    "https://foo.0x4./", "https://foo.2.3/", "https://foo.09../", "https://foo.2.3../", "https://foo..2.3/",
    "https://1.2.3.08/", "https://1.2.3.08./", "https://1.2.3.09/", "https://09.2.3.4/", "https://09.2.3.4./",
    "https://01.2.3.4/", "https://0.0.0x.0x/", "https://1..2/", "https://.1/", "https://1./", "https://./",
    "https://../", "https://.../", "https://.a/", "https://a..b/", "https://a../", "https://..a/", "https://a.b../",
    f"https://{'a' * 64}.example/", f"https://{'a.' * 127}aa/", f"https://{'a.' * 128}/",
    f"https://{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 62}/", f"https://{'a' * 5000}/",
    "https://files.example/" + "a" * 8192, "https://files.example/?" + "a" * 70_000,
    f"https://files.example:{'0' * 9000}443/", "https://files.example:" + "4" * 5000 + "/", "https://xn--/",
    "https://xn--.example/", "https://a.xn--/", "https://xn--ascii-.example/", "https://xn--a.example/",
    "https://xn---.example/", "https://xn--0.example/", "https://xn--pokxncvks/", "https://a.b.c.xn--pokxncvks/",
    "https://a.b.c.XN--pokxncvks/", "https://xn--zn7c.example/", "https://xn--1ug.example/",
    "https://xn--a-yoc.example/", "https://xn--ad-0vb.example/", "https://xn--hxax4b\u00e9.example/",
    "https://xn--99999999.example/", "https://xn--u-ccb.example/",
    "https://xn--localhost-.example/", "https://xn--ls8h=.example/", "https://a%b/", "https://a%/", "https://%/",
    "https://%zz/", "https://%41.example/", "https://ex%61mple.com/", "https://%ef%bc%85%ef%bc%94%ef%bc%91.com/",
    "https://a<b/", "https://a>b/", "https://a^b/", "https://a|b/", "https://a`b/", 'https://a"b/', "https://a{b/",
    "https://a b/", "https://a\x00b/", "https://a\x7fb/", "https://a%00b/", "https://a%7fb/", "https://a%20b/",
    "https://a%c2%adb/", "https://a%23b/", "https://a%2fb/", "https://a%3ab/", "https://a%3fb/", "https://a%40b/",
    "https://a%5bb/", "https://a%5cb/", "https://a%5db/", "https://a*b/", "https://a(b)/", "https://a$b/",
    "https://\u00e4.example/", "https://\u00df.example/", "https://\u212a.example/", "https://\u2488com/",
    "https://\U0001f4a9/", "https://\uff27\uff4f.com/", "https://\u00ad/", "https://%c2%ad/", "https://\u200d/",
    "https://\u2060/", "https://\ufffd/", "https://\udc00/", "https://\ud83d/", "https://a\u0301.example/",
    "https://\u05d0a.example/", "https://\u202dfiles.example/", "https://files.example\u2025/",
    "https://files.example\uff61/", "https://\uff05\uff14\uff11.com/", "https://user@/www.example.com/",
    "https:@/www.example.com/", "https://a:b@/www.example.com", "https://:@/www.example.com", "https://u:p@",
    "https://@/", "https://:443/", "https://?/", "https://#/", "https://files.example:99999/",
    "https://files.example:70000/", "https://files.example:443443/", "https://f:b/c", "https://f: /c",
    "https://f:999999/c", "https://f:9 /", "https://f:\n/c", "https://f:fifty-two/c", "https://::1/", "https://::/",
    "https://1:2:3:4/", "https://a:b@c:29/d", "javascript:alert(1)", "data:video/mp4;base64,AAAA", "about:blank",
    "file:///etc/passwd", "FILE:///etc/shadow", "file:/etc/passwd", "file://localhost/etc/passwd",
    "blob:https://files.example/1", "/etc/passwd", "../etc/passwd", "concat:a|b",
    "subfile,,start,0,end,0,,:/etc/passwd", "https://files.example/\x00", "https://files.example/\x7f",
    "https://files.example/a b", "https://files.example/\u00e9", "https://files.example/\r\nX: y",
    "https://files.example/?a\nb", "https://files.example/#\x00", "https://files.example/\\..\\x",
    "https://files.example/\ud800",
)  # fmt: skip


def hostile_urls(names: Sequence[str] = NAMES) -> list[str]:
    """
    At least 5,000 distinct URLs that must not lead to a forbidden address.

    *names* resolve to such addresses, wherever this is tried on a wire.
    """
    return list(dict.fromkeys(_all(names)))


def _all(names: Sequence[str]) -> Iterator[str]:
    yield from _WHOLE
    spelt = {address: list(spellings(address)) for address in FORBIDDEN_V4}
    hosts = [host for found in spelt.values() for host in found] + [f"[{address}]" for address in FORBIDDEN_V6]
    hosts += [f"[{odd}]" for address in FORBIDDEN_V6 for odd in _odd_v6(address)]
    hosts += [*names, *(f"{name}." for name in names), *map(str.upper, names)]
    for scheme in _SCHEMES:
        yield from (f"{scheme}{host}/latest/meta-data/" for host in hosts)
    plain = [*FORBIDDEN_V4, *(f"[{address}]" for address in FORBIDDEN_V6), *names]
    for place, host in enumerate(plain):
        yield from (form.replace("D", DECOY).replace("H", host) for form in islice(cycle(_FORMS), place, place + 90))
        yield from (f"https://{host}{after}" for after in islice(cycle(_AFTER), place, place + 40))
        yield from (f"{scheme}{host}/" for scheme in islice(cycle(_NO_SCHEMES), place, place + 25))
    for odd, form in zip(cycle(hosts), _FORMS * 4, strict=False):
        yield form.replace("D", DECOY).replace("H", odd)


def spellings(address: str) -> Iterator[str]:
    """Ways to write an IPv4 address as a host: some resolvers take them for the address, some parsers for a name."""
    a, b, c, d = octets = [int(part) for part in address.split(".")]
    number = int(IPv4Address(address))
    low = (number >> 16, number & 0xFFFF)
    yield address
    yield f"{address}."
    yield from (
        str(number),
        f"{number}.",
        f"0{number}",
        str(number + (1 << 32)),
        f"0x{number:x}",
        f"0X{number:08X}",
        f"0{number:o}",
    )
    yield from (f"000000{number:o}", f"0x{number + (1 << 32):x}", f"0x00000000{number:08x}")
    yield from (
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:x}.{number & 0xFFFFFF}",
        f"{a}.0x{number & 0xFFFFFF:x}",
    )
    yield from (".".join(f"0{octet:o}" for octet in octets), ".".join(f"{octet:04o}" for octet in octets))
    yield from (".".join(f"0x{octet:x}" for octet in octets), ".".join(f"{octet:03}" for octet in octets))
    yield from (
        ".".join(str(octet + 256) for octet in octets),
        f"{a}.{b}.{c}.{d + 256}",
        f"0x{a:02X}.{b}.0{c:o}.{d}",
        f"{a}.{b}.{c}.0x{d:x}",
    )
    yield from (f"{a}..{b}.{c}.{d}", f".{address}", f"{address}..", f"{address}.0", f"0.{address}")
    for dot in "\u3002\uff0e\uff61\u2024":
        yield address.replace(".", dot)
    yield address.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    yield address.translate({ord("0") + digit: 0x1D7CE + digit for digit in range(10)})
    yield address.translate({ord("0"): 0x24EA} | {ord("0") + digit: 0x2460 + digit - 1 for digit in range(1, 10)})
    yield address.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    yield "".join(f"%{ord(character):02x}" for character in address)
    yield address.replace(".", "%2e")
    yield address.replace(".", "%E3%80%82")
    yield address.replace(".", "\u00ad.", 1)
    yield address.replace(".", ".\u200b", 1)
    yield address.replace(".", "%c2%ad.", 1)
    yield address.replace(".", ".\t", 1)
    for inside in (
        f"::ffff:{address}",
        f"::ffff:{low[0]:x}:{low[1]:x}",
        f"0:0:0:0:0:FFFF:{address}",
        f"::{address}",
        f"::{low[0]:x}:{low[1]:x}",
    ):
        yield f"[{inside}]"
    yield from (
        f"[::ffff:0:{address}]",
        f"[64:ff9b::{address}]",
        f"[64:ff9b:1::{address}]",
        f"[2002:{low[0]:x}:{low[1]:x}::1]",
    )
    yield f"[2001:0:{low[0]:x}:{low[1]:x}::1]"
    yield f"[{IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))}]"
    yield from (f"[2a00:1450::5efe:{address}]", f"[2a00:1450::200:5efe:{address}]", f"[fe80::5efe:{address}]")
    yield from (
        f"[::ffff:{a:03}.{b}.{c}.{d}]",
        f"[::ffff:{address}%25lo]",
        f"[::ffff:0x{a:x}.{b}.{c}.{d}]",
        f"[{address}]",
    )


def _odd_v6(address: str) -> Iterator[str]:
    """Other texts for an IPv6 address, and what stands beside one."""
    full = IPv6Address(address).exploded
    yield from (
        full,
        full.upper(),
        f"{address}%25lo",
        f"{address}%lo",
        f"{address}%2525lo",
        f"{address}/128",
        f" {address}",
        f"{address}.",
    )
    yield from (full.replace(":", "%3a"), full.replace(":", "\uff1a"), f"0{full}", f"{full}:0")


_SIGNATURE = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Feu-west-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261121T101112Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=" + "0a1b2c3d" * 8
)
_TOS = (
    _SIGNATURE.replace("X-Amz", "X-Tos").replace("AWS4-HMAC", "TOS4-HMAC").replace("s3%2Faws4_request", "tos%2Frequest")
)
_AZURE = (
    "sv=2025-07-05&st=2026-11-21T10%3A11%3A12Z&se=2026-11-22T10%3A11%3A12Z&sr=b&sp=r"
    "&sig=aB%2Bc%2FdE0fGhIjKlMnOpQrStUvWxYz0123456789%3D"
)
# Hosts as providers and stores have them: dots and underscores in buckets, digits first, hyphens in a row.
_HOSTS = _words("""
bucket.s3.amazonaws.com my.dotted.bucket.s3.eu-west-1.amazonaws.com under_score.s3.amazonaws.com s3.amazonaws.com
s3.dualstack.us-east-1.amazonaws.com bucket.s3-accelerate.amazonaws.com s3.cn-north-1.amazonaws.com.cn
d111111abcdef8.cloudfront.net storage.googleapis.com bucket.storage.googleapis.com lh3.googleusercontent.com
r4---sn-a5uuxaxjvh-gpm6.googlevideo.com account.blob.core.windows.net
ark-content-generation-cn-beijing.tos-cn-beijing.volces.com ark-acg-cn-beijing.tos-cn-beijing.volces.com
bucket.oss-cn-hangzhou.aliyuncs.com dashscope-result-bj.oss-cn-beijing.aliyuncs.com
0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com pub-0123456789abcdef.r2.dev
bucket-1250000000.cos.ap-guangzhou.myqcloud.com tempfile.aiquickdraw.com tempfile.redpandaai.co file.aiquickdraw.com
storage.kie.ai cdn.acedata.cloud platform.cdn.acedata.cloud replicate.delivery v3.fal.media fal.media
oaidalleapiprodscus.blob.core.windows.net files.cdn.example p16-sign.tiktokcdn.com v16-webapp.example
f004.backblazeb2.com bucket.fra1.digitaloceanspaces.com 123.example 1.2.3.example a.0x7g.example 0x7f.example
-a.example a-.example _dmarc.example sub.sub.sub.sub.sub.example x.co example.museum xn--mnchen-3ya.de
xn--fiqs8s.xn--fiqs8s xn--ls8h.la xn--i-7iq.ws xn--e1afmkfd.xn--p1ai xn--mgbh0fb.xn--kgbechtv xn--fa-hia.de
xn--bcher-kva.example xn--wgv71a119e.jp xn--80ak6aa92e.com XN--MNCHEN-3YA.DE
""")
_PATHS = (
    "", "/", "/a.mp4", "/a/b/c.mp4", "/a//b.mp4", "//a.mp4", "/a/./b.mp4", "/a/../b.mp4", "/..", "/a/", "/a%20b.mp4",
    "/a+b.mp4", "/a%2Bb.mp4", "/%E8%A7%86%E9%A2%91.mp4", "/%e8%a7%86.mp4", "/a%2Fb.mp4", "/a%252Fb.mp4", "/100%.mp4",
    "/%zz", "/%", "/%00", "/a@b.mp4", "/@a/b.mp4", "/a:b.mp4", "/:443/", "/a;v=1/b.mp4", "/a,b.mp4", "/a=b&c.mp4",
    "/~user/a.mp4", "/a!b$c'd(e)f*.mp4", "/a|b.mp4", "/[a].mp4", "/{a}.mp4", "/a^b.mp4", "/a`b.mp4", "/<a>.mp4",
    '/"a".mp4', "/.well-known/a", "/a.mp4.", "/...", "/a_b-c.d", "/%5Ca", "/%3Fa", "/%23a",
    "/https://other.example/a.mp4", "/" + "a" * 1024, "/" + "a/" * 500, "/a.mp4;jsessionid=1",
)  # fmt: skip
_QUERIES = (
    "?", "?a", "?a=", "?=a", "?a=b&c=d", "?a=b;c=d", "?&&", "?a=b?c=d", "?a/b", "?a=/../b",
    "?u=https://other.example/a?b=c", "?u=https%3A%2F%2Fother.example", "?a=b@c", "?@", "?a:b", "?a=[1]&b[]=2",
    "?a={b}", "?a|b", "?a'b", '?a"b', "?a<b>", "?a^b", "?a`b", "?a=b,c", "?a~b", "?a=1+2", "?a=1%2B2", "?a=%",
    "?a=%zz", "?a=%00", "?a=%E8%A7%86", "?a=b%20c", "?a=b==", "?sig=aB/c+d==", "?a=" + "x" * 2048,
    "?" + "&".join(f"k{n}=v{n}" for n in range(300)), "?a=*!$()",
)  # fmt: skip
_ENDS = ("#", "#t=10", "#/a?b", "#@other.example", "?a=b#c", "?#", "?a=b#c#d")
_AUTHORITIES = (
    "{0}:443", "{0}:", "{0}:0443", "{0}:00000000443", "{0}.", "{0}.:443", "{0}.:",
)  # fmt: skip
_ADDRESSES = _words("""
1.1.1.1 8.8.8.8 9.9.9.9 93.184.215.14 [2606:4700:4700::1111] [2606:4700:4700:0:0:0:0:1111] [2A00:1450:4001:0824::200E]
[2001:4860:4860::8888] 1.1.1.1:443 [2606:4700:4700::1111]:443 [2606:4700:4700::1111]: [64:ff9b::1.1.1.1]
[64:ff9b::101:101] [2a00:1450::5efe:101:101]
""")


def legitimate_urls(host: str = DECOY) -> list[str]:
    """At least 200 distinct https URLs of the forms in which files are offered; none may be refused for its form."""
    return list(dict.fromkeys(_legitimate(host)))


def _legitimate(host: str) -> Iterator[str]:
    for name in _HOSTS:
        yield f"https://{name}/path/a.mp4"
    for name, query in zip(_HOSTS, cycle((_SIGNATURE, _TOS, _AZURE)), strict=False):
        yield f"https://{name}/a/b%20c.mp4?{query}"
    for path in _PATHS:
        yield f"https://{host}{path}"
    for query in (*_QUERIES, *_ENDS):
        yield from (f"https://{host}{query}", f"https://{host}/a.mp4{query}")
    for form in _AUTHORITIES:
        yield from (f"https://{form.format(host)}{rest}" for rest in ("", "/a.mp4", "?a=b", "#t=1"))
    for address in _ADDRESSES:
        yield f"https://{address}/a.mp4?sig=1"
    for scheme in ("HTTPS", "Https", "hTTpS"):
        yield from (f"{scheme}://{name}/A.mp4?Sig=aB" for name in (host, host.upper(), host.title()))
    label = "a" * 63
    yield from (
        f"https://{label}.example/",
        f"https://{label}.{label}.{label}.{'a' * 61}/",
        f"https://{'a.' * 126}a/",
        f"https://{'a.' * 126}a./",
    )
    yield f"https://s3.eu-west-1.amazonaws.com/my.dotted_bucket/a/b.mp4?{_SIGNATURE}"
    disposition = "response-content-disposition=attachment%3B%20filename%3D%22a.mp4%22"
    yield f"https://s3.amazonaws.com/bucket/key%3Dwith%26all%2Bof%20it.mp4?{disposition}&{_SIGNATURE}"
    google = "GoogleAccessId=a@b.iam.gserviceaccount.com&Expires=1795255872&Signature="
    yield f"https://storage.googleapis.com/bucket/a.mp4?{google}{'Ab%2B' * 80}"
    yield "https://d111111abcdef8.cloudfront.net/a.mp4?Expires=1795255872&Signature=a~b-c_d__&Key-Pair-Id=APKAEXAMPLE"
    yield "https://bucket.oss-cn-beijing.aliyuncs.com/1d/a.mp4?Expires=1795255872&OSSAccessKeyId=LTAIexample&Signature=aB%2Bc%3D"
    yield "https://bucket-1250000000.cos.ap-guangzhou.myqcloud.com/a.mp4?q-sign-algorithm=sha1&q-sign-time=1;2&q-header-list=host&q-signature=0a"
    yield f"https://{host}/{'segment/' * 200}a.mp4?{_SIGNATURE}&x={'y' * 4096}"
    yield f"https://{host}/" + "a" * (8192 - len(f"https://{host}/"))
