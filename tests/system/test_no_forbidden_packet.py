"""
No packet goes where it must not (F52 to F58), seen from outside our code: in network namespaces of its own, where every
address there is leads to a listener, and a packet socket sees what is sent to any.
"""

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Any

import pytest

from tests.hostile_urls import DECOY, legitimate_urls
from tests.world.launcher import World, world
from tests.world.names import SERVER
from tests.world.outside import PUBLIC
from tests.world.script import SCENES, SECOND, START, V4

DOORS = (80, 443)
METADATA = "169.254.169.254"


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as running:
        yield running


def strays(report: dict[str, Any]) -> list[Any]:
    """Whatever of the witnesses' saw anything but a file host's door: packets, Python's own calls, traps."""
    doors = {(address, port) for address in (*PUBLIC, *report.get("public", ())) for port in DOORS}
    allowed = doors | {(SERVER, 53)} | {("127.0.0.1", port) for port in report.get("ours", ())}
    packets = [tuple(packet[:3]) for packet in report["packets"] if tuple(packet[1:3]) not in allowed]
    calls = [tuple(call) for call in report.get("connected", ()) if tuple(call) not in doors]
    return [*packets, *calls, *report["trapped"]]


def untyped(report: dict[str, Any]) -> list[Any]:
    known = ("LinkRefusedError ", "FetchInterruptedError ", "fetched")
    return [pair for pair in report["outcomes"] if not pair[1].startswith(known)]


def hosts(report: dict[str, Any]) -> Counter[str]:
    return Counter(request["host"] for request in report["requests"])


def test_witnesses__see_what_the_guard_prevents(on: World) -> None:
    """With the guard's judgement of addresses switched off, each witness reports each forbidden address."""
    links = {
        "https://10.0.0.1/": ("10.0.0.1", 443),
        f"http://{METADATA}/latest/meta-data/": (METADATA, 80),
        "https://[fd00:ec2::254]/": ("fd00:ec2::254", 443),
        "http://[::1]/": ("::1", 80),
        "https://0.0.0.0/": ("0.0.0.0", 443),  # noqa: S104
        "https://192.168.77.78/": ("192.168.77.78", 443),
        "http://anything.example/": (METADATA, 80),
    }
    report = on.play("unguarded", urls=list(links))
    aims = Counter(links.values())
    assert aims == Counter(tuple(call) for call in report["connected"])
    # The kernel takes "this host" for loopback.
    heard = Counter(("127.0.0.1" if a == "0.0.0.0" else a, port) for a, port in aims.elements())  # noqa: S104
    assert heard == Counter(tuple(packet[1:3]) for packet in report["packets"] if packet[0] == "tcp")
    assert heard == Counter((trapped["address"], trapped["port"]) for trapped in report["trapped"])
    assert all(trapped["said"] for trapped in report["trapped"])


def test_direct__no_hostile_link_leads_anywhere(on: World) -> None:
    """Thousands of hostile links send nothing astray; each is refused for a reason, and what is honest arrives."""
    report = on.play("direct")
    assert len(report["outcomes"]) >= 5000
    assert [] == strays(report)
    assert [] == untyped(report)
    fetched = [url for url, outcome in report["outcomes"] if outcome == "fetched"]
    assert {DECOY: len(fetched)} == hosts(report)
    assert all(DECOY in url for url in fetched)
    assert len(fetched) > 100


def test_redirected__no_hostile_redirect_leads_anywhere(on: World) -> None:
    """The same links as targets of redirects, up to two public hosts further: none is followed astray (F52, F53)."""
    report = on.play("redirected", every=2)
    assert [] == strays(report)
    assert [] == untyped(report)
    number = len(report["outcomes"])
    assert number >= 5000
    expected = Counter((V4, f"/to/{n}") for n in range(number) if n % 8)
    expected += Counter((START, f"/to/{n + number}") for n in range(0, number, 8))
    expected += Counter((SECOND, f"/to/{n}") for n in range(0, number, 8))
    assert not expected - Counter((request["host"], request["target"]) for request in report["requests"])
    # What looks like a hop elsewhere and is none leads back to the host that sent it, or to the decoy.
    assert {V4, START, SECOND, DECOY} == set(hosts(report))


def test_names__resolved_once_and_judged_whole(on: World) -> None:
    """A name leads to its first answer if all of that is public, and nowhere at its second thought (F57)."""
    report = on.play("resolving", times=2)
    assert [] == strays(report)
    first = dict(reversed(report["outcomes"]))
    assert {name: outcome for name, (_, outcome) in SCENES.items()} == first
    last = dict(report["outcomes"])
    rebinding = [name for name in SCENES if name.startswith("rebind")]
    assert {"LinkRefusedError address_not_public"} == {last[name] for name in rebinding}
    steady = {name for name, (_, outcome) in SCENES.items() if outcome == "fetched"} - set(rebinding)
    assert {"fetched"} == {last[name] for name in steady}
    asked = Counter(map(tuple, report["asked"]))
    assert dict.fromkeys(((name, kind) for name in rebinding for kind in ("A", "AAAA")), 2) == {
        key: count for key, count in asked.items() if key[0] in rebinding
    }
    assert Counter(name for name, _ in report["outcomes"]) == Counter(report["resolved"])
    assert [] == [request for request in report["requests"] if request["host"] != request["server_name"]]


@pytest.mark.parametrize("name", ["rebind-loopback.example", "mixed.example", "private-six.example"])
def test_name__that_leads_astray(on: World, name: str) -> None:
    """One hostile name, quickly: asked about once for each link, and never gone to."""
    report = on.play("resolving", names=[name], times=2)
    assert [] == strays(report)
    assert [name, name] == report["resolved"]
    assert "LinkRefusedError address_not_public" == report["outcomes"][1][1]


def test_legitimate__arrive_as_they_were_written(on: World) -> None:
    """Every legitimate form reaches its public host with the very target and Host that browsers send."""
    # glibc takes no name that begins with a hyphen for a host's.
    urls = [url for url in legitimate_urls() if not url.startswith("https://-")]
    assert len(urls) >= 200
    report = on.play("arriving", urls=urls)
    assert [] == strays(report)
    assert [] == [pair for pair in report["outcomes"] if pair[1] != "fetched"]
    arrived = [(request["host"], request["target"]) for request in report["requests"]]
    assert [expected_request(url) for url in urls] == arrived
    named = [(request["host"], request["server_name"]) for request in report["requests"] if request["server_name"]]
    assert [] == [pair for pair in named if pair[0] != pair[1]]


def expected_request(url: str) -> tuple[str, str]:
    """Host and target of a legitimate URL, cut apart with no regard to hostile ones."""
    rest = url.split("://", 1)[1].split("#", 1)[0]
    end = min((rest.index(mark) for mark in "/?" if mark in rest), default=len(rest))
    authority, target = rest[:end].lower(), rest[end:]
    host = authority.rpartition(":")[0] if authority.rpartition(":")[2].strip("0123456789") == "" else authority
    path, mark, query = (target if target.startswith("/") else "/" + target).partition("?")
    for character in '"<>^`{}':
        path = path.replace(character, f"%{ord(character):02X}")
    for character in "\"<>'":
        query = query.replace(character, f"%{ord(character):02X}")
    return canonical(host.removesuffix(".")), path + mark + query


def canonical(host: str) -> str:
    return f"[{IPv6Address(host.strip('[]'))}]" if host.startswith("[") else host


LINKS = {  # task → link, state and reason
    "good": ("https://start.example/film.mp4", "archived", None),
    "good-redirected": ("https://start.example/to/0", "archived", None),
    "good-six": ("https://six.example/film.mp4?again", "archived", None),
    "loopback": ("https://127.0.0.1/v.mp4", "quarantined", "address_not_public"),
    "own-store": ("https://localhost/videos", "quarantined", "address_not_public"),
    "metadata": (f"http://{METADATA}/latest/meta-data/", "quarantined", "address_not_public"),
    "metadata-six": ("https://[fd00:ec2::254]/latest/", "quarantined", "address_not_public"),
    "metadata-name": ("http://metadata.google.internal/computeMetadata/v1/", "quarantined", "address_not_public"),
    "private-name": ("https://chain-private.example/v.mp4", "quarantined", "address_not_public"),
    "mixed-name": ("https://mixed.example/v.mp4", "quarantined", "address_not_public"),
    "decimal": ("https://2130706433/v.mp4", "quarantined", "link_malformed"),
    "userinfo": ("https://start.example@10.0.0.1/v.mp4", "quarantined", "credentials_in_link"),
    "port": ("https://start.example:6379/v.mp4", "quarantined", "port_not_allowed"),
    "redis": ("http://127.0.0.1:6379/v.mp4", "quarantined", "port_not_allowed"),
    "to-private": ("https://start.example/to/1", "quarantined", "address_not_public"),
    "to-plain": ("https://start.example/to/2", "quarantined", "scheme_not_allowed"),
    "to-file": ("https://start.example/to/3", "quarantined", "scheme_not_allowed"),
    "in-circles": ("https://start.example/to/4", "quarantined", "too_many_redirects"),
    "rebinding": ("http://rebind-metadata.example/to/5", "quarantined", "address_not_public"),
    "gone": ("https://start.example/gone", "lost", "http_403"),
    "unresolved": ("https://servfail.example/v.mp4", "waiting", "name_not_resolved"),
}
REDIRECTS = [
    "https://second.example/film.mp4", "//192.168.0.1/v.mp4", "http://second.example/v.mp4", "file:///etc/passwd",
    "https://start.example/to/4", "https://rebind-metadata.example/v.mp4",
]  # fmt: skip
TARGETS = {  # name → url, further settings, state and reason
    "crm": ("https://second.example/heard", "", "delivered", None),
    "astray": ("https://chain-private.example/heard", "", "pending", "address_not_public"),
    "metadata": (f"http://{METADATA}:8080/heard", "insecure_http = true", "pending", "address_not_public"),
    "private": ("http://10.0.0.9:8080/heard", "insecure_http = true\nprivate = true", "pending", "answer_malformed"),
}
FORWARDS = {  # task → the caller's URL, state and reason
    "good": ("https://second.example/forwarded", "delivered", None),
    "loopback": ("https://127.0.0.1/forwarded", "pending", "address_not_public"),
    "metadata": (f"http://{METADATA}/forwarded", "pending", "address_not_public"),
    "port": ("https://10.0.0.1:8443/forwarded", "pending", "port_not_allowed"),
}


def test_worker__as_it_is_deployed(on: World) -> None:
    """A worker archives what is good, ends what is hostile by its reason, and tells nobody who may not be told."""
    report = on.play(
        "working",
        links={task: url for task, (url, *_) in LINKS.items()},
        redirects=REDIRECTS,
        targets={name: {"url": url, "more": more} for name, (url, more, *_) in TARGETS.items()},
        forwards={task: url for task, (url, *_) in FORWARDS.items()},
        unfinished=1,
    )
    assert {task: end for task, (_, *end) in LINKS.items()} == report["assets"]
    assert {name: end for name, (_, _, *end) in TARGETS.items()} == report["told"]
    assert {task: end for task, (_, *end) in FORWARDS.items()} == report["forwarded"]
    # The one private target that says `private = true` shows that others would have been heard.
    admitted = [trapped for trapped in report["trapped"] if trapped["address"] == "10.0.0.9"]
    assert admitted
    assert all(trapped["said"].startswith("POST /heard") for trapped in admitted)
    report["trapped"] = [trapped for trapped in report["trapped"] if trapped not in admitted]
    report["packets"] = [packet for packet in report["packets"] if tuple(packet[1:3]) != ("10.0.0.9", 8080)]
    assert [] == strays(report)
