"""What holds for every provider alike: keys, attackers, faults of polls, and what the journal says."""

import hashlib
import json
from typing import Any

import httpx
import pytest

from tests.simulator.customers import ACE_TASKS, CALLING, POLLED, PRODUCTS, SILENT, UNSIGNED, Customer, links_in
from tests.simulator.helpers import API_KEY, HMAC_KEY, Receiver, Simulator, eventually

DOORS = [("POST", product.create) for product in PRODUCTS.values()] + [
    ("POST" if product.status == ACE_TASKS else "GET", product.status.format("x"))
    for product in PRODUCTS.values()
    if product.status
]


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("key", ["", "Bearer wrong"])
def test_wrong_key(sim: Simulator, method: str, path: str, key: str) -> None:
    """No path of any provider answers without the key."""
    headers = {"Authorization": key}
    answer = httpx.request(method, sim.api + path, json={}, headers=headers, trust_env=False)
    assert 401 == answer.status_code


@pytest.mark.parametrize("name", POLLED)
def test_link_life(customer: Customer, name: str) -> None:
    """Links lead to the files that the journal named before anyone could hear of them, until they die as planned."""
    task_id = customer.create(name)
    links = links_in(customer.ended(name, task_id))
    films = {film["sha256"] for film in customer.sim.log("film", task_id=task_id, source=PRODUCTS[name].source)}
    assert films == {hashlib.sha256(httpx.get(link, trust_env=False).content).hexdigest() for link in links}
    dead = links_in(customer.ended(name, customer.create(name, link_life=0)))
    assert {403} == {httpx.get(link, trust_env=False).status_code for link in dead}


@pytest.mark.parametrize("name", POLLED)
def test_poll_faults(customer: Customer, name: str) -> None:
    """A poll is refused as often as planned, in the provider's own words, and told when to come again."""
    faults = [{"status": 429, "times": 2, "retry_after": 3}, {"status": 503}]
    task_id = customer.create(name, poll_faults=faults)
    answers = [customer.ask(name, task_id) for _ in range(4)]
    assert [429, 429, 503, 200] == [answer.status_code for answer in answers]
    assert ["3", "3", None, None] == [answer.headers.get("Retry-After") for answer in answers]
    assert all(answer.json().keys() & {"code", "error"} for answer in answers[:3])
    said = [line["fault"] for line in customer.sim.log("poll", task_id=task_id)]
    assert [429, 429, 503, None] == said


@pytest.mark.parametrize("name", POLLED)
def test_unseen(customer: Customer, name: str) -> None:
    """A young task is not found at first, and then is."""
    task_id = customer.create(name, unseen_for=1, ready_after=60)
    assert task_id not in customer.ask(name, task_id).text
    assert eventually(lambda: task_id in customer.ask(name, task_id).text)


@pytest.mark.parametrize("name", CALLING)
def test_attackers(sim: Simulator, customer: Customer, receiver: Receiver, name: str) -> None:
    """A forged failure, a swapped link and a task that is not: each comes to the callback URL, and none is true."""
    steps = ["forged_fail", "swapped_url", "forged_task"]
    task_id = customer.create(
        name, receiver.url, callbacks=[{"say": say, "after": n / 4} for n, say in enumerate(steps)]
    )
    eventually(lambda: len(receiver.requests) >= len(steps))
    failure, swapped, no_task = receiver.bodies()
    signed = ["x-webhook-signature" in headers for headers, _ in receiver.requests]
    assert [False, name not in UNSIGNED, False] == signed
    assert [] == links_in(failure)
    (decoy,), (film, *_) = sim.log("decoy", task_id=task_id), sim.log("film", task_id=task_id, role="result")
    for lie in (swapped, no_task):
        content = httpx.get(links_in(lie)[0], trust_env=False).content
        assert decoy["sha256"] == hashlib.sha256(content).hexdigest() != film["sha256"]
    (call,) = eventually(lambda: sim.log("callback", task_id=task_id, say="forged_task"))
    claimed = call["claimed_task_id"]
    for lie, named in ((swapped, task_id), (no_task, claimed)):
        said = json.dumps(lie)
        assert [f'"{each}"' in said for each in (task_id, claimed)] == [named == task_id, named == claimed]
    assert claimed not in [task["task_id"] for task in httpx.get(sim.api + "/_sim/tasks", trust_env=False).json()]
    if PRODUCTS[name].status:
        assert [] == links_in(customer.ask(name, claimed).json())
        assert links_in(customer.ask(name, task_id).json())


@pytest.mark.parametrize("name", CALLING)
def test_signed_by_kie_alone(customer: Customer, receiver: Receiver, name: str) -> None:
    """KIE's callbacks carry a signature, thieves' copies too; nobody else's do."""
    steps = [{"say": say} for say in ("success", "stolen_fail", "swapped_url")]
    customer.create(name, receiver.url, callbacks=steps)
    eventually(lambda: len(receiver.requests) >= len(steps))
    assert {name not in UNSIGNED} == {"x-webhook-signature" in headers for headers, _ in receiver.requests}


@pytest.mark.parametrize("name", CALLING)
def test_failed_and_yet_forged(customer: Customer, receiver: Receiver, name: str) -> None:
    """Of a task that failed an attacker can still claim success, with the decoy."""
    steps = [{"say": "fail"}, {"say": "swapped_url", "after": 0.2}]
    customer.create(name, receiver.url, outcome="fail", callbacks=steps)
    eventually(lambda: len(receiver.requests) >= len(steps))
    truth, lie = receiver.bodies()
    assert ([], True) == (links_in(truth), "decoy_" in links_in(lie)[0])


@pytest.mark.parametrize("name", UNSIGNED)
def test_progress(customer: Customer, receiver: Receiver, name: str) -> None:
    """Progress may be called back without a link, also after the end."""
    steps = [{"say": "success"}, {"say": "progress", "after": 0.2}]
    customer.create(name, receiver.url, callbacks=steps)
    eventually(lambda: len(receiver.requests) >= len(steps))
    assert [1, 0] == [len(links_in(body)) for body in receiver.bodies()]


def test_requests_are_counted(sim: Simulator, customer: Customer) -> None:
    """Each request to an API is a line with its provider, its kind, and what it was answered."""
    before = len(sim.log("request"))
    task_id = customer.create("kyy", poll_faults=[{"status": 429, "retry_after": 7}])
    customer.ask("kyy", task_id)
    customer.ask("kyy", task_id)
    lines = [{k: v for k, v in line.items() if k != "at"} for line in sim.log("request")[before:]]
    common = {"event": "request", "source": "kyyaipower", "limited": False}
    assert [
        common | {"kind": "create", "status": 200, "retry_after": None},
        common | {"kind": "poll", "status": 429, "retry_after": "7"},
        common | {"kind": "poll", "status": 200, "retry_after": None},
    ] == lines


def test_journal_keeps_secrets(sim: Simulator, customer: Customer, receiver: Receiver) -> None:
    """After tasks of every provider the journal has no link, no key and no callback path."""
    for name in CALLING:
        customer.create(name, receiver.url)
    for name in SILENT:
        links_in(customer.ended(name, customer.create(name)))
    eventually(lambda: len(receiver.requests) >= len(CALLING))
    text = (sim.state / "log.jsonl").read_text()
    for secret in ("sig=", "http://", "secret-token", API_KEY, HMAC_KEY):
        assert secret not in text


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("seed", {"outputs": 2}),
        ("seed", {"media": "png"}),
        ("seed", {"queued_for": 1}),
        ("market", {"last_frame": True}),
        ("market", {"media": "mp3", "layout": "moov_last"}),
        ("market", {"media": "png", "size": 60_000_000}),
        ("market", {"shape": "flat"}),
        ("market", {"not_found_as": "empty"}),
        ("runway", {"queued_for": 1}),
        ("runway", {"callbacks": [{"say": "progress"}]}),
        ("veo", {"originals": True, "shape": "4k"}),
        ("veo", {"fail_flag": 4}),
        ("v2", {"shape": "flat"}),
        ("v2", {"fail_flag": 2}),
        ("seedance2", {"callbacks": [{"say": "success"}]}),
        ("seedance2", {"first_link_dead": True}),
        ("seedance2", {"outcome": "cancelled"}),
        ("gpt-image-2", {"media": "mp4"}),
        ("gpt-image-2", {"media": "gif"}),
        ("nano-banana-pro", {"last_frame": True}),
        ("kyy", {"outputs": 2}),
        ("kyy", {"error_as": "text"}),
        ("ace", {"shape": "ark", "last_frame": True}),
        ("ace", {"missing_task_id": True}),
        ("ace", {"poll_shape": "flat"}),
        ("ace", {"originals": True}),
        ("ace", {"poll_faults": [{"status": 500}]}),
        ("ace", {"poll_faults": [{"status": 429, "time": 2}]}),
    ],
)
def test_refused(sim: Simulator, customer: Customer, name: str, plan: dict[str, Any]) -> None:
    """What a route cannot play is refused, naming the field, before any task is made."""
    before = len(sim.log("task"))
    answer = customer.order(name, **plan)
    assert 400 == answer.status_code, answer.text
    assert any(field in answer.json()["error"] for field in ("plan", *plan))
    assert before == len(sim.log("task"))
