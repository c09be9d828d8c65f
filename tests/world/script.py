"""Who is who in the world: names, what DNS says about them, and what must become of a link to them."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

V4, OTHER_V4, V6 = "1.1.1.1", "8.8.8.8", "2606:4700:4700::1111"
PUBLIC_PAIR = {"a": [V4], "aaaa": [V6]}
START, SECOND = "start.example", "second.example"  # hosts that redirect
REFUSED, UNRESOLVED, FETCHED = (
    "LinkRefusedError address_not_public",
    "FetchInterruptedError name_not_resolved",
    "fetched",
)
_MANY = [f"1.1.{n // 250}.{n % 250 + 1}" for n in range(300)]

# Name → what is said at the first question of each type, at the second…; what a first fetch must come to (F57, F58).
SCENES: dict[str, tuple[list[dict[str, Any]], str]] = {
    START: ([PUBLIC_PAIR], FETCHED),
    SECOND: ([{"a": [OTHER_V4]}], FETCHED),
    "six.example": ([{"aaaa": [V6]}], FETCHED),
    "chain.example": ([{"a": [V4], "by_way_of": ["a.chain.example", "b.chain.example"]}], FETCHED),
    "many.example": ([{"a": [V4] * 300}], FETCHED),
    "rebind-loopback.example": ([PUBLIC_PAIR, {"a": ["127.0.0.1"], "aaaa": ["::1"]}], FETCHED),
    "rebind-metadata.example": ([{"a": [V4]}, {"a": ["169.254.169.254"]}], FETCHED),
    "rebind-six.example": ([{"aaaa": [V6]}, {"aaaa": ["fd00:ec2::254"]}], FETCHED),
    "mixed.example": ([{"a": [V4, "10.0.0.1"]}], REFUSED),
    "mixed-last.example": ([{"a": ["127.0.0.1", V4]}], REFUSED),
    "mixed-six.example": ([{"aaaa": [V6, "fc00::1"]}], REFUSED),
    "private-six.example": ([{"a": [V4], "aaaa": ["fd00:ec2::254"]}], REFUSED),
    "private-four.example": ([{"a": ["192.168.0.1"], "aaaa": [V6]}], REFUSED),
    "chain-private.example": ([{"a": ["10.0.0.1"], "by_way_of": ["www.chain.example", "host.internal"]}], REFUSED),
    "many-private.example": ([{"a": [*_MANY, "172.16.0.1"]}], REFUSED),
    "metadata.google.internal": ([{"a": ["169.254.169.254"]}], REFUSED),
    "localhost": ([{"a": [V4], "aaaa": [V6]}], REFUSED),  # /etc/hosts comes before
    "sub.localhost": ([{"a": ["127.0.0.1"], "aaaa": ["::1"]}], REFUSED),
    "localhost.localdomain": ([{"a": ["127.0.0.1"]}], REFUSED),
    "nat64.example": ([{"aaaa": ["64:ff9b::a9fe:a9fe"]}], REFUSED),
    "nat64-local.example": ([{"aaaa": ["64:ff9b:1::a00:1"]}], REFUSED),
    "sixtofour.example": ([{"aaaa": ["2002:7f00:1::"]}], REFUSED),
    "teredo.example": ([{"aaaa": ["2001::1"]}], REFUSED),
    "mapped.example": ([{"aaaa": ["::ffff:127.0.0.1"]}], REFUSED),
    "compatible.example": ([{"aaaa": ["::127.0.0.1"]}], REFUSED),
    "linklocal.example": ([{"aaaa": ["fe80::1"]}], REFUSED),
    "zero.example": ([{"a": ["0.0.0.0"]}], REFUSED),  # noqa: S104
    "zero-six.example": ([{"aaaa": ["::"]}], REFUSED),
    "azure.example": ([{"a": ["168.63.129.16"]}], REFUSED),
    "oracle.example": ([{"a": ["192.0.0.192"]}], REFUSED),
    "alibaba.example": ([{"a": ["100.100.100.200"]}], REFUSED),
    "multicast.example": ([{"a": ["224.0.0.1"], "aaaa": ["ff02::1"]}], REFUSED),
    "broadcast.example": ([{"a": ["255.255.255.255"]}], REFUSED),
    "servfail.example": ([{"fault": "servfail"}], UNRESOLVED),
    "nxdomain.example": ([{"fault": "nxdomain"}], UNRESOLVED),
    "nothing.example": ([{}], UNRESOLVED),
    "silence.example": ([{"fault": "silence"}], UNRESOLVED),
    "garbage.example": ([{"fault": "garbage"}], UNRESOLVED),
    "other-id.example": ([{"a": [V4], "fault": "other_id"}], UNRESOLVED),
    "cut.example": ([{"a": ["10.0.0.1"], "fault": "cut"}], UNRESOLVED),
}
SCRIPT: dict[str, list[dict[str, Any]]] = {name: steps for name, (steps, _) in SCENES.items()}


def hosts_of(urls: Iterable[str]) -> list[str]:
    """The hosts of well-formed *urls*, as a browser would ask for them: lower case, no dot at the end. Pure."""
    return list(dict.fromkeys(_host(url) for url in urls))


def _host(url: str) -> str:
    authority = url.split("://", 1)[1].replace("?", "/").replace("#", "/").split("/")[0].lower()
    if authority.startswith("["):
        return str(ip_address(authority[1 : authority.index("]")]))
    return authority.split(":")[0].removesuffix(".")
