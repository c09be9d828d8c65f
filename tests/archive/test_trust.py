"""The whole policy of trust, as a table."""

from dataclasses import replace
from itertools import product

import pytest

from archive.model import Event, ExpiryOrigin, Link, Output, Progress, Verdict
from archive.providers import kie
from archive.trust import Decision, decide
from tests.doubles import START

HOSTS = frozenset({"storage.kie.ai", "127.0.0.1:9100"})


def success(*urls: str) -> Event:
    outputs = (Output("video", n, Link(url, START, ExpiryOrigin.DEFAULT)) for n, url in enumerate(urls))
    return Event("t1", Progress.SUCCEEDED, kie.MARKET, tuple(outputs))


LISTED = success("https://storage.kie.ai/a.mp4", "http://127.0.0.1:9100/b.mp4")
UNLISTED = success("https://storage.kie.ai/a.mp4", "https://evil.example/b.mp4")
FAILED = Event("t1", Progress.FAILED, kie.MARKET)
RUNNING = Event("t1", Progress.RUNNING, kie.MARKET)
EVENTS = {"listed": LISTED, "unlisted": UNLISTED, "failed": FAILED, "running": RUNNING}
B, C, D = Decision.BELIEVE, Decision.CONFIRM, Decision.DOUBT

# Whom we can ask, and whether we always do: then verdicts against events (listed, unlisted, failed, running).
TABLE: dict[tuple[bool, bool], dict[Verdict, tuple[Decision, ...]]] = {
    (True, False): {
        Verdict.UNSIGNED: (C, C, C, C),
        Verdict.STALE: (C, C, C, C),
        Verdict.TOKEN: (C, C, C, C),
        Verdict.SIGNED_ID: (C, C, C, C),
        Verdict.SIGNED_BODY: (B, B, B, B),
        Verdict.POLLED: (B, B, B, B),
    },
    (True, True): {
        Verdict.UNSIGNED: (C, C, C, C),
        Verdict.STALE: (C, C, C, C),
        Verdict.TOKEN: (C, C, C, C),
        Verdict.SIGNED_ID: (C, C, C, C),
        Verdict.SIGNED_BODY: (C, C, C, C),
        Verdict.POLLED: (B, B, B, B),
    },
    (False, False): {
        Verdict.UNSIGNED: (D, D, D, D),
        Verdict.STALE: (D, D, D, D),
        Verdict.TOKEN: (B, D, D, D),
        Verdict.SIGNED_ID: (B, D, D, D),
        Verdict.SIGNED_BODY: (B, B, B, B),
        Verdict.POLLED: (B, B, B, B),
    },
}


@pytest.mark.parametrize(
    ("key", "verdict", "event"), list(product(TABLE, Verdict, EVENTS)), ids=lambda value: str(value).replace(" ", "")
)
def test_decide(key: tuple[bool, bool], verdict: Verdict, event: str) -> None:
    """Every verdict, every event, with and without somebody to ask."""
    can_ask, confirm_always = key
    expected = TABLE[key][verdict][list(EVENTS).index(event)]
    found = decide(EVENTS[event], verdict, can_ask=can_ask, confirm_always=confirm_always, hosts=HOSTS)
    assert expected is found


@pytest.mark.parametrize(
    "url",
    [
        "https://storage.kie.ai.evil.example/a", "https://storage.kie.ai@evil.example/a", "https://evil.example#storage.kie.ai",
        "https://evil.example/storage.kie.ai", "https://xstorage.kie.ai/a", "https://127.0.0.1:9101/a",
        "https://127.0.0.1/a", "https://evil.example:443@127.0.0.1:91/a", "https://kie.ai/a", "https://storage.kie.ai:8443/a",
        "https://storage.kie.ai../a", "https://storage.kie.ai\\@evil.example/a", "https://evil.example\\@storage.kie.ai/a",
        "https://user@storage.kie.ai/a", "https://[storage.kie.ai]/a", "https://storage%2ekie.ai/a", "https://127.1:9100/a",
    ],
)  # fmt: skip
def test_decide__hosts_are_exact(url: str) -> None:
    """A host is listed as a whole or not at all; user info, ports, suffixes and odd spellings do not help."""
    assert D is decide(success(url), Verdict.SIGNED_ID, can_ask=False, confirm_always=False, hosts=HOSTS)


@pytest.mark.parametrize(
    "url",
    [
        "https://STORAGE.KIE.AI/a",
        "https://storage.kie.ai:443/a",
        "https://storage.kie.ai?x",
        "https://storage.kie.ai./a",
        "HTTPS://storage.kie.ai:0443/a",
        "https://127.0.0.1:09100",
    ],
)
def test_decide__the_same_host_otherwise_written(url: str) -> None:
    """Case, the port that goes without saying and a dot at the end name the same host, as for whoever follows it."""
    assert B is decide(success(url), Verdict.SIGNED_ID, can_ask=False, confirm_always=False, hosts=HOSTS)


def test_decide__a_second_link_is_judged_like_the_first() -> None:
    """Who names a listed host first and another second is not believed unconfirmed."""
    [output] = success("https://storage.kie.ai/a.mp4").outputs
    both = replace(output, second=Link("https://evil.example/a.mp4", START, ExpiryOrigin.DEFAULT))
    event = Event("t1", Progress.SUCCEEDED, kie.MARKET, (both,))
    assert D is decide(event, Verdict.SIGNED_ID, can_ask=False, confirm_always=False, hosts=HOSTS)
