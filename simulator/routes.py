"""
The one table of what is played: each route's provider, paths, ids, files, and what a plan may ask of it.

`chosen` are the plan's choices: what the route knows, the first being what it does unasked. `plays` are the plan's
other fields that not every route can play. Life of a link: KIE's seed says "Download TTL 20 minutes", docs.kie.ai
get-task-detail 24 hours, its Runway page 14 days; of kyyAiPower the newer pages say 1 day; the rest is UNKNOWN, here
24 hours.
"""

import secrets
import uuid
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Final

from simulator import (
    acedata_route,
    kyyaipower_route,
    market_route,
    runway_route,
    seed_route,
    seedance2ai_route,
    seedanceapi_route,
    veo_route,
)
from simulator.limits import Limit
from simulator.media import Media
from simulator.voices import Asked, Batching, Calling, Voice, Waiting
from simulator.world import Route, Source

_DAY: Final = 86_400.0
_STILLS: Final[tuple[Media, ...]] = ("png", "jpeg", "webp")
_ANY: Final[tuple[Media, ...]] = ("mp4", "png", "jpeg", "webp", "gif", "mp3", "wav", "m4a")
_POLLED: Final = frozenset({"unseen_for", "poll_faults"})
_SOME: Final = 100
_TASKS: Final = ("/api/v1/tasks/{task_id}",)  # one for all of seedance2ai's products


@dataclass(frozen=True)
class Polls:
    """How one asks after a task. A path ends in `{task_id}` or in the name of the query's field."""

    voice: Asked
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Calls:
    """How it calls back: the create request's field with the URL, and whether KIE's signature goes with it."""

    voice: Calling
    field: str
    signed: bool = False


@dataclass(frozen=True)
class Part:
    """All there is to know of a route."""

    source: Source
    voice: Voice
    create: str
    new_id: Callable[[], str]
    polls: Polls | None = None
    calls: Calls | None = None
    waiting: Waiting | None = None
    batching: Batching | None = None
    media: tuple[Media, ...] = ("mp4",)  # the first unless the request or the plan says otherwise
    most_outputs: int = 1
    link_life: float = _DAY
    chosen: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    plays: frozenset[str] = _POLLED
    is_idempotent: bool = False  # heeds Idempotency-Key


@dataclass(frozen=True)
class Limited:
    """Which requests of a provider's customers are limited, and how."""

    limit: Limit
    kinds: Set[str]
    says_when: bool = False


def _prefixed(prefix: str, suffix: str = "") -> Callable[[], str]:
    return lambda: f"{prefix}{secrets.token_hex(12)}{suffix}"


ROUTES: Final[Mapping[Route, Part]] = {
    "seed": Part(
        source="kie",
        voice=seed_route,
        create="/api/v1/seedance/generate",
        new_id=_prefixed("seedance_"),
        polls=Polls(seed_route, ("/api/v1/seedance/record-info?taskId",)),
        calls=Calls(seed_route, "callBackUrl", signed=True),
        link_life=20 * 60,
        plays=_POLLED | {"progress"},
    ),
    "market": Part(
        source="kie",
        voice=market_route,
        create="/api/v1/jobs/createTask",
        new_id=_prefixed("task_"),
        polls=Polls(market_route, ("/api/v1/jobs/recordInfo?taskId",)),
        calls=Calls(market_route, "callBackUrl", signed=True),
        media=_ANY,
        most_outputs=_SOME,
        chosen={"not_found_as": market_route.NOT_FOUND},
        plays=_POLLED | {"progress", "queued_for"},
    ),
    "runway": Part(
        source="kie",
        voice=runway_route,
        create="/api/v1/runway/generate",
        new_id=lambda: str(uuid.uuid4()),
        polls=Polls(runway_route, ("/api/v1/runway/record-detail?taskId",)),
        calls=Calls(runway_route, "callBackUrl", signed=True),
        link_life=14 * _DAY,
        chosen={"shape": runway_route.SHAPES},
    ),
    "veo": Part(
        source="kie",
        voice=veo_route,
        create="/api/v1/veo/generate",
        new_id=_prefixed("veo_task_"),
        polls=Polls(veo_route, ("/api/v1/veo/record-info?taskId",)),
        calls=Calls(veo_route, "callBackUrl", signed=True),
        most_outputs=_SOME,
        chosen={"shape": veo_route.SHAPES, "fail_flag": veo_route.FAIL_FLAGS},
        plays=_POLLED | {"originals"},
    ),
    "v2": Part(
        source="seedanceapi",
        voice=seedanceapi_route,
        create="/v2/generate",
        new_id=_prefixed("n", "sd20"),
        polls=Polls(seedanceapi_route, ("/v2/status?task_id",)),
        calls=Calls(seedanceapi_route, "callback_url"),
        most_outputs=_SOME,
        chosen={"shape": seedanceapi_route.SHAPES, "empty_as": seedanceapi_route.EMPTY},
        plays=_POLLED | {"progress"},
    ),
    "seedance2": Part(
        source="seedance2ai",
        voice=seedance2ai_route.VIDEO,
        create="/api/v1/video/seedance2",
        new_id=_prefixed("sd2_"),
        polls=Polls(seedance2ai_route.VIDEO, _TASKS),
        chosen={"error_as": seedance2ai_route.ERRORS},
        plays=_POLLED | {"last_frame"},
        is_idempotent=True,
    ),
    "gpt-image-2": Part(
        source="seedance2ai",
        voice=seedance2ai_route.GPT_IMAGE,
        create="/api/v1/image/gpt-image-2",
        new_id=_prefixed("gpt2_"),
        polls=Polls(seedance2ai_route.GPT_IMAGE, _TASKS),
        batching=seedance2ai_route.GPT_IMAGE,
        media=_STILLS,
        most_outputs=_SOME,
        chosen={"error_as": seedance2ai_route.ERRORS},
        is_idempotent=True,
    ),
    "nano-banana-pro": Part(
        source="seedance2ai",
        voice=seedance2ai_route.NANO_BANANA,
        create="/api/v1/image/nano-banana-pro",
        new_id=_prefixed("nbp_"),
        polls=Polls(seedance2ai_route.NANO_BANANA, _TASKS),
        media=("png", "jpeg"),
        most_outputs=_SOME,
        chosen={"error_as": seedance2ai_route.ERRORS},
        plays=_POLLED | {"first_link_dead"},
        is_idempotent=True,
    ),
    "kyy": Part(
        source="kyyaipower",
        voice=kyyaipower_route,
        create="/kyyAiPower/v1/seedance/videos",
        new_id=_prefixed("video_"),
        polls=Polls(kyyaipower_route, ("/kyyAiPower/v1/result/{task_id}", "/kyyReactApiServer/v1/result/{task_id}")),
        plays=_POLLED | {"queued_for", "cancelled"},
    ),
    "ace": Part(
        source="acedata",
        voice=acedata_route,
        create="/seedance/videos",
        new_id=lambda: str(uuid.uuid4()),
        polls=Polls(acedata_route, ()),  # by POST, one or many: `simulator.acedata_api`
        calls=Calls(acedata_route, "callback_url"),
        waiting=acedata_route,
        chosen={
            "shape": acedata_route.SHAPES,
            "poll_shape": acedata_route.POLL_SHAPES,
            "not_found_as": acedata_route.NOT_FOUND,
        },
        plays=_POLLED | {"progress", "last_frame", "missing_task_id"},
    ),
}

# What counts against an account, and whether Retry-After tells when there is room. KIE: "20 new generation requests
# per 10 seconds", off unless asked for, as tests create in bursts. AceData: 60 polls a second, of its FAQ.
LIMITED: Final[Mapping[Source, Limited]] = {
    "kie": Limited(Limit(0, 10), {"create"}),
    "seedance2ai": Limited(Limit(30, 60), {"create", "poll"}, says_when=True),
    "acedata": Limited(Limit(60, 1), {"poll"}),
}
