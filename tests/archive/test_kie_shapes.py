"""KIE's shapes: what must be there, what may be anything, and which files are the same whoever tells of them."""

import json
from contextlib import suppress
from copy import deepcopy
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.documents import parse
from archive.errors import NotUnderstoodError, ReelkeepError
from archive.identity import asset_id
from archive.model import ApiAnswer, Event, Progress
from archive.providers import kie
from tests.doubles import START
from tests.recorded import answers, samples

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
links = st.sampled_from(
    ["https://h.example/a.mp4", "https://h.example/get?n=1", "[https://h.example/a]", "[", "{}", ""]
)
values = (
    json_values | links | st.lists(links) | st.sampled_from(["success", "FAIL", "wait", "0", 0, 1, 2, 3, True, 1.0])
)
KEYS = (
    "taskId", "task_id", "status", "state", "successFlag", "videoUrl", "video_url", "image_url", "imageUrl",
    "imageUrls", "resultUrls", "result_urls", "originUrls", "fullResultUrls", "mediaIds", "resultJson", "failCode",
    "errorCode", "completedAt", "completeTime", "generateTime", "promptJson",
)  # fmt: skip
inner = st.dictionaries(st.sampled_from(KEYS), values)
data = st.builds(
    lambda fields, nested: fields | nested,
    inner,
    st.dictionaries(st.sampled_from(["info", "response", "videoInfo"]), inner | inner.map(json.dumps) | values),
)
envelopes = st.fixed_dictionaries(
    {}, optional={"code": values | st.sampled_from([200, 400, 501]), "msg": values, "data": data | values}
)
PLAIN = "https://h.example/1.mp4"
HOSTILE: list[Any] = [
    None,
    True,
    7,
    -1,
    1e300,
    10**400,
    "",
    "\ud800",
    "[",
    "x" * 5000,
    [],
    [[]],
    [None, {}],
    {},
    {"a": {"b": []}},
]


@given(
    data | envelopes | st.builds(lambda a, b: {**a, **b}, data, envelopes), st.sampled_from([200, 401, 404, 500, 503])
)
def test_anything__is_an_event_or_an_error_of_ours(document: Any, status: int) -> None:
    """Whatever stands in any field that is read, callbacks and status answers are an event or refused by a reason."""
    answer = ApiAnswer(status, {}, json.dumps(document).encode())
    with suppress(NotUnderstoodError):
        assert isinstance(kie.normalise(document, at=START), Event)
    for route in kie.ROUTES:
        with suppress(ReelkeepError):
            assert isinstance(kie.read_status(route, answer, at=START), Event)


NEEDED = {
    "taskId", "task_id", "status", "state", "successFlag", "code", "data", "info", "response", "videoInfo", "videoUrl",
    "video_url", "resultUrls", "result_urls", "resultJson", "msg",
}  # fmt: skip
BESIDE = {"cover", "original", "extended"}


def essence(event: Event) -> tuple[Any, ...]:
    """What an event says without the fields that KIE may leave out or write as it likes."""
    films = [(output.role, output.link.url) for output in event.outputs if output.role not in BESIDE]
    return event.task_id, event.progress, event.route, films


def spoilt(document: Any, value: Any) -> list[Any]:
    """*document* again and again, each time with another field that is not needed replaced by *value*."""
    found = []
    for key in document if isinstance(document, dict) else ():
        if key not in NEEDED:
            found.append({**document, key: value})
        found += [{**document, key: child} for child in spoilt(document[key], value)]
    return found


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:12])
def test_normalise__fields_not_needed_never_matter(value: Any) -> None:
    """In every recorded callback each field that is not needed may be anything: task, state and film stay the same."""
    for one in samples("kie"):
        if "event" not in one.expected:
            continue
        document = parse(one.body)
        wanted = essence(kie.normalise(document, at=one.at))
        for changed in spoilt(document, value):
            assert wanted == essence(kie.normalise(changed, at=one.at)), one.case


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:12])
def test_read_status__fields_not_needed_never_matter(value: Any) -> None:
    """The same for every recorded status answer."""
    for one in answers("kie"):
        if "event" not in one.expected:
            continue
        document, route = parse(one.body), one.expected["route"]
        wanted = essence(kie.read_status(route, one.answer, at=one.at))
        for changed in spoilt(document, value):
            answer = ApiAnswer(one.answer.status, {}, json.dumps(changed).encode())
            assert wanted == essence(kie.read_status(route, answer, at=one.at)), one.case


@pytest.mark.parametrize(
    ("code", "reason"),
    [(400, "provider_400"), ("400", "provider_400"), (0, "provider_0"), (True, "provider_failed"),
     (1.5, "provider_failed"), ([400], "provider_failed"), ({}, "provider_failed")],
)  # fmt: skip
def test_normalise__failure_codes_of_any_type(code: Any, reason: str) -> None:
    """A fail code may be a number, a text or nothing sensible; the task has failed all the same."""
    event = kie.normalise({"code": 501, "data": {"taskId": "t", "state": "fail", "failCode": code}}, at=START)
    assert (Progress.FAILED, reason) == (event.progress, event.reason)


@pytest.mark.parametrize("state", [3, "3", True, 1.0, None, "done", [1], {}, "success!", 10**40])
def test_states__of_no_documented_word_are_not_final(state: Any) -> None:
    """Neither True nor 1.0 is 1: what is not a documented state leaves the task open, in callbacks and polls alike."""
    film = {"taskId": "t", "videoUrl": PLAIN, "resultJson": json.dumps({"resultUrls": [PLAIN]})}
    polled = {route: {**film, key: state} for route, key in (("seedance", "status"), ("market", "state"))}
    told = [
        kie.normalise({**film, "status": state}, at=START),
        kie.normalise({"data": {**film, "state": state}}, at=START),
        kie.normalise({"code": state, "data": {"task_id": "t", "video_url": PLAIN}}, at=START),
        kie.normalise({"code": state, "data": {"taskId": "t", "info": {"resultUrls": [PLAIN]}}}, at=START),
        *(
            kie.read_status(r, ApiAnswer(200, {}, json.dumps({"data": d}).encode()), at=START)
            for r, d in polled.items()
        ),
    ]
    assert {(Progress.RUNNING, "state_unknown")} == {(event.progress, event.reason) for event in told}


@pytest.mark.parametrize("state", ["SUCCESS", "Success", " success "])
def test_states__in_any_case(state: str) -> None:
    """A word of state means the same in capitals."""
    result = json.dumps({"resultUrls": [PLAIN]})
    event = kie.normalise({"data": {"taskId": "t", "state": state, "resultJson": result}}, at=START)
    assert Progress.SUCCEEDED is event.progress


def market(urls: list[str]) -> dict[str, Any]:
    return {"code": 200, "data": {"taskId": "t", "state": "success", "resultJson": json.dumps({"resultUrls": urls})}}


def ids(event: Event) -> dict[str, str]:
    """The asset id behind each URL."""
    return {output.link.url: asset_id("s", event.task_id, output) for output in event.outputs}


def test_identity__whatever_the_order_and_the_query() -> None:
    """Callback and poll may list the files in any order, each link signed anew: the assets are the same."""
    urls = ["https://h.example/1.mp4", "https://h.example/2.mp4", "https://h.example/3.png"]
    called = ids(kie.normalise(market([f"{url}?sig=1" for url in urls]), at=START))
    for order in permutations(urls):
        answer = ApiAnswer(200, {}, json.dumps(market([f"{url}?sig=2" for url in order])).encode())
        polled = ids(kie.read_status(kie.MARKET, answer, at=START))
        assert [called[f"{url}?sig=1"] for url in urls] == [polled[f"{url}?sig=2"] for url in urls]


def test_identity__of_files_that_share_a_path() -> None:
    """Files told apart by their query only keep their names while the others move around them."""
    twins = ["https://h.example/get?n=1", "https://h.example/get?n=2"]
    other = "https://h.example/other"
    found = [
        ids(kie.normalise(market(u), at=START)) for u in ([other, *twins], [*twins, other], [twins[0], other, twins[1]])
    ]
    assert 3 == len(set(found[0].values()))
    assert found[0] == found[1] == found[2]


def test_outputs__are_counted_within_their_roles() -> None:
    """Films, pictures and sound of one task keep their order, and each kind counts from 0."""
    urls = [f"https://h.example/{name}" for name in ("1.mp4", "2.png", "3.mp4", "4.wav", "5.png", "6")]
    event = kie.normalise(market(urls), at=START)
    assert [("video", 0), ("image", 0), ("video", 1), ("audio", 0), ("image", 1), ("file", 0)] == [
        (output.role, output.ordinal) for output in event.outputs
    ]
    assert urls == [output.link.url for output in event.outputs]


def test_4k__is_never_the_ordinary_film() -> None:
    """The film made again has an id of its own, even where task and path are those of the ordinary one."""
    ordinary = {"code": 200, "msg": "", "data": {"taskId": "t", "info": {"resultUrls": [PLAIN]}}}
    again = deepcopy(ordinary)
    again["data"]["info"]["imageUrls"] = None  # type: ignore[index]
    first, second = (kie.normalise(document, at=START) for document in (ordinary, again))
    assert (kie.VEO, kie.VEO_4K) == (first.route, second.route)
    assert ids(first) != ids(second)
    assert kie.VEO_4K not in kie.ROUTES


@pytest.mark.parametrize("beside", [None, 7, {}, "soon", ["", None, "ftp://h.example/x", 7], [[PLAIN]]])
def test_beside__costs_the_film_nothing(beside: Any) -> None:
    """Covers, originals and whole films that are no links are left out; the film itself is there."""
    info = {"resultUrls": [PLAIN], "originUrls": beside, "fullResultUrls": beside}
    documents = [
        {"code": 200, "data": {"taskId": "t", "info": info}},
        {"code": 200, "data": {"task_id": "t", "video_url": PLAIN, "image_url": beside}},
    ]
    for document in documents:
        assert ["video"] == [output.role for output in kie.normalise(document, at=START).outputs]


def test_beside__an_extended_film_that_is_the_film() -> None:
    """Where the whole film and the film are the same link there is one asset."""
    info = {"resultUrls": [PLAIN], "fullResultUrls": [PLAIN]}
    event = kie.normalise({"code": 200, "data": {"taskId": "t", "info": info}}, at=START)
    assert [PLAIN] == [output.link.url for output in event.outputs]


@pytest.mark.parametrize("films", [[PLAIN, None], [PLAIN, "x.mp4"], [PLAIN, [PLAIN]], {"0": PLAIN}, 7])
def test_films__all_or_none(films: Any) -> None:
    """A list of films with anything else in it is kept for a person: a part of it would pass for the whole."""
    for document in (
        {"code": 200, "data": {"taskId": "t", "info": {"resultUrls": films}}},
        {"data": {"taskId": "t", "state": "success", "resultJson": json.dumps({"resultUrls": films})}},
    ):
        with pytest.raises(NotUnderstoodError, match=r"^links?_not_a_(url|list)$"):
            kie.normalise(document, at=START)


def test_films__what_comes_along_is_not_enough() -> None:
    """A success that names a cover or an original only is kept for a person."""
    for document in (
        {"code": 200, "data": {"task_id": "t", "video_url": "", "image_url": PLAIN}},
        {"code": 200, "data": {"taskId": "t", "info": {"resultUrls": [], "originUrls": [PLAIN], "imageUrls": [PLAIN]}}},
    ):
        with pytest.raises(NotUnderstoodError, match="no_outputs"):
            kie.normalise(document, at=START)


def test_films__a_failure_does_not_need_them() -> None:
    """What a failed task's links look like is nobody's business."""
    for document in (
        {"code": 500, "data": {"task_id": "t", "video_url": {"a": 1}}},
        {"data": {"taskId": "t", "state": "fail", "resultJson": "{"}},
        {"code": 501, "data": {"taskId": "t", "info": {"resultUrls": 7}}},
    ):
        assert Progress.FAILED is kie.normalise(document, at=START).progress
