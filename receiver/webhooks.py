"""The endpoint providers call: bytes in, a committed delivery and the provider's own kind of 200 out."""

from collections.abc import Callable
from datetime import datetime

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from archive.documents import parse
from archive.errors import UnknownSourceError
from archive.model import Delivery
from archive.providers import PROVIDERS
from archive.settings import Settings
from receiver.answers import Answer
from receiver.authenticate import authenticate
from receiver.bodies import read_body
from receiver.intake import Intake
from receiver.problems import ProblemError
from receiver.understand import names_no_task, understand


class Webhooks:
    """POST /webhooks/{source} and /webhooks/{source}/{token}. *bound_task* asks the ledger whose a minted URL is."""

    def __init__(
        self, settings: Settings, intake: Intake, bound_task: Callable[[str], str | None], clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._bound_task = bound_task
        self._clock = clock

    async def receive(self, request: Request) -> Response:
        """
        Size and JSON, then who says it, then what it says, then the ledger; only then the answer.

        We acknowledge; what becomes of the video is told elsewhere.
        """
        name = request.path_params["source"]
        source = self._settings.sources.get(name)
        if source is None:
            raise UnknownSourceError("unknown_source")
        _check_headers(request)
        body = await read_body(request, self._settings.server.max_body)
        document = parse(body)
        now = self._clock()
        # Of a header sent twice the last counts: a signature has to match it all the same.
        headers = {key.lower(): value for key, value in request.headers.items()}
        delivery = Delivery(name, headers, body, request.path_params.get("token"), now)
        proof = authenticate(delivery, document, source, signing_keys=self._settings.signing_keys, now=now)
        received = understand(delivery, document, source, proof.verdict, proof.callback)
        if proof.callback and names_no_task(received):
            task_id = await run_sync(self._bound_task, proof.callback)
            received = understand(delivery, document, source, proof.verdict, proof.callback, task_id)
        receipt = await self._intake.submit(received)
        said = {"delivery_id": receipt.delivery_id, "outcome": receipt.outcome, "reason": receipt.reason}
        return Answer({**PROVIDERS[source.provider].reply(), **said})


def _check_headers(request: Request) -> None:
    """Refuse what cannot be JSON by its own word; a missing type gets the benefit of the doubt."""
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise ProblemError(415, "not_json_type", "Callbacks are application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(415, "encoded_body", "Callbacks are not compressed.")
