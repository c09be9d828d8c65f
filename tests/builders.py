"""Make the values that tests need, with only what matters to the test spelled out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from archive.identity import delivery_id
from archive.ledger.batch import Statement
from archive.ledger.deliveries import Received
from archive.model import Event, ExpiryOrigin, Link, Outcome, Output, Progress, Verdict
from archive.sources import Source
from archive.targets import Target
from archive.trust import Decision
from tests.doubles import START

LINK_LIFE = timedelta(minutes=20)


def output(
    path: str = "/v.mp4", *, role: str = "video", ordinal: int = 0, at: datetime = START, query: str = "sig=1"
) -> Output:
    url = f"https://files.example{path}?{query}"
    return Output(role, ordinal, Link(url, at + LINK_LIFE, ExpiryOrigin.DEFAULT))


def event(
    task_id: str = "t1", progress: Progress = Progress.SUCCEEDED, outputs: Sequence[Output] | None = None
) -> Event:
    if outputs is None:
        outputs = [output(f"/{task_id}.mp4")] if progress is Progress.SUCCEEDED else []
    reason = "provider_failed" if progress is Progress.FAILED else None
    return Event(task_id, progress, "market", tuple(outputs), reason=reason, completed_at=START)


def statement(
    said: Event | None = None,
    *,
    decision: Decision = Decision.BELIEVE,
    verdict: Verdict = Verdict.POLLED,
    source: str = "kie",
    can_refresh: bool = False,
) -> Statement:
    said = said or event()
    return Statement(source, said, verdict, decision, "test", can_refresh, LINK_LIFE, timedelta(seconds=55))


def received(
    said: Statement | None = None, *, body: bytes | None = None, task_id: str | None = None, callback: str | None = None
) -> Received:
    """A delivery as the receiver hands it to the ledger."""
    said = said or statement()
    raw = body if body is not None else f"{said.event}{said.verdict}{[o.link.url for o in said.event.outputs]}".encode()
    return Received(
        delivery_id(said.source, raw, None), said.source, START, raw, "{}", said.verdict, Outcome.ACCEPTED, None,
        task_id or said.event.task_id, said, callback,
    )  # fmt: skip


def source(api: str = "", **more: object) -> Source:
    """An account at KIE, with an API key where *api* (host:port) says where to use it."""
    known: dict[str, object] = {"provider": "kie", "tokens": ["our-callback-token"], "insecure_http": True}
    if api:
        known |= {"api_key": "our-key", "api_base": f"http://{api}"}
    return Source.model_validate(known | more, context={})


SECRET = "whsec_" + "bmV3LXNlY3JldC1vZi10aGUtdGFyZ2V0"
OLD_SECRET = "whsec_" + "b2xkLXNlY3JldC1vZi10aGUtdGFyZ2V0"


def target(name: str = "crm", **more: object) -> Target:
    """An application that hears from us."""
    known = {"name": name, "url": "https://crm.example/hook?token=t0ken", "secrets": [SECRET]}
    return Target.model_validate(known | more, context={})
