"""Which calls of a provider may pass through the proxy: those it documents, and no other. Pure."""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from archive.creation import CreatePath, StatusPath
from archive.providers import Provider
from receiver.problems import ProblemError


def find(provider: Provider, method: str, raw_path: bytes) -> CreatePath | StatusPath:
    """
    What *raw_path* is to *provider*, as it stands in the request line.

    Raises:
        ProblemError: 404 `not_found` for a path that is not documented, 405 `method_not_allowed` for another method.
    """
    found: dict[str, CreatePath | StatusPath] = {}
    path = raw_path.decode("latin-1")
    for status in provider.STATUS_PATHS:
        if _pattern(status.path).fullmatch(path) and not _leaves(raw_path):
            found[status.method] = status
    if path in provider.CREATE_PATHS:
        found["POST"] = provider.CREATE_PATHS[path]
    if not found:
        raise ProblemError(404, "not_found", "The proxy forwards documented create and status paths, and no other.")
    if method not in found:
        headers = {"Allow": ", ".join(sorted(found))}
        raise ProblemError(405, "method_not_allowed", "The path is documented with another method.", headers)
    return found[method]


@lru_cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.escape(template).replace(re.escape("{task_id}"), "[^/]+"))


def _leaves(raw_path: bytes) -> bool:
    """Whether a segment, read once more, is a step to another path."""
    segments = [unquote_to_bytes(segment) for segment in raw_path.split(b"/")]
    # Some servers cut what follows a semicolon off before they walk the path.
    return any(s.partition(b";")[0] in {b".", b".."} or b"/" in s or b"\\" in s for s in segments)
