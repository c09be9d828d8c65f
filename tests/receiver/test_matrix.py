"""Every method at every path, and at paths that only look like one. Made from the routes: new ones are in it."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.routing import Match, Route

from archive.ledger.database import Database
from tests.doubles import FakeClock
from tests.receiver.house import OPERATOR, SETTINGS, TOKEN, House, open_house

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X")
VALUES = {"source": "token", "token": TOKEN, "id": "0" * 32, "name": "app", "path": "api/v1/x"}
CALLERS: dict[str, list[tuple[bytes, bytes]]] = {
    "stranger": [],
    "operator": [(b"authorization", f"Bearer {OPERATOR}".encode())],
}


@pytest.fixture
def patient(small_db: Database, clock: FakeClock) -> Iterator[House]:
    """A receiver that tells nobody to wait."""
    rate = {"requests": 1_000_000, "seconds": 60}
    with open_house(small_db, clock, server={**SETTINGS["server"], "untrusted_rate": rate}) as house:
        yield house


def variants(path: str) -> Iterator[str]:
    """Paths that a careless proxy, or somebody with ideas, makes of *path*."""
    yield f"{path}/"
    yield f"/{path}"
    yield f"{path}//"
    yield f"/.{path}"
    yield f"/x/..{path}"
    yield f"{path}/."
    yield f"{path}/.."
    yield f"{path}/%2e%2e"
    yield f"{path}%00"
    yield f"{path}%0d%0aX:%20y"
    yield f"{path};a=b"
    yield f"{path}%ff"
    yield f"{path}\\"
    yield f"{path}%2f"
    yield path.replace("/", "%2f")
    yield path.replace("/", "//")
    yield path.upper()
    yield path.swapcase()
    yield path + "/x" * 2000


def ask_all(
    house: House, asked: Iterable[tuple[str, str]], caller: str
) -> list[tuple[str, str, int, dict[str, str], bytes]]:
    """The answers to each (method, path), as they leave the application: no client tidies the paths up before."""

    async def one(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        sent: list[Any] = []
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path), "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(b"content-type", b"application/json"), *CALLERS[caller]],
            "client": ("192.0.2.1", 7), "server": ("reelkeep", 80),
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await house.client.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])

    async def every() -> list[Told]:
        return [(method, path, *await one(method, path)) for method, path in asked]

    assert house.client.portal is not None
    return house.client.portal.call(every)


def paths(routes: Iterable[Route]) -> list[str]:
    found = {re.sub(r"\{(\w+)(:\w+)?\}", lambda name: VALUES[name[1]], route.path) for route in routes}
    assert len(found) >= 30
    return sorted(found)


def methods_at(routes: Iterable[Route], path: str) -> set[str]:
    """What the routes that *path* fits allow."""
    scope = {"type": "http", "path": path, "method": "", "root_path": "", "headers": []}
    fitting = [route for route in routes if route.matches(scope)[0] is not Match.NONE]
    return {method for route in fitting for method in route.methods or ()}


def check(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """An answer is a 2xx or a 4xx; one that says no says why."""
    assert 200 <= status < 300 or 400 <= status < 500, (method, path, status)
    if status >= 400 and method != "HEAD":
        assert "application/problem+json" == headers["content-type"], (method, path)
        assert re.fullmatch("[a-z_]+", json.loads(body)["reason"])


@pytest.mark.parametrize("caller", CALLERS)
def test_methods__that_are_not_there_hear_405_with_those_that_are(patient: House, caller: str) -> None:
    """F38: at each path each method is answered, or told which ones would be."""
    routes = patient.client.app.routes  # type: ignore[attr-defined]
    told = ask_all(patient, [(method, path) for path in paths(routes) for method in METHODS], caller)
    for method, path, status, headers, body in told:
        check(method, path, status, headers, body)
        allowed = methods_at(routes, path)
        assert (method not in allowed) == (status == 405), (method, path, status)
        if status == 405:
            assert ", ".join(sorted(allowed)) == headers["allow"], (method, path)
    of = {(method, path): (status, headers.get("content-type")) for method, path, status, headers, _ in told}
    for path in paths(routes):
        if "GET" in methods_at(routes, path) and not path.startswith("/proxy/"):
            assert of["GET", path] == of["HEAD", path], path


@pytest.mark.parametrize("caller", CALLERS)
def test_paths__that_only_look_like_one(patient: House, caller: str) -> None:
    """F38: no slash, dot, case or escape leads to a redirect, a crash, or past the need of a token."""
    routes = patient.client.app.routes  # type: ignore[attr-defined]
    asked = [(method, other) for path in paths(routes) for other in variants(path) for method in ("GET", "POST", "X")]
    told = ask_all(patient, asked, caller)
    for method, path, status, headers, body in told:
        check(method, path, status, headers, body)
        if caller == "stranger" and "/api/" in unquote(path).lower() and not path.startswith("/webhooks"):
            assert status in {401, 404, 405}, (method, path, status)
    assert len(told) >= 1500
