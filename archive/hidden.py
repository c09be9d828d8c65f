"""Which strings are secrets of ours, so that they can be taken out of what others say. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

# Read by the S3 client itself, past our settings. The access key's id stands in every presigned link: it is no secret.
_CREDENTIALS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def secrets_of(settings: BaseModel, environ: Mapping[str, str] | None = None) -> list[str]:
    """
    Every secret in *settings*, and the store's in *environ*; longest first, so that one within another leaves nothing.

    A secret is what is a SecretStr or kept out of reprs, and the password of any URL.
    """
    found = {*_of(settings), *((environ or {}).get(name, "") for name in _CREDENTIALS)}
    return sorted(found - {""}, key=len, reverse=True)


def _of(value: object, *, is_secret: bool = False) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield from _of(value.get_secret_value(), is_secret=True)
    elif isinstance(value, str):
        yield from (value,) if is_secret else ()
        yield from _password(value)
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _of(getattr(value, name), is_secret=not field.repr)
    elif isinstance(value, Mapping):
        yield from _of(value.values(), is_secret=is_secret)
    elif isinstance(value, Iterable):
        for each in value:
            yield from _of(each, is_secret=is_secret)


def _password(text: str) -> Iterator[str]:
    try:
        password = urlsplit(text).password if "://" in text else None
    except ValueError:
        password = None
    if password:
        yield from (password, unquote(password))
