"""The service as a whole: anything by its path, its status, its sources, callback URLs, and orders at a provider."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from reelkeep.model import CallbackUrl, Generated, Pause, Status
from reelkeep.operations.asking import path_to, said
from reelkeep.steps import Request, Steps

# Seconds. The service waits for the provider up to two minutes, three times over where the order has a key.
_ORDER_PATIENCE = 400.0


def get(path: str, params: Mapping[str, Any] | None = None) -> Steps[Any]:
    """GET *path* of the API (`/api/…`) and return its JSON as it came."""
    return (yield Request("GET", path, said(**params or {})))


def post(
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> Steps[Any]:
    """
    POST to *path* of the API (`/api/…`) and return its JSON as it came. It is never repeated once it was sent.

    *patience* is how many seconds its answer may take, where that is longer than usual.
    """
    return (yield Request("POST", path, body=body, headers=headers or {}, patience=patience))


def status() -> Steps[Status]:
    """What waits, what is done, by source."""
    return Status.of((yield Request("GET", "/api/status")))


def pause_source(source: str) -> Steps[Pause]:
    """Start no new transfers of *source*."""
    return Pause.of((yield Request("POST", path_to("sources", source, "pause"))))


def resume_source(source: str) -> Steps[Pause]:
    """Go on with a paused source."""
    return Pause.of((yield Request("POST", path_to("sources", source, "resume"))))


def callback_url(
    source: str,
    *,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    expires_in: timedelta | None = None,
) -> Steps[CallbackUrl]:
    """Make a callback URL for one task, good for *expires_in* (7 days). The task that comes by it gets your words."""
    seconds = None if expires_in is None else int(expires_in.total_seconds())
    body = said(source=source, external_id=external_id, metadata=metadata, expires_in=seconds)
    return CallbackUrl.of((yield Request("POST", "/api/callback-urls", body=body)))


def generate(
    source: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    product: str | None = None,
    prompt: str | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> Steps[Generated]:
    """
    Order a generation: the provider's own create call, checked before it is sent, with our callback URL filled in.

    *dry_run* says what it would cost and sends nothing. An order is never repeated by itself once it may have arrived;
    with an *idempotency_key*, at a provider that takes one, you may. The answer may take minutes.
    """
    body = said(product=product, prompt=prompt, parameters=parameters or {}, external_id=external_id, metadata=metadata)
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key is not None else {}
    asked = Request(
        "POST", path_to("generate", source), body=body | {"dry_run": dry_run}, headers=headers,
        is_repeatable=dry_run, patience=_ORDER_PATIENCE,
    )  # fmt: skip
    return Generated.of((yield asked))
