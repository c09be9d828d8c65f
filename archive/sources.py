"""One configured account at a provider: what it may be trusted with, and how it may be asked."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, model_validator

from archive.budget import Budget, split
from archive.fields import CallbackToken, Host, MaybeBaseUrl, Origin, Secret, Section
from archive.model import Callbacks, Pace
from archive.providers import PROVIDERS


class Retention(Section):
    mode: Literal["none"] = "none"  # object lock is not offered by this version
    days: Literal[0] = 0


class RateLimit(Section):
    """What the provider allows the account, where you know better than its documentation."""

    requests: Annotated[int, Field(ge=1)]
    seconds: Annotated[int, Field(ge=1, le=86_400)]


class Source(Section):
    """One configured account at a provider."""

    provider: str  # whose language it speaks: kie, seedanceapi, seedance2ai, kyyaipower, acedata
    webhook_keys: tuple[Secret, ...] = ()  # HMAC keys; the old and the new one during rotation
    tokens: tuple[CallbackToken, ...] = ()  # accepted as the last part of the callback URL, beside minted ones
    api_key: Secret | None = None  # for the status API: confirms callbacks, renews links, finds what never calls back
    api_base: MaybeBaseUrl = ""  # empty: the provider's own
    # added to the provider's list; "127.0.0.1:9100" also admits that loopback origin
    allowed_hosts: tuple[Host, ...] = ()
    insecure_http: bool = False  # follow plain http links and call a plain http api_base (tests, demo)
    confirm: Literal["auto", "always"] = "auto"  # always: ask the status API even about signed bodies
    allow_unsigned: bool = False  # take callbacks that prove nothing
    max_concurrency: Annotated[int, Field(ge=1)] = 8  # transfers at a time, over all workers
    rate_limit: RateLimit | None = None  # the account's, polling included; at most half of it is used
    proxy_keys: tuple[Secret, ...] = ()  # keys of yours that callers of the proxy may send, beside api_key
    forward_hosts: tuple[Origin, ...] = ()  # "host:port" that callbacks may be passed on to although it is private
    retention: Retention = Retention()  # only "none" in this version

    @model_validator(mode="after")
    def _can_be_trusted(self, info: ValidationInfo) -> "Source":
        if self.provider not in PROVIDERS:
            raise ValueError(f"provider must be one of: {', '.join(sorted(PROVIDERS))}")
        calls = PROVIDERS[self.provider].CALLBACKS
        if self.webhook_keys and calls is not Callbacks.SIGNED:
            raise ValueError(f"{self.provider} signs no callbacks: webhook_keys cannot be used")
        if calls is Callbacks.NONE and self.api_key is None:
            raise ValueError(f"{self.provider} never calls back: it needs an api_key, to be asked")
        if calls is Callbacks.NONE and (self.tokens or self.allow_unsigned):
            raise ValueError(f"{self.provider} never calls back: tokens and allow_unsigned cannot be used")
        mints = (info.context or {}).get("mints", False)
        if not (self.webhook_keys or self.tokens or self.api_key or self.allow_unsigned or mints):
            raise ValueError(
                "needs webhook_keys, tokens, an api_key, server.signing_keys to mint callback URLs, "
                "or allow_unsigned = true"
            )
        if self.confirm == "always" and self.api_key is None:
            raise ValueError('confirm = "always" needs an api_key')
        if self.api_base.startswith("http://") and not self.insecure_http:
            raise ValueError(
                "api_base is plain http: the API key would travel in clear (insecure_http = true for tests)"
            )
        return self

    @property
    def base(self) -> str:
        return (self.api_base or PROVIDERS[self.provider].API_BASE).rstrip("/")

    @property
    def pace(self) -> Pace:
        """How the account may be asked."""
        pace = PROVIDERS[self.provider].PACE
        if self.rate_limit is None:
            return pace
        return replace(pace, requests=self.rate_limit.requests, per=timedelta(seconds=self.rate_limit.seconds))

    @property
    def budget(self) -> Budget:
        """How much of the account's limit is ours, and for what."""
        return split(self.pace, hinted=PROVIDERS[self.provider].CALLBACKS is not Callbacks.NONE)

    @property
    def hosts(self) -> frozenset[str]:
        """Names (and, for configured origins, `host:port`) whose links may be followed without confirmation."""
        return PROVIDERS[self.provider].HOSTS | frozenset(self.allowed_hosts)
