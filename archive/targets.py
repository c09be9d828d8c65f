"""One `[[notify]]` table: an application of the user's that hears from us."""

import base64
import binascii
import re
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from archive.fields import LinkLife, Secret, Section, WebUrl

# What can be told. A filter may use * (`asset.*`); one that fits none of these is a mistake.
TYPES = ("asset.archived", "asset.lost", "asset.quarantined", "task.failed", "task.gone", "audit.alert")
TEST = "notify.test"  # sent when somebody asks for it, whatever the filter
FORWARD = "delivery.forward"  # of a target with format "provider": the body as the provider sent it
_MIN_SECRET = 24  # bytes, by the Standard Webhooks specification


def _is_webhook_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith("whsec_") or len(key) < _MIN_SECRET:
        raise ValueError(
            f"must be whsec_ and the base64 of {_MIN_SECRET} bytes or more (echo whsec_$(openssl rand -base64 32))"
        )
    return value


WebhookSecret = Annotated[Secret, AfterValidator(_is_webhook_secret)]


class Target(Section):
    """Where notifications go, and which."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]  # stands in the ledger and in logs
    url: Annotated[WebUrl, Field(repr=False)]  # may hold a token of yours
    secrets: Annotated[tuple[WebhookSecret, ...], Field(min_length=1)]  # whsec_…; all of them sign, for rotation
    types: tuple[str, ...] = ()  # only these; * fits any part; empty: all
    sources: tuple[str, ...] = ()  # only these; empty: all
    format: Literal["reelkeep", "provider"] = "reelkeep"  # provider: its callbacks, body unchanged, and nothing else
    private: bool = False  # the URL may lead to a private or loopback address
    insecure_http: bool = False  # the URL may be plain http
    content_life: LinkLife = timedelta(hours=1)  # of the presigned link in a notification

    @model_validator(mode="after")
    def _can_be_sent(self) -> "Target":
        if self.url.startswith("http://") and not self.insecure_http:
            raise ValueError("url is plain http: what is told would travel in clear (insecure_http = true for tests)")
        if self.format == "provider" and self.types:
            raise ValueError('format = "provider" passes callbacks on; it has no types')
        for wanted in self.types:
            if not re.fullmatch(r"[a-z_.*]+", wanted) or not any(fnmatchcase(known, wanted) for known in TYPES):
                raise ValueError(f"types: none of {', '.join(TYPES)} is meant by one of them")
        return self
