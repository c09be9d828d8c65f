"""Request bodies, never more of one in memory than allowed."""

from starlette.requests import Request

from receiver.problems import ProblemError


async def read_body(request: Request, limit: int) -> bytes:
    """
    The raw body.

    Raises:
        ProblemError: 413 `body_too_large`, by the sender's own word or when more than *limit* bytes have come.
    """
    too_large = ProblemError(413, "body_too_large", f"A body has at most {limit} bytes.", {"Connection": "close"})
    stated = request.headers.get("content-length", "0")
    if stated.isascii() and stated.isdigit() and int(stated[:20]) > limit:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise too_large
    return bytes(body)
