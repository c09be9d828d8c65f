"""POST /api/generate/{source}: what is sent, what is refused before, and what stands in the ledger afterwards."""

import json
import logging
import socket
from typing import Any

import httpx
import pytest

from archive.errors import LedgerError
from archive.ledger.database import Database
from archive.ledger.schema import deliveries, orders, sources
from archive.providers import PROVIDERS
from receiver.orders import Orders
from tests.doubles import wait_for
from tests.origin import Origin, Wire, answer, redirect, whole
from tests.receiver.outward import (
    GENERATE,
    KEY,
    OPERATOR,
    OTHER_KEY,
    SIGNING,
    VIEWER,
    Service,
    hangs_up,
    header,
    made,
    refuses,
    serving,
    takes,
)  # fmt: skip
from tests.simulator.helpers import API_KEY, Simulator

SD2 = "/api/v1/video/seedance2"
ACE = "/seedance/videos"
TEXT = "a street"
WANTED: dict[str, dict[str, Any]] = {
    "kie": {"prompt": TEXT, "parameters": {"resolution": "720p"}},
    "seedanceapi": {"prompt": TEXT, "parameters": {"aspect_ratio": "16:9", "duration": 10, "model": "seedance-2.0"}},
    "seedance2ai": {"prompt": TEXT},
    "kyyaipower": {"prompt": TEXT, "parameters": {"model": "seedance_1_5_pro_720p", "ratio": "16:9", "duration": 5}},
    "acedata": {"prompt": TEXT, "parameters": {"model": "doubao-seedance-1-0-pro-250528"}},
}


def generate(service: Service, source: str = "kie", key: str | None = None, **wanted: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return service.ask("POST", f"/api/generate/{source}", json=WANTED[source] | wanted, headers=headers)


def problem(response: httpx.Response, status: int, reason: str) -> dict[str, Any]:
    assert "application/problem+json" == response.headers["content-type"]
    document: dict[str, Any] = response.json()
    assert (status, status, reason) == (response.status_code, document["status"], document["reason"]), document
    return document


def sd2(task_id: str = "sd2_1") -> Any:
    """seedance2ai's answer to an order that it took."""
    return answer({"id": task_id, "status": "processing", "credits_used": 30})


# --- taken ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", WANTED)
def test_generate__at_every_provider(real_db: Database, sim: Simulator, source: str) -> None:
    """The order is taken, its task is registered with the whole request, and a callback is that task's."""
    with serving(real_db, sim.api, **{source: {"api_key": API_KEY}}) as service:
        response = generate(service, source, external_id="order-7", metadata={"for": "ann"})
        assert 200 == response.status_code, response.text
        said = response.json()
        [task] = said["tasks"]
        assert service.ask("GET", f"/api/tasks/{task['id']}").json() == {**task, "notifications": []}
        assert ("order-7", "open") == (task["external_id"], task["state"])
        product = next(iter(PROVIDERS[source].PRODUCTS))
        assert {"for": "ann", "generate": {"product": product, "request": said["request"]}} == task["metadata"]
        calls = next(iter(PROVIDERS[source].CREATE_PATHS.values())).callback_field is not None
        assert [said["callback_id"]] * calls == [row["id"] for row in service.urls]
        if calls:
            wait_for(lambda: bool(service.rows(deliveries)))
            assert [(task["task_id"], "accepted")] == [
                (row["task_id"], row["outcome"]) for row in service.rows(deliveries)
            ]


def test_generate__what_goes_out(service: Service, provider: Origin) -> None:
    """The provider's own request with the source's key and a minted URL; nothing of the caller's own headers."""
    response = generate(service)
    [head], [body] = provider.heads, provider.bodies
    assert head.startswith(f"POST {GENERATE} HTTP/1.1")
    assert ([f"Bearer {KEY}"], ["application/json"]) == (header(head, "authorization"), header(head, "content-type"))
    assert OPERATOR not in head
    sent = json.loads(body)
    assert sent.pop("callBackUrl").startswith(f"{service.url}/webhooks/kie/rkcb_")
    assert response.json()["request"] == sent
    assert "rkcb_" not in response.text


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"tokens": ["a-token-in-the-path"]}, "/webhooks/kie/a-token-in-the-path"),
        ({"webhook_keys": ["hmac"]}, "/webhooks/kie"),
    ],
)
def test_generate__without_signing_keys(
    real_db: Database, provider: Origin, changed: dict[str, Any], path: str
) -> None:
    """Where nothing can be minted, the source's own token stands in the URL; one that signs needs no more."""
    with serving(real_db, f"http://{provider.authority}", server={"signing_keys": []}, kie=changed) as service:
        response = generate(service)
        assert f"{service.url}{path}" == json.loads(provider.bodies[0])["callBackUrl"]
        assert (None, []) == (response.json()["callback_id"], service.urls)
        assert "a-token" not in response.text


def test_generate__nobody_to_call(real_db: Database, provider: Origin) -> None:
    """Where no URL would prove anything there is none, and the provider answers at once all the same."""
    takes(provider, answer({"task_id": "a1"}), path=ACE)
    with serving(real_db, f"http://{provider.authority}", server={"signing_keys": []}) as service:
        assert ["a1"] == [task["task_id"] for task in generate(service, "acedata").json()["tasks"]]
        sent = json.loads(provider.bodies[0])
        assert "callback_url" not in sent
        assert sent["async"] is True


def test_generate__a_batch(service: Service, provider: Origin) -> None:
    """Each task of a batch is registered, under the same external id and with the same request."""
    ids = ["sd2_1", "sd2_2", "sd2_3"]
    takes(provider, answer({"id": ids[0], "batch_task_ids": ids, "credits_used": 90}), path=SD2)
    said = generate(service, "seedance2ai", external_id="order-7").json()
    assert ids == [task["task_id"] for task in said["tasks"]]
    assert {"order-7"} == {task["external_id"] for task in said["tasks"]}
    assert 90.0 == said["credits"]


def test_generate__again_under_the_same_key(service: Service, provider: Origin) -> None:
    """An Idempotency-Key goes to the provider as it was given; its one task is one task here."""
    takes(provider, sd2(), path=SD2)
    first, second = (generate(service, "seedance2ai", key="mine-1").json() for _ in range(2))
    assert first["tasks"][0]["id"] == second["tasks"][0]["id"]
    assert ["mine-1"] * 2 == [key for head in provider.heads for key in header(head, "idempotency-key")]
    assert 1 == len(service.tasks)


def test_generate__two_orders_have_two_keys(service: Service, provider: Origin) -> None:
    """Where none is given each order gets a key of its own; a provider that takes none is sent none."""
    takes(provider, sd2(), path=SD2)
    for _ in range(2):
        generate(service, "seedance2ai")
    generate(service)
    keys = [header(head, "idempotency-key") for head in provider.heads]
    assert ([1, 1, 0], 2) == ([len(key) for key in keys], len({key[0] for key in keys[:2]}))


# --- refused before anything is sent ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "reason", "named"),
    [
        ({"parameters": {"duration": "canary", "resolution": "canary"}}, "bad_parameters", ["duration", "resolution"]),
        ({"parameters": {"callBackUrl": "https://canary.example"}}, "bad_parameters", ["callBackUrl"]),
        ({"prompt": ""}, "bad_parameters", ["prompt"]),
        ({"prompt": "canary" * 1000}, "bad_parameters", ["prompt"]),
        ({"prompt": None}, "bad_parameters", ["prompt"]),
        ({"product": "canary"}, "unknown_product", ["seedance", "market"]),
        ({"product": "market", "parameters": {"input": 7}}, "bad_parameters", ["model", "input"]),
        ({"parameters": 7}, "bad_order", ["parameters"]),
        ({"sauce": "canary"}, "bad_order", ["sauce"]),
        ({"metadata": {"generate": "canary"}}, "bad_order", ["metadata.generate"]),
        ({"external_id": "\n"}, "external_id_not_printable", []),
    ],
)
def test_refused__names_the_field_and_not_its_value(
    service: Service, provider: Origin, wanted: dict[str, Any], reason: str, named: list[str]
) -> None:
    """Every mistake is named before anything is spent; what was wrong is not repeated."""
    detail = problem(generate(service, **wanted), 422, reason)["detail"]
    assert [] == [name for name in named if name not in detail]
    assert "canary" not in detail
    assert ([], [], []) == (provider.heads, service.tasks, service.urls)


def test_refused__a_key_that_would_be_ignored(service: Service, provider: Origin) -> None:
    """A provider that takes no Idempotency-Key would make two films of one key: that is said, not hidden."""
    problem(generate(service, key="mine"), 422, "idempotency_not_supported")
    problem(generate(service, "seedance2ai", key="m ne"), 422, "bad_idempotency_key")
    assert [] == provider.heads


@pytest.mark.parametrize(("token", "status"), [(VIEWER, 403), (KEY, 401), ("x", 401)])
def test_refused__who_is_no_operator(service: Service, provider: Origin, token: str, status: int) -> None:
    """Only an operator spends money; the provider's own key opens nothing here."""
    assert status == service.ask("POST", "/api/generate/kie", token, json=WANTED["kie"]).status_code
    assert [] == provider.heads


def test_refused__without_a_source_or_its_key(real_db: Database, provider: Origin) -> None:
    """An unknown source is a 404, one without a key a 409."""
    with serving(real_db, f"http://{provider.authority}", kie={"api_key": None}) as service:
        problem(service.ask("POST", "/api/generate/nobody", json={}), 404, "unknown_source")
        problem(generate(service), 409, "no_api_key")
    assert [] == provider.heads


def test_dry_run__shows_and_sends_nothing(service: Service, provider: Origin) -> None:
    """The request and the estimate by the documented prices, and not one packet, row or charge."""
    priced = {"model": "seedance-1-0-pro", "resolution": "720p", "duration": 10}
    said = generate(service, dry_run=True, parameters=priced).json()
    assert ([], None, None) == (said["tasks"], said["callback_id"], said["credits"])
    assert {"prompt": TEXT, "resolution": "720p"}.items() <= said["request"].items()
    assert {"usd", "credits"} == said["cost"].keys()
    assert said["cost"]["usd"] > 0
    assert ([], [], []) == (provider.heads, service.tasks, service.urls)
    problem(generate(service, dry_run=True, prompt=""), 422, "bad_parameters")


def test_refused__without_a_ledger(service: Service, provider: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """No money is spent on what could not be written down."""

    async def away(*_: object) -> None:
        raise LedgerError("ledger_unavailable")

    monkeypatch.setattr(Orders, "charge", away)
    assert "2" == generate(service).headers["retry-after"]
    problem(generate(service), 503, "ledger_unavailable")
    assert [] == provider.heads


# --- refused by the provider ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scene", "status", "reason"),
    [
        (refuses(402), 402, "insufficient_credits"),
        (refuses(1003), 402, "insufficient_credits"),
        (refuses(401), 502, "key_refused"),
        (refuses(1006), 422, "content_unsafe"),
        (refuses(1007), 422, "image_too_large"),
        (refuses(422), 422, "invalid_parameters"),
        (refuses(429), 429, "rate_limited"),
        (refuses(1005), 429, "rate_limited"),
        (redirect("https://elsewhere.example/", "307 Temporary Redirect"), 502, "http_307"),
    ],
)
def test_refused__by_the_provider(service: Service, provider: Origin, scene: Any, status: int, reason: str) -> None:
    """The provider's documented refusal becomes a problem; nothing is registered, and its callback URL is dropped."""
    takes(provider, scene)
    response = generate(service)
    problem(response, status, reason)
    assert (status in {429, 503}) is ("retry-after" in response.headers)
    assert ([], []) == (service.tasks, service.urls)
    assert 1 == len(provider.heads)


def test_refused__says_when_to_come_back(service: Service, provider: Origin) -> None:
    """A wait that the provider asks for is passed on; a conflict of keys is told from other refusals."""
    error = {"error": {"code": "rate_limited", "message": "canary"}}
    takes(provider, answer(error, "Retry-After: 17", status="429 Too Many"), path=SD2)
    response = generate(service, "seedance2ai")
    problem(response, 429, "rate_limited")
    assert "17" == response.headers["retry-after"]
    assert "canary" not in response.text
    takes(provider, answer({"error": {"code": "idempotency_conflict"}}, status="409 Conflict"), path=SD2)
    problem(generate(service, "seedance2ai", key="k"), 409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("scene", "status", "reason"),
    [
        (whole(b"<html>", status="502 Bad Gateway"), 504, "answer_lost"),
        (whole(b"<html>", status="524 A Timeout Occurred"), 504, "answer_lost"),
        (refuses(455), 503, "provider_busy"),
        (whole(b"<html>"), 502, "answer_not_understood"),
        (answer({"code": 0, "data": {}}), 502, "answer_not_understood"),
        (answer([]), 502, "answer_not_understood"),
    ],
)
def test_doubtful__keeps_the_url(service: Service, provider: Origin, scene: Any, status: int, reason: str) -> None:
    """Where the task may exist for all we know, a callback still brings it with its metadata."""
    takes(provider, scene)
    problem(generate(service, external_id="order-7"), status, reason)
    assert [] == service.tasks
    assert ["order-7"] == [row["external_id"] for row in service.urls]
    assert 1 == len(provider.heads)


def test_doubtful__a_gateways_error_is_no_invitation_to_order_again(service: Service, provider: Origin) -> None:
    """A 5xx may hide an order that was taken: no Retry-After, and the key that keeps it one order, if any."""
    takes(provider, whole(b"<html>", status="504 Gateway Timeout"), path=SD2)
    response = generate(service, "seedance2ai")
    assert "retry-after" not in response.headers
    assert header(provider.heads[0], "idempotency-key") == [problem(response, 504, "answer_lost")["idempotency_key"]]


# --- lost -------------------------------------------------------------------------------------------------------------


def half(wire: Wire) -> None:
    wire.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code":0,')
    wire.fire("half an answer")


@pytest.mark.parametrize("scene", [hangs_up, half])
def test_lost__is_not_repeated_where_that_would_be_a_second_order(
    service: Service, provider: Origin, scene: Any
) -> None:
    """Without idempotency an order whose answer is lost is sent once; the problem says how its task will be found."""
    takes(provider, scene)
    document = problem(generate(service), 504, "answer_lost")
    assert (1, 1) == (len(provider.fired), len(provider.heads))
    assert "may exist" in document["detail"]
    assert [document["callback_id"]] == [row["id"] for row in service.urls]


def test_lost__its_callback_brings_the_task(service: Service, provider: Origin) -> None:
    """The task of an order whose answer was lost comes by its callback, with external id and request."""
    takes(provider, hangs_up)
    generate(service, external_id="order-7")
    url = json.loads(provider.bodies[0])["callBackUrl"]
    httpx.post(url, json={"taskId": "seedance_9", "status": 2}, trust_env=False)
    [task] = service.tasks
    assert ("seedance_9", "order-7") == (task["task_id"], task["external_id"])
    assert TEXT == json.loads(task["metadata"])["generate"]["request"]["prompt"]


def test_lost__is_repeated_under_its_key(service: Service, provider: Origin) -> None:
    """Where the key makes it one order, a lost answer is asked for again, with the same key and body."""
    takes(provider, hangs_up, half, sd2(), path=SD2)
    assert ["sd2_1"] == [task["task_id"] for task in generate(service, "seedance2ai").json()["tasks"]]
    assert ["hung up", "half an answer"] == provider.fired
    keys = [key for head in provider.heads for key in header(head, "idempotency-key")]
    assert (3, 1, 1) == (len(keys), len(set(keys)), len(set(provider.bodies)))
    assert 2 == len(service.slept)


def test_lost__for_good(service: Service, provider: Origin) -> None:
    """After two repeats it is given up, and the key is told with which asking again stays one order."""
    takes(provider, hangs_up, path=SD2)
    document = problem(generate(service, "seedance2ai"), 504, "answer_lost")
    assert [document["idempotency_key"]] * 3 == [key for h in provider.heads for key in header(h, "idempotency-key")]
    takes(provider, hangs_up, path="/kyyAiPower/v1/seedance/videos")
    assert "look for it" in problem(generate(service, "kyyaipower"), 504, "answer_lost")["detail"]
    assert 4 == len(provider.heads)


def test_lost__and_then_nobody_there(service: Service, provider: Origin) -> None:
    """A repeat that does not get out says nothing of the order before it: that one may exist, and so it is told."""

    def dies(wire: Wire) -> None:
        provider.refuse()
        hangs_up(wire)

    takes(provider, dies, path=SD2)
    document = problem(generate(service, "seedance2ai"), 504, "answer_lost")
    assert [document["idempotency_key"]] == header(provider.heads[0], "idempotency-key")


def test_not_sent__is_tried_once_more(real_db: Database) -> None:
    """Where nobody listens nothing was ordered: a second attempt, and then that is said."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with serving(real_db, f"http://127.0.0.1:{port}") as service:
        for source in ("kie", "seedance2ai"):
            assert "Nothing was sent" in problem(generate(service, source), 502, "provider_unreachable")["detail"]
        assert (2, [], []) == (len(service.slept), service.tasks, service.urls)


# --- paid for, and then -----------------------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[object]:
    """Let the ledger refuse to register so many times."""
    from archive.ledger import tasks

    asked: list[object] = []
    register = tasks.register

    def attempt(*said: Any) -> list[str]:
        asked.append(said)
        if len(asked) <= times:
            raise LedgerError("ledger_unavailable")
        return register(*said)

    monkeypatch.setattr(tasks, "register", attempt)
    return asked


def test_registering__outlasts_a_short_failure(
    service: Service, provider: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that is away for a moment after the order is asked again."""
    asked = failing(monkeypatch, 2)
    assert 200 == generate(service).status_code
    assert (3, 1, 1) == (len(asked), len(service.tasks), len(provider.heads))


def test_registering__fails_with_the_ids(
    service: Service, provider: Origin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A ledger that stays away is no success, and nothing is lost by it: the problem and the log name the tasks."""
    failing(monkeypatch, 99)
    document = problem(generate(service), 503, "not_registered")
    assert ["seedance_1"] == document["task_ids"]
    assert [document["callback_id"]] == [row["id"] for row in service.urls]
    assert ["seedance_1"] == [vars(r)["task_ids"] for r in caplog.records if r.message == "generate.not_registered"]


@pytest.mark.parametrize("mistake", [LedgerError("ledger_unavailable"), ValueError("x")])
def test_registering__that_fails_invites_nobody_to_order_again(
    service: Service, monkeypatch: pytest.MonkeyPatch, mistake: Exception
) -> None:
    """Whatever keeps a paid task out of the ledger, also a mistake of ours, is not answered with "try again"."""

    async def fails(*_: object, **__: object) -> list[dict[str, Any]]:
        raise mistake

    monkeypatch.setattr(Orders, "register", fails)
    response = generate(service)
    assert ["seedance_1"] == problem(response, 503, "not_registered")["task_ids"]
    assert "retry-after" not in response.headers


def test_registering__although_the_caller_hung_up(service: Service, provider: Origin) -> None:
    """Who orders and leaves has ordered."""

    def slow(wire: Wire) -> None:
        wire.fire("asked")
        assert not wire.stopping.wait(0.5)
        made()(wire)

    takes(provider, slow)
    body = json.dumps(WANTED["kie"])
    head = f"POST /api/generate/kie HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\n"
    with socket.create_connection(("127.0.0.1", httpx.URL(service.url).port or 0)) as caller:
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        wait_for(lambda: provider.fired == ["asked"])
    wait_for(lambda: len(service.tasks) == 1)


def test_every_order__counts_in_the_accounts_bucket(service: Service) -> None:
    """An order takes from what our own looks may send at once."""
    generate(service)
    [paid] = [row["asks_paid_until"] for row in service.rows(sources) if row["name"] == "kie"]
    assert paid is not None


def test_secrets__stay_out_of_answers_and_logs(
    service: Service, provider: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    """No key, no signing key and no minted URL in any answer or log line, whatever the provider says."""
    caplog.set_level(logging.DEBUG)
    echo = f'{{"code": 500, "message": "{KEY}", "data": null}}'.encode()
    takes(provider, made(), refuses(402), whole(echo), hangs_up)
    said = [generate(service) for _ in range(4)]
    said += [generate(service, parameters={KEY: 1}), service.ask("GET", "/api/tasks")]
    minted = [json.loads(body)["callBackUrl"].rpartition("/")[2] for body in provider.bodies]
    shown = [f"{response.text}{response.headers}" for response in said[:4] + said[5:]]
    logged = [str(vars(record)) for record in caplog.records if record.name.startswith(("receiver", "archive"))]
    assert len(minted) == 4
    assert [] == [s for s in (KEY, OTHER_KEY, OPERATOR, SIGNING, *minted) for text in (*shown, *logged) if s in text]
    assert any("/api/generate/{source}" in line for line in logged)


def test_crash__after_the_order_is_no_invitation_to_order_again(
    service: Service, provider: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours in reading the answer is told as an order that may exist, and stays in doubt."""

    def crash(*_: object, **__: object) -> None:
        raise OverflowError

    monkeypatch.setattr(PROVIDERS["kie"], "read_created", crash)
    takes(provider, made())
    response = generate(service)
    assert [row["id"] for row in service.urls] == [problem(response, 502, "answer_not_understood")["callback_id"]]
    assert "retry-after" not in response.headers
    assert 1 == len(service.rows(orders))
