"""
The console: one static page over the API, read once at start. No build step, and nothing from another origin.

The page itself is open to all, since it holds nothing: what it shows it asks the API for, with the visitor's token.
"""

import hashlib
import re
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from archive.settings import Settings, Store

_FOLDER = Path(__file__).parent
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_PUBLIC_URL = "{{public_url}}"  # the one blank in index.html: the address that providers are told


def routes(settings: Settings) -> list[Route]:
    """`/` and the files of `/console/`."""
    headers = {
        "Content-Security-Policy": policy(settings.store),
        "Cache-Control": "no-cache",  # asked again each time, answered 304 while the file is the same
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    made = []
    for path in sorted(path for path in _FOLDER.iterdir() if path.suffix in _TYPES):
        body = path.read_text("utf-8")
        if path.name == "index.html":
            body = body.replace(_PUBLIC_URL, escape(settings.server.public_url.rstrip("/")))
        where = "/" if path.name == "index.html" else f"/console/{path.name}"
        made.append(_route(where, body.encode(), _TYPES[path.suffix], headers))
    return made


def policy(store: Store) -> str:
    """The page's Content-Security-Policy: itself, and media from the store that presigned links lead to."""
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", *_origins(store)],
        "media-src": ["'self'", *_origins(store)],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],  # no text can become markup or code, by mistake either
        "trusted-types": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def _origins(store: Store) -> list[str]:
    """Where presigned links may lead, by path or by the bucket's own host name (see `archive.s3`)."""
    endpoint = store.public_endpoint_url or store.endpoint_url or f"https://s3.{store.region}.amazonaws.com"
    parts = urlsplit(endpoint)
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    hosts = [host]
    if not store.endpoint_url:
        hosts.append(f"{store.bucket}.{host}")
    if not (store.endpoint_url or store.public_endpoint_url):
        hosts.append(f"{store.bucket}.s3.amazonaws.com")
    safe = (host for host in hosts if re.fullmatch(r"[a-z0-9.:_-]+", host))  # anything else would end the directive
    return [f"{parts.scheme}://{host}" for host in safe if parts.scheme in {"http", "https"}]


def _route(where: str, body: bytes, kind: str, headers: dict[str, str]) -> Route:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    async def console(request: Request) -> Response:
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if etag in known:
            return Response(status_code=304, headers={**headers, "ETag": etag})
        return Response(body, media_type=kind, headers={**headers, "ETag": etag})

    return Route(where, console)
