"""The endpoint providers call: bytes in, a committed delivery and the provider's own kind of 200 out."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from archive.codings import codings
from archive.errors import MalformedDeliveryError, UnknownSourceError
from archive.failpoints import reached
from archive.ledger.deliveries import Received
from archive.model import Delivery, Verdict
from archive.providers import PROVIDERS
from archive.settings import Settings
from archive.sources import Source
from receiver.answers import Answer
from receiver.asking import ask
from receiver.authenticate import Proof, by_signature, by_url
from receiver.bodies import AT_ONCE, read_body
from receiver.intake import Intake
from receiver.problems import ProblemError
from receiver.strangers import Strangers
from receiver.understand import Unread, names_no_task, read, understand

T = TypeVar("T")


class Webhooks:
    """POST /webhooks/{source} and /webhooks/{source}/{token}. *bound_task* asks the ledger whose a minted URL is."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        bound_task: Callable[[str], str | None],
        strangers: Strangers,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._bound_task = bound_task
        self._strangers = strangers
        self._clock = clock

    async def receive(self, request: Request) -> Response:
        """
        Who says it, what it says, then the ledger; only then the answer.

        We acknowledge; what becomes of the video is told elsewhere.
        """
        name = request.path_params["source"]
        source = self._settings.sources.get(name)
        if source is None:
            self._strangers.charge(request)
            raise UnknownSourceError("unknown_source")
        now = self._clock()
        proof = by_url(
            request.path_params.get("token"), name, source, signing_keys=self._settings.signing_keys, now=now
        )
        body = await self._body(request, source, proof)
        reached("receiver.received")
        with self._intake.holding(len(body)):
            received = await self._understood(request, source, body, proof, now)
        reached("receiver.understood", received.id)
        receipt = await self._intake.submit(received)
        said = {"delivery_id": receipt.delivery_id, "outcome": receipt.outcome, "reason": receipt.reason}
        return Answer({**PROVIDERS[source.provider].reply(), **said})

    async def _understood(self, request: Request, source: Source, body: bytes, proof: Proof, now: datetime) -> Received:
        """What *body* says, and nothing else of it: a document is many times its body, and commits take their time."""
        name, token = request.path_params["source"], request.path_params.get("token")
        # Of a header sent twice the last counts: a signature has to match it all the same.
        headers = {key.lower(): value for key, value in request.headers.items()}
        delivery = Delivery(name, headers, body, token, now)
        try:
            document, proof = await _apart(body, partial(_prove, delivery, source, proof, now))
        except MalformedDeliveryError:
            self._pay_late(request, source)
            raise
        read_by = partial(understand, delivery, document, source, proof.verdict, proof.callback)
        received = await _apart(body, read_by)
        if proof.callback and names_no_task(received):
            task_id = await ask(self._bound_task, proof.callback)
            received = await _apart(body, partial(read_by, task_id))
        return received

    async def _body(self, request: Request, source: Source, proof: Proof) -> bytes:
        """The body, read only where the URL proves itself, a signature may prove it, or its sender has paid."""
        if not source.webhook_keys and proof.verdict is Verdict.UNSIGNED:
            self._strangers.charge(request)
            # By its own word it is no JSON; a missing type gets the benefit of the doubt.
            kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
            if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
                raise ProblemError(415, "not_json_type", "Callbacks are application/json.")
        try:
            if any(map(codings, request.headers.getlist("content-encoding"))):
                raise ProblemError(415, "encoded_body", "Callbacks are not compressed.")
            return await read_body(request, self._settings.server.max_body)
        except ProblemError:
            self._pay_late(request, source)
            raise

    def _pay_late(self, request: Request, source: Source) -> None:
        """A refusal before the signature could be checked is not charged yet; any other is, or had proof."""
        if source.webhook_keys:
            self._strangers.charge(request)


def _prove(delivery: Delivery, source: Source, proof: Proof, now: datetime) -> tuple[Any, Proof]:
    """
    The document, or `Unread`, and the proof with the signature judged.

    From somebody who has proved himself already any body is taken: it may be the only one that its task ever sends.

    Raises:
        MalformedDeliveryError: nobody vouches for a body that cannot be read.
        VerificationError: the signature does not.
    """
    document = read(delivery.body)
    if isinstance(document, Unread) and (source.webhook_keys or proof.verdict is Verdict.UNSIGNED):
        raise MalformedDeliveryError(document.reason)
    return document, by_signature(delivery, document, source, proof, now=now)


async def _apart(body: bytes, act: Callable[[], T]) -> T:
    """What *act* makes of *body*; of a large one in a thread, so that it keeps no other callback waiting."""
    return act() if len(body) <= AT_ONCE else await run_sync(act)
