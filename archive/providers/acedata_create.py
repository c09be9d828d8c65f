"""
AceData Cloud, its Seedance service: what can be ordered and what it answers. Pure.

Sources: the page "ByteDance Seedance Videos API" (seed 004_c235bfca3c38acf0) for the fields; openapi/seedance.json of
github.com/AceDataCloud/Docs for the values that the page leaves open, en/concepts/responses.mdx there for the answers
(read 2026-11). Prices are in neither.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from archive.creation import Created, CreatePath, Creation
from archive.errors import ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import ordering, reading
from archive.providers.content import ContentCreation, Text
from archive.providers.parameters import Seed, Switch, Whole, require


def answers_at_once(body: Mapping[str, Any]) -> bool:
    """Without `async` and `callback_url` the answer comes when the film is done, and is the whole document."""
    return body.get("async") is True or bool(body.get("callback_url"))


VIDEOS = "/seedance/videos"
CREATE_PATHS: Mapping[str, CreatePath] = {
    VIDEOS: CreatePath(VIDEOS, "callback_url", answers_at_once=answers_at_once),
}
_MAX_TEXT = 1000
_REFUSED = {
    "bad_request": "invalid_parameters",
    **dict.fromkeys(
        ("no_token", "invalid_token", "token_expired", "token_mismatched", "disabled", "forbidden"), "key_refused"
    ),
    "used_up": "insufficient_credits",
    **dict.fromkeys(("no_api", "api_not_implemented"), "not_offered"),
}
_BUSY = frozenset({"too_many_requests", "rate_limited", "api_error", "timeout"})


class Video(ContentCreation):
    """
    `POST /seedance/videos` (seed 004, read 2026-11), ordered to answer at once.

    The page names no model and no service tier, and the list of models in OpenAPI grows: both are any text here.
    """

    PATH: ClassVar[str] = VIDEOS

    model: str = Field(min_length=1, max_length=200)
    ratio: Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"] | None = None
    resolution: Literal["480p", "720p", "1080p", "4k"] | None = None
    duration: Annotated[Whole, Field(ge=-1, le=30)] | None = None
    frames: Annotated[Whole, Field(ge=29, le=289)] | None = None
    seed: Seed | None = None
    watermark: Switch | None = None
    camerafixed: Switch | None = None
    generate_audio: Switch | None = None
    return_last_frame: Switch | None = None
    service_tier: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    execution_expires_after: Annotated[Whole, Field(ge=3600, le=259_200)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Video":
        require(self.frames is None or self.frames % 4 == 1, "frames", "must be 25 + 4n, from 29 to 289")
        require(self.frames is None or self.duration is None, "frames", "cannot be given together with duration")
        fits = all(len(entry.text) <= _MAX_TEXT for entry in self.content if isinstance(entry, Text))
        require(fits, "content", f"a text is at most {_MAX_TEXT} characters")
        return self

    def request(self) -> dict[str, Any]:
        """With `async`, which the callback URL alone would imply too."""
        return super().request() | {"async": True}


PRODUCTS: Mapping[str, type[Creation]] = {"video": Video}


def read_created(path: str, answer: ApiAnswer, *, at: datetime) -> Created:  # noqa: ARG001 (there is one)
    """
    Read `{task_id}`, at once or with the whole document of a film that was waited for.

    Under HTTP 2xx an error beside a task's id is that task's end and not the call's: the task was taken.
    """
    root = ordering.opened(answer)
    task_id = reading.optional(root.text, "task_id")
    if not task_id or answer.status >= 300:
        code = ordering.error_code(root)
        ordering.check(code, answer, at=at, refused=_REFUSED, busy=_BUSY)
        if root.raw("error") is not None:
            raise ProviderRefusedError(ordering.unknown(code))
    return ordering.created([task_id])
