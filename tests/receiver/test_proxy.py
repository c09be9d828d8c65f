"""The proxy: clients that change one base URL, what passes, what does not, and what is archived of it."""

import base64
import gzip
import json
import logging
import socket
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from archive.errors import LedgerError
from archive.ledger.database import Database
from archive.ledger.schema import deliveries, sources, tasks
from archive.providers import PROVIDERS
from receiver.orders import Orders
from receiver.proxy import MAX_BODY
from tests.doubles import wait_for
from tests.faults import message, says
from tests.origin import Origin, Wire, answer, endless, origin, redirect, whole
from tests.receiver.outward import (
    GENERATE,
    KEY,
    OPERATOR,
    OTHER_KEY,
    VIEWER,
    Service,
    hangs_up,
    header,
    made,
    refuses,
    serving,
    takes,
)  # fmt: skip
from tests.simulator.customers import CALLING, PRODUCTS, Customer
from tests.simulator.helpers import API_KEY, Simulator

STATUS = "/api/v1/seedance/record-info"
SD2 = "/api/v1/video/seedance2"
PROMPT = b'{"prompt": "a street"}'


def order(service: Service, body: bytes = PROMPT, token: str = KEY, source: str = "kie", **more: Any) -> httpx.Response:
    return service.ask("POST", f"/proxy/{source}{more.pop('path', GENERATE)}", token, content=body, **more)


def problem(response: httpx.Response) -> tuple[int, str]:
    assert "application/problem+json" == response.headers["content-type"]
    return response.status_code, response.json()["reason"]


# --- unmodified clients -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRODUCTS)
def test_client__changes_one_base_url(real_db: Database, sim: Simulator, name: str) -> None:
    """A customer of any product who changes nothing but the base URL hears what he would hear, and is archived."""
    product = PRODUCTS[name]
    more = {"api_key": API_KEY}
    with serving(real_db, sim.api, **{product.source: more}) as service:
        with httpx.Client(
            base_url=f"{service.url}/proxy/{product.source}", headers=dict(sim.customer.headers), trust_env=False
        ) as http:
            customer = Customer(replace(sim, customer=http))
            task_id = customer.create(name)
            ended = customer.ended(name, task_id)
        direct = Customer(sim).ask(name, task_id).json()
        assert direct.keys() == ended.keys()
        [task] = service.tasks
        assert (product.source, task_id) == (task["source"], task["task_id"])
        kept = json.loads(task["metadata"])["generate"]
        assert product.create == kept["proxy"]
        assert product.body.items() <= kept["request"].items()
        called = name in CALLING
        assert called is bool(service.urls)
        if called:  # by the URL that was put into the call
            wait_for(lambda: bool(service.rows(deliveries)))
            assert {"accepted"} == {row["outcome"] for row in service.rows(deliveries)}
            assert service.urls[0]["task"] == task["id"]


@pytest.mark.parametrize("name", ["seed", "v2", "seedance2", "kyy", "ace"])
def test_client__yesterdays_tasks_are_archived_too(real_db: Database, sim: Simulator, name: str) -> None:
    """A task that was made without us is registered when somebody asks after it through the proxy."""
    product = PRODUCTS[name]
    task_id = Customer(sim).create(name)
    with serving(real_db, sim.api, **{product.source: {"api_key": API_KEY}}) as service:
        with httpx.Client(
            base_url=f"{service.url}/proxy/{product.source}", headers=dict(sim.customer.headers), trust_env=False
        ) as http:
            Customer(replace(sim, customer=http)).ended(name, task_id)
        wait_for(lambda: bool(service.tasks))
        assert [(task_id, None)] == [(task["task_id"], task["metadata"]) for task in service.tasks]


def test_client__a_batch_is_read_as_well(real_db: Database, sim: Simulator) -> None:
    """AceData's answer about several tasks registers each of them."""
    ids = [Customer(sim).create("ace") for _ in range(3)]
    with serving(real_db, sim.api, acedata={"api_key": API_KEY}) as service:
        asked = {"ids": ids, "action": "retrieve_batch"}
        assert 200 == service.ask("POST", "/proxy/acedata/seedance/tasks", API_KEY, json=asked).status_code
        wait_for(lambda: len(service.tasks) == 3)
        assert sorted(ids) == sorted(task["task_id"] for task in service.tasks)


def test_client__a_call_that_waits_for_its_film(real_db: Database, sim: Simulator) -> None:
    """AceData's blocking call is sent unchanged, without a callback; its task is registered, to be asked at once."""
    with serving(real_db, sim.api, acedata={"api_key": API_KEY}) as service:
        product = PRODUCTS["ace"]
        response = service.ask(
            "POST", f"/proxy/acedata{product.create}", API_KEY, json=product.body,
            headers={"X-Sim-Plan": json.dumps({"ready_after": 0.3, "size": 60_000})},
        )  # fmt: skip
        assert "video_url" in response.json()["data"]
        [task] = service.tasks
        assert (response.json()["task_id"], []) == (task["task_id"], service.urls)
        assert task["look_at"] <= task["created_at"]


# --- who may pass, and where to ---------------------------------------------------------------------------------------


def test_proof__of_an_operator_becomes_the_sources_key(service: Service, provider: Origin) -> None:
    """Our own token never leaves; the source's key goes in its place, alone."""
    assert 200 == order(service, token=OPERATOR).status_code
    assert [f"Bearer {KEY}"] == header(provider.heads[0], "authorization")
    assert OPERATOR not in provider.heads[0]


@pytest.mark.parametrize("token", [KEY, OTHER_KEY])
def test_proof__a_key_of_the_source_passes_as_it_is(service: Service, provider: Origin, token: str) -> None:
    """What the caller sends is what the provider gets, where it is configured for the source."""
    assert 200 == order(service, token=token).status_code
    assert [f"Bearer {token}"] == header(provider.heads[0], "authorization")


@pytest.mark.parametrize("token", ["somebody-elses-key", VIEWER, f" {KEY}", f"{KEY}, {KEY}", f"{KEY}x", KEY[:-1]])
def test_proof__nobody_else_passes(service: Service, provider: Origin, token: str) -> None:
    """Any other proof is a 401, and nothing is sent: this is no open relay."""
    assert (401, "token_unknown") == problem(order(service, token=token))
    assert [] == provider.heads


@pytest.mark.parametrize("proofs", [[], ["Bearer"], ["Bearer "], [KEY], [f"Basic {KEY}"], [f"Bearer {KEY}"] * 2])
def test_proof__is_one_bearer_token(service: Service, provider: Origin, proofs: list[str]) -> None:
    """No proof, another scheme, or two of them are refused: only one could be judged."""
    head = f"POST /proxy/kie{GENERATE} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n"
    lines = "".join(f"Authorization: {proof}\r\n" for proof in proofs)
    assert b" 401 " in raw(service, f"{head}{lines}\r\n{{}}".encode()).split(b"\r\n")[0]
    assert [] == provider.heads


def test_proof__an_operator_without_a_key(real_db: Database, provider: Origin) -> None:
    """Where the source has no key, an operator is told so instead of being sent on without one."""
    with serving(real_db, f"http://{provider.authority}", kie={"api_key": None}) as service:
        assert (409, "no_api_key") == problem(order(service, token=OPERATOR))
        assert 200 == order(service, token=OTHER_KEY).status_code


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/proxy/nobody/api/v1/seedance/generate", 404),
        ("GET", "/proxy/kie/", 404),
        ("GET", "/proxy/kie/api/v1/chat/credit", 404),
        ("POST", "/proxy/kie/api/v1/seedance/generate/", 404),
        ("POST", "/proxy/kie//api/v1/seedance/generate", 404),
        ("POST", "/proxy/kie/api/v1/seedance/%67enerate", 404),
        ("POST", "/proxy/kie/http://evil.example/api/v1/seedance/generate", 404),
        ("POST", "/proxy/seedance2ai/api/v1/seedance/generate", 404),
        ("GET", "/proxy/kie/api/v1/seedance/generate", 405),
        ("DELETE", "/proxy/seedance2ai/api/v1/tasks/t1", 405),
        ("GET", "/proxy/seedance2ai/api/v1/tasks/..", 404),
        ("GET", "/proxy/seedance2ai/api/v1/tasks/%2e%2E", 404),
        ("GET", "/proxy/seedance2ai/api/v1/tasks/a%2fb", 404),
        ("GET", "/proxy/seedance2ai/api/v1/tasks/a/b", 404),
        ("GET", "/proxy/seedance2ai/api/v1/tasks/", 404),
        ("GET", "/proxy/seedance2ai/api/v1/tasks/..;a", 404),
        ("GET", "/proxy/seedance2ai/api/v1/tasks/.%2e%3Ba=b", 404),
        ("POST", "/proxy%2fkie/x", 404),
        ("POST", "/proxy%2Fkie%2Fapi/v1/seedance/generate", 404),
        ("POST", "/proxy/kie%2fapi/v1/seedance/generate", 404),
    ],
)
def test_paths__only_what_is_documented(
    service: Service, provider: Origin, method: str, path: str, status: int
) -> None:
    """Any other path is a 404 and any other method a 405, and nothing is sent."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 0\r\n"
    said = raw(service, f"{head}Connection: close\r\n\r\n".encode())
    assert f" {status} ".encode() in said.split(b"\r\n")[0]
    assert [] == provider.heads


def test_paths__query_and_segments_pass_byte_for_byte(service: Service, provider: Origin) -> None:
    """What stands in the request line below our prefix stands in the provider's."""
    target = "/api/v1/tasks/sd2_%C3%a9~'(x)?a=1&a=%2F+%20&&b"
    provider.url("/api/v1/tasks/sd2_%C3%a9~'(x)", answer({"id": "sd2_x", "status": "processing"}))
    head = f"GET /proxy/seedance2ai{target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    assert b" 200 " in raw(service, f"{head}Connection: close\r\n\r\n".encode())
    assert [target] == provider.paths


def test_paths__below_a_base_with_a_path(real_db: Database, provider: Origin) -> None:
    """An `api_base` with a path of its own keeps it in front."""
    takes(provider, made(), path=f"/mirror{GENERATE}")
    with serving(real_db, f"http://{provider.authority}/mirror/") as service:
        assert 200 == order(service).status_code
    assert [f"/mirror{GENERATE}"] == provider.paths


# --- headers ----------------------------------------------------------------------------------------------------------


def test_headers__of_one_hop_and_of_ours_stay_here(service: Service, provider: Origin) -> None:
    """Hop-by-hop headers, those Connection names, cookies and traces of proxies end here; all others pass."""
    stay = {
        "Connection": "X-Hop, keep-alive", "X-Hop": "1", "Keep-Alive": "timeout=5", "TE": "trailers", "Trailer": "X",
        "Proxy-Authorization": "Basic eDp5", "Proxy-Connection": "keep-alive", "Upgrade": "h2c", "Cookie": "a=b",
        "Forwarded": "for=10.0.0.1", "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "inside.example",
        "X-Real-IP": "10.0.0.1",
    }  # fmt: skip
    passing = {"X-Sim-Plan": "{}", "User-Agent": "theirs/1", "Idempotency-Key": "k1", "Accept": "application/json"}
    order(service, headers={**stay, **passing, "Accept-Encoding": "br"})
    [head] = provider.heads
    for name in (*stay.keys() - {"Connection"}, "Transfer-Encoding"):
        assert [] == header(head, name), name
    assert "X-Hop" not in head
    assert list(passing.values()) == [value for name in passing for value in header(head, name)]
    assert ["identity"] == header(head, "accept-encoding")
    assert [provider.authority] == header(head, "host")


def test_headers__of_the_answer(service: Service, provider: Origin) -> None:
    """Status and headers come back as they are, but those of one hop and those that would speak of our origin."""
    told = ("X-Trace: a", "X-Trace: b", "Content-Type: application/json", "Retry-After: 7", "X-Hop: 1", "Alt-Svc: h3=1")
    takes(
        provider,
        whole(
            b'{"code":429}',
            *told,
            "Set-Cookie: a=b",
            "Reelkeep-Task: x",
            "Keep-Alive: timeout=3",
            status="429 Slow Down",
        ),
    )
    response = order(service)
    assert (429, b'{"code":429}', "7") == (response.status_code, response.content, response.headers["retry-after"])
    assert ["a", "b"] == response.headers.get_list("x-trace")
    assert not {"set-cookie", "reelkeep-task", "alt-svc", "keep-alive"} & response.headers.keys()
    assert 1 == len(response.headers.get_list("date"))


@pytest.mark.parametrize(("method", "path"), [("POST", GENERATE), ("GET", STATUS)])
def test_headers__a_length_beside_chunks_does_not_count(
    service: Service, provider: Origin, method: str, path: str
) -> None:
    """An answer in chunks that states a length as well, a wrong one, comes back whole."""
    head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n"
    body = b'{"code":0,"data":{"taskId":"t1"}}'
    chunks = f"{head}\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    takes(provider, lambda wire: wire.send(chunks), path=path)
    answered = service.ask(method, f"/proxy/kie{path}", KEY, content=PROMPT)
    assert (200, body) == (answered.status_code, answered.content)


@pytest.mark.parametrize(("method", "path"), [("POST", GENERATE), ("GET", STATUS)])
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_headers__a_length_of_nothing(
    service: Service, provider: Origin, caplog: pytest.LogCaptureFixture, method: str, path: str, status: str
) -> None:
    """An answer that has no body, and states a length all the same, ends behind its head and costs no connection."""
    takes(provider, says(status, message(status, "Content-Length: 5")), path=path)
    answered = service.ask(method, f"/proxy/kie{path}", KEY, content=PROMPT)
    assert (int(status[:3]), b"") == (answered.status_code, answered.content)
    assert not {"content-length", "connection"} & answered.headers.keys()
    assert [] == [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(("method", "path"), [("POST", GENERATE), ("GET", STATUS)])
def test_answer__of_a_status_that_is_none(service: Service, provider: Origin, method: str, path: str) -> None:
    """What no status has is no answer, and said so: it cannot be passed on. An order may have arrived."""
    takes(provider, whole(b"{}", status="999 What"), path=path)
    answered = service.ask(method, f"/proxy/kie{path}", KEY, content=PROMPT)
    assert (504, "answer_lost") == (answered.status_code, answered.json()["reason"])


def test_headers__a_redirect_is_an_answer(service: Service, provider: Origin) -> None:
    """A 3xx comes back as it is and is not followed: the key would go along."""
    with origin() as elsewhere:
        takes(provider, redirect(f"http://{elsewhere.authority}/taken", "307 Temporary Redirect"))
        response = order(service)
        assert (307, f"http://{elsewhere.authority}/taken") == (response.status_code, response.headers["location"])
        assert [] == elsewhere.heads
    assert [] == service.tasks


@pytest.mark.parametrize("where", ["ftp:x", "http://[::1", "https://xn--\xc3\xa9/", "\xff", "//", "x" * 70_000])
def test_headers__a_redirect_to_nowhere_is_an_answer_too(service: Service, provider: Origin, where: str) -> None:
    """Where a redirect leads is not ours to read: an order that was answered is never called unanswered for it."""
    takes(provider, whole(b"{}", f"Location: {where}", status="302 Found"))
    provider.url(STATUS, whole(b"{}", f"Location: {where}", status="302 Found"))
    for method, path in (("POST", GENERATE), ("GET", STATUS)):
        head = f"{method} /proxy/kie{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 0\r\n"
        said = raw(service, f"{head}Connection: close\r\n\r\n".encode())
        assert b" 302 " in said.split(b"\r\n")[0]
        assert f"\r\nlocation: {where}\r\n".encode("latin-1") in said


def test_answer__keeps_its_encoding(service: Service, provider: Origin) -> None:
    """An answer that comes compressed although nobody asked for it is sent on as the bytes it is."""
    packed = gzip.compress(b'{"code":0,"data":{"taskId":"s1","status":0}}')
    takes(provider, whole(packed, "Content-Encoding: gzip", "Content-Type: application/json"), path=STATUS)
    with httpx.Client(trust_env=False) as http:
        url = f"{service.url}/proxy/kie{STATUS}?taskId=s1"
        with http.stream("GET", url, headers={"Authorization": f"Bearer {KEY}"}) as response:
            assert packed == b"".join(response.iter_raw())
    assert "gzip" == response.headers["content-encoding"]


# --- the callback URL -------------------------------------------------------------------------------------------------


def sent(provider: Origin, at: int = -1) -> Any:
    return json.loads(provider.bodies[at])


def test_callback__is_added_where_there_is_none(service: Service, provider: Origin) -> None:
    """A call without one goes out with a minted one; the task is bound to it before the caller hears its answer."""
    response = order(service)
    url = sent(provider)["callBackUrl"]
    assert url.startswith(f"{service.url}/webhooks/kie/rkcb_")
    [row] = service.urls
    [task] = service.tasks
    assert (task["id"], None) == (row["task"], row["forward_url"])
    assert task["id"] == response.headers["reelkeep-task"]
    assert {"generate": {"proxy": GENERATE, "request": json.loads(PROMPT)}} == json.loads(task["metadata"])
    assert row["metadata"] == task["metadata"]
    assert task["vouched"]


def test_callback__of_the_caller_is_kept_behind_ours(service: Service, provider: Origin) -> None:
    """A call with one goes out with a minted one, and the caller's is where its callbacks are passed on to."""
    theirs = "https://app.example/hook?secret=s"
    order(service, json.dumps({"callBackUrl": theirs, "prompt": "p"}).encode())
    assert sent(provider)["callBackUrl"].startswith(f"{service.url}/webhooks/kie/rkcb_")
    assert [theirs] == [row["forward_url"] for row in service.urls]
    assert "app.example" not in service.tasks[0]["metadata"]


@pytest.mark.parametrize(
    "theirs", [7, ["https://a.example"], "no url", "ftp://a.example/x", "https://a.example/\u00e9"]
)
def test_callback__what_the_provider_would_refuse_is_its_to_refuse(
    service: Service, provider: Origin, theirs: object
) -> None:
    """A value that is no URL is sent on as it is."""
    body = json.dumps({"prompt": "p", "callBackUrl": theirs}).encode()
    order(service, body)
    assert ([body], []) == (provider.bodies, service.urls)


def test_callback__of_ours_stays(service: Service, provider: Origin) -> None:
    """Who made a callback URL here keeps it, and its external id and metadata reach the task."""
    asked = {"source": "kie", "external_id": "order-7", "metadata": {"a": 1}}
    minted = service.ask("POST", "/api/callback-urls", json=asked).json()
    body = json.dumps({"callBackUrl": minted["url"], "prompt": "p"}).encode()
    order(service, body)
    [task] = service.tasks
    assert [body] == provider.bodies
    assert ("order-7", {"a": 1}) == (task["external_id"], json.loads(task["metadata"]))
    assert [(minted["id"], task["id"])] == [(row["id"], row["task"]) for row in service.urls]


def test_callback__stays_where_nothing_can_be_minted(real_db: Database, provider: Origin) -> None:
    """Without signing keys the caller's own URL goes out unchanged, and the task is registered all the same."""
    with serving(real_db, f"http://{provider.authority}", server={"signing_keys": []}) as service:
        body = json.dumps({"prompt": "p", "callBackUrl": "https://app.example/hook"}).encode()
        order(service, body)
        assert ([body], [], 1) == (provider.bodies, service.urls, len(service.tasks))


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'\xef\xbb\xbf{"prompt":"p"}', b"prompt=p", b"\xff\x00"])
def test_body__that_is_no_object_is_sent_as_it_is(service: Service, provider: Origin, body: bytes) -> None:
    """Whatever else the caller sends is the provider's to judge; what it makes of it is registered."""
    order(service, body)
    assert [body] == provider.bodies
    assert ["seedance_1"] == [task["task_id"] for task in service.tasks]


def test_body__has_a_bound(service: Service, provider: Origin) -> None:
    """Pictures in base64 pass, and what is larger than the bound is refused before it is read to its end."""
    picture = base64.b64encode(bytes(3 << 20)).decode()
    assert 200 == order(service, json.dumps({"prompt": "p", "image": picture}).encode()).status_code
    assert picture == sent(provider)["image"]
    assert len(service.tasks[0]["metadata"]) < 1000
    assert (413, "body_too_large") == problem(order(service, bytes(MAX_BODY + 1)))
    assert 1 == len(provider.heads)


# --- what became of it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [402, 1001, 401])
def test_order__refused_registers_nothing(service: Service, provider: Origin, code: int) -> None:
    """A refusal comes back unchanged; no task, and no callback URL that nobody would call."""
    takes(provider, refuses(code))
    response = order(service)
    assert (200, code) == (response.status_code, response.json()["code"])
    assert "reelkeep-task" not in response.headers
    assert ([], []) == (service.tasks, service.urls)


def test_order__a_gateways_error_keeps_the_url(service: Service, provider: Origin) -> None:
    """After a 502 the task may exist: its callback still brings it."""
    takes(provider, whole(b"<html>", status="502 Bad Gateway"))
    assert 502 == order(service).status_code
    assert ([], 1) == (service.tasks, len(service.urls))


def test_order__lost_answers_are_not_repeated(service: Service, provider: Origin) -> None:
    """A create call whose answer is lost was sent once, is a 504 that says so, and its URL stays."""
    takes(provider, hangs_up)
    response = order(service)
    assert (504, "answer_lost") == problem(response)
    assert "may exist" in response.json()["detail"]
    assert [row["id"] for row in service.urls] == [response.json()["callback_id"]]
    assert 1 == len(provider.heads)


def test_order__not_sent(real_db: Database) -> None:
    """Where nothing answers, the caller hears a 502 that says that nothing was sent, after a second attempt."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with serving(real_db, f"http://127.0.0.1:{port}") as service:
        assert (502, "provider_unreachable") == problem(order(service))
        assert (1, []) == (len(service.slept), service.urls)


def test_order__without_a_ledger_is_not_sent(
    service: Service, provider: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is ordered that nobody could look after; a question passes all the same."""

    async def away(*_: object) -> None:
        raise LedgerError("ledger_unavailable")

    monkeypatch.setattr(Orders, "charge", away)
    provider.url(STATUS, answer({"code": 0, "data": {"taskId": "s1", "status": 0}}))
    response = order(service)
    assert (503, "ledger_unavailable") == problem(response)
    assert ([], "2") == (provider.heads, response.headers["retry-after"])
    assert 200 == service.ask("GET", f"/proxy/kie{STATUS}?taskId=s1", KEY).status_code


def test_order__a_paid_answer_survives_our_failures(
    service: Service, provider: Origin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A ledger that goes away after the order costs the caller nothing: he hears his task's id, the log has it."""

    async def away(*_: object, **__: object) -> list[dict[str, Any]]:
        raise LedgerError("ledger_unavailable")

    monkeypatch.setattr(Orders, "register", away)
    response = order(service)
    assert (200, "seedance_1") == (response.status_code, response.json()["data"]["taskId"])
    assert "reelkeep-task" not in response.headers
    [record] = [vars(record) for record in caplog.records if record.message == "proxy.not_registered"]
    assert ("kie", "seedance_1") == (record["source"], record["task_ids"])
    assert 1 == len(service.urls)


def test_order__a_mistake_of_ours_costs_nobody_the_answer(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was paid for is answered as the provider answered it, whatever breaks behind it."""

    async def breaks(*_: object, **__: object) -> list[dict[str, Any]]:
        raise ValueError

    monkeypatch.setattr(Orders, "register", breaks)
    response = order(service)
    assert (200, "seedance_1") == (response.status_code, response.json()["data"]["taskId"])
    assert ["proxy.crashed"] == [record.message for record in caplog.records if record.name == "receiver.proxy"]


def test_order__ends_although_the_caller_hung_up(service: Service, provider: Origin) -> None:
    """Who orders and leaves has ordered: the call comes to its end and its task is registered."""

    def slow(wire: Wire) -> None:
        wire.fire("asked")
        assert not wire.stopping.wait(0.5)
        made()(wire)

    takes(provider, slow)
    head = (
        f"POST /proxy/kie{GENERATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    with socket.create_connection(("127.0.0.1", httpx.URL(service.url).port or 0)) as caller:
        caller.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
        wait_for(lambda: provider.fired == ["asked"])
    wait_for(lambda: len(service.tasks) == 1)
    assert 1 == len(provider.heads)


def test_question__is_taken_back_when_the_caller_hangs_up(service: Service, provider: Origin) -> None:
    """Who asks and leaves is not waited for: the provider's connection is closed."""

    def silent(wire: Wire) -> None:
        wire.fire("asked")
        while not wire.stopping.wait(0.02):
            wire.send(b"")
            if wire._connection.recv(1) == b"":
                wire.fire("left")
                return

    takes(provider, silent, path=STATUS)
    head = f"GET /proxy/kie{STATUS}?taskId=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", httpx.URL(service.url).port or 0)) as caller:
        caller.sendall(head.encode())
        wait_for(lambda: provider.fired == ["asked"])
    wait_for(lambda: provider.fired == ["asked", "left"], 8)


def test_question__long_answers_pass_as_they_come(service: Service, provider: Origin) -> None:
    """The first bytes are there while the rest is still to come; nothing is kept of what is too long or no JSON."""
    flowing = endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"x" * 65536)
    takes(provider, flowing, path=STATUS)
    url = f"{service.url}/proxy/kie{STATUS}"
    with (
        httpx.Client(trust_env=False) as http,
        http.stream("GET", url, headers={"Authorization": f"Bearer {KEY}"}) as r,
    ):
        got = 0
        for piece in r.iter_raw():
            got += len(piece)
            if got > 12 << 20:
                break
    wait_for(lambda: provider.fired == ["hung up on"])
    assert [] == service.tasks


def test_question__an_answer_that_breaks_off_breaks_off(service: Service, provider: Origin) -> None:
    """The caller hears that the answer is not whole, instead of half of one that looks whole."""
    takes(provider, lambda wire: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), path=STATUS)
    with pytest.raises(httpx.RemoteProtocolError):
        service.ask("GET", f"/proxy/kie{STATUS}?taskId=1", KEY)


def test_question__what_was_given_up_lives(service: Service, provider: Origin) -> None:
    """A task that we called gone and that the provider still tells of is open again, and asked about."""
    service.ask("POST", "/api/tasks", json={"source": "kie", "task_id": "s1"})
    with service.db.write() as conn:
        conn.execute(update(tasks).values(state="gone", reason="task_not_found", look_at=None))
    provider.url(STATUS, answer({"code": 0, "data": {"taskId": "s1", "status": 0}}))
    service.ask("GET", f"/proxy/kie{STATUS}?taskId=s1", KEY)
    wait_for(lambda: [("open", True)] == [(row["state"], row["look_at"] is not None) for row in service.tasks])


def test_question__known_tasks_cost_nothing(
    real_db: Database, provider: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task is registered once, however often it is asked about, and by whichever process."""
    asked: list[object] = []
    register = Orders.register

    async def counted(self: Orders, *said: Any, **more: Any) -> list[dict[str, Any]]:
        asked.append(said)
        return await register(self, *said, **more)

    monkeypatch.setattr(Orders, "register", counted)
    provider.url(STATUS, answer({"code": 0, "data": {"taskId": "s1", "status": 0}}))
    for _ in range(2):
        with serving(real_db, f"http://{provider.authority}") as service:
            for _ in range(3):
                service.ask("GET", f"/proxy/kie{STATUS}?taskId=s1", KEY)
            wait_for(lambda: bool(service.tasks))
    assert (1, 1) == (len(asked), len(service.tasks))


def test_question__about_something_else(service: Service, provider: Origin) -> None:
    """A documented call that is about no task passes, and nothing is made of its answer."""
    path = "/api/v1/common/download-url"
    provider.url(path, answer({"code": 200, "data": "https://a.example/x", "taskId": "s1", "status": 0}))
    asked = {"url": "https://a.example/x"}
    assert 200 == service.ask("POST", f"/proxy/kie{path}", KEY, json=asked).json()["code"]
    assert (asked, []) == (json.loads(provider.bodies[0]), service.tasks)


def test_every_call__counts_in_the_accounts_bucket(service: Service, provider: Origin) -> None:
    """What callers send takes from what our own looks may send at once: the provider counts it all as one account's."""
    before = [row["asks_paid_until"] for row in service.rows(sources) if row["name"] == "kie"]
    order(service)
    after = [row["asks_paid_until"] for row in service.rows(sources) if row["name"] == "kie"]
    assert [None] == before
    assert after[0] is not None


def test_secrets__stay_out_of_logs_and_answers(
    service: Service, provider: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys, tokens and minted URLs are in no answer and no log line, and the access log has the route's template."""
    caplog.set_level(logging.INFO)
    takes(provider, made(), refuses(402), hangs_up)
    said = [order(service, token=token) for token in (OPERATOR, OTHER_KEY, KEY, "x")]
    said.append(service.ask("GET", "/api/tasks"))
    shown = [f"{response.text}{response.headers}" for response in said]
    logged = [str(vars(record)) for record in caplog.records if record.name.startswith(("receiver", "archive"))]
    assert any("/proxy/{source}/{path:path}" in line for line in logged)
    minted = [json.loads(body)["callBackUrl"].rpartition("/")[2] for body in provider.bodies]
    assert len(minted) > 2
    assert [] == [s for s in (KEY, OTHER_KEY, OPERATOR, *minted) for text in (*shown, *logged) if s in text]
    assert not [line for line in logged if "a street" in line or GENERATE in line]


def test_paths__every_one_of_a_provider_can_be_found() -> None:
    """Each documented path of each provider is one that the proxy knows."""
    from receiver.places import find

    for provider in PROVIDERS.values():
        assert provider.CREATE_PATHS
        for path, create in provider.CREATE_PATHS.items():
            assert create == find(provider, "POST", path.encode())
        for status in provider.STATUS_PATHS:
            assert status == find(provider, status.method, status.path.replace("{task_id}", "t1").encode())


def raw(service: Service, request: bytes) -> bytes:
    """What the receiver answers to exactly these bytes."""
    with socket.create_connection(("127.0.0.1", httpx.URL(service.url).port or 0), 10) as connection:
        connection.sendall(request)
        said = b""
        while piece := connection.recv(65536):
            said += piece
        return said
