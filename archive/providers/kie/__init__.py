"""
KIE.ai: its callbacks, status routes and fresh links. Pure: bytes in, values out.

Five shapes are read: the flat one of `/api/v1/seedance/*` (not on docs.kie.ai today, treated as legacy), the market one
of `/api/v1/jobs/*`, Runway's, Veo's, and Veo's for a film made again in 4K. Each module names the pages it follows.
"""

from datetime import timedelta
from typing import Any

from archive.model import Callbacks, Pace
from archive.providers import without
from archive.providers.kie.callbacks import normalise, sample
from archive.providers.kie.creating import CREATE_PATHS, read_created
from archive.providers.kie.products import PRODUCTS
from archive.providers.kie.shapes import LINK_LIFE, MARKET, RUNWAY, SEEDANCE, STORAGE_LIFE, VEO, VEO_4K
from archive.providers.kie.signing import resign, verify
from archive.providers.kie.status import (
    ROUTES,
    STATUS_PATHS,
    fresh_link_request,
    read_fresh_link,
    read_status,
    status_request,
)

__all__ = [
    "API_BASE",
    "CALLBACKS",
    "CREATE_PATHS",
    "GONE_AFTER",
    "HOSTS",
    "LINK_LIFE",
    "MARKET",
    "PACE",
    "PRODUCTS",
    "ROUTES",
    "RUNWAY",
    "SEEDANCE",
    "STATUS_PATHS",
    "STORAGE_LIFE",
    "VEO",
    "VEO_4K",
    "batch_request",
    "fresh_link_request",
    "normalise",
    "read_batch",
    "read_created",
    "read_fresh_link",
    "read_status",
    "reply",
    "resign",
    "sample",
    "sender_id",
    "status_request",
    "verify",
]

API_BASE = "https://api.kie.ai"
# Seen in documentation and client code; KIE publishes no list. The status API's links are not bound to it.
HOSTS = frozenset(
    {
        "storage.kie.ai",
        "tempfile.aiquickdraw.com",
        "file.aiquickdraw.com",
        "static.aiquickdraw.com",
        "tempfile.redpandaai.co",
    }
)
CALLBACKS = Callbacks.SIGNED
PACE = Pace(
    typical=timedelta(seconds=55),  # "~55 secs (fast)"; the standard models take 3-4 minutes
    floor=timedelta(seconds=5),  # "poll status every 5 seconds"
    # No limit of status requests is documented. "100+ concurrent tasks", each polled every 5 s as advised, are 20 a
    # second; the documented 20 in 10 s are for new generations.
    requests=200,
    per=timedelta(seconds=10),
)
GONE_AFTER = timedelta(days=1)
sender_id, batch_request, read_batch = without.sender_id, without.batch_request, without.read_batch


def reply() -> dict[str, Any]:
    """The answer KIE documents: HTTP 200 with code 200 and msg success."""
    return {"code": 200, "msg": "success"}
