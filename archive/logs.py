"""
Logging set up once a process: one line a record, time in UTC, dotted event names with their fields behind.

What we log ourselves is made of slugs, ids and numbers. What others say may hold a link or a password (an HTTP client's
error names the URL, a database's the connection), so of a traceback nothing is printed but where it happened and the
types of its errors, with messages only of our own; and what a library logs loses the secrets of the settings and
whatever stands behind the path of a link. Errors and warnings that nobody caught come the same way.
"""

import logging
import os
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from archive.errors import ReelkeepError
from archive.redaction import redact
from archive.tables import printable

# What a LogRecord has by itself; everything else came in through `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_OURS = ("archive", "receiver", "workers", "simulator", "reelkeep")
_TELLING = {"sqlite3.OperationalError", "psycopg.OperationalError"}  # no values in these, unlike in other ones
_MAX_ERRORS = 20  # of one traceback, causes and groups together
_hidden: frozenset[str] = frozenset()
_log = logging.getLogger(__name__)


class _Line(logging.Formatter):
    def __init__(self, form: str) -> None:
        super().__init__(form, "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """As always, but no other formatter's words for a traceback are taken over."""
        record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the base class's name)
        """The record's own line, fields included; nothing in it can end the line. A traceback follows below."""
        fields = " ".join(f"{name}={value!s}" for name, value in vars(record).items() if name not in _OWN)
        line = f"{super().formatMessage(record)} {fields}".rstrip()
        is_ours = record.name.partition(".")[0] in _OURS
        return printable(line if is_ours else redact(line, _hidden))

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the base class's name)
        """Where it happened, cause first; see above for what is left out."""
        return describe(ei[1]) if ei[1] is not None else ""


def describe(error: BaseException) -> str:
    """A traceback without what others wrote: frames and types, and the messages of our own errors."""
    return "\n".join(line for each in _chain(error) for line in _lines(each))


def _lines(error: BaseException) -> Iterator[str]:
    frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    yield from ("Traceback (most recent call last):", frames) if frames else ()
    name = _name(type(error))
    said = _said(error)
    yield printable(f"{name}: {said}" if said else name)


def _said(error: BaseException) -> str:
    """What of an error's message can be shown: our slugs, the system's words for a number, why no database is there."""
    if isinstance(error, ReelkeepError):
        return str(error)
    if any(_name(kind) in _TELLING for kind in type(error).__mro__):
        return redact(str(error), _hidden)
    number = error.errno if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    return os.strerror(number) if number and number > 0 else ""


def _name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _chain(error: BaseException) -> list[BaseException]:
    """*error* behind what caused it, members of a group behind the group; no error twice."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo and len(found) < _MAX_ERRORS:
        each = todo.pop(0)
        if each is None or any(each is known for known in found):
            continue
        found.append(each)
        todo.append(each.__cause__ or (None if each.__suppress_context__ else each.__context__))
        todo += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
    return found[::-1]


def configure(process: str) -> None:
    """Log to standard error as *process*. Libraries that may print a link or a job's arguments stay quiet."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(f"%(asctime)s.%(msecs)03dZ %(levelname)-7s {process} %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in (
        "httpx",
        "httpcore",
        "botocore",
        "boto3",
        "urllib3",
        "rq",
        "alembic",
        "uvicorn.access",
        "uvicorn.error",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a record that cannot be formatted would be printed with its arguments
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda args: _report("process.unraisable", args.exc_value)
    threading.excepthook = lambda args: _report("thread.crashed", args.exc_value)


def hide(secrets: Iterable[str]) -> None:
    """Take *secrets* out of what libraries log from now on."""
    global _hidden  # noqa: PLW0603 (a process logs in one way)
    _hidden = frozenset(secrets)


def _uncaught(_kind: type[BaseException], error: BaseException, _frames: TracebackType | None) -> None:
    _report("process.crashed", error)


def _report(event: str, error: BaseException | None) -> None:
    _log.critical(event, exc_info=error)
