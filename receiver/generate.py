"""POST /api/generate/{source}: send the provider's own create request, and register the task that comes of it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from archive.creation import Created
from archive.documents import dump
from archive.errors import LedgerError, NotUnderstoodError, ReelkeepError
from archive.failpoints import reached
from archive.model import ApiAnswer, Callbacks
from archive.providers import PROVIDERS
from archive.settings import Settings
from archive.sources import Source
from receiver import refusals
from receiver.answers import Answer
from receiver.auth import Role, require
from receiver.bodies import read_model
from receiver.errands import Errands
from receiver.keeping import GENERATE
from receiver.ordering import GenerateIn, Order, read_order
from receiver.orders import Orders
from receiver.problems import RETRY_AFTER, ProblemError
from receiver.upstream import AnswerLostError, Call, NotSentError, Sleep, Upstream

MAX_BODY = 16 << 20  # bytes; some providers take pictures as base64
_MAX_ANSWER = 16 << 20  # bytes; some repeat the request
_PATIENCE = timedelta(seconds=120)  # calls that wait for the film are not made here
_REPEATS = (0.5, 2.0)  # seconds before a lost answer is asked for again, where the key makes that safe
_log = logging.getLogger("receiver.generate")


class Generate:
    """The endpoint."""

    def __init__(
        self,
        settings: Settings,
        orders: Orders,
        upstream: Upstream,
        errands: Errands,
        clock: Callable[[], datetime],
        sleep: Sleep,
    ) -> None:
        self._settings = settings
        self._orders = orders
        self._upstream = upstream
        self._errands = errands
        self._clock = clock
        self._sleep = sleep

    async def generate(self, request: Request) -> Response:
        """Send the provider's create request with the callback URL filled in, and register the tasks it makes."""
        require(request, self._settings.server, Role.OPERATOR)
        name = request.path_params["source"]
        source = self._settings.sources.get(name)
        if source is None:
            raise ProblemError(404, "unknown_source", "No such source is configured.")
        wanted = await read_model(request, MAX_BODY, GenerateIn, "bad_order")
        order = await run_sync(read_order, name, source, wanted, request.headers.get("idempotency-key"))
        if wanted.dry_run:
            return Answer(_shown(order, [], None, None))
        return await self._errands.run(self._carry_out(order), name)

    async def _carry_out(self, order: Order) -> Response:
        try:
            await self._orders.charge(order.name)
            url, callback = await self._callback(order)
            begun = await self._orders.begin(
                order.name, key=order.key, callback=callback, external_id=order.external_id, metadata=order.metadata
            )
        except LedgerError as exc:
            detail = "The ledger cannot be reached, so nothing was sent."
            raise ProblemError(503, exc.reason, detail, {"Retry-After": RETRY_AFTER}) from None
        reached("order.begun", begun)
        try:
            answer = await self._send(order, url)
        except NotSentError:
            await self._orders.drop(callback)
            await self._orders.settle(begun)
            raise refusals.unreachable() from None
        except AnswerLostError:
            raise refusals.lost(callback, order.key) from None
        reached("order.answered", begun)
        try:
            created = PROVIDERS[order.source.provider].read_created(order.path.path, answer, at=self._clock())
        except NotUnderstoodError:
            raise refusals.not_understood(callback) from None
        except ReelkeepError as exc:
            if refusals.is_doubtful(exc):
                _log.warning("generate.in_doubt", extra={"source": order.name, "reason": exc.reason})
                raise refusals.lost(callback, order.key) from None
            if refusals.is_final(exc):
                await self._orders.drop(callback)
            await self._orders.settle(begun)
            raise refusals.refused(exc) from None
        except Exception:  # a mistake of ours must not become an answer that says: try again
            _log.exception("generate.crashed", extra={"source": order.name})
            raise refusals.not_understood(callback) from None
        answered = await self._registered(order, created, callback)
        await self._orders.settle(begun)
        return answered

    async def _callback(self, order: Order) -> tuple[str | None, str | None]:
        """The URL to be called at, and its reference where it was minted. Raises LedgerError."""
        if order.path.callback_field is None:
            return None, None
        mint, source = self._orders.mint, order.source
        if mint.is_open:
            made = await self._orders.url(order.name, order.metadata, order.external_id)
            return made.url, made.id
        if source.tokens:
            return f"{mint.address(order.name)}/{source.tokens[0].get_secret_value()}", None
        signs = PROVIDERS[source.provider].CALLBACKS is Callbacks.SIGNED
        return (mint.address(order.name) if signs else None), None

    async def _send(self, order: Order, url: str | None) -> ApiAnswer:
        """
        Send it, with *url* as where to call, and read all of the answer.

        A lost one is asked for again only where the same key makes it one order.

        Raises:
            NotSentError, AnswerLostError
        """
        assert order.source.api_key is not None  # noqa: S101 (checked before)
        headers = {
            "Authorization": f"Bearer {order.source.api_key.get_secret_value()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "reelkeep",
        } | ({"Idempotency-Key": order.key} if order.key else {})
        field = order.path.callback_field
        body = {**order.body, field: url} if field and url else order.body
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        call = Call("POST", order.path.path.encode(), raw, dump(body).encode(), _PATIENCE, is_order=True)
        is_lost = False
        for pause in (*(_REPEATS if order.key else ()), None):
            try:
                return await self._ask(order.source, call)
            except NotSentError:
                if not is_lost:  # else it says nothing of what was sent before
                    raise
            except AnswerLostError:
                is_lost = True
            if pause is not None:
                await self._sleep(pause)
        raise AnswerLostError("answer_lost")

    async def _ask(self, source: Source, call: Call) -> ApiAnswer:
        incoming = await self._upstream.send(source, call)
        try:
            body, whole = await incoming.read(_MAX_ANSWER)
        finally:
            await incoming.close()
        return incoming.understood(body if whole else b"")

    async def _registered(self, order: Order, created: Created, callback: str | None) -> Response:
        ids = created.task_ids
        try:
            rows = await self._orders.register(
                order.name, ids, GENERATE, external_id=order.external_id, metadata=order.metadata,
                callback=callback if len(ids) == 1 else None,
            )  # fmt: skip
        except Exception as exc:  # a mistake of ours must not become an answer that says: try again
            fields = {"source": order.name, "task_ids": ",".join(ids)}
            _log.warning("generate.not_registered", extra=fields, exc_info=not isinstance(exc, LedgerError))
            detail = (
                "The tasks exist and are paid for, but could not be registered: POST /api/tasks, do not order again."
            )
            more = {"task_ids": ids, "callback_id": callback}
            raise ProblemError(503, "not_registered", detail, more=more) from None
        return Answer(_shown(order, rows, callback, created))


def _shown(order: Order, rows: list[dict[str, Any]], callback: str | None, created: Created | None) -> dict[str, Any]:
    cost, spent = order.cost, created.credits if created else None
    return {
        "tasks": rows,
        "callback_id": callback,
        "credits": None if spent is None else float(spent),
        "cost": None if cost is None else {
            "usd": float(cost.usd), "credits": None if cost.credits is None else float(cost.credits),
        },
        "request": order.body,
    }  # fmt: skip
