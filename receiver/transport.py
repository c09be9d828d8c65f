"""A transport that hears its caller out: who still sends while it is refused shall read why, not a reset."""

import asyncio
from collections.abc import Callable
from typing import Any


class Courteous:
    """
    An asyncio transport whose `close` says the last word before it hangs up.

    A socket that is closed with unread bytes in it is reset, and takes the answer along that stands in the other side's
    buffer. So while *is_talked_to*, only our half is closed; *on_close* is told, and ends the rest.
    """

    def __init__(
        self, inner: asyncio.Transport, is_talked_to: Callable[[], bool], on_close: Callable[[], None]
    ) -> None:
        self._inner = inner
        self._is_talked_to = is_talked_to
        self._on_close = on_close
        self._is_closed = False

    def is_closing(self) -> bool:
        return self._is_closed or self._inner.is_closing()

    def write(self, data: bytes) -> None:
        """Send *data*, or nothing where nobody hears it any more; uvloop's transports would fail."""
        if not self.is_closing():
            self._inner.write(data)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._inner.is_closing():
            return
        if self._is_talked_to():
            self._inner.write_eof()
            self._inner.resume_reading()
        else:
            self._inner.close()
        self._on_close()

    def abort(self) -> None:
        self._is_closed = True
        self._inner.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
