"""
The scenes: hostile and legitimate links through the real `fetch`, the real resolver and the real sockets.

Each report says what became of every link (`outcomes`: "fetched", or an error's name and reason), what an audit hook of
Python's saw this process connect to (`connected`), and what the outside saw.
"""

import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from archive.errors import ReelkeepError
from archive.tls import authorities
from tests.hostile_urls import DECOY, hostile_urls
from tests.world.house import working
from tests.world.inside import Outside
from tests.world.script import FETCHED, PUBLIC_PAIR, SCRIPT, SECOND, START, V4, hosts_of
from workers import backend
from workers.egress import Egress, Policy
from workers.fetch import Limits, fetch
from workers.resolver import is_address

STRICT = Policy()
LENIENT = Policy(insecure_http=True)
_connected: list[tuple[str, int]] = []
_resolved: list[str] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        _connected.append(arguments[1][:2])
    elif event == "socket.getaddrinfo" and not is_address(arguments[0]):
        _resolved.append(arguments[0])


sys.addaudithook(_audit)


class Client:
    """Fetches links as a worker would, and says what became of them."""

    def __init__(self, folder: Path) -> None:
        self._egress = Egress(tls=authorities(folder / "ca.pem"))
        self._limits = Limits(1 << 20, timedelta(seconds=10), Path(tempfile.mkdtemp(dir=folder)), 1 << 20)

    def outcome(self, url: str, policy: Policy = STRICT) -> str:
        try:
            with fetch(self._egress, url, policy, self._limits, threading.Event()):
                return FETCHED
        except ReelkeepError as exc:
            return f"{type(exc).__name__} {exc.reason}"
        except Exception as exc:
            return f"untyped: {type(exc).__name__}"

    def close(self) -> None:
        self._egress.close()


def _report(outside: Outside, outcomes: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {**outside.report(), "outcomes": list(outcomes), "connected": list(_connected), "resolved": list(_resolved)}


def _begin(outside: Outside, **what: Any) -> None:
    outside.begin(**what)
    _connected.clear()
    _resolved.clear()


def _names() -> dict[str, Any]:
    # All that is not named here leads to the metadata address.
    return {START: [PUBLIC_PAIR], SECOND: [PUBLIC_PAIR], DECOY: [PUBLIC_PAIR]}


def direct(outside: Outside, folder: Path, *, every: int = 1) -> dict[str, Any]:
    """Every hostile URL as a link, under a policy that admits plain http, so that form alone refuses less."""
    urls = hostile_urls()[::every]
    _begin(outside, names=_names())
    client = Client(folder)
    report = _report(outside, [(url, client.outcome(url, LENIENT)) for url in urls])
    client.close()
    return report


def redirected(outside: Outside, folder: Path, *, every: int = 1) -> dict[str, Any]:
    """
    Every hostile URL as the target of a redirect by a public host; one in eight after two public hosts, from https to
    http to wherever it leads.
    """
    urls = hostile_urls()[::every]
    chains = [f"http://{SECOND}/to/{number}" for number in range(len(urls))]
    _begin(outside, names=_names(), redirects=[*urls, *chains])
    client = Client(folder)
    links = [
        f"http://{V4}/to/{number}" if number % 8 else f"https://{START}/to/{number + len(urls)}"
        for number in range(len(urls))
    ]
    report = _report(outside, [(url, client.outcome(link, LENIENT)) for url, link in zip(urls, links, strict=True)])
    client.close()
    return report


def arriving(outside: Outside, folder: Path, *, urls: list[str]) -> dict[str, Any]:
    """Well-formed *urls*, whose hosts are all public."""
    hosts = hosts_of(urls)
    addresses = [host for host in hosts if ":" in host or host.replace(".", "").isdigit()]
    _begin(outside, names={host: [PUBLIC_PAIR] for host in hosts}, public=addresses)
    client = Client(folder)
    report = _report(outside, [(url, client.outcome(url)) for url in urls])
    client.close()
    return {**report, "public": addresses}


def resolving(outside: Outside, folder: Path, *, names: list[str] | None = None, times: int = 1) -> dict[str, Any]:
    """
    A link to each of the scripted names, *times* by the one way out, which keeps no connection; names that are not
    answered take their time, and once is enough.
    """
    wanted = names or list(SCRIPT)
    _begin(outside, names=SCRIPT)

    def outcomes(name: str) -> list[tuple[str, str]]:
        client = Client(folder)
        found = [
            (name, client.outcome(f"https://{name}/film.mp4"))
            for _ in range(1 if SCRIPT[name][0].get("fault") else times)
        ]
        client.close()
        return found

    with ThreadPoolExecutor(len(wanted)) as threads:
        found = [pair for pairs in threads.map(outcomes, wanted) for pair in pairs]
    return _report(outside, found)


def unguarded(outside: Outside, folder: Path, *, urls: list[str]) -> dict[str, Any]:
    """*urls* while every address counts as public: shows that the witnesses see what the guard prevents."""
    _begin(outside, names=_names())
    client = Client(folder)
    with patch.object(backend, "is_public", lambda _address: True):
        report = _report(outside, [(url, client.outcome(url, LENIENT)) for url in urls])
    client.close()
    return report


SCENES: dict[str, Callable[..., dict[str, Any]]] = {
    scene.__name__: scene for scene in (direct, redirected, arriving, resolving, unguarded, working)
}
