"""
Deliver one callback and note how it was received.

POST, `application/json`, an answer within 15 s: docs.kie.ai, Runway, Veo and Suno callback pages (read
2026-11). Of the other providers the time is UNKNOWN. So is everyone's retry policy, and so there is none: a
callback answered badly never comes again.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from simulator.journal import Journal, iso, now

_PATIENCE: Final = 15.0  # seconds for the whole exchange


class Caller:
    """Posts to callback URLs. Follows no redirect (UNKNOWN whether anyone does) and heeds no proxy settings."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx.AsyncClient(timeout=_PATIENCE, limits=unlimited, trust_env=False)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], **about: str) -> None:
        """Send *body* once; the journal says what it is *about*."""
        digest = hashlib.sha256(body).hexdigest()
        facts = {**about, "host": urlsplit(url).netloc.rpartition("@")[2], "sha256": digest}
        self._journal.write("callback_started", **facts)
        started_at = iso(now())
        status, outcome, error = None, None, None
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._client.post(
                    url, content=body, headers={"Content-Type": "application/json", **headers}
                )
            status, outcome = answer.status_code, _outcome(answer)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as failure:
            error = type(failure).__name__
        self._journal.write(
            "callback",
            **facts,
            status=status,
            outcome=outcome,
            error=error,
            started_at=started_at,
            ended_at=iso(now()),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def _outcome(answer: httpx.Response) -> object:
    """The reply's own word for what became of the delivery, where it has one."""
    try:
        reply = answer.json()
    except ValueError:
        return None
    return reply.get("outcome") if isinstance(reply, dict) else None
