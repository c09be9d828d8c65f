"""Every method at every path, and at paths that only look like one. Made from the routes: new ones are in it."""

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

import pytest
from starlette.routing import Match, Route

from tests.receiver.house import OPERATOR, TOKEN, House
from tests.receiver.raw import Ask, Told, ask_all

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X")
VALUES = {"source": "token", "token": TOKEN, "id": "0" * 32, "name": "app", "path": "api/v1/x"}
CALLERS: dict[str, dict[str, str]] = {"stranger": {}, "operator": {"Authorization": f"Bearer {OPERATOR}"}}


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


def paths(routes: Iterable[Route]) -> list[str]:
    found = {re.sub(r"\{(\w+)(:\w+)?\}", lambda name: VALUES[name[1]], route.path) for route in routes}
    assert len(found) >= 30
    return sorted(found)


def methods_at(routes: Iterable[Route], path: str) -> set[str]:
    """What the routes that *path* fits allow."""
    scope = {"type": "http", "path": path, "method": "", "root_path": "", "headers": []}
    fitting = [route for route in routes if route.matches(scope)[0] is not Match.NONE]
    return {method for route in fitting for method in route.methods or ()}


def check(ask: Ask, told: Told) -> None:
    """An answer is a 2xx or a 4xx; one that says no says why."""
    assert 200 <= told.status < 300 or 400 <= told.status < 500, (ask, told.status)
    if told.status >= 400 and ask.method != "HEAD":
        assert "application/problem+json" == told.headers["content-type"], ask
        assert re.fullmatch("[a-z_]+", json.loads(told.body)["reason"])


@pytest.mark.parametrize("caller", CALLERS)
def test_methods__that_are_not_there_hear_405_with_those_that_are(patient: House, caller: str) -> None:
    """F38: at each path each method is answered, or told which ones would be."""
    routes = patient.client.app.routes  # type: ignore[attr-defined]
    asked = [Ask(method, path, CALLERS[caller]) for path in paths(routes) for method in METHODS]
    answers = {(ask.method, ask.path): told for ask, told in zip(asked, ask_all(patient, asked), strict=True)}
    for ask in asked:
        told, allowed = answers[ask.method, ask.path], methods_at(routes, ask.path)
        check(ask, told)
        assert (ask.method not in allowed) == (told.status == 405), (ask, told.status)
        if told.status == 405:
            assert ", ".join(sorted(allowed)) == told.headers["allow"], ask
        if ask.method == "HEAD" and "HEAD" in allowed:
            get = answers["GET", ask.path]
            assert (get.status, get.headers["content-type"]) == (told.status, told.headers["content-type"]), ask


@pytest.mark.parametrize("caller", CALLERS)
def test_paths__that_only_look_like_one(patient: House, caller: str) -> None:
    """F38: no slash, dot, case or escape leads to a redirect, a crash, or past the need of a token."""
    routes = patient.client.app.routes  # type: ignore[attr-defined]
    others = [other for path in paths(routes) for other in variants(path)]
    asked = [Ask(method, path, CALLERS[caller]) for path in others for method in ("GET", "POST", "X")]
    assert len(asked) >= 1500
    for ask, told in zip(asked, ask_all(patient, asked), strict=True):
        check(ask, told)
        if caller == "stranger" and "/api/" in unquote(ask.path).lower() and not ask.path.startswith("/webhooks"):
            assert told.status in {401, 404, 405}, (ask, told.status)
