"""One line a record."""

import logging
import re
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import botocore.exceptions
import httpx
import psycopg
import pytest
import redis
import urllib3
from sqlalchemy.exc import IntegrityError

from archive import logs
from archive.errors import LedgerError

Configure = Callable[[], logging.Logger]


@pytest.fixture
def configure() -> Iterator[Callable[[], logging.Logger]]:
    """Set up logging as a process does; afterwards it is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook

    def begin() -> logging.Logger:
        root.handlers = []
        logs.configure("web")
        return logging.getLogger("t")

    yield begin
    root.handlers, root.level = handlers, level
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    logging.captureWarnings(False)
    logging.raiseExceptions = True
    logs.hide([])


def test_line__time_in_utc_level_process_name_message_fields(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record is one line: instant, level, process, logger, event, then its fields."""
    configure().warning("asset.%s", "lost", extra={"asset": "a1", "seconds": 1.5})
    line = capsys.readouterr().err
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING web t asset\.lost asset=a1 seconds=1\.5\n", line
    )


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x00", "\u2028", "\ud800"])
def test_line__no_value_makes_a_second_one(
    configure: Configure, capsys: pytest.CaptureFixture[str], character: str
) -> None:
    """F81: neither message nor field can forge a line or move a terminal's cursor."""
    configure().warning("told %s", f"a{character}2026-11-21 forged", extra={"field": f"b{character}forged"})
    [line] = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert "forged" in line


def test_line__a_traceback_follows_its_fields(configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    """The first line is whole before the traceback begins, and our own errors say their reason."""
    log = configure()
    try:
        raise LedgerError("ledger_unavailable")
    except LedgerError:
        log.exception("asset.crashed", extra={"asset": "a1"})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("asset.crashed asset=a1")
    expected = ("Traceback (most recent call last):", "archive.errors.LedgerError: ledger_unavailable")
    assert expected == (lines[1], lines[-1])


CANARY = "can" + "ary"  # tracebacks show source lines, which are no output of anybody's secret
LINK = f"https://h/v.mp4?sig={CANARY}"


def foreign(error: BaseException) -> BaseException:
    """*error* as it comes out of a library that has a cause, a context, a group and notes to tell of."""
    error.add_note(CANARY)
    try:
        try:
            try:
                raise KeyError(LINK)
            except KeyError:
                raise error  # noqa: B904 (its context is what is looked at)
        except BaseException as caught:
            raise BaseExceptionGroup(CANARY, [caught, OSError(28, CANARY, CANARY)]) from caught
    except BaseExceptionGroup as group:
        return group


@pytest.mark.parametrize(
    "error",
    [
        httpx.InvalidURL(LINK),
        httpx.ConnectError(LINK),
        ssl.SSLCertVerificationError(1, CANARY),
        ConnectionRefusedError(111, CANARY),
        IntegrityError(CANARY, {"link": CANARY}, sqlite3.IntegrityError(CANARY)),
        redis.exceptions.AuthenticationError(CANARY),
        urllib3.exceptions.MaxRetryError(None, LINK),  # type: ignore[arg-type]
        botocore.exceptions.EndpointConnectionError(endpoint_url=LINK),
        UnicodeDecodeError("ascii", CANARY.encode(), 0, 1, CANARY),
        SyntaxError(CANARY, (CANARY, 1, 1, CANARY)),
        SystemExit(CANARY),
    ],
    ids=lambda error: type(error).__name__,
)
def test_describe__says_where_and_what_but_not_the_words_of_others(error: BaseException) -> None:
    """A traceback shows frames and types of an error, its causes and its group, and no message of a library's (F80)."""
    shown = logs.describe(foreign(error))
    assert CANARY not in shown
    assert [] == [name for name in (type(error).__name__, "KeyError", "ExceptionGroup") if name not in shown]
    assert "OSError: No space left on device" in shown
    assert "in foreign" in shown


def test_describe__why_no_database_is_there() -> None:
    """A database that cannot be had says why, without the password that is in its URL."""
    logs.hide(["pass-word-of-ours"])
    try:
        shown = logs.describe(psycopg.OperationalError("FATAL: no such user x, pass-word-of-ours"))
    finally:
        logs.hide([])
    assert "psycopg.OperationalError: FATAL: no such user x, [secret]" == shown
    locked = sqlite3.OperationalError("database is locked")
    assert "sqlite3.OperationalError: database is locked" == logs.describe(locked)


def test_describe__ends() -> None:
    """Errors that are each other's context, or thousands in a row, are told once, and not all."""
    one, two = ValueError(), TypeError()
    one.__context__, two.__context__ = two, one
    assert "TypeError\nValueError" == logs.describe(one)
    for number in range(5_000):
        each = ValueError(number)
        each.__context__, one = one, each
    assert len(logs.describe(one).splitlines()) < 50


def test_line__a_librarys_words_lose_secrets_and_queries(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a library warns of keeps its sense; secrets of the settings and what is signed in links are gone (F80)."""
    configure()
    logs.hide(["pass-word-of-ours"])
    logging.getLogger("urllib3.pool").warning("Retry %s after %s", LINK, OSError("it was pass-word-of-ours"))
    said = capsys.readouterr().err
    assert "Retry https://h/v.mp4?[redacted] after it was [secret]" in said
    assert CANARY not in said


NOBODY_CAUGHT = """
import asyncio, gc, logging, sys, threading, warnings
from archive import logs
logs.configure("web")
secret = "".join(["https://u:can", "ary@h/v.mp4?sig=can", "ary"])
def fail(*_): raise RuntimeError(secret)
class Dying:
    __del__ = fail
Dying()
thread = threading.Thread(target=fail); thread.start(); thread.join()
async def forgotten():
    asyncio.get_running_loop().create_task(later()); await asyncio.sleep(0); gc.collect()
    asyncio.get_running_loop().call_soon(fail); await asyncio.sleep(0)
async def later(): fail()
asyncio.run(forgotten()); gc.collect()
logging.getLogger("t").info("%d", secret)
warnings.warn(secret)
fail()
"""


def test_configure__nobody_caught_it() -> None:
    """Threads, tasks, finalizers, warnings, a log call that cannot be formatted, the process's end: no words of it."""
    command = (sys.executable, "-W", "always", "-c", NOBODY_CAUGHT)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 1 == done.returncode
    assert CANARY not in done.stdout + done.stderr
    for event in ("process.unraisable", "thread.crashed", "asyncio Task exception", "py.warnings", "process.crashed"):
        assert event in done.stderr
    assert done.stderr.count("RuntimeError") >= 5


def test_configure__libraries_that_print_links_stay_quiet(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """HTTP clients, the S3 client, RQ and the web server's access log say nothing below a warning."""
    configure()
    for name in ("httpx", "httpcore", "botocore", "boto3", "urllib3", "rq", "uvicorn.access", "alembic"):
        logging.getLogger(name).info("GET https://h/?sig=canary")
    assert "" == capsys.readouterr().err
