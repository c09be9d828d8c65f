"""What every provider module promises, over the traffic its documentation shows. A new provider brings its samples."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from archive.documents import parse
from archive.errors import NotUnderstoodError, ProviderBusyError, ReelkeepError, VerificationError
from archive.identity import asset_id
from archive.model import ApiAnswer, Callbacks, Delivery, Event, Progress, Verdict
from archive.providers import PROVIDERS
from tests.doubles import START
from tests.recorded import Recorded, RecordedAnswer, answer, answers, sample, samples

RECORDED = [pytest.param(one, id=f"{name}-{one.case}") for name in PROVIDERS for one in samples(name)]
ANSWERED = [pytest.param(one, id=f"{name}-{one.case}") for name in PROVIDERS for one in answers(name)]
NAMES = sorted(PROVIDERS)


def shown(event: Event) -> dict[str, Any]:
    """An event in the form of `expected.json`."""

    def instant(value: datetime | None) -> str | None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None

    expiries = {instant(output.link.expires_at) for output in event.outputs}
    assert len(expiries) <= 1
    return {
        "task_id": event.task_id,
        "progress": event.progress,
        "route": event.route,
        "outputs": [
            {"role": output.role, "link": output.link.url} | ({"second": output.second.url} if output.second else {})
            for output in event.outputs
        ],
        "reason": event.reason,
        "completed_at": instant(event.completed_at),
        "link_expires_at": next(iter(expiries), None),
        "storage_expires_at": instant(event.storage_expires_at),
    } | ({"credits": event.credits} if event.credits is not None else {})


@pytest.mark.parametrize("recorded", RECORDED)
def test_verify__recorded(recorded: Recorded) -> None:
    """Each recorded delivery gets the verdict, or the refusal, that its documentation implies."""
    wanted = recorded.expected["verify"]
    found = {"keys": wanted["keys"]}
    try:
        verdict = PROVIDERS[recorded.provider].verify(
            recorded.delivery, parse(recorded.body), wanted["keys"], now=recorded.at
        )
        found["verdict"] = verdict.label
    except VerificationError as exc:
        found["refused"] = exc.reason
    assert wanted == found


@pytest.mark.parametrize("recorded", RECORDED)
def test_normalise__recorded(recorded: Recorded) -> None:
    """Each recorded body becomes the event it documents, or is not understood for the stated reason."""
    found: dict[str, Any] = {}
    try:
        found["event"] = shown(PROVIDERS[recorded.provider].normalise(parse(recorded.body), at=recorded.at))
    except NotUnderstoodError as exc:
        found["not_understood"] = exc.reason
    assert {name: recorded.expected[name] for name in recorded.expected if name not in {"at", "verify"}} == found


@pytest.mark.parametrize("recorded", ANSWERED)
def test_read_status__recorded(recorded: RecordedAnswer) -> None:
    """Each recorded status answer becomes the event it documents, or the error whose class and reason are stated."""
    provider, route = PROVIDERS[recorded.provider], recorded.expected["route"]
    try:
        found: dict[str, Any] = {"event": shown(provider.read_status(route, recorded.answer, at=recorded.at))}
    except ReelkeepError as exc:
        found = {"error": type(exc).__name__, "reason": exc.reason}
        if isinstance(exc, ProviderBusyError) and exc.retry_after is not None:
            found["retry_after"] = exc.retry_after.total_seconds()
    told = {"at", "http", "headers", "route"}
    assert {name: value for name, value in recorded.expected.items() if name not in told} == found


def test_identities__are_the_same_by_callback_and_by_poll() -> None:
    """A task whose callback and status answer are both recorded has the same assets by either, for every provider."""
    called = {(r.provider, r.expected["event"]["task_id"]): r for r in _succeeded(RECORDED)}
    polled = {(r.provider, r.expected["event"]["task_id"]): r for r in _succeeded(ANSWERED)}
    both = sorted(called.keys() & polled.keys())
    assert {name for name in NAMES if PROVIDERS[name].CALLBACKS is not Callbacks.NONE} == {name for name, _ in both}
    for key in both:
        provider, (call, poll) = PROVIDERS[key[0]], (called[key], polled[key])
        by_call = provider.normalise(parse(call.body), at=call.at)
        by_poll = provider.read_status(poll.expected["route"], poll.answer, at=poll.at)
        ids = [{asset_id("s", e.task_id, output) for output in e.outputs} for e in (by_call, by_poll)]
        assert ids[0] == ids[1], key


def _succeeded(recorded: list[Any]) -> list[Any]:
    return [p.values[0] for p in recorded if p.values[0].expected.get("event", {}).get("outputs")]


COSTS = {
    ("kie", "market_success"): "creditsConsumed",
    ("kie", "market_failure_word_code"): "creditsConsumed",
    ("kie", "veo_4k_callback"): "creditsConsumed",
    ("seedanceapi", "success"): "consumed_credits",
    ("seedance2ai", "status_video"): "credits_used",
}


@pytest.mark.parametrize(("provider", "case"), COSTS)
@pytest.mark.parametrize("junk", [None, True, "61", "", -1, 1e300, 10**400, [61], {"n": 61}])
def test_credits__what_is_no_such_number_is_not_known(provider: str, case: str, junk: Any) -> None:
    """What a task cost is a bounded number that is not negative, or unknown; no event is refused for it."""
    recorded = answer(provider, case) if case.startswith("status_") else sample(provider, case)
    document = parse(recorded.body)
    holder = document.get("data", document)
    assert COSTS[provider, case] in holder
    holder[COSTS[provider, case]] = junk
    if isinstance(recorded, Recorded):
        event = PROVIDERS[provider].normalise(document, at=recorded.at)
    else:
        told = replace(recorded.answer, body=json.dumps(document).encode())
        event = PROVIDERS[provider].read_status(recorded.expected["route"], told, at=recorded.at)
    assert recorded.expected["event"] == shown(replace(event, credits=recorded.expected["event"]["credits"]))
    assert event.credits is None


def test_credits__what_was_given_back_was_not_paid() -> None:
    """Of seedance2ai's credits those refunded are taken off, and KIE's older name for them is read as well."""
    body = {"id": "sd2_x", "status": "failed", "credits_used": 30, "credits_refunded": 12}
    read = PROVIDERS["seedance2ai"].read_status
    assert 18 == read("tasks", ApiAnswer(200, {}, json.dumps(body).encode()), at=START).credits
    assert (
        0 == read("tasks", ApiAnswer(200, {}, json.dumps(body | {"credits_refunded": 31}).encode()), at=START).credits
    )
    old = {"data": {"taskId": "t", "state": "fail", "consumeCredits": 7}}
    assert 7 == PROVIDERS["kie"].normalise(old, at=START).credits


@pytest.mark.parametrize("recorded", RECORDED)
def test_normalise__is_the_same_each_time(recorded: Recorded) -> None:
    """A delivery read again later names the same assets: replay and repeat change nothing."""
    if "event" not in recorded.expected:
        return
    normalise, document = PROVIDERS[recorded.provider].normalise, parse(recorded.body)
    first = normalise(document, at=recorded.at)
    later = normalise(document, at=recorded.at + timedelta(days=1))
    identities = [[asset_id("s", e.task_id, o) for o in e.outputs] for e in (first, later)]
    assert identities[0] == identities[1]
    assert len(first.outputs) == len(set(identities[0]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["a key", None])
def test_sample__is_understood_by_its_own_provider(name: str, key: str | None) -> None:
    """The callback that `reelkeep sign` makes verifies and normalises; who never calls back has none and says so."""
    provider = PROVIDERS[name]
    if provider.CALLBACKS is Callbacks.NONE:
        with pytest.raises(NotUnderstoodError, match="no_callbacks"):
            provider.sample("sample-1", "https://h.example/a.mp4", key=key, now=START)
        return
    if provider.CALLBACKS is Callbacks.UNSIGNED:
        key = None
    url = f"https://{min(provider.HOSTS, default='h.example')}/videos/a.mp4"
    headers, body = provider.sample("sample-1", url, key=key, now=START)
    document = parse(body)
    event = provider.normalise(document, at=START)
    assert ("sample-1", Progress.SUCCEEDED, [url]) == (
        event.task_id, event.progress, [output.link.url for output in event.outputs],
    )  # fmt: skip
    delivery = Delivery(name, {k.lower(): v for k, v in headers.items()}, body, None, START)
    if key is None:
        with pytest.raises(VerificationError, match=r"signature_missing|not_signed"):
            provider.verify(delivery, document, ["a key"], now=START)
    else:
        assert provider.verify(delivery, document, ["an old key", key], now=START) >= Verdict.SIGNED_ID


@pytest.mark.parametrize("name", NAMES)
def test_facts__are_whole(name: str) -> None:
    """The facts the rest builds on are there: an https base, exact hosts, lives above zero, at least one route."""
    provider = PROVIDERS[name]
    base = urlsplit(provider.API_BASE)
    assert ("https", "") == (base.scheme, base.path)
    assert all(host == host.lower() and "/" not in host and ":" not in host for host in provider.HOSTS)
    pace = provider.PACE
    assert min(provider.LINK_LIFE, provider.GONE_AFTER, pace.typical, pace.floor, pace.per) > timedelta(0)
    assert min(pace.requests, pace.batch) >= 1
    assert (pace.batch > 1) == (provider.batch_request(provider.ROUTES[0], ["a", "b"]) is not None)
    assert len(provider.ROUTES) == len(set(provider.ROUTES)) > 0
    for route in provider.ROUTES:
        request = provider.status_request(route, "t 1/../&x=1")
        assert request.path.startswith("/")
        assert "t 1/../&x=1" not in request.path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 429, 500, 599])
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html>", b"null", b"[]", b"0", b'{"code":null}', b'{"code":"0"}'])
def test_read_status__answers_nobody_documented(name: str, status: int, body: bytes) -> None:
    """Whatever a broken API or a proxy before it answers is an error of ours with a reason, never anything else."""
    provider = PROVIDERS[name]
    answer = ApiAnswer(status, {}, body)
    for route in provider.ROUTES:
        with pytest.raises(ReelkeepError, match=r"^[a-z0-9_]+$"):
            provider.read_status(route, answer, at=START)
        if provider.PACE.batch > 1:
            with pytest.raises(ReelkeepError, match=r"^[a-z0-9_]+$"):
                provider.read_batch(route, answer, at=START)
    if provider.fresh_link_request("https://x.example/a"):
        with pytest.raises(ReelkeepError, match=r"^[a-z0-9_]+$"):
            provider.read_fresh_link(answer, at=START)
