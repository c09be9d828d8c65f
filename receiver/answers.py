"""JSON answers that no value can break."""

from typing import Any

from starlette.responses import JSONResponse

from archive.documents import dump


class Answer(JSONResponse):
    """ASCII, so that a lone surrogate in somebody's metadata is an escape and not an encoding error for its reader."""

    def render(self, content: Any) -> bytes:
        return dump(content).encode()
