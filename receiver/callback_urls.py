"""POST /api/callback-urls: a callback URL for one task, signed by us. Made for providers that sign nothing."""

from datetime import timedelta
from typing import Annotated

from anyio.to_thread import run_sync
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from archive.errors import NotUnderstoodError
from archive.grammar import check_name
from archive.model import Callbacks
from archive.providers import PROVIDERS
from archive.settings import Settings
from receiver.answers import Answer
from receiver.auth import Role, require
from receiver.bodies import read_model
from receiver.minting import DEFAULT_LIFE, Mint
from receiver.problems import ProblemError
from receiver.views import row

MAX_LIFE = timedelta(days=366)


class CallbackUrlIn(BaseModel):
    """A callback URL to make."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, Field(description="a configured source")]
    external_id: Annotated[
        str | None, Field(min_length=1, max_length=512, description="your own id, for the task to come")
    ] = None
    metadata: Annotated[
        dict[str, JsonValue] | None, Field(description="kept here and given to the task; it is not in the URL")
    ] = None
    expires_in: Annotated[
        int, Field(ge=60, le=int(MAX_LIFE.total_seconds()), strict=True, description="seconds the URL is good for")
    ] = int(DEFAULT_LIFE.total_seconds())


class CallbackUrls:
    """The endpoint."""

    def __init__(self, settings: Settings, mint: Mint) -> None:
        self._settings = settings
        self._mint = mint

    async def add_callback_url(self, request: Request) -> Response:
        """Make a callback URL for one task, to be given to the provider when the task is created."""
        require(request, self._settings.server, Role.OPERATOR)
        wanted = await read_model(request, self._settings.server.max_body, CallbackUrlIn, "bad_callback_url")
        source = self._settings.sources.get(wanted.source)
        if source is None:
            raise ProblemError(422, "unknown_source", "No such source is configured.")
        if PROVIDERS[source.provider].CALLBACKS is Callbacks.NONE:
            raise ProblemError(422, "no_callbacks", f"{source.provider} never calls back; register its tasks instead.")
        try:
            check_name(wanted.external_id or "-", "external_id")
        except NotUnderstoodError as exc:
            raise ProblemError(422, exc.reason, "Ids are 1 to 512 printable characters.") from None
        if not self._mint.is_open:
            detail = "Set server.signing_keys (or REELKEEP_SIGNING_KEY) to a key of at least 32 characters."
            raise ProblemError(409, "no_signing_keys", detail)
        life = timedelta(seconds=wanted.expires_in)
        told = (wanted.source, wanted.external_id, wanted.metadata, life)
        made = await run_sync(self._mint.make, *told)
        shown = row({"id": made.id, "url": made.url, "expires_at": made.expires_at})
        return Answer(shown, headers={"Cache-Control": "no-store"})
