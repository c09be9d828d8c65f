"""The kinds of value that settings are made of: secrets and references to them, spans of time, addresses."""

import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

from archive.errors import LinkRefusedError
from archive.urls import read_url

MIN_SIGNING_KEY = 32  # characters
MIN_CALLBACK_TOKEN = 16  # characters
_HOST = re.compile(r"(?:\[[^\]]+\]|[^:/?#@\[\]]+)(?P<port>:[0-9]+)?")


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


def _readable(url: str) -> str:
    """Of a URL that is read in more than one way no guard can say where it leads."""
    try:
        if url:
            read_url(url)
    except LinkRefusedError as exc:
        if exc.reason == "credentials_in_link":
            raise ValueError("must not hold a user name or password") from None
        raise ValueError(
            "is not a URL that everybody reads alike: visible ASCII, a plain host name (others as xn--…) or address"
        ) from None
    return url


def _ends_with_a_path(url: str) -> str:
    """What is added behind a query or a fragment would be lost."""
    if "?" in url or "#" in url:
        raise ValueError("must have no query and no fragment")
    return url


def _host(entry: str) -> str:
    """Lower case, as links are compared with it; an IPv6 address with a port is given in brackets."""
    found = _HOST.fullmatch(entry)
    try:
        read = read_url(f"https://{entry}/") if found else None
    except LinkRefusedError:
        read = None
    if not found or not read:
        raise ValueError("must be a host name or address, or host:port ([…]:port for IPv6), and no pattern or URL")
    return read.origin if found["port"] else read.host


def _origin(entry: str) -> str:
    """Only with its port does it say which door is meant."""
    known = _host(entry)
    if not entry.rpartition("]")[2].rpartition(":")[1]:
        raise ValueError("needs its port: host:port")
    return known


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


def _read_ca_file(value: Any, info: ValidationInfo) -> Any:
    """A path relative to the settings file, of a file that holds certificates: found out now, not at the first film."""
    if value in ("", None):
        return None
    if not isinstance(value, str):
        raise ValueError("must be the path of a file")
    path = (info.context or {}).get("folder", Path()) / value
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(f"the file {value} holds no certificates in PEM form") from None
    except (OSError, ValueError):
        raise ValueError(f"the file {value} cannot be read") from None
    return path


Secret = Annotated[SecretStr, BeforeValidator(_resolve_secret)]
SigningKey = Annotated[Secret, AfterValidator(_long_enough)]
CallbackToken = Annotated[Secret, AfterValidator(_fits_a_url)]
CaFile = Annotated[Path | None, BeforeValidator(_read_ca_file)]
Seconds = Annotated[timedelta, Field(gt=timedelta(0))]
LinkLife = Annotated[timedelta, Field(ge=timedelta(seconds=1), le=timedelta(days=7))]  # what s3v4 can sign
WebUrl = Annotated[str, _begins("https://", "http://"), AfterValidator(_readable)]
_BASE = AfterValidator(_ends_with_a_path)
BaseUrl = Annotated[WebUrl, _BASE]  # that paths are added to
MaybeBaseUrl = Annotated[str, _begins("https://", "http://", or_empty=True), AfterValidator(_readable), _BASE]
Host = Annotated[str, AfterValidator(_host)]
Origin = Annotated[str, AfterValidator(_origin)]
LedgerUrl = Annotated[str, _begins("sqlite:///", "postgresql+psycopg://"), Field(repr=False)]  # may hold a password
QueueUrl = Annotated[SecretStr, _begins("redis://", "rediss://", "unix://")]  # may hold a password


class Section(BaseModel):
    # hide_input_in_errors: a mistyped secret must not be printed by the message that complains about it
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
