"""The kinds of value that settings are made of: secrets and references to them, spans of time, addresses."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

MIN_SIGNING_KEY = 32  # characters
MIN_CALLBACK_TOKEN = 16  # characters


def _resolve_secret(value: Any, info: ValidationInfo) -> Any:
    """Follow `env:NAME` and `file:PATH`; a reference that leads nowhere is a mistake, not an empty secret."""
    if not isinstance(value, str):
        raise ValueError("must be text, or a reference like env:NAME or file:PATH")
    context = info.context or {}
    kind, _, name = value.partition(":")
    if kind == "env":
        value = context.get("environ", {}).get(name, "").strip()
        # Any other name may be the secret itself, in the wrong place.
        shown = f" {name}" if re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) else " it names"
        problem = f"the environment variable{shown} is not set"
    elif kind == "file":
        try:
            value = (context.get("folder", Path()) / name).read_text().strip()
        except (OSError, UnicodeDecodeError):
            value = ""
        problem = f"the file {name} cannot be read, or is empty"
    else:
        value = value.strip()
        problem = "is empty"
    if not value:
        raise ValueError(problem)
    return value


def _begins(*schemes: str, or_empty: bool = False) -> AfterValidator:
    """A URL that begins otherwise would only be refused by the first who uses it."""

    def check(value: str | SecretStr) -> str | SecretStr:
        url = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not url.startswith(schemes) and (url or not or_empty):
            raise ValueError(f"must begin with {' or '.join(schemes)}")
        try:
            _ = urlsplit(url).port
        except ValueError:  # its words hold what stands there
            raise ValueError("is not a URL: its host or port cannot be read") from None
        return value

    return AfterValidator(check)


def _long_enough(value: SecretStr) -> SecretStr:
    """Whoever is handed a signed URL may try keys on it for as long as he likes."""
    if len(value.get_secret_value()) < MIN_SIGNING_KEY:
        raise ValueError(f"must have at least {MIN_SIGNING_KEY} characters (openssl rand -hex 32)")
    return value


def _fits_a_url(value: SecretStr) -> SecretStr:
    """No path matches a token with a slash or a space in it, and one that can be guessed proves nothing."""
    if not re.fullmatch(rf"[A-Za-z0-9._~-]{{{MIN_CALLBACK_TOKEN},}}", value.get_secret_value()):
        raise ValueError(
            f"must be at least {MIN_CALLBACK_TOKEN} letters, digits or any of . _ ~ - (openssl rand -hex 24)"
        )
    return value


Secret = Annotated[SecretStr, BeforeValidator(_resolve_secret)]
SigningKey = Annotated[Secret, AfterValidator(_long_enough)]
CallbackToken = Annotated[Secret, AfterValidator(_fits_a_url)]
Seconds = Annotated[timedelta, Field(gt=timedelta(0))]
LinkLife = Annotated[timedelta, Field(ge=timedelta(seconds=1), le=timedelta(days=7))]  # what s3v4 can sign
WebUrl = Annotated[str, _begins("https://", "http://")]
MaybeWebUrl = Annotated[str, _begins("https://", "http://", or_empty=True)]
LedgerUrl = Annotated[str, _begins("sqlite:///", "postgresql+psycopg://"), Field(repr=False)]  # may hold a password
QueueUrl = Annotated[SecretStr, _begins("redis://", "rediss://", "unix://")]  # may hold a password


class Section(BaseModel):
    # hide_input_in_errors: a mistyped secret must not be printed by the message that complains about it
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
