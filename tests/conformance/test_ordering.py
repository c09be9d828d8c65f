"""What every provider module promises about create calls: its paths, its products, and how it reads any answer."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archive.creation import Creation
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
_CALLED_BACK = {"callback_url", "callBackUrl", "webhook"}
_WE_ADD = {"async"}  # AceData's, so that its answer does not wait for the film
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
PRODUCTS = [pytest.param(name, each, id=f"{name}-{each}") for name in NAMES for each in PROVIDERS[name].PRODUCTS]
_link = st.sampled_from(["https://h.example/a.png", "http://h.example/b.png", "asset://1"])
_entries = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.sampled_from(["p", "字" * 501])})
    | st.fixed_dictionaries(
        {"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": _link})},
        optional={"role": st.sampled_from(["first_frame", "last_frame", "reference_image", None])},
    ),
    max_size=3,
)
# What a field may be given where its schema names no values: by its name, in good and in bad forms.
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "prompt": st.sampled_from(["a prompt", "", "x" * 1001]),
    "model": st.sampled_from(["some-model", ""]),
    "input": st.dictionaries(st.text(max_size=3), json_values, max_size=2),
    "content": _entries,
    "duration": st.integers(-1, 16) | st.integers(-1, 16).map(str) | st.just(5.0),
    "seed": st.sampled_from([-1, "7", 99999, 2**32]),
    "frames": st.sampled_from([29, 30, "289"]),
    "batch_count": st.sampled_from([1, "4", 5]),
    "execution_expires_after": st.sampled_from([3600, "259200", 1]),
    "service_tier": st.sampled_from(["default", ""]),
}


def _orders(product: type[Creation]) -> st.SearchStrategy[dict[str, Any]]:
    """Orders of *product*: the required fields and some of the others, mostly well formed."""

    def values(name: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
        choices = [choice for way in [schema, *schema.get("anyOf", [])] for choice in way.get("enum", [])]
        if choices:
            return st.sampled_from(choices) | st.sampled_from([*map(str, choices), "odd", None])
        if name in _BY_NAME:
            return _BY_NAME[name]
        kinds = {way.get("type") for way in [schema, *schema.get("anyOf", [])]}
        if "boolean" in kinds:
            return st.sampled_from([True, False, "true", "False", 1])
        return st.lists(_link, max_size=3) if "array" in kinds else _link

    schema = product.model_json_schema()
    known = {name: values(name, each) for name, each in schema["properties"].items()}
    needed = {name: known.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(needed, optional=known)


@pytest.mark.parametrize(("name", "each"), PRODUCTS)
@given(data=st.data())
@settings(max_examples=300)
def test_products__send_what_is_documented(name: str, each: str, data: st.DataObject) -> None:
    """Whatever order is taken becomes a body of documented fields, the same when ordered again, with a cost or none."""
    product = PROVIDERS[name].PRODUCTS[each]
    parameters = data.draw(_orders(product))
    try:
        order = product.model_validate(parameters)
    except ValidationError:
        event("refused")
        return
    event("taken")
    body = order.request()
    assert body.keys() - _WE_ADD <= product.model_fields.keys()
    assert body.keys() - _WE_ADD == {key for key, value in parameters.items() if value is not None}
    assert None not in [value for key, value in body.items() if key != "input"]
    again = product.model_validate({key: value for key, value in body.items() if key not in _WE_ADD})
    assert (body, order.cost()) == (again.request(), again.cost())
    assert body == json.loads(json.dumps(body))
    cost = order.cost()
    assert cost is None or (cost.usd > 0 and isinstance(cost.usd, Decimal))


@pytest.mark.parametrize(("name", "each"), PRODUCTS)
def test_products__stand_on_a_path(name: str, each: str) -> None:
    """Each product is ordered on a path of its provider, and has no field for the callback URL, which we fill in."""
    provider = PROVIDERS[name]
    product = provider.PRODUCTS[each]
    assert product.PATH in provider.CREATE_PATHS
    assert not _CALLED_BACK & product.model_fields.keys()
    assert re.fullmatch(r"[a-z0-9-]+", each)
    assert re.search(r"\((seed 00\d|docs)[^)]*read 20\d\d-\d\d\)", product.__doc__ or "")


@pytest.mark.parametrize(("name", "each"), PRODUCTS)
def test_products__take_a_plain_prompt(name: str, each: str) -> None:
    """A plain prompt and the fields that must be there are enough, and the body holds the prompt where it belongs."""
    product = PROVIDERS[name].PRODUCTS[each]
    enums = {field: schema.get("enum") for field, schema in product.model_json_schema()["properties"].items()}
    required = {
        field: (enums[field] or ["some-model"])[0]
        for field, info in product.model_fields.items()
        if info.is_required() and field not in {"prompt", "content", "input"}
    }
    body = product.model_validate(product.from_prompt("a plain prompt", required)).request()
    assert "a plain prompt" in [body.get("prompt"), body.get("input", {}).get("prompt"), *_texts(body)]
    assert PROVIDERS[name].CREATE_PATHS[product.PATH].answers_at_once(body)


def _texts(body: dict[str, Any]) -> list[str]:
    return [entry["text"] for entry in body.get("content", [])]


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
