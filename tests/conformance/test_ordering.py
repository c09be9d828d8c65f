"""What every provider module promises about create calls: its paths, its products, and how it reads any answer."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer, Callbacks
from archive.providers import PROVIDERS
from archive.providers.ordering import REFUSALS
from tests.doubles import START
from tests.strategies import json_values, objects

NAMES = sorted(PROVIDERS)
SECRET = "zq7secret"
_PATH = re.compile(r"(/[A-Za-z0-9_-]+)+")
_REASON = re.compile(r"[a-z0-9_]{1,60}")
_ids = st.sampled_from(["task-1", "", SECRET + " words"])
_told = objects({"taskId": _ids, "task_id": _ids, "message": st.just(SECRET), "consumed_credits": st.floats(0, 9)})
answers = objects(
    {
        "code": st.sampled_from([0, 200, 401, 402, 429, 500, 1001, 1005, 4711, "INVALID_PROMPT", SECRET + " words"]),
        "msg": st.just(SECRET),
        "message": st.just(SECRET),
        "id": _ids,
        "task_id": _ids,
        "data": _told,
        "error": objects({"code": st.sampled_from(["bad_request", "used_up", "novel"]), "message": st.just(SECRET)}),
        "batch_task_ids": st.lists(_ids, max_size=80),
    }
)
ORDERS = [(name, path) for name in NAMES for path in PROVIDERS[name].CREATE_PATHS]


@pytest.mark.parametrize("name", NAMES)
def test_paths__are_distinct_and_plain(name: str) -> None:
    """No path of a provider is another's as well, each stands under its own name, and no segment needs decoding."""
    provider = PROVIDERS[name]
    assert all(path == order.path for path, order in provider.CREATE_PATHS.items())
    asked = [(status.method, status.path) for status in provider.STATUS_PATHS]
    everything = [("POST", path) for path in provider.CREATE_PATHS] + asked
    assert len(everything) == len(set(everything)) > 1
    assert all(method in {"GET", "POST"} for method, _ in everything)
    assert all(_PATH.fullmatch(path.removesuffix("/{task_id}")) for _, path in everything)


@pytest.mark.parametrize("name", NAMES)
def test_paths__call_back_where_the_provider_does(name: str) -> None:
    """A callback URL has a field exactly where the provider calls back."""
    provider = PROVIDERS[name]
    fields = {order.callback_field for order in provider.CREATE_PATHS.values()}
    assert (provider.CALLBACKS is Callbacks.NONE) == (fields == {None})
    assert len(fields) == 1


@pytest.mark.parametrize("name", NAMES)
def test_paths__reach_every_route(name: str) -> None:
    """What we ask ourselves on a route is a path that clients may use too, and no path names a route we do not know."""
    provider = PROVIDERS[name]
    assert set(provider.ROUTES) == {status.route for status in provider.STATUS_PATHS if status.route}
    for status in provider.STATUS_PATHS:
        if status.route:
            request = provider.status_request(status.route, "task-1")
            assert (request.method, request.path) == (status.method, status.path.replace("{task_id}", "task-1"))


@pytest.mark.parametrize(("name", "path"), ORDERS)
@given(document=answers | json_values, http=st.sampled_from([200, 201, 302, 400, 401, 404, 409, 429, 500, 503]))
def test_read_created__any_answer(name: str, path: str, document: Any, http: int) -> None:
    """Whatever an answer holds, it names tasks or is an error of ours whose reason has nothing of its text."""
    reason = None
    try:
        created = PROVIDERS[name].read_created(path, ApiAnswer(http, {}, json.dumps(document).encode()), at=START)
    except ProviderRefusedError as exc:
        reason = exc.reason
        known = reason in REFUSALS or reason.startswith(("provider_", "http_"))
    except (ProviderBusyError, NotUnderstoodError) as exc:
        reason, known = exc.reason, True
    if reason is not None:
        assert known
        assert _REASON.fullmatch(reason)
        assert SECRET not in reason
        return
    assert http < 300
    assert 0 < len(created.task_ids) == len(set(created.task_ids)) <= 64
    assert not any(" " in task_id for task_id in created.task_ids)


@pytest.mark.parametrize(("name", "path"), ORDERS)
@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"null", b"[]", b"{}", b'{"code":200}', b'{"data":{}}'])
def test_read_created__a_taken_order_is_never_repeated(name: str, path: str, body: bytes) -> None:
    """A success that cannot be read is not "busy": whoever asked again might pay twice."""
    with pytest.raises(NotUnderstoodError):
        PROVIDERS[name].read_created(path, ApiAnswer(200, {}, body), at=START)


@pytest.mark.parametrize("name", NAMES)
def test_resign__only_where_callbacks_are_signed(name: str) -> None:
    """Who signs its callbacks has them signed anew with the same headers; from the others come none."""
    provider = PROVIDERS[name]
    signs = provider.CALLBACKS is Callbacks.SIGNED
    signed = provider.resign({"taskId": "t", "task_id": "t"}, key="k", now=START)
    if signs:
        wanted, _ = provider.sample("t", "https://h.example/a.mp4", key="k", now=START)
        assert wanted == {"Content-Type": "application/json"} | signed
    else:
        assert {} == signed
