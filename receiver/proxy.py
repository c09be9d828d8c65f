"""
ANY /proxy/{source}/{path}: a provider's API at our address, for clients that know no other.

Documented create and status calls pass, and nothing else. What comes back is what the provider said. A create call is
given our callback URL on its way, its task is registered before its answer ends; a status answer is read behind the
caller's back, and a task that we did not know is registered.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from anyio.to_thread import run_sync
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from archive.creation import CreatePath, StatusPath
from archive.errors import LedgerError, NotUnderstoodError, ReelkeepError
from archive.grammar import check_url
from archive.providers import PROVIDERS
from archive.settings import Settings
from archive.signature import matches_any
from archive.sources import Source
from receiver import refusals
from receiver.bodies import read_body
from receiver.errands import Errands
from receiver.keeping import kept
from receiver.learning import Learning, not_registered
from receiver.orders import Orders
from receiver.places import find
from receiver.problems import RETRY_AFTER, ProblemError
from receiver.relay import Copy, Relay, unless_gone, with_headers
from receiver.relaying import answer_headers, is_readable, request_headers
from receiver.splicing import read_object, splice
from receiver.upstream import AnswerLostError, Call, Incoming, NotSentError, Upstream

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_BODY = 16 << 20  # bytes of a request: pictures travel in it as base64
_MAX_READ = 4 << 20  # bytes of an answer that are read here; longer ones only pass
_ORDER_PATIENCE = timedelta(minutes=30)  # a call that waits for its film may be silent for long
_PATIENCE = timedelta(seconds=60)
_ACTOR = "proxy"
_log = logging.getLogger("receiver.proxy")


@dataclass(frozen=True)
class _Plan:
    """A create call as it is sent on, and what is known of the task to come."""

    body: bytes = field(repr=False)
    metadata: Mapping[str, Any] | None = None
    callback: str | None = None  # of the URL in the body, where it is a minted one
    made: str | None = None  # the same, where it was made for this call
    is_done: bool = False  # the answer comes when the task is over


class Proxy:
    """The endpoint."""

    def __init__(
        self,
        settings: Settings,
        orders: Orders,
        learning: Learning,
        upstream: Upstream,
        errands: Errands,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._orders = orders
        self._learning = learning
        self._upstream = upstream
        self._errands = errands
        self._clock = clock

    async def forward(self, request: Request) -> Response:
        """Forward a documented create or status call to the provider, and its answer back."""
        name = request.path_params["source"]
        source = self._settings.sources.get(name)
        if source is None:
            raise ProblemError(404, "unknown_source", "No such source is configured.")
        # An escaped slash is one to the router and none on the wire: then nothing documented stands below the prefix.
        path = request.scope["raw_path"].removeprefix(f"/proxy/{name}".encode())
        place = find(PROVIDERS[source.provider], request.method, path)
        proof = self._proof(request, source)
        body = await read_body(request, MAX_BODY)
        query = request.scope["query_string"]
        call = Call(
            request.method, path + (b"?" + query if query else b""), request_headers(request.headers.raw, proof), body,
            _ORDER_PATIENCE if isinstance(place, CreatePath) else _PATIENCE, isinstance(place, CreatePath),
        )  # fmt: skip
        if isinstance(place, CreatePath):
            return await self._errands.run(self._order(name, source, place, call), name)
        return await self._ask(request, name, source, place, call)

    def _proof(self, request: Request, source: Source) -> bytes:
        """
        The Authorization to be sent: the source's key for an operator of ours; else the caller's own, if the source's.

        Raises:
            ProblemError: 401 for anybody else, since this is nobody's open door; 409 where the source has no key.
        """
        given = request.headers.getlist("authorization")
        scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
        server, key = self._settings.server, source.api_key
        if scheme.lower() == "bearer" and token:
            if matches_any(token, [each.get_secret_value() for each in server.operator_tokens]):
                if key is None:
                    raise ProblemError(409, "no_api_key", "The source has no api_key to call its provider with.")
                return f"Bearer {key.get_secret_value()}".encode()
            theirs = [*source.proxy_keys, *([key] if key else [])]
            if matches_any(token, [each.get_secret_value() for each in theirs]):
                return given[0].encode("latin-1")
        detail = "Send an operator's token, or a key that is configured for the source, as Authorization: Bearer."
        raise ProblemError(401, "token_unknown", detail, {"WWW-Authenticate": 'Bearer realm="reelkeep"'})

    # --- create calls -------------------------------------------------------------------------------------------------

    async def _order(self, name: str, source: Source, path: CreatePath, call: Call) -> Response:
        try:
            await self._orders.charge(name)
            plan = await self._plan(name, path, call.body)
            begun = await self._orders.begin(
                name, key=_key(call) if path.is_idempotent else None, callback=plan.callback, metadata=plan.metadata
            )
        except LedgerError as exc:
            detail = "The ledger cannot be reached, so the call was not sent: nobody would look after its task."
            raise ProblemError(503, exc.reason, detail, {"Retry-After": RETRY_AFTER}) from None
        sent = Call(call.method, call.target, call.headers, plan.body, call.patience, call.is_order)
        try:
            incoming = await self._upstream.send(source, sent)
        except NotSentError:
            await self._orders.drop(plan.made)
            await self._orders.settle(begun)
            raise refusals.unreachable() from None
        except AnswerLostError:
            raise refusals.lost(plan.made) from None
        try:
            body, is_whole = await incoming.read(_MAX_READ)
        except AnswerLostError:
            await incoming.close()
            raise refusals.lost(plan.made) from None
        headers = answer_headers(incoming.status, incoming.headers)
        if not is_whole:
            not_registered(name, [], "answer_too_large")
            return Relay(incoming, headers, first=body)
        await incoming.close()
        try:
            ids = await self._registered(name, source, path, plan, begun, incoming, body)
        except Exception:  # a mistake of ours must not become an answer that says: try again
            _log.exception("proxy.crashed", extra={"source": name})
            ids = []
        if ids:
            headers.append((b"reelkeep-task", ", ".join(ids).encode()))
        return with_headers(Response(body, incoming.status), headers, len(body))

    async def _plan(self, name: str, path: CreatePath, body: bytes) -> _Plan:
        """
        Decide about the callback URL. What a provider would refuse stays as it is, and so does a URL of ours.

        Raises:
            LedgerError
        """
        field_name = path.callback_field
        # In threads: with pictures in it a body takes its time, and callbacks shall not wait for it.
        asked = await run_sync(read_object, body)
        metadata = await run_sync(lambda: kept(asked, field_name, proxy=path.path))
        if asked is None:
            return _Plan(body, metadata)
        is_done = not path.answers_at_once(asked)
        mint = self._orders.mint
        if field_name is None or is_done or not mint.is_open:
            return _Plan(body, metadata, is_done=is_done)
        theirs = asked.get(field_name)
        if isinstance(theirs, str) and mint.is_ours(name, theirs):
            reference = mint.reference(name, theirs, now=self._clock())
            return _Plan(body, None if reference else metadata, reference)  # its own metadata is the task's
        if theirs:
            try:
                check_url(theirs if isinstance(theirs, str) else "")
            except NotUnderstoodError:
                return _Plan(body, metadata)
        made = await self._orders.url(name, metadata, forward_url=theirs or None)
        return _Plan(await run_sync(splice, body, field_name, made.url), metadata, made.id, made.id)

    async def _registered(
        self, name: str, source: Source, path: CreatePath, plan: _Plan, begun: str, incoming: Incoming, body: bytes
    ) -> list[str]:
        """
        Register what the answer names; our ids. It never fails: the caller has paid for the answer.

        A URL that was made for it stays where it is not sure that nothing was ordered: a callback then brings the task.
        """
        now = self._clock()
        try:
            created = PROVIDERS[source.provider].read_created(path.path, incoming.understood(body), at=now)
        except NotUnderstoodError as exc:
            not_registered(name, [], exc.reason)
            return []
        except ReelkeepError as exc:
            if refusals.is_final(exc):
                await self._orders.drop(plan.made)
            if not refusals.is_doubtful(exc):
                await self._orders.settle(begun)
            return []
        try:
            rows = await self._orders.register(
                name, created.task_ids, _ACTOR, metadata=plan.metadata, expected_by=now if plan.is_done else None,
                callback=plan.callback if len(created.task_ids) == 1 else None,
            )  # fmt: skip
        except LedgerError as exc:
            not_registered(name, created.task_ids, exc.reason)
            return []
        await self._orders.settle(begun)
        return [row["id"] for row in rows]

    # --- status calls -------------------------------------------------------------------------------------------------

    async def _ask(self, request: Request, name: str, source: Source, path: StatusPath, call: Call) -> Response:
        with suppress(LedgerError):  # a question can be asked without us
            await self._orders.charge(name)
        asking = asyncio.create_task(self._upstream.send(source, call))
        try:
            incoming = await unless_gone(request, asking)
        except NotSentError:
            raise refusals.unreachable() from None
        except AnswerLostError as exc:
            raise ProblemError(504, exc.reason, "The provider did not answer; asking again does no harm.") from None
        if incoming is None:
            return Response(status_code=499)  # nobody hears it; nginx's word for it in the log
        heard = Copy(_MAX_READ if path.route and is_readable(incoming.headers) else 0)

        async def learn() -> None:
            if path.route and heard.is_whole:
                answer = incoming.understood(bytes(heard.body))
                await self._learning.status(name, path.route, answer, at=self._clock())

        return Relay(
            incoming, answer_headers(incoming.status, incoming.headers), heard=heard, after=BackgroundTask(learn)
        )


def _key(call: Call) -> str | None:
    """The caller's Idempotency-Key: an order that is repeated with it is the same one."""
    return next((value.decode("latin-1") for name, value in call.headers if name.lower() == b"idempotency-key"), None)
