"""What is kept of a request that ordered something: the task's metadata. Pure."""

import hashlib
from collections.abc import Mapping
from typing import Any

from archive.documents import dump

GENERATE = "generate"  # the member that is ours; the others are the user's
MAX_TEXT = 16_384  # characters; a prompt is shorter, a picture in base64 longer
MAX_WHOLE = 262_144  # characters of JSON, of all that is kept of a request
MAX_DEPTH = 32  # levels; whoever reads it again shall not run out of stack
_HEAD = 64


def kept(request: Mapping[str, Any] | None, callback_field: str | None, **facts: Any) -> dict[str, Any]:
    """
    The metadata of a task that *request* ordered: all of it but the callback URL, which is a secret.

    Of a text beyond `MAX_TEXT` its beginning, length and SHA-256 are kept: pictures inside a request are its input, and
    every list of tasks would carry them. What is nested deeper than `MAX_DEPTH` is `…`, and a request that is longer
    than `MAX_WHOLE` even so is kept like a long text.
    """
    body = None if request is None else {name: value for name, value in request.items() if name != callback_field}
    short = _shortened(body)
    return {GENERATE: {**facts, "request": _named(text) if len(text := dump(short)) > MAX_WHOLE else short}}


def _shortened(value: Any, depth: int = 0) -> Any:
    if isinstance(value, dict | list) and depth > MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {key: _shortened(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_shortened(each, depth + 1) for each in value]
    return _named(value) if isinstance(value, str) and len(value) > MAX_TEXT else value


def _named(text: str) -> str:
    """What tells a long *text* from others."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:_HEAD]}… ({len(text)} characters, SHA-256 {digest})"
