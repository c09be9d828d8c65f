"""Request bodies, never more of one in memory than allowed."""

from typing import TypeVar

from anyio.to_thread import run_sync
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from archive.documents import parse
from archive.errors import MalformedDeliveryError
from receiver.problems import ProblemError

Model = TypeVar("Model", bound=BaseModel)
AT_ONCE = 1 << 16  # bytes that are read on the event loop; more of them, in a thread, keep no callback waiting


async def read_body(request: Request, limit: int) -> bytes:
    """
    The raw body.

    Raises:
        ProblemError: 413 `body_too_large`, by the sender's own word or when more than *limit* bytes have come;
            400 `body_incomplete`, which nobody hears any more.
    """
    too_large = ProblemError(413, "body_too_large", f"A body has at most {limit} bytes.", {"Connection": "close"})
    stated = request.headers.get("content-length", "0")
    if stated.isascii() and stated.isdigit() and int(stated[:20]) > limit:
        raise too_large
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise too_large
    except ClientDisconnect:
        raise ProblemError(400, "body_incomplete", "The connection ended before the body.") from None
    return bytes(body)


async def read_model(request: Request, limit: int, model: type[Model], reason: str) -> Model:
    """
    The body as *model*.

    Raises:
        ProblemError: 413 as above, 400 `not_json`, 422 *reason* naming every field that is wrong, without its value.
    """
    body = await read_body(request, limit)
    try:
        if len(body) <= AT_ONCE:
            return model.model_validate(parse(body))
        return await run_sync(lambda: model.model_validate(parse(body)))
    except MalformedDeliveryError:
        raise ProblemError(400, "not_json", "The body is not a JSON document.") from None
    except ValidationError as exc:
        raise ProblemError(422, reason, complaints(exc) or "The body is not a JSON object.") from None


def complaints(exc: ValidationError) -> str:
    """Every field that is wrong and why, without its value; empty where it is the whole that is wrong."""
    errors = exc.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors if error["loc"])
