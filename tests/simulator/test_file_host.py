"""The file host serves true bytes on living links, and dies as the plan says."""

import hashlib
import time
from pathlib import Path

import httpx
import pytest

from tests.simulator.customers import Customer, links_in
from tests.simulator.helpers import Simulator, eventually, layout_of, running


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False)


def test_get__whole(sim: Simulator) -> None:
    """A film comes whole, with its length, type and tag, and is the film the journal named beforehand."""
    task_id = sim.create_seed()
    answer = get(sim.links(task_id)[0])
    (film,) = sim.log("film", task_id=task_id)
    assert (film["sha256"], film["size"]) == (hashlib.sha256(answer.content).hexdigest(), len(answer.content))
    assert answer.headers["Content-Length"] == str(film["size"])
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Accept-Ranges"] == "bytes"
    (seen,) = eventually(lambda: sim.log("get", task_id=task_id))
    assert (200, film["size"], True, False) == tuple(seen[key] for key in ("status", "bytes_sent", "complete", "decoy"))


@pytest.mark.parametrize("layout", ["moov_first", "moov_last", "fragmented"])
def test_get__layout(sim: Simulator, layout: str) -> None:
    """The film served is laid out as the plan says, and the journal says so too."""
    task_id = sim.create_seed(layout=layout)
    assert layout_of(get(sim.links(task_id)[0]).content) == layout
    assert sim.log("film", task_id=task_id, layout=layout)


def test_get__range(sim: Simulator) -> None:
    """Ranges give their stretch of the whole: from the middle, to the end, from the end."""
    url = sim.links(sim.create_seed())[0]
    whole = get(url).content
    for asked, expected in (
        ("bytes=10-19", whole[10:20]),
        ("bytes=1000-", whole[1000:]),
        ("bytes=-7", whole[-7:]),
        ("bytes=5-99999999", whole[5:]),
    ):
        answer = get(url, Range=asked)
        assert (206, expected) == (answer.status_code, answer.content)
        assert answer.headers["Content-Range"].endswith(f"/{len(whole)}")


def test_get__range_refused(sim: Simulator) -> None:
    """A range past the end is 416 with the true size; a range that makes no sense is ignored."""
    url = sim.links(sim.create_seed())[0]
    size = len(get(url).content)
    answer = get(url, Range=f"bytes={size}-")
    assert (416, f"bytes */{size}") == (answer.status_code, answer.headers["Content-Range"])
    assert get(url, Range="bytes=9-3").status_code == 200
    assert get(url, Range="lines=1-2").status_code == 200


def test_get__if_range(sim: Simulator) -> None:
    """If-Range with the film's tag resumes, with another tag starts over."""
    url = sim.links(sim.create_seed())[0]
    tag = get(url).headers["ETag"]
    assert get(url, **{"Range": "bytes=10-", "If-Range": tag}).status_code == 206
    assert get(url, **{"Range": "bytes=10-", "If-Range": '"other"'}).status_code == 200


def test_link__expired_and_fresh(sim: Simulator) -> None:
    """Past its time a link is 403 with an XML error, and a fresh link to the same file works."""
    task_id = sim.create_market(link_life=0)
    (dead,) = sim.links(task_id)
    refusal = get(dead)
    assert refusal.status_code == 403
    assert refusal.headers["Content-Type"].startswith("application/xml")
    assert "<Code>AccessDenied</Code><Message>Request has expired</Message>" in refusal.text
    answer = sim.fresh_link(dead)
    assert (answer["code"], answer["msg"]) == (200, "success")
    assert get(answer["data"]).status_code == 200
    assert sim.log("fresh_link", task_id=task_id)


def test_link__forged(sim: Simulator) -> None:
    """A link without our signature, or with a later time written into it, opens nothing; nor does HEAD."""
    url = sim.links(sim.create_seed())[0]
    bare = url.partition("?")[0]
    assert get(bare).status_code == 403
    assert get(url.replace("expires=", "expires=9")).status_code == 403
    assert get(url + "0").status_code == 403
    assert httpx.head(url, trust_env=False).status_code == 403


@pytest.mark.parametrize("allowed", [0, 2])
def test_link__dies_after_gets(sim: Simulator, allowed: int) -> None:
    """After so many GETs every link handed out is dead, and either way to a fresh one works."""
    task_id = sim.create_seed(link_dies_after_gets=allowed)
    url, other = sim.links(task_id)[0], sim.links(task_id)[0]
    assert [200] * allowed + [403, 403] == [get(url).status_code for _ in range(allowed + 2)]
    assert get(other).status_code == 403
    assert get(sim.fresh_link(url)["data"]).status_code == 200
    assert get(sim.links(task_id)[0]).status_code == 200


def test_fresh_link__foreign(sim: Simulator, customer: Customer) -> None:
    """A URL that is not this provider's gets code 422, be it of another one on the same host."""
    [others] = links_in(customer.ended("kyy", customer.create("kyy")))
    for url in (others, "https://example.com/videos/x.mp4", f"{sim.files}/videos/unknown.mp4", "", 5):
        answer = sim.customer.post("/api/v1/common/download-url", json={"url": url})
        assert (answer.status_code, answer.json()["code"]) == (200, 422)


@pytest.mark.parametrize(("options", "life"), [((), 1200), (("--fresh-link-life", "0"), 0)])
def test_fresh_link__life(tmp_path: Path, options: tuple[str, ...], life: int) -> None:
    """A fresh link lives as long as the simulator was told, 20 minutes if it was told nothing."""
    with running(tmp_path, *options) as sim:
        fresh = sim.fresh_link(sim.links(sim.create_seed())[0])["data"]
        assert int(httpx.URL(fresh).params["expires"]) == pytest.approx(time.time() + life, abs=2)
        assert get(fresh).status_code == (200 if life else 403)


def test_storage__over(sim: Simulator) -> None:
    """Past its storage the file is gone, though the link is signed and in time: 404, also on a fresh link."""
    url = sim.links(sim.create_seed(storage_life=0))[0]
    for link in (url, sim.fresh_link(url)["data"]):
        answer = get(link)
        assert answer.status_code == 404
        assert "<Code>NoSuchKey</Code>" in answer.text


def test_corrupt__truncated(sim: Simulator) -> None:
    """A truncated film ends early under an honest length; the journal's digest is of the whole film."""
    task_id = sim.create_seed(corrupt="truncated")
    answer = get(sim.links(task_id)[0])
    (film,) = sim.log("film", task_id=task_id, corrupt="truncated")
    assert answer.headers["Content-Length"] == str(len(answer.content)) == str(film["size"] * 2 // 3)


def test_corrupt__html(sim: Simulator) -> None:
    """An HTML error page comes with status 200 in the film's place."""
    answer = get(sim.links(sim.create_seed(corrupt="html"))[0])
    assert (answer.status_code, answer.text.startswith("<!doctype html>")) == (200, True)


def test_rate(sim: Simulator) -> None:
    """A slow film takes as long as its rate says, and arrives whole."""
    url = sim.links(sim.create_seed(rate=200_000))[0]
    started = time.perf_counter()
    size = len(get(url).content)
    assert size / 200_000 * 0.9 <= time.perf_counter() - started < size / 200_000 + 1


def test_get__aborted(sim: Simulator) -> None:
    """A reader who goes away leaves a line with fewer bytes than the film has."""
    task_id = sim.create_seed(rate=50_000)
    url = sim.links(task_id)[0]
    with httpx.stream("GET", url, trust_env=False) as answer:
        reading = answer.iter_raw()
        next(reading)
        assert sim.log("get_started", task_id=task_id)
        assert not sim.log("get", task_id=task_id)
    (seen,) = eventually(lambda: sim.log("get", task_id=task_id))
    (film,) = sim.log("film", task_id=task_id)
    assert not seen["complete"]
    assert 0 < seen["bytes_sent"] < film["size"]
