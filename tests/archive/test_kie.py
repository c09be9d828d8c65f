"""KIE's language: what proves a callback, what a status answer says, and what strangers may put into either."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.documents import parse
from archive.errors import (
    NotUnderstoodError,
    ProviderBusyError,
    ProviderRefusedError,
    ReelkeepError,
    TaskUnknownError,
    VerificationError,
)
from archive.identity import asset_id
from archive.model import ApiAnswer, Delivery, Event, ExpiryOrigin, Progress, Verdict
from archive.providers import kie
from tests.doubles import START
from tests.recorded import sample

KEY = "kie-test-hmac-key"
SIGNED_AT = datetime.fromtimestamp(1764621945, UTC)
SIGNED = sample("kie", "signed_flat")
RIGHT = SIGNED.headers["X-Webhook-Signature"]


def verify(
    headers: dict[str, str] | None = None,
    document: Any = None,
    keys: tuple[str, ...] = (KEY,),
    now: datetime = SIGNED_AT,
) -> Verdict:
    """Verify the recorded seed vector with something changed."""
    given = {**SIGNED.delivery.headers, **(headers or {})}
    sent = {name: value for name, value in given.items() if value is not None}
    delivery = replace(SIGNED.delivery, headers=sent)
    return kie.verify(delivery, parse(SIGNED.body) if document is None else document, keys, now=now)


def refusal(**changed: Any) -> str:
    with pytest.raises(VerificationError) as caught:
        verify(**changed)
    return caught.value.reason


def answer(body: object, status: int = 200, **headers: str) -> ApiAnswer:
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return ApiAnswer(status, names, json.dumps(body).encode())


def flat(**fields: Any) -> Event:
    document = {"taskId": "t1", "status": 1, "videoUrl": "https://storage.kie.ai/v/1.mp4", **fields}
    return kie.normalise(document, at=START)


def market(**fields: Any) -> Event:
    result = '{"resultUrls":["https://tempfile.aiquickdraw.com/x/1.mp4"]}'
    data = {"taskId": "t1", "state": "success", "resultJson": result, **fields}
    return kie.normalise({"code": 200, "data": data}, at=START)


@pytest.mark.parametrize(
    ("reason", "headers"),
    [
        ("signature_mismatch", {"x-webhook-timestamp": "1764621946"}),
        ("signature_mismatch", {"x-webhook-signature": "d55e0a6c1af3879f5e043e7dd8891fffadd5285d8a"}),
        ("signature_mismatch", {"x-webhook-signature": RIGHT[:-1]}),
        ("signature_mismatch", {"x-webhook-signature": RIGHT + "A"}),
        ("signature_mismatch", {"x-webhook-signature": RIGHT.lower()}),
        ("signature_mismatch", {"x-webhook-signature": "é\ud800"}),
        ("signature_missing", {"x-webhook-signature": None}),
        ("signature_missing", {"x-webhook-signature": ""}),
        ("signature_missing", {"x-webhook-timestamp": None}),
        ("timestamp_malformed", {"x-webhook-timestamp": "1764621945.0"}),
        ("timestamp_malformed", {"x-webhook-timestamp": "-1764621945"}),
        ("timestamp_malformed", {"x-webhook-timestamp": "1764621945, 1764621945"}),
        ("timestamp_malformed", {"x-webhook-timestamp": "9" * 12}),
        ("timestamp_malformed", {"x-webhook-timestamp": "9" * 5000}),
        ("timestamp_malformed", {"x-webhook-timestamp": "١٧٦٤٦٢١٩٤٥"}),
        ("timestamp_malformed", {"x-webhook-timestamp": " "}),
    ],
)
def test_verify__altered_headers(reason: str, headers: dict[str, str]) -> None:
    """Another instant, another encoding, a part, nothing, or nonsense: a refusal with its reason, never a crash."""
    assert reason == refusal(headers=headers)


@pytest.mark.parametrize(
    ("reason", "document"),
    [
        ("signature_mismatch", {"taskId": "seedance_other", "status": 1}),
        ("signature_mismatch", {"taskId": "seedance_xyz789ab\ud800", "status": 1}),
        ("task_id_missing", {"taskId": 7, "status": 1}),
        ("task_id_missing", {"taskId": "", "status": 1}),
        ("task_id_missing", {}),
        ("task_id_missing", []),
        ("task_id_missing", "seedance_xyz789abc"),
        ("task_id_missing", 7),
        ("task_id_missing", {"data": [{"taskId": "seedance_xyz789abc"}]}),
    ],
)
def test_verify__another_task(reason: str, document: Any) -> None:
    """A signature is good for the task id it was made for and for nothing else."""
    assert reason == refusal(document=document)


@pytest.mark.parametrize(
    "document",
    [
        {"taskId": "victim", "data": {"task_id": "seedance_xyz789abc"}},
        {"data": {"task_id": "seedance_xyz789abc", "taskId": "victim", "state": "success"}},
        {"taskId": "victim", "data": {"taskId": "seedance_xyz789abc", "state": "success"}},
    ],
)
def test_verify__a_second_task_id_beside_the_signed_one(document: dict[str, Any]) -> None:
    """A body that names two tasks is refused: the signature of one must not vouch for an event of the other."""
    assert "task_ids_differ" == refusal(document=document)


def test_verify__the_same_id_twice() -> None:
    """One id under two of the documented names is one id."""
    document = {"taskId": "seedance_xyz789abc", "data": {"taskId": "seedance_xyz789abc", "state": "fail"}}
    assert Verdict.SIGNED_ID is verify(document=document)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_verify__inside_the_window(seconds: int) -> None:
    """Five minutes on both sides are allowed for slow networks and wrong clocks."""
    assert Verdict.SIGNED_ID is verify(now=SIGNED_AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86400])
def test_verify__stale(seconds: int) -> None:
    """Outside the window a right signature is a hint and no more."""
    assert Verdict.STALE is verify(now=SIGNED_AT + timedelta(seconds=seconds))


def test_verify__stale_and_wrong() -> None:
    """A wrong signature is refused before its age is looked at."""
    assert "signature_mismatch" == refusal(headers={"x-webhook-timestamp": "1"})


@pytest.mark.parametrize("keys", [(KEY, "new"), ("new", KEY), ("a", "b", KEY)])
def test_verify__any_of_the_live_keys(keys: tuple[str, ...]) -> None:
    """During rotation the old key and the new one are both good, in any order."""
    assert Verdict.SIGNED_ID is verify(keys=keys)


@pytest.mark.parametrize("keys", [(), ("new",), (KEY.upper(),), ("",)])
def test_verify__none_of_the_keys(keys: tuple[str, ...]) -> None:
    """Without the right key nothing verifies; no key at all verifies nothing."""
    assert "signature_mismatch" == refusal(keys=keys)


def test_verify__does_not_cover_the_body() -> None:
    """The scheme's limit, known and stated: another link under the same id has the same signature."""
    document = {**parse(SIGNED.body), "videoUrl": "https://evil.example/x.mp4"}
    assert Verdict.SIGNED_ID is verify(document=document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
FIELDS = ("taskId", "task_id", "status", "videoUrl", "completedAt", "state", "resultJson", "completeTime", "failCode")
documents = st.dictionaries(st.sampled_from(FIELDS), json_values | st.sampled_from(["success", "fail", 0, 1, 2]))


@given(documents | st.builds(lambda data: {"code": 200, "data": data}, documents) | json_values)
def test_anything__is_an_event_or_a_refusal(document: Any) -> None:
    """Whatever shape a document has, verify and normalise end in a value or in an error of ours."""
    headers = {"x-webhook-timestamp": "1764621945", "x-webhook-signature": RIGHT}
    delivery = Delivery("kie", headers, b"", None, START)
    for act in (
        lambda: kie.verify(delivery, document, [KEY], now=START),
        lambda: kie.normalise(document, at=START),
        lambda: kie.read_status(kie.MARKET, ApiAnswer(200, {}, json.dumps(document).encode()), at=START),
        lambda: kie.read_status(kie.SEEDANCE, ApiAnswer(200, {}, json.dumps(document).encode()), at=START),
    ):
        with suppress(ReelkeepError):
            act()


@pytest.mark.parametrize(
    "task_id",
    [
        "\ud800",
        "a\x00b",
        "a\nb",
        "a\x1b[2J",
        "a b",
        "\u202eevil",
        "\u200b",
        "x" * 513,
        "",
        7,
        None,
        ["a"],
        "a\u2028b",
        "🎬",
    ],
)
def test_normalise__task_ids_that_are_no_names(task_id: Any) -> None:
    """An id with control characters, lone surrogates, blanks or no end is not understood, nor is an emoji."""
    for read in (flat, market):
        with pytest.raises(NotUnderstoodError, match=r"^task_id_"):
            read(taskId=task_id)


@pytest.mark.parametrize("task_id", ["x" * 512, "../../etc", "%2e%2e", "任务-1", "a/b\\c", "é"])
def test_normalise__odd_but_printable_task_ids(task_id: str) -> None:
    """An id that can be printed is kept as it is; what it may look like in a key is decided elsewhere."""
    assert task_id == flat(taskId=task_id).task_id


@pytest.mark.parametrize(
    "url",
    [
        "ftp://storage.kie.ai/a", "//storage.kie.ai/a", "/a.mp4", "javascript:alert(1)", "https://", "https:///a",
        "https://h/\x00", "https://h/ a", "https://h/é", "https://h/\ud800", "https://[::1", "https://h:0/",
        "https://h:99999/", "https://h/" + "a" * 9000, "",
    ],
)  # fmt: skip
def test_normalise__links_that_are_none(url: str) -> None:
    """A success with anything that is not an absolute http(s) URL in ASCII is kept for a person, not followed."""
    with pytest.raises(NotUnderstoodError, match=r"^(link_not_a_url|no_outputs)$"):
        flat(videoUrl=url)


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**4000, -1, 0, 12, 253402300800000])
def test_normalise__instants_out_of_this_world(number: int) -> None:
    """A completion time that is no plausible instant counts as the moment we heard of it."""
    event = market(completeTime=number)
    assert (START, START + kie.STORAGE_LIFE) == (event.completed_at, event.storage_expires_at)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+23:59", "0001-01-01", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59",
        "9999-12-31", "yesterday", "2026-13-01", "1764621945", "2026-11-21T12:00:01Z",
    ],
)  # fmt: skip
def test_normalise__texts_that_are_no_plausible_instant(text: str) -> None:
    """The same for the flat shape: nothing a stranger writes there can be older than the service or in the future."""
    event = flat(completedAt=text)
    assert (START, START + kie.LINK_LIFE) == (event.completed_at, event.outputs[0].link.expires_at)


def test_normalise__instants_are_utc() -> None:
    """An instant with another offset is the same instant in UTC; one without an offset is UTC."""
    for text in ("2026-11-21T19:00:00+08:00", "2026-11-21T11:00:00", "2026-11-21T11:00:00Z"):
        completed_at = flat(completedAt=text).completed_at
        assert completed_at is not None
        assert ("2026-11-21T11:00:00+00:00") == completed_at.isoformat()


def test_normalise__a_link_dies_a_link_life_after_completion() -> None:
    """The expiry is counted from the completion, never from later than now, and says that it is an assumption."""
    event = market(completeTime=int((START - timedelta(minutes=5)).timestamp() * 1000))
    link = event.outputs[0].link
    assert (START + timedelta(minutes=15), ExpiryOrigin.DEFAULT) == (link.expires_at, link.origin)


def test_normalise__more_outputs_than_any_model_makes() -> None:
    """A list of ten thousand links is no result of KIE's: kept for a person instead of filling the ledger."""
    urls = [f"https://storage.kie.ai/{n}" for n in range(10_000)]
    with pytest.raises(NotUnderstoodError, match="too_many_outputs"):
        market(resultJson=json.dumps({"resultUrls": urls}))


@pytest.mark.parametrize(
    ("code", "reason"),
    [("400", "provider_400"), ("GENERATION_FAILED", "provider_generation_failed"), ("", "provider_failed"),
     (None, "provider_failed"), ("…\n\x00", "provider_failed"), ("x" * 500, "provider_" + "x" * 40)],
)  # fmt: skip
def test_normalise__failure_codes_become_slugs(code: str | None, reason: str) -> None:
    """A fail code is kept as a short slug, whatever it holds."""
    event = market(state="fail", failCode=code)
    assert (Progress.FAILED, reason) == (event.progress, event.reason)


def test_read_status__market() -> None:
    """The documented poll answer is the same event as a callback would be."""
    recorded = sample("kie", "market_poll_shape")
    event = kie.read_status(kie.MARKET, ApiAnswer(200, {}, recorded.body), at=recorded.at)
    assert kie.normalise(parse(recorded.body), at=recorded.at) == event


def test_read_status__flat() -> None:
    """The seedance route answers with code 0 and the flat fields under `data`."""
    data = {"taskId": "t1", "status": 1, "videoUrl": "https://storage.kie.ai/v/1.mp4"}
    event = kie.read_status(kie.SEEDANCE, answer({"code": 0, "message": "success", "data": data}), at=START)
    assert (Progress.SUCCEEDED, kie.SEEDANCE) == (event.progress, event.route)
    assert (
        Progress.RUNNING
        is kie.read_status(kie.SEEDANCE, answer({"code": 0, "data": {"taskId": "t1", "status": 0}}), at=START).progress
    )


@pytest.mark.parametrize(
    ("error", "reason", "given"),
    [
        (TaskUnknownError, "task_not_found", answer({"code": 422, "msg": "recordInfo is null", "data": None})),
        (TaskUnknownError, "task_not_found", answer({"code": 404, "msg": "Task not found"})),
        (TaskUnknownError, "task_not_found", answer({"code": 404, "msg": "Task not found"}, 404)),
        (TaskUnknownError, "task_not_found", ApiAnswer(404, {}, b"<html>not here</html>")),
        (ProviderRefusedError, "code_422", answer({"code": 422, "msg": "url is invalid"})),
        (ProviderRefusedError, "code_400", answer({"code": 400, "msg": "taskId is missing"})),
        (ProviderRefusedError, "code_401", answer({"code": 401, "msg": "Unauthorized"})),
        (ProviderRefusedError, "code_401", answer({"code": 401, "msg": "Unauthorized"}, 401)),
        (ProviderRefusedError, "code_402", answer({"code": 402, "msg": "Insufficient Credits"})),
        (ProviderRefusedError, "code_501", answer({"code": 501, "msg": "Generation failed"})),
        (ProviderRefusedError, "code_1004", answer({"code": 1004, "message": "bad parameters"})),
        (ProviderRefusedError, "http_302", answer({}, 302)),
        (ProviderBusyError, "http_429", answer({"code": 429}, 429)),
        (ProviderBusyError, "code_429", answer({"code": 429, "msg": "slow down"})),
        (ProviderBusyError, "code_433", answer({"code": 433})),
        (ProviderBusyError, "code_455", answer({"code": 455, "msg": "maintenance"})),
        (ProviderBusyError, "code_500", answer({"code": 500})),
        (ProviderBusyError, "code_505", answer({"code": 505})),
        (ProviderBusyError, "code_408", answer({"code": 408, "msg": "upstream silent"})),
        (ProviderBusyError, "code_1005", answer({"code": 1005, "message": "rate limit"})),
        (ProviderBusyError, "http_503", ApiAnswer(503, {}, b"<html>")),
        (ProviderBusyError, "answer_not_json", ApiAnswer(200, {}, b"<html>")),
        (NotUnderstoodError, "not_an_object", answer({"code": 200, "data": "soon"})),
        (NotUnderstoodError, "not_an_object", answer({"code": 200, "data": None})),
        (NotUnderstoodError, "state_missing", answer({"code": 200, "data": {"taskId": "t"}})),
        (ProviderRefusedError, "code_501", answer({"code": 501, "data": {"taskId": "t", "state": "success"}})),
        (ProviderRefusedError, "code_501", answer({"code": 501, "data": {"taskId": ["t"]}})),
        (ProviderRefusedError, "code_unknown", answer({"code": "no such thing"})),
        (ProviderRefusedError, "http_403", ApiAnswer(403, {}, b"<html>")),
        (ProviderBusyError, "http_500", answer({"code": 200, "data": {"taskId": "t", "state": "success"}}, 500)),
    ],
)
def test_read_status__answers_without_a_task(error: type[ReelkeepError], reason: str, given: ApiAnswer) -> None:
    """HTTP 200 may carry any failure: the code in the body decides, and each has its own error."""
    with pytest.raises(error) as caught:
        kie.read_status(kie.MARKET, given, at=START)
    assert reason == caught.value.reason


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("7", 7), ("0", 0), ("99999999", 3600), ("-1", None), ("1.5", None), ("soon", None), ("9" * 30, 3600), ("", None),
     ("٣", None), ("Sat, 21 Nov 2026 12:01:30 GMT", 90), ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
     ("Fri, 21 Nov 2036 12:00:00 GMT", 3600), ("Sat, 99 Nov 2026 12:01:30 GMT", None)],
)  # fmt: skip
def test_read_status__retry_after(value: str, wanted: int | None) -> None:
    """A stated pause, in seconds or as a date, is kept up to an hour; any other form is as if there were none."""
    with pytest.raises(ProviderBusyError) as caught:
        kie.read_status(kie.MARKET, answer({}, 429, Retry_After=value), at=START)
    assert (timedelta(seconds=wanted) if wanted is not None else None) == caught.value.retry_after


def test_fresh_link() -> None:
    """`data` is the link itself, stated to live twenty minutes; the request names the old link in its body only."""
    request = kie.fresh_link_request("https://storage.kie.ai/a.mp4?sig=1")
    assert request is not None
    assert ("POST", "/api/v1/common/download-url", {}, {"url": "https://storage.kie.ai/a.mp4?sig=1"}) == (
        request.method, request.path, request.params, request.json,
    )  # fmt: skip
    link = kie.read_fresh_link(answer({"code": 200, "msg": "success", "data": "https://x.example/a?s=2"}), at=START)
    assert ("https://x.example/a?s=2", START + timedelta(minutes=20), ExpiryOrigin.STATED) == (
        link.url, link.expires_at, link.origin,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "given"),
    [
        (ProviderRefusedError, answer({"code": 422, "msg": "not a KIE url", "data": None})),
        (NotUnderstoodError, answer({"code": 200, "data": {"url": "https://x.example"}})),
        (NotUnderstoodError, answer({"code": 200, "data": None})),
        (NotUnderstoodError, answer({"code": 200, "data": "file:///etc/passwd"})),
        (ProviderBusyError, answer({"code": 429}, 429)),
    ],
)
def test_fresh_link__refused(error: type[ReelkeepError], given: ApiAnswer) -> None:
    """What is no link is an error of ours, and a link that is none is not taken."""
    with pytest.raises(error):
        kie.read_fresh_link(given, at=START)


def test_normalise__outputs_that_share_a_path_stay_apart() -> None:
    """Two files that differ only in their query are two assets, in callback and poll alike."""
    urls = ["https://files.example/get?id=1", "https://files.example/get?id=2", "https://files.example/c.mp4"]
    result = json.dumps({"resultUrls": urls})
    document = {"data": {"taskId": "t1", "state": "success", "resultJson": result}}
    event = kie.normalise(document, at=datetime(2026, 11, 21, tzinfo=UTC))
    assert 3 == len({asset_id("kie", "t1", output) for output in event.outputs})
    assert urls == [output.link.url for output in event.outputs]
    assert event.outputs[2].output_id is None
