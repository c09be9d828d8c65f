"""
KIE's routes that order something, and their answers. Pure.

Sources: the page "Seedance API (KIE.ai)" (seed 000, read 2026-11) for the flat route and its codes 1001 to 1007;
docs.kie.ai's market, Runway and Veo pages for the others (read 2026-11). An answer has a code of its own, and HTTP 200
may carry any of them.
"""

from collections.abc import Mapping
from datetime import datetime

from archive.creation import Created, CreatePath
from archive.errors import ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import ordering, reading
from archive.providers.kie.fields import word
from archive.providers.kie.status import BUSY, GOOD

SEEDANCE_GENERATE = "/api/v1/seedance/generate"
MARKET_CREATE = "/api/v1/jobs/createTask"
_OTHERS = (
    "/api/v1/runway/generate",
    "/api/v1/runway/extend",
    "/api/v1/veo/generate",
    "/api/v1/veo/extend",
    # Its answer may name the task of the ordinary film; the film itself comes with a callback that tells it apart.
    "/api/v1/veo/get-4k-video",
)
CREATE_PATHS: Mapping[str, CreatePath] = {
    path: CreatePath(path, "callBackUrl") for path in (SEEDANCE_GENERATE, MARKET_CREATE, *_OTHERS)
}
_REFUSED = {
    "400": "invalid_parameters",
    "401": "key_refused",
    "402": "insufficient_credits",
    "422": "invalid_parameters",
    "1001": "invalid_prompt",
    "1002": "invalid_image",
    "1003": "insufficient_credits",
    "1004": "invalid_parameters",
    "1006": "content_unsafe",
    "1007": "image_too_large",
}


def read_created(path: str, answer: ApiAnswer, *, at: datetime) -> Created:  # noqa: ARG001 (all answer alike)
    """Read `{code, data: {taskId}}`; the flat route's good code is 0, the others' 200. Credits are not told."""
    root = ordering.opened(answer)
    code = word(root.raw("code"))
    ordering.check(code, answer, at=at, refused=_REFUSED, busy=BUSY)
    if code not in GOOD:
        raise ProviderRefusedError(ordering.unknown(code))
    return ordering.created([reading.optional(root.object("data").text, "taskId")])
