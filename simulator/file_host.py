"""
The file host: serves files on signed links, with ranges, and refuses as object stores do.

Refusals are XML in the form of S3's error responses (docs.aws.amazon.com/AmazonS3, "Error responses", read
2026-11); what the providers' own hosts answer for a dead link or a deleted file is UNKNOWN. HEAD is refused, as a
presigned GET covers GET.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as Door

from simulator.links import Link
from simulator.media import FOLDERS, SECOND_FOLDER, SHELVES
from simulator.ranges import requested_range
from simulator.watched import Watched
from simulator.world import Reel, World

_CHUNK: Final = 256 * 1024
_BEATS: Final = 20  # chunks a second on a slow link, so that it drips and does not gush
_ERROR_PAGE: Final = "<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>"


class FileHost:
    """Answers whoever holds a link."""

    def __init__(self, world: World) -> None:
        self._world = world

    def doors(self) -> list[Door]:
        """Return one path for each folder."""
        return [Door(f"/{folder}/{{name}}", self._get) for folder in FOLDERS]

    async def _get(self, request: Request) -> Response | Watched:
        if request.method != "GET":
            return Response(status_code=403)
        name = request.path_params["name"]
        path = str(request.scope["path"]).removeprefix("/")
        reel = self._world.reels.get(name)
        facts = {
            "name": name,
            "task_id": reel.task.id if reel else None,
            "source": reel.task.source if reel else None,
            "link": "second" if path.startswith(f"{SECOND_FOLDER}/") else "first",
            "range": request.headers.get("Range"),
            "decoy": bool(reel and reel.decoy),
        }
        self._world.journal.write("get_started", **facts)
        response = self._answer(request, path, reel)

        def ended(bytes_sent: int, complete: bool) -> None:
            self._world.journal.write(
                "get", **facts, status=response.status_code, bytes_sent=bytes_sent, complete=complete
            )

        return Watched(response, ended)

    def _answer(self, request: Request, path: str, reel: Reel | None) -> Response:
        link = self._world.links.read(path, request.query_params)
        if link is None:
            return _refusal(403, "SignatureDoesNotMatch", "The request signature does not match.")
        if link.expired:
            return _refusal(403, "AccessDenied", "Request has expired")
        if reel is None or not reel.task.stored or not reel.film.path.exists():
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        if self._died(reel, link):
            return _refusal(403, "AccessDenied", "Request has expired")
        if reel.task.plan.corrupt == "html" and not reel.decoy:
            return Response(_ERROR_PAGE, media_type="text/html")
        return _film(request, reel)

    def _died(self, reel: Reel, link: Link) -> bool:
        """
        Count this GET, and tell whether its link has died of `link_dies_after_gets`.

        All links to a film die together, at the first GET over the number; one signed after that lives.
        Each link counting for itself would never hurt a reader who has a fresh one at hand anyway.
        """
        allowed = reel.task.plan.link_dies_after_gets
        if allowed is None or reel.decoy:
            return False
        if reel.links_died_at is None and reel.gets >= allowed:
            reel.links_died_at = self._world.links.minted
        reel.gets += 1
        return reel.links_died_at is not None and link.serial <= reel.links_died_at


def _film(request: Request, reel: Reel) -> Response:
    size = reel.film.path.stat().st_size
    etag = f'"{reel.film.sha256[:32]}"'
    headers = {"Accept-Ranges": "bytes", "ETag": etag}
    wanted = requested_range(request.headers, size, etag)
    if wanted is None:
        wanted, status = range(size), 200
    elif not wanted:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    else:
        status = 206
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    headers["Content-Length"] = str(len(wanted))
    body = _read(reel.film.path, wanted, reel.task.plan.rate)
    return StreamingResponse(body, status_code=status, headers=headers, media_type=SHELVES[reel.media].content_type)


async def _read(path: Path, wanted: range, rate: int) -> AsyncIterator[bytes]:
    """Yield the wanted bytes, no faster than *rate* bytes a second unless that is 0."""
    chunk = min(_CHUNK, max(1, rate // _BEATS)) if rate else _CHUNK
    started = time.monotonic()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for offset in range(wanted.start, wanted.stop, chunk):
            yield os.pread(descriptor, min(chunk, wanted.stop - offset), offset)
            if rate:
                due = started + (offset + chunk - wanted.start) / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
    finally:
        os.close(descriptor)


def _refusal(status: int, code: str, message: str) -> Response:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
    return Response(body, status_code=status, media_type="application/xml")
